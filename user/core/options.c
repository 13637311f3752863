// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "words.h"

#define DEAD_RATIO_MAX 65535
#define SCRIPT_TIMEOUT_MAX_S 86400
#define CAPACITY_MAX 131072
#define CLOCK_SKEW_MAX_S 86400
#define FENCE_AFTER_MAX_MS 60000
#define FENCE_AFTER_DEFAULT_MIN_US 10000u
#define FENCE_AFTER_DEFAULT_MAX_US 40000u
#define REALTIME_MAX 99 /* of SCHED_FIFO */
#define REALTIME_DEFAULT 50
#define LABEL_MAX (XCARP_IFNAME_LEN - 3) /* behind a name of one character */
#define NAME_LEN 32 /* of an option in a message */
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

struct option;

/* One option of argv, as the command line spells it. */
struct word {
	const struct option *option; /* NULL: unknown, see fits */
	size_t fits; /* long names that begin so */
	const char *name; /* without dashes */
	size_t name_len;
	bool is_long;
	char *value; /* NULL: none */
	bool stray_value; /* --flag=value where none is taken */
};

struct parse {
	struct options *options;
	struct word word; /* the last option read */
	struct word vr_word; /* the first option of a virtual router; without a name: none yet */
	bool is_line; /* of a file: the process's options have no place here */
	char *error;
};

struct option {
	char letter; /* 0: long only */
	const char *name;
	bool (*set)(struct parse *parse, char *value); /* NULL: is a flag */
	size_t flag; /* offset of its bool in struct options */
	bool flag_value;
	const char *value; /* what the help calls it; NULL: takes none; in brackets: only where = joins it to the name */
	const char *help;
	bool is_process; /* the whole process's: has no place in a line of a file */
};

/* The option tables are below; these setters are their rows' verbs. Each returns false with parse->error filled. */

/* As given: -v, --vhid; a shortened name is written out. */
static void spell(char name[NAME_LEN], const struct word *word)
{
	if (word->option && word->is_long)
		snprintf(name, NAME_LEN, "--%s", word->option->name);
	else
		snprintf(name, NAME_LEN, "%s%.*s", word->is_long ? "--" : "-",
			 (int)(word->name_len < 24 ? word->name_len : 24), word->name);
}

/* A message is one line, whatever it quotes. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			*text = '?';
}

static bool refuse(struct parse *parse, const char *value, const char *right)
{
	char name[NAME_LEN];

	spell(name, &parse->word);
	if (value && !*value)
		value = "''";
	snprintf(parse->error, OPTIONS_ERROR_LEN, "%s%s%.200s: %s", name, value ? " " : "", value ? value : "", right);
	make_one_line(parse->error);
	return false;
}

/* Meant as one, or as a decimal number with a 0 before it. */
static bool is_octal(const char *value)
{
	return value[0] == '0' && value[1] && !value[strspn(value, "0123456789")];
}

/* As strtoul(value, NULL, 0) in ucarp, but the whole value has to be a number in range. */
static bool read_number(struct parse *parse, const char *value, unsigned long min, unsigned long max,
			unsigned long *number)
{
	char right[128];
	char *end;

	errno = 0;
	*number = strtoul(value, &end, 0);
	if (errno || end == value || *end || strchr(value, '-') || *number < min || *number > max) {
		snprintf(right, sizeof(right), "must be a number from %lu to %lu%s", min, max,
			 is_octal(value) ? "; a leading 0 means octal, so write it without" : "");
		return refuse(parse, value, right);
	}
	return true;
}

static bool read_ipv4(struct parse *parse, const char *value, uint32_t *address)
{
	if (inet_pton(AF_INET, value, address) != 1)
		return refuse(parse, value, "must be an IPv4 address such as 10.1.1.1");
	return true;
}

static bool set_interface(struct parse *parse, char *value)
{
	struct vr_options *vr = &parse->options->vr;
	size_t len = strlen(value);

	if (len >= sizeof(vr->interface) || strpbrk(value, "/ \t\n:") || !strcmp(value, ".") || !strcmp(value, ".."))
		return refuse(parse, value, "must be the name of a network interface, at most 15 characters and without a label (eth0, not eth0:1)");
	memcpy(vr->interface, value, len + 1);
	return true;
}

static bool set_source(struct parse *parse, char *value)
{
	struct vip source;

	if (!read_ipv4(parse, value, &parse->options->vr.source))
		return false;
	if (vip_parse(&source, value))
		return refuse(parse, value, "must be an address of this host's own");
	return true;
}

static bool set_group(struct parse *parse, char *value)
{
	if (!read_ipv4(parse, value, &parse->options->vr.group))
		return false;
	if (ntohl(parse->options->vr.group) >> 28 != 0xe)
		return refuse(parse, value, "must be a multicast group, 224.0.0.0 to 239.255.255.255");
	return true;
}

static bool set_vhid(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 1, 255, &number))
		return false;
	parse->options->vr.vhid = (uint8_t)number;
	return true;
}

