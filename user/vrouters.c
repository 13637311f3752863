// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The list of virtual routers, and changing it as a plan says: at start all at once, at a reload in pieces between which
 * everything else goes on. First all new ones are entered into the maps, which other processes may prevent; if one cannot
 * be, all are taken out again and nothing has changed. After that nothing can go wrong any more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller.h"
#include "io/log.h"
#include "io/notify.h"

#define NS_PER_MS 1000000ull
#define RETRY_NS (20 * NS_PER_MS)
#define PIECE 64 /* virtual routers at once: under a millisecond */
#define NAMED_MAX 100 /* changes that are told one by one */
#define LINES_MAX 250 /* about a file that is read again: the log takes so many at once, and then what came of it */

/* The list. */

uint32_t vrouters_next(const struct controller *c, uint32_t index)
{
	for (index = index == NO_INDEX ? 0 : index + 1; index < c->capacity; index++)
		if (c->running[index].options && !c->slots[index].is_leaving)
			return index;
	return NO_INDEX;
}

static bool grow(struct controller *c, uint32_t capacity)
{
	struct vrouter_slot *slots = reallocarray(c->slots, capacity, sizeof(*slots));
	struct plan_running *running;

	if (!slots)
		return false;
	c->slots = slots;
	running = reallocarray(c->running, capacity, sizeof(*running));
	if (!running)
		return false;
	c->running = running;
	if (!engine_grow(c->engine, capacity) || !scripts_grow(c->scripts, capacity))
		return false;
	memset(running + c->capacity, 0, (capacity - c->capacity) * sizeof(*running));
	c->capacity = capacity;
	return true;
}

static bool reserve_keys(struct controller *c)
{
	const struct plan *plan = &c->change.plan;
	uint32_t hmac = 0, siphash = 0;

	for (uint32_t i = 0; i < plan->add_count + plan->change_count; i++) {
		const struct plan_vr *vr = i < plan->add_count ? &plan->adds[i] : &plan->changes[i - plan->add_count];

		*(vr->options->auth == AUTH_HMAC_SHA1 ? &hmac : &siphash) += 1;
	}
	return keys_reserve(c->keys, AUTH_HMAC_SHA1, hmac) && keys_reserve(c->keys, AUTH_SIPHASH, siphash);
}

/* Room for count more than there are now, in the list and for their keys. */
static bool make_room(struct controller *c, uint32_t count)
{
	uint32_t wanted = c->count + count;

	return reserve_keys(c) && (wanted <= c->capacity || grow(c, wanted));
}

static uint32_t unused_index(struct controller *c)
{
	while (c->running[c->hint].options)
		c->hint = c->hint + 1 == c->capacity ? 0 : c->hint + 1;
	return c->hint;
}

/* Returns how many there were beyond max. */
static size_t log_messages(const struct plan *plan, size_t max)
{
	size_t count = plan->message_count < max ? plan->message_count : max;

	for (size_t i = 0; i < count; i++)
		log_printf(plan->messages[i].priority, "%s", plan->messages[i].line);
	return plan->message_count - count;
}

/* One of the plan's additions, entered but not started. */

/* Gives back what claim() took, but the options: those were the plan's. */
static struct vr_options *drop(struct controller *c, uint32_t index)
{
	struct plan_running *running = &c->running[index];
	struct vr_options *options = (struct vr_options *)running->options;

	if (c->slots[index].is_adopted && !c->slots[index].is_started)
		dataplane_disown(c->dataplane, c->slots[index].map_slot);
	interface_leave(c, index);
	engine_remove(c->engine, index);
	scripts_unset(c->scripts, index);
	dataplane_slot_give(c->dataplane, c->slots[index].map_slot);
	keys_give(c->keys, options->auth, running->key);
	*running = (struct plan_running){ 0 };
	dataplane_owner(c->dataplane)->vrouters = --c->count;
	return options;
}

