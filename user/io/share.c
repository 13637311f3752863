// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "share.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/heir.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/owners.h"

#ifndef XCARP_VERSION
#define XCARP_VERSION "unknown"
#endif

#define WAIT_NS 5000000000ull
#define RECORDS_PER_VR 2 /* room in the ring */
#define RECORD_BYTES 64 /* a record and the ring's header for it */
#define RING_MIN_BYTES (64u << 10)
#define RING_MAX_BYTES (4u << 20)
#define PIDS_TOLD 8
#define BURY_RETRY_NS 50000000ull
#define NEVER UINT64_MAX

/* The lock. */

static void log_lock_holder(const struct share *share)
{
	unsigned int pid = bpffs_lock_holder(&share->dir);
	char who[32] = "another process", abi[sizeof(share->dir.path) + 8];

	if (pid)
		snprintf(who, sizeof(who), "process %u", pid);
	snprintf(abi, sizeof(abi), "%s/abi", share->dir.path);
	if (access(abi, F_OK))
		log_error("%s runs an xcarp that shares its maps with nobody, so one of version " XCARP_VERSION
			  " cannot run in this network namespace (%s) until that is ended", who, share->dir.name);
	else
		log_error("%s has had the lock on %s for too long; is it stopped? End it or let it go on", who, share->dir.name);
}

int share_lock(struct share *share)
{
	int err = bpffs_lock(&share->dir, share->is_running ? 0 : WAIT_NS);

	if (!err && share->is_running && program_is_busy(&share->program)) {
		share_unlock(share);
		return -EAGAIN;
	}
	if (!err || (err == -EAGAIN && share->is_running))
		return err;
	if (err == -EAGAIN) {
		log_lock_holder(share);
		return -ETIMEDOUT;
	}
	log_error("%s: %s", share->dir.name, strerror(-err));
	return err;
}

void share_unlock(struct share *share)
{
	bpffs_unlock(&share->dir);
}

/* Taking an owner out of the maps. */

/* Which virtual routers of a dead owner are left to a successor, where one may still go on with them. */
enum spare {
	SPARE_NONE,
	SPARE_HANDED_OVER, /* of one that has said that there is going to be a successor */
	SPARE_ALL,
};

struct removal {
	struct share *share;
	uint32_t owner;
	enum spare spare;
	uint32_t spared; /* virtual routers */
	uint64_t until_ns; /* the first of these is not to be spared any more */
	unsigned int vrouters;
	unsigned int vips; /* held ones */
};

static uint32_t claimed_by(const struct share *share, uint32_t slot)
{
	return slot < share->maps.abi.capacity ? __atomic_load_n(&share->maps.live[slot].claimed_by, __ATOMIC_ACQUIRE) : 0;
}

static bool has_slot(const struct share *share, uint32_t owner, uint32_t slot)
{
	return claimed_by(share, slot) == owner + 1;
}

/* An entry goes with its slot, and may still have the name of who had that before. */
uint32_t share_owner_of(const struct share *share, const struct vr_entry *entry)
{
	uint32_t claim = claimed_by(share, entry->slot);

	return claim ? claim - 1 : entry->owner;
}

static bool may_be_spared(const struct removal *removal)
{
	const struct xcarp_owner *entry = &removal->share->maps.owners[removal->owner];

	return removal->spare == SPARE_ALL || (removal->spare == SPARE_HANDED_OVER && entry->handed_over);
}

/*
 * Decides once for all that follows, as adverts may arrive at any time: from here on a MASTER is one that is spared. The
 * owner is dead, or it is ourselves, so nobody else writes there.
 */
static void choose_spared(struct removal *removal)
{
	struct share *share = removal->share;
	uint64_t now_ns = loop_now_ns();

	for (uint32_t slot = 0; slot < share->maps.abi.capacity; slot++) {
		struct vr_live *live = &share->maps.live[slot];

		if (!has_slot(share, removal->owner, slot))
			continue;
		if (!may_be_spared(removal) || !heir_may_go_on(live, now_ns)) {
			__atomic_store_n(&live->state, INIT, __ATOMIC_RELEASE);
			continue;
		}
		removal->spared++;
		if (heir_deadline_ns(live) < removal->until_ns)
			removal->until_ns = heir_deadline_ns(live);
	}
}

