// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which of the virtual addresses are on their interfaces, as the kernel tells it, and what follows where somebody else
 * has put one there or taken it away.
 */
#include <arpa/inet.h>
#include <string.h>

#include "engine/vrouter.h"

#define REPAIR_INTERVAL_NS (NS_PER_S / 10) /* between two tries to put addresses back */

static uint32_t hash_of(const struct vip *vip)
{
	return table_hash(0, vip->address, vip_len(vip));
}

bool vips_enter(struct engine *engine, const struct vrouter *vr)
{
	for (unsigned int i = 0; i < vr->options->vip_count; i++) {
		if (table_put(engine->by_vip, hash_of(&vr->options->vips[i]), VIP_NUMBER(vr->index, i)))
			continue;
		vips_leave(engine, vr);
		return false;
	}
	return true;
}

void vips_leave(struct engine *engine, const struct vrouter *vr)
{
	for (unsigned int i = 0; i < vr->options->vip_count; i++)
		table_remove(engine->by_vip, hash_of(&vr->options->vips[i]), VIP_NUMBER(vr->index, i));
}

void vips_forget(struct vrouter *vr)
{
	vr->vips_present = 0;
	vr->vips_other_length = 0;
	vr->vips_foreign = 0;
	vr->source_lengths = 0;
	vr->vips_on_host = 0;
}

static void schedule_repair(struct engine *engine, struct vrouter *vr, uint64_t at_ns)
{
	if (at_ns < vr->repaired_ns + REPAIR_INTERVAL_NS)
		at_ns = vr->repaired_ns + REPAIR_INTERVAL_NS;
	if (at_ns < vr->repair_ns)
		vr->repair_ns = at_ns;
	vrouter_rearm(engine, vr);
}

static uint32_t all_vips(const struct vrouter *vr)
{
	return (uint32_t)((1ull << vr->options->vip_count) - 1);
}

static bool holds_vips(const struct vrouter *vr)
{
	return vr->election.state == MASTER && vr->options->manage_vips && vr->link.ifindex;
}

/*
 * An address of ours on a backup is a second host that answers for it, whoever put it there. What is there after the end
 * may be its successor's, under another id.
 */
static bool must_not_hold_vips(const struct vrouter *vr)
{
	return vr->election.state != MASTER && vr->options->manage_vips && vr->link.ifindex && vr->is_started &&
	       !vr->is_stopped;
}

static const char *first_missing(const struct vrouter *vr, char text[VIP_TEXT_LEN])
{
	int i = __builtin_ctz(all_vips(vr) & ~vr->vips_present);

	return vip_format(&vr->options->vips[i], true, text);
}

static uint32_t own_vips(const struct vrouter *vr)
{
	return vr->source_lengths ? 0 : vr->vips_foreign & vr->vips_present;
}

static void tell_own(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	char text[VIP_TEXT_LEN], source[INET_ADDRSTRLEN];

	if (vr->is_foreign_told)
		return;
	vr->is_foreign_told = true;
	inet_ntop(AF_INET, &vr->options->source, source, sizeof(source));
	vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_ERR,
		    "%s is there though we are %s, and -s %s is not: it stays, as it may be the host's own; -a and -s may be the peer's",
		    vip_format(&vr->options->vips[__builtin_ctz(own_vips(vr))], true, text),
		    election_state_name(vr->election.state), source);
}

void vips_repair(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	const struct vip *vip;
	char text[VIP_TEXT_LEN];

	vr->repair_ns = TIMERS_NEVER;
	/* What stands in line was not done yet, so nobody has undone it; this looks again after it. */
	if (vr->pending & (ACT_VIPS_ADD | ACT_VIPS_DEL) || vr->waits[FOR_KERNEL]) {
		schedule_repair(engine, vr, now_ns + REPAIR_INTERVAL_NS);
		return;
	}
	if (must_not_hold_vips(vr) && own_vips(vr))
		tell_own(engine, vr, now_ns);
	if (must_not_hold_vips(vr) && vr->vips_present & ~own_vips(vr)) {
		vip = &vr->options->vips[__builtin_ctz(vr->vips_present & ~own_vips(vr))];
		vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING, "%s is there though we are %s: taking it off",
			    vip_format(vip, true, text), election_state_name(vr->election.state));
		vr->repaired_ns = now_ns;
		commit_queue(engine, vr, ACT_VIPS_DEL, now_ns);
		return;
	}
	if (!holds_vips(vr) || vr->vips_present == all_vips(vr))
		return;
	if (vr->is_heir)
		vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_NOTICE, "Adopted without %s: adding it",
			    first_missing(vr, text));
	else if (!vr->vip_refused)
		vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING,
			    "%s was removed by somebody else: putting it back", first_missing(vr, text));
	vr->is_heir = false;
	vr->repaired_ns = now_ns;
	commit_queue(engine, vr, ACT_VIPS_ADD | ACT_ANNOUNCE, now_ns);
}

