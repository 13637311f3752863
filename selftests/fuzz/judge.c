// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge.h"

#include <linux/bpf.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../reference.h"

#define CARP_LEN 36
#define OTHER_TRAFFIC (-1)

/* A frame, taken apart. Offsets are from its first byte. */
struct parts {
	const uint8_t *bytes;
	size_t len;
	uint32_t ifindex;
	int ip_version;
	bool is_arp; /* then ip is where that begins */
	uint16_t vlans[2]; /* those with a number, outermost first */
	size_t ip;
	size_t carp;
	int payload_len; /* as the IP header has it */
};

static unsigned int be16(const uint8_t *bytes)
{
	return (unsigned int)bytes[0] << 8 | bytes[1];
}

static uint64_t be64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Ethernet and its tags. False: of no kind that could hold an advert or a question for an address. */
static bool find_ip(struct parts *p)
{
	size_t at = 12;
	int tags = 0, numbered = 0;

	for (;; at += 4, tags++) {
		unsigned int ethertype, vlan;

		if (at + 2 > p->len)
			return false;
		ethertype = be16(p->bytes + at);
		if (ethertype == 0x0800 || ethertype == 0x86dd || ethertype == 0x0806) {
			p->ip_version = ethertype == 0x0800 ? 4 : 6;
			p->is_arp = ethertype == 0x0806;
			p->ip = at + 2;
			return true;
		}
		if ((ethertype != 0x8100 && ethertype != 0x88a8) || tags == 2 || at + 6 > p->len)
			return false;
		vlan = be16(p->bytes + at + 2) % 4096;
		if (vlan)
			p->vlans[numbered++] = (uint16_t)vlan;
	}
}

static unsigned int ipv4_header_len(const struct parts *p)
{
	return p->bytes[p->ip] % 16 * 4;
}

/* Protocol 112 behind an IP header of which at least the fixed part is there. */
static bool is_protocol_112(struct parts *p)
{
	const uint8_t *ip = p->bytes + p->ip;

	if (p->is_arp || p->ip + (p->ip_version == 4 ? 20 : 40) > p->len)
		return false;
	if (p->ip_version == 4) {
		p->carp = p->ip + (ipv4_header_len(p) < 20 ? 20 : ipv4_header_len(p));
		p->payload_len = (int)be16(ip + 2) - (int)ipv4_header_len(p);
		return ip[9] == 112;
	}
	p->carp = p->ip + 40;
	p->payload_len = (int)be16(ip + 4);
	return ip[6] == 112;
}

bool judge_find(const uint8_t *bytes, size_t len, struct frame *frame)
{
	struct parts p = { .bytes = bytes, .len = len };

	if (!find_ip(&p) || !is_protocol_112(&p))
		return false;
	frame->ip = p.ip;
	frame->carp = p.carp;
	frame->ip_version = p.ip_version;
	return true;
}

/* What can be told before it is known whose it is. */
static int look(const struct parts *p)
{
	const uint8_t *carp = p->bytes + p->carp;

	if (p->ip_version == 4 && be16(p->bytes + p->ip + 6) % 8192)
		return PASS_UNREADABLE;
	if (p->carp + 4 > p->len)
		return PASS_UNREADABLE;
	if (carp[0] / 16 == 3 || carp[3] != 7)
		return PASS_VRRP;
	/* VRRPv2 with seven addresses: a header of 8 bytes, the addresses, 8 bytes of authentication. */
	if (carp[0] / 16 == 2 && p->payload_len == 8 + 7 * 4 + 8)
		return PASS_VRRP;
	return ACCEPTED;
}

static bool is_for(const struct parts *p, const struct judge_vr *vr)
{
	static const uint8_t link_local[12] = { 0xff, 0x02 };
	const uint8_t *to = p->bytes + p->ip + (p->ip_version == 4 ? 16 : 24);

	if (vr->where.ifindex != p->ifindex || vr->where.ip_version != p->ip_version || vr->where.vlan != p->vlans[0] ||
	    vr->where.inner_vlan != p->vlans[1] || vr->where.vhid != p->bytes[p->carp + 1])
		return false;
	if (p->ip_version == 4)
		return !memcmp(to, vr->where.group, 4);
	return !memcmp(to, link_local, 12) && !memcmp(to + 12, vr->where.group, 4);
}

static struct judge_vr *find_vr(struct judge *judge, const struct parts *p)
{
	for (size_t i = 0; i < judge->count; i++)
		if (is_for(p, &judge->vrs[i]))
			return &judge->vrs[i];
	return NULL;
}

const struct judge_vr *judge_vr_of(const struct judge *judge, uint8_t vhid)
{
	for (size_t i = 0; i < judge->count; i++)
		if (judge->vrs[i].where.vhid == vhid)
			return &judge->vrs[i];
	return NULL;
}

static void read_source(const struct parts *p, uint8_t source[16])
{
	memset(source, 0, 16);
	memcpy(source, p->bytes + p->ip + (p->ip_version == 4 ? 12 : 8), p->ip_version == 4 ? 4 : 16);
}

/* RFC 1071: computed anew, without the one that is there. Zero has two forms. */
static bool has_checksum(const uint8_t *bytes, size_t len, size_t at)
{
	unsigned int sum = 0, right, is = be16(bytes + at);

	for (size_t i = 0; i < len; i += 2) {
		if (i != at)
			sum += be16(bytes + i);
		sum = sum % 65536 + sum / 65536;
	}
	right = 65535 - sum;
	return is == right || (!right && is == 65535);
}

/* xcarp's own way to authenticate an advert. */
static bool is_strong(const struct parts *p)
{
	return p->bytes[p->carp] / 16 == 4;
}

static uint64_t counter_of(const struct parts *p)
{
	return be64(p->bytes + p->carp + 8);
}

