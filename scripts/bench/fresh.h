/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef BENCH_FRESH_H
#define BENCH_FRESH_H

#define FRESH_ADVERTS 20000
#define FRESH_CARP_OFFSET 34 /* after Ethernet and an IPv4 header without options */

#endif
