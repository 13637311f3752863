// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The host's links, and which virtual routers are on them: with a program on it and its virtual routers in the maps, the
 * engine may use one; without, it is told that there is none. They come and go under their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller.h"
#include "io/driver.h"
#include "io/log.h"
#include "io/rtnl_query.h"

#define NS_PER_S 1000000000ull
#define ATTACH_RETRY_NS (5 * NS_PER_S) /* doubled each time: a program of somebody else may stay, and its going is told */
#define ATTACH_RETRY_MAX_NS (320 * NS_PER_S)
#define CLAIM_RETRY_NS (10 * NS_PER_S) /* another process has a virtual router of ours */
#define NAMED_MAX 4 /* interfaces in the status */
#define SETTLE_NS (5 * NS_PER_S) /* drivers that reset their NIC to attach a program have the link back in 50 ms to 4 s */
#define LOCK_RETRY_NS (NS_PER_S / 20) /* another process of ours is busy with the maps */

static uint32_t hash_of_name(const char *name)
{
	return table_hash(0, name, strlen(name));
}

static uint32_t hash_of_ifindex(uint32_t ifindex)
{
	return table_hash(0, &ifindex, sizeof(ifindex));
}

static struct interface *find_name(const struct controller *c, const char *name)
{
	for (uint32_t at = table_first(c->by_name, hash_of_name(name)); at != TABLE_NONE; at = table_next(c->by_name, at))
		if (!strcmp(c->interfaces[table_number(c->by_name, at)]->name, name))
			return c->interfaces[table_number(c->by_name, at)];
	return NULL;
}

struct interface *interface_of(struct controller *c, uint32_t ifindex)
{
	uint32_t at;

	for (at = table_first(c->by_ifindex, hash_of_ifindex(ifindex)); at != TABLE_NONE; at = table_next(c->by_ifindex, at))
		if (c->interfaces[table_number(c->by_ifindex, at)]->link.ifindex == ifindex)
			return c->interfaces[table_number(c->by_ifindex, at)];
	return NULL;
}

static bool make_room(struct controller *c)
{
	uint32_t room = c->interface_room ? 2 * c->interface_room : 16;
	struct interface **grown;

	if (c->interface_count < c->interface_room)
		return true;
	grown = reallocarray(c->interfaces, room, sizeof(struct interface *));
	if (!grown)
		return false;
	c->interfaces = grown;
	c->interface_room = room;
	return true;
}

struct interface *interface_named(struct controller *c, const char *name)
{
	struct interface *interface = find_name(c, name);

	if (interface)
		return interface;
	interface = make_room(c) ? calloc(1, sizeof(*interface)) : NULL;
	if (!interface)
		return NULL;
	interface->attach_again_ns = interface->settle_ns = UINT64_MAX;
	interface->first = NO_INDEX;
	interface->number = c->interface_count;
	snprintf(interface->name, sizeof(interface->name), "%s", name);
	if (!table_put(c->by_name, hash_of_name(name), interface->number)) {
		free(interface);
		return NULL;
	}
	c->interfaces[c->interface_count++] = interface;
	return interface;
}

static void set_ifindex(struct controller *c, struct interface *interface, uint32_t ifindex)
{
	if (interface->link.ifindex == ifindex)
		return;
	if (interface->link.ifindex)
		table_remove(c->by_ifindex, hash_of_ifindex(interface->link.ifindex), interface->number);
	interface->link = (struct engine_link){ 0 };
	interface->place = (struct rtnl_place){ 0 };
	interface->own = (struct vip){ 0 };
	interface->is_enabled = interface->is_deaf_native = false;
	interface->cure = (struct cure){ 0 };
	/* Where memory is short it counts as one that is not there. */
	if (ifindex && table_put(c->by_ifindex, hash_of_ifindex(ifindex), interface->number))
		interface->link.ifindex = ifindex;
}

