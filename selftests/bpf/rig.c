// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/auth.h"
#include "tests/bpf/strip.skel.h"
#include "xcarp.skel.h"

#define WAKE_TIMEOUT_MS 50 /* a wake arrives with the next interrupt */

static const char *const verdict_names[] = {
#define X(value, counter) #counter,
	XCARP_VERDICTS(X)
#undef X
};

static enum rig_hook chosen;

void rig_choose(enum rig_hook hook)
{
	chosen = hook;
}

const char *rig_hook_name(enum rig_hook hook)
{
	static const char *const names[RIG_HOOKS] = { "XDP", "tc", "tc, outer tag stripped" };

	return names[hook];
}

void rig_each_hook(void (*test)(struct rig *rig))
{
	static struct rig rig;

	for (int hook = 0; hook < RIG_HOOKS; hook++) {
		printf("# %s\n", rig_hook_name((enum rig_hook)hook));
		rig_choose((enum rig_hook)hook);
		test(&rig);
	}
}

static void bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int collect(void *context, void *data, size_t len)
{
	struct rig *rig = context;

	if (len != sizeof(struct xcarp_record) || rig->n_records == RIG_RECORDS_MAX)
		bail_out("a record of a wrong size, or too many");
	memcpy(&rig->records[rig->n_records++], data, len);
	return 0;
}

static void add_ring(struct rig *rig, uint32_t owner)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, RIG_RING_BYTES, NULL);

	if (fd < 0 || bpf_map_update_elem(bpf_map__fd(rig->skel->maps.events), &owner, &fd, BPF_ANY))
		bail_out("cannot make a ring");
	rig->rings[owner] = ring_buffer__new(fd, collect, rig, NULL);
	if (!rig->rings[owner])
		bail_out("cannot open a ring");
	if (owner == RIG_OWNER && epoll_ctl(rig->epoll, EPOLL_CTL_ADD, fd, &edge))
		bail_out("cannot watch the ring");
	rig->ring_fds[owner] = fd;
}

void rig_remove_ring(struct rig *rig, uint32_t owner)
{
	if (bpf_map_delete_elem(bpf_map__fd(rig->skel->maps.events), &owner))
		bail_out("cannot take a ring away");
}

static void *map_memory(const struct bpf_map *map, size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		bail_out("cannot map a map");
	return memory;
}

/* In front of it, for RIG_TC_STRIPPED, the one that strips. */
static int open_program(struct rig *rig)
{
	int program = bpf_program__fd(rig->hook == RIG_XDP ? rig->skel->progs.xcarp : rig->skel->progs.xcarp_tc);
	uint32_t zero = 0;

	if (rig->hook != RIG_TC_STRIPPED)
		return program;
	rig->strip = strip_bpf__open_and_load();
	if (!rig->strip || bpf_map_update_elem(bpf_map__fd(rig->strip->maps.then), &zero, &program, BPF_ANY))
		bail_out("cannot load what strips tags");
	return bpf_program__fd(rig->strip->progs.strip);
}

static void open_rig(struct rig *rig, bool is_counting)
{
	memset(rig, 0, sizeof(*rig));
	rig->hook = chosen;
	rig->ifindex = RIG_IFINDEX;
	rig->skel = xcarp_bpf__open();
	if (!rig->skel)
		bail_out("cannot open the program");
	bpf_map__set_max_entries(rig->skel->maps.live, RIG_SLOTS);
	bpf_map__set_max_entries(rig->skel->maps.keys, RIG_SLOTS);
	bpf_map__set_max_entries(rig->skel->maps.guard, RIG_SLOTS);
	bpf_map__set_max_entries(rig->skel->maps.refusals, RIG_SLOTS);
	bpf_map__set_max_entries(rig->skel->maps.seen, RIG_SEEN);
	bpf_map__set_max_entries(rig->skel->maps.vrouters, RIG_VROUTERS);
	bpf_map__set_max_entries(rig->skel->maps.vips, RIG_VIPS);
	if (is_counting && (bpf_map__set_type(rig->skel->maps.drops, BPF_MAP_TYPE_ARRAY) ||
			    bpf_map__set_map_flags(rig->skel->maps.drops, BPF_F_MMAPABLE) ||
			    bpf_map__set_map_flags(rig->skel->maps.guard, BPF_F_MMAPABLE) ||
			    bpf_map__set_max_entries(rig->skel->maps.seen, RIG_SEEN_COUNTING) ||
			    bpf_map__set_max_entries(rig->skel->maps.strangers, RIG_STRANGERS_COUNTING)))
		bail_out("cannot change the maps");
	bpf_program__set_autoload(rig->skel->progs.xcarp, rig->hook == RIG_XDP);
	bpf_program__set_autoload(rig->skel->progs.xcarp_tc, rig->hook != RIG_XDP);
	if (xcarp_bpf__load(rig->skel))
		bail_out("cannot load the program");
	rig->program = open_program(rig);
	rig->live = map_memory(rig->skel->maps.live, RIG_SLOTS * sizeof(*rig->live));
	rig->refusals = map_memory(rig->skel->maps.refusals, RIG_SLOTS * sizeof(*rig->refusals));
	rig->fence = map_memory(rig->skel->maps.fence, sizeof(*rig->fence));
	if (is_counting) {
		rig->drops = map_memory(rig->skel->maps.drops, sizeof(*rig->drops));
		rig->guards = map_memory(rig->skel->maps.guard, RIG_SLOTS * sizeof(*rig->guards));
	}
	/* By edges, because a record is there to be read whether somebody was woken for it or not. */
	rig->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (rig->epoll < 0)
		bail_out("cannot make an epoll");
	for (uint32_t owner = 0; owner < RIG_OWNERS; owner++)
		add_ring(rig, owner);
}

