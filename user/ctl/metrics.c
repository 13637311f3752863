// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `metrics`: once to standard output, or to whoever asks over HTTP, from a process that has opened the maps and given up
 * all privileges. Families stand together, each with its help, as OpenMetrics wants it.
 */
#include "ctl/metrics.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/http.h"
#include "ctl/maps.h"

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/*
 * A counter's family is named with its _total: Prometheus reads it so in both of its formats, and promtool, which knows the
 * older one alone, in no other way.
 */
static void add_family(struct text *text, const char *name, const char *type, const char *unit, const char *help)
{
	const char *total = strcmp(type, "counter") ? "" : "_total";

	text_printf(text, "# TYPE %s%s %s\n", name, total, type);
	if (unit)
		text_printf(text, "# UNIT %s%s %s\n", name, total, unit);
	text_printf(text, "# HELP %s%s %s\n", name, total, help);
}

/* Names were made printable by format_name(); what is left to escape is OpenMetrics's own. */
static void add_escaped(struct text *text, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			text_add_bytes(text, "\\", 1);
		text_add_bytes(text, value, 1);
	}
}

static void add_labels(struct text *text, const struct vrouter *vr)
{
	char group[ADDRESS_TEXT_LEN];

	text_add(text, "{interface=\"");
	add_escaped(text, vr->interface);
	text_add(text, "\",group=\"");
	text_add(text, vrouter_group(vr, group));
	text_add(text, "\",vhid=\"");
	text_u64(text, vr->live.vhid);
	text_add(text, "\"");
}

static uint64_t value_state(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.state;
}

static uint64_t value_hold(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.hold;
}

static uint64_t value_owner(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->owner_health == OWNER_RUNS;
}

static uint64_t value_transitions(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.transitions;
}

static uint64_t value_sent(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.adverts_sent;
}

static uint64_t value_unsent(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.adverts_unsent;
}

static uint64_t value_accepted(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.accepted;
}

static uint64_t value_vips(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.vip_count;
}

static uint64_t value_auth(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.auth;
}

static uint64_t value_strong(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.is_strong;
}

static uint64_t value_held(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->held_count;
}

static uint64_t value_duplicates(const struct snapshot *snapshot, const struct vrouter *vr)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < vr->address_count; i++)
		count += snapshot_is_news(snapshot, vr->addresses[i].duplicate.when_ns);
	return count;
}

static uint64_t value_since_ns(const struct snapshot *snapshot, const struct vrouter *vr)
{
	return snapshot_age_ns(snapshot, vr->live.since_ns);
}

static uint64_t value_late_ns(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.worst_late_us * 1000ull;
}

static uint64_t value_heard_ns(const struct snapshot *snapshot, const struct vrouter *vr)
{
	return snapshot_age_ns(snapshot, vr->live.arrival_ns);
}

static bool was_heard(const struct vrouter *vr)
{
	return vr->live.arrival_ns;
}