static uint32_t key_id(const struct parts *p)
{
	return (uint32_t)(be64(p->bytes + p->carp + 12) & UINT32_MAX);
}

/* The checks in the manual's order. */
static int check(const struct parts *p, const struct judge_vr *vr)
{
	const uint8_t *ip = p->bytes + p->ip, *carp = p->bytes + p->carp;
	uint8_t source[16];

	if (p->ip_version == 4 && ip[6] & 0x20)
		return DROP_FRAGMENT;
	if (carp[0] / 16 != 2 && !is_strong(p))
		return DROP_BAD_VERSION;
	if (is_strong(p) && vr->entry.auth == AUTH_HMAC_SHA1)
		return DROP_NOT_ENABLED;
	if (carp[0] % 16 != 1)
		return DROP_BAD_TYPE;
	if (ip[p->ip_version == 4 ? 8 : 7] != 255)
		return DROP_BAD_TTL;
	if (ip[0] / 16 != p->ip_version || (p->ip_version == 4 && ipv4_header_len(p) < 20) ||
	    p->payload_len != CARP_LEN)
		return DROP_BAD_LENGTH;
	if (p->carp + CARP_LEN > p->len)
		return DROP_TRUNCATED;
	read_source(p, source);
	if (!memcmp(source, vr->entry.source, 16))
		return DROP_OWN_SOURCE;
	if (p->ip_version == 4 && !has_checksum(ip, ipv4_header_len(p), 10))
		return DROP_BAD_IP_CHECKSUM;
	if (!has_checksum(carp, CARP_LEN, 6))
		return DROP_BAD_CHECKSUM;
	return ACCEPTED;
}

static bool has_good_hmac(const uint8_t *carp, const struct secret *secret)
{
	uint8_t md[REFERENCE_MD_LEN];

	reference_carp_md(md, (const uint8_t *)secret->password, strlen(secret->password), secret->vhid, secret->vips,
			  secret->n_vips, be64(carp + 8));
	return !memcmp(md, carp + 16, REFERENCE_MD_LEN);
}

/* 20 bytes of the header, without the checksum, and the source as the IP header has it. */
static bool has_good_tag(const struct parts *p, const struct strong_key *key)
{
	const uint8_t *carp = p->bytes + p->carp;
	size_t source_len = p->ip_version == 4 ? 4 : 16;
	uint8_t message[20 + 16], tag[16];

	memcpy(message, carp, 20);
	memset(message + 6, 0, 2);
	memcpy(message + 20, p->bytes + p->ip + (p->ip_version == 4 ? 12 : 8), source_len);
	crypto_shorthash_siphashx24(tag, message, 20 + source_len, key->bytes);
	return !memcmp(tag, carp + 20, sizeof(tag));
}

static int authenticate_strong(const struct parts *p, const struct judge_vr *vr)
{
	for (size_t i = 0; i < vr->n_strong; i++)
		if (vr->strong[i].id == key_id(p))
			return has_good_tag(p, &vr->strong[i]) ? ACCEPTED : DROP_BAD_TAG;
	return DROP_UNKNOWN_KEY;
}

static int authenticate(const struct parts *p, const struct judge_vr *vr)
{
	if (is_strong(p))
		return authenticate_strong(p, vr);
	if (vr->entry.auth == AUTH_SIPHASH)
		return DROP_WEAK_AUTH;
	return has_good_hmac(p->bytes + p->carp, vr->secret) ? ACCEPTED : DROP_BAD_HMAC;
}

static struct xcarp_record *add_record(struct judgement *j, const struct parts *p, enum xcarp_record_type type)
{
	struct xcarp_record *record = &j->records[j->record_count++];

	*record = (struct xcarp_record){
		.counter = p->carp + CARP_LEN <= p->len ? counter_of(p) : 0,
		.index = j->vr->entry.index,
		.generation = j->vr->entry.generation,
		.abi_version = XCARP_ABI_VERSION,
		.type = (uint8_t)type,
		.ip_version = (uint8_t)p->ip_version,
	};
	read_source(p, record->source);
	return record;
}

/* Is a span over? Where it ends while the program looks, by a clock that may be a tick behind, it says so itself. */
static bool is_over(uint64_t since_ns, uint64_t span_ns, const struct judge_times *times, bool program_says_so)
{
	if (times->after_ns < since_ns + span_ns)
		return false;
	return times->before_ns >= since_ns + span_ns + times->behind_ns || program_says_so;
}

/* At most one a second of each reason, with how many there were since the last. Without a ring the next one tells. */
static void notice(struct judgement *j, const struct parts *p, int verdict, uint32_t *count, __u64 *notice_ns,
		   const struct judge_times *times)
{
	struct xcarp_record *record;

	++*count;
	if (*notice_ns && !is_over(*notice_ns, XCARP_NOTICE_INTERVAL_NS, times, times->notice_ns))
		return;
	*notice_ns = times->notice_ns;
	if (!j->vr->has_ring)
		return;
	record = add_record(j, p, RECORD_NOTICE);
	record->reason = (uint8_t)verdict;
	record->count = *count;
	if (verdict == DROP_UNKNOWN_KEY)
		record->counter = key_id(p);
	*count = 0;
}

/* Replays. Distances between counters are modulo 2^64: counting goes over the end. */

#define AHEAD (1ull << 40) /* 18 minutes of nanoseconds: so far ahead somebody goes on counting */
#define BEHIND (1ull << 44) /* 5 hours: so far below a run everything is from before */
#define CHANGES_MAX 2 /* counters in a row that came too soon and are believed all the same */

static bool is_run(const struct judge_run *run)
{
	return run->low || run->high;
}

static bool is_used(const struct judge_run *run, uint64_t counter)
{
	uint64_t below_high = run->high - counter, width = run->high - run->low;

	return below_high <= width + BEHIND;
}

static bool is_next(uint64_t last, uint64_t counter)
{
	uint64_t distance = counter - last;

	return distance >= 1 && distance <= AHEAD;
}

