// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Adverts that reached the stack and should have been taken by the program: notices that the program does not run, and does
 * something about it. A virtual router that hears nobody becomes a second master.
 */
#include <endian.h>

#include "controller.h"
#include "core/auth.h"
#include "io/log.h"

#define IN_FLIGHT_NS 200000000ull /* one that passed where the program was attached just now has come up by then */
#define RARE_256THS 64 /* an advert in a quarter of a second */

static uint64_t accepted_by(struct controller *c, uint32_t index)
{
	return __atomic_load_n(&dataplane_live(c->dataplane, c->slots[index].map_slot)->accepted, __ATOMIC_RELAXED) & ~LIVE_WRITING;
}

static bool has_helped(struct controller *c, const struct interface *interface)
{
	uint32_t index = interface->cured;

	return index < c->capacity && c->slots[index].interface == interface && accepted_by(c, index) != interface->cured_accepted;
}

static void cure(struct controller *c, struct interface *interface, uint32_t index, uint64_t now_ns)
{
	struct cure before = interface->cure;
	bool was_deaf_native = interface->is_deaf_native;
	uint64_t accepted = accepted_by(c, index);
	enum remedy remedy = cure_next(&interface->cure, has_helped(c, interface), now_ns);

	switch (remedy) {
	case REMEDY_ATTACH:
		break;
	case REMEDY_OTHER_MODE:
		interface->is_deaf_native = true;
		break;
	case REMEDY_REPORT:
		log_error("%s: adverts still pass the program by: this host does not hear other masters", interface->name);
		return;
	case REMEDY_NONE:
		return;
	}
	/* Another process is at the maps: nothing was tried. */
	if (!interface_attach_anew(c, interface, now_ns)) {
		interface->cure = before;
		interface->is_deaf_native = was_deaf_native;
		return;
	}
	if (remedy == REMEDY_ATTACH)
		log_warn("%s: adverts reach this host, but not the program on the interface: tried to attach it anew", interface->name);
	interface->cured = index;
	interface->cured_accepted = accepted;
	/* The next one that is missed says that it was in vain. */
	for (uint32_t i = interface->first; i != NO_INDEX; i = c->slots[i].next)
		c->slots[i].deafness = (struct deafness){ .accepted = accepted_by(c, i), .heard_ns = now_ns, .missed = 1 };
}

/* The interval that was heard last, or else our own, as all hosts of a virtual router have about the same. */
static bool is_rare(struct controller *c, uint32_t index)
{
	const struct vr_options *options = vrouter_options(c, index);
	uint32_t heard = dataplane_live(c->dataplane, c->slots[index].map_slot)->interval_256ths;

	return (heard ? heard : options->election.advbase * 256u + options->election.advskew) >= RARE_256THS;
}

/* NULL: it is not for one of ours, or not from one of its hosts. */
static struct vrouter_slot *find_slot(struct controller *c, const struct overheard_advert *advert, uint32_t *index)
{
	const struct vr_options *options;
	struct vrouter_slot *slot;

	if (!dataplane_find(c->dataplane, advert->ifindex, advert->group, advert->carp.vhid, index) || *index >= c->capacity)
		return NULL;
	slot = &c->slots[*index];
	options = vrouter_options(c, *index);
	if (!slot->is_entered || slot->interface->has_lost_program || slot->interface->link.ifindex != advert->ifindex)
		return NULL;
	if (advert->source == options->source ||
	    !auth_is_good(&advert->carp, c->running[*index].key, options->auth, advert->source))
		return NULL;
	return slot;
}

/* An old one anybody can send again, and so that it passes the program by: with more VLAN tags than that looks through. */
static bool is_fresh(struct controller *c, uint32_t index, const struct overheard_advert *advert, bool *may_be_old)
{
	const struct carp_header *carp = &advert->carp;

	return dataplane_is_fresh(c->dataplane, c->slots[index].map_slot, advert->source,
				  carp->version_type == CARP_VERSION_TYPE_STRONG,
				  (uint64_t)be32toh(carp->counter[0]) << 32 | be32toh(carp->counter[1]), may_be_old);
}

bool deaf_advert(void *ctx, const struct overheard_advert *advert, uint64_t now_ns)
{
	struct controller *c = ctx;
	bool is_enough, may_be_old;
	uint32_t index;
	struct vrouter_slot *slot = find_slot(c, advert, &index);

	if (!slot || !is_fresh(c, index, advert, &may_be_old))
		return false;
	is_enough = !c->options.tap && !may_be_old && is_rare(c, index);
	if (now_ns > slot->interface->attached_ns + IN_FLIGHT_NS &&
	    deafness_advert(&slot->deafness, accepted_by(c, index), is_enough, now_ns))
		cure(c, slot->interface, index, now_ns);
	return true;
}
