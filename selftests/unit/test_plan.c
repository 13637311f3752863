// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Plans: what a list changes against what runs, that a wrong one changes nothing, what is told about each line; and the
 * thread that makes them. On a host made up for it, with files in a directory of its own.
 */
#include "plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tap.h"
#include "core/auth.h"
#include "io/secret.h"
#include "loader.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define TEXT_MAX 4096
#define RUNNING_MAX 8
#define MANY 65536u

static struct host whole; /* eth0, eth1, vlan9, a tunnel */
static struct host without_eth1;

static void make_hosts(void)
{
	host_add_link(&whole, "tun0", false);
	host_add_link(&whole, "eth1", true);
	host_add_link(&whole, "eth0", true);
	host_add_address(&whole, inet_addr("10.1.0.1"), "eth1:label");
	host_add_address(&whole, inet_addr("10.0.0.1"), "eth0");
	host_add_address(&whole, inet_addr("10.2.0.1"), "tun0");
	host_add_address(&whole, inet_addr("10.3.0.1"), "tun0");
	host_add_address(&whole, inet_addr("10.3.0.1"), "vlan9");
	host_add_link(&whole, "vlan9", true);
	host_sort(&whole);
	host_add_link(&without_eth1, "eth0", true);
	host_add_address(&without_eth1, inet_addr("10.0.0.1"), "eth0");
	host_sort(&without_eth1);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(name, mode)) {
		perror(name);
		exit(EXIT_FAILURE);
	}
}

/* What runs: the virtual routers of the plan made before. */
struct world {
	struct plan plan;
	struct plan_running running[RUNNING_MAX];
	uint32_t count;
};

static void run_plan(struct world *w)
{
	w->count = w->plan.add_count;
	for (uint32_t i = 0; i < w->count && i < RUNNING_MAX; i++)
		w->running[i] = (struct plan_running){ w->plan.adds[i].options, w->plan.adds[i].key };
}

/* flags: of the command line beyond -c, or NULL. */
static int make(struct plan *plan, const struct host *host, const char *list, char *flags, const struct world *w)
{
	char *argv[] = { "xcarp", "-c", "list", flags, NULL };
	struct options options;
	char error[OPTIONS_ERROR_LEN];

	write_file("list", list, 0600);
	if (options_parse(&options, flags ? 4 : 3, argv, error))
		diag("%s", error);
	return plan_make_on(host, plan, &options, w ? w->running : NULL, w ? w->count : 0);
}

/* +NEW@LINE ~INDEX CHANGED -INDEX =HOW MANY STAY, with `key` where it gets one. */
static char *spell(char text[TEXT_MAX], const struct plan *plan)
{
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < plan->add_count; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "+%s/%u@%u%s ", plan->adds[i].options->interface,
					plan->adds[i].options->vhid, plan->adds[i].line, plan->adds[i].key ? " key" : "");
	for (uint32_t i = 0; i < plan->change_count; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "~%u %s/%u@%u%s ", plan->changes[i].index,
					plan->changes[i].options->interface, plan->changes[i].options->vhid,
					plan->changes[i].line, plan->changes[i].key ? " key" : "");
	for (uint32_t i = 0; i < plan->remove_count; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "-%u ", plan->removes[i]);
	snprintf(text + len, TEXT_MAX - len, "=%u", plan->unchanged);
	return text;
}

static char *lines(char text[TEXT_MAX], const struct plan *plan)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < plan->message_count; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "%d %s\n", plan->messages[i].priority,
					plan->messages[i].line);
	return text;
}

#define DEFAULT "default -i eth0 -s 10.0.0.1 -p hush\n"
#define STRONG(mode) "default -i eth0 -s 10.0.0.1 -p hush --auth=" mode "\n-v 1 -a 10.0.0.11/24\n-v 2 -a 10.0.0.12\n-v 3 -a 10.0.0.13\n"
#define KEYED(file) "default -i eth0 -s 10.0.0.1 --auth=siphash --keyfile " file "\n-v 1 -a 10.0.0.11\n"
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define NAMELESS "default -s 10.1.0.1 -p hush\n"
#define THREE DEFAULT "-v 1 -a 10.0.0.11/24\n-v 2 -a 10.0.0.12\n-v 3 -a 10.0.0.13\n"

