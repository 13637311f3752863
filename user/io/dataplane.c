// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/front.h"
#include "io/groups.h"
#include "io/log.h"
#include "io/share.h"

#define IFINDEX_MASK 0x1fffffff /* what struct vr_key has room for; the kernel counts up from 1 */
#define RECORD_BYTES 64 /* a record and the ring's header for it */
#define CLAIM_TRIES 3
#define LEAVE_RETRY_NS 50000000ull
#define NS_PER_S 1000000000ull

/* A slot that a dead process had, and what its addresses are to be now. */
struct adoption {
	uint32_t slot;
	const struct vr_options *options;
};

struct interfaces {
	uint32_t *ifindexes;
	size_t count;
};

struct dataplane {
	struct dataplane_config config;
	struct share share;
	struct interfaces unused; /* no longer ours, but still noted as ours: the lock was not to be had */
	uint64_t leave_ns; /* when to try that again */
	struct interfaces moved; /* the same: the program is being taken off elsewhere */
	struct groups *groups;
	struct ring_buffer *ring;
	struct loop_source ring_source;
	uint64_t now_ns; /* of the drain under way */
	uint32_t records_left; /* of the drain under way */
	uint32_t records; /* of the drain under way */
	uint32_t generation;
	struct front *front;
	struct adoption *adoptions;
	uint32_t adoption_count;
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
		log_write(LOG_DEBUG, NULL, line);
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

static int on_record(void *ctx, void *data, size_t len)
{
	struct dataplane *dp = ctx;
	const struct xcarp_record *record = data;

	dp->records++;
	if (len >= sizeof(*record) && record->abi_version == XCARP_ABI_VERSION)
		dp->config.record(dp->config.ctx, record, dp->now_ns);
	/* Not for ever, even if adverts come as fast as they are read. */
	return --dp->records_left ? 0 : -EAGAIN;
}

void dataplane_drain(struct dataplane *dp, uint64_t now_ns)
{
	dp->now_ns = now_ns;
	dp->records = 0;
	dp->records_left = dp->share.ring_bytes / RECORD_BYTES;
	ring_buffer__consume(dp->ring);
	dataplane_owner(dp)->records += dp->records;
}

static void ring_ready(void *ctx, uint64_t now_ns)
{
	dataplane_drain(ctx, now_ns);
}

static int open_ring(struct dataplane *dp)
{
	dp->ring = ring_buffer__new(dp->share.ring_fd, on_record, dp, NULL);
	if (!dp->ring) {
		int err = -errno;

		log_error("cannot open the ring: %s", strerror(-err));
		return err;
	}
	dp->ring_source = (struct loop_source){
		.fd = ring_buffer__epoll_fd(dp->ring),
		.ready = ring_ready,
		.ctx = dp,
	};
	return loop_add(dp->config.loop, &dp->ring_source);
}

struct dataplane *dataplane_new(const struct dataplane_config *config, int *err)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	if (dp)
		dp->groups = groups_new();
	if (!dp || !dp->groups) {
		log_error("out of memory");
		free(dp);
		*err = -ENOMEM;
		return NULL;
	}
	dp->config = *config;
	dp->share = (struct share){
		.size = { .vrouters = config->vrouters, .vips = config->vips, .capacity_min = config->capacity_min },
		.orphan = config->orphan,
		.orphans_off = config->orphans_off,
		.ctx = config->ctx,
	};
	libbpf_set_print(log_libbpf);
	libxdp_set_print(log_libxdp);

	*err = share_join(&dp->share, config->hook, config->mode) ?: open_ring(dp);
	if (*err) {
		dataplane_free(dp);
		return NULL;
	}
	dp->front = front_new(config->loop, &dp->share.program, dp->share.owner, config->front_done, config->ctx);
	if (!dp->front && config->hook == CHOOSE_AUTO)
		log_warn("out of memory: in a flood XDP will not be put in front");
	/* Where libxdp's dispatcher is to be pinned. Set only where it has to be: scripts inherit it. */
	if (strcmp(dp->share.dir.root, BPFFS_USUAL))
		setenv("LIBXDP_BPFFS", dp->share.dir.root, 1);
	/* Not the numbers of whoever had our index before: a request meant for one of its virtual routers finds none. */
	dp->generation = (uint32_t)(dataplane_owner(dp)->started_ns >> 10);
	return dp;
}

