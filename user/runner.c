// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/table.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/process.h"
#include "io/syslogd.h"
#include "loader.h"

#define NS_PER_S 1000000000ull
#define FIRST_FREE_FD 3
#define LOG_FD (FIRST_FREE_FD + 1)

extern char **environ;

/* What may be run. */
struct command {
	uint8_t digest[RUNNER_DIGEST_LEN];
	const struct vr_options *options;
	enum script_kind kind;
};

/* All of one reading. */
struct commands {
	struct plan_running *vrouters; /* those with scripts */
	uint32_t vrouter_count;
	struct command *list;
	uint32_t count;
	struct table *by_digest;
};

/* A script that runs. */
struct child {
	struct loop_source source; /* its pidfd; -1: none */
	pid_t pid; /* also its process group */
	uint32_t run;
	uint32_t slot;
	int error_fd; /* what execve() said, if it came back */
};

struct process {
	int fd; /* to the controller */
	struct options options; /* what reading the file again takes */
	struct commands *now;
	struct commands *before; /* between ASK_READ and what decides over it */
	struct loop *loop;
	struct loop_source requests;
	struct loop_source log; /* wants syslog's socket */
	struct loader *loader;
	uint64_t refused_ns; /* when a refusal was last told */
	struct child children[RUNNER_RUNS_MAX];
	struct take_off take_off;
};

/* The one that this process is. */
static struct process self;

/* What may be run. */

static void commands_free(struct commands *commands)
{
	if (!commands)
		return;
	for (uint32_t i = 0; i < commands->vrouter_count; i++)
		free((void *)commands->vrouters[i].options);
	free(commands->vrouters);
	free(commands->list);
	table_free(commands->by_digest);
	free(commands);
}

static uint32_t hash_of(const uint8_t digest[RUNNER_DIGEST_LEN])
{
	return table_hash(0, digest, RUNNER_DIGEST_LEN);
}

static bool add_command(struct commands *commands, const struct vr_options *options, enum script_kind kind)
{
	struct command *command = &commands->list[commands->count];

	if (!runner_file(options, kind))
		return true;
	*command = (struct command){ .options = options, .kind = kind };
	runner_digest(command->digest, options, kind);
	return table_put(commands->by_digest, hash_of(command->digest), commands->count++);
}

static bool take_vrouter(struct commands *commands, const struct vr_options *options)
{
	struct vr_options *copy;

	if (!options->upscript && !options->downscript)
		return true;
	copy = vr_options_copy(options);
	if (!copy)
		return false;
	commands->vrouters[commands->vrouter_count++].options = copy;
	return add_command(commands, copy, SCRIPT_UP) && add_command(commands, copy, SCRIPT_DOWN);
}

/* NULL where memory is short. */
static struct commands *commands_of(const struct plan *plan)
{
	struct commands *commands = calloc(1, sizeof(*commands));
	uint32_t count = 0;
	bool is_whole;

	if (!commands)
		return NULL;
	for (uint32_t i = 0; i < plan->add_count; i++)
		count += plan->adds[i].options->upscript || plan->adds[i].options->downscript;
	commands->vrouters = calloc(count + 1, sizeof(*commands->vrouters));
	commands->list = calloc(2 * count + 1, sizeof(*commands->list));
	commands->by_digest = table_new(2 * count);
	is_whole = commands->vrouters && commands->list && commands->by_digest;
	for (uint32_t i = 0; is_whole && i < plan->add_count; i++)
		is_whole = take_vrouter(commands, plan->adds[i].options);
	if (is_whole)
		return commands;
	commands_free(commands);
	return NULL;
}

static const struct command *find_in(const struct commands *commands, const uint8_t digest[RUNNER_DIGEST_LEN])
{
	uint32_t at;

	if (!commands)
		return NULL;
	for (at = table_first(commands->by_digest, hash_of(digest)); at != TABLE_NONE; at = table_next(commands->by_digest, at)) {
		const struct command *command = &commands->list[table_number(commands->by_digest, at)];

		if (!memcmp(command->digest, digest, RUNNER_DIGEST_LEN))
			return command;
	}
	return NULL;
}

