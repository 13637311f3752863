// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `status`: a table, one virtual router in detail, or everything as JSON. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xcarp/carp.h>

#include "core/election.h"
#include "ctl/columns.h"
#include "ctl/command.h"
#include "ctl/journal.h"
#include "ctl/json.h"
#include "ctl/maps.h"
#include "ctl/snapshot.h"

#define JOURNAL_LINES 10
#define AILING_LINES 5
#define NOTICE_LINES 3 /* of those */
#define STRANGER_LINES 8
#define COST "all traffic does without offloads meanwhile (--hook=auto avoids that)"

static void add_summary(struct text *text, const struct snapshot *snapshot)
{
	char span[SPAN_TEXT_LEN];

	snapshot_summary(text, snapshot);
	text_printf(text, "; at worst %s late\n", format_lateness(snapshot->worst_late_ns, span));
}

static uint64_t drop_count(const struct snapshot *snapshot, unsigned int at)
{
	return ((const __u64 *)&snapshot->drops)[at];
}

/* Those of one kind, after what is said before the first. */
static void add_drops_of(struct text *text, const struct snapshot *snapshot, unsigned int from, unsigned int to, const char *before)
{
	bool any = false;

	for (unsigned int at = from; at < to && drop_name(at); at++) {
		if (!drop_count(snapshot, at))
			continue;
		text_printf(text, "%s%s %llu", any ? ", " : before, drop_name(at), (unsigned long long)drop_count(snapshot, at));
		any = true;
	}
}

/* What goes on to the host is not refused: it is not for this host's virtual routers. */
static void add_drops(struct text *text, const struct snapshot *snapshot)
{
	size_t before = text->len;

	add_drops_of(text, snapshot, ACCEPTED, PASS_NO_VROUTER, "adverts: ");
	add_drops_of(text, snapshot, XCARP_REFUSAL_FIRST, DROP_FENCED, text->len == before ? "adverts: refused: " : "; refused: ");
	add_drops_of(text, snapshot, PASS_NO_VROUTER, XCARP_REFUSAL_FIRST,
		     text->len == before ? "adverts: passed on: " : "; passed on: ");
	add_drops_of(text, snapshot, DROP_FENCED, XCARP_VERDICT_COUNT + 1, text->len == before ? "adverts: " : "; ");
	if (text->len != before)
		text_add(text, "\n");
}

/* Interfaces where XDP is not for nothing; several processes may use one. */
static void add_costs(struct text *text, const struct snapshot *snapshot)
{
	const struct use *first = NULL, *last = NULL;
	size_t count = 0;

	for (size_t i = 0; i < snapshot->use_count; i++) {
		const struct use *use = &snapshot->uses[i];

		if (!use->entry.loses_offloads || (last && last->key.ifindex == use->key.ifindex))
			continue;
		first = first ? first : use;
		last = use;
		count++;
	}
	if (count == 1)
		text_printf(text, "%s: %s: " COST "\n", first->interface, hook_name(first->entry.hook));
	else if (count)
		text_printf(text, "%zu interfaces, from %s: %s: " COST "\n", count, first->interface, hook_name(first->entry.hook));
}

static void add_ailing(struct text *text, const struct owner *owner, size_t vrouters)
{
	const char *ailment = owner_ailment(owner->health);

	text_printf(text, "process %u is %s: its virtual routers (%zu) are shown as it left them; ", owner->shared.pid, ailment,
		    vrouters);
	if (owner->health == OWNER_DEAD)
		text_add(text, "start xcarp again, or take away what is left by `xcarpctl cleanup`\n");
	else
		text_printf(text, "`kill -CONT %u` lets it go on\n", owner->shared.pid);
}

/* Processes that do not run, as far as they have virtual routers here. */
static void add_ailments(struct text *text, const struct snapshot *snapshot)
{
	size_t told = 0;

	for (size_t i = 0; i < snapshot->owner_count; i++) {
		const struct owner *owner = &snapshot->owners[i];
		size_t vrouters = 0;

		if (owner->health == OWNER_RUNS)
			continue;
		for (size_t n = 0; n < snapshot->count; n++)
			vrouters += snapshot->vrouters[n].owner == owner->index;
		if (!vrouters)
			continue;
		if (++told <= AILING_LINES)
			add_ailing(text, owner, vrouters);
	}
	if (told > AILING_LINES)
		text_printf(text, "%zu more processes are dead or stopped\n", told - AILING_LINES);
}

