// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <xcarp/abi.h>

#include "engine/engine.h"
#include "journald.h"
#include "syslogd.h"
#include "thread.h"

#define LINE_LEN 512
#define LINES 1024 /* a power of two */
#define WRITER_STACK (64 * 1024)
#define CLOSE_WAIT_S 1
#define CUT "..." /* the end of a line that is too long */

struct line {
	struct timespec when;
	int priority;
	bool is_entry; /* for the journal's socket, rather than stderr */
	char interface[XCARP_IFNAME_LEN]; /* empty: no virtual router in particular */
	uint32_t group;
	uint8_t vhid;
	const char *state;
	char text[LINE_LEN];
};

static struct {
	struct log_config config;
	atomic_bool use_stderr;
	atomic_int stderr_limit; /* the least urgent priority that it gets */
	bool is_journal; /* what stderr is */
	int journal_fd; /* -1: stderr alone */
	int syslog_fd; /* -1: not open */
	int helper; /* opens another one for us; -1: we may */
	bool is_settled;
	bool has_writer;
	void (*writer_begins)(void);
	pthread_barrier_t writer_has_begun;
	pthread_t writer;
	int wake_fd;
	atomic_bool closing;
	atomic_uint lost;
	/* One producer, one consumer: the producer alone moves head, the writer alone moves tail. */
	atomic_uint head;
	atomic_uint tail;
	struct line lines[LINES];
} logger = { .stderr_limit = LOG_DEBUG, .wake_fd = -1, .journal_fd = -1, .syslog_fd = -1, .helper = -1 };

static const char *urgency(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "[ERROR] ";
	case LOG_WARNING:
		return "[WARNING] ";
	case LOG_NOTICE:
		return "[NOTICE] ";
	case LOG_INFO:
		return "[INFO] ";
	case LOG_DEBUG:
		return "[DEBUG] ";
	}
	return "";
}