void rig_open(struct rig *rig)
{
	open_rig(rig, false);
}

void rig_open_counting(struct rig *rig)
{
	open_rig(rig, true);
}

void rig_close(struct rig *rig)
{
	close(rig->epoll);
	munmap(rig->live, RIG_SLOTS * sizeof(*rig->live));
	munmap(rig->refusals, RIG_SLOTS * sizeof(*rig->refusals));
	munmap(rig->fence, sizeof(*rig->fence));
	if (rig->drops) {
		munmap(rig->drops, sizeof(*rig->drops));
		munmap(rig->guards, RIG_SLOTS * sizeof(*rig->guards));
	}
	for (uint32_t owner = 0; owner < RIG_OWNERS; owner++) {
		ring_buffer__free(rig->rings[owner]);
		close(rig->ring_fds[owner]);
	}
	strip_bpf__destroy(rig->strip);
	xcarp_bpf__destroy(rig->skel);
}

void rig_set_guard(const struct rig *rig, uint32_t slot, const struct vr_guard *guard)
{
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.guard), &slot, guard, BPF_ANY))
		bail_out("cannot fill `guard`");
}

void rig_forget(const struct rig *rig)
{
	for (uint32_t slot = 0; slot < RIG_SLOTS; slot++)
		rig_set_guard(rig, slot, &(struct vr_guard){ 0 });
}

static void empty(const struct bpf_map *map, void *key)
{
	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		bpf_map_delete_elem(bpf_map__fd(map), key);
}

void rig_forget_seen(const struct rig *rig)
{
	empty(rig->skel->maps.seen, &(struct seen_key){ 0 });
}

struct stranger rig_stranger(const struct rig *rig, const struct vr_key *key)
{
	struct stranger stranger;

	if (bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.strangers), key, &stranger))
		return (struct stranger){ 0 };
	return stranger;
}

void rig_forget_strangers(const struct rig *rig)
{
	empty(rig->skel->maps.strangers, &(struct vr_key){ 0 });
}

void rig_get_guard(const struct rig *rig, uint32_t slot, struct vr_guard *guard)
{
	if (bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.guard), &slot, guard))
		bail_out("cannot read `guard`");
}

void rig_add_vip_entry(const struct rig *rig, const struct vip_key *key, const struct vip_entry *entry)
{
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.vips), key, entry, BPF_ANY))
		bail_out("cannot fill `vips`");
}

void rig_add_vip(const struct rig *rig, uint32_t slot, const struct vip *vip, bool held)
{
	struct vip_key key = { .ifindex = rig->ifindex, .ip_version = vip->ip_version };
	struct vip_entry entry = { .slot = slot, .prefix_len = vip->prefix_len, .held = held };

	memcpy(key.address, vip->address, sizeof(key.address));
	rig_add_vip_entry(rig, &key, &entry);
}

void rig_add_strong(struct rig *rig, struct vr_key where, struct vr_entry entry, const struct secret *secret,
		    const struct strong_key *strong, size_t n_strong)
{
	struct carp_key key = { 0 };
	uint32_t group;

	if (!where.ifindex)
		where.ifindex = RIG_IFINDEX;
	group = htonl(where.ip_version == 4 ? CARP_GROUP_IPV4 : CARP_GROUP_IPV6_LOW);
	if (!memcmp(where.group, &(uint32_t){ 0 }, sizeof(group)))
		memcpy(where.group, &group, sizeof(group));
	where.vhid = secret->vhid;
	inet_pton(where.ip_version == 4 ? AF_INET : AF_INET6, where.ip_version == 4 ? RIG_OWN_IPV4 : RIG_OWN_IPV6,
		  entry.source);
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.vrouters), &where, &entry, BPF_ANY))
		bail_out("cannot fill `vrouters`");
	if (entry.slot >= RIG_SLOTS)
		return;
	if (auth_hmac_key(&key.hmac, (const uint8_t *)secret->password, strlen(secret->password), secret->vhid,
			  secret->vips, secret->n_vips))
		bail_out("cannot prepare a key");
	frame_siphash_keys(&key.siphash, strong, n_strong);
	if (bpf_map_update_elem(bpf_map__fd(rig->skel->maps.keys), &entry.slot, &key, BPF_ANY))
		bail_out("cannot fill `keys`");
	rig_set_guard(rig, entry.slot, &(struct vr_guard){ 0 });
	memset(&rig->refusals[entry.slot], 0, sizeof(*rig->refusals));
	memset(&rig->live[entry.slot], 0, sizeof(*rig->live));
	rig->live[entry.slot].state = BACKUP;
	rig->live[entry.slot].generation = entry.generation;
}