void dataplane_running(struct dataplane *dp)
{
	dp->share.is_running = true;
}

/* Interfaces. */

static bool forget(struct interfaces *interfaces, uint32_t ifindex)
{
	bool was_there = false;

	for (size_t i = interfaces->count; i-- > 0;) {
		if (interfaces->ifindexes[i] != ifindex)
			continue;
		interfaces->ifindexes[i] = interfaces->ifindexes[--interfaces->count];
		was_there = true;
	}
	return was_there;
}

static bool remember(struct interfaces *interfaces, uint32_t ifindex)
{
	uint32_t *grown = reallocarray(interfaces->ifindexes, interfaces->count + 1, sizeof(*grown));

	if (!grown)
		return false;
	interfaces->ifindexes = grown;
	interfaces->ifindexes[interfaces->count++] = ifindex;
	return true;
}

static bool is_among(const struct interfaces *interfaces, uint32_t ifindex)
{
	for (size_t i = 0; i < interfaces->count; i++)
		if (interfaces->ifindexes[i] == ifindex)
			return true;
	return false;
}

/* With the lock. */
static void leave_unused(struct dataplane *dp)
{
	while (dp->unused.count)
		program_leave(&dp->share.program, dp->share.owner, dp->unused.ifindexes[--dp->unused.count]);
}

static void try_to_leave(struct dataplane *dp, uint64_t now_ns)
{
	dp->leave_ns = now_ns + LEAVE_RETRY_NS;
	if (share_lock(&dp->share))
		return;
	leave_unused(dp);
	share_unlock(&dp->share);
}

uint64_t dataplane_deadline(const struct dataplane *dp)
{
	return dp->unused.count && dp->leave_ns < dp->share.bury_ns ? dp->leave_ns : dp->share.bury_ns;
}

void dataplane_timers(struct dataplane *dp, uint64_t now_ns)
{
	share_bury_due(&dp->share, now_ns);
	if (dp->unused.count && now_ns >= dp->leave_ns)
		try_to_leave(dp, now_ns);
}

static int attach_by(struct dataplane *dp, uint32_t ifindex, const char *name, const char *no_native,
		     int (*use)(struct program *program, uint32_t owner, uint32_t ifindex, const char *name, const char *no_native))
{
	int err = share_lock(&dp->share);

	if (err)
		return err;
	forget(&dp->unused, ifindex);
	forget(&dp->moved, ifindex);
	leave_unused(dp);
	err = use(&dp->share.program, dp->share.owner, ifindex, name, no_native);
	share_unlock(&dp->share);
	return err;
}

int dataplane_attach(struct dataplane *dp, uint32_t ifindex, const char *name, const char *no_native)
{
	return attach_by(dp, ifindex, name, no_native, program_use);
}

int dataplane_attach_anew(struct dataplane *dp, uint32_t ifindex, const char *name, const char *no_native)
{
	return attach_by(dp, ifindex, name, no_native, program_use_anew);
}

bool dataplane_is_attached(struct dataplane *dp, uint32_t ifindex, const struct rtnl_programs *told)
{
	return program_is_on(&dp->share.program, dp->share.owner, ifindex, told);
}

bool dataplane_put_in_front(struct dataplane *dp, uint32_t ifindex, const char *name, bool in_front)
{
	return dp->front && front_ask(dp->front, ifindex, name, in_front);
}

bool dataplane_may_have_front(const struct dataplane *dp, uint32_t ifindex)
{
	return dp->config.hook == CHOOSE_AUTO && program_is_at_tc(&dp->share.program, dp->share.owner, ifindex);
}

void dataplane_detach(struct dataplane *dp, uint32_t ifindex)
{
	if (is_among(&dp->moved, ifindex))
		return;
	/* If there is no memory for it, it stays until we leave. */
	remember(&dp->unused, ifindex);
	try_to_leave(dp, loop_now_ns());
}

bool dataplane_moved(struct dataplane *dp, uint32_t ifindex, struct moved *moved, enum xcarp_hook *hook)
{
	return program_moved(&dp->share.program, dp->share.owner, ifindex, moved, hook) && remember(&dp->moved, ifindex);
}

bool dataplane_moved_done(struct dataplane *dp, uint32_t ifindex)
{
	if (!forget(&dp->moved, ifindex))
		return false;
	dataplane_detach(dp, ifindex);
	return true;
}

