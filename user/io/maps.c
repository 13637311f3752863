// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "maps.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/loop.h"
#include "xcarp.skel.h"

#ifndef XCARP_VERSION
#define XCARP_VERSION "unknown"
#endif

#define CAPACITY_MIN 4096u
#define CAPACITY_MAX 131072u
#define JOURNAL_MAX 16384u
#define VIPS_PER_VROUTER 4u
#define SEEN_MIN 65536u /* one advert a second: 18 hours of it */
#define PROGRAM_MAPS_MAX 32
#define BATCH_ENTRIES 1024
#define STDERR_NEXT 3

static const char *const names[MAP_COUNT] = {
	[MAP_VROUTERS] = "vrouters", [MAP_LIVE] = "live",	[MAP_KEYS] = "keys",
	[MAP_DROPS] = "drops",	     [MAP_VIPS] = "vips",	[MAP_EVENTS] = "events",
	[MAP_OWNERS] = "owners",     [MAP_JOURNAL] = "journal", [MAP_INTERFACES] = "interfaces",
	[MAP_GUARD] = "guard",	     [MAP_SEEN] = "seen",	[MAP_FENCE] = "fence",
	[MAP_ABI] = "abi",	     [MAP_REFUSALS] = "refusals", [MAP_STRANGERS] = "strangers",
	[MAP_NOTICES] = "notices",   [MAP_DUPLICATES] = "duplicates",
};

void maps_init(struct maps *maps)
{
	*maps = (struct maps){ 0 };
	for (int map = 0; map < MAP_COUNT; map++)
		maps->fd[map] = -1;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t capacity_for(const struct maps_size *size)
{
	uint64_t wanted = larger(size->capacity_min, CAPACITY_MIN);

	/* Every process maps `live` whole: what is never used is memory all the same. */
	if (wanted < size->vrouters + size->vrouters / 4ull)
		wanted = size->vrouters + size->vrouters / 4ull;
	return wanted < CAPACITY_MAX ? (uint32_t)wanted : CAPACITY_MAX;
}

static uint32_t vips_for(const struct maps_size *size, uint32_t capacity)
{
	return larger(VIPS_PER_VROUTER * capacity, 2 * size->vips);
}

static int size_maps(const struct xcarp_bpf *skel, const struct maps_size *size, uint32_t capacity)
{
	uint32_t journal = capacity < JOURNAL_MAX ? capacity : JOURNAL_MAX;

	return bpf_map__set_max_entries(skel->maps.vrouters, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.live, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.keys, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.guard, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.refusals, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.seen, larger(SEEN_MIN, capacity)) ?:
	       bpf_map__set_max_entries(skel->maps.vips, vips_for(size, capacity)) ?:
	       bpf_map__set_max_entries(skel->maps.journal, 1 + journal) ?:
	       bpf_map__set_max_entries(skel->maps.notices, 1 + journal);
}

static int take_fds(struct maps *maps, const struct xcarp_bpf *skel)
{
	for (int map = 0; map < MAP_COUNT; map++) {
		maps->fd[map] = fcntl(bpf_object__find_map_fd_by_name(skel->obj, names[map]), F_DUPFD_CLOEXEC, STDERR_NEXT);
		if (maps->fd[map] < 0)
			return -errno;
	}
	return 0;
}

/* An array's, made to be mapped. */
static size_t mapped_bytes(size_t value_len, uint32_t entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (value_len + 7) / 8 * 8 * entries;

	return (bytes + page - 1) / page * page;
}

static int map_array(int fd, size_t value_len, uint32_t *entries, void **memory)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	void *mapped;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.value_size != value_len)
		return -EPROTO;
	mapped = mmap(NULL, mapped_bytes(value_len, info.max_entries), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	*memory = mapped;
	*entries = info.max_entries;
	return 0;
}

