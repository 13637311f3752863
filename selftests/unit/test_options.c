// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The command line: what each option sets and nothing else, shortened names as getopt_long() takes them from ucarp's
 * table, what bad lines are told, and that no password is left in argv or gets into a message.
 */
#include "core/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <syslog.h>

#include "../tap.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define ARGS_MAX 80
#define TEXT_MAX 4096
#define PASSWORD "hush4711"

/* A line split at its blanks; '' is an empty argument, _ within a word a blank. Each word is memory of its own. */
struct line {
	int argc;
	char *argv[ARGS_MAX + 1];
	size_t lens[ARGS_MAX];
};

static void line_add(struct line *line, const char *words)
{
	char *copy = strdup(words), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		if (!*word || line->argc == ARGS_MAX)
			continue;
		if (!strcmp(word, "''"))
			*word = '\0';
		for (char *blank = word; (blank = strchr(blank, '_'));)
			*blank = ' ';
		line->lens[line->argc] = strlen(word);
		line->argv[line->argc++] = strdup(word);
	}
	line->argv[line->argc] = NULL;
	free(copy);
}

static void line_free(struct line *line)
{
	for (int i = 0; i < line->argc; i++)
		free(line->argv[i]);
	memset(line, 0, sizeof(*line));
}

static const char base[] = "xcarp -v 1 -p " PASSWORD " -s 10.1.1.1 -a 10.1.1.252";

