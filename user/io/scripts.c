// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/timers.h"
#include "io/log.h"

#define NS_PER_S 1000000000ull
#define KILL_RETRY_NS NS_PER_S
#define KILLS_MAX 5
#define END_WAIT_MS 500 /* for a killed script, when we end */
#define FIRST_FREE_FD 3

extern char **environ;

struct script {
	struct scripts *scripts;
	const struct vr_options *options;
	struct loop_source source; /* its pidfd; -1: nothing runs */
	pid_t pid; /* also its process group */
	enum script_kind kind; /* of what runs */
	uint64_t started_ns;
	int error_fd; /* what execve() said, if it came back */
	unsigned int kills; /* since its time was over */
	uint64_t skipped_ns; /* when a skipped one was last told */
	bool has_next;
	enum script_kind next;
};

struct scripts {
	struct loop *loop;
	struct timers *timers;
	uint32_t capacity;
	uint32_t running;
	struct script *slots;
};

struct scripts *scripts_new(struct loop *loop, uint32_t capacity)
{
	struct scripts *scripts = calloc(1, sizeof(*scripts));

	if (!scripts)
		return NULL;
	scripts->loop = loop;
	scripts->timers = timers_new(capacity);
	scripts->slots = calloc(capacity, sizeof(*scripts->slots));
	if (!scripts->timers || !scripts->slots) {
		scripts_free(scripts);
		return NULL;
	}
	scripts->capacity = capacity;
	for (uint32_t slot = 0; slot < capacity; slot++)
		scripts->slots[slot] = (struct script){ .scripts = scripts, .source.fd = -1 };
	return scripts;
}

static void forget(struct script *script)
{
	struct scripts *scripts = script->scripts;

	loop_remove(scripts->loop, &script->source);
	close(script->source.fd);
	close(script->error_fd);
	script->source.fd = -1;
	scripts->running--;
	timers_arm(scripts->timers, (uint32_t)(script - scripts->slots), TIMERS_NEVER);
}

void scripts_free(struct scripts *scripts)
{
	if (!scripts)
		return;
	for (uint32_t slot = 0; slot < scripts->capacity; slot++) {
		struct script *script = &scripts->slots[slot];

		if (script->source.fd < 0)
			continue;
		kill(-script->pid, SIGKILL);
		poll(&(struct pollfd){ .fd = script->source.fd, .events = POLLIN }, 1, END_WAIT_MS);
		forget(script);
	}
	timers_free(scripts->timers);
	free(scripts->slots);
	free(scripts);
}

void scripts_set(struct scripts *scripts, uint32_t slot, const struct vr_options *options)
{
	scripts->slots[slot].options = options;
}

static const char *script_file(const struct vr_options *options, enum script_kind kind)
{
	return kind == SCRIPT_UP ? options->upscript : options->downscript;
}

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
 * In the child, between fork() and execve(): only what a signal handler may call. A group of its own, to be killed whole;
 * signals as they are by default; of our files none but the one for the error.
 */
