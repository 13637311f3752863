// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The controller's wiring: options to adapters to engine, then the loop. What a virtual router does is decided in
 * core/election.c and carried out by engine.c; here is only who is connected to whom, and in which order things start and
 * end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/options.h"
#include "engine.h"
#include "io/dataplane.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/process.h"
#include "io/rtnl.h"
#include "io/scripts.h"
#include "io/secret.h"
#include "io/tx_packet.h"

#ifndef XCARP_VERSION
#define XCARP_VERSION "unknown"
#endif

#define NS_PER_S 1000000000ull
#define ATTACH_RETRY_NS (5 * NS_PER_S)
#define SLOT 0 /* one virtual router a process */
#define VROUTERS 1

struct controller {
	struct options options;
	struct carp_hmac_key *key; /* guarded memory */
	struct loop *loop;
	struct rtnl *rtnl;
	struct tx_packet *tx;
	struct scripts *scripts;
	struct dataplane *dataplane;
	struct engine *engine;
	struct ports ports;
	struct rtnl_events rtnl_events;
	struct loop_source signals;

	/* The interface of the options' name, as the kernel told last. */
	struct engine_link link;
	bool is_ethernet;
	uint32_t source_ifindex; /* the interface that held the source address at start; 0: none */

	bool is_attached;
	uint64_t attach_again_ns; /* when to try once more; UINT64_MAX: no need */
	bool is_stopping;
	bool is_done;
};

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

	dataplane_vip_held(c->dataplane, slot, c->options.vr.vhid, ifindex, vip, true);
	rtnl_vip_add(c->rtnl, slot, ifindex, vip, loop_now_ns());
}