static const struct {
	const char *name;
	const char *before; /* NULL: nothing runs */
	const char *list;
	const char *want;
	const char *messages;
	const struct host *host; /* NULL: whole */
	char *flags;
} rows[] = {
	{ "the first time", NULL, THREE, "+eth0/1@2 key +eth0/2@3 key +eth0/3@4 key =0", "", NULL, NULL },
	{ "nothing changed", THREE, THREE, "=3", "", NULL, NULL },
	{ "in another order, spelt in another way", THREE,
	  "-i eth0 -s 10.0.0.1 -p hush -v 3 -a 10.0.0.13\n" DEFAULT "-v 0x2 -a 10.0.0.12/32 -k 0\n-v 1 -a 10.0.0.11/24\n", "=3", "",
	  NULL, NULL },
	{ "the password from a file", THREE, "default -i eth0 -s 10.0.0.1 -o hush.txt\n-v 1 -a 10.0.0.11/24\n", "-1 -2 =1", "",
	  NULL, NULL },
	{ "one gone, one new, one changed", THREE,
	  DEFAULT "-v 1 -a 10.0.0.11/24\n-v 3 -a 10.0.0.13 -k 9\n-v 4 -a 10.0.0.14\n", "+eth0/4@4 key ~2 eth0/3@3 -1 =1", "", NULL,
	  NULL },
	{ "another password", THREE,
	  DEFAULT "-v 1 -a 10.0.0.11/24 -p other\n-v 2 -a 10.0.0.12\n-v 3 -a 10.0.0.13 -k 1\n", "~0 eth0/1@2 key ~2 eth0/3@4 =1",
	  "", NULL, NULL },
	{ "another address; another length", THREE,
	  DEFAULT "-v 1 -a 10.0.0.11/25\n-v 2 -a 10.0.0.22\n-v 3 -a 10.0.0.13\n", "~0 eth0/1@2 ~1 eth0/2@3 key =1", "", NULL,
	  NULL },
	{ "another id: one goes, one comes", THREE, DEFAULT "-v 1 -a 10.0.0.11/24\n-v 2 -a 10.0.0.12\n-v 9 -a 10.0.0.13\n",
	  "+eth0/9@4 key -2 =2", "", NULL, NULL },
	{ "another group, another interface: new ones", THREE,
	  DEFAULT "-v 1 -a 10.0.0.11/24 --mcastip 224.0.0.19\n-v 2 -a 10.0.0.12 -i eth1 -s 10.1.0.1\n",
	  "+eth0/1@2 key +eth1/2@3 key -0 -1 -2 =0", "", NULL, NULL },

	{ "keys that nobody asks for", NULL, DEFAULT "-v 1 -a 10.0.0.11 --keyfile=keys.txt\n", "+eth0/1@2 key =0",
	  "4 list:2: Warning: --keyfile keys.txt: has no effect without --auth\n", NULL, NULL },
	{ "interface after its address", NULL, NAMELESS "-v 1 -a 10.1.0.11\n-v 2 -a 10.1.0.12\n", "+eth1/1@2 key +eth1/2@3 key =0",
	  "6 Using [eth1] as a network interface\n", NULL, NULL },
	{ "  the one that is Ethernet", NULL, NAMELESS "-v 1 -s 10.3.0.1 -a 10.3.0.11\n", "+vlan9/1@2 key =0",
	  "6 Using [vlan9] as a network interface\n", NULL, NULL },
	{ "  which is none", NULL, NAMELESS "-v 1 -s 10.2.0.1 -a 10.2.0.11\n", "=0",
	  "3 list:2: -s 10.2.0.1: tun0 holds this address, and is not an Ethernet interface, which CARP needs\n", NULL, NULL },
	{ "  nothing changed", NAMELESS "-v 1 -a 10.1.0.11\n", NAMELESS "-v 1 -a 10.1.0.11\n", "=1", "", NULL, NULL },
	{ "  by name now", NAMELESS "-v 1 -a 10.1.0.11\n", NAMELESS "-v 1 -a 10.1.0.11 -i eth1\n", "=1", "", NULL, NULL },
	{ "  interface and address are gone", NAMELESS "-v 1 -a 10.1.0.11\n", NAMELESS "-v 1 -a 10.1.0.11\n", "=1", "",
	  &without_eth1, NULL },
	{ "  they are gone, and something is changed", NAMELESS "-v 1 -a 10.1.0.11\n", NAMELESS "-v 1 -a 10.1.0.11 -k 3\n",
	  "~0 eth1/1@2 =0", "4 list:2: Warning: eth1 does not hold the source address 10.1.0.1\n", &without_eth1, NULL },
	{ "  they are gone, and one is new", NAMELESS "-v 1 -a 10.1.0.11\n",
	  NAMELESS "-v 1 -a 10.1.0.11\n-v 2 -a 10.1.0.12\n-v 3 -i eth1 -a 10.1.0.13\n", "=0",
	  "3 list:3: -s 10.1.0.1: no interface holds this address; it must be this host's, or -i must name the interface\n"
	  "3 list:4: -i eth1: no such interface; `ip link` lists those that are there; with --wait it may come later\n",
	  &without_eth1, NULL },
	{ "  no host has it", NULL, "-v 1 -s 10.9.0.1 -p hush -a 10.9.0.2\n", "=0",
	  "3 list:1: -s 10.9.0.1: no interface holds this address; it must be this host's, or -i must name the interface\n", NULL,
	  NULL },
	{ "  the same as one with a name", NULL, NAMELESS "-v 1 -a 10.1.0.11\n-v 1 -i eth1 -a 10.1.0.12\n-v 2 -i eth1 -a 10.1.0.11\n",
	  "=0",
	  "3 list:3: -v 1: list:2 has this virtual router already; interface, --mcastip and -v together must be unique\n"
	  "3 list:4: -a 10.1.0.11: list:2 has this address already; one virtual router of an interface must have it\n",
	  NULL, NULL },

	{ "errors: all of them, and nothing is changed", THREE,
	  DEFAULT "-v 1 -a 10.0.0.11 -k 300\n-v 9 -a 10.0.0.19\n-v 2\n-v 3 -a 10.0.0.13 -k 2\n-v 3 -a 10.0.0.14\n", "=0",
	  "3 list:2: -k 300: must be a number from 0 to 255\n"
	  "3 list:4: -a (--addr) is missing: the virtual address\n"
	  "3 list:6: -v 3: list:5 has this virtual router already; interface, --mcastip and -v together must be unique\n",
	  NULL, NULL },
	{ "errors of the host", NULL,
	  DEFAULT "-v 1 -a 10.0.0.11 -i nosuch0\n-v 2 -a 10.0.0.12 -i tun0\n-v 3 -a 10.0.0.13 -o none.txt\n-v 4 -a 10.0.0.14 -o none.txt\n"
		  "-v 5 -a 10.0.0.15 -o long.txt\n",
	  "=0",
	  "3 list:4: -o none.txt: No such file or directory\n"
	  "3 list:6: -o long.txt: its first line must be a password of 1 to 20 characters, and is longer\n"
	  "3 list:2: -i nosuch0: no such interface; `ip link` lists those that are there; with --wait it may come later\n"
	  "3 list:3: -i tun0: is not an Ethernet interface, and CARP needs one\n",
	  NULL, NULL },
	{ "  and of the list, in one go", NULL,
	  DEFAULT "-v 300 -a 10.0.0.11\n-v 2 -a 10.0.0.12 -i nosuch0\n-v 3 -a 10.0.0.13 -o none.txt\n", "=0",
	  "3 list:2: -v 300: must be a number from 1 to 255\n3 list:4: -o none.txt: No such file or directory\n"
	  "3 list:3: -i nosuch0: no such interface; `ip link` lists those that are there; with --wait it may come later\n",
	  NULL, NULL },
	{ "  each of them once", NULL, NAMELESS "-v 1 -a 10.1.0.11\n-v 1 -a 10.1.0.12 -o none.txt\n", "=0",
	  "3 list:3: -v 1: list:2 has this virtual router already; interface, --mcastip and -v together must be unique\n"
	  "3 list:3: -o none.txt: No such file or directory\n",
	  NULL, NULL },
	{ "  of no interest with --check", NULL, DEFAULT "-v 1 -a 10.0.0.11 -i nosuch0 -u none.sh\n-s 10.9.0.1 -v 2 -a 10.0.0.12\n",
	  "+nosuch0/1@2 key +eth0/2@3 key =0", "", NULL, "--check" },
	{ "  but passwords are", NULL, DEFAULT "-v 1 -a 10.0.0.11 -o none.txt\n", "=0",
	  "3 list:2: -o none.txt: No such file or directory\n", NULL, "--check" },
	{ "waiting: an interface that is not there", NULL, DEFAULT "-v 1 -a 10.0.0.11 -i eth7\n-v 2 -a 10.0.0.12\n",
	  "+eth7/1@2 key +eth0/2@3 key =0", "4 list:2: -i eth7: no such interface: waiting for it\n", NULL, "--wait" },
	{ "  but for no tunnel", NULL, DEFAULT "-v 1 -a 10.0.0.11 -i tun0\n", "=0",
	  "3 list:2: -i tun0: is not an Ethernet interface, and CARP needs one\n", NULL, "--wait" },
	{ "  also at a reload", THREE, THREE "-v 4 -a 10.0.0.14 -i eth7\n", "+eth7/4@5 key =3",
	  "4 list:5: -i eth7: no such interface: waiting for it\n", NULL, "--wait" },
	{ "  which waits for no address", THREE, THREE "default -s 10.9.0.1 -p hush\n-v 4 -a 10.9.0.2\n", "=0",
	  "3 list:6: -s 10.9.0.1: no interface holds this address; it must be this host's, or -i must name the interface\n", NULL,
	  "--wait" },
	{ "strong: the first stage", THREE, STRONG("accept-siphash"), "~0 eth0/1@2 key ~1 eth0/2@3 key ~2 eth0/3@4 key =0", "", NULL,
	  NULL },
	{ "strong: the next stage has the same keys", STRONG("accept-siphash"), STRONG("send-siphash"),
	  "~0 eth0/1@2 ~1 eth0/2@3 ~2 eth0/3@4 =0", "", NULL, NULL },
	{ "strong: the last stage, too", STRONG("send-siphash"), STRONG("siphash"), "~0 eth0/1@2 ~1 eth0/2@3 ~2 eth0/3@4 =0", "",
	  NULL, NULL },
	{ "strong: nothing changed", STRONG("siphash"), STRONG("siphash"), "=3", "", NULL, NULL },
	{ "strong: another password is another key", STRONG("siphash"), STRONG("siphash") "default -i eth0 -s 10.0.0.1 -p other\n"
	  "-v 4 -a 10.0.0.14 --auth=siphash\n", "+eth0/4@6 key =3", "", NULL, NULL },
	{ "strong: from a file, without a password", NULL, KEYED("keys.txt"), "+eth0/1@2 key =0", "", NULL, NULL },
	{ "strong: the same file", KEYED("keys.txt"), KEYED("keys.txt"), "=1", "", NULL, NULL },
	{ "strong: a key more", KEYED("keys.txt"), KEYED("keys2.txt"), "~0 eth0/1@2 key =0", "", NULL, NULL },
	{ "strong: a file is looked at also where it is not enabled", NULL, DEFAULT "-v 1 -a 10.0.0.11 --keyfile none.txt\n", "=0",
	  "3 list:2: --keyfile none.txt: No such file or directory\n", NULL, NULL },
	{ "strong: but its keys are not used there", DEFAULT "-v 1 -a 10.0.0.11\n",
	  DEFAULT "-v 1 -a 10.0.0.11 --keyfile keys.txt\n", "=1", "", NULL, NULL },
	{ "strong: errors", NULL, KEYED("none.txt") "-v 2 -a 10.0.0.12\n-v 3 -a 10.0.0.13 --keyfile hush.txt\n", "=0",
	  "3 list:2: --keyfile none.txt: No such file or directory\n"
	  "3 list:4: --keyfile hush.txt:1: must begin with a key's id, a number from 1 to 4294967295\n",
	  NULL, NULL },
	{ "strong: a public file", NULL, KEYED("keys3.txt"), "+eth0/1@2 key =0",
	  "4 list:2: Warning: --keyfile keys3.txt: everybody can read it; `chmod 600` it\n", NULL, NULL },
	{ "no such include", THREE, "include none\n" THREE, "=0", "3 list:1: include none: no such file\n", NULL, NULL },

	{ "warnings", NULL,
	  DEFAULT "-v 1 -a 10.0.0.11 -o public.txt\n-v 2 -a 10.0.0.12 -o public.txt -u none.sh\n-v 3 -a 10.0.0.13 -u none.sh -d .\n"
		  "-v 4 -a 10.0.0.14 --no-vip -d run.sh\n-v 5 -a 10.0.0.15 -s 10.0.0.2\n",
	  "+eth0/1@2 key +eth0/2@3 key +eth0/3@4 key +eth0/4@5 key +eth0/5@6 key =0",
	  "4 list:2: Warning: -o public.txt: everybody can read it; `chmod 600` it\n"
	  "4 list:3: Warning: -u none.sh: cannot be run: No such file or directory\n"
	  "4 list:4: Warning: -d .: cannot be run: is no file\n"
	  "4 list:5: Warning: no script called when going up\n"
	  "4 list:6: Warning: eth0 does not hold the source address 10.0.0.2\n",
	  NULL, NULL },
	{ "  of what was told before, nothing", DEFAULT "-v 1 -a 10.0.0.11 --no-vip -u none.sh\n",
	  DEFAULT "-v 1 -a 10.0.0.11 --no-vip -u none.sh\n", "=1", "", NULL, NULL },
	{ "what editors put around a password", NULL,
	  DEFAULT "-v 1 -a 10.0.0.11 -o crlf.txt\n-v 2 -a 10.0.0.12 -o blank.txt\n-v 3 -a 10.0.0.13 -o tab.txt\n"
		  "-v 4 -a 10.0.0.14 -o bom.txt\n-v 5 -a 10.0.0.15 -o both.txt\n-v 6 -a 10.0.0.16 -o escape.txt\n",
	  "+eth0/1@2 key +eth0/2@3 key +eth0/3@4 key +eth0/4@5 key +eth0/5@6 key +eth0/6@7 key =0",
	  "4 list:2: Warning: -o crlf.txt: the password ends in a carriage return, which is part of it\n"
	  "4 list:3: Warning: -o blank.txt: the password ends in a blank, which is part of it\n"
	  "4 list:4: Warning: -o tab.txt: the password begins with a tab, which is part of it\n"
	  "4 list:5: Warning: -o bom.txt: the password begins with a byte order mark, which is part of it\n"
	  "4 list:6: Warning: -o both.txt: the password begins with a blank, which is part of it\n"
	  "4 list:6: Warning: -o both.txt: the password ends in a tab, which is part of it\n"
	  "4 list:7: Warning: -o escape.txt: the password has a control character in it, which is part of it\n",
	  NULL, NULL },
	{ "  too long with it", NULL, DEFAULT "-v 1 -a 10.0.0.11 -o long-bom.txt\n", "=0",
	  "3 list:2: -o long-bom.txt: its first line must be a password of 1 to 20 characters, and is longer, with a byte order mark "
	  "before it\n", NULL, NULL },
	{ "  in the list: blanks are meant there; told once", NULL,
	  "default -i eth0 -s 10.0.0.1 -p ' hu\x01sh '\n-v 1 -a 10.0.0.11\n-v 2 -a 10.0.0.12\n-v 3 -a 10.0.0.13 -p 'x\r'\n",
	  "+eth0/1@2 key +eth0/2@3 key +eth0/3@4 key =0",
	  "4 list:2: Warning: -p: the password has a control character in it, which is part of it\n"
	  "4 list:4: Warning: -p: the password ends in a carriage return, which is part of it\n", NULL, NULL },
	{ "passwords in files that everybody can read: those are told, once each", NULL,
	  DEFAULT "include public-p.conf\ninclude public-o.conf\n-v 9 -a 10.0.0.19\n",
	  "+eth0/1@1 key +eth0/2@2 key +eth0/3@1 key +eth0/9@4 key =0",
	  "4 Warning: public-p.conf: has a password (-p) in it, and everybody can read it; `chmod 600` it\n", NULL, NULL },
	{ "  also where it is a default for a file that only root can", NULL, "include public-default.conf\n",
	  "+eth0/1@1 key =0",
	  "4 Warning: public-default.conf: has a password (-p) in it, and everybody can read it; `chmod 600` it\n", NULL, NULL },
	{ "scripts in the background", NULL, DEFAULT "-v 1 -a 10.0.0.11 -u run.sh\n", "=0",
	  "3 list:2: -u run.sh: must be an absolute path with -B, which changes to the root directory\n", NULL, "-B" },
};

