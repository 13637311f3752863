// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <xcarp/carp.h>
#include <xcarp/fence.h>

#include "ctl/owners.h"
#include "ctl/text.h"

#define LIVE_READ_TRIES 1000

/* The program's half as it was at one moment; the controller's fields are each written whole. */
static void read_live(const struct vr_live *shared, struct vr_live *live)
{
	for (int i = 0; i < LIVE_READ_TRIES; i++) {
		uint64_t accepted = __atomic_load_n(&shared->accepted, __ATOMIC_ACQUIRE);

		memcpy(live, shared, sizeof(*live));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(accepted & LIVE_WRITING) && __atomic_load_n(&shared->accepted, __ATOMIC_RELAXED) == accepted)
			return;
	}
	live->accepted &= ~LIVE_WRITING;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	if (x->entry.slot != y->entry.slot)
		return x->entry.slot < y->entry.slot ? -1 : 1;
	return memcmp(&x->key.ip_version, &y->key.ip_version, sizeof(x->key) - offsetof(struct vip_key, ip_version));
}

static int read_addresses(struct snapshot *snapshot, const struct maps *maps)
{
	void *keys, *values;
	ssize_t count = maps_read_hash(maps, MAP_VIPS, sizeof(struct vip_key), sizeof(struct vip_entry), &keys, &values);

	if (count < 0)
		return (int)count;
	snapshot->addresses = ctl_realloc(NULL, (size_t)count, sizeof(*snapshot->addresses));
	snapshot->address_count = (size_t)count;
	for (ssize_t i = 0; i < count; i++) {
		snapshot->addresses[i] = (struct address){ .key = ((const struct vip_key *)keys)[i],
							   .entry = ((const struct vip_entry *)values)[i] };
	}
	free(keys);
	free(values);
	qsort(snapshot->addresses, snapshot->address_count, sizeof(*snapshot->addresses), compare_addresses);
	return 0;
}

static int compare_vip_keys(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

/* The addresses that another host has, too: mostly none. */
static int read_duplicates(struct snapshot *snapshot, const struct maps *maps)
{
	void *keys, *values;
	ssize_t count =
		maps_read_hash(maps, MAP_DUPLICATES, sizeof(struct vip_key), sizeof(struct duplicate), &keys, &values);
	struct address *found;

	if (count < 0)
		return (int)count;
	found = ctl_realloc(NULL, (size_t)count, sizeof(*found));
	for (ssize_t i = 0; i < count; i++)
		found[i] = (struct address){ .key = ((const struct vip_key *)keys)[i],
					     .duplicate = ((const struct duplicate *)values)[i] };
	qsort(found, (size_t)count, sizeof(*found), compare_vip_keys);
	for (size_t i = 0; count && i < snapshot->address_count; i++) {
		const struct address *other =
			bsearch(&snapshot->addresses[i], found, (size_t)count, sizeof(*found), compare_vip_keys);

		if (other)
			snapshot->addresses[i].duplicate = other->duplicate;
	}
	free(found);
	free(keys);
	free(values);
	return 0;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->key.ifindex != y->key.ifindex)
		return x->key.ifindex < y->key.ifindex ? -1 : 1;
	return (x->key.owner > y->key.owner) - (x->key.owner < y->key.owner);
}

static int read_uses(struct snapshot *snapshot, const struct maps *maps)
{
	void *keys, *values;
	ssize_t count = maps_read_hash(maps, MAP_INTERFACES, sizeof(struct interface_key), sizeof(struct interface_entry), &keys,
				       &values);

	if (count < 0)
		return (int)count;
	snapshot->uses = ctl_realloc(NULL, (size_t)count, sizeof(*snapshot->uses));
	snapshot->use_count = (size_t)count;
	for (ssize_t i = 0; i < count; i++) {
		struct use *use = &snapshot->uses[i];

		use->key = ((const struct interface_key *)keys)[i];
		use->entry = ((const struct interface_entry *)values)[i];
		format_name(use->entry.name, sizeof(use->entry.name), use->interface);
	}
	free(keys);
	free(values);
	qsort(snapshot->uses, snapshot->use_count, sizeof(*snapshot->uses), compare_uses);
	return 0;
}

const struct use *snapshot_use(const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct use wanted = { .key = { .ifindex = vr->live.ifindex, .owner = vr->owner } };

	return bsearch(&wanted, snapshot->uses, snapshot->use_count, sizeof(wanted), compare_uses);
}

