/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends adverts through the kernel's ordinary way out, many in one run of a BPF program. What leaves is what AF_PACKET would
 * send, for whatever interface, seen by tcpdump and sorted by the qdisc.
 */
#ifndef XCARP_IO_TX_BPF_H
#define XCARP_IO_TX_BPF_H

#include "io/tx.h"

struct tx_bpf;

struct tx_bpf_frame {
	const uint8_t *bytes; /* FRAME_ADVERT_LEN */
	uint32_t ifindex;
	uint32_t slot;
	bool tell;
};

/* NULL with *err set: the kernel lets this process load or run no such program. */
struct tx_bpf *tx_bpf_new(tx_sent_fn sent, void *ctx, int *err);

/* What is queued and not flushed is lost. */
void tx_bpf_free(struct tx_bpf *tx);

/* Queues a copy of an advert, FRAME_ADVERT_LEN bytes. tell: report to sent. Returns false where there is no room: flush. */
bool tx_bpf_queue(struct tx_bpf *tx, uint32_t slot, uint32_t ifindex, bool tell, const uint8_t *frame);

/*
 * Sends what is queued. Never waits: what the kernel does not take at once has failed. Returns 0, or -errno after which it is of
 * no more use: nothing was sent, and tx_bpf_take_back() gives back one by one, oldest first, until it returns false.
 */
int tx_bpf_flush(struct tx_bpf *tx, uint64_t now_ns);
bool tx_bpf_take_back(struct tx_bpf *tx, struct tx_bpf_frame *frame);

#endif
