// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/table.h"
#include "io/secret.h"
#include "keyrings.h"

#define KEYS_FIRST 64u
#define LINE_LEN (OPTIONS_ERROR_LEN + PATH_MAX)
#define REMARKS_MAX 100 /* lines that are no errors */

/* What is found out about one line. */
struct verdict {
	uint32_t running; /* index of what runs, or TABLE_NONE */
	uint32_t key; /* place in the plan's keys, or TABLE_NONE: as it was */
	bool is_change; /* or new */
	bool is_named; /* its interface, after its source address */
};

/* In guarded memory. */
struct scratch {
	struct secret password;
	struct carp_key key;
};

/* One that everybody can read. */
struct public_file {
	char *path;
	const char *text;
	size_t len;
	bool is_told;
};

struct work {
	struct plan *plan;
	const struct options *options;
	const struct host *host;
	const struct plan_running *running;
	uint32_t running_count;
	bool is_list; /* and no more */
	struct config_source source;
	struct verdict *verdicts; /* one a line */
	bool *is_wanted; /* what runs: a line has it */
	struct table *by_name; /* what runs */
	struct table *by_source;
	uint32_t remarks; /* that are no errors */
	struct scratch *scratch;
	struct keyrings *rings; /* NULL until a line wants one */
	uint32_t key_room;
	struct public_file *publics;
	size_t public_count;
	/* What the line before had: most often this one has the same. */
	const char *password;
	const char *passfile;
	const char *passfile_wrong;
	const char *upscript;
	const char *downscript;
	const char *named;
};

/* Messages. */

static void keep_message(struct work *work, int priority, const char *line)
{
	struct plan *plan = work->plan;
	struct plan_message *messages = plan->messages;
	size_t count = plan->message_count;

	if (priority == LOG_ERR)
		plan->failed = true;
	if (!(count & (count - 1)))
		messages = reallocarray(messages, count ? 2 * count : 1, sizeof(*messages));
	if (!messages)
		return;
	plan->messages = messages;
	messages[count] = (struct plan_message){ .priority = priority, .line = strdup(line) };
	if (messages[count].line)
		plan->message_count++;
}

/* vr: which line it is about; NULL: none. */
__attribute__((format(printf, 4, 5))) static void tell(struct work *work, int priority, const struct config_vr *vr,
						       const char *format, ...)
{
	char line[LINE_LEN];
	int len = vr && vr->file ? snprintf(line, sizeof(line), "%s:%u: ", vr->file, vr->line) : 0;
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	if (priority >= LOG_WARNING && ++work->remarks > REMARKS_MAX)
		return;
	keep_message(work, priority, line);
}

static void tell_no_memory(struct work *work)
{
	tell(work, LOG_ERR, NULL, "virtual routers: %s", strerror(ENOMEM));
}

/* The files. */

/* Where memory is short nobody is warned of it. */
static void note_public(struct work *work, const char *path, const char *text)
{
	size_t count = work->public_count;
	struct public_file *publics = work->publics;

	if (!(count & (count - 1)))
		publics = reallocarray(publics, count ? 2 * count : 1, sizeof(*publics));
	if (!publics)
		return;
	work->publics = publics;
	publics[count] = (struct public_file){ .path = strdup(path), .text = text, .len = strlen(text) };
	if (publics[count].path)
		work->public_count++;
}

static char *file_read(void *ctx, const char *path, const char **why)
{
	bool is_public = false;
	char *text = secret_read_file(path, why, &is_public);

	if (text && is_public)
		note_public(ctx, path, text);
	return text;
}

static void file_release(void *ctx, char *text)
{
	(void)ctx;
	secret_free(text);
}

static size_t file_expand(void *ctx, const char *pattern, void (*found)(void *, const char *), void *found_ctx)
{
	glob_t matches;
	size_t count = 0;

	(void)ctx;
	if (!glob(pattern, 0, NULL, &matches)) {
		count = matches.gl_pathc;
		for (size_t i = 0; i < count; i++)
			found(found_ctx, matches.gl_pathv[i]);
	}
	globfree(&matches);
	return count;
}

