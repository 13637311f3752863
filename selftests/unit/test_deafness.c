// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When adverts on the stack say that the program does not run, and what is tried. */
#include "core/deafness.h"

#include "core/auth.h"
#include "core/frame.h"

#include "../tap.h"

#define S 1000000000ull

static void test_adverts(void)
{
	struct deafness deafness = { 0 };

	ok(!deafness_advert(&deafness, 5, false, 1 * S), "one that was missed may be older than the program");
	ok(!deafness_advert(&deafness, 5, false, 1 * S), "so may all that were waiting with it");
	ok(deafness_advert(&deafness, 5, false, 2 * S), "a second, and none accepted between: it does not run");
	ok(!deafness_advert(&deafness, 6, false, 3 * S), "one was accepted: it runs");
	ok(!deafness_advert(&deafness, 7, false, 4 * S), "as long as each that comes was accepted");
	ok(deafness_advert(&deafness, 7, false, 5 * S), "until one was not");

	deafness = (struct deafness){ 0 };
	ok(deafness_advert(&deafness, 0, true, 1 * S), "where one is enough, it does not run");
	deafness = (struct deafness){ .accepted = 0, .heard_ns = 1 * S, .missed = 1 };
	ok(!deafness_advert(&deafness, 0, true, 1 * S), "one of the same time as the attaching says nothing");
	ok(deafness_advert(&deafness, 0, false, 2 * S), "the next one says that it was in vain");
}

static void test_cure(void)
{
	struct cure cure = { 0 };

	ok(cure_next(&cure, false, 1 * S) == REMEDY_ATTACH, "first it is attached anew");
	ok(cure_next(&cure, true, 2 * S) == REMEDY_ATTACH, "which has helped: then again");
	ok(cure_next(&cure, false, 3 * S) == REMEDY_OTHER_MODE, "it has not: another mode");
	ok(cure_next(&cure, false, 4 * S) == REMEDY_REPORT, "nor has that: it is reported");
	ok(cure_next(&cure, false, 5 * S) == REMEDY_NONE, "once");
	ok(cure_next(&cure, false, 63 * S) == REMEDY_NONE, "for a minute");
	ok(cure_next(&cure, false, 64 * S) == REMEDY_ATTACH, "and then all of it tried again");
}

static void take_advert(struct carp_header *carp, const struct carp_key *key, bool is_strong, uint32_t source)
{
	const struct frame_advert advert = { .source = source, .group = 0x120000e0, .vhid = 7, .advbase = 1, .is_strong = is_strong,
					     .counter = 0x0102030405060708 };
	uint8_t frame[FRAME_ADVERT_LEN];

	frame_advert(frame, &advert, key);
	memcpy(carp, frame + 14 + 20, sizeof(*carp));
}

static void test_authentic(void)
{
	struct carp_key key = { .siphash = { .ids = { 1, 2 }, .keys = { { 3, 4 }, { 5, 6 } } } }, second = key;
	struct carp_header weak, strong, by_second, by_none;
	struct vip vip;

	vip_parse(&vip, "10.0.0.1");
	auth_hmac_key(&key.hmac, (const uint8_t *)"secret", 6, 7, &vip, 1);
	second.siphash.ids[0] = 2;
	memcpy(second.siphash.keys[0], key.siphash.keys[1], sizeof(key.siphash.keys[0]));
	take_advert(&weak, &key, false, 1);
	take_advert(&strong, &key, true, 1);
	take_advert(&by_second, &second, true, 1);
	memset(&second.siphash, 0, sizeof(second.siphash));
	take_advert(&by_none, &second, true, 1);

	ok(auth_is_good(&weak, &key, AUTH_HMAC_SHA1, 1), "an HMAC of the password is authentic");
	ok(!auth_is_good(&weak, &key, AUTH_SIPHASH, 1), "not where only strong ones are");
	weak.md[19] ^= 1;
	ok(!auth_is_good(&weak, &key, AUTH_HMAC_SHA1, 1), "one with a wrong bit is not");
	ok(auth_is_good(&strong, &key, AUTH_ACCEPT_SIPHASH, 1), "so is the tag of a key");
	ok(auth_is_good(&by_second, &key, AUTH_SIPHASH, 1), "of any of the keys");
	ok(!auth_is_good(&strong, &key, AUTH_HMAC_SHA1, 1), "not where strong ones are not accepted");
	ok(!auth_is_good(&strong, &key, AUTH_SIPHASH, 2), "nor from another source");
	ok(!auth_is_good(&by_none, &key, AUTH_SIPHASH, 1), "a place without a key accepts nothing");
}

int main(void)
{
	plan(9 + 7 + 8);
	test_adverts();
	test_cure();
	test_authentic();
	return tap_done();
}
