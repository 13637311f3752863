// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/log.h"
#include "io/rtnl_query.h"
#include "xcarp.skel.h"

#define PROGRAM_NAME "xcarp"
#define DISPATCHER_NAME "xdp_dispatcher"

/*
 * What is on the interface is asked of the kernel, not of libxdp, wherever no dispatcher is involved: libxdp 1.3 keeps
 * a file open for each time that it looks.
 */
enum occupant {
	OCCUPANT_NONE,
	OCCUPANT_SHARED, /* the one that all owners use */
	OCCUPANT_LEFTOVER, /* of our name, but another */
	OCCUPANT_DISPATCHER, /* shared by those who come through libxdp */
	OCCUPANT_FOREIGN,
};

struct occupancy {
	enum occupant who;
	__u32 id;
	__u32 flags; /* XDP_FLAGS_* of the mode */
	char name[BPF_OBJ_NAME_LEN];
};

void program_init(struct program *program, const struct maps *maps, enum attach_mode mode, const char *directory)
{
	*program = (struct program){ .maps = maps, .mode = mode };
	snprintf(program->pin, sizeof(program->pin), "%s/program", directory);
}

int program_make(struct program *program)
{
	int err;

	program->skel = xcarp_bpf__open();
	if (!program->skel)
		return -errno;
	err = maps_give_to(program->maps, program->skel);
	if (err)
		return err;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = program->skel->obj, .prog_name = PROGRAM_NAME);

	/* libxdp loads it when it attaches it: only then is known whether it becomes a dispatcher's part or stands alone. */
	program->xdp = xdp_program__create(&opts);
	err = (int)libxdp_get_error(program->xdp);
	if (err)
		program->xdp = NULL;
	return err;
}

static int identify_program(struct program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_program__fd(program->xdp), &info, &len))
		return -errno;
	program->id = info.id;
	program->stands_alone = info.type == BPF_PROG_TYPE_XDP;
	return 0;
}

int program_join(struct program *program, struct maps *maps)
{
	int err;

	if (access(program->pin, F_OK))
		return -errno;
	program->xdp = xdp_program__from_pin(program->pin);
	err = (int)libxdp_get_error(program->xdp);
	if (err) {
		program->xdp = NULL;
		return err;
	}
	err = identify_program(program);
	return err ?: maps_open_keys(maps, xdp_program__fd(program->xdp));
}

static bool is_other_mode(const struct program *program, __u32 flags)
{
	return program->mode != ATTACH_AUTO && (program->mode == ATTACH_GENERIC) != (flags == XDP_FLAGS_SKB_MODE);
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
	misfits->count += entry->program_id && is_other_mode(misfits->program, entry->flags);
}

bool program_fits(const struct program *program)
{
	struct misfits misfits = { .program = program };

	maps_for_each(program->maps->fd[MAP_INTERFACES], sizeof(struct interface_key), sizeof(struct interface_entry),
		      count_misfit, &misfits);
	return !misfits.count;
}

/* Returns 0 or -errno. */
static int look_at(const struct program *program, uint32_t ifindex, struct occupancy *occupancy)
{
	struct bpf_prog_info info = { 0 };
	struct rtnl_programs programs;
	__u32 len = sizeof(info);
	int fd, err = rtnl_query_programs(ifindex, &programs);

	*occupancy = (struct occupancy){ .who = OCCUPANT_NONE };
	if (err)
		return err;
	occupancy->id = programs.native_id ? programs.native_id : programs.generic_id;
	occupancy->flags = programs.native_id ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	if (!occupancy->id)
		return 0;
	if (program && occupancy->id == program->id) {
		occupancy->who = OCCUPANT_SHARED;
		return 0;
	}
	fd = bpf_prog_get_fd_by_id(occupancy->id);
	/* Once privileges are given up, others' programs are nothing but foreign. */
	if (fd < 0 && errno == EPERM) {
		occupancy->who = OCCUPANT_FOREIGN;
		snprintf(occupancy->name, sizeof(occupancy->name), "name unknown");
		return 0;
	}
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return err;
	memcpy(occupancy->name, info.name, sizeof(occupancy->name));
	if (!strcmp(info.name, PROGRAM_NAME))
		occupancy->who = OCCUPANT_LEFTOVER;
	else
		occupancy->who = !strcmp(info.name, DISPATCHER_NAME) ? OCCUPANT_DISPATCHER : OCCUPANT_FOREIGN;
	return 0;
}

