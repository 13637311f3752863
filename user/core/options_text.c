// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A virtual router's options as a person would write them, and what differs between two sets of them. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

#define VALUE_LEN 4096
#define EMPTY "''"
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

struct out {
	char *text;
	size_t room;
	size_t len;
};

/* What there is no room for is left out, and the end of the text says so. */
__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(out->text + out->len, out->room - out->len, format, args);
	va_end(args);
	if (len < 0)
		return;
	out->len += (size_t)len;
	if (out->len < out->room)
		return;
	out->len = out->room - 1;
	memcpy(out->text + out->len - 3, "...", 3);
}

static void put_address(struct out *out, uint32_t address)
{
	char text[INET_ADDRSTRLEN];

	put(out, "%s", inet_ntop(AF_INET, &address, text, sizeof(text)));
}

/* Values. Nothing is written where there is none. */

static void write_interface(struct out *out, const struct vr_options *o)
{
	put(out, "%s", o->interface);
}

static void write_source(struct out *out, const struct vr_options *o)
{
	put_address(out, o->source);
}

static void write_group(struct out *out, const struct vr_options *o)
{
	put_address(out, o->group);
}

static void write_vhid(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->vhid);
}

static void write_vips(struct out *out, const struct vr_options *o)
{
	char text[VIP_TEXT_LEN];

	for (unsigned int i = 0; i < o->vip_count; i++) {
		bool is_alone = o->vips[i].prefix_len == 8 * vip_len(&o->vips[i]);

		put(out, "%s%s", i ? "," : "", vip_format(&o->vips[i], !is_alone, text));
	}
}

static void write_password(struct out *out, const struct vr_options *o)
{
	if (o->password)
		put(out, "***");
}

static void write_passfile(struct out *out, const struct vr_options *o)
{
	put(out, "%s", o->passfile ? o->passfile : "");
}

static void write_keyfile(struct out *out, const struct vr_options *o)
{
	put(out, "%s", o->keyfile ? o->keyfile : "");
}

static void write_advbase(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->election.advbase);
}

static void write_advskew(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->election.advskew);
}

static void write_dead_ratio(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->election.dead_ratio);
}

static void write_upscript(struct out *out, const struct vr_options *o)
{
	put(out, "%s", o->upscript ? o->upscript : "");
}

static void write_downscript(struct out *out, const struct vr_options *o)
{
	put(out, "%s", o->downscript ? o->downscript : "");
}

static void write_xparam(struct out *out, const struct vr_options *o)
{
	/* An empty one is an argument, too. */
	put(out, "%s", !o->xparam ? "" : *o->xparam ? o->xparam : EMPTY);
}

static void write_auth(struct out *out, const struct vr_options *o)
{
	static const char *const words[] = {
#define X(mode, word) [mode] = word,
		XCARP_AUTH_MODES(X)
#undef X
	};

	put(out, "%s", words[o->auth]);
}

static void write_advert_mac(struct out *out, const struct vr_options *o)
{
	static const char *const words[] = {
		[ADVERT_MAC_UCARP] = "ucarp",
		[ADVERT_MAC_BSD] = "bsd",
		[ADVERT_MAC_REAL] = "real",
	};
	const uint8_t *mac = o->given_mac;

	if (o->advert_mac == ADVERT_MAC_GIVEN)
		put(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	else
		put(out, "%s", words[o->advert_mac]);
}

static void write_script_timeout(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->script_timeout_s);
}

static void write_replay(struct out *out, const struct vr_options *o)
{
	static const char *const words[] = {
		[REPLAY_OFF] = "off",
		[REPLAY_AUTO] = "auto",
		[REPLAY_STRICT] = "strict",
	};

	put(out, "%s", words[o->replay]);
}

static void write_clock_skew(struct out *out, const struct vr_options *o)
{
	put(out, "%u", o->clock_skew_s);
}

static void write_fence_after(struct out *out, const struct vr_options *o)
{
	if (o->fence_after_ms)
		put(out, "%u", o->fence_after_ms);
}

#define VALUE(write) write, 0, false
#define IF(field) NULL, offsetof(struct vr_options, field), true
#define IF_NOT(field) NULL, offsetof(struct vr_options, field), false

