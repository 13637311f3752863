// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/bpffs.h"
#include "io/log.h"
#include "xcarp.skel.h"

#define IFINDEX_MASK 0x1fffffff /* what struct vr_key has room for; the kernel counts up from 1 */
#define PROGRAM_NAME "xcarp"
#define DISPATCHER_NAME "xdp_dispatcher"
#define RECORDS_PER_VR 64 /* room in the ring */
#define RING_MIN_BYTES (64u << 10)
#define RECORD_BYTES 64 /* a record and the ring's header for it */

/*
 * What is on the interface is asked of the kernel, not of libxdp, wherever no dispatcher is involved: libxdp 1.3 keeps
 * a file open for each time that it looks.
 */
enum occupant {
	OCCUPANT_NONE,
	OCCUPANT_OURS,
	OCCUPANT_DISPATCHER, /* shared by those who come through libxdp */
	OCCUPANT_FOREIGN,
};

struct occupancy {
	enum occupant who;
	__u32 id;
	__u32 flags; /* XDP_FLAGS_* of the mode */
	char name[BPF_OBJ_NAME_LEN];
};

struct attachment {
	uint32_t ifindex;
	enum xdp_attach_mode mode;
	struct occupancy occupancy; /* as it was after attaching: our program, or the dispatcher that it is part of */
};

/* Of an interface in a group: shared by the virtual routers there. */
struct membership {
	uint32_t ifindex;
	uint32_t group; /* network order */
	uint32_t users;
	int fd;
};

struct dataplane {
	struct dataplane_config config;
	struct bpffs_dir dir;
	struct xcarp_bpf *skel;
	struct xdp_program *program;
	bool is_loaded;
	struct attachment *attachments;
	size_t attachment_count;
	struct membership *memberships;
	size_t membership_count;
	struct vr_live *live;
	size_t live_bytes;
	struct ring_buffer *ring;
	struct loop_source ring_source;
	uint64_t now_ns; /* of the drain under way */
	uint32_t records_left; /* of the drain under way */
	uint32_t generation;
};

/* For -D only: what matters to the user is told once, by whoever knows the user's words. */
static void log_library_line(const char *format, va_list args)
{
	char line[400];
	size_t len;

	vsnprintf(line, sizeof(line), format, args);
	len = strlen(line);
	while (len && line[len - 1] == '\n')
		line[--len] = '\0';
	if (len)
		log_write(LOG_DEBUG, line);
}

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		log_library_line(format, args);
	return 0;
}

static int log_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level != LIBXDP_DEBUG)
		log_library_line(format, args);
	return 0;
}

static uint32_t ring_bytes(uint32_t capacity)
{
	uint32_t bytes = RING_MIN_BYTES;

	while (bytes < (uint64_t)capacity * RECORDS_PER_VR * RECORD_BYTES && bytes < 1u << 30)
		bytes <<= 1;
	return bytes;
}

static int size_maps(struct xcarp_bpf *skel, uint32_t capacity)
{
	return bpf_map__set_max_entries(skel->maps.vrouters, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.live, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.keys, capacity) ?:
	       bpf_map__set_max_entries(skel->maps.vips, capacity * CARP_VIPS_MAX) ?:
	       bpf_map__set_max_entries(skel->maps.events, ring_bytes(capacity));
}

static void take_off_leftovers(void);

static int open_program(struct dataplane *dp)
{
	int err;

	dp->skel = xcarp_bpf__open();
	if (!dp->skel)
		return -errno;
	err = size_maps(dp->skel, dp->config.capacity);
	if (err)
		return err;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = dp->skel->obj, .prog_name = PROGRAM_NAME);

	/* libxdp loads it when it attaches it: only then is known whether it becomes a dispatcher's part or stands alone. */
	dp->program = xdp_program__create(&opts);
	err = (int)libxdp_get_error(dp->program);
	if (err)
		dp->program = NULL;
	return err;
}

