/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The engine's inside, shared by its files: one virtual router, all of them, and what the files want of one another. */
#ifndef XCARP_ENGINE_VROUTER_H
#define XCARP_ENGINE_VROUTER_H

#include <syslog.h>

#include "core/election.h"
#include "core/table.h"
#include "core/timers.h"
#include "engine/engine.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define LINE_LEN 512

_Static_assert(CARP_VIPS_MAX <= 32, "vips_present is a bit mask, and a table number has five bits for a VIP");

/* What a log line is about; each is limited for itself. The phrase tells of lines that were held back. */
#define LOG_REASONS(X)                                                                                       \
	X(ABOUT_INIT, "Switching to state: INIT")                                                            \
	X(ABOUT_BACKUP, "Switching to state: BACKUP")                                                        \
	X(ABOUT_MASTER, "Switching to state: MASTER")                                                        \
	X(ABOUT_MAC, "Local advertised ethernet address")                                                    \
	X(ABOUT_LINK, "Link lost")                                                                           \
	X(ABOUT_INTERFACE, "Interface changed")                                                              \
	X(ABOUT_SILENCE, "Master is silent")                                                                 \
	X(ABOUT_PREEMPTION, "Putting MASTER down - preemption")                                              \
	X(ABOUT_SLOW_MASTER, "Putting MASTER DOWN (going to time out)")                                      \
	X(ABOUT_BOW_OUT, "Master leaves on purpose")                                                         \
	X(ABOUT_PREFERRED, "Preferred master advertised")                                                    \
	X(ABOUT_NON_PREFERRED, "Non-preferred master advertising")                                           \
	X(ABOUT_CONSTANT_COUNTER, "Adverts of one counter")                                                  \
	X(ABOUT_VRRP, "VRRP of our id")                                                                      \
	X(ABOUT_FENCE, "Fenced")                                                                             \
	X(ABOUT_SENDING, "Cannot send an advert")                                                            \
	X(ABOUT_SUPPRESSION, "Sending failed three times")                                                   \
	X(ABOUT_VIP_REMOVED, "Address changed")                                                              \
	X(ABOUT_VIP_REFUSED, "Address refused")                                                              \
	X(ABOUT_HOLD, "Demoted, promoted or released")                                                       \
	X(ABOUT_ADOPTION, "Adopted")                                                                         \
	X(ABOUT_SCRIPT, "Adopted before the up script had run")

enum log_reason {
#define X(value, phrase) value,
	LOG_REASONS(X)
#undef X
	LOG_REASON_COUNT,
};

_Static_assert(LOG_REASON_COUNT <= 64, "held_back has a bit for each");

struct log_limit {
	uint64_t until_ns; /* 0: open */
	uint32_t count; /* of the whole engine's: lines since then */
	uint32_t held_back;
};

#define VIPS_AT_ONCE_MIN 16 /* the kernel may have been waiting for its lock: that is the same for one as for many */

/* What virtual routers wait in line for, after their adverts. */
enum line_kind {
	FOR_VIPS,
	FOR_KERNEL, /* which is at their addresses */
	FOR_ANNOUNCEMENT,
	LINE_COUNT,
};

/* Linked through struct vrouter's next. */
struct line {
	uint32_t first; /* TABLE_NONE: nobody waits */
	uint32_t last;
};

struct vrouter {
	struct election election;
	struct election_config config; /* of options, with a phase of its own */
	const struct vr_options *options;
	const struct carp_key *key;
	struct vr_live *live;
	uint32_t index;
	uint32_t next[LINE_COUNT];
	bool waits[LINE_COUNT]; /* in line; with nothing pending when its turn comes, it is passed over */
	struct engine_link link;
	uint8_t pending; /* enum election_action */
	uint8_t announced; /* addresses, of an announcement under way */
	bool is_queued; /* in the engine's list of adverts */
	bool is_told; /* of, in the log */
	bool is_started; /* had its EV_START, or EV_ADOPT */
	bool is_heir; /* of a MASTER that died; what it left on the host was not looked at yet */
	bool is_looked_at; /* an heir: what the host has is being told, all of it since it began */
	bool is_stopped; /* had its EV_STOP: nothing follows */
	bool is_withdrawn; /* of addresses that appear on the interface now nothing is told */
	bool vip_refused; /* told once, until the addresses are there */
	bool is_carrier_told; /* of adverts that are lost without one; until it is back */
	bool is_vrrp_told; /* once */
	uint32_t vips_present; /* bit i: options->vips[i] is on the interface */
	uint32_t vips_other_length; /* bit i: it is there with another prefix length, which is another address to the kernel */
	uint32_t vips_on_host; /* an heir. Bit i: options->vips[i] is on some interface, with whatever length: by a script, perhaps */
	uint32_t vips_foreign; /* bit i: it is there, and no process like us has put it there */
	bool is_foreign_told; /* that such a one stays */
	bool is_source_told; /* that the source address is gone; until it is back */
	uint64_t source_lengths; /* bit i: the source address is on the interface with a prefix of i bits */
	uint64_t held_back; /* bit i: limits[i] has lines held back */
	uint64_t advert_quantum_ns; /* adverts go out so much before their time, at most; a power of two */
	uint64_t look_quantum_ns; /* so much before the down time is over a backup looks at what has come; a power of two */
	uint64_t exact_ns; /* a down time that is to be met to the nanosecond: nothing was heard since it was set */
	uint64_t counter; /* the highest that was heard or sent */
	uint64_t put_down_until_ns; /* the master that we have put down may have sent one last advert by then */
	uint8_t put_down[16]; /* its source */
	uint64_t live_taken_ns; /* adverts up to this arrival were taken from live at once */
	uint64_t heard_ns; /* arrival of the newest advert; 0: none yet */
	uint64_t repair_ns; /* when to put missing addresses back */
	uint64_t repaired_ns; /* when that was last done */
	struct log_limit *limits; /* LOG_REASON_COUNT, from the first line on */
	uint32_t refused_peers; /* that are told one by one */
};