static const char *mac_text(const uint8_t mac[FRAME_MAC_LEN])
{
	static const uint8_t none[FRAME_MAC_LEN];
	static char text[2 * FRAME_MAC_LEN + 1];

	for (int i = 0; i < FRAME_MAC_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", mac[i]);
	return memcmp(mac, none, sizeof(none)) ? text : "-";
}

/* Every field, as `name=value` words, so that a change of any one shows. */
static char *spell(char text[TEXT_MAX], const struct options *o)
{
	const struct vr_options *vr = &o->vr;
	char source[INET_ADDRSTRLEN], group[INET_ADDRSTRLEN], vip[VIP_TEXT_LEN];
	size_t len;

	inet_ntop(AF_INET, &vr->source, source, sizeof(source));
	inet_ntop(AF_INET, &vr->group, group, sizeof(group));
	len = (size_t)snprintf(
		text, TEXT_MAX,
		"if=%s src=%s group=%s vhid=%u pass=%s passfile=%s base=%u skew=%u ratio=%u preempt=%d neutral=%d "
		"exit=%d up=%s down=%s x=%s timeout=%u auth=%u keyfile=%s nolink=%d bcast=%d vips=%d mac=%d,%s help=%d version=%d "
		"debug=%d daemon=%d syslog=%d facility=%d pidfile=%s hook=%d xdp=%d tx=%d capacity=%u realtime=%d tap=%d cleanup=%d group=%s addrs=",
		vr->interface, source, group, vr->vhid, vr->password ? vr->password : "-",
		vr->passfile ? vr->passfile : "-", vr->election.advbase, vr->election.advskew,
		vr->election.dead_ratio, vr->election.preempt, vr->election.neutral, vr->election.script_at_exit,
		vr->upscript ? vr->upscript : "-", vr->downscript ? vr->downscript : "-",
		vr->xparam ? vr->xparam : "-", vr->script_timeout_s, vr->auth, vr->keyfile ? vr->keyfile : "-", vr->ignore_link_state, vr->broadcast,
		vr->manage_vips, vr->advert_mac, mac_text(vr->given_mac), o->help, o->version, o->debug, o->daemonize, o->use_syslog,
		o->facility >> 3, o->pidfile ? o->pidfile : "-", (int)o->hook, (int)o->xdp_mode, (int)o->tx, o->capacity, o->realtime, o->tap,
		(int)o->cleanup, o->control_group ? o->control_group : "-");
	for (size_t i = 0; i < vr->vip_count; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s%s", i ? "," : "",
					vip_format(&vr->vips[i], true, vip));
	return text;
}

/* The words of a that are not in b at the same place. */
static char *difference(char text[TEXT_MAX], const char *a, const char *b)
{
	char a_copy[TEXT_MAX], b_copy[TEXT_MAX], *a_rest = a_copy, *b_rest = b_copy, *a_word, *b_word;

	text[0] = '\0';
	snprintf(a_copy, sizeof(a_copy), "%s", a);
	snprintf(b_copy, sizeof(b_copy), "%s", b);
	while ((a_word = strsep(&a_rest, " ")) && (b_word = strsep(&b_rest, " "))) {
		if (!strcmp(a_word, b_word))
			continue;
		if (*text)
			strcat(text, " ");
		strcat(text, a_word);
	}
	return text;
}

/* What these words change against the base line alone, or the error. */
static int changes(char text[TEXT_MAX], const char *words)
{
	struct line line = { 0 }, base_line = { 0 };
	struct options options, base_options;
	char error[OPTIONS_ERROR_LEN], with[TEXT_MAX], without[TEXT_MAX];
	int rc;

	line_add(&base_line, base);
	options_parse(&base_options, base_line.argc, base_line.argv, error);
	line_add(&line, base);
	line_add(&line, words);
	memset(&options, 0xa5, sizeof(options));
	rc = options_parse(&options, line.argc, line.argv, error);
	if (rc)
		snprintf(text, TEXT_MAX, "%s", error);
	else
		difference(text, spell(with, &options), spell(without, &base_options));
	line_free(&base_line);
	line_free(&line);
	return rc;
}

static void test_defaults(void)
{
	struct line line = { 0 };
	struct options options;
	char error[OPTIONS_ERROR_LEN] = "dirty", text[TEXT_MAX];

	memset(&options, 0xa5, sizeof(options));
	line_add(&line, base);
	is_int(options_parse(&options, line.argc, line.argv, error), 0, "the least there must be");
	is_str(error, "", "  no error");
	is_str(spell(text, &options),
	       "if= src=10.1.1.1 group=224.0.0.18 vhid=1 pass=" PASSWORD
	       " passfile=- base=1 skew=0 ratio=3 preempt=0 neutral=0 "
	       "exit=0 up=- down=- x=- timeout=60 auth=0 keyfile=- nolink=0 bcast=0 vips=1 mac=0,- help=0 version=0 "
	       "debug=0 daemon=0 syslog=1 facility=3 pidfile=- hook=0 xdp=0 tx=0 capacity=0 realtime=0 tap=0 cleanup=0 group=- addrs=10.1.1.252/32",
	       "  and the defaults");
	ok(options.vr.password == line.argv[4], "  the password is argv's, so that it can be wiped");
	line_free(&line);
}

static const struct {
	const char *words;
	const char *changes;
} good[] = {
	{ "", "" },
	{ "-i eth0", "if=eth0" },
	{ "-ieth0", "if=eth0" },
	{ "--interface eth0", "if=eth0" },
	{ "--interface=eth0", "if=eth0" },
	{ "--int=eth0.100@x", "if=eth0.100@x" },
	{ "-i a23456789012345", "if=a23456789012345" },
	{ "-i ''", "" },
	{ "-i eth0 -i ''", "" },
	{ "-s 10.9.0.12", "src=10.9.0.12" },
	{ "-s10.9.0.12", "src=10.9.0.12" },
	{ "--srcip 10.9.0.12", "src=10.9.0.12" },
	{ "--srcip=10.9.0.12", "src=10.9.0.12" },
	{ "--sr=10.9.0.12", "src=10.9.0.12" },
	{ "-m 239.1.2.3", "group=239.1.2.3" },
	{ "--mcastip=224.0.0.0", "group=224.0.0.0" },
	{ "--mcastip 239.255.255.255", "group=239.255.255.255" },
	{ "--mcast=239.1.2.3", "group=239.1.2.3" },
	{ "-v 255", "vhid=255" },
	{ "-v10", "vhid=10" },
	{ "--vhid=10", "vhid=10" },
	{ "--vhid 10", "vhid=10" },
	{ "--v=10", "vhid=10" },
	{ "-v 0x1f", "vhid=31" },
	{ "-v 0XFF", "vhid=255" },
	{ "-v 010", "vhid=8" },
	{ "-v 0377", "vhid=255" },
	{ "-v +7", "vhid=7" },
	{ "-v 200 -v 10", "vhid=10" },
	{ "-p other", "pass=other" },
	{ "-pother", "pass=other" },
	{ "--pass=other", "pass=other" },
	{ "--pass other", "pass=other" },
	{ "-p -v", "pass=-v" },
	{ "--pass --", "pass=--" },
	{ "--pass=a=b", "pass=a=b" },
	{ "-p 01234567890123456789", "pass=01234567890123456789" },
	{ "-o /etc/secret", "pass=- passfile=/etc/secret" },
	{ "-o/etc/secret", "pass=- passfile=/etc/secret" },
	{ "--passfile=/etc/secret", "pass=- passfile=/etc/secret" },
	{ "--passf /etc/secret", "pass=- passfile=/etc/secret" },
	{ "-o /etc/secret -p other", "pass=other" },
	{ "-P", "preempt=1" },
	{ "--preempt", "preempt=1" },
	{ "--pre", "preempt=1" },
	{ "-n", "neutral=1" },
	{ "--neutral", "neutral=1" },
	{ "--ne", "neutral=1" },
	{ "-a 10.1.1.253", "addrs=10.1.1.252/32,10.1.1.253/32" },
	{ "-a10.1.1.253/24", "addrs=10.1.1.252/32,10.1.1.253/24" },
	{ "--addr=10.1.1.253/24 --addr 10.1.1.3/8", "addrs=10.1.1.252/32,10.1.1.253/24,10.1.1.3/8" },
	{ "--add=10.1.1.253 -a fe80::5/64", "addrs=10.1.1.252/32,10.1.1.253/32,fe80::5/64" },
	{ "-b 5", "base=5" },
	{ "-b255", "base=255" },
	{ "--advbase=2", "base=2" },
	{ "--advb 2", "base=2" },
	{ "-b 0 -k 1", "base=0 skew=1" },
	{ "-k 255", "skew=255" },
	{ "-k 0x64", "skew=100" },
	{ "--advskew 100", "skew=100" },
	{ "--advsk=100", "skew=100" },
	{ "-u /etc/up.sh", "up=/etc/up.sh" },
	{ "-u/etc/up.sh", "up=/etc/up.sh" },
	{ "--upscript=/etc/up.sh", "up=/etc/up.sh" },
	{ "--up /etc/up.sh", "up=/etc/up.sh" },
	{ "-u /etc/up.sh -u ''", "" },
	{ "-d /etc/down.sh", "down=/etc/down.sh" },
	{ "--downscript /etc/down.sh", "down=/etc/down.sh" },
	{ "--down=/etc/down.sh", "down=/etc/down.sh" },
	{ "--downscript=", "" },
	{ "-r 1", "ratio=1" },
	{ "-r 65535", "ratio=65535" },
	{ "-r 07", "ratio=7" },
	{ "--deadratio=5", "ratio=5" },
	{ "--dea 5", "ratio=5" },
	{ "-D", "debug=1" },
	{ "--debug", "debug=1" },
	{ "--deb", "debug=1" },
	{ "-z", "exit=1" },
	{ "--shutdown", "exit=1" },
	{ "--sh", "exit=1" },
	{ "-B", "daemon=1" },
	{ "--daemonize", "daemon=1" },
	{ "--da", "daemon=1" },
	{ "-S", "nolink=1" },
	{ "--ignoreifstate", "nolink=1" },
	{ "--ig", "nolink=1" },
	{ "-M", "bcast=1" },
	{ "--nomcast", "bcast=1" },
	{ "--no", "bcast=1" },
	{ "--nom", "bcast=1" },
	{ "-f none", "syslog=0" },
	{ "-f NONE", "syslog=0" },
	{ "-f none -f daemon", "" },
	{ "-f user", "facility=1" },
	{ "-flocal0", "facility=16" },
	{ "-f local7", "facility=23" },
	{ "-f Auth", "facility=4" },
	{ "-f security", "facility=4" },
	{ "-f authpriv", "facility=10" },
	{ "-f kern", "facility=0" },
	{ "-f mail", "facility=2" },
	{ "-f syslog", "facility=5" },
	{ "-f lpr", "facility=6" },
	{ "-f news", "facility=7" },
	{ "-f uucp", "facility=8" },
	{ "-f cron", "facility=9" },
	{ "-f ftp", "facility=11" },
	{ "--facility=local3", "facility=19" },
	{ "--fac local4", "facility=20" },
	{ "-x extra", "x=extra" },
	{ "-xextra", "x=extra" },
	{ "--xparam=a=b", "x=a=b" },
	{ "--xparam --x", "x=--x" },
	{ "--x=", "x=" },
	{ "-Pz", "preempt=1 exit=1" },
	{ "-PznDBSM", "preempt=1 neutral=1 exit=1 nolink=1 bcast=1 debug=1 daemon=1" },
	{ "-Pzv10", "vhid=10 preempt=1 exit=1" },
	{ "-PzDi eth0", "if=eth0 preempt=1 exit=1 debug=1" },
	{ "-BSp other", "pass=other nolink=1 daemon=1" },
	{ "--no-vip", "vips=0" },
	{ "--no-v", "vips=0" },
	{ "--real-mac", "mac=2,-" },
	{ "--real-", "mac=2,-" },
	{ "--advert-mac=ucarp", "" },
	{ "--advert-mac=bsd", "mac=1,-" },
	{ "--advert-mac real", "mac=2,-" },
	{ "--advert-mac=02:00:5E:10:00:aF", "mac=3,02005e1000af" },
	{ "--advert=02-00-5e-10-00-01", "mac=3,02005e100001" },
	{ "--real-mac --advert-mac=ucarp", "" },
	{ "--advert-mac=02:00:5e:10:00:01 --real-mac", "mac=2,-" },
	{ "--advert-mac=02:00:5e:10:00:01 --advert-mac=bsd", "mac=1,-" },
	{ "--script-timeout=1", "timeout=1" },
	{ "--script-timeout 86400", "timeout=86400" },
	{ "--sc 0x10", "timeout=16" },
	{ "--pidfile=/run/x.pid", "pidfile=/run/x.pid" },
	{ "--control-group=wheel", "group=wheel" },
	{ "--control-group 27", "group=27" },
	{ "--pidfile /run/x.pid", "pidfile=/run/x.pid" },
	{ "--auth=hmac-sha1", "" },
	{ "--auth=accept-siphash", "auth=1" },
	{ "--auth send-siphash", "auth=2" },
	{ "--au=siphash", "auth=3" },
	{ "--auth siphash --auth hmac-sha1", "" },
	{ "--keyfile=/etc/keys", "keyfile=/etc/keys" },
	{ "--key /etc/keys", "keyfile=/etc/keys" },
	{ "--xdp-mode=auto", "" },
	{ "--xdp-mode=native", "xdp=1" },
	{ "--xdp-mode generic", "xdp=2" },
	{ "--xdp-mode native --xdp-mode auto", "" },
	{ "--hook=xdp", "" },
	{ "--hook=tc", "hook=1" },
	{ "--hook auto", "hook=2" },
	{ "--hook=xdp --xdp-mode=native", "xdp=1" },
	{ "--hook=tc --xdp-mode=auto", "hook=1" },
	{ "--tx=auto", "" },
	{ "--tx=packet", "tx=1" },
	{ "--tx xsk", "tx=3" },
	{ "--tx=bpf", "tx=2" },
	{ "--tx xsk --tx auto", "" },
	{ "--capacity=1", "capacity=1" },
	{ "--cap 131072", "capacity=131072" },
	{ "--realtime", "realtime=50" },
	{ "--realt", "realtime=50" },
	{ "--realtime=1", "realtime=1" },
	{ "--realtime=99", "realtime=99" },
	{ "--realtime -k 5", "skew=5 realtime=50" },
	{ "--realtime=7 --realtime", "realtime=50" },
	{ "--tap", "tap=1" },
	{ "--h", "help=1" },
	{ "-h", "help=1" },
	{ "--help", "help=1" },
	{ "-hQ", "help=1" },
	{ "--version", "version=1" },
	{ "--vers", "version=1" },
	{ "--help -v 0", "help=1" },
	{ "--version nonsense", "version=1" },
};

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[TEXT_MAX];

		changes(text, good[i].words);
		is_str(text, good[i].changes, "%s", *good[i].words ? good[i].words : "(nothing more)");
	}
}

