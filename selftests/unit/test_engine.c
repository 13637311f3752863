// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The engine behind ports that write down what they are asked for, in order:
 *
 *	A0 advert of slot 0      G0:10.1.1.252 announcement       U0 D0 scripts
 *	B0 bow-out               +0:10.1.1.252/24 address added   F frames flushed
 *	R ring drained           -0:10.1.1.252/24 removed         0 is the slot
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <syslog.h>

#include "../tap.h"
#include "core/auth.h"
#include "core/heir.h"
#include "random.h"

#define SEED 0x5eed0004u
#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define VRS 3
#define NS_PER_S 1000000000ull
#define S(n) ((n)*NS_PER_S)
#define MS(n) ((n)*1000000ull)
#define SKEW(n) ((n)*NS_PER_S / 256)
#define T0 S(1000)
#define IFINDEX 7
#define NEVER UINT64_MAX
#define QUANTUM_BITS_MAX 26
#define RANDOM_FIRST 0x5000u
#define REALTIME S(1700000000)
#define STEP UINT64_C(65536) /* between two counters of ours, at least */
#define OUR_END 0x27a1u /* of OURS; all counters of ours have it */
#define LAST_OF_OURS (0 - STEP + OUR_END)

#define OURS "10.1.1.2"
#define HIGHER "10.1.1.3" /* loses a tie */
#define LOWER "10.1.1.1"  /* wins a tie */

static const uint8_t own_mac[FRAME_MAC_LEN] = { 0x02, 0x42, 0xac, 0x11, 0x00, 0x02 };

struct world {
	struct ports ports;
	struct engine *engine;
	struct xcarp_owner stats;
	struct vr_options options[VRS];
	struct vip vips[VRS][CARP_VIPS_MAX];
	struct carp_key keys[VRS];
	struct vr_live live[VRS];

	char acts[4096];
	char log[8192]; /* lines, each with its newline */
	unsigned int log_lines;
	const char *log_state; /* of the last line */
	uint8_t log_vhid;
	uint64_t next_random;
	struct replay_run runs[REPLAY_RUNS + 1]; /* what the driver remembers */
	uint64_t realtime_ns; /* stands still unless a test moves it */
	uint8_t advert[FRAME_ADVERT_LEN]; /* the last one sent */
	uint32_t sent_slots[600];	  /* queued, and told of in the flush */
	unsigned int sent_count;
	int send_error;
	int vip_error;		      /* vip_add is refused with it at once */
	uint64_t now_ns;	      /* of the last call, for reports from within */
	struct xcarp_record ring[16]; /* what the next drain finds */
	unsigned int ring_count;
	bool has_vip[VRS]; /* what vip_add and vip_del have made of the first address */
	bool is_kernel_slow; /* the test tells when they are done */
	bool is_counting; /* instead of writing down */
	struct counts {
		uint64_t adverts, additions, announcements;
	} counts;
	char journal[1024]; /* transitions */
	unsigned int refusals_journaled;
	struct xcarp_record duplicate; /* the last one told */
	unsigned int duplicates;
};

__attribute__((format(printf, 2, 3))) static void act(struct world *w, const char *format, ...)
{
	size_t len = strlen(w->acts);
	va_list args;

	if (w->is_counting)
		return;

	va_start(args, format);
	if (len)
		len += (size_t)snprintf(w->acts + len, sizeof(w->acts) - len, " ");
	vsnprintf(w->acts + len, sizeof(w->acts) - len, format, args);
	va_end(args);
}

static uint64_t port_random64(void *ctx)
{
	struct world *w = ctx;

	return w->next_random++;
}

static uint64_t port_realtime_ns(void *ctx)
{
	const struct world *w = ctx;

	return w->realtime_ns;
}

static bool port_heard_runs(void *ctx, uint32_t slot, struct replay_run runs[REPLAY_RUNS + 1])
{
	const struct world *w = ctx;

	(void)slot;
	memcpy(runs, w->runs, sizeof(w->runs));
	return true;
}

static void port_drain(void *ctx, uint64_t now_ns)
{
	struct world *w = ctx;

	act(w, "R");
	for (unsigned int i = 0; i < w->ring_count; i++)
		engine_record(w->engine, &w->ring[i], now_ns);
	w->ring_count = 0;
}

static bool is_bow_out(const uint8_t *frame)
{
	return frame[34 + 5] == CARP_BOW_OUT && frame[34 + 2] == CARP_BOW_OUT;
}

static void port_frame_send(void *ctx, uint32_t slot, uint32_t ifindex, bool is_advert, const uint8_t *frame,
			    size_t len)
{
	struct world *w = ctx;
	char text[INET6_ADDRSTRLEN];
	struct carp_header carp;

	w->counts.adverts += is_advert;
	w->counts.announcements += !is_advert;
	if (ifindex != IFINDEX)
		act(w, "if%u", ifindex);
	if (!is_advert) {
		if (len == FRAME_ARP_LEN)
			inet_ntop(AF_INET, frame + 28, text, sizeof(text));
		else
			inet_ntop(AF_INET6, frame + 62, text, sizeof(text));
		act(w, "G%u:%s", slot, text);
		return;
	}
	memcpy(w->advert, frame, sizeof(w->advert));
	memcpy(&carp, frame + 34, sizeof(carp));
	act(w, "%c%u", is_bow_out(frame) ? 'B' : 'A', slot);
	w->sent_slots[w->sent_count++ % COUNT(w->sent_slots)] = slot;
}

static void port_frame_repeat(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	struct world *w = ctx;

	(void)ifindex;
	act(w, "%ux%zu:vhid%u", count, len, frame[34 + 1]);
}

static void port_frames_flush(void *ctx, uint64_t now_ns)
{
	struct world *w = ctx;

	act(w, "F");
	for (unsigned int i = 0; i < w->sent_count; i++)
		engine_sent(w->engine, w->sent_slots[i], w->send_error, now_ns);
	w->sent_count = 0;
}

static void port_vip_add(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct world *w = ctx;
	char text[VIP_TEXT_LEN];

	if (ifindex != IFINDEX)
		act(w, "if%u", ifindex);
	act(w, "+%u:%s", slot, vip_format(vip, true, text));
	w->counts.additions++;
	if (slot < VRS)
		w->has_vip[slot] = true;
	if (w->vip_error)
		engine_vip_failed(w->engine, slot, vip, w->vip_error, w->now_ns);
	else
		engine_address(w->engine, ifindex, vip, true, w->now_ns);
}

static void port_vip_del(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct world *w = ctx;
	char text[VIP_TEXT_LEN];

	if (ifindex != IFINDEX)
		act(w, "if%u", ifindex);
	act(w, "-%u:%s", slot, vip_format(vip, true, text));
	if (slot < VRS)
		w->has_vip[slot] = false;
	engine_address(w->engine, ifindex, vip, false, w->now_ns);
}

static void port_vips_flush(void *ctx)
{
	struct world *w = ctx;

	if (!w->is_kernel_slow)
		engine_vips_done(w->engine, 0, w->now_ns);
}

static void port_journal(void *ctx, uint32_t index, struct journal_entry *entry)
{
	static const char *const words[] = {
#define X(value, word) #word,
		XCARP_CAUSES(X)
#undef X
	};
	struct world *w = ctx;
	size_t len = strlen(w->journal);

	(void)index;
	w->refusals_journaled += entry->cause >= CAUSE_REFUSED;
	if (entry->from != entry->to)
		snprintf(w->journal + len, sizeof(w->journal) - len, "%s>%s %s;",
			 election_state_name((enum vr_state)entry->from), election_state_name((enum vr_state)entry->to),
			 words[entry->cause]);
}

static void port_duplicate(void *ctx, uint32_t index, const struct xcarp_record *duplicate)
{
	struct world *w = ctx;

	(void)index;
	w->duplicate = *duplicate;
	w->duplicates++;
}

static void port_script_run(void *ctx, uint32_t slot, enum script_kind kind, uint64_t now_ns)
{
	(void)now_ns;
	act(ctx, "%c%u", kind == SCRIPT_UP ? 'U' : 'D', slot);
}

static void port_log(void *ctx, int priority, const struct log_subject *subject, const char *line)
{
	struct world *w = ctx;
	size_t len = strlen(w->log);

	w->log_lines++;
	w->log_state = subject ? subject->state : NULL;
	w->log_vhid = subject ? subject->vhid : 0;
	snprintf(w->log + len, sizeof(w->log) - len, "%d %s\n", priority, line);
}

static void forget(struct world *w)
{
	w->acts[0] = '\0';
	w->log[0] = '\0';
	w->log_lines = 0;
}

/* What the ports were asked for since the last look. */
static const char *acts(struct world *w)
{
	static char text[sizeof(w->acts)];

	memcpy(text, w->acts, sizeof(text));
	w->acts[0] = '\0';
	return text;
}

/* Without the ring's draining and the flushes: when those come is the engine's own business. */
static const char *without_marks(const char *all, char text[4096])
{
	size_t len = 0;

	for (const char *at = all; *at;) {
		size_t word = strcspn(at, " ");

		if (!(word == 1 && (*at == 'R' || *at == 'F'))) {
			if (len)
				text[len++] = ' ';
			memcpy(text + len, at, word);
			len += word;
		}
		at += word + strspn(at + word, " ");
	}
	text[len] = '\0';
	return text;
}

static void is_acts(struct world *w, const char *want, const char *name)
{
	char got_text[4096], want_text[4096];

	is_str(without_marks(acts(w), got_text), without_marks(want, want_text), "%s", name);
}

/* Deadlines are looked at a little early: at their time, or at that rounded down to a power of two. */
static void is_due(const struct world *w, uint64_t want_ns, const char *name)
{
	uint64_t got_ns = engine_deadline(w->engine);
	bool is_rounded = false;

	for (int bits = 0; want_ns != NEVER && bits <= QUANTUM_BITS_MAX; bits++)
		is_rounded |= got_ns == want_ns >> bits << bits;
	ok(got_ns == want_ns || is_rounded, "%s", name);
}

/* The same, with no more than what it was: virtual routers that are due at one time come in no certain order. */
static const char *phases(struct world *w)
{
	static char text[sizeof(w->acts)];
	const char *all = acts(w);
	size_t len = 0;

	for (size_t i = 0; all[i]; i++)
		if (!i || all[i - 1] == ' ')
			text[len++] = all[i];
	text[len] = '\0';
	return text;
}

static const char *lines(struct world *w)
{
	static char text[sizeof(w->log)];

	memcpy(text, w->log, sizeof(text));
	w->log[0] = '\0';
	w->log_lines = 0;
	return text;
}

static uint32_t ipv4(const char *text)
{
	struct in_addr address;

	inet_pton(AF_INET, text, &address);
	return address.s_addr;
}

/* Three alike: vhid 10 with 10.1.1.252/24, 11 with .251, 12 with .250. Options may be changed before world_add(). */
static void world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->next_random = RANDOM_FIRST;
	w->realtime_ns = REALTIME;
	w->ports = (struct ports){
		.ctx = w,
		.random64 = port_random64,
		.realtime_ns = port_realtime_ns,
		.heard_runs = port_heard_runs,
		.drain = port_drain,
		.frame_send = port_frame_send,
		.frames_flush = port_frames_flush,
		.frame_repeat = port_frame_repeat,
		.vip_add = port_vip_add,
		.vip_del = port_vip_del,
		.vips_flush = port_vips_flush,
		.script_run = port_script_run,
		.log = port_log,
		.journal = port_journal,
		.duplicate = port_duplicate,
	};
	w->engine = engine_new(&w->ports, VRS, &w->stats);
	for (uint8_t i = 0; i < VRS; i++) {
		struct vr_options *o = &w->options[i];

		*o = (struct vr_options){
			.interface = "eth0",
			.source = ipv4(OURS),
			.group = ipv4("224.0.0.18"),
			.vhid = (uint8_t)(10 + i),
			.election = { .advbase = 1, .dead_ratio = 3 },
			.vips = w->vips[i],
			.vip_count = 1,
			.manage_vips = true,
		};
		vip_parse(&w->vips[i][0], "10.1.1.252/24");
		w->vips[i][0].address[3] = (uint8_t)(w->vips[i][0].address[3] - i);
		w->live[i].generation = 100u + i;
	}
}

static void world_add(struct world *w, uint32_t slot)
{
	struct vr_options *o = &w->options[slot];

	auth_hmac_key(&w->keys[slot].hmac, (const uint8_t *)"secret", 6, o->vhid, o->vips, o->vip_count);
	engine_add(w->engine, slot, o, &w->keys[slot], &w->live[slot], T0);
}

static void link_is(struct world *w, uint32_t slot, uint32_t ifindex, bool up, uint64_t now_ns)
{
	struct engine_link link = { .ifindex = ifindex, .up = up };

	w->now_ns = now_ns;
	memcpy(link.mac, own_mac, sizeof(own_mac));
	engine_link(w->engine, slot, &link, now_ns);
}

/* What is paced. */
static void finish(struct world *w, uint64_t now_ns)
{
	while (!w->is_kernel_slow && engine_any_busy(w->engine))
		engine_commit(w->engine, now_ns += MS(1));
}

static void commit(struct world *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	do
		engine_commit(w->engine, now_ns);
	while (!engine_deadline(w->engine));
	finish(w, now_ns);
}

/* As the main loop does it. */
static void timers(struct world *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	do {
		engine_timers(w->engine, now_ns);
		engine_commit(w->engine, now_ns);
	} while (engine_deadline(w->engine) <= now_ns);
	finish(w, now_ns);
}

/* All that is due up to then, each at its time. */
static void run_until(struct world *w, uint64_t until_ns)
{
	while (engine_deadline(w->engine) <= until_ns)
		timers(w, engine_deadline(w->engine));
}

/* One virtual router as it is after its interface was found up at T0: BACKUP, nothing logged or asked for. */
static void backup(struct world *w)
{
	world_add(w, 0);
	link_is(w, 0, IFINDEX, true, T0);
	commit(w, T0);
	forget(w);
}

/* Returns when it became master. */
static uint64_t until_master(struct world *w)
{
	uint64_t at_ns;

	do {
		at_ns = engine_deadline(w->engine);
		timers(w, at_ns);
	} while (w->live[0].state != MASTER);
	return at_ns;
}

/* The same, having become master by silence. Returns when that was. */
static uint64_t master(struct world *w)
{
	uint64_t at_ns;

	backup(w);
	at_ns = until_master(w);
	forget(w);
	return at_ns;
}

static struct xcarp_record record(const struct world *w, uint32_t slot, const char *source, uint8_t advbase,
				  uint8_t advskew, uint64_t counter, uint64_t arrival_ns)
{
	struct xcarp_record r = {
		.arrival_ns = arrival_ns,
		.counter = counter,
		.index = slot,
		.generation = slot < VRS ? w->live[slot].generation : 0,
		.abi_version = XCARP_ABI_VERSION,
		.type = RECORD_ADVERT,
		.ip_version = 4,
		.advbase = advbase,
		.advskew = advskew,
	};
	uint32_t address = ipv4(source);

	memcpy(r.source, &address, sizeof(address));
	return r;
}

