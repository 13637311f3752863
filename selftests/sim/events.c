// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is to happen, in order of time, and what has happened, for people. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Room for so many; there is no simulation without memory. */
void *grow(void *array, uint32_t *room, uint32_t wanted, size_t size)
{
	if (wanted <= *room)
		return array;
	*room = wanted * 2 < 16 ? 16 : wanted * 2;
	array = reallocarray(array, *room, size);
	if (!array)
		abort();
	return array;
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->when_ns < b->when_ns || (a->when_ns == b->when_ns && a->order < b->order);
}

void queue_push(struct world *world, uint64_t when_ns, enum event_kind kind, uint8_t node, uint16_t vr, uint32_t value)
{
	struct queue *queue = &world->queue;
	struct event event = {
		.when_ns = when_ns, .order = queue->order++, .kind = kind, .node = node, .vr = vr, .value = value,
	};
	uint32_t at = queue->count++;

	queue->heap = grow(queue->heap, &queue->room, queue->count, sizeof(*queue->heap));
	for (; at && is_before(&event, &queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
		queue->heap[at] = queue->heap[(at - 1) / 2];
	queue->heap[at] = event;
}

struct event queue_pop(struct world *world)
{
	struct queue *queue = &world->queue;
	struct event first = queue->heap[0], last = queue->heap[--queue->count];
	uint32_t at = 0, child;

	for (; (child = 2 * at + 1) < queue->count; at = child) {
		if (child + 1 < queue->count && is_before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (!is_before(&queue->heap[child], &last))
			break;
		queue->heap[at] = queue->heap[child];
	}
	queue->heap[at] = last;
	return first;
}

void queue_free(struct queue *queue)
{
	free(queue->heap);
}

static void print(const struct trace *t)
{
	static const struct {
		const char *what;
		const char *numbers[2];
	} kinds[] = {
#define X(value, text, ...) [value] = { text, { __VA_ARGS__ } },
		TRACES(X)
#undef X
	};

	printf("# %12.6f", (double)t->when_ns / NS_PER_S);
	if (t->node != NO_NODE)
		printf(" node %u", t->node);
	if (t->vr != NO_VR)
		printf(" vr %u", t->vr);
	printf(" %s", kinds[t->kind].what);
	if (t->word)
		printf(" %s", t->word);
	for (int i = 0; i < 2; i++)
		if (kinds[t->kind].numbers[i])
			printf(", %s %llu", kinds[t->kind].numbers[i], (unsigned long long)t->numbers[i]);
	printf("\n");
}

void trace(struct world *world, enum trace_kind kind, uint8_t node, uint16_t vr, const char *word, uint64_t a, uint64_t b)
{
	struct trace *t = &world->traces[world->trace_count++ % TRACE_KEPT];

	*t = (struct trace){ .when_ns = world->now_ns, .kind = kind, .node = node, .vr = vr, .word = word, .numbers = { a, b } };
	if (world->prints)
		print(t);
}

void trace_print_kept(const struct world *world)
{
	uint64_t first = world->trace_count > TRACE_KEPT ? world->trace_count - TRACE_KEPT : 0;

	for (uint64_t i = first; i < world->trace_count; i++)
		print(&world->traces[i % TRACE_KEPT]);
}

void fail(struct world *world, uint8_t node, uint16_t vr, const char *format, ...)
{
	size_t len = 0;
	va_list args;

	if (world->failure[0])
		return;
	len += (size_t)snprintf(world->failure, sizeof(world->failure), "%.6f", (double)world->now_ns / NS_PER_S);
	if (node != NO_NODE)
		len += (size_t)snprintf(world->failure + len, sizeof(world->failure) - len, " node %u", node);
	if (vr != NO_VR)
		len += (size_t)snprintf(world->failure + len, sizeof(world->failure) - len, " vr %u", vr);
	len += (size_t)snprintf(world->failure + len, sizeof(world->failure) - len, ": ");
	va_start(args, format);
	vsnprintf(world->failure + len, sizeof(world->failure) - len, format, args);
	va_end(args);
	world->is_over = true;
}