static bool is_to_go(const struct removal *removal, uint32_t slot)
{
	return has_slot(removal->share, removal->owner, slot) && removal->share->maps.live[slot].state != MASTER;
}

static struct vip vip_of(const struct vip_key *where, const struct vip_entry *entry)
{
	struct vip vip = { .ip_version = where->ip_version, .prefix_len = entry->prefix_len };

	memcpy(vip.address, where->address, sizeof(vip.address));
	return vip;
}

static void take_vip_off(struct share *share, const struct vip_key *where, const struct vip_entry *entry)
{
	struct vip vip = vip_of(where, entry);

	share->orphan(share->ctx, where->ifindex, &vip);
}

static void give_up_vip(void *ctx, const void *key, const void *value)
{
	struct removal *removal = ctx;
	const struct vip_entry *entry = value;

	if (!entry->held || !is_to_go(removal, entry->slot))
		return;
	take_vip_off(removal->share, key, entry);
	removal->vips++;
}

static void remove_vip(void *ctx, const void *key, const void *value)
{
	struct removal *removal = ctx;
	const struct vip_entry *entry = value;

	if (is_to_go(removal, entry->slot))
		bpf_map_delete_elem(removal->share->maps.fd[MAP_VIPS], key);
}

/* Forgotten when they are off: until then whoever comes after us finds them. */
static void remove_vips(struct removal *removal)
{
	int fd = removal->share->maps.fd[MAP_VIPS];

	maps_for_each(fd, sizeof(struct vip_key), sizeof(struct vip_entry), give_up_vip, removal);
	if (removal->vips)
		removal->share->orphans_off(removal->share->ctx);
	maps_for_each(fd, sizeof(struct vip_key), sizeof(struct vip_entry), remove_vip, removal);
}

static void remove_vrouter(void *ctx, const void *key, const void *value)
{
	struct removal *removal = ctx;
	struct share *share = removal->share;
	const struct vr_entry *entry = value;

	if (share_owner_of(share, entry) != removal->owner || (claimed_by(share, entry->slot) && !is_to_go(removal, entry->slot)))
		return;
	bpf_map_delete_elem(share->maps.fd[MAP_VROUTERS], key);
	removal->vrouters++;
}

static void remove_interface(void *ctx, const void *key, const void *value)
{
	struct removal *removal = ctx;
	const struct interface_key *use = key;

	(void)value;
	if (use->owner == removal->owner)
		program_leave(&removal->share->program, use->owner, use->ifindex);
}

static void remove_slots(struct removal *removal)
{
	for (uint32_t slot = 0; slot < removal->share->maps.abi.capacity; slot++)
		if (is_to_go(removal, slot))
			share_slot_give(removal->share, slot);
}

/* The process id last: as long as it stands, somebody will come and finish this. */
static void clear_owner(struct xcarp_owner *entry)
{
	struct xcarp_owner none = { .pid = entry->pid };

	*entry = none;
	__atomic_store_n(&entry->pid, 0, __ATOMIC_RELEASE);
}

static void remove_owner(struct removal *removal)
{
	struct share *share = removal->share;
	const struct maps *maps = &share->maps;

	choose_spared(removal);
	remove_vips(removal);
	maps_for_each(maps->fd[MAP_VROUTERS], sizeof(struct vr_key), sizeof(struct vr_entry), remove_vrouter, removal);
	remove_slots(removal);
	/* The driver goes on for those that are spared. */
	if (removal->spared)
		return;
	maps_for_each(maps->fd[MAP_INTERFACES], sizeof(struct interface_key), sizeof(struct interface_entry),
		      remove_interface, removal);
	bpf_map_delete_elem(maps->fd[MAP_EVENTS], &removal->owner);
	clear_owner(&maps->owners[removal->owner]);
}

static bool is_dead(const struct share *share, uint32_t owner)
{
	pid_t pid = (pid_t)share->maps.owners[owner].pid;

	return pid && owner != share->owner && !owner_lives(owner, &pid);
}

