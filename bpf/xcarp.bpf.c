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
#include "guard.bpf.h"
#include "auth.bpf.h"
#include "record.bpf.h"
#include "fence.bpf.h"
#include "count.bpf.h"

_Static_assert(ACCEPTED == 0, "the chain of checks goes on while each says ACCEPTED");

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

static __always_inline enum xcarp_verdict judge_weak(const struct frame *frame, struct vrouter *vr)
{
	struct guard_visit visit = {};

	return guard_admit(frame, vr, &visit) ?: authenticate(frame, vr) ?: guard_take(frame, vr, &visit);
}

static __always_inline enum xcarp_verdict judge_strong(const struct frame *frame, struct vrouter *vr)
{
	return guard_admit_strong(frame, vr) ?: authenticate(frame, vr) ?: guard_take_strong(frame, vr);
}

/* The whole way of an advert, compiled once for each IP version: what depends on that is then no question any more. */
static __always_inline int take_advert(struct frame *frame, struct xdp_md *ctx)
{
	struct vrouter vr = {};
	enum xcarp_verdict verdict;

	verdict = frame_find_advert(frame) ?:
		  find_vrouter(&vr, frame, ctx) ?:
		  check_and_tell(frame, &vr) ?:
		  load_vrouter(&vr) ?:
		  (frame->is_strong ? judge_strong(frame, &vr) : judge_weak(frame, &vr)) ?:
		  record_advert(frame, &vr);
	count(verdict);
	return xdp_action(verdict, &vr);
}

SEC("xdp.frags")
int xcarp(struct xdp_md *ctx)
{
	struct frame frame;

	switch (frame_kind_of(&frame, ctx)) {
	case ADVERT_IPV4:
		frame.ipv6 = NULL;
		return take_advert(&frame, ctx);
	case ADVERT_IPV6:
		frame.ipv4 = NULL;
		return take_advert(&frame, ctx);
	case ARP_FRAME:
		return answer_question(&frame, ARP_FRAME, ctx);
	case ICMPV6_FRAME:
		return answer_question(&frame, ICMPV6_FRAME, ctx);
	default:
		return XDP_PASS;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
