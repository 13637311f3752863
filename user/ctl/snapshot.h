/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All virtual routers of a network namespace at one moment, with what the maps know of each put together. */
#ifndef XCARP_CTL_SNAPSHOT_H
#define XCARP_CTL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "ctl/filter.h"
#include "ctl/format.h"
#include "ctl/maps.h"
#include "ctl/owners.h"
#include "ctl/text.h"

#define NEWS_NS 3600000000000ull /* what others did wrong is worth a line for an hour */

struct address {
	struct vip_key key;
	struct vip_entry entry;
	struct duplicate duplicate; /* count 0: no other host has it, as far as is known */
};

/* Somebody else's virtual router, which this host does not have. */
struct heard_stranger {
	struct vr_key key;
	struct stranger stranger;
	char interface[NAME_TEXT_LEN];
};

struct vrouter {
	struct vr_live live;
	struct vr_key key; /* where has_entry */
	struct vr_entry entry;
	bool has_entry; /* false: its interface is not there, so the program does not know it */
	enum owner_health owner_health;
	bool is_fenced; /* MASTER, but another one is, and the driver keeps questions for its addresses from the host */
	uint64_t fenced_questions; /* that were kept from it; where none is or ever was: 0 */
	uint32_t slot;
	uint32_t owner; /* index in `owners` */
	const struct address *addresses;
	uint32_t address_count;
	uint32_t held_count;
	uint16_t list_print; /* of the addresses, whatever their order; 0: they are not in the maps, as the interface is not there */
	uint64_t refused; /* adverts */
	uint32_t refusals_at; /* of its refusals in the snapshot; where refused is 0: of none */
	uint32_t newest_refusal; /* enum xcarp_verdict; where refused is 0: 0 */
	double sent_per_s, accepted_per_s; /* below 0: not known */
	char interface[NAME_TEXT_LEN];
};

struct owner {
	struct xcarp_owner shared;
	uint32_t index;
	enum owner_health health;
};

/* One process's use of an interface. */
struct use {
	struct interface_key key;
	struct interface_entry entry;
	char interface[NAME_TEXT_LEN];
};

struct snapshot {
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	struct xcarp_abi abi;
	struct vrouter *vrouters; /* by interface, VHID, group, VLAN */
	size_t count;
	struct owner *owners;
	size_t owner_count;
	size_t dead_owner_count;
	size_t stopped_owner_count;
	struct address *addresses; /* by slot, address */
	size_t address_count;
	struct vr_refusals *refusals; /* of those that have refused something */
	size_t refusals_count;
	struct heard_stranger *strangers; /* of the last hour; by interface, the newest first */
	size_t stranger_count;
	struct use *uses; /* by ifindex */
	size_t use_count;
	struct xcarp_drops drops;
	bool *fits; /* of each term of the filter: it fits some virtual router, whatever the other terms say; NULL: there is no filter */
	size_t sure; /* virtual routers here whose process runs */
	size_t unsure; /* those whose state is asked for and not known, as their process does not run; they may not be here */
	size_t states[MASTER + 1];
	uint64_t worst_late_ns;
};

/* Returns 0 or -errno with error filled. The memory of an earlier snapshot is to be freed first. */
int snapshot_take(struct snapshot *snapshot, const struct maps *maps, const struct filter *filter,
		  char error[CTL_ERROR_LEN]);

void snapshot_free(struct snapshot *snapshot);

/* How the virtual router's process uses its interface; NULL: not at all, as it is not there. */
const struct use *snapshot_use(const struct snapshot *snapshot, const struct vrouter *vr);

/* 1 virtual router: 1 MASTER, 0 BACKUP, 0 INIT; 1 process, 1 dead */
void snapshot_summary(struct text *text, const struct snapshot *snapshot);

/* By what an advert was refused; NULL: by that none was. */
const struct vr_refusal *snapshot_refusal(const struct snapshot *snapshot, const struct vrouter *vr, unsigned int verdict);

/* Nanoseconds from a time of the maps until the snapshot; 0 if it lies after. */
static inline uint64_t snapshot_age_ns(const struct snapshot *snapshot, uint64_t when_ns)
{
	return snapshot->now_ns > when_ns ? snapshot->now_ns - when_ns : 0;
}

/*
 * Does what the filter asks for exist? CTL_YES; CTL_NO; or CTL_UNKNOWN, with lines told: a name of it fits nothing, or only
 * processes that do not run could say.
 */
int snapshot_answer(const struct snapshot *snapshot, const struct filter *filter);

/* Tells of each term of the filter that fits nothing at all: a mistyped name is no answer. True where there is one. */
bool snapshot_tell_unfit(const struct snapshot *snapshot, const struct filter *filter);

/* The same for who goes on whatever fits now. */
void snapshot_check(const struct maps *maps, const struct filter *filter);

/* dead or stopped; NULL: it runs. */
const char *owner_ailment(enum owner_health health);

/* It was not long ago. */
static inline bool snapshot_is_news(const struct snapshot *snapshot, uint64_t when_ns)
{
	return when_ns && snapshot_age_ns(snapshot, when_ns) < NEWS_NS;
}

/* As strcmp(): by interface in natural order, VHID, group, VLAN. */
int vrouter_compare(const void *a, const void *b);

/* eth0/10, or eth0/10@224.0.0.20 where the group is not the usual one. */
#define VROUTER_NAME_LEN (NAME_TEXT_LEN + 4 + ADDRESS_TEXT_LEN)
char *vrouter_name(const struct vrouter *vr, char text[VROUTER_NAME_LEN]);

/*
 * Who is master: an address that was heard within the down time and has not bowed out since, self, or - where nobody is known.
 */
char *vrouter_master(const struct snapshot *snapshot, const struct vrouter *vr, char text[ADDRESS_TEXT_LEN]);

/* Fingerprints: four hexadecimal digits, or - where there is none. */
#define PRINT_TEXT_LEN 8
char *format_print(uint16_t print, char text[PRINT_TEXT_LEN]);

/* Writes the group, or - where it is not known. */
char *vrouter_group(const struct vrouter *vr, char text[ADDRESS_TEXT_LEN]);

#endif
