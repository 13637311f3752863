// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cleanup.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "io/bpffs.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/netns.h"
#include "io/rtnl.h"
#include "io/share.h"

struct cleanup {
	struct loop *loop;
	struct rtnl *rtnl;
	unsigned int count; /* of what was taken away */
	int err;
};

static void take_address_off(void *ctx, uint32_t ifindex, const struct vip *vip)
{
	struct cleanup *cleanup = ctx;
	char name[IF_NAMESIZE], text[VIP_TEXT_LEN];

	rtnl_vip_del(cleanup->rtnl, 0, ifindex, vip);
	if (!if_indextoname(ifindex, name))
		return;
	log_info("%s: %s taken off", name, vip_format(vip, true, text));
	cleanup->count++;
}

static void addresses_off(void *ctx)
{
	struct cleanup *cleanup = ctx;

	rtnl_finish(cleanup->rtnl);
}

static int clean_here(struct cleanup *cleanup)
{
	/* Nothing is heard: the loop does not run. */
	static const struct rtnl_events events;
	struct share share = { .orphan = take_address_off, .orphans_off = addresses_off, .ctx = cleanup };
	int err;

	cleanup->loop = loop_new();
	if (!cleanup->loop) {
		log_error("epoll: %s", strerror(errno));
		return -errno;
	}
	cleanup->rtnl = rtnl_new(cleanup->loop, &events, &err);
	if (!cleanup->rtnl) {
		log_error("rtnetlink: %s", strerror(-err));
		return err;
	}
	err = share_clean(&share);
	if (err > 0)
		cleanup->count += (unsigned int)err;
	return err < 0 ? err : 0;
}

static void clean_if_gone(void *ctx, struct bpffs_dir *dir)
{
	struct cleanup *cleanup = ctx;
	int err = bpffs_lock(dir, 0), found;

	/* Somebody is there. */
	if (err == -EAGAIN)
		return;
	if (err) {
		log_error("%s: %s", dir->path, strerror(-err));
		cleanup->err = err;
		return;
	}
	found = netns_find(&dir->netns);
	if (found < 0) {
		log_error("%s: cannot tell whether its network namespace is still there: %s", dir->path, strerror(-found));
		cleanup->err = found;
	} else if (!found) {
		bpffs_remove(dir);
		log_info("%s: removed: its network namespace is gone", dir->path);
		cleanup->count++;
	}
	bpffs_unlock(dir);
}

static int clean_gone(struct cleanup *cleanup)
{
	int err = netns_sees_all() ? 0 : -EPERM;

	if (err) {
		log_error("network namespaces that are gone can only be told from the host's own process namespace");
		return err;
	}
	err = bpffs_for_each(clean_if_gone, cleanup);
	return err ?: cleanup->err;
}

int cleanup_run(enum cleanup_scope scope)
{
	struct cleanup cleanup = { 0 };
	int err = clean_here(&cleanup);

	if (!err && scope == CLEANUP_ALL)
		err = clean_gone(&cleanup);
	if (!err && !cleanup.count)
		log_info("nothing was left to clean up");
	rtnl_free(cleanup.rtnl);
	loop_free(cleanup.loop);
	return err;
}
