// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define SOCKET_TYPE_MASK 0xf /* below SOCK_CLOEXEC and SOCK_NONBLOCK */
#define MAKES_FILES (O_WRONLY | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* Whatever their arguments. */
static const int calls[] = {
	/* files: they can be read, pins removed, a sysctl set, and a terminal left */
	SCMP_SYS(access), SCMP_SYS(chdir), SCMP_SYS(close), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(getcwd),
	SCMP_SYS(getdents64), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(newfstatat), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(read), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(rmdir), SCMP_SYS(stat), SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
	/* network and BPF */
	SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername), SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt), SCMP_SYS(ioctl), SCMP_SYS(listen), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
	/* waiting */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(futex), SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(restart_syscall), SCMP_SYS(timerfd_settime),
	/* memory and threads; clone3() the other filter refuses */
	SCMP_SYS(brk), SCMP_SYS(clone3), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mremap),
	SCMP_SYS(munlock), SCMP_SYS(munmap), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(get_robust_list),
	SCMP_SYS(gettid), SCMP_SYS(membarrier), SCMP_SYS(rseq), SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(sched_get_priority_min), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
	/* signals and what a process may know of itself */
	SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
	SCMP_SYS(getuid), SCMP_SYS(kill), SCMP_SYS(prlimit64), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo), SCMP_SYS(tgkill),
	SCMP_SYS(uname), SCMP_SYS(wait4), SCMP_SYS(waitid),
};

/* To load a program; libbpf 1.4 and newer keep a place for each map's file with an empty one in memory. */
static const int loading_calls[] = { SCMP_SYS(bpf), SCMP_SYS(memfd_create) };

/* With these arguments only. */
static const struct {
	int call;
	struct scmp_arg_cmp condition;
} conditional[] = {
	/* a thread, but no process */
	{ SCMP_SYS(clone), SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD) },
	/* no new code */
	{ SCMP_SYS(mmap), SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
	{ SCMP_SYS(mprotect), SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
	/* no new files */
	{ SCMP_SYS(open), SCMP_CMP(1, SCMP_CMP_MASKED_EQ, MAKES_FILES, 0) },
	{ SCMP_SYS(openat), SCMP_CMP(2, SCMP_CMP_MASKED_EQ, MAKES_FILES, 0) },
	{ SCMP_SYS(prctl), SCMP_CMP(0, SCMP_CMP_EQ, PR_SET_NAME) },
	{ SCMP_SYS(prctl), SCMP_CMP(0, SCMP_CMP_EQ, PR_SET_VMA) },
	{ SCMP_SYS(prctl), SCMP_CMP(0, SCMP_CMP_EQ, PR_CAPBSET_READ) },
	/* maps; BPF_PROG_RUN sends; what is on an interface, the kernel tells only to whom it may */
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_MAP_LOOKUP_ELEM) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_MAP_UPDATE_ELEM) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_MAP_DELETE_ELEM) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_MAP_GET_NEXT_KEY) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_MAP_LOOKUP_BATCH) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_OBJ_GET_INFO_BY_FD) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_PROG_TEST_RUN) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_PROG_GET_FD_BY_ID) },
	/* tcx */
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_PROG_ATTACH) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_PROG_DETACH) },
	{ SCMP_SYS(bpf), SCMP_CMP(0, SCMP_CMP_EQ, BPF_PROG_QUERY) },
};

/* Sockets. Of stream sockets none: root's word at one is enough for D-Bus and others to run a program. */
static const struct {
	int family;
	int type;
	int protocol; /* -1: any */
} sockets[] = {
	{ AF_UNIX, SOCK_DGRAM, -1 }, /* syslog, the journal */
	{ AF_UNIX, SOCK_SEQPACKET, -1 }, /* does another owner live? */
	{ AF_INET, SOCK_DGRAM, -1 }, /* group memberships */
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
	{ AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE },
	{ AF_NETLINK, SOCK_RAW, NETLINK_GENERIC },
	{ AF_PACKET, SOCK_RAW, -1 },
	{ AF_XDP, SOCK_RAW, -1 },
};

static int allow_calls(scmp_filter_ctx filter, bool may_load)
{
	int err = 0;

	for (size_t i = 0; !err && i < COUNT(calls); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; !err && i < COUNT(conditional); i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, conditional[i].call, 1, &conditional[i].condition);
	for (size_t i = 0; !err && may_load && i < COUNT(loading_calls); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, loading_calls[i], 0);
	return err;
}

static int allow_sockets(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; !err && i < COUNT(sockets); i++) {
		const struct scmp_arg_cmp conditions[] = {
			SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)sockets[i].family),
			SCMP_CMP(1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, (scmp_datum_t)sockets[i].type),
			SCMP_CMP(2, SCMP_CMP_EQ, (scmp_datum_t)sockets[i].protocol),
		};

		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), sockets[i].protocol < 0 ? 2 : 3,
					     conditions);
	}
	return err;
}

/*
 * Its flags are in memory, where no filter can look. glibc tries it first, and uses clone() where it is not there: that is
 * nothing to log, and so takes a filter of its own.
 */
static int hide_clone3(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err;

	if (!filter)
		return -ENOMEM;
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) ?:
	      seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) ?:
	      seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

/* A call that was forgotten here must not end a router, but it must fail a test. */
static uint32_t refusal(void)
{
	const char *wanted = getenv("XCARP_FILTER");

	return wanted && !strcmp(wanted, "kill") ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
}

static int install_main(bool may_load)
{
	scmp_filter_ctx filter = seccomp_init(refusal());
	int err;

	if (!filter)
		return -ENOMEM;
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) ?:
	      seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1) ?:
	      allow_calls(filter, may_load) ?:
	      allow_sockets(filter) ?:
	      seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int filter_install(bool may_load)
{
	return hide_clone3() ?: install_main(may_load);
}
