/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of a network namespace: made, pinned, opened again by their pins, read through. */
#ifndef XCARP_IO_MAPS_H
#define XCARP_IO_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/sha1.h>

struct xcarp_bpf;

enum map {
	MAP_VROUTERS,
	MAP_LIVE,
	MAP_KEYS, /* never pinned by name */
	MAP_DROPS,
	MAP_VIPS,
	MAP_EVENTS,
	MAP_OWNERS,
	MAP_INTERFACES,
	MAP_JOURNAL,
	MAP_GUARD,
	MAP_SEEN,
	MAP_FENCE,
	MAP_REFUSALS,
	MAP_STRANGERS,
	MAP_NOTICES,
	MAP_DUPLICATES,
	MAP_ABI, /* pinned last: where it is, the others are */
	MAP_COUNT,
};

struct maps {
	int fd[MAP_COUNT]; /* -1: not open */
	struct xcarp_abi abi;
	struct vr_live *live; /* abi.capacity of them */
	struct xcarp_owner *owners; /* XCARP_OWNERS_MAX */
	struct journal_entry *journal, *notices;
	uint32_t journal_entries; /* of each of the two, with entry 0 */
	struct xcarp_fence *fence;
};

/* What the process that makes the maps wants room for. */
struct maps_size {
	uint32_t vrouters;
	uint32_t vips;
	uint32_t capacity_min;
};

void maps_init(struct maps *maps);

/* All of these return 0 or -errno. */

int maps_make(struct maps *maps, const struct maps_size *size);
int maps_pin(const struct maps *maps, const char *directory);

/*
 * Opens all that are pinned. -ENOENT: the set is not whole. -EPROTO: it is of another ABI; then nothing but maps->abi is
 * filled, as far as it is there.
 */
int maps_open(struct maps *maps, const char *directory);

/* For as much as that, by themselves; those that are made for it have more. */
bool maps_have_room(const struct maps *maps, const struct maps_size *size);

/*
 * Calls found for each entry of the pinned `vips`, of whatever version the maps are, where its type says that they are laid
 * out as ours.
 */
void maps_for_each_pinned_vip(const char *directory, void (*found)(void *ctx, const void *key, const void *value), void *ctx);

/* `keys` is found through the program that uses it. */
int maps_open_keys(struct maps *maps, int program_fd);

/* Has a program that is to be loaded use these maps. */
int maps_give_to(const struct maps *maps, struct xcarp_bpf *skel);

void maps_close(struct maps *maps);

/* Calls found for each entry of a hash. It may delete entries. */
int maps_for_each(int fd, size_t key_len, size_t value_len, void (*found)(void *ctx, const void *key, const void *value),
		  void *ctx);

#endif
