// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The onlooker of the benchmarks, in the switch of a lab: counts every advert and gratuitous ARP on the bridge, whoever
 * sends it, and does to hosts what is to be timed. See commands.h for how it is asked.
 *
 *	watch IF GROUPS		IF: the bridge; GROUPS: how many multicast groups there are
 *
 *	reset			all counts begin anew; who sent last is remembered
 *	await HOST N SECONDS	until HOST has sent the newest advert of N virtual routers, not before the last reset
 *	total HOST INTERVAL_US	counts of HOST, the rate of its adverts, and how late the latest of each virtual router was
 *	spread HOST N		from the first advert of HOST to the first of the last of its virtual routers, and to the
 *				announcement of the last of N addresses
 *	vr INDEX FROM TO	one virtual router that went from one host to another
 *	kill SIGNAL PID...	does so
 *	link IF up|down		the same
 *	swallow IF on|off	counts what arrives on a port of the bridge, and drops it there
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/watch.skel.h"
#include "commands.h"
#include "watch.h"

#define AWAIT_POLL_US 2000

struct watch {
	struct watch_bpf *skel;
	struct watch_vr *vrs;
	struct watch_vip *vips;
	uint32_t vr_count;
	uint64_t reset_ns;
	int socket_fd;
};

static uint32_t host_number(const char *word)
{
	return (uint32_t)atoi(word) % WATCH_HOSTS;
}

static void reset(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;

	(void)words;
	(void)count;
	for (uint32_t i = 0; i < watch->vr_count; i++) {
		for (uint32_t n = 0; n < WATCH_HOSTS; n++) {
			struct watch_host *host = &watch->vrs[i].hosts[n];

			host->adverts = host->takeovers = host->first_ns = host->longest_gap_ns = 0;
		}
	}
	memset(watch->vips, 0, WATCH_VIPS * sizeof(*watch->vips));
	watch->reset_ns = now_ns();
	printf("at_ns=%llu", (unsigned long long)watch->reset_ns);
}

static uint32_t held_by(const struct watch *watch, uint32_t number)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < watch->vr_count; i++) {
		const struct watch_vr *vr = &watch->vrs[i];

		held += vr->last_host == number && vr->hosts[number].adverts;
	}
	return held;
}

