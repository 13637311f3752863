// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Several nodes on one LAN, simulated: each is the real engine and core with ports that lead into a world of its own, in
 * which time is a number, and everything that could be otherwise (who gets to run when, what is lost, what fails) is drawn from
 * one seed. So a run takes a fraction of a millisecond, hundreds of thousands of them look where no test written by hand does, and
 * one that fails fails again, event for event, with the same seed.
 *
 *	scenario.c	what a seed stands for: sizes, configurations, faults
 *	events.c	what is to happen, by time; what happened, for people
 *	lan.c		frames: lost, late, twice, in another order, blocked in one direction
 *	host.c		a host with xcarp: kernel, maps and addresses that outlive the controller; the controller's loop
 *	driver.c	the XDP program in other words: it accepts adverts, keeps `live`, fills the ring; about replays and the
 *			fence it decides by the very code that the real one has, include/xcarp/replay.h and fence.h
 *	peer.c		ucarp, FreeBSD, OpenBSD: models that share no code with our election
 *	faults.c	what goes wrong
 *	judge.c		what has to hold, whatever goes wrong
 *
 * What has to hold, always:
 *
 *	- A backup becomes master by silence only when a whole down time has passed since the newest advert that its driver
 *	  accepted and since it became backup (a hold and its end included); it does so then, if nothing stops it, within
 *	  LATE_NS. By pre-emption, or because of a slow master or a bow-out, only where its newest advert says so.
 *	- A master that was told of a better one yields in that turn of its loop.
 *	- Every transition and notice in the journal has the cause that it names, by the judge's own accounts.
 *	- A master that nothing stops sends an advert at least every interval + quantum (a quarter of the interval, 2 ms
 *	  at most) + LATE_NS, with the claim that it should have and a counter that rises.
 *	- Addresses are on a live controller's interface when it is master, and else not, as soon as it has carried out what
 *	  it decided, which it does within a bound; those that it announces are announced again after two adverts.
 *	- Who yields sends a last advert, who leaves on purpose a bow-out.
 *	- Who adopts goes on from a master whose last advert is younger than the down time, with a counter above his.
 *	- No counter is accepted again, whatever is rewritten around it (but see judge_accepted() for what cannot be told apart).
 *	- A controller that does not react, because it is stopped or dead, while adverts of another master are accepted, does not
 *	  answer for its addresses from --fence-after on.
 *
 * And after the last fault, when the longest time that the protocol needs is over (faults.c, settling_ns()): exactly one
 * master, all others that live are backups, nothing changes any more, no advert is refused, nobody who ought to pre-empt does
 * not; and where no fault took frames away, every client on the LAN has the master's MAC for every address.
 *
 * What is not looked at here: what the real driver does with a frame (selftests/bpf), and real sockets, netlink and
 * scripts (selftests/netns).
 */
#include "sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEEDS_AT_ONCE 64
#define FAILURES_TOLD 5

/* Who is beside xcarp. */
enum company {
	ALONE = XCARP,
	WITH_UCARP = UCARP,
	WITH_FREEBSD = FREEBSD,
	WITH_OPENBSD = OPENBSD,
	WITH_SEVERAL,
	COMPANY_COUNT,
};

/* The longest of all runs. */
struct longest {
	uint64_t ns;
	uint64_t down_ns; /* the longest down time in that run */
	uint64_t seed;
};

struct totals {
	uint64_t next; /* seed that nobody has begun with */
	uint64_t done;
	uint64_t failed;
	uint64_t events;
	uint64_t virtual_ns;
	uint64_t causes[VR_CAUSE_COUNT];
	int is_locked;
	uint64_t framed;
	uint64_t companies[COMPANY_COUNT];
	struct longest without[COMPANY_COUNT], with_two[COMPANY_COUNT]; /* masters, after the last fault */
};

struct request {
	uint64_t first;
	uint64_t runs;
	unsigned int jobs;
	bool traces; /* one run, told as it goes */
	bool tap;
};

static bool controller_event_counts(const struct node *node, const struct event *event)
{
	return node->host->engine && node->host->incarnation == event->value && node->host->wake_ns == event->when_ns;
}

static void audit(struct world *world)
{
	judge_audit(world);
	queue_push(world, world->now_ns + world->min_interval_ns, EVENT_AUDIT, NO_NODE, NO_VR, 0);
}

