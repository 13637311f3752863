// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/log.h"

#define RECEIVE_BUFFER (4 << 20) /* bytes: a burst of thousands of addresses must not overrun it */
#define MESSAGE_BUFFER (32 << 10) /* bytes; the kernel fills up to this much at once */
#define RECEIVE_BUDGET 512 /* datagrams */
#define SYNC_TIMEOUT_MS 5000

/* Links first: what is told of an address makes sense only for a known link. */
enum dump {
	DUMP_NONE,
	DUMP_LINKS,
	DUMP_ADDRESSES,
};

struct rtnl {
	struct loop *loop;
	const struct rtnl_events *events;
	struct nl_sock *hearing;
	struct nl_sock *asking;
	struct loop_source hearing_source;
	struct loop_source asking_source;
	enum dump dump; /* under way on the hearing socket */
	bool dump_again; /* messages were lost while it was */
	uint64_t now_ns; /* of the dispatch under way */
};

static void take_link(struct rtnl *rtnl, struct nlmsghdr *message)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
	};
	const struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *attrs[IFLA_MAX + 1];
	struct rtnl_link link;

	/* AF_BRIDGE messages tell of bridge ports, not of links. */
	if (nlmsg_parse(message, sizeof(*info), attrs, IFLA_MAX, policy) < 0 || info->ifi_family != AF_UNSPEC ||
	    !attrs[IFLA_IFNAME])
		return;
	link = (struct rtnl_link){
		.ifindex = (uint32_t)info->ifi_index,
		.name = nla_get_string(attrs[IFLA_IFNAME]),
		.is_gone = message->nlmsg_type == RTM_DELLINK,
		.is_ethernet = info->ifi_type == ARPHRD_ETHER,
		.is_up = info->ifi_flags & IFF_UP && info->ifi_flags & IFF_RUNNING,
	};
	if (attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == FRAME_MAC_LEN)
		memcpy(link.mac, nla_data(attrs[IFLA_ADDRESS]), FRAME_MAC_LEN);
	rtnl->events->link(rtnl->events->ctx, &link, rtnl->now_ns);
}

/* False where the message holds no address of a family that we know. */
static bool read_address(struct nlmsghdr *message, struct vip *vip, uint32_t *ifindex)
{
	const struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *attrs[IFA_MAX + 1];
	struct nlattr *address;

	if (nlmsg_parse(message, sizeof(*info), attrs, IFA_MAX, NULL) < 0)
		return false;
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return false;
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	address = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	*vip = (struct vip){
		.ip_version = info->ifa_family == AF_INET6 ? 6 : 4,
		.prefix_len = info->ifa_prefixlen,
	};
	*ifindex = info->ifa_index;
	if (!address || (size_t)nla_len(address) != vip_len(vip))
		return false;
	memcpy(vip->address, nla_data(address), vip_len(vip));
	return true;
}

static int on_message(struct nl_msg *msg, void *ctx)
{
	struct rtnl *rtnl = ctx;
	struct nlmsghdr *message = nlmsg_hdr(msg);
	struct vip vip;
	uint32_t ifindex;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(rtnl, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (read_address(message, &vip, &ifindex))
			rtnl->events->address(rtnl->events->ctx, ifindex, &vip, message->nlmsg_type == RTM_NEWADDR,
					      rtnl->now_ns);
		break;
	}
	return NL_OK;
}