/* One that is gone and that nobody waits for: containers come and go with a new name each. */
static void forget_unused(struct controller *c, struct interface *interface)
{
	struct interface *last = c->interfaces[c->interface_count - 1];

	if (interface->first != NO_INDEX || interface->link.ifindex || interface->is_attached)
		return;
	table_remove(c->by_name, hash_of_name(interface->name), interface->number);
	if (last != interface) {
		table_remove(c->by_name, hash_of_name(last->name), last->number);
		if (last->link.ifindex)
			table_remove(c->by_ifindex, hash_of_ifindex(last->link.ifindex), last->number);
		last->number = interface->number;
		c->interfaces[last->number] = last;
		/* Two nodes have just become free. */
		table_put(c->by_name, hash_of_name(last->name), last->number);
		if (last->link.ifindex)
			table_put(c->by_ifindex, hash_of_ifindex(last->link.ifindex), last->number);
	}
	c->interface_count--;
	free(interface);
}

/* The program and the maps. */

static void take_out(struct controller *c, uint32_t index)
{
	struct vrouter_slot *slot = &c->slots[index];

	if (slot->is_entered)
		dataplane_vr_remove(c->dataplane, slot->map_slot, vrouter_options(c, index), slot->interface->link.ifindex);
	slot->is_entered = false;
}

static int enter(struct controller *c, uint32_t index)
{
	struct vrouter_slot *slot = &c->slots[index];
	int err = dataplane_vr_add(c->dataplane, slot->map_slot, index, vrouter_options(c, index),
				   slot->interface->link.ifindex, c->running[index].key);

	slot->is_entered = !err;
	slot->deafness = (struct deafness){ 0 };
	if (!err)
		stacks_note_twins(c, index);
	return err;
}

static void tell_rate(struct controller *c, const struct interface *interface)
{
	if (interface->is_attached)
		tx_link(c->tx, interface->link.ifindex, interface->name, (uint32_t)(interface->adverts_in_256_s / 256));
}

void interface_try_at(struct controller *c, struct interface *interface, uint64_t at_ns)
{
	interface->attach_again_ns = at_ns;
	if (at_ns < c->attach_again_ns)
		c->attach_again_ns = at_ns;
}

/* Takes the program off it, and its virtual routers out of the maps. */
static void forget_interface(struct controller *c, struct interface *interface)
{
	bool is_above_bare;

	if (!interface->is_attached)
		return;
	interface->is_attached = false;
	interface->has_lost_program = false;
	floods_forget(interface);
	interface->settle_ns = UINT64_MAX;
	for (uint32_t index = interface->first; index != NO_INDEX; index = c->slots[index].next)
		take_out(c, index);
	tx_unlink(c->tx, interface->link.ifindex);
	is_above_bare = stacks_take_off_above(c, interface);
	dataplane_detach(c->dataplane, interface->link.ifindex);
	if (is_above_bare)
		stacks_put_back_above(c, interface, loop_now_ns());
}

/* As the kernel itself decides the router flag of its neighbour advertisements. */
static bool is_ipv6_router(const char *interface)
{
	char path[64 + XCARP_IFNAME_LEN], value = '0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/forwarding", interface);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value != '0';
}

/* Some drivers reset the NIC. Elections begin when the link is back, as if it had not been there before. */
static void begin_to_settle(struct controller *c, struct interface *interface)
{
	bool has_carrier;

	if (!interface->link.up || rtnl_query_carrier(interface->link.ifindex, &has_carrier) || has_carrier)
		return;
	interface->link.up = false;
	interface->settle_ns = loop_now_ns() + SETTLE_NS;
	if (interface->settle_ns < c->attach_again_ns)
		c->attach_again_ns = interface->settle_ns;
}

/* What was told may be from before. */
static void end_to_settle(struct interface *interface, uint64_t now_ns)
{
	bool has_carrier;

	if (interface->settle_ns == UINT64_MAX)
		return;
	if (interface->link.up && !rtnl_query_carrier(interface->link.ifindex, &has_carrier))
		interface->link.up = has_carrier;
	if (interface->link.up || !interface->is_enabled || interface->settle_ns <= now_ns)
		interface->settle_ns = UINT64_MAX;
}