static bool set_password(struct parse *parse, char *value)
{
	size_t len = strlen(value);

	if (!len || len > CARP_KEY_MAX)
		return refuse(parse, NULL, "the password must have 1 to 20 characters (at most 19 where ucarp is a peer)");
	parse->options->vr.password = value;
	parse->options->vr.passfile = NULL;
	return true;
}

static bool set_passfile(struct parse *parse, char *value)
{
	if (!*value)
		return refuse(parse, value, "must be a file with the password in its first line");
	parse->options->vr.passfile = value;
	parse->options->vr.password = NULL;
	return true;
}

static bool set_address(struct parse *parse, char *value)
{
	struct options *options = parse->options;
	struct vr_options *vr = &options->vr;
	struct vip vip;
	const char *wrong = vip_parse(&vip, value);

	if (wrong)
		return refuse(parse, value, wrong);
	for (size_t i = 0; i < vr->vip_count; i++)
		if (!vip_compare(&options->vips[i], &vip))
			return refuse(parse, value, "is given twice; each address must be given once");
	if (vr->vip_count == CARP_VIPS_MAX)
		return refuse(parse, value, "is one too many; a virtual router has at most 32 addresses");
	options->vips[vr->vip_count++] = vip;
	return true;
}

static bool set_advbase(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 0, 255, &number))
		return false;
	parse->options->vr.election.advbase = (uint8_t)number;
	return true;
}

static bool set_advskew(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 0, 255, &number))
		return false;
	parse->options->vr.election.advskew = (uint8_t)number;
	return true;
}

/* ucarp runs no script where the name is empty. */
static bool set_upscript(struct parse *parse, char *value)
{
	parse->options->vr.upscript = *value ? value : NULL;
	return true;
}

static bool set_downscript(struct parse *parse, char *value)
{
	parse->options->vr.downscript = *value ? value : NULL;
	return true;
}

static bool set_dead_ratio(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 1, DEAD_RATIO_MAX, &number))
		return false;
	parse->options->vr.election.dead_ratio = (uint16_t)number;
	return true;
}

static bool set_facility(struct parse *parse, char *value)
{
	static const struct {
		const char *name;
		int facility;
	} facilities[] = {
		{ "auth", LOG_AUTH },	  { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },	  { "daemon", LOG_DAEMON },
		{ "ftp", LOG_FTP },	  { "kern", LOG_KERN },		{ "lpr", LOG_LPR },	  { "mail", LOG_MAIL },
		{ "news", LOG_NEWS },	  { "security", LOG_AUTH },	{ "syslog", LOG_SYSLOG }, { "user", LOG_USER },
		{ "uucp", LOG_UUCP },	  { "local0", LOG_LOCAL0 },	{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
		{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	};

	parse->options->use_syslog = strcasecmp(value, "none") != 0;
	if (!parse->options->use_syslog)
		return true;
	for (size_t i = 0; i < COUNT(facilities); i++) {
		if (strcasecmp(value, facilities[i].name))
			continue;
		parse->options->facility = facilities[i].facility;
		return true;
	}
	return refuse(parse, value, "must be a syslog facility such as daemon, user, local0 to local7, or none");
}

static bool set_xparam(struct parse *parse, char *value)
{
	parse->options->vr.xparam = value;
	return true;
}

static bool set_label(struct parse *parse, char *value)
{
	if (!*value || strlen(value) > LABEL_MAX || strpbrk(value, "/ \t\n:"))
		return refuse(parse, value, "must be what follows the colon in eth0:LABEL, which is at most 15 characters as a whole");
	parse->options->vr.label = value;
	return true;
}

static bool set_config(struct parse *parse, char *value)
{
	if (!*value)
		return refuse(parse, value, "must be a file of virtual routers, one a line");
	parse->options->config = value;
	return true;
}

static bool set_pidfile(struct parse *parse, char *value)
{
	if (!*value)
		return refuse(parse, value, "must be the name of a file to write the process id to");
	parse->options->pidfile = value;
	return true;
}

static bool set_control_group(struct parse *parse, char *value)
{
	if (!*value)
		return refuse(parse, value, "must be a group, by its name or number");
	parse->options->control_group = value;
	return true;
}

static bool set_script_timeout(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 1, SCRIPT_TIMEOUT_MAX_S, &number))
		return false;
	parse->options->vr.script_timeout_s = (uint32_t)number;
	return true;
}

/* The value's place in words, or -1. */
static int find_word(const char *value, const char *const *words, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(value, words[i]))
			return i;
	return -1;
}

static bool set_auth(struct parse *parse, char *value)
{
	static const char *const modes[] = {
#define X(mode, word) [mode] = word,
		XCARP_AUTH_MODES(X)
#undef X
	};
	int mode = find_word(value, modes, COUNT(modes));

	if (mode < 0)
		return refuse(parse, value, "must be hmac-sha1, accept-siphash, send-siphash or siphash");
	parse->options->vr.auth = (uint8_t)mode;
	return true;
}