/* Help, version and cleaning up need nothing else. */
static void test_alone(void)
{
	static const char *const words[] = { "xcarp -h", "xcarp --help", "xcarp --version", "xcarp -Ph",
					     "xcarp --cleanup", "xcarp --cleanup=all" };

	for (size_t i = 0; i < COUNT(words); i++) {
		struct line line = { 0 };
		struct options options;
		char error[OPTIONS_ERROR_LEN];

		line_add(&line, words[i]);
		is_int(options_parse(&options, line.argc, line.argv, error), 0, "%s", words[i]);
		line_free(&line);
	}
}

static void test_many_addresses(void)
{
	char words[TEXT_MAX] = "", text[TEXT_MAX];

	for (int i = 1; i < CARP_VIPS_MAX; i++)
		sprintf(words + strlen(words), "-a 10.2.0.%d ", i);
	is_int(changes(text, words), 0, "32 addresses");
	strcat(words, "-a 10.3.0.1");
	is_int(changes(text, words), -EINVAL, "33 addresses");
	is_str(text, "-a 10.3.0.1: is one too many; a virtual router has at most 32 addresses",
	       "  and what it says");
}

/* ucarp.c's table, which decides what a shortened name means. */
static const struct option ucarp_table[] = {
	{ "interface", 1, NULL, 'i' },
	{ "srcip", 1, NULL, 's' },
	{ "mcastip", 1, NULL, 'm' },
	{ "vhid", 1, NULL, 'v' },
	{ "pass", 1, NULL, 'p' },
	{ "preempt", 0, NULL, 'P' },
	{ "neutral", 0, NULL, 'n' },
	{ "addr", 1, NULL, 'a' },
	{ "help", 0, NULL, 'h' },
	{ "advbase", 1, NULL, 'b' },
	{ "advskew", 1, NULL, 'k' },
	{ "upscript", 1, NULL, 'u' },
	{ "downscript", 1, NULL, 'd' },
	{ "deadratio", 1, NULL, 'r' },
	{ "debug", 0, NULL, 'D' },
	{ "shutdown", 0, NULL, 'z' },
	{ "facility", 1, NULL, 'f' },
	{ "daemonize", 0, NULL, 'B' },
	{ "ignoreifstate", 0, NULL, 'S' },
	{ "nomcast", 0, NULL, 'M' },
	{ "passfile", 1, NULL, 'o' },
	{ "xparam", 1, NULL, 'x' },
	{ NULL, 0, NULL, 0 },
};

