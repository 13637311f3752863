// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The election, step by step: one table with every state, hold and event, boundaries to 1/256 s and to the nanosecond,
 * ties in ucarp's order, the grid of the adverts, and the few rules that need more than one step.
 */
#include "core/election.h"

#include <arpa/inet.h>
#include <xcarp/carp.h>

#include "../tap.h"
#include "random.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define SEED 0x5eed0003u
#define NS_PER_S 1000000000ull
#define S(n) ((n)*NS_PER_S)
#define SKEW(n) ((n)*NS_PER_S / 256)
#define NOW S(1000)
#define NEVER ELECTION_NEVER
#define INTERVAL(advbase, advskew) ((advbase)*256u + (advskew))
/* The first time after now_ns on the grid of phase 0. */
#define GRID_AFTER(now_ns, interval_ns) ((now_ns) - (now_ns) % (interval_ns) + (interval_ns))
#define GRID(advbase, advskew) GRID_AFTER(NOW, S(advbase) + SKEW(advskew))

#define TAKE_OVER (ACT_ADVERT | ACT_VIPS_ADD | ACT_ANNOUNCE | ACT_UP_SCRIPT)
#define LEAVE (ACT_VIPS_DEL | ACT_DOWN_SCRIPT)

enum place {
	IN_INIT,
	IN_INIT_DEMOTED,
	IN_INIT_PROMOTED,
	IN_BACKUP,
	IN_HELD, /* BACKUP after EV_DEMOTE or EV_OWN_ADDRESS_GONE */
	IN_DEMOTED, /* BACKUP until released */
	IN_MASTER,
	IN_PROMOTED, /* MASTER by promotion */
	PLACE_COUNT,
};

static const struct {
	const char *name;
	enum vr_state state;
	enum vr_hold hold;
	bool held;
} places[] = {
	[IN_INIT] = { "INIT", INIT, NOT_HELD, false },
	[IN_INIT_DEMOTED] = { "INIT demoted", INIT, DEMOTED, false },
	[IN_INIT_PROMOTED] = { "INIT promoted", INIT, PROMOTED, false },
	[IN_BACKUP] = { "BACKUP", BACKUP, NOT_HELD, false },
	[IN_HELD] = { "BACKUP held", BACKUP, NOT_HELD, true },
	[IN_DEMOTED] = { "BACKUP demoted", BACKUP, DEMOTED, false },
	[IN_MASTER] = { "MASTER", MASTER, NOT_HELD, false },
	[IN_PROMOTED] = { "MASTER promoted", MASTER, PROMOTED, false },
};
_Static_assert(COUNT(places) == PLACE_COUNT, "a place has no row here");

static const char *const event_names[] = { "START",  "ADOPT", "LINK_UP", "LINK_DOWN", "WITHDRAWN", "ADVERT", "FENCED", "TIMER",
					   "DEMOTE", "OWN_ADDRESS_GONE", "OWN_ADDRESS_BACK",
					   "HOLD_DEMOTED", "PROMOTE",	  "RELEASE",   "STOP",	 "SENT",
					   "SEND_FAILED" };
_Static_assert(COUNT(event_names) == ELECTION_EVENT_COUNT, "an event has no name here");

static const struct election_config plain = { .advbase = 1, .dead_ratio = 3 };
static const struct election_config skewed = { .advbase = 1, .advskew = 100, .dead_ratio = 3 };
static const struct election_config eager = { .advbase = 1, .advskew = 100, .dead_ratio = 3, .preempt = true };
static const struct election_config phased = { .advbase = 1, .dead_ratio = 3, .phase = 1u << 31 };
static const struct election_config neutral = { .advbase = 1, .dead_ratio = 3, .neutral = true };
static const struct election_config exit_script = { .advbase = 1, .dead_ratio = 3, .script_at_exit = true };
static const struct election_config fast = { .advskew = 4, .dead_ratio = 3 };
static const struct election_config slowest = { .advbase = 255, .advskew = 255, .dead_ratio = 65535 };
static const struct election_config patient = { .advbase = 100, .dead_ratio = 3 };

struct row {
	enum place from;
	enum election_event event;
	const char *when;
	const struct election_config *config;
	uint64_t deadline_ns; /* before */
	struct {
		uint32_t interval_256ths;
		int source_order;
		uint64_t arrival_ns;
	} advert;
	enum place to;
	unsigned int actions;
	enum vr_cause cause;
	uint64_t until_ns; /* the deadline after */
	uint8_t announce_in;
	bool suppressed;
	uint8_t demote; /* of the advert */
};

#define DUE (NOW + S(2)) /* a deadline that is not over */
#define NO_ADVERT { 0, 0, 0 }

