// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "scripts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/timers.h"
#include "io/log.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define KILL_RETRY_NS NS_PER_S
#define KILLS_MAX 5
#define END_WAIT_MS 500 /* for killed scripts and the runner, when we end */
#define STARTS_AT_ONCE 4 /* a log line each, and adverts are to go out in between */
#define RUNNING_MAX 64
#define NO_SLOT UINT32_MAX

struct script {
	struct scripts *scripts;
	uint32_t slot;
	const struct vr_options *options;
	uint32_t run; /* its number; 0: nothing runs */
	enum script_kind kind; /* of what runs */
	char *file; /* what runs */
	uint64_t started_ns;
	unsigned int kills; /* since its time was over */
	uint64_t skipped_ns; /* when a skipped one was last told */
	bool has_next;
	enum script_kind next;
	bool waits; /* for others to end, in line */
	uint32_t behind; /* slot of who waits behind it */
};

struct scripts {
	struct loop *loop;
	struct runner runner;
	struct loop_source answers;
	struct loop_source death; /* the runner's */
	scripts_ended *ended;
	void *ended_ctx;
	scripts_read_done *read_done; /* NULL: it was not asked */
	void *read_ctx;
	scripts_taken_off *take_off_done; /* NULL: it was not asked */
	void *take_off_ctx;
	uint32_t last_run;
	struct timers *timers;
	uint32_t capacity;
	uint32_t running;
	unsigned int starts_left; /* in this round of the loop */
	uint32_t first; /* in line, or NO_SLOT */
	uint32_t last;
	struct script **slots; /* NULL: has no scripts */
};

/* The runner. */

