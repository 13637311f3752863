// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `demote`, `promote` and `release`: asks the processes that own the virtual routers. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/request.h"
#include "ctl/command.h"
#include "ctl/maps.h"
#include "ctl/owners.h"
#include "ctl/snapshot.h"
#include "ctl/text.h"

#define ANSWER_MS 2000
#define LOOK_MS 20
#define NS_PER_S 1000000000ull

static const char *const done_words[] = {
	[COMMAND_DEMOTE] = "demoted",
	[COMMAND_PROMOTE] = "promoted",
	[COMMAND_RELEASE] = "released",
};

/* Returns 0 or -errno; *done grows. */
static int ask(int fd, const struct xcarp_request *request, size_t *done)
{
	size_t len = offsetof(struct xcarp_request, vrouters) + request->count * sizeof(request->vrouters[0]);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	struct xcarp_reply reply;
	uint32_t found;
	ssize_t n;
	int err;

	/* Who is refused has been answered already, and hung up on. */
	if (send(fd, request, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	if (poll(&answer, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && errno == ECONNRESET)
		n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC);
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	err = reply_read(&reply, (size_t)n, request->count ? request->count : UINT32_MAX, &found);
	*done += found;
	return err;
}

static const char *why(int err)
{
	switch (err) {
	case -ECONNREFUSED:
	case -ECONNRESET:
		return "it is dead; the next xcarp that starts here cleans up after it";
	case -ETIMEDOUT:
	case -EAGAIN:
		return "it does not answer; is it stopped?";
	case -EPROTO:
		return "it is of another version than this xcarpctl";
	case -EPERM:
		return "only root, the user that it runs as, and the group of its --control-group may ask";
	default:
		return strerror(-err);
	}
}

static void tell_done(size_t done, enum xcarp_command command)
{
	struct text text = { 0 };

	text_printf(&text, "%zu virtual router%s %s\n", done, done == 1 ? "" : "s", done_words[command]);
	text_print(&text);
	text_free(&text);
}

/* Who may not read the maps may still be in the group that may ask: of all, for lack of knowing them. */
static int ask_unseen(enum xcarp_command command)
{
	const struct xcarp_request request = { .abi_version = XCARP_ABI_VERSION, .command = command };
	int status = EXIT_SUCCESS;
	size_t done = 0, answers = 0;

	for (uint32_t owner = 0; owner < XCARP_OWNERS_MAX; owner++) {
		int fd = owner_connect(owner), err = fd < 0 ? fd : ask(fd, &request, &done);

		if (fd >= 0)
			close(fd);
		answers += !err;
		if (err && err != -ECONNREFUSED)
			status = tell_no("owner %u: %s", owner, why(err));
	}
	if (!status && !answers)
		return tell("no xcarp answers in this network namespace");
	tell_done(done, command);
	return status;
}

/* All wanted virtual routers of one owner, a packet after the other. */
static int ask_owner(const struct snapshot *snapshot, uint32_t owner, enum xcarp_command command, size_t *done)
{
	struct xcarp_request request = { .abi_version = XCARP_ABI_VERSION, .command = command };
	int fd = owner_connect(owner), err = fd < 0 ? fd : 0;

	for (size_t i = 0; !err && i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		if (vr->owner != owner || !vr->has_entry)
			continue;
		request.vrouters[request.count++] = (struct xcarp_request_vr){ vr->entry.index, vr->entry.generation };
		if (request.count < XCARP_REQUEST_MAX)
			continue;
		err = ask(fd, &request, done);
		request.count = 0;
	}
	if (!err && request.count)
		err = ask(fd, &request, done);
	if (fd >= 0)
		close(fd);
	return err;
}

static bool has_followed(const struct vr_live *live, enum xcarp_command command)
{
	switch (command) {
	case COMMAND_DEMOTE:
		return live->hold == DEMOTED && live->state != MASTER;
	case COMMAND_PROMOTE:
		return live->hold == PROMOTED && live->state == MASTER;
	default:
		return live->hold == NOT_HELD;
	}
}

/* Of those that were asked and are still the same, how many have not done what was asked. */
static size_t count_behind(const struct snapshot *snapshot, const struct maps *maps, enum xcarp_command command)
{
	size_t behind = 0;

	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];
		const struct vr_live *live = &maps_live(maps)[vr->slot];

		behind += vr->owner_health != OWNER_DEAD && vr->has_entry && live->generation == vr->live.generation && !has_followed(live, command);
	}
	return behind;
}

static int await(const struct snapshot *snapshot, const struct maps *maps, enum xcarp_command command, double wait_s)
{
	uint64_t until_ns = clock_now_ns(CLOCK_MONOTONIC) + (uint64_t)(wait_s * (double)NS_PER_S);
	size_t behind;

	while ((behind = count_behind(snapshot, maps, command))) {
		if (clock_now_ns(CLOCK_MONOTONIC) >= until_ns)
			return tell_no("%zu virtual router%s not %s after %g s", behind, behind == 1 ? " is" : "s are", done_words[command],
				    wait_s);
		poll(NULL, 0, LOOK_MS);
	}
	return EXIT_SUCCESS;
}

static int ask_all(const struct snapshot *snapshot, const struct maps *maps, const struct command_options *options,
		   enum xcarp_command command)
{
	int status = EXIT_SUCCESS;
	size_t done = 0, absent = 0, orphaned = 0;
	bool is_asked, is_unfit = snapshot_tell_unfit(snapshot, &options->filter);

	if (!snapshot->count)
		return is_unfit ? CTL_UNKNOWN : tell_no("no virtual router fits; `xcarpctl status` shows all");
	for (size_t i = 0; i < snapshot->owner_count; i++) {
		const struct owner *owner = &snapshot->owners[i];
		int err = ask_owner(snapshot, owner->index, command, &done);

		if (err && (owner->health != OWNER_DEAD || err != -ECONNREFUSED))
			status = tell_no("process %u: %s", owner->shared.pid, why(err));
	}
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		orphaned += vr->owner_health == OWNER_DEAD;
		absent += vr->owner_health != OWNER_DEAD && !vr->has_entry;
	}
	tell_done(done, command);
	is_asked = !status && done;
	if (absent)
		status = tell_no("%zu virtual router%s left alone: no interface", absent, absent == 1 ? " was" : "s were");
	if (orphaned)
		status = tell_no("%zu virtual router%s left alone: the process that owned %s is dead (see xcarpctl status)", orphaned,
			      orphaned == 1 ? " was" : "s were", orphaned == 1 ? "it" : "them");
	if (!status && !done)
		status = tell_no("they are gone by now");
	if (is_asked && options->wait_s > 0)
		status = await(snapshot, maps, command, options->wait_s) ?: status;
	return is_unfit ? CTL_UNKNOWN : status;
}

int request_run(const struct command_options *options, enum xcarp_command command)
{
	struct snapshot snapshot;
	struct maps maps;
	char error[CTL_ERROR_LEN];
	int status, err;

	if (options->filter.count && options->all)
		return tell("--all and a filter: say one of them");
	if (!options->filter.count && !options->all)
		return tell("say which virtual routers: eth0/10, -i eth0, -s master, ... or --all");
	err = maps_open(&maps, error);
	if ((err == -EACCES || err == -EPERM) && options->all && options->wait_s <= 0)
		return ask_unseen(command);
	if (err)
		return tell("%s", error);
	if (snapshot_take(&snapshot, &maps, &options->filter, error)) {
		status = tell("%s", error);
	} else {
		status = ask_all(&snapshot, &maps, options, command);
		snapshot_free(&snapshot);
	}
	maps_close(&maps);
	return status;
}