uint32_t share_living_owner(const struct share *share, uint32_t slot)
{
	uint32_t claim = claimed_by(share, slot), owner = claim - 1;

	if (!claim || claim > XCARP_OWNERS_MAX || owner == share->owner || is_dead(share, owner))
		return 0;
	return share->maps.owners[owner].pid;
}

/* Sees to it that it is done again when what is spared has had its time. */
static void bury(struct removal *removal)
{
	struct share *share = removal->share;
	const struct xcarp_owner *entry = &share->maps.owners[removal->owner];
	uint32_t pid = entry->pid;
	bool has_handed_over = entry->handed_over;

	remove_owner(removal);
	if (removal->until_ns < share->bury_ns)
		share->bury_ns = removal->until_ns;
	if (removal->spared && removal->vrouters)
		log_warn("process %u %s: the virtual routers that it was MASTER of (%u) are left to a successor for now; the others (%u) "
			 "and the addresses that they held (%u) are taken away", pid,
			 has_handed_over ? "has handed over" : "died without cleaning up", removal->spared, removal->vrouters,
			 removal->vips);
	else if (!removal->spared && !removal->vrouters)
		log_info("process %u %s: nothing is left of it", pid, has_handed_over ? "has handed over" : "is dead");
	else if (!removal->spared)
		log_warn("process %u %s: its virtual routers (%u) and the addresses that they held (%u) are taken away", pid,
			 has_handed_over ? "has handed over, and nobody came" : "died without cleaning up", removal->vrouters,
			 removal->vips);
}

/* Who is there besides us, when all the dead have been seen to. */
struct others {
	bool is_alive; /* somebody */
	bool is_spared; /* something of a dead one */
};

static struct others bury_the_dead(struct share *share, enum spare spare)
{
	struct others others = { 0 };

	share->bury_ns = NEVER;
	for (uint32_t owner = 0; owner < XCARP_OWNERS_MAX; owner++) {
		struct removal removal = { .share = share, .owner = owner, .spare = spare, .until_ns = NEVER };

		if (owner == share->owner || !share->maps.owners[owner].pid)
			continue;
		if (!is_dead(share, owner)) {
			others.is_alive = true;
			continue;
		}
		bury(&removal);
		others.is_spared |= removal.spared;
	}
	return others;
}

int share_bury(struct share *share, const struct vr_entry *entry)
{
	uint32_t owner = share_owner_of(share, entry);
	struct removal removal = { .share = share, .owner = owner, .spare = SPARE_ALL, .until_ns = NEVER };
	int err;

	if (owner >= XCARP_OWNERS_MAX || (share->maps.owners[owner].pid && !is_dead(share, owner)))
		return 1;
	err = share_lock(share);
	if (err)
		return err;
	/* Somebody else may have come first. */
	if (is_dead(share, owner)) {
		if (has_slot(share, owner, entry->slot))
			__atomic_store_n(&share->maps.live[entry->slot].state, INIT, __ATOMIC_RELEASE);
		bury(&removal);
	}
	share_unlock(share);
	return 0;
}

void share_bury_due(struct share *share, uint64_t now_ns)
{
	if (now_ns < share->bury_ns)
		return;
	share->bury_ns = now_ns + BURY_RETRY_NS;
	if (share_lock(share))
		return;
	bury_the_dead(share, SPARE_ALL);
	share_unlock(share);
}

/* Adopting. */

/* A number may be another interface's by now. */
static bool is_adoptable(const struct share *share, const struct vr_entry *entry, const char *interface)
{
	uint32_t claim = claimed_by(share, entry->slot);
	const struct vr_live *live = &share->maps.live[entry->slot];

	return claim && claim <= XCARP_OWNERS_MAX && heir_may_go_on(live, loop_now_ns()) &&
	       !strncmp(live->interface, interface, sizeof(live->interface)) && is_dead(share, claim - 1);
}