/* Six bytes, with : or - between them. */
static bool read_mac(const char *value, uint8_t mac[FRAME_MAC_LEN])
{
	if (strlen(value) != 3 * FRAME_MAC_LEN - 1)
		return false;
	for (int i = 0; i < FRAME_MAC_LEN; i++, value += 3) {
		if (!isxdigit((unsigned char)value[0]) || !isxdigit((unsigned char)value[1]) ||
		    (value[2] && value[2] != ':' && value[2] != '-'))
			return false;
		mac[i] = (uint8_t)strtoul((char[]){ value[0], value[1], '\0' }, NULL, 16);
	}
	return true;
}

static bool set_given_mac(struct parse *parse, const char *value)
{
	static const uint8_t none[FRAME_MAC_LEN], all[FRAME_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct vr_options *vr = &parse->options->vr;
	uint8_t mac[FRAME_MAC_LEN];

	if (!read_mac(value, mac))
		return refuse(parse, value, "must be ucarp, bsd, real, or a MAC address such as 02:00:5e:10:00:01");
	if (!memcmp(mac, none, sizeof(mac)))
		return refuse(parse, value, "is the zero address; adverts must come from a MAC address of one host");
	if (!memcmp(mac, all, sizeof(mac)))
		return refuse(parse, value, "is the broadcast address; adverts must come from a MAC address of one host");
	if (mac[0] & 1)
		return refuse(parse, value, "is a multicast address; adverts must come from a MAC address of one host");
	vr->advert_mac = ADVERT_MAC_GIVEN;
	memcpy(vr->given_mac, mac, sizeof(mac));
	return true;
}

static bool set_advert_mac(struct parse *parse, char *value)
{
	static const char *const words[] = {
		[ADVERT_MAC_UCARP] = "ucarp",
		[ADVERT_MAC_BSD] = "bsd",
		[ADVERT_MAC_REAL] = "real",
	};
	struct vr_options *vr = &parse->options->vr;
	int word = find_word(value, words, COUNT(words));

	if (word < 0)
		return set_given_mac(parse, value);
	vr->advert_mac = (uint8_t)word;
	memset(vr->given_mac, 0, sizeof(vr->given_mac));
	return true;
}

static bool set_real_mac(struct parse *parse, char *value)
{
	(void)value;
	return set_advert_mac(parse, (char[]){ "real" });
}

static bool set_keyfile(struct parse *parse, char *value)
{
	if (!*value)
		return refuse(parse, value, "must be a file of keys, such as `xcarpctl genkey` prints");
	parse->options->vr.keyfile = value;
	return true;
}

static bool set_replay(struct parse *parse, char *value)
{
	static const char *const modes[] = {
		[REPLAY_OFF] = "off",
		[REPLAY_AUTO] = "auto",
		[REPLAY_STRICT] = "strict",
	};
	int mode = find_word(value, modes, COUNT(modes));

	if (mode < 0)
		return refuse(parse, value, "must be auto, strict or off");
	parse->options->vr.replay = (uint8_t)mode;
	return true;
}

static bool set_clock_skew(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 1, CLOCK_SKEW_MAX_S, &number))
		return false;
	parse->options->vr.clock_skew_s = (uint32_t)number;
	return true;
}

static bool set_fence_after(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 10, FENCE_AFTER_MAX_MS, &number))
		return false;
	parse->options->vr.fence_after_ms = (uint32_t)number;
	return true;
}

static bool set_hook(struct parse *parse, char *value)
{
	static const char *const hooks[] = {
		[CHOOSE_XDP] = "xdp",
		[CHOOSE_TC] = "tc",
		[CHOOSE_AUTO] = "auto",
	};
	int hook = find_word(value, hooks, COUNT(hooks));

	if (hook < 0)
		return refuse(parse, value, "must be xdp, tc or auto");
	parse->options->hook = (enum hook_choice)hook;
	return true;
}

static bool set_xdp_mode(struct parse *parse, char *value)
{
	static const char *const modes[] = {
		[ATTACH_AUTO] = "auto",
		[ATTACH_NATIVE] = "native",
		[ATTACH_GENERIC] = "generic",
	};
	int mode = find_word(value, modes, COUNT(modes));

	if (mode < 0)
		return refuse(parse, value, "must be auto, native or generic");
	parse->options->xdp_mode = (enum attach_mode)mode;
	return true;
}

static bool set_tx(struct parse *parse, char *value)
{
	static const char *const modes[] = {
		[TX_AUTO] = "auto",
		[TX_PACKET] = "packet",
		[TX_BPF] = "bpf",
		[TX_XSK] = "xsk",
	};
	int mode = find_word(value, modes, COUNT(modes));

	if (mode < 0)
		return refuse(parse, value, "must be auto, packet, bpf or xsk");
	parse->options->tx = (enum tx_mode)mode;
	return true;
}

static bool set_capacity(struct parse *parse, char *value)
{
	unsigned long number;

	if (!read_number(parse, value, 1, CAPACITY_MAX, &number))
		return false;
	parse->options->capacity = (uint32_t)number;
	return true;
}

