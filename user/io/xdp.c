// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/bpffs.h"
#include "io/log.h"
#include "io/rtnl_query.h"
#include "xcarp.skel.h"

#define PROGRAM_NAME "xcarp"
#define DISPATCHER_NAME "xdp_dispatcher"
#define DISPATCHER_PARTS_MAX 10

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

void xdp_init(struct xdp *xdp, const struct maps *maps, const char *directory)
{
	*xdp = (struct xdp){ .maps = maps };
	snprintf(xdp->pin, sizeof(xdp->pin), "%s/program", directory);
}

/* libxdp loads it when it attaches it: only then is known whether it becomes a dispatcher's part or stands alone. */
static int prepare(struct xdp *xdp)
{
	int err;

	xdp->skel = xcarp_bpf__open();
	if (!xdp->skel)
		return -errno;
	err = maps_give_to(xdp->maps, xdp->skel);
	if (err)
		return err;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = xdp->skel->obj, .prog_name = PROGRAM_NAME);

	xdp->program = xdp_program__create(&opts);
	err = (int)libxdp_get_error(xdp->program);
	if (err)
		xdp->program = NULL;
	return err;
}

static int identify_program(struct xdp *xdp)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_program__fd(xdp->program), &info, &len))
		return -errno;
	xdp->id = info.id;
	xdp->stands_alone = info.type == BPF_PROG_TYPE_XDP;
	return 0;
}

int xdp_join(struct xdp *xdp)
{
	int err;

	if (access(xdp->pin, F_OK))
		return -errno;
	xdp->program = xdp_program__from_pin(xdp->pin);
	err = (int)libxdp_get_error(xdp->program);
	if (err) {
		xdp->program = NULL;
		return err;
	}
	return identify_program(xdp);
}

static int xdp_fd(const struct xdp *xdp)
{
	return xdp_program__fd(xdp->program);
}

