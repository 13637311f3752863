// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host with xcarp: its kernel, which has addresses and the driver's maps, and a controller, which is the real engine
 * behind ports and a loop as in user/xcarp.c. The controller can be held up before each step of a turn, and killed there;
 * the kernel stays.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/heir.h"
#include "sim.h"

#define REALTIME (1700000000 * NS_PER_S)
#define WORK_NS (3 * NS_PER_US) /* a turn of the loop */
#define WAKE_LATE_NS (60 * NS_PER_US)
#define NOTICE_LATE_NS (2 * NS_PER_MS)
#define TAMPER_NS (300 * NS_PER_MS) /* until what somebody else did to an address is undone, at most */

uint64_t host_time(const struct world *world, const struct host *host)
{
	return world->now_ns + host->monotonic_ns;
}

/* The ports. */

static uint64_t port_random64(void *ctx)
{
	struct host *host = ctx;

	return random_next(&host->world->random);
}

static uint64_t port_realtime_ns(void *ctx)
{
	struct host *host = ctx;

	return (uint64_t)((int64_t)(REALTIME + host->world->now_ns) + host->wall_ns);
}

static void port_drain(void *ctx, uint64_t now_ns)
{
	struct host *host = ctx;

	for (uint32_t i = 0; i < host->ring_count; i++)
		engine_record(host->engine, &host->ring[i], now_ns);
	host->ring_count = 0;
}

static void port_frame_send(void *ctx, uint32_t vr, uint32_t ifindex, bool is_advert, const uint8_t *frame, size_t len)
{
	struct host *host = ctx;
	struct out_frame *out;

	host->out = grow(host->out, &host->out_room, host->out_count + 1, sizeof(*host->out));
	out = &host->out[host->out_count++];
	out->vr = vr;
	out->ifindex = ifindex;
	out->is_advert = is_advert;
	out->len = (uint8_t)len;
	memcpy(out->bytes, frame, len);
}

/* The last two bytes of an address say which one it is. */
static uint8_t announced_vip(const struct out_frame *out)
{
	return out->bytes[out->len == FRAME_ARP_LEN ? 28 + 3 : 62 + 15];
}

static void advert_sent(struct host *host, const struct out_frame *out, int error)
{
	struct world *world = host->world;
	uint8_t number = host->node->number;
	uint16_t vr = (uint16_t)out->vr;
	struct carp_header carp;

	memcpy(&carp, out->bytes + 34, sizeof(carp));
	if (error)
		trace(world, TRACE_SEND_FAILS, number, vr, NULL, (uint64_t)-error, 0);
	else
		trace(world, TRACE_SENDS, number, vr, NULL, carp.advbase * 256u + carp.advskew, be32toh(carp.counter[1]));
	judge_advert(world, host->node, vr, &carp);
	judge_sent(host->node, vr, error);
	engine_sent(host->engine, vr, error, host->clock_ns);
}

static void announced(struct host *host, const struct out_frame *out)
{
	judge_announcement(host->world, host->node, (uint16_t)out->vr, announced_vip(out));
	trace(host->world, TRACE_ANNOUNCES, host->node->number, (uint16_t)out->vr, NULL, announced_vip(out), 0);
}

static void send(struct host *host, const struct out_frame *out)
{
	int error = 0;

	if (out->ifindex != host->ifindex)
		error = -ENXIO;
	else if (host->send_failures && chance(host->world, host->send_failures))
		error = -ENOBUFS;
	if (out->is_advert)
		advert_sent(host, out, error);
	else
		announced(host, out);
	if (!error)
		lan_send(host->world, host->node->number, out->bytes, out->len);
}

static void port_frames_flush(void *ctx, uint64_t now_ns)
{
	struct host *host = ctx;

	(void)now_ns;
	for (uint32_t i = 0; i < host->out_count; i++)
		send(host, &host->out[i]);
	host->out_count = 0;
}

static void port_frame_repeat(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	(void)ctx;
	(void)ifindex;
	(void)frame;
	(void)len;
	(void)count;
}

