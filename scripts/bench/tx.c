// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What an advert costs one core, in nanoseconds: signing alone, sending alone, both, by backend, by interface and by how many
 * leave together. All kinds take turns in short rounds and the median round counts, so that a busy machine disturbs
 * all alike. "above empty" is the median of each round's own difference to a loop that only copies a frame.
 *
 *	tx JSON-FILE INTERFACE=NAME...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/frame.h"
#include "io/log.h"
#include "io/tx.h"

#define VROUTERS 4096 /* their keys do not fit the first cache, as in life */
#define ADVERTS 8192 /* a round */
#define ROUNDS 41
#define INTERFACES_MAX 4
#define KINDS_MAX (2 + INTERFACES_MAX * 16)
#define SETTLE_TRIES 500
#define SETTLE_US 10000
#define NS_PER_S 1000000000ull

enum backend {
	NONE,
	PACKET,
	BPF,
	XSK,
	BACKENDS,
};

struct bench {
	struct tx *tx[BACKENDS];
	struct frame_advert adverts[VROUTERS];
	struct carp_key keys[VROUTERS];
	uint8_t ready[FRAME_ADVERT_LEN]; /* signed before, for sending alone */
	uint64_t counter;
	uint64_t now_ns; /* of the adapter; nothing is measured by it */
	uint64_t failed;
};

struct kind {
	const char *what;
	bool sign;
	enum backend backend;
	const char *into;
	uint32_t ifindex;
	unsigned int batch; /* adverts that leave together */
	double ns[ROUNDS];
	double above_empty_ns;
	double median_ns;
	double fastest_ns;
};

#define EMPTY 0 /* in kinds[] */

static const char *const backend_names[BACKENDS] = { "-", "AF_PACKET", "BPF", "AF_XDP" };
static const char *const backend_words[BACKENDS] = { "none", "packet", "bpf", "xsk" };

static struct kind kinds[KINDS_MAX];
static size_t kind_count;

static void fail(const char *what)
{
	fprintf(stderr, "tx: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void on_sent(void *ctx, uint32_t slot, int error, uint64_t when_ns)
{
	struct bench *bench = ctx;

	(void)slot;
	(void)when_ns;
	bench->failed += error != 0;
}

/* As the engine does: the only place to change for another signer. */
static void sign(struct bench *bench, unsigned int i, uint8_t frame[FRAME_ADVERT_LEN])
{
	struct frame_advert *advert = &bench->adverts[i % VROUTERS];

	advert->counter = bench->counter++;
	frame_advert(frame, advert, &bench->keys[i % VROUTERS]);
}

static void setup_vrouters(struct bench *bench)
{
	for (unsigned int i = 0; i < VROUTERS; i++) {
		struct vip vip = { 4, 32, { 10, 1, (uint8_t)(i >> 8), (uint8_t)i } };

		bench->adverts[i] = (struct frame_advert){
			.source = htonl(0x0a090001),
			.group = htonl(CARP_GROUP_IPV4 + (i >> 8)),
			.vhid = (uint8_t)(i % 255 + 1),
			.advskew = 1,
		};
		frame_ucarp_mac(bench->adverts[i].source_mac, bench->adverts[i].vhid);
		if (auth_hmac_key(&bench->keys[i].hmac, (const uint8_t *)"secret", 6, bench->adverts[i].vhid, &vip, 1))
			fail("cannot prepare a key");
	}
	sign(bench, 0, bench->ready);
}

static void flush(struct bench *bench, enum backend backend)
{
	bench->now_ns += NS_PER_S;
	tx_flush(bench->tx[backend], bench->now_ns);
}

/* A socket that was closed a moment ago may still have the queue. */
static void use_xsk(struct bench *bench, uint32_t ifindex, const char *name)
{
	tx_link(bench->tx[XSK], ifindex, name, UINT32_MAX);
	for (int i = 0; i < SETTLE_TRIES && !strcmp(tx_backend(bench->tx[XSK], ifindex), backend_names[PACKET]); i++) {
		usleep(SETTLE_US);
		flush(bench, XSK);
	}
	flush(bench, XSK);
	if (strncmp(tx_backend(bench->tx[XSK], ifindex), backend_names[XSK], strlen(backend_names[XSK]))) {
		fprintf(stderr, "tx: %s: no AF_XDP\n", name);
		exit(1);
	}
}

static void add_kind(const struct kind *kind)
{
	if (kind_count == KINDS_MAX) {
		fprintf(stderr, "tx: too many interfaces\n");
		exit(1);
	}
	kinds[kind_count++] = *kind;
}

static void add_interface(struct bench *bench, char *argument)
{
	static const unsigned int batches[] = { 1, 8, 64, 1024 };
	char *into = strchr(argument, '=');
	uint32_t ifindex;

	if (into)
		*into++ = '\0';
	ifindex = if_nametoindex(argument);
	if (!into || !ifindex)
		fail(argument);
	use_xsk(bench, ifindex, argument);
	tx_link(bench->tx[BPF], ifindex, argument, UINT32_MAX);
	flush(bench, BPF);
	for (enum backend backend = PACKET; backend < BACKENDS; backend++) {
		struct kind kind = { .what = "send", .backend = backend, .into = into, .ifindex = ifindex };

		for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
			kind.batch = batches[i];
			add_kind(&kind);
		}
		kind.what = "sign and send";
		kind.sign = true;
		add_kind(&kind);
	}
}

static double measure(struct bench *bench, const struct kind *kind)
{
	struct tx *tx = bench->tx[kind->backend];
	uint8_t frame[FRAME_ADVERT_LEN];
	double start = now_ns();

	for (unsigned int i = 0; i < ADVERTS; i++) {
		if (kind->sign)
			sign(bench, i, frame);
		else
			memcpy(frame, bench->ready, sizeof(frame));
		__asm__ volatile("" : : "r"(frame) : "memory");
		if (!tx)
			continue;
		tx_queue(tx, i % VROUTERS, kind->ifindex, true, frame, sizeof(frame), bench->now_ns);
		if ((i + 1) % kind->batch == 0)
			flush(bench, kind->backend);
	}
	return (now_ns() - start) / ADVERTS;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the values, too. */
static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return values[n / 2];
}

static void evaluate(void)
{
	for (size_t k = kind_count; k--;) {
		double differences[ROUNDS];

		for (int round = 0; round < ROUNDS; round++)
			differences[round] = kinds[k].ns[round] - kinds[EMPTY].ns[round];
		kinds[k].above_empty_ns = median(differences, ROUNDS);
	}
	for (size_t k = 0; k < kind_count; k++) {
		kinds[k].median_ns = median(kinds[k].ns, ROUNDS);
		kinds[k].fastest_ns = kinds[k].ns[0];
	}
}

static void print_table(void)
{
	printf("%-14s %-10s %-22s %8s %8s %12s %9s %13s\n", "what", "backend", "into", "together", "ns", "above empty",
	       "fastest", "adverts/s");
	for (size_t k = 0; k < kind_count; k++) {
		const struct kind *kind = &kinds[k];
		char together[16] = "-";

		if (kind->batch)
			snprintf(together, sizeof(together), "%u", kind->batch);
		printf("%-14s %-10s %-22s %8s %8.1f %12.1f %9.1f %13.0f\n", kind->what, backend_names[kind->backend],
		       kind->into, together, kind->median_ns, kind->above_empty_ns, kind->fastest_ns, 1e9 / kind->median_ns);
	}
}

static void cpu_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(model, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strstr(line, ": ");

		if (strncmp(line, "model name", 10) || !value)
			continue;
		value[strcspn(value, "\n\"\\")] = '\0';
		snprintf(model, size, "%s", value + 2);
		break;
	}
	if (file)
		fclose(file);
}

