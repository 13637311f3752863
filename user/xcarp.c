// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The controller's wiring: options to adapters to engine, then the loop. What a virtual router does is decided in
 * core/election.c and carried out by engine.c; here is only who is connected to whom, and in which order things start and
 * end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controller.h"
#include "io/log.h"
#include "io/process.h"
#include "io/secret.h"

#ifndef XCARP_VERSION
#define XCARP_VERSION "unknown"
#endif

/* The engine's ports. */

static uint64_t port_random64(void *ctx)
{
	(void)ctx;
	return secret_random64();
}

static void port_drain(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	dataplane_drain(c->dataplane, now_ns);
}

static void port_frame_send(void *ctx, uint32_t slot, uint32_t ifindex, bool is_advert, const uint8_t *frame, size_t len)
{
	struct controller *c = ctx;

	tx_packet_queue(c->tx, slot, ifindex, is_advert, frame, len, loop_now_ns());
}

static void port_frames_flush(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	tx_packet_flush(c->tx, now_ns);
}

static void port_frame_repeat(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count)
{
	struct controller *c = ctx;

	tx_packet_repeat(c->tx, ifindex, frame, len, count);
}

static void port_vip_add(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;

	dataplane_vip_held(c->dataplane, slot, c->slots[slot].options->vhid, ifindex, vip, true);
	rtnl_vip_add(c->rtnl, slot, ifindex, vip, loop_now_ns());
}

static void port_vip_del(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;

	rtnl_vip_del(c->rtnl, slot, ifindex, vip);
	dataplane_vip_held(c->dataplane, slot, c->slots[slot].options->vhid, ifindex, vip, false);
}

static void port_script_run(void *ctx, uint32_t slot, enum script_kind kind, uint64_t now_ns)
{
	struct controller *c = ctx;

	scripts_run(c->scripts, slot, kind, now_ns);
}

static void port_log(void *ctx, int priority, const char *line)
{
	(void)ctx;
	log_write(priority, line);
}

/* What adapters tell, on to the engine. */

static void on_record(void *ctx, const struct xcarp_record *record, uint64_t now_ns)
{
	struct controller *c = ctx;

	engine_record(c->engine, record, now_ns);
}

static void on_sent(void *ctx, uint32_t slot, int error, uint64_t now_ns)
{
	struct controller *c = ctx;

	engine_sent(c->engine, slot, error, now_ns);
}

static void on_link(void *ctx, const struct rtnl_link *link, uint64_t now_ns)
{
	interfaces_link(ctx, link, now_ns);
}

static void on_address(void *ctx, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (!c->engine) {
		interfaces_note_source(c, ifindex, address);
		return;
	}
	engine_address(c->engine, ifindex, address, present, now_ns);
}

static void on_resync_begin(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	(void)now_ns;
	interfaces_resync_begin(c);
	if (c->engine)
		engine_resync_begin(c->engine);
}

static void on_resync_end(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	interfaces_resync_end(c, now_ns);
	if (c->engine)
		engine_resync_end(c->engine, now_ns);
}

static void on_vip_refused(void *ctx, uint32_t slot, const struct vip *vip, int error, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (c->slots[slot].interface->is_attached)
		dataplane_vip_held(c->dataplane, slot, c->slots[slot].options->vhid,
				   c->slots[slot].interface->link.ifindex, vip, false);
	engine_vip_failed(c->engine, slot, vip, error, now_ns);
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
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		engine_stop(c->engine, slot, now_ns);
}

