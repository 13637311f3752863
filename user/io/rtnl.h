/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Links and addresses through rtnetlink. One socket hears what changes, the other asks for changes, many in one message,
 * and hears only refusals: the kernel carries requests out before the send returns, which is a thread's.
 */
#ifndef XCARP_IO_RTNL_H
#define XCARP_IO_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/vip.h"
#include "io/loop.h"

struct rtnl;

/* The XDP programs of a link; 0: none. */
struct rtnl_programs {
	uint32_t native_id; /* the driver runs it */
	uint32_t generic_id;
};

/* Where a link stands among others; 0: nowhere. */
struct rtnl_place {
	uint32_t above; /* the bond, bridge, team or VRF that it belongs to */
	uint32_t below; /* what a VLAN device, a macvlan or the like stands on, in this network namespace */
	uint32_t active; /* of a bond: the slave that it sends through */
	bool is_bond;
	bool is_port; /* what it receives is the bond's, bridge's or team's, and addresses on it are dead */
	bool is_vlan;
};

struct rtnl_link {
	uint32_t ifindex;
	const char *name;
	bool is_gone;
	bool is_moved; /* gone to another network namespace: what ours calls that one, and the link's number there */
	int32_t new_nsid;
	uint32_t new_ifindex;
	bool is_ethernet;
	bool is_enabled; /* administratively up */
	bool is_up; /* and with a carrier */
	bool lacks_carrier;
	uint8_t mac[FRAME_MAC_LEN];
	struct rtnl_place place;
	struct rtnl_programs programs;
};

/* An address that is not ours, as far as that is known. */
struct rtnl_own {
	struct vip address;
	bool present;
	bool is_second; /* as far as is news: another one of its network was there before */
	bool is_wide; /* of more than the link: it may be a source of what the host sends anywhere */
	bool is_certain; /* false: the kernel does not tell who has put it there */
};

struct rtnl_events {
	void *ctx;
	void (*link)(void *ctx, const struct rtnl_link *link, uint64_t now_ns);
	void (*address)(void *ctx, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns);
	/* Told after that, for IPv4: one that no process like us has put there, if the kernel tells that. */
	void (*own_address)(void *ctx, uint32_t ifindex, const struct rtnl_own *own, uint64_t now_ns);
	/*
	 * rtnl_vip_del() of this slot has found the address there, or one that went with it. Told before the removal itself, and for IPv4 only: of IPv6
	 * the kernel does not say whose request it was.
	 */
	void (*vip_removed)(void *ctx, uint32_t slot, const struct vip *vip, uint64_t now_ns);
	/* Around a full retelling of links and addresses: at start, and after the kernel dropped messages. */
	void (*resync_begin)(void *ctx, uint64_t now_ns);
	void (*resync_end)(void *ctx, uint64_t now_ns);
	/* The kernel has carried out rtnl_vip_del() of this slot, whether the address was there or not. */
	void (*vip_gone)(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip);
	/* The kernel refused rtnl_vip_add() of this slot; error is -errno. */
	void (*vip_refused)(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip, int error, uint64_t now_ns);
	/* The kernel is at nothing any more that was asked for. took_ns: how long it was at what came since the last time. */
	void (*settled)(void *ctx, uint64_t took_ns, uint64_t now_ns);
};

/* events must outlive it. NULL: *error is -errno. */
struct rtnl *rtnl_new(struct loop *loop, const struct rtnl_events *events, int *error);
void rtnl_free(struct rtnl *rtnl);

/* Tells all links and addresses and waits for that; for the start only. Returns 0 or -errno. */
int rtnl_sync(struct rtnl *rtnl);

/* The same without waiting: it is told as the loop comes round. */
void rtnl_resync(struct rtnl *rtnl);

/*
 * Both only collect: rtnl_flush() asks the kernel for all at once, first for what is to go, then for what is to come.
 * They flush by themselves when no more can be collected.
 */

/*
 * slot comes back in vip_refused. An IPv6 address is usable at once, without duplicate address detection, but deprecated: it
 * is no source for what the host begins itself. label: of an IPv4 address, less than XCARP_IFNAME_LEN bytes; NULL: the
 * interface's name.
 */
void rtnl_vip_add(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip, const char *label);

/* An address that is not there, or an interface that is gone, is no error. All others on the interface stay. */
void rtnl_vip_del(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip);

/*
 * What one flush asks for comes before what the next one does. The settled event follows when the kernel has carried all out
 * or refused it. What it refused is told when the loop comes round; where it did not take a flush at all, that is told before
 * the settled event: an addition through vip_refused, removals in a line of the log.
 */
void rtnl_flush(struct rtnl *rtnl);

/*
 * From now on a thread waits for the kernel, with the privileges and the scheduling of now: under SCHED_FIFO just below (not below 1), not
 * to hold up the caller where there is one CPU. Before, rtnl_flush() waits, and the event comes before it returns. Returns 0
 * or -errno.
 */
int rtnl_start_thread(struct rtnl *rtnl);

/* The kernel is still at something that was asked for. */
bool rtnl_is_busy(const struct rtnl *rtnl);

/* Flushes, and waits until the kernel has carried all out. */
void rtnl_finish(struct rtnl *rtnl);

#endif