/* A dead process's, to go on with, or an empty one. */
static int take_map_slot(struct controller *c, struct vrouter_slot *slot, const struct vr_options *options)
{
	const struct interface *interface = interface_named(c, options->interface);
	int adopted = 0;

	if (interface && interface->link.ifindex)
		adopted = dataplane_adopt(c->dataplane, options, interface->link.ifindex, &slot->map_slot);
	slot->is_adopted = adopted > 0;
	if (adopted)
		return adopted < 0 ? adopted : 0;
	return dataplane_slot_take(c->dataplane, &slot->map_slot);
}

static int claim(struct controller *c, struct plan_vr *vr, uint64_t now_ns)
{
	uint32_t index = unused_index(c);
	struct plan_running *running = &c->running[index];
	struct vrouter_slot *slot = &c->slots[index];
	int err;

	*slot = (struct vrouter_slot){ .next = NO_INDEX, .previous = NO_INDEX };
	err = take_map_slot(c, slot, vr->options);
	if (err)
		return err;
	running->key = keys_take(c->keys, vr->options->auth, vr->key);
	running->options = vr->options;
	vr->options = NULL;
	vr->index = index;
	dataplane_owner(c->dataplane)->vrouters = ++c->count;
	err = running->key ? scripts_set(c->scripts, index, running->options) : -ENOMEM;
	if (err)
		controller_fail("virtual routers", err);
	err = err ?: interface_join(c, index);
	if (!err) {
		err = engine_add(c->engine, index, running->options, running->key, dataplane_live(c->dataplane, slot->map_slot),
				 now_ns);
		if (err)
			controller_fail("engine", err);
		else
			prints_publish(c, index);
	}
	if (!err)
		return 0;
	if (vr->file && err != -EAGAIN)
		log_error("%s:%u: -v %u: cannot be used, see above", vr->file, vr->line, running->options->vhid);
	vr->options = drop(c, index);
	return err;
}

/* A line about one change, for the first of them. */
static void name_change(struct controller *c, char sign, const struct vr_options *options, const char *what)
{
	char group[INET_ADDRSTRLEN];

	if (!c->change.is_reload || c->change.named++ >= NAMED_MAX)
		return;
	inet_ntop(AF_INET, &options->group, group, sizeof(group));
	log_info("%c %s/%u%s%s%s%s", sign, options->interface, options->vhid, options->group == htonl(CARP_GROUP_IPV4) ? "" : "@",
		 options->group == htonl(CARP_GROUP_IPV4) ? "" : group, *what ? ": " : "", what);
}

static void name_update(struct controller *c, uint32_t index, const struct plan_running *old)
{
	const struct plan_running *new = &c->running[index];
	char what[OPTIONS_TEXT_LEN];
	const char *keys;
	size_t len;

	/* To compare them takes longer than to change them. */
	if (c->change.named >= NAMED_MAX) {
		c->change.named++;
		return;
	}
	keys = keys_difference(old->key, old->options->auth, new->key, new->options->auth);
	vr_options_changes(what, sizeof(what), old->options, new->options);
	len = strlen(what);
	snprintf(what + len, sizeof(what) - len, "%s%s", len && *keys ? ", " : "", keys);
	name_change(c, '~', new->options, what);
}

static void start(struct controller *c, uint32_t index, uint64_t now_ns)
{
	c->slots[index].is_started = true;
	interface_tell_engine(c, index, now_ns);
}

/*
 * Which addresses are there is seen when all are told again: those that the adopted ones are to have, and everybody's source
 * addresses.
 */
static void look_at_addresses(struct controller *c)
{
	dataplane_adopted(c->dataplane);
	rtnl_resync(c->rtnl);
}