/* A value that the option takes and that changes something. */
static const char *sample(int letter)
{
	switch (letter) {
	case 's':
		return "10.9.9.9";
	case 'm':
		return "239.9.9.9";
	case 'a':
		return "10.9.9.10";
	case 'f':
		return "local5";
	default:
		return "9";
	}
}

static int getopt_says(const char *name, bool with_value, const char *value)
{
	char *argv[] = { strdup("ucarp"), NULL, NULL };
	int letter;

	if (asprintf(&argv[1], with_value ? "--%s=%s" : "--%s", name, value) < 0)
		abort();
	opterr = 0;
	optind = 0;
	letter = getopt_long(2, argv, "", ucarp_table, NULL);
	free(argv[0]);
	free(argv[1]);
	return letter;
}

/* Every name of ucarp's, cut short at every place. */
static void test_shortened(void)
{
	for (size_t i = 0; ucarp_table[i].name; i++) {
		const struct option *option = &ucarp_table[i];
		unsigned int wrong = 0;

		for (size_t len = 1; len <= strlen(option->name); len++) {
			char name[32], words[128], whole[128], got[TEXT_MAX], want[TEXT_MAX];
			bool with_value = option->has_arg;
			int letter;

			snprintf(name, sizeof(name), "%.*s", (int)len, option->name);
			letter = getopt_says(name, with_value, sample(option->val));
			snprintf(words, sizeof(words), with_value ? "--%s=%s" : "--%s", name, sample(option->val));
			snprintf(whole, sizeof(whole), with_value ? "-%c%s" : "-%c", option->val,
				 sample(option->val));
			changes(want, whole);
			if (letter == '?'
				    ? changes(got, words) == -EINVAL && strstr(got, "more than one")
				    : changes(got, words) == 0 && (letter != option->val || !strcmp(got, want)))
				continue;
			diag("--%s: getopt_long says '%c', we '%s'", name, letter, got);
			wrong++;
		}
		is_int(wrong, 0, "--%s, however shortened, as getopt_long()", option->name);
	}
}

