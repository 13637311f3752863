// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Shows what the virtual routers of this network namespace do, from the pinned maps, and asks the processes that own them to
 * let go or to take over. What each command does is in ctl/.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/netns.h"
#include "ctl/text.h"
#include "ctl/top.h"
#include "core/words.h"
#include "version.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define SECONDS_MAX 86400.0

/* What a command takes, and which commands an option is for. */
#define TAKES_FILTER (1u << 0)
#define TAKES_JSON (1u << 1)
#define TAKES_TOP (1u << 2)
#define TAKES_MONITOR (1u << 3)
#define TAKES_LISTEN (1u << 4)
#define TAKES_REQUEST (1u << 5)
#define TAKES_FILE (1u << 6)
#define TAKES_COMMON (1u << 7) /* every command does */
#define TAKES_CLEANUP (1u << 8)
#define TAKES_STATUS (1u << 9)
#define TAKES_ANYTHING (~0u)

struct parse {
	struct command_options options;
	const char *netns;
	bool help;
	bool version;
	char error[CTL_ERROR_LEN];
};

/* Options. Each sets what its value says; false with parse->error filled. */

static bool add_filter(struct parse *parse, enum filter_kind kind, const char *value)
{
	return !filter_add(&parse->options.filter, kind, value, parse->error);
}

static bool set_interface(struct parse *parse, const char *value)
{
	return add_filter(parse, FILTER_INTERFACE, value);
}

static bool set_vhid(struct parse *parse, const char *value)
{
	return add_filter(parse, FILTER_VHID, value);
}

static bool set_group(struct parse *parse, const char *value)
{
	return add_filter(parse, FILTER_GROUP, value);
}

static bool set_state(struct parse *parse, const char *value)
{
	return add_filter(parse, FILTER_STATE, value);
}

static bool set_owner(struct parse *parse, const char *value)
{
	return add_filter(parse, FILTER_OWNER, value);
}

static bool set_netns(struct parse *parse, const char *value)
{
	parse->netns = value;
	return true;
}

static bool set_listen(struct parse *parse, const char *value)
{
	parse->options.listen = value;
	return true;
}

static bool set_user(struct parse *parse, const char *value)
{
	parse->options.user = value;
	return true;
}

static bool read_number(struct parse *parse, const char *option, const char *value, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(value, &end, 10);
	if (!errno && end != value && !*end && *value != '-' && *number && *number <= UINT_MAX)
		return true;
	snprintf(parse->error, sizeof(parse->error), "%s %.100s: must be a number, 1 or more", option, value);
	return false;
}

static bool read_seconds(struct parse *parse, const char *option, const char *value, double *seconds)
{
	char *end;

	*seconds = strtod(value, &end);
	if (end != value && !*end && *seconds >= 0.05 && *seconds <= SECONDS_MAX)
		return true;
	snprintf(parse->error, sizeof(parse->error), "%s %.100s: must be a number of seconds, 0.05 to 86400", option, value);
	return false;
}

static bool set_last(struct parse *parse, const char *value)
{
	unsigned long number;
	bool is_good = read_number(parse, "--last", value, &number);

	parse->options.last = number;
	return is_good;
}

static bool set_count(struct parse *parse, const char *value)
{
	unsigned long number;
	bool is_good = read_number(parse, "--count", value, &number);

	parse->options.count = (unsigned int)number;
	return is_good;
}

static bool set_interval(struct parse *parse, const char *value)
{
	return read_seconds(parse, "--interval", value, &parse->options.interval_s);
}

static bool set_wait(struct parse *parse, const char *value)
{
	return read_seconds(parse, "--wait", value, &parse->options.wait_s);
}

static bool set_json(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.json = true;
}

static bool set_pretty(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.pretty = true;
}

static bool set_quiet(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.quiet = true;
}

static bool set_list(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.list = true;
}

static bool set_all(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.all = true;
}

static bool set_batch(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.batch = true;
}

static bool set_since_start(struct parse *parse, const char *value)
{
	(void)value;
	return parse->options.since_start = true;
}

static bool set_help(struct parse *parse, const char *value)
{
	(void)value;
	return parse->help = true;
}

static bool set_version(struct parse *parse, const char *value)
{
	(void)value;
	return parse->version = true;
}