/* Again and again as long as there is an attacker. */
static void replay(struct world *world)
{
	if (!world->attacks)
		return;
	lan_replay(world);
	queue_push(world, world->now_ns + draw(world, world->min_interval_ns / 2), EVENT_REPLAY, NO_NODE, NO_VR, 0);
}

static void take(struct world *world, const struct event *event)
{
	struct node *node = event->node < world->node_count ? &world->nodes[event->node] : NULL;

	switch (event->kind) {
	case EVENT_WAKE:
		if (controller_event_counts(node, event))
			host_wake(world, node);
		break;
	case EVENT_NOTICE:
		host_notice(world, node, event->value);
		break;
	case EVENT_KERNEL:
		addresses_carried_out(world, node, event->value);
		break;
	case EVENT_FRAME:
		lan_deliver(world, event->node, event->value);
		break;
	case EVENT_PEER:
		peer_timer(world, node, event->vr);
		break;
	case EVENT_FAULT_BEGINS:
		fault_begin(world, &world->faults[event->value]);
		break;
	case EVENT_FAULT_ENDS:
		fault_end(world, &world->faults[event->value]);
		break;
	case EVENT_REPLAY:
		replay(world);
		break;
	case EVENT_AUDIT:
		audit(world);
		break;
	case EVENT_SETTLED:
		judge_settled(world);
		break;
	case EVENT_END:
		judge_end(world);
		world->is_over = true;
		break;
	}
}

static void run(struct world *world, uint64_t seed, bool prints)
{
	scenario_make(world, seed);
	world->prints = prints;
	if (prints)
		scenario_print(world);
	while (!world->is_over) {
		struct event event = queue_pop(world);

		world->now_ns = event.when_ns;
		world->event_count++;
		take(world, &event);
		judge_masters(world);
	}
}

static void tell_failure(const struct world *world, const struct request *request)
{
	if (!request->traces) {
		scenario_print(world);
		trace_print_kept(world);
	}
	printf("# seed %llu fails at %s\n# again, with all of it: sim --seed %llu --trace\n", (unsigned long long)world->seed,
	       world->failure, (unsigned long long)world->seed);
	fflush(stdout);
}

static enum company company_of(const struct world *world)
{
	enum company company = ALONE;

	for (int kind = UCARP; kind < NODE_KIND_COUNT; kind++)
		if (world->has_kind[kind])
			company = company == ALONE ? (enum company)kind : WITH_SEVERAL;
	return company;
}

/* In down times: what one run waits for may be a hundred times what another does. */
static void keep_longest(struct longest *longest, const struct split *split, const struct world *world)
{
	if (longest->seed && (double)split->longest_ns / (double)world->max_down_ns <= (double)longest->ns / (double)longest->down_ns)
		return;
	*longest = (struct longest){ .ns = split->longest_ns, .down_ns = world->max_down_ns, .seed = world->seed };
}

static void add(struct totals *totals, const struct world *world)
{
	enum company company = company_of(world);

	while (__atomic_exchange_n(&totals->is_locked, 1, __ATOMIC_ACQUIRE))
		;
	totals->companies[company]++;
	totals->framed += world->has_framed;
	/* Who was asked to stay out for a while stays out. */
	if (!world->is_asked)
		keep_longest(&totals->without[company], &world->without, world);
	keep_longest(&totals->with_two[company], &world->with_two, world);
	__atomic_store_n(&totals->is_locked, 0, __ATOMIC_RELEASE);
	__atomic_fetch_add(&totals->done, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals->events, world->event_count, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals->virtual_ns, world->now_ns, __ATOMIC_RELAXED);
	for (int i = 0; i < VR_CAUSE_COUNT; i++)
		__atomic_fetch_add(&totals->causes[i], world->causes[i], __ATOMIC_RELAXED);
}

static void work(struct totals *totals, const struct request *request)
{
	static struct world world;
	uint64_t end = request->first + request->runs;

	for (;;) {
		uint64_t seed = __atomic_fetch_add(&totals->next, SEEDS_AT_ONCE, __ATOMIC_RELAXED), last = seed + SEEDS_AT_ONCE;

		for (; seed < last && seed < end; seed++) {
			if (totals->failed >= FAILURES_TOLD)
				return;
			run(&world, seed, request->traces);
			add(totals, &world);
			if (world.failure[0] && __atomic_fetch_add(&totals->failed, 1, __ATOMIC_RELAXED) < FAILURES_TOLD)
				tell_failure(&world, request);
			scenario_free(&world);
		}
		if (last >= end)
			return;
	}
}