static bool file_is_same(void *ctx, const char *path, const char *other)
{
	struct stat a, b;

	(void)ctx;
	return !stat(path, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void file_error(void *ctx, const char *line)
{
	keep_message(ctx, LOG_ERR, line);
}

static void file_remark(void *ctx, const char *line)
{
	keep_message(ctx, LOG_NOTICE, line);
}

/* The command line's virtual router, as if it were a file's. */
static void take_command_line(struct work *work)
{
	struct config *config = &work->plan->config;

	config->vrs = malloc(sizeof(*config->vrs));
	if (!config->vrs) {
		tell_no_memory(work);
		return;
	}
	*config->vrs = (struct config_vr){ .options = work->options->vr };
	config->count = 1;
}

static void read_list(struct work *work)
{
	if (work->options->config)
		config_read(&work->plan->config, work->options->config, &work->source);
	else
		take_command_line(work);
}

/* What runs, and which line is it? */

struct seek {
	const struct plan_running *running;
	const struct vr_options *options;
};

static bool is_same_name(const void *ctx, uint32_t index)
{
	const struct seek *seek = ctx;

	return vr_options_same_vr(seek->options, seek->running[index].options);
}

static bool is_same_source(const void *ctx, uint32_t index)
{
	const struct seek *seek = ctx;
	const struct vr_options *a = seek->options, *b = seek->running[index].options;

	return a->source == b->source && a->group == b->group && a->vhid == b->vhid;
}

static uint32_t hash_vr(const void *place, size_t len, const struct vr_options *options)
{
	uint32_t hash = table_hash(0, place, len);

	hash = table_hash(hash, &options->group, sizeof(options->group));
	return table_hash(hash, &options->vhid, sizeof(options->vhid));
}

static struct table_key name_key(const struct seek *seek)
{
	return (struct table_key){
		.hash = hash_vr(seek->options->interface, strlen(seek->options->interface), seek->options),
		.is = is_same_name,
		.ctx = seek,
	};
}

static struct table_key source_key(const struct seek *seek)
{
	return (struct table_key){
		.hash = hash_vr(&seek->options->source, sizeof(seek->options->source), seek->options),
		.is = is_same_source,
		.ctx = seek,
	};
}

static struct table *enter_running(struct work *work, struct table_key (*key_of)(const struct seek *seek))
{
	struct table *table = table_new(work->running_count);

	if (!table) {
		tell_no_memory(work);
		return NULL;
	}
	for (uint32_t i = 0; i < work->running_count; i++) {
		struct seek seek = { .running = work->running, .options = work->running[i].options };
		struct table_key key;

		if (!seek.options)
			continue;
		key = key_of(&seek);
		table_enter(table, &key, i);
	}
	return table;
}

static bool is_ethernet(const struct work *work, const char *name)
{
	const struct host_link *link = host_link_named(work->host, name);

	return link && link->is_ethernet;
}

/*
 * The interface that holds the source address. One that is gone took its address along: then a virtual router that runs
 * keeps the name that it has.
 */
static const char *find_interface(struct work *work, const struct vr_options *options)
{
	const char *holder = host_holder(work->host, options->source);
	struct seek seek = { .running = work->running, .options = options };
	struct table_key key = source_key(&seek);
	uint32_t index;

	if (holder)
		return holder;
	if (!work->by_source)
		work->by_source = enter_running(work, source_key);
	if (!work->by_source)
		return NULL;
	index = table_find(work->by_source, &key);
	return index == TABLE_NONE ? NULL : work->running[index].options->interface;
}

static void name_interfaces(struct work *work)
{
	struct config *config = &work->plan->config;
	bool any = false, is_told = work->plan->failed;
	bool may_wait = work->options->wait && !work->running_count && !work->is_list;

	for (size_t i = 0; i < config->count; i++) {
		struct vr_options *options = &config->vrs[i].options;
		char address[INET_ADDRSTRLEN];
		const char *name;

		if (*options->interface)
			continue;
		name = find_interface(work, options);
		/* Also on lo at first, as an address may be that a routing daemon announces. */
		if (name && !(may_wait && !is_ethernet(work, name))) {
			memcpy(options->interface, name, strlen(name) + 1);
			any = work->verdicts[i].is_named = true;
			if (!vr_options_fits_label(options))
				tell(work, LOG_ERR, &config->vrs[i], "--label %s: %s:%s has more than 15 characters", options->label,
				     name, options->label);
			continue;
		}
		inet_ntop(AF_INET, &options->source, address, sizeof(address));
		if (may_wait) {
			work->plan->waits_for = options->source;
			tell(work, LOG_WARNING, &config->vrs[i], "-s %s: %s holds this address%s: waiting for one", address,
			     name ? name : "no interface", name ? ", and is not an Ethernet interface" : "");
			continue;
		}
		tell(work, LOG_ERR, &config->vrs[i],
		     "-s %s: no interface holds this address; it must be this host's, or -i must name the interface",
		     address);
	}
	/* Where reading has found something wrong, it may be the same. */
	if (any && !is_told)
		config_check_unique(config, &work->source);
}

static void take_all(struct work *work)
{
	for (size_t i = 0; i < work->plan->config.count; i++)
		work->verdicts[i] = (struct verdict){ .running = TABLE_NONE, .key = TABLE_NONE };
}

static void match(struct work *work)
{
	const struct config *config = &work->plan->config;

	for (size_t i = 0; i < config->count; i++) {
		struct seek seek = { .running = work->running, .options = &config->vrs[i].options };
		struct table_key key = name_key(&seek);
		uint32_t index = table_find(work->by_name, &key);

		work->verdicts[i].running = index;
		work->verdicts[i].is_change =
			index == TABLE_NONE || !vr_options_equal(seek.options, work->running[index].options);
		if (index != TABLE_NONE)
			work->is_wanted[index] = true;
	}
}

/* Keys. */

static void tell_oddities(struct work *work, const struct config_vr *vr, enum secret_source source)
{
	const char *odd[SECRET_ODDITIES_MAX], *path = vr->options.passfile;
	size_t count = secret_oddities(&work->scratch->password, source, odd);

	for (size_t i = 0; i < count; i++)
		tell(work, LOG_WARNING, vr, "Warning: -%s%s: the password %s, which is part of it", path ? "o " : "p", path ?: "",
		     odd[i]);
}

/* The file that a password is in, which may be another than the line's own: a default comes from the one that includes it. */
static void tell_public(struct work *work, const char *password)
{
	for (size_t i = 0; i < work->public_count; i++) {
		struct public_file *file = &work->publics[i];

		if (password < file->text || password >= file->text + file->len)
			continue;
		if (!file->is_told)
			tell(work, LOG_WARNING, NULL, "Warning: %s: has a password (-p) in it, and everybody can read it; `chmod 600` it",
			     file->path);
		file->is_told = true;
		return;
	}
}

/* That of -p. What is odd about a default is told once. */
static void take_password(struct work *work, const struct config_vr *vr)
{
	const char *password = vr->options.password;

	if (!password)
		return;
	secret_from_text(&work->scratch->password, password);
	if (password == work->password)
		return;
	work->password = password;
	tell_oddities(work, vr, SECRET_WORD);
	tell_public(work, password);
}

/* Wrong files are told once, however many lines in a row name them. */
static bool read_password(struct work *work, const struct config_vr *vr)
{
	struct secret *password = &work->scratch->password;
	const char *path = vr->options.passfile;
	bool is_public;

	if (!path) {
		work->passfile = NULL;
		take_password(work, vr);
		return true;
	}
	if (work->passfile && !strcmp(work->passfile, path))
		return !work->passfile_wrong;
	work->passfile = path;
	work->passfile_wrong = secret_from_file(password, path, &is_public);
	if (work->passfile_wrong)
		tell(work, LOG_ERR, vr, "-o %s: %s", path, work->passfile_wrong);
	else if (is_public)
		tell(work, LOG_WARNING, vr, "Warning: -o %s: everybody can read it; `chmod 600` it", path);
	if (!work->passfile_wrong)
		tell_oddities(work, vr, SECRET_LINE);
	return !work->passfile_wrong;
}

static const struct keyring *keyring_of_password(struct work *work, const struct config_vr *vr)
{
	const struct keyring *ring = keyrings_of_password(work->rings, &work->scratch->password);

	if (!ring)
		tell(work, LOG_ERR, vr, "-v %u: no key can be made of its password: Argon2id needs 64 MiB of memory",
		     vr->options.vhid);
	return ring;
}

static const struct keyring *keyring_of_file(struct work *work, const struct config_vr *vr)
{
	const char *path = vr->options.keyfile;
	char remark[KEYRINGS_REMARK_LEN];
	const struct keyring *ring = keyrings_of_file(work->rings, path, remark);

	if (*remark)
		tell(work, ring ? LOG_WARNING : LOG_ERR, vr, "%s--keyfile %s%s", ring ? "Warning: " : "", path, remark);
	return ring;
}

/* False where there ought to be keys and are none. A file is also looked at where its keys are not used yet. */
static bool make_siphash_keys(struct work *work, const struct config_vr *vr)
{
	const struct keyring *ring;

	memset(&work->scratch->key.siphash, 0, sizeof(work->scratch->key.siphash));
	if (vr->options.auth == AUTH_HMAC_SHA1 && !vr->options.keyfile)
		return true;
	if (!work->rings)
		work->rings = keyrings_new();
	if (!work->rings) {
		tell_no_memory(work);
		return false;
	}
	ring = vr->options.keyfile ? keyring_of_file(work, vr) : keyring_of_password(work, vr);
	if (!ring)
		return false;
	if (vr->options.auth == AUTH_HMAC_SHA1)
		return true;
	keyring_derive(ring, &vr->options, &work->scratch->key.siphash);
	if (!vr->options.password && !vr->options.passfile)
		keyring_fill_password(ring, &work->scratch->password);
	return true;
}

static bool grow_keys(struct work *work)
{
	struct plan *plan = work->plan;
	uint32_t room = plan->key_count ? 2 * plan->key_count : work->key_room;
	struct carp_key *keys;

	if (plan->keys && plan->key_count < work->key_room)
		return true;
	keys = secret_alloc(room * sizeof(*keys));
	if (!keys)
		return false;
	if (plan->key_count)
		memcpy(keys, plan->keys, plan->key_count * sizeof(*keys));
	secret_free(plan->keys);
	plan->keys = keys;
	work->key_room = room;
	return true;
}

/* A key of a running one has a SipHash part only where its auth wants one. */
static bool is_same_key(const struct carp_key *before, const struct carp_key *key, uint8_t auth_before, uint8_t auth)
{
	bool is_strong = auth != AUTH_HMAC_SHA1;

	return is_strong == (auth_before != AUTH_HMAC_SHA1) && secret_equal(&before->hmac, &key->hmac, sizeof(key->hmac)) &&
	       (!is_strong || secret_equal(&before->siphash, &key->siphash, sizeof(key->siphash)));
}

static void prepare_key(struct work *work, const struct config_vr *vr, struct verdict *verdict)
{
	const struct carp_key *before = verdict->running == TABLE_NONE ? NULL : work->running[verdict->running].key;
	const struct vr_options *options = &vr->options;
	struct scratch *scratch = work->scratch;

	verdict->key = TABLE_NONE;
	if (!read_password(work, vr) || !make_siphash_keys(work, vr))
		return;
	if (auth_hmac_key(&scratch->key.hmac, scratch->password.bytes, scratch->password.len, options->vhid, options->vips,
			  options->vip_count)) {
		tell(work, LOG_ERR, vr, "-v %u: no key can be made of its password and addresses", options->vhid);
		return;
	}
	if (before && is_same_key(before, &scratch->key, work->running[verdict->running].options->auth, options->auth))
		return;
	verdict->is_change = true;
	if (!grow_keys(work)) {
		tell_no_memory(work);
		return;
	}
	verdict->key = work->plan->key_count++;
	work->plan->keys[verdict->key] = scratch->key;
}

static void prepare_keys(struct work *work)
{
	const struct config *config = &work->plan->config;
	uint32_t adds = 0;

	for (size_t i = 0; i < config->count; i++)
		adds += work->verdicts[i].running == TABLE_NONE;
	/* Exact where nothing but new ones need keys: the first time. */
	work->key_room = adds ? adds : KEYS_FIRST;
	for (size_t i = 0; i < config->count; i++)
		prepare_key(work, &config->vrs[i], &work->verdicts[i]);
}

/* The host. */

static void check_interface(struct work *work, const struct config_vr *vr, bool is_named)
{
	char address[INET_ADDRSTRLEN];
	const char *name = vr->options.interface;
	const struct host_link *link = host_link_named(work->host, name);

	if (!link && work->options->wait)
		tell(work, LOG_WARNING, vr, "-i %s: no such interface: waiting for it", name);
	else if (!link)
		tell(work, LOG_ERR, vr, "-i %s: no such interface; `ip link` lists those that are there; with --wait it may come later",
		     name);
	else if (!link->is_ethernet && is_named)
		tell(work, LOG_ERR, vr, "-s %s: %s holds this address, and is not an Ethernet interface, which CARP needs",
		     inet_ntop(AF_INET, &vr->options.source, address, sizeof(address)), name);
	else if (!link->is_ethernet)
		tell(work, LOG_ERR, vr, "-i %s: is not an Ethernet interface, and CARP needs one", name);
}

/* before: the same of the line before. */
static void check_script(struct work *work, const struct config_vr *vr, const char *option, const char *file,
			 const char **before)
{
	struct stat status;

	if (!file || (*before && !strcmp(file, *before)))
		return;
	*before = file;
	if (work->options->daemonize && *file != '/')
		tell(work, LOG_ERR, vr, "%s %s: must be an absolute path with -B, which changes to the root directory",
		     option, file);
	else if (stat(file, &status) || access(file, X_OK))
		tell(work, LOG_WARNING, vr, "Warning: %s %s: cannot be run: %s", option, file, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		tell(work, LOG_WARNING, vr, "Warning: %s %s: cannot be run: is no file", option, file);
}

static bool had_vip(const struct work *work, const struct verdict *verdict, const struct vip *vip)
{
	const struct vr_options *options = verdict->running == TABLE_NONE ? NULL : work->running[verdict->running].options;

	for (unsigned int i = 0; options && options->manage_vips && i < options->vip_count; i++)
		if (!vip_compare(&options->vips[i], vip))
			return true;
	return false;
}

/* The line of the peer's, copied, takes the host's own address off. */
static void check_vip(struct work *work, const struct config_vr *vr, const struct vip *vip)
{
	char text[VIP_TEXT_LEN], found_text[VIP_TEXT_LEN], source[INET_ADDRSTRLEN];
	const char *interface = vr->options.interface, *why;
	struct vip found;

	vip_format(vip, true, text);
	inet_ntop(AF_INET, &vr->options.source, source, sizeof(source));
	why = own_no_host(work->host->own, interface, vip, &found);
	if (why) {
		tell(work, LOG_ERR, vr, "-a %s: is %s of %s's %s, which no host can have", text, why, interface,
		     vip_format(&found, true, found_text));
		return;
	}
	why = vr->options.manage_vips ? own_why(work->host->own, interface, vip, vr->options.source, &found) : NULL;
	if (!why)
		return;
	vip_format(&found, true, found_text);
	tell(work, LOG_ERR, vr,
	     "-a %s: %s has %s as this host's own address (%s), and -s is %s; -s must be the host's own, -a one that no host owns. "
	     "If another program left it there: `ip address del %s dev %s`",
	     text, interface, found_text, why, source, found_text, interface);
}

static void check_vips(struct work *work, const struct config_vr *vr, const struct verdict *verdict)
{
	if (!work->host->own || !*vr->options.interface)
		return;
	for (unsigned int i = 0; i < vr->options.vip_count; i++)
		if (!had_vip(work, verdict, &vr->options.vips[i]))
			check_vip(work, vr, &vr->options.vips[i]);
}

static void check_host(struct work *work)
{
	const struct config *config = &work->plan->config;

	for (size_t i = 0; i < config->count; i++) {
		const struct config_vr *vr = &config->vrs[i];
		const struct verdict *verdict = &work->verdicts[i];

		if (verdict->running == TABLE_NONE && *vr->options.interface)
			check_interface(work, vr, verdict->is_named);
		if (!verdict->is_change)
			continue;
		check_vips(work, vr, verdict);
		check_script(work, vr, "-u", vr->options.upscript, &work->upscript);
		check_script(work, vr, "-d", vr->options.downscript, &work->downscript);
	}
}

static void warn_of_odd_options(struct work *work, const struct config_vr *vr)
{
	const struct vr_options *options = &vr->options;
	char address[INET_ADDRSTRLEN];

	if (!options->upscript && !options->manage_vips)
		tell(work, LOG_WARNING, vr, "Warning: no script called when going up");
	if (!options->downscript && !options->manage_vips)
		tell(work, LOG_WARNING, vr, "Warning: no script called when going down");
	if (options->clock_skew_s != OPTIONS_CLOCK_SKEW_DEFAULT_S && options->replay != REPLAY_STRICT)
		tell(work, LOG_WARNING, vr, "Warning: --clock-skew %u: has no effect without --replay=strict", options->clock_skew_s);
	if (options->keyfile && options->auth == AUTH_HMAC_SHA1)
		tell(work, LOG_WARNING, vr, "Warning: --keyfile %s: has no effect without --auth", options->keyfile);
	if ((!work->options->wait || host_link_named(work->host, options->interface)) &&
	    !host_holds(work->host, options->interface, options->source))
		tell(work, LOG_WARNING, vr, "Warning: %s does not hold the source address %s", options->interface,
		     inet_ntop(AF_INET, &options->source, address, sizeof(address)));
}

static void tell_name(struct work *work, const struct config_vr *vr)
{
	const char *name = vr->options.interface;

	if (!work->named || strcmp(work->named, name))
		tell(work, LOG_INFO, NULL, "Using [%s] as a network interface", name);
	work->named = name;
}

static void tell_what_is_odd(struct work *work)
{
	const struct config *config = &work->plan->config;

	for (size_t i = 0; i < config->count; i++) {
		const struct verdict *verdict = &work->verdicts[i];

		if (!verdict->is_change)
			continue;
		if (verdict->is_named && verdict->running == TABLE_NONE)
			tell_name(work, &config->vrs[i]);
		warn_of_odd_options(work, &config->vrs[i]);
	}
}

/* The plan. */

static bool fill(struct work *work, struct plan_vr *to, size_t at)
{
	const struct config_vr *vr = &work->plan->config.vrs[at];
	const struct verdict *verdict = &work->verdicts[at];

	*to = (struct plan_vr){
		.options = vr_options_copy(&vr->options),
		.key = verdict->key == TABLE_NONE ? NULL : &work->plan->keys[verdict->key],
		.index = verdict->running,
		.line = vr->line,
		.file = vr->file,
	};
	return to->options;
}

static bool make_room(struct work *work)
{
	struct plan *plan = work->plan;
	uint32_t adds = 0, changes = 0, removes = 0;

	for (size_t i = 0; i < plan->config.count; i++) {
		bool is_add = work->verdicts[i].running == TABLE_NONE;

		adds += is_add;
		changes += !is_add && work->verdicts[i].is_change;
	}
	for (uint32_t i = 0; i < work->running_count; i++)
		removes += work->running[i].options && !work->is_wanted[i];
	plan->adds = calloc(adds, sizeof(*plan->adds));
	plan->changes = calloc(changes, sizeof(*plan->changes));
	plan->removes = calloc(removes, sizeof(*plan->removes));
	return (plan->adds || !adds) && (plan->changes || !changes) && (plan->removes || !removes);
}

static bool build(struct work *work)
{
	struct plan *plan = work->plan;

	if (!make_room(work))
		return false;
	for (size_t i = 0; i < plan->config.count; i++) {
		if (work->verdicts[i].running == TABLE_NONE) {
			if (!fill(work, &plan->adds[plan->add_count++], i))
				return false;
		} else if (work->verdicts[i].is_change) {
			if (!fill(work, &plan->changes[plan->change_count++], i))
				return false;
		} else {
			plan->unchanged++;
		}
	}
	for (uint32_t i = 0; i < work->running_count; i++)
		if (work->running[i].options && !work->is_wanted[i])
			plan->removes[plan->remove_count++] = i;
	return true;
}

static bool take_memory(struct work *work)
{
	work->verdicts = calloc(work->plan->config.count, sizeof(*work->verdicts));
	work->is_wanted = calloc(work->running_count + 1, sizeof(*work->is_wanted));
	work->scratch = secret_alloc(sizeof(*work->scratch));
	if (work->verdicts && work->is_wanted && work->scratch)
		return true;
	tell_no_memory(work);
	return false;
}

/* As they are understood, while the names of files with passwords and keys are still here. */
static void write_list(struct work *work)
{
	const struct config *config = &work->plan->config;
	char line[OPTIONS_TEXT_LEN];
	size_t size;
	FILE *list = open_memstream(&work->plan->list, &size);

	for (size_t i = 0; list && i < config->count; i++) {
		vr_options_write(line, sizeof(line), &config->vrs[i].options);
		fprintf(list, "%s\n", line);
	}
	if (!list || fclose(list))
		tell_no_memory(work);
}

/* Every step looks at all lines, whatever the steps before found wrong with some. */
static void judge(struct work *work)
{
	bool is_check = work->options->check;

	read_list(work);
	if (!take_memory(work))
		return;
	work->by_name = enter_running(work, name_key);
	if (!work->by_name)
		return;
	if (!is_check)
		name_interfaces(work);
	if (work->is_list) {
		take_all(work);
		return;
	}
	match(work);
	prepare_keys(work);
	if (is_check) {
		if (work->options->lists && !work->plan->failed)
			write_list(work);
		return;
	}
	check_host(work);
	if (!work->plan->failed && !work->plan->waits_for)
		tell_what_is_odd(work);
	if (work->remarks > REMARKS_MAX) {
		uint32_t held_back = work->remarks - REMARKS_MAX;

		work->remarks = 0;
		tell(work, LOG_WARNING, NULL, "Warning: %u more lines like these", held_back);
	}
}

static void drop_changes(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->add_count; i++)
		free(plan->adds[i].options);
	for (uint32_t i = 0; i < plan->change_count; i++)
		free(plan->changes[i].options);
	free(plan->adds);
	free(plan->changes);
	free(plan->removes);
	secret_free(plan->keys);
	plan->adds = plan->changes = NULL;
	plan->removes = NULL;
	plan->keys = NULL;
	plan->add_count = plan->change_count = plan->remove_count = plan->unchanged = plan->key_count = 0;
}

static int make(const struct host *host, struct plan *plan, const struct options *options,
		const struct plan_running *running, uint32_t running_count, bool is_list)
{
	struct work work = {
		.is_list = is_list,
		.plan = plan,
		.options = options,
		.host = host,
		.running = running,
		.running_count = running_count,
		.source = {
			.ctx = &work,
			.read = file_read,
			.release = file_release,
			.expand = file_expand,
			.is_same = file_is_same,
			.error = file_error,
			.remark = file_remark,
		},
	};

	*plan = (struct plan){ 0 };
	judge(&work);
	if (!plan->failed && !plan->waits_for && !build(&work))
		tell_no_memory(&work);
	if (plan->failed || plan->waits_for)
		drop_changes(plan);

	config_forget(&plan->config, &work.source);
	secret_free(work.scratch);
	keyrings_free(work.rings);
	for (size_t i = 0; i < work.public_count; i++)
		free(work.publics[i].path);
	free(work.publics);
	table_free(work.by_name);
	table_free(work.by_source);
	free(work.verdicts);
	free(work.is_wanted);
	if (plan->failed)
		return -EINVAL;
	return plan->waits_for ? -EAGAIN : 0;
}

int plan_make_on(const struct host *host, struct plan *plan, const struct options *options,
		 const struct plan_running *running, uint32_t running_count)
{
	return make(host, plan, options, running, running_count, false);
}

static int read_host_and_make(struct plan *plan, const struct options *options, const struct plan_running *running,
			      uint32_t running_count, bool is_list)
{
	struct host host;
	int err = host_read(&host);

	if (err) {
		*plan = (struct plan){ 0 };
		tell(&(struct work){ .plan = plan }, LOG_ERR, NULL, "cannot read links and addresses: %s", strerror(-err));
	} else {
		err = make(&host, plan, options, running, running_count, is_list);
	}
	host_free(&host);
	return err;
}

int plan_make(struct plan *plan, const struct options *options, const struct plan_running *running,
	      uint32_t running_count)
{
	return read_host_and_make(plan, options, running, running_count, false);
}

int plan_list(struct plan *plan, const struct options *options, const struct plan_running *running,
	      uint32_t running_count)
{
	return read_host_and_make(plan, options, running, running_count, true);
}

void plan_free(struct plan *plan)
{
	static const struct config_source none;

	drop_changes(plan);
	for (size_t i = 0; i < plan->message_count; i++)
		free(plan->messages[i].line);
	free(plan->messages);
	free(plan->list);
	config_free(&plan->config, &none);
	*plan = (struct plan){ 0 };
}
