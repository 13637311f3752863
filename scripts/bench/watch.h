/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the onlooker's programs count, shared by watch.bpf.c and watch.c. Times are CLOCK_MONOTONIC nanoseconds.
 *
 * Hosts are told apart by the last two bits of their address: 10.77.0.1 is host 1, 10.77.0.2 host 2.
 */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <linux/types.h>

#define WATCH_HOSTS 4
#define WATCH_VIPS 65536 /* by the last 16 bits of the address */

struct watch_host {
	__u64 adverts;
	__u64 takeovers; /* adverts that followed one of another host */
	__u64 first_ns;
	__u64 last_ns;
	__u64 longest_gap_ns; /* between two adverts with no other host's in between */
};

/* One virtual router of CARP or VRRP: (last 16 bits of the group, 0 for 224.0.0.18) * 256 + VHID. */
struct watch_vr {
	struct watch_host hosts[WATCH_HOSTS];
	__u64 last_host;
};

/* Gratuitous ARP for one address. */
struct watch_vip {
	__u64 announcements;
	__u64 first_ns;
	__u64 last_ns;
};

#endif