/* The driver's half of live, as the driver writes it. */
static void write_live(struct world *w, const struct xcarp_record *r)
{
	struct vr_live *live = &w->live[r->index];

	live->interval_256ths = (uint16_t)(r->advbase * 256u + r->advskew);
	live->arrival_ns = r->arrival_ns;
	live->counter = r->counter;
	memcpy(live->source, r->source, sizeof(live->source));
	live->advbase = r->advbase;
	live->advskew = r->advskew;
	live->ip_version = r->ip_version;
	live->accepted++;
}

/* An advert, taken from the ring at now_ns. */
static void hear(struct world *w, const char *source, uint8_t advbase, uint8_t advskew, uint64_t counter,
		 uint64_t arrival_ns, uint64_t now_ns)
{
	struct xcarp_record r = record(w, 0, source, advbase, advskew, counter, arrival_ns);

	write_live(w, &r);
	w->now_ns = now_ns;
	engine_record(w->engine, &r, now_ns);
	engine_commit(w->engine, now_ns);
}

static uint64_t last_counter(const struct world *w)
{
	uint64_t counter = 0;

	for (int i = 0; i < 8; i++)
		counter = counter << 8 | w->advert[34 + 8 + i];
	return counter;
}

static void test_start(void)
{
	struct world w;

	world_make(&w);
	world_add(&w, 0);
	is_str(lines(&w), "", "added: nothing told, as it may come to nothing");
	is_str(w.live[0].interface, "eth0", "  interface in live");
	is_int(w.live[0].vhid * 1000 + w.live[0].own_advbase, 10001, "  vhid and advbase in live");
	is_due(&w, NEVER, "  nothing to wait for without a link");
	link_is(&w, 0, 0, false, T0);
	is_str(lines(&w), "4 Switching to state: INIT (eth0 id 10)\n", "start: told");
	commit(&w, T0);
	is_acts(&w, "", "  nothing to do while there is no interface");
	link_is(&w, 0, IFINDEX, false, T0);
	commit(&w, T0);
	is_acts(&w, "F -0:10.1.1.252/24 F D0", "an interface without a carrier: addresses off, down script");
	is_int(w.live[0].state, INIT, "  still INIT");
	is_int(w.live[0].ifindex, IFINDEX, "  ifindex in live");
	ok(strstr(lines(&w), "6 Local advertised ethernet address is [00:00:5e:00:00:0a] (eth0 id 10)\n"), "  and its MAC told");
	link_is(&w, 0, IFINDEX, true, T0 + 5);
	commit(&w, T0 + 5);
	is_acts(&w, "", "the carrier: nothing is sent");
	is_str(lines(&w), "4 Switching to state: BACKUP (eth0 id 10)\n", "  told");
	is_int(w.live[0].state, BACKUP, "  state in live");
	is_u64(w.live[0].since_ns, T0 + 5, "  since when");
	is_u64(w.live[0].transitions, 1, "  transitions");
	is_due(&w, T0 + 5 + S(3), "  and the down time runs");
	timers(&w, T0 + 5 + S(3) - 1);
	is_acts(&w, "", "a nanosecond early: nothing, not even the ring");
	timers(&w, T0 + 5 + S(3));
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F",
	       "master: advert, address, announcement, script");
	is_str(lines(&w), "4 No master: no advert heard (eth0 id 10)\n4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
	is_int(w.live[0].state, MASTER, "  state in live");
	is_u64(w.live[0].adverts_sent, 1, "  adverts in live");
	engine_status(w.engine, 0);
	is_str(lines(&w), "6 MASTER on eth0 id 10\n", "  status in ucarp's words");
	timers(&w, T0 + 5 + S(4));
	is_acts(&w, "R A0 F F", "the next advert");
	timers(&w, T0 + 5 + S(5));
	is_acts(&w, "R A0 F G0:10.1.1.252 F", "the one after, and the announcement again");
	timers(&w, T0 + 5 + S(6));
	is_acts(&w, "R A0 F F", "and then adverts only");
	commit(&w, T0 + 5 + S(6));
	is_acts(&w, "", "a commit with nothing to do asks for nothing");
	engine_free(w.engine);
}

static void test_neutral(void)
{
	struct world w;

	world_make(&w);
	w.options[0].election.neutral = true;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, true, T0);
	commit(&w, T0);
	is_acts(&w, "F -0:10.1.1.252/24 F", "neutral: no down script at start");
	link_is(&w, 0, IFINDEX, false, T0);
	link_is(&w, 0, IFINDEX, true, T0);
	commit(&w, T0);
	is_acts(&w, "", "a link that comes back is no start");
	engine_free(w.engine);
}

/* What goes out is signed, from where and to whom the options say. */
/* The first counter of ours that is not below. */
static uint64_t ours_from(uint64_t at_least)
{
	uint64_t steps = at_least / STEP;

	return (at_least % STEP > OUR_END ? steps + 1 : steps) * STEP + OUR_END;
}

static void test_frames(void)
{
	struct world w;
	uint8_t want[FRAME_ADVERT_LEN];
	struct frame_advert advert;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].election.advskew = 77;
	at_ns = master(&w);
	advert = (struct frame_advert){
		.source = ipv4(OURS),
		.group = ipv4("224.0.0.18"),
		.ip_id = RANDOM_FIRST, /* the first random number */
		.vhid = 10,
		.advbase = 1,
		.advskew = 77,
		.counter = ours_from(REALTIME),
	};
	frame_ucarp_mac(advert.source_mac, 10);
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "an advert");
	run_until(&w, at_ns + S(2));
	advert.ip_id++;
	advert.counter += STEP;
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "the next: another IP id, another counter");
	engine_stop(w.engine, 0, at_ns + S(2));
	commit(&w, at_ns + S(2));
	advert.ip_id++;
	advert.counter += STEP;
	advert.advbase = advert.advskew = 255;
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "a bow-out");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].broadcast = true;
	w.options[0].advert_mac = ADVERT_MAC_REAL;
	w.options[0].group = ipv4("239.1.2.3");
	master(&w);
	is_mem(w.advert, "\xff\xff\xff\xff\xff\xff", 6, "-M: to everybody");
	is_mem(w.advert + 6, own_mac, 6, "--advert-mac=real: from the interface's own");
	is_mem(w.advert + 30, &w.options[0].group, 4, "--mcastip: to that group");
	engine_free(w.engine);
}

static void test_withdrawn(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	engine_link_withdrawn(w.engine, 0, at_ns);
	is_acts(&w, "B0 F -0:10.1.1.252/24 F D0", "an interface that cannot be used any more: left cleanly, at once");
	is_int(w.live[0].state, INIT, "  INIT");
	is_int(w.live[0].ifindex, 0, "  without an interface");
	is_due(&w, NEVER, "  no timer runs");
	link_is(&w, 0, IFINDEX, true, at_ns + S(2));
	commit(&w, at_ns + S(2));
	is_int(w.live[0].state, BACKUP, "  and all goes on when it can be used again");
	is_acts(&w, "F -0:10.1.1.252/24 F", "  without an address that somebody put there meanwhile");
	link_is(&w, 0, IFINDEX, false, at_ns + S(2));
	link_is(&w, 0, IFINDEX, true, at_ns + S(2));
	commit(&w, at_ns + S(2));
	is_acts(&w, "", "  once");
	engine_free(w.engine);
}

static void test_vip_on_backup(void)
{
	struct world w;
	struct vip vip;

	world_make(&w);
	backup(&w);
	forget(&w);
	vip = w.options[0].vips[0];
	engine_address(w.engine, IFINDEX, &vip, true, T0 + S(1));
	timers(&w, T0 + S(1));
	is_acts(&w, "R F -0:10.1.1.252/24 F", "an address of ours on a backup: taken off");
	ok(strstr(w.log, "10.1.1.252/24 is there though we are BACKUP: taking it off"), "  told");
	engine_address(w.engine, IFINDEX, &vip, false, T0 + S(1));
	timers(&w, T0 + S(1) + MS(200));
	is_acts(&w, "", "  once it is gone there is nothing to do");
	vip.prefix_len = 25;
	engine_address(w.engine, IFINDEX, &vip, true, T0 + S(2) + MS(500));
	timers(&w, T0 + S(2) + MS(600));
	is_acts(&w, "", "with another length: nothing is done");
	ok(strstr(w.log, "10.1.1.252/25 is there though we are BACKUP, with another length than ours"), "  but told");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	link_is(&w, 0, IFINDEX, false, T0);
	commit(&w, T0);
	forget(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, T0 + S(1));
	link_is(&w, 0, IFINDEX, true, T0 + S(1));
	timers(&w, T0 + S(1));
	is_acts(&w, "R F -0:10.1.1.252/24 F", "one that came just before the link did: taken off");
	engine_free(w.engine);
}

static void test_reassertion(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	for (unsigned int i = 0; i < 5; i++)
		hear(&w, HIGHER, 2, 0, 1, at_ns + MS(100 * i), at_ns + MS(100 * i));
	commit(&w, at_ns + MS(400));
	is_acts(&w, "A0 F G0:10.1.1.252 F", "five worse adverts in half a second: one advert and announcement");
	hear(&w, HIGHER, 2, 0, 1, at_ns + S(1), at_ns + S(1));
	commit(&w, at_ns + S(1));
	is_acts(&w, "A0 F G0:10.1.1.252 F", "  another after a second");
	engine_free(w.engine);
}

static void test_fillers(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].wake_ucarp = true;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, true, T0);
	commit(&w, T0);
	at_ns = T0 + S(3);
	timers(&w, at_ns);
	forget(&w);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "B0 F -0:10.1.1.252/24 180x1514:vhid0 F", "a bow-out is pushed through ucarp's buffer");
	engine_free(w.engine);
}

static void test_new_mac(void)
{
	struct engine_link link = { .ifindex = IFINDEX, .up = true, .mac = { 0x02, 1, 2, 3, 4, 5 } };
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	engine_link(w.engine, 0, &link, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "F G0:10.1.1.252 F", "a master's interface has a new MAC address: announced");
	engine_link(w.engine, 0, &link, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "", "  once");
	engine_free(w.engine);
}

static void test_advert_mac(void)
{
	static const struct {
		enum advert_mac kind;
		const char *want;
	} cases[] = {
		{ ADVERT_MAC_UCARP, "00:00:5e:00:00:0a" },
		{ ADVERT_MAC_BSD, "00:00:5e:00:01:0a" },
		{ ADVERT_MAC_REAL, "02:42:ac:11:00:02" },
		{ ADVERT_MAC_GIVEN, "02:00:5e:10:00:01" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world w;
		char text[32], line[128];

		world_make(&w);
		w.options[0].advert_mac = (uint8_t)cases[i].kind;
		memcpy(w.options[0].given_mac, "\x02\x00\x5e\x10\x00\x01", FRAME_MAC_LEN);
		world_add(&w, 0);
		link_is(&w, 0, IFINDEX, true, T0);
		snprintf(line, sizeof(line), "6 Local advertised ethernet address is [%s] (eth0 id 10)\n", cases[i].want);
		ok(strstr(w.log, line), "%s: told", cases[i].want);
		run_until(&w, T0 + S(4));
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", w.advert[6], w.advert[7], w.advert[8], w.advert[9],
			 w.advert[10], w.advert[11]);
		is_str(text, cases[i].want, "  adverts come from it");
		engine_free(w.engine);
	}
}

static void test_counters(void)
{
	struct xcarp_record r;
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	is_u64(last_counter(&w), ours_from(REALTIME), "a counter is the time of day, with an end of our own");
	is_u64(w.live[0].sent_counter, ours_from(REALTIME), "  which the driver knows");
	is_u64(w.live[0].sent_ns, at_ns, "  and when it was sent");
	w.realtime_ns = REALTIME + S(1);
	run_until(&w, at_ns + S(1));
	is_u64(last_counter(&w), ours_from(REALTIME + S(1)), "  each time");
	w.realtime_ns = REALTIME - S(3600);
	run_until(&w, at_ns + S(2));
	is_u64(last_counter(&w), ours_from(REALTIME + S(1)) + STEP, "a clock that goes back: it counts up");
	hear(&w, HIGHER, 2, 0, 41, at_ns + S(2), at_ns + S(2));
	run_until(&w, at_ns + S(3));
	is_u64(last_counter(&w), ours_from(REALTIME + S(1)) + 3 * STEP, "a lower one was heard: no matter");
	hear(&w, HIGHER, 2, 0, UINT64_MAX - 1, at_ns + S(3), at_ns + S(3));
	run_until(&w, at_ns + S(3) + MS(999));
	is_u64(last_counter(&w), ours_from(REALTIME + S(1)) + 4 * STEP, "one far above the time of day was: no matter");
	w.options[0].replay = REPLAY_STRICT;
	hear(&w, HIGHER, 2, 0, LAST_OF_OURS - 1, at_ns + S(3) + MS(999), at_ns + S(3) + MS(999));
	run_until(&w, at_ns + S(4));
	is_u64(last_counter(&w), LAST_OF_OURS, "strict: it counts up from that, to the last number there is");
	w.realtime_ns = REALTIME + S(5);
	run_until(&w, at_ns + S(5));
	is_u64(last_counter(&w), ours_from(REALTIME + S(5)), "  after which it begins anew");
	hear(&w, LOWER, 0, 255, REALTIME + S(9), at_ns + S(5), at_ns + S(5));
	is_int(w.live[0].state, BACKUP, "yielding");
	is_u64(last_counter(&w), ours_from(REALTIME + S(9)), "  with a number above the winner's");
	w.runs[1].high = REALTIME + S(60);
	run_until(&w, at_ns + S(8));
	is_u64(last_counter(&w), ours_from(REALTIME + S(60)), "master again: above all that the driver remembers, too");
	engine_free(w.engine);

	/* A backup's ring has no record of adverts that are no news. */
	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, REALTIME + S(9), T0 + S(1));
	write_live(&w, &r);
	engine_command(w.engine, 0, w.live[0].generation, COMMAND_PROMOTE, T0 + S(1));
	commit(&w, T0 + S(1));
	is_u64(last_counter(&w), ours_from(REALTIME + S(9)), "promoted: above what the driver has heard since");
	r.counter = UINT64_MAX / 2;
	write_live(&w, &r);
	engine_command(w.engine, 0, w.live[0].generation, COMMAND_RELEASE, T0 + S(1));
	commit(&w, T0 + S(1));
	is_u64(last_counter(&w), ours_from(REALTIME + S(9)) + STEP, "  but not where that is far above the time of day");
	engine_free(w.engine);
}

