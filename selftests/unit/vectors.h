/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the files in selftests/vectors: digests for address lists, and frames of ucarp 1.5.2. A line that cannot be
 * read ends the program, so that a damaged file is no silent pass.
 */
#ifndef SELFTESTS_UNIT_VECTORS_H
#define SELFTESTS_UNIT_VECTORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xcarp/carp.h>

#include "core/vip.h"

#ifndef VECTORS_DIR
#define VECTORS_DIR "selftests/vectors"
#endif

#define VECTORS_MAX 64
#define VECTOR_FRAME_LEN 70
#define VECTOR_LINE_MAX 4096

struct digest_vector {
	char password[32];
	uint8_t vhid;
	struct vip vips[CARP_VIPS_MAX];
	size_t vip_count;
	uint64_t counter;
	uint8_t md[CARP_MD_LEN];
};

struct frame_vector {
	char password[32];
	uint8_t vhid, advbase, advskew;
	struct vip vip;
	char flag[8]; /* "" or -M */
	uint8_t frame[VECTOR_FRAME_LEN];
};

static inline void vectors_die(const char *file, const char *line)
{
	printf("Bail out! %s: cannot read: %s\n", file, line);
	exit(EXIT_FAILURE);
}

static inline int vectors_hex(uint8_t *bytes, size_t len, const char *text)
{
	if (strlen(text) != 2 * len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -1;
		bytes[i] = (uint8_t)byte;
	}
	return 0;
}

static inline int vectors_read_digest(struct digest_vector *vector, const char *line)
{
	char addresses[2048], md[64], *rest = addresses, *address;
	unsigned int vhid;
	unsigned long long counter;

	memset(vector, 0, sizeof(*vector));
	if (sscanf(line, "%31s %u %2047s %llx | %63s", vector->password, &vhid, addresses, &counter, md) != 5)
		return -1;
	vector->vhid = (uint8_t)vhid;
	vector->counter = counter;
	while ((address = strsep(&rest, ",")))
		if (vector->vip_count == CARP_VIPS_MAX || vip_parse(&vector->vips[vector->vip_count++], address))
			return -1;
	return vectors_hex(vector->md, sizeof(vector->md), md);
}

static inline int vectors_read_frame(struct frame_vector *vector, const char *line)
{
	char address[64], hex[256];
	unsigned int vhid, advbase, advskew;

	memset(vector, 0, sizeof(*vector));
	if (sscanf(line, "%31s %u %63s %u %u | %255s", vector->password, &vhid, address, &advbase, &advskew, hex) !=
		    6 &&
	    sscanf(line, "%31s %u %63s %u %u %7s | %255s", vector->password, &vhid, address, &advbase, &advskew,
		   vector->flag, hex) != 7)
		return -1;
	vector->vhid = (uint8_t)vhid;
	vector->advbase = (uint8_t)advbase;
	vector->advskew = (uint8_t)advskew;
	if (vip_parse(&vector->vip, address))
		return -1;
	return vectors_hex(vector->frame, sizeof(vector->frame), hex);
}

static inline FILE *vectors_open(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		vectors_die(path, "no such file");
	return file;
}

/* The next line that is not a comment, or NULL. */
static inline char *vectors_line(FILE *file, char line[VECTOR_LINE_MAX])
{
	while (fgets(line, VECTOR_LINE_MAX, file))
		if (*line != '#' && *line != '\n')
			return line;
	return NULL;
}

static inline size_t vectors_digests(struct digest_vector vectors[VECTORS_MAX])
{
	static const char path[] = VECTORS_DIR "/computed.txt";
	FILE *file = vectors_open(path);
	char line[VECTOR_LINE_MAX];
	size_t n = 0;

	while (vectors_line(file, line))
		if (n == VECTORS_MAX || vectors_read_digest(&vectors[n++], line))
			vectors_die(path, line);
	fclose(file);
	return n;
}

static inline size_t vectors_frames(struct frame_vector vectors[VECTORS_MAX])
{
	static const char path[] = VECTORS_DIR "/ucarp-1.5.2.txt";
	FILE *file = vectors_open(path);
	char line[VECTOR_LINE_MAX];
	size_t n = 0;

	while (vectors_line(file, line))
		if (n == VECTORS_MAX || vectors_read_frame(&vectors[n++], line))
			vectors_die(path, line);
	fclose(file);
	return n;
}

#endif
