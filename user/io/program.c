// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "io/log.h"
#include "io/offloads.h"
#include "io/owners.h"
#include "io/rtnl_query.h"
#include "xcarp.skel.h"

void program_init(struct program *program, const struct maps *maps, enum hook_choice hook, enum attach_mode mode,
		  const char *directory)
{
	*program = (struct program){ .maps = maps, .hook = hook, .mode = mode };
	xdp_init(&program->xdp, maps, directory);
	tc_init(&program->tc, maps, directory);
}

int program_make(struct program *program)
{
	return tc_load(&program->tc);
}

int program_join(struct program *program, struct maps *maps)
{
	int err = tc_join(&program->tc) ?: maps_open_keys(maps, program->tc.fd) ?: xdp_join(&program->xdp);

	return err == -ENOENT && program->tc.fd >= 0 ? 0 : err;
}

bool program_attaches_by_id(const struct program *program)
{
	return program->hook != CHOOSE_TC && !program->xdp.stands_alone;
}

bool program_is_busy(const struct program *program)
{
	return program->hook != CHOOSE_TC && xdp_is_busy(&program->xdp);
}

static bool is_tc(enum xcarp_hook hook)
{
	return hook == HOOK_TCX || hook == HOOK_CLSACT;
}

static void for_each_use(const struct program *program, void (*found)(void *ctx, const void *key, const void *value), void *ctx)
{
	maps_for_each(program->maps->fd[MAP_INTERFACES], sizeof(struct interface_key), sizeof(struct interface_entry), found, ctx);
}

