// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Virtual addresses: reading, writing, order. */
#include "core/vip.h"

#include "../tap.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static const struct {
	const char *text;
	const char *with_len;
	const char *alone;
	uint8_t ip_version;
	uint8_t prefix_len;
	uint8_t address[16];
} good[] = {
	{ "10.1.1.252", "10.1.1.252/32", "10.1.1.252", 4, 32, { 10, 1, 1, 252 } },
	{ "10.1.1.252/24", "10.1.1.252/24", "10.1.1.252", 4, 24, { 10, 1, 1, 252 } },
	{ "192.0.2.1/1", "192.0.2.1/1", "192.0.2.1", 4, 1, { 192, 0, 2, 1 } },
	{ "223.255.255.255/32", "223.255.255.255/32", "223.255.255.255", 4, 32, { 223, 255, 255, 255 } },
	{ "1.0.0.1/08", "1.0.0.1/8", "1.0.0.1", 4, 8, { 1, 0, 0, 1 } },
	{ "10.1.1.0/31", "10.1.1.0/31", "10.1.1.0", 4, 31, { 10, 1, 1 } },
	{ "10.1.0.255/23", "10.1.0.255/23", "10.1.0.255", 4, 23, { 10, 1, 0, 255 } },
	{ "126.0.0.1/008", "126.0.0.1/8", "126.0.0.1", 4, 8, { 126, 0, 0, 1 } },
	{ "128.0.0.1", "128.0.0.1/32", "128.0.0.1", 4, 32, { 128, 0, 0, 1 } },
	{ "fe80::5", "fe80::5/128", "fe80::5", 6, 128, { 0xfe, 0x80, [15] = 5 } },
	{ "2001:DB8::10/64", "2001:db8::10/64", "2001:db8::10", 6, 64, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } },
	{ "2001:0db8:0000:0000:0000:0000:0000:0010/128", "2001:db8::10/128", "2001:db8::10", 6, 128,
	  { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } },
	{ "2001:db8:1111:2222:3333:4444:255.255.255.255/127", "2001:db8:1111:2222:3333:4444:ffff:ffff/127",
	  "2001:db8:1111:2222:3333:4444:ffff:ffff", 6, 127,
	  { 0x20, 0x01, 0x0d, 0xb8, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0xff, 0xff, 0xff, 0xff } },
};

static const struct {
	const char *text;
	const char *right; /* what the phrase says */
} bad[] = {
	{ "", "IPv4 or IPv6 address" },
	{ "/", "IPv4 or IPv6 address" },
	{ "/24", "IPv4 or IPv6 address" },
	{ "vip.example", "IPv4 or IPv6 address" },
	{ "10.1.1", "IPv4 or IPv6 address" },
	{ "10.1.1.256", "IPv4 or IPv6 address" },
	{ "10.1.1.252 ", "IPv4 or IPv6 address" },
	{ " 10.1.1.252", "IPv4 or IPv6 address" },
	{ "0x0a.1.1.252", "IPv4 or IPv6 address" },
	{ "fe80::5%eth0", "IPv4 or IPv6 address" },
	{ "2001:db8:::1", "IPv4 or IPv6 address" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", "IPv4 or IPv6 address" },
	{ "10.1.1.252/", "1 to 32" },
	{ "10.1.1.252/0", "1 to 32" },
	{ "10.1.1.252/33", "1 to 32" },
	{ "10.1.1.252/-1", "1 to 32" },
	{ "10.1.1.252/+8", "1 to 32" },
	{ "10.1.1.252/ 8", "1 to 32" },
	{ "10.1.1.252/24x", "1 to 32" },
	{ "10.1.1.252/0x18", "1 to 32" },
	{ "10.1.1.252/255.255.255.0", "1 to 32" },
	{ "10.1.1.252/24/8", "1 to 32" },
	{ "10.1.1.252/4294967320", "1 to 32" },
	{ "2001:db8::1/0", "1 to 128" },
	{ "2001:db8::1/129", "1 to 128" },
	{ "2001:db8::1/1000", "1 to 128" },
	{ "0.0.0.0", "unicast" },
	{ "0.1.2.3", "unicast" },
	{ "127.0.0.1", "unicast" },
	{ "224.0.0.18", "unicast" },
	{ "255.255.255.255", "unicast" },
	{ "::", "unicast" },
	{ "::1", "unicast" },
	{ "ff02::12", "unicast" },
	{ "10.1.1.0/24", "the address of the network" },
	{ "10.1.1.4/30", "the address of the network" },
	{ "fd00::/64", "the address of the network" },
	{ "10.1.1.255/24", "broadcast address" },
	{ "10.1.1.7/30", "broadcast address" },
};

/* Ascending. */
static const char *const ordered[] = {
	"1.2.3.4", "10.0.0.2", "10.0.0.10",   "10.0.0.200",   "10.9.0.12",    "10.9.1.11", "192.168.0.9",
	"::2",	   "100::1",   "2001:db8::1", "2001:db8::10", "2001:db8:1::", "fe80::5",
};

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct vip vip;
		char text[VIP_TEXT_LEN];

		memset(&vip, 0xff, sizeof(vip));
		is_str(vip_parse(&vip, good[i].text), NULL, "'%s' is read", good[i].text);
		is_int(vip.ip_version * 1000 + vip.prefix_len, good[i].ip_version * 1000 + good[i].prefix_len,
		       "  version and length");
		is_mem(vip.address, good[i].address, sizeof(vip.address), "  address");
		is_str(vip_format(&vip, true, text), good[i].with_len, "  written with its length");
		is_str(vip_format(&vip, false, text), good[i].alone, "  written without");
		is_int(vip_len(&vip), good[i].ip_version == 4 ? 4 : 16, "  size");
	}
}

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct vip vip;
		const char *right = vip_parse(&vip, bad[i].text);

		if (!ok(right && strstr(right, bad[i].right), "'%s' is refused", bad[i].text))
			diag("  got '%s', want something with '%s'", right ? right : "(accepted)", bad[i].right);
	}
}