int share_adopt(struct share *share, const struct vr_key *key, const char *interface, uint32_t *slot)
{
	int vrouters = share->maps.fd[MAP_VROUTERS], err;
	struct vr_entry entry;
	bool is_adopted;

	if (bpf_map_lookup_elem(vrouters, key, &entry) || !is_adoptable(share, &entry, interface))
		return 0;
	err = share_lock(share);
	if (err)
		return err;
	is_adopted = !bpf_map_lookup_elem(vrouters, key, &entry) && is_adoptable(share, &entry, interface);
	if (is_adopted) {
		struct vr_live *live = &share->maps.live[entry.slot];

		live->owner_pid = (uint32_t)getpid();
		__atomic_store_n(&live->claimed_by, (__u16)(share->owner + 1), __ATOMIC_RELEASE);
		*slot = entry.slot;
		/* There may be nothing left of its predecessor now. */
		share->bury_ns = 0;
	}
	share_unlock(share);
	return is_adopted;
}

struct sift {
	struct share *share;
	enum vip_fate (*fate)(void *ctx, uint32_t slot, const struct vip *vip);
	void *ctx;
};

static void sift_vip(void *ctx, const void *key, const void *value)
{
	struct sift *sift = ctx;
	struct share *share = sift->share;
	const struct vip_key *where = key;
	struct vip_entry entry = *(const struct vip_entry *)value;
	struct vip vip = vip_of(where, &entry);
	enum vip_fate fate;

	if (!has_slot(share, share->owner, entry.slot))
		return;
	fate = sift->fate(sift->ctx, entry.slot, &vip);
	switch (fate) {
	case VIP_STAYS:
		return;
	case VIP_STAYS_HELD:
	case VIP_STAYS_UNHELD:
		entry.held = fate == VIP_STAYS_HELD;
		bpf_map_update_elem(share->maps.fd[MAP_VIPS], key, &entry, BPF_EXIST);
		return;
	case VIP_GOES:
		if (entry.held)
			take_vip_off(share, where, &entry);
		bpf_map_delete_elem(share->maps.fd[MAP_VIPS], key);
		return;
	}
}

void share_sift_vips(struct share *share, enum vip_fate (*fate)(void *ctx, uint32_t slot, const struct vip *vip), void *ctx)
{
	struct sift sift = { .share = share, .fate = fate, .ctx = ctx };

	maps_for_each(share->maps.fd[MAP_VIPS], sizeof(struct vip_key), sizeof(struct vip_entry), sift_vip, &sift);
	share->orphans_off(share->ctx);
}

/* Joining. */

static void list_pids(char *text, size_t size, const pid_t *pids, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count && i < PIDS_TOLD && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, pids[i] ? "%s%d" : "%s?", i ? ", " : "", (int)pids[i]);
	if (count > PIDS_TOLD && len < size)
		snprintf(text + len, size - len, ", ...");
}

/* Somebody runs, but not in a way that can be joined. */
static int refuse(const struct share *share, int why, const pid_t *pids, size_t count)
{
	const struct xcarp_abi *abi = &share->maps.abi;
	struct bpffs_dir old;
	char who[128] = "";

	list_pids(who, sizeof(who), pids, count);
	if (bpffs_find_old(&share->dir, &old))
		log_error("the running xcarp processes of this network namespace (%s) are of an older version, whose maps are in %s; to "
			  "upgrade, end all of them, then start the new version", who, old.name);
	else if (why == -EPROTO)
		log_error("the running xcarp processes of this network namespace (%s) have maps of ABI %u (version %.15s), and this is "
			  "ABI %u (version " XCARP_VERSION "); to upgrade, end all of them (`xcarpctl status` lists them), then start "
			  "the new version", who, abi->abi_version, abi->version, XCARP_ABI_VERSION);
	else
		log_error("xcarp processes run in this network namespace (%s), but their maps are not in %s; end them first or, if they "
			  "run in other containers, mount the host's " BPFFS_USUAL " in all of them (docker run -v " BPFFS_USUAL
			  ":" BPFFS_USUAL ")", who, share->dir.name);
	return -EBUSY;
}

static void take_pinned_vip_off(void *ctx, const void *key, const void *value)
{
	const struct vip_entry *entry = value;

	if (entry->held)
		take_vip_off(ctx, key, entry);
}

