// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ctl/text.h"

#define BATCH 4096
#define ABI_BYTES_MAX 4096

static const struct {
	const char *name;
	size_t value_len;
	bool is_mapped;
} kinds[MAP_COUNT] = {
	[MAP_ABI] = { "abi", sizeof(struct xcarp_abi), false },
	[MAP_LIVE] = { "live", sizeof(struct vr_live), true },
	[MAP_OWNERS] = { "owners", sizeof(struct xcarp_owner), true },
	[MAP_JOURNAL] = { "journal", sizeof(struct journal_entry), true },
	[MAP_VROUTERS] = { "vrouters", sizeof(struct vr_entry), false },
	[MAP_VIPS] = { "vips", sizeof(struct vip_entry), false },
	[MAP_DROPS] = { "drops", sizeof(struct xcarp_drops), false },
	[MAP_GUARD] = { "guard", sizeof(struct vr_guard), false },
	[MAP_INTERFACES] = { "interfaces", sizeof(struct interface_entry), false },
	[MAP_NOTICES] = { "notices", sizeof(struct journal_entry), true },
	[MAP_REFUSALS] = { "refusals", sizeof(struct vr_refusals), true },
	[MAP_STRANGERS] = { "strangers", sizeof(struct stranger), false },
	[MAP_DUPLICATES] = { "duplicates", sizeof(struct duplicate), false },
};

static size_t mapped_bytes(const struct maps *maps, enum map map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = kinds[map].value_len * maps->entries[map];

	return (bytes + page - 1) / page * page;
}

static int open_pin(struct maps *maps, enum map map, struct bpf_map_info *info)
{
	/* A file that cannot be written to cannot be mapped shared, and the kernel maps it in no other way. */
	LIBBPF_OPTS(bpf_obj_get_opts, how, .file_flags = kinds[map].is_mapped ? 0 : BPF_F_RDONLY);
	char path[PINS_PATH_LEN + 16];
	__u32 info_len = sizeof(*info);

	snprintf(path, sizeof(path), "%s/%s", maps->path, kinds[map].name);
	maps->fds[map] = bpf_obj_get_opts(path, &how);
	if (maps->fds[map] < 0)
		return -errno;
	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(maps->fds[map], info, &info_len))
		return -errno;
	maps->entries[map] = info->max_entries;
	return 0;
}

/* What the version says is true of all maps, so it comes before any other look at them. */
static int open_abi(struct maps *maps, char *error)
{
	union {
		struct xcarp_abi abi;
		uint8_t room[ABI_BYTES_MAX];
	} value = { 0 };
	struct bpf_map_info info;
	uint32_t zero = 0;
	char path[PINS_PATH_LEN + 8];
	struct stat pin;
	int err;

	snprintf(path, sizeof(path), "%s/abi", maps->path);
	if (stat(path, &pin) && errno == ENOENT) {
		snprintf(error, CTL_ERROR_LEN, "%s: is not there: an xcarp is just starting or ending, or is older than this xcarpctl",
			 path);
		return -ENOENT;
	}
	maps->made_as = pin.st_ino;
	err = open_pin(maps, MAP_ABI, &info);
	if (!err && info.value_size <= sizeof(value) && bpf_map_lookup_elem(maps->fds[MAP_ABI], &zero, &value))
		err = -errno;
	if (err) {
		snprintf(error, CTL_ERROR_LEN, "%s: %s%s", path, strerror(-err),
			 err == -EACCES || err == -EPERM ? "; the maps are for root (try sudo)" : "");
		return err;
	}
	maps->abi = value.abi;
	if (value.abi.abi_version == XCARP_ABI_VERSION)
		return 0;
	snprintf(error, CTL_ERROR_LEN, "%s: these maps are of ABI version %u; xcarpctl " XCARP_VERSION
		 " reads version %d, use the one that came with their xcarp", path, value.abi.abi_version, XCARP_ABI_VERSION);
	return -EPROTO;
}