static void test_order(void)
{
	struct vip a, b;
	unsigned int wrong = 0;

	for (size_t i = 0; i < COUNT(ordered); i++) {
		for (size_t j = 0; j < COUNT(ordered); j++) {
			int want = (i > j) - (i < j), got;

			vip_parse(&a, ordered[i]);
			vip_parse(&b, ordered[j]);
			got = vip_compare(&a, &b);
			if ((got > 0) - (got < 0) == want)
				continue;
			diag("%s and %s: got %d, want %d", ordered[i], ordered[j], got, want);
			wrong++;
		}
	}
	is_int(wrong, 0, "IPv4 before IPv6, each ascending in network order");
	vip_parse(&a, "10.1.1.1/8");
	vip_parse(&b, "10.1.1.1/32");
	is_int(vip_compare(&a, &b), 0, "the prefix length has no part in the order");
}

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "10.1.1.1/24", "10.1.1.252/24", true },	{ "10.1.1.1/24", "10.1.2.1/24", false },
	{ "10.1.1.1/24", "10.1.1.2/25", false },	{ "10.1.1.1/32", "10.1.1.1/32", false },
	{ "10.1.1.2/31", "10.1.1.3/31", true },		{ "100.1.1.1/1", "1.2.3.4/1", true },
	{ "2001:db8::1/64", "2001:db8::2/64", false },
};

static void test_networks(void)
{
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct vip a, b;

		vip_parse(&a, pairs[i].a);
		vip_parse(&b, pairs[i].b);
		is_int(vip_is_same_network(&a, &b), pairs[i].same, pairs[i].b);
	}
}

/* The longest text there can be fits. */
static void test_longest(void)
{
	struct vip vip = { .ip_version = 6, .prefix_len = 128 };
	char text[VIP_TEXT_LEN];

	memset(vip.address, 0xfd, sizeof(vip.address));
	is_str(vip_format(&vip, true, text), "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd/128", "longest text");
	memset(vip.address, 0, 10);
	memset(vip.address + 10, 0xff, 2);
	is_str(vip_format(&vip, true, text), "::ffff:253.253.253.253/128", "mapped IPv4");
}

int main(void)
{
	plan(6 * COUNT(good) + COUNT(bad) + 4 + COUNT(pairs));
	test_good();
	test_bad();
	test_order();
	test_networks();
	test_longest();
	return tap_done();
}
