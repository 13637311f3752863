// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the driver tells the controller: ring records and entries of `live` with anything in them, at any time, given
 * to the real engine amid links, addresses and requests that come and go.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>

#include "core/auth.h"
#include "engine/engine.h"

#define VRS 3
#define IFINDEX 7
#define STEPS_MAX 400
#define ROUNDS_MAX 64 /* calls after which nothing may be left to do at once */
#define START_NS 1000000000000ull
#define BACKLOG_MAX 1024

struct world {
	struct ports ports;
	struct engine *engine;
	struct xcarp_owner stats;
	struct vr_options options[VRS];
	struct carp_key key;
	struct vr_live live[VRS];
	struct xcarp_record backlog; /* what the next drain finds */
	bool has_backlog;
	uint32_t sent[BACKLOG_MAX]; /* adverts that were queued */
	uint32_t sent_count;
	uint32_t flushes; /* of addresses */
	int send_error;
	uint64_t random;
	uint64_t now_ns;
};

static uint64_t port_random64(void *ctx)
{
	struct world *w = ctx;

	return w->random += 0x9e3779b97f4a7c15ull;
}

static bool port_heard_runs(void *ctx, uint32_t index, struct replay_run runs[REPLAY_RUNS + 1])
{
	(void)ctx;
	(void)index;
	(void)runs;
	return false;
}

static uint64_t port_realtime_ns(void *ctx)
{
	const struct world *w = ctx;

	return w->now_ns + 1700000000000000000ull;
}

static void port_drain(void *ctx, uint64_t now_ns)
{
	struct world *w = ctx;

	if (w->has_backlog)
		engine_record(w->engine, &w->backlog, now_ns);
	w->has_backlog = false;
}

static void port_frame_send(void *ctx, uint32_t index, uint32_t ifindex, bool is_advert, const uint8_t *frame,
			    size_t len)
{
	struct world *w = ctx;

	EXPECT(index < VRS && ifindex && len && len <= FRAME_MAX && frame[len - 1] + 1);
	if (!is_advert)
		return;
	EXPECT(len == FRAME_ADVERT_LEN && w->sent_count < BACKLOG_MAX);
	w->sent[w->sent_count++] = index;
}

static void port_frames_flush(void *ctx, uint64_t now_ns)
{
	struct world *w = ctx;

	for (uint32_t i = 0; i < w->sent_count; i++)
		engine_sent(w->engine, w->sent[i], w->send_error, now_ns);
	w->sent_count = 0;
}

static void port_frame_repeat(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	(void)ctx;
	EXPECT(ifindex && len && frame[len - 1] + 1 && count);
}

static void port_vip_add(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip)
{
	(void)ctx;
	EXPECT(index < VRS && ifindex && vip->ip_version);
}

static void port_vip_del(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip)
{
	(void)ctx;
	EXPECT(index < VRS && ifindex && vip->ip_version);
}

/* The kernel may be at it for a while. */
static void port_vips_flush(void *ctx)
{
	struct world *w = ctx;

	if (++w->flushes % 2)
		engine_vips_done(w->engine, 1000, w->now_ns);
}

static void port_script_run(void *ctx, uint32_t index, enum script_kind kind, uint64_t now_ns)
{
	(void)ctx;
	(void)kind;
	(void)now_ns;
	EXPECT(index < VRS);
}

static void port_log(void *ctx, int priority, const struct log_subject *subject, const char *line)
{
	(void)ctx;
	(void)priority;
	EXPECT(!subject || (*subject->interface && subject->vhid));
	EXPECT(*line && fuzz_is_one_line(line));
}

static void port_journal(void *ctx, uint32_t index, struct journal_entry *entry)
{
	(void)ctx;
	EXPECT(index < VRS && entry->from <= MASTER && entry->to <= MASTER);
	EXPECT(entry->cause < VR_CAUSE_COUNT || (entry->cause >= CAUSE_REFUSED && entry->cause - CAUSE_REFUSED < XCARP_VERDICT_COUNT));
}

static void port_duplicate(void *ctx, uint32_t index, const struct xcarp_record *duplicate)
{
	(void)ctx;
	EXPECT(index < VRS && duplicate->type == RECORD_DUPLICATE);
}

static void start(struct world *w)
{
	static const struct vip vips[] = { { 4, 24, { 10, 1, 1, 252 } },
					   { 6, 64, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } };
	char error[OPTIONS_ERROR_LEN];
	struct options line;

	*w = (struct world){
		.ports = { .ctx = w,
			   .debug = true,
			   .random64 = port_random64,
			   .heard_runs = port_heard_runs,
			   .realtime_ns = port_realtime_ns,
			   .drain = port_drain,
			   .frame_send = port_frame_send,
			   .frames_flush = port_frames_flush,
			   .frame_repeat = port_frame_repeat,
			   .vip_add = port_vip_add,
			   .vip_del = port_vip_del,
			   .vips_flush = port_vips_flush,
			   .script_run = port_script_run,
			   .log = port_log,
			   .duplicate = port_duplicate,
			   .journal = port_journal },
		.now_ns = START_NS,
	};
	EXPECT(!auth_hmac_key(&w->key.hmac, (const uint8_t *)"secret", 6, 1, vips, 2));
	w->engine = engine_new(&w->ports, VRS, &w->stats);
	EXPECT(w->engine && !options_parse_defaults(&line, 1, NULL, error));
	for (uint32_t i = 0; i < VRS; i++) {
		w->options[i] = line.vr;
		w->options[i].vhid = (uint8_t)(i + 1);
		w->options[i].vips = vips;
		w->options[i].vip_count = 2;
		w->options[i].source = htonl(0x0a010102);
		w->options[i].election.advskew = (uint8_t)(i * 100);
		w->options[i].election.preempt = i == 1;
		memcpy(w->options[i].interface, "eth0", 5);
		w->live[i].generation = i;
		EXPECT(!engine_add(w->engine, i, &w->options[i], &w->key, &w->live[i], w->now_ns));
	}
}

