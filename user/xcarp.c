// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The controller's wiring: options to adapters to engine, then the loop. What a virtual router does is decided in
 * core/election.c and carried out by engine.c; here is only who is connected to whom, and in which order things start and
 * end.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "cleanup.h"
#include "controller.h"
#include "io/journald.h"
#include "io/kernel.h"
#include "io/log.h"
#include "io/notify.h"
#include "io/privileges.h"
#include "io/process.h"
#include "io/secret.h"
#include "io/syslogd.h"
#include "runner.h"
#include "ucarp.h"
#include "version.h"

#define NS_PER_MS 1000000ull
#define STATES_TOLD_MAX 256 /* log lines at USR1 */

/* The engine's ports. */

static uint64_t port_random64(void *ctx)
{
	(void)ctx;
	return secret_random64();
}

static uint64_t port_realtime_ns(void *ctx)
{
	(void)ctx;
	return loop_realtime_ns();
}

static void port_drain(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	dataplane_drain(c->dataplane, now_ns);
}

static void port_frame_send(void *ctx, uint32_t index, uint32_t ifindex, bool is_advert, const uint8_t *frame, size_t len)
{
	struct controller *c = ctx;

	tx_queue(c->tx, index, ifindex, is_advert, frame, len, c->now_ns);
}

static void port_frames_flush(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	tx_flush(c->tx, now_ns);
}

static void port_frame_repeat(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	struct controller *c = ctx;

	tx_repeat(c->tx, ifindex, frame, len, count);
}

static void port_vip_add(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;
	const struct vr_options *options = vrouter_options(c, index);
	char label[2 * XCARP_IFNAME_LEN];

	snprintf(label, sizeof(label), "%s:%s", options->interface, options->label ? options->label : "");
	dataplane_vip_held(c->dataplane, c->slots[index].map_slot, options->vhid, ifindex, vip, true);
	rtnl_vip_add(c->rtnl, index, ifindex, vip, options->label ? label : NULL);
}

static void port_vip_del(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;

	rtnl_vip_del(c->rtnl, index, ifindex, vip);
}

static void port_vips_flush(void *ctx)
{
	struct controller *c = ctx;

	rtnl_flush(c->rtnl);
}

static void port_script_run(void *ctx, uint32_t index, enum script_kind kind, uint64_t now_ns)
{
	struct controller *c = ctx;

	scripts_run(c->scripts, index, kind, now_ns);
}

static void port_log(void *ctx, int priority, const struct log_subject *subject, const char *line)
{
	(void)ctx;
	log_write(priority, subject, line);
}

static bool port_heard_runs(void *ctx, uint32_t index, struct replay_run runs[REPLAY_RUNS + 1])
{
	struct controller *c = ctx;

	return dataplane_heard_runs(c->dataplane, c->slots[index].map_slot, runs);
}

static void port_journal(void *ctx, uint32_t index, struct journal_entry *entry)
{
	struct controller *c = ctx;

	/* The others are in INIT, as they come and as they go. */
	if (entry->from != entry->to) {
		c->states[entry->from]--;
		c->states[entry->to]++;
		c->is_status_old = true;
	}
	entry->slot = c->slots[index].map_slot;
	dataplane_journal(c->dataplane, entry);
}

static void port_duplicate(void *ctx, uint32_t index, const struct xcarp_record *duplicate)
{
	struct controller *c = ctx;

	dataplane_duplicate(c->dataplane, c->slots[index].map_slot, duplicate);
}

/* What adapters tell, on to the engine. */

static void on_record(void *ctx, const struct xcarp_record *record, uint64_t now_ns)
{
	struct controller *c = ctx;

	engine_record(c->engine, record, now_ns);
	if (record->type == RECORD_NOTICE && record->reason != ACCEPTED && record->reason != PASS_VRRP)
		floods_notice(c, record->index, record->count, now_ns);
}

static void on_sent(void *ctx, uint32_t index, int error, uint64_t now_ns)
{
	struct controller *c = ctx;

	engine_sent(c->engine, index, error, now_ns);
}

static void on_link(void *ctx, const struct rtnl_link *link, uint64_t now_ns)
{
	interfaces_link(ctx, link, now_ns);
}

static void on_address(void *ctx, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (!c->engine)
		return;
	engine_address(c->engine, ifindex, address, present, now_ns);
	ucarp_address(c, ifindex, address, present, now_ns);
}

