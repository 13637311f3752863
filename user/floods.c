// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --hook=auto: in peace an interface's program is at the tc hook, which costs other traffic nothing. A flood of adverts that are
 * refused is cheaper to end in the driver: while one lasts the program is at the XDP hook, too, where it is in front. Both
 * use the same maps, so what either refuses is counted and told alike.
 */
#include <errno.h>
#include <string.h>

#include "controller.h"
#include "io/log.h"

#define NS_PER_S 1000000000ull
#define WINDOW_NS (NS_PER_S * 11 / 10) /* in which every notice of a flood comes once */
#define FLOOD_COUNT 5000 /* refused in such a time: half a percent of a processor at the tc hook, and more */
#define CALM_NS (10 * NS_PER_S) /* without a flood, for it to be over */
#define BUSY_RETRY_NS (NS_PER_S / 10)
#define IMPOSSIBLE_RETRY_NS (600 * NS_PER_S)

static void at(struct controller *c, uint64_t when_ns)
{
	if (when_ns < c->floods_ns)
		c->floods_ns = when_ns;
}

void floods_notice(struct controller *c, uint32_t index, uint32_t count, uint64_t now_ns)
{
	struct interface *interface = index < c->capacity ? c->slots[index].interface : NULL;
	struct flood *flood;

	if (!interface || c->options.hook != CHOOSE_AUTO)
		return;
	flood = &interface->flood;
	if (now_ns - flood->window_ns >= WINDOW_NS) {
		flood->window_ns = now_ns;
		flood->count = 0;
	}
	flood->count += count;
	if (flood->count < FLOOD_COUNT)
		return;
	flood->calm_ns = now_ns + CALM_NS;
	if (!flood->in_front && now_ns >= flood->not_before_ns)
		at(c, now_ns);
}

static void change(struct controller *c, struct interface *interface, bool in_front, uint64_t now_ns)
{
	struct flood *flood = &interface->flood;

	/* Once, until it is done: then floods_front_done() says how it is. */
	flood->is_changing = dataplane_put_in_front(c->dataplane, interface->link.ifindex, interface->name, in_front);
	if (!flood->is_changing)
		at(c, now_ns + BUSY_RETRY_NS);
}

static void look_after(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	struct flood *flood = &interface->flood;
	bool is_flooded = flood->calm_ns > now_ns;

	if (flood->is_changing || !interface->is_attached)
		return;
	if (flood->in_front && is_flooded)
		at(c, flood->calm_ns);
	else if (flood->in_front)
		change(c, interface, false, now_ns);
	else if (is_flooded && now_ns >= flood->not_before_ns &&
		 dataplane_may_have_front(c->dataplane, interface->link.ifindex))
		change(c, interface, true, now_ns);
}

uint64_t floods_deadline(const struct controller *c)
{
	return c->floods_ns;
}

void floods_timers(struct controller *c, uint64_t now_ns)
{
	if (now_ns < c->floods_ns)
		return;
	c->floods_ns = UINT64_MAX;
	for (uint32_t i = 0; i < c->interface_count; i++)
		look_after(c, c->interfaces[i], now_ns);
}

static const char *why_not(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "its driver may interrupt the link for that";
	case -ELOOP:
		return "adverts go on to the host (--tap), or to a VLAN device with the same virtual router";
	case -EBUSY:
		return "another XDP program is there, or ours could not be loaded";
	default:
		return strerror(-err);
	}
}

void floods_front_done(struct controller *c, struct interface *interface, bool in_front, int err, uint64_t now_ns)
{
	struct flood *flood = &interface->flood;

	flood->is_changing = false;
	flood->in_front = in_front && !err;
	if (err) {
		flood->not_before_ns = now_ns + IMPOSSIBLE_RETRY_NS;
		log_warn("%s: a flood of adverts that are refused: the XDP program cannot be put in front: %s", interface->name,
			 why_not(err));
	} else {
		log_warn("%s: %s", interface->name,
			 in_front ?
				 "a flood of adverts that are refused: the XDP program is put in front while it lasts" :
				 "the flood is over: the XDP program is taken off");
	}
	at(c, now_ns);
}

void floods_forget(struct interface *interface)
{
	interface->flood = (struct flood){ 0 };
}