/* Takes off those of our name that are not the shared one. *has_shared: whether that is there. Returns 0 or -errno. */
static int look_into_dispatcher(const struct program *program, uint32_t ifindex, const char *name, bool *has_shared)
{
	struct xdp_multiprog *parts = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *part = NULL;
	int err = 0;

	*has_shared = false;
	if (libxdp_get_error(parts))
		return 0;
	while (!err && (part = xdp_multiprog__next_prog(part, parts))) {
		if (program && program->id && xdp_program__id(part) == program->id)
			*has_shared = true;
		else if (!strcmp(xdp_program__name(part), PROGRAM_NAME)) {
			log_warn("%s: taking off the XDP program that a dead xcarp left", name);
			err = xdp_program__detach(part, (int)ifindex, xdp_multiprog__attach_mode(parts), 0);
			break;
		}
	}
	xdp_multiprog__close(parts);
	return err;
}

/*
 * A controller that was killed leaves its program: of our name, but not the shared one. Returns 0 or -errno; *occupancy:
 * what was there.
 */
static int take_off_leftover(const struct program *program, uint32_t ifindex, const char *name, struct occupancy *occupancy)
{
	bool has_shared;
	int err = look_at(program, ifindex, occupancy);

	if (err)
		return err;
	if (occupancy->who == OCCUPANT_DISPATCHER) {
		err = look_into_dispatcher(program, ifindex, name, &has_shared);
		if (has_shared)
			occupancy->who = OCCUPANT_SHARED;
		return err;
	}
	if (occupancy->who != OCCUPANT_LEFTOVER)
		return 0;
	log_warn("%s: taking off the XDP program that a dead xcarp left", name);
	return bpf_xdp_detach((int)ifindex, occupancy->flags, NULL);
}

/* Also where the dead one was told to work on another interface: there its program still swallows adverts. */
unsigned int program_take_off_leftovers(void)
{
	struct if_nameindex *links = if_nameindex();
	struct occupancy occupancy;
	unsigned int count = 0;

	if (!links)
		return 0;
	for (struct if_nameindex *link = links; link->if_index; link++)
		count += !take_off_leftover(NULL, link->if_index, link->if_name, &occupancy) &&
			 occupancy.who == OCCUPANT_LEFTOVER;
	if_freenameindex(links);
	return count;
}

/* *has_shared: there is nothing left to do. */
static int clear_interface(const struct program *program, uint32_t ifindex, const char *name, bool *has_shared)
{
	struct occupancy occupancy;
	int err = take_off_leftover(program, ifindex, name, &occupancy);

	*has_shared = occupancy.who == OCCUPANT_SHARED;
	if (err) {
		log_error("%s: cannot see which XDP program it has: %s", name, strerror(-err));
		return err;
	}
	if (occupancy.who != OCCUPANT_FOREIGN)
		return 0;
	log_error("%s: XDP program id %u (%s) is there already and cannot be shared; take it off with "
		  "`ip link set dev %s xdp off` (or xdp-loader unload), or load it through libxdp's dispatcher",
		  name, occupancy.id, occupancy.name, name);
	return -EBUSY;
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

/* The first attachment has loaded it: now others can find it. */
static int publish(struct program *program)
{
	if (bpf_obj_pin(xdp_program__fd(program->xdp), program->pin))
		return -errno;
	return identify_program(program);
}

/*
 * libxdp first looks for a dispatcher, for which it needs CAP_SYS_ADMIN, and has never one to find for a program that stands
 * alone.
 */
static int attach_in(struct program *program, uint32_t ifindex, enum xdp_attach_mode mode)
{
	int err;

	if (program->stands_alone)
		return bpf_xdp_attach((int)ifindex, xdp_program__fd(program->xdp),
				      XDP_FLAGS_UPDATE_IF_NOEXIST |
					      (mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE), NULL);
	err = xdp_program__attach(program->xdp, (int)ifindex, mode, 0);
	if (err || program->id)
		return err;
	err = publish(program);
	if (err)
		xdp_program__detach(program->xdp, (int)ifindex, mode, 0);
	return err;
}

struct renewal {
	struct program *program;
	int old_fd;
	int new_fd;
	uint32_t new_id;
	int err;
};

static bool may_renew(struct renewal *renewal, uint32_t ifindex, struct occupancy *occupancy)
{
	return !renewal->err && !look_at(renewal->program, ifindex, occupancy) && occupancy->who == OCCUPANT_SHARED;
}

static void renew_at(void *ctx, const void *key, const void *value)
{
	struct interface_entry entry = *(const struct interface_entry *)value;
	const struct interface_key *use = key;
	struct renewal *renewal = ctx;
	struct occupancy occupancy;
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = renewal->old_fd);

	/* Several owners may have used it there: the first time does it. */
	if (may_renew(renewal, use->ifindex, &occupancy) &&
	    bpf_xdp_attach((int)use->ifindex, renewal->new_fd, occupancy.flags | XDP_FLAGS_REPLACE, &options))
		renewal->err = -errno;
	entry.program_id = renewal->new_id;
	if (!renewal->err)
		bpf_map_update_elem(renewal->program->maps->fd[MAP_INTERFACES], key, &entry, BPF_EXIST);
}

