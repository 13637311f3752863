/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a controller is made of, for the files that put it together: vrouters.c has the list of virtual routers and
 * changes it, interfaces.c the interfaces that they are on, xcarp.c everything else.
 */
#ifndef XCARP_CONTROLLER_H
#define XCARP_CONTROLLER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/deafness.h"
#include "core/options.h"
#include "core/table.h"
#include "engine/engine.h"
#include "io/control.h"
#include "io/dataplane.h"
#include "io/loop.h"
#include "io/overheard.h"
#include "io/rtnl.h"
#include "io/scripts.h"
#include "io/tx.h"
#include "keys.h"
#include "loader.h"
#include "plan.h"

#define NO_INDEX UINT32_MAX

/* A virtual router. Its index in the controller's list is its number in the engine and in the scripts, too. */
struct vrouter_slot {
	struct interface *interface;
	uint32_t map_slot; /* in `live` */
	uint32_t next; /* of the same interface, or NO_INDEX */
	uint32_t previous;
	bool is_entered; /* in the maps, on the interface as it is now */
	bool is_started; /* the engine is told of its link */
	bool has_link; /* as it was told last */
	bool is_leaving; /* stopped, and removed as soon as that is carried out */
	bool is_adopted; /* its map slot was a dead process's */
	struct deafness deafness;
};

/* --hook=auto: adverts that are refused on an interface, and XDP in front of its tc hook. */
struct flood {
	uint64_t window_ns; /* when counting began */
	uint64_t calm_ns; /* until when it counts as flooded */
	uint64_t not_before_ns; /* it could not be put in front */
	uint32_t count; /* refused since window_ns */
	bool in_front;
	bool is_changing;
};

/* A link of the host, whether virtual routers are on it or not, or a name that they wait for. */
struct interface {
	char name[XCARP_IFNAME_LEN];
	struct engine_link link; /* as the kernel told last */
	struct rtnl_place place;
	bool is_enabled; /* administratively up */
	bool is_ethernet;
	bool is_attached;
	bool has_lost_program; /* attached, but the program is to be put back; its virtual routers stay in the maps */
	bool has_claimed; /* one that another process has, which is not entered */
	struct vip own; /* an IPv4 address of the host's own that was there first, as far as is known; all zeros: none is */
	bool is_told; /* in the retelling under way */
	bool needs_anew; /* the program is to be attached anew, and another process was at the maps */
	bool forgets_program; /* its driver does, once it was down; asked when the program is attached */
	bool is_deaf_native; /* its driver was seen not to run the program */
	uint64_t attached_ns;
	struct cure cure; /* of deafness */
	uint32_t cured; /* the virtual router that was deaf, and what it had accepted by then */
	uint64_t cured_accepted;
	uint64_t attach_again_ns; /* when to try once more; UINT64_MAX: no need */
	uint64_t retry_ns; /* how long that was after the last try; 0: that one succeeded */
	uint64_t settle_ns; /* until when its link may take to come back after attaching; UINT64_MAX: it is not waited for */
	uint32_t first; /* virtual router */
	uint64_t adverts_in_256_s; /* what all of them send as masters */
	uint32_t number; /* in the controller's list */
	struct flood flood;
};

/* A change of the list under way. */
enum change_step {
	CHANGE_NONE,
	CHANGE_ADDRESSES, /* entering those that the changed ones are to have: may they? */
	CHANGE_CLAIM, /* entering the new ones; nothing that runs is touched before all are in */
	CHANGE_UPDATE,
	CHANGE_REMOVE,
	CHANGE_START,
	CHANGE_BURY,
	CHANGE_MOVED, /* entering once more those that belonged to what is buried now */
};

struct change {
	enum change_step step;
	struct plan plan;
	uint32_t at; /* in the step's list */
	uint64_t not_before_ns; /* the next piece */
	bool is_waiting; /* for a script, or for addresses to go */
	uint64_t began_ns;
	bool is_reload; /* not the list of the start */
	uint32_t named; /* changes that were told one by one, or would be if there were fewer */
	int runner_error; /* the script runner's, with the file */
};

/* An interface that was moved to another network namespace. */
struct move {
	struct moved there; /* what the runner is asked */
	enum xcarp_hook hook; /* where its program was */
	char name[XCARP_IFNAME_LEN];
};

struct prints;