/* Running it. */

/* What a script gets beyond ucarp's arguments: all addresses with their lengths, and the id. */
struct script_environment {
	char vips[32 + CARP_VIPS_MAX * VIP_TEXT_LEN];
	char vhid[32];
	char **list;
};

static bool make_environment(struct script_environment *env, const struct vr_options *options)
{
	size_t count = 0, at;

	at = (size_t)snprintf(env->vips, sizeof(env->vips), "XCARP_VIPS=");
	for (unsigned int i = 0; i < options->vip_count; i++) {
		char text[VIP_TEXT_LEN];

		at += (size_t)snprintf(env->vips + at, sizeof(env->vips) - at, "%s%s", i ? " " : "",
				       vip_format(&options->vips[i], true, text));
	}
	snprintf(env->vhid, sizeof(env->vhid), "XCARP_VHID=%u", options->vhid);

	while (environ[count])
		count++;
	env->list = calloc(count + 3, sizeof(*env->list));
	if (!env->list)
		return false;
	env->list[0] = env->vips;
	env->list[1] = env->vhid;
	memcpy(env->list + 2, environ, count * sizeof(*environ));
	return true;
}

/*
 * As they are by default, whatever our starter ignored: a shell cannot trap what it inherits as ignored. But what nohup and
 * shells have ignored in the background stays so.
 */
