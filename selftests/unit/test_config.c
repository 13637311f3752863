// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files of virtual routers: words and quotes, defaults, includes, and every error told with its place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "core/config.h"

/* Files that exist, until a row without a name. */
struct file {
	const char *path;
	const char *text;
};

struct world {
	const struct file *files;
	char errors[4096];
	char remarks[256];
	unsigned int held; /* texts not given back */
};

static char *world_read(void *ctx, const char *path, const char **why)
{
	struct world *w = ctx;

	for (const struct file *file = w->files; file->path; file++) {
		if (strcmp(file->path, path))
			continue;
		w->held++;
		return strdup(file->text);
	}
	*why = "No such file or directory";
	return NULL;
}

static void world_release(void *ctx, char *text)
{
	struct world *w = ctx;

	w->held--;
	free(text);
}

/* A pattern's star stands for all the rest. */
static size_t world_expand(void *ctx, const char *pattern, void (*found)(void *, const char *), void *found_ctx)
{
	struct world *w = ctx;
	const char *star = strchr(pattern, '*');
	size_t count = 0;

	for (const struct file *file = w->files; file->path; file++) {
		if (star ? strncmp(file->path, pattern, (size_t)(star - pattern)) : strcmp(file->path, pattern))
			continue;
		found(found_ctx, file->path);
		count++;
	}
	return count;
}

static bool world_is_same(void *ctx, const char *path, const char *other)
{
	(void)ctx;
	return !strcmp(path, other);
}

static void world_error(void *ctx, const char *line)
{
	struct world *w = ctx;
	size_t len = strlen(w->errors);

	snprintf(w->errors + len, sizeof(w->errors) - len, "%s\n", line);
}

static void world_remark(void *ctx, const char *line)
{
	struct world *w = ctx;

	snprintf(w->remarks, sizeof(w->remarks), "%s\n", line);
}

static struct config_source source_of(struct world *w)
{
	return (struct config_source){
		.ctx = w,
		.read = world_read,
		.release = world_release,
		.expand = world_expand,
		.is_same = world_is_same,
		.error = world_error,
		.remark = world_remark,
	};
}

/* What a virtual router came out as, short. */
static void describe(char *text, size_t size, const struct config_vr *vr)
{
	char vip[VIP_TEXT_LEN];

	snprintf(text, size, "%s:%u %s v%u %s k%u%s x=%s", vr->file, vr->line, vr->options.interface, vr->options.vhid,
		 vip_format(&vr->options.vips[0], true, vip), vr->options.election.advskew,
		 vr->options.election.preempt ? " P" : "", vr->options.xparam ? vr->options.xparam : "(none)");
}

struct row {
	const char *name;
	const struct file files[4];
	const char *want; /* the last remark, and of each virtual router a line; or the errors */
};

#define VR " -i eth0 -s 10.0.0.1 -p pw "