/* value: NULL where none was given. */
static bool set_realtime(struct parse *parse, char *value)
{
	unsigned long number = REALTIME_DEFAULT;

	if (value && !read_number(parse, value, 1, REALTIME_MAX, &number))
		return false;
	parse->options->realtime = (int)number;
	return true;
}

static bool set_check(struct parse *parse, char *value)
{
	if (value && strcmp(value, "list"))
		return refuse(parse, value, "must be list, or not be there");
	parse->options->check = true;
	parse->options->lists = value;
	return true;
}

static bool set_cleanup(struct parse *parse, char *value)
{
	if (value && strcmp(value, "all"))
		return refuse(parse, value, "must be all, or not be there");
	parse->options->cleanup = value ? CLEANUP_ALL : CLEANUP_HERE;
	return true;
}

#define CALL(function) function, 0, false
#define SET(field) NULL, offsetof(struct options, field), true
#define CLEAR(field) NULL, offsetof(struct options, field), false

/* ucarp's own, in the order of its help; a long name may be cut short as long as it fits only one of these. */
static const struct option ucarp_options[] = {
	{ 'i', "interface", CALL(set_interface), "IF", "interface to use; without it, the one that holds the -s address", false },
	{ 's', "srcip", CALL(set_source), "IP", "real address of this host on that interface", false },
	{ 'm', "mcastip", CALL(set_group), "IP", "multicast group of the adverts (224.0.0.18)", false },
	{ 'v', "vhid", CALL(set_vhid), "ID", "virtual router's id, 1-255", false },
	{ 'p', "pass", CALL(set_password), "PASS", "password, at most 20 characters", false },
	{ 'o', "passfile", CALL(set_passfile), "FILE", "read the password from the first line of FILE", false },
	{ 'P', "preempt", SET(vr.election.preempt), NULL, "become master as soon as a worse master is heard", false },
	{ 'n', "neutral", SET(vr.election.neutral), NULL, "do not run the down script at start", false },
	{ 'a', "addr", CALL(set_address), "IP[/LEN]", "virtual address; may be given up to 32 times", false },
	{ 'h', "help", SET(help), NULL, "this text", true },
	{ 'b', "advbase", CALL(set_advbase), "SECS", "seconds between adverts, 0-255 (1)", false },
	{ 'k', "advskew", CALL(set_advskew), "SKEW", "1/256 seconds to add to that, 0-255 (0)", false },
	{ 'u', "upscript", CALL(set_upscript), "FILE", "run FILE after becoming master", false },
	{ 'd', "downscript", CALL(set_downscript), "FILE", "run FILE after becoming backup", false },
	{ 'r', "deadratio", CALL(set_dead_ratio), "RATIO", "a master is dead after so many silent intervals (3)", false },
	{ 'D', "debug", SET(debug), NULL, "log more, each advert too", true },
	{ 'z', "shutdown", SET(vr.election.script_at_exit), NULL, "run the down script when a master exits", false },
	{ 'B', "daemonize", SET(daemonize), NULL, "go to the background once everything works", true },
	{ 'S', "ignoreifstate", SET(vr.ignore_link_state), NULL, "go on without a carrier", false },
	{ 'M', "nomcast", SET(vr.broadcast), NULL, "send adverts as Ethernet broadcasts", false },
	{ 'f', "facility", CALL(set_facility), "NAME", "syslog facility (daemon), or none", true },
	{ 'x', "xparam", CALL(set_xparam), "VALUE", "third argument of the scripts", false },
};

static const struct option own_options[] = {
	{ 'c', "config", CALL(set_config), "FILE", "read virtual routers from FILE, a line each", true },
	{ 0, "check", CALL(set_check), "[=list]", "say what is wrong with the rest, FILE too, or list it, and exit", true },
	{ 0, "auth", CALL(set_auth), "MODE", "hmac-sha1, accept-siphash, send-siphash or siphash (hmac-sha1)", false },
	{ 0, "keyfile", CALL(set_keyfile), "FILE", "keys for SipHash, an id and 64 hex digits a line", false },
	{ 0, "no-vip", CLEAR(vr.manage_vips), NULL, "leave the virtual addresses to the scripts", false },
	{ 0, "label", CALL(set_label), "LABEL", "IPv4 addresses of ours are labelled IF:LABEL", false },
	{ 0, "advert-mac", CALL(set_advert_mac), "MAC", "send adverts from ucarp's, bsd's, the real or this MAC (ucarp)", false },
	{ 0, "real-mac", CALL(set_real_mac), NULL, "the same as --advert-mac=real", false },
	{ 0, "no-fillers", CLEAR(vr.wake_ucarp), NULL, "after a bow-out, do not push it through ucarp's capture buffer", false },
	{ 0, "script-timeout", CALL(set_script_timeout), "SECS", "kill a script that runs longer (60)", false },
	{ 0, "replay", CALL(set_replay), "MODE", "refuse adverts that are sent again: auto, strict or off (auto)", false },
	{ 0, "clock-skew", CALL(set_clock_skew), "SECS", "strict: how far a peer's clock may be off at first (60)", false },
	{ 0, "fence-after", CALL(set_fence_after), "MS", "a master that owes an answer for so long is silenced (10 to 40)", false },
	{ 0, "pidfile", CALL(set_pidfile), "FILE", "write the process id to FILE, remove FILE at exit", true },
	{ 0, "hook", CALL(set_hook), "HOOK", "where adverts are taken: xdp, tc or auto (xdp)", true },
	{ 0, "xdp-mode", CALL(set_xdp_mode), "MODE", "auto, native or generic (auto)", true },
	{ 0, "tx", CALL(set_tx), "MODE", "how adverts are sent: auto, packet, bpf or xsk (auto)", true },
	{ 0, "capacity", CALL(set_capacity), "N", "virtual routers that the maps of this network namespace have room for", true },
	{ 0, "control-group", CALL(set_control_group), "GROUP", "members may ask this process by xcarpctl, too", true },
	{ 0, "realtime", CALL(set_realtime), "[=PRIO]", "run under SCHED_FIFO, with priority 1-99 (50)", true },
	{ 0, "cleanup", CALL(set_cleanup), "[=all]", "take away what dead processes left, or refuse where one lives, and exit", true },
	{ 0, "tap", SET(tap), NULL, "let accepted adverts go on to the host's stack, for tcpdump", true },
	{ 0, "wait", SET(wait), NULL, "wait for an interface that is not there yet", true },
	{ 0, "version", SET(version), NULL, "print the versions of this program, its libraries and the kernel", true },
};

