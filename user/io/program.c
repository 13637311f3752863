// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "program.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "io/log.h"
#include "io/rtnl_query.h"
#include "xcarp.skel.h"

void program_init(struct program *program, const struct maps *maps, enum attach_mode mode, const char *directory)
{
	*program = (struct program){ .maps = maps, .mode = mode };
	xdp_init(&program->xdp, maps, directory);
}

int program_join(struct program *program, struct maps *maps)
{
	return xdp_join(&program->xdp) ?: maps_open_keys(maps, xdp_fd(&program->xdp));
}

static void for_each_use(const struct program *program, void (*found)(void *ctx, const void *key, const void *value), void *ctx)
{
	maps_for_each(program->maps->fd[MAP_INTERFACES], sizeof(struct interface_key), sizeof(struct interface_entry), found, ctx);
}

static bool is_other_mode(const struct program *program, enum xcarp_hook hook)
{
	return program->mode != ATTACH_AUTO && (program->mode == ATTACH_GENERIC) != (hook == HOOK_XDP_GENERIC);
}

struct misfits {
	const struct program *program;
	unsigned int count;
};

static void count_misfit(void *ctx, const void *key, const void *value)
{
	const struct interface_entry *entry = value;
	struct misfits *misfits = ctx;

	(void)key;
	misfits->count += entry->program_id && is_other_mode(misfits->program, entry->hook);
}

bool program_fits(const struct program *program)
{
	struct misfits misfits = { .program = program };

	for_each_use(program, count_misfit, &misfits);
	return !misfits.count;
}

static int note_use(const struct program *program, uint32_t owner, uint32_t ifindex, const struct interface_entry *entry)
{
	struct interface_key key = { .ifindex = ifindex, .owner = owner };

	return bpf_map_update_elem(program->maps->fd[MAP_INTERFACES], &key, entry, BPF_ANY) ? -errno : 0;
}

static void forget_use(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_key key = { .ifindex = ifindex, .owner = owner };

	bpf_map_delete_elem(program->maps->fd[MAP_INTERFACES], &key);
}

static bool find_use(const struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	struct interface_key key = { .ifindex = ifindex, .owner = owner };

	return !bpf_map_lookup_elem(program->maps->fd[MAP_INTERFACES], &key, entry);
}

static bool others_use(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry entry;

	for (uint32_t other = 0; other < XCARP_OWNERS_MAX; other++)
		if (other != owner && program->maps->owners[other].pid && find_use(program, other, ifindex, &entry))
			return true;
	return false;
}

/* Another version's program gives way to ours. */

struct renewal {
	struct program *program;
	struct xcarp_bpf *skel;
	uint32_t id;
	int err;
};

static void check_use(void *ctx, const void *key, const void *value)
{
	const struct interface_key *use = key;
	struct renewal *renewal = ctx;

	(void)value;
	if (!xdp_can_renew(&renewal->program->xdp, use->ifindex))
		renewal->err = -EOPNOTSUPP;
}

static void renew_use(void *ctx, const void *key, const void *value)
{
	struct interface_entry entry = *(const struct interface_entry *)value;
	const struct interface_key *use = key;
	struct renewal *renewal = ctx;

	if (!renewal->err)
		renewal->err = xdp_renew_at(&renewal->program->xdp, renewal->skel, use->ifindex);
	entry.program_id = renewal->id;
	if (!renewal->err)
		bpf_map_update_elem(renewal->program->maps->fd[MAP_INTERFACES], key, &entry, BPF_EXIST);
}

/* The pin last: until then whoever comes after us finds the old one there, and ours on an interface is a leftover. */
int program_renew(struct program *program)
{
	struct renewal renewal = { .program = program };

	renewal.err = xdp_load_anew(&program->xdp, &renewal.skel, &renewal.id);
	if (!renewal.err)
		for_each_use(program, check_use, &renewal);
	if (!renewal.err)
		for_each_use(program, renew_use, &renewal);
	if (!renewal.err)
		renewal.err = xdp_renewed(&program->xdp, renewal.skel);
	xcarp_bpf__destroy(renewal.skel);
	return renewal.err;
}

static void warn_of_mode(const struct program *program, const char *name, enum xcarp_hook hook)
{
	if (is_other_mode(program, hook))
		log_warn("%s: another process has attached the shared XDP program in %s mode", name,
			 hook == HOOK_XDP_GENERIC ? "generic" : "native");
}

/* What is there after attaching: the program, or the dispatcher that it is part of. */
static int note_found(struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	struct xdp_found found;
	int err = xdp_find(&program->xdp, ifindex, &found);

	if (err)
		return err;
	entry->program_id = found.id;
	entry->hook = found.hook;
	return note_use(program, owner, ifindex, entry);
}

int program_use(struct program *program, uint32_t owner, uint32_t ifindex, const char *name)
{
	struct interface_entry entry = { 0 };
	bool was_there;
	int err;

	snprintf(entry.name, sizeof(entry.name), "%s", name);
	/* Before the program is there: whoever dies in between is still known to have been about to attach it. */
	err = note_use(program, owner, ifindex, &entry);
	if (err) {
		log_error("%s: cannot enter it into the maps: %s", name, strerror(-err));
		return err;
	}
	err = xdp_attach(&program->xdp, ifindex, name, program->mode, &was_there);
	if (!err) {
		err = note_found(program, owner, ifindex, &entry);
		if (err)
			log_error("%s: cannot see which XDP program it has: %s", name, strerror(-err));
	}
	if (err)
		program_leave(program, owner, ifindex);
	else if (was_there)
		warn_of_mode(program, name, entry.hook);
	return err;
}

/* The program goes with its interface. */
static void take_off(struct program *program, uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(ifindex, name) || xdp_take_off(&program->xdp, ifindex, name) <= 0)
		return;
	if (program->is_told)
		log_info("%s: XDP program taken off", name);
	program->taken_off++;
}

void program_leave(struct program *program, uint32_t owner, uint32_t ifindex)
{
	if (!others_use(program, owner, ifindex))
		take_off(program, ifindex);
	forget_use(program, owner, ifindex);
}

static bool is_among(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *programs)
{
	struct interface_entry entry;

	return xdp_has(programs, program->xdp.id) ||
	       (find_use(program, owner, ifindex, &entry) && xdp_has(programs, entry.program_id));
}

/* Not to know is no reason to give anything up: then it is. */
bool program_is_on(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *told)
{
	struct rtnl_programs programs;

	/* What was told may be from before we attached it; what asks for the kernel's lock is the rare case. */
	return is_among(program, owner, ifindex, told) || rtnl_query_programs(ifindex, &programs) ||
	       is_among(program, owner, ifindex, &programs);
}

unsigned int program_take_off_leftovers(void)
{
	return xdp_take_off_leftovers();
}

void program_close(struct program *program)
{
	xdp_close(&program->xdp);
}