static struct judge_peer *find_peer(struct judge_memory *memory, const uint8_t source[16])
{
	for (int i = 0; i < 4; i++)
		if (memory->peers[i].heard_ns && !memcmp(memory->peers[i].address, source, 16))
			return &memory->peers[i];
	return NULL;
}

static bool was_single(const struct judge_memory *memory, uint64_t counter)
{
	for (size_t i = 0; i < memory->single_count; i++)
		if (memory->singles[i] == counter)
			return true;
	return false;
}

static void remember_single(struct judge_memory *memory, uint64_t counter)
{
	/* Grows at each power of two. */
	if (!(memory->single_count & (memory->single_count - 1)))
		memory->singles = realloc(memory->singles, (2 * memory->single_count + 1) * sizeof(counter));
	if (!memory->singles)
		abort();
	memory->singles[memory->single_count++] = counter;
}

enum freshness {
	GOES_ON, /* after a run, or after our own */
	IS_LATE, /* among those that a run has left out */
	IS_REPEATED, /* by somebody who has never done otherwise */
	IS_SINGLE,
	IS_DOUBTFUL, /* old by where it lies, but was never heard */
	IS_OLD,
	IS_OFF, /* strict: too far from our time of day for a first one */
};

static unsigned int kind_of_end(uint64_t counter)
{
	return (unsigned int)(counter / 1024 % 64);
}

static bool is_in(const struct judge_run *run, uint64_t counter)
{
	return is_run(run) && counter - run->low <= run->high - run->low;
}

/* Was it counted through, as far as can be told? */
static bool was_counted(const struct judge_memory *memory, uint64_t counter)
{
	bool is_in_one = false;

	for (int i = 0; i < 3; i++)
		is_in_one |= is_in(&memory->runs[i], counter);
	return is_in_one && memory->counted_ends[kind_of_end(counter)];
}

/* The newest of one of which no more is known than that, or that it repeats it. */
static bool is_repeatable(const struct judge_memory *memory, uint64_t counter)
{
	for (int i = 0; i < 4; i++) {
		const struct judge_peer *peer = &memory->peers[i];

		if (peer->heard_ns && peer->last == counter && (peer->habit == PEER_REPEATS || peer->habit == PEER_SENT_ONE))
			return true;
		if (counter && memory->retired[i] == counter)
			return true;
	}
	return false;
}

static bool is_below_a_peer(const struct judge_memory *memory, uint64_t counter)
{
	for (int i = 0; i < 4; i++)
		if (memory->peers[i].heard_ns && memory->peers[i].last - counter <= BEHIND)
			return true;
	return false;
}

/* Three of its intervals, and our down time at least. */
static uint64_t patience_ns(unsigned int interval_256ths, uint64_t down_ns)
{
	uint64_t own_ns = 3ull * interval_256ths * 3906250;

	return interval_256ths == 65535 || own_ns < down_ns ? down_ns : own_ns;
}

static bool is_long_ago(uint64_t when_ns, uint64_t now_ns, uint64_t span_ns)
{
	return now_ns >= when_ns && now_ns - when_ns >= span_ns;
}

static void note_xcarp(struct judge_memory *memory, const uint8_t source[16], uint64_t counter)
{
	uint32_t end = (uint32_t)source[0] << 24 | (uint32_t)source[1] << 16 | (uint32_t)source[2] << 8 | source[3];

	for (int i = 4; i < 16; i++)
		if (source[i])
			return;
	end = end * 2654435769u / 65536;
	if (counter % 65536 != end)
		return;
	memory->xcarp_ends[kind_of_end(end)] = true;
	memory->xcarp_ends[kind_of_end(end + 255)] = true;
}

/* Ours all end alike. */
static bool is_ours(uint64_t sent, uint64_t counter)
{
	return sent && sent - counter < UINT64_C(1) << 58 && counter % 65536 == sent % 65536;
}

static uint64_t lag_ns_of(const struct judge_vr *vr)
{
	return vr->live->down_ns + UINT64_C(68719476736);
}

/* A peer counts on from one of our adverts, but not from the last, or has not heard us at all. */
static bool may_have_missed_our_last(const struct judge_vr *vr, bool is_next_advert, uint64_t counter)
{
	return is_next_advert || vr->live->sent_counter - counter <= lag_ns_of(vr);
}

static bool is_next_advert(uint64_t high, uint64_t counter)
{
	return counter != high && counter - high <= 65536;
}

static enum freshness look_strictly(const struct judge_vr *vr, uint64_t counter, const struct judge_times *times)
{
	const struct judge_memory *memory = &vr->memory;
	uint64_t ceiling = memory->ceiling;

	if (memory->awaits_first) {
		if (counter <= memory->floor || counter > ceiling + times->after_ns)
			return IS_OFF;
		if (counter > ceiling + times->before_ns && times->verdict == DROP_BAD_CLOCK)
			return IS_OFF;
	}
	if (counter <= memory->strict.high || counter <= memory->floor)
		return IS_OLD;
	if (counter > vr->live->sent_counter)
		return GOES_ON;
	if (is_ours(vr->live->sent_counter, counter))
		return IS_OLD;
	return may_have_missed_our_last(vr, is_next_advert(memory->strict.high, counter), counter) ? GOES_ON : IS_OLD;
}

static bool is_answer_to_ours(const struct judge_vr *vr, uint64_t counter)
{
	const uint64_t sent = vr->live->sent_counter, ahead = counter - sent;

	if (!sent || (ahead > 256 && sent - counter > lag_ns_of(vr)))
		return false;
	return ahead % 65536 >= 1 && ahead % 65536 <= 256;
}

