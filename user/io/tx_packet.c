// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tx_packet.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/frame.h"

#define BATCH 256 /* a system call costs as much as five frames: of 64 to a call, each costs 5% more */
#define REPEAT_BATCH 64
#define SEND_BUFFER (1 << 20) /* bytes */

struct queued {
	uint8_t frame[FRAME_MAX];
	struct sockaddr_ll to;
	struct iovec part;
	uint32_t slot;
	bool tell;
};

struct tx_packet {
	int fd;
	tx_sent_fn sent;
	void *ctx;
	unsigned int count;
	struct queued queue[BATCH];
	struct mmsghdr messages[BATCH];
};

struct tx_packet *tx_packet_new(tx_sent_fn sent, void *ctx)
{
	struct tx_packet *tx = calloc(1, sizeof(*tx));
	int size = SEND_BUFFER, priority = TC_PRIO_CONTROL;

	if (!tx)
		return NULL;
	/* Protocol 0: this socket receives nothing. */
	tx->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tx->fd < 0) {
		free(tx);
		return NULL;
	}
	if (setsockopt(tx->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(tx->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/*
	 * Adverts go before the traffic that keeps the interface busy. That is the qdisc's doing, so it is not bypassed: to do
	 * so saves 2 to 6% where there is none, and loses the frames that a busy device cannot take at once.
	 */
	setsockopt(tx->fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority));
	tx->sent = sent;
	tx->ctx = ctx;
	return tx;
}

void tx_packet_free(struct tx_packet *tx)
{
	if (!tx)
		return;
	close(tx->fd);
	free(tx);
}

void tx_packet_queue(struct tx_packet *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame, size_t len,
		     uint64_t now_ns)
{
	struct queued *q;

	if (tx->count == BATCH)
		tx_packet_flush(tx, now_ns);
	q = &tx->queue[tx->count];
	memcpy(q->frame, frame, len);
	q->to = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex };
	q->part = (struct iovec){ .iov_base = q->frame, .iov_len = len };
	q->slot = slot;
	q->tell = tell;
	tx->messages[tx->count].msg_hdr = (struct msghdr){
		.msg_name = &q->to,
		.msg_namelen = sizeof(q->to),
		.msg_iov = &q->part,
		.msg_iovlen = 1,
	};
	tx->count++;
}

static void tell(struct tx_packet *tx, unsigned int i, int error, uint64_t now_ns)
{
	if (tx->queue[i].tell)
		tx->sent(tx->ctx, tx->queue[i].slot, error, now_ns);
}

void tx_packet_flush(struct tx_packet *tx, uint64_t now_ns)
{
	unsigned int count = tx->count, at = 0;

	while (at < count) {
		int n = sendmmsg(tx->fd, tx->messages + at, count - at, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* sendmmsg() stops at the first that fails; the others may be for a better interface. */
			tell(tx, at++, n < 0 ? -errno : -EIO, now_ns);
			continue;
		}
		while (n--)
			tell(tx, at++, 0, now_ns);
	}
	tx->count = 0;
}

void tx_packet_repeat(struct tx_packet *tx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex };
	struct iovec part = { .iov_base = (void *)frame, .iov_len = len };
	struct mmsghdr messages[REPEAT_BATCH];

	for (unsigned int i = 0; i < REPEAT_BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &to,
			.msg_namelen = sizeof(to),
			.msg_iov = &part,
			.msg_iovlen = 1,
		};
	while (count) {
		int n = sendmmsg(tx->fd, messages, count < REPEAT_BATCH ? count : REPEAT_BATCH, MSG_DONTWAIT);

		if (n <= 0)
			return;
		count -= (unsigned int)n;
	}
}
