// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The log where stderr is the journal: what goes to the journal's socket and what down its stream. A stand-in for the
 * journal has both ends; each case is a process of its own, whose stderr is that stream.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "engine/engine.h"
#include "io/log.h"

#include "../tap.h"

#define TEXT_MAX 4096
#define LINES_TOO_MANY 3000
#define SOCKET "journal"
#define PATIENCE_S 30

static struct log_subject eth0_10 = { .interface = "eth0", .vhid = 10, .state = "MASTER" };

struct journal {
	int socket; /* -1: there is none */
	int stream[2];
};

static int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)))
		perror(path);
	return fd;
}

static void journal_make(struct journal *journal, bool has_socket)
{
	unlink(SOCKET);
	journal->socket = has_socket ? listen_at(SOCKET) : -1;
	if (pipe2(journal->stream, O_CLOEXEC))
		perror("pipe");
}

static void journal_end(struct journal *journal)
{
	if (journal->socket >= 0)
		close(journal->socket);
	close(journal->stream[0]);
}

static void nothing(void)
{
}

/* In a process of its own, as a service manager starts it. */
static pid_t begin(struct journal *journal, bool is_named, bool use_syslog, void (*says)(void))
{
	char name[64];
	struct stat status;
	pid_t pid = fork();

	if (pid) {
		close(journal->stream[1]);
		return pid;
	}
	alarm(PATIENCE_S);
	if (journal->socket >= 0)
		close(journal->socket);
	dup2(journal->stream[1], STDERR_FILENO);
	fstat(STDERR_FILENO, &status);
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino + !is_named);
	setenv("JOURNAL_STREAM", name, 1);
	log_open(&(struct log_config){
		.name = "xcarp",
		.journal = SOCKET,
		.facility = LOG_LOCAL1,
		.use_syslog = use_syslog,
		.use_stderr = true,
	});
	says();
	log_close();
	_exit(EXIT_SUCCESS);
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* The next entry; empty: none came. */
static const char *entry(const struct journal *journal)
{
	static char text[TEXT_MAX];
	ssize_t len = recv(journal->socket, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

/* All that came down the stream, whose other end is closed. */
static const char *stream(const struct journal *journal)
{
	static char text[TEXT_MAX];
	size_t len = 0;
	ssize_t n;

	while ((n = read(journal->stream[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void says_usual(void)
{
	log_warn("Warning: before the writer");
	log_start_writer(nothing);
	log_error("starting");
	log_write(LOG_WARNING, &eth0_10, "Switching to state: MASTER (eth0 id 10)");
	log_settled();
	log_info("settled\nPRIORITY=0");
	log_write(LOG_NOTICE, &(struct log_subject){ .interface = "eth1", .vhid = 255, .group = inet_addr("224.0.0.19") }, "n");
}

static void test_usual(void)
{
	struct journal journal;

	journal_make(&journal, true);
	ok(ended_well(begin(&journal, true, false, says_usual)), "stderr is the journal");
	is_str(stream(&journal), "<4>Warning: before the writer\n<3>starting\n",
	       "  until it has started, lines without fields go down the stream, with their priority");
	is_str(entry(&journal),
	       "MESSAGE=Switching to state: MASTER (eth0 id 10)\nPRIORITY=4\nSYSLOG_IDENTIFIER=xcarp\n"
	       "XCARP_INTERFACE=eth0\nXCARP_VHID=10\nXCARP_STATE=MASTER\n",
	       "  those about a virtual router have fields; of the usual group nothing is said");
	is_str(entry(&journal), "MESSAGE=settled?PRIORITY=0\nPRIORITY=6\nSYSLOG_IDENTIFIER=xcarp\n",
	       "  then all are entries, and no line makes a field of its own");
	is_str(entry(&journal),
	       "MESSAGE=n\nPRIORITY=5\nSYSLOG_IDENTIFIER=xcarp\nXCARP_INTERFACE=eth1\nXCARP_VHID=255\nXCARP_GROUP=224.0.0.19\n",
	       "  no transition, no state");
	is_str(entry(&journal), "", "  and that is all");
	journal_end(&journal);
}

static void says_one(void)
{
	log_start_writer(nothing);
	log_settled();
	log_write(LOG_WARNING, &eth0_10, "m");
}

static void leaves(void)
{
	log_start_writer(nothing);
	log_settled();
	log_leave_stderr();
	log_write(LOG_WARNING, &eth0_10, "of the background");
}

static void test_facility(void)
{
	struct journal journal;

	journal_make(&journal, true);
	ok(ended_well(begin(&journal, true, true, says_one)), "with a syslog facility");
	is_str(entry(&journal),
	       "MESSAGE=m\nPRIORITY=4\nSYSLOG_IDENTIFIER=xcarp\nSYSLOG_FACILITY=17\nXCARP_INTERFACE=eth0\nXCARP_VHID=10\n"
	       "XCARP_STATE=MASTER\n",
	       "  it is a field");
	journal_end(&journal);
}

static void test_leave(void)
{
	struct journal journal;

	journal_make(&journal, true);
	ok(ended_well(begin(&journal, true, false, leaves)), "in the background");
	is_str(entry(&journal), "", "  what has left stderr has left the journal");
	is_str(stream(&journal), "", "  and its stream");
	journal_end(&journal);
}

static void says_long(void)
{
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_start_writer(nothing);
	log_settled();
	log_write(LOG_WARNING, &eth0_10, text);
}

static void test_long(void)
{
	struct journal journal;
	const char *text;

	journal_make(&journal, true);
	ok(ended_well(begin(&journal, true, false, says_long)), "a long line");
	text = entry(&journal);
	ok(strstr(text, "xxx...\nPRIORITY=4\n"), "  ends in dots");
	ok(strstr(text, "\nXCARP_STATE=MASTER\n"), "  and has all fields");
	journal_end(&journal);
}

static void test_no_socket(void)
{
	struct journal journal;

	journal_make(&journal, false);
	ok(ended_well(begin(&journal, true, false, says_usual)), "the journal's socket is not there");
	is_str(stream(&journal),
	       "<4>Warning: before the writer\n<3>starting\n<4>Switching to state: MASTER (eth0 id 10)\n"
	       "<6>settled?PRIORITY=0\n<5>n\n",
	       "  everything goes down the stream");
	journal_end(&journal);
}

static void test_not_the_journal(void)
{
	struct journal journal;
	const char *text;

	journal_make(&journal, true);
	ok(ended_well(begin(&journal, false, false, says_usual)), "stderr is something else than $JOURNAL_STREAM says");
	is_str(entry(&journal), "", "  the journal gets nothing");
	text = stream(&journal);
	ok(strstr(text, ": [WARNING] Switching to state: MASTER (eth0 id 10)\n"), "  and stderr the usual format");
	ok(!strchr(text, '<'), "  without priorities");
	journal_end(&journal);
}

static void await(const char *name)
{
	while (access(name, F_OK))
		usleep(1000);
}

static void says_around_restart(void)
{
	log_start_writer(nothing);
	log_settled();
	log_write(LOG_WARNING, &eth0_10, "before");
	await("restarted");
	log_write(LOG_WARNING, &eth0_10, "after");
}

static void test_restart(void)
{
	struct journal journal;
	pid_t pid;
	int before;

	unlink("restarted");
	journal_make(&journal, true);
	before = journal.socket;
	pid = begin(&journal, true, false, says_around_restart);
	poll(&(struct pollfd){ .fd = before, .events = POLLIN }, 1, PATIENCE_S * 1000);
	ok(!strncmp(entry(&journal), "MESSAGE=before\n", 15), "an entry");
	journal.socket = listen_at(SOCKET);
	close(before);
	close(open("restarted", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ok(ended_well(pid), "the journal's socket is made anew");
	ok(!strncmp(entry(&journal), "MESSAGE=after\n", 14), "  the next entry goes there");
	is_str(stream(&journal), "", "  and nothing down the stream");
	journal_end(&journal);
}

static void says_too_much(void)
{
	log_start_writer(nothing);
	log_settled();
	for (unsigned int i = 0; i < LINES_TOO_MANY; i++)
		log_write(LOG_WARNING, &eth0_10, "once more");
	close(open("said", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	await("listening");
}

/* Takes all entries until the end of the process; true if one of them tells of lost lines. */
static bool tells_of_lost(const struct journal *journal, pid_t pid)
{
	bool is_told = false, has_ended;
	const char *text;

	do {
		has_ended = waitpid(pid, NULL, WNOHANG);
		while (*(text = entry(journal)))
			is_told |= !!strstr(text, " log lines were lost");
	} while (!has_ended);
	return is_told;
}

static void test_stopped(void)
{
	struct journal journal;
	pid_t pid;

	unlink("said");
	unlink("listening");
	journal_make(&journal, true);
	pid = begin(&journal, true, false, says_too_much);
	await("said");
	ok(true, "a journal that takes nothing holds nobody up");
	close(open("listening", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ok(tells_of_lost(&journal, pid), "  how many lines it cost is told");
	journal_end(&journal);
}

int main(void)
{
	static const char *const files[] = { SOCKET, "restarted", "said", "listening" };
	char directory[] = "/tmp/xcarp-log.XXXXXX";

	plan(26);
	eth0_10.group = htonl(CARP_GROUP_IPV4);
	alarm(2 * PATIENCE_S);
	if (!mkdtemp(directory) || chdir(directory))
		perror(directory);
	test_usual();
	test_facility();
	test_leave();
	test_long();
	test_no_socket();
	test_not_the_journal();
	test_restart();
	test_stopped();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i]);
	rmdir(directory);
	return tap_done();
}