static void on_own_address(void *ctx, uint32_t ifindex, const struct rtnl_own *own, uint64_t now_ns)
{
	interfaces_own_address(ctx, ifindex, own, now_ns);
}

static void on_vip_removed(void *ctx, uint32_t index, const struct vip *vip, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (c->engine && index < c->capacity && c->running[index].options)
		engine_vip_removed(c->engine, index, vip, now_ns);
}

/* Not where it has been asked for again meanwhile. */
static void on_vip_gone(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;
	uint32_t slot;

	if (!c->dataplane || index >= c->capacity || !c->running[index].options)
		return;
	slot = c->slots[index].map_slot;
	if (dataplane_live(c->dataplane, slot)->state != MASTER)
		dataplane_vip_held(c->dataplane, slot, vrouter_options(c, index)->vhid, ifindex, vip, false);
}

static void on_resync_begin(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	(void)now_ns;
	interfaces_resync_begin(c);
	ucarp_resync_begin(c);
	if (c->engine)
		engine_resync_begin(c->engine);
}

static void on_resync_end(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	interfaces_resync_end(c, now_ns);
	if (!c->engine)
		return;
	engine_resync_end(c->engine, now_ns);
	ucarp_resync_end(c, now_ns);
}

static void on_vip_refused(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip, int error, uint64_t now_ns)
{
	struct controller *c = ctx;

	/* An answer about one that has left meanwhile. */
	if (index >= c->capacity || !c->running[index].options)
		return;
	dataplane_vip_held(c->dataplane, c->slots[index].map_slot, vrouter_options(c, index)->vhid, ifindex, vip, false);
	/* Or about an interface in whose place is another. */
	if (!c->slots[index].interface || c->slots[index].interface->link.ifindex != ifindex)
		return;
	engine_vip_failed(c->engine, index, vip, error, now_ns);
}

static void on_script_ended(void *ctx, uint32_t index, enum script_kind kind)
{
	struct controller *c = ctx;

	engine_script_ended(c->engine, index, kind);
}

static void on_orphan(void *ctx, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;

	rtnl_vip_del(c->rtnl, NO_INDEX, ifindex, vip);
}

static void on_orphans_off(void *ctx)
{
	struct controller *c = ctx;

	rtnl_finish(c->rtnl);
}

static void on_front_done(void *ctx, uint32_t ifindex, bool in_front, int err)
{
	struct controller *c = ctx;
	struct interface *interface = interface_of(c, ifindex);

	if (interface && interface->is_attached)
		floods_front_done(c, interface, in_front, err, loop_now_ns());
}

static void on_settled(void *ctx, uint64_t took_ns, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (c->engine)
		engine_vips_done(c->engine, took_ns, now_ns);
}

static uint32_t ask_all(struct controller *c, enum xcarp_command command, uint64_t now_ns)
{
	uint32_t done = 0;

	for (uint32_t index = vrouters_next(c, NO_INDEX); index != NO_INDEX; index = vrouters_next(c, index))
		done += engine_command(c->engine, index, dataplane_live(c->dataplane, c->slots[index].map_slot)->generation,
				       command, now_ns);
	return done;
}

static uint32_t on_request(void *ctx, enum xcarp_command command, const struct xcarp_request_vr *vrouters,
			   uint32_t count, uint64_t now_ns)
{
	struct controller *c = ctx;
	uint32_t done = 0;

	for (uint32_t i = 0; i < count; i++)
		done += engine_command(c->engine, vrouters[i].index, vrouters[i].generation, command, now_ns);
	return count ? done : ask_all(c, command, now_ns);
}

/* Signals. */

static void stop(struct controller *c, uint64_t now_ns)
{
	if (c->is_stopping) {
		log_warn("Told to end a second time: not waiting for scripts");
		c->is_done = true;
		return;
	}
	c->is_stopping = true;
	c->is_handing_over = false;
	notify_stopping(now_ns);
	vrouters_stop(c, now_ns);
}

/* What runs or is due is finished first, by a master that goes on as one: a successor has to come within the down time. */
static void hand_over(struct controller *c)
{
	if (c->is_stopping || c->is_handing_over)
		return;
	c->is_handing_over = true;
	log_warn("Handing over to a successor, without a bow-out%s", scripts_busy(c->scripts) ? ", when scripts have ended" : "");
}