/* What happens at NOW. */
static const struct row rows[] = {
	{ IN_INIT, EV_OWN_ADDRESS_GONE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT, EV_OWN_ADDRESS_BACK, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_OWN_ADDRESS_GONE, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_OWN_ADDRESS_BACK, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_OWN_ADDRESS_GONE, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_OWN_ADDRESS_BACK, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_BACKUP, EV_OWN_ADDRESS_GONE, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_BACKUP, EV_OWN_ADDRESS_BACK, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_HELD, EV_OWN_ADDRESS_GONE, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_HELD, EV_OWN_ADDRESS_BACK, "", &skewed, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_OWN_ADDRESS_BACK,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_DEMOTED, EV_OWN_ADDRESS_GONE, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_OWN_ADDRESS_BACK, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_MASTER, EV_OWN_ADDRESS_GONE, "", &plain, DUE, NO_ADVERT, IN_HELD, ACT_BOW_OUT | LEAVE, CAUSE_OWN_ADDRESS_GONE,
	  .until_ns = NOW + S(3) },
	{ IN_MASTER, EV_OWN_ADDRESS_BACK, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_PROMOTED, EV_OWN_ADDRESS_GONE, "", &plain, DUE, NO_ADVERT, IN_HELD, ACT_BOW_OUT | LEAVE, CAUSE_OWN_ADDRESS_GONE,
	  .until_ns = NOW + S(3) },
	{ IN_PROMOTED, EV_OWN_ADDRESS_BACK, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_INIT, EV_START, "", &plain, NEVER, NO_ADVERT, IN_INIT, LEAVE, CAUSE_STARTED, .until_ns = NEVER },
	{ IN_INIT, EV_START, "neutral", &neutral, NEVER, NO_ADVERT, IN_INIT, ACT_VIPS_DEL, CAUSE_STARTED,
	  .until_ns = NEVER },
	{ IN_INIT, EV_ADOPT, "", &plain, NEVER, NO_ADVERT, IN_MASTER, ACT_ADVERT, CAUSE_ADOPTED, .until_ns = GRID(1, 0), .announce_in = 2 },
	{ IN_INIT, EV_ADOPT, "at its pace", &eager, NEVER, NO_ADVERT, IN_MASTER, ACT_ADVERT, CAUSE_ADOPTED,
	  .until_ns = GRID(1, 100), .announce_in = 2 },
	{ IN_INIT_DEMOTED, EV_ADOPT, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_ADOPT, "", &plain, NEVER, NO_ADVERT, IN_PROMOTED, ACT_ADVERT, CAUSE_ADOPTED,
	  .until_ns = GRID(1, 0), .announce_in = 2 },
	{ IN_BACKUP, EV_ADOPT, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_ADOPT, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_DEMOTED, EV_ADOPT, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_MASTER, EV_ADOPT, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_PROMOTED, EV_ADOPT, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_INIT, EV_LINK_UP, "", &plain, NEVER, NO_ADVERT, IN_BACKUP, 0, CAUSE_LINK_UP, .until_ns = NOW + S(3) },
	{ IN_INIT, EV_LINK_UP, "skew counts", &skewed, NEVER, NO_ADVERT, IN_BACKUP, 0, CAUSE_LINK_UP,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_INIT, EV_LINK_UP, "advbase 0", &fast, NEVER, NO_ADVERT, IN_BACKUP, 0, CAUSE_LINK_UP,
	  .until_ns = NOW + SKEW(12) },
	{ IN_INIT, EV_LINK_DOWN, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT, EV_ADVERT, "better", &skewed, NEVER, { INTERVAL(1, 0), -1, NOW }, IN_INIT, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT, EV_ADVERT, "worse", &eager, NEVER, { INTERVAL(2, 0), 1, NOW }, IN_INIT, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT, EV_ADVERT, "bow-out", &eager, NEVER, { INTERVAL(255, 255), 1, NOW }, IN_INIT, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT, EV_TIMER, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT, EV_DEMOTE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT, EV_STOP, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_INIT, EV_STOP, "script at exit", &exit_script, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_STOPPED,
	  .until_ns = NEVER },
	{ IN_INIT, EV_SENT, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT, EV_SEND_FAILED, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },

	{ IN_INIT, EV_FENCED, "", &plain, NEVER, { INTERVAL(1, 0), 1, NOW }, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_FENCED, "", &plain, NEVER, { INTERVAL(1, 0), 1, NOW }, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_FENCED, "", &plain, NEVER, { INTERVAL(1, 0), 1, NOW }, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_BACKUP, EV_FENCED, "", &plain, DUE, { INTERVAL(1, 0), 1, NOW }, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_FENCED, "", &plain, DUE, { INTERVAL(1, 0), 1, NOW }, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_DEMOTED, EV_FENCED, "", &plain, NEVER, { INTERVAL(1, 0), 1, NOW }, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_MASTER, EV_FENCED, "by a worse one", &skewed, DUE, { INTERVAL(2, 0), 1, NOW - S(1) }, IN_BACKUP, LEAVE,
	  CAUSE_FENCED, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_MASTER, EV_FENCED, "by a better one", &skewed, DUE, { INTERVAL(1, 0), -1, NOW - S(1) }, IN_BACKUP, LEAVE,
	  CAUSE_FENCED, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_PROMOTED, EV_FENCED, "the promotion ends", &plain, DUE, { INTERVAL(1, 0), 1, NOW - S(1) }, IN_BACKUP, LEAVE,
	  CAUSE_FENCED, .until_ns = NOW + S(3) },

	{ IN_BACKUP, EV_START, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_BACKUP, EV_LINK_UP, "again", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_INIT, EV_WITHDRAWN, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_BACKUP, EV_WITHDRAWN, "", &plain, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_WITHDRAWN, .until_ns = NEVER },
	{ IN_HELD, EV_WITHDRAWN, "", &plain, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_WITHDRAWN, .until_ns = NEVER },
	{ IN_MASTER, EV_WITHDRAWN, "", &plain, DUE, NO_ADVERT, IN_INIT, ACT_BOW_OUT | LEAVE, CAUSE_WITHDRAWN,
	  .until_ns = NEVER },
	{ IN_BACKUP, EV_LINK_DOWN, "", &plain, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_LINK_DOWN, .until_ns = NEVER },
	{ IN_BACKUP, EV_ADVERT, "better", &skewed, DUE, { INTERVAL(1, 0), 1, NOW }, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_BACKUP, EV_ADVERT, "equal, lower source", &plain, DUE, { INTERVAL(1, 0), -1, NOW }, IN_BACKUP, 0,
	  CAUSE_NONE, .until_ns = NOW + S(3) },
	{ IN_BACKUP, EV_ADVERT, "equal, higher source", &plain, DUE, { INTERVAL(1, 0), 1, NOW }, IN_BACKUP, 0,
	  CAUSE_NONE, .until_ns = NOW + S(3) },
	{ IN_BACKUP, EV_ADVERT, "worse, no pre-emption", &plain, DUE, { INTERVAL(2, 255), 1, NOW }, IN_BACKUP,
	  0, CAUSE_NONE, .until_ns = NOW + S(3) },
	{ IN_BACKUP, EV_ADVERT, "told late: from its arrival", &plain, NOW - S(1),
	  { INTERVAL(1, 0), 1, NOW - S(2) }, IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(1) },
	{ IN_BACKUP, EV_ADVERT, "told so late that it helps no more", &plain, NOW - S(9),
	  { INTERVAL(1, 0), 1, NOW - S(8) }, IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW - S(5) },
	{ IN_BACKUP, EV_ADVERT, "arrived after now", &plain, DUE, { INTERVAL(1, 0), 1, NOW + 1000 }, IN_BACKUP,
	  0, CAUSE_NONE, .until_ns = NOW + 1000 + S(3) },
	{ IN_BACKUP, EV_ADVERT, "older than one before", &plain, DUE, { INTERVAL(1, 0), 1, NOW - S(1) - 1 },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_BACKUP, EV_ADVERT, "newer by a nanosecond", &plain, DUE, { INTERVAL(1, 0), 1, NOW - S(1) + 1 },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE + 1 },
	{ IN_BACKUP, EV_ADVERT, "deadline over, advert says no", &plain, NOW - 1, { INTERVAL(1, 0), 1, NOW },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(3) },
	{ IN_BACKUP, EV_ADVERT, "pre-emption, worse by 1/256 s", &eager, DUE, { INTERVAL(1, 101), -1, NOW },
	  IN_MASTER, TAKE_OVER, CAUSE_PREEMPTION, GRID(1, 100), .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "pre-emption, equal, higher source", &eager, DUE, { INTERVAL(1, 100), 1, NOW },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_BACKUP, EV_ADVERT, "pre-emption, better by 1/256 s", &eager, DUE, { INTERVAL(1, 99), 1, NOW },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_BACKUP, EV_ADVERT, "pre-emption, advbase counts more than skew", &eager, DUE,
	  { INTERVAL(0, 255), 1, NOW }, IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_BACKUP, EV_ADVERT, "pre-emption, told late", &eager, DUE, { INTERVAL(1, 101), 1, NOW - S(1) },
	  IN_MASTER, TAKE_OVER, CAUSE_PREEMPTION, GRID(1, 100), .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "pre-emption suppressed, worse by 139/256 s", &eager, DUE,
	  { INTERVAL(1, 239), 1, NOW }, IN_BACKUP, 0, CAUSE_NONE, NOW + S(3) + SKEW(100), .suppressed = true },
	{ IN_BACKUP, EV_ADVERT, "pre-emption suppressed, as bad as we are", &eager, DUE,
	  { INTERVAL(1, 240), 1, NOW }, IN_BACKUP, 0, CAUSE_NONE, NOW + S(3) + SKEW(100), .suppressed = true },
	{ IN_BACKUP, EV_ADVERT, "pre-emption suppressed, still worse", &eager, DUE,
	  { INTERVAL(1, 241), 1, NOW }, IN_MASTER, TAKE_OVER, CAUSE_PREEMPTION, GRID(1, 240), 2,
	  .suppressed = true },
	{ IN_BACKUP, EV_ADVERT, "as long as our down time", &skewed, DUE, { INTERVAL(3, 100), 1, NOW },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_BACKUP, EV_ADVERT, "longer than our down time by 1/256 s", &skewed, DUE,
	  { INTERVAL(3, 101), 1, NOW }, IN_MASTER, TAKE_OVER, CAUSE_MASTER_TOO_SLOW, GRID(1, 100),
	  .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "bow-out", &plain, DUE, { INTERVAL(255, 255), -1, NOW }, IN_MASTER, TAKE_OVER,
	  CAUSE_BOW_OUT, GRID(1, 0), .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "bow-out, shorter than our down time", &patient, DUE, { INTERVAL(255, 255), -1, NOW },
	  IN_MASTER, TAKE_OVER, CAUSE_BOW_OUT, GRID(100, 0), .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "long, but no bow-out", &patient, NOW, { INTERVAL(255, 254), -1, NOW }, IN_BACKUP, 0,
	  CAUSE_NONE, .until_ns = NOW + S(300) },
	{ IN_BACKUP, EV_ADVERT, "bow-out, advbase 0", &fast, DUE, { INTERVAL(255, 255), -1, NOW }, IN_MASTER,
	  TAKE_OVER, CAUSE_BOW_OUT, GRID(0, 4), .announce_in = 2 },
	{ IN_BACKUP, EV_ADVERT, "advbase 0, as long as our down time", &fast, NOW, { INTERVAL(0, 12), 1, NOW },
	  IN_BACKUP, 0, CAUSE_NONE, .until_ns = NOW + SKEW(12) },
	{ IN_BACKUP, EV_ADVERT, "slowest of all", &slowest, NOW, { INTERVAL(255, 255), 1, NOW }, IN_BACKUP, 0,
	  CAUSE_NONE, .until_ns = NOW + 16711425996093750ull },
	{ IN_BACKUP, EV_TIMER, "a nanosecond early", &plain, NOW + 1, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = NOW + 1 },
	{ IN_BACKUP, EV_TIMER, "to the nanosecond", &plain, NOW, NO_ADVERT, IN_MASTER, TAKE_OVER,
	  CAUSE_MASTER_SILENT, GRID(1, 0), .announce_in = 2 },
	{ IN_BACKUP, EV_TIMER, "late: adverts from now on", &skewed, NOW - S(60), NO_ADVERT, IN_MASTER,
	  TAKE_OVER, CAUSE_MASTER_SILENT, GRID(1, 100), .announce_in = 2 },
	{ IN_BACKUP, EV_TIMER, "suppressed: at the suppressed pace", &plain, NOW, NO_ADVERT, IN_MASTER,
	  TAKE_OVER, CAUSE_MASTER_SILENT, GRID(1, 240), 2, .suppressed = true },
	{ IN_BACKUP, EV_DEMOTE, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_BACKUP, EV_STOP, "", &plain, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_BACKUP, EV_STOP, "script at exit is a master's", &exit_script, DUE, NO_ADVERT, IN_INIT, 0,
	  CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_BACKUP, EV_SENT, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_BACKUP, EV_SEND_FAILED, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_HELD, EV_START, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_LINK_UP, "again", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_LINK_DOWN, "", &plain, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_LINK_DOWN, .until_ns = NEVER },
	{ IN_HELD, EV_ADVERT, "better", &skewed, DUE, { INTERVAL(1, 0), 1, NOW }, IN_HELD, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_HELD, EV_ADVERT, "worse, pre-emption", &eager, DUE, { INTERVAL(2, 0), 1, NOW }, IN_HELD, 0,
	  CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_ADVERT, "bow-out", &plain, DUE, { INTERVAL(255, 255), 1, NOW }, IN_HELD, 0, CAUSE_NONE,
	  .until_ns = DUE },
	{ IN_HELD, EV_TIMER, "a nanosecond early", &plain, NOW + 1, NO_ADVERT, IN_HELD, 0, CAUSE_NONE,
	  .until_ns = NOW + 1 },
	{ IN_HELD, EV_TIMER, "hold over", &skewed, NOW, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_HELD, EV_TIMER, "hold long over", &plain, NOW - S(60), NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE,
	  .until_ns = NOW + S(3) },
	{ IN_HELD, EV_DEMOTE, "again: no longer", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_STOP, "", &exit_script, DUE, NO_ADVERT, IN_INIT, 0, CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_HELD, EV_SENT, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_HELD, EV_SEND_FAILED, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_MASTER, EV_START, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_MASTER, EV_LINK_UP, "again", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_MASTER, EV_LINK_DOWN, "", &plain, DUE, NO_ADVERT, IN_INIT, LEAVE, CAUSE_LINK_DOWN, .until_ns = NEVER },
	{ IN_MASTER, EV_ADVERT, "better by 1/256 s", &skewed, DUE, { INTERVAL(1, 99), 1, NOW }, IN_BACKUP,
	  ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_MASTER, EV_ADVERT, "better, arrived since the clock was read", &skewed, DUE,
	  { INTERVAL(1, 99), 1, NOW + S(1) }, IN_BACKUP, ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER,
	  .until_ns = NOW + S(4) + SKEW(100) },
	{ IN_MASTER, EV_ADVERT, "better by advbase though not by skew", &skewed, DUE,
	  { INTERVAL(0, 255), 1, NOW }, IN_BACKUP, ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_MASTER, EV_ADVERT, "better, but demoted", &skewed, DUE, { INTERVAL(1, 99), 1, NOW }, IN_BACKUP,
	  LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) + SKEW(100), .demote = 1 },
	{ IN_MASTER, EV_ADVERT, "equal, lower source", &skewed, DUE, { INTERVAL(1, 100), -1, NOW }, IN_BACKUP,
	  LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) + SKEW(100) + (S(1) + SKEW(100)) / 8 },
	{ IN_MASTER, EV_ADVERT, "equal, our own source", &skewed, DUE, { INTERVAL(1, 100), 0, NOW }, IN_MASTER,
	  0, CAUSE_NONE, .until_ns = DUE },
	{ IN_MASTER, EV_ADVERT, "equal, higher source", &skewed, DUE, { INTERVAL(1, 100), 1, NOW }, IN_MASTER,
	  ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, .announce_in = 2 },
	{ IN_MASTER, EV_ADVERT, "worse by 1/256 s, lower source", &skewed, DUE, { INTERVAL(1, 101), -1, NOW },
	  IN_MASTER, ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, .announce_in = 2 },
	{ IN_MASTER, EV_ADVERT, "pre-emption has no part in it", &eager, DUE, { INTERVAL(1, 99), 1, NOW },
	  IN_BACKUP, ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_MASTER, EV_ADVERT, "bow-out", &skewed, DUE, { INTERVAL(255, 255), -1, NOW }, IN_MASTER,
	  ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, .announce_in = 2 },
	{ IN_MASTER, EV_ADVERT, "suppressed: a worse one is better now", &plain, DUE,
	  { INTERVAL(1, 239), 1, NOW }, IN_BACKUP, ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER, NOW + S(3),
	  .suppressed = true },
	{ IN_MASTER, EV_ADVERT, "suppressed: a tie", &plain, DUE, { INTERVAL(1, 240), 1, NOW }, IN_MASTER,
	  ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, 2, .suppressed = true },
	{ IN_MASTER, EV_TIMER, "a nanosecond early", &plain, NOW + 1, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE,
	  .until_ns = NOW + 1 },
	{ IN_MASTER, EV_TIMER, "to the nanosecond", &skewed, NOW, NO_ADVERT, IN_MASTER, ACT_ADVERT, CAUSE_NONE,
	  .until_ns = GRID(1, 100) },
	{ IN_MASTER, EV_TIMER, "late: no drift", &phased, NOW - S(1) / 2, NO_ADVERT, IN_MASTER, ACT_ADVERT,
	  CAUSE_NONE, .until_ns = NOW + S(1) / 2 },
	{ IN_MASTER, EV_TIMER, "after a stall: back to its phase", &phased, NOW - S(60) - S(1) / 2, NO_ADVERT,
	  IN_MASTER, ACT_ADVERT, CAUSE_NONE, .until_ns = NOW + S(1) / 2 },
	{ IN_MASTER, EV_TIMER, "from another grid", &phased, NOW - S(1) / 10, NO_ADVERT, IN_MASTER, ACT_ADVERT,
	  CAUSE_NONE, .until_ns = NOW + S(1) / 2 },
	{ IN_MASTER, EV_TIMER, "late by one interval: no burst", &plain, NOW - S(1), NO_ADVERT, IN_MASTER,
	  ACT_ADVERT, CAUSE_NONE, .until_ns = GRID(1, 0) },
	{ IN_MASTER, EV_TIMER, "after a stall: no burst", &plain, NOW - S(60), NO_ADVERT, IN_MASTER, ACT_ADVERT,
	  CAUSE_NONE, .until_ns = GRID(1, 0) },
	{ IN_MASTER, EV_TIMER, "suppressed: at the suppressed pace", &plain, NOW, NO_ADVERT, IN_MASTER,
	  ACT_ADVERT, CAUSE_NONE, GRID(1, 240), .suppressed = true },
	{ IN_MASTER, EV_DEMOTE, "", &plain, DUE, NO_ADVERT, IN_HELD, ACT_BOW_OUT | LEAVE, CAUSE_DEMOTED,
	  .until_ns = NOW + S(3) },
	{ IN_MASTER, EV_STOP, "", &plain, DUE, NO_ADVERT, IN_INIT, ACT_BOW_OUT | ACT_VIPS_DEL, CAUSE_STOPPED,
	  .until_ns = NEVER },
	{ IN_MASTER, EV_STOP, "script at exit", &exit_script, DUE, NO_ADVERT, IN_INIT, ACT_BOW_OUT | LEAVE,
	  CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_MASTER, EV_SENT, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_MASTER, EV_SEND_FAILED, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_INIT, EV_HOLD_DEMOTED, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_DEMOTED, .until_ns = NEVER },
	{ IN_INIT, EV_PROMOTE, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_PROMOTED, .until_ns = NEVER },
	{ IN_INIT, EV_RELEASE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_NONE, .until_ns = NEVER },

	{ IN_INIT_DEMOTED, EV_START, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, LEAVE, CAUSE_STARTED,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_LINK_UP, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_LINK_UP, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_LINK_DOWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_WITHDRAWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_ADVERT, "bow-out", &eager, NEVER, { INTERVAL(255, 255), 1, NOW }, IN_INIT_DEMOTED, 0,
	  CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_TIMER, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_DEMOTE, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_HOLD_DEMOTED, "again", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_PROMOTE, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_PROMOTED,
	  .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_RELEASE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_RELEASED, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_STOP, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_STOPPED, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_SENT, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_DEMOTED, EV_SEND_FAILED, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },

	{ IN_INIT_PROMOTED, EV_START, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, LEAVE, CAUSE_STARTED,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_LINK_UP, "at its own pace", &skewed, NEVER, NO_ADVERT, IN_PROMOTED, TAKE_OVER,
	  CAUSE_PROMOTED, GRID(1, 100), .announce_in = 2 },
	{ IN_INIT_PROMOTED, EV_LINK_DOWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_WITHDRAWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_ADVERT, "better", &eager, NEVER, { INTERVAL(0, 0), -1, NOW }, IN_INIT_PROMOTED, 0,
	  CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_TIMER, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_DEMOTE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_RELEASED, .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_HOLD_DEMOTED, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_DEMOTED,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_PROMOTE, "again", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_RELEASE, "", &plain, NEVER, NO_ADVERT, IN_INIT, 0, CAUSE_RELEASED, .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_STOP, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_STOPPED,
	  .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_SENT, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_INIT_PROMOTED, EV_SEND_FAILED, "", &plain, NEVER, NO_ADVERT, IN_INIT_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },

	{ IN_BACKUP, EV_HOLD_DEMOTED, "", &plain, DUE, NO_ADVERT, IN_DEMOTED, 0, CAUSE_DEMOTED, .until_ns = NEVER },
	{ IN_BACKUP, EV_PROMOTE, "at its own pace", &skewed, DUE, NO_ADVERT, IN_PROMOTED, TAKE_OVER, CAUSE_PROMOTED,
	  GRID(1, 100), .announce_in = 2 },
	{ IN_BACKUP, EV_PROMOTE, "suppressed all the same", &skewed, DUE, NO_ADVERT, IN_PROMOTED, TAKE_OVER,
	  CAUSE_PROMOTED, GRID(1, 240), 2, .suppressed = true },
	{ IN_BACKUP, EV_RELEASE, "", &plain, DUE, NO_ADVERT, IN_BACKUP, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_HELD, EV_HOLD_DEMOTED, "", &plain, DUE, NO_ADVERT, IN_DEMOTED, 0, CAUSE_DEMOTED, .until_ns = NEVER },
	{ IN_HELD, EV_PROMOTE, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, TAKE_OVER, CAUSE_PROMOTED, GRID(1, 0),
	  .announce_in = 2 },
	{ IN_HELD, EV_RELEASE, "", &plain, DUE, NO_ADVERT, IN_HELD, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_DEMOTED, EV_START, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_LINK_UP, "again", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_LINK_DOWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_LINK_DOWN,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_WITHDRAWN, "", &plain, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_WITHDRAWN,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_ADVERT, "better", &skewed, NEVER, { INTERVAL(1, 0), -1, NOW }, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_ADVERT, "worse, pre-emption", &eager, NEVER, { INTERVAL(2, 0), 1, NOW }, IN_DEMOTED, 0,
	  CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_ADVERT, "bow-out", &plain, NEVER, { INTERVAL(255, 255), 1, NOW }, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_TIMER, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_DEMOTE, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_HOLD_DEMOTED, "again", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_PROMOTE, "", &plain, NEVER, NO_ADVERT, IN_PROMOTED, TAKE_OVER, CAUSE_PROMOTED, GRID(1, 0),
	  .announce_in = 2 },
	{ IN_DEMOTED, EV_RELEASE, "", &skewed, NEVER, NO_ADVERT, IN_BACKUP, 0, CAUSE_RELEASED,
	  .until_ns = NOW + S(3) + SKEW(100) },
	{ IN_DEMOTED, EV_STOP, "", &exit_script, NEVER, NO_ADVERT, IN_INIT_DEMOTED, 0, CAUSE_STOPPED,
	  .until_ns = NEVER },
	{ IN_DEMOTED, EV_SENT, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },
	{ IN_DEMOTED, EV_SEND_FAILED, "", &plain, NEVER, NO_ADVERT, IN_DEMOTED, 0, CAUSE_NONE, .until_ns = NEVER },

	{ IN_MASTER, EV_HOLD_DEMOTED, "", &plain, DUE, NO_ADVERT, IN_DEMOTED, ACT_BOW_OUT | LEAVE, CAUSE_DEMOTED,
	  .until_ns = NEVER },
	{ IN_MASTER, EV_PROMOTE, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, ACT_ADVERT, CAUSE_PROMOTED, .until_ns = DUE },
	{ IN_MASTER, EV_RELEASE, "", &plain, DUE, NO_ADVERT, IN_MASTER, 0, CAUSE_NONE, .until_ns = DUE },

	{ IN_PROMOTED, EV_START, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_PROMOTED, EV_LINK_UP, "again", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_PROMOTED, EV_LINK_DOWN, "", &plain, DUE, NO_ADVERT, IN_INIT_PROMOTED, LEAVE, CAUSE_LINK_DOWN,
	  .until_ns = NEVER },
	{ IN_PROMOTED, EV_WITHDRAWN, "", &plain, DUE, NO_ADVERT, IN_INIT_PROMOTED, ACT_BOW_OUT | LEAVE, CAUSE_WITHDRAWN,
	  .until_ns = NEVER },
	{ IN_PROMOTED, EV_ADVERT, "better than its own interval, worse than its claim", &plain, DUE,
	  { INTERVAL(0, 2), -1, NOW }, IN_PROMOTED, ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, .announce_in = 2 },
	{ IN_PROMOTED, EV_ADVERT, "another promoted one, higher source", &plain, DUE, { INTERVAL(0, 1), 1, NOW },
	  IN_PROMOTED, ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER, DUE, .announce_in = 2 },
	{ IN_PROMOTED, EV_ADVERT, "another promoted one, lower source", &skewed, DUE, { INTERVAL(0, 1), -1, NOW },
	  IN_BACKUP, LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) + SKEW(100) + (S(1) + SKEW(100)) / 8 },
	{ IN_PROMOTED, EV_ADVERT, "still better", &plain, DUE, { INTERVAL(0, 0), 1, NOW }, IN_BACKUP,
	  ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER, .until_ns = NOW + S(3) },
	{ IN_PROMOTED, EV_ADVERT, "suppressed: its own interval is not enough", &plain, DUE,
	  { INTERVAL(1, 239), 1, NOW }, IN_BACKUP, ACT_ADVERT | LEAVE, CAUSE_PREFERRED_MASTER, NOW + S(3),
	  .suppressed = true },
	{ IN_PROMOTED, EV_TIMER, "at its own pace", &skewed, NOW, NO_ADVERT, IN_PROMOTED, ACT_ADVERT, CAUSE_NONE,
	  .until_ns = GRID(1, 100) },
	{ IN_PROMOTED, EV_TIMER, "a nanosecond early", &skewed, NOW + 1, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE,
	  .until_ns = NOW + 1 },
	{ IN_PROMOTED, EV_DEMOTE, "", &plain, DUE, NO_ADVERT, IN_HELD, ACT_BOW_OUT | LEAVE, CAUSE_DEMOTED,
	  .until_ns = NOW + S(3) },
	{ IN_PROMOTED, EV_HOLD_DEMOTED, "", &plain, DUE, NO_ADVERT, IN_DEMOTED, ACT_BOW_OUT | LEAVE, CAUSE_DEMOTED,
	  .until_ns = NEVER },
	{ IN_PROMOTED, EV_PROMOTE, "again", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_PROMOTED, EV_RELEASE, "", &plain, DUE, NO_ADVERT, IN_MASTER, ACT_ADVERT, CAUSE_RELEASED, .until_ns = DUE },
	{ IN_PROMOTED, EV_STOP, "", &exit_script, DUE, NO_ADVERT, IN_INIT_PROMOTED, ACT_BOW_OUT | LEAVE, CAUSE_STOPPED,
	  .until_ns = NEVER },
	{ IN_PROMOTED, EV_SENT, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
	{ IN_PROMOTED, EV_SEND_FAILED, "", &plain, DUE, NO_ADVERT, IN_PROMOTED, 0, CAUSE_NONE, .until_ns = DUE },
};