/* Where nobody was heard with it: the gap. */
static struct judge_gap *find_gap(struct judge_memory *memory, uint64_t counter)
{
	for (int i = 0; i < 4; i++) {
		uint64_t room = memory->gaps[i].to - memory->gaps[i].from, at = counter - memory->gaps[i].from;

		if (at >= 1 && at < room && room < UINT64_C(1) << 63)
			return &memory->gaps[i];
	}
	return NULL;
}

static bool is_late(struct judge_vr *vr, uint64_t counter)
{
	const struct judge_gap *gap = find_gap(&vr->memory, counter);

	return gap && (counter - gap->from <= 32768 || is_answer_to_ours(vr, counter));
}

static enum freshness if_never_heard(const struct judge_memory *memory, uint64_t counter)
{
	return was_single(memory, counter) ? IS_OLD : IS_DOUBTFUL;
}

/* *run: which one it goes on from; NULL: our own, or that of what was taken strictly. */
static enum freshness look_at_counter(struct judge_vr *vr, const struct judge_peer *peer, bool is_strict, bool is_strong,
				      uint64_t counter, const struct judge_times *times, struct judge_run **run)
{
	struct judge_memory *memory = &vr->memory;
	uint64_t sent = vr->live->sent_counter;
	bool goes_on = false, is_next_of_one = false, is_used_but_late = false, is_below_ours;
	struct judge_run *nearest = NULL;

	*run = &memory->strict;
	if (is_strict && !is_strong)
		for (int i = 0; i < 3; i++)
			if (is_run(&memory->runs[i]) && is_used(&memory->runs[i], counter))
				return IS_OLD;
	if (is_strict)
		return look_strictly(vr, counter, times);
	if (is_repeatable(memory, counter))
		return IS_REPEATED;
	if (is_ours(sent, counter))
		return IS_OLD;
	is_next_of_one = peer && is_next_advert(peer->last, counter);
	for (int i = 0; i < 3; i++)
		is_next_of_one |= is_run(&memory->runs[i]) && is_next_advert(memory->runs[i].high, counter);
	if (is_late(vr, counter))
		is_next_of_one = true;
	is_below_ours = sent && is_used(&(struct judge_run){ sent, sent }, counter) &&
			!may_have_missed_our_last(vr, is_next_of_one, counter);
	if (memory->strict.high && is_used(&memory->strict, counter))
		return IS_OLD;
	if ((sent && is_next(sent, counter)) || (memory->strict.high && is_next(memory->strict.high, counter))) {
		goes_on = true;
		*run = NULL;
	}
	for (int i = 0; i < 3; i++) {
		struct judge_run *known = &memory->runs[i];

		if (!is_run(known))
			continue;
		if (is_used(known, counter) && !is_late(vr, counter))
			return was_counted(memory, counter) ? IS_OLD : if_never_heard(memory, counter);
		if (is_used(known, counter))
			is_used_but_late = true;
		if (!is_next(known->high, counter) || (nearest && counter - known->high >= counter - nearest->high))
			continue;
		goes_on = true;
		*run = nearest = known;
	}
	if (is_used_but_late)
		return IS_LATE;
	if (is_below_ours || is_below_a_peer(memory, counter))
		return if_never_heard(memory, counter);
	if (goes_on)
		return GOES_ON;
	if (sent && sent - counter <= lag_ns_of(vr)) {
		*run = NULL;
		return GOES_ON;
	}
	return was_single(memory, counter) ? IS_OLD : IS_SINGLE;
}

static void add_gap(struct judge_memory *memory, uint64_t from, uint64_t to)
{
	memory->gaps[memory->next_gap++ % 4] = (struct judge_gap){ from, to };
}

/* Nobody was heard with what lies between. */
static void leave_out(struct judge_memory *memory, uint64_t from, uint64_t to)
{
	if (to - from > 32768)
		add_gap(memory, from, to);
}

static void move_on(struct judge_memory *memory, struct judge_run *run, uint64_t counter)
{
	uint64_t before = run->high;

	run->high = counter;
	if (run == &memory->strict)
		return;
	memory->counted_ends[kind_of_end(counter)] = true;
	leave_out(memory, before, counter);
}

static void fill_gap(struct judge_memory *memory, uint64_t counter)
{
	struct judge_gap *gap = find_gap(memory, counter), whole = *gap;

	memory->counted_ends[kind_of_end(counter)] = true;
	for (int i = 0; i < 3; i++)
		if (is_run(&memory->runs[i]) && counter != memory->runs[i].low &&
		    memory->runs[i].low - counter <= UINT64_C(68719476736))
			memory->runs[i].low = counter;
	if (counter - gap->from <= 32768) {
		gap->from = counter;
	} else {
		gap->to = counter;
		add_gap(memory, counter, whole.to);
	}
}

static void begin_run(struct judge_memory *memory, uint64_t low, uint64_t high)
{
	if (is_run(&memory->runs[2]))
		for (int i = 0; i < 4; i++)
			memory->gaps[i].to = memory->gaps[i].from;
	memmove(&memory->runs[1], &memory->runs[0], 2 * sizeof(memory->runs[0]));
	memory->runs[0] = (struct judge_run){ low || high ? low : UINT64_MAX, high };
	memory->counted_ends[kind_of_end(low)] = memory->counted_ends[kind_of_end(high)] = true;
	leave_out(memory, low, high);
}

/* Two numbers of which one follows the other begin a run, whoever they are from. */
static bool begins_to_count(struct judge_memory *memory, const struct judge_peer *sender, uint64_t counter)
{
	for (int i = 0; i < 4; i++) {
		const struct judge_peer *peer = &memory->peers[i];

		if (!peer->heard_ns || (peer->habit == PEER_REPEATS && peer != sender) || !is_next(peer->last, counter))
			continue;
		begin_run(memory, peer->last, counter);
		return true;
	}
	return false;
}