static const struct row good[] = {
	{ "one", { { "f", "-v 1 -a 10.0.0.9" VR "\n" } }, "f:1 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "no newline at the end", { { "f", "-v 1 -a 10.0.0.9" VR } }, "f:1 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "comments, blank lines, blanks, DOS lines",
	  { { "f", "# one\n\n \t \n  -v 1\t-a 10.0.0.9" VR "# not this -v 2\r\n-v 3 -a 10.0.0.8 -x a#b" VR "\r\n" } },
	  "f:4 eth0 v1 10.0.0.9/32 k0 x=(none)\nf:5 eth0 v3 10.0.0.8/32 k0 x=a#b\n" },
	{ "quotes",
	  { { "f", "-v 1 -a 10.0.0.9" VR "-x 'a \"b\\' \n-v 2 -a 10.0.0.8" VR "-x \"a 'b\\\" \\$\\n\"\n"
		   "-v 3 -a 10.0.0.7" VR "-x a\\ b'c d'\"e\"\n-v 4 -a 10.0.0.6" VR "-x ''\n" } },
	  "f:1 eth0 v1 10.0.0.9/32 k0 x=a \"b\\\nf:2 eth0 v2 10.0.0.8/32 k0 x=a 'b\" $\\n\n"
	  "f:3 eth0 v3 10.0.0.7/32 k0 x=a bc de\nf:4 eth0 v4 10.0.0.6/32 k0 x=\n" },
	{ "lines that go on", { { "f", "-v 1 \\\n -a 10.0.0.9" VR "\\\n-k 5\n-v 2 -a 10.0.0.8" VR "\n" } },
	  "f:1 eth0 v1 10.0.0.9/32 k5 x=(none)\nf:4 eth0 v2 10.0.0.8/32 k0 x=(none)\n" },
	{ "defaults, the last word wins, later defaults replace",
	  { { "f", "default -k 7 -P" VR "\n-v 1 -a 10.0.0.9\n-v 2 -a 10.0.0.8 -k 9\ndefault" VR "\n-v 3 -a 10.0.0.7\n" } },
	  "f:2 eth0 v1 10.0.0.9/32 k7 P x=(none)\nf:3 eth0 v2 10.0.0.8/32 k9 P x=(none)\n"
	  "f:5 eth0 v3 10.0.0.7/32 k0 x=(none)\n" },
	{ "includes, relative to the file, defaults reach in but not out",
	  { { "d/f", "default" VR "\ninclude c/*\n-v 1 -a 10.0.0.9\n" },
	    { "d/c/a", "default -k 3" VR "\n-v 2 -a 10.0.0.8\n" },
	    { "d/c/b", "-v 3 -a 10.0.0.7\n" } },
	  "d/c/a:2 eth0 v2 10.0.0.8/32 k3 x=(none)\nd/c/b:1 eth0 v3 10.0.0.7/32 k0 x=(none)\n"
	  "d/f:3 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "byte order marks",
	  { { "f", "\xef\xbb\xbf" "default" VR "\r\ninclude g\r\n-v 1 -a 10.0.0.9\r\n" }, { "g", "\xef\xbb\xbf-v 2 -a 10.0.0.8\r\n" } },
	  "g:1 eth0 v2 10.0.0.8/32 k0 x=(none)\nf:3 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "a pattern that fits nothing", { { "f", "include none*\n-v 1 -a 10.0.0.9" VR "\n" } },
	  "f:1: include none*: no file fits\nf:2 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "an include amid lines of its own, longer than they",
	  { { "f", "default" VR "\n-v 1 -a 10.0.0.11\ninclude g\n-v 2 -a 10.0.0.2\n-v 3 -a 10.0.0.3\n" },
	    { "g", "-v 4 -a 10.0.0.4\n-v 5 -a 10.0.0.5\n-v 6 -a 10.0.0.6\n-v 7 -a 10.0.0.7\n-v 8 -a 10.0.0.8" } },
	  "f:2 eth0 v1 10.0.0.11/32 k0 x=(none)\ng:1 eth0 v4 10.0.0.4/32 k0 x=(none)\n"
	  "g:2 eth0 v5 10.0.0.5/32 k0 x=(none)\ng:3 eth0 v6 10.0.0.6/32 k0 x=(none)\n"
	  "g:4 eth0 v7 10.0.0.7/32 k0 x=(none)\ng:5 eth0 v8 10.0.0.8/32 k0 x=(none)\n"
	  "f:4 eth0 v2 10.0.0.2/32 k0 x=(none)\nf:5 eth0 v3 10.0.0.3/32 k0 x=(none)\n" },
	{ "an address in the defaults stays the first",
	  { { "f", "default -i eth0 -s 10.0.0.1 -p pw -a 10.0.0.9\n-v 1 -a 10.0.0.8\n" } },
	  "f:2 eth0 v1 10.0.0.9/32 k0 x=(none)\n" },
	{ "one VHID in two groups and on two interfaces",
	  { { "f", "default -s 10.0.0.1 -p pw\n-i a -v 1 -a 10.0.0.9\n-i b -v 1 -a 10.0.0.8\n"
		   "-i a -v 1 -a 10.0.0.7 --mcastip 224.0.0.19\n" } },
	  "f:2 a v1 10.0.0.9/32 k0 x=(none)\nf:3 b v1 10.0.0.8/32 k0 x=(none)\nf:4 a v1 10.0.0.7/32 k0 x=(none)\n" },
};

#define TIMES4(text) text text text text
#define TIMES256(text) TIMES4(TIMES4(TIMES4(TIMES4(text))))

