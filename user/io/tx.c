// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "io/log.h"
#include "io/tx_bpf.h"
#include "io/tx_packet.h"
#include "io/tx_xsk.h"

#define NS_PER_S 1000000000ull
#define BUCKETS 256

/* From so many adverts a second several go out at a time, and the program saves up to half of what they cost. */
#define BPF_ADVERTS_PER_S 4000

/*
 * From so many adverts a second AF_XDP is worth its socket, where the driver sends without a copy. What it costs: the queue
 * is taken, tcpdump on this host does not see our adverts, and some drivers stop the link for a moment to give a queue up.
 * With a copy the program is faster (scripts/bench/tx).
 */
#define XSK_ADVERTS_PER_S 100000

/* Opening takes 0.1 ms: one interface at a time. */
#define TRY_NEXT_NS NS_PER_S
#define TRY_AGAIN_NS (5 * NS_PER_S)
/* One that opens well and then fails must not fill the log. */
#define AFTER_FAILURE_NS (60 * NS_PER_S)

struct link {
	struct link *next; /* in its bucket */
	struct link *next_queued;
	uint32_t ifindex;
	uint32_t adverts_per_s;
	char name[XCARP_IFNAME_LEN];
	struct tx_xsk *xsk; /* NULL: AF_PACKET */
	uint64_t not_before_ns; /* when to try AF_XDP again */
	int told; /* the error that the log has; 0: none */
	bool lacks_zero_copy;
	bool is_queued;
	bool is_held; /* to AF_PACKET, until what is queued has left: no frame overtakes another */
};

struct tx {
	enum tx_mode mode;
	struct tx_packet *packet;
	struct tx_bpf *bpf; /* of all interfaces; NULL: nobody has wanted it yet, or it cannot be had */
	bool lacks_bpf;
	tx_sent_fn sent;
	void *ctx;
	uint32_t xsk_count;
	struct link *queued;
	uint64_t try_ns; /* when to try AF_XDP for one that lacks it; UINT64_MAX: none does */
	uint64_t now_ns; /* as told last */
	struct link *buckets[BUCKETS];
};

struct tx *tx_new(enum tx_mode mode, tx_sent_fn sent, void *ctx)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	*tx = (struct tx){ .mode = mode, .sent = sent, .ctx = ctx, .try_ns = UINT64_MAX };
	tx->packet = tx_packet_new(sent, ctx);
	if (!tx->packet) {
		free(tx);
		return NULL;
	}
	return tx;
}

static struct link **place_of(struct tx *tx, uint32_t ifindex)
{
	struct link **place = &tx->buckets[ifindex % BUCKETS];

	while (*place && (*place)->ifindex != ifindex)
		place = &(*place)->next;
	return place;
}

static bool wants_xsk(const struct tx *tx, const struct link *link)
{
	return tx->mode == TX_XSK ||
	       (tx->mode == TX_AUTO && link->adverts_per_s >= XSK_ADVERTS_PER_S && !link->lacks_zero_copy);
}

static bool wants_bpf(const struct tx *tx, const struct link *link)
{
	return tx->mode == TX_BPF || (tx->mode == TX_AUTO && link->adverts_per_s >= BPF_ADVERTS_PER_S);
}

static bool uses_bpf(const struct tx *tx, const struct link *link)
{
	return tx->bpf && !link->xsk && wants_bpf(tx, link);
}

static void enter_queue(struct tx *tx, struct link *link)
{
	if (link->is_queued)
		return;
	link->is_queued = true;
	link->next_queued = tx->queued;
	tx->queued = link;
}

static void tell_why_not(const struct tx *tx, struct link *link, int err)
{
	if (link->told == err)
		return;
	link->told = err;
	log_printf(tx->mode == TX_XSK ? LOG_WARNING : LOG_INFO, "%s: AF_XDP: %s; sending through AF_PACKET", link->name,
		   err == -EBUSY ? "another socket has its first queue" : strerror(-err));
}

static void lose_bpf(struct tx *tx, int err)
{
	tx_bpf_free(tx->bpf);
	tx->bpf = NULL;
	tx->lacks_bpf = true;
	log_printf(tx->mode == TX_BPF ? LOG_WARNING : LOG_INFO, "the BPF program that sends: %s; sending through AF_PACKET",
		   strerror(-err));
}

