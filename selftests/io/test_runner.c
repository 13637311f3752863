// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The script runner, asked by hand: what it runs, what it refuses, and that it ends with who asks. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/log.h"
#include "io/loop.h"
#include "io/secret.h"
#include "runner.h"

#include "../tap.h"

#define ANSWER_MS 5000

static struct options options;
static struct runner runner;
static uint32_t last_run;

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(name, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(name, mode))
		perror(name);
}

static struct plan read_list(const char *text)
{
	struct plan plan;

	write_file("list", text, 0600);
	plan_list(&plan, &options, NULL, 0);
	return plan;
}

static void ask(const struct runner_request *request)
{
	if (send(runner.fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		perror("send");
}

/* What comes within five seconds; all zeros: nothing, or not an answer. */
static struct runner_answer await(void)
{
	struct runner_answer answer = { 0 };

	poll(&(struct pollfd){ .fd = runner.fd, .events = POLLIN }, 1, ANSWER_MS);
	if (recv(runner.fd, &answer, sizeof(answer), MSG_DONTWAIT) != sizeof(answer))
		return (struct runner_answer){ 0 };
	return answer;
}

/* Asks for what the first line of text would run. */
static void ask_run(const char *text, enum script_kind kind)
{
	struct runner_request request = { .ask = ASK_RUN, .run = ++last_run, .slot = 7 };
	char kept[512] = "";
	FILE *file = fopen("list", "re");
	struct plan plan;

	if (file && !fread(kept, 1, sizeof(kept) - 1, file))
		perror("list");
	if (file)
		fclose(file);
	plan = read_list(text);
	runner_digest(request.digest, plan.adds[0].options, kind);
	plan_free(&plan);
	write_file("list", kept, 0600);
	ask(&request);
}

static void is_run(const char *text, enum script_kind kind, const char *what)
{
	struct runner_answer answer;

	ask_run(text, kind);
	answer = await();
	ok(answer.tell == TELL_ENDED && answer.run == last_run && answer.slot == 7 && answer.value == CLD_EXITED &&
		   answer.status == 3, "%s: run, and its end told", what);
}

static void is_refused(const char *text, enum script_kind kind, const char *what)
{
	struct runner_answer answer;

	ask_run(text, kind);
	answer = await();
	ok(answer.tell == TELL_REFUSED && answer.run == last_run && answer.slot == 7, "%s: refused", what);
}

static void is_read(int error, const char *what)
{
	struct runner_answer answer;

	ask(&(struct runner_request){ .ask = ASK_READ });
	answer = await();
	is_int(answer.tell == TELL_READ ? answer.value : -1, error, "%s", what);
}

#define LINE "-i eth0 -s 10.0.0.1 -p hush -a 10.0.0.11 -v 1 -u ./run "
#define OTHER "-i eth0 -s 10.0.0.1 -p hush -a 10.0.0.11 -v 1 -u ./other "

static void test_commands(void)
{
	char got[64] = "";
	FILE *file;

	is_run(LINE "-x one", SCRIPT_UP, "the configured command");
	file = fopen("ran", "re");
	ok(file && fgets(got, sizeof(got), file) && !strcmp(got, "eth0 10.0.0.11 one 1 10.0.0.11/32\n"), "  with its arguments");
	if (file)
		fclose(file);
	is_refused(LINE "-x one -d ./run", SCRIPT_DOWN, "the same file as a down script");
	is_refused(LINE "-x two", SCRIPT_UP, "another argument");
	is_refused(LINE, SCRIPT_UP, "no argument");
	is_refused(LINE "-x one -a 10.0.0.12", SCRIPT_UP, "one more address");
	is_refused(OTHER "-x one", SCRIPT_UP, "another file");
	ask(&(struct runner_request){ .ask = ASK_RUN });
	is_int(await().tell, TELL_REFUSED, "nothing at all: refused");
	ask(&(struct runner_request){ .ask = 99 });
	is_run(LINE "-x one", SCRIPT_UP, "after a question that there is not");
}

static void test_reading(void)
{
	write_file("list", LINE "-x new\n", 0600);
	is_refused(LINE "-x new", SCRIPT_UP, "new in the file, which was not read");
	is_read(0, "the file is read");
	is_run(LINE "-x new", SCRIPT_UP, "what is new");
	is_run(LINE "-x one", SCRIPT_UP, "what was");
	is_read(EBUSY, "not again before it is known which is to stay");
	ask(&(struct runner_request){ .ask = ASK_FORGET });
	is_refused(LINE "-x new", SCRIPT_UP, "what is new, forgotten");
	is_run(LINE "-x one", SCRIPT_UP, "what was");
	ask(&(struct runner_request){ .ask = ASK_FORGET });
	is_run(LINE "-x one", SCRIPT_UP, "what was, with nothing to forget");
	is_read(0, "the file is read once more");
	ask(&(struct runner_request){ .ask = ASK_KEEP });
	is_refused(LINE "-x one", SCRIPT_UP, "what was");
	is_run(LINE "-x new", SCRIPT_UP, "what is kept");
	write_file("list", "-v 0\n", 0600);
	is_read(EINVAL, "a file that is wrong");
	is_run(LINE "-x new", SCRIPT_UP, "what was before it");
}

static void test_kill(void)
{
	struct runner_answer answer;

	write_file("list", "-i eth0 -s 10.0.0.1 -p hush -a 10.0.0.11 -v 1 -u ./hang -d ./none\n", 0600);
	is_read(0, "a script that hangs and one that is not there");
	ask_run("-i eth0 -s 10.0.0.1 -p hush -a 10.0.0.11 -v 1 -u ./hang -d ./none\n", SCRIPT_UP);
	ask(&(struct runner_request){ .ask = ASK_KILL, .run = last_run + 1 });
	ask_run("-i eth0 -s 10.0.0.1 -p hush -a 10.0.0.11 -v 1 -u ./hang -d ./none\n", SCRIPT_DOWN);
	answer = await();
	ok(answer.tell == TELL_FAILED && answer.value == ENOENT && answer.run == last_run, "why the one could not be run");
	ask(&(struct runner_request){ .ask = ASK_KILL, .run = last_run - 1 });
	answer = await();
	ok(answer.tell == TELL_ENDED && answer.value == CLD_KILLED && answer.status == SIGKILL && answer.run == last_run - 1,
	   "the other is killed");
}

/* What the runner does elsewhere: nothing, told by the numbers. */
static int work(const struct moved *moved)
{
	static const struct timespec moment = { .tv_nsec = 10000000 };

	if (moved->in_dispatcher)
		raise(SIGALRM);
	while (moved->set_gro && access("go", F_OK))
		nanosleep(&moment, NULL);
	return moved->nsid;
}

static void ask_take_off(const struct moved *moved)
{
	ask(&(struct runner_request){ .ask = ASK_TAKE_OFF, .moved = *moved });
}

static void is_taken_off(int result, const char *what)
{
	struct runner_answer answer = await();

	is_int(answer.tell == TELL_TAKEN_OFF ? answer.value : INT_MAX, result, "%s", what);
}

static bool has_no_child(void)
{
	char path[64], children[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", runner.pid, runner.pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(children, sizeof(children), file))
		*children = '\0';
	fclose(file);
	return !*children;
}

static void test_take_off(void)
{
	ask_take_off(&(struct moved){ .nsid = 1 });
	is_taken_off(1, "to take off: what it came to");
	ask_take_off(&(struct moved){ .nsid = -ESRCH });
	is_taken_off(-ESRCH, "  or why not");
	ask_take_off(&(struct moved){ .in_dispatcher = 1 });
	is_taken_off(-ETIMEDOUT, "  or that its time was over");
	ask_take_off(&(struct moved){ .nsid = 2, .set_gro = 1 });
	ask_take_off(&(struct moved){ .nsid = 3 });
	is_taken_off(-EBUSY, "two at a time: the second is refused");
	is_run(LINE "-x new", SCRIPT_UP, "a script does not wait for it");
	write_file("go", "", 0600);
	is_taken_off(2, "the first goes on");
	ok(has_no_child(), "no process is left");
}

static void test_end(void)
{
	siginfo_t info = { 0 };

	kill(runner.pid, SIGTERM);
	kill(runner.pid, SIGINT);
	is_read(EBUSY, "signals do not end it");
	close(runner.fd);
	poll(&(struct pollfd){ .fd = runner.pidfd, .events = POLLIN }, 1, ANSWER_MS);
	ok(!waitid(P_PID, (id_t)runner.pid, &info, WEXITED | WNOHANG) && info.si_pid == runner.pid, "its end is that of who asks");
	is_int(info.si_status, 0, "  with status 0");
}

int main(void)
{
	static const char *const files[] = { "run", "hang", "list", "ran", "go" };
	char *argv[] = { "xcarp", "-c", "list", NULL };
	char dir[] = "/tmp/test_runner.XXXXXX", error[OPTIONS_ERROR_LEN];
	struct plan plan_at_start;

	plan(9 + 13 + 7 + 3 + 3);
	if (secret_init() || !mkdtemp(dir) || chdir(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	/* The runner's own lines are of no use here. */
	log_open(&(struct log_config){ .name = "test_runner" });
	write_file("run", "#!/bin/sh\necho \"$* $XCARP_VHID $XCARP_VIPS\" >ran\nexit 3\n", 0700);
	write_file("hang", "#!/bin/sh\nsleep 20\n", 0700);
	options_parse(&options, 3, argv, error);
	plan_at_start = read_list(LINE "-x one\n");
	if (runner_start(&runner, &options, &plan_at_start, work)) {
		perror("runner_start");
		return EXIT_FAILURE;
	}
	plan_free(&plan_at_start);

	test_commands();
	test_reading();
	test_take_off();
	test_kill();
	test_end();

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i]);
	rmdir(dir);
	return tap_done();
}