struct engine {
	const struct ports *ports;
	struct xcarp_owner *stats;
	struct timers *timers;
	struct table *by_vip; /* hash of the address -> VIP_NUMBER */
	uint32_t capacity;
	uint16_t ip_id;
	uint32_t advert_count;
	uint32_t *advert_list; /* indexes with adverts to send */
	struct line lines[LINE_COUNT];
	uint32_t vips_at_once; /* addresses to change, by how long the last ones took */
	uint64_t announce_ns; /* not before */
	struct refusals *refusals;
	uint64_t held_back_ns; /* when a limit below is to tell; UINT64_MAX: never */
	struct log_limit limits[LOG_REASON_COUNT]; /* of all virtual routers together */
	struct vrouter **vrouters; /* NULL: not in use */
};

#define VIP_NUMBER(index, i) ((index) << 5 | (i))

/* engine.c */

/* Sets the timer to what comes first of all that the virtual router waits for. */
void vrouter_rearm(struct engine *engine, const struct vrouter *vr);
void vrouter_step(struct engine *engine, struct vrouter *vr, const struct election_input *input,
		  const struct xcarp_record *advert, uint64_t now_ns);

/* Our counter goes on from this one, which was heard, unless it is none to go on from. */
void vrouter_top_counter(struct vrouter *vr, uint64_t counter, bool is_strong, uint64_t realtime_ns);

/* commit.c */

void commit_queue(struct engine *engine, struct vrouter *vr, unsigned int actions, uint64_t now_ns);

/* The kernel is asked for its addresses without that. */
void commit_await(struct engine *engine, struct vrouter *vr);

/* Somebody waits for addresses, and the kernel is not at others'. */
bool commit_may_ask(const struct engine *engine);

/* All that waits for this one, at once; what follows its addresses, as soon as the kernel is done. */
void commit_at_once(struct engine *engine, struct vrouter *vr, uint64_t now_ns);

/* What waits is of no use any more: there is nothing left to do it on. */
void commit_forget(struct vrouter *vr);

/* vips.c */

/* False where memory is short. */
bool vips_enter(struct engine *engine, const struct vrouter *vr);
void vips_leave(struct engine *engine, const struct vrouter *vr);
/* What is on the interface is not known any more, or will be told anew. */
void vips_forget(struct vrouter *vr);

/* It is the host's own as far as can be seen: the interface has this one, and not the source address. It is not to be taken off. */
static inline bool vips_is_own(const struct vrouter *vr, unsigned int i)
{
	return vr->vips_foreign & 1u << i && !vr->source_lengths;
}

/* It is no longer master: its addresses are seen to, but others may be there that mean the same. */
void vips_left_master(struct engine *engine, struct vrouter *vr, uint64_t now_ns);

void vips_repair(struct engine *engine, struct vrouter *vr, uint64_t now_ns);

/* Takes away and adds what old and vr->options differ in, where we hold addresses. */
void vips_change(struct engine *engine, struct vrouter *vr, const struct vr_options *old, uint64_t now_ns);

/* log.c */

/* False where the line was held back. */
bool vrouter_log(struct engine *engine, struct vrouter *vr, enum log_reason reason, uint64_t now_ns, int priority,
		 const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Never held back: for who has limits of its own. */
void vrouter_log_now(struct engine *engine, struct vrouter *vr, int priority, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void engine_debug(struct engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The counts of what was held back, where their time has come. */
void vrouter_tell_held_back(struct engine *engine, struct vrouter *vr, uint64_t now_ns);
void engine_tell_held_back(struct engine *engine, uint64_t now_ns);
uint64_t vrouter_held_back_deadline(const struct vrouter *vr);

/* Why, in the log and in the journal. advert: the one that led to this, or NULL. */
void vrouter_tell(struct engine *engine, struct vrouter *vr, enum vr_state before, enum vr_cause cause,
		  const struct xcarp_record *advert, uint64_t now_ns);
void vrouter_log_state(struct engine *engine, struct vrouter *vr, uint64_t now_ns);
void vrouter_log_mac(struct engine *engine, struct vrouter *vr, uint64_t now_ns);
void vrouter_journal(struct engine *engine, struct vrouter *vr, enum vr_state before, enum vr_cause cause,
		     const struct xcarp_record *advert, uint64_t now_ns);
const char *source_text(const struct xcarp_record *advert, char text[46]);

/* refusals.c */

/* NULL where memory is short. */
struct refusals *refusals_new(void);
void refusals_free(struct refusals *refusals);

/* Adverts were refused; another host has announced an address of ours. Tells it, now or later. */
void refusals_take(struct engine *engine, struct vrouter *vr, const struct xcarp_record *notice, uint64_t now_ns);
void refusals_take_duplicate(struct engine *engine, struct vrouter *vr, const struct xcarp_record *duplicate, uint64_t now_ns);

/* The virtual router ends. */
void refusals_forget(struct engine *engine, uint32_t index);

/* Lines that are due; UINT64_MAX: there are none to come. */
void refusals_timers(struct engine *engine, uint64_t now_ns);
uint64_t refusals_deadline(const struct refusals *refusals);

/* The end: what no line has counted. */
void refusals_tell_rest(struct engine *engine);

#endif
