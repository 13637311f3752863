// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The engine behind ports that write down what they are asked for, in order:
 *
 *	A0 advert of slot 0      G0:10.1.1.252 announcement       U0 D0 scripts
 *	B0 bow-out               +0:10.1.1.252/24 address added   F frames flushed
 *	R ring drained           -0:10.1.1.252/24 removed         0 is the slot
 */
#include "engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <syslog.h>

#include "../tap.h"
#include "core/auth.h"
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
#define RANDOM_FIRST 0x5000u

#define OURS "10.1.1.2"
#define HIGHER "10.1.1.3" /* loses a tie */
#define LOWER "10.1.1.1"  /* wins a tie */

static const uint8_t own_mac[FRAME_MAC_LEN] = { 0x02, 0x42, 0xac, 0x11, 0x00, 0x02 };

struct world {
	struct ports ports;
	struct engine *engine;
	struct vr_options options[VRS];
	struct carp_hmac_key keys[VRS];
	struct vr_live live[VRS];

	char acts[4096];
	char log[8192]; /* lines, each with its newline */
	unsigned int log_lines;
	uint64_t next_random;
	uint8_t advert[FRAME_ADVERT_LEN]; /* the last one sent */
	uint32_t sent_slots[64];	  /* queued, and told of in the flush */
	unsigned int sent_count;
	int send_error;
	int vip_error;		      /* vip_add is refused with it at once */
	uint64_t now_ns;	      /* of the last call, for reports from within */
	struct xcarp_record ring[16]; /* what the next drain finds */
	unsigned int ring_count;
	bool has_vip[VRS]; /* what vip_add and vip_del have made of the first address */
};

__attribute__((format(printf, 2, 3))) static void act(struct world *w, const char *format, ...)
{
	size_t len = strlen(w->acts);
	va_list args;

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
	w->has_vip[slot] = false;
	engine_address(w->engine, ifindex, vip, false, w->now_ns);
}

static void port_script_run(void *ctx, uint32_t slot, enum script_kind kind, uint64_t now_ns)
{
	(void)now_ns;
	act(ctx, "%c%u", kind == SCRIPT_UP ? 'U' : 'D', slot);
}

static void port_log(void *ctx, int priority, const char *line)
{
	struct world *w = ctx;
	size_t len = strlen(w->log);

	w->log_lines++;
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
	w->ports = (struct ports){
		.ctx = w,
		.random64 = port_random64,
		.drain = port_drain,
		.frame_send = port_frame_send,
		.frames_flush = port_frames_flush,
		.frame_repeat = port_frame_repeat,
		.vip_add = port_vip_add,
		.vip_del = port_vip_del,
		.script_run = port_script_run,
		.log = port_log,
	};
	w->engine = engine_new(&w->ports, VRS);
	for (uint8_t i = 0; i < VRS; i++) {
		struct vr_options *o = &w->options[i];

		*o = (struct vr_options){
			.interface = "eth0",
			.source = ipv4(OURS),
			.group = ipv4("224.0.0.18"),
			.vhid = (uint8_t)(10 + i),
			.election = { .advbase = 1, .dead_ratio = 3 },
			.vip_count = 1,
			.manage_vips = true,
		};
		vip_parse(&o->vips[0], "10.1.1.252/24");
		o->vips[0].address[3] = (uint8_t)(o->vips[0].address[3] - i);
		w->live[i].generation = 100u + i;
	}
}

static void world_add(struct world *w, uint32_t slot)
{
	struct vr_options *o = &w->options[slot];

	auth_hmac_key(&w->keys[slot], (const uint8_t *)"secret", 6, o->vhid, o->vips, o->vip_count);
	engine_add(w->engine, o, &w->keys[slot], &w->live[slot], T0);
}

static void link_is(struct world *w, uint32_t slot, uint32_t ifindex, bool up, uint64_t now_ns)
{
	struct engine_link link = { .ifindex = ifindex, .up = up };

	w->now_ns = now_ns;
	memcpy(link.mac, own_mac, sizeof(own_mac));
	engine_link(w->engine, slot, &link, now_ns);
}

static void commit(struct world *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	engine_commit(w->engine, now_ns);
}

