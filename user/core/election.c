// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * state   event         condition                           -> state   actions
 * INIT    START                                                INIT    VIPs off; down script unless neutral
 * INIT    ADOPT         not demoted                            MASTER  advert; announcement after two
 * INIT    LINK_UP                                              BACKUP  down timer starts
 * INIT    LINK_UP       demoted                                BACKUP
 * INIT    LINK_UP       promoted                               MASTER  take over
 * INIT    DEMOTE        promoted                               INIT    the promotion ends
 * BACKUP  LINK_DOWN, WITHDRAWN                                 INIT
 * BACKUP  ADVERT        held or demoted                        BACKUP
 * BACKUP  ADVERT        pre-emption on, ours is shorter        MASTER  take over
 * BACKUP  ADVERT        a bow-out                              MASTER  take over
 * BACKUP  ADVERT        theirs is longer than our down time    MASTER  take over
 * BACKUP  ADVERT        else                                   BACKUP  down timer restarts from the arrival
 * BACKUP  TIMER         hold over                              BACKUP  down timer starts
 * BACKUP  TIMER         down time over                         MASTER  take over
 * BACKUP  OWN_ADDRESS_BACK held                                BACKUP  down timer starts
 * BACKUP  HOLD_DEMOTED                                         BACKUP  demoted: down timer stops
 * BACKUP  PROMOTE       held and demoted too                   MASTER  promoted: take over
 * BACKUP  RELEASE       demoted                                BACKUP  down timer starts
 * MASTER  LINK_DOWN                                            INIT    leave
 * MASTER  WITHDRAWN                                            INIT    bow-out, leave
 * MASTER  ADVERT        theirs is shorter, and not demoted     BACKUP  last advert, leave; a promotion ends;
 *                                                                     down timer starts
 * MASTER  ADVERT        theirs is better for another reason    BACKUP  leave; a promotion ends; down timer starts, an
 *                                                                     eighth of an interval late after a tie
 * MASTER  ADVERT        theirs is worse                        MASTER  advert, announce (once a second); announce after two
 *                                                                     adverts
 * MASTER  FENCED                                               BACKUP  leave; a promotion ends; down timer starts
 * MASTER  TIMER         advert due                             MASTER  advert; announce if promised
 * MASTER  DEMOTE, OWN_ADDRESS_GONE                             BACKUP  bow-out, leave; a promotion ends; hold starts
 * MASTER  HOLD_DEMOTED                                         BACKUP  demoted: bow-out, leave
 * MASTER  PROMOTE       not promoted yet                       MASTER  promoted: advert
 * MASTER  RELEASE       promoted                               MASTER  advert
 * MASTER  STOP                                                 INIT    bow-out, VIPs off; down script if asked for
 * BACKUP  STOP                                                 INIT
 * INIT    HOLD_DEMOTED, PROMOTE, RELEASE                       INIT    remembered
 * any     SENT, SEND_FAILED                                    same    suppression of pre-emption
 *
 * take over: advert, VIPs, announcement (again after two adverts), up script. leave: VIPs off, down script.
 * Demoted and promoted outlive the link, until something above ends them. Every other pair is decided too: nothing
 * happens.
 *
 * A promotion lends the shortest interval to what the adverts claim, and so to every comparison with a peer's, but not
 * to the pace at which they go out. Where sending fails, suppression takes the claim back: another node must be able to
 * win then.
 *
 * Adverts go out on a grid that the clock, the interval and the phase lay down, not the moment of the takeover: masters
 * of different phases stay apart even where all of them took over, or stalled, at the same instant. So the second advert
 * of a master follows the first within an interval, it may be at once: one advert too many harms nobody, while to leave
 * that place of the grid out would be a silence of nearly two intervals.
 */
#include "election.h"

#include <endian.h>

#include <xcarp/carp.h>

#define FLOODED_TIMES 3
#define FLOODED_NS 3000000000ull /* more than two notices are apart */
#define NS_PER_S 1000000000ull
#define BOW_OUT_256THS (CARP_BOW_OUT * 256u + CARP_BOW_OUT)
#define PROMOTED_ADVBASE 0
#define PROMOTED_ADVSKEW 1
#define ANNOUNCE_AGAIN 2 /* adverts after which an announcement is repeated, for switches that missed the first */