static int map_arrays(struct maps *maps)
{
	uint32_t owners, one;
	void *memory;
	int err;

	err = map_array(maps->fd[MAP_LIVE], sizeof(*maps->live), &maps->abi.capacity, &memory);
	if (err)
		return err;
	maps->live = memory;
	err = map_array(maps->fd[MAP_OWNERS], sizeof(*maps->owners), &owners, &memory);
	if (err)
		return err;
	maps->owners = memory;
	err = map_array(maps->fd[MAP_JOURNAL], sizeof(*maps->journal), &maps->journal_entries, &memory);
	if (err)
		return err;
	maps->journal = memory;
	err = map_array(maps->fd[MAP_NOTICES], sizeof(*maps->notices), &maps->journal_entries, &memory);
	if (err)
		return err;
	maps->notices = memory;
	err = map_array(maps->fd[MAP_FENCE], sizeof(*maps->fence), &one, &memory);
	if (err)
		return err;
	maps->fence = memory;
	return 0;
}

int maps_make(struct maps *maps, const struct maps_size *size)
{
	struct xcarp_bpf *skel = xcarp_bpf__open();
	uint32_t zero = 0;
	int err;

	if (!skel)
		return -errno;
	maps->abi = (struct xcarp_abi){
		.abi_version = XCARP_ABI_VERSION,
		.capacity = capacity_for(size),
		.made_ns = loop_now_ns(),
		.version = XCARP_VERSION,
	};
	/* The maps alone: whether the program becomes a dispatcher's part or stands alone is known when it is attached. */
	err = size_maps(skel, size, maps->abi.capacity) ?:
	      bpf_program__set_autoload(skel->progs.xcarp, false) ?:
	      xcarp_bpf__load(skel) ?:
	      take_fds(maps, skel) ?:
	      map_arrays(maps);
	if (!err && bpf_map_update_elem(maps->fd[MAP_ABI], &zero, &maps->abi, BPF_ANY))
		err = -errno;
	xcarp_bpf__destroy(skel);
	return err;
}

bool maps_have_room(const struct maps *maps, const struct maps_size *size)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return size->vrouters <= maps->abi.capacity && size->capacity_min <= maps->abi.capacity &&
	       !bpf_obj_get_info_by_fd(maps->fd[MAP_VIPS], &info, &len) && size->vips <= info.max_entries;
}

static void pin_of(const char *directory, int map, char path[160])
{
	snprintf(path, 160, "%s/%s", directory, names[map]);
}

int maps_pin(const struct maps *maps, const char *directory)
{
	char path[160];

	for (int map = 0; map < MAP_COUNT; map++) {
		if (map == MAP_KEYS)
			continue;
		pin_of(directory, map, path);
		if (bpf_obj_pin(maps->fd[map], path))
			return -errno;
	}
	return 0;
}

/* Of whatever version: its first words are where they always were. */
static int read_abi(struct maps *maps)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	char value[1024] = { 0 };

	if (bpf_obj_get_info_by_fd(maps->fd[MAP_ABI], &info, &len))
		return -errno;
	if (info.value_size > sizeof(value))
		return -EPROTO;
	if (bpf_map_lookup_elem(maps->fd[MAP_ABI], &zero, value))
		return -errno;
	memcpy(&maps->abi, value, sizeof(maps->abi));
	maps->abi.version[sizeof(maps->abi.version) - 1] = '\0';
	return maps->abi.abi_version == XCARP_ABI_VERSION ? 0 : -EPROTO;
}

int maps_open(struct maps *maps, const char *directory)
{
	char path[160];
	int err = 0;

	for (int map = MAP_COUNT; !err && map-- > 0;) {
		if (map == MAP_KEYS)
			continue;
		pin_of(directory, map, path);
		maps->fd[map] = bpf_obj_get(path);
		if (maps->fd[map] < 0)
			err = -errno;
		else if (map == MAP_ABI)
			err = read_abi(maps);
	}
	err = err ?: map_arrays(maps);
	if (err) {
		struct xcarp_abi abi = maps->abi;

		maps_close(maps);
		maps->abi = abi;
	}
	return err;
}

static int open_named(uint32_t id, const char *name)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name))
		return fd;
	close(fd);
	return -ENOENT;
}

int maps_open_keys(struct maps *maps, int program_fd)
{
	__u32 ids[PROGRAM_MAPS_MAX];
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uintptr_t)ids };
	__u32 len = sizeof(info);
	int fd = -ENOENT;

	if (bpf_obj_get_info_by_fd(program_fd, &info, &len))
		return -errno;
	for (__u32 i = 0; fd < 0 && i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		fd = open_named(ids[i], names[MAP_KEYS]);
	if (fd < 0)
		return fd;
	maps->fd[MAP_KEYS] = fd;
	return 0;
}

