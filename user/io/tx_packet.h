/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sends frames through AF_PACKET, many with one system call. */
#ifndef XCARP_IO_TX_PACKET_H
#define XCARP_IO_TX_PACKET_H

#include "io/tx.h"

struct tx_packet;

/* NULL with errno set. */
struct tx_packet *tx_packet_new(tx_sent_fn sent, void *ctx);
void tx_packet_free(struct tx_packet *tx);

/* Queues a copy; sends the queue first if it is full. tell: report to sent. */
void tx_packet_queue(struct tx_packet *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame, size_t len,
		     uint64_t now_ns);

/* Sends the same frame count times, whatever is queued; as far as the kernel takes it at once. */
void tx_packet_repeat(struct tx_packet *tx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count);

/* Sends what is queued. Never waits: what the kernel does not take at once has failed. */
void tx_packet_flush(struct tx_packet *tx, uint64_t now_ns);

#endif