static int start_dump(struct rtnl *rtnl, enum dump dump)
{
	struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int err;

	if (dump == DUMP_LINKS)
		err = nl_send_simple(rtnl->hearing, RTM_GETLINK, NLM_F_DUMP, &links, sizeof(links));
	else
		err = nl_send_simple(rtnl->hearing, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
	rtnl->dump = err < 0 ? DUMP_NONE : dump;
	if (err < 0)
		log_error("netlink: cannot ask for links and addresses: %s", nl_geterror(err));
	return err < 0 ? -EIO : 0;
}

static int start_resync(struct rtnl *rtnl)
{
	rtnl->dump_again = rtnl->dump != DUMP_NONE;
	if (rtnl->dump_again)
		return 0;
	rtnl->events->resync_begin(rtnl->events->ctx, rtnl->now_ns);
	return start_dump(rtnl, DUMP_LINKS);
}

static int on_dump_end(struct nl_msg *msg, void *ctx)
{
	struct rtnl *rtnl = ctx;
	enum dump ended = rtnl->dump;

	(void)msg;
	rtnl->dump = DUMP_NONE;
	if (rtnl->dump_again)
		start_resync(rtnl);
	else if (ended == DUMP_LINKS)
		start_dump(rtnl, DUMP_ADDRESSES);
	else if (ended == DUMP_ADDRESSES)
		rtnl->events->resync_end(rtnl->events->ctx, rtnl->now_ns);
	return NL_OK;
}

/* The list changed while the kernel told it: what was told may miss something. */
static int on_dump_interrupted(struct nl_msg *msg, void *ctx)
{
	struct rtnl *rtnl = ctx;

	(void)msg;
	rtnl->dump_again = true;
	return NL_OK;
}

/* A refusal carries the request, so nothing has to be kept until it comes. */
static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *refusal, void *ctx)
{
	struct rtnl *rtnl = ctx;
	struct vip vip;
	uint32_t ifindex;
	char text[VIP_TEXT_LEN];

	(void)from;
	if (!read_address(&refusal->msg, &vip, &ifindex))
		return NL_SKIP;
	if (refusal->msg.nlmsg_type == RTM_NEWADDR)
		rtnl->events->vip_refused(rtnl->events->ctx, refusal->msg.nlmsg_seq - 1, &vip, refusal->error,
					  rtnl->now_ns);
	else if (refusal->error != -EADDRNOTAVAIL && refusal->error != -ENODEV)
		log_error("interface %u: cannot remove %s: %s", ifindex, vip_format(&vip, true, text),
			  strerror(-refusal->error));
	return NL_SKIP;
}

/* Takes all that waits. Returns false where the kernel had to drop messages. */
static bool receive(struct nl_sock *sock, const char *what)
{
	/* What is left after so many is told next time round. */
	for (int i = 0; i < RECEIVE_BUDGET; i++) {
		int err = nl_recvmsgs_default(sock);

		if (err == -NLE_AGAIN)
			return true;
		if (err == -NLE_NOMEM)
			return false;
		if (err == -NLE_DUMP_INTR || err >= 0)
			continue;
		log_error("netlink: %s: %s", what, nl_geterror(err));
		return true;
	}
	return true;
}

static void hearing_ready(void *ctx, uint64_t now_ns)
{
	struct rtnl *rtnl = ctx;

	rtnl->now_ns = now_ns;
	if (receive(rtnl->hearing, "cannot hear of links and addresses"))
		return;
	log_warn("netlink: messages were lost, asking for all links and addresses again");
	start_resync(rtnl);
}

static void asking_ready(void *ctx, uint64_t now_ns)
{
	struct rtnl *rtnl = ctx;

	rtnl->now_ns = now_ns;
	/* A refusal may be among what was dropped: see what is there. */
	if (!receive(rtnl->asking, "cannot read answers"))
		start_resync(rtnl);
}

/* nl_connect() takes the next port id; everything else is the same for both. */
static struct nl_sock *open_socket(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int size = RECEIVE_BUFFER;

	if (!sock)
		return NULL;
	nl_socket_disable_seq_check(sock);
	nl_socket_disable_auto_ack(sock);
	if (nl_connect(sock, NETLINK_ROUTE) || nl_socket_set_nonblocking(sock) ||
	    nl_socket_set_msg_buf_size(sock, MESSAGE_BUFFER)) {
		nl_socket_free(sock);
		return NULL;
	}
	nl_socket_disable_msg_peek(sock);
	/* Without CAP_NET_ADMIN in the first user namespace the limit of the host holds: resync covers it. */
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return sock;
}

static bool open_hearing(struct rtnl *rtnl)
{
	rtnl->hearing = open_socket();
	if (!rtnl->hearing)
		return false;
	nl_socket_modify_cb(rtnl->hearing, NL_CB_VALID, NL_CB_CUSTOM, on_message, rtnl);
	nl_socket_modify_cb(rtnl->hearing, NL_CB_FINISH, NL_CB_CUSTOM, on_dump_end, rtnl);
	nl_socket_modify_cb(rtnl->hearing, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_dump_interrupted, rtnl);
	if (nl_socket_add_memberships(rtnl->hearing, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0))
		return false;
	rtnl->hearing_source = (struct loop_source){
		.fd = nl_socket_get_fd(rtnl->hearing),
		.ready = hearing_ready,
		.ctx = rtnl,
	};
	return !loop_add(rtnl->loop, &rtnl->hearing_source);
}