static const struct row bad[] = {
	{ "all errors at once",
	  { { "f", "-v 300 -a 10.0.0.9" VR "\n-v 1 -a x" VR "\n\n-v 1" VR "\n" } },
	  "f:1: -v 300: must be a number from 1 to 255\n"
	  "f:2: -a x: must be an IPv4 or IPv6 address, or ADDRESS/LENGTH\n"
	  "f:4: -a (--addr) is missing: the virtual address\n" },
	{ "the process's options", { { "f", "-v 1 -a 10.0.0.9 -B" VR "\n" } },
	  "f:1: -B: is the whole process's; it belongs on the command line\n" },
	{ "a default that is wrong", { { "f", "default -k 256\n-v 1 -a 10.0.0.9" VR "\n" } },
	  "f:1: -k 256: must be a number from 0 to 255\n" },
	{ "a quote without end", { { "f", "-v 1 -a 10.0.0.9" VR "-x 'a\n" } }, "f:1: the ' has no end in this line\n" },
	{ "two quotes without end hide no line, nor each other",
	  { { "f", "-v 1 -a 10.0.0.9" VR "-x 'a\n-v 2 -a 10.0.0.8" VR "-x \"b 'c\n-v 300 -a 10.0.0.7" VR "\n" } },
	  "f:1: the ' has no end in this line\nf:2: the \" has no end in this line\n"
	  "f:3: -v 300: must be a number from 1 to 255\n" },
	{ "twice the same",
	  { { "f", "include g\n-v 1 -a 10.0.0.9" VR "\n" }, { "g", "\n-v 0x1 -a 10.0.0.8" VR "\n" } },
	  "f:2: -v 1: g:2 has this virtual router already; interface, --mcastip and -v together must be unique\n" },
	{ "one address twice",
	  { { "f", "default" VR "\n-v 1 -a 10.0.0.9\n-v 2 -a 10.0.0.8 -a 10.0.0.9/24\n" } },
	  "f:3: -a 10.0.0.9: f:2 has this address already; one virtual router of an interface must have it\n" },
	{ "no such file", { { "g", "" } }, "f: No such file or directory\n" },
	{ "no such include", { { "f", "\ninclude g\n" } }, "f:2: include g: no such file\n" },
	{ "an include of itself; what else is wrong is told once", { { "f", "include f\n-v 300 -a 10.0.0.7" VR "\n" } },
	  "f:1: include f: this file would include itself\nf:2: -v 300: must be a number from 1 to 255\n" },
	{ "two that include each other", { { "f", "include g\n" }, { "g", "include f\n" } },
	  "g:1: include f: this file would include itself\n" },
	{ "a pattern that fits the file itself, and another", { { "f", "include *\n" }, { "g", "include *\n" } },
	  "f:1: include f: this file would include itself\n" },
	{ "too many includes of includes",
	  { { "f", TIMES256("include g\n") }, { "g", TIMES256("include h\n") }, { "h", "" } },
	  "f:256: include g: more than 65536 files in all; does it include itself?\n" },
	{ "a control character in a name", { { "f", "include 'a\tb'\n" } }, "f:1: include a?b: no such file\n" },
	{ "a control character in a word", { { "f", "'a\tb\x1b'\n" } },
	  "f:1: a?b?: unexpected argument; every value needs its option, see --help\n" },
	{ "an include of nothing", { { "f", "include\n" } }, "f:1: include: needs one file name or pattern\n" },
	{ "nothing in it", { { "f", "# nothing\n" } },
	  "f: has no virtual router; a line such as `-i eth0 -s 10.1.1.10 -v 10 -o FILE -a 10.1.1.252` is one\n" },
	{ "a word that is none", { { "f", "defaults -v 1\n" } },
	  "f:1: defaults: unexpected argument; every value needs its option, see --help\n" },
};

static void check(const struct row *row, int result)
{
	struct world w = { .files = row->files };
	struct config_source source = source_of(&w);
	struct config config;
	char got[4096] = "";

	is_int(config_read(&config, *row->files[0].path == 'd' ? "d/f" : "f", &source), result, "%s: result", row->name);
	strcpy(got, w.remarks);
	for (size_t i = 0; !result && i < config.count; i++) {
		char text[256];

		describe(text, sizeof(text), &config.vrs[i]);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s\n", text);
	}
	is_str(result ? w.errors : got, row->want, "%s: what came of it", row->name);
	config_free(&config, &source);
	is_int(w.held, 0, "%s: all texts are given back", row->name);
}

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

int main(void)
{
	plan(3 * (COUNT(good) + COUNT(bad)));
	for (size_t i = 0; i < COUNT(good); i++)
		check(&good[i], 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		check(&bad[i], -EINVAL);
	return tap_done();
}