#define ACT_TAKE_OVER (ACT_ADVERT | ACT_VIPS_ADD | ACT_ANNOUNCE | ACT_UP_SCRIPT)
#define ACT_LEAVE (ACT_VIPS_DEL | ACT_DOWN_SCRIPT)

static const struct election_result nothing = { 0, CAUSE_NONE };

static uint64_t ns_of_256ths(uint64_t n)
{
	return n * NS_PER_S / 256;
}

static uint32_t down_256ths(const struct election_config *config)
{
	uint32_t n = config->advbase ? (uint32_t)config->dead_ratio * config->advbase * 256 + config->advskew :
				       (uint32_t)config->dead_ratio * config->advskew;

	return n ? n : 1;
}

uint64_t election_down_ns(const struct election_config *config)
{
	return ns_of_256ths(down_256ths(config));
}

static uint8_t own_advskew(const struct election *election, const struct election_config *config)
{
	if (election->send_suppressed && config->advskew < CARP_SKEW_SUPPRESSED)
		return CARP_SKEW_SUPPRESSED;
	return config->advskew;
}

static uint32_t interval_256ths(uint8_t advbase, uint8_t advskew)
{
	uint32_t n = advbase * 256u + advskew;

	return n ? n : 1;
}

uint32_t election_interval_256ths(const struct election *election, const struct election_config *config)
{
	return interval_256ths(config->advbase, own_advskew(election, config));
}

void election_claim(const struct election *election, const struct election_config *config, uint8_t *advbase,
		    uint8_t *advskew)
{
	bool is_promoted = election->hold == PROMOTED && !election->send_suppressed;

	*advbase = is_promoted ? PROMOTED_ADVBASE : config->advbase;
	*advskew = is_promoted ? PROMOTED_ADVSKEW : own_advskew(election, config);
}

uint32_t election_claim_256ths(const struct election *election, const struct election_config *config)
{
	uint8_t advbase, advskew;

	election_claim(election, config, &advbase, &advskew);
	return interval_256ths(advbase, advskew);
}

int election_source_compare(uint32_t a, uint32_t b)
{
	uint32_t x = le32toh(a), y = le32toh(b);

	return (x > y) - (x < y);
}

const char *election_state_name(enum vr_state state)
{
	switch (state) {
	case INIT:
		return "INIT";
	case BACKUP:
		return "BACKUP";
	case MASTER:
		return "MASTER";
	}
	return "?";
}

void election_init(struct election *election)
{
	*election = (struct election){ .state = INIT, .deadline_ns = ELECTION_NEVER };
}

void election_flooded(struct election *election, uint64_t now_ns)
{
	election->flooded_until_ns = now_ns + FLOODED_NS;
}

/* The first time after now_ns that is (interval * phase) >> 32 past a multiple of the interval. */
static uint64_t next_advert_ns(const struct election *election, const struct election_config *config, uint64_t now_ns)
{
	uint64_t interval_ns = ns_of_256ths(election_interval_256ths(election, config)) /
			       (now_ns < election->flooded_until_ns ? FLOODED_TIMES : 1);
	/* The product may have 70 bits. */
	uint64_t offset_ns = (interval_ns >> 32) * config->phase + ((interval_ns & UINT32_MAX) * config->phase >> 32);
	uint64_t next_ns = now_ns - now_ns % interval_ns + offset_ns;

	return next_ns > now_ns ? next_ns : next_ns + interval_ns;
}

static void become(struct election *election, enum vr_state state, uint64_t deadline_ns)
{
	election->state = state;
	election->deadline_ns = deadline_ns;
	election->held = false;
	election->announce_in = 0;
	election->reassert_ns = 0;
}

static struct election_result change_hold(struct election *election, enum vr_hold hold, enum vr_cause cause,
					  unsigned int actions)
{
	if (election->hold == hold)
		return nothing;
	election->hold = hold;
	return (struct election_result){ actions, cause };
}

static void end_suppression(struct election *election)
{
	election->send_suppressed = false;
	election->send_failures = 0;
	election->send_successes = 0;
}

/* A backup sends nothing that could succeed, so it would never learn that sending works again. */
static void expire_suppression(struct election *election, uint64_t now_ns)
{
	if (election->send_suppressed && now_ns >= election->suppressed_ns + ELECTION_SUPPRESSION_NS)
		end_suppression(election);
}