static struct election place(enum place at, uint64_t deadline_ns)
{
	return (struct election){
		.state = places[at].state,
		.hold = places[at].hold,
		.held = places[at].held,
		.deadline_ns = deadline_ns,
	};
}

static const char *place_name(const struct election *election)
{
	for (int at = 0; at < PLACE_COUNT; at++)
		if (election->state == places[at].state && election->hold == places[at].hold &&
		    election->held == places[at].held)
			return places[at].name;
	return "nowhere";
}

static const char *spell(char text[256], const struct election *election, struct election_result result)
{
	static const char *const actions[] = { "advert", "bow-out", "add", "del", "announce", "up", "down" };
	int len;

	len = snprintf(text, 256, "%s cause %d deadline %llu announce %u%s:", place_name(election), (int)result.cause,
		       (unsigned long long)election->deadline_ns, election->announce_in,
		       election->send_suppressed ? " suppressed" : "");
	for (size_t i = 0; i < COUNT(actions); i++)
		if (result.actions >> i & 1)
			len += snprintf(text + len, 256 - (size_t)len, " %s", actions[i]);
	if (result.actions >> COUNT(actions))
		snprintf(text + len, 256 - (size_t)len, " %#x", result.actions);
	return text;
}

static void test_rows(void)
{
	bool visited[PLACE_COUNT][ELECTION_EVENT_COUNT] = { { false } };
	unsigned int missing = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct election election = place(row->from, row->deadline_ns), want = place(row->to, row->until_ns);
		struct election_input input = { row->event, row->advert.arrival_ns, row->advert.interval_256ths,
						row->advert.source_order, row->demote };
		struct election_result result;
		char got_text[256], want_text[256];

		election.send_suppressed = want.send_suppressed = row->suppressed;
		election.suppressed_ns = NOW;
		want.announce_in = row->announce_in;
		result = election_step(&election, row->config, &input, NOW);
		is_str(spell(got_text, &election, result),
		       spell(want_text, &want, (struct election_result){ row->actions, row->cause }), "%s, %s%s%s",
		       places[row->from].name, event_names[row->event], *row->when ? ": " : "", row->when);
		visited[row->from][row->event] = true;
	}
	for (int at = 0; at < PLACE_COUNT; at++)
		for (int event = 0; event < ELECTION_EVENT_COUNT; event++)
			missing += !visited[at][event];
	is_int(missing, 0, "the table has every state and hold with every event");
}