static int attach(struct controller *c, struct interface *interface)
{
	bool is_above_bare = stacks_take_off_above(c, interface);
	int err = dataplane_attach(c->dataplane, interface->link.ifindex, interface->name, stacks_no_use_of_native(interface));

	if (is_above_bare)
		stacks_put_back_above(c, interface, loop_now_ns());
	interface->attached_ns = loop_now_ns();
	if (!err) {
		interface->is_attached = true;
		interface->has_lost_program = interface->needs_anew = false;
		interface->retry_ns = 0;
		interface->forgets_program = driver_forgets_program(interface->name);
		floods_forget(interface);
		begin_to_settle(c, interface);
		stacks_warn_of_port(c, interface);
	}
	/* Nobody asked before, and where another process has the program there already no message follows. */
	interface->link.is_ipv6_router = is_ipv6_router(interface->name);
	return err;
}

/* One that another process has claimed since, or that a dead one's entry is in the way of, waits; the others do not wait for it. */
static int enter_all(struct controller *c, struct interface *interface)
{
	bool is_busy = false;
	int err = 0;

	interface->has_claimed = false;
	for (uint32_t index = interface->first; !err && index != NO_INDEX; index = c->slots[index].next) {
		if (!c->slots[index].is_entered)
			err = enter(c, index);
		if (err != -EEXIST && err != -EAGAIN)
			continue;
		is_busy |= err == -EAGAIN;
		interface->has_claimed = true;
		err = 0;
	}
	return err ?: is_busy ? -EAGAIN : 0;
}

static int use_interface(struct controller *c, struct interface *interface)
{
	int err = interface->is_attached && !interface->has_lost_program ? 0 : attach(c, interface);

	return err ?: enter_all(c, interface);
}

/* Why it cannot be used; NULL: it can, or nobody wants it. */
static const char *obstacle(const struct interface *interface)
{
	if (interface->first == NO_INDEX)
		return NULL;
	if (!interface->link.ifindex)
		return "waits for";
	if (!interface->is_attached)
		return "cannot use";
	return interface->link.up ? NULL : "no link on";
}

void interfaces_describe(const struct controller *c, char *text, size_t room)
{
	uint32_t named = 0, others = 0;
	const char *before = NULL;
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < c->interface_count; i++) {
		const char *why = obstacle(c->interfaces[i]);

		if (!why)
			continue;
		if (named == NAMED_MAX) {
			others++;
			continue;
		}
		len += (size_t)snprintf(text + len, room - len, "%s%s%s%s", named++ ? ", " : "", why == before ? "" : why,
					why == before ? "" : " ", c->interfaces[i]->name);
		before = why;
	}
	if (others)
		snprintf(text + len, room - len, " and %u more", others);
}

static void tell_link(struct controller *c, const struct interface *interface, uint64_t now_ns)
{
	for (uint32_t index = interface->first; index != NO_INDEX; index = c->slots[index].next)
		interface_tell_engine(c, index, now_ns);
}

/* Where it is still there, it still has our addresses. */
static void lose_interface(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	char name[IF_NAMESIZE];

	forget_interface(c, interface);
	if (interface->first == NO_INDEX || !interface->link.ifindex || !if_indextoname(interface->link.ifindex, name))
		return;
	if (strcmp(name, interface->name))
		log_warn("%s was renamed to %s: its virtual routers wait for another of that name", interface->name, name);
	for (uint32_t index = interface->first; index != NO_INDEX; index = c->slots[index].next)
		if (c->slots[index].is_started)
			engine_link_withdrawn(c->engine, index, now_ns);
}

static uint64_t next_retry_ns(uint64_t last_ns)
{
	if (!last_ns)
		return ATTACH_RETRY_NS;
	return last_ns < ATTACH_RETRY_MAX_NS ? 2 * last_ns : last_ns;
}

static void attach_anew_if_due(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	if (!interface->needs_anew || !interface->is_attached)
		return;
	if (interface->attach_again_ns <= now_ns)
		interface->attach_again_ns = UINT64_MAX;
	if (!interface_attach_anew(c, interface, now_ns))
		interface_try_at(c, interface, now_ns + LOCK_RETRY_NS);
}