/* ifindex 0: on any interface. */
static void add_strangers(struct text *text, const struct snapshot *snapshot, uint32_t ifindex)
{
	size_t told = 0, more = 0;

	for (size_t i = 0; i < snapshot->stranger_count; i++) {
		const struct heard_stranger *heard = &snapshot->strangers[i];
		char source[ADDRESS_TEXT_LEN], group[ADDRESS_TEXT_LEN], span[SPAN_TEXT_LEN];
		uint8_t ip_version = (uint8_t)heard->key.ip_version;

		if (ifindex && heard->key.ifindex != ifindex)
			continue;
		if (told == STRANGER_LINES) {
			more++;
			continue;
		}
		told++;
		text_printf(text, "%s%s: hears VHID %u", ifindex ? "  " : "", heard->interface, heard->key.vhid);
		if (!is_usual_group(ip_version, heard->key.group))
			text_printf(text, " of group %s", format_group(ip_version, heard->key.group, group));
		if (heard->key.vlan)
			text_printf(text, " in VLAN %u", heard->key.vlan);
		if (heard->stranger.version != CARP_VERSION)
			text_printf(text, " by version %u", heard->stranger.version);
		text_printf(text, " from %s, which is not configured here (%llu advert%s, the last %s ago)\n",
			    format_address(ip_version, heard->stranger.source, source),
			    (unsigned long long)heard->stranger.count, heard->stranger.count == 1 ? "" : "s",
			    format_span(snapshot_age_ns(snapshot, heard->stranger.when_ns), span));
	}
	if (more)
		text_printf(text, "%sand %zu more; `xcarpctl status -j` has all\n", ifindex ? "  " : "", more);
}

static void add_duplicate(struct text *text, const struct snapshot *snapshot, const struct address *address)
{
	const uint8_t *mac = address->duplicate.mac;
	char span[SPAN_TEXT_LEN];

	text_printf(text, "another host has it, too: %02x:%02x:%02x:%02x:%02x:%02x, announced %s ago", mac[0], mac[1], mac[2], mac[3],
		    mac[4], mac[5], format_span(snapshot_age_ns(snapshot, address->duplicate.when_ns), span));
}

static void add_duplicates(struct text *text, const struct snapshot *snapshot)
{
	char address[ADDRESS_TEXT_LEN], name[VROUTER_NAME_LEN];

	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		for (uint32_t at = 0; at < vr->address_count; at++) {
			if (!snapshot_is_news(snapshot, vr->addresses[at].duplicate.when_ns))
				continue;
			text_printf(text, "%s: %s: ", vrouter_name(vr, name),
				    format_address(vr->addresses[at].key.ip_version, vr->addresses[at].key.address, address));
			add_duplicate(text, snapshot, &vr->addresses[at]);
			text_add(text, "\n");
		}
	}
}

static void add_table(struct text *text, const struct snapshot *snapshot)
{
	const struct vrouter **rows = ctl_realloc(NULL, snapshot->count, sizeof(*rows));
	struct layout layout;

	for (size_t i = 0; i < snapshot->count; i++)
		rows[i] = &snapshot->vrouters[i];
	layout_choose(&layout, snapshot, rows, snapshot->count, false, 0);
	layout_header(text, &layout);
	text_add(text, "\n");
	for (size_t i = 0; i < snapshot->count; i++) {
		layout_row(text, &layout, snapshot, rows[i]);
		text_add(text, "\n");
	}
	free(rows);
}

static void add_field(struct text *text, const char *name, const char *value)
{
	text_printf(text, "  %-16s %s\n", name, value);
}

static void add_hook(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct use *use = snapshot_use(snapshot, vr);

	if (!use)
		return;
	text_printf(text, "  %-16s %s%s%s\n", "hook", hook_name(use->entry.hook),
		    use->entry.in_front ? ", with xdp-native in front while a flood lasts" : "",
		    use->entry.loses_offloads ? ": " COST : "");
}

static void add_prints(struct text *text, const struct vrouter *vr)
{
	char password[PRINT_TEXT_LEN], list[PRINT_TEXT_LEN];

	text_printf(text, "  %-16s password %s, addresses %s; the same on every host that is set up alike\n", "fingerprints",
		    format_print(vr->live.password_print, password), format_print(vr->list_print, list));
}

