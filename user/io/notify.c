// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_US 1000ull
#define STATUS_NS 1000000000ull
#define RETRY_NS 100000000ull
#define START_US 90000000ull /* what systemd gives any other start */
#define NEVER UINT64_MAX

static struct {
	int fd; /* -1: nobody wants to know */
	uint64_t alive_every_ns; /* 0: no watchdog */
	uint64_t alive_ns; /* the next time */
	uint64_t status_ns; /* when a status may be told again */
	uint64_t retry_ns;
	bool is_starting; /* after READY=1 */
	bool is_reloading;
	char state[96]; /* to be told; empty: nothing */
	char status[256];
} self = { .fd = -1 };

/* False where the name is none. */
static bool name_socket(const char *path, struct sockaddr_un *name, socklen_t *len)
{
	size_t length = strlen(path);

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((*path != '/' && *path != '@') || length < 2 || length >= sizeof(name->sun_path))
		return false;
	memcpy(name->sun_path, path, length);
	/* An abstract one has no end but its length. */
	if (*path == '@')
		name->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un name;
	socklen_t len;
	int fd;

	if (!name_socket(path, &name, &len))
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !connect(fd, (const struct sockaddr *)&name, len))
		return fd;
	close(fd);
	return -1;
}

/* Half of what the manager waits, where it is us that it waits for. */
static uint64_t watchdog_ns(const char *usec, const char *pid)
{
	if (!usec || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * NS_PER_US / 2;
}

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path)
		self.fd = connect_to(path);
	self.alive_every_ns = watchdog_ns(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
	if (self.fd >= 0)
		close(self.fd);
	self.fd = -1;
}

/* False where it may be tried again. */
static bool tell(const char *text)
{
	return !*text || send(self.fd, text, strlen(text), MSG_NOSIGNAL) >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void tell_what_waits(uint64_t now_ns)
{
	if (now_ns < self.retry_ns)
		return;
	if (tell(self.state)) {
		self.state[0] = '\0';
		if (now_ns >= self.status_ns && *self.status && tell(self.status)) {
			self.status[0] = '\0';
			self.status_ns = now_ns + STATUS_NS;
		}
	}
	self.retry_ns = *self.state || (*self.status && now_ns >= self.status_ns) ? now_ns + RETRY_NS : 0;
}

static void tell_state(uint64_t now_ns, const char *state)
{
	if (self.fd < 0)
		return;
	snprintf(self.state, sizeof(self.state), "%s", state);
	tell_what_waits(now_ns);
}

/* We tell twice in that time that we live. */
static uint64_t watchdog_us(void)
{
	return 2 * self.alive_every_ns / NS_PER_US;
}

static void tell_ready(uint64_t now_ns, uint64_t usec)
{
	char state[sizeof(self.state)];

	snprintf(state, sizeof(state), "READY=1\nWATCHDOG_USEC=%llu", (unsigned long long)usec);
	tell_state(now_ns, state);
}

void notify_ready(uint64_t now_ns)
{
	if (self.is_starting)
		tell_ready(now_ns, watchdog_us());
	else
		tell_state(now_ns, "READY=1");
	self.is_starting = false;
}

void notify_starting(uint64_t now_ns)
{
	if (!self.alive_every_ns)
		return;
	self.is_starting = true;
	tell_ready(now_ns, watchdog_us() > START_US ? watchdog_us() : START_US);
}

/* The manager compares the time with when it asked. */
void notify_reloading(uint64_t now_ns)
{
	char state[sizeof(self.state)];

	self.is_reloading = true;
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(now_ns / NS_PER_US));
	tell_state(now_ns, state);
}

void notify_reloaded(uint64_t now_ns)
{
	if (self.is_reloading)
		notify_ready(now_ns);
	self.is_reloading = false;
}

void notify_stopping(uint64_t now_ns)
{
	tell_state(now_ns, "STOPPING=1");
}

uint64_t notify_status_due(void)
{
	return self.fd < 0 ? NEVER : self.status_ns;
}

void notify_status(uint64_t now_ns, const char *format, ...)
{
	int len = snprintf(self.status, sizeof(self.status), "STATUS=");
	va_list args;

	va_start(args, format);
	vsnprintf(self.status + len, sizeof(self.status) - (size_t)len, format, args);
	va_end(args);
	if (self.fd >= 0)
		tell_what_waits(now_ns);
}

void notify_timers(uint64_t now_ns)
{
	if (self.fd < 0)
		return;
	if (self.alive_every_ns && now_ns >= self.alive_ns) {
		tell("WATCHDOG=1");
		self.alive_ns = now_ns + self.alive_every_ns;
	}
	tell_what_waits(now_ns);
}

uint64_t notify_deadline(void)
{
	uint64_t deadline_ns = NEVER, waits_until_ns = *self.state ? 0 : self.status_ns;

	if (self.fd < 0)
		return NEVER;
	if (self.alive_every_ns)
		deadline_ns = self.alive_ns;
	if (!*self.state && !*self.status)
		return deadline_ns;
	if (waits_until_ns < self.retry_ns)
		waits_until_ns = self.retry_ns;
	return waits_until_ns < deadline_ns ? waits_until_ns : deadline_ns;
}
