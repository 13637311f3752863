// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "version.h"

#include <bpf/libbpf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "xcarp/abi.h"

#ifndef XCARP_VERSION
#define XCARP_VERSION "unknown"
#endif

/* libxdp cannot be asked for its version; the name of its file ends in it. */
static int print_libxdp(struct dl_phdr_info *info, size_t size, void *ctx)
{
	static const char infix[] = "/libxdp.so.";
	char *file, *name;

	(void)size;
	(void)ctx;
	if (!strstr(info->dlpi_name, infix))
		return 0;
	file = realpath(info->dlpi_name, NULL);
	name = file ? strstr(file, infix) : NULL;
	if (name)
		printf("libxdp %s\n", name + strlen(infix));
	free(file);
	return 1;
}

void version_print(const char *program)
{
	const char *libbpf = libbpf_version_string();
	struct utsname kernel;

	printf("%s %s\n", program, XCARP_VERSION);
	printf("ABI %d\n", XCARP_ABI_VERSION);
	printf("libbpf %s\n", libbpf + (*libbpf == 'v'));
	dl_iterate_phdr(print_libxdp, NULL);
	if (!uname(&kernel))
		printf("%s %s\n", kernel.sysname, kernel.release);
}