static void test_rows(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct host *host = rows[i].host ? rows[i].host : &whole;
		struct world w = { 0 };
		struct plan plan;
		char text[TEXT_MAX];
		bool is_wrong = strstr(rows[i].messages, "3 list:") == rows[i].messages;
		int rc;

		if (rows[i].before && make(&w.plan, &whole, rows[i].before, NULL, NULL))
			diag("%s: before: %s", rows[i].name, lines(text, &w.plan));
		run_plan(&w);
		rc = make(&plan, host, rows[i].list, rows[i].flags, &w);
		ok(rc == (is_wrong ? -EINVAL : 0) && plan.failed == is_wrong, "%s: result", rows[i].name);
		is_str(spell(text, &plan), rows[i].want, "  the plan");
		is_str(lines(text, &plan), rows[i].messages, "  what is told");
		plan_free(&plan);
		plan_free(&w.plan);
	}
}

static void test_waiting(void)
{
	struct plan plan;
	char text[TEXT_MAX];

	is_int(make(&plan, &whole, NAMELESS "-v 1 -a 10.1.0.11\n-v 2 -s 10.9.0.1 -a 10.9.0.2\n-v 3 -s 10.9.0.3 -a 10.9.0.4\n",
		    "--wait", NULL), -EAGAIN, "addresses that no interface holds: the plan waits");
	ok(!plan.failed && plan.waits_for == inet_addr("10.9.0.3"), "  for one of them");
	is_str(spell(text, &plan), "=0", "  and changes nothing");
	is_str(lines(text, &plan),
	       "4 list:3: -s 10.9.0.1: no interface holds this address: waiting for one\n"
	       "4 list:4: -s 10.9.0.3: no interface holds this address: waiting for one\n",
	       "  all are told");
	plan_free(&plan);
	is_int(make(&plan, &whole, NAMELESS "-v 1 -s 10.2.0.1 -a 10.2.0.2\n", "--wait", NULL), -EAGAIN,
	       "where a tunnel holds it, too");
	is_str(lines(text, &plan), "4 list:2: -s 10.2.0.1: tun0 holds this address, and is not an Ethernet interface: waiting for one\n",
	       "  which is told");
	plan_free(&plan);
	is_int(make(&plan, &whole, NAMELESS "-v 1 -s 10.9.0.1 -a 10.9.0.2\n-v 300 -a 10.1.0.11\n", "--wait", NULL), -EINVAL,
	       "an error waits for nothing");
	plan_free(&plan);
}

