// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Interfaces that stand on others, or that others stand on: VLAN devices, bonds, bridges and their ports. Where the program can
 * be on both, in which order it comes and goes, and what two of one virtual router hear of each other.
 */
#include "controller.h"
#include "io/log.h"

static void note_twin(struct controller *c, const struct interface *lower, const struct interface *upper,
		      uint32_t index)
{
	const struct vr_options *options = vrouter_options(c, index);

	if (dataplane_note_twin(c->dataplane, lower->link.ifindex, upper->link.ifindex, options))
		log_warn("%s: virtual router %u is on %s, too, and where the NIC strips VLAN tags their adverts cannot "
			 "be told apart: "
			 "those that %s refuses go on to %s; give one of them another -v, or let the tags be: ethtool "
			 "-K %s rxvlan off",
			 lower->name, options->vhid, upper->name, lower->name, upper->name, lower->name);
}

/* The same virtual router may be on an interface and on a VLAN device on top of it. */
void stacks_note_twins(struct controller *c, uint32_t index)
{
	const struct interface *interface = c->slots[index].interface;
	const struct interface *below = interface->place.is_vlan ? interface_of(c, interface->place.below) : NULL;

	if (below)
		note_twin(c, below, interface, index);
	for (uint32_t i = 0; c->has_stacks && i < c->interface_count; i++)
		if (c->interfaces[i]->place.is_vlan && c->interfaces[i]->place.below == interface->link.ifindex)
			note_twin(c, interface, c->interfaces[i], index);
}

/* Why, for the user; NULL: it is of use. */
const char *stacks_no_use_of_native(const struct interface *interface)
{
	if (interface->place.is_bond)
		return "a bond's slaves would run the program, and not know the bond";
	return interface->is_deaf_native ? "its driver does not run the program" : NULL;
}

/* The kernel neither attaches nor detaches where others stand on it that have a program: those come on later, and go off first. */
bool stacks_stands_on(const struct interface *upper, const struct interface *lower)
{
	return upper->is_attached &&
	       (upper->place.below == lower->link.ifindex || lower->place.above == upper->link.ifindex);
}

bool stacks_take_off_above(struct controller *c, const struct interface *lower)
{
	bool any = false;

	if (!c->has_stacks || c->options.hook != CHOOSE_XDP)
		return false;
	for (uint32_t i = 0; i < c->interface_count; i++) {
		if (!stacks_stands_on(c->interfaces[i], lower))
			continue;
		dataplane_detach(c->dataplane, c->interfaces[i]->link.ifindex);
		any = true;
	}
	return any;
}

void stacks_put_back_above(struct controller *c, const struct interface *lower, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->interface_count; i++) {
		struct interface *upper = c->interfaces[i];

		if (!stacks_stands_on(upper, lower) ||
		    !dataplane_attach(c->dataplane, upper->link.ifindex, upper->name, stacks_no_use_of_native(upper)))
			continue;
		/* Its virtual routers lose it when that fails again. */
		upper->has_lost_program = true;
		interface_try_at(c, upper, now_ns);
	}
}

void stacks_warn_of_port(struct controller *c, const struct interface *interface)
{
	const struct interface *above = interface_of(c, interface->place.above);

	if (interface->place.is_port && above)
		log_warn("%s: it is a part of %s, so addresses on it are not reachable: -i %s is meant",
			 interface->name, above->name, above->name);
}