static struct election_result take_over(struct election *election, const struct election_config *config,
					enum vr_cause cause, uint64_t now_ns)
{
	become(election, MASTER, next_advert_ns(election, config, now_ns));
	election->announce_in = ANNOUNCE_AGAIN;
	return (struct election_result){ ACT_TAKE_OVER, cause };
}

static struct election_result init_link_up(struct election *election, const struct election_config *config,
					   uint64_t now_ns)
{
	end_suppression(election);
	if (election->hold == PROMOTED)
		return take_over(election, config, CAUSE_PROMOTED, now_ns);
	become(election, BACKUP, election->hold == DEMOTED ? ELECTION_NEVER : now_ns + election_down_ns(config));
	return (struct election_result){ 0, CAUSE_LINK_UP };
}

static struct election_result init_step(struct election *election, const struct election_config *config,
					const struct election_input *input, uint64_t now_ns)
{
	switch (input->event) {
	case EV_START:
		return (struct election_result){ config->neutral ? ACT_VIPS_DEL : ACT_LEAVE, CAUSE_STARTED };
	case EV_ADOPT:
		if (election->hold == DEMOTED)
			return nothing;
		become(election, MASTER, next_advert_ns(election, config, now_ns));
		/* What the dead one had announced, and what it still had to, is not known. */
		election->announce_in = ANNOUNCE_AGAIN;
		return (struct election_result){ ACT_ADVERT, CAUSE_ADOPTED };
	case EV_LINK_UP:
		return init_link_up(election, config, now_ns);
	case EV_DEMOTE:
		return election->hold == PROMOTED ? change_hold(election, NOT_HELD, CAUSE_RELEASED, 0) : nothing;
	case EV_HOLD_DEMOTED:
		return change_hold(election, DEMOTED, CAUSE_DEMOTED, 0);
	case EV_PROMOTE:
		return change_hold(election, PROMOTED, CAUSE_PROMOTED, 0);
	case EV_RELEASE:
		return change_hold(election, NOT_HELD, CAUSE_RELEASED, 0);
	case EV_STOP:
		return (struct election_result){ 0, CAUSE_STOPPED };
	default:
		return nothing;
	}
}

static struct election_result backup_advert(struct election *election, const struct election_config *config,
					    const struct election_input *input, uint64_t now_ns)
{
	uint64_t deadline_ns;
	bool is_bow_out;

	if (election->held || election->hold == DEMOTED)
		return nothing;
	expire_suppression(election, now_ns);
	/*
	 * ucarp knows a bow-out only by its length, and sleeps through it where its own down time is longer still. Where
	 * our interval is the same, it may be an advert like any other.
	 */
	is_bow_out = input->interval_256ths == BOW_OUT_256THS &&
		     election_interval_256ths(election, config) < BOW_OUT_256THS;
	if (config->preempt && !is_bow_out && election_interval_256ths(election, config) < input->interval_256ths)
		return take_over(election, config, CAUSE_PREEMPTION, now_ns);
	if (is_bow_out)
		return take_over(election, config, CAUSE_BOW_OUT, now_ns);
	if (down_256ths(config) < input->interval_256ths)
		return take_over(election, config, CAUSE_MASTER_TOO_SLOW, now_ns);

	/* Never back: adverts that two queues took may be told in the other order. */
	deadline_ns = input->arrival_ns + election_down_ns(config);
	if (deadline_ns > election->deadline_ns)
		election->deadline_ns = deadline_ns;
	return nothing;
}

