// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends one list of frames through user/io/tx.c and prints what a listener at the other end of the cable saw, for tx.t:
 *
 *	tx_frames WAY FROM TO     two ends of a veth, in this namespace
 *	tx_frames hold FROM                              keeps its first queue, until killed
 *	tx_frames reopen FROM                            opens AF_XDP again and again where another process has the queue
 *
 * WAY: packet, bpf, xsk: through that; mixed, mixed-bpf: the backend changes in the middle of the list, with frames queued;
 * down, down-bpf: so does the link; gone, gone-bpf: FROM is removed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/auth.h"
#include "core/frame.h"
#include "io/log.h"
#include "io/tx.h"
#include "io/tx_xsk.h"

#define FRAMES 1600
#define VROUTERS 5
#define PATIENCE_MS 5000
#define NS_PER_S 1000000000ull

struct run {
	struct tx *tx;
	const char *from;
	uint32_t ifindex;
	int listener;
	unsigned int sent;
	unsigned int failed;
	int error; /* the last one */
	uint64_t now_ns;
};

static void fail(const char *what)
{
	fprintf(stderr, "tx_frames: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void on_sent(void *ctx, uint32_t slot, int error, uint64_t now_ns)
{
	struct run *run = ctx;

	(void)slot;
	(void)now_ns;
	run->sent += !error;
	run->failed += error != 0;
	run->error = error ? error : run->error;
}

/* Adverts with their counters, and now and then an announcement. */
static size_t build(uint8_t frame[FRAME_MAX], unsigned int i)
{
	static const struct vip vips[] = { { 4, 32, { 10, 9, 0, 100 } }, { 6, 128, { 0xfd, [15] = 1 } } };
	struct frame_advert advert = {
		.source = htonl(0x0a090001),
		.group = htonl(CARP_GROUP_IPV4),
		.ip_id = (uint16_t)i,
		.vhid = (uint8_t)(i % VROUTERS + 1),
		.advbase = 1,
		.counter = 0x0123456789abcdef + i,
	};
	struct carp_key key = { 0 };

	frame_ucarp_mac(advert.source_mac, advert.vhid);
	if (i % 16 >= 14)
		return frame_announce(frame, &vips[i % 16 - 14], advert.source_mac, true);
	if (auth_hmac_key(&key.hmac, (const uint8_t *)"secret", 6, advert.vhid, vips, 1))
		fail("key");
	frame_advert(frame, &advert, &key);
	return FRAME_ADVERT_LEN;
}

static void queue(struct run *run, unsigned int from, unsigned int until)
{
	uint8_t frame[FRAME_MAX];

	for (unsigned int i = from; i < until; i++)
		tx_queue(run->tx, i % VROUTERS, run->ifindex, true, frame, build(frame, i), run->now_ns);
}

static void tell_backend(const struct run *run)
{
	printf("backend %s\n", tx_backend(run->tx, run->ifindex));
}

static void use(struct run *run)
{
	tx_link(run->tx, run->ifindex, run->from, 1000);
	tell_backend(run);
}

static void flush(struct run *run)
{
	run->now_ns += NS_PER_S;
	tx_flush(run->tx, run->now_ns);
}

static void send_plain(struct run *run)
{
	use(run);
	flush(run);
	queue(run, 0, FRAMES);
	flush(run);
}

static void send_mixed(struct run *run)
{
	queue(run, 0, 100);
	use(run);
	queue(run, 100, 500);
	flush(run);
	queue(run, 500, 1000);
	tx_unlink(run->tx, run->ifindex);
	tell_backend(run);
	queue(run, 1000, FRAMES);
	flush(run);
}

static void set_link(const struct run *run, bool up)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memccpy(request.ifr_name, run->from, '\0', sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		fail("SIOCGIFFLAGS");
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		fail("SIOCSIFFLAGS");
	close(fd);
}

static void tell_fate(struct run *run)
{
	printf("sent %u failed %u %s\n", run->sent, run->failed, strerror(-run->error));
	run->sent = run->failed = 0;
	run->error = 0;
}

static void send_down(struct run *run)
{
	use(run);
	flush(run);
	queue(run, 0, 20);
	set_link(run, false);
	flush(run);
	tell_backend(run);
	tell_fate(run);
	set_link(run, true);
	use(run);
	/* The queue of a socket that was closed is free some milliseconds later. */
	for (int i = 0; i < PATIENCE_MS / 10 && !strcmp(tx_backend(run->tx, run->ifindex), "AF_PACKET"); i++) {
		usleep(10000);
		run->now_ns += 10 * NS_PER_S;
		flush(run);
	}
	tell_backend(run);
	flush(run);
	queue(run, 0, FRAMES);
	flush(run);
}

static void send_down_bpf(struct run *run)
{
	use(run);
	flush(run);
	queue(run, 0, 12);
	set_link(run, false);
	flush(run);
	tell_fate(run);
	set_link(run, true);
	/* The kernel takes a moment to see the carrier. */
	usleep(100000);
	queue(run, 0, FRAMES);
	flush(run);
	tell_backend(run);
}

static void send_gone(struct run *run)
{
	char command[64];

	use(run);
	flush(run);
	queue(run, 0, 12);
	snprintf(command, sizeof(command), "ip link del %s", run->from);
	if (system(command))
		fail(command);
	flush(run);
	tell_backend(run);
	tx_unlink(run->tx, run->ifindex);
}

static int listen_on(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int size = 32 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	at.sll_ifindex = (int)if_nametoindex(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		fail(name);
	return fd;
}

/* Ours are told by their source address; hosts send things of their own. */
static bool is_ours(const uint8_t *frame)
{
	static const uint8_t virtual[] = { 0x00, 0x00, 0x5e, 0x00, 0x00 };

	return !memcmp(frame + 6, virtual, sizeof(virtual));
}

static void print_heard(struct run *run, unsigned int expected)
{
	struct pollfd source = { .fd = run->listener, .events = POLLIN };
	unsigned int heard = 0;
	uint8_t frame[256];

	while (heard < expected && poll(&source, 1, PATIENCE_MS) > 0) {
		ssize_t len = recv(run->listener, frame, sizeof(frame), 0);

		if (len < 14 || !is_ours(frame))
			continue;
		heard++;
		printf("frame ");
		for (ssize_t i = 0; i < len; i++)
			printf("%02x", frame[i]);
		printf("\n");
	}
	printf("heard %u\n", heard);
}

static void hold(const char *from)
{
	int err;
	struct tx_xsk *xsk = tx_xsk_open(if_nametoindex(from), TX_XSK_FRAMES_MIN, false, on_sent, NULL, &err);

	if (!xsk) {
		errno = -err;
		fail(from);
	}
	printf("holding\n");
	fflush(stdout);
	for (;;)
		pause();
}

static unsigned int count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int n = 0;

	for (int c; file && (c = getc(file)) != EOF;)
		n += c == '\n';
	if (file)
		fclose(file);
	return n;
}

/* What is opened in vain must leave nothing: it is tried every few seconds. */
static int reopen(const char *from)
{
	unsigned int maps = 0, opened = 0;
	int err, fd, first = -1;

	for (int i = 0; i < 100; i++) {
		opened += tx_xsk_open(if_nametoindex(from), TX_XSK_FRAMES_MIN, false, on_sent, NULL, &err) != NULL;
		fd = dup(STDIN_FILENO);
		close(fd);
		if (i == 1) {
			first = fd;
			maps = count_lines("/proc/self/maps");
		}
	}
	printf("opened %u (%s), files %d, mappings %d\n", opened, strerror(-err), fd - first,
	       (int)(count_lines("/proc/self/maps") - maps));
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct way {
		const char *name;
		enum tx_mode mode;
		void (*send)(struct run *run);
		unsigned int expected;
	} ways[] = {
		{ "packet", TX_PACKET, send_plain, FRAMES }, { "bpf", TX_BPF, send_plain, FRAMES },
		{ "xsk", TX_XSK, send_plain, FRAMES },	     { "mixed", TX_XSK, send_mixed, FRAMES },
		{ "mixed-bpf", TX_BPF, send_mixed, FRAMES }, { "down", TX_XSK, send_down, FRAMES },
		{ "down-bpf", TX_BPF, send_down_bpf, FRAMES }, { "gone", TX_XSK, send_gone, 0 },
		{ "gone-bpf", TX_BPF, send_gone, 0 },
	};
	struct run run = { .now_ns = NS_PER_S };

	log_open(&(struct log_config){ .name = "tx_frames", .use_stderr = true });
	if (argc == 3 && !strcmp(argv[1], "hold"))
		hold(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "reopen"))
		return reopen(argv[2]);
	for (size_t i = 0; argc == 4 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		run.from = argv[2];
		run.ifindex = if_nametoindex(run.from);
		run.listener = listen_on(argv[3]);
		run.tx = tx_new(ways[i].mode, on_sent, &run);
		if (!run.tx)
			fail("tx_new");
		ways[i].send(&run);
		tell_fate(&run);
		print_heard(&run, ways[i].expected);
		tx_free(run.tx);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: tx_frames WAY FROM TO | hold FROM | reopen FROM\n");
	return EXIT_FAILURE;
}