struct dataplane *dataplane_new(const struct dataplane_config *config)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	int err;

	if (!dp) {
		log_error("out of memory");
		return NULL;
	}
	dp->config = *config;
	dp->dir.fd = dp->dir.netns_fd = -1;
	libbpf_set_print(log_libbpf);
	libxdp_set_print(log_libxdp);

	if (bpffs_take(&dp->dir)) {
		dataplane_free(dp);
		return NULL;
	}
	take_off_leftovers();
	/* Where its dispatcher is to be pinned. Set only where it has to be: scripts inherit it. */
	if (strcmp(dp->dir.root, BPFFS_USUAL))
		setenv("LIBXDP_BPFFS", dp->dir.root, 1);
	err = open_program(dp);
	if (err) {
		log_error("cannot prepare the XDP program: %s", strerror(-err));
		dataplane_free(dp);
		return NULL;
	}
	return dp;
}

static int on_record(void *ctx, void *data, size_t len)
{
	struct dataplane *dp = ctx;
	const struct xcarp_record *record = data;

	if (len >= sizeof(*record) && record->abi_version == XCARP_ABI_VERSION)
		dp->config.record(dp->config.ctx, record, dp->now_ns);
	/* Not for ever, even if adverts come as fast as they are read. */
	return --dp->records_left ? 0 : -EAGAIN;
}

void dataplane_drain(struct dataplane *dp, uint64_t now_ns)
{
	if (!dp->ring)
		return;
	dp->now_ns = now_ns;
	dp->records_left = ring_bytes(dp->config.capacity) / RECORD_BYTES;
	ring_buffer__consume(dp->ring);
}

static void ring_ready(void *ctx, uint64_t now_ns)
{
	dataplane_drain(ctx, now_ns);
}

static int pin_maps(struct dataplane *dp)
{
	struct bpf_map *const maps[] = {
		dp->skel->maps.vrouters, dp->skel->maps.live,	dp->skel->maps.drops,
		dp->skel->maps.vips,	 dp->skel->maps.events,
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		char path[sizeof(dp->dir.path) + 32];
		int err;

		snprintf(path, sizeof(path), "%s/%s", dp->dir.path, bpf_map__name(maps[i]));
		err = bpf_map__pin(maps[i], path);
		if (err) {
			log_error("%s: cannot pin the map: %s", path, strerror(-err));
			return err;
		}
	}
	return 0;
}

static int map_live(struct dataplane *dp)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t bytes = dp->config.capacity * sizeof(struct vr_live);

	dp->live_bytes = (bytes + (size_t)page - 1) / (size_t)page * (size_t)page;
	dp->live = mmap(NULL, dp->live_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(dp->skel->maps.live), 0);
	if (dp->live != MAP_FAILED)
		return 0;
	dp->live = NULL;
	log_error("cannot map `live`: %s", strerror(errno));
	return -errno;
}

static int open_ring(struct dataplane *dp)
{
	dp->ring = ring_buffer__new(bpf_map__fd(dp->skel->maps.events), on_record, dp, NULL);
	if (!dp->ring) {
		log_error("cannot open the ring: %s", strerror(errno));
		return -errno;
	}
	dp->ring_source = (struct loop_source){
		.fd = ring_buffer__epoll_fd(dp->ring),
		.ready = ring_ready,
		.ctx = dp,
	};
	return loop_add(dp->config.loop, &dp->ring_source);
}

/* Once the program is loaded, its maps exist. */
static int use_maps(struct dataplane *dp)
{
	dp->is_loaded = true;
	return map_live(dp) ?: pin_maps(dp) ?: open_ring(dp);
}

/* Attaching. */