static const struct {
	const char *words; /* after the base line */
	const char *names; /* the option, and its value */
	const char *right;
} bad[] = {
	{ "-v 0", "-v 0:", "from 1 to 255" },
	{ "--advert-mac=", "--advert-mac '':", "must be ucarp, bsd, real, or a MAC address" },
	{ "--advert-mac", "--advert-mac:", "needs a value" },
	{ "--advert-mac=vrrp", "--advert-mac vrrp:", "must be ucarp, bsd, real, or a MAC address such as 02:00:5e:10:00:01" },
	{ "--advert-mac=02:00:5e:10:00", "--advert-mac 02:00:5e:10:00:", "must be ucarp" },
	{ "--advert-mac=02:00:5e:10:00:01:02", "--advert-mac 02:00:5e:10:00:01:02:", "must be ucarp" },
	{ "--advert-mac=02:00:5e:10:00:0g", "--advert-mac 02:00:5e:10:00:0g:", "must be ucarp" },
	{ "--advert-mac=02.00.5e.10.00.01", "--advert-mac 02.00.5e.10.00.01:", "must be ucarp" },
	{ "--advert-mac=00:00:00:00:00:00", "--advert-mac 00:00:00:00:00:00:", "is the zero address" },
	{ "--advert-mac=ff:ff:ff:ff:ff:ff", "--advert-mac ff:ff:ff:ff:ff:ff:", "is the broadcast address" },
	{ "--advert-mac=01:00:5e:00:00:12", "--advert-mac 01:00:5e:00:00:12:", "is a multicast address" },
	{ "--real-mac=yes", "--real-mac", "takes no value" },
	{ "--auth=sha1", "--auth sha1:", "must be hmac-sha1, accept-siphash, send-siphash or siphash" },
	{ "--auth=", "--auth '':", "must be hmac-sha1" },
	{ "--auth", "--auth:", "needs a value" },
	{ "--keyfile=", "--keyfile '':", "must be a file of keys" },
	{ "-v 256", "-v 256:", "from 1 to 255" },
	{ "--vhid=-1", "--vhid -1:", "from 1 to 255" },
	{ "-v ten", "-v ten:", "from 1 to 255" },
	{ "-v 10x", "-v 10x:", "from 1 to 255" },
	{ "-v 0x", "-v 0x:", "from 1 to 255" },
	{ "-v 08", "-v 08:", "from 1 to 255; a leading 0 means octal" },
	{ "-v 018", "-v 018:", "a leading 0 means octal, so write it without" },
	{ "-k 0400", "-k 0400:", "from 0 to 255; a leading 0 means octal" },
	{ "-b 09", "-b 09:", "octal" },
	{ "-r 08", "-r 08:", "octal" },
	{ "--script-timeout=090", "--script-timeout 090:", "octal" },
	{ "--clock-skew=080", "--clock-skew 080:", "octal" },
	{ "--fence-after=09", "--fence-after 09:", "octal" },
	{ "--capacity=080000", "--capacity 080000:", "octal" },
	{ "--realtime=08", "--realtime 08:", "octal" },
	{ "-v ''", "-v '':", "from 1 to 255" },
	{ "-v 4294967297", "-v 4294967297:", "from 1 to 255" },
	{ "-v 18446744073709551617", "-v 18446744073709551617:", "from 1 to 255" },
	{ "-v -18446744073709551615", "-v -18446744073709551615:", "from 1 to 255" },
	{ "-v", "-v:", "needs a value" },
	{ "-Pv", "-v:", "needs a value" },
	{ "--vhid", "--vhid:", "needs a value" },
	{ "-b 256", "-b 256:", "from 0 to 255" },
	{ "-b -1", "-b -1:", "from 0 to 255" },
	{ "-b 1.5", "-b 1.5:", "from 0 to 255" },
	{ "-k 256", "-k 256:", "from 0 to 255" },
	{ "--advskew=1s", "--advskew 1s:", "from 0 to 255" },
	{ "-b 0", "-b 0 -k 0:", "1 or more" },
	{ "-r 0", "-r 0:", "from 1 to 65535" },
	{ "-r 65536", "-r 65536:", "from 1 to 65535" },
	{ "--deadr=three", "--deadratio three:", "from 1 to 65535" },
	{ "-s 10.1.1", "-s 10.1.1:", "an IPv4 address" },
	{ "-s host", "-s host:", "an IPv4 address" },
	{ "-s fe80::1", "-s fe80::1:", "an IPv4 address" },
	{ "-s 10.1.1.1/24", "-s 10.1.1.1/24:", "an IPv4 address" },
	{ "-s 0.0.0.0", "-s 0.0.0.0:", "of this host's own" },
	{ "-s 224.0.0.18", "-s 224.0.0.18:", "of this host's own" },
	{ "-s 127.0.0.1", "-s 127.0.0.1:", "of this host's own" },
	{ "-m 10.1.1.1", "-m 10.1.1.1:", "224.0.0.0 to 239.255.255.255" },
	{ "--mcastip=240.0.0.1", "--mcastip 240.0.0.1:", "224.0.0.0 to 239.255.255.255" },
	{ "-m ff02::12", "-m ff02::12:", "an IPv4 address" },
	{ "-a 10.1.1.300", "-a 10.1.1.300:", "ADDRESS/LENGTH" },
	{ "-a 10.1.1.2/33", "-a 10.1.1.2/33:", "1 to 32" },
	{ "--addr=10.1.1.2/0", "--addr 10.1.1.2/0:", "1 to 32" },
	{ "-a 224.0.0.1", "-a 224.0.0.1:", "unicast" },
	{ "-a 10.1.1.252/24", "-a 10.1.1.252/24:", "given once" },
	{ "-a 10.1.1.1/24", "-a 10.1.1.1/24:", "is the -s address" },
	{ "-i a234567890123456", "-i a234567890123456:", "at most 15" },
	{ "-i eth0/1", "-i eth0/1:", "name of a network interface" },
	{ "-i ..", "-i ..:", "name of a network interface" },
	{ "-i eth0:1", "-i eth0:1:", "name of a network interface" },
	{ "-i eth_0", "-i eth 0:", "name of a network interface" },
	{ "-p ''", "-p:", "1 to 20 characters" },
	{ "--pass=", "--pass:", "1 to 20 characters" },
	{ "-p " PASSWORD PASSWORD PASSWORD, "-p:", "1 to 20 characters" },
	{ "--pass=" PASSWORD PASSWORD PASSWORD, "--pass:", "1 to 20 characters" },
	{ "-p", "-p:", "needs a value" },
	{ "-o ''", "-o '':", "a file with the password" },
	{ "-f local8", "-f local8:", "local0 to local7, or none" },
	{ "--facility=", "--facility '':", "local0 to local7, or none" },
	{ "--script-timeout=0", "--script-timeout 0:", "from 1 to 86400" },
	{ "--script-timeout=86401", "--script-timeout 86401:", "from 1 to 86400" },
	{ "--script-timeout=1m", "--script-timeout 1m:", "from 1 to 86400" },
	{ "--xdp-mode=fast", "--xdp-mode fast:", "auto, native or generic" },
	{ "--xdp-mode=", "--xdp-mode '':", "auto, native or generic" },
	{ "--hook=tcx", "--hook tcx:", "xdp, tc or auto" },
	{ "--hook=", "--hook '':", "xdp, tc or auto" },
	{ "--hook=tc --xdp-mode=native", "--xdp-mode=native:", "--hook=xdp" },
	{ "--xdp-mode=generic --hook=auto", "--xdp-mode=generic:", "--hook=xdp" },
	{ "--pidfile=", "--pidfile '':", "name of a file" },
	{ "--control-group=", "--control-group '':", "must be a group" },
	{ "--tx=raw", "--tx raw:", "auto, packet, bpf or xsk" },
	{ "--tx", "--tx:", "needs a value" },
	{ "--capacity=0", "--capacity 0:", "from 1 to 131072" },
	{ "--capacity=131073", "--capacity 131073:", "from 1 to 131072" },
	{ "--realtime=0", "--realtime 0:", "from 1 to 99" },
	{ "--cleanup -v 9", "--cleanup:", "goes with no other option" },
	{ "--cleanup=none", "--cleanup none:", "must be all, or not be there" },
	{ "--realtime=100", "--realtime 100:", "from 1 to 99" },
	{ "--realtime=", "--realtime '':", "from 1 to 99" },
	{ "--realtime 7", "7:", "unexpected argument" },
	{ "--real", "--real:", "more than one" },
	{ "-Q", "-Q:", "no such option" },
	{ "-PQz", "-Q:", "no such option" },
	{ "--colour", "--colour:", "no such option; see --help" },
	{ "--prempt", "--prempt:", "did you mean --preempt?" },
	{ "--no-vips", "--no-vips:", "did you mean --no-vip?" },
	{ "--vhidd=1", "--vhidd:", "did you mean --vhid?" },
	{ "--preempt=yes", "--preempt:", "takes no value" },
	{ "--tap=1", "--tap:", "takes no value" },
	{ "--no-vip=", "--no-vip:", "takes no value" },
	{ "--adv=1", "--adv:", "more than one" },
	{ "--d", "--d:", "more than one" },
	{ "--=1", "--:", "more than one" },
	{ "stray", "stray:", "unexpected argument" },
	{ "-v 10 20", "20:", "unexpected argument" },
	{ "-", "-:", "unexpected argument" },
	{ "-- -v", "--:", "unexpected argument" },
	{ "-- --pass=" PASSWORD, "--:", "unexpected argument" },
	{ "''", ":", "unexpected argument" },
	{ "a\nb", "a?b:", "unexpected argument" },
	/* Somebody's password, one way or other. */
	{ "--pas " PASSWORD, "--pas:", "more than one" },
	{ "--pas=" PASSWORD, "--pas:", "more than one" },
	{ "--p=" PASSWORD, "--p:", "more than one" },
	{ "--password " PASSWORD, "--password:", "no such option" },
	{ "--password=" PASSWORD, "--password:", "no such option" },
	{ "-P " PASSWORD, "-P", "unexpected argument" },
	{ "-zP " PASSWORD, "-P", "unexpected argument" },
	{ "-p my " PASSWORD, "-p", "unexpected argument" },
	{ "-pmy " PASSWORD, "-p", "unexpected argument" },
	{ "--pass=my " PASSWORD, "--pass", "unexpected argument" },
	{ "-pass " PASSWORD, "-p", "unexpected argument" },
	{ "-pass=" PASSWORD PASSWORD PASSWORD, "-p:", "1 to 20 characters" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[TEXT_MAX];
		bool refused = changes(text, bad[i].words) == -EINVAL;

		if (!ok(refused && !strncmp(text, bad[i].names, strlen(bad[i].names)) && strstr(text, bad[i].right),
			"refused: %s", *bad[i].words ? bad[i].words : "(nothing)"))
			diag("  got '%s', want '%s' first and '%s'", refused ? text : "(accepted)", bad[i].names,
			     bad[i].right);
		if (!ok(!strstr(text, PASSWORD) && !strchr(text, '\n'), "  in one line, without the password"))
			diag("  got '%s'", text);
	}
}