static bool is_value_optional(const struct option *option)
{
	return option->value && option->value[0] == '[';
}

static const struct option *find_letter(char letter)
{
	for (size_t i = 0; i < COUNT(ucarp_options); i++)
		if (ucarp_options[i].letter == letter)
			return &ucarp_options[i];
	for (size_t i = 0; i < COUNT(own_options); i++)
		if (letter && own_options[i].letter == letter)
			return &own_options[i];
	return NULL;
}

/* Exact, or the only one in the table that begins so. *fits: how many begin so. */
static const struct option *find_in(const struct option *table, size_t count, const char *name, size_t len,
				    size_t *fits)
{
	const struct option *found = NULL;

	*fits = 0;
	for (size_t i = 0; i < count; i++) {
		if (strncmp(table[i].name, name, len))
			continue;
		if (!table[i].name[len]) {
			*fits = 1;
			return &table[i];
		}
		found = &table[i];
		++*fits;
	}
	return *fits == 1 ? found : NULL;
}

/* ucarp's options come first, so that what getopt_long() made of a shortened name there holds here. */
static const struct option *find_name(const char *name, size_t len, size_t *fits)
{
	size_t own_fits;
	const struct option *own = find_in(own_options, COUNT(own_options), name, len, &own_fits);
	const struct option *ucarp;

	if (own && !own->name[len]) {
		*fits = 1;
		return own;
	}
	ucarp = find_in(ucarp_options, COUNT(ucarp_options), name, len, fits);
	if (*fits)
		return ucarp;
	*fits = own_fits;
	return own;
}

struct cursor {
	int argc;
	char **argv;
	int index;
	char *letters; /* rest of a cluster such as -Pz */
	bool is_over; /* after --: no more options */
	bool knows_no_end; /* -- ends nothing */
};

enum word_kind {
	WORD_END,
	WORD_OPTION,
	WORD_ARGUMENT, /* not an option */
};

static char *next_value(struct cursor *cursor)
{
	return cursor->index < cursor->argc ? cursor->argv[cursor->index++] : NULL;
}

static enum word_kind next_letter(struct cursor *cursor, struct word *word)
{
	*word = (struct word){ .name = cursor->letters, .name_len = 1 };
	word->option = find_letter(*cursor->letters++);
	if (word->option && word->option->value) {
		word->value = *cursor->letters ? cursor->letters : next_value(cursor);
		cursor->letters = NULL;
	} else if (!*cursor->letters) {
		cursor->letters = NULL;
	}
	return WORD_OPTION;
}

static enum word_kind next_word(struct cursor *cursor, struct word *word)
{
	char *text, *equals;

	if (cursor->letters)
		return next_letter(cursor, word);
	text = next_value(cursor);
	if (!text)
		return WORD_END;
	if (!cursor->is_over && !cursor->knows_no_end && !strcmp(text, "--")) {
		cursor->is_over = true;
		return next_word(cursor, word);
	}
	if (cursor->is_over || text[0] != '-' || !text[1]) {
		*word = (struct word){ .name = text, .name_len = strlen(text) };
		return WORD_ARGUMENT;
	}
	if (text[1] != '-') {
		cursor->letters = text + 1;
		return next_letter(cursor, word);
	}

	equals = strchr(text, '=');
	*word = (struct word){ .is_long = true, .name = text + 2 };
	word->name_len = equals ? (size_t)(equals - text) - 2 : strlen(text) - 2;
	word->option = find_name(word->name, word->name_len, &word->fits);
	word->value = equals ? equals + 1 : NULL;
	if (word->option && word->option->value && !equals && !is_value_optional(word->option))
		word->value = next_value(cursor);
	word->stray_value = equals && word->option && !word->option->value;
	return WORD_OPTION;
}

