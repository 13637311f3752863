// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ucarp.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/election.h"
#include "io/bpffs.h"
#include "io/log.h"
#include "io/maps.h"
#include "io/owners.h"
#include "io/process.h"
#include "io/stopped.h"

#define HAND_OVER_MS 5000 /* with what its scripts take */
#define SECOND_SIGNAL_MS 500
#define END_MS 5000
#define RENEWAL_NS 2000000ull
#define VANISHING_NS 100000000ull

/* The only one. NULL: it is not there yet, or no more. */
static const struct vr_options *options_of(const struct controller *c, uint32_t *index)
{
	if (!c->options.is_ucarp || c->options.config)
		return NULL;
	*index = vrouters_next(c, NO_INDEX);
	return *index == NO_INDEX ? NULL : vrouter_options(c, *index);
}

/* The process before us. */

static bool is_same(const struct xcarp_owner *owner, const struct vr_options *options)
{
	return owner->vhid == options->vhid && owner->group == options->group &&
	       !strncmp(owner->interface, options->interface, sizeof(owner->interface));
}

/*
 * 0: there is none, or none that can be seen from here. The number is the kernel's: what a process of another process namespace
 * has written into the map is somebody else here.
 */
static pid_t find(const struct maps *maps, const struct vr_options *options)
{
	for (uint32_t index = 0; index < XCARP_OWNERS_MAX; index++) {
		pid_t pid = 0;

		if (maps->owners[index].pid && is_same(&maps->owners[index], options) && owner_lives(index, &pid) &&
		    pid)
			return pid;
	}
	return 0;
}

static bool has_ended(int pidfd, int timeout_ms)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&ended, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static bool ask(int pidfd, int signal, int timeout_ms)
{
	syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	return has_ended(pidfd, timeout_ms);
}

/*
 * A script of its may wait for the ifup that waits for us, so it does not get for ever: TERM ends it with a bow-out, and a
 * second one does not wait for scripts.
 */
static bool end(int pidfd)
{
	return ask(pidfd, SIGRTMIN, HAND_OVER_MS) || ask(pidfd, SIGTERM, SECOND_SIGNAL_MS) ||
	       ask(pidfd, SIGTERM, END_MS);
}

/* What would make the start fail when the one before has ended. Its own pidfile is free then. */
static int check_before(const struct controller *c, const struct vr_options *options, pid_t pid)
{
	const char *pidfile = c->options.pidfile;

	if (process_is_stopped(pid)) {
		log_error("%s: process %d, which has virtual router %u, is stopped and cannot hand over; let it go on "
			  "(`kill -CONT %d`) or end it (`kill -KILL %d`)",
			  options->interface, (int)pid, options->vhid, (int)pid, (int)pid);
		return -EBUSY;
	}
	return pidfile && process_pidfile_holder(pidfile) == pid ? 0 : controller_write_pidfile(c);
}

/* Returns the pid of the one that has ended, 0: there is none, or -errno after a logged line. */
static pid_t replace(const struct controller *c, const struct maps *maps, const struct vr_options *options)
{
	pid_t pid = find(maps, options);
	int pidfd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, err = 0;

	if (pidfd < 0)
		return 0;
	/* The number may have become another's before it was opened. */
	if (find(maps, options) != pid)
		pid = 0;
	else
		err = check_before(c, options, pid);
	if (pid && !err) {
		log_info("%s: process %d has virtual router %u: taking its place", options->interface, (int)pid,
			 options->vhid);
		if (!end(pidfd)) {
			log_error("%s: process %d, which has virtual router %u, does not end; `kill -KILL %d`",
				  options->interface, (int)pid, options->vhid, (int)pid);
			err = -EBUSY;
		}
	}
	close(pidfd);
	return err ? err : pid;
}

int ucarp_replace(struct controller *c)
{
	struct bpffs_dir dir = { .fd = -1, .root_fd = -1 };
	struct maps maps;
	int err;

	if (!c->options.is_ucarp || c->options.config)
		return 0;
	err = bpffs_find(&dir);
	if (err)
		return err;
	maps_init(&maps);
	err = maps_open(&maps, dir.path);
	if (err)
		controller_fail(dir.path, err);
	else
		err = replace(c, &maps, c->change.plan.adds[0].options);
	maps_close(&maps);
	bpffs_close(&dir);
	if (err <= 0)
		return err;
	c->replaced = err;
	dataplane_ended(c->dataplane);
	return 0;
}