/* Of each virtual router one. */
static const struct {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*value)(const struct snapshot *snapshot, const struct vrouter *vr);
	bool (*is_known)(const struct vrouter *vr); /* NULL: always */
	bool is_seconds; /* value is in nanoseconds */
} families[] = {
	{ "xcarp_vrouter_state", "gauge", "State of the virtual router: 0 INIT, 1 BACKUP, 2 MASTER; its last one where xcarp_vrouter_owner_up is 0.", value_state, NULL, false },
	{ "xcarp_vrouter_state_age_seconds", "gauge", "Time since the state was entered.", value_since_ns, NULL, true },
	{ "xcarp_vrouter_hold", "gauge", "Set by xcarpctl: 0 no, 1 demoted, 2 promoted.", value_hold, NULL, false },
	{ "xcarp_vrouter_auth", "gauge", "Authentication: 0 hmac-sha1, 1 accept-siphash, 2 send-siphash, 3 siphash.", value_auth,
	  NULL, false },
	{ "xcarp_vrouter_heard_strong", "gauge", "1 where the newest authentic advert was authenticated by SipHash.", value_strong,
	  was_heard, false },
	{ "xcarp_vrouter_owner_up", "gauge", "1 while the process of the virtual router lives and is not stopped.", value_owner, NULL, false },
	{ "xcarp_vrouter_transitions", "counter", "State changes.", value_transitions, NULL, false },
	{ "xcarp_vrouter_adverts_sent", "counter", "Adverts sent.", value_sent, NULL, false },
	{ "xcarp_vrouter_adverts_unsent", "counter", "Adverts that could not be sent.", value_unsent, NULL, false },
	{ "xcarp_vrouter_adverts_accepted", "counter", "Authentic adverts received.", value_accepted, NULL, false },
	{ "xcarp_vrouter_advert_age_seconds", "gauge", "Time since the newest authentic advert.", value_heard_ns, was_heard,
	  true },
	{ "xcarp_vrouter_vips", "gauge", "Virtual addresses of the virtual router.", value_vips, NULL, false },
	{ "xcarp_vrouter_vips_held", "gauge", "Virtual addresses that are on the interface.", value_held, NULL, false },
	{ "xcarp_vrouter_vips_duplicate", "gauge", "Virtual addresses that another host has announced, too, in the last hour.",
	  value_duplicates, NULL, false },
	{ "xcarp_vrouter_worst_lateness_seconds", "gauge", "How late a timer was at worst.", value_late_ns, NULL, true },
};

static void add_vrouters(struct text *text, const struct snapshot *snapshot)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(*families); f++) {
		bool is_counter = !strcmp(families[f].type, "counter");

		add_family(text, families[f].name, families[f].type, families[f].is_seconds ? "seconds" : NULL,
			   families[f].help);
		for (size_t i = 0; i < snapshot->count; i++) {
			const struct vrouter *vr = &snapshot->vrouters[i];

			if (families[f].is_known && !families[f].is_known(vr))
				continue;
			text_add(text, families[f].name);
			if (is_counter)
				text_add(text, "_total");
			add_labels(text, vr);
			text_add(text, "} ");
			if (families[f].is_seconds)
				text_seconds(text, families[f].value(snapshot, vr));
			else
				text_u64(text, families[f].value(snapshot, vr));
			text_add(text, "\n");
		}
	}
}

static void add_refusals(struct text *text, const struct snapshot *snapshot)
{
	add_family(text, "xcarp_vrouter_adverts_refused", "counter", NULL, "Adverts refused, by reason; those that came up.");
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		for (unsigned int verdict = XCARP_REFUSAL_FIRST; vr->refused && verdict < XCARP_VERDICT_COUNT; verdict++) {
			const struct vr_refusal *refusal = snapshot_refusal(snapshot, vr, verdict);

			if (!refusal)
				continue;
			text_add(text, "xcarp_vrouter_adverts_refused_total");
			add_labels(text, vr);
			text_printf(text, ",reason=\"%s\"} %" PRIu64 "\n", drop_name(verdict), (uint64_t)refusal->count);
		}
	}
}

/* Not each of them: who forges adverts must not make a time series with every one. */
static void add_strangers(struct text *text, const struct snapshot *snapshot)
{
	add_family(text, "xcarp_strangers", "gauge", NULL,
		   "Virtual routers that this host does not have and of which it heard adverts in the last hour.");
	text_printf(text, "xcarp_strangers %zu\n", snapshot->stranger_count);
}

static void add_adverts(struct text *text, const struct snapshot *snapshot)
{
	add_family(text, "xcarp_adverts", "counter", NULL, "Frames of protocol 112 by what became of them in the driver.");
	for (unsigned int at = 0; drop_name(at); at++)
		text_printf(text, "xcarp_adverts_total{verdict=\"%s\"} %" PRIu64 "\n", drop_name(at),
			    (uint64_t)((const __u64 *)&snapshot->drops)[at]);
}