/* The table of virtual routers. */

int dataplane_slot_take(struct dataplane *dp, uint32_t *slot)
{
	return share_slot_take(&dp->share, slot);
}

void dataplane_slot_give(struct dataplane *dp, uint32_t slot)
{
	share_slot_give(&dp->share, slot);
}

static struct vr_key key_of(const struct vr_options *options, uint32_t ifindex)
{
	struct vr_key key = { .ifindex = ifindex & IFINDEX_MASK, .ip_version = 4, .vhid = options->vhid };

	memcpy(key.group, &options->group, sizeof(key.group));
	return key;
}

/* Whatever the length of its prefix is. NULL: none is the same. */
static const struct vip *find_vip(const struct vr_options *options, const struct vip *vip)
{
	for (unsigned int i = 0; i < options->vip_count; i++)
		if (!vip_compare(&options->vips[i], vip))
			return &options->vips[i];
	return NULL;
}

int dataplane_adopt(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex, uint32_t *slot)
{
	struct vr_key key = key_of(options, ifindex);
	struct adoption *grown = reallocarray(dp->adoptions, dp->adoption_count + 1, sizeof(*grown));
	int adopted;

	if (!grown)
		return 0;
	dp->adoptions = grown;
	adopted = share_adopt(&dp->share, &key, options->interface, slot);
	if (adopted > 0)
		grown[dp->adoption_count++] = (struct adoption){ .slot = *slot, .options = options };
	return adopted;
}

static int compare_adoptions(const void *a, const void *b)
{
	uint32_t x = ((const struct adoption *)a)->slot, y = ((const struct adoption *)b)->slot;

	return (x > y) - (x < y);
}

static enum vip_fate fate_of_adopted(void *ctx, uint32_t slot, const struct vip *vip)
{
	struct dataplane *dp = ctx;
	struct adoption wanted = { .slot = slot };
	const struct adoption *adoption =
		bsearch(&wanted, dp->adoptions, dp->adoption_count, sizeof(wanted), compare_adoptions);
	const struct vip *same;

	if (!adoption)
		return VIP_STAYS;
	same = find_vip(adoption->options, vip);
	if (!same || same->prefix_len != vip->prefix_len)
		return VIP_GOES;
	return adoption->options->manage_vips ? VIP_STAYS_HELD : VIP_STAYS_UNHELD;
}

static void forget_adoptions(struct dataplane *dp)
{
	free(dp->adoptions);
	dp->adoptions = NULL;
	dp->adoption_count = 0;
}

uint32_t dataplane_adopted(struct dataplane *dp)
{
	uint32_t count = dp->adoption_count;

	if (count) {
		qsort(dp->adoptions, count, sizeof(*dp->adoptions), compare_adoptions);
		share_sift_vips(&dp->share, fate_of_adopted, dp);
	}
	forget_adoptions(dp);
	return count;
}

static enum vip_fate fate_of_disowned(void *ctx, uint32_t slot, const struct vip *vip)
{
	(void)vip;
	return slot == *(const uint32_t *)ctx ? VIP_GOES : VIP_STAYS;
}

static struct adoption *find_adoption(const struct dataplane *dp, uint32_t slot)
{
	for (uint32_t i = 0; i < dp->adoption_count; i++)
		if (dp->adoptions[i].slot == slot)
			return &dp->adoptions[i];
	return NULL;
}

void dataplane_disown(struct dataplane *dp, uint32_t slot)
{
	struct adoption *adoption = find_adoption(dp, slot);

	share_sift_vips(&dp->share, fate_of_disowned, &slot);
	if (adoption)
		*adoption = dp->adoptions[--dp->adoption_count];
}

void dataplane_ended(struct dataplane *dp)
{
	dp->share.bury_ns = 0;
}

void dataplane_bury(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex)
{
	struct vr_key key = key_of(options, ifindex);
	struct vr_entry entry;

	if (!bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], &key, &entry))
		share_bury(&dp->share, &entry);
}

bool dataplane_find(const struct dataplane *dp, uint32_t ifindex, uint32_t group, uint8_t vhid, uint32_t *index)
{
	struct vr_key key = { .ifindex = ifindex & IFINDEX_MASK, .ip_version = 4, .vhid = vhid };
	struct vr_entry entry;

	memcpy(key.group, &group, sizeof(key.group));
	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], &key, &entry) || entry.owner != dp->share.owner ||
	    entry.has_twin)
		return false;
	*index = entry.index;
	return true;
}

