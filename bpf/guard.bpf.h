/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Old adverts and floods. Before the hash: is this counter used up, and is its source one that is worth a hash just now?
 * After it: what the advert says of its source, and of how far the virtual router has counted.
 */
#ifndef XCARP_GUARD_BPF_H
#define XCARP_GUARD_BPF_H

#include <xcarp/fence.h>
#include <xcarp/replay.h>

#include "checks.bpf.h"
#include "maps.bpf.h"
#include "notice.bpf.h"
#include "parse.bpf.h"
#include "vrouter.bpf.h"

/*
 * So many hashes are spent on strangers in a tenth of a second while somebody known is master: 20,000 a second cost half
 * a percent of a CPU. One who starts in a flood is heard with the next advert or a few later.
 */
#define FLOOD_WINDOW_NS 100000000ull
#define FLOOD_LIMIT 2000

static __always_inline void guard_notice(const struct frame *frame, const struct vrouter *vr, enum xcarp_verdict verdict,
					 enum guard_reason reason)
{
	struct guard_notice *notice = &vr->guard->notices[reason];

	notice_refusal(frame, vr->entry, verdict, &notice->count, &notice->notice_ns);
}

/* Signed: the coarse clock is behind the one that adverts are stamped with. */
static __always_inline bool master_is_known(const struct vr_live *live, __u64 now_ns)
{
	return *(const volatile enum vr_state *)&live->state == MASTER ||
	       (__s64)(now_ns - live->arrival_ns) < (__s64)fence_alive_ns(live->interval_256ths);
}

static __always_inline bool is_flooded(const struct vr_guard *guard, const struct vr_live *live)
{
	__u64 now_ns;

	if (*(const volatile __u32 *)&guard->wrong < FLOOD_LIMIT)
		return false;
	now_ns = bpf_ktime_get_coarse_ns();
	return (__s64)(now_ns - guard->window_ns) < (__s64)FLOOD_WINDOW_NS && master_is_known(live, now_ns);
}

/* Its digest was wrong. */
static __always_inline void guard_count_wrong(const struct vrouter *vr)
{
	struct vr_guard *of = vr->guard;
	__u64 now_ns;

	if (vr->place < REPLAY_SOURCES)
		return;
	now_ns = bpf_ktime_get_coarse_ns();
	if ((__s64)(now_ns - of->window_ns) >= (__s64)FLOOD_WINDOW_NS) {
		of->window_ns = now_ns;
		*(volatile __u32 *)&of->wrong = 0;
	}
	__sync_fetch_and_add(&of->wrong, 1);
}

/* An advert with CARP's own HMAC, as far as the guard looks at it, and what it finds. */
struct guard_visit {
	__u32 source[4];
	__u64 counter;
	__u64 arrival_ns;
	__u32 slot;
	__u32 place; /* as in struct vrouter */
	__u32 answer; /* enum replay_answer */
	__u32 began_to_repeat; /* 1: this is the first time that its source is seen to */
	__u32 is_strict; /* 1: --replay=strict */
	__u32 interval_256ths; /* that it claims */
};

static __always_inline struct seen_key seen_key_of(const struct vr_guard *of, const struct guard_visit *visit)
{
	return (struct seen_key){ .counter = visit->counter, .slot = visit->slot, .era = of->era };
}

static __always_inline bool was_seen(const struct vr_guard *of, const struct guard_visit *visit)
{
	struct seen_key key = seen_key_of(of, visit);

	return bpf_map_lookup_elem(&seen, &key);
}

/* Fresh only if it was never seen. */
static __always_inline bool is_alone(enum replay_answer answer)
{
	return answer == REPLAY_SINGLE || answer == REPLAY_DOUBTED;
}

static __always_inline enum replay_answer look(const struct vr_guard *of, const struct vr_live *by,
					       const struct guard_visit *visit, __u32 *run)
{
	return replay_look(&of->replay, visit->is_strict, visit->place, *(volatile __u64 *)&by->sent_counter,
			   by->down_ns + REPLAY_LAG_NS, visit->counter,
			   visit->is_strict && of->replay.ceiling ? bpf_ktime_get_ns() : 0, run);
}

/*
 * Before the hash. This and guard_learn() are functions that the verifier looks at once, by themselves: from inside it would
 * look at the hash that follows once for each way through them.
 */
__noinline int guard_look(struct vr_guard *of, struct vr_live *by, struct guard_visit *visit)
{
	__u32 run = 0;

	if (!of || !by || !visit)
		return PASS_UNREADABLE;
	visit->is_strict = by->replay == REPLAY_STRICT;
	visit->place = replay_find(&of->replay, visit->source);
	visit->answer = REPLAY_COUNTS;
	if (visit->place >= REPLAY_SOURCES && is_flooded(of, by))
		return DROP_FLOOD;
	if (by->replay == REPLAY_OFF)
		return ACCEPTED;
	visit->answer = look(of, by, visit, &run);
	if (visit->answer == REPLAY_OLD || (is_alone(visit->answer) && was_seen(of, visit)))
		return DROP_REPLAYED;
	return visit->answer == REPLAY_BAD_CLOCK ? DROP_BAD_CLOCK : ACCEPTED;
}