static void update(struct controller *c, struct plan_vr *vr, uint64_t now_ns)
{
	struct plan_running *running = &c->running[vr->index], old = *running;
	bool is_updated;

	running->options = vr->options;
	vr->options = NULL;
	if (vr->key)
		running->key = keys_take(c->keys, running->options->auth, vr->key);
	/* The maps first: an advert signed with the new key is answered by one that is. */
	is_updated = interface_update(c, vr->index, old.options);
	scripts_set(c->scripts, vr->index, running->options);
	engine_update(c->engine, vr->index, running->options, running->key, now_ns);
	if (is_updated)
		interface_updated(c, vr->index, old.options);
	name_update(c, vr->index, &old);
	if (vr->key) {
		prints_publish(c, vr->index);
		keys_give(c->keys, old.options->auth, old.key);
	}
	free((void *)old.options);
}

static void leave(struct controller *c, uint32_t index, uint64_t now_ns)
{
	c->slots[index].is_leaving = true;
	name_change(c, '-', vrouter_options(c, index), "");
	engine_stop(c->engine, index, now_ns);
}

/* The change. */

/* The runner, too, has the commands of the one list or the other from now on. */
static void end_change(struct controller *c, bool is_done)
{
	scripts_keep(c->scripts, is_done);
	notify_reloaded(loop_now_ns());
	c->is_status_old = true;
	plan_free(&c->change.plan);
	c->change = (struct change){ 0 };
}

static void undo_claims(struct controller *c)
{
	struct change *change = &c->change;

	while (change->at--)
		free(drop(c, change->plan.adds[change->at].index));
}

static int addresses_piece(struct controller *c, uint32_t piece)
{
	struct change *change = &c->change;
	int err = 0;

	for (; !err && piece && change->at < change->plan.change_count; piece--) {
		const struct plan_vr *vr = &change->plan.changes[change->at++];

		err = interface_enter_vips(c, vr->index, vr->options);
		if (err)
			log_error("%s:%u: -v %u: cannot be used, see above", vr->file, vr->line, vr->options->vhid);
	}
	return err;
}

/* Before CHANGE_UPDATE. */
static void undo_addresses(struct controller *c)
{
	const struct change *change = &c->change;
	uint32_t count = change->step == CHANGE_ADDRESSES ? change->at : change->plan.change_count;

	for (uint32_t i = 0; i < count; i++)
		interface_remove_vips(c, change->plan.changes[i].index, change->plan.changes[i].options);
}

/* After the burial; who has taken one of them meanwhile is told of in the log. */
static void moved_piece(struct controller *c, uint32_t piece)
{
	struct change *change = &c->change;
	const struct plan *plan = &change->plan;

	for (; piece && change->at < plan->add_count + plan->change_count; piece--, change->at++) {
		uint32_t at = change->at;
		uint32_t index = at < plan->add_count ? plan->adds[at].index : plan->changes[at - plan->add_count].index;

		interface_enter_vips(c, index, vrouter_options(c, index));
	}
}

static int claim_piece(struct controller *c, uint32_t piece, uint64_t now_ns)
{
	struct change *change = &c->change;

	for (; piece && change->at < change->plan.add_count; piece--, change->at++) {
		int err = claim(c, &change->plan.adds[change->at], now_ns);

		if (!err)
			continue;
		/* Another process is busy with the maps. */
		if (err == -EAGAIN) {
			change->not_before_ns = now_ns + RETRY_NS;
			return 0;
		}
		undo_claims(c);
		return err;
	}
	return 0;
}

/* Those that left, once their addresses are gone and their scripts have ended. */
static void bury_piece(struct controller *c, uint32_t piece)
{
	struct change *change = &c->change;

	for (; piece && change->at < change->plan.remove_count; piece--, change->at++) {
		uint32_t index = change->plan.removes[change->at];

		change->is_waiting = engine_is_busy(c->engine, index) || scripts_slot_busy(c->scripts, index);
		if (change->is_waiting)
			return;
		free(drop(c, index));
	}
}

