// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tx_bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/frame.h"
#include <xcarp/send.h>
#include "send.skel.h"

_Static_assert(SEND_FRAME_LEN == FRAME_ADVERT_LEN, "the program sends adverts");

struct tx_bpf {
	struct send_bpf *skel;
	struct send_batch *batch; /* the program's map */
	tx_sent_fn sent;
	void *ctx;
	uint32_t slots[SEND_BATCH];
	bool tells[SEND_BATCH];
	uint32_t taken_back;
};

static size_t batch_bytes(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct send_batch) + page - 1) / page * page;
}

/* The frame that the program writes each advert over. */
static int run(const struct tx_bpf *tx)
{
	static const uint8_t blank[SEND_FRAME_LEN] = { [12] = 0x08 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = blank, .data_size_in = sizeof(blank), .repeat = 1);

	return bpf_prog_test_run_opts(bpf_program__fd(tx->skel->progs.send), &options);
}

struct tx_bpf *tx_bpf_new(tx_sent_fn sent, void *ctx, int *err)
{
	struct tx_bpf *tx = calloc(1, sizeof(*tx));

	*err = -ENOMEM;
	if (!tx)
		return NULL;
	tx->sent = sent;
	tx->ctx = ctx;
	tx->skel = send_bpf__open_and_load();
	if (!tx->skel) {
		*err = -errno;
		goto fail;
	}
	tx->batch = mmap(NULL, batch_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(tx->skel->maps.batch), 0);
	if (tx->batch == MAP_FAILED) {
		tx->batch = NULL;
		*err = -errno;
		goto fail;
	}
	/* Of no frame: does it run at all? */
	*err = run(tx);
	if (!*err)
		return tx;
fail:
	tx_bpf_free(tx);
	return NULL;
}

void tx_bpf_free(struct tx_bpf *tx)
{
	if (!tx)
		return;
	if (tx->batch)
		munmap(tx->batch, batch_bytes());
	send_bpf__destroy(tx->skel);
	free(tx);
}

bool tx_bpf_queue(struct tx_bpf *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame)
{
	struct send_frame *place;

	if (tx->batch->count == SEND_BATCH)
		return false;
	place = &tx->batch->frames[tx->batch->count];
	place->ifindex = ifindex;
	place->error = -EIO;
	memcpy(place->bytes, frame, sizeof(place->bytes));
	tx->slots[tx->batch->count] = slot;
	tx->tells[tx->batch->count++] = tell;
	return true;
}

static int error_of(const struct send_frame *frame)
{
	/* A qdisc's word for a frame that it has dropped. */
	if (frame->error > 0)
		return -ENOBUFS;
	/* The helper's for an interface that is not there. */
	return frame->error == -EINVAL ? -ENODEV : frame->error;
}

int tx_bpf_flush(struct tx_bpf *tx, uint64_t now_ns)
{
	uint32_t count = tx->batch->count;
	int err = count ? run(tx) : 0;

	if (err)
		return err;
	tx->batch->count = 0;
	for (uint32_t i = 0; i < count; i++)
		if (tx->tells[i])
			tx->sent(tx->ctx, tx->slots[i], error_of(&tx->batch->frames[i]), now_ns);
	return 0;
}

bool tx_bpf_take_back(struct tx_bpf *tx, struct tx_bpf_frame *frame)
{
	uint32_t i = tx->taken_back;

	if (i == tx->batch->count)
		return false;
	tx->taken_back++;
	*frame = (struct tx_bpf_frame){
		.bytes = tx->batch->frames[i].bytes,
		.ifindex = tx->batch->frames[i].ifindex,
		.slot = tx->slots[i],
		.tell = tx->tells[i],
	};
	return true;
}