/* With a program of its on an interface here it was this network namespace's, and what it held is still there. */
static void take_old_away(struct share *share, bool is_ours)
{
	struct bpffs_dir old;

	if (!bpffs_find_old(&share->dir, &old))
		return;
	if (is_ours)
		maps_for_each_pinned_vip(old.path, take_pinned_vip_off, share);
	share->orphans_off(share->ctx);
	bpffs_remove(&old);
	log_warn("%s: what dead processes of an older version left is taken away%s", old.name,
		 is_ours ? "" : "; addresses that they had may still be there");
}

/* What cannot be joined, because it is not whole or of another version, and has nobody. Returns how many programs it was. */
static unsigned int take_ruins_away(struct share *share)
{
	unsigned int count;

	maps_for_each_pinned_vip(share->dir.path, take_pinned_vip_off, share);
	share->orphans_off(share->ctx);
	bpffs_empty(&share->dir);
	count = program_take_off_leftovers();
	take_old_away(share, count);
	return count;
}

/* Nobody else lives, and another version has made what we go on with: its program gives way to ours. Returns 0 or -errno. */
static int renew(struct share *share)
{
	struct xcarp_abi *abi = &share->maps.abi;
	uint32_t zero = 0;
	int err;

	if (!strncmp(abi->version, XCARP_VERSION, sizeof(abi->version) - 1))
		return 0;
	err = program_renew(&share->program);
	if (err)
		return err;
	log_info("the program of version %.15s was replaced by that of version " XCARP_VERSION, abi->version);
	snprintf(abi->version, sizeof(abi->version), "%s", XCARP_VERSION);
	bpf_map_update_elem(share->maps.fd[MAP_ABI], &zero, abi, BPF_ANY);
	return 0;
}

/* What the dead have left is as we would make it ourselves, or has become so. */
static bool go_on_with(struct share *share, int program_err)
{
	const char *why;
	int err = 0;

	if (program_err)
		why = "its program cannot be joined";
	else if (!maps_have_room(&share->maps, &share->size))
		why = "its maps are too small";
	else if (!program_fits(&share->program))
		why = "its program is in another --xdp-mode";
	else if ((err = renew(share)))
		why = "its program cannot be replaced by this version's";
	else
		return true;
	err = program_err ?: err;
	log_warn("what dead processes left cannot be gone on with, and is taken away: %s%s%s", why, err ? ": " : "",
		 err ? strerror(-err) : "");
	return false;
}

/* Nobody lives: whatever is left is of no use. */
static int make(struct share *share)
{
	int err;

	take_ruins_away(share);
	bpffs_remove_earlier(&share->dir);
	err = maps_make(&share->maps, &share->size) ?:
	      maps_pin(&share->maps, share->dir.path) ?:
	      program_make(&share->program);
	if (!err)
		return 0;
	log_error("cannot make the maps of this network namespace (%s): %s", share->dir.name, strerror(-err));
	bpffs_remove(&share->dir);
	return err;
}

/* Somebody lives whose maps are as they are. */
static int join(const struct share *share, int program_err)
{
	if (program_err)
		log_error("%s: %s", share->program.tc.pin, strerror(-program_err));
	else if (share->size.capacity_min > share->maps.abi.capacity)
		log_warn("--capacity=%u has no effect: the first xcarp process of this network namespace has sized the maps, "
			 "for %u virtual routers", share->size.capacity_min, share->maps.abi.capacity);
	return program_err;
}

static int join_or_make(struct share *share)
{
	pid_t pids[PIDS_TOLD];
	int err = maps_open(&share->maps, share->dir.path), program_err;
	struct others others;
	size_t count;

	if (!err) {
		program_err = program_join(&share->program, &share->maps);
		others = bury_the_dead(share, SPARE_ALL);
		if (others.is_alive)
			return join(share, program_err);
		if (others.is_spared && go_on_with(share, program_err))
			return 0;
		bury_the_dead(share, SPARE_NONE);
		program_close(&share->program);
		maps_close(&share->maps);
	}
	count = owners_living(pids, PIDS_TOLD);
	if (count)
		return refuse(share, err, pids, count);
	if (err == -EPROTO)
		log_warn("what dead processes of version %.15s (ABI %u) left cannot be gone on with by version " XCARP_VERSION
			 " (ABI %u): it is taken away", share->maps.abi.version, share->maps.abi.abi_version,
			 XCARP_ABI_VERSION);
	return make(share);
}