static void test_adverts(void)
{
	struct world w;
	struct xcarp_record r;
	uint64_t at_ns;

	world_make(&w);
	backup(&w);
	hear(&w, HIGHER, 1, 0, 1, T0 + S(1), T0 + S(2));
	is_acts(&w, "", "backup hears a master: nothing to do");
	is_due(&w, T0 + S(4), "  the down time runs from the arrival");
	hear(&w, HIGHER, 255, 255, 2, T0 + S(2), T0 + S(2));
	is_acts(&w, "A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "bow-out: master at once");
	is_str(lines(&w),
	       "5 Master leaves on purpose: 10.1.1.3 bowed out (eth0 id 10)\n"
	       "4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
	hear(&w, HIGHER, 1, 0, 3, T0 + S(4), T0 + S(4));
	is_acts(&w, "A0 F G0:10.1.1.252 F", "a tie with a higher source: an advert, announced");
	is_str(lines(&w),
	       "4 Non-preferred master advertising: reasserting control of VIP with another gratuitous arp: "
	       "10.1.1.3 advertises every 1.000 s, we every 1.000 s (eth0 id 10)\n",
	       "  told");
	hear(&w, LOWER, 1, 0, 4, T0 + S(4), T0 + S(4));
	is_acts(&w, "-0:10.1.1.252/24 F D0", "a tie with a lower source: no advert, addresses off, down script");
	is_str(lines(&w),
	       "5 Preferred master advertised: going back to BACKUP state: 10.1.1.1 advertises every 1.000 s, we every 1.000 s "
	       "(eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "  told");
	is_due(&w, T0 + S(7) + MS(125), "  and the down time runs, with a head start for the winner");
	at_ns = T0 + S(7);
	timers(&w, at_ns + MS(250));
	is_str(lines(&w),
	       "4 Master is silent: last advert 3.250 s ago (eth0 id 10)\n4 Switching to state: MASTER (eth0 id 10)\n",
	       "silence told");
	engine_free(w.engine);

	/* In one turn: the answer to the first would make the second yield as well, if that is a BSD. */
	world_make(&w);
	master(&w);
	(void)acts(&w);
	r = record(&w, 0, HIGHER, 1, 1, 5, T0 + S(4));
	write_live(&w, &r);
	engine_record(w.engine, &r, T0 + S(4));
	r = record(&w, 0, LOWER, 1, 0, 6, T0 + S(4) + 1);
	write_live(&w, &r);
	engine_record(w.engine, &r, T0 + S(4) + 1);
	commit(&w, T0 + S(4) + 1);
	is_acts(&w, "F -0:10.1.1.252/24 F D0", "a worse one, then a tie with a lower source: no advert either");
	engine_free(w.engine);

	/* Two queues told a master's adverts in the wrong order. */
	world_make(&w);
	at_ns = master(&w);
	r = record(&w, 0, HIGHER, 2, 0, 1, at_ns + S(2));
	engine_record(w.engine, &r, at_ns + S(2));
	r.arrival_ns -= MS(700);
	engine_record(w.engine, &r, at_ns + S(2));
	link_is(&w, 0, IFINDEX, false, at_ns + S(2));
	link_is(&w, 0, IFINDEX, true, at_ns + S(2));
	timers(&w, at_ns + S(5));
	ok(strstr(w.log, "last advert 3.000 s ago"), "the newest arrival is remembered, not the last one told");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.preempt = true;
	w.options[0].election.advskew = 10;
	backup(&w);
	hear(&w, HIGHER, 1, 10, 1, T0 + S(1), T0 + S(1));
	is_acts(&w, "", "pre-emption: an equal one stays");
	hear(&w, HIGHER, 1, 138, 1, T0 + S(2), T0 + S(2));
	is_acts(&w, "A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "  a worse one does not");
	is_str(lines(&w),
	       "5 Putting MASTER down - preemption: 10.1.1.3 advertises every 1.539 s, we every 1.039 s (eth0 id 10)\n"
	       "4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
	forget(&w);
	hear(&w, HIGHER, 1, 138, 2, T0 + S(2) + MS(1), T0 + S(2) + MS(1));
	is_str(w.log, "", "  its last advert, as it yields, is no news");
	is_str(w.journal, "INIT>BACKUP link_up;BACKUP>MASTER preemption;", "  nor in the journal");
	hear(&w, HIGHER, 1, 138, 3, T0 + S(3) + MS(539), T0 + S(3) + MS(539));
	ok(strstr(w.log, "4 Non-preferred master advertising"), "  the next one is");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.preempt = true;
	backup(&w);
	hear(&w, HIGHER, 1, 138, 1, T0 + S(2), T0 + S(2));
	hear(&w, "10.1.1.5", 1, 138, 2, T0 + S(2) + MS(1), T0 + S(2) + MS(1));
	ok(strstr(w.log, "Non-preferred master advertising"), "  nor is that of another host");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	hear(&w, HIGHER, 4, 0, 1, T0 + S(2), T0 + S(2));
	ok(strstr(lines(&w),
		  "4 Putting MASTER DOWN (going to time out): 10.1.1.3 advertises too rarely (eth0 id 10)\n"),
	   "a master that is too slow, told");
	engine_free(w.engine);
}

static void test_bad_records(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 255, 255, 1, T0 + S(1));
	r.generation++;
	engine_record(w.engine, &r, T0 + S(1));
	r = record(&w, 1, HIGHER, 255, 255, 1, T0 + S(1));
	engine_record(w.engine, &r, T0 + S(1));
	r = record(&w, UINT32_MAX, HIGHER, 255, 255, 1, T0 + S(1));
	engine_record(w.engine, &r, T0 + S(1));
	commit(&w, T0 + S(1));
	is_int(w.live[0].state, BACKUP, "records of another generation or slot are ignored");
	is_str(lines(&w), "", "  silently");
	engine_free(w.engine);
}

/* In each stage of a roll-out what it says is sent; the next one begins with the next advert. */
static void test_strong_adverts(void)
{
	static const uint8_t versions[AUTH_MODE_COUNT] = { 0x21, 0x21, 0x41, 0x41 };
	struct world w;
	struct vr_options options;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	for (uint8_t auth = 0; auth < AUTH_MODE_COUNT; auth++) {
		options = w.options[0];
		options.auth = auth;
		w.options[1] = options;
		engine_update(w.engine, 0, &w.options[1], &w.keys[0], at_ns);
		at_ns += S(1);
		run_until(&w, at_ns);
		is_int(w.advert[34], versions[auth], "mode %u: version and type", auth);
		is_int(w.live[0].auth, auth, "  as live has it");
	}
	engine_free(w.engine);
}

/* A VRRP router of our id: told once, and no reason for anything. */
static void test_vrrp(void)
{
	static const struct {
		enum advert_mac kind;
		const char *want;
	} cases[] = {
		{ ADVERT_MAC_UCARP, "5 VRRP router 10.1.1.3 has our id: it does not understand CARP, and is not heard as a master (eth0 id 10)\n" },
		{ ADVERT_MAC_BSD, "4 VRRP router 10.1.1.3 has our id, and our adverts come from VRRP's MAC address: switches send us its "
				  "traffic - Use --advert-mac=ucarp, or another id (eth0 id 10)\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct xcarp_record r;
		struct world w;

		world_make(&w);
		w.options[0].advert_mac = (uint8_t)cases[i].kind;
		backup(&w);
		r = record(&w, 0, HIGHER, 0, 0, 1, T0 + S(1));
		r.type = RECORD_NOTICE;
		r.reason = PASS_VRRP;
		r.count = 500;
		lines(&w);
		engine_record(w.engine, &r, T0 + S(1));
		is_str(lines(&w), cases[i].want, "a VRRP router of our id is told");
		is_mem(w.live[0].vrrp_source, "\x0a\x01\x01\x03", 4, "  with its address in live");
		is_due(&w, T0 + S(3), "  it is no master");
		engine_record(w.engine, &r, T0 + S(2) + MS(500));
		is_str(lines(&w), "", "  and told once");
		engine_free(w.engine);
	}
}

static void test_notices(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 1, T0 + S(1));
	r.type = RECORD_NOTICE;
	r.reason = DROP_BAD_HMAC;
	r.count = 17;
	engine_record(w.engine, &r, T0 + S(1));
	is_str(lines(&w),
	       "4 Bad digest - adverts refused: 17, the last from 10.1.1.3 (bad_hmac) - Check vhid, password and virtual IP address "
	       "(eth0 id 10)\n",
	       "a notice is told");
	is_int((int)w.refusals_journaled, 1, "  and written down");
	is_due(&w, T0 + S(3), "  and is no sign of life");
	r.reason = DROP_REPLAYED;
	engine_record(w.engine, &r, T0 + S(1) + MS(500));
	is_str(lines(&w), "", "another reason in the same second: not yet");
	timers(&w, T0 + S(2));
	is_str(lines(&w), "4 Old adverts refused: 17, the last from 10.1.1.3 (replayed) (eth0 id 10)\n", "  but when that is over");
	for (unsigned int i = 0; i < 57; i++) {
		r.reason = i % 2 ? DROP_REPLAYED : DROP_BAD_HMAC;
		r.count = 1;
		engine_record(w.engine, &r, T0 + S(3 + i));
	}
	is_str(lines(&w), "", "both go on: nothing more within a minute");
	timers(&w, T0 + S(61));
	ok(strstr(lines(&w), "4 Adverts refused: 57 more in 1 min, the last from 10.1.1.3 (bad_hmac, replayed) (eth0 id 10)\n"),
	   "  and then how many there were");
	r.reason = DROP_UNKNOWN_KEY;
	engine_record(w.engine, &r, T0 + S(70));
	is_str(lines(&w),
	       "4 Unknown key - adverts refused: 1, the last from 10.1.1.3 (unknown_key) - Its key must be in our --keyfile, or both "
	       "must do without (eth0 id 10)\n",
	       "a reason that is new has its line at once");
	r.reason = DROP_NOT_ENABLED;
	engine_record(w.engine, &r, T0 + S(70) + MS(1));
	engine_tell_rest(w.engine);
	is_str(lines(&w), "4 Adverts refused: 1 more since the last lines about them\n", "the end: what is left is told");
	engine_free(w.engine);
}

/* So many lines come of a notice a second, for so long; nth() says who it is of, and why. */
static unsigned int lines_of(uint64_t seconds, void (*nth)(struct xcarp_record *notice, uint64_t n), uint32_t *told)
{
	static struct world w;
	unsigned int count;

	world_make(&w);
	backup(&w);
	link_is(&w, 0, IFINDEX, false, T0);
	run_until(&w, T0 + S(2));
	w.log_lines = 0;
	for (uint64_t n = 0; n < seconds; n++) {
		struct xcarp_record r = record(&w, 0, HIGHER, 1, 0, 1, T0 + S(3 + n));

		r.type = RECORD_NOTICE;
		r.count = 1;
		nth(&r, n);
		engine_record(w.engine, &r, T0 + S(3 + n));
		engine_timers(w.engine, T0 + S(3 + n) + MS(900));
		*w.log = '\0';
		if (n == 59)
			*told = w.log_lines;
	}
	count = w.log_lines;
	engine_free(w.engine);
	return count;
}

static void one_peer(struct xcarp_record *notice, uint64_t n)
{
	(void)n;
	notice->reason = DROP_BAD_HMAC;
}

static void twenty_peers(struct xcarp_record *notice, uint64_t n)
{
	notice->source[3] = (uint8_t)(100 + n % 20);
	notice->reason = n / 20 % 2 ? DROP_REPLAYED : DROP_BAD_HMAC;
}

static void forged_peers(struct xcarp_record *notice, uint64_t n)
{
	memcpy(notice->source + 1, &n, 3);
	notice->reason = (uint8_t)(XCARP_REFUSAL_FIRST + n % XCARP_REFUSAL_COUNT);
}

static void test_refusals_back_off(void)
{
	const uint64_t day = 86400;
	uint32_t in_a_minute;

	is_int((int)lines_of(day, one_peer, &in_a_minute), 26, "a peer refused once a second, all day: lines at once, after 1, 10 "
							       "and 60 min, and every hour");
	is_int((int)in_a_minute, 1, "  one at first");
	is_int((int)lines_of(day, twenty_peers, &in_a_minute), 20 * 27, "twenty of them, for two reasons: the same of each");
	is_int((int)in_a_minute, 40, "  each has its own line at once, and for each reason");
	ok(lines_of(day, forged_peers, &in_a_minute) < 1000, "forged sources, another one each second: hundreds, not 86,400");
	ok(in_a_minute < 60, "  from the first minute on");
}

/* A peer that is refused now and then has a line now and then, and one that was quiet for an hour begins anew. */
static void test_refusals_are_forgotten(void)
{
	struct world w;
	struct xcarp_record r;
	uint64_t at_ns = T0 + S(1);

	world_make(&w);
	backup(&w);
	link_is(&w, 0, IFINDEX, false, T0);
	forget(&w);
	r = record(&w, 0, HIGHER, 1, 0, 1, at_ns);
	r.type = RECORD_NOTICE;
	r.reason = DROP_BAD_HMAC;
	r.count = 1;
	for (int i = 0; i < 3; i++, at_ns += S(120))
		engine_record(w.engine, &r, at_ns);
	is_int((int)w.log_lines, 2, "one every two minutes: the second line with the second, the third not with the third");
	run_until(&w, at_ns + S(4000));
	w.log_lines = 0;
	forget(&w);
	engine_record(w.engine, &r, at_ns + S(4001));
	ok(strstr(w.log, "Bad digest - adverts refused: 1, "), "after an hour of peace it is told as new");
	engine_record(w.engine, &r, at_ns + S(4002));
	engine_remove(w.engine, 0);
	w.log_lines = 0;
	run_until(&w, at_ns + S(9000));
	is_int((int)w.log_lines, 0, "a virtual router that ends takes it along");
	engine_free(w.engine);
}

static struct xcarp_record duplicate(const struct world *w, uint64_t arrival_ns)
{
	static const uint8_t mac[8] = { 0, 0, 0x02, 0, 0, 0, 0, 0x07 };
	struct xcarp_record r = record(w, 0, "10.1.1.252", 0, 0, 0, arrival_ns);

	r.type = RECORD_DUPLICATE;
	r.count = 1;
	memcpy(&r.counter, mac, sizeof(r.counter));
	return r;
}

static void test_duplicates(void)
{
	struct world w;
	struct xcarp_record r;
	uint64_t at_ns;

	world_make(&w);
	backup(&w);
	r = duplicate(&w, T0 + S(1));
	engine_record(w.engine, &r, T0 + S(1));
	is_str(lines(&w), "", "a backup has nothing against a master who announces its addresses");
	at_ns = until_master(&w);
	forget(&w);
	r = duplicate(&w, at_ns + S(1));
	engine_record(w.engine, &r, at_ns + S(1));
	is_str(lines(&w),
	       "4 10.1.1.252: another host has it, too: 02:00:00:00:00:07 has announced it (duplicate_address) - Take it off that "
	       "host (eth0 id 10)\n",
	       "a master has");
	is_int((int)w.duplicates, 1, "  for whoever asks, too");
	for (uint64_t i = 2; i < 60; i++) {
		r = duplicate(&w, at_ns + S(i));
		engine_record(w.engine, &r, at_ns + S(i));
	}
	is_str(lines(&w), "", "  once at first");
	is_int((int)w.duplicates, 59, "  while who asks knows of each");
	run_until(&w, at_ns + S(61));
	ok(strstr(lines(&w), "announced 58 times more in 1 min"), "  and after a minute again");
	hear(&w, HIGHER, 1, 200, 1, at_ns + S(62), at_ns + S(62));
	forget(&w);
	r = duplicate(&w, at_ns + S(63));
	r.source[3]--;
	engine_record(w.engine, &r, at_ns + S(63));
	is_str(lines(&w), "", "from another master, who is told as such and gives way: nothing");
	r = duplicate(&w, at_ns + S(66));
	r.source[3]--;
	engine_record(w.engine, &r, at_ns + S(66));
	ok(strstr(lines(&w), "10.1.1.251: another host has it, too"), "  but when that should be over");
	engine_free(w.engine);
}

/* The ring holds an advert that arrived in time; the controller only looks when the timer is over. */
static void test_drain_first(void)
{
	struct world w;

	world_make(&w);
	backup(&w);
	w.ring[0] = record(&w, 0, HIGHER, 1, 0, 1, T0 + S(2));
	w.ring_count = 1;
	write_live(&w, &w.ring[0]);
	timers(&w, T0 + S(3) + 1);
	is_acts(&w, "R", "an advert found in the ring when the timer is over: no promotion");
	is_int(w.live[0].state, BACKUP, "  still backup");
	is_due(&w, T0 + S(5), "  and waits from the arrival");
	engine_free(w.engine);
}

static void test_look_at_live(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	w.realtime_ns = 1;
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 77, T0 + S(2));
	write_live(&w, &r);
	timers(&w, T0 + S(3));
	is_acts(&w, "R", "a record was lost but live has the advert: no promotion");
	is_due(&w, T0 + S(5), "  and waits from its arrival");
	engine_record(w.engine, &r, T0 + S(4));
	is_due(&w, T0 + S(5), "the record of it, late after all, changes nothing");
	timers(&w, T0 + S(5));
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "the same advert does not count twice");
	is_u64(last_counter(&w), ours_from(78), "  its counter did");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 255, 255, 77, T0 + S(2));
	write_live(&w, &r);
	timers(&w, T0 + S(3));
	is_int(w.live[0].state, MASTER, "a bow-out found in live");
	ok(strstr(w.log, "10.1.1.3 bowed out"), "  is told as such");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	w.live[0].accepted |= LIVE_WRITING;
	timers(&w, T0 + S(3));
	is_int(w.live[0].state, BACKUP, "an advert is just being written down: no promotion");
	is_due(&w, T0 + S(6), "  for a down time");
	w.live[0].accepted &= ~LIVE_WRITING;
	timers(&w, T0 + S(6));
	is_int(w.live[0].state, MASTER, "  then there is");
	engine_free(w.engine);
}

/*
 * The controller was stopped. Meanwhile a worse master advertised, then a better one took over; the ring has all of
 * it, and by the first of them a backup with --preempt would promote itself.
 */
static void test_late_controller(void)
{
	struct world w;
	uint64_t now_ns = T0 + S(2);

	world_make(&w);
	w.options[0].election.preempt = true;
	w.options[0].election.advskew = 50;
	backup(&w);
	w.ring[0] = record(&w, 0, HIGHER, 1, 100, 1, now_ns - MS(800));
	w.ring[1] = record(&w, 0, LOWER, 1, 0, 2, now_ns - MS(400));
	w.ring[2] = record(&w, 0, LOWER, 1, 0, 3, now_ns - MS(100));
	write_live(&w, &w.ring[2]);
	for (unsigned int i = 0; i < 3; i++)
		engine_record(w.engine, &w.ring[i], now_ns);
	commit(&w, now_ns);
	is_acts(&w, "", "an old advert of a worse master, overtaken by a better one's: no promotion");
	is_due(&w, now_ns - MS(100) + S(3) + SKEW(50), "  the newest counts");
	hear(&w, HIGHER, 1, 100, 4, now_ns, now_ns);
	is_int(w.live[0].state, MASTER, "a new one of a worse master counts");
	engine_free(w.engine);

	/* Late by more than the down time. */
	world_make(&w);
	backup(&w);
	for (unsigned int i = 0; i < 10; i++)
		w.ring[i] = record(&w, 0, HIGHER, 1, 0, i, T0 + S(i + 1));
	w.ring_count = 10;
	write_live(&w, &w.ring[9]);
	timers(&w, T0 + S(11));
	is_acts(&w, "R", "ten seconds late, but the master was never silent");
	is_due(&w, T0 + S(13), "  and has until then");
	engine_free(w.engine);

	/* The bow-out in the ring is old: somebody else has taken over since. */
	world_make(&w);
	backup(&w);
	w.ring[0] = record(&w, 0, HIGHER, 255, 255, 1, T0 + S(1));
	w.ring[1] = record(&w, 0, LOWER, 1, 0, 2, T0 + S(1) + MS(3));
	w.ring_count = 2;
	write_live(&w, &w.ring[1]);
	timers(&w, T0 + S(3));
	is_acts(&w, "R", "an old bow-out, and a new master since: no promotion");
	engine_free(w.engine);
}

static void test_links(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, IFINDEX, false, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "F -0:10.1.1.252/24 F D0", "link lost: addresses off, down script, nothing sent");
	is_str(lines(&w), "4 eth0: link lost (eth0 id 10)\n4 Switching to state: INIT (eth0 id 10)\n", "  told");
	is_due(&w, NEVER, "  no timer runs");
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	is_int(w.live[0].state, INIT, "  nobody is heard");
	at_ns += S(2);
	link_is(&w, 0, IFINDEX, true, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "", "link back: nothing");
	is_int(w.live[0].state, BACKUP, "  backup");
	is_due(&w, at_ns + S(3), "  with a whole down time");
	link_is(&w, 0, IFINDEX, true, at_ns + S(1));
	is_due(&w, at_ns + S(3), "the same once more changes nothing");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 0, false, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "F F D0", "interface gone: down script, nothing else");
	is_str(lines(&w), "4 eth0: interface gone (eth0 id 10)\n4 Switching to state: INIT (eth0 id 10)\n",
	       "  told");
	is_int(w.live[0].ifindex, 0, "  ifindex in live");
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "", "  leaving then asks for nothing");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 0, false, at_ns);
	commit(&w, at_ns);
	forget(&w);
	link_is(&w, 0, IFINDEX, true, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "", "an interface of that name again: no second start");
	timers(&w, at_ns + S(3));
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "  and all resumes");
	engine_free(w.engine);

	/* Gone and back before anybody looked. */
	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 99, true, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "F F D0", "another interface in one step: down script, nothing on either of them");
	is_int(w.live[0].state, BACKUP, "  backup there");
	is_int(w.live[0].ifindex, 99, "  ifindex in live");
	timers(&w, at_ns + S(3));
	is_acts(&w, "R if99 A0 F if99 +0:10.1.1.252/24 U0 if99 G0:10.1.1.252 F", "  and all goes on there");
	engine_free(w.engine);

	/* What was on the old one is not on the new one: an address that is refused there is missing. */
	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 99, true, at_ns);
	w.vip_error = -EPERM;
	timers(&w, at_ns + S(3));
	forget(&w);
	timers(&w, at_ns + S(4));
	ok(strstr(acts(&w), "+0"), "another interface: an address refused there is tried again");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].ignore_link_state = true;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, false, T0);
	is_int(w.live[0].state, BACKUP, "-S: backup without a carrier");
	timers(&w, T0 + S(3));
	link_is(&w, 0, IFINDEX, false, T0 + S(3));
	is_int(w.live[0].state, MASTER, "  master too");
	link_is(&w, 0, 0, false, T0 + S(4));
	is_int(w.live[0].state, INIT, "  but not without an interface");
	engine_free(w.engine);
}