static void await(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	uint32_t number = host_number(words[1]), wanted = (uint32_t)atoi(words[2]), held;
	uint64_t end_ns = now_ns() + (uint64_t)(atof(words[3]) * 1e9);

	(void)count;
	while ((held = held_by(watch, number)) < wanted && now_ns() < end_ns)
		usleep(AWAIT_POLL_US);
	printf("held=%u at_ns=%llu", held, (unsigned long long)now_ns());
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void total(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	uint32_t number = host_number(words[1]), n = 0;
	uint64_t interval_ns = strtoull(words[2], NULL, 10) * 1000, now = now_ns();
	uint64_t adverts = 0, takeovers = 0, *late_ns = calloc(watch->vr_count, sizeof(*late_ns));
	double rate = 0;

	(void)count;
	if (!late_ns)
		die("total");
	for (uint32_t i = 0; i < watch->vr_count; i++) {
		const struct watch_host *host = &watch->vrs[i].hosts[number];
		uint64_t gap_ns = host->longest_gap_ns, open_ns = now - host->last_ns;

		takeovers += host->takeovers;
		if (!host->adverts)
			continue;
		if (now > host->last_ns && open_ns > gap_ns)
			gap_ns = open_ns;
		late_ns[n++] = gap_ns > interval_ns ? gap_ns - interval_ns : 0;
		adverts += host->adverts;
		/* Of the time between adverts: a window has room for one more or less. */
		if (host->adverts > 1)
			rate += (double)(host->adverts - 1) * 1e9 / (double)(host->last_ns - host->first_ns);
	}
	qsort(late_ns, n, sizeof(*late_ns), compare);
	printf("at_ns=%llu since_ns=%llu vrs=%u adverts=%llu takeovers=%llu", (unsigned long long)now,
	       (unsigned long long)watch->reset_ns, n, (unsigned long long)adverts, (unsigned long long)takeovers);
	printf(" rate=%.1f", rate);
	if (n)
		printf(" late_median_us=%llu late_p99_us=%llu late_worst_us=%llu",
		       (unsigned long long)late_ns[n / 2] / 1000, (unsigned long long)late_ns[n * 99 / 100] / 1000,
		       (unsigned long long)late_ns[n - 1] / 1000);
	free(late_ns);
}

static void spread(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	uint32_t number = host_number(words[1]), wanted = (uint32_t)atoi(words[2]), vrs = 0, announced = 0;
	uint64_t first_ns = UINT64_MAX, last_ns = 0, announced_ns = 0;

	(void)count;
	for (uint32_t i = 0; i < watch->vr_count; i++) {
		const struct watch_host *host = &watch->vrs[i].hosts[number];

		if (!host->adverts)
			continue;
		vrs++;
		first_ns = host->first_ns < first_ns ? host->first_ns : first_ns;
		last_ns = host->first_ns > last_ns ? host->first_ns : last_ns;
	}
	for (uint32_t i = 0; i < wanted; i++) {
		const struct watch_vip *vip = &watch->vips[i];

		announced += vip->announcements > 0;
		announced_ns = vip->first_ns > announced_ns ? vip->first_ns : announced_ns;
	}
	printf("vrs=%u first_ns=%llu last_ns=%llu announced=%u announced_ns=%llu", vrs, (unsigned long long)first_ns,
	       (unsigned long long)last_ns, announced, (unsigned long long)announced_ns);
}

static void vr(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	const struct watch_vr *entry = &watch->vrs[(uint32_t)atoi(words[1]) % watch->vr_count];
	const struct watch_host *from = &entry->hosts[host_number(words[2])], *to = &entry->hosts[host_number(words[3])];

	(void)count;
	printf("from_last_ns=%llu to_first_ns=%llu to_adverts=%llu", (unsigned long long)from->last_ns,
	       (unsigned long long)to->first_ns, (unsigned long long)to->adverts);
}

static void send_signal(void *ctx, char **words, int count)
{
	uint64_t at_ns = now_ns();
	int failed = 0;

	(void)ctx;
	for (int i = 2; i < count; i++)
		failed += kill(atoi(words[i]), atoi(words[1])) != 0;
	printf("at_ns=%llu failed=%d", (unsigned long long)at_ns, failed);
}

static void set_link(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	struct ifreq request = { 0 };
	uint64_t at_ns = now_ns();

	(void)count;
	strncpy(request.ifr_name, words[1], IFNAMSIZ - 1);
	if (!ioctl(watch->socket_fd, SIOCGIFFLAGS, &request)) {
		request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
		if (!strcmp(words[2], "up"))
			request.ifr_flags |= IFF_UP;
		if (!ioctl(watch->socket_fd, SIOCSIFFLAGS, &request)) {
			printf("at_ns=%llu", (unsigned long long)at_ns);
			return;
		}
	}
	printf("error=%s", strerrorname_np(errno));
}

static void swallow(void *ctx, char **words, int count)
{
	struct watch *watch = ctx;
	int fd = strcmp(words[2], "on") ? -1 : bpf_program__fd(watch->skel->progs.swallow);
	int err = bpf_xdp_attach((int)if_nametoindex(words[1]), fd, XDP_FLAGS_DRV_MODE, NULL);

	(void)count;
	printf("error=%s", err ? strerrorname_np(-err) : "none");
}

static const struct command commands[] = {
	{ "reset", reset, 1 },	   { "await", await, 4 },  { "total", total, 3 },
	{ "spread", spread, 3 },   { "vr", vr, 4 },	   { "kill", send_signal, 3 },
	{ "link", set_link, 3 },   { "swallow", swallow, 3 }, { 0 },
};

static void *map_array(const struct bpf_map *map, size_t value_len)
{
	void *array = mmap(NULL, bpf_map__max_entries(map) * value_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(map), 0);

	if (array == MAP_FAILED)
		die("mmap");
	return array;
}

static int onlooker_socket(const struct watch_bpf *skel, uint32_t ifindex)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)ifindex
	};
	int filter = bpf_program__fd(skel->progs.onlook);
	/* Of no protocol until it has its filter. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("packet socket");
	return fd;
}

int main(int argc, char **argv)
{
	struct watch watch = { 0 };
	uint32_t ifindex = argc == 3 ? if_nametoindex(argv[1]) : 0;

	if (!ifindex) {
		fprintf(stderr, "usage: watch IF GROUPS\n");
		return 1;
	}
	watch.vr_count = (uint32_t)atoi(argv[2]) * 256;
	watch.skel = watch_bpf__open();
	if (!watch.skel || bpf_map__set_max_entries(watch.skel->maps.vrs, watch.vr_count) || watch_bpf__load(watch.skel))
		die("cannot load the programs");
	watch.vrs = map_array(watch.skel->maps.vrs, sizeof(*watch.vrs));
	watch.vips = map_array(watch.skel->maps.vips, sizeof(*watch.vips));
	watch.socket_fd = onlooker_socket(watch.skel, ifindex);
	while (commands_run(commands, &watch))
		;
	return 0;
}
