// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the engine tells people: log lines, ucarp's words first, for those who grep, then what ucarp does not tell; and
 * the journal's entries. One virtual router has a line a second for each reason; all together have LINES_A_SECOND, so
 * that ten thousand take-overs are not ten thousand lines. What is held back is counted, and the count is told. Refused
 * adverts are refusals.c's.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/vrouter.h"

#define LOG_INTERVAL_NS NS_PER_S
#define LINES_A_SECOND 200

static const char *const log_phrases[] = {
#define X(value, phrase) [value] = phrase,
	LOG_REASONS(X)
#undef X
};

/* A virtual router that never logs needs none; where memory is short it goes without. */
static struct log_limit *limit_of(struct vrouter *vr, enum log_reason reason)
{
	if (!vr->limits)
		vr->limits = calloc(LOG_REASON_COUNT, sizeof(*vr->limits));
	return vr->limits ? &vr->limits[reason] : NULL;
}

static void tell_later(struct engine *engine, uint64_t due_ns)
{
	if (due_ns < engine->held_back_ns)
		engine->held_back_ns = due_ns;
}

static bool engine_holds_back(struct engine *engine, enum log_reason reason, uint64_t now_ns)
{
	struct log_limit *limit = &engine->limits[reason];

	/* What was held back is told first. */
	if (now_ns >= limit->until_ns && !limit->held_back) {
		limit->until_ns = now_ns + LOG_INTERVAL_NS;
		limit->count = 0;
	}
	if (limit->count < LINES_A_SECOND) {
		limit->count++;
		return false;
	}
	limit->held_back++;
	tell_later(engine, limit->until_ns);
	return true;
}

static bool vrouter_holds_back(struct engine *engine, struct vrouter *vr, enum log_reason reason, uint64_t now_ns)
{
	struct log_limit *limit;

	if (vr->limits && now_ns < vr->limits[reason].until_ns) {
		if (!vr->limits[reason].held_back++) {
			vr->held_back |= 1ull << reason;
			vrouter_rearm(engine, vr);
		}
		return true;
	}
	if (engine_holds_back(engine, reason, now_ns))
		return true;
	limit = limit_of(vr, reason);
	if (limit)
		limit->until_ns = now_ns + LOG_INTERVAL_NS;
	return false;
}

/* Of the usual group nothing is said. */
static void add_whose(char *line, size_t room, const struct vr_options *options)
{
	char group[INET_ADDRSTRLEN];

	if (options->group == htonl(CARP_GROUP_IPV4)) {
		snprintf(line, room, " (%s id %u)", options->interface, options->vhid);
		return;
	}
	inet_ntop(AF_INET, &options->group, group, sizeof(group));
	snprintf(line, room, " (%s id %u group %s)", options->interface, options->vhid, group);
}

static struct log_subject subject_of(const struct vrouter *vr)
{
	return (struct log_subject){
		.interface = vr->options->interface,
		.group = vr->options->group,
		.vhid = vr->options->vhid,
	};
}

static bool is_state(enum log_reason reason)
{
	return reason == ABOUT_INIT || reason == ABOUT_BACKUP || reason == ABOUT_MASTER;
}

static void __attribute__((format(printf, 5, 0)))
log_line(struct engine *engine, const struct vrouter *vr, const char *state, int priority, const char *format,
		     va_list args)
{
	struct log_subject subject = subject_of(vr);
	char line[LINE_LEN];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (len > 0 && (size_t)len < sizeof(line))
		add_whose(line + len, sizeof(line) - (size_t)len, vr->options);
	subject.state = state;
	engine->ports->log(engine->ports->ctx, priority, &subject, line);
}

bool vrouter_log(struct engine *engine, struct vrouter *vr, enum log_reason reason, uint64_t now_ns, int priority,
		 const char *format, ...)
{
	va_list args;

	if (vrouter_holds_back(engine, vr, reason, now_ns))
		return false;
	va_start(args, format);
	log_line(engine, vr, is_state(reason) ? election_state_name(vr->election.state) : NULL, priority, format, args);
	va_end(args);
	return true;
}

void vrouter_log_now(struct engine *engine, struct vrouter *vr, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(engine, vr, NULL, priority, format, args);
	va_end(args);
}

void engine_status(struct engine *engine, uint32_t index)
{
	const struct vrouter *vr = engine->vrouters[index];
	const struct log_subject subject = subject_of(vr);
	char line[LINE_LEN];

	snprintf(line, sizeof(line), "%s on %s id %u", election_state_name(vr->election.state), vr->options->interface,
		 vr->options->vhid);
	engine->ports->log(engine->ports->ctx, LOG_INFO, &subject, line);
}

void engine_debug(struct engine *engine, const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;

	if (!engine->ports->debug)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	engine->ports->log(engine->ports->ctx, LOG_DEBUG, NULL, line);
}