static void open_bpf(struct tx *tx)
{
	int err;

	if (tx->bpf || tx->lacks_bpf)
		return;
	tx->bpf = tx_bpf_new(tx->sent, tx->ctx, &err);
	if (!tx->bpf)
		lose_bpf(tx, err);
}

void tx_prepare(struct tx *tx)
{
	if (tx->mode == TX_AUTO || tx->mode == TX_BPF)
		open_bpf(tx);
}

static void flush_bpf(struct tx *tx, uint64_t now_ns)
{
	int err = tx->bpf ? tx_bpf_flush(tx->bpf, now_ns) : 0;
	struct tx_bpf_frame frame;

	if (!err)
		return;
	while (tx_bpf_take_back(tx->bpf, &frame))
		tx_packet_queue(tx->packet, frame.slot, frame.ifindex, frame.tell, frame.bytes, FRAME_ADVERT_LEN, now_ns);
	lose_bpf(tx, err);
}

static void open_xsk(struct tx *tx, struct link *link)
{
	uint32_t frames = link->adverts_per_s < XSK_ADVERTS_PER_S ? TX_XSK_FRAMES_MIN : TX_XSK_FRAMES_MAX;
	int err;

	link->xsk = tx_xsk_open(link->ifindex, frames, tx->mode == TX_AUTO, tx->sent, tx->ctx, &err);
	if (!link->xsk && tx->mode == TX_AUTO && err != -EBUSY && err != -ENETDOWN) {
		link->lacks_zero_copy = true;
		return;
	}
	if (!link->xsk) {
		if (tx->try_ns == UINT64_MAX)
			tx->try_ns = tx->now_ns;
		/* What is down is not a failure, and sends nothing anyway. */
		if (err != -ENETDOWN)
			tell_why_not(tx, link, err);
		return;
	}
	tx->xsk_count++;
	link->told = 0;
	link->is_held = true;
	enter_queue(tx, link);
	log_info("%s: sending through %s", link->name, tx_backend(tx, link->ifindex));
}

static void close_xsk(struct tx *tx, struct link *link)
{
	if (!link->xsk)
		return;
	tx_xsk_close(link->xsk);
	link->xsk = NULL;
	tx->xsk_count--;
}

/* The socket's unsent frames go the other way, which also tells what becomes of them. */
static void fall_back(struct tx *tx, struct link *link, int err, uint64_t now_ns)
{
	struct tx_xsk_frame frame;

	while (tx_xsk_take_back(link->xsk, &frame))
		tx_packet_queue(tx->packet, frame.slot, link->ifindex, frame.tell, frame.bytes, frame.len, now_ns);
	close_xsk(tx, link);
	tell_why_not(tx, link, err);
	link->not_before_ns = now_ns + AFTER_FAILURE_NS;
	if (tx->try_ns == UINT64_MAX)
		tx->try_ns = link->not_before_ns;
}

static void flush_xsk(struct tx *tx, struct link *link, uint64_t now_ns)
{
	int err = link->xsk ? tx_xsk_flush(link->xsk, now_ns) : 0;

	if (err)
		fall_back(tx, link, err, now_ns);
}

/* One that lacks AF_XDP and has waited long enough. */
static void try_one(struct tx *tx, uint64_t now_ns)
{
	bool one_waits = false, tried = false;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		for (struct link *link = tx->buckets[i]; link; link = link->next) {
			if (link->xsk || !wants_xsk(tx, link))
				continue;
			if (!tried && link->not_before_ns <= now_ns) {
				tried = true;
				link->not_before_ns = now_ns + TRY_AGAIN_NS;
				open_xsk(tx, link);
			}
			one_waits = one_waits || !link->xsk;
		}
	}
	tx->try_ns = one_waits ? now_ns + TRY_NEXT_NS : UINT64_MAX;
}

void tx_flush(struct tx *tx, uint64_t now_ns)
{
	tx->now_ns = now_ns;
	for (struct link *link = tx->queued; link; link = link->next_queued)
		flush_xsk(tx, link, now_ns);
	flush_bpf(tx, now_ns);
	tx_packet_flush(tx->packet, now_ns);
	for (struct link *link = tx->queued; link; link = link->next_queued)
		link->is_queued = link->is_held = false;
	tx->queued = NULL;
	if (now_ns >= tx->try_ns)
		try_one(tx, now_ns);
}

