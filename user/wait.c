// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Waiting for an interface that is known by its address alone, before anything else has begun: at boot, addresses may come
 * after us. One that has a name is waited for in interfaces.c, while the others run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controller.h"
#include "io/host.h"
#include "io/log.h"
#include "io/notify.h"

#define NS_PER_MS 1000000ull

struct waiting {
	struct pollfd addresses;
	struct pollfd signals;
};

static int begin(struct waiting *waiting)
{
	sigset_t set;
	int fd = host_watch();

	if (fd < 0)
		return fd;
	waiting->addresses = (struct pollfd){ .fd = fd, .events = POLLIN };
	controller_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		close(waiting->addresses.fd);
		return -errno;
	}
	waiting->signals = (struct pollfd){ .fd = fd, .events = POLLIN };
	return 0;
}

static void tell(const struct controller *c, uint64_t now_ns)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &c->change.plan.waits_for, address, sizeof(address));
	notify_status(now_ns, "waits for an interface with %s", address);
	notify_timers(now_ns);
}

/* Those that ask a virtual router for something have come too early. */
static bool is_told_to_end(int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
		case SIGUSR1:
		case SIGUSR2:
			continue;
		}
		log_info("Caught signal %u (%s): leaving", info.ssi_signo, strsignal((int)info.ssi_signo));
		return true;
	}
	return false;
}

static int timeout_ms(uint64_t now_ns)
{
	uint64_t deadline_ns = notify_deadline();

	if (deadline_ns == UINT64_MAX)
		return -1;
	return deadline_ns <= now_ns ? 0 : (int)((deadline_ns - now_ns) / NS_PER_MS) + 1;
}

/* 0: addresses have changed. */
static int await(const struct controller *c, const struct waiting *waiting)
{
	struct pollfd fds[] = { waiting->addresses, waiting->signals };

	for (;;) {
		tell(c, loop_now_ns());
		if (poll(fds, 2, timeout_ms(loop_now_ns())) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents && is_told_to_end(fds[1].fd))
			return -ECANCELED;
		if (!fds[0].revents)
			continue;
		host_watched(fds[0].fd);
		return 0;
	}
}

int wait_for_plan(struct controller *c)
{
	struct waiting waiting;
	int err = begin(&waiting);

	if (err)
		return controller_fail("rtnetlink", err);
	notify_ready(loop_now_ns());
	log_settled();
	/* An address may have come before anybody looked. */
	while ((err = vrouters_plan(c)) == -EAGAIN && !(err = await(c, &waiting)))
		;
	if (!err)
		notify_starting(loop_now_ns());
	close(waiting.addresses.fd);
	close(waiting.signals.fd);
	return err;
}