/* The same for who counts, which are mostly above all those: looking would cost a miss of the cache. */
static __always_inline bool was_single(const struct vr_guard *of, const struct guard_visit *visit)
{
	return visit->counter <= *(const volatile __u64 *)&of->singles && was_seen(of, visit);
}

/* False: it was seen before. */
static __always_inline bool see(struct vr_guard *of, const struct guard_visit *visit)
{
	struct seen_key key = seen_key_of(of, visit);
	__u8 one = 1;

	__sync_fetch_and_or(&of->singles, visit->counter);
	return !bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST) || !was_seen(of, visit);
}

static __always_inline bool take_counter(struct vr_guard *of, const struct vr_live *by, struct guard_visit *visit,
					 const struct replay_advert *advert)
{
	enum replay_answer answer;
	__u32 run;

	if (by->replay == REPLAY_OFF)
		return true;
	if (visit->is_strict)
		return replay_take_strict(&of->replay, visit->counter);
	/* Another CPU may have learned something since. */
	answer = look(of, by, visit, &run);
	if (answer == REPLAY_DOUBTED) {
		answer = was_seen(of, visit) ? REPLAY_OLD : replay_settle(&of->replay, visit->place, *(volatile __u64 *)&by->sent_counter, advert);
		run = REPLAY_RUNS;
	}
	if (answer == REPLAY_OLD)
		return false;
	visit->answer = answer;
	if (answer == REPLAY_REPEATS)
		return true;
	if (replay_is_by_itself(answer, run) ? !see(of, visit) : was_single(of, visit))
		return false;
	visit->answer = replay_take(&of->replay, visit->place, answer, run, visit->counter);
	return true;
}

static __always_inline bool learn(struct vr_guard *of, const struct vr_live *by, struct guard_visit *visit)
{
	const struct replay_advert advert = { visit->source, visit->counter, visit->arrival_ns, by->down_ns,
					      (__u16)visit->interval_256ths };

	visit->place = replay_find(&of->replay, visit->source);
	if (!take_counter(of, by, visit, &advert))
		return false;
	visit->began_to_repeat = visit->answer == REPLAY_REPEATS && visit->place < REPLAY_SOURCES &&
				 of->replay.sources[replay_place(visit->place)].habit != HABIT_CONSTANT;
	replay_take_source(&of->replay, visit->place, (enum replay_answer)visit->answer, &advert);
	return true;
}

/* Without learning of its source: that comes with the next one. Only auto cannot do without. */
static __always_inline bool take_unlocked(struct vr_guard *of, const struct vr_live *by, const struct guard_visit *visit)
{
	return by->replay == REPLAY_OFF || (visit->is_strict && replay_take_strict(&of->replay, visit->counter));
}

/* It is authentic. */
__noinline int guard_learn(struct vr_guard *of, struct vr_live *by, struct guard_visit *visit)
{
	bool is_fresh;

	if (!of || !by || !visit)
		return PASS_UNREADABLE;
	visit->arrival_ns = bpf_ktime_get_ns();
	if (!replay_lock(&of->replay))
		return take_unlocked(of, by, visit) ? ACCEPTED : DROP_REPLAYED;
	is_fresh = learn(of, by, visit);
	replay_unlock(&of->replay);
	return is_fresh ? ACCEPTED : DROP_REPLAYED;
}

static __always_inline void tell_refusal(const struct frame *frame, const struct vrouter *vr, enum xcarp_verdict verdict)
{
	if (verdict == DROP_REPLAYED)
		guard_notice(frame, vr, verdict, GUARD_REPLAYED);
	else if (verdict == DROP_BAD_CLOCK)
		guard_notice(frame, vr, verdict, GUARD_BAD_CLOCK);
	else if (verdict == DROP_FLOOD)
		guard_notice(frame, vr, verdict, GUARD_FLOOD);
}

/* GUARD_REASON_COUNT: of these nobody is told, but who asks. */
static __always_inline enum guard_reason misfit_reason(enum xcarp_verdict verdict)
{
	switch (verdict) {
	case DROP_OWN_SOURCE:
		return GUARD_OWN_SOURCE;
	case DROP_NOT_ENABLED:
		return GUARD_NOT_ENABLED;
	case DROP_BAD_VERSION:
		return GUARD_REASON_COUNT;
	default:
		return GUARD_MALFORMED;
	}
}

static __always_inline void tell_misfit(const struct frame *frame, struct vrouter *vr, enum xcarp_verdict verdict)
{
	enum guard_reason reason = misfit_reason(verdict);

	if (load_vrouter(vr) != ACCEPTED)
		return;
	/* Our own, which has come back: that is no second host. */
	if (verdict == DROP_OWN_SOURCE && carp_counter(frame->carp) == *(volatile __u64 *)&vr->live->sent_counter)
		return;
	if (reason == GUARD_REASON_COUNT)
		note_refusal(frame, vr->entry, verdict, bpf_ktime_get_coarse_ns());
	else
		guard_notice(frame, vr, verdict, reason);
}

