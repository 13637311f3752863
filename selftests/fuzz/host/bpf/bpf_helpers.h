/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes libbpf's header's place where the program is compiled for the host: the helpers are host_program.c's. */
#ifndef SELFTESTS_FUZZ_HOST_BPF_HELPERS_H
#define SELFTESTS_FUZZ_HOST_BPF_HELPERS_H

#include <stdint.h>

#include <linux/types.h>

#define SEC(name)
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

void *bpf_map_lookup_elem(const void *map, const void *key);
long bpf_map_update_elem(const void *map, const void *key, const void *value, __u64 flags);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_ktime_get_coarse_ns(void);
void *bpf_ringbuf_reserve(const void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(const void *record, __u64 flags);

/* Of the tc program, which is not run here. */
struct __sk_buff;
long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 len);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len);

#endif