static const struct {
	const char *line;
	const char *error;
} missing[] = {
	{ "xcarp", "-v (--vhid) is missing: the virtual router's id, 1 to 255; -p (--pass) or -o (--passfile) is missing: the password, "
		   "1 to 20 characters; -s (--srcip) is missing: this host's real IPv4 address on the interface; -a (--addr) is missing" },
	{ "xcarp -p x -s 10.1.1.1 -a 10.1.1.252", "-v (--vhid) is missing" },
	{ "xcarp -v 1 -s 10.1.1.1 -a 10.1.1.252", "-p (--pass) or -o (--passfile) is missing" },
	{ "xcarp -v 1 -s 10.1.1.1 -a 10.1.1.252 --auth=siphash", "-p (--pass) or -o (--passfile) is missing" },
	{ "xcarp -v 1 -s 10.1.1.1 -a 10.1.1.252 --auth=send-siphash --keyfile=f", "-p (--pass) or -o (--passfile) is missing" },
	{ "xcarp -v 1 -p x -a 10.1.1.252", "-s (--srcip) is missing" },
	{ "xcarp -v 1 -p x -s 10.1.1.1", "-a (--addr) is missing" },
	{ "xcarp -v 1 -p x -s 10.1.1.252 -a 10.1.1.252/24", "-a 10.1.1.252/24: is the -s address" },
};

static void test_missing(void)
{
	for (size_t i = 0; i < COUNT(missing); i++) {
		struct line line = { 0 };
		struct options options;
		char error[OPTIONS_ERROR_LEN];
		int rc;

		line_add(&line, missing[i].line);
		rc = options_parse(&options, line.argc, line.argv, error);
		if (!ok(rc == -EINVAL && !strncmp(error, missing[i].error, strlen(missing[i].error)), "refused: %s",
			missing[i].line))
			diag("  got '%s', want '%s'", error, missing[i].error);
		line_free(&line);
	}
}

/* Long values are cut, so that the line still says what is right. */
static void test_long_values(void)
{
	char words[2048], text[TEXT_MAX];
	size_t len;

	len = (size_t)sprintf(words, "-i ");
	memset(words + len, 'x', 1000);
	words[len + 1000] = '\0';
	is_int(changes(text, words), -EINVAL, "a value of 1000 characters");
	ok(strstr(text, "at most 15 characters"), "  and what is right");
	len = (size_t)sprintf(words, "--");
	memset(words + len, 'x', 1000);
	words[len + 1000] = '\0';
	is_int(changes(text, words), -EINVAL, "an option of 1000 characters");
	ok(strstr(text, "no such option"), "  and what is wrong");
	memset(words, 'x', 1000);
	words[1000] = '\0';
	is_int(changes(text, words), -EINVAL, "an argument of 1000 characters");
	ok(strstr(text, "unexpected argument"), "  and what is wrong");
}

/* The argument list after wiping: '' is one that is all zeros. */
static const struct {
	const char *before;
	const char *after;
} wipes[] = {
	{ "-v 1 -p hush -z", "-v 1 -p '' -z" },
	{ "-phush -v 1", "-p -v 1" },
	{ "--pass=hush -v 1", "--pass= -v 1" },
	{ "--pass hush -v 1", "--pass '' -v 1" },
	{ "-Pp hush", "-Pp ''" },
	{ "-Pzphush -v 1", "-Pzp -v 1" },
	{ "-p one -p two --pass=three --pass four", "-p '' -p '' --pass= --pass ''" },
	{ "-p -p -v 1", "-p '' -v 1" },
	{ "-p --pass -v 1", "-p '' -v 1" },
	{ "-x -p -v 1", "-x -p -v 1" },
	{ "-x hush --xparam=-phush", "-x hush --xparam=-phush" },
	{ "-o /etc/pass --passfile=/etc/pass", "-o /etc/pass --passfile=/etc/pass" },
	{ "--preempt -P hush", "--preempt -P hush" },
	{ "-p", "-p" },
	{ "--pass", "--pass" },
	{ "--pass=", "--pass=" },
	{ "-p ''", "-p ''" },
	{ "-Q -p hush", "-Q -p ''" },
	{ "--nonsense -p hush", "--nonsense -p ''" },
	{ "-v 0 stray -p hush -- -p hush", "-v 0 stray -p '' -- -p ''" },
	{ "-h -p hush", "-h -p ''" },
	{ "-p 0123456789012345678901234567890 -v 1", "-p '' -v 1" },
	{ "-pa=b --pass=a=b", "-p --pass=" },
	/* Refused as ambiguous, but a password all the same. */
	{ "--pas=hush -v 1", "--pas= -v 1" },
	{ "--pas hush -v 1", "--pas '' -v 1" },
	{ "--pa hush", "--pa ''" },
	{ "--p=hush", "--p=" },
	{ "--pas -v 1", "--pas -v 1" },
	{ "--pas", "--pas" },
	{ "--password=hush --password hush", "--password= --password ''" },
};

static void test_wipes(void)
{
	for (size_t i = 0; i < COUNT(wipes); i++) {
		struct line got = { 0 }, want = { 0 };
		unsigned int wrong = 0;

		line_add(&got, "xcarp");
		line_add(&got, wipes[i].before);
		line_add(&want, "xcarp");
		line_add(&want, wipes[i].after);
		options_wipe_passwords(got.argc, got.argv);
		wrong += got.argc != want.argc;
		for (int at = 0; at < got.argc && at < want.argc; at++) {
			size_t len = strlen(want.argv[at]);

			if (strcmp(got.argv[at], want.argv[at])) {
				diag("argument %d: got '%s', want '%s'", at, got.argv[at], want.argv[at]);
				wrong++;
			}
			/* To the last byte, not just its first. */
			for (; len < got.lens[at]; len++)
				wrong += got.argv[at][len] != '\0';
		}
		is_int(wrong, 0, "wiped: %s", wipes[i].before);
		line_free(&got);
		line_free(&want);
	}
}

