// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * state   event         condition                           -> state   actions
 * INIT    START                                                INIT    VIPs off; down script unless neutral
 * INIT    LINK_UP                                              BACKUP  down timer starts
 * BACKUP  LINK_DOWN, WITHDRAWN                                 INIT
 * BACKUP  ADVERT        held                                   BACKUP
 * BACKUP  ADVERT        pre-emption on, ours is shorter        MASTER  take over
 * BACKUP  ADVERT        theirs is longer than our down time,
 *                       or a bow-out                           MASTER  take over
 * BACKUP  ADVERT        else                                   BACKUP  down timer restarts from the arrival
 * BACKUP  TIMER         hold over                              BACKUP  down timer starts
 * BACKUP  TIMER         down time over                         MASTER  take over
 * MASTER  LINK_DOWN                                            INIT    leave
 * MASTER  WITHDRAWN                                            INIT    bow-out, leave
 * MASTER  ADVERT        theirs is better                       BACKUP  last advert, leave; down timer starts
 * MASTER  ADVERT        theirs is worse                        MASTER  announce now (once a second) and after two adverts
 * MASTER  TIMER         advert due                             MASTER  advert; announce if promised
 * MASTER  DEMOTE                                               BACKUP  bow-out, leave; hold starts
 * MASTER  STOP                                                 INIT    bow-out, VIPs off; down script if asked for
 * BACKUP  STOP                                                 INIT
 * any     SENT, SEND_FAILED                                    same    suppression of pre-emption
 *
 * take over: advert, VIPs, announcement (again after two adverts), up script. leave: VIPs off, down script.
 * Every other pair is decided too: nothing happens.
 */
#include "election.h"

#include <endian.h>

#include <xcarp/carp.h>

#define NS_PER_S 1000000000ull
#define BOW_OUT_256THS (CARP_BOW_OUT * 256u + CARP_BOW_OUT)
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

uint8_t election_advskew(const struct election *election, const struct election_config *config)
{
	if (election->send_suppressed && config->advskew < CARP_SKEW_SUPPRESSED)
		return CARP_SKEW_SUPPRESSED;
	return config->advskew;
}

uint32_t election_interval_256ths(const struct election *election, const struct election_config *config)
{
	uint32_t n = config->advbase * 256u + election_advskew(election, config);

	return n ? n : 1;
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

static uint64_t interval_ns(const struct election *election, const struct election_config *config)
{
	return ns_of_256ths(election_interval_256ths(election, config));
}

static void become(struct election *election, enum vr_state state, uint64_t deadline_ns)
{
	election->state = state;
	election->deadline_ns = deadline_ns;
	election->held = false;
	election->announce_in = 0;
	election->reassert_ns = 0;
}

static void end_suppression(struct election *election)
{
	election->send_suppressed = false;
	election->send_failures = 0;
	election->send_successes = 0;
}

static struct election_result take_over(struct election *election, const struct election_config *config,
					enum election_cause cause, uint64_t now_ns)
{
	become(election, MASTER, now_ns + interval_ns(election, config));
	election->announce_in = ANNOUNCE_AGAIN;
	return (struct election_result){ ACT_TAKE_OVER, cause };
}

static struct election_result init_step(struct election *election, const struct election_config *config,
					const struct election_input *input, uint64_t now_ns)
{
	switch (input->event) {
	case EV_START:
		return (struct election_result){ config->neutral ? ACT_VIPS_DEL : ACT_LEAVE, CAUSE_STARTED };
	case EV_LINK_UP:
		become(election, BACKUP, now_ns + election_down_ns(config));
		end_suppression(election);
		return (struct election_result){ 0, CAUSE_LINK_UP };
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

	if (election->held)
		return nothing;
	/* A backup sends nothing that could succeed, so it would never learn that sending works again. */
	if (election->send_suppressed && now_ns >= election->suppressed_ns + ELECTION_SUPPRESSION_NS)
		end_suppression(election);
	/*
	 * ucarp knows a bow-out only by its length, and sleeps through it where its own down time is longer still. Where
	 * our interval is the same, it may be an advert like any other.
	 */
	is_bow_out = input->interval_256ths == BOW_OUT_256THS &&
		     election_interval_256ths(election, config) < BOW_OUT_256THS;
	if (config->preempt && !is_bow_out && election_interval_256ths(election, config) < input->interval_256ths)
		return take_over(election, config, CAUSE_PREEMPTION, now_ns);
	if (is_bow_out || down_256ths(config) < input->interval_256ths)
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
	case EV_STOP:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){ 0, CAUSE_STOPPED };
	default:
		return nothing;
	}
}

static struct election_result master_advert(struct election *election, const struct election_config *config,
					    const struct election_input *input, uint64_t now_ns)
{
	uint32_t ours = election_interval_256ths(election, config);

	if (ours > input->interval_256ths || (ours == input->interval_256ths && input->source_order < 0)) {
		become(election, BACKUP, now_ns + election_down_ns(config));
		return (struct election_result){ ACT_ADVERT | ACT_LEAVE, CAUSE_PREFERRED_MASTER };
	}
	if (ours < input->interval_256ths || input->source_order > 0) {
		election->announce_in = ANNOUNCE_AGAIN;
		/* ucarp announces for each, and so multiplies whatever somebody replays. */
		if (now_ns < election->reassert_ns)
			return (struct election_result){ 0, CAUSE_NON_PREFERRED_MASTER };
		election->reassert_ns = now_ns + ELECTION_REASSERT_NS;
		return (struct election_result){ ACT_ANNOUNCE, CAUSE_NON_PREFERRED_MASTER };
	}
	return nothing;
}

static struct election_result master_timer(struct election *election, const struct election_config *config,
					   uint64_t now_ns)
{
	struct election_result result = { ACT_ADVERT, CAUSE_NONE };

	if (now_ns < election->deadline_ns)
		return nothing;
	/* From the deadline, so that lateness does not add up; from now after a stall, so that adverts do not burst. */
	election->deadline_ns += interval_ns(election, config);
	if (election->deadline_ns <= now_ns)
		election->deadline_ns = now_ns + interval_ns(election, config);
	if (election->announce_in && !--election->announce_in)
		result.actions |= ACT_ANNOUNCE;
	return result;
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
	case EV_TIMER:
		return master_timer(election, config, now_ns);
	case EV_DEMOTE:
		become(election, BACKUP, now_ns + ELECTION_HOLD_NS);
		election->held = true;
		return (struct election_result){ ACT_BOW_OUT | ACT_LEAVE, CAUSE_DEMOTED };
	case EV_STOP:
		become(election, INIT, ELECTION_NEVER);
		return (struct election_result){
			ACT_BOW_OUT | ACT_VIPS_DEL | (config->script_at_exit ? ACT_DOWN_SCRIPT : 0), CAUSE_STOPPED
		};
	default:
		return nothing;
	}
}

/* ucarp counts the same way in carp_send_ad(), but for all of a host's interfaces; here it is the virtual router's. */
static struct election_result count_send(struct election *election, bool failed, uint64_t now_ns)
{
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
	return (struct election_result){ 0, CAUSE_SEND_RECOVERED };
}

struct election_result election_step(struct election *election, const struct election_config *config,
				     const struct election_input *input, uint64_t now_ns)
{
	if (input->event == EV_SENT || input->event == EV_SEND_FAILED)
		return count_send(election, input->event == EV_SEND_FAILED, now_ns);

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