static void signals_ready(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;
	struct signalfd_siginfo info;

	while (read(c->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGUSR1:
			for (uint32_t slot = 0; slot < c->slot_count; slot++)
				engine_status(c->engine, slot);
			break;
		case SIGUSR2:
			for (uint32_t slot = 0; slot < c->slot_count; slot++)
				engine_demote(c->engine, slot, now_ns);
			break;
		case SIGHUP:
			if (c->options.config) {
				log_info("Caught SIGHUP: a changed file is read at the next start");
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

static int open_signals(struct controller *c)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&set, numbers[i]);
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
		.resync_begin = on_resync_begin,
		.resync_end = on_resync_end,
		.vip_refused = on_vip_refused,
	};
	c->rtnl = rtnl_new(c->loop, &c->rtnl_events, &err);
	if (!c->rtnl)
		return controller_fail("rtnetlink", err);
	c->tx = tx_packet_new(on_sent, c);
	if (!c->tx)
		return controller_fail("AF_PACKET socket", -errno);
	c->scripts = scripts_new(c->loop, c->slot_count);
	if (!c->scripts)
		return controller_fail("scripts", -ENOMEM);
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		scripts_set(c->scripts, slot, c->slots[slot].options);
	return 0;
}

static int open_dataplane(struct controller *c)
{
	c->dataplane = dataplane_new(&(struct dataplane_config){
		.capacity = c->slot_count,
		.mode = c->options.xdp_mode,
		.tap = c->options.tap,
		.loop = c->loop,
		.record = on_record,
		.ctx = c,
	});
	return c->dataplane ? interfaces_use(c) : -EIO;
}

static int start_engine(struct controller *c)
{
	uint64_t now_ns = loop_now_ns();

	c->ports = (struct ports){
		.ctx = c,
		.debug = c->options.debug,
		.random64 = port_random64,
		.drain = port_drain,
		.frame_send = port_frame_send,
		.frames_flush = port_frames_flush,
		.frame_repeat = port_frame_repeat,
		.vip_add = port_vip_add,
		.vip_del = port_vip_del,
		.script_run = port_script_run,
		.log = port_log,
	};
	c->engine = engine_new(&c->ports, c->slot_count);
	if (!c->engine)
		return controller_fail("engine", -ENOMEM);
	for (uint32_t slot = 0; slot < c->slot_count; slot++) {
		int err = engine_add(c->engine, c->slots[slot].options, &c->keys[slot], dataplane_live(c->dataplane, slot),
				     now_ns);

		if (err < 0)
			return controller_fail("engine", err);
	}
	interfaces_tell_engine(c, now_ns);
	engine_commit(c->engine, now_ns);
	return 0;
}

static int go_to_background(struct controller *c)
{
	int err = c->options.daemonize ? process_daemonize() : 0;

	if (err)
		return controller_fail("-B", err);
	/* A child's memory is not locked, whatever its parent's was. */
	secret_lock(c->keys, c->slot_count * sizeof(*c->keys));
	err = log_start_writer();
	return err ? controller_fail("log thread", err) : 0;
}

static int start(struct controller *c)
{
	const char *wrong = process_lacks();
	int err;

	if (wrong) {
		log_error("%s is missing: xcarp must be started by root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN", wrong);
		return -EPERM;
	}
	err = vrouters_check_scripts(c) ?: open_adapters(c) ?: interfaces_find(c);
	if (err)
		return err;
	vrouters_warn_of_odd_options(c);
	err = open_dataplane(c);
	if (err)
		return err;
	if (c->options.pidfile && (wrong = process_pidfile_write(c->options.pidfile))) {
		log_error("--pidfile %s: %s", c->options.pidfile, wrong);
		return -EINVAL;
	}
	err = start_engine(c);
	if (err)
		return err;
	if (c->options.daemonize)
		log_leave_stderr();
	process_ready();
	return 0;
}

/* The loop, and the end. */

static uint64_t next_deadline(const struct controller *c)
{
	uint64_t deadline_ns = engine_deadline(c->engine);

	if (scripts_deadline(c->scripts) < deadline_ns)
		deadline_ns = scripts_deadline(c->scripts);
	if (interfaces_deadline(c) < deadline_ns)
		deadline_ns = interfaces_deadline(c);
	return deadline_ns;
}

static int run(struct controller *c)
{
	while (!c->is_done && !(c->is_stopping && !scripts_busy(c->scripts))) {
		int err = loop_wait(c->loop, next_deadline(c));
		uint64_t now_ns;

		now_ns = loop_now_ns();
		if (err) {
			stop(c, now_ns);
			engine_commit(c->engine, now_ns);
			return controller_fail("epoll", err);
		}
		interfaces_try_again(c, now_ns);
		engine_timers(c->engine, now_ns);
		engine_commit(c->engine, now_ns);
		scripts_timers(c->scripts, now_ns);
	}
	return 0;
}

/* Once more at the very end: a script may have put one there after we took ours off. */
static void remove_vips(struct controller *c)
{
	for (uint32_t slot = 0; c->engine && slot < c->slot_count; slot++) {
		const struct vr_options *options = c->slots[slot].options;
		uint32_t ifindex = c->slots[slot].interface->link.ifindex;

		for (unsigned int i = 0; ifindex && options->manage_vips && i < options->vip_count; i++)
			rtnl_vip_del(c->rtnl, slot, ifindex, &options->vips[i]);
	}
}

static void close_all(struct controller *c)
{
	scripts_free(c->scripts);
	remove_vips(c);
	interfaces_lose(c);
	dataplane_free(c->dataplane);
	engine_free(c->engine);
	tx_packet_free(c->tx);
	rtnl_free(c->rtnl);
	if (c->signals.ready && c->signals.fd >= 0)
		close(c->signals.fd);
	loop_free(c->loop);
	vrouters_free(c);
	process_pidfile_remove();
	log_close();
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Under ucarp's name it is ucarp to whoever filters syslog. */
static void open_log(const struct options *options, const char *program, bool use_stderr)
{
	log_open(&(struct log_config){
		.name = program && !strcmp(name_of(program), "ucarp") ? "ucarp" : "xcarp",
		.facility = options->facility,
		.use_syslog = options->use_syslog,
		.use_stderr = use_stderr,
		.debug = options->debug,
	});
}

int main(int argc, char **argv)
{
	struct controller c = { .signals.fd = -1 };
	char error[OPTIONS_ERROR_LEN];
	int err;

	process_harden();
	err = options_parse(&c.options, argc, argv, error);
	if (err) {
		options_wipe_passwords(argc, argv);
		open_log(&c.options, argv[0], false);
		log_error("%s", error);
		fprintf(stderr, "xcarp: %s\n", error);
		return EXIT_FAILURE;
	}
	if (c.options.help) {
		fputs(options_help(), stdout);
		return EXIT_SUCCESS;
	}
	if (c.options.version) {
		puts("xcarp " XCARP_VERSION);
		return EXIT_SUCCESS;
	}
	open_log(&c.options, argv[0], true);
	if (secret_init()) {
		log_error("libsodium: no source of randomness");
		return EXIT_FAILURE;
	}
	err = vrouters_list(&c) ?: vrouters_prepare_keys(&c);
	options_wipe_passwords(argc, argv);
	if (!err && !c.options.check)
		err = go_to_background(&c) ?: start(&c) ?: run(&c);
	close_all(&c);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
