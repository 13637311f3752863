/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line: ucarp's options with its meanings, and xcarp's own, which are long only. Pure: no file is read and
 * nothing is printed here.
 */
#ifndef XCARP_CORE_OPTIONS_H
#define XCARP_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>

#include "election.h"
#include "vip.h"

enum attach_mode {
	ATTACH_AUTO, /* native, or generic with a warning */
	ATTACH_NATIVE,
	ATTACH_GENERIC,
};

/* One virtual router. Strings point into argv. */
struct vr_options {
	char interface[XCARP_IFNAME_LEN]; /* empty: the one that holds source */
	uint32_t source; /* IPv4, network order */
	uint32_t group; /* IPv4, network order */
	uint8_t vhid;
	struct election_config election;
	struct vip vips[CARP_VIPS_MAX]; /* in the order given */
	uint8_t vip_count;
	char *password; /* one of these two; the last one given counts */
	const char *passfile;
	const char *upscript; /* NULL: none */
	const char *downscript;
	const char *xparam;
	uint32_t script_timeout_s;
	bool ignore_link_state;
	bool broadcast;
	bool manage_vips; /* false: --no-vip, the scripts do */
	bool real_mac;
	bool wake_ucarp; /* false: --no-fillers */
};

struct options {
	struct vr_options vr;
	bool help;
	bool version;
	bool debug;
	bool daemonize;
	bool use_syslog;
	int facility; /* syslog's LOG_* */
	const char *pidfile; /* NULL: none */
	const char *config; /* NULL: none, then vr is the one there is */
	bool check;
	enum attach_mode xdp_mode;
	bool tap;
};

#define OPTIONS_ERROR_LEN 512

/*
 * Reads argv[1] to argv[argc - 1]. Returns 0, or -EINVAL with a line in error that names the option, its value and
 * what would be right; never a password. With --help or --version the rest is not checked.
 */
int options_parse(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_LEN]);

/* The same for a line of a file, which has no options of the whole process; argv[0] is not looked at. */
int options_parse_vr(struct vr_options *vr, int argc, char **argv, char error[OPTIONS_ERROR_LEN]);

/* Checks what can be checked of flags that only become a virtual router together with others. */
int options_parse_defaults(int argc, char **argv, char error[OPTIONS_ERROR_LEN]);

/*
 * Wipes every value of -p and --pass in argv, also in a command line that options_parse() refused: argv is what
 * others read in the process list.
 */
void options_wipe_passwords(int argc, char **argv);

/* The help text, with what each option means. */
const char *options_help(void);

#endif