/* Most are about somebody, and not from a time that never was. */
static void take_record(struct world *w, struct fuzz_input *input, struct xcarp_record *record)
{
	uint8_t bend = fuzz_byte(input);

	fuzz_take(input, record, sizeof(*record));
	if (bend & 3) {
		record->index %= VRS;
		record->generation = record->index;
	}
	if (bend & 12)
		record->arrival_ns = w->now_ns - record->arrival_ns % 4000000000u;
	if (bend & 48)
		record->type = bend & 16 ? RECORD_ADVERT : RECORD_NOTICE;
}

static void take_live(struct world *w, struct fuzz_input *input)
{
	struct vr_live *live = &w->live[fuzz_byte(input) % VRS];
	uint8_t bend = fuzz_byte(input);

	/* The first cache line is the driver's. */
	fuzz_take(input, live, offsetof(struct vr_live, state));
	if (bend & 1)
		live->arrival_ns = w->now_ns - live->arrival_ns % 4000000000u;
	if (bend & 6)
		live->accepted &= ~LIVE_WRITING;
}

static void take_link(struct world *w, struct fuzz_input *input)
{
	uint32_t index = fuzz_byte(input) % VRS;
	uint8_t what = fuzz_byte(input);
	struct engine_link link = { .ifindex = what & 3 ? IFINDEX : 0,
				    .up = what & 4,
				    .mac = { 2, 0, 0, 0, 0, what & 8 } };

	if (what & 64)
		engine_link_withdrawn(w->engine, index, w->now_ns);
	else
		engine_link(w->engine, index, &link, w->now_ns);
}

static void take_request(struct world *w, struct fuzz_input *input)
{
	struct xcarp_request_vr vr;
	enum xcarp_command command = (enum xcarp_command)(COMMAND_DEMOTE + fuzz_byte(input) % 3);

	fuzz_take(input, &vr, sizeof(vr));
	if (vr.index & 1)
		vr.index = vr.generation = vr.index % VRS;
	EXPECT(!engine_command(w->engine, vr.index, vr.generation, command, w->now_ns) || vr.index < VRS);
}

static void take_address(struct world *w, struct fuzz_input *input)
{
	uint8_t what = fuzz_byte(input);
	uint32_t index = what % VRS;
	struct vip vip = w->options[index].vips[what >> 2 & 1];

	if (what & 8)
		fuzz_take(input, vip.address, vip_len(&vip));
	if (what & 16)
		engine_vip_failed(w->engine, index, &vip, -EEXIST, w->now_ns);
	else
		engine_address(w->engine, what & 32 ? IFINDEX : what, &vip, what & 64, w->now_ns);
}

static void settle(struct world *w)
{
	int rounds = 0;

	engine_vips_done(w->engine, 1000000, w->now_ns);
	while (engine_deadline(w->engine) <= w->now_ns) {
		EXPECT(++rounds < ROUNDS_MAX);
		engine_timers(w->engine, w->now_ns);
		engine_commit(w->engine, w->now_ns);
	}
}

static void pass_time(struct world *w, struct fuzz_input *input)
{
	uint16_t ms;

	fuzz_take(input, &ms, sizeof(ms));
	w->now_ns += ms * 1000000ull + 1;
}

static void step(struct world *w, struct fuzz_input *input)
{
	struct xcarp_record record;
	uint8_t what = fuzz_byte(input);

	switch (what % 10) {
	case 0:
	case 1:
		take_record(w, input, &record);
		engine_record(w->engine, &record, w->now_ns);
		break;
	case 2:
		take_record(w, input, &w->backlog);
		w->has_backlog = true;
		break;
	case 3:
		take_live(w, input);
		break;
	case 4:
		take_link(w, input);
		break;
	case 5:
		take_request(w, input);
		break;
	case 6:
		take_address(w, input);
		break;
	case 7:
		engine_demote(w->engine, fuzz_byte(input) % VRS, w->now_ns);
		break;
	case 8:
		w->send_error = what & 16 ? -ENETDOWN : 0;
		engine_resync_begin(w->engine);
		engine_resync_end(w->engine, w->now_ns);
		break;
	default:
		pass_time(w, input);
	}
	engine_commit(w->engine, w->now_ns);
	settle(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct engine_link up = { .ifindex = IFINDEX, .up = true, .mac = { 2, 0, 0, 0, 0, 1 } };
	struct fuzz_input input = { bytes, len };
	static struct world w;

	start(&w);
	for (uint32_t i = 0; i < VRS; i++)
		engine_link(w.engine, i, &up, w.now_ns);
	settle(&w);
	for (int steps = 0; input.len && steps < STEPS_MAX; steps++) {
		step(&w, &input);
		for (uint32_t i = 0; i < VRS; i++)
			EXPECT(w.live[i].state <= MASTER && w.live[i].hold <= PROMOTED);
	}
	engine_free(w.engine);
	return 0;
}