static void leave_unconfigured(struct controller *c, uint64_t now_ns)
{
	if (c->is_stopping || c->is_handing_over || !ucarp_is_unconfigured(c, now_ns))
		return;
	log_info("The interface was taken down and this host's address off it: leaving, as ucarp does");
	stop(c, now_ns);
}

static void tell_states(struct controller *c)
{
	if (c->count > STATES_TOLD_MAX) {
		log_info("%u virtual routers: see `xcarpctl status`", c->count);
		return;
	}
	for (uint32_t index = vrouters_next(c, NO_INDEX); index != NO_INDEX; index = vrouters_next(c, index))
		engine_status(c->engine, index);
}

static void signals_ready(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;
	struct signalfd_siginfo info;

	while (read(c->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		if ((int)info.ssi_signo == SIGRTMIN) {
			hand_over(c);
			continue;
		}
		switch (info.ssi_signo) {
		case SIGUSR1:
			tell_states(c);
			break;
		case SIGUSR2:
			for (uint32_t index = vrouters_next(c, NO_INDEX); index != NO_INDEX; index = vrouters_next(c, index))
				engine_demote(c->engine, index, now_ns);
			break;
		case SIGHUP:
			if (c->is_handing_over)
				break;
			if (c->options.config && !c->is_stopping) {
				log_info("Caught SIGHUP: reading %s again%s", c->options.config,
					 vrouters_changing(c) ? ", after the reload under way" : "");
				vrouters_reload(c);
				break;
			}
			/* fall through */
		default:
			log_info("Caught signal %u (%s): leaving", info.ssi_signo, strsignal((int)info.ssi_signo));
			stop(c, now_ns);
			break;
		}
	}
}

/*
 * nohup starts us with HUP ignored, which then stays so. A file of virtual routers is read at HUP all the same, which does no harm
 * when a terminal ends. INT and QUIT end us as they end ucarp, also where a shell ignores them for what it starts with `&`.
 */
static bool is_ignored(const struct controller *c, int number)
{
	struct sigaction action;

	return number == SIGHUP && !c->options.config && !sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN;
}

void controller_signals(const struct controller *c, sigset_t *set)
{
	const int numbers[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGRTMIN };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!is_ignored(c, numbers[i]))
			sigaddset(set, numbers[i]);
}

static int open_signals(struct controller *c)
{
	sigset_t set;

	controller_signals(c, &set);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	c->signals = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signals_ready,
		.ctx = c,
	};
	if (c->signals.fd < 0)
		return -errno;
	return loop_add(c->loop, &c->signals);
}

/* Start. Each part returns 0, or -errno after a logged line. */

int controller_fail(const char *what, int err)
{
	log_error("%s: %s", what, strerror(-err));
	return err;
}

static int open_adapters(struct controller *c)
{
	int err;

	c->loop = loop_new();
	if (!c->loop)
		return controller_fail("epoll", -errno);
	err = open_signals(c);
	if (err)
		return controller_fail("signalfd", err);
	c->rtnl_events = (struct rtnl_events){
		.ctx = c,
		.link = on_link,
		.address = on_address,
		.own_address = on_own_address,
		.vip_removed = on_vip_removed,
		.vip_gone = on_vip_gone,
		.resync_begin = on_resync_begin,
		.resync_end = on_resync_end,
		.vip_refused = on_vip_refused,
		.settled = on_settled,
	};
	c->rtnl = rtnl_new(c->loop, &c->rtnl_events, &err);
	if (!c->rtnl)
		return controller_fail("rtnetlink", err);
	c->overheard = overheard_new(c->loop, deaf_advert, c);
	if (!c->overheard)
		return controller_fail("raw socket", -errno);
	c->tx = tx_new(c->options.tx, on_sent, c);
	if (!c->tx)
		return controller_fail("AF_PACKET socket", -errno);
	c->scripts = scripts_new(c->loop, &c->runner, 1, on_script_ended, c);
	if (!c->scripts)
		return controller_fail("scripts", -ENOMEM);
	c->prints = prints_new(c);
	if (!c->prints)
		return controller_fail("fingerprints", -errno);
	c->loader = loader_new(c->loop, plan_make);
	return c->loader ? 0 : controller_fail("loader", -errno);
}

static uint32_t count_vips(const struct plan *plan)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->add_count; i++)
		count += plan->adds[i].options->vip_count;
	return count;
}