static const struct flag {
	const char *name;
	void (*write)(struct out *out, const struct vr_options *o); /* NULL: has no value */
	size_t at; /* its bool */
	bool when; /* and what that is where the flag is given */
} flags[] = {
	{ "-i", VALUE(write_interface) },
	{ "-s", VALUE(write_source) },
	{ "-m", VALUE(write_group) },
	{ "-v", VALUE(write_vhid) },
	{ "-a", VALUE(write_vips) },
	{ "-p", VALUE(write_password) },
	{ "-o", VALUE(write_passfile) },
	{ "--keyfile", VALUE(write_keyfile) },
	{ "--auth", VALUE(write_auth) },
	{ "-b", VALUE(write_advbase) },
	{ "-k", VALUE(write_advskew) },
	{ "-r", VALUE(write_dead_ratio) },
	{ "-P", IF(election.preempt) },
	{ "-n", IF(election.neutral) },
	{ "-z", IF(election.script_at_exit) },
	{ "-u", VALUE(write_upscript) },
	{ "-d", VALUE(write_downscript) },
	{ "-x", VALUE(write_xparam) },
	{ "-S", IF(ignore_link_state) },
	{ "-M", IF(broadcast) },
	{ "--no-vip", IF_NOT(manage_vips) },
	{ "--advert-mac", VALUE(write_advert_mac) },
	{ "--no-fillers", IF_NOT(wake_ucarp) },
	{ "--script-timeout", VALUE(write_script_timeout) },
	{ "--replay", VALUE(write_replay) },
	{ "--clock-skew", VALUE(write_clock_skew) },
	{ "--fence-after", VALUE(write_fence_after) },
};

/* Of a flag without a value: empty, or not. */
static void write_value(char value[VALUE_LEN], const struct flag *flag, const struct vr_options *o)
{
	struct out out = { .text = value, .room = VALUE_LEN };

	*value = '\0';
	if (flag->write)
		flag->write(&out, o);
	else if (*(const bool *)((const char *)o + flag->at) == flag->when)
		put(&out, "yes");
}

/* Quoted as a file of virtual routers wants it. Addresses are several values of one flag. */
static void put_flag(struct out *out, const struct flag *flag, char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=@%^,.:/*";
	const char *separator = out->len ? " " : "";
	char *one;

	if (!flag->write) {
		put(out, "%s%s", separator, flag->name);
		return;
	}
	if (flag->write == write_vips) {
		while ((one = strsep(&value, ","))) {
			put(out, "%s%s %s", separator, flag->name, one);
			separator = " ";
		}
		return;
	}
	put(out, "%s%s ", separator, flag->name);
	if (!strcmp(value, EMPTY) || !value[strspn(value, plain)]) {
		put(out, "%s", value);
		return;
	}
	put(out, "'");
	for (; *value; value++) {
		if (*value == '\'')
			put(out, "'\\'");
		put(out, "%c", *value);
	}
	put(out, "'");
}

void vr_options_write(char *text, size_t room, const struct vr_options *options)
{
	struct out out = { .text = text, .room = room };
	char error[OPTIONS_ERROR_LEN], value[VALUE_LEN], usual[VALUE_LEN];
	char *nobody[] = { NULL };
	struct options defaults;

	*text = '\0';
	options_parse_defaults(&defaults, 1, nobody, error);
	for (size_t i = 0; i < COUNT(flags); i++) {
		write_value(value, &flags[i], options);
		write_value(usual, &flags[i], &defaults.vr);
		if (*value && strcmp(value, usual))
			put_flag(&out, &flags[i], value);
	}
}

void vr_options_changes(char *text, size_t room, const struct vr_options *before, const struct vr_options *after)
{
	struct out out = { .text = text, .room = room };
	char old[VALUE_LEN], new[VALUE_LEN];

	*text = '\0';
	for (size_t i = 0; i < COUNT(flags); i++) {
		const char *separator = out.len ? ", " : "";

		write_value(old, &flags[i], before);
		write_value(new, &flags[i], after);
		if (!strcmp(old, new))
			continue;
		if (flags[i].write)
			put(&out, "%s%s %s -> %s", separator, flags[i].name, *old ? old : "none", *new ? new : "none");
		else
			put(&out, "%s%s%s", separator, *new ? "" : "no ", flags[i].name);
	}
}