void rig_add(struct rig *rig, struct vr_key where, struct vr_entry entry, const struct secret *secret)
{
	rig_add_strong(rig, where, entry, secret, NULL, 0);
}

void rig_key(const struct rig *rig, uint32_t slot, struct carp_key *key)
{
	if (bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.keys), &slot, key))
		bail_out("cannot read `keys`");
}

bool rig_takes(const struct rig *rig, const uint8_t *bytes, size_t len)
{
	uint16_t ethertype;

	if (len < ETH_HLEN || rig->hook == RIG_XDP)
		return len >= ETH_HLEN;
	memcpy(&ethertype, bytes + ETH_HLEN - sizeof(ethertype), sizeof(ethertype));
	if (ethertype == htons(ETH_P_IP))
		return len >= ETH_HLEN + sizeof(struct iphdr);
	return ethertype != htons(ETH_P_IPV6) || len >= ETH_HLEN + sizeof(struct ipv6hdr);
}

static int xdp_action(int tc_action)
{
	return tc_action == TC_ACT_UNSPEC ? XDP_PASS : tc_action == TC_ACT_SHOT ? XDP_DROP : XDP_ABORTED;
}

int rig_run(const struct rig *rig, const uint8_t *bytes, size_t len)
{
	struct xdp_md xdp = { .ingress_ifindex = rig->ifindex, .data_end = (uint32_t)len };
	struct __sk_buff skb = { .ingress_ifindex = rig->ifindex, .ifindex = rig->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = (uint32_t)len, .repeat = 1);

	opts.ctx_in = rig->hook == RIG_XDP ? (void *)&xdp : (void *)&skb;
	opts.ctx_size_in = rig->hook == RIG_XDP ? sizeof(xdp) : sizeof(skb);
	if (bpf_prog_test_run_opts(rig->program, &opts))
		bail_out("cannot run the program");
	return rig->hook == RIG_XDP ? (int)opts.retval : xdp_action((int)opts.retval);
}

static void read_counters(const struct rig *rig, struct xcarp_drops *sum)
{
	int n = libbpf_num_possible_cpus();
	struct xcarp_drops per_cpu[n];
	uint32_t zero = 0;

	memset(sum, 0, sizeof(*sum));
	if (bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.drops), &zero, per_cpu))
		bail_out("cannot read `drops`");
	for (int cpu = 0; cpu < n; cpu++)
		for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
			((uint64_t *)sum)[i] += ((uint64_t *)&per_cpu[cpu])[i];
}

uint64_t rig_counter(const struct rig *rig, int index)
{
	struct xcarp_drops sum;

	read_counters(rig, &sum);
	return ((uint64_t *)&sum)[index];
}

size_t rig_drain_owner(struct rig *rig, uint32_t owner)
{
	rig->n_records = 0;
	ring_buffer__consume(rig->rings[owner]);
	return rig->n_records;
}

size_t rig_drain(struct rig *rig)
{
	return rig_drain_owner(rig, RIG_OWNER);
}

struct outcome rig_judge(struct rig *rig, const uint8_t *bytes, size_t len)
{
	struct outcome outcome = { .verdict = VERDICT_NONE };
	struct xcarp_drops before, after;

	read_counters(rig, &before);
	outcome.action = rig_run(rig, bytes, len);
	read_counters(rig, &after);
	for (int i = 0; i < XCARP_VERDICT_COUNT; i++) {
		uint64_t moved = ((uint64_t *)&after)[i] - ((uint64_t *)&before)[i];

		if (moved)
			outcome.verdict = moved == 1 && outcome.verdict == VERDICT_NONE ? i : VERDICT_SEVERAL;
	}
	rig_drain(rig);
	if (rig->n_records)
		outcome.record = rig->n_records == 1 ? rig->records[0].type : VERDICT_SEVERAL;
	return outcome;
}

bool rig_woken(const struct rig *rig)
{
	struct epoll_event event;

	return epoll_wait(rig->epoll, &event, 1, WAKE_TIMEOUT_MS) == 1;
}

const char *outcome_text(const struct outcome *outcome, char text[64])
{
	static const char *const records[] = { "no record", "RECORD_ADVERT", "RECORD_NOTICE", "RECORD_DUPLICATE" };
	const char *verdict = outcome->verdict == VERDICT_NONE ? "uncounted" : "several counters";
	const char *record = "several records";

	if (outcome->verdict >= 0)
		verdict = verdict_names[outcome->verdict];
	if (outcome->record >= 0 && outcome->record <= RECORD_DUPLICATE)
		record = records[outcome->record];
	snprintf(text, 64, "%s %s %s",
		 outcome->action == XDP_PASS ? "XDP_PASS" : outcome->action == XDP_DROP ? "XDP_DROP" : "XDP_?",
		 verdict, record);
	return text;
}
