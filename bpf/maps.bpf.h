/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps. The loader sizes them; what is said here only has to be valid. */
#ifndef XCARP_MAPS_BPF_H
#define XCARP_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/abi.h>
#include <xcarp/sha1.h>

#define DEFAULT_ENTRIES 16
#define DEFAULT_RING_BYTES 65536 /* a power of two, and a page on every architecture */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, struct vr_key);
	__type(value, struct vr_entry);
} vrouters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct vr_live);
} live SEC(".maps");

/* Indexed like `live`. Who can read it can sign adverts: it is never pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct carp_hmac_key);
} keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xcarp_drops);
} drops SEC(".maps");

/* The controller's, for people and for other programs to read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, struct vip_key);
	__type(value, struct vip_entry);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DEFAULT_RING_BYTES);
} events SEC(".maps");

#endif
