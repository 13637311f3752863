// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/filter.h"
#include "io/log.h"

#define BIT(capability) (1ull << (capability))
#define CAPABILITIES_MAX 63

/* Newer than the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif
#define TRUNCATE_SINCE_ABI 3

/* A sanitizer has a process of its own look for leaks at the end, and calls what no table lists. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Capabilities. */

static uint64_t permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return UINT64_MAX;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static int set_capabilities(uint64_t set, uint64_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)effective, .permitted = (uint32_t)set },
		{ .effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(set >> 32) },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

const char *privileges_lacking(void)
{
	uint64_t has = permitted();

	if (!(has & BIT(CAP_NET_ADMIN)))
		return "CAP_NET_ADMIN";
	if (!(has & BIT(CAP_NET_RAW)))
		return "CAP_NET_RAW";
	/* CAP_BPF and CAP_PERFMON load the program, but only this one finds out what else is on the interface. */
	if (!(has & BIT(CAP_SYS_ADMIN)))
		return "CAP_SYS_ADMIN";
	return NULL;
}

/* Locked memory without limit takes the place of a capability that allows it. Where that is refused, the latter stays. */
static bool may_lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	return !setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

/*
 * Kernels before 5.19 with kernel.unprivileged_bpf_disabled refuse all of bpf() without CAP_BPF; later ones only the
 * loading. Asked of a file that there is not.
 */
static bool is_bpf_refused(void)
{
	union bpf_attr attr = { .info.bpf_fd = (uint32_t)-1 };
	uint64_t has = permitted();
	bool is_refused;

	if (set_capabilities(has, has & ~(BIT(CAP_BPF) | BIT(CAP_SYS_ADMIN))))
		return true;
	is_refused = syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) && errno == EPERM;
	return set_capabilities(has, has) || is_refused;
}

static uint64_t needed_capabilities(const struct privileges *needed)
{
	/* Addresses and attaching; sockets. */
	uint64_t set = BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW);

	if (needed->attaches_by_id)
		set |= BIT(CAP_SYS_ADMIN) | BIT(CAP_BPF) | BIT(CAP_PERFMON);
	else if (is_bpf_refused())
		set |= BIT(CAP_BPF);
	if (needed->reads_files)
		set |= BIT(CAP_DAC_READ_SEARCH);
	/* The pins are root's. */
	if (geteuid())
		set |= BIT(CAP_DAC_OVERRIDE);
	if (!may_lock_memory())
		set |= BIT(CAP_IPC_LOCK);
	if (IS_SANITIZED)
		set |= BIT(CAP_SYS_PTRACE);
	return set & permitted();
}

/* What would matter to a program that is executed; none is, but nor can it be brought back for one. */
static void forbid_regaining(uint64_t keep)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS | SECBIT_NO_CAP_AMBIENT_RAISE);
	for (unsigned int capability = 0; capability <= CAPABILITIES_MAX; capability++)
		if (!(keep & BIT(capability)))
			prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static int keep_capabilities(uint64_t keep)
{
	forbid_regaining(keep);
	return set_capabilities(keep, keep);
}

/* Files. */

static uint64_t changes(int abi)
{
	uint64_t set = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
		       LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

	return abi >= TRUNCATE_SINCE_ABI ? set | LANDLOCK_ACCESS_FS_TRUNCATE : set;
}

static int allow_beneath(int rules, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = access, .parent_fd = fd };

	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ? -errno : 0;
}

/* keep_open: a sysctl's directory is made anew whenever the kernel forgets it, and then is another. */
static int allow_path(int rules, const char *path, uint64_t access, bool keep_open)
{
	int fd = open(path, O_PATH | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = allow_beneath(rules, fd, access);
	if (err || !keep_open)
		close(fd);
	return err;
}

static int allow_pidfile(int rules, const char *pidfile)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", pidfile);
	return allow_path(rules, dirname(path), LANDLOCK_ACCESS_FS_REMOVE_FILE, false);
}

static int allow_needed(int rules, const struct privileges *needed)
{
	int err = allow_beneath(rules, needed->pins_fd, LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
							LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE);

	/* promote_secondaries, while addresses are removed; and what takes the place of a terminal. */
	err = err ?: allow_path(rules, "/proc/sys/net", LANDLOCK_ACCESS_FS_WRITE_FILE, true) ?:
		     allow_path(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE, false);
	if (!err && needed->pidfile)
		err = allow_pidfile(rules, needed->pidfile);
	return err;
}

/* Reading stays as it is. needed: NULL: nothing. Returns 0 or -errno: -ENOSYS or -EOPNOTSUPP where the kernel cannot. */
static int restrict_files(const struct privileges *needed)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), rules, err;
	struct landlock_ruleset_attr attr = { .handled_access_fs = changes(abi) };

	if (abi < 0)
		return -errno;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	err = needed ? allow_needed(rules, needed) : 0;
	if (!err && syscall(SYS_landlock_restrict_self, rules, 0))
		err = -errno;
	close(rules);
	return err;
}

static int drop_files(const struct privileges *needed)
{
	int err = restrict_files(needed);

	if (err != -ENOSYS && err != -EOPNOTSUPP)
		return err;
	log_warn("this kernel has no Landlock: that the process changes no files is left to its other restrictions");
	return 0;
}

static int drop_calls(bool may_load)
{
	int err = IS_SANITIZED ? 0 : filter_install(may_load);

	if (err != -EINVAL && err != -ENOSYS)
		return err;
	log_warn("this kernel has no seccomp filters: system calls are not restricted");
	return 0;
}

int privileges_drop(const struct privileges *needed)
{
	uint64_t keep = needed_capabilities(needed);
	int err = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	err = err ?: keep_capabilities(keep) ?: drop_files(needed) ?: drop_calls(needed->attaches_by_id);
	if (err)
		log_error("cannot give up privileges: %s", strerror(-err));
	return err;
}

void privileges_drop_all(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	keep_capabilities(0);
	restrict_files(NULL);
}