static void add_key_ids(struct text *text, const struct vr_live *live)
{
	if (!live->key_count)
		return;
	text_printf(text, "  %-16s %u signs", "key ids", live->key_id);
	if (live->key_count > 1)
		text_printf(text, "; %u more accepted", live->key_count - 1);
	text_add(text, "\n");
}

/* Of the newest change, not of what was noticed since. */
static void add_why(struct text *text, const struct maps *maps, const struct vrouter *vr)
{
	struct journal_entry entry;
	char source[ADDRESS_TEXT_LEN];

	if (!journal_last(maps, vr->slot, vr->live.vhid, vr->live.interface, journal_is_transition, &entry))
		return;
	text_printf(text, "  %-16s %s", "because", cause_meaning(entry.cause));
	if (entry.ip_version)
		text_printf(text, " (%s)", format_address(entry.ip_version, entry.source, source));
	text_add(text, "\n");
}

static bool is_release(const struct journal_entry *entry)
{
	return entry->cause == CAUSE_RELEASED;
}

/* Since when a backup counts: it came to be one, an advert came, or it was released. */
static uint64_t counts_since_ns(const struct maps *maps, const struct vrouter *vr)
{
	const struct vr_live *live = &vr->live;
	uint64_t since_ns = live->since_ns;
	struct journal_entry entry;

	/* By a signal, for three seconds. */
	if (journal_last(maps, vr->slot, live->vhid, live->interface, journal_is_transition, &entry) &&
	    entry.cause == CAUSE_DEMOTED)
		since_ns += ELECTION_HOLD_NS;
	if (journal_last(maps, vr->slot, live->vhid, live->interface, is_release, &entry) && entry.when_ns > since_ns)
		since_ns = entry.when_ns;
	return live->arrival_ns > since_ns ? live->arrival_ns : since_ns;
}

static void add_down_time(struct text *text, const struct snapshot *snapshot, const struct maps *maps, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN];
	const struct vr_live *live = &vr->live;
	uint64_t until_ns;

	text_printf(text, "  %-16s %s", "down time", format_span(live->down_ns, span));
	if (live->state == BACKUP && live->hold == DEMOTED) {
		text_add(text, "; not counted while it is demoted");
	} else if (live->state == BACKUP && vr->owner_health == OWNER_RUNS) {
		until_ns = counts_since_ns(maps, vr) + live->down_ns;
		text_printf(text, "; MASTER in %s if no advert comes",
			    format_span(until_ns > snapshot->now_ns ? until_ns - snapshot->now_ns : 0, span));
	}
	text_add(text, "\n");
}

static void add_state(struct text *text, const struct snapshot *snapshot, const struct maps *maps, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN], master[ADDRESS_TEXT_LEN], name[VROUTER_NAME_LEN];
	const struct vr_live *live = &vr->live;

	text_printf(text, "  %-16s %s for %s%s\n", "state", state_name(live->state),
		    format_span(snapshot_age_ns(snapshot, live->since_ns), span),
		    vr->owner_health == OWNER_RUNS ? "" : ", as its process left it");
	add_why(text, maps, vr);
	add_down_time(text, snapshot, maps, vr);
	text_printf(text, "  %-16s %u\n", "state changes", live->transitions);
	if (live->hold)
		text_printf(text, "  %-16s %s, until `xcarpctl release %s`\n", "held", hold_name(live->hold), vrouter_name(vr, name));
	add_field(text, "master", vrouter_master(snapshot, vr, master));
	if (!live->ifindex)
		add_field(text, "interface", if_nametoindex(live->interface) ?
			  "cannot be used; the log of its process says why" : "is not there");
	else if (live->lacks_source)
		add_field(text, "source address", "is not on the interface (-s)");
	add_hook(text, snapshot, vr);
	text_printf(text, "  %-16s advbase %u s, advskew %u/256 s\n", "own interval", live->own_advbase, live->own_advskew);
	add_field(text, "authentication", auth_name(live->auth));
	add_prints(text, vr);
	add_key_ids(text, live);
	text_printf(text, "  %-16s %llu sent", "adverts", (unsigned long long)live->adverts_sent);
	if (live->sent_ns)
		text_printf(text, ", the last %s ago", format_span(snapshot_age_ns(snapshot, live->sent_ns), span));
	text_printf(text, "; %llu accepted, %llu refused\n", (unsigned long long)live->accepted, (unsigned long long)vr->refused);
	if (live->adverts_unsent)
		text_printf(text, "  %-16s %llu could not be sent\n", "lost adverts", (unsigned long long)live->adverts_unsent);
	text_printf(text, "  %-16s %s\n", "worst lateness", format_lateness(live->worst_late_us * 1000ull, span));
	if (vr->is_fenced)
		text_printf(text, "  %-16s up: another one is master, and the process does not react; questions for its addresses "
			    "kept from this host: %llu\n", "fence", (unsigned long long)vr->fenced_questions);
	else if (vr->fenced_questions)
		text_printf(text, "  %-16s down; questions for its addresses kept from this host: %llu\n", "fence",
			    (unsigned long long)vr->fenced_questions);
	text_printf(text, "  %-16s process %u%s%s\n", "owner", live->owner_pid, vr->owner_health == OWNER_RUNS ? "" : ", which is ",
		    owner_ailment(vr->owner_health) ?: "");
}