static void try_interface(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	bool is_due = !interface->is_attached || interface->has_lost_program ||
		      (interface->has_claimed && interface->attach_again_ns <= now_ns);
	int err = 0;

	if (is_due)
		interface->attach_again_ns = UINT64_MAX;
	attach_anew_if_due(c, interface, now_ns);
	end_to_settle(interface, now_ns);
	if (interface->first == NO_INDEX)
		return;
	if (interface->link.ifindex && interface->is_ethernet && is_due) {
		err = use_interface(c, interface);
		/* Attaching takes longer than the shortest down time, and that begins when adverts can be heard. */
		now_ns = loop_now_ns();
	}
	if (err == -EAGAIN) {
		interface_try_at(c, interface, now_ns + LOCK_RETRY_NS);
	} else if (err) {
		interface->retry_ns = next_retry_ns(interface->retry_ns);
		interface_try_at(c, interface, now_ns + interface->retry_ns);
	}
	/* Another process is at the maps: what is missing is put back a moment later, and until then nothing is given up. */
	if (err && !(err == -EAGAIN && interface->is_attached)) {
		lose_interface(c, interface, now_ns);
	} else if (!err && is_due && interface->has_claimed) {
		interface_try_at(c, interface, now_ns + CLAIM_RETRY_NS);
	}
	c->is_status_old = true;
	/* With a link that has come up, AF_XDP may work that did not. */
	tell_rate(c, interface);
	tell_link(c, interface, now_ns);
}

/*
 * Somebody else may have taken our program off. Of one that is down, it may be the kernel, removing the interface. What its
 * virtual routers have in the maps stays: the addresses that they hold are there, whoever has to take them off one day.
 */
static void check_program(struct controller *c, struct interface *interface, const struct rtnl_programs *told)
{
	if (!interface->is_attached || interface->has_lost_program || !interface->link.up ||
	    dataplane_is_attached(c->dataplane, interface->link.ifindex, told))
		return;
	log_warn("%s: the XDP program was taken off by somebody else: putting it back", interface->name);
	interface->has_lost_program = true;
}

bool interface_attach_anew(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	int err = dataplane_attach_anew(c->dataplane, interface->link.ifindex, interface->name, stacks_no_use_of_native(interface));

	if (err == -EAGAIN)
		return false;
	interface->needs_anew = false;
	interface->attached_ns = loop_now_ns();
	if (!err) {
		interface->has_lost_program = false;
		floods_forget(interface);
		begin_to_settle(c, interface);
		for (uint32_t index = interface->first; index != NO_INDEX; index = c->slots[index].next)
			c->slots[index].deafness = (struct deafness){ 0 };
	} else {
		interface_try_at(c, interface, now_ns + ATTACH_RETRY_NS);
		lose_interface(c, interface, now_ns);
	}
	tell_link(c, interface, now_ns);
	return true;
}

/* Virtual routers on it. */

static uint64_t adverts_in_256_s(const struct vr_options *options)
{
	return 256 * 256 / (options->election.advbase * 256u + options->election.advskew);
}

static void link_to(struct controller *c, struct interface *interface, uint32_t index)
{
	struct vrouter_slot *slot = &c->slots[index];

	slot->interface = interface;
	slot->previous = NO_INDEX;
	slot->next = interface->first;
	if (slot->next != NO_INDEX)
		c->slots[slot->next].previous = index;
	interface->first = index;
	interface->adverts_in_256_s += adverts_in_256_s(vrouter_options(c, index));
}

static void unlink_from(struct controller *c, uint32_t index)
{
	struct vrouter_slot *slot = &c->slots[index];
	struct interface *interface = slot->interface;

	if (slot->previous != NO_INDEX)
		c->slots[slot->previous].next = slot->next;
	else
		interface->first = slot->next;
	if (slot->next != NO_INDEX)
		c->slots[slot->next].previous = slot->previous;
	interface->adverts_in_256_s -= adverts_in_256_s(vrouter_options(c, index));
	slot->interface = NULL;
}