static void log_other_length(struct engine *engine, struct vrouter *vr, const struct vip *vip, bool with_len,
			     uint64_t now_ns)
{
	char text[VIP_TEXT_LEN];

	vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING,
		    "%s is there though we are %s, with another length than ours: this host answers for it too",
		    vip_format(vip, with_len, text), election_state_name(vr->election.state));
}

void vips_left_master(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	vr->is_heir = false;
	if (vr->vips_other_length && must_not_hold_vips(vr))
		log_other_length(engine, vr, &vr->options->vips[__builtin_ctz(vr->vips_other_length)], false, now_ns);
}

static void take_address(struct engine *engine, struct vrouter *vr, unsigned int i, const struct vip *vip, bool present,
			 uint64_t now_ns)
{
	uint32_t bit = 1u << i;

	if (vr->options->vips[i].prefix_len != vip->prefix_len) {
		vr->vips_other_length &= ~bit;
		vr->vips_other_length |= present ? bit : 0;
		if (present && must_not_hold_vips(vr))
			log_other_length(engine, vr, vip, true, now_ns);
		return;
	}
	if (present) {
		vr->vips_present |= bit;
		if (must_not_hold_vips(vr))
			schedule_repair(engine, vr, now_ns);
		vr->vip_refused = vr->vip_refused && vr->vips_present != all_vips(vr);
		return;
	}
	/* Not now: it may be our own removal, told late, and the next message that it is back. */
	vr->vips_present &= ~bit;
	vr->vips_foreign &= ~bit;
	if (holds_vips(vr))
		schedule_repair(engine, vr, now_ns);
}

static void lose_source(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	char source[INET_ADDRSTRLEN];

	vr->live->lacks_source = true;
	/* It may be on its way out, and its addresses go first. */
	if (!vr->link.up)
		return;
	vr->is_source_told = true;
	vrouter_log(engine, vr, ABOUT_INTERFACE, now_ns, LOG_WARNING, "%s does not have the source address %s (-s) any more: adverts go on from it",
		    vr->options->interface, inet_ntop(AF_INET, &vr->options->source, source, sizeof(source)));
}

static void take_source(struct engine *engine, struct vrouter *vr, unsigned int len, bool present, uint64_t now_ns)
{
	uint64_t before = vr->source_lengths;
	char source[INET_ADDRSTRLEN];

	vr->source_lengths = present ? before | 1ull << len : before & ~(1ull << len);
	if (before && !vr->source_lengths)
		lose_source(engine, vr, now_ns);
	if (!vr->source_lengths)
		return;
	vr->live->lacks_source = false;
	if (vr->is_source_told)
		vrouter_log(engine, vr, ABOUT_INTERFACE, now_ns, LOG_NOTICE, "%s has the source address %s again",
			    vr->options->interface, inet_ntop(AF_INET, &vr->options->source, source, sizeof(source)));
	vr->is_source_told = false;
	/* Whose an address of ours is that somebody has put there, may be seen now. */
	if (!before && present && vr->vips_foreign && must_not_hold_vips(vr))
		schedule_repair(engine, vr, now_ns);
}

static bool is_source(const struct vrouter *vr, uint32_t ifindex, const struct vip *address)
{
	return vr && vr->link.ifindex == ifindex && !memcmp(&vr->options->source, address->address, sizeof(vr->options->source));
}

void engine_source_address(struct engine *engine, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns)
{
	for (uint32_t index = 0; index < engine->capacity; index++)
		if (is_source(engine->vrouters[index], ifindex, address))
			take_source(engine, engine->vrouters[index], address->prefix_len, present, now_ns);
}

void engine_address(struct engine *engine, uint32_t ifindex, const struct vip *vip, bool present, uint64_t now_ns)
{
	for (uint32_t at = table_first(engine->by_vip, hash_of(vip)); at != TABLE_NONE; at = table_next(engine->by_vip, at)) {
		uint32_t number = table_number(engine->by_vip, at);
		struct vrouter *vr = engine->vrouters[number >> 5];
		unsigned int i = number & 31;

		if (vip_compare(&vr->options->vips[i], vip))
			continue;
		vr->vips_on_host &= ~(1u << i);
		vr->vips_on_host |= (uint32_t)present << i;
		if (vr->link.ifindex == ifindex)
			take_address(engine, vr, i, vip, present, now_ns);
	}
}

