// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/log.h"
#include "io/rtnl_message.h"
#include "io/rtnl_sender.h"

#define RECEIVE_BUFFER (4 << 20) /* bytes: a burst of thousands of addresses must not overrun it */
#define MESSAGE_BUFFER (32 << 10) /* bytes; the kernel fills up to this much at once */
#define RECEIVE_BUDGET 512 /* datagrams */
#define SYNC_TIMEOUT_MS 5000
#define BATCH_BUFFER (32 << 10) /* bytes; libnl gives the socket room for this much */
#define REQUEST_MAX 104 /* bytes: a header, struct ifaddrmsg, two IPv6 addresses, flags, lifetimes, protocol */
#define NOBODY UINT32_MAX /* the slot of a request whose sequence number is 0 */
#define REMOVAL_IPV6 64 /* bytes: a header, struct ifaddrmsg, two addresses */
#define REMOVAL_IPV4 40

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
	bool tells_proto; /* the kernel, of addresses */
	enum dump dump; /* under way on the hearing socket */
	bool dump_again; /* messages were lost while it was */

	/*
	 * Requests until the next flush. Additions fill it from the front; removals from the back, so that the last call
	 * is carried out first: each first address of a subnet that goes before the others makes the kernel hand its
	 * place on, and lay all their routes anew.
	 */
	_Alignas(struct nlmsghdr) char batch[BATCH_BUFFER];
	size_t additions_len;
	size_t removals_at;
	unsigned int removal_count;
	unsigned int keep_count;
	uint32_t keep_ifindexes[RTNL_KEEP_MAX]; /* where removals must not take other addresses with them */

	struct rtnl_sender *sender;
	struct rtnl_batch *spare; /* for when memory is short */
	bool is_spare_used;
	uint64_t took_ns; /* of batches that were carried out since the last settled event */
};

static bool is_ours(const struct rtnl *rtnl, const struct nlmsghdr *message)
{
	return message->nlmsg_pid == nl_socket_get_local_port(rtnl->asking);
}

/* Before the kernel has told of any protocol, an address without one may be that of another process like us. */
static void tell_of_own(struct rtnl *rtnl, struct nlmsghdr *message, uint32_t ifindex, const struct vip *vip)
{
	const struct ifaddrmsg *info = nlmsg_data(message);
	struct rtnl_own own = { .address = *vip, .present = message->nlmsg_type == RTM_NEWADDR };
	uint8_t proto = rtnl_read_proto(message);

	rtnl->tells_proto |= proto != 0;
	/* What went with one of ours and was put back has not moved. */
	if (vip->ip_version != 4 || proto == RTNL_OUR_PROTO || is_ours(rtnl, message))
		return;
	own.is_certain = rtnl->tells_proto;
	own.is_wide = info->ifa_scope < RT_SCOPE_LINK;
	own.is_second = own.present && rtnl_is_second_address(message) &&
			(message->nlmsg_flags & NLM_F_MULTI || rtnl_is_new_address(message));
	rtnl->events->own_address(rtnl->events->ctx, ifindex, &own, loop_now_ns());
}

