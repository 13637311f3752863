// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../bpf/xcarp.bpf.c"

struct host_maps host_maps;

static void *find_vrouter_entry(const struct vr_key *key)
{
	for (size_t i = 0; i < host_maps.vrouter_count; i++)
		if (!memcmp(&host_maps.vrouters[i].key, key, sizeof(*key)))
			return &host_maps.vrouters[i].entry;
	return NULL;
}

static void *find_vip(const struct vip_key *key)
{
	for (size_t i = 0; i < host_maps.vip_count; i++)
		if (!memcmp(&host_maps.vips[i].key, key, sizeof(*key)))
			return &host_maps.vips[i].entry;
	return NULL;
}

static void *find_seen(const struct seen_key *key)
{
	for (size_t i = 0; i < host_maps.seen_count; i++)
		if (!memcmp(&host_maps.seen[i], key, sizeof(*key)))
			return &host_maps.seen[i];
	return NULL;
}

static void *find_stranger(const struct vr_key *key)
{
	for (size_t i = 0; i < host_maps.stranger_count; i++)
		if (!memcmp(&host_maps.strangers[i].key, key, sizeof(*key)))
			return &host_maps.strangers[i].stranger;
	return NULL;
}

static long add_stranger(const struct vr_key *key, const struct stranger *stranger)
{
	if (host_maps.stranger_count == HOST_STRANGERS || find_stranger(key))
		abort();
	host_maps.strangers[host_maps.stranger_count].key = *key;
	host_maps.strangers[host_maps.stranger_count++].stranger = *stranger;
	return 0;
}

/* Only `seen` and `strangers` are ever written by the program. */
long bpf_map_update_elem(const void *map, const void *key, const void *value, __u64 flags)
{
	if (map == &strangers && value && flags == BPF_ANY)
		return add_stranger(key, value);
	if (map != &seen || !value || flags != BPF_NOEXIST || host_maps.seen_count == HOST_SEEN)
		abort();
	if (find_seen(key))
		return -1;
	memcpy(&host_maps.seen[host_maps.seen_count++], key, sizeof(struct seen_key));
	return 0;
}

void *bpf_map_lookup_elem(const void *map, const void *key)
{
	/* A ring is known by the number of its owner; the first one's must not look like none. */
	static char rings[HOST_RINGS];
	__u32 index;

	if (map == &vrouters)
		return find_vrouter_entry(key);
	if (map == &vips)
		return find_vip(key);
	if (map == &seen)
		return find_seen(key);
	if (map == &strangers)
		return find_stranger(key);
	memcpy(&index, key, sizeof(index));
	if (map == &live)
		return index < HOST_SLOTS ? &host_maps.live[index] : NULL;
	if (map == &keys)
		return index < HOST_SLOTS ? &host_maps.keys[index] : NULL;
	if (map == &guard)
		return index < HOST_SLOTS ? &host_maps.guards[index] : NULL;
	if (map == &refusals)
		return index < HOST_SLOTS ? &host_maps.refusals[index] : NULL;
	if (map == &fence)
		return &host_maps.fence;
	if (map == &drops)
		return &host_maps.drops;
	if (map == &events)
		return index < HOST_RINGS ? &rings[index] : NULL;
	abort();
}

__u64 bpf_ktime_get_ns(void)
{
	return host_maps.now_ns;
}

__u64 bpf_ktime_get_coarse_ns(void)
{
	return host_maps.now_ns;
}

void *bpf_ringbuf_reserve(const void *ring, __u64 size, __u64 flags)
{
	const char *first = bpf_map_lookup_elem(&events, &(__u32){ 0 });

	if (size != sizeof(struct xcarp_record) || flags || host_maps.record_count == HOST_RECORDS)
		abort();
	/* As the kernel: with anything in it. */
	memset(&host_maps.records[host_maps.record_count].record, 0xa5, size);
	host_maps.records[host_maps.record_count].owner = (uint32_t)((const char *)ring - first);
	return &host_maps.records[host_maps.record_count].record;
}

void bpf_ringbuf_submit(const void *record, __u64 flags)
{
	if (record != &host_maps.records[host_maps.record_count].record || flags)
		abort();
	host_maps.record_count++;
}

long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 len)
{
	(void)skb, (void)offset, (void)to, (void)len;
	abort();
}

long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len)
{
	(void)skb, (void)len;
	abort();
}

/* Three pages below 4 GB, as the program knows a frame by 32 bits; all but the middle one are out of bounds. */
static uint8_t *frame_page(size_t page_size)
{
	static uint8_t *pages;

	if (pages)
		return pages + page_size;
	pages = mmap(NULL, 3 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + page_size, page_size, PROT_READ | PROT_WRITE)) {
		perror("no memory below 4 GB");
		abort();
	}
	return pages + page_size;
}

int host_run(uint32_t ifindex, const uint8_t *bytes, size_t len)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *end = frame_page(page_size) + page_size;
	struct xdp_md ctx = {
		.data = (__u32)(uintptr_t)(end - len),
		.data_end = (__u32)(uintptr_t)end,
		.ingress_ifindex = ifindex,
	};

	if (len > page_size)
		abort();
	memcpy(end - len, bytes, len);
	host_maps.record_count = 0;
	return xcarp(&ctx);
}