bool dataplane_note_twin(struct dataplane *dp, uint32_t lower, uint32_t upper, const struct vr_options *options)
{
	struct vr_key lower_key = key_of(options, lower), upper_key = key_of(options, upper);
	struct vr_entry entry;

	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], &upper_key, &entry) ||
	    bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], &lower_key, &entry))
		return false;
	entry.has_twin = 1;
	return !bpf_map_update_elem(dp->share.maps.fd[MAP_VROUTERS], &lower_key, &entry, BPF_EXIST);
}

struct vr_live *dataplane_live(struct dataplane *dp, uint32_t slot)
{
	return &dp->share.maps.live[slot];
}

struct xcarp_owner *dataplane_owner(struct dataplane *dp)
{
	return &dp->share.maps.owners[dp->share.owner];
}

int dataplane_listen_fd(const struct dataplane *dp)
{
	return dp->share.listen_fd;
}

int dataplane_pins_fd(const struct dataplane *dp)
{
	return dp->share.dir.root_fd;
}

bool dataplane_attaches_by_id(const struct dataplane *dp)
{
	return program_attaches_by_id(&dp->share.program);
}

void dataplane_journal(struct dataplane *dp, struct journal_entry *entry)
{
	struct journal_entry *journal = journal_is_notice(entry) ? dp->share.maps.notices : dp->share.maps.journal, *place;

	entry->sequence = __atomic_add_fetch(&journal->sequence, 1, __ATOMIC_ACQ_REL);
	place = &journal[1 + (entry->sequence - 1) % (dp->share.maps.journal_entries - 1)];
	__atomic_store_n(&place->sequence, 0, __ATOMIC_RELAXED);
	/* Whoever sees any of what follows sees the zero, too. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)place + sizeof(place->sequence), (const char *)entry + sizeof(entry->sequence),
	       sizeof(*entry) - sizeof(entry->sequence));
	__atomic_store_n(&place->sequence, entry->sequence, __ATOMIC_RELEASE);
}

void dataplane_duplicate(struct dataplane *dp, uint32_t slot, const struct xcarp_record *record)
{
	struct vip_key key = { .ifindex = dp->share.maps.live[slot].ifindex, .ip_version = record->ip_version };
	struct duplicate duplicate;

	memcpy(key.address, record->source, sizeof(key.address));
	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_DUPLICATES], &key, &duplicate))
		duplicate = (struct duplicate){ 0 };
	duplicate.when_ns = record->arrival_ns;
	duplicate.count += record->count;
	memcpy(duplicate.mac, (const uint8_t *)&record->counter + sizeof(record->counter) - sizeof(duplicate.mac),
	       sizeof(duplicate.mac));
	bpf_map_update_elem(dp->share.maps.fd[MAP_DUPLICATES], &key, &duplicate, BPF_ANY);
}

static int join_group(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex)
{
	int err = options->broadcast ? 0 : groups_join(dp->groups, ifindex, options->group);

	if (err)
		log_error("%s: cannot join the multicast group: %s%s", options->interface, strerror(-err),
			  err == -EMFILE ? "; allow more of them, by ulimit -n or LimitNOFILE=" : "");
	return err;
}

static void leave_group(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex)
{
	if (!options->broadcast)
		groups_leave(dp->groups, ifindex, options->group);
}

static struct vr_entry entry_of(const struct dataplane *dp, uint32_t slot, uint32_t index, const struct vr_options *options)
{
	struct vr_entry entry = {
		.abi_version = XCARP_ABI_VERSION,
		.slot = slot,
		.index = index,
		.generation = dp->share.maps.live[slot].generation,
		.owner = (__u16)dp->share.owner,
		.tap = dp->config.tap,
		.every = dp->config.every,
		.auth = (__u8)options->auth,
	};

	memcpy(entry.source, &options->source, sizeof(options->source));
	return entry;
}

static struct vip_key vip_key_of(uint32_t ifindex, const struct vip *vip)
{
	struct vip_key key = { .ifindex = ifindex, .ip_version = vip->ip_version };

	memcpy(key.address, vip->address, sizeof(key.address));
	return key;
}

/* 0; -EEXIST after a logged line: another process lives by it. */
static int check_vip(const struct dataplane *dp, const char *interface, const struct vip *vip, const struct vip_key *key)
{
	struct vip_entry entry;
	char text[VIP_TEXT_LEN];
	uint32_t pid;

	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_VIPS], key, &entry))
		return 0;
	pid = share_living_owner(&dp->share, entry.slot);
	if (!pid)
		return 0;
	log_error("%s: the address %s already belongs to virtual router %u of process %u; end it, or give this one another -a",
		  interface, vip_format(vip, false, text), entry.vhid, pid);
	return -EEXIST;
}