/* Returns 0 or -errno. */
static int look_at(uint32_t ifindex, struct occupancy *occupancy)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd, err = bpf_xdp_query((int)ifindex, 0, &query);

	*occupancy = (struct occupancy){ .who = OCCUPANT_NONE };
	if (err)
		return err;
	occupancy->id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	occupancy->flags = query.drv_prog_id ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	if (!occupancy->id)
		return 0;
	fd = bpf_prog_get_fd_by_id(occupancy->id);
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return err;
	memcpy(occupancy->name, info.name, sizeof(occupancy->name));
	if (!strcmp(info.name, PROGRAM_NAME))
		occupancy->who = OCCUPANT_OURS;
	else
		occupancy->who = !strcmp(info.name, DISPATCHER_NAME) ? OCCUPANT_DISPATCHER : OCCUPANT_FOREIGN;
	return 0;
}

static int leave_dispatcher(uint32_t ifindex, const char *name)
{
	struct xdp_multiprog *programs = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *program = NULL;
	int err = 0;

	if (libxdp_get_error(programs))
		return 0;
	while ((program = xdp_multiprog__next_prog(program, programs))) {
		if (strcmp(xdp_program__name(program), PROGRAM_NAME))
			continue;
		log_warn("%s: taking off the XDP program that a dead xcarp left", name);
		err = xdp_program__detach(program, (int)ifindex, xdp_multiprog__attach_mode(programs), 0);
		break;
	}
	xdp_multiprog__close(programs);
	return err;
}

/*
 * A controller that was killed leaves its program. We hold the namespace's lock, so one of our name is a dead one's.
 * Returns 0 or -errno; *occupancy: what was there.
 */
static int take_off_leftover(uint32_t ifindex, const char *name, struct occupancy *occupancy)
{
	int err = look_at(ifindex, occupancy);

	if (err)
		return err;
	if (occupancy->who == OCCUPANT_DISPATCHER)
		return leave_dispatcher(ifindex, name);
	if (occupancy->who != OCCUPANT_OURS)
		return 0;
	log_warn("%s: taking off the XDP program that a dead xcarp left", name);
	return bpf_xdp_detach((int)ifindex, occupancy->flags, NULL);
}

/* Also where the dead one was told to work on another interface: there its program still swallows adverts. */
static void take_off_leftovers(void)
{
	struct if_nameindex *links = if_nameindex();
	struct occupancy occupancy;

	if (!links)
		return;
	for (struct if_nameindex *link = links; link->if_index; link++)
		take_off_leftover(link->if_index, link->if_name, &occupancy);
	if_freenameindex(links);
}

static int clear_interface(uint32_t ifindex, const char *name)
{
	struct occupancy occupancy;
	int err = take_off_leftover(ifindex, name, &occupancy);

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

static struct attachment *find_attachment(const struct dataplane *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->attachment_count; i++)
		if (dp->attachments[i].ifindex == ifindex)
			return &dp->attachments[i];
	return NULL;
}

static int attach_in(struct dataplane *dp, uint32_t ifindex, enum xdp_attach_mode mode)
{
	struct attachment *grown = reallocarray(dp->attachments, dp->attachment_count + 1, sizeof(*grown));
	int err;

	if (!grown)
		return -ENOMEM;
	dp->attachments = grown;
	err = xdp_program__attach(dp->program, (int)ifindex, mode, 0);
	if (err)
		return err;
	grown = &dp->attachments[dp->attachment_count++];
	*grown = (struct attachment){ .ifindex = ifindex, .mode = mode };
	err = look_at(ifindex, &grown->occupancy);
	if (!err)
		return 0;
	/* An attachment that could not be told from another's could not be taken off later. */
	xdp_program__detach(dp->program, (int)ifindex, mode, 0);
	dp->attachment_count--;
	return err;
}

/* Another driver mode helps against what a driver lacks, not against these. */
static bool is_final(int err)
{
	return err == -EPERM || err == -EBUSY || err == -EEXIST || err == -ENODEV || err == -ENOMEM;
}

