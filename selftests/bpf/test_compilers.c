// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs as each clang of this host has compiled them (make bpf-all): does the kernel's verifier accept them all?
 *
 *	test_compilers [OBJECT...]
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "../tap.h"

#define LOG_STATS 4 /* BPF_LOG_STATS of the kernel's bpf_verifier.h: one line, and no more */
#define LOG_BYTES 65536

/* The verifier's own count of the instructions that it looked at; 0: it did not say. */
static unsigned int instructions(const char *log)
{
	const char *line = strstr(log, "processed ");
	unsigned int count = 0;

	if (line)
		sscanf(line, "processed %u insns", &count);
	return count;
}

/* This program of the object and no other. log: NULL: libbpf prints what is wrong. */
static int load(const char *path, const char *name, char *log)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int err;

	if (!object)
		return -errno;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
	program = bpf_object__find_program_by_name(object, name);
	if (log) {
		log[0] = '\0';
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, log, LOG_BYTES);
	}
	err = bpf_object__load(object);
	bpf_object__close(object);
	return err;
}

static void check_program(const char *path, const char *name)
{
	static char log[LOG_BYTES];
	int err = load(path, name, log);

	if (!ok(!err, "%s: %s loads (%u instructions verified)", path, name, instructions(log))) {
		diag("  %s", strerror(-err));
		load(path, name, NULL);
	}
}

static unsigned int check(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	unsigned int count = 0;

	if (!ok(object, "%s can be read", path))
		return 1;
	bpf_object__for_each_program(program, object) {
		check_program(path, bpf_program__name(program));
		count++;
	}
	bpf_object__close(object);
	return 1 + count;
}

int main(int argc, char **argv)
{
	unsigned int count = 0;
	glob_t built;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			count += check(argv[i]);
	} else if (!glob("build/clang*/*.bpf.o", 0, NULL, &built)) {
		for (size_t i = 0; i < built.gl_pathc; i++)
			count += check(built.gl_pathv[i]);
		globfree(&built);
	}
	ok(count, "there are programs: make bpf-all has made them");
	plan(count + 1);
	return tap_done();
}