static int on_message(struct nl_msg *msg, void *ctx)
{
	struct rtnl *rtnl = ctx;
	struct nlmsghdr *message = nlmsg_hdr(msg);
	struct rtnl_link link;
	struct vip vip;
	uint32_t ifindex;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (rtnl_read_link(message, &link))
			rtnl->events->link(rtnl->events->ctx, &link, loop_now_ns());
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (!rtnl_read_address(message, &vip, &ifindex))
			break;
		if (message->nlmsg_type == RTM_DELADDR && is_ours(rtnl, message))
			rtnl->events->vip_removed(rtnl->events->ctx, message->nlmsg_seq - 1, &vip, loop_now_ns());
		rtnl->events->address(rtnl->events->ctx, ifindex, &vip, message->nlmsg_type == RTM_NEWADDR, loop_now_ns());
		tell_of_own(rtnl, message, ifindex, &vip);
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
	rtnl->events->resync_begin(rtnl->events->ctx, loop_now_ns());
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
		rtnl->events->resync_end(rtnl->events->ctx, loop_now_ns());
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

/* A refusal carries the request, so nothing has to be kept until it comes. What libnl hands over lies in its message. */
static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *error, void *ctx)
{
	struct nlmsghdr *message = (struct nlmsghdr *)((char *)error - NLMSG_HDRLEN);
	struct rtnl *rtnl = ctx;
	struct rtnl_refusal refusal;
	char text[VIP_TEXT_LEN];

	(void)from;
	if (!rtnl_read_refusal(message, &refusal))
		return NL_SKIP;
	if (refusal.is_addition && refusal.slot == NOBODY && refusal.error == -EEXIST)
		return NL_SKIP;
	if (refusal.is_addition && refusal.slot == NOBODY)
		log_error("interface %u: cannot put back %s, which went with a virtual address: %s", refusal.ifindex,
			  vip_format(&refusal.vip, true, text), strerror(-refusal.error));
	else if (refusal.is_addition)
		rtnl->events->vip_refused(rtnl->events->ctx, refusal.slot, refusal.ifindex, &refusal.vip, refusal.error,
					  loop_now_ns());
	else if (refusal.error != -EADDRNOTAVAIL && refusal.error != -ENODEV)
		log_error("interface %u: cannot remove %s: %s", refusal.ifindex, vip_format(&refusal.vip, true, text),
			  strerror(-refusal.error));
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

	(void)now_ns;
	if (receive(rtnl->hearing, "cannot hear of links and addresses"))
		return;
	log_warn("netlink: messages were lost, asking for all links and addresses again");
	start_resync(rtnl);
}

