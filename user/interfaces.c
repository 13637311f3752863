// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The interfaces that virtual routers are on: with a program on it and its virtual routers in the maps, the engine may use
 * one; without, it is told that there is none. They come and go under their names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller.h"
#include "io/log.h"

#define NS_PER_S 1000000000ull
#define ATTACH_RETRY_NS (5 * NS_PER_S)

static void forget_slots(struct controller *c, const struct interface *interface, uint32_t until)
{
	for (uint32_t slot = interface->first; slot != until; slot = c->slots[slot].next)
		dataplane_vr_remove(c->dataplane, slot, c->slots[slot].options, interface->link.ifindex);
}

static int use_interface(struct controller *c, struct interface *interface)
{
	int err = dataplane_attach(c->dataplane, interface->link.ifindex, interface->name);

	if (err)
		return err;
	for (uint32_t slot = interface->first; slot != NO_SLOT; slot = c->slots[slot].next) {
		err = dataplane_vr_add(c->dataplane, slot, c->slots[slot].options, interface->link.ifindex, &c->keys[slot]);
		if (!err)
			continue;
		forget_slots(c, interface, slot);
		dataplane_detach(c->dataplane, interface->link.ifindex);
		return err;
	}
	interface->is_attached = true;
	return 0;
}

/* The program is off it and the maps know nothing of it any more. */
static void forget_interface(struct controller *c, struct interface *interface)
{
	if (!interface->is_attached)
		return;
	interface->is_attached = false;
	forget_slots(c, interface, NO_SLOT);
	dataplane_detach(c->dataplane, interface->link.ifindex);
}

/* Where it is still there, it still has our addresses. */
static void lose_interface(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	char name[IF_NAMESIZE];

	forget_interface(c, interface);
	if (!c->engine || !interface->link.ifindex || !if_indextoname(interface->link.ifindex, name))
		return;
	for (uint32_t slot = interface->first; slot != NO_SLOT; slot = c->slots[slot].next)
		engine_link_withdrawn(c->engine, slot, now_ns);
}

static void tell_link(struct controller *c, const struct interface *interface, uint64_t now_ns)
{
	static const struct engine_link none;

	for (uint32_t slot = interface->first; slot != NO_SLOT; slot = c->slots[slot].next)
		engine_link(c->engine, slot, interface->is_attached ? &interface->link : &none, now_ns);
}

static void try_interface(struct controller *c, struct interface *interface, uint64_t now_ns)
{
	interface->attach_again_ns = UINT64_MAX;
	if (interface->link.ifindex && !interface->is_attached && use_interface(c, interface)) {
		interface->attach_again_ns = now_ns + ATTACH_RETRY_NS;
		lose_interface(c, interface, now_ns);
	}
	tell_link(c, interface, now_ns);
}