static bool refuse_unknown(struct parse *parse, const struct word *word)
{
	const char *names[COUNT(ucarp_options) + COUNT(own_options)], *nearest = NULL;
	char name[NAME_LEN], right[96] = "no such option; see --help";
	size_t count = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		const struct option *o = i < COUNT(ucarp_options) ? &ucarp_options[i] : &own_options[i - COUNT(ucarp_options)];

		if (!(parse->is_line && o->is_process))
			names[count++] = o->name;
	}
	if (word->is_long && word->name_len < sizeof(name)) {
		memcpy(name, word->name, word->name_len);
		name[word->name_len] = '\0';
		nearest = words_nearest(name, names, count);
	}
	if (nearest)
		snprintf(right, sizeof(right), "no such option; did you mean --%s?", nearest);
	return refuse(parse, NULL, right);
}

static bool apply_word(struct parse *parse, const struct word *word)
{
	parse->word = *word;
	if (word->fits > 1)
		return refuse(parse, NULL, "fits more than one option; write it out (see --help)");
	if (!word->option)
		return refuse_unknown(parse, word);
	if (word->stray_value)
		return refuse(parse, NULL, "takes no value");
	if (word->option->value && !word->value && !is_value_optional(word->option))
		return refuse(parse, NULL, "needs a value; see --help");
	if (parse->is_line && word->option->is_process)
		return refuse(parse, NULL, "is the whole process's; it belongs on the command line");
	if (!word->option->is_process && !parse->vr_word.name)
		parse->vr_word = *word;
	if (word->option->set)
		return word->option->set(parse, word->value);
	*(bool *)((char *)parse->options + word->option->flag) = word->option->flag_value;
	return true;
}

/*
 * After -p it is the rest of a password with a blank in it, after -P a password whose option was mistyped, and after -- it
 * may be -p itself.
 */
static bool refuse_argument(const struct parse *parse, const char *argument, bool is_over)
{
	const struct option *option = parse->word.option;
	char name[NAME_LEN] = "--";

	if (!is_over)
		spell(name, &parse->word);
	if (is_over || (option && (option->set == set_password || option->letter == 'P')))
		snprintf(parse->error, OPTIONS_ERROR_LEN,
			 "%s: unexpected argument after it, not shown as it may be a password; see --help", name);
	else
		snprintf(parse->error, OPTIONS_ERROR_LEN,
			 "%.200s: unexpected argument; every value needs its option, see --help", argument);
	make_one_line(parse->error);
	return false;
}

/* All that is missing, in one line; empty: nothing is. */
static void add_missing(const struct vr_options *vr, char *error)
{
	bool has_key = vr->password || vr->passfile || (vr->auth == AUTH_SIPHASH && vr->keyfile);
	const struct {
		bool is_there;
		const char *what;
	} needed[] = {
		{ vr->vhid, "-v (--vhid) is missing: the virtual router's id, 1 to 255" },
		{ has_key, "-p (--pass) or -o (--passfile) is missing: the password, 1 to 20 characters" },
		{ vr->source, "-s (--srcip) is missing: this host's real IPv4 address on the interface" },
		{ vr->vip_count, "-a (--addr) is missing: the virtual address" },
	};
	size_t len = 0;

	error[0] = '\0';
	for (size_t i = 0; i < COUNT(needed); i++)
		if (!needed[i].is_there)
			len += (size_t)snprintf(error + len, OPTIONS_ERROR_LEN - len, "%s%s", len ? "; " : "", needed[i].what);
}

static bool check_vr(const struct vr_options *vr, char *error)
{
	add_missing(vr, error);
	if (!*error && !vr->election.advbase && !vr->election.advskew)
		snprintf(error, OPTIONS_ERROR_LEN, "-b 0 -k 0: one of --advbase and --advskew must be 1 or more");
	if (!*error && !vr_options_fits_label(vr))
		snprintf(error, OPTIONS_ERROR_LEN, "--label %s: %s:%s has more than 15 characters", vr->label, vr->interface, vr->label);
	if (*error)
		return false;

	for (size_t i = 0; i < vr->vip_count; i++) {
		char text[VIP_TEXT_LEN];

		if (vr->vips[i].ip_version != 4 || memcmp(vr->vips[i].address, &vr->source, 4))
			continue;
		snprintf(error, OPTIONS_ERROR_LEN,
			 "-a %s: is the -s address; the virtual address must be another one, which no host owns",
			 vip_format(&vr->vips[i], true, text));
		return false;
	}
	return true;
}