static const struct option {
	char letter; /* 0: long only */
	const char *name;
	unsigned int of; /* TAKES_* */
	bool (*set)(struct parse *parse, const char *value);
	const char *value; /* what the help calls it; NULL: takes none */
	const char *help;
} options[] = {
	{ 'n', "netns", TAKES_COMMON, set_netns, "NAME|PATH|PID", "look at another network namespace" },
	{ 'i', "interface", TAKES_FILTER, set_interface, "IF", "virtual routers of this interface; patterns are possible" },
	{ 'v', "vhid", TAKES_FILTER, set_vhid, "ID[-ID]", "of this id, or of these" },
	{ 'm', "mcastip", TAKES_FILTER, set_group, "GROUP", "of this multicast group" },
	{ 's', "state", TAKES_FILTER, set_state, "STATE", "in this state: master, backup or init" },
	{ 0, "owner", TAKES_FILTER, set_owner, "PID", "of this process" },
	{ 'j', "json", TAKES_JSON, set_json, NULL, "print JSON" },
	{ 'p', "pretty", TAKES_STATUS, set_pretty, NULL, "print JSON, indented" },
	{ 'q', "quiet", TAKES_STATUS, set_quiet, NULL, "print nothing: the exit status tells" },
	{ 0, "last", TAKES_MONITOR, set_last, "N", "first print the newest N that fit" },
	{ 0, "since-start", TAKES_MONITOR, set_since_start, NULL, "first print all that are still there" },
	{ 'b', "batch", TAKES_TOP, set_batch, NULL, "print screens as text, without a terminal" },
	{ 0, "count", TAKES_TOP, set_count, "N", "end after so many screens" },
	{ 0, "interval", TAKES_TOP, set_interval, "SECS", "between two screens (1)" },
	{ 0, "listen", TAKES_LISTEN, set_listen, "ADDR:PORT", "serve them at /metrics over HTTP" },
	{ 0, "user", TAKES_LISTEN, set_user, "NAME", "as this user (nobody)" },
	{ 0, "all", TAKES_REQUEST, set_all, NULL, "all virtual routers" },
	{ 0, "all", TAKES_CLEANUP, set_all, NULL, "also of network namespaces that are gone" },
	{ 0, "list", TAKES_FILE, set_list, NULL, "and print the virtual routers as they are understood" },
	{ 'w', "wait", TAKES_REQUEST, set_wait, "SECS", "wait until the states have followed" },
	{ 'h', "help", TAKES_COMMON, set_help, NULL, "this text" },
	{ 0, "version", TAKES_COMMON, set_version, NULL, "print the versions of this program, its libraries and the kernel" },
};

/* Commands. */

static int run_top(const struct command_options *o)
{
	return top_run(&o->filter,
		       &(struct top_options){ .batch = o->batch, .count = o->count, .interval_s = o->interval_s });
}

static int run_demote(const struct command_options *o)
{
	return request_run(o, COMMAND_DEMOTE);
}

static int run_promote(const struct command_options *o)
{
	return request_run(o, COMMAND_PROMOTE);
}

static int run_release(const struct command_options *o)
{
	return request_run(o, COMMAND_RELEASE);
}