/* Of several processes on an interface, which stand beside one another, each puts it there for itself. */
static uint64_t value_in_front(const struct snapshot *snapshot, size_t at)
{
	uint32_t ifindex = snapshot->uses[at].key.ifindex;
	bool any = false;

	for (; at < snapshot->use_count && snapshot->uses[at].key.ifindex == ifindex; at++)
		any |= snapshot->uses[at].entry.in_front;
	return any;
}

static uint64_t value_loses_offloads(const struct snapshot *snapshot, size_t at)
{
	return snapshot->uses[at].entry.loses_offloads;
}

static uint64_t value_hook(const struct snapshot *snapshot, size_t at)
{
	(void)snapshot;
	(void)at;
	return 1;
}

/* Of each interface one; value is of the first use of it. */
static const struct {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct snapshot *snapshot, size_t at);
	bool names_hook;
} interface_families[] = {
	{ "xcarp_interface_hook", "1 with the hook where the program is.", value_hook, true },
	{ "xcarp_interface_loses_offloads", "1 where other traffic does without offloads for it.", value_loses_offloads, false },
	{ "xcarp_interface_xdp_in_front", "1 while a flood has put XDP in front of the tc hook.", value_in_front, false },
};

/* A name may have come to another interface, while what a dead process used is still here: with the number no two are the same. */
static void add_interfaces(struct text *text, const struct snapshot *snapshot)
{
	for (size_t f = 0; f < sizeof(interface_families) / sizeof(*interface_families); f++) {
		uint32_t before = 0;

		add_family(text, interface_families[f].name, "gauge", NULL, interface_families[f].help);
		for (size_t i = 0; i < snapshot->use_count; i++) {
			const struct use *use = &snapshot->uses[i];

			if (use->key.ifindex == before)
				continue;
			before = use->key.ifindex;
			text_printf(text, "%s{interface=\"", interface_families[f].name);
			add_escaped(text, use->interface);
			text_printf(text, "\",ifindex=\"%u", use->key.ifindex);
			if (interface_families[f].names_hook)
				text_printf(text, "\",hook=\"%s", hook_name(use->entry.hook));
			text_printf(text, "\"} %" PRIu64 "\n", interface_families[f].value(snapshot, i));
		}
	}
}

static void add_lateness(struct text *text, const struct owner *owner)
{
	uint64_t count = 0, pid = owner->shared.pid;

	for (unsigned int n = 0; n < XCARP_LATE_BUCKETS; n++) {
		count += owner->shared.late[n];
		text_printf(text, "xcarp_lateness_seconds_bucket{pid=\"%" PRIu64 "\",le=\"", pid);
		if (n + 1 == XCARP_LATE_BUCKETS)
			text_add(text, "+Inf");
		else
			text_seconds(text, 1000ull << n);
		text_printf(text, "\"} %" PRIu64 "\n", count);
	}
	/* How late all of them were in sum is not counted. */
	text_printf(text, "xcarp_lateness_seconds_count{pid=\"%" PRIu64 "\"} %" PRIu64 "\n", pid, count);
}

static void add_owners(struct text *text, const struct snapshot *snapshot)
{
	static const struct {
		const char *name;
		const char *help;
		size_t offset;
	} counters[] = {
		{ "xcarp_process_wakeups", "Times that the process woke up.", offsetof(struct xcarp_owner, wakeups) },
		{ "xcarp_process_adverts_sent", "Adverts sent by the process.", offsetof(struct xcarp_owner, adverts_sent) },
		{ "xcarp_process_records", "Records taken from the driver's ring.", offsetof(struct xcarp_owner, records) },
		{ "xcarp_process_reloads", "Reloads that changed something.", offsetof(struct xcarp_owner, reloads) },
	};

	add_family(text, "xcarp_process_up", "gauge", NULL, "1 while the process lives and is not stopped.");
	for (size_t i = 0; i < snapshot->owner_count; i++)
		text_printf(text, "xcarp_process_up{pid=\"%u\"} %d\n", snapshot->owners[i].shared.pid,
			    snapshot->owners[i].health == OWNER_RUNS);
	for (size_t c = 0; c < sizeof(counters) / sizeof(*counters); c++) {
		add_family(text, counters[c].name, "counter", NULL, counters[c].help);
		for (size_t i = 0; i < snapshot->owner_count; i++) {
			const struct xcarp_owner *shared = &snapshot->owners[i].shared;

			text_printf(text, "%s_total{pid=\"%u\"} %" PRIu64 "\n", counters[c].name, shared->pid,
				    *(const uint64_t *)((const char *)shared + counters[c].offset));
		}
	}
	add_family(text, "xcarp_lateness_seconds", "histogram", "seconds", "How late timers were handled.");
	for (size_t i = 0; i < snapshot->owner_count; i++)
		add_lateness(text, &snapshot->owners[i]);
}