/*
 * Who is set up as we are, or to sign in a way that we do not know of, or whose adverts are broken on their way, will not hear
 * us either: two masters, and neither would say why.
 */
static __always_inline enum xcarp_verdict check_and_tell(struct frame *frame, struct vrouter *vr)
{
	enum xcarp_verdict verdict = check_advert(frame, vr->entry);

	if (verdict != ACCEPTED)
		tell_misfit(frame, vr, verdict);
	return verdict;
}

/* As long as its number of addresses says: a CARP advert with another authlen is not. Version 2 ends with 8 bytes more. */
static __always_inline bool is_vrrp_advert(const struct frame *frame)
{
	int addresses_len = frame->carp->authlen * (is_ipv4(frame) ? 4 : 16);

	if (frame->carp->version_type == VRRP_VERSION_TYPE_2)
		return frame_payload_len(frame) == 16 + addresses_len;
	return frame->carp->version_type == VRRP_VERSION_TYPE_3 && frame_payload_len(frame) == 8 + addresses_len;
}

/* A VRRP router of our id: it may be meant as a peer, or have the MAC address that our adverts come from. */
static __always_inline void tell_vrrp(struct frame *frame, const struct hook *hook)
{
	struct vrouter vr = {};

	if (!is_vrrp_advert(frame))
		return;
	frame_read_vlans(frame, hook);
	if (find_vrouter(&vr, frame, hook, false) != ACCEPTED || load_vrouter(&vr) != ACCEPTED)
		return;
	frame_read_source(frame);
	if (!source_is(frame, vr.entry->source))
		guard_notice(frame, &vr, PASS_VRRP, GUARD_VRRP);
}

static __always_inline enum xcarp_verdict guard_admit(const struct frame *frame, struct vrouter *vr, struct guard_visit *visit)
{
	enum xcarp_verdict verdict;

	__builtin_memcpy(visit->source, frame->source, sizeof(visit->source));
	visit->counter = carp_counter(frame->carp);
	visit->slot = vr->entry->slot;
	visit->interval_256ths = interval_256ths(frame->carp);
	verdict = guard_look(vr->guard, vr->live, visit);
	vr->place = visit->place;
	if (verdict != ACCEPTED)
		tell_refusal(frame, vr, verdict);
	return verdict;
}

static __always_inline enum xcarp_verdict guard_take(const struct frame *frame, struct vrouter *vr, struct guard_visit *visit)
{
	enum xcarp_verdict verdict = guard_learn(vr->guard, vr->live, visit);

	vr->arrival_ns = visit->arrival_ns;
	if (verdict != ACCEPTED)
		tell_refusal(frame, vr, verdict);
	else if (visit->began_to_repeat)
		notice_push(frame, vr->entry, ACCEPTED, NULL);
	return verdict;
}

/*
 * A strong advert is never heard twice, whatever --replay says: one comparison, which needs none of the above. So this is
 * not a function of its own, and the hash between the two is most of what is left.
 */
static __always_inline enum xcarp_verdict guard_admit_strong(const struct frame *frame, struct vrouter *vr)
{
	const struct replay *replay = &vr->guard->replay;
	enum xcarp_verdict verdict = ACCEPTED;
	enum replay_answer answer;

	vr->place = replay_find(replay, frame->source);
	if (vr->place >= REPLAY_SOURCES && is_flooded(vr->guard, vr->live)) {
		verdict = DROP_FLOOD;
	} else {
		answer = replay_look_strict(replay, *(volatile __u64 *)&vr->live->sent_counter,
					    vr->live->down_ns + REPLAY_LAG_NS, carp_counter(frame->carp),
					    replay->ceiling ? bpf_ktime_get_ns() : 0);
		if (answer != REPLAY_COUNTS)
			verdict = answer == REPLAY_BAD_CLOCK ? DROP_BAD_CLOCK : DROP_REPLAYED;
	}
	if (verdict != ACCEPTED)
		tell_refusal(frame, vr, verdict);
	return verdict;
}

static __always_inline enum xcarp_verdict guard_take_strong(const struct frame *frame, struct vrouter *vr)
{
	__u64 counter = carp_counter(frame->carp);

	vr->arrival_ns = bpf_ktime_get_ns();
	if (!replay_take_strict(&vr->guard->replay, counter)) {
		tell_refusal(frame, vr, DROP_REPLAYED);
		return DROP_REPLAYED;
	}
	replay_take_source(&vr->guard->replay, vr->place, REPLAY_COUNTS,
			   &(struct replay_advert){ frame->source, counter, vr->arrival_ns, vr->live->down_ns,
						    interval_256ths(frame->carp) });
	return ACCEPTED;
}

#endif