static void port_vip_del(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct controller *c = ctx;

	rtnl_vip_del(c->rtnl, slot, ifindex, vip);
	dataplane_vip_held(c->dataplane, slot, c->options.vr.vhid, ifindex, vip, false);
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

static void on_address(void *ctx, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (!c->engine) {
		if (address->ip_version == 4 && !memcmp(address->address, &c->options.vr.source, 4))
			c->source_ifindex = ifindex;
		return;
	}
	engine_address(c->engine, ifindex, address, present, now_ns);
}

static void on_resync_begin(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	(void)now_ns;
	if (c->engine)
		engine_resync_begin(c->engine);
}

static void on_resync_end(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;

	if (c->engine)
		engine_resync_end(c->engine, now_ns);
}

static void on_vip_refused(void *ctx, uint32_t slot, const struct vip *vip, int error, uint64_t now_ns)
{
	struct controller *c = ctx;

	dataplane_vip_held(c->dataplane, slot, c->options.vr.vhid, c->link.ifindex, vip, false);
	engine_vip_failed(c->engine, slot, vip, error, now_ns);
}

/* The interface: with a program on it and our virtual router in the maps, the engine may use it. */

static int use_interface(struct controller *c)
{
	const struct vr_options *options = &c->options.vr;
	int err = dataplane_attach(c->dataplane, c->link.ifindex, options->interface);

	if (err)
		return err;
	err = dataplane_vr_add(c->dataplane, SLOT, options, c->link.ifindex, c->key);
	if (err)
		dataplane_detach(c->dataplane, c->link.ifindex);
	c->is_attached = !err;
	return err;
}

static void lose_interface(struct controller *c, uint32_t ifindex)
{
	if (!c->is_attached)
		return;
	c->is_attached = false;
	dataplane_vr_remove(c->dataplane, SLOT, &c->options.vr, ifindex);
	dataplane_detach(c->dataplane, ifindex);
}

static void tell_link(struct controller *c, uint64_t now_ns)
{
	static const struct engine_link none;

	engine_link(c->engine, SLOT, c->is_attached ? &c->link : &none, now_ns);
}

static void try_interface(struct controller *c, uint64_t now_ns)
{
	c->attach_again_ns = UINT64_MAX;
	if (c->link.ifindex && !c->is_attached && use_interface(c))
		c->attach_again_ns = now_ns + ATTACH_RETRY_NS;
	tell_link(c, now_ns);
}

/* Somebody else may have taken our program off. Of one that is down, it may be the kernel, removing the interface. */
static void check_program(struct controller *c)
{
	if (!c->is_attached || !c->link.up || dataplane_is_attached(c->dataplane, c->link.ifindex))
		return;
	log_warn("%s: the XDP program was taken off by somebody else: putting it back", c->options.vr.interface);
	lose_interface(c, c->link.ifindex);
}

/* As the kernel itself decides the router flag of its neighbour advertisements. */
static bool is_ipv6_router(const char *interface)
{
	char path[64 + XCARP_IFNAME_LEN], value = '0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/forwarding", interface);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value != '0';
}

static void on_link(void *ctx, const struct rtnl_link *link, uint64_t now_ns)
{
	struct controller *c = ctx;
	bool is_ours = !link->is_gone && !strcmp(link->name, c->options.vr.interface);
	bool was_ours = c->link.ifindex && link->ifindex == c->link.ifindex;

	if (!is_ours && !was_ours)
		return;
	if (c->engine && c->link.ifindex && (!is_ours || !was_ours))
		lose_interface(c, c->link.ifindex);

	c->link = (struct engine_link){ 0 };
	if (is_ours) {
		c->link = (struct engine_link){
			.ifindex = link->ifindex,
			.up = link->is_up,
			.is_ipv6_router = is_ipv6_router(link->name),
		};
		memcpy(c->link.mac, link->mac, sizeof(c->link.mac));
		c->is_ethernet = link->is_ethernet;
	}
	if (!c->engine)
		return;
	check_program(c);
	try_interface(c, now_ns);
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
	engine_stop(c->engine, SLOT, now_ns);
}

static void signals_ready(void *ctx, uint64_t now_ns)
{
	struct controller *c = ctx;
	struct signalfd_siginfo info;

	while (read(c->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGUSR1:
			engine_status(c->engine, SLOT);
			break;
		case SIGUSR2:
			if (!c->is_stopping)
				engine_demote(c->engine, SLOT, now_ns);
			break;
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

static int fail(const char *what, int err)
{
	log_error("%s: %s", what, strerror(-err));
	return err;
}

/* From here on the password is in nobody's argv and, once the key is made from it, nowhere. */
static int prepare_key(struct controller *c, int argc, char **argv)
{
	struct vr_options *options = &c->options.vr;
	struct secret *password = secret_alloc(sizeof(*password));
	const char *wrong = NULL;
	int err = 0;

	if (password && options->password)
		secret_from_text(password, options->password);
	options->password = NULL;
	options_wipe_passwords(argc, argv);
	c->key = secret_alloc(sizeof(*c->key));
	if (!c->key || !password) {
		secret_free(password);
		return fail("no guarded memory for the password", -ENOMEM);
	}

	if (options->passfile)
		wrong = secret_from_file(password, options->passfile);
	if (wrong) {
		log_error("-o %s: %s", options->passfile, wrong);
		err = -EINVAL;
	} else {
		err = auth_hmac_key(c->key, password->bytes, password->len, options->vhid, options->vips, options->vip_count);
	}
	secret_free(password);
	return err;
}

static int find_interface(struct controller *c)
{
	struct vr_options *options = &c->options.vr;
	char address[INET_ADDRSTRLEN];
	int err = rtnl_sync(c->rtnl);

	if (err)
		return fail("cannot read links and addresses", err);
	if (!*options->interface) {
		inet_ntop(AF_INET, &options->source, address, sizeof(address));
		if (!c->source_ifindex || !if_indextoname(c->source_ifindex, options->interface)) {
			log_error("-s %s: no interface holds this address; it must be this host's, or -i must name the interface",
				  address);
			return -ENODEV;
		}
		log_info("Using [%s] as a network interface", options->interface);
		err = rtnl_sync(c->rtnl);
		if (err)
			return fail("cannot read links and addresses", err);
	}
	if (!c->link.ifindex) {
		log_error("-i %s: no such interface; it must be the name of one that is there now (see `ip link`)",
			  options->interface);
		return -ENODEV;
	}
	if (!c->is_ethernet) {
		log_error("-i %s: is not an Ethernet interface, and CARP needs one", options->interface);
		return -EINVAL;
	}
	return 0;
}

/* Better now than at the first takeover. */
static int check_script(const char *option, const char *file, bool is_daemon)
{
	if (!file)
		return 0;
	if (is_daemon && *file != '/') {
		log_error("%s %s: must be an absolute path with -B, which changes to the root directory", option, file);
		return -EINVAL;
	}
	if (access(file, X_OK))
		log_warn("Warning: %s %s: cannot be run: %s", option, file, strerror(errno));
	return 0;
}

static int check_scripts(const struct options *options)
{
	return check_script("-u", options->vr.upscript, options->daemonize) ?:
	       check_script("-d", options->vr.downscript, options->daemonize);
}

static void warn_of_odd_options(const struct controller *c)
{
	const struct vr_options *options = &c->options.vr;
	char address[INET_ADDRSTRLEN];

	if (!options->upscript && !options->manage_vips)
		log_warn("Warning: no script called when going up");
	if (!options->downscript && !options->manage_vips)
		log_warn("Warning: no script called when going down");
	if (c->source_ifindex != c->link.ifindex)
		log_warn("Warning: %s does not hold the source address %s", options->interface,
			 inet_ntop(AF_INET, &options->source, address, sizeof(address)));
}

static int open_adapters(struct controller *c)
{
	int err;

	c->loop = loop_new();
	if (!c->loop)
		return fail("epoll", -errno);
	err = open_signals(c);
	if (err)
		return fail("signalfd", err);
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
		return fail("rtnetlink", err);
	c->tx = tx_packet_new(on_sent, c);
	if (!c->tx)
		return fail("AF_PACKET socket", -errno);
	c->scripts = scripts_new(c->loop, VROUTERS);
	if (!c->scripts)
		return fail("scripts", -ENOMEM);
	scripts_set(c->scripts, SLOT, &c->options.vr);
	return 0;
}

static int open_dataplane(struct controller *c)
{
	c->dataplane = dataplane_new(&(struct dataplane_config){
		.capacity = VROUTERS,
		.mode = c->options.xdp_mode,
		.tap = c->options.tap,
		.loop = c->loop,
		.record = on_record,
		.ctx = c,
	});
	return c->dataplane ? use_interface(c) : -EIO;
}

static int start_engine(struct controller *c)
{
	uint64_t now_ns = loop_now_ns();
	int slot;

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
	c->engine = engine_new(&c->ports, VROUTERS);
	if (!c->engine)
		return fail("engine", -ENOMEM);
	slot = engine_add(c->engine, &c->options.vr, c->key, dataplane_live(c->dataplane, SLOT), now_ns);
	if (slot != SLOT)
		return fail("engine", slot);
	tell_link(c, now_ns);
	engine_commit(c->engine, now_ns);
	return 0;
}

static int go_to_background(struct controller *c)
{
	int err = c->options.daemonize ? process_daemonize() : 0;

	if (err)
		return fail("-B", err);
	/* A child's memory is not locked, whatever its parent's was. */
	secret_lock(c->key, sizeof(*c->key));
	return 0;
}

static int start(struct controller *c)
{
	const char *wrong = process_lacks();
	int err;

	if (wrong) {
		log_error("%s is missing: xcarp must be started by root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN", wrong);
		return -EPERM;
	}
	if (c->options.pidfile && (wrong = process_pidfile_write(c->options.pidfile))) {
		log_error("--pidfile %s: %s", c->options.pidfile, wrong);
		return -EINVAL;
	}
	err = check_scripts(&c->options) ?: open_adapters(c) ?: find_interface(c);
	if (err)
		return err;
	warn_of_odd_options(c);
	err = open_dataplane(c);
	if (err)
		return err;
	err = log_start_writer();
	if (err)
		return fail("log thread", err);
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
	if (c->attach_again_ns < deadline_ns)
		deadline_ns = c->attach_again_ns;
	return deadline_ns;
}

static int run(struct controller *c)
{
	while (!c->is_done && !(c->is_stopping && !scripts_busy(c->scripts))) {
		int err = loop_wait(c->loop, next_deadline(c));
		uint64_t now_ns;

		if (err)
			return fail("epoll", err);
		now_ns = loop_now_ns();
		if (c->attach_again_ns <= now_ns)
			try_interface(c, now_ns);
		engine_timers(c->engine, now_ns);
		engine_commit(c->engine, now_ns);
		scripts_timers(c->scripts, now_ns);
	}
	return 0;
}

static void close_all(struct controller *c)
{
	if (c->is_attached)
		dataplane_vr_remove(c->dataplane, SLOT, &c->options.vr, c->link.ifindex);
	scripts_free(c->scripts);
	dataplane_free(c->dataplane);
	engine_free(c->engine);
	tx_packet_free(c->tx);
	rtnl_free(c->rtnl);
	if (c->signals.ready && c->signals.fd >= 0)
		close(c->signals.fd);
	loop_free(c->loop);
	secret_free(c->key);
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
	struct controller c = { .attach_again_ns = UINT64_MAX, .signals.fd = -1 };
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
	err = prepare_key(&c, argc, argv) ?: go_to_background(&c) ?: start(&c) ?: run(&c);
	close_all(&c);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