static void test_stop(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "B0 F -0:10.1.1.252/24 F", "a master stops: bow-out, addresses off");
	is_int(w.live[0].state, INIT, "  INIT in live");
	is_due(&w, NEVER, "  no timer runs");
	link_is(&w, 0, IFINDEX, false, at_ns);
	link_is(&w, 0, IFINDEX, true, at_ns);
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "", "  and nothing starts it again");
	is_int(w.live[0].state, INIT, "  it stays in INIT");
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns + S(1));
	run_until(&w, at_ns + S(2));
	is_acts(&w, "", "  and leaves its address to who has it now");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.script_at_exit = true;
	at_ns = master(&w);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "B0 F -0:10.1.1.252/24 F D0", "-z: the down script too");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.script_at_exit = true;
	backup(&w);
	engine_stop(w.engine, 0, T0);
	commit(&w, T0);
	is_acts(&w, "", "a backup stops: nothing");
	engine_free(w.engine);

	/* Decided but not carried out yet: a promotion, then the end. */
	world_make(&w);
	backup(&w);
	w.now_ns = T0 + S(3);
	engine_timers(w.engine, T0 + S(3));
	is_acts(&w, "R", "a promotion is decided");
	engine_stop(w.engine, 0, T0 + S(3));
	commit(&w, T0 + S(3));
	is_acts(&w, "A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F B0 F -0:10.1.1.252/24 F",
	       "  and carried out before the next decision is");
	engine_free(w.engine);
}

static void test_demote(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_acts(&w, "B0 F -0:10.1.1.252/24 F D0", "demoted: bow-out, addresses off, down script");
	is_str(lines(&w),
	       "4 Demoted: staying out for 3 s, then backup as usual (eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "  told");
	is_due(&w, at_ns + S(3), "held for three seconds");
	timers(&w, at_ns + S(3));
	is_acts(&w, "R", "  then backup");
	is_due(&w, at_ns + S(6), "  with a whole down time");
	timers(&w, at_ns + S(6));
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "  and master again");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	engine_demote(w.engine, 0, T0 + S(1));
	commit(&w, T0 + S(1));
	is_acts(&w, "", "a backup cannot be demoted");
	is_str(lines(&w), "5 Not master: nothing to demote (eth0 id 10)\n", "  told");
	is_due(&w, T0 + S(3), "  and goes on as before");
	engine_free(w.engine);
}

/* What is heard during the hold counts when it is over, if it is the newest. */
static void test_hold(void)
{
	struct world w;
	struct xcarp_record r;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	forget(&w);
	r = record(&w, 0, HIGHER, 255, 255, 1, at_ns + S(1));
	write_live(&w, &r);
	engine_record(w.engine, &r, at_ns + S(1));
	is_acts(&w, "", "held: a bow-out moves nothing");
	is_due(&w, at_ns + S(3), "  and does not shorten it");
	timers(&w, at_ns + S(3));
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "  after the hold it does: master at once");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	hear(&w, HIGHER, 255, 255, 1, at_ns + S(1), at_ns + S(1));
	hear(&w, HIGHER, 1, 0, 2, at_ns + S(2), at_ns + S(2));
	forget(&w);
	timers(&w, at_ns + S(3));
	is_acts(&w, "R", "held: somebody has become master since the bow-out");
	is_due(&w, at_ns + S(6), "  and has a whole down time");
	engine_free(w.engine);

	/* The advert before the demotion was for a master; after the hold it is no news. */
	world_make(&w);
	at_ns = master(&w);
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	forget(&w);
	timers(&w, at_ns + S(3));
	is_acts(&w, "R", "held: a bow-out from before it is not taken again");
	engine_free(w.engine);

	/* live is ahead of the ring. */
	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	r = record(&w, 0, HIGHER, 255, 255, 1, at_ns + S(2));
	write_live(&w, &r);
	timers(&w, at_ns + S(3));
	is_int(w.live[0].state, MASTER, "held: a bow-out in live whose record is still to come");
	forget(&w);
	engine_record(w.engine, &r, at_ns + S(3));
	commit(&w, at_ns + S(3));
	is_acts(&w, "", "  it is not taken twice");
	engine_free(w.engine);
}

/* One line a second for one reason; the others are counted, and told when the second is over. */
static void test_log_limits(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 1, T0);
	r.type = RECORD_NOTICE;
	r.reason = ACCEPTED;
	r.count = 1;
	hear(&w, HIGHER, 1, 0, 1, T0 + S(2), T0 + S(2));
	for (unsigned int i = 0; i < 5; i++)
		engine_record(w.engine, &r, T0 + S(2) + MS(i * 100));
	is_int(w.log_lines, 1, "five notices in a second, one line");
	is_due(&w, T0 + S(3), "  and a look when the second is over");
	forget(&w);
	timers(&w, T0 + S(3));
	is_str(lines(&w), "4 Adverts of one counter: 4 more in the last second; now BACKUP (eth0 id 10)\n",
	       "  tells how many were held back");
	is_acts(&w, "R", "  and does nothing else");
	is_due(&w, T0 + S(5), "  the election's deadline stands");
	engine_record(w.engine, &r, T0 + S(3) + MS(500));
	is_str(lines(&w), "", "that line counts as one: the next second is closed too");
	engine_record(w.engine, &r, T0 + S(4));
	forget(&w);
	timers(&w, T0 + S(4));
	is_str(lines(&w), "", "told already with the next line, or still to be told; not twice at one time");
	engine_free(w.engine);

	/* Reasons do not close one another out. */
	world_make(&w);
	backup(&w);
	engine_record(w.engine, &r, T0 + S(1));
	hear(&w, HIGHER, 255, 255, 1, T0 + S(1), T0 + S(1));
	is_int(w.log_lines, 3, "a notice, a cause and a state in one moment: three lines");
	is_str(w.log_state, "MASTER", "  the last of which has the state for a field of its own");
	is_int(w.log_vhid, 10, "  and says whose");
	/* Masters changing several times a second. */
	forget(&w);
	for (unsigned int i = 0; i < 3; i++) {
		hear(&w, LOWER, 1, 0, 1, T0 + S(1) + MS(10 + 20 * i), T0 + S(1) + MS(10 + 20 * i));
		hear(&w, HIGHER, 255, 255, 1, T0 + S(1) + MS(20 + 20 * i), T0 + S(1) + MS(20 + 20 * i));
	}
	is_str(lines(&w),
	       "5 Preferred master advertised: going back to BACKUP state: 10.1.1.1 advertises every 1.000 s, we every 1.000 s "
	       "(eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "six switches in a second: one line a reason");
	timers(&w, T0 + S(2));
	is_str(lines(&w),
	       "4 Switching to state: MASTER: entered 3 times more in the last second; now MASTER (eth0 id 10)\n"
	       "4 Master leaves on purpose: 3 more in the last second; now MASTER (eth0 id 10)\n",
	       "  and the counts after it");
	engine_free(w.engine);
}