static void read_owners(struct snapshot *snapshot, const struct maps *maps)
{
	const struct xcarp_owner *shared = maps_owners(maps);

	for (uint32_t index = 0; index < maps->entries[MAP_OWNERS]; index++) {
		struct owner *owner;

		if (!shared[index].pid)
			continue;
		snapshot->owners = ctl_realloc(snapshot->owners, snapshot->owner_count + 1, sizeof(*owner));
		owner = &snapshot->owners[snapshot->owner_count++];
		*owner = (struct owner){ .shared = shared[index], .index = index };
		owner->health = owner_health(index, owner->shared.pid);
		snapshot->dead_owner_count += owner->health == OWNER_DEAD;
		snapshot->stopped_owner_count += owner->health == OWNER_STOPPED;
		if (owner->shared.worst_late_ns > snapshot->worst_late_ns)
			snapshot->worst_late_ns = owner->shared.worst_late_ns;
	}
}

static enum owner_health health_of(const struct snapshot *snapshot, uint32_t index, uint32_t pid)
{
	for (size_t i = 0; i < snapshot->owner_count; i++)
		if (snapshot->owners[i].index == index)
			return snapshot->owners[i].shared.pid == pid ? snapshot->owners[i].health : OWNER_DEAD;
	return OWNER_DEAD;
}

static void take_slots(struct snapshot *snapshot, const struct maps *maps, uint32_t *places)
{
	const struct vr_live *shared = maps_live(maps);
	uint32_t capacity = maps->entries[MAP_LIVE];
	size_t room = 0;

	for (uint32_t slot = 0; slot < capacity; slot++) {
		struct vrouter *vr;

		places[slot] = UINT32_MAX;
		if (!__atomic_load_n(&shared[slot].claimed_by, __ATOMIC_ACQUIRE))
			continue;
		if (snapshot->count == room) {
			room = room ? room * 2 : 64;
			snapshot->vrouters = ctl_realloc(snapshot->vrouters, room, sizeof(*vr));
		}
		vr = &snapshot->vrouters[snapshot->count];
		memset(vr, 0, sizeof(*vr));
		read_live(&shared[slot], &vr->live);
		if (!vr->live.claimed_by)
			continue;
		places[slot] = (uint32_t)snapshot->count++;
		vr->slot = slot;
		vr->owner = vr->live.claimed_by - 1u;
		vr->owner_health = health_of(snapshot, vr->owner, vr->live.owner_pid);
		vr->sent_per_s = vr->accepted_per_s = -1;
		format_name(vr->live.interface, sizeof(vr->live.interface), vr->interface);
	}
}

/* Of a master who has heard somebody else, and of all where the fence has been up; most of the time that is nobody. */
static void take_fences(struct snapshot *snapshot, const struct maps *maps)
{
	for (size_t i = 0; i < snapshot->count; i++) {
		struct vrouter *vr = &snapshot->vrouters[i];
		const struct vr_live *live = &vr->live;
		bool is_contested = live->state == MASTER && live->arrival_ns > live->answered_ns;
		struct vr_guard guard;

		if ((!is_contested && !snapshot->drops.fenced) ||
		    bpf_map_lookup_elem(maps->fds[MAP_GUARD], &vr->slot, &guard))
			continue;
		vr->fenced_questions = guard.fenced;
		vr->is_fenced = is_contested && fence_holds(live, guard.unanswered_ns, snapshot->now_ns);
	}
}

const struct vr_refusal *snapshot_refusal(const struct snapshot *snapshot, const struct vrouter *vr, unsigned int verdict)
{
	const struct vr_refusal *refusal;

	if (!vr->refused || verdict < XCARP_REFUSAL_FIRST || verdict - XCARP_REFUSAL_FIRST >= XCARP_REFUSAL_COUNT)
		return NULL;
	refusal = &snapshot->refusals[vr->refusals_at].by_verdict[verdict - XCARP_REFUSAL_FIRST];
	return refusal->count ? refusal : NULL;
}