/* An address may have moved from one virtual router to another. */
static bool is_held(const struct engine *engine, uint32_t ifindex, const struct vip *vip)
{
	for (uint32_t at = table_first(engine->by_vip, hash_of(vip)); at != TABLE_NONE; at = table_next(engine->by_vip, at)) {
		uint32_t number = table_number(engine->by_vip, at);
		const struct vrouter *vr = engine->vrouters[number >> 5];

		if (holds_vips(vr) && vr->link.ifindex == ifindex && vip_is_same(&vr->options->vips[number & 31], vip))
			return true;
	}
	return false;
}

bool engine_foreign_vip(struct engine *engine, uint32_t ifindex, const struct vip *address, bool is_certain)
{
	bool is_found = false;

	for (uint32_t at = table_first(engine->by_vip, hash_of(address)); at != TABLE_NONE; at = table_next(engine->by_vip, at)) {
		uint32_t number = table_number(engine->by_vip, at);
		struct vrouter *vr = engine->vrouters[number >> 5];

		if (vr->link.ifindex != ifindex || vip_compare(&vr->options->vips[number & 31], address))
			continue;
		is_found = true;
		if (is_certain && vip_is_same(&vr->options->vips[number & 31], address))
			vr->vips_foreign |= 1u << (number & 31);
	}
	return is_found;
}

bool engine_vip_is_own(const struct engine *engine, uint32_t index, unsigned int i)
{
	return engine->vrouters[index] && vips_is_own(engine->vrouters[index], i);
}

bool engine_has_source(const struct engine *engine, uint32_t ifindex, const struct vip *address)
{
	for (uint32_t index = 0; index < engine->capacity; index++)
		if (is_source(engine->vrouters[index], ifindex, address))
			return true;
	return false;
}

/* Addresses that go and come at once; nobody has to be told where they are. */
static bool move_behind(struct engine *engine, struct vrouter *vr, const struct vip *own, bool is_first, uint64_t now_ns)
{
	const struct ports *ports = engine->ports;
	char text[VIP_TEXT_LEN], own_text[VIP_TEXT_LEN];
	uint32_t moved = 0;

	if (!holds_vips(vr))
		return false;
	for (unsigned int i = 0; i < vr->options->vip_count; i++) {
		const struct vip *vip = &vr->options->vips[i];

		if (!(vr->vips_present & 1u << i) || vip->ip_version != 4 || (!is_first && !vip_is_same_network(vip, own)))
			continue;
		moved |= 1u << i;
		ports->vip_del(ports->ctx, vr->index, vr->link.ifindex, vip);
		ports->vip_add(ports->ctx, vr->index, vr->link.ifindex, vip);
	}
	if (!moved)
		return false;
	/* Our own removal, which is told first, is nothing to repair, however long the kernel takes. */
	vr->repaired_ns = now_ns;
	commit_await(engine, vr);
	vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_NOTICE, "%s, the host's own, came after %s: they change places",
		    vip_format(own, true, own_text), vip_format(&vr->options->vips[__builtin_ctz(moved)], true, text));
	return true;
}

void engine_own_address(struct engine *engine, uint32_t ifindex, const struct vip *address, bool is_first, uint64_t now_ns)
{
	bool is_moved = false;

	for (uint32_t index = 0; index < engine->capacity; index++) {
		struct vrouter *vr = engine->vrouters[index];

		if (vr && vr->link.ifindex == ifindex)
			is_moved |= move_behind(engine, vr, address, is_first, now_ns);
	}
	if (is_moved)
		engine->ports->vips_flush(engine->ports->ctx);
}

static bool has_vip(const struct vr_options *options, const struct vip *vip)
{
	for (unsigned int i = 0; i < options->vip_count; i++)
		if (vip_is_same(&options->vips[i], vip))
			return true;
	return false;
}

void engine_vip_removed(struct engine *engine, uint32_t index, const struct vip *vip, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];
	char text[VIP_TEXT_LEN];

	/* Who has never been master had not put it there, and a repair has a line of its own. */
	if (vr && has_vip(vr->options, vip) && vr->is_started && !vr->counter && !vr->repaired_ns)
		vrouter_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING, "%s was there at the start: taken off",
			    vip_format(vip, true, text));
}

void engine_resync_begin(struct engine *engine)
{
	for (uint32_t index = 0; index < engine->capacity; index++) {
		struct vrouter *vr = engine->vrouters[index];

		if (!vr)
			continue;
		vips_forget(vr);
		vr->is_looked_at = vr->is_heir && vr->is_started;
	}
}