void ucarp_give_up(struct controller *c, uint64_t now_ns)
{
	const struct vr_options *options = c->change.plan.add_count ? c->change.plan.adds[0].options : NULL;
	uint32_t index;

	log_error("the start failed after process %d had ended for it: nobody goes on with its virtual router, and its "
		  "addresses are taken off",
		  (int)c->replaced);
	/* Ours already, or still its. */
	if (!options || options_of(c, &index))
		return;
	dataplane_bury(c->dataplane, options, if_nametoindex(options->interface));
	/* The addresses may be its up script's. */
	if (c->capacity && !scripts_set(c->scripts, 0, options))
		scripts_run(c->scripts, 0, SCRIPT_DOWN, now_ns);
}

void ucarp_note(struct controller *c)
{
	struct xcarp_owner *owner = dataplane_owner(c->dataplane);
	const struct vr_options *options;
	uint32_t index;

	options = options_of(c, &index);
	if (!options)
		return;
	snprintf(owner->interface, sizeof(owner->interface), "%s", options->interface);
	owner->group = options->group;
	if (!options->manage_vips)
		log_info("%s: the addresses of virtual router %u are the scripts' to add and to remove",
			 options->interface, options->vhid);
	__atomic_store_n(&owner->vhid, options->vhid, __ATOMIC_RELEASE);
}

/* The interface. */

/* Whoever renews it takes it off and puts it on again. A longer moment would be over after ifdown has taken the link down. */
static void own_address_gone(struct controller *c, uint64_t now_ns)
{
	c->has_source = false;
	c->source_decision_ns = now_ns + RENEWAL_NS;
}

static void own_address_there(struct controller *c, uint32_t index, uint64_t now_ns)
{
	c->has_source = true;
	c->source_decision_ns = UINT64_MAX;
	if (now_ns < c->source_hold_ns)
		engine_source_is(c->engine, index, true, now_ns);
	c->source_hold_ns = 0;
}

void ucarp_address(struct controller *c, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns)
{
	uint32_t index;
	const struct vr_options *options = options_of(c, &index);

	if (!options || address->ip_version != 4 ||
	    memcmp(address->address, &options->source, sizeof(options->source)) || !c->slots[index].interface ||
	    c->slots[index].interface->link.ifindex != ifindex)
		return;
	c->is_source_told = present;
	if (present) {
		c->source_ifindex = ifindex;
		own_address_there(c, index, now_ns);
	} else if (c->has_source) {
		own_address_gone(c, now_ns);
	}
}

void ucarp_resync_begin(struct controller *c)
{
	c->is_source_told = false;
}

void ucarp_resync_end(struct controller *c, uint64_t now_ns)
{
	if (c->has_source && !c->is_source_told)
		own_address_gone(c, now_ns);
}

static bool is_unconfigured(const struct controller *c)
{
	uint32_t index;
	const struct interface *interface;

	if (!options_of(c, &index) || c->has_source)
		return false;
	interface = c->slots[index].interface;
	/* One that is made anew is down and without addresses at first. */
	return interface && interface->link.ifindex && interface->link.ifindex == c->source_ifindex &&
	       !interface->is_enabled;
}

/* One that vanishes is down and without addresses before it is gone. */
static void watch_interface(struct controller *c, uint64_t now_ns)
{
	if (!is_unconfigured(c))
		c->unconfigured_ns = UINT64_MAX;
	else if (c->unconfigured_ns == UINT64_MAX)
		c->unconfigured_ns = now_ns + VANISHING_NS;
}

static void watch_source(struct controller *c, uint64_t now_ns)
{
	uint32_t index;

	if (now_ns < c->source_decision_ns)
		return;
	c->source_decision_ns = UINT64_MAX;
	if (!options_of(c, &index) || dataplane_live(c->dataplane, c->slots[index].map_slot)->state != MASTER)
		return;
	c->source_hold_ns = now_ns + ELECTION_HOLD_NS;
	engine_source_is(c->engine, index, false, now_ns);
}

uint64_t ucarp_deadline(const struct controller *c)
{
	if (c->is_stopping || c->is_handing_over)
		return UINT64_MAX;
	return c->source_decision_ns < c->unconfigured_ns ? c->source_decision_ns : c->unconfigured_ns;
}

void ucarp_timers(struct controller *c, uint64_t now_ns)
{
	watch_source(c, now_ns);
	watch_interface(c, now_ns);
}

bool ucarp_is_unconfigured(const struct controller *c, uint64_t now_ns)
{
	return now_ns >= c->unconfigured_ns;
}