static int open_dataplane(struct controller *c)
{
	int err = 0;

	c->dataplane = dataplane_new(&(struct dataplane_config){
		.vrouters = c->change.plan.add_count,
		.vips = count_vips(&c->change.plan),
		.capacity_min = c->options.capacity,
		.hook = c->options.hook,
		.mode = c->options.xdp_mode,
		.tap = c->options.tap,
		.every = c->options.debug,
		.loop = c->loop,
		.record = on_record,
		.orphan = on_orphan,
		.orphans_off = on_orphans_off,
		.front_done = on_front_done,
		.ctx = c,
	}, &err);
	return err;
}

/* By its name, or its number. Returns 0, or -EINVAL after a logged line. */
static int find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);
	unsigned long number;
	char *end;

	if (group) {
		*gid = group->gr_gid;
		return 0;
	}
	errno = 0;
	number = strtoul(name, &end, 10);
	*gid = (gid_t)number;
	if (*name >= '0' && *name <= '9' && !*end && !errno && number < NO_GROUP)
		return 0;
	log_error("--control-group %s: no such group; it must be the name or the number of one", name);
	return -EINVAL;
}

static int open_control(struct controller *c)
{
	gid_t group = NO_GROUP;

	if (c->options.control_group && find_group(c->options.control_group, &group))
		return -EINVAL;
	c->control_events = (struct control_events){ .ctx = c, .request = on_request };
	c->control = control_new(c->loop, dataplane_listen_fd(c->dataplane), group, &c->control_events);
	return c->control ? 0 : controller_fail("control socket", -errno);
}

static int open_engine(struct controller *c)
{
	c->ports = (struct ports){
		.ctx = c,
		.debug = c->options.debug,
		.random64 = port_random64,
		.realtime_ns = port_realtime_ns,
		.drain = port_drain,
		.frame_send = port_frame_send,
		.frames_flush = port_frames_flush,
		.frame_repeat = port_frame_repeat,
		.vip_add = port_vip_add,
		.vip_del = port_vip_del,
		.vips_flush = port_vips_flush,
		.script_run = port_script_run,
		.log = port_log,
		.journal = port_journal,
		.duplicate = port_duplicate,
		.heard_runs = port_heard_runs,
	};
	c->engine = engine_new(&c->ports, 1, dataplane_owner(c->dataplane));
	return c->engine ? 0 : controller_fail("engine", -ENOMEM);
}

int controller_to_background(struct controller *c)
{
	bool is_due = c->options.daemonize && !c->is_in_background;
	int err;

	if (is_due)
		log_let_go();
	err = is_due ? process_daemonize() : 0;
	c->is_in_background = true;
	/* What follows is for the log: ifup and cron send mail with what a command prints. */
	if (c->options.daemonize)
		log_limit_stderr(LOG_ERR);
	return err ? controller_fail("-B", err) : 0;
}

int controller_write_pidfile(const struct controller *c)
{
	const char *wrong = c->options.pidfile && !process_pidfile() ? process_pidfile_write(c->options.pidfile) : NULL;

	if (!wrong)
		return 0;
	log_error("--pidfile %s: %s", c->options.pidfile, wrong);
	return -EINVAL;
}

/* All processes there will ever be. */
static int fork_all(struct controller *c)
{
	int err = controller_to_background(c);

	if (err)
		return err;
	/* Also without scripts: an interface can go to another network namespace. */
	err = runner_start(&c->runner, &c->options, &c->change.plan, moved_take_off);
	if (err)
		return controller_fail("script runner", err);
	log_open_by(c->runner.log_fd);
	/* A child's memory is not locked, whatever its parent's was. */
	if (c->change.plan.keys)
		secret_lock(c->change.plan.keys, c->change.plan.key_count * sizeof(*c->change.plan.keys));
	err = log_start_writer(privileges_drop_all);
	return err ? controller_fail("log thread", err) : 0;
}

static int drop_privileges(const struct controller *c)
{
	/* One virtual router sends 256 adverts a second at most; a file may come to have more of them. */
	if (c->options.config)
		tx_prepare(c->tx);
	return privileges_drop(&(struct privileges){
		.reads_files = c->options.config,
		.attaches_by_id = dataplane_attaches_by_id(c->dataplane),
		.pins_fd = dataplane_pins_fd(c->dataplane),
		.pidfile = process_pidfile(),
	});
}