/* The held-back count is told before another line for that reason is let through. */
static void test_log_in_between(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 1, T0);
	r.type = RECORD_NOTICE;
	r.reason = ACCEPTED;
	r.count = 1;
	engine_record(w.engine, &r, T0 + S(1));
	engine_record(w.engine, &r, T0 + S(1) + MS(1));
	forget(&w);
	/* The controller is late: the next notice is taken before the timer. */
	engine_record(w.engine, &r, T0 + S(2) + MS(500));
	run_until(&w, T0 + S(9));
	ok(strstr(w.log, "Adverts of one counter: 1 more"),
	   "a count is not forgotten where the next line comes first");
	engine_free(w.engine);
}

static void test_debug(void)
{
	struct world w;

	world_make(&w);
	w.ports.debug = true;
	w.realtime_ns = 1;
	backup(&w);
	hear(&w, HIGHER, 1, 0, 0x1234, T0 + S(1), T0 + S(1));
	is_str(lines(&w),
	       "7 advert from 10.1.1.3: vhid 10 advbase 1 advskew 0 demote 0 counter 0000000000001234, BACKUP\n",
	       "-D tells each advert heard");
	timers(&w, T0 + S(4));
	ok(strstr(lines(&w), "7 sending an advert on eth0: vhid 10 advbase 1 advskew 0 counter 00000000000027a1\n"),
	   "  and sent");
	engine_free(w.engine);
}

static void test_sending_fails(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	is_u64(w.live[0].adverts_sent, 1, "an advert sent is counted");
	w.send_error = -ENETDOWN;
	run_until(&w, at_ns + S(1));
	is_str(lines(&w), "4 eth0: cannot send an advert: Network is down (eth0 id 10)\n",
	       "one that failed is told");
	is_u64(w.live[0].adverts_sent, 1, "  and not counted");
	is_int(w.live[0].state, MASTER, "  and costs nobody the state");
	run_until(&w, at_ns + S(3));
	ok(strstr(lines(&w),
		  "3 Sending failed three times: advertising skew 240 until three adverts were sent (eth0 id 10)\n"),
	   "three in a row are told");
	run_until(&w, at_ns + S(5));
	is_int(w.advert[34 + 2], 240, "  and the skew goes up");
	w.send_error = 0;
	forget(&w);
	for (at_ns = engine_deadline(w.engine); !strstr(w.log, "Sending works again"); at_ns = engine_deadline(w.engine))
		timers(&w, at_ns);
	ok(at_ns % S(1) > S(1) - MS(3), "three that went out: the next advert after the short interval");
	run_until(&w, at_ns);
	is_int(w.advert[34 + 2], 0, "  with the skew as before");
	ok(strstr(lines(&w), "5 Sending works again (eth0 id 10)\n"), "  told");
	engine_free(w.engine);

	/* Many a second: what matters is told, whatever else is held back. */
	world_make(&w);
	w.options[0].election.advbase = 0;
	w.options[0].election.advskew = 1;
	at_ns = master(&w);
	w.send_error = -ENOBUFS;
	run_until(&w, at_ns + MS(500));
	ok(strstr(w.log, "Sending failed three times"), "fast adverts: three failures within a second are told");
	engine_free(w.engine);
}

/* The kernel says that it has sent what it drops. */
static void test_no_carrier(void)
{
	struct engine_link link = { .ifindex = IFINDEX, .up = true };
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].ignore_link_state = true;
	at_ns = master(&w);
	memcpy(link.mac, own_mac, sizeof(own_mac));
	link.up = false;
	link.lacks_carrier = true;
	engine_link(w.engine, 0, &link, at_ns);
	forget(&w);
	run_until(&w, at_ns + S(2));
	is_u64(w.live[0].adverts_sent, 1, "no carrier: no advert counts as sent");
	is_u64(w.live[0].adverts_unsent, 2, "  each as lost");
	is_str(lines(&w), "4 eth0: cannot send adverts: no carrier (eth0 id 10)\n", "  told once");
	is_int(w.live[0].state, MASTER, "  and it stays MASTER");
	link.up = true;
	link.lacks_carrier = false;
	forget(&w);
	engine_link(w.engine, 0, &link, at_ns + S(2));
	timers(&w, at_ns + S(2));
	ok(strstr(w.acts, "G0:"), "the carrier is back: its addresses are announced");
	run_until(&w, at_ns + S(4));
	ok(w.live[0].adverts_sent > 1, "  and adverts count again");
	engine_free(w.engine);
}

/* The host's own address comes to a network that has ours. */
static void test_own_address(void)
{
	struct world w;
	struct vip own;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w) + MS(300);
	vip_parse(&own, OURS "/24");
	engine_own_address(w.engine, IFINDEX, &own, false, at_ns);
	is_acts(&w, "-0:10.1.1.252/24 +0:10.1.1.252/24", "the host's own address comes second: they change places");
	is_str(lines(&w), "5 " OURS "/24, the host's own, came after 10.1.1.252/24: they change places (eth0 id 10)\n", "  told");
	timers(&w, at_ns);
	is_acts(&w, "", "  and nothing more");

	own.prefix_len = 25;
	engine_own_address(w.engine, IFINDEX, &own, false, at_ns);
	vip_parse(&own, OURS "/24");
	engine_own_address(w.engine, IFINDEX + 1, &own, false, at_ns);
	is_acts(&w, "", "another network or interface: they stay");
	vip_parse(&own, "192.0.2.1/25");
	engine_own_address(w.engine, IFINDEX, &own, true, at_ns);
	is_acts(&w, "-0:10.1.1.252/24 +0:10.1.1.252/24", "the first of the host's own on the interface, of any network: they change");
	vip_parse(&own, OURS "/24");

	w.is_kernel_slow = true;
	engine_own_address(w.engine, IFINDEX, &own, false, at_ns);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns + MS(200));
	timers(&w, at_ns + MS(200));
	is_acts(&w, "-0:10.1.1.252/24 +0:10.1.1.252/24", "the kernel is long between the two: nothing is put back");
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns + MS(250));
	engine_vips_done(w.engine, MS(250), at_ns + MS(250));
	timers(&w, at_ns + MS(300));
	is_acts(&w, "", "  nor after it");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	vip_parse(&own, OURS "/24");
	engine_own_address(w.engine, IFINDEX, &own, false, T0);
	is_acts(&w, "", "a backup has none to move");
	engine_free(w.engine);
}

static void test_vip_removed(void)
{
	struct world w;
	struct vip vip, other;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w) + MS(300);
	vip = w.options[0].vips[0];
	engine_address(w.engine, IFINDEX, &vip, false, at_ns);
	is_due(&w, at_ns, "address removed by somebody: to be put back at once");
	timers(&w, at_ns);
	is_acts(&w, "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  put back and announced, no advert, no script");
	is_str(lines(&w), "4 10.1.1.252/24 was removed by somebody else: putting it back (eth0 id 10)\n", "  told");
	engine_address(w.engine, IFINDEX, &vip, false, at_ns + MS(10));
	is_due(&w, at_ns + MS(100), "removed again: with a pause");
	timers(&w, at_ns + MS(10));
	is_acts(&w, "", "  not before");
	timers(&w, at_ns + MS(100));
	is_acts(&w, "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  but then");
	is_str(lines(&w), "", "  and not told twice in a second");

	at_ns += S(2);
	run_until(&w, at_ns);
	forget(&w);
	engine_address(w.engine, IFINDEX, &vip, false, at_ns);
	engine_address(w.engine, IFINDEX, &vip, true, at_ns);
	timers(&w, at_ns);
	is_str(strstr(acts(&w), "+0"), NULL, "told as gone and as there in one breath: nothing to put back");

	other = vip;
	other.address[3]++;
	engine_address(w.engine, IFINDEX, &other, false, at_ns);
	other = vip;
	other.prefix_len--;
	engine_address(w.engine, IFINDEX, &other, false, at_ns);
	engine_address(w.engine, IFINDEX + 1, &vip, false, at_ns);
	timers(&w, at_ns);
	is_str(strstr(acts(&w), "+0"), NULL, "another address, length or interface is not ours");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, T0);
	is_due(&w, T0 + S(3), "a backup misses no address");
	is_str(lines(&w), "", "  and has nothing to say of one that somebody takes away");
	engine_vip_removed(w.engine, 0, &w.options[0].vips[0], T0);
	ok(strstr(lines(&w), "4 10.1.1.252/24 was there at the start: taken off (eth0 id 10)\n"),
	   "  but of one that it has taken off itself");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	forget(&w);
	engine_vip_removed(w.engine, 0, &w.options[0].vips[0], at_ns);
	ok(!strstr(lines(&w), "at the start"), "  who was master had put it there");
	engine_free(w.engine);

	/* Gone, and before it is put back somebody else is master. */
	world_make(&w);
	at_ns = master(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns);
	hear(&w, LOWER, 1, 0, 1, at_ns, at_ns);
	forget(&w);
	timers(&w, at_ns + MS(100));
	is_acts(&w, "", "no longer master: nothing is put back");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].manage_vips = false;
	at_ns = master(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns);
	is_due(&w, at_ns + S(1), "--no-vip: nor is it there");
	engine_free(w.engine);
}

static void test_several_vips(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].vip_count = 3;
	vip_parse(&w.vips[0][1], "10.1.1.5/32");
	vip_parse(&w.vips[0][2], "2001:db8::10/64");
	backup(&w);
	at_ns = until_master(&w);
	is_acts(&w,
	       "R A0 F +0:10.1.1.252/24 +0:10.1.1.5/32 +0:2001:db8::10/64 "
	       "U0 G0:10.1.1.252 G0:10.1.1.5 G0:2001:db8::10 F",
	       "three addresses, in the order given, and then their announcements");
	forget(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[2], false, at_ns);
	timers(&w, at_ns);
	is_str(lines(&w), "4 2001:db8::10/64 was removed by somebody else: putting it back (eth0 id 10)\n",
	       "the missing one is named");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].vip_count = CARP_VIPS_MAX;
	for (uint8_t i = 0; i < CARP_VIPS_MAX; i++) {
		vip_parse(&w.vips[0][i], "10.1.2.1/32");
		w.vips[0][i].address[3] = (uint8_t)(i + 1);
	}
	at_ns = master(&w);
	engine_resync_begin(w.engine);
	for (uint8_t i = 0; i < CARP_VIPS_MAX; i++)
		engine_address(w.engine, IFINDEX, &w.options[0].vips[i], true, at_ns);
	engine_resync_end(w.engine, at_ns);
	is_due(&w, at_ns + S(1), "32 addresses, all of them there");
	engine_address(w.engine, IFINDEX, &w.options[0].vips[31], false, at_ns);
	timers(&w, at_ns);
	ok(strstr(lines(&w), "4 10.1.2.32/32 was removed"), "  the last of them missing");
	engine_free(w.engine);
}

static void test_resync(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	engine_resync_begin(w.engine);
	engine_resync_end(w.engine, at_ns);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns);
	timers(&w, at_ns + MS(100));
	ok(!strstr(acts(&w), "+0"), "resync: what was added meanwhile is told after it");
	engine_resync_begin(w.engine);
	engine_resync_end(w.engine, at_ns + MS(200));
	timers(&w, at_ns + MS(299));
	ok(!strstr(acts(&w), "+0"), "  so that is waited for");
	timers(&w, at_ns + MS(300));
	is_acts(&w, "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  what is not told then is gone, and put back");
	engine_resync_begin(w.engine);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns + MS(500));
	engine_resync_end(w.engine, at_ns + MS(500));
	is_due(&w, at_ns + S(1), "resync: what is told is there");
	engine_free(w.engine);
}

/* Of another length it is another address to the kernel, and the same to everybody else. */
static void test_vip_other_length(void)
{
	struct world w;
	struct vip other;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	other = w.options[0].vips[0];
	other.prefix_len = 32;
	engine_address(w.engine, IFINDEX, &other, true, at_ns);
	is_str(lines(&w), "", "an address of another length is a master's own business");
	engine_demote(w.engine, 0, at_ns);
	ok(strstr(lines(&w), "4 10.1.1.252 is there though we are BACKUP, with another length than ours"),
	   "  until it is no longer master");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	engine_address(w.engine, IFINDEX, &other, true, at_ns);
	engine_address(w.engine, IFINDEX, &other, false, at_ns);
	engine_demote(w.engine, 0, at_ns);
	ok(!strstr(lines(&w), "another length"), "  nor then, if it has gone before");
	engine_free(w.engine);
}

static void test_interface_gone(void)
{
	struct world w;

	world_make(&w);
	backup(&w);
	link_is(&w, 0, IFINDEX, false, T0);
	ok(strstr(lines(&w), "4 eth0: link lost (eth0 id 10)\n"), "the link goes first");
	link_is(&w, 0, 0, false, T0);
	ok(strstr(lines(&w), "4 eth0: interface gone (eth0 id 10)\n"), "  and then the interface");
	link_is(&w, 0, 0, false, T0 + S(2));
	ok(!strstr(lines(&w), "gone"), "  once");
	engine_free(w.engine);
}

static unsigned int adverts_until(struct world *w, uint64_t at_ns)
{
	unsigned int count = 0;

	forget(w);
	run_until(w, at_ns);
	for (const char *at = acts(w); (at = strstr(at, "A0")); at++)
		count++;
	return count;
}

/* A master whose adverts may be lost in a flood sends more of them. */
static void test_flood(void)
{
	struct world w;
	struct xcarp_record r = { .type = RECORD_NOTICE, .reason = DROP_BAD_HMAC, .ip_version = 4 };
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	r.generation = w.live[0].generation;
	r.count = 199;
	engine_record(w.engine, &r, at_ns);
	is_int(adverts_until(&w, at_ns + S(3)), 3, "a master of one advert a second, and some forged ones: three in three seconds");
	at_ns += S(3);
	r.count = 200;
	engine_record(w.engine, &r, at_ns);
	is_int(adverts_until(&w, at_ns + S(3) + MS(100)), 7, "a flood: the next one when it is due, and then three a second");
	is_int(adverts_until(&w, at_ns + S(8) + MS(100)), 6, "the flood is over: after one more, one a second again");
	engine_free(w.engine);
}

static void test_tell_rest(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	engine_demote(w.engine, 0, at_ns);
	engine_command(w.engine, 0, w.live[0].generation, COMMAND_PROMOTE, at_ns);
	is_int(w.live[0].state, MASTER, "MASTER twice in a second");
	ok(!strstr(lines(&w), "state: MASTER"), "  the second time is held back");
	engine_tell_rest(w.engine);
	ok(strstr(lines(&w), "Switching to state: MASTER: entered 1 time more in the last second; now MASTER"), "  and told at the end");
	is_str((engine_tell_rest(w.engine), lines(&w)), "", "  once");
	engine_free(w.engine);
}

