// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tx_xsk.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "core/frame.h"

#define QUEUE 0
#define FRAME_BYTES 128 /* several to a chunk: the kernel wants chunks of 2048 bytes, but not a frame at the start of each */
#define CHUNK_BYTES 2048
#define BATCH (TX_XSK_FRAMES_MAX / 2)
#define SEND_BUFFER_PER_FRAME 1024 /* bytes, what the kernel counts for one that it has copied */
#define KICKS_WITHOUT_PROGRESS 32 /* some 50 us */
#define DRAIN_MS 20

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17: frames copied in one system call, 32 before */
#endif

_Static_assert(FRAME_MAX <= FRAME_BYTES, "a frame fits its place");
_Static_assert(TX_XSK_FRAMES_MIN * FRAME_BYTES % 4096 == 0, "whole pages");

struct queued {
	uint32_t slot;
	uint16_t frame;
	uint16_t len;
	bool tell;
};

struct tx_xsk {
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill; /* libxdp asks for one; nothing is received */
	struct xsk_ring_prod ring;
	struct xsk_ring_cons completed;
	uint8_t *area;
	uint32_t frames;
	bool is_zero_copy;
	bool is_broken;
	tx_sent_fn sent;
	void *ctx;
	uint32_t free_count;
	uint32_t count; /* queued */
	uint32_t done; /* of these, from the front: handed over and told */
	uint16_t free[TX_XSK_FRAMES_MAX];
	struct queued queue[BATCH];
};

static size_t area_bytes(const struct tx_xsk *xsk)
{
	return (size_t)xsk->frames * FRAME_BYTES;
}