/* The xcarp that was installed with this, else the one that a shell finds. Returns only where it cannot be run. */
static int run_xcarp(const char *const argv[])
{
	char beside[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", beside, sizeof(beside) - sizeof("/xcarp"));
	char *slash;

	if (len > 0) {
		beside[len] = '\0';
		slash = strrchr(beside, '/');
		strcpy(slash ? slash : beside, "/xcarp");
		execv(beside, (char *const *)argv);
	}
	execvp("xcarp", (char *const *)argv);
	return tell("cannot run xcarp: %s", strerror(errno));
}

/* Also where nothing runs yet. */
static int run_pins(const struct command_options *o)
{
	char path[PINS_PATH_LEN], error[CTL_ERROR_LEN];
	int err = netns_pins(path, error);

	(void)o;
	if (err && err != -ENOENT)
		return tell("%s", error);
	puts(path);
	return EXIT_SUCCESS;
}

static int run_check(const struct command_options *o)
{
	if (!o->file)
		return tell("check: needs a file of virtual routers");
	return run_xcarp((const char *const[]){ "xcarp", "-c", o->file, o->list ? "--check=list" : "--check", NULL });
}

static int run_cleanup(const struct command_options *o)
{
	return run_xcarp((const char *const[]){ "xcarp", o->all ? "--cleanup=all" : "--cleanup", NULL });
}

static const struct command {
	const char *name;
	unsigned int takes;
	int (*run)(const struct command_options *options);
	const char *help;
	bool is_anybodys; /* needs no map, or may do without */
} commands[] = {
	{ "status", TAKES_FILTER | TAKES_JSON | TAKES_STATUS, status_run, "a table of the virtual routers, or one of them in detail", false },
	{ "top", TAKES_FILTER | TAKES_TOP, run_top, "the same, live, with rates", false },
	{ "monitor", TAKES_FILTER | TAKES_JSON | TAKES_MONITOR, monitor_run, "state changes and notices as they happen", false },
	{ "metrics", TAKES_FILTER | TAKES_LISTEN, metrics_run, "everything as OpenMetrics text", false },
	{ "demote", TAKES_FILTER | TAKES_REQUEST, run_demote, "bow out, and stay out until released", true },
	{ "promote", TAKES_FILTER | TAKES_REQUEST, run_promote, "become master, until released", true },
	{ "release", TAKES_FILTER | TAKES_REQUEST, run_release, "end what demote or promote began", true },
	{ "cleanup", TAKES_CLEANUP, run_cleanup, "take away what dead processes left; refuses while one lives", false },
	{ "pins", 0, run_pins, "the directory of the maps of this network namespace", false },
	{ "check", TAKES_FILE, run_check, "say what is wrong with a file of virtual routers", true },
	{ "genkey", 0, genkey_run, "a new key for a file of keys", true },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COUNT(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[COUNT(commands)], *nearest;

	for (size_t i = 0; i < COUNT(commands); i++)
		names[i] = commands[i].name;
	nearest = words_nearest(name, names, COUNT(names));
	if (nearest)
		return tell("%.100s: no such command; did you mean %s?", name, nearest);
	return tell("%.100s: no such command; see xcarpctl --help", name);
}

static void print_options(unsigned int takes)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];
		char left[64];

		if (!(o->of & (takes | TAKES_COMMON)))
			continue;
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			 o->letter ? ',' : ' ', o->name, o->value ? "=" : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

static const char *what_it_takes(const struct command *command)
{
	if (command->takes & TAKES_FILE)
		return " FILE";
	return command->takes & TAKES_FILTER ? " [IF | IF/ID | ID ...]" : "";
}

static int print_help(const struct command *command)
{
	if (command) {
		printf("Usage: xcarpctl %s%s%s\n\n%s: %s\n\n", command->name, what_it_takes(command),
		       command->takes ? " [option ...]" : "", command->name, command->help);
		print_options(command->takes);
		return EXIT_SUCCESS;
	}
	puts("Usage: xcarpctl COMMAND [IF | IF/ID | ID ...] [option ...]\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	puts("");
	print_options(TAKES_ANYTHING);
	puts("\nSee xcarpctl(8); `xcarpctl help COMMAND` for one command.");
	return EXIT_SUCCESS;
}

/* The command line. */

static bool unknown_option(struct parse *parse, const char *word, unsigned int takes)
{
	const char *names[COUNT(options)], *nearest = NULL;

	for (size_t i = 0; i < COUNT(options); i++)
		names[i] = options[i].of & takes ? options[i].name : NULL;
	if (!strncmp(word, "--", 2))
		nearest = words_nearest(word + 2, names, COUNT(names));
	snprintf(parse->error, sizeof(parse->error), "%.100s: no such option here%s%s%s", word,
		 nearest ? "; did you mean --" : "; see --help", nearest ? nearest : "", nearest ? "?" : "");
	return false;
}

static const struct option *find_option(const char *word, size_t name_len, unsigned int takes)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];

		if (!(o->of & takes))
			continue;
		if (word[1] != '-' ? o->letter && o->letter == word[1] :
				     strlen(o->name) == name_len && !strncmp(word + 2, o->name, name_len))
			return o;
	}
	return NULL;
}

static bool take_long(struct parse *parse, char **argv, int *at, unsigned int takes)
{
	const char *word = argv[*at], *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
	const struct option *o = find_option(word, equals ? (size_t)(equals - word) - 2 : strlen(word) - 2, takes);

	if (!o)
		return unknown_option(parse, word, takes);
	if (o->value && !value)
		value = argv[*at + 1] ? argv[++*at] : NULL;
	if (o->value ? value != NULL : !value)
		return o->set(parse, value);
	snprintf(parse->error, sizeof(parse->error), "--%s: %s", o->name, o->value ? "needs a value; see --help" : "takes no value");
	return false;
}