static void test_vip_refused(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	backup(&w);
	w.vip_error = -EPERM;
	at_ns = until_master(&w);
	is_acts(&w, "R A0 F +0:10.1.1.252/24 U0 G0:10.1.1.252 F", "the kernel refuses the address");
	ok(strstr(lines(&w),
		  "3 eth0: cannot add 10.1.1.252/24: Operation not permitted; trying again every second (eth0 id 10)\n"),
	   "  told");
	is_int(w.live[0].state, MASTER, "  master all the same");
	timers(&w, at_ns + S(1) - MS(2));
	is_acts(&w, "", "  not tried at once");
	run_until(&w, at_ns + S(1));
	ok(strstr(acts(&w), "+0:10.1.1.252/24 G0:10.1.1.252"), "  tried again a second later");
	run_until(&w, at_ns + S(10) + MS(1));
	is_str(lines(&w), "", "  and again, and told no more");
	forget(&w);
	w.vip_error = 0;
	run_until(&w, at_ns + S(11));
	ok(strstr(acts(&w), "+0"), "  until it is there");
	run_until(&w, at_ns + S(20));
	is_str(strstr(acts(&w), "+0"), NULL, "  and then no more");
	w.vip_error = -EACCES;
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns + S(20));
	run_until(&w, at_ns + S(20) + MS(100));
	ok(strstr(w.log, "was removed by somebody else") && strstr(w.log, "Permission denied"),
	   "another time it is told again");
	engine_free(w.engine);

	/* The answer comes when we are master no more. */
	world_make(&w);
	at_ns = master(&w);
	hear(&w, LOWER, 1, 0, 1, at_ns, at_ns);
	forget(&w);
	engine_vip_failed(w.engine, 0, &w.options[0].vips[0], -EPERM, at_ns);
	is_str(lines(&w), "", "refused, but nobody wants it any more");
	is_due(&w, at_ns + S(3) + MS(125), "  and no timer runs for it");
	engine_free(w.engine);
}

static void test_no_vip(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].manage_vips = false;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, true, T0);
	commit(&w, T0);
	is_acts(&w, "F F D0", "--no-vip: no address is touched at start");
	at_ns = until_master(&w);
	is_acts(&w, "R A0 F U0 G0:10.1.1.252 F", "  or as master");
	hear(&w, LOWER, 0, 255, 1, at_ns, at_ns);
	is_acts(&w, "A0 F F D0", "  or after");
	engine_free(w.engine);
}

/* Phase by phase over all of them: no one waits for another's addresses to tell the world. */
static void test_several_vrs(void)
{
	struct world w;

	world_make(&w);
	for (uint32_t slot = 0; slot < VRS; slot++) {
		world_add(&w, slot);
		link_is(&w, slot, IFINDEX, true, T0);
	}
	commit(&w, T0);
	forget(&w);
	timers(&w, T0 + S(3));
	is_str(phases(&w), "RAAAF+++UUUGGGF",
	       "three masters at once: all adverts, all addresses, all announcements, all scripts");
	is_int(w.live[0].state + w.live[1].state + w.live[2].state, 3 * MASTER, "  all in live");
	hear(&w, LOWER, 0, 255, 1, T0 + S(3), T0 + S(3));
	is_acts(&w, "A0 F -0:10.1.1.252/24 F D0", "one yields, the others do not");
	engine_address(w.engine, IFINDEX, &w.options[2].vips[0], false, T0 + S(3));
	timers(&w, T0 + S(3));
	is_acts(&w, "R F +2:10.1.1.250/24 G2:10.1.1.250 F", "one misses its address, the others do not");
	timers(&w, T0 + S(4));
	is_str(phases(&w), "RAAF", "one round for all that is due");
	for (uint32_t slot = 0; slot < VRS; slot++)
		engine_stop(w.engine, slot, T0 + S(4));
	commit(&w, T0 + S(4));
	is_acts(&w, "B1 B2 F -1:10.1.1.251/24 -2:10.1.1.250/24 F", "all stop: bow-outs first");
	is_due(&w, NEVER, "  and nothing is left to do");
	engine_free(w.engine);
}

/* 256 adverts a second, and a controller that stops for half a second in between. */
static void test_fast(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].election.advbase = 0;
	w.options[0].election.advskew = 1;
	at_ns = master(&w);
	w.live[0].adverts_sent = 0;
	run_until(&w, at_ns + S(1));
	is_u64(w.live[0].adverts_sent, 256, "advskew 1, advbase 0: adverts in a second");
	timers(&w, at_ns + MS(1500));
	timers(&w, at_ns + MS(1500));
	is_u64(w.live[0].adverts_sent, 257, "after a stall there is one, not 128");
	is_due(&w, at_ns + MS(1500) + SKEW(1), "  and the next follows after an interval");
	engine_free(w.engine);
}

/* Whatever happens, and in whatever order. */
static void random_event(struct world *w, uint64_t *seed, uint64_t now_ns)
{
	static const char *const peers[] = { HIGHER, LOWER };
	uint32_t slot = random_below(seed, VRS);
	struct xcarp_record r;

	w->now_ns = now_ns;
	switch (random_below(seed, 16)) {
	case 0:
		link_is(w, slot, IFINDEX, random_below(seed, 2), now_ns);
		break;
	case 1:
		link_is(w, slot, IFINDEX, true, now_ns);
		break;
	case 2:
		if (random_below(seed, 4))
			break;
		link_is(w, slot, 0, false, now_ns);
		if (slot < VRS)
		w->has_vip[slot] = false;
		break;
	case 3:
		engine_demote(w->engine, slot, now_ns);
		break;
	case 4:
		engine_address(w->engine, IFINDEX, &w->options[slot].vips[0], random_below(seed, 2), now_ns);
		break;
	case 5:
		engine_resync_begin(w->engine);
		engine_resync_end(w->engine, now_ns);
		break;
	case 6:
		w->send_error = random_below(seed, 2) ? -ENOBUFS : 0;
		w->vip_error = random_below(seed, 4) ? 0 : -EPERM;
		break;
	default:
		r = record(w, slot, peers[random_below(seed, 2)], (uint8_t)random_below(seed, 3),
			   (uint8_t)random_below(seed, 256), random_next(seed),
			   now_ns - random_below(seed, 1000000));
		if (!random_below(seed, 5))
			r.advbase = r.advskew = CARP_BOW_OUT;
		if (!random_below(seed, 5)) {
			r.type = RECORD_NOTICE;
			r.reason = DROP_BAD_HMAC;
		}
		if (r.arrival_ns > w->live[slot].arrival_ns && r.type == RECORD_ADVERT)
			write_live(w, &r);
		if (random_below(seed, 8))
			engine_record(w->engine, &r, now_ns);
	}
}

/* ucarp's words come with a reason each; no two lines that begin alike are for one reason within a second. */
static unsigned int lines_too_soon(struct world *w, uint64_t now_ns)
{
	static struct {
		char start[40];
		uint64_t at_ns;
	} seen[VRS][64];
	unsigned int wrong = 0;
	char *rest = w->log, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		const char *id = strstr(line, "(eth0 id "), *start = line;
		char *more = strstr(line, " more in the last second");
		size_t i = 0, slot;

		if (!id)
			continue;
		/* Whatever their number. */
		while (more && *more != ':')
			more--;
		if (more)
			*more = '\0';
		slot = (size_t)(atoi(id + strlen("(eth0 id ")) - 10);
		while (i < COUNT(seen[slot]) && *seen[slot][i].start && strncmp(seen[slot][i].start, start, 39))
			i++;
		if (i == COUNT(seen[slot]))
			continue;
		if (*seen[slot][i].start && now_ns - seen[slot][i].at_ns < NS_PER_S) {
			diag("%.3f s after one like it: %s", (double)(now_ns - seen[slot][i].at_ns) / NS_PER_S,
			     line);
			wrong++;
		}
		snprintf(seen[slot][i].start, sizeof(seen[slot][i].start), "%s", start);
		seen[slot][i].at_ns = now_ns;
	}
	forget(w);
	return wrong;
}

static void test_random(void)
{
	uint64_t seed = SEED, now_ns = T0;
	unsigned int wrong_vips = 0, overdue = 0, too_soon = 0, masters = 0;
	struct world w;

	world_make(&w);
	for (uint32_t slot = 0; slot < VRS; slot++) {
		w.options[slot].election.advskew = (uint8_t)(slot * 60);
		w.options[slot].election.preempt = slot == 1;
		world_add(&w, slot);
	}
	forget(&w);
	for (int i = 0; i < 100000; i++) {
		now_ns += random_below(&seed, 8) ? random_below(&seed, 100000000) : random_below(&seed, 1000000000);
		if (random_below(&seed, 3))
			random_event(&w, &seed, now_ns);
		if (random_below(&seed, 3))
			timers(&w, now_ns);
		commit(&w, now_ns);
		for (uint32_t slot = 0; slot < VRS; slot++) {
			masters += w.live[slot].state == MASTER;
			wrong_vips += w.has_vip[slot] != (w.live[slot].state == MASTER);
		}
		too_soon += lines_too_soon(&w, now_ns);
		timers(&w, now_ns);
		overdue += engine_deadline(w.engine) <= now_ns;
		too_soon += lines_too_soon(&w, now_ns);
	}
	is_int(wrong_vips, 0, "100000 random steps, seed %#x: addresses where the masters are, and only there",
	       SEED);
	ok(masters > 10000 && masters < 290000, "  with masters (%u) and without", masters);
	is_int(overdue, 0, "  no deadline is left behind");
	is_int(too_soon, 0, "  no line twice in a second");
	engine_free(w.engine);
}

/* A silent advert: in live alone. */
static void hear_silently(struct world *w, const char *source, uint64_t arrival_ns)
{
	struct xcarp_record r = record(w, 0, source, 1, 0, 7, arrival_ns);

	write_live(w, &r);
}

static void test_silent_adverts(void)
{
	struct world w;
	uint64_t at_ns = T0;

	world_make(&w);
	backup(&w);
	for (unsigned int i = 1; i <= 20; i++) {
		at_ns = T0 + S(i);
		hear_silently(&w, LOWER, at_ns);
		run_until(&w, at_ns + MS(999));
	}
	is_int(w.live[0].state, BACKUP, "adverts that only live knows of keep a backup");
	is_str(w.log, "", "  without a word");
	run_until(&w, at_ns + S(3) - 1);
	is_int(w.live[0].state, BACKUP, "  until the last one's down time is over");
	run_until(&w, at_ns + S(3));
	is_int(w.live[0].state, MASTER, "  to the nanosecond");
	is_u64(w.live[0].since_ns, at_ns + S(3), "  and then it is master");
	engine_free(w.engine);
}

/* Many at once: their addresses come in pieces, their announcements paced, their adverts spread. */

#define MANY 256u

struct crowd {
	struct world w;
	struct vr_options options[MANY];
	struct vip vips[MANY];
	struct vr_live live[MANY];
};

static void crowd_make(struct crowd *crowd)
{
	struct world *w = &crowd->w;

	world_make(w);
	engine_free(w->engine);
	w->engine = engine_new(&w->ports, 1, &w->stats);
	ok(engine_grow(w->engine, MANY), "room for %u", MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		crowd->options[i] = w->options[0];
		crowd->vips[i] = w->vips[0][0];
		crowd->vips[i].address[2] = (uint8_t)i;
		crowd->options[i].vips = &crowd->vips[i];
		crowd->options[i].manage_vips = true;
		memset(&crowd->live[i], 0, sizeof(crowd->live[i]));
		if (engine_add(w->engine, i, &crowd->options[i], &w->keys[0], &crowd->live[i], T0))
			ok(false, "virtual router %u", i);
		link_is(w, i, IFINDEX, true, T0);
	}
	w->is_counting = true;
}

static void test_many(void)
{
	static struct crowd crowd;
	struct world *w = &crowd.w;
	uint64_t now_ns = T0 + S(3), slots[16] = { 0 };
	bool is_even = true;

	crowd_make(&crowd);
	while (engine_any_busy(w->engine))
		engine_commit(w->engine, T0);
	w->counts = (struct counts){ 0 };
	engine_timers(w->engine, now_ns);
	while (engine_deadline(w->engine) <= now_ns && crowd.live[MANY - 1].state != MASTER)
		engine_timers(w->engine, now_ns);
	engine_commit(w->engine, now_ns);
	is_u64(w->counts.adverts, MANY, "all take over at once: an advert of each first");
	ok(w->counts.additions <= 64, "and addresses of some");
	engine_commit(w->engine, now_ns);
	ok(w->counts.announcements <= 32, "and few announcements");
	while (engine_any_busy(w->engine))
		engine_commit(w->engine, now_ns += MS(1));
	is_u64(w->counts.additions, MANY, "in the end all addresses");
	is_u64(w->counts.announcements, MANY, "and all announcements");
	ok(now_ns - (T0 + S(3)) >= MS(MANY / 32 - 2), "spread over some milliseconds");

	run_until(w, T0 + S(10) - 1);
	for (uint64_t at_ns = T0 + S(10); at_ns < T0 + S(11); at_ns += NS_PER_S / 16) {
		w->counts = (struct counts){ 0 };
		run_until(w, at_ns + NS_PER_S / 16 - 1);
		slots[(at_ns - T0 - S(10)) * 16 / NS_PER_S] = w->counts.adverts;
	}
	for (int i = 0; i < 16; i++)
		is_even = is_even && slots[i] >= MANY / 16 - 2 && slots[i] <= MANY / 16 + 2;
	ok(is_even, "their adverts are spread evenly over the interval");
	ok(!w->stats.worst_late_ns || w->stats.late[0] > 0, "lateness is counted");
	engine_free(w->engine);
}

/* Carried out, at last. */
static void kernel_is_done(struct world *w, uint64_t now_ns)
{
	engine_vips_done(w->engine, MS(500), now_ns);
	commit(w, now_ns);
}