/* From our own: with a run of the last hundred days, if there is one. */
static void go_on_from_our_own(struct judge_memory *memory, const struct judge_peer *sender, uint64_t counter)
{
	struct judge_run *below = NULL;
	bool is_first;

	for (int i = 0; i < 3; i++) {
		struct judge_run *known = &memory->runs[i];

		if (is_run(known) && counter - known->high < UINT64_C(1) << 53 &&
		    (!below || known->high - below->high < UINT64_C(1) << 63))
			below = known;
	}
	if (below) {
		move_on(memory, below, counter);
		return;
	}
	if (begins_to_count(memory, sender, counter))
		return;
	is_first = !is_run(&memory->runs[2]);
	begin_run(memory, counter, counter);
	if (is_first)
		leave_out(memory, counter - UINT64_C(68719476736), counter);
}

static enum freshness learn_counter(struct judge_memory *memory, const struct judge_peer *sender, enum freshness freshness, struct judge_run *run,
				    bool is_strict, uint64_t counter)
{
	if (freshness == IS_SINGLE) {
		remember_single(memory, counter);
		return begins_to_count(memory, sender, counter) ? GOES_ON : IS_SINGLE;
	}
	if (freshness == IS_LATE)
		fill_gap(memory, counter);
	if (freshness != GOES_ON)
		return freshness;
	if (!run) {
		remember_single(memory, counter);
		go_on_from_our_own(memory, sender, counter);
	}
	else if (is_strict && !run->high)
		*run = (struct judge_run){ counter, counter };
	else
		move_on(memory, run, counter);
	memory->awaits_first &= !is_strict;
	return GOES_ON;
}

static bool may_repeat(const struct judge_peer *peer)
{
	return peer->heard_ns && (peer->habit == PEER_SENT_ONE || peer->habit == PEER_REPEATS);
}

static void retire(struct judge_memory *memory, uint64_t counter)
{
	for (int i = 0; i < 4; i++)
		if (counter && memory->retired[i] == counter)
			return;
	memory->retired[memory->next_retired++ % 4] = counter;
}

/* Who was not heard for longest makes room. */
static struct judge_peer *new_peer(struct judge_memory *memory, const uint8_t source[16])
{
	struct judge_peer *peer = &memory->peers[0];

	for (int i = 1; i < 4; i++)
		if (memory->peers[i].heard_ns < peer->heard_ns)
			peer = &memory->peers[i];
	if (may_repeat(peer))
		retire(memory, peer->last);
	*peer = (struct judge_peer){ .heard_ns = 0 };
	memcpy(peer->address, source, 16);
	return peer;
}

static void learn_single(struct judge_peer *peer, uint64_t arrival_ns, uint64_t down_ns)
{
	if (!peer->heard_ns || is_long_ago(peer->since_ns, arrival_ns, patience_ns(peer->interval_256ths, peer->interval_256ths ? 0 : down_ns)))
		peer->changes = 0;
	else if (peer->habit == PEER_IS_RANDOM)
		peer->changes = CHANGES_MAX + 1;
	else
		peer->changes++;
	peer->habit = peer->changes > CHANGES_MAX ? PEER_IS_RANDOM : PEER_SENT_ONE;
}

static void learn_peer(struct judge_memory *memory, struct judge_peer *peer, enum freshness freshness, uint64_t counter,
		       unsigned int interval_256ths, uint64_t arrival_ns, uint64_t down_ns)
{
	bool is_another = !peer->heard_ns || peer->last != counter;

	if (is_another && may_repeat(peer))
		for (int i = 0; i < 4; i++)
			if (memory->retired[i] == peer->last)
				memory->retired[i] = 0;
	if (freshness == IS_REPEATED) {
		peer->habit = PEER_REPEATS;
	} else if (freshness == IS_SINGLE) {
		learn_single(peer, arrival_ns, down_ns);
	} else {
		peer->habit = PEER_COUNTS;
		peer->changes = 0;
	}
	if (is_another && interval_256ths != 65535)
		peer->interval_256ths = interval_256ths;
	if (is_another)
		peer->since_ns = arrival_ns;
	peer->last = counter;
	peer->heard_ns = arrival_ns;
	note_xcarp(memory, peer->address, counter);
}

/* Is somebody there who lives by this number? *run: as in look_at_counter(). */
static enum freshness settle(struct judge_vr *vr, const struct judge_peer *peer, const uint8_t source[16], uint64_t counter,
			     unsigned int interval_256ths, uint64_t arrival_ns)
{
	struct judge_memory *memory = &vr->memory;
	struct judge_doubt *doubt = &memory->doubt;
	uint64_t down_ns = vr->live->down_ns, sent = vr->live->sent_counter;
	uint64_t span_ns = patience_ns(interval_256ths, down_ns);
	bool is_counted = false;

	note_xcarp(memory, source, counter);
	for (int i = 0; i < 3; i++)
		is_counted |= is_run(&memory->runs[i]) && is_used(&memory->runs[i], counter);
	if (peer && !is_long_ago(peer->heard_ns, arrival_ns, patience_ns(peer->interval_256ths, down_ns)))
		return is_next(peer->last, counter) && !is_counted ? GOES_ON : IS_OLD;
	if (memory->xcarp_ends[kind_of_end(counter)] || (sent && (counter - sent) % 65536 < 256))
		return IS_OLD;
	if (doubt->copies && doubt->counter != counter && !is_long_ago(doubt->heard_ns, arrival_ns, down_ns))
		return IS_OLD;
	if (!doubt->copies || doubt->counter != counter || is_long_ago(doubt->heard_ns, arrival_ns, span_ns))
		*doubt = (struct judge_doubt){ .counter = counter, .since_ns = arrival_ns };
	doubt->heard_ns = arrival_ns;
	if (++doubt->copies < 3 || !is_long_ago(doubt->since_ns, arrival_ns, span_ns / 2))
		return IS_OLD;
	doubt->copies = 0;
	return IS_REPEATED;
}