static int attach_program(struct dataplane *dp, uint32_t ifindex, const char *name)
{
	int err = 0;

	if (dp->config.mode != ATTACH_GENERIC) {
		err = attach_in(dp, ifindex, XDP_MODE_NATIVE);
		if (!err || is_final(err) || dp->config.mode == ATTACH_NATIVE)
			goto out;
		log_warn("%s: its driver takes no XDP program (%s): using the slower generic mode", name, strerror(-err));
	}
	err = attach_in(dp, ifindex, XDP_MODE_SKB);
out:
	if (err)
		log_error("%s: cannot attach the XDP program: %s%s", name, strerror(-err),
			  dp->config.mode == ATTACH_NATIVE && !is_final(err) ? "; --xdp-mode=generic works with every driver" :
										 "");
	return err;
}

int dataplane_attach(struct dataplane *dp, uint32_t ifindex, const char *name)
{
	int err = clear_interface(ifindex, name) ?: attach_program(dp, ifindex, name);

	if (err)
		return err;
	return dp->is_loaded ? 0 : use_maps(dp);
}

/* Not to know is no reason to give anything up: then it is. */
static bool is_occupied_by(uint32_t ifindex, __u32 id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	return bpf_xdp_query((int)ifindex, 0, &query) || query.drv_prog_id == id || query.skb_prog_id == id;
}

bool dataplane_is_attached(struct dataplane *dp, uint32_t ifindex)
{
	const struct attachment *attachment = find_attachment(dp, ifindex);

	return attachment && is_occupied_by(ifindex, attachment->occupancy.id);
}

void dataplane_detach(struct dataplane *dp, uint32_t ifindex)
{
	struct attachment *attachment = find_attachment(dp, ifindex), gone;
	char name[IF_NAMESIZE];
	int err;

	if (!attachment)
		return;
	gone = *attachment;
	*attachment = dp->attachments[--dp->attachment_count];
	/* The program goes with its interface, and where another has taken its place there is nothing of ours. */
	if (!if_indextoname(ifindex, name) || !is_occupied_by(ifindex, gone.occupancy.id))
		return;
	if (gone.occupancy.who == OCCUPANT_DISPATCHER)
		err = xdp_program__detach(dp->program, (int)ifindex, gone.mode, 0);
	else
		err = bpf_xdp_detach((int)ifindex, gone.occupancy.flags, NULL);
	if (err)
		log_error("%s: cannot take the XDP program off: %s", name, strerror(-err));
}

/* The table of virtual routers. */

struct vr_live *dataplane_live(struct dataplane *dp, uint32_t slot)
{
	return dp->live ? &dp->live[slot] : NULL;
}

static struct vr_key key_of(const struct vr_options *options, uint32_t ifindex)
{
	struct vr_key key = { .ifindex = ifindex & IFINDEX_MASK, .ip_version = 4, .vhid = options->vhid };

	memcpy(key.group, &options->group, sizeof(key.group));
	return key;
}

static struct membership *find_membership(const struct dataplane *dp, uint32_t ifindex, uint32_t group)
{
	for (size_t i = 0; i < dp->membership_count; i++)
		if (dp->memberships[i].ifindex == ifindex && dp->memberships[i].group == group)
			return &dp->memberships[i];
	return NULL;
}