static void take_refusals(struct snapshot *snapshot, const struct maps *maps)
{
	size_t room = 0;

	for (size_t i = 0; i < snapshot->count; i++) {
		struct vrouter *vr = &snapshot->vrouters[i];
		struct vr_refusals copy;
		uint64_t newest_ns = 0;

		if (vr->slot >= maps->entries[MAP_REFUSALS])
			continue;
		memcpy(&copy, &maps_refusals(maps)[vr->slot], sizeof(copy));
		for (unsigned int at = 0; at < XCARP_REFUSAL_COUNT; at++) {
			vr->refused += copy.by_verdict[at].count;
			if (!copy.by_verdict[at].count || copy.by_verdict[at].when_ns < newest_ns)
				continue;
			newest_ns = copy.by_verdict[at].when_ns;
			vr->newest_refusal = XCARP_REFUSAL_FIRST + at;
		}
		if (!vr->refused)
			continue;
		if (snapshot->refusals_count == room) {
			room = room ? room * 2 : 64;
			snapshot->refusals = ctl_realloc(snapshot->refusals, room, sizeof(copy));
		}
		vr->refusals_at = (uint32_t)snapshot->refusals_count;
		snapshot->refusals[snapshot->refusals_count++] = copy;
	}
}

static int compare_strangers(const void *a, const void *b)
{
	const struct heard_stranger *x = a, *y = b;
	int order = strverscmp(x->interface, y->interface);

	return order ? order : (x->stranger.when_ns < y->stranger.when_ns) - (x->stranger.when_ns > y->stranger.when_ns);
}

static void name_interface(const struct snapshot *snapshot, struct heard_stranger *stranger)
{
	snprintf(stranger->interface, sizeof(stranger->interface), "%u", stranger->key.ifindex);
	for (size_t i = 0; i < snapshot->use_count; i++)
		if (snapshot->uses[i].key.ifindex == stranger->key.ifindex)
			memcpy(stranger->interface, snapshot->uses[i].interface, sizeof(stranger->interface));
}

/* One that this host has been given meanwhile is none. */
static int read_strangers(struct snapshot *snapshot, const struct maps *maps)
{
	void *keys, *values;
	ssize_t count = maps_read_hash(maps, MAP_STRANGERS, sizeof(struct vr_key), sizeof(struct stranger), &keys, &values);

	if (count < 0)
		return (int)count;
	snapshot->strangers = ctl_realloc(NULL, (size_t)count, sizeof(*snapshot->strangers));
	for (ssize_t i = 0; i < count; i++) {
		struct heard_stranger *heard = &snapshot->strangers[snapshot->stranger_count];
		struct vr_entry entry;

		*heard = (struct heard_stranger){ .key = ((const struct vr_key *)keys)[i],
						  .stranger = ((const struct stranger *)values)[i] };
		if (!snapshot_is_news(snapshot, heard->stranger.when_ns) ||
		    !bpf_map_lookup_elem(maps->fds[MAP_VROUTERS], &heard->key, &entry))
			continue;
		name_interface(snapshot, heard);
		snapshot->stranger_count++;
	}
	free(keys);
	free(values);
	qsort(snapshot->strangers, snapshot->stranger_count, sizeof(*snapshot->strangers), compare_strangers);
	return 0;
}

/* An entry whose slot has been given to another since is not this one's. */
static int take_entries(struct snapshot *snapshot, const struct maps *maps, const uint32_t *places)
{
	void *keys, *values;
	ssize_t count = maps_read_hash(maps, MAP_VROUTERS, sizeof(struct vr_key), sizeof(struct vr_entry), &keys, &values);

	for (ssize_t i = 0; i < count; i++) {
		const struct vr_entry *entry = &((const struct vr_entry *)values)[i];
		struct vrouter *vr;

		if (entry->slot >= maps->entries[MAP_LIVE] || places[entry->slot] == UINT32_MAX)
			continue;
		vr = &snapshot->vrouters[places[entry->slot]];
		if (entry->generation != vr->live.generation)
			continue;
		vr->has_entry = true;
		vr->key = ((const struct vr_key *)keys)[i];
		vr->entry = *entry;
	}
	free(keys);
	free(values);
	return count < 0 ? (int)count : 0;
}

/* FNV-1a, folded to 16 bits. They are no secret, and sorted already. */
static uint16_t print_list(const struct address *addresses, uint32_t count)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *bytes = &addresses[i].key.ip_version;
		size_t len = sizeof(addresses[i].key) - offsetof(struct vip_key, ip_version);

		for (size_t n = 0; n < len; n++)
			hash = (hash ^ bytes[n]) * 16777619u;
	}
	hash = (hash >> 16 ^ hash) & 0xffff;
	return hash ? (uint16_t)hash : 1;
}