void tx_link(struct tx *tx, uint32_t ifindex, const char *name, uint32_t adverts_per_s)
{
	struct link **place = place_of(tx, ifindex), *link = *place;
	bool had_bpf;

	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link)
			return;
		link->ifindex = ifindex;
		*place = link;
	}
	memccpy(link->name, name, '\0', sizeof(link->name) - 1);
	had_bpf = uses_bpf(tx, link);
	link->adverts_per_s = adverts_per_s;
	link->not_before_ns = 0;
	if (wants_bpf(tx, link))
		open_bpf(tx);
	if (!had_bpf && uses_bpf(tx, link)) {
		link->is_held = true;
		enter_queue(tx, link);
	}
	if (wants_xsk(tx, link) && !link->xsk)
		open_xsk(tx, link);
	if (!wants_xsk(tx, link) && link->xsk) {
		tx_flush(tx, tx->now_ns);
		close_xsk(tx, link);
	}
}

void tx_unlink(struct tx *tx, uint32_t ifindex)
{
	struct link **place = place_of(tx, ifindex), *link = *place;

	if (!link)
		return;
	tx_flush(tx, tx->now_ns);
	close_xsk(tx, link);
	*place = link->next;
	free(link);
}

void tx_free(struct tx *tx)
{
	if (!tx)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++)
		while (tx->buckets[i])
			tx_unlink(tx, tx->buckets[i]->ifindex);
	tx_bpf_free(tx->bpf);
	tx_packet_free(tx->packet);
	free(tx);
}

static bool queue_xsk(struct tx *tx, struct link *link, uint32_t slot, bool tell, const uint8_t *frame, size_t len,
		      uint64_t now_ns)
{
	if (link->is_held)
		return false;
	enter_queue(tx, link);
	if (tx_xsk_queue(link->xsk, slot, tell, frame, len))
		return true;
	flush_xsk(tx, link, now_ns);
	if (link->xsk && tx_xsk_queue(link->xsk, slot, tell, frame, len))
		return true;
	link->is_held = true;
	return false;
}

/* The program sends adverts alone; what else there is goes after those before it, and before those that follow. */
static bool queue_bpf(struct tx *tx, struct link *link, uint32_t slot, bool tell, const uint8_t *frame, size_t len,
		      uint64_t now_ns)
{
	if (link->is_held)
		return false;
	enter_queue(tx, link);
	if (len == FRAME_ADVERT_LEN && tx_bpf_queue(tx->bpf, slot, link->ifindex, tell, frame))
		return true;
	flush_bpf(tx, now_ns);
	if (len == FRAME_ADVERT_LEN && tx->bpf && tx_bpf_queue(tx->bpf, slot, link->ifindex, tell, frame))
		return true;
	link->is_held = true;
	return false;
}

void tx_queue(struct tx *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame, size_t len,
	      uint64_t now_ns)
{
	struct link *link = tx->xsk_count || tx->bpf ? *place_of(tx, ifindex) : NULL;

	tx->now_ns = now_ns;
	if (link && link->xsk && queue_xsk(tx, link, slot, tell, frame, len, now_ns))
		return;
	if (link && uses_bpf(tx, link) && queue_bpf(tx, link, slot, tell, frame, len, now_ns))
		return;
	tx_packet_queue(tx->packet, slot, ifindex, tell, frame, len, now_ns);
}

void tx_repeat(struct tx *tx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	tx_flush(tx, tx->now_ns);
	tx_packet_repeat(tx->packet, ifindex, frame, len, count);
}

const char *tx_backend(const struct tx *tx, uint32_t ifindex)
{
	const struct link *link = *place_of((struct tx *)tx, ifindex);

	if (link && uses_bpf(tx, link))
		return "BPF";
	if (!link || !link->xsk)
		return "AF_PACKET";
	return tx_xsk_is_zero_copy(link->xsk) ? "AF_XDP, zero-copy" : "AF_XDP";
}
