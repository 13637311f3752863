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
#include "frame.h"
#include "vip.h"

/* Which hook of an interface the program uses. */
enum hook_choice {
	CHOOSE_XDP,
	CHOOSE_TC,
	CHOOSE_AUTO, /* native XDP where other traffic loses nothing by it, else tc, with XDP in front during a flood */
};

/* Of XDP. */
enum attach_mode {
	ATTACH_AUTO, /* native, or generic with a warning */
	ATTACH_NATIVE,
	ATTACH_GENERIC,
};

enum cleanup_scope {
	CLEANUP_NONE,
	CLEANUP_HERE, /* this network namespace */
	CLEANUP_ALL, /* and those that are gone */
};

enum tx_mode {
	TX_AUTO,
	TX_PACKET, /* AF_PACKET */
	TX_BPF, /* a BPF program sends batches */
	TX_XSK, /* AF_XDP */
};

/* The MAC address that adverts come from. */
enum advert_mac {
	ADVERT_MAC_UCARP, /* ucarp's */
	ADVERT_MAC_BSD, /* the BSDs', and VRRP's */
	ADVERT_MAC_REAL, /* the interface's */
	ADVERT_MAC_GIVEN, /* vr_options.given_mac */
};

#define OPTIONS_CLOCK_SKEW_DEFAULT_S 60

/* One virtual router. A process may have tens of thousands: what is large lies elsewhere, in memory of the owner's. */
struct vr_options {
	char interface[XCARP_IFNAME_LEN]; /* empty: the one that holds source */
	uint32_t source; /* IPv4, network order */
	uint32_t group; /* IPv4, network order */
	const struct vip *vips; /* in the order given */
	const char *password; /* one of these two; the last one given counts */
	const char *passfile;
	const char *keyfile; /* NULL: strong keys come from the password */
	const char *upscript; /* NULL: none */
	const char *downscript;
	const char *xparam;
	const char *label; /* IPv4 addresses get IF:LABEL; NULL: the interface's name */
	uint32_t script_timeout_s;
	uint32_t clock_skew_s; /* strict: how far from our time of day a first counter may be */
	uint32_t fence_after_ms; /* 0: by the interval, see vr_options_fence_after_us() */
	struct election_config election;
	uint8_t replay; /* enum replay_mode */
	uint8_t auth; /* enum xcarp_auth */
	uint8_t vhid;
	uint8_t vip_count;
	bool ignore_link_state;
	bool broadcast;
	bool manage_vips; /* false: --no-vip, the scripts do */
	uint8_t advert_mac; /* enum advert_mac */
	uint8_t given_mac[FRAME_MAC_LEN]; /* zeros where none is given */
	bool wake_ucarp; /* false: --no-fillers */
};

_Static_assert(sizeof(struct vr_options) <= 136, "times 65,536");

/* How long a master may owe an answer before it is fenced, in microseconds: one interval, 10 to 40 ms, if not said. */
uint32_t vr_options_fence_after_us(const struct vr_options *options);

/* The MAC address that adverts come from on an interface that has this one. */
void vr_options_advert_mac(const struct vr_options *options, const uint8_t interface_mac[FRAME_MAC_LEN],
			   uint8_t mac[FRAME_MAC_LEN]);

/* Not to be copied: vr.vips points to vips. */
struct options {
	struct vr_options vr;
	struct vip vips[CARP_VIPS_MAX];
	bool is_ucarp; /* that is the name of argv[0] */
	bool help;
	bool version;
	bool debug;
	bool daemonize;
	bool use_syslog;
	int facility; /* syslog's LOG_* */
	const char *pidfile; /* NULL: none */
	const char *config; /* NULL: none, then vr is the one there is */
	const char *control_group; /* name or number; NULL: none */
	bool check;
	bool lists; /* --check prints the virtual routers, too */
	enum cleanup_scope cleanup;
	enum hook_choice hook;
	enum attach_mode xdp_mode; /* ATTACH_AUTO, if hook is not CHOOSE_XDP */
	enum tx_mode tx;
	uint32_t capacity; /* virtual routers that the maps are to have room for; 0: not said */
	int realtime; /* SCHED_FIFO priority, 1 to 99; 0: none */
	bool tap;
	bool wait; /* for interfaces that are not there yet */
};

#define OPTIONS_ERROR_LEN 512

/*
 * Reads argv[1] to argv[argc - 1]. Returns 0, or -EINVAL with a line in error that names the option, its value and
 * what would be right; never a password. With --help or --version the rest is not checked.
 */
int options_parse(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_LEN]);

/*
 * The same for a line of a file, which has no options of the whole process; argv[0] is not looked at. Flags that are not
 * given are as in defaults, or as on an empty command line where that is NULL. line->vr is what came of it.
 */
int options_parse_vr(struct options *line, const struct vr_options *defaults, int argc, char **argv,
		     char error[OPTIONS_ERROR_LEN]);

/* Checks what can be checked of flags that only become a virtual router together with others. */
int options_parse_defaults(struct options *line, int argc, char **argv, char error[OPTIONS_ERROR_LEN]);

/*
 * A copy in one block of memory, to be given back with free(): addresses and strings are in it, but not the password or
 * where to read it or keys, which are NULL. NULL where memory is short.
 */
struct vr_options *vr_options_copy(const struct vr_options *options);

/* In everything but the password and where to read it or keys. Both must come from the functions above. */
bool vr_options_equal(const struct vr_options *a, const struct vr_options *b);

bool vr_options_same_label(const struct vr_options *a, const struct vr_options *b);

/* Together with the interface's name it is no longer than the kernel takes. */
bool vr_options_fits_label(const struct vr_options *options);

/* The same virtual router, whatever else differs: interface, group and VHID. */
bool vr_options_same_vr(const struct vr_options *a, const struct vr_options *b);

#define OPTIONS_TEXT_LEN 1024 /* more than most are long; what does not fit is left out, and ends in ... */

/* The flags that say the same, but the password, which is written as ***. Those that go without saying are left out. */
void vr_options_write(char *text, size_t room, const struct vr_options *options);

/* `-a 10.1.1.252 -> 10.1.1.250, no -P`. What vr_options_copy() leaves out is no difference. */
void vr_options_changes(char *text, size_t room, const struct vr_options *before, const struct vr_options *after);

/*
 * Wipes every value of -p and --pass in argv, also in a command line that options_parse() refused: argv is what
 * others read in the process list.
 */
void options_wipe_passwords(int argc, char **argv);

/* The help text, with what each option means. */
const char *options_help(void);

#endif