uint64_t vrouter_held_back_deadline(const struct vrouter *vr)
{
	uint64_t deadline_ns = TIMERS_NEVER;

	for (uint64_t left = vr->held_back; left; left &= left - 1) {
		uint64_t until_ns = vr->limits[__builtin_ctzll(left)].until_ns;

		if (until_ns < deadline_ns)
			deadline_ns = until_ns;
	}
	return deadline_ns;
}

void vrouter_tell_held_back(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	for (uint64_t left = vr->held_back; left; left &= left - 1) {
		enum log_reason reason = (enum log_reason)__builtin_ctzll(left);
		struct log_limit *limit = &vr->limits[reason];
		uint32_t count = limit->held_back;

		if (now_ns < limit->until_ns)
			continue;
		limit->held_back = 0;
		vr->held_back &= ~(1ull << reason);
		vrouter_log(engine, vr, reason, now_ns, LOG_WARNING, "%s: %s%u%s more in the last second; now %s", log_phrases[reason],
			    is_state(reason) ? "entered " : "", count, !is_state(reason) ? "" : count == 1 ? " time" : " times",
			    election_state_name(vr->election.state));
	}
}

void engine_tell_held_back(struct engine *engine, uint64_t now_ns)
{
	if (now_ns < engine->held_back_ns)
		return;
	engine->held_back_ns = TIMERS_NEVER;
	for (int reason = 0; reason < LOG_REASON_COUNT; reason++) {
		struct log_limit *limit = &engine->limits[reason];
		char line[LINE_LEN];

		if (!limit->held_back)
			continue;
		if (now_ns < limit->until_ns) {
			tell_later(engine, limit->until_ns);
			continue;
		}
		snprintf(line, sizeof(line), "%s: %u more lines of other virtual routers held back; see `xcarpctl monitor`",
			 log_phrases[reason], limit->held_back);
		limit->held_back = 0;
		engine->ports->log(engine->ports->ctx, LOG_WARNING, NULL, line);
	}
}

const char *source_text(const struct xcarp_record *advert, char text[46])
{
	return inet_ntop(advert->ip_version == 6 ? AF_INET6 : AF_INET, advert->source, text, INET6_ADDRSTRLEN);
}

static double seconds_of_256ths(uint32_t n)
{
	return n / 256.0;
}

/* It yields with one last advert, and has not heard us as long as that is on its way. */
static bool is_last_advert(struct vrouter *vr, const struct xcarp_record *advert, uint64_t now_ns)
{
	bool is_its = now_ns < vr->put_down_until_ns && !memcmp(advert->source, vr->put_down, sizeof(vr->put_down));

	vr->put_down_until_ns = 0;
	return is_its;
}

