// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kernel.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEEDED_MAJOR 5
#define NEEDED_MINOR 18
#define RING_BYTES 65536 /* a power of two, and a page on every architecture */

/* Newer than the oldest headers that xcarp is built with. */
#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

#define INSN(code_, dst, src, off_, imm_) \
	{ .code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_) }
#define RETURN_PASS INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static const struct {
	const char *what;
	const char *since;
} features[KERNEL_FEATURE_COUNT] = {
	[KERNEL_RING_BUFFER] = { "BPF ring buffers", "5.8" },
	[KERNEL_COARSE_CLOCK] = { "the BPF function ktime_get_coarse_ns", "5.11" },
	[KERNEL_ATOMICS] = { "BPF's atomic compare-and-exchange", "5.12" },
	[KERNEL_FRAGS] = { "XDP programs for frames in several buffers (xdp.frags)", "5.18" },
};

static int try_ring_buffer(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = RING_BYTES };
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_program(const struct bpf_insn *insns, size_t count, uint32_t flags)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = (uint32_t)count,
		.license = (uintptr_t)"Dual BSD/GPL",
		.prog_flags = flags,
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void kernel_probe(int errors[KERNEL_FEATURE_COUNT])
{
	static const struct bpf_insn asks_clock[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_coarse_ns),
		RETURN_PASS,
	};
	static const struct bpf_insn exchanges[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_10, BPF_REG_1, -8, BPF_CMPXCHG),
		RETURN_PASS,
	};
	static const struct bpf_insn passes[] = { RETURN_PASS };

	errors[KERNEL_RING_BUFFER] = try_ring_buffer();
	errors[KERNEL_COARSE_CLOCK] = try_program(asks_clock, COUNT(asks_clock), 0);
	errors[KERNEL_ATOMICS] = try_program(exchanges, COUNT(exchanges), 0);
	errors[KERNEL_FRAGS] = try_program(passes, COUNT(passes), BPF_F_XDP_HAS_FRAGS);
}

/* What is no version is no old one. */
static bool is_older(const char *release)
{
	unsigned int major, minor = 0;

	return sscanf(release, "%u.%u", &major, &minor) >= 1 &&
	       (major < NEEDED_MAJOR || (major == NEEDED_MAJOR && minor < NEEDED_MINOR));
}

static bool any_is(const int errors[KERNEL_FEATURE_COUNT], int err)
{
	for (int feature = 0; feature < KERNEL_FEATURE_COUNT; feature++)
		if (errors[feature] == err)
			return true;
	return false;
}

/* A kernel that does not know a thing calls it invalid. */
static void say_lacking(const char *release, const int errors[KERNEL_FEATURE_COUNT], char line[KERNEL_LINE_LEN])
{
	const char *separator = "";
	int len = snprintf(line, KERNEL_LINE_LEN, "Linux %.64s: xcarp needs %d.%d%s: this kernel lacks ", release, NEEDED_MAJOR,
			   NEEDED_MINOR, is_older(release) ? "" : " with all of its BPF");

	for (int feature = 0; feature < KERNEL_FEATURE_COUNT; feature++) {
		if (errors[feature] != -EINVAL)
			continue;
		len += snprintf(line + len, (size_t)(KERNEL_LINE_LEN - len), "%s%s (since %s)", separator, features[feature].what,
				features[feature].since);
		separator = ", ";
	}
}

bool kernel_judge(const char *release, const int errors[KERNEL_FEATURE_COUNT], char line[KERNEL_LINE_LEN])
{
	int other = 0;

	if (any_is(errors, -ENOSYS)) {
		snprintf(line, KERNEL_LINE_LEN, "Linux %.64s: xcarp needs %d.%d, with BPF: this kernel has no bpf() system call "
			 "(CONFIG_BPF_SYSCALL)", release, NEEDED_MAJOR, NEEDED_MINOR);
		return false;
	}
	if (any_is(errors, -EINVAL)) {
		say_lacking(release, errors, line);
		return false;
	}
	for (int feature = 0; feature < KERNEL_FEATURE_COUNT && !other; feature++)
		other = errors[feature];
	if (other == -EPERM || other == -EACCES)
		snprintf(line, KERNEL_LINE_LEN, "Linux %.64s: loading BPF programs is refused (%s), with all capabilities for it: by "
			 "a system call filter (of a container or a unit), a security module or kernel lockdown", release,
			 strerror(-other));
	else if (other)
		snprintf(line, KERNEL_LINE_LEN, "Linux %.64s: cannot try out whether BPF programs load: %s", release, strerror(-other));
	return !other;
}