static bool is_other_mode(const struct program *program, enum xcarp_hook hook)
{
	return program->mode != ATTACH_AUTO && !is_tc(hook) && (program->mode == ATTACH_GENERIC) != (hook == HOOK_XDP_GENERIC);
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

/* Another process that uses it there, dead or alive. */
static bool find_other(const struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	for (uint32_t other = 0; other < XCARP_OWNERS_MAX; other++)
		if (other != owner && program->maps->owners[other].pid && find_use(program, other, ifindex, entry))
			return true;
	return false;
}

/* With the program attached. */
static bool find_living(const struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	for (uint32_t other = 0; other < XCARP_OWNERS_MAX; other++) {
		pid_t pid = (pid_t)program->maps->owners[other].pid;

		if (other != owner && pid && find_use(program, other, ifindex, entry) && entry->hook != HOOK_NONE &&
		    owner_lives(other, &pid))
			return true;
	}
	return false;
}

/* Another version's program gives way to ours. */

struct renewal {
	struct program *program;
	struct xdp_renewal xdp;
	int err;
};

static void renew_use(void *ctx, const void *key, const void *value)
{
	struct interface_entry entry = *(const struct interface_entry *)value;
	const struct interface_key *use = key;
	struct renewal *renewal = ctx;
	struct program *program = renewal->program;

	if (!renewal->err && program->xdp.program)
		renewal->err = xdp_renew_at(&program->xdp, &renewal->xdp, use->ifindex);
	if (!renewal->err)
		renewal->err = tc_renew_at(&program->tc, bpf_program__fd(renewal->xdp.skel->progs.xcarp_tc), use->ifindex);
	entry.program_id = is_tc(entry.hook) ? 0 : renewal->xdp.id;
	if (!renewal->err)
		bpf_map_update_elem(program->maps->fd[MAP_INTERFACES], key, &entry, BPF_EXIST);
}

/* The pin last: until then whoever comes after us finds the old one there, and ours on an interface is a leftover. */
int program_renew(struct program *program)
{
	struct renewal renewal = { .program = program };

	renewal.err = xdp_load_anew(&program->xdp, &renewal.xdp);
	if (!renewal.err)
		for_each_use(program, renew_use, &renewal);
	if (!renewal.err && program->xdp.program)
		renewal.err = xdp_renewed(&program->xdp, &renewal.xdp);
	if (!renewal.err)
		renewal.err = tc_renewed(&program->tc, bpf_program__fd(renewal.xdp.skel->progs.xcarp_tc));
	xdp_end_renewal(&renewal.xdp);
	return renewal.err;
}

static void warn_of_mode(const struct program *program, const char *name, enum xcarp_hook hook)
{
	static const char *const places[] = {
		[HOOK_NONE] = "nowhere",
		[HOOK_XDP_NATIVE] = "at the XDP hook in native mode",
		[HOOK_XDP_GENERIC] = "at the XDP hook in generic mode",
		[HOOK_TCX] = "at the tc hook",
		[HOOK_CLSACT] = "at the tc hook",
	};

	if (is_other_mode(program, hook) || (program->hook != CHOOSE_AUTO && (program->hook == CHOOSE_TC) != is_tc(hook)))
		log_warn("%s: another process has attached the shared program %s: it stays there until all processes of %s have ended",
			 name, places[hook], name);
}

/* What other traffic loses by a program in the driver, and what can be given back. */
static void tell_offloads(const char *name, const struct offloads *before, struct interface_entry *entry)
{
	char lost[OFFLOADS_TEXT_LEN];
	bool is_on, was_told = entry->loses_offloads;
	struct offloads now;

	if (offloads_is_veth(before)) {
		entry->loses_offloads = 1;
		if (!offloads_get_gro(name, &is_on) && !is_on)
			entry->set_gro = !offloads_set_gro(name, true);
		if (was_told)
			return;
		log_warn("%s: an XDP program in its driver (veth) takes TSO and further segmentation offloads away from its peer, so "
			 "all traffic is slower%s; --hook=auto avoids that", name,
			 entry->set_gro ? " (GRO is on meanwhile, which helps)" : "");
	} else if (!offloads_read(name, &now) && offloads_lost(name, before, &now, lost)) {
		entry->loses_offloads = 1;
		log_warn("%s: an XDP program in its driver (%s) takes %s away, so all traffic is slower; --hook=auto avoids that", name,
			 before->driver, lost);
	}
}

/* What is there after attaching: the program, or the dispatcher that it is part of. */
static int find_xdp(const struct program *program, uint32_t ifindex, const char *name, struct interface_entry *entry)
{
	struct xdp_found found;
	int err = xdp_find(&program->xdp, ifindex, &found);

	if (err) {
		log_error("%s: cannot see which XDP program it has: %s", name, strerror(-err));
		return err;
	}
	entry->program_id = found.id;
	entry->hook = found.hook;
	entry->in_dispatcher = found.in_dispatcher;
	return 0;
}

static int use_xdp(struct program *program, uint32_t ifindex, const char *name, const char *no_native,
		   struct interface_entry *entry)
{
	struct offloads before;
	bool has_offloads = !offloads_read(name, &before), was_there;
	int err = xdp_attach(&program->xdp, ifindex, name, program->mode, no_native, &was_there) ?:
		  find_xdp(program, ifindex, name, entry);

	if (!err && !was_there && has_offloads && entry->hook == HOOK_XDP_NATIVE)
		tell_offloads(name, &before, entry);
	return err;
}

static int use_tc(struct program *program, uint32_t ifindex, const char *name, struct interface_entry *entry)
{
	bool made_qdisc, was_there;
	int err = tc_attach(&program->tc, ifindex, name, &was_there, &entry->hook, &made_qdisc);

	entry->program_id = 0;
	entry->made_qdisc |= made_qdisc;
	return err;
}

/* Native XDP costs nothing here: neither offloads of this interface nor, of a veth, those of its other end. */
static bool try_lossless(struct program *program, uint32_t ifindex, const char *name)
{
	char lost[OFFLOADS_TEXT_LEN];
	struct offloads before, now;

	if (offloads_read(name, &before) || offloads_is_veth(&before) || xdp_load_alone(&program->xdp) ||
	    xdp_try_native(&program->xdp, ifindex, name))
		return false;
	if (!offloads_read(name, &now) && !offloads_lost(name, &before, &now, lost))
		return true;
	xdp_take_off(&program->xdp, ifindex, name);
	return false;
}

static int use_auto(struct program *program, uint32_t ifindex, const char *name, const char *no_native,
		    struct interface_entry *entry)
{
	if (!no_native && try_lossless(program, ifindex, name))
		return find_xdp(program, ifindex, name, entry);
	/* For floods: while it still may be loaded. */
	xdp_load_alone(&program->xdp);
	return use_tc(program, ifindex, name, entry);
}

static void tell_choice(const char *name, const struct interface_entry *entry)
{
	log_info("%s: --hook=auto: the program is %s", name,
		 is_tc(entry->hook) ? "at the tc hook, since XDP would take offloads away or is not to be had" :
				      "at the XDP hook in native mode, where nothing is lost by it");
}

/* A predecessor died in a flood. With that one there, what native mode takes away would not show. */
static void take_dead_from_front(struct program *program, uint32_t ifindex)
{
	if (program->xdp.program || !xdp_join(&program->xdp))
		xdp_take_from_front(&program->xdp, ifindex);
}

static int use(struct program *program, uint32_t ifindex, const char *name, const char *no_native,
	       struct interface_entry *entry)
{
	switch (program->hook) {
	case CHOOSE_TC:
		return use_tc(program, ifindex, name, entry);
	case CHOOSE_AUTO:
		return use_auto(program, ifindex, name, no_native, entry);
	default:
		return use_xdp(program, ifindex, name, no_native, entry);
	}
}

/* Where others have it already it stays as it is. */
static int use_with_others(struct program *program, uint32_t ifindex, const char *name, const char *no_native,
			   struct interface_entry *entry)
{
	int err = is_tc(entry->hook) ? use_tc(program, ifindex, name, entry) :
				      use_xdp(program, ifindex, name, no_native, entry);

	if (!err)
		warn_of_mode(program, name, entry->hook);
	return err;
}

static int take_off_xdp(struct program *program, uint32_t ifindex, const char *name, const struct interface_entry *entry)
{
	if (!program->xdp.program && program_attaches_by_id(program))
		xdp_join(&program->xdp);
	return program->xdp.program ? xdp_take_off(&program->xdp, ifindex, name) :
				      xdp_take_off_by_id(ifindex, name, entry->program_id, entry->in_dispatcher);
}

static void take_off_hook(struct program *program, uint32_t ifindex, const char *name, const struct interface_entry *entry,
			  bool from_tc)
{
	int taken = from_tc ? tc_take_off(&program->tc, ifindex, name, entry->made_qdisc) :
			      take_off_xdp(program, ifindex, name, entry);

	/* Not where the number is another interface's by now; one that has our program was renamed. */
	if (!from_tc && entry->set_gro && (taken > 0 || !strcmp(entry->name, name)))
		offloads_set_gro(name, false);
	if (taken <= 0)
		return;
	if (program->is_told)
		log_info("%s: %s program taken off", name, from_tc ? "tc" : "XDP");
	program->taken_off++;
}

/* A predecessor may have had it at the other hook. */
static void leave_other_hook(struct program *program, uint32_t ifindex, const char *name, const struct interface_entry *before,
			     struct interface_entry *entry)
{
	if (is_tc(entry->hook)) {
		take_off_hook(program, ifindex, name, before, false);
		entry->set_gro = 0;
		entry->loses_offloads = 0;
	} else {
		take_off_hook(program, ifindex, name, before, true);
		entry->made_qdisc = 0;
	}
}

int program_use(struct program *program, uint32_t owner, uint32_t ifindex, const char *name, const char *no_native)
{
	struct interface_entry entry = { 0 }, before = { 0 };
	bool has_before, has_living;
	int err;

	has_living = find_living(program, owner, ifindex, &before);
	/* Our own, where the program has to be put back: what was made for it still stands. */
	has_before = has_living || find_other(program, owner, ifindex, &before) || find_use(program, owner, ifindex, &before);
	if (has_before)
		entry = before;
	if (before.in_front && !has_living)
		take_dead_from_front(program, ifindex);
	/* Each process for itself: whoever has put it there takes it off. */
	entry.in_front = 0;
	snprintf(entry.name, sizeof(entry.name), "%s", name);
	/* Before the program is there: whoever dies in between is still known to have been about to attach it. */
	err = note_use(program, owner, ifindex, &entry);
	if (err) {
		log_error("%s: cannot enter it into the maps: %s", name, strerror(-err));
		return err;
	}
	err = has_living ? use_with_others(program, ifindex, name, no_native, &entry) :
			   use(program, ifindex, name, no_native, &entry);
	if (!err && !has_living && has_before)
		leave_other_hook(program, ifindex, name, &before, &entry);
	err = err ?: note_use(program, owner, ifindex, &entry);
	if (err)
		program_leave(program, owner, ifindex);
	else
		xdp_remove_stale_pins(&program->xdp, ifindex);
	if (!err && !has_living && program->hook == CHOOSE_AUTO)
		tell_choice(name, &entry);
	return err;
}

/* The program goes with its interface. */
static void take_off(struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry entry;
	char name[IF_NAMESIZE];

	if (find_use(program, owner, ifindex, &entry) && if_indextoname(ifindex, name)) {
		take_off_hook(program, ifindex, name, &entry, false);
		take_off_hook(program, ifindex, name, &entry, true);
	}
	xdp_remove_stale_pins(&program->xdp, ifindex);
}

/* Where it is now, is where the others use it, too. */
static void note_for_others(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry entry, other;

	if (!find_use(program, owner, ifindex, &entry))
		return;
	for (uint32_t i = 0; i < XCARP_OWNERS_MAX; i++)
		if (i != owner && program->maps->owners[i].pid && find_use(program, i, ifindex, &other))
			note_use(program, i, ifindex, &entry);
}

int program_use_anew(struct program *program, uint32_t owner, uint32_t ifindex, const char *name, const char *no_native)
{
	int err;

	take_off(program, owner, ifindex);
	forget_use(program, owner, ifindex);
	err = program_use(program, owner, ifindex, name, no_native);
	if (!err)
		note_for_others(program, owner, ifindex);
	return err;
}

void program_leave(struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry other;
	bool is_last = !find_other(program, owner, ifindex, &other);

	if (is_last)
		take_off(program, owner, ifindex);
	forget_use(program, owner, ifindex);
	/* The other thread may have just put it in front: from here on it takes it off itself. */
	if (is_last)
		xdp_take_from_front(&program->xdp, ifindex);
}

/* One that has come since from another process is known by what was noted. */
static uint32_t xdp_id(struct program *program, const struct interface_entry *entry)
{
	if (!program->xdp.program && program_attaches_by_id(program))
		xdp_join(&program->xdp);
	if (program->xdp.id || entry->in_dispatcher)
		return program->xdp.id;
	return entry->program_id;
}

bool program_moved(struct program *program, uint32_t owner, uint32_t ifindex, struct moved *moved, enum xcarp_hook *hook)
{
	struct interface_entry entry;

	if (!find_use(program, owner, ifindex, &entry))
		return false;
	*hook = entry.hook;
	moved->xdp_id = xdp_id(program, &entry);
	moved->tc_id = program->tc.id;
	moved->in_dispatcher = entry.in_dispatcher;
	moved->set_gro = entry.set_gro;
	return true;
}

/* Drivers that are known to go on receiving while a program is attached. Others reset the link, some for seconds. */
static bool is_undisturbed(const char *name)
{
	static const char *const drivers[] = { "veth", "virtio_net", "tun" };
	struct offloads offloads;

	if (offloads_read(name, &offloads))
		return false;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (!strcmp(offloads.driver, drivers[i]))
			return true;
	return false;
}

bool program_is_at_tc(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry entry;

	return find_use(program, owner, ifindex, &entry) && is_tc(entry.hook);
}

static int note_in_front(const struct program *program, uint32_t owner, uint32_t ifindex, bool in_front)
{
	struct interface_key key = { .ifindex = ifindex, .owner = owner };
	struct interface_entry entry;

	if (!find_use(program, owner, ifindex, &entry))
		return -ENOENT;
	entry.in_front = in_front;
	entry.program_id = in_front ? program->xdp.id : 0;
	/* Not where the use has ended meanwhile. */
	return bpf_map_update_elem(program->maps->fd[MAP_INTERFACES], &key, &entry, BPF_EXIST) ? -errno : 0;
}

struct passing {
	uint32_t ifindex;
	bool any;
};

static void look_for_passing(void *ctx, const void *key, const void *value)
{
	const struct vr_entry *entry = value;
	const struct vr_key *vr = key;
	struct passing *passing = ctx;

	passing->any |= vr->ifindex == passing->ifindex && (entry->tap || entry->has_twin);
}

/* What XDP lets go on to the host would be judged once more behind it, and be refused as a replay. */
static bool any_passes(const struct program *program, uint32_t ifindex)
{
	struct passing passing = { .ifindex = ifindex };

	maps_for_each(program->maps->fd[MAP_VROUTERS], sizeof(struct vr_key), sizeof(struct vr_entry), look_for_passing, &passing);
	return passing.any;
}

int program_put_in_front(const struct program *program, uint32_t owner, uint32_t ifindex, const char *name)
{
	int err = any_passes(program, ifindex) ? -ELOOP : is_undisturbed(name) ? 0 : -EOPNOTSUPP;

	err = err ?: note_in_front(program, owner, ifindex, true);
	if (err)
		return err;
	err = xdp_put_in_front(&program->xdp, ifindex);
	/* It may have been taken off the interface altogether meanwhile. */
	if (!err && note_in_front(program, owner, ifindex, true) == -ENOENT)
		program_take_from_front(program, owner, ifindex);
	if (err)
		note_in_front(program, owner, ifindex, false);
	return err;
}

static bool others_have_in_front(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	struct interface_entry entry;

	for (uint32_t other = 0; other < XCARP_OWNERS_MAX; other++)
		if (other != owner && program->maps->owners[other].pid && find_use(program, other, ifindex, &entry) && entry.in_front)
			return true;
	return false;
}

void program_take_from_front(const struct program *program, uint32_t owner, uint32_t ifindex)
{
	if (!others_have_in_front(program, owner, ifindex))
		xdp_take_from_front(&program->xdp, ifindex);
	note_in_front(program, owner, ifindex, false);
}

static bool is_among(const struct program *program, const struct interface_entry *entry, const struct rtnl_programs *programs)
{
	return xdp_has(programs, program->xdp.id) || xdp_has(programs, entry->program_id);
}

/* Whoever comes to a dispatcher or leaves it puts another in its place, with our program in it. */
static bool is_in_another(const struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	uint32_t before = entry->program_id;

	if (!xdp_is_part(&program->xdp, ifindex) || find_xdp(program, ifindex, entry->name, entry))
		return false;
	log_info("%s: somebody else has replaced libxdp's dispatcher (id %u by %u), and the program is in it", entry->name, before,
		 entry->program_id);
	note_use(program, owner, ifindex, entry);
	return true;
}

/* Not to know is no reason to give anything up: then it is. */
bool program_is_on(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *told)
{
	struct interface_entry entry;
	struct rtnl_programs programs;

	if (!find_use(program, owner, ifindex, &entry))
		return false;
	/* The kernel tells nothing of it, and asking waits for its lock: adverts that come to the stack say so (user/deaf.c). */
	if (is_tc(entry.hook))
		return true;
	/* What was told may be from before we attached it; what asks for the kernel's lock is the rare case. */
	return is_among(program, &entry, told) || rtnl_query_programs(ifindex, &programs) ||
	       is_among(program, &entry, &programs) || is_in_another(program, owner, ifindex, &entry);
}

unsigned int program_take_off_leftovers(void)
{
	struct if_nameindex *links = if_nameindex();
	unsigned int count = xdp_take_off_leftovers();

	if (!links)
		return count;
	for (struct if_nameindex *link = links; link->if_index; link++)
		count += tc_take_off_leftover(link->if_index, link->if_name) == 1;
	if_freenameindex(links);
	return count;
}

void program_close(struct program *program)
{
	xdp_close(&program->xdp);
	tc_close(&program->tc);
}