static void write_json(const char *path)
{
	FILE *file = fopen(path, "w");
	time_t now = time(NULL);
	struct utsname host;
	char model[128], date[32];

	if (!file || uname(&host))
		fail(path);
	cpu_model(model, sizeof(model));
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(file, "{\"bench\":\"tx\",\"machine\":{\"kernel\":\"%s\",\"cpu\":\"%s\",\"cpus\":%ld},\"date\":\"%s\",\"rows\":[",
		host.release, model, sysconf(_SC_NPROCESSORS_ONLN), date);
	for (size_t k = 0; k < kind_count; k++)
		fprintf(file,
			"%s\n{\"what\":\"%s\",\"backend\":\"%s\",\"into\":\"%s\",\"together\":%u,\"ns\":%.1f,"
			"\"above_empty_ns\":%.1f,\"fastest_ns\":%.1f,\"adverts_per_s\":%.0f}",
			k ? "," : "", kinds[k].what, backend_words[kinds[k].backend], kinds[k].into, kinds[k].batch,
			kinds[k].median_ns, kinds[k].above_empty_ns, kinds[k].fastest_ns, 1e9 / kinds[k].median_ns);
	fprintf(file, "\n]}\n");
	if (fclose(file))
		fail(path);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	cpu_set_t one_cpu;

	if (argc < 3) {
		fprintf(stderr, "usage: tx JSON-FILE INTERFACE=NAME...\n");
		return 1;
	}
	CPU_ZERO(&one_cpu);
	CPU_SET((size_t)sysconf(_SC_NPROCESSORS_ONLN) - 1, &one_cpu);
	sched_setaffinity(0, sizeof(one_cpu), &one_cpu);
	log_open(&(struct log_config){ .name = "tx" });
	setup_vrouters(&bench);
	bench.tx[PACKET] = tx_new(TX_PACKET, on_sent, &bench);
	bench.tx[BPF] = tx_new(TX_BPF, on_sent, &bench);
	bench.tx[XSK] = tx_new(TX_XSK, on_sent, &bench);
	if (!bench.tx[PACKET] || !bench.tx[BPF] || !bench.tx[XSK])
		fail("cannot open a socket");
	add_kind(&(struct kind){ .what = "empty", .into = "-" });
	add_kind(&(struct kind){ .what = "sign", .sign = true, .into = "-" });
	for (int i = 2; i < argc; i++)
		add_interface(&bench, argv[i]);

	for (int round = 0; round < ROUNDS; round++)
		for (size_t k = 0; k < kind_count; k++)
			kinds[k].ns[round] = measure(&bench, &kinds[k]);
	evaluate();
	print_table();
	write_json(argv[1]);
	for (size_t k = 0; k < kind_count; k++) {
		if (kinds[k].backend != XSK || !strncmp(tx_backend(bench.tx[XSK], kinds[k].ifindex), "AF_XDP", 6))
			continue;
		fprintf(stderr, "tx: AF_XDP failed underway: its figures are of something else\n");
		return 1;
	}
	if (bench.failed) {
		fprintf(stderr, "tx: %llu adverts could not be sent: the others cost more than this says\n",
			(unsigned long long)bench.failed);
		return 1;
	}
	tx_free(bench.tx[XSK]);
	tx_free(bench.tx[BPF]);
	tx_free(bench.tx[PACKET]);
	return 0;
}