static void test_help(void)
{
	const char *help = options_help();
	static const char *const own[] = { "--no-vip",	  "--real-mac", "--advert-mac=", "--script-timeout=", "--pidfile=",
					   "--hook=", "--xdp-mode=", "--tap",	"--version", "--tx=", "--capacity=",
					   "--realtime[=PRIO]", "--auth=", "--keyfile=", "--replay=", "--clock-skew=",
					   "--fence-after=", "--control-group=" };
	unsigned int absent = 0;

	for (size_t i = 0; ucarp_table[i].name; i++) {
		char row[64];

		snprintf(row, sizeof(row), "-%c, --%s%s", ucarp_table[i].val, ucarp_table[i].name,
			 ucarp_table[i].has_arg ? "=" : "");
		if (strstr(help, row))
			continue;
		diag("no '%s'", row);
		absent++;
	}
	for (size_t i = 0; i < COUNT(own); i++)
		absent += !strstr(help, own[i]);
	is_int(absent, 0, "the help tells every option");
	is_str(options_help(), help, "and the same the second time");
}

/* As a line of a file; the caller has the words, which the options point to. */
static void parse_line(struct options *options, struct line *line, const char *words)
{
	char error[OPTIONS_ERROR_LEN];

	memset(options, 0xa5, sizeof(*options));
	line_add(line, "nobody");
	line_add(line, words);
	if (options_parse_vr(options, NULL, line->argc, line->argv, error))
		diag("%s: %s", words, error);
}

#define VR "-i eth0 -s 10.1.1.1 -v 1 -p hush -a 10.1.1.252/24 -a fe80::9 -u /up -x third"

static const struct {
	const char *words;
	bool is_equal;
	bool is_same_vr;
} kinships[] = {
	{ VR, true, true },
	{ VR " -p other", true, true },
	{ VR " -o /etc/pass", true, true },
	{ VR " --keyfile /etc/keys", true, true },
	{ VR " --auth=hmac-sha1", true, true },
	{ VR " --auth=accept-siphash", false, true },
	{ VR " -k 1", false, true },
	{ VR " -b 2", false, true },
	{ VR " -r 4", false, true },
	{ VR " -P", false, true },
	{ VR " -n", false, true },
	{ VR " -z", false, true },
	{ VR " -S", false, true },
	{ VR " -M", false, true },
	{ VR " -s 10.1.1.2", false, true },
	{ VR " -u /other", false, true },
	{ VR " -u ''", false, true },
	{ VR " -d /down", false, true },
	{ VR " -x ''", false, true },
	{ VR " -a 10.1.1.253", false, true },
	{ VR " --no-vip", false, true },
	{ VR " --real-mac", false, true },
	{ VR " --advert-mac=ucarp", true, true },
	{ VR " --advert-mac=bsd", false, true },
	{ VR " --advert-mac=02:00:5e:10:00:01", false, true },
	{ VR " --no-fillers", false, true },
	{ VR " --script-timeout 61", false, true },
	{ VR " -v 2", false, false },
	{ VR " -i eth1", false, false },
	{ VR " --mcastip 224.0.0.19", false, false },
	{ "-i eth0 -s 10.1.1.1 -v 1 -p hush -a 10.1.1.252/25 -a fe80::9 -u /up -x third", false, true },
	{ "-i eth0 -s 10.1.1.1 -v 1 -p hush -a fe80::9 -a 10.1.1.252/24 -u /up -x third", false, true },
};

static void test_kinships(void)
{
	struct line line = { 0 };
	struct options options;

	parse_line(&options, &line, VR);
	for (size_t i = 0; i < COUNT(kinships); i++) {
		struct line other_line = { 0 };
		struct options other;

		parse_line(&other, &other_line, kinships[i].words);
		ok(vr_options_equal(&options.vr, &other.vr) == kinships[i].is_equal &&
			   vr_options_equal(&other.vr, &options.vr) == kinships[i].is_equal,
		   "%s equal: %s", kinships[i].is_equal ? "" : "not", kinships[i].words);
		ok(vr_options_same_vr(&options.vr, &other.vr) == kinships[i].is_same_vr,
		   "  %s same virtual router", kinships[i].is_same_vr ? "the" : "not the");
		line_free(&other_line);
	}
	line_free(&line);
}

/* All of the copy is its own: the original's words and addresses are gone by the time it is looked at. */
static void test_copy(void)
{
	struct line line = { 0 }, again_line = { 0 };
	struct options options, again;
	struct vr_options *copy;

	parse_line(&options, &line, VR " -d /down -k 9");
	copy = vr_options_copy(&options.vr);
	line_free(&line);
	memset(&options, 0xa5, sizeof(options));
	parse_line(&again, &again_line, VR " -d /down -k 9");
	ok(vr_options_equal(copy, &again.vr), "a copy is equal");
	ok(!copy->password && !copy->passfile, "  without the password");
	line_free(&again_line);
	free(copy);

	parse_line(&options, &line, "-i eth0 -s 10.1.1.1 -v 1 -a 10.1.1.252 --auth=siphash --keyfile /etc/keys");
	copy = vr_options_copy(&options.vr);
	ok(!copy->keyfile && copy->auth == AUTH_SIPHASH, "keys in place of a password; nor is their file in a copy");
	line_free(&line);
	free(copy);

	parse_line(&options, &line, "-i eth0 -s 10.1.1.1 -v 1 -o /etc/pass -a 10.1.1.252");
	copy = vr_options_copy(&options.vr);
	ok(!copy->upscript && !copy->downscript && !copy->xparam, "what was not given is not there");
	ok(!copy->passfile, "  nor the password's file");
	line_free(&line);
	free(copy);
}