static void is_key(const struct plan_vr *vr, const char *password, const char *name)
{
	struct carp_key want = { 0 };

	auth_hmac_key(&want.hmac, (const uint8_t *)password, strlen(password), vr->options->vhid, vr->options->vips,
		      vr->options->vip_count);
	ok(vr->key && !memcmp(vr->key, &want, sizeof(want)), "%s", name);
}

/* Each line's own, however the lines around it come by theirs. */
static void test_keys(void)
{
	struct plan plan;

	make(&plan, &whole,
	     DEFAULT "-v 1 -a 10.0.0.11\n-v 2 -a 10.0.0.12 -o other.txt\n-v 3 -a 10.0.0.13 -o other.txt\n-v 4 -a 10.0.0.14\n"
		     "-v 5 -a 10.0.0.15 -o hush.txt\n-v 6 -a 10.0.0.16 -o other.txt\n",
	     NULL, NULL);
	is_int(plan.add_count, 6, "passwords from here and there");
	if (plan.add_count == 6) {
		is_key(&plan.adds[0], "hush", "  the default's");
		is_key(&plan.adds[1], "other", "  a file's");
		is_key(&plan.adds[2], "other", "  the same file's");
		is_key(&plan.adds[3], "hush", "  the default's again");
		is_key(&plan.adds[4], "hush", "  another file's");
		is_key(&plan.adds[5], "other", "  the first file's again");
	}
	ok(!plan.adds[0].options->password && !plan.adds[1].options->passfile, "  and no password is left");
	plan_free(&plan);
}