static void set_defaults(struct options *options)
{
	/* Cleared whole, so that what lies between the fields never tells two virtual routers apart. */
	memset(options, 0, sizeof(*options));
	options->use_syslog = true;
	options->facility = LOG_DAEMON;
	options->vr.group = htonl(CARP_GROUP_IPV4);
	options->vr.election.advbase = 1;
	options->vr.election.dead_ratio = 3;
	options->vr.script_timeout_s = 60;
	options->vr.replay = REPLAY_AUTO;
	options->vr.clock_skew_s = OPTIONS_CLOCK_SKEW_DEFAULT_S;
	options->vr.manage_vips = true;
	options->vr.wake_ucarp = true;
	options->vr.vips = options->vips;
}

static bool is_ucarp(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;

	return program && !strcmp(slash ? slash + 1 : program, "ucarp");
}

static bool parse_words(struct parse *parse, int argc, char **argv)
{
	struct cursor cursor = { .argc = argc, .argv = argv, .index = 1 };
	struct word word;
	enum word_kind kind;

	parse->error[0] = '\0';
	while ((kind = next_word(&cursor, &word)) != WORD_END) {
		if (kind == WORD_ARGUMENT ? !refuse_argument(parse, word.name, cursor.is_over) : !apply_word(parse, &word))
			return false;
		if (parse->options->help || parse->options->version)
			return true;
	}
	return true;
}

static bool check_config(const struct parse *parse)
{
	char name[NAME_LEN];

	if (!parse->vr_word.name)
		return true;
	spell(name, &parse->vr_word);
	snprintf(parse->error, OPTIONS_ERROR_LEN, "%s: is a virtual router's; with -c it belongs in the file", name);
	return false;
}

int options_parse(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_LEN])
{
	struct parse parse = { .options = options, .error = error };

	set_defaults(options);
	options->is_ucarp = is_ucarp(argc ? argv[0] : NULL);
	if (!parse_words(&parse, argc, argv))
		return -EINVAL;
	if (options->help || options->version)
		return 0;
	/* There the addresses are the up script's, and it fails where they are there already. */
	if (options->is_ucarp && options->vr.upscript)
		options->vr.manage_vips = false;
	if (options->cleanup) {
		if (argc == 2)
			return 0;
		snprintf(error, OPTIONS_ERROR_LEN, "--cleanup: goes with no other option: it takes away what all dead processes left");
		return -EINVAL;
	}
	if (options->hook != CHOOSE_XDP && options->xdp_mode != ATTACH_AUTO) {
		snprintf(error, OPTIONS_ERROR_LEN, "--xdp-mode=%s: goes with --hook=xdp only: the others choose by themselves",
			 options->xdp_mode == ATTACH_NATIVE ? "native" : "generic");
		return -EINVAL;
	}
	return (options->config ? check_config(&parse) : check_vr(&options->vr, error)) ? 0 : -EINVAL;
}

int options_parse_defaults(struct options *line, int argc, char **argv, char error[OPTIONS_ERROR_LEN])
{
	struct parse parse = { .options = line, .error = error, .is_line = true };

	set_defaults(line);
	return parse_words(&parse, argc, argv) ? 0 : -EINVAL;
}

int options_parse_vr(struct options *line, const struct vr_options *defaults, int argc, char **argv,
		     char error[OPTIONS_ERROR_LEN])
{
	struct parse parse = { .options = line, .error = error, .is_line = true };

	set_defaults(line);
	if (defaults) {
		line->vr = *defaults;
		line->vr.vips = line->vips;
		memcpy(line->vips, defaults->vips, defaults->vip_count * sizeof(*line->vips));
	}
	return parse_words(&parse, argc, argv) && check_vr(&line->vr, error) ? 0 : -EINVAL;
}

static size_t string_size(const char *string)
{
	return string ? strlen(string) + 1 : 0;
}

/* Moves *string to *at, and *at behind it. */
static void take_string(const char **string, char **at)
{
	size_t size = string_size(*string);

	if (!size)
		return;
	memcpy(*at, *string, size);
	*string = *at;
	*at += size;
}

struct vr_options *vr_options_copy(const struct vr_options *options)
{
	size_t vips_size = options->vip_count * sizeof(*options->vips);
	struct vr_options *copy = malloc(sizeof(*copy) + vips_size + string_size(options->upscript) +
					 string_size(options->downscript) + string_size(options->xparam) +
					 string_size(options->label));
	char *at = (char *)(copy + 1);

	if (!copy)
		return NULL;
	memcpy(copy, options, sizeof(*copy));
	copy->password = NULL;
	copy->passfile = NULL;
	copy->keyfile = NULL;
	memcpy(at, options->vips, vips_size);
	copy->vips = (const struct vip *)at;
	at += vips_size;
	take_string(&copy->upscript, &at);
	take_string(&copy->downscript, &at);
	take_string(&copy->xparam, &at);
	take_string(&copy->label, &at);
	return copy;
}

void vr_options_advert_mac(const struct vr_options *options, const uint8_t interface_mac[FRAME_MAC_LEN],
			   uint8_t mac[FRAME_MAC_LEN])
{
	switch ((enum advert_mac)options->advert_mac) {
	case ADVERT_MAC_UCARP:
		frame_ucarp_mac(mac, options->vhid);
		return;
	case ADVERT_MAC_BSD:
		frame_bsd_mac(mac, options->vhid);
		return;
	case ADVERT_MAC_REAL:
		memcpy(mac, interface_mac, FRAME_MAC_LEN);
		return;
	case ADVERT_MAC_GIVEN:
		memcpy(mac, options->given_mac, FRAME_MAC_LEN);
		return;
	}
}