static bool open_asking(struct rtnl *rtnl)
{
	rtnl->asking = open_socket();
	if (!rtnl->asking)
		return false;
	nl_socket_modify_err_cb(rtnl->asking, NL_CB_CUSTOM, on_refusal, rtnl);
	rtnl->asking_source = (struct loop_source){
		.fd = nl_socket_get_fd(rtnl->asking),
		.ready = asking_ready,
		.ctx = rtnl,
	};
	return !loop_add(rtnl->loop, &rtnl->asking_source);
}

struct rtnl *rtnl_new(struct loop *loop, const struct rtnl_events *events, int *error)
{
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));

	*error = -ENOMEM;
	if (!rtnl)
		return NULL;
	rtnl->loop = loop;
	rtnl->events = events;
	if (open_hearing(rtnl) && open_asking(rtnl))
		return rtnl;
	*error = errno ? -errno : -EIO;
	rtnl_free(rtnl);
	return NULL;
}

void rtnl_free(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	if (rtnl->hearing_source.ready)
		loop_remove(rtnl->loop, &rtnl->hearing_source);
	if (rtnl->asking_source.ready)
		loop_remove(rtnl->loop, &rtnl->asking_source);
	nl_socket_free(rtnl->hearing);
	nl_socket_free(rtnl->asking);
	free(rtnl);
}

int rtnl_sync(struct rtnl *rtnl)
{
	struct pollfd pollfd = { .fd = nl_socket_get_fd(rtnl->hearing), .events = POLLIN };
	int err = start_resync(rtnl);

	while (!err && rtnl->dump != DUMP_NONE) {
		int n = poll(&pollfd, 1, SYNC_TIMEOUT_MS);

		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (!n)
			err = -ETIMEDOUT;
		else if (n > 0)
			hearing_ready(rtnl, loop_now_ns());
	}
	return err;
}

static struct nl_msg *address_message(int type, int flags, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	struct ifaddrmsg info = {
		.ifa_family = vip->ip_version == 6 ? AF_INET6 : AF_INET,
		.ifa_prefixlen = vip->prefix_len,
		.ifa_index = ifindex,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	int len = (int)vip_len(vip);

	if (!msg)
		return NULL;
	/* The kernel only echoes the sequence number; libnl would fill in a 0. */
	nlmsg_hdr(msg)->nlmsg_seq = slot + 1;
	if (nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) || nla_put(msg, IFA_LOCAL, len, vip->address) ||
	    nla_put(msg, IFA_ADDRESS, len, vip->address) ||
	    (vip->ip_version == 6 && nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Returns 0 or -errno. */
static int ask(struct rtnl *rtnl, struct nl_msg *msg)
{
	int err;

	if (!msg)
		return -ENOMEM;
	err = nl_send_auto(rtnl->asking, msg);
	nlmsg_free(msg);
	if (err >= 0)
		return 0;
	return err == -NLE_NOMEM ? -ENOMEM : -EIO;
}

void rtnl_vip_add(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip, uint64_t now_ns)
{
	int err = ask(rtnl, address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, slot, ifindex, vip));

	if (err)
		rtnl->events->vip_refused(rtnl->events->ctx, slot, vip, err, now_ns);
}

/*
 * An address that is the first of its subnet on the interface takes the others with it when it goes, the host's own too:
 * unless promote_secondaries is on. Turns that on and returns the file to turn it off with; -1 where it may stay as it is.
 */
static int keep_secondaries(uint32_t ifindex, const struct vip *vip)
{
	char name[IF_NAMESIZE], path[64 + IF_NAMESIZE], value = '1';
	int fd;

	if (vip->ip_version != 4 || vip->prefix_len == 32 || !if_indextoname(ifindex, name))
		return -1;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/promote_secondaries", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pread(fd, &value, 1, 0) == 1 && value == '0' && pwrite(fd, "1", 1, 0) == 1)
		return fd;
	close(fd);
	return -1;
}

void rtnl_vip_del(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	int promote = keep_secondaries(ifindex, vip);
	int err = ask(rtnl, address_message(RTM_DELADDR, 0, slot, ifindex, vip));
	char text[VIP_TEXT_LEN];

	if (promote >= 0) {
		if (pwrite(promote, "0", 1, 0) != 1)
			log_warn("interface %u: promote_secondaries stays 1", ifindex);
		close(promote);
	}

	if (err)
		log_error("interface %u: cannot remove %s: %s", ifindex, vip_format(vip, true, text), strerror(-err));
}