/* A socket each: the kernel allows only a few memberships a socket, and closing it ends one on an interface that is gone. */
static int open_membership(uint32_t ifindex, uint32_t group)
{
	struct ip_mreqn request = { .imr_multiaddr.s_addr = group, .imr_ifindex = (int)ifindex };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Has the NIC and the switches before it pass the group on. ucarp joins in the same cases. */
static int join_group(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex)
{
	struct membership *membership = find_membership(dp, ifindex, options->group), *grown;
	int fd;

	if (options->broadcast)
		return 0;
	if (membership) {
		membership->users++;
		return 0;
	}
	grown = reallocarray(dp->memberships, dp->membership_count + 1, sizeof(*grown));
	if (grown)
		dp->memberships = grown;
	fd = grown ? open_membership(ifindex, options->group) : -ENOMEM;
	if (fd < 0) {
		log_error("%s: cannot join the multicast group: %s", options->interface, strerror(-fd));
		return fd;
	}
	dp->memberships[dp->membership_count++] =
		(struct membership){ .ifindex = ifindex, .group = options->group, .users = 1, .fd = fd };
	return 0;
}

static void leave_group(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex)
{
	struct membership *membership = find_membership(dp, ifindex, options->group);

	if (options->broadcast || !membership || --membership->users)
		return;
	close(membership->fd);
	*membership = dp->memberships[--dp->membership_count];
}

int dataplane_vr_add(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex,
		     const struct carp_hmac_key *key)
{
	struct vr_key vr_key = key_of(options, ifindex);
	struct vr_entry entry = {
		.abi_version = XCARP_ABI_VERSION,
		.slot = slot,
		.generation = ++dp->generation,
		.tap = dp->config.tap,
	};
	int err = join_group(dp, options, ifindex);

	if (err)
		return err;
	memcpy(entry.source, &options->source, sizeof(options->source));
	dp->live[slot].generation = entry.generation;
	dp->live[slot].owner_pid = (uint32_t)getpid();
	/* The key first: from the entry on, the program uses it. */
	err = bpf_map__update_elem(dp->skel->maps.keys, &slot, sizeof(slot), key, sizeof(*key), BPF_ANY) ?:
	      bpf_map__update_elem(dp->skel->maps.vrouters, &vr_key, sizeof(vr_key), &entry, sizeof(entry), BPF_ANY);
	if (err)
		log_error("%s: cannot enter virtual router %u into the maps: %s", options->interface, options->vhid,
			  strerror(-err));
	if (err)
		leave_group(dp, options, ifindex);
	for (unsigned int i = 0; !err && i < options->vip_count; i++)
		dataplane_vip_held(dp, slot, options->vhid, ifindex, &options->vips[i], false);
	return err;
}

static struct vip_key vip_key_of(uint32_t ifindex, const struct vip *vip)
{
	struct vip_key key = { .ifindex = ifindex, .ip_version = vip->ip_version };

	memcpy(key.address, vip->address, sizeof(key.address));
	return key;
}

void dataplane_vr_remove(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex)
{
	struct carp_hmac_key none = { 0 };
	struct vr_key vr_key = key_of(options, ifindex);

	if (!dp->is_loaded)
		return;
	bpf_map__delete_elem(dp->skel->maps.vrouters, &vr_key, sizeof(vr_key), 0);
	bpf_map__update_elem(dp->skel->maps.keys, &slot, sizeof(slot), &none, sizeof(none), BPF_ANY);
	for (unsigned int i = 0; i < options->vip_count; i++) {
		struct vip_key key = vip_key_of(ifindex, &options->vips[i]);

		bpf_map__delete_elem(dp->skel->maps.vips, &key, sizeof(key), 0);
	}
	leave_group(dp, options, ifindex);
}

void dataplane_vip_held(struct dataplane *dp, uint32_t slot, uint8_t vhid, uint32_t ifindex, const struct vip *vip,
			bool held)
{
	struct vip_key key = vip_key_of(ifindex, vip);
	struct vip_entry entry = { .slot = slot, .vhid = vhid, .prefix_len = vip->prefix_len, .held = held };

	bpf_map__update_elem(dp->skel->maps.vips, &key, sizeof(key), &entry, sizeof(entry), BPF_ANY);
}

void dataplane_free(struct dataplane *dp)
{
	if (!dp)
		return;
	while (dp->attachment_count)
		dataplane_detach(dp, dp->attachments[0].ifindex);
	free(dp->attachments);
	if (dp->ring_source.ready)
		loop_remove(dp->config.loop, &dp->ring_source);
	ring_buffer__free(dp->ring);
	if (dp->live)
		munmap(dp->live, dp->live_bytes);
	for (size_t i = 0; i < dp->membership_count; i++)
		close(dp->memberships[i].fd);
	free(dp->memberships);
	xdp_program__close(dp->program);
	xcarp_bpf__destroy(dp->skel);
	bpffs_drop(&dp->dir);
	free(dp);
}
