// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Is a kernel that will not do told so by name and number? Old ones are made by a system call filter, as far as that goes. */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/kernel.h"

#include "../tap.h"

static const struct {
	const char *release;
	int errors[KERNEL_FEATURE_COUNT]; /* ring buffer, coarse clock, atomics, frags */
	const char *want; /* NULL: it will do */
} kernels[] = {
	{ "6.18.44", { 0 }, NULL },
	{ "5.14.0-427.13.1.el9_4.x86_64", { 0 }, NULL },
	{ "who knows", { 0 }, NULL },
	{ "5.10.0-28-amd64", { 0, -EINVAL, -EINVAL, -EINVAL },
	  "Linux 5.10.0-28-amd64: xcarp needs 5.18: this kernel lacks the BPF function ktime_get_coarse_ns (since 5.11), "
	  "BPF's atomic compare-and-exchange (since 5.12), XDP programs for frames in several buffers (xdp.frags) (since 5.18)" },
	{ "5.15.0-91-generic", { 0, 0, 0, -EINVAL },
	  "Linux 5.15.0-91-generic: xcarp needs 5.18: this kernel lacks XDP programs for frames in several buffers (xdp.frags) "
	  "(since 5.18)" },
	/* Memory for BPF is limited by RLIMIT_MEMLOCK before 5.11: that it is refused says nothing. */
	{ "5.4", { -EPERM, -EINVAL, -EPERM, -EINVAL },
	  "Linux 5.4: xcarp needs 5.18: this kernel lacks the BPF function ktime_get_coarse_ns (since 5.11), XDP programs for "
	  "frames in several buffers (xdp.frags) (since 5.18)" },
	{ "4", { -EINVAL, 0, 0, 0 }, "Linux 4: xcarp needs 5.18: this kernel lacks BPF ring buffers (since 5.8)" },
	{ "6.1.0-odd", { -EINVAL, 0, 0, 0 },
	  "Linux 6.1.0-odd: xcarp needs 5.18 with all of its BPF: this kernel lacks BPF ring buffers (since 5.8)" },
	{ "6.6.1", { -ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS },
	  "Linux 6.6.1: xcarp needs 5.18, with BPF: this kernel has no bpf() system call (CONFIG_BPF_SYSCALL)" },
	{ "6.6.1", { 0, -EPERM, -EPERM, -EPERM },
	  "Linux 6.6.1: loading BPF programs is refused (Operation not permitted), with all capabilities for it: by a system call "
	  "filter (of a container or a unit), a security module or kernel lockdown" },
	{ "6.6.1", { 0, 0, -ENOMEM, 0 }, "Linux 6.6.1: cannot try out whether BPF programs load: Cannot allocate memory" },
};

static void test_judge(void)
{
	char line[KERNEL_LINE_LEN];

	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		bool will_do = kernel_judge(kernels[i].release, kernels[i].errors, line);

		is_str(will_do ? NULL : line, kernels[i].want, "%s: %s", kernels[i].release, kernels[i].want ? "will not do" : "will do");
	}
}

/* All features get the error that bpf() has; 0: it is not filtered. Returns whether they did. */
static bool probe_with(int error)
{
	int errors[KERNEL_FEATURE_COUNT], status = 0;
	pid_t child = fork();

	if (!child) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

		if (error && (seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), SCMP_SYS(bpf), 0) || seccomp_load(filter)))
			_exit(2);
		kernel_probe(errors);
		for (int feature = 0; feature < KERNEL_FEATURE_COUNT; feature++)
			if (errors[feature] != -error)
				_exit(1);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && !status;
}

int main(void)
{
	plan(sizeof(kernels) / sizeof(*kernels) + 3);
	test_judge();
	ok(probe_with(0), "this kernel has everything");
	ok(probe_with(ENOSYS), "one without bpf() has nothing");
	ok(probe_with(EPERM), "and a filter refuses everything");
	return tap_done();
}
