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
#include "io/process.h"
#include "io/secret.h"

#define NS_PER_MS 1000000ull

struct waiting {
	struct pollfd addresses;
	struct pollfd signals;
};

static int begin(const struct controller *c, struct waiting *waiting)
{
	sigset_t set;
	int fd = host_watch();

	if (fd < 0)
		return fd;
	waiting->addresses = (struct pollfd){ .fd = fd, .events = POLLIN };
	controller_signals(c, &set);
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

static void log_state(const struct controller *c)
{
	char address[INET_ADDRSTRLEN];

	log_warn("Waiting for an interface with %s", inet_ntop(AF_INET, &c->change.plan.waits_for, address, sizeof(address)));
}

/* There is no virtual router to step down yet. Returns -ECANCELED: it is told to end; 1: the file is to be read again; 0. */
static int take_signals(const struct controller *c, int fd)
{
	struct signalfd_siginfo info;
	int what = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1) {
			log_state(c);
		} else if (info.ssi_signo == SIGHUP && c->options.config) {
			what = 1;
		} else if (info.ssi_signo != SIGUSR2) {
			log_info("Caught signal %u (%s): leaving", info.ssi_signo, strsignal((int)info.ssi_signo));
			return -ECANCELED;
		}
	}
	return what;
}

static int timeout_ms(uint64_t now_ns)
{
	uint64_t deadline_ns = notify_deadline();

	if (deadline_ns == UINT64_MAX)
		return -1;
	return deadline_ns <= now_ns ? 0 : (int)((deadline_ns - now_ns) / NS_PER_MS) + 1;
}

/* 0: addresses have changed, or the file. */
static int await(const struct controller *c, const struct waiting *waiting)
{
	struct pollfd fds[] = { waiting->addresses, waiting->signals };
	int what;

	for (;;) {
		tell(c, loop_now_ns());
		if (poll(fds, 2, timeout_ms(loop_now_ns())) < 0 && errno != EINTR)
			return -errno;
		what = fds[1].revents ? take_signals(c, fds[1].fd) : 0;
		if (what < 0)
			return what;
		if (fds[0].revents)
			host_watched(fds[0].fd);
		if (fds[0].revents || what)
			return 0;
	}
}

/* Whoever has started us waits for no address. */
static int leave_starter(struct controller *c, void *kept)
{
	int err = controller_to_background(c);

	if (err)
		return err;
	/* A child's memory is not locked, whatever its parent's was. */
	if (kept)
		secret_lock(kept, strlen(kept) + 1);
	err = controller_write_pidfile(c);
	if (err || !c->options.daemonize)
		return err;
	log_leave_stderr();
	process_ready(!c->options.config);
	return 0;
}

int wait_for_plan(struct controller *c, void *kept)
{
	struct waiting waiting;
	int err = leave_starter(c, kept);

	if (err)
		return err;
	err = begin(c, &waiting);
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