/* What may pass is told apart from what will not: a service manager should try again, or leave it. */
static int exit_status(int err)
{
	switch (err) {
	case 0:
	case -ECANCELED:
		return EXIT_SUCCESS;
	case -EAGAIN:
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENODEV:
	case -ENOMEM:
	case -ETIMEDOUT:
		return EX_TEMPFAIL;
	}
	return EXIT_FAILURE;
}

/* Before anything of the host is touched. */
static int check_kernel(void)
{
	int errors[KERNEL_FEATURE_COUNT];
	char line[KERNEL_LINE_LEN];
	struct utsname system;

	kernel_probe(errors);
	if (uname(&system) || kernel_judge(system.release, errors, line))
		return 0;
	log_error("%s", line);
	for (int feature = 0; feature < KERNEL_FEATURE_COUNT; feature++)
		if (exit_status(errors[feature]) == EX_TEMPFAIL)
			return errors[feature];
	return -EOPNOTSUPP;
}

static int start(struct controller *c)
{
	const char *wrong = privileges_lacking();
	int err;

	if (wrong) {
		log_error("%s is missing: xcarp must be started by root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN", wrong);
		return -EPERM;
	}
	process_allow_files();
	err = check_kernel() ?:
	      open_adapters(c) ?:
	      interfaces_find(c) ?:
	      open_dataplane(c) ?:
	      open_engine(c) ?:
	      open_control(c);
	if (err)
		return err;
	err = ucarp_replace(c) ?: controller_write_pidfile(c);
	if (err)
		return err;
	/* Before it runs the first script. A file of virtual routers is read again, and what it names. */
	if (c->options.daemonize)
		scripts_detach(c->scripts, !c->options.config);
	err = vrouters_start(c);
	if (err)
		return err;
	ucarp_note(c);
	dataplane_running(c->dataplane);
	if (c->options.config)
		log_info("Ready: %u virtual router%s", c->count, c->count == 1 ? "" : "s");
	wrong = c->options.realtime ? process_realtime(c->options.realtime) : NULL;
	if (wrong)
		log_warn("--realtime=%d: %s", c->options.realtime, wrong);
	else
		dataplane_owner(c->dataplane)->realtime = (uint8_t)c->options.realtime;
	err = drop_privileges(c);
	if (err)
		return err;
	err = rtnl_start_thread(c->rtnl);
	if (err)
		return controller_fail("netlink thread", err);
	process_realtime_alone();
	if (c->options.daemonize)
		log_leave_stderr();
	process_ready(!c->options.config);
	log_settled();
	notify_ready(loop_now_ns());
	c->is_status_old = true;
	return 0;
}

/* The loop, and the end. */

static uint64_t next_deadline(const struct controller *c)
{
	uint64_t deadline_ns = engine_deadline(c->engine);

	if (scripts_deadline(c->scripts) < deadline_ns)
		deadline_ns = scripts_deadline(c->scripts);
	if (c->attach_again_ns < deadline_ns)
		deadline_ns = c->attach_again_ns;
	if (ucarp_deadline(c) < deadline_ns)
		deadline_ns = ucarp_deadline(c);
	if (vrouters_deadline(c) < deadline_ns)
		deadline_ns = vrouters_deadline(c);
	if (prints_deadline(c) < deadline_ns)
		deadline_ns = prints_deadline(c);
	if (floods_deadline(c) < deadline_ns)
		deadline_ns = floods_deadline(c);
	if (dataplane_deadline(c->dataplane) < deadline_ns)
		deadline_ns = dataplane_deadline(c->dataplane);
	if (overheard_deadline(c->overheard) < deadline_ns)
		deadline_ns = overheard_deadline(c->overheard);
	if (notify_deadline() < deadline_ns)
		deadline_ns = notify_deadline();
	if (c->is_status_old && notify_status_due() < deadline_ns)
		deadline_ns = notify_status_due();
	return deadline_ns;
}

static bool is_over(const struct controller *c)
{
	if (c->is_handing_over && (vrouters_changing(c) || rtnl_is_busy(c->rtnl)))
		return false;
	return c->is_done || ((c->is_stopping || c->is_handing_over) && !engine_any_busy(c->engine) && !scripts_busy(c->scripts));
}