void metrics_write(struct text *text, const struct snapshot *snapshot)
{
	add_vrouters(text, snapshot);
	add_refusals(text, snapshot);
	add_strangers(text, snapshot);
	add_adverts(text, snapshot);
	add_interfaces(text, snapshot);
	add_owners(text, snapshot);
	text_add(text, "# EOF\n");
}

/* Serving. */

struct served {
	struct maps maps;
	const struct filter *filter;
};

static bool write_page(void *ctx, struct text *text)
{
	struct served *served = ctx;
	struct snapshot snapshot;
	char error[CTL_ERROR_LEN];

	if (snapshot_take(&snapshot, &served->maps, served->filter, error)) {
		tell("%s", error);
		return false;
	}
	/* New ones would make new maps, and without privileges those cannot be opened. */
	if (!snapshot.owner_count)
		exit(tell("the last xcarp of this network namespace has ended; start this again with the next"));
	metrics_write(text, &snapshot);
	snapshot_free(&snapshot);
	return true;
}

static bool empty_bounding_set(void)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL)
			return false;
	return true;
}

/* Returns NULL, or what failed. */
static const char *give_up_privileges(const char *user)
{
	const struct passwd *entry = getpwnam(user);
	struct rlimit files = { 128, 128 }, core = { 0, 0 };

	if (!entry)
		return "no such user";
	if (!entry->pw_uid)
		return "is root; must be a user without privileges";
	if (!empty_bounding_set() || setgroups(0, NULL) || setgid(entry->pw_gid) || setuid(entry->pw_uid))
		return strerror(errno);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_NOFILE, &files) || setrlimit(RLIMIT_CORE, &core))
		return strerror(errno);
	return NULL;
}

static int serve(const struct command_options *options, struct served *served, int fd)
{
	struct http_page page = { .ctx = served, .path = "/metrics", .type = CONTENT_TYPE, .write = write_page };
	const char *wrong;

	snapshot_check(&served->maps, served->filter);
	wrong = give_up_privileges(options->user);
	if (wrong)
		return tell("--user %s: %s", options->user, wrong);
	return tell("%s", strerror(-http_serve(fd, &page)));
}

static int print(const struct command_options *options, struct served *served)
{
	struct snapshot snapshot;
	struct text text = { 0 };
	char error[CTL_ERROR_LEN];
	int status, err;

	if (snapshot_take(&snapshot, &served->maps, &options->filter, error))
		return tell("%s", error);
	metrics_write(&text, &snapshot);
	err = text_print(&text);
	text_free(&text);
	status = err ? tell("standard output: %s", strerror(-err)) : snapshot_answer(&snapshot, &options->filter);
	if (status == CTL_NO)
		tell("no virtual router fits; `xcarpctl status` shows all");
	snapshot_free(&snapshot);
	return status;
}

int metrics_run(const struct command_options *options)
{
	struct served served = { .filter = &options->filter };
	char error[CTL_ERROR_LEN];
	int status, fd = options->listen ? http_listen(options->listen, error) : -1;

	if (options->listen && fd < 0)
		return tell("%s", error);
	if (maps_open(&served.maps, error))
		return tell("%s", error);
	status = options->listen ? serve(options, &served, fd) : print(options, &served);
	maps_close(&served.maps);
	return status;
}