int maps_give_to(const struct maps *maps, struct xcarp_bpf *skel)
{
	int err = 0;

	for (int map = 0; !err && map < MAP_COUNT; map++)
		err = bpf_map__reuse_fd(bpf_object__find_map_by_name(skel->obj, names[map]), maps->fd[map]);
	return err;
}

void maps_close(struct maps *maps)
{
	if (maps->live)
		munmap(maps->live, mapped_bytes(sizeof(*maps->live), maps->abi.capacity));
	if (maps->owners)
		munmap(maps->owners, mapped_bytes(sizeof(*maps->owners), XCARP_OWNERS_MAX));
	if (maps->journal)
		munmap(maps->journal, mapped_bytes(sizeof(*maps->journal), maps->journal_entries));
	if (maps->notices)
		munmap(maps->notices, mapped_bytes(sizeof(*maps->notices), maps->journal_entries));
	if (maps->fence)
		munmap(maps->fence, mapped_bytes(sizeof(*maps->fence), 1));
	for (int map = 0; map < MAP_COUNT; map++)
		if (maps->fd[map] >= 0)
			close(maps->fd[map]);
	maps_init(maps);
}

/* By batches, each of whole buckets: what is deleted from them moves nothing that is still to come. */
int maps_for_each(int fd, size_t key_len, size_t value_len, void (*found)(void *ctx, const void *key, const void *value),
		  void *ctx)
{
	uint32_t room = BATCH_ENTRIES, position = 0;
	uint8_t *keys = NULL, *values = NULL;
	bool is_first = true;
	int err = 0;

	while (!err) {
		uint8_t *more_keys = reallocarray(keys, room, key_len), *more_values = reallocarray(values, room, value_len);
		uint32_t count = room;

		keys = more_keys ?: keys;
		values = more_values ?: values;
		if (!more_keys || !more_values) {
			err = -ENOMEM;
			break;
		}
		err = bpf_map_lookup_batch(fd, is_first ? NULL : &position, &position, keys, values, &count, NULL) ? -errno : 0;
		/* A bucket has more entries than there is room. */
		if (err == -ENOSPC) {
			room *= 2;
			err = 0;
			continue;
		}
		is_first = false;
		for (uint32_t i = 0; (!err || err == -ENOENT) && i < count; i++)
			found(ctx, keys + i * key_len, values + i * value_len);
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}

static bool has_member(const struct btf *btf, const char *type, const char *name, size_t offset)
{
	const struct btf_type *structure = btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT));

	for (int i = 0; structure && btf_is_struct(structure) && i < btf_vlen(structure); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(structure)[i].name_off), name))
			return btf_member_bit_offset(structure, (__u32)i) == offset * 8;
	return false;
}

static bool is_laid_out_as_ours(const struct btf *btf)
{
	return has_member(btf, "vip_key", "ifindex", offsetof(struct vip_key, ifindex)) &&
	       has_member(btf, "vip_key", "ip_version", offsetof(struct vip_key, ip_version)) &&
	       has_member(btf, "vip_key", "address", offsetof(struct vip_key, address)) &&
	       has_member(btf, "vip_entry", "prefix_len", offsetof(struct vip_entry, prefix_len)) &&
	       has_member(btf, "vip_entry", "held", offsetof(struct vip_entry, held));
}

void maps_for_each_pinned_vip(const char *directory, void (*found)(void *ctx, const void *key, const void *value), void *ctx)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	struct btf *btf = NULL;
	char path[160];
	int fd;

	pin_of(directory, MAP_VIPS, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.key_size == sizeof(struct vip_key) &&
	    info.value_size == sizeof(struct vip_entry))
		btf = btf__load_from_kernel_by_id(info.btf_id);
	if (btf && is_laid_out_as_ours(btf))
		maps_for_each(fd, sizeof(struct vip_key), sizeof(struct vip_entry), found, ctx);
	btf__free(btf);
	close(fd);
}