/* As the main loop does it. */
static void timers(struct world *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	engine_timers(w->engine, now_ns);
	engine_commit(w->engine, now_ns);
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

/* The same, having become master by silence. Returns when that was. */
static uint64_t master(struct world *w)
{
	uint64_t at_ns;

	backup(w);
	at_ns = engine_deadline(w->engine);
	timers(w, at_ns);
	forget(w);
	return at_ns;
}

static struct xcarp_record record(const struct world *w, uint32_t slot, const char *source, uint8_t advbase,
				  uint8_t advskew, uint64_t counter, uint64_t arrival_ns)
{
	struct xcarp_record r = {
		.arrival_ns = arrival_ns,
		.counter = counter,
		.slot = slot,
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
	struct vr_live *live = &w->live[r->slot];

	live->seq += 2;
	live->interval_256ths = r->advbase * 256u + r->advskew;
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
	is_str(lines(&w), "4 Switching to state: INIT (eth0 id 10)\n", "start: told");
	is_str(w.live[0].interface, "eth0", "  interface in live");
	is_int(w.live[0].vhid * 1000 + w.live[0].own_advbase, 10001, "  vhid and advbase in live");
	is_u64(engine_deadline(w.engine), NEVER, "  nothing to wait for without a link");
	link_is(&w, 0, 0, false, T0);
	commit(&w, T0);
	is_str(acts(&w), "", "  nothing to do while there is no interface");
	link_is(&w, 0, IFINDEX, false, T0);
	commit(&w, T0);
	is_str(acts(&w), "F -0:10.1.1.252/24 F D0", "an interface without a carrier: addresses off, down script");
	is_int(w.live[0].state, INIT, "  still INIT");
	is_int(w.live[0].ifindex, IFINDEX, "  ifindex in live");
	ok(strstr(lines(&w), "6 Local advertised ethernet address is [00:00:5e:00:01:0a] (eth0 id 10)\n"), "  and its MAC told");
	link_is(&w, 0, IFINDEX, true, T0 + 5);
	commit(&w, T0 + 5);
	is_str(acts(&w), "", "the carrier: nothing is sent");
	is_str(lines(&w), "4 Switching to state: BACKUP (eth0 id 10)\n", "  told");
	is_int(w.live[0].state, BACKUP, "  state in live");
	is_u64(w.live[0].since_ns, T0 + 5, "  since when");
	is_u64(w.live[0].transitions, 1, "  transitions");
	is_u64(engine_deadline(w.engine), T0 + 5 + S(3), "  and the down time runs");
	timers(&w, T0 + 5 + S(3) - 1);
	is_str(acts(&w), "", "a nanosecond early: nothing, not even the ring");
	timers(&w, T0 + 5 + S(3));
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0",
	       "master: advert, address, announcement, script");
	is_str(lines(&w), "4 No master: no advert heard (eth0 id 10)\n4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
	is_int(w.live[0].state, MASTER, "  state in live");
	is_u64(w.live[0].adverts_sent, 1, "  adverts in live");
	engine_status(w.engine, 0);
	is_str(lines(&w), "6 MASTER on eth0 id 10\n", "  status in ucarp's words");
	timers(&w, T0 + 5 + S(4));
	is_str(acts(&w), "R A0 F F", "the next advert");
	timers(&w, T0 + 5 + S(5));
	is_str(acts(&w), "R A0 F G0:10.1.1.252 F", "the one after, and the announcement again");
	timers(&w, T0 + 5 + S(6));
	is_str(acts(&w), "R A0 F F", "and then adverts only");
	commit(&w, T0 + 5 + S(6));
	is_str(acts(&w), "", "a commit with nothing to do asks for nothing");
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
	is_str(acts(&w), "F -0:10.1.1.252/24 F", "neutral: no down script at start");
	link_is(&w, 0, IFINDEX, false, T0);
	link_is(&w, 0, IFINDEX, true, T0);
	commit(&w, T0);
	is_str(acts(&w), "", "a link that comes back is no start");
	engine_free(w.engine);
}

static void test_capacity(void)
{
	struct world w;

	world_make(&w);
	for (uint32_t i = 0; i < VRS; i++)
		is_int(engine_add(w.engine, &w.options[i], &w.keys[i], &w.live[i], T0), i, "slot %u", i);
	is_int(engine_add(w.engine, &w.options[0], &w.keys[0], &w.live[0], T0), -ENOSPC, "one too many");
	engine_free(w.engine);
	engine_free(NULL);
}

/* What goes out is signed, from where and to whom the options say. */
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
		.ip_id = RANDOM_FIRST, /* the first random number; the next was the first advert's counter */
		.vhid = 10,
		.advbase = 1,
		.advskew = 77,
		.counter = RANDOM_FIRST + 1,
	};
	frame_virtual_mac(advert.source_mac, 10);
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "an advert");
	run_until(&w, at_ns + S(2));
	advert.ip_id++;
	advert.counter++;
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "the next: another IP id, another counter");
	engine_stop(w.engine, 0, at_ns + S(2));
	commit(&w, at_ns + S(2));
	advert.ip_id++;
	advert.counter++;
	advert.advbase = advert.advskew = 255;
	frame_advert(want, &advert, &w.keys[0]);
	is_mem(w.advert, want, sizeof(want), "a bow-out");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].broadcast = true;
	w.options[0].real_mac = true;
	w.options[0].group = ipv4("239.1.2.3");
	master(&w);
	is_mem(w.advert, "\xff\xff\xff\xff\xff\xff", 6, "-M: to everybody");
	is_mem(w.advert + 6, own_mac, 6, "--real-mac: from the interface's own");
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
	is_str(acts(&w), "B0 F -0:10.1.1.252/24 F D0", "an interface that cannot be used any more: left cleanly, at once");
	is_int(w.live[0].state, INIT, "  INIT");
	is_int(w.live[0].ifindex, 0, "  without an interface");
	is_u64(engine_deadline(w.engine), NEVER, "  no timer runs");
	link_is(&w, 0, IFINDEX, true, at_ns + S(2));
	commit(&w, at_ns + S(2));
	is_int(w.live[0].state, BACKUP, "  and all goes on when it can be used again");
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
	is_str(acts(&w), "R F -0:10.1.1.252/24 F", "an address of ours on a backup: taken off");
	ok(strstr(w.log, "10.1.1.252/24 is there though we are BACKUP: taking it off"), "  told");
	engine_address(w.engine, IFINDEX, &vip, false, T0 + S(1));
	timers(&w, T0 + S(1) + MS(200));
	is_str(acts(&w), "", "  once it is gone there is nothing to do");
	vip.prefix_len = 25;
	engine_address(w.engine, IFINDEX, &vip, true, T0 + S(2) + MS(500));
	timers(&w, T0 + S(2) + MS(600));
	is_str(acts(&w), "", "with another length: nothing is done");
	ok(strstr(w.log, "10.1.1.252/25 is there though we are BACKUP, with another length than ours"), "  but told");
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
	is_str(acts(&w), "F G0:10.1.1.252 F", "five worse adverts in half a second: one announcement");
	hear(&w, HIGHER, 2, 0, 1, at_ns + S(1), at_ns + S(1));
	commit(&w, at_ns + S(1));
	is_str(acts(&w), "F G0:10.1.1.252 F", "  another after a second");
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
	is_str(acts(&w), "B0 F -0:10.1.1.252/24 180x1514:vhid0 F", "a bow-out is pushed through ucarp's buffer");
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
	is_str(acts(&w), "F G0:10.1.1.252 F", "a master's interface has a new MAC address: announced");
	engine_link(w.engine, 0, &link, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "", "  once");
	engine_free(w.engine);
}