/* Returns 0 or -errno. */
static int look_at(const struct xdp *xdp, uint32_t ifindex, struct occupancy *occupancy)
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
	if (xdp && occupancy->id == xdp->id) {
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
static int look_into_dispatcher(const struct xdp *xdp, uint32_t ifindex, const char *name, bool *has_shared)
{
	struct xdp_multiprog *parts = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *part = NULL;
	int err = 0;

	*has_shared = false;
	if (libxdp_get_error(parts))
		return 0;
	while (!err && (part = xdp_multiprog__next_prog(part, parts))) {
		if (xdp && xdp->id && xdp_program__id(part) == xdp->id)
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

bool xdp_is_part(const struct xdp *xdp, uint32_t ifindex)
{
	struct xdp_program *part = NULL;
	struct xdp_multiprog *parts;
	bool is_part = false;

	if (!xdp->program || xdp->stands_alone)
		return false;
	parts = xdp_multiprog__get_from_ifindex((int)ifindex);
	if (libxdp_get_error(parts))
		return false;
	while (!is_part && (part = xdp_multiprog__next_prog(part, parts)))
		is_part = xdp_program__id(part) == xdp->id;
	xdp_multiprog__close(parts);
	return is_part;
}

static bool is_pin_of(const char *path, uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);
	bool is_ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.id == id;

	if (fd >= 0)
		close(fd);
	return is_ours;
}

/* The directory of a dispatcher: <name>-prog is a part, <name>-link what puts it there. */
static bool remove_own_pins(const struct xdp *xdp, const char *directory)
{
	static const char end[] = "-prog";
	DIR *stream = opendir(directory);
	struct dirent *entry;
	bool is_removed = false;

	while (stream && (entry = readdir(stream))) {
		char path[PATH_MAX + NAME_MAX + 1];
		size_t len = strlen(entry->d_name), end_len = sizeof(end) - 1;

		if (len <= end_len || strcmp(entry->d_name + len - end_len, end))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (!is_pin_of(path, xdp->id))
			continue;
		unlink(path);
		memcpy(path + strlen(path) - end_len, "-link", end_len);
		unlink(path);
		is_removed = true;
	}
	if (stream)
		closedir(stream);
	/* Others' pins, if there are any, keep it. */
	rmdir(directory);
	return is_removed;
}

void xdp_dispatchers_directory(char directory[128])
{
	snprintf(directory, 128, "%s/xdp", getenv("LIBXDP_BPFFS") ?: BPFFS_USUAL);
}

/* libxdp's lock is the directory's: what it is just making is not on the interface yet. Returns a file to close, or -errno. */
static int lock_dispatchers(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

bool xdp_is_busy(const struct xdp *xdp)
{
	char directory[128];
	int lock;

	if (xdp->stands_alone)
		return false;
	xdp_dispatchers_directory(directory);
	lock = lock_dispatchers(directory);
	if (lock >= 0)
		close(lock);
	return lock == -EAGAIN;
}

/*
 * Its interface may have moved, and it with it, and both may come back: a dispatcher that lacks a pin libxdp can neither read nor
 * replace.
 */
static void remember_emptied(struct xdp *xdp, uint32_t id)
{
	xdp->emptied[xdp->emptied_count++ % XDP_EMPTIED] = id;
}

static bool is_emptied(const struct xdp *xdp, uint32_t id)
{
	for (unsigned int i = 0; i < XDP_EMPTIED; i++)
		if (xdp->emptied[i] == id)
			return true;
	return false;
}

void xdp_remove_stale_pins(struct xdp *xdp, uint32_t ifindex)
{
	struct rtnl_programs programs = { 0 };
	char directory[128];
	struct dirent *entry;
	DIR *stream;
	int lock, err;

	if (!xdp->id || xdp->stands_alone)
		return;
	xdp_dispatchers_directory(directory);
	lock = lock_dispatchers(directory);
	if (lock < 0)
		return;
	err = rtnl_query_programs(ifindex, &programs);
	stream = err && err != -ENODEV ? NULL : opendir(directory);
	while (stream && (entry = readdir(stream))) {
		char path[PATH_MAX];
		uint32_t of, id;

		if (sscanf(entry->d_name, "dispatch-%u-%u", &of, &id) != 2 || of != ifindex || xdp_has(&programs, id))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (remove_own_pins(xdp, path) && err)
			remember_emptied(xdp, id);
	}
	if (stream)
		closedir(stream);
	close(lock);
}

/* Without others' programs it goes; else our program gets its pin back, and libxdp makes a dispatcher of the others alone. */
static int clear_emptied(const struct xdp *xdp, uint32_t ifindex, const struct occupancy *occupancy)
{
	enum xdp_attach_mode mode = occupancy->flags == XDP_FLAGS_SKB_MODE ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	char root[128], directory[160], path[192];
	int err;

	xdp_dispatchers_directory(root);
	snprintf(directory, sizeof(directory), "%s/dispatch-%u-%u", root, ifindex, occupancy->id);
	if (access(directory, F_OK))
		return bpf_xdp_detach((int)ifindex, occupancy->flags, NULL);
	for (unsigned int i = 0; i < DISPATCHER_PARTS_MAX; i++) {
		snprintf(path, sizeof(path), "%s/prog%u-prog", directory, i);
		if (access(path, F_OK))
			break;
	}
	if (bpf_obj_pin(xdp_fd(xdp), path))
		return -errno;
	err = xdp_program__detach(xdp->program, (int)ifindex, mode, 0);
	unlink(path);
	rmdir(directory);
	return err;
}

/*
 * A controller that was killed leaves its program: of our name, but not the shared one. Returns 0 or -errno; *occupancy:
 * what was there.
 */
static int take_off_leftover(const struct xdp *xdp, uint32_t ifindex, const char *name, struct occupancy *occupancy)
{
	bool has_shared;
	int err = look_at(xdp, ifindex, occupancy);

	if (err)
		return err;
	if (occupancy->who == OCCUPANT_DISPATCHER && xdp && is_emptied(xdp, occupancy->id))
		return clear_emptied(xdp, ifindex, occupancy);
	if (occupancy->who == OCCUPANT_DISPATCHER) {
		err = look_into_dispatcher(xdp, ifindex, name, &has_shared);
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
unsigned int xdp_take_off_leftovers(void)
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
static int clear_interface(const struct xdp *xdp, uint32_t ifindex, const char *name, bool *has_shared)
{
	struct occupancy occupancy;
	int err = take_off_leftover(xdp, ifindex, name, &occupancy);

	*has_shared = occupancy.who == OCCUPANT_SHARED;
	if (err) {
		log_error("%s: cannot see which XDP program it has: %s", name, strerror(-err));
		return err;
	}
	if (occupancy.who != OCCUPANT_FOREIGN)
		return 0;
	log_error("%s: XDP program id %u (%s) is there already and cannot be shared; take it off with "
		  "`ip link set dev %s xdp off` (or xdp-loader unload), or load it through libxdp's dispatcher, or start xcarp with --hook=tc",
		  name, occupancy.id, occupancy.name, name);
	return -EBUSY;
}

/* The first attachment has loaded it: now others can find it. */
static int publish(struct xdp *xdp)
{
	if (bpf_obj_pin(xdp_program__fd(xdp->program), xdp->pin))
		return -errno;
	return identify_program(xdp);
}

/*
 * libxdp first looks for a dispatcher, for which it needs CAP_SYS_ADMIN, and has never one to find for a program that stands
 * alone.
 */
static int attach_in(struct xdp *xdp, uint32_t ifindex, enum xdp_attach_mode mode)
{
	int err;

	if (xdp->stands_alone)
		return bpf_xdp_attach((int)ifindex, xdp_program__fd(xdp->program),
				      XDP_FLAGS_UPDATE_IF_NOEXIST |
					      (mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE), NULL);
	err = xdp_program__attach(xdp->program, (int)ifindex, mode, 0);
	if (err || xdp->id)
		return err;
	err = publish(xdp);
	if (err)
		xdp_program__detach(xdp->program, (int)ifindex, mode, 0);
	return err;
}

/* Another driver mode helps against what a driver lacks, not against these. */
static bool is_final(int err)
{
	return err == -EPERM || err == -EACCES || err == -EBUSY || err == -EEXIST || err == -ENODEV || err == -ENOMEM;
}

static const char *remedy(int err, enum attach_mode mode)
{
	if (err == -EEXIST)
		return "; an interface above it (a VLAN device, a bond, ...) has an XDP program already: take that off, and put it "
		       "back when this one has its own";
	/* Programs that cannot be shared have been told of before. */
	if (err == -EBUSY)
		return "; libxdp's dispatcher there is another version's, or has lost its pins in /sys/fs/bpf/xdp: `ip link set dev "
		       "INTERFACE xdp off` makes room for a new one";
	return mode == ATTACH_NATIVE && !is_final(err) ? "; --xdp-mode=generic works with every driver" : "";
}

static int attach(struct xdp *xdp, uint32_t ifindex, const char *name, enum attach_mode mode, const char *no_native)
{
	int err = 0;

	if (no_native && mode == ATTACH_NATIVE) {
		log_error("%s: cannot use XDP in native mode: %s; --xdp-mode=generic works there", name, no_native);
		return -EOPNOTSUPP;
	}
	if (no_native && mode == ATTACH_AUTO)
		log_warn("%s: %s: using the slower generic mode", name, no_native);
	else if (mode != ATTACH_GENERIC) {
		err = attach_in(xdp, ifindex, XDP_MODE_NATIVE);
		if (!err || is_final(err) || mode == ATTACH_NATIVE)
			goto out;
		log_warn("%s: its driver takes no XDP program (%s): using the slower generic mode; --hook=tc slows other traffic less",
			 name, strerror(-err));
	}
	err = attach_in(xdp, ifindex, XDP_MODE_SKB);
out:
	if (err)
		log_error("%s: cannot attach the XDP program: %s%s", name, strerror(-err), remedy(err, mode));
	return err;
}

/* The first process to attach loads it. */
static int get_program(struct xdp *xdp, const char *name)
{
	int err;

	if (xdp->program)
		return 0;
	err = xdp_join(xdp);
	if (err == -ENOENT)
		err = prepare(xdp);
	if (err)
		log_error("%s: cannot prepare the XDP program: %s", name, strerror(-err));
	return err;
}

int xdp_attach(struct xdp *xdp, uint32_t ifindex, const char *name, enum attach_mode mode, const char *no_native,
	       bool *was_there)
{
	int err = get_program(xdp, name) ?: clear_interface(xdp, ifindex, name, was_there);

	if (err || *was_there)
		return err;
	return attach(xdp, ifindex, name, mode, no_native);
}

int xdp_load_alone(struct xdp *xdp)
{
	int err = xdp->program ? 0 : xdp_join(xdp);

	if (err != -ENOENT)
		return err;
	xdp->skel = xcarp_bpf__open();
	if (!xdp->skel)
		return -errno;
	err = maps_give_to(xdp->maps, xdp->skel) ?:
	      xcarp_bpf__load(xdp->skel);
	if (!err && bpf_obj_pin(bpf_program__fd(xdp->skel->progs.xcarp), xdp->pin))
		err = -errno;
	return err ?: xdp_join(xdp);
}

int xdp_try_native(struct xdp *xdp, uint32_t ifindex, const char *name)
{
	struct occupancy occupancy;
	int err = take_off_leftover(xdp, ifindex, name, &occupancy);

	if (err || occupancy.who == OCCUPANT_SHARED)
		return err;
	if (occupancy.who == OCCUPANT_DISPATCHER || occupancy.who == OCCUPANT_FOREIGN || !xdp->stands_alone)
		return -EBUSY;
	return attach_in(xdp, ifindex, XDP_MODE_NATIVE);
}

int xdp_put_in_front(const struct xdp *xdp, uint32_t ifindex)
{
	struct occupancy occupancy;
	int err = xdp->stands_alone ? look_at(xdp, ifindex, &occupancy) : -EBUSY;

	if (err || occupancy.who == OCCUPANT_SHARED)
		return err;
	if (occupancy.who != OCCUPANT_NONE)
		return -EBUSY;
	return bpf_xdp_attach((int)ifindex, xdp_fd(xdp), XDP_FLAGS_UPDATE_IF_NOEXIST | XDP_FLAGS_DRV_MODE, NULL);
}

void xdp_take_from_front(const struct xdp *xdp, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, ours, .old_prog_fd = xdp->program ? xdp_fd(xdp) : -1);
	struct rtnl_programs programs;

	if (xdp->program && !rtnl_query_programs(ifindex, &programs) && xdp->id && programs.native_id == xdp->id)
		bpf_xdp_detach((int)ifindex, XDP_FLAGS_DRV_MODE, &ours);
}

int xdp_find(const struct xdp *xdp, uint32_t ifindex, struct xdp_found *found)
{
	struct occupancy occupancy;
	int err = look_at(xdp, ifindex, &occupancy);

	if (!err)
		*found = (struct xdp_found){
			.id = occupancy.id,
			.hook = occupancy.flags == XDP_FLAGS_SKB_MODE ? HOOK_XDP_GENERIC : HOOK_XDP_NATIVE,
			.in_dispatcher = occupancy.who == OCCUPANT_DISPATCHER,
		};
	return err;
}

bool xdp_has(const struct rtnl_programs *programs, uint32_t id)
{
	return id && (programs->native_id == id || programs->generic_id == id);
}

/* Where another has taken its place there is nothing of ours. */
int xdp_take_off(struct xdp *xdp, uint32_t ifindex, const char *name)
{
	struct occupancy occupancy;
	bool has_shared = false;
	int err;

	if (!xdp->id || look_at(xdp, ifindex, &occupancy))
		return 0;
	if (occupancy.who == OCCUPANT_DISPATCHER)
		look_into_dispatcher(xdp, ifindex, name, &has_shared);
	if (occupancy.who != OCCUPANT_SHARED && !has_shared)
		return 0;
	if (has_shared)
		err = xdp_program__detach(xdp->program, (int)ifindex,
					  occupancy.flags == XDP_FLAGS_SKB_MODE ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	else
		err = bpf_xdp_detach((int)ifindex, occupancy.flags, NULL);
	if (err)
		log_error("%s: cannot take the XDP program off: %s", name, strerror(-err));
	return err ?: 1;
}

int xdp_take_off_by_id(uint32_t ifindex, const char *name, uint32_t id, bool in_dispatcher)
{
	struct rtnl_programs programs;
	int err;

	if (rtnl_query_programs(ifindex, &programs) || !xdp_has(&programs, id))
		return 0;
	if (in_dispatcher) {
		log_warn("%s: the XDP program stays in the dispatcher: `xcarp --cleanup` takes it off", name);
		return 0;
	}
	err = bpf_xdp_detach((int)ifindex, programs.native_id == id ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE, NULL);
	if (err)
		log_error("%s: cannot take the XDP program off: %s", name, strerror(-err));
	return err ?: 1;
}

static int id_of(const struct bpf_program *program, uint32_t *id)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
		return -errno;
	*id = info.id;
	return 0;
}

/* A dispatcher's part libxdp loads when it attaches it, from an object of its own. */
int xdp_load_anew(const struct xdp *xdp, struct xdp_renewal *renewal)
{
	bool is_part = xdp->program && !xdp->stands_alone;
	int err;

	*renewal = (struct xdp_renewal){ .next.maps = xdp->maps };
	renewal->skel = xcarp_bpf__open();
	if (!renewal->skel)
		return -errno;
	err = maps_give_to(xdp->maps, renewal->skel) ?:
	      bpf_program__set_autoload(renewal->skel->progs.xcarp_tc, true) ?:
	      bpf_program__set_autoload(renewal->skel->progs.xcarp, !is_part) ?:
	      xcarp_bpf__load(renewal->skel);
	if (err)
		return err;
	return is_part ? prepare(&renewal->next) : id_of(renewal->skel->progs.xcarp, &renewal->id);
}

/* The new one beside the old one first: adverts end in whichever comes first, and both have the same maps. */
static int renew_part(const struct xdp *xdp, struct xdp_renewal *renewal, uint32_t ifindex, const struct occupancy *occupancy)
{
	enum xdp_attach_mode mode = occupancy->flags == XDP_FLAGS_SKB_MODE ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	int err = xdp_program__attach(renewal->next.program, (int)ifindex, mode, 0);

	return err ?: xdp_program__detach(xdp->program, (int)ifindex, mode, 0);
}

int xdp_renew_at(const struct xdp *xdp, struct xdp_renewal *renewal, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(xdp->program));
	struct occupancy occupancy;
	struct xdp_found found;
	int err;

	/* Several processes may have used it there: the first time does it. */
	if (look_at(xdp, ifindex, &occupancy))
		return 0;
	if (occupancy.who == OCCUPANT_DISPATCHER) {
		err = xdp_is_part(xdp, ifindex) ? renew_part(xdp, renewal, ifindex, &occupancy) : 0;
		err = err ?: xdp_find(xdp, ifindex, &found);
		renewal->id = err ? 0 : found.id;
		return err;
	}
	if (occupancy.who != OCCUPANT_SHARED)
		return 0;
	return bpf_xdp_attach((int)ifindex, bpf_program__fd(renewal->skel->progs.xcarp), occupancy.flags | XDP_FLAGS_REPLACE,
			      &options);
}

int xdp_renewed(struct xdp *xdp, struct xdp_renewal *renewal)
{
	int fd = renewal->next.program ? xdp_program__fd(renewal->next.program) : bpf_program__fd(renewal->skel->progs.xcarp);
	struct xdp_program *renewed;
	int err;

	/* Of a dispatcher's part that was on no interface there is nothing new. */
	if (fd < 0)
		return 0;
	unlink(xdp->pin);
	if (bpf_obj_pin(fd, xdp->pin))
		return -errno;
	renewed = xdp_program__from_pin(xdp->pin);
	err = (int)libxdp_get_error(renewed);
	if (err)
		return err;
	xdp_program__close(xdp->program);
	xdp->program = renewed;
	return identify_program(xdp);
}

void xdp_end_renewal(struct xdp_renewal *renewal)
{
	xdp_close(&renewal->next);
	xcarp_bpf__destroy(renewal->skel);
}

void xdp_close(struct xdp *xdp)
{
	if (xdp->program)
		xdp_program__close(xdp->program);
	xcarp_bpf__destroy(xdp->skel);
	xdp->program = NULL;
	xdp->skel = NULL;
	xdp->id = 0;
	xdp->stands_alone = false;
}