static struct election_result step(struct election *election, const struct election_config *config,
				   enum election_event event, uint64_t now_ns)
{
	return election_step(election, config, &(struct election_input){ .event = event }, now_ns);
}

static struct election_result hear(struct election *election, const struct election_config *config,
				   uint32_t interval_256ths, int source_order, uint64_t arrival_ns, uint64_t now_ns)
{
	struct election_input input = { EV_ADVERT, arrival_ns, interval_256ths, source_order, 0 };

	return election_step(election, config, &input, now_ns);
}

static void test_start(void)
{
	struct election election;
	char text[256];

	memset(&election, 0xff, sizeof(election));
	election_init(&election);
	is_str(spell(text, &election, (struct election_result){ 0, CAUSE_NONE }),
	       "INIT cause 0 deadline 18446744073709551615 announce 0:", "a new one");
	is_int(election.send_failures + election.send_successes, 0, "has not sent anything");
	is_str(election_state_name(INIT), "INIT", "name of INIT");
	is_str(election_state_name(BACKUP), "BACKUP", "name of BACKUP");
	is_str(election_state_name(MASTER), "MASTER", "name of MASTER");
	is_str(election_state_name((enum vr_state)7), "?", "name of what is none");
}

/* carp.c compares struct timeval, the skew in microseconds rounded down: the same order as 1/256 s. */
static int ucarp_compare(unsigned int advbase, unsigned int advskew, unsigned int peer_advbase,
			 unsigned int peer_advskew)
{
	unsigned long long a = advbase * 1000000ull + advskew * 1000000ull / 256;
	unsigned long long b = peer_advbase * 1000000ull + peer_advskew * 1000000ull / 256;

	return (a > b) - (a < b);
}

static void test_as_ucarp(void)
{
	static const uint8_t bases[] = { 0, 1, 2, 3, 254, 255 };
	unsigned int wrong_master = 0, wrong_backup = 0, wrong_down = 0, pairs = 0;

	for (size_t i = 0; i < COUNT(bases); i++) {
		for (unsigned int skew = 0; skew < 256; skew++) {
			for (size_t j = 0; j < COUNT(bases); j++) {
				for (unsigned int peer_skew = 0; peer_skew < 256; peer_skew++) {
					struct election_config config = { bases[i], (uint8_t)skew, .dead_ratio = 1,
									  .preempt = true };
					struct election master = place(IN_MASTER, DUE),
							backup = place(IN_BACKUP, DUE);
					int order = ucarp_compare(bases[i], skew, bases[j], peer_skew);

					if (!bases[i] && !skew)
						continue;
					pairs++;
					hear(&master, &config, INTERVAL(bases[j], peer_skew), 0, NOW, NOW);
					wrong_master += (master.state == BACKUP) != (order > 0);
					hear(&backup, &config, INTERVAL(bases[j], peer_skew), 0, NOW, NOW);
					wrong_backup += (backup.state == MASTER) != (order < 0);

					/* The same with the down time, which is the interval here (ratio 1). */
					config.preempt = false;
					backup = place(IN_BACKUP, DUE);
					hear(&backup, &config, INTERVAL(bases[j], peer_skew), 0, NOW, NOW);
					wrong_down += (backup.state == MASTER) != (order < 0);
				}
			}
		}
	}
	is_int(pairs, (6 * 256 - 1) * 6 * 256, "pairs of intervals compared");
	is_int(wrong_master, 0, "a master yields as ucarp does");
	is_int(wrong_backup, 0, "a backup pre-empts as ucarp does");
	is_int(wrong_down, 0, "a backup finds a master too slow as ucarp does");
}