static int enter_vip(struct dataplane *dp, uint32_t slot, const struct vr_options *options, const struct vip *vip,
		     const struct vip_key *key)
{
	struct vip_entry entry = { .slot = slot, .vhid = options->vhid, .prefix_len = vip->prefix_len };

	if (!bpf_map_update_elem(dp->share.maps.fd[MAP_VIPS], key, &entry, BPF_NOEXIST))
		return 0;
	return errno == EEXIST ? check_vip(dp, options->interface, vip, key) : -errno;
}

/* Who announces an address that ends so is looked up from here on. */
static void watch_vip(struct dataplane *dp, const struct vip *vip)
{
	uint8_t ending = vip->address[vip->ip_version == 6 ? 15 : 3];

	__atomic_fetch_or(&dp->share.maps.fence->vips, 1ull << (ending & 63), __ATOMIC_RELAXED);
}

int dataplane_enter_vips(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex)
{
	int err = 0;

	for (unsigned int i = 0; i < options->vip_count; i++) {
		struct vip_key key = vip_key_of(ifindex, &options->vips[i]);
		int failed = enter_vip(dp, slot, options, &options->vips[i], &key);

		watch_vip(dp, &options->vips[i]);
		err = err ?: failed;
	}
	return err;
}

static bool is_our_vip(const struct dataplane *dp, uint32_t slot, const struct vip_key *key)
{
	struct vip_entry entry;

	return !bpf_map_lookup_elem(dp->share.maps.fd[MAP_VIPS], key, &entry) && entry.slot == slot;
}

void dataplane_remove_vips(struct dataplane *dp, uint32_t slot, const struct vr_options *options,
			   const struct vr_options *keep, uint32_t ifindex)
{
	for (unsigned int i = 0; i < options->vip_count; i++) {
		struct vip_key key = vip_key_of(ifindex, &options->vips[i]);

		if (!(keep && find_vip(keep, &options->vips[i])) && is_our_vip(dp, slot, &key))
			bpf_map_delete_elem(dp->share.maps.fd[MAP_VIPS], &key);
	}
}

static int enter_key(struct dataplane *dp, uint32_t slot, const struct carp_key *key, uint8_t auth)
{
	struct carp_key value = { .hmac = key->hmac };
	int err;

	if (auth != AUTH_HMAC_SHA1)
		value.siphash = key->siphash;
	err = bpf_map_update_elem(dp->share.maps.fd[MAP_KEYS], &slot, &value, BPF_ANY) ? -errno : 0;
	explicit_bzero(&value, sizeof(value));
	return err;
}

static void tell_claimed(const struct dataplane *dp, const struct vr_options *options, const struct vr_entry *other)
{
	char group[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &options->group, group, sizeof(group));
	log_error("%s: virtual router %u (group %s) already belongs to process %u; end it, or give this one another -v or --mcastip",
		  options->interface, options->vhid, group,
		  dp->share.maps.owners[share_owner_of(&dp->share, other) % XCARP_OWNERS_MAX].pid);
}

/* The entry that its predecessor made. */
static bool is_adopted(const struct dataplane *dp, const struct vr_entry *other, const struct vr_entry *entry)
{
	return other->slot == entry->slot && share_owner_of(&dp->share, other) == dp->share.owner;
}

