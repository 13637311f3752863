/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane: every frame of an interface comes through here, by XDP before the kernel has allocated anything for
 * it, or at the interface's ingress. CARP adverts of our virtual routers are checked, authenticated, recorded and end here; all
 * else goes on to the host untouched. It knows no time but that of arrival and decides no election.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "hook.bpf.h"
#include "parse.bpf.h"
#include "vrouter.bpf.h"
#include "checks.bpf.h"
#include "guard.bpf.h"
#include "auth.bpf.h"
#include "record.bpf.h"
#include "fence.bpf.h"
#include "count.bpf.h"
#include "linear.bpf.h"

_Static_assert(ACCEPTED == 0, "the chain of checks goes on while each says ACCEPTED");

static __always_inline bool goes_on(enum xcarp_verdict verdict, const struct vrouter *vr)
{
	switch (verdict) {
	case ACCEPTED:
		return vr->entry->tap;
	case PASS_NO_VROUTER:
	case PASS_VRRP:
	case PASS_UNREADABLE:
	case PASS_ABI_MISMATCH:
		return true;
	default:
		return vr->entry && vr->entry->has_twin;
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
static __always_inline bool take_advert(struct frame *frame, const struct hook *hook)
{
	struct vrouter vr = {};
	enum xcarp_verdict verdict;

	verdict = frame_find_advert(frame, hook);
	if (verdict == PASS_VRRP)
		tell_vrrp(frame, hook);
	verdict = verdict ?:
		  find_vrouter(&vr, frame, hook, true) ?:
		  check_and_tell(frame, &vr) ?:
		  load_vrouter(&vr) ?:
		  (frame->is_strong ? judge_strong(frame, &vr) : judge_weak(frame, &vr)) ?:
		  record_advert(frame, &vr);
	count(verdict);
	return goes_on(verdict, &vr);
}

/* Does the host get it? */
static __always_inline bool take_frame(struct frame *frame, enum frame_kind kind, const struct hook *hook)
{
	switch (kind) {
	case ADVERT_IPV4:
		frame->ip_version = 4;
		return take_advert(frame, hook);
	case ADVERT_IPV6:
		frame->ip_version = 6;
		return take_advert(frame, hook);
	case ARP_FRAME:
		return may_be_answered(frame, ARP_FRAME, hook);
	case ICMPV6_FRAME:
		return may_be_answered(frame, ICMPV6_FRAME, hook);
	default:
		return true;
	}
}

SEC("xdp.frags")
int xcarp(struct xdp_md *xdp)
{
	const struct hook hook = { .at = AT_XDP, .xdp = xdp };
	enum frame_kind kind;
	struct frame frame;

	kind = frame_kind_of(&frame, &hook, hook_data(&hook), hook_data_end(&hook));
	if (kind == OTHER_TRAFFIC)
		return XDP_PASS;
	return take_frame(&frame, kind, &hook) ? XDP_PASS : XDP_DROP;
}

/*
 * For tcx and for clsact alike. TC_ACT_UNSPEC: the programs that others have attached behind this one see the frame, too. The
 * question mark: who wants it loaded says so.
 */
SEC("?tc")
int xcarp_tc(struct __sk_buff *skb)
{
	const struct hook hook = { .at = AT_TC, .skb = skb };
	enum frame_kind kind;
	struct frame frame;

	kind = frame_kind_of(&frame, &hook, hook_data(&hook), hook_data_end(&hook));
	if (kind == OTHER_TRAFFIC)
		return TC_ACT_UNSPEC;
	if (lacks_bytes(&hook)) {
		if (kind == TOO_SHORT && !may_be_ours(skb))
			return TC_ACT_UNSPEC;
		if (pull_headers(skb))
			return TC_ACT_UNSPEC;
		kind = frame_kind_of(&frame, &hook, hook_data(&hook), hook_data_end(&hook));
	}
	return take_frame(&frame, kind, &hook) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