static void __attribute__((noreturn)) exec_script(const char *file, char *const argv[], char *const envp[], int error_fd)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;
	int error, null;

	setpgid(0, 0);
	sigaction(SIGPIPE, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
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
 * up every advert. Returns 0 or -errno.
 */
static int spawn(struct script *script, const char *file, char *const argv[], char *const envp[])
{
	int error_fds[2], err;

	if (pipe2(error_fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	script->pid = fork();
	if (!script->pid)
		exec_script(file, argv, envp, error_fds[1]);
	err = -errno;
	close(error_fds[1]);
	if (script->pid < 0) {
		close(error_fds[0]);
		return err;
	}
	/* Here too: whoever comes first, a kill of the group is to find it. */
	setpgid(script->pid, script->pid);
	script->error_fd = error_fds[0];
	return 0;
}

static void script_ended(void *ctx, uint64_t now_ns);

static int start(struct script *script, enum script_kind kind, uint64_t now_ns)
{
	const struct vr_options *options = script->options;
	const char *file = script_file(options, kind), *xparam = options->xparam;
	struct scripts *scripts = script->scripts;
	struct script_environment env;
	char vip[VIP_TEXT_LEN];
	char *argv[5];
	int err;

	vip_format(&options->vips[0], false, vip);
	argv[0] = (char *)file;
	argv[1] = (char *)options->interface;
	argv[2] = vip;
	argv[3] = (char *)xparam;
	argv[4] = NULL;
	log_warn("Spawning [%s %s %s%s%s]", file, options->interface, vip, xparam ? " " : "", xparam ? xparam : "");

	if (!make_environment(&env, options))
		return -ENOMEM;
	err = spawn(script, file, argv, env.list);
	free(env.list);
	if (err)
		return err;

	script->source = (struct loop_source){
		.fd = (int)syscall(SYS_pidfd_open, script->pid, 0), /* glibc has it from 2.36 on only */
		.ready = script_ended,
		.ctx = script,
	};
	if (script->source.fd < 0 || loop_add(scripts->loop, &script->source)) {
		err = -errno;
		kill(-script->pid, SIGKILL);
		waitpid(script->pid, NULL, 0);
		if (script->source.fd >= 0)
			close(script->source.fd);
		close(script->error_fd);
		script->source.fd = -1;
		return err;
	}
	script->kind = kind;
	script->started_ns = now_ns;
	script->kills = 0;
	scripts->running++;
	timers_arm(scripts->timers, (uint32_t)(script - scripts->slots), now_ns + options->script_timeout_s * NS_PER_S);
	return 0;
}

static void start_or_tell(struct script *script, enum script_kind kind, uint64_t now_ns)
{
	const char *file = script_file(script->options, kind);
	int err;

	if (!file)
		return;
	err = start(script, kind, now_ns);
	if (err)
		log_error("Unable to run the script [%s]: %s (%s id %u)", file, strerror(-err), script->options->interface,
			  script->options->vhid);
}

static void log_end(const struct script *script, const siginfo_t *info, uint64_t now_ns)
{
	const struct vr_options *options = script->options;
	const char *file = script_file(options, script->kind);
	double seconds = (double)(now_ns - script->started_ns) / NS_PER_S;

	int error;

	if (read(script->error_fd, &error, sizeof(error)) == sizeof(error))
		log_error("Unable to run the script [%s]: %s (%s id %u)", file, strerror(error), options->interface,
			  options->vhid);
	else if (script->kills)
		log_error("Script [%s] killed after %.3f s: longer than --script-timeout %u (%s id %u)", file, seconds,
			  options->script_timeout_s, options->interface, options->vhid);
	else if (info->si_code == CLD_EXITED)
		log_printf(info->si_status ? LOG_ERR : LOG_INFO, "Script [%s] ended after %.3f s: exit status %d (%s id %u)",
			   file, seconds, info->si_status, options->interface, options->vhid);
	else
		log_error("Script [%s] ended after %.3f s: signal %d (%s) (%s id %u)", file, seconds, info->si_status,
			  strsignal(info->si_status), options->interface, options->vhid);
}

static void finish(struct script *script, uint64_t now_ns)
{
	forget(script);
	if (!script->has_next)
		return;
	script->has_next = false;
	start_or_tell(script, script->next, now_ns);
}

static void script_ended(void *ctx, uint64_t now_ns)
{
	struct script *script = ctx;
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)script->source.fd, &info, WEXITED | WNOHANG))
		log_error("Script [%s]: its end cannot be seen: %s", script_file(script->options, script->kind),
			  strerror(errno));
	else if (!info.si_pid)
		return;
	else
		log_end(script, &info, now_ns);
	finish(script, now_ns);
}

void scripts_run(struct scripts *scripts, uint32_t slot, enum script_kind kind, uint64_t now_ns)
{
	struct script *script = &scripts->slots[slot];
	const struct vr_options *options = script->options;

	if (script->source.fd < 0) {
		start_or_tell(script, kind, now_ns);
		return;
	}
	if (script->has_next && script_file(options, script->next) && now_ns >= script->skipped_ns + NS_PER_S) {
		script->skipped_ns = now_ns;
		log_warn("Script [%s] skipped: superseded before it could start (%s id %u)",
			 script_file(options, script->next), options->interface, options->vhid);
	}
	script->has_next = true;
	script->next = kind;
}

void scripts_timers(struct scripts *scripts, uint64_t now_ns)
{
	uint32_t slot;

	while (timers_pop(scripts->timers, now_ns, &slot)) {
		struct script *script = &scripts->slots[slot];

		if (!script->kills++)
			log_error("Script [%s] still runs after %u s: killing it (%s id %u)",
				  script_file(script->options, script->kind), script->options->script_timeout_s,
				  script->options->interface, script->options->vhid);
		if (script->kills > KILLS_MAX) {
			log_error("Script [%s] does not die: giving it up (%s id %u)",
				  script_file(script->options, script->kind), script->options->interface,
				  script->options->vhid);
			finish(script, now_ns);
			continue;
		}
		/* A process in uninterruptible sleep dies later. */
		kill(-script->pid, SIGKILL);
		timers_arm(scripts->timers, slot, now_ns + KILL_RETRY_NS);
	}
}

uint64_t scripts_deadline(const struct scripts *scripts)
{
	return timers_next(scripts->timers);
}

bool scripts_busy(const struct scripts *scripts)
{
	return scripts->running;
}