/* Floods: once so many signatures of strangers were wrong, no other stranger's is looked at while a master is known. */

#define FLOOD_NS 100000000ull
#define FLOOD_WRONG 2000

static uint64_t alive_ns(const struct vr_live *live)
{
	return 3 * (live->interval_256ths * 1000000000ull / 256);
}

static bool is_flooded(const struct judge_vr *vr, const struct judge_times *times)
{
	const struct vr_live *live = vr->live;
	bool says_no = times->verdict != DROP_FLOOD;

	if (vr->memory.wrong < FLOOD_WRONG || is_over(vr->memory.window_ns, FLOOD_NS, times, says_no))
		return false;
	return live->state == MASTER ||
	       (live->arrival_ns && !is_over(live->arrival_ns, alive_ns(live), times, says_no));
}

static void count_wrong(struct judge_memory *memory, const struct judge_times *times)
{
	if (is_over(memory->window_ns, FLOOD_NS, times, times->window_ns)) {
		memory->window_ns = times->window_ns;
		memory->wrong = 0;
	}
	memory->wrong++;
}

static void note_refusal(const struct parts *p, struct judge_vr *vr, int verdict)
{
	vr->memory.refusals[verdict].count++;
	read_source(p, vr->memory.refusals[verdict].source);
}

static int refuse(struct judgement *j, const struct parts *p, struct judge_vr *vr, int verdict,
		  const struct judge_times *times)
{
	static const enum guard_reason reasons[XCARP_VERDICT_COUNT] = {
		[DROP_REPLAYED] = GUARD_REPLAYED,
		[PASS_VRRP] = GUARD_VRRP,
		[DROP_BAD_CLOCK] = GUARD_BAD_CLOCK,
		[DROP_FLOOD] = GUARD_FLOOD,
		[DROP_OWN_SOURCE] = GUARD_OWN_SOURCE,
		[DROP_NOT_ENABLED] = GUARD_NOT_ENABLED,
		[DROP_BAD_TYPE] = GUARD_MALFORMED,
		[DROP_BAD_TTL] = GUARD_MALFORMED,
		[DROP_FRAGMENT] = GUARD_MALFORMED,
		[DROP_BAD_LENGTH] = GUARD_MALFORMED,
		[DROP_TRUNCATED] = GUARD_MALFORMED,
		[DROP_BAD_IP_CHECKSUM] = GUARD_MALFORMED,
		[DROP_BAD_CHECKSUM] = GUARD_MALFORMED,
	};
	struct judge_notice *limit = &vr->memory.notices[reasons[verdict]];

	note_refusal(p, vr, verdict);
	notice(j, p, verdict, &limit->count, &limit->notice_ns, times);
	return verdict;
}

/* The fence: what is owed once somebody else was heard while we are master. */
static void watch_other_master(struct judge *judge, struct judge_vr *vr, const uint8_t *carp, uint64_t arrival_ns)
{
	struct judge_memory *memory = &vr->memory;
	uint64_t until_ns = arrival_ns + alive_ns(vr->live) + 1000000000;

	if (carp[5] == 255 && carp[2] == 255) {
		memory->unanswered_ns = 0;
		return;
	}
	if (memory->unanswered_ns <= vr->live->answered_ns)
		memory->unanswered_ns = arrival_ns;
	if (judge->watch_until_ns < until_ns)
		judge->watch_until_ns = until_ns;
}

/* The newest advert is in `live`; what the election may judge otherwise than the one before is in the ring too. */
static void accept(struct judge *judge, struct judgement *j, struct judge_vr *vr, const struct parts *p,
		   const struct judge_times *times)
{
	const uint8_t *carp = p->bytes + p->carp;
	struct vr_live *live = vr->live;
	uint16_t interval_256ths = (uint16_t)be16((const uint8_t[]){ carp[5], carp[2] });
	struct xcarp_record *record;
	uint8_t source[16];
	bool is_news;

	read_source(p, source);
	is_news = memcmp(source, live->source, 16) || live->interval_256ths != interval_256ths ||
		  live->demote != carp[4] || live->arrival_ns < live->since_ns || live->state == MASTER ||
		  live->generation != vr->entry.generation || vr->entry.every;
	live->interval_256ths = interval_256ths;
	live->is_strong = is_strong(p);
	live->arrival_ns = times->arrival_ns;
	live->counter = counter_of(p);
	memcpy(live->source, source, 16);
	live->advbase = carp[5];
	live->advskew = carp[2];
	live->demote = carp[4];
	live->ip_version = (uint8_t)p->ip_version;
	live->accepted++;
	if (live->state == MASTER)
		watch_other_master(judge, vr, carp, times->arrival_ns);
	if (!is_news)
		return;
	j->is_ring_full = !vr->has_ring;
	if (j->is_ring_full)
		return;
	record = add_record(j, p, RECORD_ADVERT);
	record->advbase = carp[5];
	record->advskew = carp[2];
	record->demote = carp[4];
	record->is_strong = is_strong(p);
}