static uint32_t ipv4(const char *text)
{
	struct in_addr address;

	inet_pton(AF_INET, text, &address);
	return address.s_addr;
}

static const struct {
	const char *winner;
	const char *loser;
} ties[] = {
	{ "10.9.1.11", "10.9.0.12" }, /* the last octet counts most */
	{ "10.9.0.1", "10.9.0.2" },
	{ "10.9.0.1", "10.9.1.1" },
	{ "10.8.255.1", "10.9.255.1" },
	{ "9.9.9.9", "10.9.9.9" },
	{ "255.255.255.1", "1.1.1.2" },
	{ "192.168.200.127", "1.1.1.128" }, /* not as signed numbers */
};

/* Two masters of equal interval hear one another after a split. */
static void test_ties(void)
{
	for (size_t i = 0; i < COUNT(ties); i++) {
		uint32_t winner = ipv4(ties[i].winner), loser = ipv4(ties[i].loser);
		struct election a = place(IN_MASTER, DUE), b = place(IN_MASTER, DUE);

		hear(&a, &plain, INTERVAL(1, 0), election_source_compare(loser, winner), NOW, NOW);
		hear(&b, &plain, INTERVAL(1, 0), election_source_compare(winner, loser), NOW, NOW);
		is_int(a.state, MASTER, "%s stays master against %s", ties[i].winner, ties[i].loser);
		is_int(b.state, BACKUP, "%s yields", ties[i].loser);
	}
	is_int(election_source_compare(ipv4("10.9.1.11"), ipv4("10.9.1.11")), 0, "an address ties with itself");
}

static void test_tie_order(uint64_t *seed)
{
	unsigned int wrong = 0;

	for (int i = 0; i < 100000; i++) {
		uint8_t a[4], b[4];
		uint32_t x, y;
		int want = 0, got;

		for (int at = 0; at < 4; at++) {
			/* Few values, so that octets are often equal. */
			a[at] = (uint8_t)(random_below(seed, 4) * 85);
			b[at] = (uint8_t)(random_below(seed, 4) * 85);
		}
		for (int at = 3; at >= 0 && !want; at--)
			want = (a[at] > b[at]) - (a[at] < b[at]);
		memcpy(&x, a, 4);
		memcpy(&y, b, 4);
		got = election_source_compare(x, y);
		wrong += (got > 0) - (got < 0) != want || election_source_compare(y, x) != -got;
	}
	is_int(wrong, 0, "last octet first, in 100000 random pairs");
}

static const struct {
	struct election_config config;
	uint64_t down_ns;
} down_times[] = {
	{ { .advbase = 1, .dead_ratio = 3 }, S(3) },
	{ { .advbase = 1, .advskew = 1, .dead_ratio = 3 }, S(3) + 3906250 },
	{ { .advbase = 1, .advskew = 255, .dead_ratio = 3 }, S(3) + 996093750 },
	{ { .advbase = 1, .advskew = 128, .dead_ratio = 1 }, S(1) + 500000000 },
	{ { .advbase = 5, .advskew = 50, .dead_ratio = 2 }, S(10) + 195312500 },
	{ { .advskew = 1, .dead_ratio = 1 }, 3906250 },
	{ { .advskew = 1, .dead_ratio = 3 }, 3 * 3906250 },
	{ { .advskew = 255, .dead_ratio = 65535 }, 65279003906250 },
	{ { .dead_ratio = 3 }, 3906250 }, /* options refuse it, but nothing may be over at once */
	{ { .advbase = 255, .advskew = 255, .dead_ratio = 65535 }, S(16711425) + 996093750 },
	{ { .advbase = 255, .dead_ratio = 65535 }, S(16711425) },
};

static void test_down_time(void)
{
	for (size_t i = 0; i < COUNT(down_times); i++)
		is_u64(election_down_ns(&down_times[i].config), down_times[i].down_ns,
		       "down time: advbase %u advskew %u ratio %u", down_times[i].config.advbase,
		       down_times[i].config.advskew, down_times[i].config.dead_ratio);
}

static void test_down_deadline(uint64_t *seed)
{
	struct election election = place(IN_BACKUP, NOW + S(3));
	uint64_t newest_ns = NOW, now_ns = NOW;
	unsigned int wrong = 0;

	for (int i = 0; i < 10000; i++) {
		uint64_t arrival_ns;

		now_ns += random_below(seed, 100000000);
		arrival_ns = now_ns - random_below(seed, 500000000) + random_below(seed, 1000);
		if (arrival_ns > newest_ns)
			newest_ns = arrival_ns;
		hear(&election, &skewed, INTERVAL(1, 0), 1, arrival_ns, now_ns);
		/* The first deadline may be later than what the first adverts make of it. */
		if (i > 100)
			wrong += election.deadline_ns != newest_ns + S(3) + SKEW(100);
	}
	is_int(wrong, 0, "adverts out of order: the deadline follows the newest arrival");
	is_int(election.state, BACKUP, "  and the state stays");
}

/* Served with up to 0.9 intervals of delay, the adverts keep their grid; after a stall there is one, not ten. */
static void test_master_timer(uint64_t *seed)
{
	struct election election = place(IN_MASTER, NOW);
	uint64_t now_ns = NOW;
	unsigned int adverts = 0, off_grid = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		now_ns = NOW + S(i) + random_below(seed, 900000000);
		adverts += step(&election, &plain, EV_TIMER, now_ns).actions == ACT_ADVERT;
		adverts += step(&election, &plain, EV_TIMER, now_ns).actions == ACT_ADVERT;
		off_grid += election.deadline_ns != NOW + S(i + 1);
	}
	is_int(adverts, 1000, "1000 late intervals, 1000 adverts");
	is_int(off_grid, 0, "  none of them off the grid");

	now_ns += S(10);
	adverts = 0;
	for (int i = 0; i < 20; i++)
		adverts += step(&election, &plain, EV_TIMER, now_ns).actions == ACT_ADVERT;
	is_int(adverts, 1, "ten seconds of stall, one advert");
	is_u64(election.deadline_ns, GRID_AFTER(now_ns, S(1)), "  and the next in its place");
}

static void test_announcements(void)
{
	struct election election = place(IN_BACKUP, NOW);
	uint64_t now_ns = NOW;
	unsigned int got[5];

	ok(step(&election, &plain, EV_TIMER, now_ns).actions & ACT_ANNOUNCE, "announced on becoming master");
	for (int i = 0; i < 5; i++)
		got[i] = step(&election, &plain, EV_TIMER, now_ns += S(1)).actions;
	ok(got[0] == ACT_ADVERT && got[1] == (ACT_ADVERT | ACT_ANNOUNCE) && got[2] == ACT_ADVERT &&
		   got[3] == ACT_ADVERT && got[4] == ACT_ADVERT,
	   "  and once more with the second advert");

	hear(&election, &plain, INTERVAL(2, 0), 1, now_ns, now_ns);
	got[0] = step(&election, &plain, EV_TIMER, now_ns += S(1)).actions;
	is_int(got[0], ACT_ADVERT, "a worse master, an advert");
	is_int(hear(&election, &plain, INTERVAL(2, 0), 1, now_ns, now_ns).actions, ACT_ADVERT | ACT_ANNOUNCE,
	       "a worse master again");
	for (int i = 0; i < 3; i++)
		got[i] = step(&election, &plain, EV_TIMER, now_ns += S(1)).actions;
	ok(got[0] == ACT_ADVERT && got[1] == (ACT_ADVERT | ACT_ANNOUNCE) && got[2] == ACT_ADVERT,
	   "  two adverts from then, announced once more");

	hear(&election, &plain, INTERVAL(2, 0), 1, now_ns, now_ns);
	hear(&election, &plain, INTERVAL(0, 1), 1, now_ns, now_ns);
	is_int(election.announce_in, 0, "who is no longer master has nothing to announce");
}

/* F: sending failed, S: sent. After each: s suppressed, - not. Causes: S suppressed, R recovered. */
static const struct {
	const char *events;
	const char *states;
	const char *causes;
} sendings[] = {
	{ "SSSS", "----", "    " },
	{ "FFSFFS", "------", "      " },
	{ "FFF", "--s", "  S" },
	{ "FFFFFFFFFF", "--ssssssss", "  S       " },
	{ "FFFSS", "--sss", "  S  " },
	{ "FFFSSS", "--sss-", "  S  R" },
	{ "FFFSSSSSS", "--sss----", "  S  R   " },
	{ "FFFSSFSSFSSS", "--sssssssss-", "  S        R" },
	{ "FFFSSSFFFSSS", "--sss---sss-", "  S  R  S  R" },
	{ "FFFSSSFFSFF", "--sss------", "  S  R     " },
};