int interface_join(struct controller *c, uint32_t index)
{
	struct interface *interface = interface_named(c, vrouter_options(c, index)->interface);
	bool others_wait;
	int err = 0;

	if (!interface)
		return controller_fail("interfaces", -ENOMEM);
	/* It could not be used a while ago. The next try is for all at once. */
	others_wait = interface->first != NO_INDEX && !interface->is_attached;
	link_to(c, interface, index);
	if (!interface->link.ifindex || others_wait)
		return 0;
	if (!interface->is_attached)
		err = attach(c, interface);
	if (!err)
		err = enter(c, index);
	if (err)
		interface_leave(c, index);
	else
		tell_rate(c, interface);
	return err;
}

void interface_leave(struct controller *c, uint32_t index)
{
	struct interface *interface = c->slots[index].interface;

	if (!interface)
		return;
	take_out(c, index);
	unlink_from(c, index);
	if (interface->first != NO_INDEX) {
		tell_rate(c, interface);
		return;
	}
	forget_interface(c, interface);
	forget_unused(c, interface);
}

int interface_enter_vips(struct controller *c, uint32_t index, const struct vr_options *options)
{
	const struct vrouter_slot *slot = &c->slots[index];

	if (!slot->is_entered)
		return 0;
	return dataplane_enter_vips(c->dataplane, slot->map_slot, options, slot->interface->link.ifindex);
}

void interface_remove_vips(struct controller *c, uint32_t index, const struct vr_options *options)
{
	const struct vrouter_slot *slot = &c->slots[index];

	if (slot->is_entered)
		dataplane_remove_vips(c->dataplane, slot->map_slot, options, vrouter_options(c, index),
				      slot->interface->link.ifindex);
}

bool interface_update(struct controller *c, uint32_t index, const struct vr_options *old)
{
	struct vrouter_slot *slot = &c->slots[index];
	struct interface *interface = slot->interface;

	interface->adverts_in_256_s += adverts_in_256_s(vrouter_options(c, index)) - adverts_in_256_s(old);
	tell_rate(c, interface);
	if (!slot->is_entered || dataplane_vr_update(c->dataplane, slot->map_slot, index, vrouter_options(c, index),
						     interface->link.ifindex, c->running[index].key))
		return false;
	stacks_note_twins(c, index);
	return true;
}

void interface_updated(struct controller *c, uint32_t index, const struct vr_options *old)
{
	struct vrouter_slot *slot = &c->slots[index];

	dataplane_vr_updated(c->dataplane, slot->map_slot, old, vrouter_options(c, index), slot->interface->link.ifindex);
}

void interface_tell_engine(struct controller *c, uint32_t index, uint64_t now_ns)
{
	static const struct engine_link none;
	struct vrouter_slot *slot = &c->slots[index];

	if (!slot->is_started || (slot->is_entered && !slot->has_link && slot->interface->settle_ns != UINT64_MAX))
		return;
	slot->has_link = slot->is_entered;
	engine_link(c->engine, index, slot->is_entered ? &slot->interface->link : &none, now_ns);
}

/* Links. */

static void update_gone(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	lose_interface(c, interface, now_ns);
	set_ifindex(c, interface, 0);
	try_interface(c, interface, now_ns);
	forget_unused(c, interface);
}

static void update_there(struct controller *c, struct interface *interface, const struct rtnl_link *link, uint64_t now_ns)
{
	bool was_there = interface->link.ifindex == link->ifindex, was_enabled = interface->is_enabled;

	if (interface->link.ifindex && !was_there)
		lose_interface(c, interface, now_ns);
	set_ifindex(c, interface, link->ifindex);
	interface->is_told = true;
	interface->is_enabled = link->is_enabled;
	interface->is_ethernet = link->is_ethernet;
	interface->link.up = link->is_up;
	interface->link.lacks_carrier = link->lacks_carrier;
	interface->link.path = link->place.active;
	interface->place = link->place;
	c->has_stacks |= link->place.below || link->place.above;
	memcpy(interface->link.mac, link->mac, sizeof(interface->link.mac));
	if (interface->first == NO_INDEX)
		return;
	interface->link.is_ipv6_router = is_ipv6_router(link->name);
	if (!was_there && !link->is_ethernet)
		log_error("-i %s: is not an Ethernet interface, and CARP needs one", link->name);
	check_program(c, interface, &link->programs);
	interface->needs_anew |= was_there && !was_enabled && link->is_enabled && interface->forgets_program;
	try_interface(c, interface, now_ns);
}