/* It is at addresses for as long as somebody else has its lock. */
static void test_slow_kernel(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.is_kernel_slow = true;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, false, T0);
	commit(&w, T0);
	is_acts(&w, "F -0:10.1.1.252/24 F", "a slow kernel: the down script waits for the addresses to be off");
	kernel_is_done(&w, T0);
	is_acts(&w, "D0", "  and follows");

	link_is(&w, 0, IFINDEX, true, T0);
	at_ns = until_master(&w);
	is_acts(&w, "R A0 F +0:10.1.1.252/24 F", "a takeover: the up script and the announcement wait for the addresses");
	ok(engine_is_busy(w.engine, 0) && engine_any_busy(w.engine), "  it is busy");
	is_due(&w, at_ns + S(1), "  but the loop has nothing to do until the next advert");
	timers(&w, at_ns + S(1));
	is_acts(&w, "R A0 F F", "  which goes out");
	hear(&w, HIGHER, 1, 0, 1, at_ns + S(1), at_ns + S(1));
	is_acts(&w, "A0 F F", "  an answer to a worse one is an advert, not announced yet");
	kernel_is_done(&w, at_ns + S(2) - 1);
	is_acts(&w, "U0 G0:10.1.1.252 F", "  then they follow");
	ok(!engine_any_busy(w.engine), "  and it is not busy any more");

	hear(&w, LOWER, 0, 255, 2, at_ns + S(2), at_ns + S(2));
	is_acts(&w, "A0 F -0:10.1.1.252/24 F", "a better one: the addresses go");
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns + S(2));
	timers(&w, at_ns + S(2) + MS(200));
	is_acts(&w, "R F", "  what is told of them meanwhile is nothing to repair");
	hear(&w, HIGHER, 255, 255, 3, at_ns + S(3), at_ns + S(3));
	is_acts(&w, "D0 A0 F", "  master again: after the down script, and the kernel is not asked before it is done");
	hear(&w, LOWER, 0, 255, 4, at_ns + S(3), at_ns + S(3));
	is_acts(&w, "U0 A0 F", "  and backup again: neither");
	kernel_is_done(&w, at_ns + S(4));
	is_acts(&w, "F -0:10.1.1.252/24 F", "  it is asked for what is meant now");
	kernel_is_done(&w, at_ns + S(5));
	is_acts(&w, "D0", "  with its script");
	ok(!engine_any_busy(w.engine), "  and nothing is left");
	engine_free(w.engine);
}

/* What is carried out at once is not more than asking for it. */
static void test_slow_kernel_update(void)
{
	struct vr_options other;
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	backup(&w);
	w.is_kernel_slow = true;
	at_ns = until_master(&w);
	forget(&w);
	other = w.options[0];
	other.election.advskew = 1;
	engine_update(w.engine, 0, &other, &w.keys[0], at_ns + MS(10));
	commit(&w, at_ns + MS(10));
	is_acts(&w, "A0 F F", "an update while the kernel is at its addresses: no script, no announcement");
	kernel_is_done(&w, at_ns + MS(20));
	is_acts(&w, "U0 G0:10.1.1.252 F", "  they follow");
	engine_link_withdrawn(w.engine, 0, at_ns + MS(30));
	is_acts(&w, "B0 F -0:10.1.1.252/24", "its interface is withdrawn: the down script waits");
	kernel_is_done(&w, at_ns + MS(40));
	is_acts(&w, "D0", "  and follows");
	ok(!engine_any_busy(w.engine), "  and nothing is left");
	engine_free(w.engine);

	world_make(&w);
	w.options[1].election.advskew = 100;
	w.options[2].election.advskew = 99;
	backup(&w);
	for (uint32_t i = 1; i <= 2; i++) {
		world_add(&w, i);
		link_is(&w, i, IFINDEX, true, T0);
	}
	commit(&w, T0);
	w.is_kernel_slow = true;
	until_master(&w);
	forget(&w);
	do
		timers(&w, at_ns = engine_deadline(w.engine));
	while (w.live[1].state != MASTER);
	forget(&w);
	other = w.options[1];
	engine_update(w.engine, 1, &other, &w.keys[1], at_ns);
	is_acts(&w, "+1:10.1.1.251/24", "the update of one that stands in line: its turn comes at once");
	kernel_is_done(&w, at_ns);
	is_acts(&w, "U0 U1 +2:10.1.1.250/24 G0:10.1.1.252 G1:10.1.1.251 F",
	       "  and what follows the kernel's answer, too, before the next ones'");
	engine_free(w.engine);
}

static void test_slow_kernel_crowd(void)
{
	static struct crowd crowd;
	struct world *w = &crowd.w;
	uint64_t now_ns = T0 + S(3), asked;

	crowd_make(&crowd);
	finish(w, T0);
	w->is_kernel_slow = true;
	w->counts = (struct counts){ 0 };
	while (crowd.live[MANY - 1].state != MASTER)
		timers(w, now_ns);
	ok(w->counts.additions > 0 && w->counts.additions <= 64, "many take over: the kernel is asked for some");
	asked = w->counts.additions;
	w->counts = (struct counts){ 0 };
	run_until(w, now_ns + S(1));
	ok(w->counts.adverts >= MANY, "  meanwhile each advertises");
	is_u64(w->counts.additions, 0, "  and it is asked for no more before it is done");
	w->counts = (struct counts){ 0 };
	kernel_is_done(w, now_ns + S(1));
	commit(w, now_ns + S(1) + MS(1));
	is_u64(w->counts.announcements, asked, "  then those are announced");
	is_u64(w->counts.additions, asked / 2, "  and it is asked for fewer, as it was slow");
	w->is_kernel_slow = false;
	kernel_is_done(w, now_ns + S(1));
	ok(!engine_any_busy(w->engine), "  until all have theirs");
	engine_free(w->engine);
}

static void test_update(void)
{
	struct world w;
	struct vr_options same, other;
	struct vip vips[2];
	struct carp_key key = { 0 };
	uint8_t want[CARP_MD_LEN];
	struct carp_header carp;
	uint64_t at_ns, since_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	since_ns = w.live[0].since_ns;
	same = other = w.options[0];
	engine_update(w.engine, 0, &same, &w.keys[0], at_ns + MS(10));
	commit(&w, at_ns + MS(10));
	is_acts(&w, "", "the same options: nothing to do");

	vip_parse(&vips[0], "10.1.1.252/24");
	vip_parse(&vips[1], "10.1.1.99/32");
	other.vips = vips;
	other.vip_count = 2;
	auth_hmac_key(&key.hmac, (const uint8_t *)"other", 5, other.vhid, vips, 2);
	w.options[1] = other;
	engine_update(w.engine, 0, &w.options[1], &key, at_ns + MS(20));
	commit(&w, at_ns + MS(20));
	is_acts(&w, "+0:10.1.1.252/24 +0:10.1.1.99/32 G0:10.1.1.252 G0:10.1.1.99", "an address more: added, announced");
	run_until(&w, at_ns + S(1));
	memcpy(&carp, w.advert + 34, sizeof(carp));
	auth_hmac(&key.hmac, (uint64_t)ntohl(carp.counter[0]) << 32 | ntohl(carp.counter[1]), want);
	is_mem(carp.md, want, sizeof(want), "  adverts are signed with the new key");
	forget(&w);

	other.vips = &vips[1];
	other.vip_count = 1;
	engine_update(w.engine, 0, &other, &key, at_ns + S(1) + MS(20));
	commit(&w, at_ns + S(1) + MS(20));
	is_acts(&w, "-0:10.1.1.252/24", "an address less: removed");
	vips[0] = vips[1];
	vips[0].prefix_len = 24;
	w.options[1] = other;
	w.options[1].vips = &vips[0];
	engine_update(w.engine, 0, &w.options[1], &key, at_ns + S(1) + MS(22));
	commit(&w, at_ns + S(1) + MS(22));
	is_acts(&w, "-0:10.1.1.99/32 +0:10.1.1.99/24 G0:10.1.1.99", "another length: not both");
	w.options[2] = other;
	w.options[2].manage_vips = false;
	engine_update(w.engine, 0, &w.options[2], &key, at_ns + S(1) + MS(24));
	commit(&w, at_ns + S(1) + MS(24));
	is_acts(&w, "-0:10.1.1.99/24", "--no-vip, and another address: nobody else would remove the old one");
	engine_update(w.engine, 0, &other, &key, at_ns + S(1) + MS(26));
	commit(&w, at_ns + S(1) + MS(26));
	is_acts(&w, "+0:10.1.1.99/32 G0:10.1.1.99", "without --no-vip again: added");
	engine_update(w.engine, 0, &w.options[2], &key, at_ns + S(1) + MS(27));
	commit(&w, at_ns + S(1) + MS(27));
	is_acts(&w, "", "--no-vip alone: left to the scripts as it is");
	engine_update(w.engine, 0, &other, &key, at_ns + S(1) + MS(28));
	commit(&w, at_ns + S(1) + MS(28));
	forget(&w);
	is_u64(w.live[0].since_ns, since_ns, "master all the time");

	w.options[2] = other;
	w.options[2].election.advbase = 0;
	w.options[2].election.advskew = 64;
	engine_update(w.engine, 0, &w.options[2], &key, at_ns + S(1) + MS(30));
	commit(&w, at_ns + S(1) + MS(30));
	is_acts(&w, "A0", "a shorter interval: told at once");
	run_until(&w, at_ns + S(1) + MS(30) + MS(260));
	is_acts(&w, "A0 G0:10.1.1.99", "  and kept; and what the take-over promised");
	is_int(w.live[0].own_advskew, 64, "  in live");
	engine_stop(w.engine, 0, at_ns + S(2));
	commit(&w, at_ns + S(2));
	is_acts(&w, "B0 -0:10.1.1.99/32", "stopped: what it has now is taken off");
	ok(!engine_is_busy(w.engine, 0), "  and it may be removed");
	engine_remove(w.engine, 0);
	engine_address(w.engine, IFINDEX, &vips[1], true, at_ns + S(2));
	hear(&w, LOWER, 1, 0, 1, at_ns + S(2), at_ns + S(2));
	is_acts(&w, "", "removed: nobody cares any more");
	is_int(engine_add(w.engine, 0, &w.options[0], &w.keys[0], &w.live[0], at_ns + S(3)), 0, "its number is free again");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, IFINDEX, false, at_ns);
	commit(&w, at_ns);
	w.options[1] = w.options[0];
	w.options[1].ignore_link_state = true;
	engine_update(w.engine, 0, &w.options[1], &w.keys[0], at_ns + MS(10));
	is_int(w.live[0].state, BACKUP, "-S without a carrier: goes on at once");
	run_until(&w, at_ns + S(5));
	is_int(w.live[0].state, MASTER, "  to MASTER");
	forget(&w);
	engine_update(w.engine, 0, &w.options[0], &w.keys[0], at_ns + S(5));
	commit(&w, at_ns + S(5));
	is_int(w.live[0].state, INIT, "  and without -S back");
	is_acts(&w, "-0:10.1.1.252/24 D0", "  with what belongs to it");
	engine_free(w.engine);
}

/* Somebody else was master and we did not react: we give way, without a word, whoever is preferred. */
static void test_fenced(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	is_u64(w.live[0].fence_after_us, 40000, "fenced after 40 ms: an interval, but no more than that");
	hear(&w, HIGHER, 1, 100, 1, at_ns + S(1), at_ns + S(1) + MS(40));
	is_int(w.live[0].state, MASTER, "a worse one, answered in time: still master");
	is_u64(w.live[0].answered_ns, at_ns + S(1), "  it is answered");
	forget(&w);
	hear(&w, HIGHER, 1, 100, 2, at_ns + S(2), at_ns + S(2) + MS(41));
	is_int(w.live[0].state, BACKUP, "answered late: backup");
	is_acts(&w, "-0:10.1.1.252/24 F D0", "  addresses off, down script, nothing sent");
	ok(strstr(lines(&w), "Fenced: 10.1.1.3 has been master for 0.041 s without our reaction"), "  told");
	ok(strstr(w.journal, "MASTER>BACKUP fenced;"), "  in the journal");
	is_due(&w, at_ns + S(5) + MS(41), "  with a whole down time");
	run_until(&w, at_ns + S(5) + MS(41));
	is_int(w.live[0].state, MASTER, "nobody else is there any more: master again");
	hear(&w, HIGHER, 1, 100, 3, at_ns + S(6), at_ns + S(11));
	is_int(w.live[0].state, MASTER, "one that was heard long ago, and is gone: still master");
	hear(&w, HIGHER, 255, 255, 4, at_ns + S(12), at_ns + S(13));
	is_int(w.live[0].state, MASTER, "a bow-out claims nothing");
	engine_free(w.engine);
}

static void test_notice_reasons(void)
{
	static const struct {
		enum xcarp_verdict reason;
		const char *line;
	} reasons[] = {
		{ ACCEPTED, "4 Adverts of one counter accepted: 5 so far, from 10.1.1.3, who repeats it" },
		{ DROP_REPLAYED, "4 Old adverts refused: 5, the last from 10.1.1.3 (replayed) (eth0 id 10)\n" },
		{ DROP_BAD_CLOCK, "4 Adverts with a counter far from our time of day refused: 5, the last from 10.1.1.3" },
		{ DROP_FLOOD, "4 Flood of wrong digests - adverts of strangers refused unread: 5" },
		{ DROP_BAD_TTL, "4 Malformed adverts refused: 5, the last from 10.1.1.3 (bad_ttl) (eth0 id 10)\n" },
		{ PASS_UNREADABLE, "" },
	};
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 1, T0 + S(1));
	r.type = RECORD_NOTICE;
	r.count = 5;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		r.reason = (uint8_t)reasons[i].reason;
		forget(&w);
		engine_record(w.engine, &r, T0 + S(1 + i));
		ok(!strncmp(w.log, reasons[i].line, strlen(reasons[i].line)) && (*reasons[i].line || !*w.log), "notice %d", r.reason);
	}
	r.reason = XCARP_VERDICT_COUNT;
	forget(&w);
	engine_record(w.engine, &r, T0 + S(1));
	is_str(w.log, "", "a reason that there is not");
	engine_free(w.engine);
}

static void test_commands(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	forget(&w);
	ok(!engine_command(w.engine, 0, 99, COMMAND_DEMOTE, at_ns), "of another generation: not found");
	ok(!engine_command(w.engine, 1, 101, COMMAND_DEMOTE, at_ns), "nor one that is not in use");
	ok(!engine_command(w.engine, 1000, 100, COMMAND_DEMOTE, at_ns), "nor one that cannot be");
	ok(engine_command(w.engine, 0, 100, COMMAND_DEMOTE, at_ns), "demote");
	commit(&w, at_ns);
	is_acts(&w, "B0 -0:10.1.1.252/24 D0", "  bows out and leaves");
	is_int(w.live[0].hold, DEMOTED, "  told in live");
	run_until(&w, at_ns + S(60));
	is_int(w.live[0].state, BACKUP, "  and stays out");
	is_str(w.journal, "INIT>BACKUP link_up;BACKUP>MASTER master_silent;MASTER>BACKUP demoted;", "  each change is in the journal");
	engine_command(w.engine, 0, 100, COMMAND_RELEASE, at_ns + S(60));
	run_until(&w, at_ns + S(63));
	is_int(w.live[0].state, MASTER, "released: master after its down time");
	forget(&w);
	engine_command(w.engine, 0, 100, COMMAND_PROMOTE, at_ns + S(64));
	commit(&w, at_ns + S(64));
	is_acts(&w, "A0", "promoted: says so at once");
	ok(w.advert[34 + 5] == 0 && w.advert[34 + 2] == 1, "  claiming the shortest interval");
	engine_free(w.engine);
}

