// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The precomputed CARP digest: against ucarp's frames, computed vectors, and the plain HMAC over the flat message. */
#include "core/auth.h"

#include <errno.h>

#include "../tap.h"
#include "../reference.h"
#include "random.h"
#include "vectors.h"

#define SEED 0x5eed0001u
#define DIGEST_VECTORS 18
#define FRAME_VECTORS 10
#define CARP_AT 34 /* Ethernet and IPv4 */

static void shuffle(uint64_t *seed, struct vip *vips, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = random_below(seed, (uint32_t)i);
		struct vip swap = vips[i - 1];

		vips[i - 1] = vips[j];
		vips[j] = swap;
	}
}

static void digest(uint8_t md[CARP_MD_LEN], const char *password, uint8_t vhid, const struct vip *vips, size_t n,
		   uint64_t counter)
{
	struct carp_hmac_key key;

	/* Whatever was in the memory before must not matter. */
	memset(&key, 0xa5, sizeof(key));
	if (auth_hmac_key(&key, (const uint8_t *)password, strlen(password), vhid, vips, n))
		memset(md, 0, CARP_MD_LEN);
	else
		auth_hmac(&key, counter, md);
}

static void test_vectors(uint64_t *seed)
{
	static struct digest_vector vectors[VECTORS_MAX];
	size_t n = vectors_digests(vectors);

	is_int(n, DIGEST_VECTORS, "computed vectors in the file");
	for (size_t i = 0; i < DIGEST_VECTORS; i++) {
		struct digest_vector *v = &vectors[i];
		uint8_t md[CARP_MD_LEN];
		struct vip twice[CARP_VIPS_MAX];
		size_t count = v->vip_count;

		digest(md, v->password, v->vhid, v->vips, v->vip_count, v->counter);
		is_mem(md, v->md, CARP_MD_LEN, "computed vector %zu, %zu addresses", i, v->vip_count);

		memcpy(twice, v->vips, sizeof(twice));
		while (count < CARP_VIPS_MAX) {
			twice[count] = v->vips[random_below(seed, (uint32_t)v->vip_count)];
			count++;
		}
		shuffle(seed, twice, count);
		digest(md, v->password, v->vhid, twice, count, v->counter);
		is_mem(md, v->md, CARP_MD_LEN, "the same, another order, with repetitions up to %zu", count);
	}
}

static void test_ucarp(void)
{
	static struct frame_vector vectors[VECTORS_MAX];
	size_t n = vectors_frames(vectors);

	is_int(n, FRAME_VECTORS, "frames of ucarp in the file");
	for (size_t i = 0; i < FRAME_VECTORS; i++) {
		const struct frame_vector *v = &vectors[i];
		uint8_t md[CARP_MD_LEN];
		uint64_t counter = 0;

		for (int at = 0; at < 8; at++)
			counter = counter << 8 | v->frame[CARP_AT + 8 + at];
		digest(md, v->password, v->vhid, &v->vip, 1, counter);
		is_mem(md, v->frame + CARP_AT + 16, CARP_MD_LEN, "ucarp's frame %zu, password of %zu, vhid %u", i,
		       strlen(v->password), v->vhid);
	}
}

/* A few addresses differ in the last byte only, so that some come twice and order matters down to there. */
static void random_vip(uint64_t *seed, struct vip *vip, uint8_t ip_version)
{
	static const uint8_t net4[16] = { 10, 0, 0 }, net6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	memset(vip, 0, sizeof(*vip));
	vip->ip_version = ip_version;
	vip->prefix_len = (uint8_t)random_below(seed, 33);
	if (random_below(seed, 4)) {
		random_bytes(seed, vip->address, ip_version == 4 ? 4 : 16);
		return;
	}
	memcpy(vip->address, ip_version == 4 ? net4 : net6, 16);
	vip->address[ip_version == 4 ? 3 : 15] = (uint8_t)random_below(seed, 40);
}

static bool mix_agrees(uint64_t *seed, size_t n4, size_t n6)
{
	struct vip vips[CARP_VIPS_MAX];
	struct carp_hmac_key key;
	uint8_t password[CARP_KEY_MAX], vhid = (uint8_t)random_next(seed), got[CARP_MD_LEN], want[CARP_MD_LEN];
	size_t n = n4 + n6, password_len = 1 + random_below(seed, CARP_KEY_MAX);
	uint64_t counters[] = { 0, UINT64_MAX, 0x0123456789abcdefull, random_next(seed) };

	for (size_t i = 0; i < n; i++)
		random_vip(seed, &vips[i], i < n4 ? 4 : 6);
	shuffle(seed, vips, n);
	random_bytes(seed, password, password_len);
	if (auth_hmac_key(&key, password, password_len, vhid, vips, n)) {
		diag("%zu IPv4 and %zu IPv6 addresses: refused", n4, n6);
		return false;
	}
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		auth_hmac(&key, counters[i], got);
		reference_carp_md(want, password, password_len, vhid, vips, n, counters[i]);
		if (!memcmp(got, want, sizeof(want)))
			continue;
		diag("%zu IPv4 and %zu IPv6 addresses, password of %zu, counter %016llx: digests differ", n4, n6,
		     password_len, (unsigned long long)counters[i]);
		return false;
	}
	return true;
}