/* An index that is not in use is nobody's. */
static void test_gaps(void)
{
	struct world w = { 0 };
	struct plan plan;
	char text[TEXT_MAX];

	make(&w.plan, &whole, THREE, NULL, NULL);
	run_plan(&w);
	w.running[4] = w.running[2];
	w.running[2] = (struct plan_running){ 0 };
	w.running[0] = (struct plan_running){ 0 };
	w.count = 5;
	make(&plan, &whole, THREE, NULL, &w);
	is_str(spell(text, &plan), "+eth0/1@2 key =2", "indexes that are not in use");
	plan_free(&plan);
	make(&plan, &whole, DEFAULT "-v 1 -a 10.0.0.11/24\n", NULL, &w);
	is_str(spell(text, &plan), "+eth0/1@2 key -1 -4 =0", "  nor to be removed");
	plan_free(&plan);
	plan_free(&w.plan);
}

static void test_command_line(void)
{
	char *argv[] = { "xcarp", "-s", "10.1.0.1", "-v", "7", "-p", "hush", "-a", "10.1.0.11", "-a", "fe80::5/64", NULL };
	struct options options;
	struct plan plan;
	char error[OPTIONS_ERROR_LEN], text[TEXT_MAX];

	options_parse(&options, COUNT(argv) - 1, argv, error);
	is_int(plan_make_on(&whole, &plan, &options, NULL, 0), 0, "without a file: the command line's");
	is_str(spell(text, &plan), "+eth1/7@0 key =0", "  is the one there is");
	is_str(lines(text, &plan), "6 Using [eth1] as a network interface\n", "  told without a place");
	is_key(&plan.adds[0], "hush", "  with its key");
	is_str(options.vr.interface, "", "  the options stay as they are");
	plan_free(&plan);
	argv[2] = "10.9.0.1";
	options_parse(&options, COUNT(argv) - 1, argv, error);
	is_int(plan_make_on(&whole, &plan, &options, NULL, 0), -EINVAL, "  with an address that nobody holds");
	ok(!strncmp(lines(text, &plan), "3 -s 10.9.0.1: ", 15), "  told without a place too");
	plan_free(&plan);
}