/* One letter, or several, of which the last may have a value. */
static bool take_letters(struct parse *parse, char **argv, int *at, unsigned int takes)
{
	for (const char *word = argv[*at], *letter = word + 1; *letter; letter++) {
		const struct option *o = find_option((const char[]){ '-', *letter, '\0' }, 0, takes);
		const char *value = NULL;

		if (!o)
			return unknown_option(parse, word, takes);
		if (o->value)
			value = letter[1] ? letter + 1 : argv[*at + 1] ? argv[++*at] : NULL;
		if (o->value && !value) {
			snprintf(parse->error, sizeof(parse->error), "--%s: needs a value; see --help", o->name);
			return false;
		}
		if (!o->set(parse, value))
			return false;
		if (value)
			break;
	}
	return true;
}

/* Takes the option at argv[*at], and its value. */
static bool take_option(struct parse *parse, char **argv, int *at, unsigned int takes)
{
	return argv[*at][1] == '-' ? take_long(parse, argv, at, takes) : take_letters(parse, argv, at, takes);
}

static bool take_argument(struct parse *parse, const char *word, unsigned int takes)
{
	if (takes & TAKES_FILTER)
		return add_filter(parse, FILTER_NAME, word);
	if (takes & TAKES_FILE && !parse->options.file) {
		parse->options.file = word;
		return true;
	}
	snprintf(parse->error, sizeof(parse->error), "%.100s: unexpected argument; see --help", word);
	return false;
}

static bool parse_words(struct parse *parse, char **argv, unsigned int takes)
{
	bool is_over = false;

	for (int at = 0; argv[at]; at++) {
		if (!is_over && !strcmp(argv[at], "--")) {
			is_over = true;
			continue;
		}
		if (!is_over && argv[at][0] == '-' && argv[at][1]) {
			if (!take_option(parse, argv, &at, takes))
				return false;
		} else if (!take_argument(parse, argv[at], takes)) {
			return false;
		}
		if (parse->help || parse->version)
			return true;
	}
	return true;
}

static int run(const struct command *command, struct parse *parse)
{
	char error[CTL_ERROR_LEN];

	if (parse->version) {
		version_print("xcarpctl");
		return EXIT_SUCCESS;
	}
	if (parse->help)
		return print_help(command);
	if (!command->is_anybodys && geteuid())
		return tell("must be root to read the maps (try sudo)");
	if (parse->netns && netns_enter(parse->netns, error))
		return tell("%s", error);
	return command->run(&parse->options);
}

/* Takes the command out of argv. What its options are is known only then, but not where the value of one stands. NULL: there is none. */
static const char *take_command(struct parse *parse, char **argv)
{
	struct parse trial = { 0 };
	const char *name;
	int at = 0;

	while (argv[at] && argv[at][0] == '-' && argv[at][1]) {
		/* What is wrong with it is told later. */
		take_option(&trial, argv, &at, TAKES_ANYTHING);
		at++;
	}
	filter_free(&trial.options.filter);
	parse->help = trial.help;
	parse->version = trial.version;
	name = argv[at];
	for (; argv[at]; at++)
		argv[at] = argv[at + 1];
	return name;
}

int main(int argc, char **argv)
{
	struct parse parse = { .options = { .interval_s = 1, .user = "nobody" } };
	const struct command *command;
	const char *name;
	int status;

	signal(SIGPIPE, SIG_IGN);
	name = argc ? take_command(&parse, ++argv) : NULL;
	if (!name && !parse_words(&parse, argv, TAKES_COMMON))
		return tell("%s", parse.error);
	if (parse.help || parse.version)
		return run(NULL, &parse);
	if (!name) {
		print_help(NULL);
		return CTL_UNKNOWN;
	}
	if (!strcmp(name, "help")) {
		command = argv[0] ? find_command(argv[0]) : NULL;
		return argv[0] && !command ? unknown_command(argv[0]) : print_help(command);
	}
	command = find_command(name);
	if (!command)
		return unknown_command(name);
	status = parse_words(&parse, argv, command->takes | TAKES_COMMON) ? run(command, &parse) : tell("%s", parse.error);
	filter_free(&parse.options.filter);
	return status;
}