static void test_mixes(uint64_t *seed)
{
	for (size_t n = 1; n <= CARP_VIPS_MAX; n++) {
		bool agree = true;

		for (size_t n4 = 0; n4 <= n && agree; n4++)
			for (int again = 0; again < 4 && agree; again++)
				agree = mix_agrees(seed, n4, n - n4);
		ok(agree, "%zu addresses in every mix, as the plain HMAC", n);
	}
}

static void test_key(void)
{
	static const char padded[CARP_KEY_MAX] = "secret";
	struct carp_hmac_key key, same, other;
	struct vip vip;

	vip_parse(&vip, "10.1.1.252");
	auth_hmac_key(&key, (const uint8_t *)"secret", 6, 10, &vip, 1);
	auth_hmac_key(&same, (const uint8_t *)padded, sizeof(padded), 10, &vip, 1);
	is_mem(&same, &key, sizeof(key), "a password is padded with zeros");
	vip.prefix_len = 24;
	auth_hmac_key(&same, (const uint8_t *)"secret", 6, 10, &vip, 1);
	is_mem(&same, &key, sizeof(key), "the prefix length is no part of the digest");
	auth_hmac_key(&other, (const uint8_t *)"secreT", 6, 10, &vip, 1);
	ok(memcmp(&other, &key, sizeof(key)), "another password, another key");
	auth_hmac_key(&other, (const uint8_t *)"secret", 6, 11, &vip, 1);
	ok(memcmp(&other, &key, sizeof(key)), "another vhid, another key");
	vip.address[3]++;
	auth_hmac_key(&other, (const uint8_t *)"secret", 6, 10, &vip, 1);
	ok(memcmp(&other, &key, sizeof(key)), "another address, another key");
}

static void test_limits(void)
{
	const uint8_t password[CARP_KEY_MAX + 1] = "0123456789abcdefghij";
	struct vip vips[CARP_VIPS_MAX + 1];
	struct carp_hmac_key key;

	for (size_t i = 0; i <= CARP_VIPS_MAX; i++) {
		vip_parse(&vips[i], "10.1.1.1");
		vips[i].address[3] = (uint8_t)(i + 1);
	}
	is_int(auth_hmac_key(&key, password, 1, 1, vips, 1), 0, "password of 1");
	is_int(auth_hmac_key(&key, password, CARP_KEY_MAX, 1, vips, 1), 0, "password of 20");
	is_int(auth_hmac_key(&key, password, 0, 1, vips, 1), -EINVAL, "no password");
	is_int(auth_hmac_key(&key, password, CARP_KEY_MAX + 1, 1, vips, 1), -EINVAL, "password of 21");
	is_int(auth_hmac_key(&key, password, 1, 1, vips, CARP_VIPS_MAX), 0, "32 addresses");
	is_int(auth_hmac_key(&key, password, 1, 1, vips, 0), -EINVAL, "no address");
	is_int(auth_hmac_key(&key, password, 1, 1, vips, CARP_VIPS_MAX + 1), -EINVAL, "33 addresses");
}

/* Batches of every size, of virtual routers with few and with many addresses: as one by one. */
static void test_batches(uint64_t *seed)
{
	enum { MOST = 70 };
	struct carp_hmac_key keys[MOST];
	const struct carp_hmac_key *pointers[MOST];
	uint64_t counters[MOST];
	uint8_t mds[MOST + 1][CARP_MD_LEN], one[CARP_MD_LEN];
	static const uint8_t untouched[CARP_MD_LEN];

	for (unsigned int n = 0; n <= MOST; n++) {
		bool agree = true;

		for (unsigned int i = 0; i < n; i++) {
			struct vip vips[CARP_VIPS_MAX];
			uint8_t password[CARP_KEY_MAX];
			size_t count = 1 + random_below(seed, i % 3 ? CARP_VIPS_MAX : 3);

			for (size_t j = 0; j < count; j++) {
				vip_parse(&vips[j], random_below(seed, 2) ? "10.0.0.0" : "2001:db8::");
				random_bytes(seed, vips[j].address, vip_len(&vips[j]));
			}
			random_bytes(seed, password, sizeof(password));
			auth_hmac_key(&keys[i], password, 1 + random_below(seed, CARP_KEY_MAX), (uint8_t)(i + 1), vips, count);
			pointers[i] = &keys[i];
			counters[i] = random_next(seed);
		}
		memset(mds, 0, sizeof(mds));
		auth_hmac_batch(pointers, counters, mds, n);
		for (unsigned int i = 0; i < n; i++) {
			auth_hmac(&keys[i], counters[i], one);
			agree = agree && !memcmp(one, mds[i], sizeof(one));
		}
		ok(agree && !memcmp(mds[n], untouched, sizeof(untouched)), "a batch of %u, as one by one", n);
	}
}

int main(void)
{
	uint64_t seed = SEED;

	plan(1 + 2 * DIGEST_VECTORS + 1 + FRAME_VECTORS + CARP_VIPS_MAX + 5 + 7 + 71);
	diag("seed %#x", SEED);
	test_vectors(&seed);
	test_ucarp();
	test_mixes(&seed);
	test_key();
	test_limits();
	test_batches(&seed);
	return tap_done();
}