/* The address is the script's, and it is gone: whatever the dead controller has written down, nobody has it any more. */
static void run_up_script(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	char text[VIP_TEXT_LEN];

	vrouter_log(engine, vr, ABOUT_SCRIPT, now_ns, LOG_NOTICE, "Adopted, but %s is on no interface: running the up script",
		    vip_format(&vr->options->vips[__builtin_ctz(all_vips(vr) & ~vr->vips_on_host)], false, text));
	vr->live->up_script_due = 1;
	commit_queue(engine, vr, ACT_UP_SCRIPT | ACT_ANNOUNCE, now_ns);
}

static bool needs_up_script(const struct vrouter *vr)
{
	return vr->is_looked_at && vr->election.state == MASTER && !vr->options->manage_vips && vr->options->upscript &&
	       !vr->live->up_script_due && vr->vips_on_host != all_vips(vr);
}

static void end_look(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	if (vr->link.ifindex && !vr->source_lengths && !vr->live->lacks_source)
		lose_source(engine, vr, now_ns);
	/* What it has added itself a moment ago may be told only now. */
	if (holds_vips(vr) && vr->vips_present != all_vips(vr)) {
		schedule_repair(engine, vr, vr->is_looked_at ? now_ns : now_ns + REPAIR_INTERVAL_NS);
		return;
	}
	if (needs_up_script(vr))
		run_up_script(engine, vr, now_ns);
	vr->is_heir = vr->is_heir && !vr->is_looked_at;
}

void engine_resync_end(struct engine *engine, uint64_t now_ns)
{
	for (uint32_t index = 0; index < engine->capacity; index++)
		if (engine->vrouters[index])
			end_look(engine, engine->vrouters[index], now_ns);
}

void engine_vip_failed(struct engine *engine, uint32_t index, const struct vip *vip, int error, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];
	char text[VIP_TEXT_LEN];

	if (!vr || !holds_vips(vr) || !has_vip(vr->options, vip))
		return;
	if (!vr->vip_refused)
		vrouter_log(engine, vr, ABOUT_VIP_REFUSED, now_ns, LOG_ERR, "%s: cannot add %s: %s; trying again every second",
			    vr->options->interface, vip_format(vip, true, text), strerror(-error));
	vr->vip_refused = true;
	schedule_repair(engine, vr, now_ns + NS_PER_S);
}

/* Which of the new list's addresses are there, by what is known of the old list's. */
static uint32_t present_of(const struct vr_options *new, const struct vr_options *old, uint32_t present)
{
	uint32_t result = 0;

	for (unsigned int i = 0; i < new->vip_count; i++)
		for (unsigned int j = 0; j < old->vip_count; j++)
			if (present & 1u << j && vip_is_same(&new->vips[i], &old->vips[j]))
				result |= 1u << i;
	return result;
}

void vips_change(struct engine *engine, struct vrouter *vr, const struct vr_options *old, uint64_t now_ns)
{
	const struct ports *ports = engine->ports;
	bool is_relabelled = !vr_options_same_label(vr->options, old), may_be_there, is_more = is_relabelled;

	for (unsigned int i = 0; old->manage_vips && vr->link.ifindex && i < old->vip_count; i++) {
		bool stays = has_vip(vr->options, &old->vips[i]);

		may_be_there = vr->election.state == MASTER || vr->vips_present & 1u << i;
		/* The kernel does not change a label. */
		if (stays && is_relabelled && may_be_there && holds_vips(vr) && old->vips[i].ip_version == 4)
			ports->vip_del(ports->ctx, vr->index, vr->link.ifindex, &old->vips[i]);
		if (may_be_there && !stays && !vips_is_own(vr, i) && !is_held(engine, vr->link.ifindex, &old->vips[i]))
			ports->vip_del(ports->ctx, vr->index, vr->link.ifindex, &old->vips[i]);
	}
	ports->vips_flush(ports->ctx);
	vr->vips_present = present_of(vr->options, old, vr->vips_present);
	vr->vips_foreign = present_of(vr->options, old, vr->vips_foreign);
	/* All addresses are told again after a change. */
	if (vr->options->source != old->source)
		vr->source_lengths = vr->is_source_told = false;
	vr->vips_other_length = 0;
	for (unsigned int i = 0; i < vr->options->vip_count; i++)
		is_more |= !old->manage_vips || !has_vip(old, &vr->options->vips[i]);
	if (is_more && holds_vips(vr))
		commit_queue(engine, vr, ACT_VIPS_ADD | ACT_ANNOUNCE, now_ns);
}
