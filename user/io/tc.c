// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"
#include "io/rtnl_query.h"
#include "xcarp.skel.h"

#define TCX_PROGRAMS_MAX 64 /* the kernel's own limit */
/* Of the filter of a clsact: before all others. */
#define FILTER_HANDLE 0x7863
#define FILTER_PRIORITY 1

/* Newer than the headers of Debian 12. */
#define ATTACH_BEFORE (1u << 3) /* BPF_F_BEFORE: all others */

void tc_init(struct tc *tc, const struct maps *maps, const char *directory)
{
	*tc = (struct tc){ .maps = maps, .fd = -1 };
	snprintf(tc->pin, sizeof(tc->pin), "%s/program_tc", directory);
}

static int identify(struct tc *tc, int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	tc->fd = fd;
	tc->id = info.id;
	return 0;
}

int tc_load(struct tc *tc)
{
	struct xcarp_bpf *skel = xcarp_bpf__open();
	int err = skel ? 0 : -errno;

	err = err							    ?:
		      bpf_program__set_autoload(skel->progs.xcarp, false)   ?:
		      bpf_program__set_autoload(skel->progs.xcarp_tc, true) ?:
		      maps_give_to(tc->maps, skel)			    ?:
									      xcarp_bpf__load(skel);
	if (!err && bpf_obj_pin(bpf_program__fd(skel->progs.xcarp_tc), tc->pin))
		err = -errno;
	xcarp_bpf__destroy(skel);
	return err ?: tc_join(tc);
}

int tc_join(struct tc *tc)
{
	int fd = bpf_obj_get(tc->pin);

	return fd < 0 ? -errno : identify(tc, fd);
}

/* The programs that the interface has. -EINVAL: the kernel has no tcx. */
static int find_tcx(uint32_t ifindex, uint32_t ids[TCX_PROGRAMS_MAX], uint32_t *count)
{
	*count = TCX_PROGRAMS_MAX;
	return bpf_prog_query((int)ifindex, TCX_INGRESS, 0, NULL, ids, count) ? -errno : 0;
}

static int is_in_tcx(uint32_t ifindex, uint32_t id, bool *is_there)
{
	uint32_t ids[TCX_PROGRAMS_MAX], count;
	int err = find_tcx(ifindex, ids, &count);

	*is_there = false;
	for (uint32_t i = 0; !err && i < count; i++)
		*is_there |= ids[i] == id;
	return err;
}

static struct bpf_tc_hook hook_of(uint32_t ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = BPF_TC_INGRESS,
	};
}

/* *id: of the program of a filter with our numbers; 0: there is none. */
static int find_filter(uint32_t ifindex, uint32_t *id)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex);
	int err = bpf_tc_query(&hook, &options);

	*id = err ? 0 : options.prog_id;
	/* Without a clsact, or without filters in it. */
	return err == -ENOENT || err == -EINVAL ? 0 : err;
}

static int find(const struct tc *tc, uint32_t ifindex, enum xcarp_hook *hook)
{
	uint32_t id;
	bool is_there;
	int err = is_in_tcx(ifindex, tc->id, &is_there);

	*hook = is_there ? HOOK_TCX : HOOK_NONE;
	if (err != -EINVAL)
		return err;
	err = find_filter(ifindex, &id);
	if (!err && id && id == tc->id)
		*hook = HOOK_CLSACT;
	return err;
}

static int attach_filter(const struct tc *tc, uint32_t ifindex, bool *made_qdisc)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = tc->fd, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex);
	int err = bpf_tc_hook_create(&hook);

	*made_qdisc = !err;
	if (err && err != -EEXIST)
		return err;
	err = bpf_tc_attach(&hook, &options);
	if (err && *made_qdisc)
		bpf_tc_hook_destroy(&hook);
	return err;
}