struct controller {
	struct options options;
	struct vrouter_slot *slots;
	struct plan_running *running; /* options and keys, by index, for the loader to compare with */
	uint32_t capacity;
	uint32_t count; /* in use */
	uint32_t hint; /* where an unused index may be */
	struct keys *keys;
	struct change change;
	bool reload_again;

	struct interface **interfaces;
	uint32_t interface_count;
	uint32_t interface_room;
	struct table *by_name;
	struct table *by_ifindex;
	bool has_stacks; /* one stood on another */
	uint64_t attach_again_ns; /* the earliest of them */
	uint64_t floods_ns; /* when to look after floods; UINT64_MAX: there is none */
	struct move *moves; /* the runner has the first, the others wait */
	uint32_t move_count;

	bool is_in_background; /* or never will be */
	struct loop *loop;
	struct rtnl *rtnl;
	struct overheard *overheard;
	struct tx *tx;
	struct scripts *scripts;
	struct dataplane *dataplane;
	struct engine *engine;
	struct loader *loader;
	struct prints *prints;
	struct runner runner;
	struct control *control;
	struct ports ports;
	struct rtnl_events rtnl_events;
	struct control_events control_events;
	struct loop_source signals;

	uint64_t now_ns; /* of this round of the loop */
	uint32_t states[MASTER + 1]; /* virtual routers in BACKUP and in MASTER; in INIT they come and go uncounted */
	bool is_status_old; /* as the service manager was told */
	/* By the name `ucarp`: the host's own address is on the interface; was told in the retelling under way; was on that one. */
	bool has_source;
	bool is_source_told;
	uint32_t source_ifindex;
	uint64_t source_decision_ns; /* when it is to be decided about one that is gone; UINT64_MAX: there is nothing to decide */
	uint64_t unconfigured_ns; /* from then on the interface counts as taken out of use; UINT64_MAX: it does not */
	uint64_t source_hold_ns; /* until then one that comes back ends the hold; 0: no hold */
	pid_t replaced; /* by the name `ucarp`: the process that ended for this one; 0: none */
	bool is_stopping;
	bool has_told_waiting; /* that it waits for scripts */
	bool is_handing_over;
	bool is_done;
};

/* Where no comment says otherwise, functions return 0, or -errno after a logged line. */

int controller_fail(const char *what, int err);

/* xcarp.c */

/* The signals that a controller takes. */
void controller_signals(const struct controller *c, sigset_t *set);

/* With -B; once. Returns 0 or -errno, after a logged line. */
int controller_to_background(struct controller *c);

/* With --pidfile; once. The same. */
int controller_write_pidfile(const struct controller *c);

/* wait.c */

/*
 * For the plan that waits for an address, in the background if it is to be there: makes it anew whenever addresses have come, until
 * it waits no more. kept: the password from the command line; NULL: there is none. -ECANCELED: a signal told to end. From here
 * on the signals of signalfd are blocked.
 */
int wait_for_plan(struct controller *c, void *kept);

/* vrouters.c */

/*
 * The list for the first time: what it is to be, before anything of the host is touched; and then making it so. -EAGAIN: the
 * plan waits for an address.
 */
int vrouters_plan(struct controller *c);
int vrouters_start(struct controller *c);

/* Reads the file again and changes what differs, as vrouters_work() gets its turns. */
void vrouters_reload(struct controller *c);

/* A piece of a change that is under way. */
void vrouters_work(struct controller *c, uint64_t now_ns);
uint64_t vrouters_deadline(const struct controller *c);

/* A change is under way, from the reading of the file on. */
bool vrouters_changing(const struct controller *c);
void vrouters_stop(struct controller *c, uint64_t now_ns);
void vrouters_free(struct controller *c);

/* All of them, in the order of their numbers:  for (i = vrouters_next(c, NO_INDEX); i != NO_INDEX; i = ...) */
uint32_t vrouters_next(const struct controller *c, uint32_t index);

static inline const struct vr_options *vrouter_options(const struct controller *c, uint32_t index)
{
	return c->running[index].options;
}

/* interfaces.c */

/* All links of the host. */
int interfaces_find(struct controller *c);
void interfaces_free(struct controller *c);

/* The one of that name, known from now on. NULL where memory is short; that is not logged. */
struct interface *interface_named(struct controller *c, const char *name);

/*
 * Puts a virtual router on its interface, with the program and in the maps; where the interface is not there, that happens
 * when it comes. interface_leave() undoes it.
 */
int interface_join(struct controller *c, uint32_t index);
void interface_leave(struct controller *c, uint32_t index);