/* Somebody else may have taken our program off. Of one that is down, it may be the kernel, removing the interface. */
static void check_program(struct controller *c, struct interface *interface)
{
	if (!interface->is_attached || !interface->link.up ||
	    dataplane_is_attached(c->dataplane, interface->link.ifindex))
		return;
	log_warn("%s: the XDP program was taken off by somebody else: putting it back", interface->name);
	forget_interface(c, interface);
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

static void update_interface(struct controller *c, struct interface *interface, const struct rtnl_link *link,
			     uint64_t now_ns)
{
	bool is_ours = !link->is_gone && !strcmp(link->name, interface->name);
	bool was_ours = interface->link.ifindex && link->ifindex == interface->link.ifindex;

	if (!is_ours && !was_ours)
		return;
	if (c->engine && interface->link.ifindex && (!is_ours || !was_ours))
		lose_interface(c, interface, now_ns);
	interface->is_told = true;

	interface->link = (struct engine_link){ 0 };
	if (is_ours) {
		interface->link = (struct engine_link){
			.ifindex = link->ifindex,
			.up = link->is_up,
			.is_ipv6_router = is_ipv6_router(link->name),
		};
		memcpy(interface->link.mac, link->mac, sizeof(interface->link.mac));
		interface->is_ethernet = link->is_ethernet;
	}
	if (!c->engine)
		return;
	check_program(c, interface);
	try_interface(c, interface, now_ns);
}

void interfaces_link(struct controller *c, const struct rtnl_link *link, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		update_interface(c, &c->interfaces[i], link, now_ns);
}

void interfaces_note_source(struct controller *c, uint32_t ifindex, const struct vip *address)
{
	for (uint32_t slot = 0; slot < c->slot_count && address->ip_version == 4; slot++)
		if (!memcmp(address->address, &c->slots[slot].options->source, 4))
			c->source_ifindexes[slot] = ifindex;
}

static struct interface *interface_named(struct controller *c, const char *name)
{
	struct interface *interface;

	for (uint32_t i = 0; i < c->interface_count; i++)
		if (!strcmp(c->interfaces[i].name, name))
			return &c->interfaces[i];
	interface = &c->interfaces[c->interface_count++];
	*interface = (struct interface){ .attach_again_ns = UINT64_MAX, .first = NO_SLOT };
	memcpy(interface->name, name, strlen(name) + 1);
	return interface;
}

static int name_interface(struct controller *c, uint32_t slot)
{
	struct vr_options *options = c->slots[slot].options;
	char address[INET_ADDRSTRLEN];

	if (*options->interface)
		return 0;
	if (c->source_ifindexes[slot] && if_indextoname(c->source_ifindexes[slot], options->interface)) {
		log_info("Using [%s] as a network interface", options->interface);
		return 0;
	}
	log_error("%s-s %s: no interface holds this address; it must be this host's, or -i must name the interface",
		  vrouters_place(c, slot), inet_ntop(AF_INET, &options->source, address, sizeof(address)));
	return -ENODEV;
}

static int check_interface(const struct controller *c, uint32_t slot)
{
	const struct interface *interface = c->slots[slot].interface;

	if (!interface->link.ifindex) {
		log_error("%s-i %s: no such interface; it must be the name of one that is there now (see `ip link`)",
			  vrouters_place(c, slot), interface->name);
		return -ENODEV;
	}
	if (!interface->is_ethernet) {
		log_error("%s-i %s: is not an Ethernet interface, and CARP needs one", vrouters_place(c, slot), interface->name);
		return -EINVAL;
	}
	return 0;
}

int interfaces_find(struct controller *c)
{
	int err = rtnl_sync(c->rtnl);

	if (err)
		return controller_fail("cannot read links and addresses", err);
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		err = name_interface(c, slot) ?: err;
	err = err ?: vrouters_check_unique(c);
	if (err)
		return err;
	for (uint32_t slot = c->slot_count; slot--;) {
		struct interface *interface = interface_named(c, c->slots[slot].options->interface);

		c->slots[slot].interface = interface;
		c->slots[slot].next = interface->first;
		interface->first = slot;
	}
	/* Once more, now that it is known which links matter. */
	err = rtnl_sync(c->rtnl);
	if (err)
		return controller_fail("cannot read links and addresses", err);
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		err = check_interface(c, slot) ?: err;
	return err;
}

int interfaces_use(struct controller *c)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < c->interface_count; i++)
		err = use_interface(c, &c->interfaces[i]);
	return err;
}

void interfaces_tell_engine(struct controller *c, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		tell_link(c, &c->interfaces[i], now_ns);
}

void interfaces_try_again(struct controller *c, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		if (c->interfaces[i].attach_again_ns <= now_ns)
			try_interface(c, &c->interfaces[i], now_ns);
}

uint64_t interfaces_deadline(const struct controller *c)
{
	uint64_t deadline_ns = UINT64_MAX;

	for (uint32_t i = 0; i < c->interface_count; i++)
		if (c->interfaces[i].attach_again_ns < deadline_ns)
			deadline_ns = c->interfaces[i].attach_again_ns;
	return deadline_ns;
}

void interfaces_lose(struct controller *c)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		forget_interface(c, &c->interfaces[i]);
}

void interfaces_resync_begin(struct controller *c)
{
	for (uint32_t i = 0; i < c->interface_count; i++)
		c->interfaces[i].is_told = false;
}

void interfaces_resync_end(struct controller *c, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->interface_count; i++) {
		struct interface *interface = &c->interfaces[i];
		struct rtnl_link gone = { .ifindex = interface->link.ifindex, .name = interface->name, .is_gone = true };

		if (!interface->is_told && gone.ifindex)
			update_interface(c, interface, &gone, now_ns);
	}
}