static void tell(struct controller *c, uint64_t now_ns)
{
	const struct plan *plan = &c->change.plan;

	uint32_t count = plan->add_count + plan->change_count + plan->unchanged;

	if (c->change.named > NAMED_MAX)
		log_info("and %u more changes like these", c->change.named - NAMED_MAX);
	log_info("%s read again: %u virtual router%s: %u new, %u changed, %u removed, %u as they were; took %.0f ms",
		 c->options.config, count, count == 1 ? "" : "s", plan->add_count,
		 plan->change_count, plan->remove_count, plan->unchanged, (double)(now_ns - c->change.began_ns) / NS_PER_MS);
	if (plan->add_count || plan->change_count || plan->remove_count)
		dataplane_owner(c->dataplane)->reloads++;
	/* What is removed may still have a script to wait for. */
	notify_reloaded(now_ns);
}

static void refuse_change(struct controller *c)
{
	if (c->change.step != CHANGE_NONE)
		undo_addresses(c);
	log_error("%s: not used; what ran before goes on as it was", c->options.config);
	end_change(c, false);
}

static void next_step(struct change *change)
{
	change->step++;
	change->at = 0;
}

/* A piece of the step under way. */
static void work(struct controller *c, uint32_t piece, uint64_t now_ns)
{
	struct change *change = &c->change;
	struct plan *plan = &change->plan;

	if (now_ns < change->not_before_ns)
		return;
	switch (change->step) {
	case CHANGE_NONE:
		return;
	case CHANGE_ADDRESSES:
		if (addresses_piece(c, piece)) {
			refuse_change(c);
			return;
		}
		if (change->at == plan->change_count)
			next_step(change);
		return;
	case CHANGE_CLAIM:
		if (claim_piece(c, piece, now_ns)) {
			refuse_change(c);
			return;
		}
		if (change->at == plan->add_count)
			next_step(change);
		return;
	case CHANGE_UPDATE:
		for (; piece && change->at < plan->change_count; piece--)
			update(c, &plan->changes[change->at++], now_ns);
		if (change->at == plan->change_count)
			next_step(change);
		return;
	case CHANGE_REMOVE:
		for (; piece && change->at < plan->remove_count; piece--)
			leave(c, plan->removes[change->at++], now_ns);
		if (change->at == plan->remove_count)
			next_step(change);
		return;
	case CHANGE_START:
		for (; piece && change->at < plan->add_count; piece--) {
			uint32_t index = plan->adds[change->at++].index;

			name_change(c, '+', vrouter_options(c, index), "");
			start(c, index, now_ns);
		}
		if (change->at < plan->add_count)
			return;
		look_at_addresses(c);
		tell(c, now_ns);
		next_step(change);
		return;
	case CHANGE_BURY:
		bury_piece(c, piece);
		if (change->at == plan->remove_count)
			next_step(change);
		return;
	case CHANGE_MOVED:
		moved_piece(c, piece);
		if (change->at == plan->add_count + plan->change_count)
			end_change(c, true);
		return;
	}
}

static void loaded(void *ctx, struct plan *plan, uint64_t now_ns)
{
	struct controller *c = ctx;
	size_t held_back = log_messages(plan, LINES_MAX);

	if (held_back)
		log_error("%s: %zu lines more; `xcarp -c FILE --check` tells them", c->options.config, held_back);
	if (!plan->failed && c->change.runner_error)
		log_error("%s: the script runner cannot read it: %s", c->options.config, strerror(-c->change.runner_error));
	if (plan->failed || c->change.runner_error) {
		refuse_change(c);
		return;
	}
	if (c->is_stopping)
		return;
	c->change.plan = *plan;
	c->change.is_reload = true;
	*plan = (struct plan){ 0 };
	if (!make_room(c, c->change.plan.add_count)) {
		controller_fail("virtual routers", -ENOMEM);
		end_change(c, false);
		return;
	}
	c->change.step = CHANGE_ADDRESSES;
	c->change.at = 0;
	work(c, PIECE, now_ns);
}