static bool has_vrrp(const struct vr_live *live)
{
	static const __u8 nobody[sizeof(live->vrrp_source)];

	return memcmp(live->vrrp_source, nobody, sizeof(nobody));
}

static const char *vrrp_source(const struct vr_live *live, char text[ADDRESS_TEXT_LEN])
{
	__u8 address[16] = { 0 };

	memcpy(address, live->vrrp_source, sizeof(live->vrrp_source));
	return format_address(4, address, text);
}

static void add_vrrp(struct text *text, const struct vr_live *live)
{
	char source[ADDRESS_TEXT_LEN];

	if (has_vrrp(live))
		text_printf(text, "  %-16s a VRRP router has this id, too: %s; it is no peer\n", "VRRP", vrrp_source(live, source));
}

static void add_newest_advert(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN], source[ADDRESS_TEXT_LEN];
	const struct vr_live *live = &vr->live;

	if (!live->arrival_ns) {
		add_field(text, "newest advert", vr->refused ? "none was accepted" : "none was heard");
		return;
	}
	text_printf(text, "  %-16s from %s, %s ago: %sadvbase %u, advskew %u, demote %u, counter %016llx, by %s\n", "newest advert",
		    format_address(live->ip_version, live->source, source),
		    format_span(snapshot_age_ns(snapshot, live->arrival_ns), span),
		    live->advbase == CARP_BOW_OUT && live->advskew == CARP_BOW_OUT ? "a bow-out: " : "", live->advbase, live->advskew,
		    live->demote,
		    (unsigned long long)live->counter, auth_name(live->is_strong ? AUTH_SIPHASH : AUTH_HMAC_SHA1));
}

static void add_refusals(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	char source[ADDRESS_TEXT_LEN], span[SPAN_TEXT_LEN];
	bool any = false;

	for (unsigned int verdict = XCARP_REFUSAL_FIRST; verdict < XCARP_VERDICT_COUNT; verdict++) {
		const struct vr_refusal *refusal = snapshot_refusal(snapshot, vr, verdict);

		if (!refusal)
			continue;
		text_printf(text, "  %-16s %s %llu, the last from %s, %s ago: %s\n", any ? "" : "refused", drop_name(verdict),
			    (unsigned long long)refusal->count,
			    format_address(vr->has_entry ? (uint8_t)vr->key.ip_version : 4, refusal->source, source),
			    format_span(snapshot_age_ns(snapshot, refusal->when_ns), span), refusal_meaning(verdict));
		any = true;
	}
}

static void add_addresses(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	char address[ADDRESS_TEXT_LEN];

	for (uint32_t i = 0; i < vr->address_count; i++) {
		text_printf(text, "  %-16s %s/%u, %s", i ? "" : "addresses",
			    format_address(vr->addresses[i].key.ip_version, vr->addresses[i].key.address, address),
			    vr->addresses[i].entry.prefix_len,
			    vr->addresses[i].entry.held ? "on the interface" : "not on the interface by our doing");
		if (snapshot_is_news(snapshot, vr->addresses[i].duplicate.when_ns)) {
			text_add(text, "; ");
			add_duplicate(text, snapshot, &vr->addresses[i]);
		}
		text_add(text, "\n");
	}
}