/* Going on where a controller was killed. */

#define DIED (T0 - MS(300)) /* its last advert */

/* As it left virtual router 0: MASTER for a minute. */
static void world_make_orphaned(struct world *w)
{
	world_make(w);
	w->live[0].state = MASTER;
	w->live[0].since_ns = T0 - S(60);
	w->live[0].transitions = 3;
	w->live[0].sent_ns = DIED;
	w->live[0].sent_counter = ours_from(REALTIME);
	w->live[0].down_ns = S(3);
	w->live[0].answered_ns = T0 - S(50);
}

static void adopt(struct world *w, uint64_t now_ns)
{
	world_add(w, 0);
	link_is(w, 0, IFINDEX, true, now_ns);
	commit(w, now_ns);
}

static void test_adoption(void)
{
	struct world w;

	world_make_orphaned(&w);
	adopt(&w, T0);
	is_acts(&w, "A0 F", "a MASTER is gone on with: an advert at once, no script, and the addresses stay");
	is_int(w.live[0].state, MASTER, "  MASTER");
	ok(w.live[0].since_ns == T0 - S(60) && w.live[0].transitions == 3, "  as it was all the time");
	is_u64(last_counter(&w), ours_from(REALTIME) + STEP, "  its counter goes on");
	is_str(w.journal, "INIT>MASTER adopted;", "  written down");
	ok(strstr(lines(&w), "4 Adopted: going on as MASTER, last advert 0.300 s ago (eth0 id 10)\n"), "  and told");
	is_due(&w, T0 + S(1), "  the next advert is due as any other");
	engine_resync_begin(w.engine);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, T0);
	engine_resync_end(w.engine, T0);
	run_until(&w, T0 + S(1));
	is_acts(&w, "R A0 F", "  its addresses are seen to be there: nothing is done about them");
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, T0 + S(1));
	run_until(&w, T0 + S(1) + MS(500));
	is_acts(&w, "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  from then on they are watched as any master's");
	engine_stop(w.engine, 0, T0 + S(2));
	commit(&w, T0 + S(2));
	is_acts(&w, "B0 F -0:10.1.1.252/24 F", "  and it leaves as any other");
	engine_free(w.engine);
}

static void test_adoption_vips(void)
{
	struct world w;

	world_make_orphaned(&w);
	w.options[0].vip_count = 2;
	vip_parse(&w.vips[0][1], "10.1.1.240/24");
	adopt(&w, T0);
	forget(&w);
	engine_resync_begin(w.engine);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, T0);
	engine_resync_end(w.engine, T0);
	run_until(&w, T0 + MS(500));
	is_acts(&w, "R F +0:10.1.1.252/24 +0:10.1.1.240/24 F G0:10.1.1.252 G0:10.1.1.240 F",
		"an address that the dead one did not have is added");
	ok(strstr(lines(&w), "5 Adopted without 10.1.1.240/24: adding it (eth0 id 10)\n"), "  and that is told");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.options[0].manage_vips = false;
	adopt(&w, T0);
	engine_resync_begin(w.engine);
	engine_resync_end(w.engine, T0);
	run_until(&w, T0 + MS(500));
	is_acts(&w, "A0 F", "--no-vip: the scripts' addresses are left to them");
	engine_free(w.engine);
}

/* --no-vip: the addresses are the script's, and it has run; whether they are there, the host knows. */
static const struct {
	const char *what, *want;
	uint32_t ifindex; /* where the address is; 0: nowhere */
	uint8_t prefix_len;
	bool is_due;
} scripted[] = {
	{ "adopted, and its script's address is on no interface: the script runs, once", "A0 F U0 G0:10.1.1.252 F", 0, 24, false },
	{ "it is there: nothing to do", "A0 F", IFINDEX, 24, false },
	{ "with another length, as the script may have it: the same", "A0 F", IFINDEX, 32, false },
	{ "on another interface: the same", "A0 F", IFINDEX + 1, 24, false },
	{ "on none, and the script is due all the same: it runs once", "A0 F U0", 0, 24, true },
};

static void told_addresses(struct world *w, uint32_t ifindex, uint8_t prefix_len)
{
	struct vip vip = w->options[0].vips[0];

	vip.prefix_len = prefix_len;
	engine_resync_begin(w->engine);
	if (ifindex)
		engine_address(w->engine, ifindex, &vip, true, T0);
	engine_resync_end(w->engine, T0);
	commit(w, T0);
}

static void test_adoption_no_vip(void)
{
	static char up[] = "up";
	struct world w;

	for (size_t i = 0; i < COUNT(scripted); i++) {
		world_make_orphaned(&w);
		w.options[0].manage_vips = false;
		w.options[0].upscript = up;
		w.live[0].up_script_due = scripted[i].is_due;
		adopt(&w, T0);
		told_addresses(&w, scripted[i].ifindex, scripted[i].prefix_len);
		if (strchr(scripted[i].want, 'U'))
			is_int(w.live[0].up_script_due, 1, "--no-vip: a script that is to run is due");
		engine_script_ended(w.engine, 0, SCRIPT_UP);
		told_addresses(&w, scripted[i].ifindex, scripted[i].prefix_len);
		is_acts(&w, scripted[i].want, scripted[i].what);
		is_int(w.live[0].up_script_due, 0, "  and then nothing is due");
		engine_free(w.engine);
	}

	world_make_orphaned(&w);
	w.options[0].manage_vips = false;
	w.options[0].upscript = up;
	engine_resync_begin(w.engine);
	adopt(&w, T0);
	engine_resync_end(w.engine, T0);
	commit(&w, T0);
	is_acts(&w, "A0 F", "what the host has was being told already: what of it was not heard is no reason");
	told_addresses(&w, 0, 24);
	is_acts(&w, "U0 G0:10.1.1.252 F", "  told from the beginning, it is");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.options[0].manage_vips = false;
	w.options[0].upscript = up;
	adopt(&w, T0);
	hear(&w, LOWER, 1, 0, 1, T0 + MS(1), T0 + MS(1));
	commit(&w, T0 + MS(1));
	forget(&w);
	told_addresses(&w, 0, 24);
	is_acts(&w, "", "no longer MASTER when it is told: nothing to run");
	engine_free(w.engine);
}

static void test_adoption_script(void)
{
	static char up[] = "up";
	struct world w;

	world_make_orphaned(&w);
	w.live[0].up_script_due = 1;
	w.options[0].upscript = up;
	adopt(&w, T0);
	is_acts(&w, "A0 F +0:10.1.1.252/24 F U0", "an up script that the dead one owes is run, with the addresses in place");
	ok(strstr(lines(&w), "5 Adopted before the up script had run: running it (eth0 id 10)\n"), "  and told");
	is_int(w.live[0].up_script_due, 1, "  until it has ended it is due");
	engine_script_ended(w.engine, 0, SCRIPT_UP);
	is_int(w.live[0].up_script_due, 0, "  and then no more");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.options[0].upscript = up;
	adopt(&w, T0);
	is_acts(&w, "A0 F", "one that has run is not run again");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.live[0].up_script_due = 1;
	adopt(&w, T0);
	is_acts(&w, "A0 F", "there is none any more: nothing to run");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.live[0].up_script_due = 1;
	w.live[0].sent_ns = T0 - S(60);
	w.options[0].upscript = up;
	adopt(&w, T0);
	is_acts(&w, "F -0:10.1.1.252/24 D0", "too late to be adopted: it begins anew, as BACKUP");
	is_int(w.live[0].up_script_due, 0, "  where nothing is due");
	engine_free(w.engine);
}

/* What a successor is told. */
static void test_script_due(void)
{
	static char up[] = "up";
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	is_int(w.live[0].up_script_due, 0, "without an up script none is due");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].upscript = up;
	at_ns = master(&w);
	is_int(w.live[0].up_script_due, 1, "MASTER: it is due");
	engine_script_ended(w.engine, 0, SCRIPT_DOWN);
	is_int(w.live[0].up_script_due, 1, "  also when the down script has run");
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_int(w.live[0].up_script_due, 0, "  BACKUP: no more");
	at_ns = engine_deadline(w.engine);
	while (w.live[0].state != MASTER)
		engine_timers(w.engine, at_ns += MS(1));
	engine_script_ended(w.engine, 0, SCRIPT_UP);
	is_int(w.live[0].up_script_due, 1, "MASTER again: an earlier one that ends only now is not that one");
	commit(&w, at_ns);
	engine_script_ended(w.engine, 0, SCRIPT_UP);
	is_int(w.live[0].up_script_due, 0, "  which ends later");
	engine_free(w.engine);
}

/* Why it is not gone on with, but begun anew: everything as at any start. */
static const struct orphan {
	const char *what;
	enum vr_state state;
	uint64_t sent_ns, heard_ns, answered_ns, down_ns;
	uint16_t interval_256ths;
	uint8_t advbase;
	bool is_adopted;
} orphans[] = {
	{ "its last advert is a nanosecond too old", MASTER, T0 - S(3), 0, 0, S(3), 0, 1, false },
	{ "a nanosecond less", MASTER, T0 - S(3) + 1, 0, 0, S(3), 0, 1, true },
	{ "the down time is shorter now", MASTER, T0 - S(2), 0, 0, S(30), 0, 0, false },
	{ "it was BACKUP", BACKUP, DIED, 0, 0, S(3), 0, 1, false },
	{ "it never sent one", MASTER, 0, 0, 0, UINT64_MAX, 0, 1, false },
	{ "another master has been heard since", MASTER, DIED, DIED + 1, DIED - 1, S(3), 256, 1, false },
	{ "one that was worse had its answer", MASTER, DIED, DIED + 1, DIED + 1, S(3), 300, 1, true },
	{ "one before its last advert", MASTER, DIED, DIED - 1, DIED - 2, S(3), 300, 1, true },
	{ "another one has bowed out since", MASTER, DIED, DIED + 1, DIED - 1, S(3), 255 * 257, 1, true },
};

static void test_no_adoption(void)
{
	for (size_t i = 0; i < COUNT(orphans); i++) {
		const struct orphan *o = &orphans[i];
		struct world w;

		world_make_orphaned(&w);
		w.live[0].state = o->state;
		w.live[0].sent_ns = o->sent_ns;
		w.live[0].arrival_ns = o->heard_ns;
		w.live[0].answered_ns = o->answered_ns;
		w.live[0].down_ns = o->down_ns;
		w.live[0].interval_256ths = o->interval_256ths;
		w.options[0].election.advbase = o->advbase;
		w.options[0].election.advskew = !o->advbase;
		is_int(heir_may_go_on(&w.live[0], T0), o->is_adopted || !o->advbase, "a dead controller: %s", o->what);
		adopt(&w, T0);
		is_acts(&w, o->is_adopted ? "A0 F" : "F -0:10.1.1.252/24 D0", "  adopted, or begun anew");
		is_int(w.live[0].state, o->is_adopted ? MASTER : BACKUP, "  MASTER, or BACKUP");
		engine_free(w.engine);
	}
}

static void test_adoption_links(void)
{
	struct world w;

	world_make_orphaned(&w);
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, false, T0);
	commit(&w, T0);
	is_acts(&w, "F -0:10.1.1.252/24 D0", "a dead controller's link is down: begun anew");
	is_int(w.live[0].state, INIT, "  INIT");
	link_is(&w, 0, IFINDEX, true, T0 + MS(1));
	commit(&w, T0 + MS(1));
	is_int(w.live[0].state, BACKUP, "  BACKUP when it is back, though the advert is still young enough");
	engine_free(w.engine);

	world_make_orphaned(&w);
	w.live[0].hold = PROMOTED;
	adopt(&w, T0);
	is_acts(&w, "A0 F", "a promoted one is gone on with");
	ok(w.live[0].hold == PROMOTED && w.advert[34 + 5] == 0 && w.advert[34 + 2] == 1, "  promoted");
	engine_free(w.engine);

	/* A better one that nobody has seen: its advert came with the dead one's last. */
	world_make_orphaned(&w);
	adopt(&w, T0);
	hear(&w, LOWER, 0, 255, 1, T0 + MS(1), T0 + MS(1));
	commit(&w, T0 + MS(1));
	is_acts(&w, "A0 F A0 F -0:10.1.1.252/24 F D0", "an adopted one yields to a better one as any other");
	engine_free(w.engine);
}

static void test_hand_over(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	world_add(&w, 1);
	link_is(&w, 1, IFINDEX, false, T0);
	at_ns = master(&w) + MS(400);
	engine_hand_over(w.engine, at_ns);
	is_acts(&w, "A0 F", "handing over: an advert of the master, nothing of who is none");
	ok(w.live[0].state == MASTER && w.live[0].sent_ns == at_ns, "  which is MASTER for its successor");
	ok(heir_may_go_on(&w.live[0], at_ns + S(3) - 1) && !heir_may_go_on(&w.live[0], at_ns + S(3)),
	   "  for its down time");
	engine_free(w.engine);
}

int main(void)
{
	plan(330 + 8 + 8 + 7 + 4 + 3 + 2 + 10 + 3 + 8 + 6 + 11 + 3 + 2 * COUNT(scripted) + 5 + 3 * COUNT(orphans) + 5 + 3 + 1 + 3 + 17 + 1 + 1 + 1 + 2 + 1);
	test_start();
	test_neutral();
	test_frames();
	test_advert_mac();
	test_new_mac();
	test_withdrawn();
	test_vip_on_backup();
	test_reassertion();
	test_fillers();
	test_counters();
	test_adverts();
	test_bad_records();
	test_strong_adverts();
	test_vrrp();
	test_notices();
	test_refusals_back_off();
	test_refusals_are_forgotten();
	test_duplicates();
	test_drain_first();
	test_look_at_live();
	test_late_controller();
	test_links();
	test_stop();
	test_demote();
	test_hold();
	test_log_limits();
	test_log_in_between();
	test_debug();
	test_sending_fails();
	test_no_carrier();
	test_own_address();
	test_vip_removed();
	test_several_vips();
	test_resync();
	test_vip_other_length();
	test_interface_gone();
	test_flood();
	test_tell_rest();
	test_vip_refused();
	test_no_vip();
	test_several_vrs();
	test_fast();
	test_silent_adverts();
	test_many();
	test_slow_kernel();
	test_slow_kernel_update();
	test_slow_kernel_crowd();
	test_update();
	test_fenced();
	test_notice_reasons();
	test_commands();
	test_adoption();
	test_adoption_vips();
	test_adoption_no_vip();
	test_adoption_script();
	test_script_due();
	test_no_adoption();
	test_adoption_links();
	test_hand_over();
	test_random();
	return tap_done();
}