static void test_sending(void)
{
	for (size_t i = 0; i < COUNT(sendings); i++) {
		struct election election = place(IN_MASTER, DUE);
		char states[16] = "", causes[16] = "";
		unsigned int actions = 0;

		for (size_t at = 0; sendings[i].events[at]; at++) {
			struct election_result result = step(
				&election, &plain, sendings[i].events[at] == 'F' ? EV_SEND_FAILED : EV_SENT, NOW);

			actions |= result.actions;
			states[at] = election.send_suppressed ? 's' : '-';
			causes[at] = result.cause == CAUSE_SEND_SUPPRESSED  ? 'S'
				     : result.cause == CAUSE_SEND_RECOVERED ? 'R'
				     : result.cause == CAUSE_NONE	    ? ' '
									    : '?';
		}
		is_str(states, sendings[i].states, "sending: %s", sendings[i].events);
		is_str(causes, sendings[i].causes, "  and what is told");
		is_int(actions, 0, "  without an action");
	}
}

/* The count goes on through changes of state; ten thousand failures are no more than three. */
static void test_sending_long(void)
{
	struct election election = place(IN_MASTER, DUE);

	step(&election, &plain, EV_SEND_FAILED, NOW);
	step(&election, &plain, EV_DEMOTE, NOW);
	step(&election, &plain, EV_SEND_FAILED, NOW);
	step(&election, &plain, EV_SEND_FAILED, NOW);
	ok(election.send_suppressed, "failures before and after a demotion count together");
	for (int i = 0; i < 10000; i++)
		step(&election, &plain, EV_SEND_FAILED, NOW);
	ok(election.send_suppressed, "10000 failures");
	for (int i = 0; i < 3; i++)
		step(&election, &plain, EV_SENT, NOW);
	ok(!election.send_suppressed, "  and three successes");

	election = place(IN_MASTER, DUE);
	election.send_suppressed = true;
	step(&election, &plain, EV_TIMER, DUE);
	is_u64(election.deadline_ns, GRID_AFTER(DUE, S(1) + SKEW(240)), "a suppressed master's next advert");
	for (int i = 0; i < 3; i++)
		step(&election, &plain, EV_SENT, DUE);
	is_u64(election.deadline_ns, GRID_AFTER(DUE, S(1)), "  comes after the short interval when sending works again");
}

static const struct {
	uint8_t advbase;
	uint8_t advskew;
	uint8_t suppressed_skew;
	uint32_t interval, suppressed_interval;
} skews[] = {
	{ 1, 0, 240, 256, 496 },
	{ 1, 239, 240, 495, 496 },
	{ 1, 240, 240, 496, 496 },
	{ 1, 241, 241, 497, 497 },
	{ 0, 1, 240, 1, 240 },
	{ 0, 255, 255, 255, 255 },
	{ 0, 0, 240, 1, 240 },
	{ 255, 255, 255, 65535, 65535 },
	{ 255, 0, 240, 65280, 65520 },
};

static uint8_t claimed_advskew(const struct election *election, const struct election_config *config)
{
	uint8_t advbase, advskew;

	election_claim(election, config, &advbase, &advskew);
	return advskew;
}

static void test_skew(void)
{
	for (size_t i = 0; i < COUNT(skews); i++) {
		struct election_config config = { .advbase = skews[i].advbase, .advskew = skews[i].advskew };
		struct election election = place(IN_MASTER, DUE);

		is_int(claimed_advskew(&election, &config), skews[i].advskew,
		       "advbase %u advskew %u: skew advertised", skews[i].advbase, skews[i].advskew);
		is_int(election_interval_256ths(&election, &config), skews[i].interval, "  interval");
		election.send_suppressed = true;
		is_int(claimed_advskew(&election, &config), skews[i].suppressed_skew, "  skew while suppressed");
		is_int(election_interval_256ths(&election, &config), skews[i].suppressed_interval,
		       "  interval while suppressed");
	}
}

/* advbase 0, the fastest there is: 256 adverts a second, and the twelfth part of a second to live. */
static void test_fastest(void)
{
	static const struct election_config fastest = { .advskew = 1, .dead_ratio = 3 };
	struct election election = place(IN_MASTER, NOW);
	uint64_t now_ns = NOW;
	int adverts = 0;

	while (now_ns < NOW + S(1)) {
		adverts += step(&election, &fastest, EV_TIMER, now_ns).actions == ACT_ADVERT;
		now_ns = election.deadline_ns;
	}
	is_int(adverts, 256, "advbase 0 advskew 1: adverts in a second");
	is_u64(election.deadline_ns, NOW + S(1), "  and the grid after it");
	election = place(IN_BACKUP, NOW + 1);
	hear(&election, &fastest, INTERVAL(0, 1), 1, NOW, NOW);
	is_u64(election.deadline_ns, NOW + 3 * 3906250, "  down time of its backup");
	is_int(hear(&election, &fastest, INTERVAL(0, 3), 1, NOW, NOW).cause, CAUSE_NONE,
	       "  a master of the same down time");
	is_int(hear(&election, &fastest, INTERVAL(0, 4), 1, NOW, NOW).cause, CAUSE_MASTER_TOO_SLOW,
	       "  one slower than that");
}

static void test_suppression_ends(void)
{
	struct election election = place(IN_BACKUP, DUE);

	election.send_suppressed = true;
	election.suppressed_ns = NOW - S(60) + 1;
	is_int(hear(&election, &eager, INTERVAL(1, 200), 1, NOW, NOW).cause, CAUSE_NONE, "suppressed for nearly a minute");
	is_int(hear(&election, &eager, INTERVAL(1, 200), 1, NOW + 1, NOW + 1).cause, CAUSE_PREEMPTION,
	       "  a minute: pre-emption again");
	election = place(IN_INIT, NEVER);
	election.send_suppressed = true;
	election.suppressed_ns = NOW;
	step(&election, &eager, EV_LINK_UP, NOW);
	is_int(election.send_suppressed, 0, "a link that is back ends it at once");
}

static void test_far_future(void)
{
	const uint64_t late = UINT64_MAX / 2;
	struct election election;

	election_init(&election);
	step(&election, &slowest, EV_LINK_UP, late);
	is_u64(election.deadline_ns, late + 16711425996093750ull, "292 years after boot: the longest down time");
	hear(&election, &slowest, INTERVAL(255, 255), 1, late + 5, late + 4);
	is_u64(election.deadline_ns, late + 5 + 16711425996093750ull, "  restarted by an advert");
	is_int(step(&election, &slowest, EV_TIMER, late + 5 + 16711425996093750ull).cause, CAUSE_MASTER_SILENT,
	       "  over");
	is_u64(election.deadline_ns, GRID_AFTER(late + 5 + 16711425996093750ull, S(255) + SKEW(255)),
	       "  the next advert");
	step(&election, &slowest, EV_DEMOTE, late);
	is_u64(election.deadline_ns, late + S(3), "  a hold");
}

/* USR2 on a master whose peer is gone: three seconds of hold, then the down time, then master again. */
static void test_hold(void)
{
	struct election election = place(IN_MASTER, DUE);
	uint64_t down_ns = S(3) + SKEW(100);

	step(&election, &eager, EV_DEMOTE, NOW);
	hear(&election, &eager, INTERVAL(255, 255), 1, NOW + S(1), NOW + S(1));
	step(&election, &eager, EV_TIMER, NOW + S(3) - 1);
	ok(election.state == BACKUP && election.held, "held for three seconds");
	is_int(step(&election, &eager, EV_TIMER, NOW + S(3)).actions, 0, "then a backup as any");
	ok(!election.held && election.deadline_ns == NOW + S(3) + down_ns, "  with a whole down time before it");
	is_int(step(&election, &eager, EV_TIMER, NOW + S(3) + down_ns).cause, CAUSE_MASTER_SILENT,
	       "  and then master");

	step(&election, &eager, EV_DEMOTE, NOW + S(20));
	step(&election, &eager, EV_TIMER, NOW + S(23));
	is_int(hear(&election, &eager, INTERVAL(1, 101), 1, NOW + S(23), NOW + S(23)).cause, CAUSE_PREEMPTION,
	       "after the hold it pre-empts");

	step(&election, &eager, EV_DEMOTE, NOW + S(30));
	step(&election, &eager, EV_LINK_DOWN, NOW + S(31));
	step(&election, &eager, EV_LINK_UP, NOW + S(31));
	ok(election.state == BACKUP && !election.held && election.deadline_ns == NOW + S(31) + down_ns,
	   "a link that went and came ends the hold");
}

/* The adverts' grid. */

static struct election_config random_config(uint64_t *seed)
{
	/* Short and whole intervals are rare among random ones, and most usual. */
	return (struct election_config){
		.advbase = (uint8_t)(random_below(seed, 2) ? random_below(seed, 256) : random_below(seed, 3)),
		.advskew = (uint8_t)(random_below(seed, 4) ? random_below(seed, 256) : 0),
		.dead_ratio = (uint16_t)(1 + random_below(seed, 5)),
		.phase = (uint32_t)random_next(seed),
		.preempt = random_below(seed, 2),
	};
}

static uint64_t own_interval_ns(const struct election_config *config)
{
	uint32_t n = INTERVAL(config->advbase, config->advskew);

	return SKEW((uint64_t)(n ? n : 1));
}

static bool is_on_grid(const struct election_config *config, uint64_t at_ns)
{
	uint64_t interval_ns = own_interval_ns(config);

	return at_ns % interval_ns == (uint64_t)((unsigned __int128)interval_ns * config->phase >> 32);
}