static void test_real_mac_told(void)
{
	struct world w;

	world_make(&w);
	w.options[0].real_mac = true;
	world_add(&w, 0);
	link_is(&w, 0, IFINDEX, true, T0);
	ok(strstr(w.log, "6 Local advertised ethernet address is [02:42:ac:11:00:02] (eth0 id 10)\n"), "--real-mac is told");
	engine_free(w.engine);
}

static void test_counters(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w);
	is_u64(last_counter(&w), RANDOM_FIRST + 1, "random until a peer was heard");
	run_until(&w, at_ns + S(1));
	is_u64(last_counter(&w), RANDOM_FIRST + 2, "  and random again");
	hear(&w, HIGHER, 2, 0, 41, at_ns + S(1), at_ns + S(1));
	run_until(&w, at_ns + S(2));
	is_u64(last_counter(&w), 42, "from what was heard it counts up");
	run_until(&w, at_ns + S(3));
	is_u64(last_counter(&w), 43, "  and on");
	hear(&w, HIGHER, 2, 0, UINT64_MAX - 1, at_ns + S(3), at_ns + S(3));
	run_until(&w, at_ns + S(4));
	is_u64(last_counter(&w), UINT64_MAX, "up to the last number there is");
	run_until(&w, at_ns + S(5));
	is_u64(last_counter(&w), 0, "  and over it");
	hear(&w, LOWER, 1, 0, 999, at_ns + S(5), at_ns + S(5));
	is_int(w.live[0].state, BACKUP, "yielding");
	is_u64(last_counter(&w), 1000, "  with the winner's counter + 1");
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
	is_str(acts(&w), "", "backup hears a master: nothing to do");
	is_u64(engine_deadline(w.engine), T0 + S(4), "  the down time runs from the arrival");
	hear(&w, HIGHER, 255, 255, 2, T0 + S(2), T0 + S(2));
	is_str(acts(&w), "A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "bow-out: master at once");
	is_str(lines(&w),
	       "4 Putting MASTER DOWN (going to time out): 10.1.1.3 bowed out (eth0 id 10)\n"
	       "4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
	hear(&w, HIGHER, 1, 0, 3, T0 + S(4), T0 + S(4));
	is_str(acts(&w), "F G0:10.1.1.252 F", "a tie with a higher source: announce");
	is_str(lines(&w),
	       "4 Non-preferred master advertising: reasserting control of VIP with another gratuitous arp: "
	       "10.1.1.3 advertises every 1.000 s, we every 1.000 s (eth0 id 10)\n",
	       "  told");
	hear(&w, LOWER, 1, 0, 4, T0 + S(4), T0 + S(4));
	is_str(acts(&w), "A0 F -0:10.1.1.252/24 F D0",
	       "a tie with a lower source: one last advert, addresses off, down script");
	is_str(lines(&w),
	       "4 Preferred master advertised: going back to BACKUP state: 10.1.1.1 advertises every 1.000 s, we every 1.000 s "
	       "(eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "  told");
	at_ns = engine_deadline(w.engine);
	is_u64(at_ns, T0 + S(7), "  and the down time runs");
	timers(&w, at_ns + MS(250));
	is_str(lines(&w),
	       "4 Master is silent: last advert 3.250 s ago (eth0 id 10)\n4 Switching to state: MASTER (eth0 id 10)\n",
	       "silence told");
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
	is_str(acts(&w), "", "pre-emption: an equal one stays");
	hear(&w, HIGHER, 1, 138, 1, T0 + S(2), T0 + S(2));
	is_str(acts(&w), "A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "  a worse one does not");
	is_str(lines(&w),
	       "4 Putting MASTER down - preemption: 10.1.1.3 advertises every 1.539 s, we every 1.039 s (eth0 id 10)\n"
	       "4 Switching to state: MASTER (eth0 id 10)\n",
	       "  told");
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
	       "4 Bad digest - adverts refused: 17, the last from 10.1.1.3 - Check vhid, password and virtual IP address "
	       "(eth0 id 10)\n",
	       "a notice is told");
	is_u64(engine_deadline(w.engine), T0 + S(3), "  and is no sign of life");
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
	is_str(acts(&w), "R", "an advert found in the ring when the timer is over: no promotion");
	is_int(w.live[0].state, BACKUP, "  still backup");
	is_u64(engine_deadline(w.engine), T0 + S(5), "  and waits from the arrival");
	engine_free(w.engine);
}

static void test_look_at_live(void)
{
	struct world w;
	struct xcarp_record r;

	world_make(&w);
	backup(&w);
	r = record(&w, 0, HIGHER, 1, 0, 77, T0 + S(2));
	write_live(&w, &r);
	timers(&w, T0 + S(3));
	is_str(acts(&w), "R", "a record was lost but live has the advert: no promotion");
	is_u64(engine_deadline(w.engine), T0 + S(5), "  and waits from its arrival");
	engine_record(w.engine, &r, T0 + S(4));
	is_u64(engine_deadline(w.engine), T0 + S(5), "the record of it, late after all, changes nothing");
	timers(&w, T0 + S(5));
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "the same advert does not count twice");
	is_u64(last_counter(&w), 78, "  its counter did");
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
	w.live[0].seq = 1;
	timers(&w, T0 + S(3));
	is_int(w.live[0].state, BACKUP, "an advert is just being written down: no promotion");
	is_u64(engine_deadline(w.engine), T0 + S(6), "  for a down time");
	w.live[0].seq = 2;
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
	is_str(acts(&w), "", "an old advert of a worse master, overtaken by a better one's: no promotion");
	is_u64(engine_deadline(w.engine), now_ns - MS(100) + S(3) + SKEW(50), "  the newest counts");
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
	is_str(acts(&w), "R", "ten seconds late, but the master was never silent");
	is_u64(engine_deadline(w.engine), T0 + S(13), "  and has until then");
	engine_free(w.engine);

	/* The bow-out in the ring is old: somebody else has taken over since. */
	world_make(&w);
	backup(&w);
	w.ring[0] = record(&w, 0, HIGHER, 255, 255, 1, T0 + S(1));
	w.ring[1] = record(&w, 0, LOWER, 1, 0, 2, T0 + S(1) + MS(3));
	w.ring_count = 2;
	write_live(&w, &w.ring[1]);
	timers(&w, T0 + S(3));
	is_str(acts(&w), "R", "an old bow-out, and a new master since: no promotion");
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
	is_str(acts(&w), "F -0:10.1.1.252/24 F D0", "link lost: addresses off, down script, nothing sent");
	is_str(lines(&w), "4 eth0: link lost (eth0 id 10)\n4 Switching to state: INIT (eth0 id 10)\n", "  told");
	is_u64(engine_deadline(w.engine), NEVER, "  no timer runs");
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	is_int(w.live[0].state, INIT, "  nobody is heard");
	at_ns += S(2);
	link_is(&w, 0, IFINDEX, true, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "", "link back: nothing");
	is_int(w.live[0].state, BACKUP, "  backup");
	is_u64(engine_deadline(w.engine), at_ns + S(3), "  with a whole down time");
	link_is(&w, 0, IFINDEX, true, at_ns + S(1));
	is_u64(engine_deadline(w.engine), at_ns + S(3), "the same once more changes nothing");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 0, false, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "F F D0", "interface gone: down script, nothing else");
	is_str(lines(&w), "4 eth0: interface gone (eth0 id 10)\n4 Switching to state: INIT (eth0 id 10)\n",
	       "  told");
	is_int(w.live[0].ifindex, 0, "  ifindex in live");
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "", "  leaving then asks for nothing");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 0, false, at_ns);
	commit(&w, at_ns);
	forget(&w);
	link_is(&w, 0, IFINDEX, true, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "", "an interface of that name again: no second start");
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "  and all resumes");
	engine_free(w.engine);

	/* Gone and back before anybody looked. */
	world_make(&w);
	at_ns = master(&w);
	link_is(&w, 0, 99, true, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "F F D0", "another interface in one step: down script, nothing on either of them");
	is_int(w.live[0].state, BACKUP, "  backup there");
	is_int(w.live[0].ifindex, 99, "  ifindex in live");
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R if99 A0 F if99 +0:10.1.1.252/24 if99 G0:10.1.1.252 F U0", "  and all goes on there");
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
	is_str(acts(&w), "B0 F -0:10.1.1.252/24 F", "a master stops: bow-out, addresses off");
	is_int(w.live[0].state, INIT, "  INIT in live");
	is_u64(engine_deadline(w.engine), NEVER, "  no timer runs");
	link_is(&w, 0, IFINDEX, false, at_ns);
	link_is(&w, 0, IFINDEX, true, at_ns);
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "", "  and nothing starts it again");
	is_int(w.live[0].state, INIT, "  it stays in INIT");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.script_at_exit = true;
	at_ns = master(&w);
	engine_stop(w.engine, 0, at_ns);
	commit(&w, at_ns);
	is_str(acts(&w), "B0 F -0:10.1.1.252/24 F D0", "-z: the down script too");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].election.script_at_exit = true;
	backup(&w);
	engine_stop(w.engine, 0, T0);
	commit(&w, T0);
	is_str(acts(&w), "", "a backup stops: nothing");
	engine_free(w.engine);

	/* Decided but not carried out yet: a promotion, then the end. */
	world_make(&w);
	backup(&w);
	w.now_ns = T0 + S(3);
	engine_timers(w.engine, T0 + S(3));
	is_str(acts(&w), "R", "a promotion is decided");
	engine_stop(w.engine, 0, T0 + S(3));
	commit(&w, T0 + S(3));
	is_str(acts(&w), "A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0 B0 F -0:10.1.1.252/24 F",
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
	is_str(acts(&w), "B0 F -0:10.1.1.252/24 F D0", "demoted: bow-out, addresses off, down script");
	is_str(lines(&w),
	       "4 Demoted: staying out for 3 s, then backup as usual (eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "  told");
	is_u64(engine_deadline(w.engine), at_ns + S(3), "held for three seconds");
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R", "  then backup");
	is_u64(engine_deadline(w.engine), at_ns + S(6), "  with a whole down time");
	timers(&w, at_ns + S(6));
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "  and master again");
	engine_free(w.engine);

	world_make(&w);
	backup(&w);
	engine_demote(w.engine, 0, T0 + S(1));
	commit(&w, T0 + S(1));
	is_str(acts(&w), "", "a backup cannot be demoted");
	is_str(lines(&w), "5 Not master: nothing to demote (eth0 id 10)\n", "  told");
	is_u64(engine_deadline(w.engine), T0 + S(3), "  and goes on as before");
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
	is_str(acts(&w), "", "held: a bow-out moves nothing");
	is_u64(engine_deadline(w.engine), at_ns + S(3), "  and does not shorten it");
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "  after the hold it does: master at once");
	engine_free(w.engine);

	world_make(&w);
	at_ns = master(&w);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	hear(&w, HIGHER, 255, 255, 1, at_ns + S(1), at_ns + S(1));
	hear(&w, HIGHER, 1, 0, 2, at_ns + S(2), at_ns + S(2));
	forget(&w);
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R", "held: somebody has become master since the bow-out");
	is_u64(engine_deadline(w.engine), at_ns + S(6), "  and has a whole down time");
	engine_free(w.engine);

	/* The advert before the demotion was for a master; after the hold it is no news. */
	world_make(&w);
	at_ns = master(&w);
	hear(&w, HIGHER, 255, 255, 1, at_ns, at_ns);
	engine_demote(w.engine, 0, at_ns);
	commit(&w, at_ns);
	forget(&w);
	timers(&w, at_ns + S(3));
	is_str(acts(&w), "R", "held: a bow-out from before it is not taken again");
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
	is_str(acts(&w), "", "  it is not taken twice");
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
	r.count = 1;
	hear(&w, HIGHER, 1, 0, 1, T0 + S(2), T0 + S(2));
	for (unsigned int i = 0; i < 5; i++)
		engine_record(w.engine, &r, T0 + S(2) + MS(i * 100));
	is_int(w.log_lines, 1, "five notices in a second, one line");
	is_u64(engine_deadline(w.engine), T0 + S(3), "  and a look when the second is over");
	forget(&w);
	timers(&w, T0 + S(3));
	is_str(lines(&w), "4 Bad digest: 4 more in the last second; now BACKUP (eth0 id 10)\n",
	       "  tells how many were held back");
	is_str(acts(&w), "R", "  and does nothing else");
	is_u64(engine_deadline(w.engine), T0 + S(5), "  the election's deadline stands");
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
	/* Masters changing several times a second. */
	forget(&w);
	for (unsigned int i = 0; i < 3; i++) {
		hear(&w, LOWER, 1, 0, 1, T0 + S(1) + MS(10 + 20 * i), T0 + S(1) + MS(10 + 20 * i));
		hear(&w, HIGHER, 255, 255, 1, T0 + S(1) + MS(20 + 20 * i), T0 + S(1) + MS(20 + 20 * i));
	}
	is_str(lines(&w),
	       "4 Preferred master advertised: going back to BACKUP state: 10.1.1.1 advertises every 1.000 s, we every 1.000 s "
	       "(eth0 id 10)\n4 Switching to state: BACKUP (eth0 id 10)\n",
	       "six switches in a second: one line a reason");
	timers(&w, T0 + S(2));
	is_str(lines(&w),
	       "4 Switching to state: MASTER: 3 more in the last second; now MASTER (eth0 id 10)\n"
	       "4 Putting MASTER DOWN (going to time out): 3 more in the last second; now MASTER (eth0 id 10)\n",
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
	r.count = 1;
	engine_record(w.engine, &r, T0 + S(1));
	engine_record(w.engine, &r, T0 + S(1) + MS(1));
	forget(&w);
	/* The controller is late: the next notice is taken before the timer. */
	engine_record(w.engine, &r, T0 + S(2) + MS(500));
	run_until(&w, T0 + S(9));
	ok(strstr(w.log, "Bad digest: 1 more"),
	   "a count is not forgotten where the next line comes first");
	engine_free(w.engine);
}