static int open_area(struct tx_xsk *xsk)
{
	const struct xsk_umem_config config = {
		.fill_size = 1,
		.comp_size = xsk->frames,
		.frame_size = CHUNK_BYTES,
	};
	void *area = mmap(NULL, area_bytes(xsk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	xsk->area = area;
	/* The kernel sends from these pages: a script's fork() must not leave us with copies of them. */
	if (madvise(area, area_bytes(xsk), MADV_DONTFORK))
		return -errno;
	return xsk_umem__create(&xsk->umem, area, area_bytes(xsk), &xsk->fill, &xsk->completed, &config);
}

static int open_socket(struct tx_xsk *xsk, uint32_t ifindex, bool zero_copy)
{
	const struct xsk_socket_config config = {
		.tx_size = xsk->frames,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (__u16)(XDP_USE_NEED_WAKEUP | (zero_copy ? XDP_ZEROCOPY : 0)),
	};
	int err, fd, budget = (int)xsk->frames, size = (int)xsk->frames * SEND_BUFFER_PER_FRAME;
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);
	char name[IF_NAMESIZE];

	if (!if_indextoname(ifindex, name))
		return -errno;
	err = xsk_socket__create(&xsk->socket, name, QUEUE, xsk->umem, NULL, &xsk->ring, &config);
	if (err)
		return err;
	fd = xsk_socket__fd(xsk->socket);
	/* A script that held it would keep the queue from the next process. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -errno;
	/* Refused by kernels that know no better; it works without. */
	setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (getsockopt(fd, SOL_XDP, XDP_OPTIONS, &options, &len))
		return -errno;
	xsk->is_zero_copy = options.flags & XDP_OPTIONS_ZEROCOPY;
	return 0;
}

struct tx_xsk *tx_xsk_open(uint32_t ifindex, uint32_t frames, bool zero_copy, tx_sent_fn sent, void *ctx, int *err)
{
	struct tx_xsk *xsk = calloc(1, sizeof(*xsk));

	if (!xsk) {
		*err = -ENOMEM;
		return NULL;
	}
	xsk->frames = frames;
	xsk->sent = sent;
	xsk->ctx = ctx;
	*err = open_area(xsk) ?: open_socket(xsk, ifindex, zero_copy);
	if (*err) {
		tx_xsk_close(xsk);
		return NULL;
	}
	for (uint32_t i = 0; i < frames; i++)
		xsk->free[xsk->free_count++] = (uint16_t)(frames - 1 - i);
	return xsk;
}

static void reap(struct tx_xsk *xsk)
{
	uint32_t at, n = xsk_ring_cons__peek(&xsk->completed, xsk->frames, &at);

	for (uint32_t i = 0; i < n; i++)
		xsk->free[xsk->free_count++] = (uint16_t)(*xsk_ring_cons__comp_addr(&xsk->completed, at + i) / FRAME_BYTES);
	if (n)
		xsk_ring_cons__release(&xsk->completed, n);
}

static int kick(struct tx_xsk *xsk)
{
	if (!xsk_ring_prod__needs_wakeup(&xsk->ring))
		return 0;
	return sendto(xsk_socket__fd(xsk->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? -errno : 0;
}

/* A driver that takes frames by itself takes them later than we look, and with the socket closed not at all. */
static void drain(struct tx_xsk *xsk)
{
	for (int i = 0; i < DRAIN_MS; i++) {
		reap(xsk);
		if (xsk->free_count == xsk->frames)
			return;
		kick(xsk);
		usleep(1000);
	}
}

void tx_xsk_close(struct tx_xsk *xsk)
{
	if (!xsk)
		return;
	if (xsk->is_zero_copy && !xsk->is_broken)
		drain(xsk);
	xsk_socket__delete(xsk->socket);
	xsk_umem__delete(xsk->umem);
	if (xsk->area)
		munmap(xsk->area, area_bytes(xsk));
	free(xsk);
}

bool tx_xsk_is_zero_copy(const struct tx_xsk *xsk)
{
	return xsk->is_zero_copy;
}

bool tx_xsk_queue(struct tx_xsk *xsk, uint32_t slot, bool tell, const uint8_t *frame, size_t len)
{
	uint32_t at;
	uint16_t free;

	if (xsk->count == xsk->frames / 2)
		return false;
	if (!xsk->free_count)
		reap(xsk);
	if (!xsk->free_count || !xsk_ring_prod__reserve(&xsk->ring, 1, &at))
		return false;
	free = xsk->free[--xsk->free_count];
	memcpy(xsk->area + (size_t)free * FRAME_BYTES, frame, len);
	*xsk_ring_prod__tx_desc(&xsk->ring, at) = (struct xdp_desc){ .addr = (uint64_t)free * FRAME_BYTES, .len = (uint32_t)len };
	xsk->queue[xsk->count++] = (struct queued){ .slot = slot, .frame = free, .len = (uint16_t)len, .tell = tell };
	return true;
}

static bool is_final(const struct tx_xsk *xsk, int err)
{
	/* Without a copy it is a driver that is busy; with one, a frame that the device has dropped. */
	if (err == -EBUSY)
		return !xsk->is_zero_copy;
	return err && err != -EAGAIN && err != -EINTR && err != -ENOBUFS;
}

/* How many of the queue the kernel has taken for good. */
static uint32_t taken(const struct tx_xsk *xsk, int err)
{
	uint32_t first = *xsk->ring.producer - xsk->count;
	int32_t n = (int32_t)(__atomic_load_n(xsk->ring.consumer, __ATOMIC_ACQUIRE) - first);

	/* A driver takes them by itself, and reports nothing. */
	if (xsk->is_zero_copy && !is_final(xsk, err))
		return xsk->count;
	/* The frame that was dropped is the last one taken; where it was the only one, the kernel has not told that either. */
	if (err == -EBUSY && n > (int32_t)xsk->done)
		n--;
	return n > (int32_t)xsk->done ? (uint32_t)n : xsk->done;
}

static void tell(struct tx_xsk *xsk, uint32_t until, uint64_t now_ns)
{
	for (; xsk->done < until; xsk->done++)
		if (xsk->queue[xsk->done].tell)
			xsk->sent(xsk->ctx, xsk->queue[xsk->done].slot, 0, now_ns);
}

int tx_xsk_flush(struct tx_xsk *xsk, uint64_t now_ns)
{
	int in_vain = 0;

	xsk_ring_prod__submit(&xsk->ring, xsk->count);
	while (xsk->done < xsk->count) {
		int err = kick(xsk);
		uint32_t n = taken(xsk, err);

		in_vain = n > xsk->done ? 0 : in_vain + 1;
		tell(xsk, n, now_ns);
		if (is_final(xsk, err) || in_vain == KICKS_WITHOUT_PROGRESS) {
			xsk->is_broken = true;
			/* What AF_PACKET says of a dropped frame. */
			return err == -EBUSY ? -ENOBUFS : err ?: -EAGAIN;
		}
	}
	xsk->count = xsk->done = 0;
	reap(xsk);
	return 0;
}

bool tx_xsk_take_back(struct tx_xsk *xsk, struct tx_xsk_frame *frame)
{
	const struct queued *q = &xsk->queue[xsk->done];

	if (xsk->done == xsk->count)
		return false;
	xsk->done++;
	*frame = (struct tx_xsk_frame){
		.bytes = xsk->area + (size_t)q->frame * FRAME_BYTES,
		.len = q->len,
		.slot = q->slot,
		.tell = q->tell,
	};
	return true;
}