/*
 * The addresses that it is to have are entered as its own. 0, or -errno: -EEXIST after a logged line, another process lives by
 * one of them.
 */
int interface_enter_vips(struct controller *c, uint32_t index, const struct vr_options *options);

/* And those that it is not to have after all are not: all that are in options, but not in its own. */
void interface_remove_vips(struct controller *c, uint32_t index, const struct vr_options *options);

/*
 * Its options or key are others: the maps get what is new. True where interface_updated() is to follow, when the engine
 * has taken what is no longer wanted off the interface.
 */
bool interface_update(struct controller *c, uint32_t index, const struct vr_options *old);
void interface_updated(struct controller *c, uint32_t index, const struct vr_options *old);
void interface_tell_engine(struct controller *c, uint32_t index, uint64_t now_ns);

/* Those that could not be used a while ago. */
void interfaces_try_again(struct controller *c, uint64_t now_ns);
void interfaces_lose(struct controller *c);

/*
 * In words, for people, what keeps interfaces from being used: `waits for eth0`. Empty: nothing does. Of many only some are
 * named.
 */
void interfaces_describe(const struct controller *c, char *text, size_t room);

/*
 * Its program is there and does not run: attaches it anew, and where the driver was seen not to run it, outside the driver. False:
 * it could not be tried now; where it failed, its virtual routers have lost the interface.
 */
bool interface_attach_anew(struct controller *c, struct interface *interface, uint64_t now_ns);

/* What rtnetlink tells; around a retelling, the ones that are not told are gone. */
void interfaces_resync_begin(struct controller *c);
void interfaces_resync_end(struct controller *c, uint64_t now_ns);
void interfaces_link(struct controller *c, const struct rtnl_link *link, uint64_t now_ns);

/* An IPv4 address of the host's own has come or gone. */
void interfaces_own_address(struct controller *c, uint32_t ifindex, const struct rtnl_own *own, uint64_t now_ns);

/* The one of that number, or NULL. */
struct interface *interface_of(struct controller *c, uint32_t ifindex);

/* Has it tried once more then, or when something else is due before. */
void interface_try_at(struct controller *c, struct interface *interface, uint64_t at_ns);

/* stacks.c */

/* Why the program is of no use in this interface's driver, for the user; NULL: it is of use. */
const char *stacks_no_use_of_native(const struct interface *interface);

/* Is upper, with a program, a device on top of lower, or a bond or bridge that lower is a part of? */
bool stacks_stands_on(const struct interface *upper, const struct interface *lower);

/*
 * The kernel neither attaches nor detaches where others stand on it that have a program: those go off first, and come back on
 * later. stacks_take_off_above() tells whether there are any, and stacks_put_back_above() is then due.
 */
bool stacks_take_off_above(struct controller *c, const struct interface *lower);
void stacks_put_back_above(struct controller *c, const struct interface *lower, uint64_t now_ns);

/* Tells of an address on a part of a bond or bridge, where nobody reaches it. */
void stacks_warn_of_port(struct controller *c, const struct interface *interface);

/* A virtual router has been entered into the maps: the same one may be on an interface below or above. */
void stacks_note_twins(struct controller *c, uint32_t index);

/* moves.c */

/* The link of an attached interface has gone to another network namespace: its program is taken off there. */
void moves_add(struct controller *c, const struct interface *interface, const struct rtnl_link *link);

/* floods.c */

/* Adverts for a virtual router were refused: count of them, since the last time. */
void floods_notice(struct controller *c, uint32_t index, uint32_t count, uint64_t now_ns);
uint64_t floods_deadline(const struct controller *c);
void floods_timers(struct controller *c, uint64_t now_ns);
void floods_front_done(struct controller *c, struct interface *interface, bool in_front, int err, uint64_t now_ns);

/* Its program is gone. */
void floods_forget(struct interface *interface);

/* prints.c */

/* NULL where something is lacking. */
struct prints *prints_new(struct controller *c);
void prints_free(struct prints *prints);

/* The virtual router is new, or its key is: what may be seen of it goes into `live`, and its fingerprint is missing. */
void prints_publish(struct controller *c, uint32_t index);

/* Has those made that are missing, in the background. */
void prints_make(struct controller *c);
uint64_t prints_deadline(const struct controller *c);

/* deaf.c */

/* What the stack was heard to receive. */
bool deaf_advert(void *ctx, const struct overheard_advert *advert, uint64_t now_ns);

#endif