static void find_dispatcher(void *ctx, const void *key, const void *value)
{
	const struct interface_key *use = key;
	struct renewal *renewal = ctx;
	struct occupancy occupancy;

	(void)value;
	if (!look_at(renewal->program, use->ifindex, &occupancy) && occupancy.who == OCCUPANT_DISPATCHER)
		renewal->err = -EOPNOTSUPP;
}

static void for_each_use(struct renewal *renewal, void (*found)(void *ctx, const void *key, const void *value))
{
	maps_for_each(renewal->program->maps->fd[MAP_INTERFACES], sizeof(struct interface_key), sizeof(struct interface_entry),
		      found, renewal);
}

/* The pin last: until then whoever comes after us finds the old one there, and ours on an interface is a leftover. */
static int renew_everywhere(struct program *program, struct xcarp_bpf *skel)
{
	struct renewal renewal = {
		.program = program,
		.old_fd = xdp_program__fd(program->xdp),
		.new_fd = bpf_program__fd(skel->progs.xcarp),
	};
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(renewal.new_fd, &info, &len))
		return -errno;
	renewal.new_id = info.id;
	for_each_use(&renewal, find_dispatcher);
	for_each_use(&renewal, renew_at);
	if (renewal.err)
		return renewal.err;
	unlink(program->pin);
	return bpf_obj_pin(renewal.new_fd, program->pin) ? -errno : 0;
}

int program_renew(struct program *program)
{
	struct xcarp_bpf *skel = xcarp_bpf__open();
	struct xdp_program *renewed;
	int err = skel ? maps_give_to(program->maps, skel) ?: xcarp_bpf__load(skel) ?: renew_everywhere(program, skel) : -errno;

	xcarp_bpf__destroy(skel);
	if (err)
		return err;
	renewed = xdp_program__from_pin(program->pin);
	err = (int)libxdp_get_error(renewed);
	if (err)
		return err;
	xdp_program__close(program->xdp);
	program->xdp = renewed;
	program->id = xdp_program__id(renewed);
	return 0;
}

/* Another driver mode helps against what a driver lacks, not against these. */
static bool is_final(int err)
{
	return err == -EPERM || err == -EBUSY || err == -EEXIST || err == -ENODEV || err == -ENOMEM;
}

static int attach(struct program *program, uint32_t ifindex, const char *name)
{
	int err = 0;

	if (program->mode != ATTACH_GENERIC) {
		err = attach_in(program, ifindex, XDP_MODE_NATIVE);
		if (!err || is_final(err) || program->mode == ATTACH_NATIVE)
			goto out;
		log_warn("%s: its driver takes no XDP program (%s): using the slower generic mode", name, strerror(-err));
	}
	err = attach_in(program, ifindex, XDP_MODE_SKB);
out:
	if (err)
		log_error("%s: cannot attach the XDP program: %s%s", name, strerror(-err),
			  program->mode == ATTACH_NATIVE && !is_final(err) ? "; --xdp-mode=generic works with every driver" : "");
	return err;
}

