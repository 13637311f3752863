// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client of a virtual address: pings it at a high rate and tells the longest time without an answer. See commands.h
 * for how it is asked.
 *
 *	client ADDRESS PERIOD_US
 *
 *	reset		begins anew
 *	hole		longest_us: between two answers; answers: how many
 */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "commands.h"

struct client {
	int socket_fd;
	uint64_t last_ns; /* CLOCK_REALTIME, as the kernel stamps packets */
	uint64_t longest_ns;
	uint64_t answers;
	uint16_t sequence;
};

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void reset(void *ctx, char **words, int count)
{
	struct client *client = ctx;

	(void)words;
	(void)count;
	client->longest_ns = client->answers = 0;
	printf("ok=1");
}

static void hole(void *ctx, char **words, int count)
{
	struct client *client = ctx;
	uint64_t now = realtime_ns(), open_ns = now > client->last_ns ? now - client->last_ns : 0;

	(void)words;
	(void)count;
	printf("longest_us=%llu answers=%llu",
	       (unsigned long long)(open_ns > client->longest_ns ? open_ns : client->longest_ns) / 1000,
	       (unsigned long long)client->answers);
}

static const struct command commands[] = { { "reset", reset, 1 }, { "hole", hole, 1 }, { 0 } };

static uint16_t checksum(const struct icmphdr *header)
{
	const uint16_t *words = (const uint16_t *)(const void *)header;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*header) / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

static void ask(struct client *client)
{
	struct icmphdr header = { .type = ICMP_ECHO };

	header.un.echo.sequence = htons(client->sequence++);
	header.checksum = checksum(&header);
	/* What cannot be sent is a hole, like what is not answered. */
	if (send(client->socket_fd, &header, sizeof(header), MSG_DONTWAIT) < 0)
		return;
}

static uint64_t stamp_ns(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec stamp;

	if (!control || control->cmsg_type != SO_TIMESTAMPNS)
		return realtime_ns();
	memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
	return (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
}

static void take_answers(struct client *client)
{
	uint8_t packet[128], control[64];
	struct iovec vector = { packet, sizeof(packet) };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	for (;;) {
		const struct icmphdr *header = (const void *)(packet + sizeof(struct iphdr));
		uint64_t at_ns;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		if (recvmsg(client->socket_fd, &message, MSG_DONTWAIT) < (ssize_t)(sizeof(struct iphdr) + sizeof(*header)))
			return;
		if (header->type != ICMP_ECHOREPLY)
			continue;
		at_ns = stamp_ns(&message);
		if (client->last_ns && at_ns > client->last_ns && at_ns - client->last_ns > client->longest_ns)
			client->longest_ns = at_ns - client->last_ns;
		client->last_ns = at_ns;
		client->answers++;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct client client = { .socket_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) };
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), on = 1;
	long period_ns = argc == 3 ? atol(argv[2]) * 1000 : 0;
	struct itimerspec period = { { 0, period_ns }, { 0, period_ns } };

	if (period_ns <= 0 || period_ns >= 1000000000 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: client ADDRESS PERIOD_US\n");
		return 1;
	}
	if (client.socket_fd < 0 || connect(client.socket_fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(client.socket_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)))
		die("socket");
	if (timer_fd < 0 || timerfd_settime(timer_fd, 0, &period, NULL))
		die("timer");
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = timer_fd, .events = POLLIN },
			{ .fd = client.socket_fd, .events = POLLIN },
		};
		uint64_t expired;

		if (poll(fds, 3, -1) < 0)
			die("poll");
		if (fds[2].revents)
			take_answers(&client);
		if (fds[1].revents && read(timer_fd, &expired, sizeof(expired)) == sizeof(expired))
			ask(&client);
		if (fds[0].revents && !commands_run(commands, &client))
			return 0;
	}
}