static void take_addresses(struct snapshot *snapshot, const struct maps *maps, const uint32_t *places)
{
	for (size_t i = 0; i < snapshot->address_count; i++) {
		const struct vip_entry *entry = &snapshot->addresses[i].entry;
		struct vrouter *vr;

		if (entry->slot >= maps->entries[MAP_LIVE] || places[entry->slot] == UINT32_MAX)
			continue;
		vr = &snapshot->vrouters[places[entry->slot]];
		if (!vr->address_count)
			vr->addresses = &snapshot->addresses[i];
		vr->address_count++;
		vr->held_count += entry->held;
	}
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->vrouters[i].address_count)
			snapshot->vrouters[i].list_print =
				print_list(snapshot->vrouters[i].addresses, snapshot->vrouters[i].address_count);
}

static struct filter_subject subject_of(const struct vrouter *vr)
{
	return (struct filter_subject){
		.interface = vr->interface,
		.vhid = vr->live.vhid,
		.ip_version = vr->key.ip_version,
		.group = vr->has_entry ? vr->key.group : NULL,
		.state = vr->live.state,
		.owner_pid = vr->live.owner_pid,
	};
}

/* The state that it had when its process stopped or died is no answer to who asks for one. */
static bool is_wanted(struct snapshot *snapshot, const struct vrouter *vr, const struct filter *filter)
{
	const struct filter_subject subject = subject_of(vr);

	for (size_t i = 0; i < filter->count; i++)
		snapshot->fits[i] |= filter_term_matches(&filter->terms[i], &subject);
	if (vr->owner_health != OWNER_RUNS && filter_asks_for_state(filter))
		snapshot->unsure += filter_matches_but_state(filter, &subject);
	return filter_matches(filter, &subject);
}

static void keep_wanted(struct snapshot *snapshot, const struct filter *filter)
{
	size_t kept = 0;

	if (filter->count) {
		snapshot->fits = ctl_realloc(NULL, filter->count, sizeof(*snapshot->fits));
		memset(snapshot->fits, 0, filter->count * sizeof(*snapshot->fits));
	}
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		if (filter->count && !is_wanted(snapshot, vr, filter))
			continue;
		if (vr->live.state <= MASTER)
			snapshot->states[vr->live.state]++;
		if (vr->live.worst_late_us * 1000ull > snapshot->worst_late_ns)
			snapshot->worst_late_ns = vr->live.worst_late_us * 1000ull;
		snapshot->sure += vr->owner_health == OWNER_RUNS;
		snapshot->vrouters[kept++] = *vr;
	}
	snapshot->count = kept;
}

int vrouter_compare(const void *a, const void *b)
{
	const struct vrouter *x = a, *y = b;
	int order = strverscmp(x->interface, y->interface);

	if (!order)
		order = x->live.vhid - y->live.vhid;
	if (!order)
		order = memcmp(x->key.group, y->key.group, sizeof(x->key.group));
	if (!order)
		order = (int)x->key.vlan - (int)y->key.vlan;
	if (!order)
		order = x->slot < y->slot ? -1 : 1;
	return order;
}

int snapshot_take(struct snapshot *snapshot, const struct maps *maps, const struct filter *filter,
		  char error[CTL_ERROR_LEN])
{
	uint32_t *places = ctl_realloc(NULL, maps->entries[MAP_LIVE], sizeof(*places));
	int err;

	*snapshot = (struct snapshot){ .abi = maps->abi };
	read_owners(snapshot, maps);
	take_slots(snapshot, maps, places);
	err = take_entries(snapshot, maps, places) ?: read_addresses(snapshot, maps) ?: read_duplicates(snapshot, maps) ?:
	      read_uses(snapshot, maps) ?: maps_read_drops(maps, &snapshot->drops);
	snapshot->now_ns = clock_now_ns(CLOCK_MONOTONIC);
	err = err ?: read_strangers(snapshot, maps);
	if (!err) {
		take_fences(snapshot, maps);
		take_addresses(snapshot, maps, places);
		keep_wanted(snapshot, filter);
		take_refusals(snapshot, maps);
		qsort(snapshot->vrouters, snapshot->count, sizeof(*snapshot->vrouters), vrouter_compare);
	} else {
		snprintf(error, CTL_ERROR_LEN, "%s: cannot read the maps: %s", maps->path, strerror(-err));
		snapshot_free(snapshot);
	}
	free(places);
	return err;
}