/* A job that dies, by a sanitizer or a signal, is a failure too. */
static void work_in_jobs(struct totals *totals, const struct request *request)
{
	int status;

	fflush(stdout);
	for (unsigned int i = 0; i < request->jobs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (!pid) {
			work(totals, request);
			exit(EXIT_SUCCESS);
		}
	}
	while (wait(&status) > 0)
		if (status)
			totals->failed++;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

static void report_longest(const struct totals *totals)
{
	static const char *const names[] = { "xcarp alone", "with ucarp", "with FreeBSD", "with OpenBSD", "with several" };

	for (int i = 0; i < COMPANY_COUNT; i++) {
		const struct longest *without = &totals->without[i], *with_two = &totals->with_two[i];

		if (!totals->companies[i] || !without->seed)
			continue;
		printf("# %-12s %6llu runs; after the last fault at most %.2f down times without a master (%.3f s, seed %llu), %.2f with two (%.3f s, seed %llu)\n",
		       names[i], (unsigned long long)totals->companies[i], (double)without->ns / (double)without->down_ns,
		       (double)without->ns / NS_PER_S, (unsigned long long)without->seed,
		       (double)with_two->ns / (double)with_two->down_ns, (double)with_two->ns / NS_PER_S,
		       (unsigned long long)with_two->seed);
	}
}

static void report(const struct totals *totals, const struct request *request, double seconds)
{
	static const char *const words[] = {
#define X(value, word) #word,
		XCARP_CAUSES(X)
#undef X
	};

	printf("# %llu runs from seed %llu, %llu failed; %.1f s, %.0f runs a second, %.1f million events, %.0f hours of virtual time\n",
	       (unsigned long long)totals->done, (unsigned long long)request->first, (unsigned long long)totals->failed, seconds,
	       (double)totals->done / seconds, (double)totals->events / 1e6, (double)totals->virtual_ns / NS_PER_S / 3600);
	report_longest(totals);
	printf("# in %llu runs an attacker has silenced an OpenBSD by adverts in its name that were never heard\n",
	       (unsigned long long)totals->framed);
	printf("# causes seen:");
	for (int i = 0; i < VR_CAUSE_COUNT; i++)
		if (totals->causes[i])
			printf(" %s %llu", words[i], (unsigned long long)totals->causes[i]);
	printf("\n");
}

static const char usage[] =
	"usage: sim [--runs N] [--first SEED] [--jobs N] [--tap]\n"
	"       sim --seed SEED [--trace]\n"
	"  Simulates xcarp nodes on a LAN, one run for each seed; exit status 1 where one fails.\n";

static uint64_t number(const char *option, const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "sim: --%s %s: not a number\n", option, text);
		exit(2);
	}
	return value;
}

static void parse(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{ "runs", required_argument, NULL, 'n' }, { "first", required_argument, NULL, 'f' },
		{ "jobs", required_argument, NULL, 'j' }, { "seed", required_argument, NULL, 's' },
		{ "trace", no_argument, NULL, 't' },	  { "tap", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },	  { 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			request->runs = number("runs", optarg);
			break;
		case 'f':
			request->first = number("first", optarg);
			break;
		case 'j':
			request->jobs = (unsigned int)number("jobs", optarg);
			break;
		case 's':
			request->first = number("seed", optarg);
			request->runs = request->jobs = 1;
			break;
		case 't':
			request->traces = true;
			break;
		case 'a':
			request->tap = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? EXIT_SUCCESS : 2);
		}
	}
}

int main(int argc, char **argv)
{
	struct request request = { .first = 1, .runs = 1000, .jobs = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN) };
	struct totals *totals;
	double began_s = now_s();

	parse(&request, argc, argv);
	/* So that what a crash leaves behind is whole lines. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (request.tap)
		printf("1..1\n");
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED)
		abort();
	totals->next = request.first;
	if (request.jobs > 1)
		work_in_jobs(totals, &request);
	else
		work(totals, &request);
	report(totals, &request, now_s() - began_s);
	if (request.tap)
		printf("%sok 1 - %llu simulated runs\n", totals->failed ? "not " : "", (unsigned long long)request.runs);
	return totals->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
