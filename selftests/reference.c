// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "reference.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK_LEN 64
#define MESSAGE_MAX 2048

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static void sha1_block(uint32_t h[5], const uint8_t *block)
{
	uint32_t w[80], v[5];

	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (int t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, h, sizeof(v));
	for (int t = 0; t < 80; t++) {
		static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
		uint32_t f[4] = {
			(v[1] & v[2]) | (~v[1] & v[3]),
			v[1] ^ v[2] ^ v[3],
			(v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]),
			v[1] ^ v[2] ^ v[3],
		};
		uint32_t next = rotate(v[0], 5) + f[t / 20] + v[4] + w[t] + k[t / 20];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (int i = 0; i < 5; i++)
		h[i] += v[i];
}

void reference_sha1(uint8_t md[REFERENCE_MD_LEN], const uint8_t *message, size_t len)
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t padded[MESSAGE_MAX + 2 * BLOCK_LEN] = { 0 };
	size_t total = (len + 1 + 8 + BLOCK_LEN - 1) / BLOCK_LEN * BLOCK_LEN;

	memcpy(padded, message, len);
	padded[len] = 0x80;
	for (size_t i = 0; i < 8; i++)
		padded[total - 1 - i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
	for (size_t at = 0; at < total; at += BLOCK_LEN)
		sha1_block(h, padded + at);
	for (int i = 0; i < REFERENCE_MD_LEN; i++)
		md[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void reference_hmac_sha1(uint8_t md[REFERENCE_MD_LEN], const uint8_t *key, size_t key_len, const uint8_t *message,
			 size_t len)
{
	uint8_t k[BLOCK_LEN] = { 0 }, inner[BLOCK_LEN + MESSAGE_MAX], outer[BLOCK_LEN + REFERENCE_MD_LEN];

	if (key_len > BLOCK_LEN)
		reference_sha1(k, key, key_len);
	else
		memcpy(k, key, key_len);
	for (int i = 0; i < BLOCK_LEN; i++) {
		inner[i] = k[i] ^ 0x36;
		outer[i] = k[i] ^ 0x5c;
	}
	memcpy(inner + BLOCK_LEN, message, len);
	reference_sha1(outer + BLOCK_LEN, inner, BLOCK_LEN + len);
	reference_sha1(md, outer, sizeof(outer));
}

/* The VIPs of one family, ascending and each once, by looking for the least that is above the last. */
static size_t append_ascending(uint8_t *to, const struct vip *vips, size_t n, int ip_version)
{
	size_t size = ip_version == 4 ? 4 : 16, len = 0;
	const struct vip *last = NULL;

	for (;;) {
		const struct vip *least = NULL;

		for (size_t i = 0; i < n; i++) {
			bool above = !last || memcmp(vips[i].address, last->address, size) > 0;

			if (vips[i].ip_version != ip_version || !above)
				continue;
			if (!least || memcmp(vips[i].address, least->address, size) < 0)
				least = &vips[i];
		}
		if (!least)
			return len;
		memcpy(to + len, least->address, size);
		len += size;
		last = least;
	}
}

void reference_carp_md(uint8_t md[REFERENCE_MD_LEN], const uint8_t *password, size_t password_len, uint8_t vhid,
		       const struct vip *vips, size_t n, uint64_t counter)
{
	uint8_t key[20] = { 0 }, message[MESSAGE_MAX] = { 2, 1, vhid };
	size_t len = 3;

	memcpy(key, password, password_len);
	len += append_ascending(message + len, vips, n, 4);
	len += append_ascending(message + len, vips, n, 6);
	for (int i = 0; i < 8; i++)
		message[len++] = (uint8_t)(counter >> (56 - 8 * i));
	reference_hmac_sha1(md, key, sizeof(key), message, len);
}