uint32_t vr_options_fence_after_us(const struct vr_options *options)
{
	uint32_t interval_us = (uint32_t)((options->election.advbase * 256u + options->election.advskew) * 1000000ull / 256);

	if (options->fence_after_ms)
		return options->fence_after_ms * 1000;
	if (interval_us < FENCE_AFTER_DEFAULT_MIN_US)
		return FENCE_AFTER_DEFAULT_MIN_US;
	return interval_us < FENCE_AFTER_DEFAULT_MAX_US ? interval_us : FENCE_AFTER_DEFAULT_MAX_US;
}

static bool is_same_string(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool vr_options_same_vr(const struct vr_options *a, const struct vr_options *b)
{
	return a->vhid == b->vhid && a->group == b->group && !strcmp(a->interface, b->interface);
}

bool vr_options_same_label(const struct vr_options *a, const struct vr_options *b)
{
	return is_same_string(a->label, b->label);
}

bool vr_options_fits_label(const struct vr_options *options)
{
	return !options->label || strlen(options->interface) + 1 + strlen(options->label) < XCARP_IFNAME_LEN;
}

bool vr_options_equal(const struct vr_options *a, const struct vr_options *b)
{
	return vr_options_same_vr(a, b) && a->source == b->source && a->auth == b->auth &&
	       !memcmp(&a->election, &b->election, sizeof(a->election)) && a->vip_count == b->vip_count &&
	       !memcmp(a->vips, b->vips, a->vip_count * sizeof(*a->vips)) &&
	       is_same_string(a->upscript, b->upscript) && is_same_string(a->downscript, b->downscript) &&
	       is_same_string(a->xparam, b->xparam) && vr_options_same_label(a, b) && a->script_timeout_s == b->script_timeout_s &&
	       a->replay == b->replay && a->clock_skew_s == b->clock_skew_s && a->fence_after_ms == b->fence_after_ms &&
	       a->ignore_link_state == b->ignore_link_state && a->broadcast == b->broadcast &&
	       a->manage_vips == b->manage_vips && a->advert_mac == b->advert_mac &&
	       !memcmp(a->given_mac, b->given_mac, sizeof(a->given_mac)) && a->wake_ucarp == b->wake_ucarp;
}

/* --pas (which may be --passfile) and --password are refused, but what follows is a password all the same. */
static bool is_nearly_pass(const struct word *word)
{
	static const char name[] = "pass";
	size_t len = word->name_len < strlen(name) ? word->name_len : strlen(name);

	return word->is_long && !word->option && len && !strncmp(word->name, name, len);
}

void options_wipe_passwords(int argc, char **argv)
{
	struct cursor cursor = { .argc = argc, .argv = argv, .index = 1, .knows_no_end = true };
	struct word word;

	while (next_word(&cursor, &word) != WORD_END) {
		bool is_near = is_nearly_pass(&word);

		if (is_near && !word.value && cursor.index < argc && argv[cursor.index][0] != '-')
			word.value = next_value(&cursor);
		if (word.value && (is_near || (word.option && word.option->set == set_password)))
			explicit_bzero(word.value, strlen(word.value));
	}
}

static size_t help_rows(char *text, size_t at, size_t size, const struct option *table, size_t count)
{
	for (size_t i = 0; i < count && at < size; i++) {
		const struct option *o = &table[i];
		char left[48];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			 o->letter ? ',' : ' ', o->name, o->value && !is_value_optional(o) ? "=" : "",
			 o->value ? o->value : "");
		at += (size_t)snprintf(text + at, size - at, "  %-28s %s\n", left, o->help);
	}
	return at;
}

const char *options_help(void)
{
	static char text[8192];
	size_t at;

	at = (size_t)snprintf(text, sizeof(text),
			      "Usage: xcarp -i IF -s IP -v ID -p PASS -a IP[/LEN] [option ...]\n"
			      "\n"
			      "Keeps the virtual address on one of the hosts that run this, by CARP.\n"
			      "\n"
			      "ucarp's options:\n");
	at = help_rows(text, at, sizeof(text), ucarp_options, COUNT(ucarp_options));
	at += (size_t)snprintf(text + at, sizeof(text) - at, "\nxcarp's own:\n");
	at = help_rows(text, at, sizeof(text), own_options, COUNT(own_options));
	snprintf(text + at, sizeof(text) - at,
		 "\nNumbers may be decimal, octal (010) or hexadecimal (0x0a). Scripts are run as\n"
		 "  FILE INTERFACE VIRTUAL-ADDRESS [VALUE of -x]\n"
		 "Signals: USR1 logs the state, USR2 gives mastership away, TERM and INT leave. See xcarp(8).\n");
	return text;
}
