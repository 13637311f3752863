/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends frames through AF_XDP: one socket for the first queue of one interface, for sending only. Without the driver's
 * support the kernel copies each frame, which still costs less than AF_PACKET. There is no queue behind it that waits
 * for a busy device, so what it cannot send is given back for AF_PACKET, which has one.
 */
#ifndef XCARP_IO_TX_XSK_H
#define XCARP_IO_TX_XSK_H

#include "io/tx.h"

#define TX_XSK_FRAMES_MIN 64
#define TX_XSK_FRAMES_MAX 512

struct tx_xsk;

struct tx_xsk_frame {
	const uint8_t *bytes;
	size_t len;
	uint32_t slot;
	bool tell;
};

/*
 * frames: how many it has memory for, some 160 bytes each, all told; a power of two from TX_XSK_FRAMES_MIN to TX_XSK_FRAMES_MAX.
 * zero_copy: or not at all. NULL with *err set: -EBUSY where the queue is another socket's, or was until some milliseconds ago; -ENETDOWN where
 * the interface is down.
 */
struct tx_xsk *tx_xsk_open(uint32_t ifindex, uint32_t frames, bool zero_copy, tx_sent_fn sent, void *ctx, int *err);

/* What is queued and not flushed is lost. */
void tx_xsk_close(struct tx_xsk *xsk);

/* Does the driver send from our memory, without a copy? */
bool tx_xsk_is_zero_copy(const struct tx_xsk *xsk);

/* Queues a copy. Returns false where there is no room: flush, and if that does not help, the device has not caught up. */
bool tx_xsk_queue(struct tx_xsk *xsk, uint32_t slot, bool tell, const uint8_t *frame, size_t len);

/*
 * Hands over what is queued. Returns 0, or -errno after which the socket is of no more use: what it has not sent,
 * tx_xsk_take_back() gives back one by one, oldest first, until it returns false.
 */
int tx_xsk_flush(struct tx_xsk *xsk, uint64_t now_ns);
bool tx_xsk_take_back(struct tx_xsk *xsk, struct tx_xsk_frame *frame);

#endif