static struct election_result backup_step(struct election *election, const struct election_config *config,
					  const struct election_input *input, uint64_t now_ns)
{
	switch (input->event) {
	case EV_LINK_DOWN:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ 0, CAUSE_LINK_DOWN };
	case EV_WITHDRAWN:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ 0, CAUSE_WITHDRAWN };
	case EV_ADVERT:
		return backup_advert(election, config, input, now_ns);
	case EV_TIMER:
		if (now_ns < election->deadline_ns)
			return nothing;
		if (election->held) {
			become(election, BACKUP, now_ns + election_down_ns(config));
			return nothing;
		}
		return take_over(election, config, CAUSE_MASTER_SILENT, now_ns);
	case EV_OWN_ADDRESS_BACK:
		if (!election->held)
			return nothing;
		become(election, BACKUP, now_ns + election_down_ns(config));
		return (struct election_result){ 0, CAUSE_OWN_ADDRESS_BACK };
	case EV_HOLD_DEMOTED:
		become(election, BACKUP, ELECTION_NEVER);
		return change_hold(election, DEMOTED, CAUSE_DEMOTED, 0);
	case EV_PROMOTE:
		expire_suppression(election, now_ns);
		election->hold = PROMOTED;
		return take_over(election, config, CAUSE_PROMOTED, now_ns);
	case EV_RELEASE:
		if (election->hold == DEMOTED)
			become(election, BACKUP, now_ns + election_down_ns(config));
		return change_hold(election, NOT_HELD, CAUSE_RELEASED, 0);
	case EV_STOP:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ 0, CAUSE_STOPPED };
	default:
		return nothing;
	}
}

/* Of what arrived while the caller was late, or since it looked at the clock. */
static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

/*
 * After a tie. A BSD that heard us at the same time has yielded as well, and waits as long as we do: then both would be master
 * again at once, and yield, and so on.
 */
static uint64_t head_start_ns_of(const struct election *election, const struct election_config *config)
{
	return ns_of_256ths(election_interval_256ths(election, config)) / ELECTION_HEAD_START;
}

static struct election_result master_advert(struct election *election, const struct election_config *config,
					    const struct election_input *input, uint64_t now_ns)
{
	uint32_t ours = election_claim_256ths(election, config);

	if (ours > input->interval_256ths || (ours == input->interval_256ths && input->source_order < 0)) {
		/*
		 * A last advert has the new master announce its addresses once more. The BSDs yield to an equal interval, and
		 * OpenBSD to a longer one if it is demoted and we are not: then neither would be master for a down time.
		 */
		bool stays_master = ours > input->interval_256ths && !input->demote;
		uint64_t head_start_ns = ours > input->interval_256ths ? 0 : head_start_ns_of(election, config);

		election->hold = NOT_HELD;
		become(election, BACKUP, later(now_ns, input->arrival_ns) + election_down_ns(config) + head_start_ns);
		return (struct election_result){ (stays_master ? ACT_ADVERT : 0) | ACT_LEAVE, CAUSE_PREFERRED_MASTER };
	}
	if (ours < input->interval_256ths || input->source_order > 0) {
		election->announce_in = ANNOUNCE_AGAIN;
		/*
		 * ucarp announces for each, and so multiplies whatever somebody replays. The advert is an answer: one that
		 * always goes out just before the other's arrives is behind his counter each time, and would never be heard.
		 */
		if (now_ns < election->reassert_ns)
			return (struct election_result){ 0, CAUSE_NON_PREFERRED_MASTER };
		election->reassert_ns = now_ns + ELECTION_REASSERT_NS;
		return (struct election_result){ ACT_ADVERT | ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER };
	}
	return nothing;
}

static struct election_result master_timer(struct election *election, const struct election_config *config,
					   uint64_t now_ns)
{
	struct election_result result = { ACT_ADVERT, CAUSE_NONE };

	if (now_ns < election->deadline_ns)
		return nothing;
	/* Lateness does not add up, and a stall is followed by one advert, not by all that were missed. */
	election->deadline_ns = next_advert_ns(election, config, now_ns);
	if (election->announce_in && !--election->announce_in)
		result.actions |= ACT_ANNOUNCE;
	return result;
}

static struct election_result stay_out(struct election *election, enum vr_cause cause, uint64_t now_ns)
{
	become(election, BACKUP, now_ns + ELECTION_HOLD_NS);
	election->held = true;
	election->hold = NOT_HELD;
	return (struct election_result){ ACT_BOW_OUT | ACT_LEAVE, cause };
}