/* Takeover, then late, early and stalled timers, at any time since boot. */
static void test_grid(uint64_t *seed)
{
	unsigned int off_grid = 0, too_soon = 0, too_far = 0, drifted = 0;

	for (int i = 0; i < 100000; i++) {
		struct election_config config = random_config(seed);
		struct election election = place(IN_BACKUP, 0);
		uint64_t interval_ns = own_interval_ns(&config), due_ns;
		uint64_t now_ns = random_next(seed) >> (1 + random_below(seed, 40));

		for (int event = 0; event < 8; event++) {
			step(&election, &config, EV_TIMER, now_ns);
			off_grid += !is_on_grid(&config, election.deadline_ns);
			too_soon += election.deadline_ns <= now_ns;
			too_far += election.deadline_ns > now_ns + interval_ns;
			due_ns = election.deadline_ns;
			now_ns = due_ns + (event % 3 ? random_next(seed) % interval_ns : 0);
			if (event == 6)
				now_ns += random_next(seed) % S(1000);
			else if (event < 6) {
				step(&election, &config, EV_TIMER, now_ns);
				drifted += election.deadline_ns != due_ns + interval_ns;
				now_ns = election.deadline_ns;
			}
		}
	}
	is_int(off_grid, 0, "random phases, intervals and times: every deadline is on the grid");
	is_int(too_soon, 0, "  after now");
	is_int(too_far, 0, "  and within an interval");
	is_int(drifted, 0, "  exactly an interval after the one before, where that is not over");
}