/* The real host: lo is there everywhere, and is no Ethernet. */
static void test_real_host(void)
{
	char *argv[] = { "xcarp", "-c", "list", NULL };
	struct options options;
	struct plan plan;
	char error[OPTIONS_ERROR_LEN], text[TEXT_MAX];

	write_file("list", "default -s 10.0.0.1 -p hush\n-i lo -v 1 -a 10.0.0.2\n-i nosuch0 -v 2 -a 10.0.0.3\n", 0600);
	options_parse(&options, 3, argv, error);
	is_int(plan_make(&plan, &options, NULL, 0), -EINVAL, "the host that this runs on");
	is_str(lines(text, &plan),
	       "3 list:2: -i lo: is not an Ethernet interface, and CARP needs one\n"
	       "3 list:3: -i nosuch0: no such interface; `ip link` lists those that are there; with --wait it may come later\n",
	       "  has lo, and not the other");
	plan_free(&plan);
}

/* skew: of every thousandth. */
static void write_many(uint32_t from, uint32_t to, unsigned int skew)
{
	FILE *file = fopen("list", "w");

	if (!file)
		exit(EXIT_FAILURE);
	fputs("default -s 10.0.0.1 -o hush.txt\n", file);
	for (uint32_t i = from; i < to; i++)
		fprintf(file, "-i eth%u -v %u -a 10.%u.%u.9/24 -k %u\n", i / 255, i % 255 + 1, i >> 8 & 0xff,
			i & 0xff, i % 1000 ? 0 : skew);
	if (fclose(file))
		exit(EXIT_FAILURE);
}