static void asking_ready(void *ctx, uint64_t now_ns)
{
	struct rtnl *rtnl = ctx;

	(void)now_ns;
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

static void start_batch(struct rtnl *rtnl)
{
	rtnl->additions_len = 0;
	rtnl->removals_at = sizeof(rtnl->batch);
	rtnl->removal_count = 0;
	rtnl->keep_count = 0;
}

void rtnl_resync(struct rtnl *rtnl)
{
	start_resync(rtnl);
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

static void put_attr(struct nlmsghdr *message, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (struct nlattr *)((char *)message + message->nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(sizeof(*attr) + len);
	memset(nla_data(attr), 0, NLMSG_ALIGN(len));
	memcpy(nla_data(attr), data, len);
	message->nlmsg_len += NLMSG_ALIGN((uint32_t)attr->nla_len);
}

static uint32_t removal_len(const struct vip *vip)
{
	return vip->ip_version == 6 ? REMOVAL_IPV6 : REMOVAL_IPV4;
}

static struct nlmsghdr *write_request(void *at, uint16_t type, uint16_t flags, uint32_t slot, uint32_t ifindex,
				      const struct vip *vip)
{
	struct nlmsghdr *message = at;

	/* The kernel only echoes the sequence number. */
	*message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = slot + 1,
	};
	*(struct ifaddrmsg *)nlmsg_data(message) = (struct ifaddrmsg){
		.ifa_family = vip->ip_version == 6 ? AF_INET6 : AF_INET,
		.ifa_prefixlen = vip->prefix_len,
		.ifa_index = ifindex,
	};
	put_attr(message, IFA_LOCAL, vip->address, vip_len(vip));
	put_attr(message, IFA_ADDRESS, vip->address, vip_len(vip));
	return message;
}

static void add_attrs(struct nlmsghdr *message, const struct vip *vip, const char *label)
{
	static const struct ifa_cacheinfo deprecated = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };
	static const uint32_t no_dad = IFA_F_NODAD;
	static const uint8_t proto = RTNL_OUR_PROTO;

	put_attr(message, RTNL_IFA_PROTO, &proto, sizeof(proto));
	if (vip->ip_version == 4) {
		if (label)
			put_attr(message, IFA_LABEL, label, strlen(label) + 1);
		return;
	}
	put_attr(message, IFA_FLAGS, &no_dad, sizeof(no_dad));
	put_attr(message, IFA_CACHEINFO, &deprecated, sizeof(deprecated));
}

/*
 * An address that is the first of its subnet on the interface takes the others with it when it goes, the host's own too,
 * if nobody sees to it.
 */
static bool may_take_others(const struct vip *vip)
{
	return vip->ip_version == 4 && vip->prefix_len < 32;
}

/* Remembers, for the flush, that the others must be seen to. */
static void keep_secondaries(struct rtnl *rtnl, uint32_t ifindex)
{
	for (unsigned int i = rtnl->keep_count; i-- > 0;)
		if (rtnl->keep_ifindexes[i] == ifindex)
			return;
	rtnl->keep_ifindexes[rtnl->keep_count++] = ifindex;
}

/* Of the requests in a batch from one byte to another, each address and what it is of. */
static void for_each_request(struct rtnl *rtnl, struct rtnl_batch *batch, size_t from, size_t to,
			     void (*found)(struct rtnl *rtnl, const struct rtnl_batch *batch, uint32_t slot, uint32_t ifindex,
					   const struct vip *vip))
{
	struct nlmsghdr *message;
	struct vip vip;
	uint32_t ifindex;

	for (size_t at = from; at < to; at += message->nlmsg_len) {
		message = (struct nlmsghdr *)(batch->data + at);
		if (rtnl_read_address(message, &vip, &ifindex))
			found(rtnl, batch, message->nlmsg_seq - 1, ifindex, &vip);
	}
}

static void tell_unsent(struct rtnl *rtnl, const struct rtnl_batch *batch, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	rtnl->events->vip_refused(rtnl->events->ctx, slot, ifindex, vip, batch->error, loop_now_ns());
}

static void tell_gone(struct rtnl *rtnl, const struct rtnl_batch *batch, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	(void)batch;
	if (rtnl->events->vip_gone)
		rtnl->events->vip_gone(rtnl->events->ctx, slot, ifindex, vip);
}

static void tell_outcome(struct rtnl *rtnl, struct rtnl_batch *batch)
{
	if (!batch->error) {
		for_each_request(rtnl, batch, 0, batch->removals_len, tell_gone);
		return;
	}
	for_each_request(rtnl, batch, batch->removals_len, batch->len, tell_unsent);
	if (batch->removal_count)
		log_error("netlink: cannot remove addresses, %u in all: %s", batch->removal_count, strerror(-batch->error));
}

static void tell_settled(struct rtnl *rtnl)
{
	uint64_t took_ns = rtnl->took_ns;

	rtnl->took_ns = 0;
	if (rtnl->events->settled)
		rtnl->events->settled(rtnl->events->ctx, took_ns, loop_now_ns());
}

static void free_batch(struct rtnl *rtnl, struct rtnl_batch *batch)
{
	if (batch == rtnl->spare)
		rtnl->is_spare_used = false;
	else
		free(batch);
}

static void batch_done(void *ctx, struct rtnl_batch *batch)
{
	struct rtnl *rtnl = ctx;

	rtnl->took_ns += batch->took_ns;
	if (batch->left_promoting)
		log_warn("interface %u: promote_secondaries stays 1", batch->left_promoting);
	if (batch->keep_error)
		log_error("other addresses may have gone with virtual ones: they could not be read: %s", strerror(-batch->keep_error));
	tell_outcome(rtnl, batch);
	free_batch(rtnl, batch);
	/* What is being collected is still to come. */
	if (!rtnl_sender_is_busy(rtnl->sender) && !rtnl->additions_len && !rtnl->removal_count)
		tell_settled(rtnl);
}

/* Where memory is short, what is under way is waited for. */
static struct rtnl_batch *allocate_batch(struct rtnl *rtnl, size_t len)
{
	struct rtnl_batch *batch = malloc(sizeof(*batch) + len);

	if (batch)
		return batch;
	if (rtnl->is_spare_used)
		rtnl_sender_finish(rtnl->sender);
	rtnl->is_spare_used = true;
	return rtnl->spare;
}

/* What was collected, in one piece. */
static struct rtnl_batch *make_batch(struct rtnl *rtnl)
{
	size_t removals_len = sizeof(rtnl->batch) - rtnl->removals_at;
	struct rtnl_batch *batch = allocate_batch(rtnl, removals_len + rtnl->additions_len);

	*batch = (struct rtnl_batch){
		.removal_count = rtnl->removal_count,
		.removals_len = removals_len,
		.len = removals_len + rtnl->additions_len,
		.keep_count = rtnl->keep_count,
	};
	memcpy(batch->keep_ifindexes, rtnl->keep_ifindexes, rtnl->keep_count * sizeof(*rtnl->keep_ifindexes));
	memcpy(batch->data, rtnl->batch + rtnl->removals_at, removals_len);
	memcpy(batch->data + removals_len, rtnl->batch, rtnl->additions_len);
	return batch;
}

void rtnl_flush(struct rtnl *rtnl)
{
	struct rtnl_batch *batch;

	if (rtnl->additions_len || rtnl->removal_count) {
		batch = make_batch(rtnl);
		start_batch(rtnl);
		rtnl_sender_give(rtnl->sender, batch);
	} else if (!rtnl_sender_is_busy(rtnl->sender)) {
		tell_settled(rtnl);
	}
}

int rtnl_start_thread(struct rtnl *rtnl)
{
	return rtnl_sender_start(rtnl->sender);
}

bool rtnl_is_busy(const struct rtnl *rtnl)
{
	return rtnl_sender_is_busy(rtnl->sender);
}

void rtnl_finish(struct rtnl *rtnl)
{
	rtnl_flush(rtnl);
	rtnl_sender_finish(rtnl->sender);
}

/* For one request more. */
static void make_room(struct rtnl *rtnl)
{
	if (rtnl->removals_at - rtnl->additions_len < REQUEST_MAX || rtnl->keep_count == RTNL_KEEP_MAX)
		rtnl_flush(rtnl);
}

void rtnl_vip_add(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip, const char *label)
{
	struct nlmsghdr *message;

	make_room(rtnl);
	message = write_request(rtnl->batch + rtnl->additions_len, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, slot, ifindex, vip);
	add_attrs(message, vip, label);
	rtnl->additions_len += message->nlmsg_len;
}

void rtnl_vip_del(struct rtnl *rtnl, uint32_t slot, uint32_t ifindex, const struct vip *vip)
{
	make_room(rtnl);
	rtnl->removals_at -= removal_len(vip);
	rtnl->removal_count++;
	write_request(rtnl->batch + rtnl->removals_at, RTM_DELADDR, 0, slot, ifindex, vip);
	if (may_take_others(vip))
		keep_secondaries(rtnl, ifindex);
}

/* Its life. */

static bool open_sender(struct rtnl *rtnl)
{
	rtnl->spare = malloc(sizeof(*rtnl->spare) + sizeof(rtnl->batch));
	if (!rtnl->spare)
		return false;
	rtnl->sender = rtnl_sender_new(rtnl->loop, nl_socket_get_fd(rtnl->asking), batch_done, rtnl);
	return rtnl->sender;
}

struct rtnl *rtnl_new(struct loop *loop, const struct rtnl_events *events, int *error)
{
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));

	*error = -ENOMEM;
	if (!rtnl)
		return NULL;
	rtnl->loop = loop;
	rtnl->events = events;
	start_batch(rtnl);
	if (open_hearing(rtnl) && open_asking(rtnl) && open_sender(rtnl))
		return rtnl;
	*error = errno ? -errno : -EIO;
	rtnl_free(rtnl);
	return NULL;
}

void rtnl_free(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	rtnl_sender_free(rtnl->sender);
	free(rtnl->spare);
	if (rtnl->hearing_source.ready)
		loop_remove(rtnl->loop, &rtnl->hearing_source);
	if (rtnl->asking_source.ready)
		loop_remove(rtnl->loop, &rtnl->asking_source);
	nl_socket_free(rtnl->hearing);
	nl_socket_free(rtnl->asking);
	free(rtnl);
}