/* The runner first: by the time that something new may be run, it knows of it. */
static void runner_has_read(void *ctx, int error, uint64_t now_ns)
{
	struct controller *c = ctx;
	int err;

	(void)now_ns;
	if (c->is_stopping)
		return;
	c->change.runner_error = error;
	err = loader_start(c->loader, &c->options, c->running, c->capacity, loaded, c);
	if (!err)
		return;
	controller_fail("cannot read the file again", err);
	end_change(c, false);
}

static void begin_reload(struct controller *c)
{
	c->reload_again = false;
	c->change.began_ns = loop_now_ns();
	notify_reloading(c->change.began_ns);
	/* One that has died keeps nobody from reloading. */
	if (scripts_read(c->scripts, runner_has_read, c))
		runner_has_read(c, 0, c->change.began_ns);
}

bool vrouters_changing(const struct controller *c)
{
	return c->change.step != CHANGE_NONE || loader_busy(c->loader) || scripts_reading(c->scripts);
}

void vrouters_reload(struct controller *c)
{
	c->reload_again = true;
	if (!vrouters_changing(c))
		begin_reload(c);
}

void vrouters_work(struct controller *c, uint64_t now_ns)
{
	work(c, PIECE, now_ns);
	if (c->reload_again && !vrouters_changing(c))
		begin_reload(c);
}

uint64_t vrouters_deadline(const struct controller *c)
{
	return c->change.step == CHANGE_NONE || c->change.is_waiting ? UINT64_MAX : c->change.not_before_ns;
}

static bool tells_the_same(const struct plan *plan, const struct plan *before)
{
	bool is_same = plan->message_count == before->message_count;

	for (size_t i = 0; is_same && i < plan->message_count; i++)
		is_same = !strcmp(plan->messages[i].line, before->messages[i].line);
	return is_same;
}

int vrouters_plan(struct controller *c)
{
	struct plan before = c->change.plan;
	int err;

	if (!c->keys)
		c->keys = keys_new();
	if (!c->keys)
		return controller_fail("virtual routers", -ENOMEM);
	err = plan_make(&c->change.plan, &c->options, NULL, 0);
	/* What it waits for is told once. */
	if (!before.waits_for || err != -EAGAIN || !tells_the_same(&c->change.plan, &before))
		log_messages(&c->change.plan, SIZE_MAX);
	plan_free(&before);
	return err;
}

int vrouters_start(struct controller *c)
{
	struct change *change = &c->change;
	uint32_t count = change->plan.add_count;
	uint64_t now_ns;
	int err;

	if (!make_room(c, count))
		return controller_fail("virtual routers", -ENOMEM);
	err = claim_piece(c, count, loop_now_ns());
	if (err)
		return err;
	/* From now on adverts can be heard; down times begin here. */
	now_ns = loop_now_ns();
	for (uint32_t i = 0; i < count; i++)
		start(c, change->plan.adds[i].index, now_ns);
	c->now_ns = now_ns;
	engine_commit(c->engine, now_ns);
	dataplane_adopted(c->dataplane);
	/* What the adopted ones lack, and what the others have though they should not. */
	rtnl_resync(c->rtnl);
	end_change(c, true);
	return 0;
}

void vrouters_stop(struct controller *c, uint64_t now_ns)
{
	if (c->change.step == CHANGE_CLAIM)
		undo_claims(c);
	if (c->change.step != CHANGE_NONE) {
		if (c->change.step <= CHANGE_CLAIM)
			undo_addresses(c);
		end_change(c, c->change.step > CHANGE_CLAIM);
	}
	for (uint32_t index = vrouters_next(c, NO_INDEX); index != NO_INDEX; index = vrouters_next(c, index))
		engine_stop(c->engine, index, now_ns);
}

void vrouters_free(struct controller *c)
{
	plan_free(&c->change.plan);
	for (uint32_t index = 0; index < c->capacity; index++)
		free((void *)c->running[index].options);
	free(c->running);
	free(c->slots);
	keys_free(c->keys);
}
