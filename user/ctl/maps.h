/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned maps of a network namespace, opened to be read. */
#ifndef XCARP_CTL_MAPS_H
#define XCARP_CTL_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xcarp/abi.h>

#include "ctl/netns.h"

enum map {
	MAP_ABI,
	MAP_LIVE,
	MAP_OWNERS,
	MAP_JOURNAL,
	MAP_VROUTERS,
	MAP_VIPS,
	MAP_DROPS,
	MAP_GUARD,
	MAP_INTERFACES,
	MAP_NOTICES,
	MAP_REFUSALS,
	MAP_STRANGERS,
	MAP_DUPLICATES,
	MAP_COUNT,
};

struct maps {
	char path[PINS_PATH_LEN];
	ino_t made_as; /* inode of the pin `abi`: another one, other maps */
	int fds[MAP_COUNT]; /* -1: not open */
	uint32_t entries[MAP_COUNT]; /* room for so many */
	const void *mapped[MAP_COUNT]; /* NULL: is not memory-mapped */
	struct xcarp_abi abi;
	unsigned int cpus;
};

/*
 * Opens the maps of this network namespace. Returns 0; -ENOENT: none are there; -EPROTO: they are of another ABI; or
 * another -errno. error is filled where it is not 0, and nothing is left open.
 */
int maps_open(struct maps *maps, char error[CTL_ERROR_LEN]);

void maps_close(struct maps *maps);

/* False: others have been pinned in their place, or none. */
bool maps_are_current(const struct maps *maps);

static inline const struct vr_live *maps_live(const struct maps *maps)
{
	return (const struct vr_live *)maps->mapped[MAP_LIVE];
}

static inline const struct vr_refusals *maps_refusals(const struct maps *maps)
{
	return (const struct vr_refusals *)maps->mapped[MAP_REFUSALS];
}

static inline const struct xcarp_owner *maps_owners(const struct maps *maps)
{
	return (const struct xcarp_owner *)maps->mapped[MAP_OWNERS];
}

/*
 * Reads all entries of a hash: *keys and *values are new memory for as many as are returned. Returns the count, or -errno
 * and leaves nothing.
 */
ssize_t maps_read_hash(const struct maps *maps, enum map map, size_t key_len, size_t value_len, void **keys,
		       void **values);

/* Sums the counters over the CPUs. Returns 0 or -errno. */
int maps_read_drops(const struct maps *maps, struct xcarp_drops *drops);

#endif