static void tell_waiting(struct controller *c)
{
	if (!c->is_stopping || c->has_told_waiting || is_over(c) || engine_any_busy(c->engine))
		return;
	c->has_told_waiting = true;
	c->is_status_old = true;
	log_info("Waiting for scripts to end; a second signal ends that");
}

static void add_count(char *text, size_t room, uint32_t count, enum vr_state state, const char **separator)
{
	size_t len = strlen(text);

	if (!count)
		return;
	snprintf(text + len, room - len, "%s%u %s", *separator, count, election_state_name(state));
	*separator = ", ";
}

static void describe(const struct controller *c, uint64_t now_ns)
{
	uint32_t settled = c->states[MASTER] + c->states[BACKUP];
	const char *end = c->has_told_waiting ? "; waits for scripts to end" : "";
	char states[64] = "", obstacles[128];
	const char *separator = ": ";

	add_count(states, sizeof(states), c->states[MASTER], MASTER, &separator);
	add_count(states, sizeof(states), c->states[BACKUP], BACKUP, &separator);
	add_count(states, sizeof(states), c->count > settled ? c->count - settled : 0, INIT, &separator);
	interfaces_describe(c, obstacles, sizeof(obstacles));
	notify_status(now_ns, "%u virtual router%s%s%s%s%s", c->count, c->count == 1 ? "" : "s", states, *obstacles ? "; " : "",
		      obstacles, end);
}

static void tell_status(struct controller *c, uint64_t now_ns)
{
	if (c->is_status_old && notify_status_due() <= now_ns) {
		describe(c, now_ns);
		c->is_status_old = false;
	}
	notify_timers(now_ns);
}

static int run(struct controller *c)
{
	struct xcarp_owner *stats = dataplane_owner(c->dataplane);

	while (!is_over(c)) {
		int err = loop_wait(c->loop, next_deadline(c));
		uint64_t now_ns;

		if (err) {
			stop(c, loop_now_ns());
			controller_fail("epoll", err);
			return -EAGAIN;
		}
		stats->wakeups++;
		interfaces_try_again(c, loop_now_ns());
		now_ns = c->now_ns = loop_now_ns();
		ucarp_timers(c, now_ns);
		leave_unconfigured(c, now_ns);
		engine_timers(c->engine, now_ns);
		engine_commit(c->engine, now_ns);
		scripts_timers(c->scripts, now_ns);
		vrouters_work(c, now_ns);
		prints_make(c);
		dataplane_timers(c->dataplane, now_ns);
		floods_timers(c, now_ns);
		overheard_timers(c->overheard, now_ns);
		tell_status(c, now_ns);
		tell_waiting(c);
	}
	return 0;
}

static int start_or_give_up(struct controller *c)
{
	int err = start(c);
	uint64_t now_ns = loop_now_ns();

	if (!err || !c->replaced)
		return err;
	ucarp_give_up(c, now_ns);
	stop(c, now_ns);
	run(c);
	return err;
}

/* Once more at the very end: a script may have put one there after we took ours off. */
static void remove_vips(struct controller *c)
{
	for (uint32_t index = 0; c->engine && index < c->capacity; index++) {
		const struct vr_options *options = vrouter_options(c, index);
		const struct interface *interface = c->slots[index].interface;

		for (unsigned int i = 0; options && interface && interface->link.ifindex && options->manage_vips &&
					 i < options->vip_count; i++)
			if (!engine_vip_is_own(c->engine, index, i))
				rtnl_vip_del(c->rtnl, index, interface->link.ifindex, &options->vips[i]);
	}
	if (c->rtnl)
		rtnl_finish(c->rtnl);
}

/* Takes everything away that is ours. */
static void leave(struct controller *c)
{
	uint64_t now_ns = loop_now_ns();

	/* What was decided is carried out, also where the loop has failed or was told to end at once. */
	while (c->engine && engine_any_busy(c->engine)) {
		engine_commit(c->engine, now_ns += NS_PER_MS);
		rtnl_finish(c->rtnl);
	}
	scripts_free(c->scripts);
	if (c->engine)
		engine_tell_rest(c->engine);
	remove_vips(c);
	interfaces_lose(c);
	control_free(c->control);
	dataplane_free(c->dataplane);
}

/* Leaves everything as it is. */
static void leave_to_successor(struct controller *c)
{
	notify_stopping(loop_now_ns());
	engine_hand_over(c->engine, c->now_ns = loop_now_ns());
	engine_tell_rest(c->engine);
	scripts_free(c->scripts);
	control_free(c->control);
	dataplane_hand_over(c->dataplane);
}