static uint32_t ring_bytes(uint32_t vrouters)
{
	uint32_t bytes = RING_MIN_BYTES;

	while (bytes < (uint64_t)vrouters * RECORDS_PER_VR * RECORD_BYTES && bytes < RING_MAX_BYTES)
		bytes <<= 1;
	return bytes;
}

static int put_ring(struct share *share)
{
	share->ring_bytes = ring_bytes(share->size.vrouters);
	share->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, share->ring_bytes, NULL);
	if (share->ring_fd < 0)
		return -errno;
	return bpf_map_update_elem(share->maps.fd[MAP_EVENTS], &share->owner, &share->ring_fd, BPF_ANY) ? -errno : 0;
}

/* Names that somebody else has taken, for whatever reason, are passed over. */
static int become_owner(struct share *share)
{
	struct xcarp_owner *owners = share->maps.owners;

	for (uint32_t owner = 0; owner < XCARP_OWNERS_MAX; owner++) {
		if (owners[owner].pid)
			continue;
		share->listen_fd = owner_listen(owner);
		if (share->listen_fd == -EADDRINUSE)
			continue;
		if (share->listen_fd < 0)
			return share->listen_fd;
		owners[owner] = (struct xcarp_owner){
			.vrouters = share->size.vrouters,
			.started_ns = loop_now_ns(),
			.version = XCARP_VERSION,
		};
		__atomic_store_n(&owners[owner].pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
		share->owner = owner;
		return put_ring(share);
	}
	return -EUSERS;
}

static bool is_anybody(struct others others)
{
	return others.is_alive || others.is_spared;
}

static int join_locked(struct share *share)
{
	int err = join_or_make(share);

	if (err) {
		program_close(&share->program);
		maps_close(&share->maps);
		return err;
	}
	err = become_owner(share);
	if (err == -EUSERS) {
		/* The names of successors that have died one after the other. */
		bury_the_dead(share, SPARE_NONE);
		err = become_owner(share);
	}
	if (!err)
		return 0;
	log_error("cannot become an owner in the maps of this network namespace (%s): %s", share->dir.name, strerror(-err));
	if (share->owner == NO_OWNER && !is_anybody(bury_the_dead(share, SPARE_ALL)))
		bpffs_remove(&share->dir);
	return err;
}

static void share_init(struct share *share)
{
	share->owner = NO_OWNER;
	share->bury_ns = NEVER;
	share->listen_fd = share->ring_fd = share->dir.fd = share->dir.root_fd = -1;
	maps_init(&share->maps);
}

int share_join(struct share *share, enum hook_choice hook, enum attach_mode mode)
{
	int err;

	share_init(share);
	err = bpffs_find(&share->dir);
	if (err)
		return err;
	program_init(&share->program, &share->maps, hook, mode, share->dir.path);
	err = share_lock(share);
	if (err)
		return err;
	err = join_locked(share);
	share_unlock(share);
	return err;
}

/* The name last: it says that we live. */
static void close_all(struct share *share)
{
	program_close(&share->program);
	maps_close(&share->maps);
	if (share->ring_fd >= 0)
		close(share->ring_fd);
	bpffs_close(&share->dir);
	if (share->listen_fd >= 0)
		close(share->listen_fd);
}

void share_leave(struct share *share)
{
	struct removal removal = { .share = share, .owner = share->owner, .spare = SPARE_NONE };
	/* Where a start fails, the next one may still come in time. */
	enum spare spare = share->is_running ? SPARE_HANDED_OVER : SPARE_ALL;

	share->is_running = false;
	if (share->maps.owners && share->owner != NO_OWNER && !share_lock(share)) {
		struct others others = bury_the_dead(share, spare);

		remove_owner(&removal);
		if (!is_anybody(others))
			bpffs_remove(&share->dir);
		share_unlock(share);
	}
	close_all(share);
}

void share_hand_over(struct share *share)
{
	share->maps.owners[share->owner].handed_over = 1;
	close_all(share);
}

/* Cleaning up. */

static int refuse_to_clean(const pid_t *pids, size_t count)
{
	char who[128] = "";

	list_pids(who, sizeof(who), pids, count);
	log_error("xcarp processes run in this network namespace (%s): nothing is cleaned up; they do so themselves, or end them "
		  "first", who);
	return -EBUSY;
}

/* With the lock. */
static int clean_all(struct share *share)
{
	pid_t pids[PIDS_TOLD];
	size_t living = owners_living(pids, PIDS_TOLD);
	unsigned int count;

	if (living)
		return refuse_to_clean(pids, living);
	if (!maps_open(&share->maps, share->dir.path)) {
		program_join(&share->program, &share->maps);
		share->program.is_told = true;
		bury_the_dead(share, SPARE_NONE);
	}
	count = take_ruins_away(share) + bpffs_remove_earlier(&share->dir);
	bpffs_remove(&share->dir);
	return (int)(count + share->program.taken_off);
}

int share_clean(struct share *share)
{
	bool is_there;
	int err;

	share_init(share);
	err = bpffs_find(&share->dir);
	if (err)
		return err;
	program_init(&share->program, &share->maps, CHOOSE_XDP, ATTACH_AUTO, share->dir.path);
	/* Locking makes it. */
	is_there = !access(share->dir.path, F_OK);
	err = share_lock(share);
	if (err)
		return err;
	err = clean_all(share);
	share_unlock(share);
	close_all(share);
	if (err < 0 || !is_there)
		return err;
	log_info("%s: removed", share->dir.name);
	return err + 1;
}

/* Slots. */

void share_log_full(const struct share *share)
{
	log_error("the maps of this network namespace have room for %u virtual routers, and that is taken; the process started "
		  "first sizes them (--capacity=N)", share->maps.abi.capacity);
}

/* What the last one heard there is nothing to the next one. */
static void clear_heard(struct vr_live *live)
{
	memset(live, 0, offsetof(struct vr_live, state));
}

static bool find_slot(struct share *share, uint32_t *slot)
{
	uint32_t capacity = share->maps.abi.capacity;

	for (uint32_t i = 0; i < capacity; i++) {
		uint32_t candidate = (share->slot_hint + i) % capacity;
		struct vr_live *live = &share->maps.live[candidate];
		__u16 nobody = 0;

		if (!__atomic_compare_exchange_n(&live->claimed_by, &nobody, (__u16)(share->owner + 1), false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		clear_heard(live);
		live->owner_pid = (uint32_t)getpid();
		*slot = candidate;
		share->slot_hint = candidate + 1;
		return true;
	}
	return false;
}

int share_slot_take(struct share *share, uint32_t *slot)
{
	int err;

	if (find_slot(share, slot))
		return 0;
	/* The living come before what the dead may still have a successor for. */
	if (share->bury_ns != NEVER) {
		err = share_lock(share);
		if (err)
			return err;
		bury_the_dead(share, SPARE_NONE);
		share_unlock(share);
		if (find_slot(share, slot))
			return 0;
	}
	share_log_full(share);
	return -ENOSPC;
}

void share_slot_give(struct share *share, uint32_t slot)
{
	static const struct carp_key no_key;
	static const struct vr_guard no_guard;
	static const struct vr_refusals no_refusals;
	struct vr_live *live = &share->maps.live[slot];
	struct vr_live clean = { .claimed_by = live->claimed_by };
	const size_t half = offsetof(struct vr_live, state);

	if (share->maps.fd[MAP_KEYS] >= 0)
		bpf_map_update_elem(share->maps.fd[MAP_KEYS], &slot, &no_key, BPF_ANY);
	bpf_map_update_elem(share->maps.fd[MAP_GUARD], &slot, &no_guard, BPF_ANY);
	bpf_map_update_elem(share->maps.fd[MAP_REFUSALS], &slot, &no_refusals, BPF_ANY);
	memcpy((char *)live + half, (char *)&clean + half, sizeof(clean) - half);
	__atomic_store_n(&live->claimed_by, 0, __ATOMIC_RELEASE);
	if (slot < share->slot_hint)
		share->slot_hint = slot;
}