static void port_script_run(void *ctx, uint32_t vr, enum script_kind kind, uint64_t now_ns)
{
	struct host *host = ctx;

	(void)now_ns;
	engine_script_ended(host->engine, vr, kind);
}

static void port_log(void *ctx, int priority, const struct log_subject *subject, const char *line)
{
	struct host *host = ctx;

	(void)subject;
	if (host->world->prints)
		printf("#                node %u log %d: %s\n", host->node->number, priority, line);
}

static bool port_heard_runs(void *ctx, uint32_t vr, struct replay_run runs[REPLAY_RUNS + 1])
{
	const struct host *host = ctx;
	const struct replay *replay = &host->driver[vr].guard.replay;

	memcpy(runs, replay->runs, sizeof(replay->runs));
	runs[REPLAY_RUNS] = replay->strict;
	return true;
}

static void port_journal(void *ctx, uint32_t vr, struct journal_entry *entry)
{
	struct host *host = ctx;

	judge_journal(host->world, host->node, (uint16_t)vr, entry);
}

/* Nobody else has addresses on this LAN. */
static void port_duplicate(void *ctx, uint32_t vr, const struct xcarp_record *duplicate)
{
	(void)ctx;
	(void)vr;
	(void)duplicate;
}

/* The controller's life. */

static void set_options(const struct world *world, const struct node *node, uint16_t vr)
{
	node->host->options[vr] = (struct vr_options){
		.interface = "eth0",
		.source = node->source,
		.group = htobe32(CARP_GROUP_IPV4),
		.vips = world->vrs[vr].vips,
		.vip_count = world->vrs[vr].vip_count,
		.vhid = world->vrs[vr].vhid,
		.election = node->configs[vr],
		.manage_vips = true,
		.replay = (uint8_t)world->replay,
		.fence_after_ms = world->fence_after_ms,
	};
}

static struct engine_link link_now(const struct node *node)
{
	struct engine_link link = { .ifindex = node->host->ifindex, .up = node->host->ifindex && !node->cuts };

	if (link.ifindex)
		memcpy(link.mac, node->mac, sizeof(link.mac));
	return link;
}

static void engine_told_link(struct world *world, struct node *node, const struct engine_link *link)
{
	struct host *host = node->host;

	if (link->ifindex && link->ifindex != host->link.ifindex)
		driver_enter(world, node);
	host->link = *link;
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		engine_link(host->engine, vr, link, host->clock_ns);
}

static void open_ports(struct host *host)
{
	host->ports = (struct ports){
		.ctx = host,
		.random64 = port_random64,
		.realtime_ns = port_realtime_ns,
		.heard_runs = port_heard_runs,
		.drain = port_drain,
		.frame_send = port_frame_send,
		.frames_flush = port_frames_flush,
		.frame_repeat = port_frame_repeat,
		.vip_add = addresses_add,
		.vip_del = addresses_del,
		.vips_flush = addresses_flush,
		.script_run = port_script_run,
		.log = port_log,
		.journal = port_journal,
		.duplicate = port_duplicate,
	};
	host->engine = engine_new(&host->ports, host->world->vr_count, &host->stats);
	if (!host->engine)
		abort();
}

/* What a controller that has just started knows: nothing. */
static void forget(struct world *world, struct host *host)
{
	host->is_stopping = host->is_told_to_stop = host->is_handing_over = false;
	host->incarnation++;
	host->inbox_count = host->ring_count = host->out_count = 0;
	host->link = (struct engine_link){ 0 };
	host->clock_ns = host_time(world, host);
	host->phase = SLEEPS;
	host->wake_ns = NEVER;
	host->free_ns = world->now_ns;
}

/* As user/vrouters.c does it: where a dead controller was master until just now, its place is taken with all that is in it. */
static bool take_place(struct world *world, struct node *node, uint16_t vr, bool adopts)
{
	struct host *host = node->host;
	struct driver_vr *d = &host->driver[vr];
	bool is_heir = adopts && host->left_all && host->ifindex && d->is_entered && heir_may_go_on(&d->live, host->clock_ns);

	judge_started(world, node, vr, is_heir && link_now(node).up);
	if (!is_heir)
		driver_forget(world, d);
	set_options(world, node, vr);
	if (engine_add(host->engine, vr, &host->options[vr], &world->vrs[vr].key, &d->live, host->clock_ns))
		abort();
	return is_heir;
}

