/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Has the kernel carry out requests about addresses, a batch after the other. It keeps whoever asks waiting while somebody
 * else has its lock of network interfaces, which may be for seconds: so it is a thread that asks.
 */
#ifndef XCARP_IO_RTNL_SENDER_H
#define XCARP_IO_RTNL_SENDER_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"

#define RTNL_KEEP_MAX 64 /* interfaces in one batch */

/* One datagram: the kernel takes it whole or not at all. */
struct rtnl_batch {
	struct rtnl_batch *next;
	unsigned int removal_count;
	size_t removals_len; /* they come first */
	size_t len;
	unsigned int keep_count;
	uint32_t keep_ifindexes[RTNL_KEEP_MAX]; /* where removals must not take other addresses with them */
	/* Of its carrying out. */
	int error; /* 0, or -errno: the kernel took none of it */
	uint32_t left_promoting; /* an interface whose promote_secondaries could not be set back; 0: none */
	int keep_error; /* what goes with removals could not be found out: 0, or -errno */
	uint64_t took_ns;
	_Alignas(struct nlmsghdr) char data[];
};

struct rtnl_sender;

/* batch has been carried out, or refused as a whole; it is the caller's again. */
typedef void rtnl_sender_done(void *ctx, struct rtnl_batch *batch);

/* fd: the socket to ask through. NULL with errno set. */
struct rtnl_sender *rtnl_sender_new(struct loop *loop, int fd, rtnl_sender_done *done, void *ctx);

/* What has been given to it is carried out first, however long that takes. */
void rtnl_sender_free(struct rtnl_sender *sender);

/*
 * From now on it is a thread that asks, with the privileges and the scheduling of now: under SCHED_FIFO just below (not below 1), not to hold
 * up the caller where there is one CPU. Returns 0 or -errno: then it goes on as before.
 */
int rtnl_sender_start(struct rtnl_sender *sender);

/* In the order in which they are given. done() is called when the loop comes round; without a thread, before the return. */
void rtnl_sender_give(struct rtnl_sender *sender, struct rtnl_batch *batch);

bool rtnl_sender_is_busy(const struct rtnl_sender *sender);

/* Waits until it is not busy any more, calling done(). */
void rtnl_sender_finish(struct rtnl_sender *sender);

#endif