static void add_history(struct text *text, const struct maps *maps, const struct vrouter *vr)
{
	struct journal_entry entries[JOURNAL_LINES];
	size_t count = journal_about(maps, vr->slot, vr->live.vhid, vr->live.interface, entries, JOURNAL_LINES, NOTICE_LINES);

	if (count)
		text_add(text, "\n");
	for (size_t i = 0; i < count; i++) {
		journal_line(text, &entries[i]);
		if (i + 1 == count && !journal_is_transition(&entries[i]))
			text_printf(text, "  that is: %s\n", cause_meaning(entries[i].cause));
	}
}

static void add_detail(struct text *text, const struct snapshot *snapshot, const struct maps *maps,
		       const struct vrouter *vr)
{
	char name[VROUTER_NAME_LEN], group[ADDRESS_TEXT_LEN];

	text_printf(text, "%s\n", vrouter_name(vr, name));
	add_field(text, "group", vrouter_group(vr, group));
	if (vr->key.vlan)
		text_printf(text, "  %-16s %u\n", "VLAN", vr->key.vlan);
	add_state(text, snapshot, maps, vr);
	add_newest_advert(text, snapshot, vr);
	add_vrrp(text, &vr->live);
	add_refusals(text, snapshot, vr);
	add_addresses(text, snapshot, vr);
	if (vr->live.ifindex)
		add_strangers(text, snapshot, vr->live.ifindex);
	add_history(text, maps, vr);
}

/* JSON. */

static void json_time(struct text *text, const struct snapshot *snapshot, const char *ns_name, const char *age_name,
		      uint64_t when_ns)
{
	if (!when_ns) {
		json_null(text, ns_name);
		json_null(text, age_name);
		return;
	}
	json_u64(text, ns_name, when_ns);
	json_seconds(text, age_name, snapshot_age_ns(snapshot, when_ns));
}

static void json_print(struct text *text, const char *name, uint16_t print)
{
	char digits[PRINT_TEXT_LEN];

	if (print)
		json_string(text, name, format_print(print, digits));
	else
		json_null(text, name);
}

static void json_refusals(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	char source[ADDRESS_TEXT_LEN];

	json_open(text, "refusals", '[');
	for (unsigned int verdict = XCARP_REFUSAL_FIRST; verdict < XCARP_VERDICT_COUNT; verdict++) {
		const struct vr_refusal *refusal = snapshot_refusal(snapshot, vr, verdict);

		if (!refusal)
			continue;
		json_open(text, NULL, '{');
		json_string(text, "reason", drop_name(verdict));
		json_u64(text, "count", refusal->count);
		json_string(text, "source",
			    format_address(vr->has_entry ? (uint8_t)vr->key.ip_version : 4, refusal->source, source));
		json_time(text, snapshot, "when_ns", "when_age_s", refusal->when_ns);
		json_close(text, '}');
	}
	json_close(text, ']');
}