static int ask(struct scripts *scripts, const struct runner_request *request)
{
	ssize_t n;

	if (scripts->runner.fd < 0)
		return -ECHILD;
	n = send(scripts->runner.fd, request, sizeof(*request), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

static void answers_ready(void *ctx, uint64_t now_ns);
static void runner_died(void *ctx, uint64_t now_ns);

static int watch_runner(struct scripts *scripts, const struct runner *runner)
{
	int err;

	if (runner->fd < 0)
		return 0;
	scripts->answers = (struct loop_source){ .fd = runner->fd, .ready = answers_ready, .ctx = scripts };
	scripts->death = (struct loop_source){ .fd = runner->pidfd, .ready = runner_died, .ctx = scripts };
	err = loop_add(scripts->loop, &scripts->answers) ?: loop_add(scripts->loop, &scripts->death);
	if (!err)
		scripts->runner = *runner;
	return err;
}

struct scripts *scripts_new(struct loop *loop, const struct runner *runner, uint32_t capacity, scripts_ended *ended, void *ctx)
{
	struct scripts *scripts = calloc(1, sizeof(*scripts));

	if (!scripts)
		return NULL;
	scripts->loop = loop;
	scripts->ended = ended;
	scripts->ended_ctx = ctx;
	scripts->runner.fd = -1;
	scripts->first = NO_SLOT;
	scripts->starts_left = STARTS_AT_ONCE;
	scripts->timers = timers_new(capacity);
	scripts->slots = calloc(capacity, sizeof(struct script *));
	scripts->capacity = scripts->slots ? capacity : 0;
	if (scripts->timers && scripts->slots && !watch_runner(scripts, runner))
		return scripts;
	scripts_free(scripts);
	return NULL;
}

bool scripts_grow(struct scripts *scripts, uint32_t capacity)
{
	struct script **slots;

	if (capacity <= scripts->capacity)
		return true;
	slots = reallocarray(scripts->slots, capacity, sizeof(struct script *));
	if (!slots)
		return false;
	memset(slots + scripts->capacity, 0, (capacity - scripts->capacity) * sizeof(struct script *));
	scripts->slots = slots;
	if (!timers_grow(scripts->timers, capacity))
		return false;
	scripts->capacity = capacity;
	return true;
}

static void forget(struct script *script)
{
	struct scripts *scripts = script->scripts;

	script->run = 0;
	free(script->file);
	script->file = NULL;
	scripts->running--;
	timers_arm(scripts->timers, script->slot, TIMERS_NEVER);
}

static void kill_run(struct script *script)
{
	ask(script->scripts, &(struct runner_request){ .ask = ASK_KILL, .run = script->run });
}

static void forget_runner(struct scripts *scripts)
{
	if (scripts->runner.fd < 0)
		return;
	loop_remove(scripts->loop, &scripts->answers);
	loop_remove(scripts->loop, &scripts->death);
	close(scripts->runner.fd);
	close(scripts->runner.pidfd);
	scripts->runner.fd = -1;
}

/* Kills what still runs, and lets the runner end, but does not wait for long. */
static void end_runner(struct scripts *scripts)
{
	uint64_t until_ns = loop_now_ns() + END_WAIT_MS * NS_PER_MS;
	pid_t pid = scripts->runner.pid;

	for (uint32_t slot = 0; slot < scripts->capacity; slot++) {
		struct script *script = scripts->slots[slot];

		if (!script)
			continue;
		script->has_next = false;
		if (script->run)
			kill_run(script);
	}
	while ((scripts->running || scripts->take_off_done) && scripts->runner.fd >= 0 && loop_now_ns() < until_ns) {
		struct pollfd answer = { .fd = scripts->runner.fd, .events = POLLIN };

		if (poll(&answer, 1, END_WAIT_MS) <= 0 || answer.revents & POLLHUP)
			break;
		answers_ready(scripts, loop_now_ns());
	}
	if (scripts->runner.fd < 0)
		return;
	shutdown(scripts->runner.fd, SHUT_RDWR);
	poll(&(struct pollfd){ .fd = scripts->runner.pidfd, .events = POLLIN }, 1, END_WAIT_MS);
	waitpid(pid, NULL, WNOHANG);
	forget_runner(scripts);
}

void scripts_free(struct scripts *scripts)
{
	if (!scripts)
		return;
	end_runner(scripts);
	for (uint32_t slot = 0; slot < scripts->capacity; slot++) {
		struct script *script = scripts->slots[slot];

		if (script)
			free(script->file);
		free(script);
	}
	timers_free(scripts->timers);
	free(scripts->slots);
	free(scripts);
}

int scripts_set(struct scripts *scripts, uint32_t slot, const struct vr_options *options)
{
	struct script *script = scripts->slots[slot];

	if (!script) {
		if (!options->upscript && !options->downscript)
			return 0;
		script = calloc(1, sizeof(*script));
		if (!script)
			return -ENOMEM;
		*script = (struct script){ .scripts = scripts, .slot = slot };
		scripts->slots[slot] = script;
	}
	script->options = options;
	return 0;
}

bool scripts_slot_busy(const struct scripts *scripts, uint32_t slot)
{
	const struct script *script = scripts->slots[slot];

	return script && (script->run || script->waits);
}

void scripts_unset(struct scripts *scripts, uint32_t slot)
{
	free(scripts->slots[slot]);
	scripts->slots[slot] = NULL;
}

static int start(struct script *script, const char *file, enum script_kind kind, uint64_t now_ns)
{
	const struct vr_options *options = script->options;
	struct scripts *scripts = script->scripts;
	struct runner_request request = { .ask = ASK_RUN, .slot = script->slot };
	char vip[VIP_TEXT_LEN];
	int err;

	log_warn("Spawning [%s %s %s%s%s]", file, options->interface, vip_format(&options->vips[0], false, vip),
		 options->xparam ? " " : "", options->xparam ? options->xparam : "");
	scripts->last_run += scripts->last_run == UINT32_MAX ? 2 : 1;
	request.run = scripts->last_run;
	runner_digest(request.digest, options, kind);
	err = ask(scripts, &request);
	if (err)
		return err;
	script->run = request.run;
	script->kind = kind;
	script->file = strdup(file);
	script->started_ns = now_ns;
	script->kills = 0;
	scripts->running++;
	timers_arm(scripts->timers, script->slot, now_ns + options->script_timeout_s * NS_PER_S);
	return 0;
}

static void log_failed(const struct script *script, const char *file, const char *why)
{
	log_error("Unable to run the script [%s]: %s (%s id %u)", file, why, script->options->interface,
		  script->options->vhid);
}

static void start_or_tell(struct script *script, enum script_kind kind, uint64_t now_ns)
{
	const char *file = runner_file(script->options, kind);
	int err;

	if (!file)
		return;
	err = start(script, file, kind, now_ns);
	if (!err)
		return;
	log_failed(script, file, err == -ECHILD ? "the script runner has died; restart xcarp" : strerror(-err));
	script->scripts->ended(script->scripts->ended_ctx, script->slot, kind);
}

static const char *name_of(const struct script *script)
{
	return script->file ? script->file : "?";
}

static void log_end(const struct script *script, const struct runner_answer *answer, uint64_t now_ns)
{
	const struct vr_options *options = script->options;
	const char *file = name_of(script);
	double seconds = (double)(now_ns - script->started_ns) / NS_PER_S;

	if (answer->tell == TELL_FAILED)
		log_failed(script, file, strerror(answer->value));
	else if (answer->tell == TELL_REFUSED)
		log_failed(script, file, "the script runner has read no virtual router with this command; reload or restart");
	else if (script->kills)
		log_error("Script [%s] killed after %.3f s: longer than --script-timeout %u (%s id %u)", file, seconds,
			  options->script_timeout_s, options->interface, options->vhid);
	else if (answer->value == CLD_EXITED)
		log_printf(answer->status ? LOG_ERR : LOG_INFO, "Script [%s] ended after %.3f s: exit status %d (%s id %u)",
			   file, seconds, answer->status, options->interface, options->vhid);
	else
		log_error("Script [%s] ended after %.3f s: signal %d (%s) (%s id %u)", file, seconds, answer->status,
			  strsignal(answer->status), options->interface, options->vhid);
}

static void start_or_wait(struct script *script, uint64_t now_ns)
{
	struct scripts *scripts = script->scripts;

	if (!runner_file(script->options, script->next)) {
		script->has_next = false;
	} else if (scripts->starts_left && scripts->running < RUNNING_MAX) {
		scripts->starts_left--;
		script->has_next = false;
		start_or_tell(script, script->next, now_ns);
	} else if (!script->waits) {
		script->waits = true;
		script->behind = NO_SLOT;
		if (scripts->first == NO_SLOT)
			scripts->first = script->slot;
		else
			scripts->slots[scripts->last]->behind = script->slot;
		scripts->last = script->slot;
	}
}

static void finish(struct script *script, uint64_t now_ns)
{
	struct scripts *scripts = script->scripts;

	forget(script);
	if (script->has_next)
		start_or_wait(script, now_ns);
	else
		scripts->ended(scripts->ended_ctx, script->slot, script->kind);
}

/* One that was given up may still end. */
static struct script *find_run(const struct scripts *scripts, const struct runner_answer *answer)
{
	struct script *script = answer->slot < scripts->capacity ? scripts->slots[answer->slot] : NULL;

	return script && script->run && script->run == answer->run ? script : NULL;
}

static void end_read(struct scripts *scripts, int error, uint64_t now_ns)
{
	scripts_read_done *done = scripts->read_done;

	scripts->read_done = NULL;
	if (done)
		done(scripts->read_ctx, error, now_ns);
}

static void end_take_off(struct scripts *scripts, int result)
{
	scripts_taken_off *done = scripts->take_off_done;

	scripts->take_off_done = NULL;
	if (done)
		done(scripts->take_off_ctx, result);
}

static void answers_ready(void *ctx, uint64_t now_ns)
{
	struct scripts *scripts = ctx;
	struct runner_answer answer;
	struct script *script;
	ssize_t len = recv(scripts->runner.fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len != sizeof(answer)) {
		/* Its end; runner_died() is told of it, too. */
		loop_remove(scripts->loop, &scripts->answers);
		return;
	}
	if (answer.tell == TELL_READ) {
		end_read(scripts, -answer.value, now_ns);
		return;
	}
	if (answer.tell == TELL_TAKEN_OFF) {
		end_take_off(scripts, answer.value);
		return;
	}
	script = find_run(scripts, &answer);
	if (!script)
		return;
	log_end(script, &answer, now_ns);
	finish(script, now_ns);
}

/* It cannot be started again: what it could do, this process no longer can. */
static void runner_died(void *ctx, uint64_t now_ns)
{
	struct scripts *scripts = ctx;
	pid_t pid = scripts->runner.pid;

	waitpid(pid, NULL, WNOHANG);
	forget_runner(scripts);
	log_error("the script runner (process %d) has died: no more scripts are run until xcarp is restarted", pid);
	for (uint32_t slot = 0; slot < scripts->capacity; slot++) {
		struct script *script = scripts->slots[slot];

		if (!script || !script->run)
			continue;
		log_error("Script [%s]: how it ends is not known any more (%s id %u)", name_of(script),
			  script->options->interface, script->options->vhid);
		finish(script, now_ns);
	}
	end_read(scripts, 0, now_ns);
	end_take_off(scripts, -ECHILD);
}

int scripts_take_off(struct scripts *scripts, const struct moved *moved, scripts_taken_off *done, void *ctx)
{
	int err = ask(scripts, &(struct runner_request){ .ask = ASK_TAKE_OFF, .moved = *moved });

	if (err)
		return err;
	scripts->take_off_done = done;
	scripts->take_off_ctx = ctx;
	return 0;
}

int scripts_read(struct scripts *scripts, scripts_read_done *done, void *ctx)
{
	int err = ask(scripts, &(struct runner_request){ .ask = ASK_READ });

	if (err)
		return err;
	scripts->read_done = done;
	scripts->read_ctx = ctx;
	return 0;
}

bool scripts_reading(const struct scripts *scripts)
{
	return scripts->read_done;
}

void scripts_keep(struct scripts *scripts, bool is_new)
{
	ask(scripts, &(struct runner_request){ .ask = is_new ? ASK_KEEP : ASK_FORGET });
}

void scripts_detach(struct scripts *scripts, bool leave_directory)
{
	ask(scripts, &(struct runner_request){ .ask = ASK_DETACH, .value = leave_directory });
}

void scripts_run(struct scripts *scripts, uint32_t slot, enum script_kind kind, uint64_t now_ns)
{
	struct script *script = scripts->slots[slot];

	if (!script)
		return;
	if (script->has_next && runner_file(script->options, script->next) && now_ns >= script->skipped_ns + NS_PER_S) {
		script->skipped_ns = now_ns;
		log_warn("Script [%s] skipped: superseded before it could start (%s id %u)",
			 runner_file(script->options, script->next), script->options->interface, script->options->vhid);
	}
	script->has_next = true;
	script->next = kind;
	if (!script->run)
		start_or_wait(script, now_ns);
}

static void serve_line(struct scripts *scripts, uint64_t now_ns)
{
	scripts->starts_left = STARTS_AT_ONCE;
	while (scripts->first != NO_SLOT && scripts->starts_left && scripts->running < RUNNING_MAX) {
		struct script *script = scripts->slots[scripts->first];

		scripts->first = script->behind;
		script->waits = false;
		if (script->has_next && !script->run)
			start_or_wait(script, now_ns);
	}
}

void scripts_timers(struct scripts *scripts, uint64_t now_ns)
{
	uint32_t slot;

	while (timers_pop(scripts->timers, now_ns, &slot)) {
		struct script *script = scripts->slots[slot];

		if (!script->kills++)
			log_error("Script [%s] still runs after %u s: killing it (%s id %u)",
				  name_of(script), script->options->script_timeout_s, script->options->interface,
				  script->options->vhid);
		if (script->kills > KILLS_MAX) {
			log_error("Script [%s] does not die: giving it up (%s id %u)",
				  name_of(script), script->options->interface, script->options->vhid);
			finish(script, now_ns);
			continue;
		}
		/* A process in uninterruptible sleep dies later. */
		kill_run(script);
		timers_arm(scripts->timers, slot, now_ns + KILL_RETRY_NS);
	}
	serve_line(scripts, now_ns);
}

uint64_t scripts_deadline(const struct scripts *scripts)
{
	/* In line for the next round of the loop; else for one that runs to end. */
	if (scripts->first != NO_SLOT && scripts->running < RUNNING_MAX)
		return 0;
	return timers_next(scripts->timers);
}

bool scripts_busy(const struct scripts *scripts)
{
	return scripts->running || scripts->first != NO_SLOT;
}
