// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "overheard.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define PAUSE_NS NS_PER_S
#define SHORT_PAUSE_NS (NS_PER_S / 20)
#define READS_MAX 64 /* a wake */
#define QUEUE_BYTES 8192

struct overheard {
	struct loop *loop;
	struct loop_source source;
	overheard_fn *told;
	void *ctx;
	uint64_t resume_ns; /* UINT64_MAX: there is no pause */
};

struct packet {
	struct iphdr ip;
	uint8_t rest[60 - sizeof(struct iphdr) + sizeof(struct carp_header)];
};

/* A raw socket's packet begins with the IP header. VRRP is no business of ours. */
static int filter_carp(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, offsetof(struct carp_header, authlen)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CARP_AUTHLEN, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, offsetof(struct carp_header, version_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CARP_VERSION_TYPE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CARP_VERSION_TYPE_STRONG, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = { .len = sizeof(code) / sizeof(*code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, CARP_IPPROTO), one = 1, bytes = QUEUE_BYTES;

	if (fd < 0)
		return -errno;
	if (filter_carp(fd) || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static uint32_t ifindex_of(struct msghdr *message)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
			return (uint32_t)((struct in_pktinfo *)CMSG_DATA(control))->ipi_ifindex;
	return 0;
}

/* 1: *advert; 0: it was none; -errno: there is no more. */
static int receive(int fd, struct overheard_advert *advert)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct packet packet;
	struct iovec bytes = { .iov_base = &packet, .iov_len = sizeof(packet) };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &message, 0);
	size_t header_len;

	if (len < 0)
		return -errno;
	header_len = packet.ip.ihl * 4u;
	if (header_len < sizeof(packet.ip) || (size_t)len < header_len + sizeof(advert->carp))
		return 0;
	*advert = (struct overheard_advert){
		.ifindex = ifindex_of(&message),
		.source = packet.ip.saddr,
		.group = packet.ip.daddr,
	};
	memcpy(&advert->carp, (const uint8_t *)&packet + header_len, sizeof(advert->carp));
	return 1;
}

static void ready(void *ctx, uint64_t now_ns)
{
	struct overheard *overheard = ctx;
	struct overheard_advert advert;
	bool is_ours = false;
	int got = 0;

	for (int i = 0; i < READS_MAX && got >= 0; i++) {
		got = receive(overheard->source.fd, &advert);
		if (got > 0)
			is_ours |= overheard->told(overheard->ctx, &advert, now_ns);
	}
	loop_remove(overheard->loop, &overheard->source);
	overheard->resume_ns = now_ns + (is_ours ? SHORT_PAUSE_NS : PAUSE_NS);
}

struct overheard *overheard_new(struct loop *loop, overheard_fn *told, void *ctx)
{
	struct overheard *overheard = calloc(1, sizeof(*overheard));
	int err;

	if (!overheard)
		return NULL;
	*overheard = (struct overheard){ .loop = loop, .told = told, .ctx = ctx, .resume_ns = UINT64_MAX };
	overheard->source = (struct loop_source){ .fd = open_socket(), .ready = ready, .ctx = overheard };
	err = overheard->source.fd < 0 ? overheard->source.fd : loop_add(loop, &overheard->source);
	if (!err)
		return overheard;
	overheard_free(overheard);
	errno = -err;
	return NULL;
}

void overheard_free(struct overheard *overheard)
{
	if (!overheard)
		return;
	if (overheard->source.fd >= 0)
		close(overheard->source.fd);
	free(overheard);
}

uint64_t overheard_deadline(const struct overheard *overheard)
{
	return overheard->resume_ns;
}

/* What came during the pause is of no use: it may be older than a program that was attached meanwhile. */
void overheard_timers(struct overheard *overheard, uint64_t now_ns)
{
	if (now_ns < overheard->resume_ns)
		return;
	for (int i = 0; i < READS_MAX && recv(overheard->source.fd, NULL, 0, MSG_TRUNC) >= 0; i++)
		;
	overheard->resume_ns = loop_add(overheard->loop, &overheard->source) ? now_ns + PAUSE_NS : UINT64_MAX;
}