static void reset_signals(void)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGHUP && number != SIGINT && number != SIGQUIT)
			sigaction(number, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * In the child, between fork() and execve(): only what a signal handler may call. A group of its own, to be killed whole;
 * of our files none but the one for the error.
 */
static void __attribute__((noreturn)) exec_script(const char *file, char *const argv[], char *const envp[], int error_fd)
{
	int error, null;

	setpgid(0, 0);
	reset_signals();
	null = open("/dev/null", O_RDONLY);
	if (null > STDIN_FILENO)
		dup2(null, STDIN_FILENO);
	if (error_fd != FIRST_FREE_FD)
		dup3(error_fd, FIRST_FREE_FD, O_CLOEXEC);
	close_range(FIRST_FREE_FD + 1, ~0u, 0);
	execve(file, argv, envp);
	error = errno;
	if (write(FIRST_FREE_FD, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * fork() and not posix_spawn(): that one waits until the file is open, and a file on a slow or hung file system would hold
 * up all other scripts. Returns 0 or -errno.
 */
static int spawn(struct child *child, const char *file, char *const argv[], char *const envp[])
{
	int error_fds[2], err;

	if (pipe2(error_fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	child->pid = fork();
	if (!child->pid)
		exec_script(file, argv, envp, error_fds[1]);
	err = -errno;
	close(error_fds[1]);
	if (child->pid < 0) {
		close(error_fds[0]);
		return err;
	}
	/* Here too: whoever comes first, a kill of the group is to find it. */
	setpgid(child->pid, child->pid);
	child->error_fd = error_fds[0];
	return 0;
}

/* The controller has ended. A successor's scripts are to come after its, and not beside them. */
static void __attribute__((noreturn)) end(int status)
{
	for (struct child *child = self.children; child < self.children + RUNNER_RUNS_MAX; child++)
		if (child->source.fd >= 0)
			kill(-child->pid, SIGKILL);
	_exit(status);
}

/* Waits where the controller does: without it there is nothing to do. */
static void answer(const struct runner_answer *answer)
{
	if (send(self.fd, answer, sizeof(*answer), MSG_NOSIGNAL) < 0)
		end(EXIT_FAILURE);
}

static void child_ended(void *ctx, uint64_t now_ns)
{
	struct child *child = ctx;
	struct runner_answer told = { .tell = TELL_ENDED, .run = child->run, .slot = child->slot };
	siginfo_t info = { 0 };
	int error;

	(void)now_ns;
	if (waitid(P_PIDFD, (id_t)child->source.fd, &info, WEXITED | WNOHANG)) {
		told.tell = TELL_FAILED;
		told.value = errno;
	} else if (!info.si_pid) {
		return;
	} else if (read(child->error_fd, &error, sizeof(error)) == sizeof(error)) {
		told.tell = TELL_FAILED;
		told.value = error;
	} else {
		told.value = info.si_code;
		told.status = info.si_status;
	}
	loop_remove(self.loop, &child->source);
	close(child->source.fd);
	close(child->error_fd);
	child->source.fd = -1;
	answer(&told);
}

static int start(struct child *child, const struct command *command)
{
	const struct vr_options *options = command->options;
	struct script_environment env;
	char vip[VIP_TEXT_LEN];
	char *argv[] = {
		(char *)runner_file(options, command->kind),
		(char *)options->interface,
		vip,
		(char *)options->xparam,
		NULL,
	};
	int err;

	vip_format(&options->vips[0], false, vip);
	if (!make_environment(&env, options))
		return -ENOMEM;
	err = spawn(child, argv[0], argv, env.list);
	free(env.list);
	if (err)
		return err;
	child->source = (struct loop_source){
		.fd = (int)syscall(SYS_pidfd_open, child->pid, 0), /* glibc has it from 2.36 on only */
		.ready = child_ended,
		.ctx = child,
	};
	err = child->source.fd < 0 ? -errno : loop_add(self.loop, &child->source);
	if (!err)
		return 0;
	kill(-child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	if (child->source.fd >= 0)
		close(child->source.fd);
	close(child->error_fd);
	child->source.fd = -1;
	return err;
}

static struct child *unused_child(void)
{
	for (struct child *child = self.children; child < self.children + RUNNER_RUNS_MAX; child++)
		if (child->source.fd < 0)
			return child;
	return NULL;
}

static void refuse(uint64_t now_ns)
{
	if (self.refused_ns && now_ns < self.refused_ns + NS_PER_S)
		return;
	self.refused_ns = now_ns;
	log_error("the script runner was asked for a command that is not configured: refused");
}

static void run(const struct runner_request *request, uint64_t now_ns)
{
	const struct command *command = find_in(self.now, request->digest) ?: find_in(self.before, request->digest);
	struct runner_answer told = { .run = request->run, .slot = request->slot };
	struct child *child = unused_child();
	int err;

	if (!command) {
		refuse(now_ns);
		told.tell = TELL_REFUSED;
		answer(&told);
		return;
	}
	err = -EAGAIN;
	if (child) {
		child->run = request->run;
		child->slot = request->slot;
		err = start(child, command);
	}
	if (!err)
		return;
	told.tell = TELL_FAILED;
	told.value = -err;
	answer(&told);
}

static void kill_run(uint32_t number)
{
	for (struct child *child = self.children; child < self.children + RUNNER_RUNS_MAX; child++)
		if (child->source.fd >= 0 && child->run == number)
			kill(-child->pid, SIGKILL);
}

/* Reading the file again. */

static void tell_read(int error)
{
	answer(&(struct runner_answer){ .tell = TELL_READ, .value = error });
}

/* What is wrong with it the controller tells, which reads it too. */
static void loaded(void *ctx, struct plan *plan, uint64_t now_ns)
{
	struct commands *commands = plan->failed ? NULL : commands_of(plan);

	(void)ctx;
	(void)now_ns;
	if (commands) {
		self.before = self.now;
		self.now = commands;
	}
	tell_read(plan->failed ? EINVAL : commands ? 0 : ENOMEM);
}

static void read_again(void)
{
	const struct commands *commands = self.now;
	int err = -EBUSY;

	if (!self.options.config)
		err = -EINVAL;
	else if (!self.before)
		err = loader_start(self.loader, &self.options, commands->vrouters, commands->vrouter_count, loaded, NULL);
	if (err)
		tell_read(-err);
}

static void keep(void)
{
	commands_free(self.before);
	self.before = NULL;
}

static void forget(void)
{
	if (!self.before)
		return;
	commands_free(self.now);
	self.now = self.before;
	self.before = NULL;
}

/* Another network namespace. */

static void taken_off(int result)
{
	answer(&(struct runner_answer){ .tell = TELL_TAKEN_OFF, .value = result });
}

static void take_off(const struct moved *moved)
{
	int err = take_off_start(&self.take_off, moved);

	if (err)
		taken_off(err);
}

/* Requests. */

static void serve(const struct runner_request *request, uint64_t now_ns)
{
	switch (request->ask) {
	case ASK_RUN:
		run(request, now_ns);
		break;
	case ASK_KILL:
		kill_run(request->run);
		break;
	case ASK_READ:
		read_again();
		break;
	case ASK_KEEP:
		if (!loader_busy(self.loader))
			keep();
		break;
	case ASK_FORGET:
		if (!loader_busy(self.loader))
			forget();
		break;
	case ASK_DETACH:
		process_detach(request->value);
		break;
	case ASK_TAKE_OFF:
		take_off(&request->moved);
		break;
	}
}

static void requests_ready(void *ctx, uint64_t now_ns)
{
	struct runner_request request;
	ssize_t len = recv(self.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	(void)ctx;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Or it is not what it was. */
	if (len != sizeof(request))
		end(len ? EXIT_FAILURE : EXIT_SUCCESS);
	serve(&request, now_ns);
}

static void log_ready(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	if (!syslogd_answer(self.log.fd, SYSLOGD_SOCKET))
		loop_remove(self.loop, &self.log);
}

static void open_all(take_off_work *work)
{
	for (int i = 0; i < RUNNER_RUNS_MAX; i++)
		self.children[i].source.fd = -1;
	self.requests = (struct loop_source){ .fd = self.fd, .ready = requests_ready };
	self.log.ready = log_ready;
	self.loop = loop_new();
	self.loader = self.loop ? loader_new(self.loop, plan_list) : NULL;
	if (!self.loader || loop_add(self.loop, &self.requests) || loop_add(self.loop, &self.log))
		_exit(EXIT_FAILURE);
	take_off_init(&self.take_off, self.loop, work, taken_off);
}

/* Without what is in argv. */
static void keep_options(const struct options *options)
{
	self.options = *options;
	self.options.vr = (struct vr_options){ 0 };
	self.options.pidfile = self.options.control_group = NULL;
	if (!options->config)
		return;
	self.options.config = strdup(options->config);
	if (!self.options.config)
		_exit(EXIT_FAILURE);
}

static int move_fd(int fd, int to)
{
	if (fd != to && dup3(fd, to, O_CLOEXEC) < 0)
		_exit(EXIT_FAILURE);
	return to;
}

/* The controller's signals are not ours: it says when to end. */
static void __attribute__((noreturn)) process_main(int fd, int log_fd, const struct options *options, struct plan *plan,
						   take_off_work *work)
{
	keep_options(options);
	process_rename("xcarp-scripts");
	log_let_go();
	/* Of our starter's files none stays. The second was opened after the first, so its number is higher. */
	self.fd = move_fd(fd, FIRST_FREE_FD);
	self.log.fd = move_fd(log_fd, LOG_FD);
	close_range(LOG_FD + 1, ~0u, 0);
	self.now = commands_of(plan);
	if (!self.now)
		_exit(EXIT_FAILURE);
	/* With its keys. */
	plan_free(plan);
	malloc_trim(0);
	open_all(work);
	while (!loop_wait(self.loop, UINT64_MAX))
		;
	_exit(EXIT_FAILURE);
}

int runner_start(struct runner *runner, const struct options *options, struct plan *plan, take_off_work *work)
{
	sigset_t all, before;
	int fds[2], log_fds[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, log_fds)) {
		err = -errno;
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	runner->pid = fork();
	err = -errno;
	if (!runner->pid) {
		/* Its end is what tells that the controller has ended. */
		close(fds[0]);
		close(log_fds[0]);
		process_main(fds[1], log_fds[1], options, plan, work);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	close(log_fds[1]);
	runner->fd = fds[0];
	runner->log_fd = log_fds[0];
	if (runner->pid > 0) {
		runner->pidfd = (int)syscall(SYS_pidfd_open, runner->pid, 0);
		if (runner->pidfd >= 0)
			return 0;
		err = -errno;
	}
	close(runner->fd);
	close(runner->log_fd);
	runner->fd = runner->log_fd = -1;
	return err;
}