static void json_duplicate(struct text *text, const struct snapshot *snapshot, const struct duplicate *duplicate)
{
	const uint8_t *mac = duplicate->mac;
	char mac_text[3 * sizeof(duplicate->mac)];

	if (!duplicate->count) {
		json_null(text, "duplicate");
		return;
	}
	snprintf(mac_text, sizeof(mac_text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	json_open(text, "duplicate", '{');
	json_string(text, "mac", mac_text);
	json_u64(text, "count", duplicate->count);
	json_time(text, snapshot, "when_ns", "when_age_s", duplicate->when_ns);
	json_close(text, '}');
}

static void json_stranger(struct text *text, const struct snapshot *snapshot, const struct heard_stranger *heard)
{
	uint8_t ip_version = (uint8_t)heard->key.ip_version;
	char address[ADDRESS_TEXT_LEN];

	json_open(text, NULL, '{');
	json_string(text, "interface", heard->interface);
	json_u64(text, "ifindex", heard->key.ifindex);
	json_u64(text, "vlan", heard->key.vlan);
	json_string(text, "group", format_group(ip_version, heard->key.group, address));
	json_u64(text, "vhid", heard->key.vhid);
	json_u64(text, "version", heard->stranger.version);
	json_string(text, "source", format_address(ip_version, heard->stranger.source, address));
	json_u64(text, "advbase", heard->stranger.advbase);
	json_u64(text, "advskew", heard->stranger.advskew);
	json_u64(text, "count", heard->stranger.count);
	json_time(text, snapshot, "when_ns", "when_age_s", heard->stranger.when_ns);
	json_close(text, '}');
}

static void json_addresses(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	char address[ADDRESS_TEXT_LEN];

	json_open(text, "vips", '[');
	for (uint32_t i = 0; i < vr->address_count; i++) {
		json_open(text, NULL, '{');
		json_string(text, "address",
			    format_address(vr->addresses[i].key.ip_version, vr->addresses[i].key.address, address));
		json_u64(text, "prefix_len", vr->addresses[i].entry.prefix_len);
		json_bool(text, "held", vr->addresses[i].entry.held);
		json_duplicate(text, snapshot, &vr->addresses[i].duplicate);
		json_close(text, '}');
	}
	json_close(text, ']');
}

static void json_vrouter(struct text *text, const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct vr_live *live = &vr->live;
	char address[ADDRESS_TEXT_LEN];

	json_open(text, NULL, '{');
	json_string(text, "interface", vr->interface);
	json_u64(text, "ifindex", live->ifindex);
	json_bool(text, "lacks_source", live->lacks_source);
	json_u64(text, "vlan", vr->key.vlan);
	json_string(text, "group", vrouter_group(vr, address));
	json_u64(text, "vhid", live->vhid);
	json_string(text, "state", state_name(live->state));
	json_time(text, snapshot, "since_ns", "since_age_s", live->since_ns);
	json_u64(text, "transitions", live->transitions);
	json_seconds(text, "down_s", live->down_ns);
	json_string(text, "hold", hold_name(live->hold));
	json_string(text, "master", vrouter_master(snapshot, vr, address));
	json_u64(text, "own_advbase", live->own_advbase);
	json_u64(text, "own_advskew", live->own_advskew);
	json_string(text, "auth", auth_name(live->auth));
	json_print(text, "password_print", live->password_print);
	json_print(text, "list_print", vr->list_print);
	if (live->key_count)
		json_u64(text, "key_id", live->key_id);
	else
		json_null(text, "key_id");
	json_u64(text, "key_count", live->key_count);
	json_u64(text, "adverts_sent", live->adverts_sent);
	json_u64(text, "adverts_unsent", live->adverts_unsent);
	json_u64(text, "adverts_accepted", live->accepted);
	json_u64(text, "adverts_refused", vr->refused);
	json_refusals(text, snapshot, vr);
	json_time(text, snapshot, "arrival_ns", "arrival_age_s", live->arrival_ns);
	if (live->arrival_ns)
		json_string(text, "source", format_address(live->ip_version, live->source, address));
	else
		json_null(text, "source");
	json_u64(text, "advbase", live->advbase);
	json_u64(text, "advskew", live->advskew);
	json_u64(text, "demote", live->demote);
	json_u64(text, "counter", live->counter);
	json_bool(text, "strong", live->is_strong);
	json_seconds(text, "worst_late_s", live->worst_late_us * 1000ull);
	json_u64(text, "owner_pid", live->owner_pid);
	json_bool(text, "owner_alive", vr->owner_health != OWNER_DEAD);
	json_bool(text, "owner_stopped", vr->owner_health == OWNER_STOPPED);
	if (has_vrrp(live))
		json_string(text, "vrrp_source", vrrp_source(live, address));
	else
		json_null(text, "vrrp_source");
	json_bool(text, "fenced", vr->is_fenced);
	json_u64(text, "fenced_questions", vr->fenced_questions);
	json_u64(text, "slot", vr->slot);
	json_addresses(text, snapshot, vr);
	json_close(text, '}');
}

static void json_owner(struct text *text, const struct snapshot *snapshot, const struct owner *owner)
{
	const struct xcarp_owner *shared = &owner->shared;
	char version[NAME_TEXT_LEN];

	json_open(text, NULL, '{');
	json_u64(text, "index", owner->index);
	json_u64(text, "pid", shared->pid);
	json_bool(text, "alive", owner->health != OWNER_DEAD);
	json_bool(text, "stopped", owner->health == OWNER_STOPPED);
	json_string(text, "version", format_name(shared->version, sizeof(shared->version), version));
	json_u64(text, "vrouters", shared->vrouters);
	json_time(text, snapshot, "started_ns", "started_age_s", shared->started_ns);
	json_u64(text, "wakeups", shared->wakeups);
	json_u64(text, "adverts_sent", shared->adverts_sent);
	json_u64(text, "records", shared->records);
	json_u64(text, "reloads", shared->reloads);
	json_u64(text, "realtime", shared->realtime);
	json_seconds(text, "worst_late_s", shared->worst_late_ns);
	json_close(text, '}');
}

static void json_use(struct text *text, const struct use *use)
{
	json_open(text, NULL, '{');
	json_string(text, "interface", use->interface);
	json_u64(text, "ifindex", use->key.ifindex);
	json_u64(text, "owner", use->key.owner);
	json_string(text, "hook", hook_name(use->entry.hook));
	json_bool(text, "in_front", use->entry.in_front);
	json_bool(text, "loses_offloads", use->entry.loses_offloads);
	json_close(text, '}');
}

static void add_json(struct text *text, const struct snapshot *snapshot)
{
	json_open(text, NULL, '{');
	json_u64(text, "now_ns", snapshot->now_ns);
	json_u64(text, "abi_version", snapshot->abi.abi_version);
	json_u64(text, "capacity", snapshot->abi.capacity);
	json_open(text, "states", '{');
	for (unsigned int state = INIT; state <= MASTER; state++)
		json_u64(text, state_name(state), snapshot->states[state]);
	json_close(text, '}');
	json_open(text, "adverts", '{');
	for (unsigned int at = 0; drop_name(at); at++)
		json_u64(text, drop_name(at), drop_count(snapshot, at));
	json_close(text, '}');
	json_open(text, "owners", '[');
	for (size_t i = 0; i < snapshot->owner_count; i++)
		json_owner(text, snapshot, &snapshot->owners[i]);
	json_close(text, ']');
	json_open(text, "interfaces", '[');
	for (size_t i = 0; i < snapshot->use_count; i++)
		json_use(text, &snapshot->uses[i]);
	json_close(text, ']');
	json_open(text, "strangers", '[');
	for (size_t i = 0; i < snapshot->stranger_count; i++)
		json_stranger(text, snapshot, &snapshot->strangers[i]);
	json_close(text, ']');
	json_open(text, "vrouters", '[');
	for (size_t i = 0; i < snapshot->count; i++)
		json_vrouter(text, snapshot, &snapshot->vrouters[i]);
	json_close(text, ']');
	json_close(text, '}');
	text_add(text, "\n");
}

static void add_report(struct text *text, const struct command_options *options, const struct maps *maps,
		       const struct snapshot *snapshot)
{
	if (options->json || options->pretty) {
		add_json(text, snapshot);
		if (options->pretty)
			json_indent(text);
	} else if (!snapshot->count && options->filter.count) {
		return;
	} else if (snapshot->count == 1 && filter_names_vhid(&options->filter)) {
		add_detail(text, snapshot, maps, snapshot->vrouters);
	} else {
		add_summary(text, snapshot);
		add_drops(text, snapshot);
		add_costs(text, snapshot);
		add_ailments(text, snapshot);
		add_duplicates(text, snapshot);
		if (!options->filter.count)
			add_strangers(text, snapshot, 0);
		if (snapshot->count) {
			text_add(text, "\n");
			add_table(text, snapshot);
		}
	}
}

static int report(const struct command_options *options, const struct maps *maps, const struct snapshot *snapshot)
{
	struct text text = { 0 };
	int status, err = 0;

	if (!options->quiet) {
		add_report(&text, options, maps, snapshot);
		err = text_print(&text);
	}
	text_free(&text);
	if (err)
		return tell("standard output: %s", strerror(-err));
	status = snapshot_answer(snapshot, &options->filter);
	if (status == CTL_NO && !options->quiet)
		tell("no virtual router fits; `xcarpctl status` shows all");
	return status;
}

int status_run(const struct command_options *options)
{
	struct snapshot snapshot;
	struct maps maps;
	char error[CTL_ERROR_LEN];
	int status;

	if (maps_open(&maps, error))
		return tell("%s", error);
	if (snapshot_take(&snapshot, &maps, &options->filter, error)) {
		status = tell("%s", error);
	} else {
		status = report(options, &maps, &snapshot);
		snapshot_free(&snapshot);
	}
	maps_close(&maps);
	return status;
}
