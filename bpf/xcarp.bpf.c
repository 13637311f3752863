/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane: every frame of an interface comes through here before the kernel has allocated anything for
 * it. CARP adverts of our virtual routers are checked, authenticated, recorded and end here; all else goes on to
 * the host untouched. It knows no time but that of arrival and decides no election.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parse.bpf.h"
#include "vrouter.bpf.h"
#include "checks.bpf.h"
#include "auth.bpf.h"
#include "record.bpf.h"

_Static_assert(ACCEPTED == 0, "the chain of checks goes on while each says ACCEPTED");

static __always_inline void count(enum xcarp_verdict verdict)
{
	struct xcarp_drops *all = counters();

	if (all)
		((__u64 *)all)[verdict]++;
}

static __always_inline int xdp_action(enum xcarp_verdict verdict, const struct vrouter *vr)
{
	switch (verdict) {
	case ACCEPTED:
		return vr->entry->tap ? XDP_PASS : XDP_DROP;
	case PASS_NO_VROUTER:
	case PASS_VRRP:
	case PASS_UNREADABLE:
	case PASS_ABI_MISMATCH:
		return XDP_PASS;
	default:
		return XDP_DROP;
	}
}

/* The whole way of an advert, compiled once for each IP version: what depends on that is then no question any more. */
static __always_inline int take_advert(struct frame *frame, struct xdp_md *ctx)
{
	struct vrouter vr = {};
	enum xcarp_verdict verdict;

	verdict = frame_find_advert(frame) ?:
		  find_vrouter(&vr, frame, ctx) ?:
		  check_advert(frame, vr.entry) ?:
		  load_vrouter(&vr) ?:
		  authenticate(frame, &vr) ?:
		  record_advert(frame, &vr);
	count(verdict);
	return xdp_action(verdict, &vr);
}

SEC("xdp.frags")
int xcarp(struct xdp_md *ctx)
{
	struct frame frame;

	switch (frame_ip_version_of_112(&frame, ctx)) {
	case 4:
		frame.ipv6 = NULL;
		return take_advert(&frame, ctx);
	case 6:
		frame.ipv4 = NULL;
		return take_advert(&frame, ctx);
	default:
		return XDP_PASS;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