static void test_many(void)
{
	char *argv[] = { "xcarp", "-c", "list", NULL };
	struct plan_running *running = calloc(MANY, sizeof(*running));
	struct host host = { 0 };
	struct options options;
	struct plan first, plan;
	char error[OPTIONS_ERROR_LEN];
	unsigned int wrong = 0;

	for (uint32_t i = 0; i <= (MANY + 1000) / 255; i++) {
		char name[XCARP_IFNAME_LEN];

		snprintf(name, sizeof(name), "eth%u", i);
		host_add_link(&host, name, true);
		host_add_address(&host, inet_addr("10.0.0.1"), name);
	}
	host_sort(&host);
	options_parse(&options, 3, argv, error);

	write_many(0, MANY, 0);
	is_int(plan_make_on(&host, &first, &options, NULL, 0), 0, "65,536 virtual routers");
	is_int(first.add_count, MANY, "  all of them new");
	is_int(first.message_count, 0, "  nothing to say");
	for (uint32_t i = 0; i < first.add_count; i++) {
		const struct vr_options *options_i = first.adds[i].options;

		running[i] = (struct plan_running){ options_i, first.adds[i].key };
		wrong += options_i->vhid != i % 255 + 1 || options_i->vips[0].address[1] != i >> 8 ||
			 first.adds[i].line != i + 2;
	}
	is_int(wrong, 0, "  in the order of the lines");

	is_int(plan_make_on(&host, &plan, &options, running, MANY), 0, "again");
	is_int(plan.unchanged, MANY, "  nothing changed");
	ok(!plan.keys && !plan.add_count && !plan.change_count && !plan.remove_count, "  nothing else");
	plan_free(&plan);

	write_many(1000, MANY + 1000, 5);
	is_int(plan_make_on(&host, &plan, &options, running, MANY), 0, "a thousand gone, a thousand new, some changed");
	is_int(plan.add_count, 1000, "  new");
	is_int(plan.remove_count, 1000, "  gone");
	is_int(plan.change_count, (MANY - 1) / 1000, "  changed");
	is_int(plan.unchanged, MANY - 1000 - (MANY - 1) / 1000, "  and the rest");
	wrong = 0;
	for (uint32_t i = 0; i < plan.change_count; i++)
		wrong += plan.changes[i].index != (i + 1) * 1000 || plan.changes[i].key;
	for (uint32_t i = 0; i < plan.remove_count; i++)
		wrong += plan.removes[i] != i;
	is_int(wrong, 0, "  each the right one");
	plan_free(&plan);
	plan_free(&first);
	host_free(&host);
	free(running);
}

/* The thread. */

struct loads {
	struct loader *loader;
	struct options options;
	unsigned int done;
	unsigned int failed;
	int again; /* what a start from within done said */
	bool start_again;
};

static void on_done(void *ctx, struct plan *plan, uint64_t now_ns)
{
	struct loads *loads = ctx;

	(void)now_ns;
	loads->done++;
	loads->failed += plan->failed;
	if (loads->start_again) {
		loads->start_again = false;
		loads->again = loader_start(loads->loader, &loads->options, NULL, 0, on_done, loads);
	}
}

