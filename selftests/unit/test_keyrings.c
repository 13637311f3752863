// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Keys from passwords and files: by libsodium and the documented parameters, each once, and apart for all that differs. */
#include "keyrings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tap.h"
#include "core/auth.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define HEX_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_2 "0f0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct secret password(const char *text)
{
	struct secret secret = { 0 };

	secret_from_text(&secret, text);
	return secret;
}

/* What all nodes must agree on, now and with later versions. */
static void test_password(void)
{
	static const char want_hex[] = "a64472a1a38ae0fda5db4a0f2cae8fc21f0349dc45d61705d08d0c6abba0afd8";
	struct keyrings *rings = keyrings_new();
	struct secret hush = password("hush"), other = password("other");
	const struct keyring *ring = keyrings_of_password(rings, &hush), *again, *another;
	uint8_t want[KEYFILE_KEY_LEN];
	char hex[2 * KEYFILE_KEY_LEN + 1];

	if (crypto_pwhash(want, sizeof(want), "hush", 4, (const uint8_t *)"xcarp siphash 1", 2, 64 << 20, crypto_pwhash_ALG_ARGON2ID13))
		diag("no memory for Argon2id");
	is_mem(ring->keys[0], want, sizeof(want), "a password's key: Argon2id, 2 passes, 64 MiB, the salt of the manual");
	is_str(sodium_bin2hex(hex, sizeof(hex), ring->keys[0], sizeof(want)), want_hex, "  which must never change");
	ok(ring->count == 1 && ring->ids[0] == 0, "  is the only one, with id 0");
	another = keyrings_of_password(rings, &other);
	again = keyrings_of_password(rings, &hush);
	ok(again == ring, "  is made once");
	ok(memcmp(another->keys[0], ring->keys[0], KEYFILE_KEY_LEN) != 0, "another password, another key");
	keyrings_free(rings);
}

static const struct vr_options usual = { .group = 0x120000e0, .vhid = 10, .vip_count = 2 };
static const struct vip usual_vips[] = { { 4, 24, { 10, 1, 1, 252 } }, { 4, 24, { 10, 1, 1, 253 } } };

static void derive(struct carp_siphash_keys *keys, const struct keyring *ring, struct vr_options options)
{
	if (!options.vips)
		options.vips = usual_vips;
	memset(keys, 0, sizeof(*keys));
	keyring_derive(ring, &options, keys);
}

static void test_subkeys(void)
{
	static const uint8_t context[] = "xcarp siphash 1\0\x04\xe0\0\0\x12\x0a\x02\0\x0a\x01\x01\xfc\x0a\x01\x01\xfd";
	static const struct vip turned[] = { { 4, 32, { 10, 1, 1, 253 } }, { 4, 32, { 10, 1, 1, 252 } } };
	static const struct vip other_vips[] = { { 4, 24, { 10, 1, 1, 252 } }, { 4, 24, { 10, 1, 1, 251 } } };
	struct keyring ring = { .count = 2, .ids = { 7, 0x01020304 } };
	struct vr_options options = usual;
	struct carp_siphash_keys first, keys;
	uint8_t want[SIPHASH_KEY_LEN];

	memset(ring.keys[0], 1, KEYFILE_KEY_LEN);
	memset(ring.keys[1], 2, KEYFILE_KEY_LEN);
	derive(&first, &ring, usual);
	for (int i = 0; i < 2; i++) {
		uint8_t got[SIPHASH_KEY_LEN];

		crypto_generichash(want, sizeof(want), context, sizeof(context) - 1, ring.keys[i], KEYFILE_KEY_LEN);
		for (int byte = 0; byte < SIPHASH_KEY_LEN; byte++)
			got[byte] = (uint8_t)(first.keys[i][byte / 8] >> 8 * (byte % 8));
		is_mem(got, want, sizeof(want), "subkey %d: keyed BLAKE2b over the virtual router", i);
		is_int(ntohl(first.ids[i]), ring.ids[i], "  under its key's id");
	}
	ok(!first.ids[2] && !first.keys[2][0] && !first.keys[3][1], "unused places are zero");

	options.vips = turned;
	derive(&keys, &ring, options);
	is_mem(&keys, &first, sizeof(keys), "order and length of the addresses do not matter");
	options = usual;
	options.vips = other_vips;
	derive(&keys, &ring, options);
	ok(keys.keys[0][0] != first.keys[0][0] && keys.keys[1][0] != first.keys[1][0], "an address does");
	options = usual;
	options.vip_count = 1;
	derive(&keys, &ring, options);
	ok(keys.keys[0][0] != first.keys[0][0], "one address less does");
	options = usual;
	options.vhid = 11;
	derive(&keys, &ring, options);
	ok(keys.keys[0][0] != first.keys[0][0], "the VHID does");
	options = usual;
	options.group = 0x130000e0;
	derive(&keys, &ring, options);
	ok(keys.keys[0][0] != first.keys[0][0], "the group does");
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(name, mode)) {
		perror(name);
		exit(EXIT_FAILURE);
	}
}

static void test_files(void)
{
	static const struct {
		const char *path, *remark;
		unsigned int count;
	} cases[] = {
		{ "good", "", 2 },
		{ "public", ": everybody can read it; `chmod 600` it", 1 },
		{ "bad", ":2: 2: after the id must come the key, 64 hexadecimal digits, and nothing else", 0 },
		{ "empty", ": has no key; must have lines with an id and 64 hexadecimal digits, as `xcarpctl genkey` prints them", 0 },
		{ "none", ": No such file or directory", 0 },
	};
	struct keyrings *rings = keyrings_new();

	write_file("good", "# keys\n1 " HEX_1 "\n2 " HEX_2 "\n", 0600);
	write_file("public", "1 " HEX_1 "\n", 0644);
	write_file("bad", "1 " HEX_1 "\n2 " HEX_2 " 3\n", 0600);
	write_file("empty", "", 0600);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char remark[KEYRINGS_REMARK_LEN];
		const struct keyring *ring = keyrings_of_file(rings, cases[i].path, remark);

		is_int(ring ? ring->count : 0, cases[i].count, "%s: keys", cases[i].path);
		is_str(remark, cases[i].remark, "  what is told");
		ok(keyrings_of_file(rings, cases[i].path, remark) == ring && !*remark, "  the second time nothing is");
		unlink(cases[i].path);
	}
	keyrings_free(rings);
}

static void test_fill(void)
{
	struct keyring ring = { .count = 1 };
	struct secret one = { 0 }, two = { 0 };

	keyring_fill_password(&ring, &one);
	ring.keys[0][0] = 1;
	keyring_fill_password(&ring, &two);
	ok(one.len == CARP_KEY_MAX && memcmp(one.bytes, two.bytes, CARP_KEY_MAX), "in place of a password: by the key");
}

int main(void)
{
	char dir[] = "/tmp/test_keyrings.XXXXXX";

	plan(5 + 10 + 3 * 5 + 1);
	if (secret_init() || !mkdtemp(dir) || chdir(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	test_password();
	test_subkeys();
	test_files();
	test_fill();
	rmdir(dir);
	return tap_done();
}