void snapshot_summary(struct text *text, const struct snapshot *snapshot)
{
	text_printf(text, "%zu virtual router%s: %zu MASTER, %zu BACKUP, %zu INIT; %zu process%s", snapshot->count,
		    snapshot->count == 1 ? "" : "s", snapshot->states[MASTER], snapshot->states[BACKUP], snapshot->states[INIT],
		    snapshot->owner_count, snapshot->owner_count == 1 ? "" : "es");
	if (snapshot->dead_owner_count)
		text_printf(text, ", %zu dead", snapshot->dead_owner_count);
	if (snapshot->stopped_owner_count)
		text_printf(text, ", %zu stopped", snapshot->stopped_owner_count);
}

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->vrouters);
	free(snapshot->owners);
	free(snapshot->addresses);
	free(snapshot->uses);
	free(snapshot->fits);
	free(snapshot->refusals);
	free(snapshot->strangers);
	*snapshot = (struct snapshot){ 0 };
}

bool snapshot_tell_unfit(const struct snapshot *snapshot, const struct filter *filter)
{
	bool any = false;

	for (size_t i = 0; i < filter->count; i++) {
		const struct filter_term *term = &filter->terms[i];

		/* That nobody is in a state is an answer. */
		if (snapshot->fits[i] || term->kind == FILTER_STATE)
			continue;
		tell("%s%.100s: fits no virtual router; `xcarpctl status` shows all", filter_option(term->kind), term->text);
		any = true;
	}
	return any;
}

void snapshot_check(const struct maps *maps, const struct filter *filter)
{
	struct snapshot snapshot;
	char error[CTL_ERROR_LEN];

	if (!filter->count || snapshot_take(&snapshot, maps, filter, error))
		return;
	snapshot_tell_unfit(&snapshot, filter);
	snapshot_free(&snapshot);
}

int snapshot_answer(const struct snapshot *snapshot, const struct filter *filter)
{
	if (snapshot_tell_unfit(snapshot, filter))
		return CTL_UNKNOWN;
	if (snapshot->unsure && !snapshot->sure)
		return tell("%zu virtual router%s: the process is dead or stopped, so the state is not known", snapshot->unsure,
			    snapshot->unsure == 1 ? "" : "s");
	return snapshot->count || !filter->count ? CTL_YES : CTL_NO;
}

const char *owner_ailment(enum owner_health health)
{
	return health == OWNER_DEAD ? "dead" : health == OWNER_STOPPED ? "stopped" : NULL;
}

char *vrouter_name(const struct vrouter *vr, char text[VROUTER_NAME_LEN])
{
	char group[ADDRESS_TEXT_LEN];
	bool is_usual = !vr->has_entry || is_usual_group((uint8_t)vr->key.ip_version, vr->key.group);

	snprintf(text, VROUTER_NAME_LEN, "%s/%u%s%s", vr->interface, vr->live.vhid, is_usual ? "" : "@",
		 is_usual ? "" : vrouter_group(vr, group));
	return text;
}

/* The driver hears it, whether our process runs or not. */
static bool hears_master(const struct snapshot *snapshot, const struct vr_live *live)
{
	bool has_bowed_out = live->advbase == CARP_BOW_OUT && live->advskew == CARP_BOW_OUT;

	return live->arrival_ns && !has_bowed_out && snapshot_age_ns(snapshot, live->arrival_ns) <= live->down_ns;
}

char *vrouter_master(const struct snapshot *snapshot, const struct vrouter *vr, char text[ADDRESS_TEXT_LEN])
{
	bool is_ours = vr->live.state == MASTER && vr->owner_health == OWNER_RUNS;

	if (vr->is_fenced || (vr->live.state != INIT && !is_ours && hears_master(snapshot, &vr->live)))
		return format_address(vr->live.ip_version, vr->live.source, text);
	snprintf(text, ADDRESS_TEXT_LEN, "%s", is_ours ? "self" : "-");
	return text;
}

char *format_print(uint16_t print, char text[PRINT_TEXT_LEN])
{
	snprintf(text, PRINT_TEXT_LEN, print ? "%04x" : "-", print);
	return text;
}

char *vrouter_group(const struct vrouter *vr, char text[ADDRESS_TEXT_LEN])
{
	if (vr->has_entry)
		return format_group((uint8_t)vr->key.ip_version, vr->key.group, text);
	snprintf(text, ADDRESS_TEXT_LEN, "-");
	return text;
}