/* Five seconds at most. */
static void wait_for(struct loop *loop, const struct loads *loads, unsigned int done)
{
	uint64_t until_ns = loop_now_ns() + 5000000000ull;

	while (loads->done < done && loop_now_ns() < until_ns)
		loop_wait(loop, until_ns);
}

static void test_loader(void)
{
	char *argv[] = { "xcarp", "-c", "list", "--check", NULL };
	static struct loads loads; /* a thread that is left behind looks into it */
	struct loop *loop = loop_new();
	char error[OPTIONS_ERROR_LEN];
	int fd;

	loads = (struct loads){ .loader = loader_new(loop, plan_make), .start_again = true, .again = -EIO };
	options_parse(&loads.options, 4, argv, error);
	write_file("list", THREE, 0600);
	is_int(loader_start(loads.loader, &loads.options, NULL, 0, on_done, &loads), 0, "a plan made by a thread");
	ok(loader_busy(loads.loader), "  is under way");
	is_int(loader_start(loads.loader, &loads.options, NULL, 0, on_done, &loads), -EBUSY, "  and only one at a time");
	wait_for(loop, &loads, 1);
	is_int(loads.again, 0, "the next can be started when it is done");
	wait_for(loop, &loads, 2);
	is_int(loads.done, 2, "  and is done too");
	ok(!loader_busy(loads.loader), "  then there is none");
	write_file("list", "-v 0\n", 0600);
	loader_start(loads.loader, &loads.options, NULL, 0, on_done, &loads);
	wait_for(loop, &loads, 3);
	is_int(loads.failed, 1, "a plan that fails");
	loader_start(loads.loader, &loads.options, NULL, 0, on_done, &loads);
	ok(loader_free(loads.loader), "an end while one is under way");

	/* A password from a pipe that nobody writes to, in place of a file system that hangs. */
	if (mkfifo("pipe", 0600))
		perror("mkfifo");
	write_file("list", "-i eth0 -s 10.0.0.1 -v 1 -a 10.0.0.11 -o pipe\n", 0600);
	loads.loader = loader_new(loop, plan_make);
	loader_start(loads.loader, &loads.options, NULL, 0, on_done, &loads);
	ok(!loader_free(loads.loader), "one that hangs is left behind");
	is_int(loads.done, 3, "  and none of these was told of");
	fd = open("pipe", O_WRONLY | O_CLOEXEC);
	ok(write(fd, "hush\n", 5) == 5, "  it hung indeed");
	close(fd);
	loop_free(loop);
}

int main(void)
{
	static const char *const files[] = { "hush.txt", "other.txt", "long.txt",  "public.txt", "run.sh",
					     "list",	 "pipe",      "keys.txt", "keys2.txt",	"keys3.txt" };
	char dir[] = "/tmp/test_plan.XXXXXX";

	plan(3 * COUNT(rows) + 7 + 8 + 2 + 7 + 2 + 13 + 11);
	if (secret_init() || !mkdtemp(dir) || chdir(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	make_hosts();
	write_file("hush.txt", "hush\n", 0600);
	write_file("other.txt", "other", 0600);
	write_file("long.txt", "123456789012345678901\n", 0600);
	write_file("public.txt", "hush\n", 0644);
	write_file("crlf.txt", "hush\r\n", 0600);
	write_file("blank.txt", "hush \n", 0600);
	write_file("tab.txt", "\thush\n", 0600);
	write_file("bom.txt", "\xef\xbb\xbfhush\n", 0600);
	write_file("both.txt", " hush\t", 0600);
	write_file("escape.txt", "hu\x1bsh", 0600);
	write_file("long-bom.txt", "\xef\xbb\xbf" "12345678901234567890\n", 0600);
	write_file("public-p.conf", "-v 1 -a 10.0.0.11 -p open\n-v 2 -a 10.0.0.12 -p open2\n", 0644);
	write_file("public-o.conf", "-v 3 -a 10.0.0.13\n", 0644);
	write_file("public-default.conf", DEFAULT "include private.conf\n", 0644);
	write_file("private.conf", "-v 1 -a 10.0.0.11\n", 0600);
	write_file("keys.txt", "1 " KEY, 0600);
	write_file("keys2.txt", "1 " KEY "2 " KEY, 0600);
	write_file("keys3.txt", "1 " KEY, 0644);
	write_file("run.sh", "", 0755);

	test_rows();
	test_waiting();
	test_keys();
	test_gaps();
	test_command_line();
	test_real_host();
	test_many();
	test_loader();

	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	rmdir(dir);
	host_free(&whole);
	host_free(&without_eth1);
	return tap_done();
}