static void close_all(struct controller *c)
{
	bool is_loading;

	if (c->is_handing_over)
		leave_to_successor(c);
	else
		leave(c);
	prints_free(c->prints);
	is_loading = c->loader && !loader_free(c->loader);
	engine_free(c->engine);
	tx_free(c->tx);
	rtnl_free(c->rtnl);
	overheard_free(c->overheard);
	interfaces_free(c);
	if (c->signals.fd >= 0)
		close(c->signals.fd);
	loop_free(c->loop);
	/* A thread that hangs may still read them. */
	if (!is_loading)
		vrouters_free(c);
	process_pidfile_remove();
	notify_close();
	log_close();
}

/* Under ucarp's name it is ucarp to whoever filters syslog. */
static void open_log(const struct options *options, bool use_stderr)
{
	log_open(&(struct log_config){
		.name = options->is_ucarp ? "ucarp" : "xcarp",
		.journal = JOURNALD_SOCKET,
		.syslog = SYSLOGD_SOCKET,
		.facility = options->facility,
		.use_syslog = options->use_syslog,
		.use_stderr = use_stderr,
		.debug = options->debug,
	});
}

/* Before anything logs, and as -f none would have it: this is for who asks. */
static int clean_up(struct options *options)
{
	const char *wrong = privileges_lacking();

	options->use_syslog = false;
	open_log(options, true);
	if (!wrong)
		return cleanup_run(options->cleanup) ? EXIT_FAILURE : EXIT_SUCCESS;
	log_error("--cleanup: %s is missing: it must be started by root", wrong);
	return EXIT_FAILURE;
}

/* Off the command line, which everybody can read, for as long as it takes. */
static void *keep_password(struct vr_options *options)
{
	char *kept = options->password ? secret_alloc(CARP_KEY_MAX + 1) : NULL;

	if (kept)
		memcpy(kept, options->password, strlen(options->password) + 1);
	options->password = kept;
	return kept;
}

static void tell_checked(const struct plan *plan)
{
	bool has_warned = false;

	for (size_t i = 0; i < plan->message_count; i++)
		has_warned |= plan->messages[i].priority <= LOG_WARNING;
	fputs(plan->list ? plan->list : "", stdout);
	printf("%u virtual router%s, %s\n", plan->add_count, plan->add_count == 1 ? "" : "s",
	       has_warned ? "no error; see the warnings" : "all right");
}

int main(int argc, char **argv)
{
	struct controller c = {
		.signals.fd = -1, .runner = { .fd = -1, .log_fd = -1 }, .source_decision_ns = UINT64_MAX,
		.unconfigured_ns = UINT64_MAX,
	};
	char error[OPTIONS_ERROR_LEN];
	void *kept;
	int err;

	process_harden();
	process_keep_arguments(argc, argv);
	notify_open();
	err = options_parse(&c.options, argc, argv, error);
	if (err) {
		options_wipe_passwords(argc, argv);
		open_log(&c.options, log_is_journal());
		log_error("%s", error);
		if (!log_is_journal())
			fprintf(stderr, "xcarp: %s\n", error);
		return EXIT_FAILURE;
	}
	if (c.options.help) {
		fputs(options_help(), stdout);
		return EXIT_SUCCESS;
	}
	if (c.options.version) {
		version_print("xcarp");
		return EXIT_SUCCESS;
	}
	if (c.options.cleanup) {
		options_wipe_passwords(argc, argv);
		return clean_up(&c.options);
	}
	open_log(&c.options, true);
	if (c.options.daemonize && !c.options.check)
		log_limit_stderr(LOG_WARNING);
	if (secret_init()) {
		log_error("libsodium: no source of randomness");
		return EXIT_FAILURE;
	}
	err = vrouters_plan(&c);
	kept = err == -EAGAIN ? keep_password(&c.options.vr) : NULL;
	options_wipe_passwords(argc, argv);
	if (err == -EAGAIN)
		err = wait_for_plan(&c, kept);
	secret_free(kept);
	if (!err && c.options.check)
		tell_checked(&c.change.plan);
	else if (!err)
		err = fork_all(&c) ?: start_or_give_up(&c) ?: run(&c);
	close_all(&c);
	return exit_status(err);
}