/* adopts: it may; else what was left has been taken out of the maps by somebody, but for the addresses. */
void host_start(struct world *world, struct node *node, bool adopts)
{
	struct host *host = node->host;
	struct engine_link link = link_now(node);
	bool is_heir = false;

	forget(world, host);
	open_ports(host);
	node->is_running = true;
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		is_heir |= take_place(world, node, vr, adopts);
	driver_leave(node, world->vr_count);
	host->left_all = false;
	engine_told_link(world, node, &link);
	if (is_heir)
		host_tell(world, node, &(struct notice){ .kind = NOTICE_RESYNC });
	host_wake_at(world, node, world->now_ns);
}

static void controller_is_gone(struct node *node)
{
	engine_free(node->host->engine);
	node->host->engine = NULL;
	node->is_running = false;
	node->host->wake_ns = NEVER;
}

void host_crash(struct world *world, struct node *node)
{
	(void)world;
	if (!node->is_running)
		return;
	node->host->left_all = true;
	addresses_forget(node->host);
	controller_is_gone(node);
}

void host_stop(struct world *world, struct node *node)
{
	if (!node->is_running)
		return;
	node->host->is_told_to_stop = true;
	host_tell(world, node, &(struct notice){ .kind = NOTICE_STOP });
}

void host_hand_over(struct world *world, struct node *node)
{
	if (!node->is_running)
		return;
	node->host->is_told_to_stop = true;
	host_tell(world, node, &(struct notice){ .kind = NOTICE_HAND_OVER });
}

static void leave_to_successor(struct world *world, struct node *node)
{
	engine_hand_over(node->host->engine, node->host->clock_ns);
	host_crash(world, node);
}

static void leave(struct world *world, struct node *node)
{
	struct host *host = node->host;

	driver_leave(node, world->vr_count);
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		if (host->held[vr] && host->link.ifindex && host->ifindex && host->shadows[vr].vips_excused_ns < world->now_ns &&
		    host->free_ns + LATE_NS < world->now_ns)
			fail(world, node->number, vr, "the controller has ended, its addresses are still there");
		driver_forget(world, &host->driver[vr]);
		/* Once more at the very end, as user/xcarp.c does. */
		host->held[vr] = host->ours[vr] = 0;
	}
	controller_is_gone(node);
}

void host_free(struct host *host)
{
	if (!host)
		return;
	engine_free(host->engine);
	for (uint16_t vr = 0; vr < host->world->vr_count; vr++) {
		free(host->driver[vr].seen.values);
		free(host->driver[vr].taken);
	}
	free(host->driver);
	free(host->held);
	free(host->ours);
	free(host->options);
	free(host->shadows);
	free(host->ring);
	free(host->notices);
	free(host->inbox);
	free(host->out);
	free(host->asked);
	free(host);
}

/* What the kernel and people tell the controller. */

void host_tell(struct world *world, struct node *node, const struct notice *notice)
{
	struct host *host = node->host;
	uint32_t number = host->notice_count;

	if (!host->engine)
		return;
	host->notice_count++;
	host->notices = grow(host->notices, &host->notice_room, host->notice_count, sizeof(*host->notices));
	host->notices[number] = *notice;
	host->notices[number].incarnation = host->incarnation;
	if (host->notice_ns < world->now_ns)
		host->notice_ns = world->now_ns;
	host->notice_ns += draw(world, NOTICE_LATE_NS);
	if (notice->kind == NOTICE_ADDRESS)
		host->shadows[notice->vr].vips_excused_ns = host->notice_ns + NOTICE_LATE_NS;
	queue_push(world, host->notice_ns, EVENT_NOTICE, node->number, NO_VR, number);
}

