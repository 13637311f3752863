// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/owners.h"
#include "io/netns.h"

int netns_enter(const char *where, char error[CTL_ERROR_LEN])
{
	char path[PATH_MAX];
	int fd, err = 0;

	if (strchr(where, '/'))
		snprintf(path, sizeof(path), "%s", where);
	else if (where[0] && !where[strspn(where, "0123456789")])
		snprintf(path, sizeof(path), "/proc/%s/ns/net", where);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", where);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		err = -errno;
		snprintf(error, CTL_ERROR_LEN, "-n %.200s: %s", where,
			 err == -EINVAL ? "is no network namespace" : strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* `ip netns exec` hides the host's bpffs behind a fresh /sys; for process 1 it is still there. */
int netns_pins(char path[PINS_PATH_LEN], char error[CTL_ERROR_LEN])
{
	static int is_hidden = -1;
	static unsigned int pid;
	static const char *const roots[] = { "/sys/fs/bpf", "/proc/1/root/sys/fs/bpf" };
	char name[NETNS_NAME_LEN];
	struct stat status;
	struct netns netns;
	int err = netns_own(&netns), denied = 0;

	if (err) {
		snprintf(error, CTL_ERROR_LEN, "cannot tell which network namespace this is: %s%s", strerror(-err),
			 err == -ENOENT ? "; is /proc mounted?" : "");
		return err;
	}
	netns_name(name, &netns);
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		snprintf(path, PINS_PATH_LEN, "%s/xcarp/%s", roots[i], name);
		if (!stat(path, &status))
			return 0;
		/* Process 1 may keep its root to itself, even from root. */
		if (!i && (errno == EACCES || errno == EPERM))
			denied = errno;
	}
	snprintf(path, PINS_PATH_LEN, "%s/xcarp/%s", roots[0], name);
	if (denied) {
		snprintf(error, CTL_ERROR_LEN, "%s: %s; the maps are for root (try sudo)", path, strerror(denied));
		return -denied;
	}
	/* Once: who waits for one asks again and again. */
	if (is_hidden < 0)
		is_hidden = owners_any(&pid);
	if (is_hidden && pid)
		snprintf(error, CTL_ERROR_LEN, "xcarp runs in this network namespace, but its maps are not in %s: `ip netns exec` hides "
			 "them; outside of it, `xcarpctl -n %u` finds them", path, pid);
	else if (is_hidden)
		snprintf(error, CTL_ERROR_LEN, "xcarp runs in this network namespace, but its maps are not in %s: `ip netns exec` hides "
			 "them, `nsenter --net=...` does not", path);
	else
		snprintf(error, CTL_ERROR_LEN, "no xcarp runs in this network namespace (no %s), or it still waits for its -s address", path);
	return -ENOENT;
}
