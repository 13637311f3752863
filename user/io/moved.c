// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "moved.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/bpffs.h"
#include "io/nsid.h"
#include "io/offloads.h"
#include "io/rtnl_query.h"
#include "io/tc.h"
#include "io/xdp.h"

#define XDP_NAME "xcarp"

/*
 * Where libxdp has pinned the parts of a dispatcher goes by the number of the interface. If that is another now, a link leads
 * there from where libxdp looks.
 */
struct pins {
	char directory[160];
	char link[160];
	bool is_linked;
};

static void find_pins(struct pins *pins, const struct moved *moved, uint32_t id)
{
	char root[128];

	xdp_dispatchers_directory(root);
	snprintf(pins->directory, sizeof(pins->directory), "%s/dispatch-%u-%u", root, moved->old_ifindex, id);
	snprintf(pins->link, sizeof(pins->link), "%s/dispatch-%u-%u", root, moved->ifindex, id);
	pins->is_linked = moved->ifindex != moved->old_ifindex && !symlink(strrchr(pins->directory, '/') + 1, pins->link);
}

static void leave_pins(const struct pins *pins)
{
	if (!pins->is_linked)
		return;
	unlink(pins->link);
	rmdir(pins->directory);
}

static int detach_part(const struct moved *moved)
{
	struct xdp_multiprog *parts = xdp_multiprog__get_from_ifindex((int)moved->ifindex);
	struct xdp_program *part = NULL;
	int err = (int)libxdp_get_error(parts);
	bool any = false;

	if (err)
		return -ENOENT;
	while ((part = xdp_multiprog__next_prog(part, parts))) {
		any = true;
		if (xdp_program__id(part) == moved->xdp_id && !strcmp(xdp_program__name(part), XDP_NAME))
			break;
	}
	if (part)
		err = xdp_program__detach(part, (int)moved->ifindex, xdp_multiprog__attach_mode(parts), 0) ?: 1;
	else if (!any)
		err = -ENOENT;
	xdp_multiprog__close(parts);
	return err;
}

/* id: the dispatcher's. */
static int take_off_part(const struct moved *moved, uint32_t id)
{
	struct rtnl_programs programs;
	struct pins pins;
	int err;

	find_pins(&pins, moved, id);
	err = detach_part(moved);
	leave_pins(&pins);
	/* All is done, and then libxdp fails to remove a directory that is a link. */
	if (err == -ENOTDIR && !rtnl_query_programs(moved->ifindex, &programs) && !xdp_has(&programs, id))
		return 1;
	return err;
}

static int take_off_alone(const struct moved *moved, uint32_t mode)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, ours);
	int err;

	ours.old_prog_fd = tc_open_named(moved->xdp_id, XDP_NAME);
	if (ours.old_prog_fd < 0)
		return ours.old_prog_fd;
	err = bpf_xdp_detach((int)moved->ifindex, mode, &ours);
	close(ours.old_prog_fd);
	/* Another has just taken its place. */
	return err == -EEXIST ? 0 : err ?: 1;
}

static int take_off_xdp(const struct moved *moved)
{
	struct rtnl_programs programs;
	int err = rtnl_query_programs(moved->ifindex, &programs);
	uint32_t id;

	if (err || !moved->xdp_id)
		return err;
	id = programs.native_id ?: programs.generic_id;
	if (xdp_has(&programs, moved->xdp_id))
		return take_off_alone(moved, programs.native_id == moved->xdp_id ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	return id && moved->in_dispatcher ? take_off_part(moved, id) : 0;
}

/* Not of a clsact: the kernel takes all qdiscs off an interface that moves. */
static int take_off_tc(const struct moved *moved)
{
	int fd = moved->tc_id ? tc_open_named(moved->tc_id, TC_PROGRAM) : -ENOENT, err;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = bpf_prog_detach2(fd, (int)moved->ifindex, TCX_INGRESS) ? -errno : 0;
	close(fd);
	/* It is not there, or the kernel has no tcx. */
	return err == -ENOENT || err == -EINVAL ? 0 : err ?: 1;
}

static void restore_gro(const struct moved *moved)
{
	char name[IF_NAMESIZE];

	if (moved->set_gro && if_indextoname(moved->ifindex, name))
		offloads_set_gro(name, false);
}

/* Before the namespace is entered, which has nothing to do with files. */
static void find_dispatchers(void)
{
	struct bpffs_dir dir;

	if (!bpffs_find(&dir) && strcmp(dir.root, BPFFS_USUAL))
		setenv("LIBXDP_BPFFS", dir.root, 1);
}

static int enter(int32_t nsid)
{
	int fd = nsid_open(nsid), err;

	if (fd < 0)
		return fd;
	err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

int moved_take_off(const struct moved *moved)
{
	int xdp, tc, err;

	libbpf_set_print(NULL);
	libxdp_set_print(NULL);
	if (moved->in_dispatcher)
		find_dispatchers();
	err = enter(moved->nsid);
	if (err)
		return err;
	xdp = take_off_xdp(moved);
	if (xdp == 1)
		restore_gro(moved);
	tc = xdp == -ENODEV ? 0 : take_off_tc(moved);
	return xdp < 0 ? xdp : tc < 0 ? tc : xdp | tc;
}