static uint32_t reverse_bits(uint32_t n)
{
	uint32_t reversed = 0;

	for (int i = 0; i < 32; i++)
		reversed |= (n >> i & 1) << (31 - i);
	return reversed;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The longest time between two neighbours of count that come round every interval_ns; sorts them. */
static uint64_t widest_gap_ns(uint64_t *deadlines_ns, uint32_t count, uint64_t interval_ns)
{
	uint64_t widest_ns;

	qsort(deadlines_ns, count, sizeof(*deadlines_ns), compare_times);
	widest_ns = deadlines_ns[0] + interval_ns - deadlines_ns[count - 1];
	for (uint32_t i = 1; i < count; i++)
		if (deadlines_ns[i] - deadlines_ns[i - 1] > widest_ns)
			widest_ns = deadlines_ns[i] - deadlines_ns[i - 1];
	return widest_ns;
}

#define SPREAD_MAX 20000

/* Bit by bit reversed numbers as phases: how even are the adverts of those that took over, or stalled, together? */
static void test_spread(void)
{
	static const uint32_t counts[] = { 1, 2, 3, 255, 256, 1000, 4096, SPREAD_MAX };
	static uint64_t first_ns[SPREAD_MAX], stalled_ns[SPREAD_MAX];

	for (size_t at = 0; at < COUNT(counts); at++) {
		uint32_t count = counts[at], even = 1;
		uint64_t limit_ns;

		for (uint32_t i = 0; i < count; i++) {
			struct election_config config = skewed;
			struct election election = place(IN_BACKUP, NOW);

			config.phase = reverse_bits(i);
			step(&election, &config, EV_TIMER, NOW + 12345);
			first_ns[i] = election.deadline_ns;
			step(&election, &config, EV_TIMER, NOW + S(77) + 54321);
			stalled_ns[i] = election.deadline_ns;
		}
		/* A power of two divides the interval evenly; more only halve some of those parts. */
		while (even * 2 <= count)
			even *= 2;
		limit_ns = own_interval_ns(&skewed) / even + 1;
		ok(widest_gap_ns(first_ns, count, own_interval_ns(&skewed)) <= limit_ns,
		   "%u take over at once: no gap longer than %ju ns", count, (uintmax_t)limit_ns);
		ok(widest_gap_ns(stalled_ns, count, own_interval_ns(&skewed)) <= limit_ns, "  and after a stall");
	}
}

/* Suppression makes the interval longer, its end shorter: the deadline stands, the next one is on the new grid. */
static void test_new_grid(void)
{
	struct election election = place(IN_MASTER, NOW + S(1) / 2);
	struct election_config slow = phased;
	uint64_t due_ns;

	slow.advskew = CARP_SKEW_SUPPRESSED;
	for (int i = 0; i < ELECTION_SEND_LIMIT; i++)
		step(&election, &phased, EV_SEND_FAILED, NOW);
	is_u64(election.deadline_ns, NOW + S(1) / 2, "suppressed: the deadline that stands is kept");
	step(&election, &phased, EV_TIMER, election.deadline_ns);
	ok(is_on_grid(&slow, election.deadline_ns) && election.deadline_ns > NOW + S(1) / 2 &&
		   election.deadline_ns <= NOW + S(1) / 2 + own_interval_ns(&slow),
	   "  the next is on the grid of the longer interval");

	due_ns = election.deadline_ns;
	for (int i = 0; i < ELECTION_SEND_LIMIT; i++)
		step(&election, &phased, EV_SENT, due_ns - 1);
	is_u64(election.deadline_ns, due_ns, "suppressed no more: the deadline that stands is kept");
	step(&election, &phased, EV_TIMER, due_ns);
	ok(is_on_grid(&phased, election.deadline_ns) && election.deadline_ns > due_ns &&
		   election.deadline_ns <= due_ns + S(1),
	   "  the next is on the old grid again");
}

/* A timer that came with its batch, a millisecond before its deadline; what happens next happens before that. */
static void test_early_timer(void)
{
	const uint64_t ahead_ns = 1000000, early_ns = NOW - ahead_ns;
	struct election election = place(IN_MASTER, NOW);
	int adverts;

	adverts = step(&election, &fast, EV_TIMER, NOW).actions == ACT_ADVERT;
	adverts += step(&election, &fast, EV_TIMER, early_ns).actions == ACT_ADVERT;
	adverts += step(&election, &fast, EV_TIMER, NOW).actions == ACT_ADVERT;
	is_int(adverts, 1, "an early timer: one advert");
	is_u64(election.deadline_ns, NOW + SKEW(4), "  and the next an interval after its deadline");
	is_int(hear(&election, &fast, INTERVAL(0, 5), 1, early_ns, early_ns).actions, ACT_ADVERT | ACT_ANNOUNCE,
	       "  a worse advert just before the deadline");
	is_int(hear(&election, &fast, INTERVAL(0, 5), 1, NOW, early_ns + S(1)).actions, ACT_ADVERT | ACT_ANNOUNCE,
	       "  the next announcement a second after that");
	for (int i = 0; i < ELECTION_SEND_LIMIT; i++)
		step(&election, &fast, EV_SEND_FAILED, i == 1 ? early_ns : NOW);
	ok(election.send_suppressed, "  failures are counted");
	is_int(hear(&election, &fast, INTERVAL(0, 3), 1, early_ns, early_ns).cause, CAUSE_PREFERRED_MASTER,
	       "  it yields");
	is_u64(election.deadline_ns, early_ns + SKEW(12), "  the down time counts from the real time");
	is_int(hear(&election, &eager, INTERVAL(1, 200), 1, early_ns, early_ns).cause, CAUSE_NONE,
	       "  suppression lasts");
}

/* What an operator holds. */

static const struct {
	const char *what;
	const struct election_config *config;
	enum vr_hold hold;
	bool suppressed;
	uint8_t advbase, advskew;
	uint32_t pace_256ths;
} claims[] = {
	{ "plain", &skewed, NOT_HELD, false, 1, 100, 356 },
	{ "suppressed", &skewed, NOT_HELD, true, 1, 240, 496 },
	{ "promoted", &skewed, PROMOTED, false, 0, 1, 356 },
	{ "promoted and suppressed", &skewed, PROMOTED, true, 1, 240, 496 },
	{ "promoted, slowest", &slowest, PROMOTED, false, 0, 1, 65535 },
	{ "promoted and suppressed, slowest", &slowest, PROMOTED, true, 255, 255, 65535 },
	{ "promoted, fast", &fast, PROMOTED, false, 0, 1, 4 },
};

static void test_claims(void)
{
	for (size_t i = 0; i < COUNT(claims); i++) {
		struct election election = place(IN_MASTER, DUE);
		uint8_t advbase, advskew;

		election.hold = claims[i].hold;
		election.send_suppressed = claims[i].suppressed;
		election_claim(&election, claims[i].config, &advbase, &advskew);
		ok(advbase == claims[i].advbase && advskew == claims[i].advskew, "%s: claims %u and %u/256 s",
		   claims[i].what, claims[i].advbase, claims[i].advskew);
		is_int(election_claim_256ths(&election, claims[i].config), INTERVAL(claims[i].advbase, claims[i].advskew),
		       "  the same in 1/256 s");
		is_int(election_interval_256ths(&election, claims[i].config), claims[i].pace_256ths, "  its pace");
	}
}

static void test_demoted(void)
{
	struct election election = place(IN_MASTER, DUE);

	step(&election, &eager, EV_HOLD_DEMOTED, NOW);
	step(&election, &eager, EV_LINK_DOWN, NOW + S(1));
	step(&election, &eager, EV_LINK_UP, NOW + S(2));
	hear(&election, &eager, INTERVAL(255, 255), 1, NOW + S(3), NOW + S(3));
	step(&election, &eager, EV_DEMOTE, NOW + S(4));
	step(&election, &eager, EV_TIMER, NOW + S(100000));
	is_str(place_name(&election), "BACKUP demoted", "demoted: stays out, whatever the link, peers and the clock do");
	is_u64(election.deadline_ns, NEVER, "  and waits for nothing");
	step(&election, &eager, EV_RELEASE, NOW + S(100000));
	is_int(hear(&election, &eager, INTERVAL(1, 101), 1, NOW + S(100001), NOW + S(100001)).cause, CAUSE_PREEMPTION,
	       "released: pre-empts");
}

static void test_promoted(void)
{
	struct election a = place(IN_BACKUP, DUE), b = place(IN_MASTER, DUE);
	uint8_t advbase, advskew;

	step(&a, &patient, EV_PROMOTE, NOW);
	election_claim(&a, &patient, &advbase, &advskew);
	hear(&b, &plain, INTERVAL(advbase, advskew), 1, NOW, NOW);
	is_int(b.state, BACKUP, "who was master yields to a promoted one of a longer interval");
	is_int(hear(&b, &eager, INTERVAL(advbase, advskew), -1, NOW, NOW).cause, CAUSE_NONE,
	       "  and does not pre-empt it");
	step(&b, &plain, EV_PROMOTE, NOW + S(1));
	hear(&a, &patient, INTERVAL(0, 1), -1, NOW + S(1), NOW + S(1));
	is_str(place_name(&a), "BACKUP", "  promoted in turn, with the lower source: the first is no more");
	hear(&b, &plain, INTERVAL(0, 1), 1, NOW + S(1), NOW + S(1));
	is_str(place_name(&b), "MASTER promoted", "  the second stays");

	step(&b, &plain, EV_LINK_DOWN, NOW + S(2));
	is_int(step(&b, &plain, EV_LINK_UP, NOW + S(3)).cause, CAUSE_PROMOTED, "a lost link does not end a promotion");
	step(&b, &plain, EV_RELEASE, NOW + S(4));
	hear(&b, &plain, INTERVAL(0, 255), 1, NOW + S(4), NOW + S(4));
	is_int(b.state, BACKUP, "released: its own interval counts again");
}

/* A promotion does not hide that nothing leaves the host. */
static void test_promoted_suppressed(void)
{
	struct election election = place(IN_PROMOTED, DUE);

	hear(&election, &plain, INTERVAL(1, 1), 1, NOW, NOW);
	is_str(place_name(&election), "MASTER promoted", "promoted: a worse advert than its claim");
	for (int i = 0; i < ELECTION_SEND_LIMIT; i++)
		step(&election, &plain, EV_SEND_FAILED, NOW);
	hear(&election, &plain, INTERVAL(1, 1), 1, NOW, NOW);
	is_str(place_name(&election), "BACKUP", "  the same while nothing can be sent: it yields");

	election.suppressed_ns = NOW;
	step(&election, &plain, EV_PROMOTE, NOW + S(60));
	ok(election.state == MASTER && !election.send_suppressed, "  a minute later: promoted as any");
}

/* Whatever happens in whatever order. */
static void test_invariants(uint64_t *seed)
{
	struct election_config config = random_config(seed);
	struct election election;
	uint64_t now_ns = NOW;
	unsigned int impossible = 0, wrong_deadline = 0;
	bool visited[PLACE_COUNT] = { false };
	int visits = 0;

	election_init(&election);
	for (int i = 0; i < 1000000; i++) {
		struct election_input input = {
			.event = (enum election_event)random_below(seed, ELECTION_EVENT_COUNT),
			.arrival_ns = now_ns,
			.interval_256ths = random_below(seed, 3) ? random_below(seed, 600) : INTERVAL(255, 255),
			.source_order = (int)random_below(seed, 3) - 1,
		};
		bool waits = false;

		election_step(&election, &config, &input, now_ns);
		if (!random_below(seed, 50)) {
			struct election_config other = random_config(seed);

			election_update(&election, &config, &other, now_ns);
			config = other;
		}
		for (int at = 0; at < PLACE_COUNT; at++)
			visited[at] |= !strcmp(place_name(&election), places[at].name);
		impossible += !strcmp(place_name(&election), "nowhere");
		waits = election.state == MASTER || (election.state == BACKUP && election.hold != DEMOTED);
		wrong_deadline += waits != (election.deadline_ns != NEVER);
		wrong_deadline += waits && election.deadline_ns > now_ns + S(256 * 6);
		now_ns += random_below(seed, 500000000);
	}
	for (int at = 0; at < PLACE_COUNT; at++)
		visits += visited[at];
	is_int(visits, PLACE_COUNT, "a million random events and reloads: every state and hold was there");
	is_int(impossible, 0, "  and no other");
	is_int(wrong_deadline, 0, "  and who waits for something, and only who does, has a deadline in reach");
}

/* A reload. */

static const struct update {
	const char *what;
	enum place at;
	bool suppressed;
	const struct election_config *from, *to;
	uint64_t deadline_ns;
	unsigned int actions;
	uint64_t until_ns;
} updates[] = {
	{ "down time", IN_INIT, false, &plain, &patient, NEVER, 0, NEVER },
	{ "down time", IN_INIT_PROMOTED, false, &plain, &patient, NEVER, 0, NEVER },
	{ "nothing", IN_BACKUP, false, &plain, &plain, DUE, 0, DUE },
	{ "longer down time", IN_BACKUP, false, &plain, &patient, DUE, 0, NOW + S(299) },
	{ "shorter down time", IN_BACKUP, false, &skewed, &plain, DUE, 0, DUE - SKEW(100) },
	{ "down time that is over", IN_BACKUP, false, &patient, &plain, DUE, 0, NOW },
	{ "down time that was over, and is no longer", IN_BACKUP, false, &plain, &patient, NOW - S(1), 0, NOW + S(296) },
	{ "down time that was over before", IN_BACKUP, false, &skewed, &plain, NOW - S(1), 0, NOW },
	{ "the hold stays", IN_HELD, false, &plain, &patient, DUE, 0, DUE },
	{ "stays out", IN_DEMOTED, false, &plain, &patient, NEVER, 0, NEVER },
	{ "nothing", IN_MASTER, false, &plain, &plain, NOW + S(1), 0, NOW + S(1) },
	{ "only pre-emption", IN_MASTER, false, &skewed, &eager, GRID(1, 100), 0, GRID(1, 100) },
	{ "longer interval: the next advert as promised", IN_MASTER, false, &plain, &patient, NOW + S(1), ACT_ADVERT,
	  NOW + S(1) },
	{ "shorter interval: the next advert within it", IN_MASTER, false, &patient, &plain, NOW + S(70), ACT_ADVERT,
	  NOW + S(1) },
	{ "shorter interval, the next advert sooner still", IN_MASTER, false, &patient, &plain, NOW + 7, ACT_ADVERT,
	  NOW + 7 },
	{ "an advert that is overdue stays so", IN_MASTER, false, &patient, &plain, NOW - 7, ACT_ADVERT, NOW - 7 },
	{ "another phase", IN_MASTER, false, &plain, &phased, NOW + S(1), 0, NOW + S(1) / 2 },
	{ "shorter interval, suppressed", IN_MASTER, true, &patient, &plain, NOW + S(70), ACT_ADVERT, GRID(1, 240) },
	{ "skew that suppression hides", IN_MASTER, true, &skewed, &plain, NOW + 7, 0, NOW + 7 },
	{ "interval that a promotion hides", IN_PROMOTED, false, &patient, &plain, NOW + S(70), 0, NOW + S(1) },
};

static void test_updates(void)
{
	for (size_t i = 0; i < COUNT(updates); i++) {
		const struct update *row = &updates[i];
		struct election election = place(row->at, row->deadline_ns), want = place(row->at, row->until_ns);
		struct election_result result;
		char got_text[256], want_text[256];

		election.send_suppressed = want.send_suppressed = row->suppressed;
		result = election_update(&election, row->from, row->to, NOW);
		is_str(spell(got_text, &election, result),
		       spell(want_text, &want, (struct election_result){ row->actions, CAUSE_NONE }), "reload, %s: %s",
		       places[row->at].name, row->what);
	}
}

/* Reloads again and again, none of which lets a silent master live for longer than the last one says. */
static void test_many_updates(uint64_t *seed)
{
	struct election election = place(IN_BACKUP, NOW + S(3));
	struct election_config config = plain;
	uint64_t now_ns = NOW;
	unsigned int wrong = 0;

	for (int i = 0; i < 10000; i++) {
		struct election_config other = random_config(seed);
		uint64_t deadline_ns;

		now_ns += random_below(seed, 1000000000);
		hear(&election, &config, INTERVAL(0, 0), -1, now_ns, now_ns);
		deadline_ns = election.deadline_ns;
		election_update(&election, &config, &other, now_ns);
		wrong += election.deadline_ns != deadline_ns - election_down_ns(&config) + election_down_ns(&other);
		election_update(&election, &other, &config, now_ns);
		wrong += election.deadline_ns != deadline_ns;
		election_update(&election, &config, &other, now_ns);
		config = other;
	}
	is_int(wrong, 0, "10000 reloads of a backup: the down time counts from the last advert");
}

int main(void)
{
	uint64_t seed = SEED;

	plan(COUNT(rows) + 1 + 6 + 4 + 2 * COUNT(ties) + 1 + 1 + COUNT(down_times) + 2 + 4 + 6 +
	     3 * COUNT(sendings) + 5 + 4 * COUNT(skews) + 5 + 5 + 6 + 3 +
	     4 + 2 * 8 + 4 + 8 + 3 * COUNT(claims) + 3 + 6 + 3 + 3 + COUNT(updates) + 1);
	diag("seed %#x", SEED);
	test_rows();
	test_start();
	test_as_ucarp();
	test_ties();
	test_tie_order(&seed);
	test_down_time();
	test_down_deadline(&seed);
	test_master_timer(&seed);
	test_announcements();
	test_sending();
	test_sending_long();
	test_skew();
	test_fastest();
	test_suppression_ends();
	test_far_future();
	test_hold();
	test_grid(&seed);
	test_spread();
	test_new_grid();
	test_early_timer();
	test_claims();
	test_demoted();
	test_promoted();
	test_promoted_suppressed();
	test_invariants(&seed);
	test_updates();
	test_many_updates(&seed);
	return tap_done();
}