/* Is it fresh, is it authentic, and what follows. */
static int admit(struct judge *judge, struct judgement *j, struct judge_vr *vr, const struct parts *p,
		 const struct judge_times *times)
{
	uint64_t counter = counter_of(p);
	/* Strong adverts come from xcarp alone, which counts by the time of day. */
	bool is_strict = is_strong(p) || vr->live->replay == REPLAY_STRICT;
	bool is_off = !is_strict && vr->live->replay == REPLAY_OFF;
	unsigned int interval_256ths = p->bytes[p->carp + 5] * 256u + p->bytes[p->carp + 2];
	enum freshness freshness = GOES_ON;
	struct judge_run *run = NULL;
	struct judge_peer *peer;
	uint8_t source[16];
	int verdict;

	read_source(p, source);
	peer = find_peer(&vr->memory, source);
	if (!peer && is_flooded(vr, times))
		return refuse(j, p, vr, DROP_FLOOD, times);
	if (!is_off)
		freshness = look_at_counter(vr, peer, is_strict, is_strong(p), counter, times, &run);
	if (freshness == IS_OLD || freshness == IS_OFF)
		return refuse(j, p, vr, freshness == IS_OFF ? DROP_BAD_CLOCK : DROP_REPLAYED, times);

	verdict = authenticate(p, vr);
	if (verdict) {
		if (!peer)
			count_wrong(&vr->memory, times);
		note_refusal(p, vr, verdict);
		notice(j, p, verdict, &vr->live->bad_hmac, &vr->live->notice_ns, times);
		return verdict;
	}
	if ((freshness == GOES_ON || freshness == IS_LATE) && !is_off && !is_strict && was_single(&vr->memory, counter))
		return refuse(j, p, vr, DROP_REPLAYED, times);
	if (freshness == IS_DOUBTFUL) {
		freshness = settle(vr, peer, source, counter, interval_256ths, times->arrival_ns);
		run = NULL;
		if (freshness == IS_OLD)
			return refuse(j, p, vr, DROP_REPLAYED, times);
	}
	if (freshness == IS_REPEATED && peer && peer->habit != PEER_REPEATS && vr->has_ring)
		add_record(j, p, RECORD_NOTICE)->count = 1;
	if (!is_off)
		freshness = learn_counter(&vr->memory, peer, freshness, run, is_strict, counter);
	learn_peer(&vr->memory, peer ?: new_peer(&vr->memory, source), freshness, counter, interval_256ths, times->arrival_ns,
		   vr->live->down_ns);
	accept(judge, j, vr, p, times);
	return ACCEPTED;
}

/* All but what came back of our own. */
static bool is_misfit(const struct parts *p, const struct judge_vr *vr, int verdict)
{
	return verdict != DROP_OWN_SOURCE || counter_of(p) != vr->live->sent_counter;
}

/* Which virtual router somebody else's is; none has a group in another scope. */
static bool is_stranger(const struct parts *p, struct vr_key *key)
{
	static const uint8_t link_local[12] = { 0xff, 0x02 };
	const uint8_t *to = p->bytes + p->ip + (p->ip_version == 4 ? 16 : 24);

	if (p->ip_version == 6 && memcmp(to, link_local, 12))
		return false;
	*key = (struct vr_key){ .ifindex = p->ifindex & 0x1fffffff,
				.ip_version = (uint32_t)p->ip_version & 7,
				.vlan = p->vlans[0] & 4095u,
				.inner_vlan = p->vlans[1] & 4095u,
				.vhid = p->bytes[p->carp + 1] };
	memcpy(key->group, p->ip_version == 4 ? to : to + 12, 4);
	return true;
}

/* A VRRP router's advert is passed, but that it has the id of one of ours is told. */
static void judge_vrrp(struct judge *judge, struct judgement *j, const struct parts *p, const struct judge_times *times)
{
	int version = p->bytes[p->carp] == 0x21 ? 2 : p->bytes[p->carp] == 0x31 ? 3 : 0;
	int fixed = version == 2 ? 8 + 8 : 8; /* the header, and version 2's authentication */
	struct judge_vr *vr = find_vr(judge, p);
	uint8_t source[16];

	read_source(p, source);
	if (!version || p->payload_len != fixed + p->bytes[p->carp + 3] * (p->ip_version == 4 ? 4 : 16) || !vr || !vr->live ||
	    vr->entry.abi_version != XCARP_ABI_VERSION || !memcmp(source, vr->entry.source, 16))
		return;
	j->vr = vr;
	refuse(j, p, vr, PASS_VRRP, times);
}

static void hear_stranger(struct judge *judge, struct judgement *j, const struct parts *p)
{
	const uint8_t *carp = p->bytes + p->carp;
	struct vr_key key;
	uint32_t at = 0;

	if (!is_stranger(p, &key) || !key.vhid)
		return;
	for (size_t i = 0; i < sizeof(key); i++)
		at = at * 31 + ((const uint8_t *)&key)[i];
	at %= JUDGE_STRANGERS_MAX;
	while (judge->strangers[at].count && memcmp(&judge->strangers[at].key, &key, sizeof(key)))
		at = (at + 1) % JUDGE_STRANGERS_MAX;
	judge->strangers[at].key = key;
	judge->stranger_count += !judge->strangers[at].count++;
	j->stranger = &judge->strangers[at].key;
	j->heard = (struct stranger){ .count = judge->strangers[at].count, .version = carp[0] / 16, .advskew = carp[2] };
	if (p->carp + CARP_LEN <= p->len)
		j->heard.advbase = carp[5];
	read_source(p, j->heard.source);
}

static int judge_112(struct judge *judge, struct judgement *j, const struct parts *p, const struct judge_times *times)
{
	struct judge_vr *vr;
	int verdict = look(p);

	if (verdict == PASS_VRRP)
		judge_vrrp(judge, j, p, times);
	if (verdict)
		return verdict;
	vr = find_vr(judge, p);
	j->vr = vr;
	if (!vr) {
		hear_stranger(judge, j, p);
		return PASS_NO_VROUTER;
	}
	if (vr->entry.abi_version != XCARP_ABI_VERSION)
		return PASS_ABI_MISMATCH;
	verdict = check(p, vr);
	if (verdict == DROP_BAD_VERSION && vr->live)
		note_refusal(p, vr, verdict);
	else if (verdict && vr->live && is_misfit(p, vr, verdict))
		return refuse(j, p, vr, verdict, times);
	if (verdict)
		return verdict;
	return vr->live ? admit(judge, j, vr, p, times) : PASS_NO_VROUTER;
}

/* Questions for an address: who has it? */