void host_tell_link(struct world *world, struct node *node)
{
	host_tell(world, node, &(struct notice){ .kind = NOTICE_LINK, .link = link_now(node) });
}

void host_notice(struct world *world, struct node *node, uint32_t number)
{
	struct host *host = node->host;

	if (!host->engine || host->notices[number].incarnation != host->incarnation)
		return;
	host->inbox = grow(host->inbox, &host->inbox_room, host->inbox_count + 1, sizeof(*host->inbox));
	host->inbox[host->inbox_count++] = number;
	host_wake_at(world, node, world->now_ns);
}

/* Addresses go with their interface. */
void host_interface(struct world *world, struct node *node, bool is_there)
{
	struct host *host = node->host;

	if (is_there == !!host->ifindex)
		return;
	host->ifindex = is_there ? host->next_ifindex++ : 0;
	if (!is_there) {
		driver_leave(node, world->vr_count);
		for (uint16_t vr = 0; vr < world->vr_count; vr++)
			host->held[vr] = host->ours[vr] = 0;
	}
	host_tell_link(world, node);
}

/* Somebody else puts an address there, or takes it away. */
void host_tamper(struct world *world, struct node *node, uint16_t vr, uint8_t vip, bool is_present)
{
	struct host *host = node->host;

	if (!host->ifindex)
		return;
	addresses_put(host, vr, vip, is_present);
	if (host->engine)
		host->shadows[vr].vips_excused_ns =
			(host->kernel_ns > world->now_ns ? host->kernel_ns : world->now_ns) + TAMPER_NS;
}

static void each_vr_demoted(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		enum vr_hold hold = node->host->shadows[vr].hold;

		/* It ends a promotion. */
		judge_request(world, node, vr, hold == PROMOTED ? NOT_HELD : hold);
		engine_demote(node->host->engine, vr, node->host->clock_ns);
	}
}

static void command(struct world *world, struct node *node, const struct notice *notice)
{
	static const enum vr_hold holds[] = {
		[COMMAND_DEMOTE] = DEMOTED,
		[COMMAND_PROMOTE] = PROMOTED,
		[COMMAND_RELEASE] = NOT_HELD,
	};
	struct host *host = node->host;

	judge_request(world, node, notice->vr, holds[notice->command]);
	engine_command(host->engine, notice->vr, host->driver[notice->vr].live.generation, notice->command, host->clock_ns);
}

static void withdraw(struct world *world, struct node *node)
{
	struct host *host = node->host;

	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		engine_link_withdrawn(host->engine, vr, host->clock_ns);
	driver_leave(node, world->vr_count);
	host->link = (struct engine_link){ 0 };
}

static void stop(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		judge_request(world, node, vr, node->host->shadows[vr].hold);
		engine_stop(node->host->engine, vr, node->host->clock_ns);
	}
	node->host->is_stopping = true;
}

/* All addresses are told again. */
static void resync(struct world *world, struct node *node)
{
	struct host *host = node->host;

	engine_resync_begin(host->engine);
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		for (uint8_t vip = 0; vip < world->vrs[vr].vip_count; vip++)
			if (host->held[vr] >> vip & 1 && host->link.ifindex == host->ifindex)
				engine_address(host->engine, host->ifindex, &world->vrs[vr].vips[vip], true, host->clock_ns);
	engine_resync_end(host->engine, host->clock_ns);
}

static void take_notice(struct world *world, struct node *node, const struct notice *notice)
{
	struct host *host = node->host;

	switch (notice->kind) {
	case NOTICE_LINK:
		engine_told_link(world, node, &notice->link);
		break;
	case NOTICE_WITHDRAWN:
		withdraw(world, node);
		break;
	case NOTICE_ADDRESS:
		if (host->link.ifindex)
			engine_address(host->engine, host->link.ifindex, &world->vrs[notice->vr].vips[notice->vip],
				       notice->is_present, host->clock_ns);
		break;
	case NOTICE_REFUSED:
		engine_vip_failed(host->engine, notice->vr, &world->vrs[notice->vr].vips[notice->vip], notice->error,
				  host->clock_ns);
		break;
	case NOTICE_DONE:
		/* It may have been asked for more meanwhile. */
		if (!addresses_are_asked_for(host))
			engine_vips_done(host->engine, host->kernel_took_ns, host->clock_ns);
		break;
	case NOTICE_USR2:
		each_vr_demoted(world, node);
		break;
	case NOTICE_COMMAND:
		command(world, node, notice);
		break;
	case NOTICE_STOP:
		stop(world, node);
		break;
	case NOTICE_HAND_OVER:
		host->is_handing_over = !host->is_stopping;
		break;
	case NOTICE_RESYNC:
		resync(world, node);
		break;
	}
}

