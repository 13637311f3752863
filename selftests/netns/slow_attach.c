// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For LD_PRELOAD: attaching an XDP program takes SLOW_ATTACH_MS longer, as it does where others keep the kernel's lock of
 * network interfaces busy.
 */
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static void wait_ms(long ms)
{
	struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&span, NULL);
}

/* By which libbpf asks for it. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int) = (__typeof__(next))dlsym(RTLD_NEXT, "send");
	const struct nlmsghdr *message = data;
	const char *ms = getenv("SLOW_ATTACH_MS");

	if (ms && len >= sizeof(*message) && message->nlmsg_len == len && message->nlmsg_type == RTM_SETLINK)
		wait_ms(atol(ms));
	return next(fd, data, len, flags);
}