static void write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void write_stderr(const struct line *line)
{
	char text[LINE_LEN + 64];
	char when[32];
	struct tm tm;
	int len;

	localtime_r(&line->when.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	len = snprintf(text, sizeof(text), "%s.%06ld: %s%s\n", when, line->when.tv_nsec / 1000, urgency(line->priority),
		       line->text);
	write_whole(STDERR_FILENO, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static bool write_entry(const struct line *line)
{
	return journald_send(logger.journal_fd, logger.config.journal,
			     &(struct journald_entry){
				     .identifier = logger.config.name,
				     .facility = logger.config.use_syslog ? logger.config.facility : -1,
				     .priority = line->priority,
				     .text = line->text,
				     .interface = *line->interface ? line->interface : NULL,
				     .group = line->group,
				     .vhid = line->vhid,
				     .state = line->state,
			     });
}

/* With the priority as the journal takes it off a line again; it has a time of its own. */
static void write_stream(const struct line *line)
{
	char text[LINE_LEN + 8];
	int len = snprintf(text, sizeof(text), "<%d>%s\n", line->priority, line->text);

	write_whole(STDERR_FILENO, text, (size_t)len);
}

static void write_journal(const struct line *line)
{
	if (logger.journal_fd < 0 || !line->is_entry || !write_entry(line))
		write_stream(line);
}

static bool open_syslog(void)
{
	int fd = logger.helper < 0 ? syslogd_open(logger.config.syslog) : syslogd_ask(logger.helper);

	if (fd < 0)
		return false;
	if (logger.syslog_fd >= 0)
		close(logger.syslog_fd);
	logger.syslog_fd = fd;
	return true;
}

/* While no daemon is there to take a line, it is lost. */
static void write_syslog(const struct line *line)
{
	const struct syslogd_line entry = {
		.name = logger.config.name,
		.facility = logger.config.facility,
		.priority = line->priority,
		.when = &line->when,
		.urgency = urgency(line->priority),
		.text = line->text,
	};
	bool needs_other = true;

	if (logger.syslog_fd >= 0 && (syslogd_send(logger.syslog_fd, &entry) ||
				      (syslogd_reach(logger.syslog_fd, logger.config.syslog, &needs_other) &&
				       syslogd_send(logger.syslog_fd, &entry))))
		return;
	if (needs_other && open_syslog())
		syslogd_send(logger.syslog_fd, &entry);
}

static void write_line(const struct line *line)
{
	bool use_stderr = atomic_load(&logger.use_stderr);

	if (use_stderr && logger.is_journal) {
		write_journal(line);
		return;
	}
	if (logger.config.use_syslog)
		write_syslog(line);
	if (use_stderr && line->priority <= atomic_load(&logger.stderr_limit))
		write_stderr(line);
}

static void write_lost(void)
{
	unsigned int lost = atomic_exchange(&logger.lost, 0);
	struct line line = { .priority = LOG_WARNING, .is_entry = true };

	if (!lost)
		return;
	clock_gettime(CLOCK_REALTIME, &line.when);
	snprintf(line.text, sizeof(line.text), "%u log lines were lost: the log could not keep up", lost);
	write_line(&line);
}

static void write_waiting(void)
{
	unsigned int tail = atomic_load_explicit(&logger.tail, memory_order_relaxed);

	while (tail != atomic_load_explicit(&logger.head, memory_order_acquire)) {
		write_line(&logger.lines[tail % LINES]);
		atomic_store_explicit(&logger.tail, ++tail, memory_order_release);
	}
	write_lost();
}

static void *writer_main(void *unused)
{
	uint64_t count;

	(void)unused;
	pthread_setname_np(pthread_self(), "xcarp-log");
	logger.writer_begins();
	pthread_barrier_wait(&logger.writer_has_begun);
	while (!atomic_load(&logger.closing)) {
		if (read(logger.wake_fd, &count, sizeof(count)) < 0 && errno != EINTR)
			break;
		write_waiting();
	}
	write_waiting();
	return NULL;
}

void log_open(const struct log_config *config)
{
	logger.config = *config;
	atomic_store(&logger.use_stderr, config->use_stderr);
	logger.is_journal = log_is_journal();
}

bool log_is_journal(void)
{
	return journald_is_stream(STDERR_FILENO);
}

int log_start_writer(void (*begins)(void))
{
	int err;

	logger.writer_begins = begins;
	logger.wake_fd = eventfd(0, EFD_CLOEXEC);
	if (logger.wake_fd < 0)
		return -errno;
	if (logger.is_journal)
		logger.journal_fd = journald_open(logger.config.journal);
	pthread_barrier_init(&logger.writer_has_begun, NULL, 2);
	err = thread_start(&logger.writer, WRITER_STACK, false, writer_main, NULL);
	logger.has_writer = !err;
	if (!err)
		pthread_barrier_wait(&logger.writer_has_begun);
	pthread_barrier_destroy(&logger.writer_has_begun);
	return err;
}

void log_settled(void)
{
	logger.is_settled = true;
}

void log_limit_stderr(int priority)
{
	atomic_store(&logger.stderr_limit, priority);
}

void log_leave_stderr(void)
{
	atomic_store(&logger.use_stderr, false);
}

void log_let_go(void)
{
	if (logger.syslog_fd >= 0)
		close(logger.syslog_fd);
	logger.syslog_fd = logger.helper = -1;
}

void log_open_by(int helper)
{
	logger.helper = helper;
}

static void wake_writer(void)
{
	uint64_t one = 1;

	while (write(logger.wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void log_close(void)
{
	struct timespec until;

	if (!logger.has_writer)
		return;
	atomic_store(&logger.closing, true);
	wake_writer();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_WAIT_S;
	/* A writer that hangs is left to the exit. */
	if (!pthread_timedjoin_np(logger.writer, NULL, &until)) {
		close(logger.wake_fd);
		if (logger.journal_fd >= 0)
			close(logger.journal_fd);
		logger.journal_fd = -1;
	}
	logger.has_writer = false;
}

/* A line stays one, whatever file names and such it quotes. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			*text = '?';
}

static void take_subject(struct line *line, const struct log_subject *subject)
{
	line->interface[0] = '\0';
	if (!subject)
		return;
	snprintf(line->interface, sizeof(line->interface), "%s", subject->interface);
	line->group = subject->group;
	line->vhid = subject->vhid;
	line->state = subject->state;
}

void log_write(int priority, const struct log_subject *subject, const char *text)
{
	unsigned int head = atomic_load_explicit(&logger.head, memory_order_relaxed);
	struct line *line = &logger.lines[head % LINES];
	int len;

	if (priority == LOG_DEBUG && !logger.config.debug)
		return;
	if (head - atomic_load_explicit(&logger.tail, memory_order_acquire) == LINES) {
		atomic_fetch_add(&logger.lost, 1);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &line->when);
	line->priority = priority;
	line->is_entry = subject || logger.is_settled;
	take_subject(line, subject);
	len = snprintf(line->text, sizeof(line->text), "%s", text);
	if ((size_t)len >= sizeof(line->text))
		memcpy(line->text + sizeof(line->text) - sizeof(CUT), CUT, sizeof(CUT));
	make_one_line(line->text);
	if (!logger.has_writer) {
		write_line(line);
		return;
	}
	atomic_store_explicit(&logger.head, head + 1, memory_order_release);
	wake_writer();
}

void log_printf(int priority, const char *format, ...)
{
	char text[LINE_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(priority, NULL, text);
}
