/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that the processes of a network namespace share. The one that makes them sizes them; what is said here only
 * has to be valid. Hashes are not preallocated: they are made large, and mostly stay empty.
 */
#ifndef XCARP_MAPS_BPF_H
#define XCARP_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/abi.h>

#define DEFAULT_ENTRIES 16
#define DEFAULT_RING_BYTES 65536 /* a power of two, and a page on every architecture */
#define INTERFACES_MAX 65536 /* uses, by all owners together */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
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

/* Indexed like `live`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct vr_guard);
} guard SEC(".maps");

/* Indexed like `live`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct vr_refusals);
} refusals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XCARP_STRANGERS_MAX);
	__type(key, struct vr_key);
	__type(value, struct stranger);
} strangers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, struct seen_key);
	__type(value, __u8);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xcarp_fence);
} fence SEC(".maps");

/* Indexed like `live`. Who can read it can sign adverts: it is never pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct carp_key);
} keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xcarp_drops);
} drops SEC(".maps");

/* The rings of news, one an owner, put in by the owner. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, XCARP_OWNERS_MAX);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, DEFAULT_RING_BYTES);
	});
} events SEC(".maps");

/* What follows is the controllers', for each other, for people and for other programs to read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, struct vip_key);
	__type(value, struct vip_entry);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xcarp_abi);
} abi SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XCARP_OWNERS_MAX);
	__type(key, __u32);
	__type(value, struct xcarp_owner);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, INTERFACES_MAX);
	__type(key, struct interface_key);
	__type(value, struct interface_entry);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct journal_entry);
} journal SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_ENTRIES);
	__type(key, __u32);
	__type(value, struct journal_entry);
} notices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XCARP_DUPLICATES_MAX);
	__type(key, struct vip_key);
	__type(value, struct duplicate);
} duplicates SEC(".maps");

#endif