/* A line on top of defaults: the last word wins, addresses add up. */
static void test_line_defaults(void)
{
	struct line defaults_line = { 0 }, line = { 0 };
	struct options defaults, options;
	char error[OPTIONS_ERROR_LEN], text[TEXT_MAX];

	line_add(&defaults_line, "default -i eth0 -s 10.1.1.1 -p hush -k 7 -P -a 10.1.1.252");
	line_add(&line, "nobody -v 3 -k 8 -o /etc/pass -a 10.1.1.253");
	is_int(options_parse_defaults(&defaults, defaults_line.argc, defaults_line.argv, error), 0, "defaults");
	is_int(options_parse_vr(&options, &defaults.vr, line.argc, line.argv, error), 0, "  a line below them");
	ok(strstr(spell(text, &options), "if=eth0 src=10.1.1.1 group=224.0.0.18 vhid=3 pass=- passfile=/etc/pass base=1 skew=8 "),
	   "  has theirs and its own");
	ok(strstr(text, "preempt=1 "), "  their flags too");
	ok(strstr(text, "addrs=10.1.1.252/32,10.1.1.253/32"), "  and both addresses");
	is_int(defaults.vr.vip_count, 1, "  theirs are as they were");
	line_free(&line);
	line_add(&line, "nobody -v 3 -a 10.1.1.252");
	is_int(options_parse_vr(&options, &defaults.vr, line.argc, line.argv, error), -EINVAL, "an address given by both");
	is_str(error, "-a 10.1.1.252: is given twice; each address must be given once", "  and what it says");
	line_free(&line);
	line_free(&defaults_line);
}

/* Scripts that work with ucarp add the address. */
static void test_name(void)
{
	static const struct {
		const char *words;
		bool is_ucarp, has_vips;
	} names[] = {
		{ "ucarp -u /up", true, false },	 { "/usr/sbin/ucarp -u /up", true, false },
		{ "/usr/sbin/ucarp -d /down", true, true }, { "xcarp -u /up", false, true },
		{ "/ucarp/xcarp -u /up", false, true },	 { "ucarp2 -u /up", false, true },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		struct line line = { 0 };
		struct options options;
		char error[OPTIONS_ERROR_LEN];

		line_add(&line, names[i].words);
		line_add(&line, base + strlen("xcarp "));
		options_parse(&options, line.argc, line.argv, error);
		ok(options.is_ucarp == names[i].is_ucarp && options.vr.manage_vips == names[i].has_vips, "as %s", names[i].words);
		line_free(&line);
	}
}

static bool parse_base(struct line *line, struct options *options, const char *words)
{
	char error[OPTIONS_ERROR_LEN];

	memset(line, 0, sizeof(*line));
	line_add(line, base);
	line_add(line, words);
	return !options_parse(options, line->argc, line->argv, error);
}

/* Whatever makes another virtual router of it is named, and what is written means the same again. */
static void test_written(void)
{
	static const struct {
		const char *before;
		const char *after;
		const char *changes;
	} rows[] = {
		{ "", "", "" },
		{ "", "-k 100", "-k 0 -> 100" },
		{ "-P --tap", "-z -u /up", "no -P, -z, -u none -> /up" },
		{ "", "-a 10.1.1.3/24", "-a 10.1.1.252 -> 10.1.1.252,10.1.1.3/24" },
		{ "-p one", "-p two", "" },
		{ "--auth=siphash --replay=off", "--no-vip", "--auth siphash -> hmac-sha1, --no-vip, --replay off -> auto" },
	};
	char text[OPTIONS_TEXT_LEN], small[16];
	struct line line, plain_line;
	struct options options, plain;
	unsigned int unnamed = 0, other = 0;

	parse_base(&plain_line, &plain, "");
	for (size_t i = 0; i < COUNT(good); i++) {
		bool is_same;

		if (!parse_base(&line, &options, good[i].words) || options.config)
			continue;
		is_same = vr_options_equal(&plain.vr, &options.vr);
		vr_options_changes(text, sizeof(text), &plain.vr, &options.vr);
		/* What is no difference to vr_options_equal() may be one of files. */
		if (!is_same && !*text) {
			unnamed++;
			diag("not named: %s", good[i].words);
		}
		vr_options_write(text, sizeof(text), &options.vr);
		if (!strchr(text, '\'') || strstr(text, "-x ''")) {
			struct line again_line = { 0 };
			struct options again;
			char error[OPTIONS_ERROR_LEN] = "";

			line_add(&again_line, "xcarp");
			line_add(&again_line, text);
			if (options_parse(&again, again_line.argc, again_line.argv, error) || !vr_options_equal(&options.vr, &again.vr)) {
				other++;
				diag("not the same: %s: %s %s", good[i].words, text, error);
			}
			line_free(&again_line);
		}
		line_free(&line);
	}
	is_int(unnamed, 0, "every option that makes a difference is named");
	is_int(other, 0, "what is written means the same");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options after;
		struct line after_line;

		parse_base(&line, &options, rows[i].before);
		parse_base(&after_line, &after, rows[i].after);
		vr_options_changes(text, sizeof(text), &options.vr, &after.vr);
		is_str(text, rows[i].changes, "from '%s' to '%s'", rows[i].before, rows[i].after);
		line_free(&line);
		line_free(&after_line);
	}
	parse_base(&line, &options, "-i eth0 -u /a_b'c -o /p");
	vr_options_write(text, sizeof(text), &options.vr);
	is_str(text, "-i eth0 -s 10.1.1.1 -v 1 -a 10.1.1.252 -o /p -u '/a b'\\''c'", "quoted where it must be");
	vr_options_write(small, sizeof(small), &options.vr);
	is_str(small, "-i eth0 -s 1...", "cut where there is no room");
	line_free(&line);
	parse_base(&line, &options, "");
	vr_options_write(text, sizeof(text), &options.vr);
	ok(!strstr(text, PASSWORD) && strstr(text, "-p ***"), "without the password");
	line_free(&line);
	line_free(&plain_line);
}

int main(void)
{
	plan(2 + 6 + 3 + 4 + COUNT(good) + 6 + 3 + COUNT(ucarp_table) - 1 + 2 * COUNT(bad) + COUNT(missing) + 6 + COUNT(wipes) +
	     2 + 2 * COUNT(kinships) + 5 + 8 + 6);
	test_defaults();
	test_good();
	test_alone();
	test_many_addresses();
	test_shortened();
	test_bad();
	test_missing();
	test_long_values();
	test_wipes();
	test_help();
	test_kinships();
	test_copy();
	test_line_defaults();
	test_name();
	test_written();
	return tap_done();
}