/* Of several processes that want a virtual router the first one has it, as long as it lives. */
static int claim(struct dataplane *dp, const struct vr_options *options, const struct vr_key *key,
		 const struct vr_entry *entry)
{
	struct vr_entry other;

	for (int i = 0; i < CLAIM_TRIES; i++) {
		int err;

		if (!bpf_map_update_elem(dp->share.maps.fd[MAP_VROUTERS], key, entry, BPF_NOEXIST))
			return 0;
		if (errno != EEXIST)
			return -errno;
		if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], key, &other))
			continue;
		if (is_adopted(dp, &other, entry))
			return bpf_map_update_elem(dp->share.maps.fd[MAP_VROUTERS], key, entry, BPF_ANY) ? -errno : 0;
		err = share_bury(&dp->share, &other);
		if (err < 0)
			return err;
		if (err)
			break;
	}
	tell_claimed(dp, options, &other);
	return -EEXIST;
}

/* What has not been told yet. */
static void log_refusal(const struct dataplane *dp, const struct vr_options *options, int err)
{
	if (err == -E2BIG || err == -ENOSPC)
		share_log_full(&dp->share);
	else if (err != -EEXIST && err != -EAGAIN && err != -EBUSY && err != -ETIMEDOUT)
		log_error("%s: cannot enter virtual router %u into the maps: %s", options->interface, options->vhid, strerror(-err));
}

/*
 * What the driver remembers of a virtual router stays as long as its slot is its own. The first time it learns the time of
 * day: a strict one takes no counter that is further from it, until it has taken one.
 */
static int enter_guard(struct dataplane *dp, uint32_t slot, const struct vr_options *options)
{
	uint64_t skew_ns = options->clock_skew_s * NS_PER_S, realtime_ns = loop_realtime_ns();
	struct vr_guard guard;

	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_GUARD], &slot, &guard))
		return -errno;
	if (guard.era)
		return 0;
	/* A CPU that was still at it for who had the slot before may have held it. */
	guard.replay.is_locked = 0;
	guard.era = dp->share.maps.live[slot].generation ?: 1;
	guard.replay.floor = realtime_ns > skew_ns ? realtime_ns - skew_ns : 0;
	guard.replay.ceiling = realtime_ns + skew_ns - loop_now_ns();
	return bpf_map_update_elem(dp->share.maps.fd[MAP_GUARD], &slot, &guard, BPF_ANY) ? -errno : 0;
}

bool dataplane_heard_runs(const struct dataplane *dp, uint32_t slot, struct replay_run runs[REPLAY_RUNS + 1])
{
	struct vr_guard guard;

	if (bpf_map_lookup_elem(dp->share.maps.fd[MAP_GUARD], &slot, &guard))
		return false;
	memcpy(runs, guard.replay.runs, sizeof(guard.replay.runs));
	runs[REPLAY_RUNS] = guard.replay.strict;
	return true;
}

static bool is_seen(const struct dataplane *dp, uint32_t slot, uint32_t era, uint64_t counter)
{
	struct seen_key key = { .counter = counter, .slot = slot, .era = era };
	uint8_t one;

	return !bpf_map_lookup_elem(dp->share.maps.fd[MAP_SEEN], &key, &one);
}

bool dataplane_is_fresh(const struct dataplane *dp, uint32_t slot, uint32_t source, bool is_strong, uint64_t counter,
			bool *may_be_old)
{
	const struct vr_live *live = &dp->share.maps.live[slot];
	uint64_t lag_ns = live->down_ns + REPLAY_LAG_NS, now_ns = loop_now_ns();
	const __u32 address[4] = { source };
	struct vr_guard guard;
	__u32 run;

	*may_be_old = !is_strong && live->replay == REPLAY_OFF;
	if (*may_be_old || bpf_map_lookup_elem(dp->share.maps.fd[MAP_GUARD], &slot, &guard))
		return true;
	if (is_strong)
		return replay_look_strict(&guard.replay, live->sent_counter, lag_ns, counter, now_ns) == REPLAY_COUNTS;
	switch (replay_look(&guard.replay, live->replay == REPLAY_STRICT, replay_find(&guard.replay, address), live->sent_counter,
			    lag_ns, counter, now_ns, &run)) {
	case REPLAY_OLD:
	case REPLAY_DOUBTED:
	case REPLAY_BAD_CLOCK:
		return false;
	case REPLAY_SINGLE:
		return !is_seen(dp, slot, guard.era, counter);
	case REPLAY_REPEATS:
		*may_be_old = true;
		return true;
	default:
		return true;
	}
}

