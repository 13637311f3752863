// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/format.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000ull

char *format_name(const char *bytes, size_t len, char text[NAME_TEXT_LEN])
{
	static const char hex[] = "0123456789abcdef";
	char *to = text;

	if (len > XCARP_IFNAME_LEN)
		len = XCARP_IFNAME_LEN;
	for (size_t i = 0; i < len && bytes[i]; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte > ' ' && byte < 0x7f) {
			*to++ = (char)byte;
			continue;
		}
		*to++ = '\\';
		*to++ = 'x';
		*to++ = hex[byte >> 4];
		*to++ = hex[byte & 15];
	}
	*to = '\0';
	return text;
}

char *format_address(uint8_t ip_version, const uint8_t address[16], char text[ADDRESS_TEXT_LEN])
{
	if (!inet_ntop(ip_version == 6 ? AF_INET6 : AF_INET, address, text, ADDRESS_TEXT_LEN))
		*text = '\0';
	return text;
}

char *format_group(uint8_t ip_version, const uint8_t group[4], char text[ADDRESS_TEXT_LEN])
{
	uint8_t address[16] = { 0 };

	if (ip_version != 6) {
		memcpy(address, group, 4);
		return format_address(4, address, text);
	}
	address[0] = 0xff;
	address[1] = 0x02;
	memcpy(address + 12, group, 4);
	return format_address(6, address, text);
}

bool is_usual_group(uint8_t ip_version, const uint8_t group[4])
{
	static const uint8_t ipv4[4] = { 224, 0, 0, 18 }, ipv6[4] = { 0, 0, 0, 0x12 };

	return !memcmp(group, ip_version == 6 ? ipv6 : ipv4, 4);
}

char *format_span(uint64_t ns, char text[SPAN_TEXT_LEN])
{
	unsigned long long s = ns / NS_PER_S;

	if (ns < NS_PER_S)
		snprintf(text, SPAN_TEXT_LEN, "%llums", (unsigned long long)(ns / 1000000));
	else if (s < 10)
		snprintf(text, SPAN_TEXT_LEN, "%llu.%llus", s, (unsigned long long)(ns % NS_PER_S / 100000000));
	else if (s < 60)
		snprintf(text, SPAN_TEXT_LEN, "%llus", s);
	else if (s < 3600)
		snprintf(text, SPAN_TEXT_LEN, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, SPAN_TEXT_LEN, "%lluh%02llum", s / 3600, s % 3600 / 60);
	else
		snprintf(text, SPAN_TEXT_LEN, "%llud%02lluh", s / 86400, s % 86400 / 3600);
	return text;
}

char *format_lateness(uint64_t ns, char text[SPAN_TEXT_LEN])
{
	unsigned long long us = ns / 1000;

	if (!us)
		snprintf(text, SPAN_TEXT_LEN, "0");
	else if (us < 1000)
		snprintf(text, SPAN_TEXT_LEN, "%lluus", us);
	else if (us < 1000000)
		snprintf(text, SPAN_TEXT_LEN, "%llu.%llums", us / 1000, us % 1000 / 100);
	else
		snprintf(text, SPAN_TEXT_LEN, "%llu.%llus", us / 1000000, us % 1000000 / 100000);
	return text;
}

uint64_t clock_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_realtime_of(uint64_t monotonic_ns)
{
	return monotonic_ns + clock_now_ns(CLOCK_REALTIME) - clock_now_ns(CLOCK_MONOTONIC);
}

char *format_clock(uint64_t realtime_ns, char text[CLOCK_TEXT_LEN])
{
	time_t s = (time_t)(realtime_ns / NS_PER_S);
	struct tm parts;
	size_t len;

	localtime_r(&s, &parts);
	len = strftime(text, CLOCK_TEXT_LEN, "%Y-%m-%d %H:%M:%S", &parts);
	snprintf(text + len, CLOCK_TEXT_LEN - len, ".%03u", (unsigned int)(realtime_ns % NS_PER_S / 1000000));
	return text;
}

char *format_utc(uint64_t realtime_ns, char text[CLOCK_TEXT_LEN])
{
	time_t s = (time_t)(realtime_ns / NS_PER_S);
	struct tm parts;
	size_t len;

	gmtime_r(&s, &parts);
	len = strftime(text, CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + len, CLOCK_TEXT_LEN - len, ".%03uZ", (unsigned int)(realtime_ns % NS_PER_S / 1000000));
	return text;
}

static const char *pick(const char *const *names, size_t count, unsigned int index)
{
	return index < count ? names[index] : "?";
}

const char *state_name(unsigned int state)
{
	static const char *const names[] = { [INIT] = "INIT", [BACKUP] = "BACKUP", [MASTER] = "MASTER" };

	return pick(names, sizeof(names) / sizeof(*names), state);
}

const char *hold_name(unsigned int hold)
{
	static const char *const names[] = { [NOT_HELD] = "none", [DEMOTED] = "demoted", [PROMOTED] = "promoted" };

	return pick(names, sizeof(names) / sizeof(*names), hold);
}

const char *hook_name(unsigned int hook)
{
	static const char *const names[] = {
		[HOOK_NONE] = "none",
		[HOOK_XDP_NATIVE] = "xdp-native",
		[HOOK_XDP_GENERIC] = "xdp-generic",
		[HOOK_TCX] = "tcx",
		[HOOK_CLSACT] = "clsact",
	};

	return hook < sizeof(names) / sizeof(*names) ? names[hook] : "?";
}

const char *auth_name(unsigned int auth)
{
	static const char *const names[] = {
#define X(value, word) [value] = word,
		XCARP_AUTH_MODES(X)
#undef X
	};

	return pick(names, sizeof(names) / sizeof(*names), auth);
}

const char *drop_name(unsigned int verdict)
{
	static const char *const names[] = {
#define X(value, counter) [value] = #counter,
		XCARP_VERDICTS(X)
#undef X
		[XCARP_VERDICT_COUNT] = "ring_full",
	};

	return verdict <= XCARP_VERDICT_COUNT ? names[verdict] : NULL;
}
