// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For LD_PRELOAD: the kernel takes longer, as it does where others keep its lock of network interfaces busy. SLOW_ATTACH_MS:
 * to attach an XDP program; SLOW_ADDRESS_MS: to change addresses.
 */
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static void wait_ms(long ms)
{
	struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&span, NULL);
}

static const char *slowness(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_SETLINK:
		return getenv("SLOW_ATTACH_MS");
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return getenv("SLOW_ADDRESS_MS");
	}
	return NULL;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int) = (__typeof__(next))dlsym(RTLD_NEXT, "send");
	const struct nlmsghdr *message = data;
	bool is_message = len >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) && message->nlmsg_len <= len;
	const char *ms = is_message ? slowness(message) : NULL;

	if (ms)
		wait_ms(atol(ms));
	return next(fd, data, len, flags);
}