static int attach(const struct tc *tc, uint32_t ifindex, enum xcarp_hook *hook, bool *made_qdisc)
{
	*hook = HOOK_TCX;
	if (!bpf_prog_attach(tc->fd, (int)ifindex, TCX_INGRESS, ATTACH_BEFORE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	*hook = HOOK_CLSACT;
	return attach_filter(tc, ifindex, made_qdisc);
}

int tc_attach(struct tc *tc, uint32_t ifindex, const char *name, bool *was_there, enum xcarp_hook *hook,
	      bool *made_qdisc)
{
	int err = find(tc, ifindex, hook);

	*made_qdisc = false;
	*was_there = !err && *hook != HOOK_NONE;
	if (*was_there)
		return 0;
	err = err ?: tc_take_off_leftover(ifindex, name);
	if (err >= 0)
		err = attach(tc, ifindex, hook, made_qdisc);
	if (err)
		log_error("%s: cannot attach the program to its ingress: %s", name, strerror(-err));
	return err;
}

static int detach_filter(uint32_t ifindex, bool takes_qdisc)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex);
	int err = bpf_tc_detach(&hook, &options);

	if (err || !takes_qdisc || rtnl_has_filters(ifindex))
		return err;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	return bpf_tc_hook_destroy(&hook);
}

int tc_take_off(struct tc *tc, uint32_t ifindex, const char *name, bool takes_qdisc)
{
	enum xcarp_hook hook;
	int err;

	if (tc->fd < 0 || find(tc, ifindex, &hook) || hook == HOOK_NONE)
		return 0;
	if (hook == HOOK_TCX)
		err = bpf_prog_detach2(tc->fd, (int)ifindex, TCX_INGRESS) ? -errno : 0;
	else
		err = detach_filter(ifindex, takes_qdisc);
	if (err)
		log_error("%s: cannot take the program off its ingress: %s", name, strerror(-err));
	return err ?: 1;
}

int tc_renew_at(const struct tc *tc, int new_fd, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, replace, .flags = BPF_F_REPLACE, .replace_prog_fd = tc->fd);
	LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = new_fd, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook clsact = hook_of(ifindex);
	enum xcarp_hook hook;
	int err = find(tc, ifindex, &hook);

	/* Several processes may have used it there: the first time does it. */
	if (err || hook == HOOK_NONE)
		return err;
	if (hook == HOOK_TCX)
		return bpf_prog_attach_opts(new_fd, (int)ifindex, TCX_INGRESS, &replace) ? -errno : 0;
	return bpf_tc_attach(&clsact, &filter);
}

int tc_renewed(struct tc *tc, int new_fd)
{
	unlink(tc->pin);
	if (bpf_obj_pin(new_fd, tc->pin))
		return -errno;
	tc_close(tc);
	return tc_join(tc);
}

int tc_open_named(uint32_t id, const char *name)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name))
		return fd;
	close(fd);
	return -EPERM;
}

static void log_leftover(const char *name)
{
	log_warn("%s: taking the program that a dead xcarp left off its ingress", name);
}

static int take_off_leftover_tcx(uint32_t ifindex, const char *name)
{
	uint32_t ids[TCX_PROGRAMS_MAX], count;
	int err = find_tcx(ifindex, ids, &count), taken = 0;

	for (uint32_t i = 0; !err && i < count; i++) {
		int fd = tc_open_named(ids[i], TC_PROGRAM);

		if (fd < 0)
			continue;
		log_leftover(name);
		err = bpf_prog_detach2(fd, (int)ifindex, TCX_INGRESS) ? -errno : 0;
		taken = 1;
		close(fd);
	}
	return err ?: taken;
}

int tc_take_off_leftover(uint32_t ifindex, const char *name)
{
	int err = take_off_leftover_tcx(ifindex, name), fd;
	uint32_t id;

	if (err != -EINVAL)
		return err;
	err = find_filter(ifindex, &id);
	fd = err || !id ? -ENOENT : tc_open_named(id, TC_PROGRAM);
	if (fd < 0)
		return err;
	close(fd);
	log_leftover(name);
	/* Whose the clsact is, the dead one cannot say any more; an empty one is no loss. */
	return detach_filter(ifindex, true) ?: 1;
}

void tc_close(struct tc *tc)
{
	if (tc->fd >= 0)
		close(tc->fd);
	tc->fd = -1;
	tc->id = 0;
}