static void test_debug(void)
{
	struct world w;

	world_make(&w);
	w.ports.debug = true;
	backup(&w);
	hear(&w, HIGHER, 1, 0, 0x1234, T0 + S(1), T0 + S(1));
	is_str(lines(&w),
	       "7 advert from 10.1.1.3: vhid 10 advbase 1 advskew 0 demote 0 counter 0000000000001234, BACKUP\n",
	       "-D tells each advert heard");
	timers(&w, T0 + S(4));
	ok(strstr(lines(&w), "7 sending an advert on eth0: vhid 10 advbase 1 advskew 0 counter 0000000000001235\n"),
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
	run_until(&w, at_ns + S(20));
	is_int(w.advert[34 + 2], 0, "three that went out: the skew as before");
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

static void test_vip_removed(void)
{
	struct world w;
	struct vip vip, other;
	uint64_t at_ns;

	world_make(&w);
	at_ns = master(&w) + MS(300);
	vip = w.options[0].vips[0];
	engine_address(w.engine, IFINDEX, &vip, false, at_ns);
	is_u64(engine_deadline(w.engine), at_ns, "address removed by somebody: to be put back at once");
	timers(&w, at_ns);
	is_str(acts(&w), "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  put back and announced, no advert, no script");
	is_str(lines(&w), "4 10.1.1.252/24 was removed by somebody else: putting it back (eth0 id 10)\n", "  told");
	engine_address(w.engine, IFINDEX, &vip, false, at_ns + MS(10));
	is_u64(engine_deadline(w.engine), at_ns + MS(100), "removed again: with a pause");
	timers(&w, at_ns + MS(10));
	is_str(acts(&w), "", "  not before");
	timers(&w, at_ns + MS(100));
	is_str(acts(&w), "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "  but then");
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
	is_u64(engine_deadline(w.engine), T0 + S(3), "a backup misses no address");
	engine_free(w.engine);

	/* Gone, and before it is put back somebody else is master. */
	world_make(&w);
	at_ns = master(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns);
	hear(&w, LOWER, 1, 0, 1, at_ns, at_ns);
	forget(&w);
	timers(&w, at_ns + MS(100));
	is_str(acts(&w), "", "no longer master: nothing is put back");
	engine_free(w.engine);

	world_make(&w);
	w.options[0].manage_vips = false;
	at_ns = master(&w);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], false, at_ns);
	is_u64(engine_deadline(w.engine), at_ns + S(1), "--no-vip: nor is it there");
	engine_free(w.engine);
}

static void test_several_vips(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	w.options[0].vip_count = 3;
	vip_parse(&w.options[0].vips[1], "10.1.1.5/32");
	vip_parse(&w.options[0].vips[2], "2001:db8::10/64");
	backup(&w);
	at_ns = engine_deadline(w.engine);
	timers(&w, at_ns);
	is_str(acts(&w),
	       "R A0 F +0:10.1.1.252/24 +0:10.1.1.5/32 +0:2001:db8::10/64 "
	       "G0:10.1.1.252 G0:10.1.1.5 G0:2001:db8::10 F U0",
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
		vip_parse(&w.options[0].vips[i], "10.1.2.1/32");
		w.options[0].vips[i].address[3] = (uint8_t)(i + 1);
	}
	at_ns = master(&w);
	engine_resync_begin(w.engine);
	for (uint8_t i = 0; i < CARP_VIPS_MAX; i++)
		engine_address(w.engine, IFINDEX, &w.options[0].vips[i], true, at_ns);
	engine_resync_end(w.engine, at_ns);
	is_u64(engine_deadline(w.engine), at_ns + S(1), "32 addresses, all of them there");
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
	timers(&w, at_ns);
	is_str(acts(&w), "R F +0:10.1.1.252/24 G0:10.1.1.252 F", "resync: what is not told is gone, and put back");
	engine_resync_begin(w.engine);
	engine_address(w.engine, IFINDEX, &w.options[0].vips[0], true, at_ns + MS(500));
	engine_resync_end(w.engine, at_ns + MS(500));
	is_u64(engine_deadline(w.engine), at_ns + S(1), "resync: what is told is there");
	engine_free(w.engine);
}

static void test_vip_refused(void)
{
	struct world w;
	uint64_t at_ns;

	world_make(&w);
	backup(&w);
	at_ns = engine_deadline(w.engine);
	w.vip_error = -EPERM;
	timers(&w, at_ns);
	is_str(acts(&w), "R A0 F +0:10.1.1.252/24 G0:10.1.1.252 F U0", "the kernel refuses the address");
	ok(strstr(lines(&w),
		  "3 eth0: cannot add 10.1.1.252/24: Operation not permitted; trying again every second (eth0 id 10)\n"),
	   "  told");
	is_int(w.live[0].state, MASTER, "  master all the same");
	timers(&w, at_ns + S(1) - 1);
	is_str(acts(&w), "", "  not tried at once");
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
	is_u64(engine_deadline(w.engine), at_ns + S(3), "  and no timer runs for it");
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
	is_str(acts(&w), "F F D0", "--no-vip: no address is touched at start");
	at_ns = engine_deadline(w.engine);
	timers(&w, at_ns);
	is_str(acts(&w), "R A0 F G0:10.1.1.252 F U0", "  or as master");
	hear(&w, LOWER, 1, 0, 1, at_ns, at_ns);
	is_str(acts(&w), "A0 F F D0", "  or after");
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
	is_str(phases(&w), "RAAAF+++GGGFUUU",
	       "three masters at once: all adverts, all addresses, all announcements, all scripts");
	is_int(w.live[0].state + w.live[1].state + w.live[2].state, 3 * MASTER, "  all in live");
	hear(&w, LOWER, 1, 0, 1, T0 + S(3), T0 + S(3));
	is_str(acts(&w), "A0 F -0:10.1.1.252/24 F D0", "one yields, the others do not");
	engine_address(w.engine, IFINDEX, &w.options[2].vips[0], false, T0 + S(3));
	timers(&w, T0 + S(3));
	is_str(acts(&w), "R F +2:10.1.1.250/24 G2:10.1.1.250 F", "one misses its address, the others do not");
	timers(&w, T0 + S(4));
	is_str(phases(&w), "RAAFF", "one round for all that is due");
	for (uint32_t slot = 0; slot < VRS; slot++)
		engine_stop(w.engine, slot, T0 + S(4));
	commit(&w, T0 + S(4));
	is_str(acts(&w), "B1 B2 F -1:10.1.1.251/24 -2:10.1.1.250/24 F", "all stop: bow-outs first");
	is_u64(engine_deadline(w.engine), NEVER, "  and nothing is left to do");
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
	is_u64(engine_deadline(w.engine), at_ns + MS(1500) + SKEW(1), "  and the next follows after an interval");
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
		if (!random_below(seed, 5))
			r.type = RECORD_NOTICE;
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

int main(void)
{
	plan(215);
	test_start();
	test_neutral();
	test_capacity();
	test_frames();
	test_real_mac_told();
	test_new_mac();
	test_withdrawn();
	test_vip_on_backup();
	test_reassertion();
	test_fillers();
	test_counters();
	test_adverts();
	test_bad_records();
	test_notices();
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
	test_vip_removed();
	test_several_vips();
	test_resync();
	test_vip_refused();
	test_no_vip();
	test_several_vrs();
	test_fast();
	test_random();
	return tap_done();
}