static bool log_cause(struct engine *engine, struct vrouter *vr, enum vr_cause cause,
		      const struct xcarp_record *advert, uint64_t now_ns)
{
	char source[INET6_ADDRSTRLEN] = "";
	double theirs = 0, ours = seconds_of_256ths(election_interval_256ths(&vr->election, &vr->config));

	if (advert) {
		source_text(advert, source);
		theirs = seconds_of_256ths(advert->advbase * 256u + advert->advskew);
	}
	switch (cause) {
	case CAUSE_LINK_DOWN:
		return vrouter_log(engine, vr, vr->link.ifindex ? ABOUT_LINK : ABOUT_INTERFACE, now_ns, LOG_WARNING, "%s: %s",
				   vr->options->interface, vr->link.ifindex ? "link lost" : "interface gone");
	case CAUSE_WITHDRAWN:
		return vrouter_log(engine, vr, ABOUT_LINK, now_ns, LOG_WARNING, "%s: can no longer be used",
				   vr->options->interface);
	case CAUSE_MASTER_SILENT:
		if (vr->heard_ns)
			return vrouter_log(engine, vr, ABOUT_SILENCE, now_ns, LOG_WARNING,
					   "Master is silent: last advert %.3f s ago",
					   (double)(now_ns - vr->heard_ns) / NS_PER_S);
		return vrouter_log(engine, vr, ABOUT_SILENCE, now_ns, LOG_WARNING, "No master: no advert heard");
	case CAUSE_PREEMPTION:
		return vrouter_log(engine, vr, ABOUT_PREEMPTION, now_ns, LOG_NOTICE,
				   "Putting MASTER down - preemption: %s advertises every %.3f s, we every %.3f s", source,
				   theirs, ours);
	case CAUSE_MASTER_TOO_SLOW:
		return vrouter_log(engine, vr, ABOUT_SLOW_MASTER, now_ns, LOG_WARNING,
				   "Putting MASTER DOWN (going to time out): %s advertises too rarely", source);
	case CAUSE_BOW_OUT:
		return vrouter_log(engine, vr, ABOUT_BOW_OUT, now_ns, LOG_NOTICE, "Master leaves on purpose: %s bowed out", source);
	case CAUSE_PREFERRED_MASTER:
		return vrouter_log(engine, vr, ABOUT_PREFERRED, now_ns, LOG_NOTICE,
				   "Preferred master advertised: going back to BACKUP state: %s advertises every %.3f s, we every %.3f s",
				   source, theirs, ours);
	case CAUSE_NON_PREFERRED_MASTER:
		if (is_last_advert(vr, advert, now_ns))
			return false;
		return vrouter_log(engine, vr, ABOUT_NON_PREFERRED, now_ns, LOG_WARNING,
				   "Non-preferred master advertising: reasserting control of VIP with another gratuitous arp: "
				   "%s advertises every %.3f s, we every %.3f s",
				   source, theirs, ours);
	case CAUSE_FENCED:
		return vrouter_log(engine, vr, ABOUT_FENCE, now_ns, LOG_WARNING,
				   "Fenced: %s has been master for %.3f s without our reaction: going back to BACKUP state", source,
				   (double)(now_ns - advert->arrival_ns) / NS_PER_S);
	case CAUSE_DEMOTED:
		return vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_WARNING,
				   vr->election.hold == DEMOTED ? "Demoted: staying out until released" :
								  "Demoted: staying out for 3 s, then backup as usual");
	case CAUSE_OWN_ADDRESS_GONE:
		return vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_WARNING,
				   "%s: this host's own address was taken off the interface: staying out until it is back, for 3 s at "
				   "most", vr->options->interface);
	case CAUSE_OWN_ADDRESS_BACK:
		return vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_WARNING,
				   "%s: this host's own address is back: electing as usual", vr->options->interface);
	case CAUSE_PROMOTED:
		return vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_WARNING, "Promoted: claiming the shortest interval");
	case CAUSE_RELEASED:
		return vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_WARNING, "Released: electing as usual");
	case CAUSE_ADOPTED:
		return vrouter_log(engine, vr, ABOUT_ADOPTION, now_ns, LOG_WARNING,
				   "Adopted: going on as MASTER, last advert %.3f s ago",
				   (double)(now_ns - vr->live->sent_ns) / NS_PER_S);
	case CAUSE_SEND_SUPPRESSED:
		return vrouter_log(engine, vr, ABOUT_SUPPRESSION, now_ns, LOG_ERR,
				   "Sending failed three times: advertising skew %d until three adverts were sent",
				   CARP_SKEW_SUPPRESSED);
	case CAUSE_SEND_RECOVERED:
		return vrouter_log(engine, vr, ABOUT_SUPPRESSION, now_ns, LOG_NOTICE, "Sending works again");
	default:
		return false;
	}
}

void vrouter_tell(struct engine *engine, struct vrouter *vr, enum vr_state before, enum vr_cause cause,
		  const struct xcarp_record *advert, uint64_t now_ns)
{
	bool is_told = cause != CAUSE_NONE && log_cause(engine, vr, cause, advert, now_ns);

	/* Notices may come with every advert; transitions are all written down. */
	if (is_told || vr->election.state != before)
		vrouter_journal(engine, vr, before, cause, advert, now_ns);
}

void vrouter_log_state(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	static const enum log_reason about[] = {
		[INIT] = ABOUT_INIT,
		[BACKUP] = ABOUT_BACKUP,
		[MASTER] = ABOUT_MASTER,
	};

	vrouter_log(engine, vr, about[vr->election.state], now_ns, LOG_WARNING, "Switching to state: %s",
		    election_state_name(vr->election.state));
}

void vrouter_log_mac(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	uint8_t mac[FRAME_MAC_LEN];

	vr_options_advert_mac(vr->options, vr->link.mac, mac);
	vrouter_log(engine, vr, ABOUT_MAC, now_ns, LOG_INFO,
		    "Local advertised ethernet address is [%02x:%02x:%02x:%02x:%02x:%02x]", mac[0], mac[1], mac[2], mac[3],
		    mac[4], mac[5]);
}

void vrouter_journal(struct engine *engine, struct vrouter *vr, enum vr_state before, enum vr_cause cause,
		     const struct xcarp_record *advert, uint64_t now_ns)
{
	struct journal_entry entry = {
		.when_ns = now_ns,
		.ifindex = vr->link.ifindex,
		.owner_pid = vr->live->owner_pid,
		.vhid = vr->options->vhid,
		.from = (uint8_t)before,
		.to = (uint8_t)vr->election.state,
		.cause = (uint8_t)cause,
	};

	memcpy(entry.interface, vr->options->interface, sizeof(entry.interface));
	memcpy(entry.group, &vr->options->group, sizeof(entry.group));
	if (advert) {
		entry.ip_version = advert->ip_version;
		entry.advbase = advert->advbase;
		entry.advskew = advert->advskew;
		entry.count = advert->count;
		memcpy(entry.source, advert->source, sizeof(entry.source));
	}
	engine->ports->journal(engine->ports->ctx, vr->index, &entry);
}
