/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends frames, each interface's through AF_PACKET, a BPF program or AF_XDP: by --tx, by what the interface offers and by how
 * many adverts it has to carry. The frames on the wire are the same, and those of one interface leave in the order in
 * which they were queued.
 */
#ifndef XCARP_IO_TX_H
#define XCARP_IO_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/options.h"

struct tx;

/* Told for each frame that asked for it, as it leaves or fails. error: 0 or -errno. */
typedef void (*tx_sent_fn)(void *ctx, uint32_t slot, int error, uint64_t now_ns);

/* NULL with errno set. */
struct tx *tx_new(enum tx_mode mode, tx_sent_fn sent, void *ctx);
void tx_free(struct tx *tx);

/* Loads what interfaces may come to want, for who will not be allowed to any more. */
void tx_prepare(struct tx *tx);

/*
 * The interface is there, and its virtual routers send up to so many adverts a second. Call it again when that changes, and
 * when the link comes up: what AF_XDP failed for may be over. Without this call, and wherever AF_XDP cannot be had, it is
 * AF_PACKET.
 */
void tx_link(struct tx *tx, uint32_t ifindex, const char *name, uint32_t adverts_per_s);

/* Nothing of ours holds the interface any more. Sends what is queued before. */
void tx_unlink(struct tx *tx, uint32_t ifindex);

/* Queues a copy of frame, at most FRAME_MAX bytes; sends a queue that is full first. tell: report to sent. */
void tx_queue(struct tx *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame, size_t len,
	      uint64_t now_ns);

/* Sends the same frame count times, after what is queued; as far as the kernel takes it at once. */
void tx_repeat(struct tx *tx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count);

/* Sends what is queued. Never waits: what the kernel does not take at once has failed. */
void tx_flush(struct tx *tx, uint64_t now_ns);

/* For people: what frames for that interface go through. */
const char *tx_backend(const struct tx *tx, uint32_t ifindex);

#endif