static bool read_question(const struct parts *p, struct vip_key *asked)
{
	const uint8_t *at = p->bytes + p->ip;

	*asked = (struct vip_key){ .ifindex = p->ifindex, .ip_version = p->is_arp ? 4 : 6 };
	if (p->is_arp) {
		if (p->ip + 28 > p->len || be16(at + 2) != 0x0800 || be16(at + 6) != 1)
			return false;
		memcpy(asked->address, at + 24, 4);
		return true;
	}
	if (p->ip_version != 6 || p->ip + 40 + 24 > p->len || at[6] != 58 || at[40] != 135)
		return false;
	memcpy(asked->address, at + 48, 16);
	return true;
}

static struct judge_vr *owner_of(struct judge *judge, const struct vip_key *asked, bool must_be_held)
{
	for (size_t i = 0; i < judge->vip_count; i++) {
		if (memcmp(&judge->vips[i].key, asked, sizeof(*asked)) || (must_be_held && !judge->vips[i].entry.held))
			continue;
		for (size_t j = 0; j < judge->count; j++)
			if (judge->vrs[j].live && judge->vrs[j].entry.slot == judge->vips[i].entry.slot)
				return &judge->vrs[j];
	}
	return NULL;
}

/* Who says that he has an address: any ARP packet's sender, and a neighbour advertisement's. NULL: it is none of these. */
static const uint8_t *read_claim(const struct parts *p, struct vip_key *claimed)
{
	const uint8_t *at = p->bytes + p->ip;

	*claimed = (struct vip_key){ .ifindex = p->ifindex, .ip_version = p->is_arp ? 4 : 6 };
	if (p->is_arp) {
		if (p->ip + 28 > p->len || be16(at + 2) != 0x0800)
			return NULL;
		memcpy(claimed->address, at + 14, 4);
		return at + 8;
	}
	if (p->ip_version != 6 || p->ip + 40 + 24 > p->len || at[6] != 58 || at[40] != 136)
		return NULL;
	memcpy(claimed->address, at + 48, 16);
	return p->bytes + 6;
}

static void judge_claim(struct judge *judge, struct judgement *j, const struct parts *p, const struct judge_times *times)
{
	struct judge_notice *limit;
	struct xcarp_record *record;
	struct vip_key claimed;
	const uint8_t *mac = read_claim(p, &claimed);
	struct judge_vr *vr;

	if (!mac || p->vlans[0] || !(judge->vip_endings >> claimed.address[p->is_arp ? 3 : 15] % 64 & 1))
		return;
	vr = owner_of(judge, &claimed, false);
	if (!vr || vr->live->state != MASTER || !memcmp(mac, vr->live->mac, 6))
		return;
	j->vr = vr;
	limit = &vr->memory.duplicates;
	limit->count++;
	if (limit->notice_ns && !is_over(limit->notice_ns, XCARP_NOTICE_INTERVAL_NS, times, times->notice_ns))
		return;
	limit->notice_ns = times->notice_ns;
	if (!vr->has_ring)
		return;
	record = &j->records[j->record_count++];
	*record = (struct xcarp_record){
		.index = vr->entry.index,
		.generation = vr->live->generation,
		.abi_version = XCARP_ABI_VERSION,
		.type = RECORD_DUPLICATE,
		.ip_version = claimed.ip_version,
		.count = limit->count,
	};
	memcpy((uint8_t *)&record->counter + 2, mac, 6);
	memcpy(record->source, claimed.address, sizeof(record->source));
	limit->count = 0;
}

/* By exact clocks: no tick is to be waited for. */
static bool is_after(uint64_t deadline_ns, const struct judge_times *times, bool program_says_so)
{
	return times->before_ns > deadline_ns || (times->after_ns > deadline_ns && program_says_so);
}

static bool is_fenced(const struct judge_vr *vr, const struct judge_times *times)
{
	const struct vr_live *live = vr->live;
	uint64_t fence_after_ns = live->fence_after_us * 1000ull;
	bool says_yes = times->verdict == DROP_FENCED;

	if (live->state != MASTER)
		return true;
	return vr->memory.unanswered_ns > live->answered_ns &&
	       is_after(vr->memory.unanswered_ns + fence_after_ns, times, says_yes) &&
	       !is_after(live->arrival_ns + alive_ns(live) + fence_after_ns - 1, times, !says_yes);
}

static int judge_question(struct judge *judge, const struct parts *p, const struct judge_times *times)
{
	struct vip_key asked;
	struct judge_vr *vr;

	if (!judge->watch_until_ns || is_after(judge->watch_until_ns, times, times->verdict != DROP_FENCED) ||
	    !read_question(p, &asked))
		return OTHER_TRAFFIC;
	vr = owner_of(judge, &asked, true);
	if (!vr || !is_fenced(vr, times))
		return OTHER_TRAFFIC;
	vr->memory.fenced++;
	return DROP_FENCED;
}

static int action_of(const struct judgement *j)
{
	switch (j->verdict) {
	case OTHER_TRAFFIC:
	case PASS_NO_VROUTER:
	case PASS_VRRP:
	case PASS_UNREADABLE:
	case PASS_ABI_MISMATCH:
		return XDP_PASS;
	case ACCEPTED:
		return j->vr->entry.tap ? XDP_PASS : XDP_DROP;
	default:
		return XDP_DROP;
	}
}

struct judgement judge_frame(struct judge *judge, uint32_t ifindex, const uint8_t *bytes, size_t len,
			     const struct judge_times *times)
{
	struct parts p = { .bytes = bytes, .len = len, .ifindex = ifindex };
	struct judgement j = { .verdict = OTHER_TRAFFIC };

	if (!find_ip(&p)) {
		j.verdict = OTHER_TRAFFIC;
	} else if (is_protocol_112(&p)) {
		j.verdict = judge_112(judge, &j, &p, times);
	} else {
		judge_claim(judge, &j, &p, times);
		j.verdict = judge_question(judge, &p, times);
	}
	j.action = action_of(&j);
	return j;
}