static void warn_of_mode(const struct program *program, const char *name, __u32 flags)
{
	if (is_other_mode(program, flags))
		log_warn("%s: another process has attached the shared XDP program in %s mode", name,
			 flags == XDP_FLAGS_SKB_MODE ? "generic" : "native");
}

/* What is there after attaching: the program, or the dispatcher that it is part of. */
static int identify(struct program *program, uint32_t owner, uint32_t ifindex, struct interface_entry *entry)
{
	struct occupancy occupancy;
	int err = look_at(program, ifindex, &occupancy);

	if (err)
		return err;
	entry->program_id = occupancy.id;
	entry->flags = occupancy.flags;
	return note_use(program, owner, ifindex, entry);
}

int program_use(struct program *program, uint32_t owner, uint32_t ifindex, const char *name)
{
	struct interface_entry entry = { 0 };
	bool is_there;
	int err = clear_interface(program, ifindex, name, &is_there);

	if (err)
		return err;
	snprintf(entry.name, sizeof(entry.name), "%s", name);
	/* Before the program is there: whoever dies in between is still known to have been about to attach it. */
	err = note_use(program, owner, ifindex, &entry);
	if (err) {
		log_error("%s: cannot enter it into the maps: %s", name, strerror(-err));
		return err;
	}
	err = is_there ? 0 : attach(program, ifindex, name);
	if (!err) {
		err = identify(program, owner, ifindex, &entry);
		if (err)
			log_error("%s: cannot see which XDP program it has: %s", name, strerror(-err));
	}
	if (err)
		program_leave(program, owner, ifindex);
	else if (is_there)
		warn_of_mode(program, name, entry.flags);
	return err;
}

/* The program goes with its interface, and where another has taken its place there is nothing of ours. */
static void take_off(struct program *program, uint32_t ifindex)
{
	struct occupancy occupancy;
	char name[IF_NAMESIZE];
	bool has_shared = false;
	int err;

	if (!program->id || !if_indextoname(ifindex, name) || look_at(program, ifindex, &occupancy))
		return;
	if (occupancy.who == OCCUPANT_DISPATCHER)
		look_into_dispatcher(program, ifindex, name, &has_shared);
	if (occupancy.who != OCCUPANT_SHARED && !has_shared)
		return;
	if (has_shared)
		err = xdp_program__detach(program->xdp, (int)ifindex,
					  occupancy.flags == XDP_FLAGS_SKB_MODE ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	else
		err = bpf_xdp_detach((int)ifindex, occupancy.flags, NULL);
	if (err)
		log_error("%s: cannot take the XDP program off: %s", name, strerror(-err));
	else if (program->is_told)
		log_info("%s: XDP program taken off", name);
	program->taken_off += !err;
}

void program_leave(struct program *program, uint32_t owner, uint32_t ifindex)
{
	if (!others_use(program, owner, ifindex))
		take_off(program, ifindex);
	forget_use(program, owner, ifindex);
}

static bool has_program(const struct rtnl_programs *programs, uint32_t id)
{
	return id && (programs->native_id == id || programs->generic_id == id);
}

static bool is_among(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *programs)
{
	struct interface_entry entry;

	return has_program(programs, program->id) ||
	       (find_use(program, owner, ifindex, &entry) && has_program(programs, entry.program_id));
}

/* Not to know is no reason to give anything up: then it is. */
bool program_is_on(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *told)
{
	struct rtnl_programs programs;

	/* What was told may be from before we attached it; what asks for the kernel's lock is the rare case. */
	return is_among(program, owner, ifindex, told) || rtnl_query_programs(ifindex, &programs) ||
	       is_among(program, owner, ifindex, &programs);
}

void program_close(struct program *program)
{
	if (program->xdp)
		xdp_program__close(program->xdp);
	xcarp_bpf__destroy(program->skel);
	program->xdp = NULL;
	program->skel = NULL;
	program->id = 0;
	program->stands_alone = false;
}