static int open_map(struct maps *maps, enum map map)
{
	struct bpf_map_info info;
	int err = open_pin(maps, map, &info);
	void *memory;

	if (err)
		return err;
	if (info.value_size != kinds[map].value_len || info.max_entries < (map == MAP_JOURNAL || map == MAP_NOTICES ? 2 : 1))
		return -EPROTO;
	if (!kinds[map].is_mapped)
		return 0;
	memory = mmap(NULL, mapped_bytes(maps, map), PROT_READ, MAP_SHARED, maps->fds[map], 0);
	if (memory == MAP_FAILED)
		return -errno;
	maps->mapped[map] = memory;
	/* It could be written through: whoever serves the network must not have it. */
	close(maps->fds[map]);
	maps->fds[map] = -1;
	return 0;
}

int maps_open(struct maps *maps, char error[CTL_ERROR_LEN])
{
	int err, cpus;

	*maps = (struct maps){ 0 };
	memset(maps->fds, -1, sizeof(maps->fds));
	libbpf_set_print(NULL);
	err = netns_pins(maps->path, error) ?: open_abi(maps, error);
	if (err)
		goto out;
	for (enum map map = MAP_ABI + 1; map < MAP_COUNT && !err; map++) {
		err = open_map(maps, map);
		if (err)
			snprintf(error, CTL_ERROR_LEN, "%s/%s: %s", maps->path, kinds[map].name,
				 err == -EPROTO ? "is not what this xcarpctl knows" : strerror(-err));
	}
	cpus = err ? 0 : libbpf_num_possible_cpus();
	if (cpus < 0) {
		err = cpus;
		snprintf(error, CTL_ERROR_LEN, "cannot tell the number of CPUs: %s", strerror(-err));
	}
	maps->cpus = (unsigned int)cpus;
out:
	if (err)
		maps_close(maps);
	return err;
}

void maps_close(struct maps *maps)
{
	for (enum map map = 0; map < MAP_COUNT; map++) {
		if (maps->mapped[map])
			munmap((void *)maps->mapped[map], mapped_bytes(maps, map));
		if (maps->fds[map] >= 0)
			close(maps->fds[map]);
		maps->mapped[map] = NULL;
		maps->fds[map] = -1;
	}
}

bool maps_are_current(const struct maps *maps)
{
	char path[PINS_PATH_LEN + 8];
	struct stat pin;

	snprintf(path, sizeof(path), "%s/abi", maps->path);
	return !stat(path, &pin) && pin.st_ino == maps->made_as;
}

ssize_t maps_read_hash(const struct maps *maps, enum map map, size_t key_len, size_t value_len, void **keys,
		       void **values)
{
	uint32_t cursor, room = BATCH;
	size_t count = 0;
	void *from = NULL;

	*keys = *values = NULL;
	for (;;) {
		uint32_t got = room;
		int err;

		*keys = ctl_realloc(*keys, count + room, key_len);
		*values = ctl_realloc(*values, count + room, value_len);
		err = bpf_map_lookup_batch(maps->fds[map], from, &cursor, (char *)*keys + count * key_len,
					   (char *)*values + count * value_len, &got, NULL) ? -errno : 0;
		/* A bucket holds more than there is room for. */
		if (err == -ENOSPC && room <= maps->entries[map]) {
			room *= 2;
			continue;
		}
		if (!err || err == -ENOENT)
			count += got;
		if (err == -ENOENT)
			return (ssize_t)count;
		if (err) {
			free(*keys);
			free(*values);
			*keys = *values = NULL;
			return err;
		}
		from = &cursor;
	}
}

int maps_read_drops(const struct maps *maps, struct xcarp_drops *drops)
{
	struct xcarp_drops *of_cpus = ctl_realloc(NULL, maps->cpus, sizeof(*of_cpus));
	uint64_t *sum = (uint64_t *)drops;
	uint32_t zero = 0;
	int err = bpf_map_lookup_elem(maps->fds[MAP_DROPS], &zero, of_cpus) ? -errno : 0;

	memset(drops, 0, sizeof(*drops));
	for (unsigned int cpu = 0; cpu < maps->cpus && !err; cpu++)
		for (size_t i = 0; i <= XCARP_VERDICT_COUNT; i++)
			sum[i] += ((const uint64_t *)&of_cpus[cpu])[i];
	free(of_cpus);
	return err;
}