/* The loop. */

void host_wake_at(struct world *world, struct node *node, uint64_t when_ns)
{
	struct host *host = node->host;

	/* In the middle of a turn it comes round to everything by itself. */
	if (host->phase != SLEEPS)
		return;
	if (when_ns < world->now_ns)
		when_ns = world->now_ns;
	if (when_ns >= host->wake_ns)
		return;
	host->wake_ns = when_ns;
	queue_push(world, when_ns, EVENT_WAKE, node->number, NO_VR, host->incarnation);
}

/* Where it was when it was stopped. */
void host_resume(struct world *world, struct node *node)
{
	struct host *host = node->host;

	if (!host->engine)
		return;
	host->free_ns = world->now_ns;
	host->wake_ns = world->now_ns;
	queue_push(world, world->now_ns, EVENT_WAKE, node->number, NO_VR, host->incarnation);
}

static void sleep(struct world *world, struct node *node)
{
	struct host *host = node->host;
	uint64_t deadline_ns = engine_deadline(host->engine), now_ns = host_time(world, host);

	host->phase = SLEEPS;
	host->wake_ns = NEVER;
	if (host->ring_count || host->inbox_count || deadline_ns <= now_ns)
		host_wake_at(world, node, world->now_ns + WORK_NS);
	else if (deadline_ns != NEVER)
		host_wake_at(world, node, deadline_ns - host->monotonic_ns + draw(world, WAKE_LATE_NS));
}

static void read_clock(struct world *world, struct node *node)
{
	(void)world;
	node->host->clock_ns = host_time(world, node->host);
}

static void decide(struct world *world, struct node *node)
{
	struct host *host = node->host;

	host->decided_ns = world->now_ns;
	for (uint32_t i = 0; i < host->inbox_count; i++) {
		struct notice notice = host->notices[host->inbox[i]];

		take_notice(world, node, &notice);
	}
	host->inbox_count = 0;
	if (host->ring_count)
		port_drain(host, host->clock_ns);
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		host->driver[vr].owed_ns = 0;
	engine_timers(host->engine, host->clock_ns);
}

static void commit(struct world *world, struct node *node)
{
	struct host *host = node->host;

	engine_commit(host->engine, host->clock_ns);
	judge_round(world, node);
	if (host->is_stopping && !engine_any_busy(host->engine))
		leave(world, node);
	else if (host->is_handing_over && !engine_any_busy(host->engine) && !addresses_are_asked_for(host))
		leave_to_successor(world, node);
	else
		sleep(world, node);
}

/*
 * A turn of the loop in three steps; a controller that is held up, is so between two of them: four times at most, in this
 * turn and the next, until it does what has become due.
 */
void host_wake(struct world *world, struct node *node)
{
	static void (*const steps[])(struct world *world, struct node *node) = { read_clock, decide, commit };
	struct host *host = node->host;

	host->wake_ns = NEVER;
	while (!node->is_stalled) {
		enum phase phase = host->phase;

		host->phase = phase == HAS_DECIDED ? SLEEPS : phase + 1;
		steps[phase](world, node);
		if (phase == HAS_DECIDED || world->is_over)
			return;
		if (host->hiccups && chance(world, 20)) {
			host->wake_ns = world->now_ns + draw(world, LATE_NS / 5);
			queue_push(world, host->wake_ns, EVENT_WAKE, node->number, NO_VR, host->incarnation);
			return;
		}
	}
}
