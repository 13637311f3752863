// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The addresses of a host with xcarp. The controller asks for changes, flush by flush, and the kernel is at each for a
 * while: now and then for seconds, as somebody else has its lock.
 */
#include <errno.h>
#include <string.h>

#include "sim.h"

#define VIP_CHANGE_NS (150 * NS_PER_US) /* at most */
#define LOCK_NS (3 * NS_PER_S) /* at most */

void addresses_put(struct host *host, uint16_t vr, uint8_t vip, bool is_present)
{
	uint32_t before = host->held[vr];

	if (is_present)
		host->held[vr] |= 1u << vip;
	else
		host->held[vr] &= ~(1u << vip);
	if (host->held[vr] == before)
		return;
	trace(host->world, is_present ? TRACE_ADDS : TRACE_REMOVES, host->node->number, vr, NULL, vip, 0);
	host_tell(host->world, host->node,
		  &(struct notice){ .kind = NOTICE_ADDRESS, .vr = vr, .vip = vip, .is_present = is_present });
}

static uint8_t vip_number(const struct vip *vip)
{
	return vip->address[vip_len(vip) - 1];
}

static void ask(struct host *host, uint32_t vr, uint32_t ifindex, const struct vip *vip, bool is_addition)
{
	host->asked = grow(host->asked, &host->asked_room, host->asked_count + 1, sizeof(*host->asked));
	host->asked[host->asked_count++] = (struct asked){
		.ifindex = ifindex,
		.vr = (uint16_t)vr,
		.vip = vip_number(vip),
		.is_addition = is_addition,
	};
}

void addresses_add(void *ctx, uint32_t vr, uint32_t ifindex, const struct vip *vip)
{
	struct host *host = ctx;

	ask(host, vr, ifindex, vip, true);
	host->ours[vr] |= 1u << vip_number(vip);
}

void addresses_del(void *ctx, uint32_t vr, uint32_t ifindex, const struct vip *vip)
{
	struct host *host = ctx;

	ask(host, vr, ifindex, vip, false);
}

static uint64_t lock_ns(struct world *world, uint64_t left_ns)
{
	return draw(world, left_ns < LOCK_NS ? left_ns : LOCK_NS);
}

void addresses_flush(void *ctx)
{
	struct host *host = ctx;
	struct world *world = host->world;
	uint64_t began_ns;

	if (host->kernel_ns < world->now_ns)
		host->kernel_ns = world->now_ns;
	began_ns = host->kernel_ns;
	for (uint32_t i = host->flushed; i < host->asked_count; i++)
		host->kernel_ns += draw(world, VIP_CHANGE_NS);
	if (host->kernel_ns < world->calm_ns && chance(world, 20))
		host->kernel_ns += lock_ns(world, world->calm_ns - host->kernel_ns);
	host->kernel_took_ns = host->kernel_ns - began_ns;
	while (host->flushed < host->asked_count)
		host->asked[host->flushed++].flush_end = host->asked_count;
	queue_push(world, host->kernel_ns, EVENT_KERNEL, host->node->number, NO_VR, host->flushed);
}

static void carry_out(struct host *host, const struct asked *asked)
{
	if (asked->ifindex != host->ifindex || (asked->is_addition && host->refusals)) {
		if (!asked->is_addition)
			return;
		host->shadows[asked->vr].was_refused = true;
		trace(host->world, TRACE_IS_REFUSED, host->node->number, asked->vr, NULL, asked->vip, 0);
		host_tell(host->world, host->node, &(struct notice){
			.kind = NOTICE_REFUSED,
			.vr = asked->vr,
			.vip = asked->vip,
			.error = asked->ifindex == host->ifindex ? -EPERM : -ENODEV,
		});
		return;
	}
	if (asked->is_addition)
		host->shadows[asked->vr].was_refused = false;
	else if (host->driver[asked->vr].live.state != MASTER)
		host->ours[asked->vr] &= ~(1u << asked->vip);
	addresses_put(host, asked->vr, asked->vip, asked->is_addition);
}

/* What goes, before what comes. */
static void carry_out_until(struct host *host, uint32_t end)
{
	for (uint32_t i = host->carried_out; i < end; i++)
		if (!host->asked[i].is_addition)
			carry_out(host, &host->asked[i]);
	for (uint32_t i = host->carried_out; i < end; i++)
		if (host->asked[i].is_addition)
			carry_out(host, &host->asked[i]);
	host->carried_out = end;
}

void addresses_carried_out(struct world *world, struct node *node, uint32_t end)
{
	struct host *host = node->host;

	if (end > host->carried_out && end <= host->asked_count)
		carry_out_until(host, end);
	if (host->carried_out == host->flushed)
		host_tell(world, node, &(struct notice){ .kind = NOTICE_DONE });
}

void addresses_finish(struct host *host)
{
	host->flushed = host->asked_count;
	carry_out_until(host, host->asked_count);
}

/* Whoever asked has died: what the kernel is at, it does all the same. */
void addresses_forget(struct host *host)
{
	if (host->carried_out < host->flushed)
		host->flushed = host->asked[host->carried_out].flush_end;
	host->asked_count = host->flushed;
}

bool addresses_are_asked_for(const struct host *host)
{
	return host->carried_out < host->asked_count;
}