void interfaces_link(struct controller *c, const struct rtnl_link *link, uint64_t now_ns)
{
	struct interface *interface = interface_of(c, link->ifindex);

	if (interface && link->is_moved && interface->is_attached)
		moves_add(c, interface, link);
	if (interface && (link->is_gone || strcmp(interface->name, link->name)))
		update_gone(c, interface, now_ns);
	if (link->is_gone)
		return;
	interface = interface_named(c, link->name);
	if (interface)
		update_there(c, interface, link, now_ns);
}

void interfaces_own_address(struct controller *c, uint32_t ifindex, const struct rtnl_own *own, uint64_t now_ns)
{
	struct interface *interface = interface_of(c, ifindex);
	bool is_first;

	if (!interface)
		return;
	if (own->present && c->engine && engine_foreign_vip(c->engine, ifindex, &own->address, own->is_certain))
		return;
	if (c->engine)
		engine_source_address(c->engine, ifindex, &own->address, own->present, now_ns);
	/* There may be others, which are not remembered: the next that is told counts as the first. */
	if (!own->present && vip_is_same(&interface->own, &own->address))
		interface->own = (struct vip){ 0 };
	if (!own->present || !own->is_wide)
		return;
	if (!own->is_certain && !(c->engine && engine_has_source(c->engine, ifindex, &own->address)))
		return;
	is_first = !interface->own.ip_version;
	if (is_first)
		interface->own = own->address;
	if (c->engine && (is_first || own->is_second))
		engine_own_address(c->engine, ifindex, &own->address, is_first, now_ns);
}

int interfaces_find(struct controller *c)
{
	int err;

	c->attach_again_ns = UINT64_MAX;
	c->floods_ns = UINT64_MAX;
	c->by_name = table_new(0);
	c->by_ifindex = table_new(0);
	if (!c->by_name || !c->by_ifindex)
		return controller_fail("interfaces", -ENOMEM);
	err = rtnl_sync(c->rtnl);
	return err ? controller_fail("cannot read links and addresses", err) : 0;
}

void interfaces_free(struct controller *c)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		free(c->interfaces[i]);
	free(c->interfaces);
	free(c->moves);
	table_free(c->by_name);
	table_free(c->by_ifindex);
}

static uint64_t due_ns(const struct interface *interface)
{
	return interface->settle_ns < interface->attach_again_ns ? interface->settle_ns : interface->attach_again_ns;
}

void interfaces_try_again(struct controller *c, uint64_t now_ns)
{
	if (now_ns < c->attach_again_ns)
		return;
	c->attach_again_ns = UINT64_MAX;
	for (uint32_t i = 0; i < c->interface_count; i++) {
		struct interface *interface = c->interfaces[i];

		if (due_ns(interface) <= now_ns)
			try_interface(c, interface, now_ns);
		if (due_ns(interface) < c->attach_again_ns)
			c->attach_again_ns = due_ns(interface);
	}
}

static void lose_with_above(struct controller *c, struct interface *interface)
{
	for (uint32_t i = 0; c->has_stacks && interface->is_attached && i < c->interface_count; i++)
		if (stacks_stands_on(c->interfaces[i], interface))
			lose_with_above(c, c->interfaces[i]);
	forget_interface(c, interface);
}

void interfaces_lose(struct controller *c)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		lose_with_above(c, c->interfaces[i]);
}

void interfaces_resync_begin(struct controller *c)
{
	for (uint32_t i = 0; i < c->interface_count; i++) {
		c->interfaces[i]->is_told = false;
		c->interfaces[i]->own = (struct vip){ 0 };
	}
}

void interfaces_resync_end(struct controller *c, uint64_t now_ns)
{
	/* Backwards: one that is forgotten changes places with the last. */
	for (uint32_t i = c->interface_count; i--;)
		if (!c->interfaces[i]->is_told && c->interfaces[i]->link.ifindex)
			update_gone(c, c->interfaces[i], now_ns);
}