static struct election_result master_step(struct election *election, const struct election_config *config,
					  const struct election_input *input, uint64_t now_ns)
{
	switch (input->event) {
	case EV_LINK_DOWN:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ ACT_LEAVE, CAUSE_LINK_DOWN };
	case EV_WITHDRAWN:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ ACT_BOW_OUT | ACT_LEAVE, CAUSE_WITHDRAWN };
	case EV_ADVERT:
		return master_advert(election, config, input, now_ns);
	case EV_FENCED:
		election->hold = NOT_HELD;
		become(election, BACKUP, later(now_ns, input->arrival_ns) + election_down_ns(config));
		return (struct election_result){ ACT_LEAVE, CAUSE_FENCED };
	case EV_TIMER:
		return master_timer(election, config, now_ns);
	case EV_DEMOTE:
		return stay_out(election, CAUSE_DEMOTED, now_ns);
	case EV_OWN_ADDRESS_GONE:
		return stay_out(election, CAUSE_OWN_ADDRESS_GONE, now_ns);
	case EV_HOLD_DEMOTED:
		become(election, BACKUP, ELECTION_NEVER);
		return change_hold(election, DEMOTED, CAUSE_DEMOTED, ACT_BOW_OUT | ACT_LEAVE);
	case EV_PROMOTE:
		return change_hold(election, PROMOTED, CAUSE_PROMOTED, ACT_ADVERT);
	case EV_RELEASE:
		return change_hold(election, NOT_HELD, CAUSE_RELEASED, ACT_ADVERT);
	case EV_STOP:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){
			ACT_BOW_OUT | ACT_VIPS_DEL | (config->script_at_exit ? ACT_DOWN_SCRIPT : 0), CAUSE_STOPPED
		};
	default:
		return nothing;
	}
}

/*
 * ucarp counts the same way in carp_send_ad(), but for all of a host's interfaces; here it is the virtual router's. With
 * its own interval back, a master must not wait for the end of the long one: peers go by the short one from the next
 * advert on.
 */
static struct election_result count_send(struct election *election, const struct election_config *config, bool failed,
					 uint64_t now_ns)
{
	uint64_t next_ns;

	if (failed) {
		election->send_successes = 0;
		if (election->send_failures < ELECTION_SEND_LIMIT)
			election->send_failures++;
		if (election->send_failures < ELECTION_SEND_LIMIT || election->send_suppressed)
			return nothing;
		election->send_suppressed = true;
		election->suppressed_ns = now_ns;
		return (struct election_result){ 0, CAUSE_SEND_SUPPRESSED };
	}
	election->send_failures = 0;
	if (!election->send_suppressed || ++election->send_successes < ELECTION_SEND_LIMIT)
		return nothing;
	end_suppression(election);
	next_ns = next_advert_ns(election, config, now_ns);
	if (election->state == MASTER && next_ns < election->deadline_ns)
		election->deadline_ns = next_ns;
	return (struct election_result){ 0, CAUSE_SEND_RECOVERED };
}

struct election_result election_step(struct election *election, const struct election_config *config,
				     const struct election_input *input, uint64_t now_ns)
{
	if (input->event == EV_SENT || input->event == EV_SEND_FAILED)
		return count_send(election, config, input->event == EV_SEND_FAILED, now_ns);

	switch (election->state) {
	case INIT:
		return init_step(election, config, input, now_ns);
	case BACKUP:
		return backup_step(election, config, input, now_ns);
	case MASTER:
		return master_step(election, config, input, now_ns);
	}
	return nothing;
}

static void restart_down_time(struct election *election, const struct election_config *old_config,
			      const struct election_config *new_config, uint64_t now_ns)
{
	uint64_t start_ns;

	if (election->held || election->hold == DEMOTED)
		return;
	start_ns = election->deadline_ns - election_down_ns(old_config);
	election->deadline_ns = start_ns + election_down_ns(new_config);
	if (election->deadline_ns < now_ns)
		election->deadline_ns = now_ns;
}

struct election_result election_update(struct election *election, const struct election_config *old_config,
				       const struct election_config *new_config, uint64_t now_ns)
{
	uint64_t next_ns;

	if (election->state == BACKUP)
		restart_down_time(election, old_config, new_config, now_ns);
	if (election->state != MASTER)
		return nothing;
	next_ns = next_advert_ns(election, new_config, now_ns);
	if (next_ns < election->deadline_ns)
		election->deadline_ns = next_ns;
	if (election_claim_256ths(election, old_config) == election_claim_256ths(election, new_config))
		return nothing;
	return (struct election_result){ ACT_ADVERT, CAUSE_NONE };
}
