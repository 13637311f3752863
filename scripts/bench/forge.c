// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Forges adverts as fast as this host can send them: right in everything but the signature, with the best skew there is.
 *
 *	forge IF VRS SECONDS one|random		VHIDs 1 to VRS; from one source or from thousands
 *
 * Prints how many a second it sent.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auth.h"
#include "core/frame.h"
#include "io/log.h"
#include "io/tx.h"

#define FRAMES 8192
#define NS_PER_S UINT64_C(1000000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void ignore(void *ctx, uint32_t slot, int error, uint64_t at_ns)
{
	(void)ctx;
	(void)slot;
	(void)error;
	(void)at_ns;
}

static void build(uint8_t frame[FRAME_ADVERT_LEN], uint32_t vrs, bool is_random)
{
	static const struct vip vip = { 4, 32, { 192, 0, 2, 1 } };
	struct frame_advert advert = {
		.source = htonl(0x0a4d0063),
		.group = htonl(CARP_GROUP_IPV4),
		.vhid = (uint8_t)((uint32_t)rand() % vrs + 1),
		.counter = (uint64_t)rand() << 33 ^ (uint64_t)rand(),
	};
	struct carp_key key;

	if (is_random)
		advert.source = htonl(0x0a000000 | ((uint32_t)rand() & 0xffffff));
	memset(&key, 0, sizeof(key));
	frame_ucarp_mac(advert.source_mac, advert.vhid);
	auth_hmac_key(&key.hmac, (const uint8_t *)"guess", 5, advert.vhid, &vip, 1);
	frame_advert(frame, &advert, &key);
}

int main(int argc, char **argv)
{
	static uint8_t frames[FRAMES][FRAME_ADVERT_LEN];
	uint32_t ifindex = argc == 5 ? if_nametoindex(argv[1]) : 0, vrs = ifindex ? (uint32_t)atoi(argv[2]) : 0;
	uint64_t sent = 0, start, end;
	struct tx *tx;

	if (!ifindex || !vrs || vrs > 255) {
		fprintf(stderr, "usage: forge IF VRS SECONDS one|random\n");
		return 1;
	}
	log_open(&(struct log_config){ .name = "forge", .use_stderr = true });
	for (int i = 0; i < FRAMES; i++)
		build(frames[i], vrs, !strcmp(argv[4], "random"));
	tx = tx_new(TX_BPF, ignore, NULL);
	if (!tx)
		return 1;
	tx_link(tx, ifindex, argv[1], UINT32_MAX);
	tx_flush(tx, 1);
	start = now_ns();
	end = start + (uint64_t)atoi(argv[3]) * NS_PER_S;
	while (now_ns() < end) {
		for (int i = 0; i < FRAMES; i++)
			tx_queue(tx, 0, ifindex, false, frames[i], FRAME_ADVERT_LEN, start);
		tx_flush(tx, start);
		sent += FRAMES;
	}
	printf("rate=%llu\n", (unsigned long long)(sent * NS_PER_S / (now_ns() - start)));
	tx_free(tx);
	return 0;
}
