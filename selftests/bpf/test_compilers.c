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

/* Once more, and libbpf prints what the verifier says. */
static void tell_why(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	if (object) {
		bpf_object__load(object);
		bpf_object__close(object);
	}
}

static void check(const char *path)
{
	static char log[LOG_BYTES];
	LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_level = LOG_STATS, .kernel_log_buf = log,
		    .kernel_log_size = sizeof(log));
	struct bpf_object *object = bpf_object__open_file(path, &options);
	int err = object ? 0 : -errno;

	log[0] = '\0';
	if (!err)
		err = bpf_object__load(object);
	if (!ok(!err, "%s loads (%u instructions verified)", path, instructions(log))) {
		diag("  %s", strerror(-err));
		tell_why(path);
	}
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	glob_t built;

	if (argc > 1) {
		plan((unsigned int)argc - 1);
		for (int i = 1; i < argc; i++)
			check(argv[i]);
		return tap_done();
	}
	if (glob("build/clang*/*.bpf.o", 0, NULL, &built)) {
		printf("Bail out! nothing in build/clang*/: run make bpf-all\n");
		return EXIT_FAILURE;
	}
	plan((unsigned int)built.gl_pathc);
	for (size_t i = 0; i < built.gl_pathc; i++)
		check(built.gl_pathv[i]);
	globfree(&built);
	return tap_done();
}