int dataplane_vr_add(struct dataplane *dp, uint32_t slot, uint32_t index, const struct vr_options *options,
		     uint32_t ifindex, const struct carp_key *key)
{
	struct vr_key vr_key = key_of(options, ifindex);
	struct vr_entry entry;
	int err = join_group(dp, options, ifindex);

	if (err)
		return err;
	dp->share.maps.live[slot].generation = ++dp->generation;
	dp->share.maps.live[slot].index = index;
	entry = entry_of(dp, slot, index, options);
	/* The key first: from the entry on, the program uses it. */
	err = enter_key(dp, slot, key, options->auth) ?: enter_guard(dp, slot, options) ?: claim(dp, options, &vr_key, &entry);
	if (err) {
		log_refusal(dp, options, err);
		leave_group(dp, options, ifindex);
		return err;
	}
	err = dataplane_enter_vips(dp, slot, options, ifindex);
	if (err) {
		log_refusal(dp, options, err);
		if (find_adoption(dp, slot))
			dataplane_disown(dp, slot);
		dataplane_vr_remove(dp, slot, options, ifindex);
	}
	return err;
}

int dataplane_vr_update(struct dataplane *dp, uint32_t slot, uint32_t index, const struct vr_options *options,
			uint32_t ifindex, const struct carp_key *key)
{
	struct vr_key vr_key = key_of(options, ifindex);
	struct vr_entry entry = entry_of(dp, slot, index, options);
	int err = join_group(dp, options, ifindex);

	if (err)
		return err;
	err = enter_key(dp, slot, key, options->auth);
	if (!err && bpf_map_update_elem(dp->share.maps.fd[MAP_VROUTERS], &vr_key, &entry, BPF_EXIST))
		err = -errno;
	if (!err)
		dp->share.maps.live[slot].index = index;
	if (err) {
		log_refusal(dp, options, err);
		leave_group(dp, options, ifindex);
	}
	return err;
}

void dataplane_vr_updated(struct dataplane *dp, uint32_t slot, const struct vr_options *old,
			  const struct vr_options *options, uint32_t ifindex)
{
	dataplane_remove_vips(dp, slot, old, options, ifindex);
	leave_group(dp, old, ifindex);
}

void dataplane_vr_remove(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex)
{
	static const struct carp_key none;
	struct vr_key vr_key = key_of(options, ifindex);
	struct vr_entry entry;

	if (!bpf_map_lookup_elem(dp->share.maps.fd[MAP_VROUTERS], &vr_key, &entry) && entry.owner == dp->share.owner &&
	    entry.slot == slot)
		bpf_map_delete_elem(dp->share.maps.fd[MAP_VROUTERS], &vr_key);
	enter_key(dp, slot, &none, AUTH_HMAC_SHA1);
	dataplane_remove_vips(dp, slot, options, NULL, ifindex);
	leave_group(dp, options, ifindex);
}

/* Where two processes took one address at the same moment, the entry is the other one's. */
static bool is_others_vip(const struct dataplane *dp, uint32_t slot, const struct vip_key *key)
{
	struct vip_entry entry;

	return !bpf_map_lookup_elem(dp->share.maps.fd[MAP_VIPS], key, &entry) && entry.slot != slot &&
	       share_living_owner(&dp->share, entry.slot);
}

void dataplane_vip_held(struct dataplane *dp, uint32_t slot, uint8_t vhid, uint32_t ifindex, const struct vip *vip,
			bool held)
{
	struct vip_key key = vip_key_of(ifindex, vip);
	struct vip_entry entry = { .slot = slot, .vhid = vhid, .prefix_len = vip->prefix_len, .held = held };

	if (held ? !is_others_vip(dp, slot, &key) : is_our_vip(dp, slot, &key))
		bpf_map_update_elem(dp->share.maps.fd[MAP_VIPS], &key, &entry, BPF_ANY);
}

static void close_all(struct dataplane *dp, void (*leave)(struct share *share))
{
	if (dp->ring_source.ready)
		loop_remove(dp->config.loop, &dp->ring_source);
	ring_buffer__free(dp->ring);
	front_free(dp->front);
	leave(&dp->share);
	forget_adoptions(dp);
	groups_free(dp->groups);
	free(dp->unused.ifindexes);
	free(dp->moved.ifindexes);
	free(dp);
}

void dataplane_free(struct dataplane *dp)
{
	if (dp)
		close_all(dp, share_leave);
}

void dataplane_hand_over(struct dataplane *dp)
{
	close_all(dp, share_hand_over);
}
