// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl_message.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#define ERRNO_MAX 4095

/* attr: IFLA_XDP, or NULL. */
static bool read_programs(struct nlattr *attr, struct rtnl_programs *programs)
{
	static struct nla_policy policy[IFLA_XDP_MAX + 1] = {
		[IFLA_XDP_DRV_PROG_ID] = { .type = NLA_U32 },
		[IFLA_XDP_SKB_PROG_ID] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[IFLA_XDP_MAX + 1] = { 0 };

	*programs = (struct rtnl_programs){ 0 };
	if (attr && nla_parse_nested(attrs, IFLA_XDP_MAX, attr, policy) < 0)
		return false;
	if (attrs[IFLA_XDP_DRV_PROG_ID])
		programs->native_id = nla_get_u32(attrs[IFLA_XDP_DRV_PROG_ID]);
	if (attrs[IFLA_XDP_SKB_PROG_ID])
		programs->generic_id = nla_get_u32(attrs[IFLA_XDP_SKB_PROG_ID]);
	return true;
}

static bool is_among(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words))
		words++;
	return *words;
}

/* data: IFLA_INFO_DATA, whose numbers are each kind's own. */
static bool read_bond(struct nlattr *data, struct rtnl_place *place)
{
	static struct nla_policy policy[IFLA_BOND_MAX + 1] = {
		[IFLA_BOND_ACTIVE_SLAVE] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[IFLA_BOND_MAX + 1] = { 0 };

	if (nla_parse_nested(attrs, IFLA_BOND_MAX, data, policy) < 0)
		return false;
	if (attrs[IFLA_BOND_ACTIVE_SLAVE])
		place->active = nla_get_u32(attrs[IFLA_BOND_ACTIVE_SLAVE]);
	return true;
}

static bool read_info(struct nlattr *attr, struct rtnl_place *place)
{
	static const char *const takers[] = { "bond", "bridge", "team", NULL };
	static const char *const standing[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec", NULL };
	static struct nla_policy policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = { .type = NLA_STRING },
		[IFLA_INFO_SLAVE_KIND] = { .type = NLA_STRING },
	};
	struct nlattr *attrs[IFLA_INFO_MAX + 1] = { 0 };
	const char *kind;

	if (nla_parse_nested(attrs, IFLA_INFO_MAX, attr, policy) < 0)
		return false;
	if (attrs[IFLA_INFO_SLAVE_KIND])
		place->is_port = is_among(nla_get_string(attrs[IFLA_INFO_SLAVE_KIND]), takers);
	if (!attrs[IFLA_INFO_KIND]) {
		place->below = 0;
		return true;
	}
	kind = nla_get_string(attrs[IFLA_INFO_KIND]);
	/* A veth names its other end there. */
	if (!is_among(kind, standing))
		place->below = 0;
	place->is_bond = !strcmp(kind, "bond");
	place->is_vlan = !strcmp(kind, "vlan");
	return !place->is_bond || !attrs[IFLA_INFO_DATA] || read_bond(attrs[IFLA_INFO_DATA], place);
}

/* attrs: of a link; those of the policy below have been checked. */
static bool read_place(struct nlattr **attrs, struct rtnl_place *place)
{
	*place = (struct rtnl_place){ 0 };
	if (attrs[IFLA_MASTER])
		place->above = nla_get_u32(attrs[IFLA_MASTER]);
	/* With it the number is another network namespace's. */
	if (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID])
		place->below = nla_get_u32(attrs[IFLA_LINK]);
	if (attrs[IFLA_LINKINFO])
		return read_info(attrs[IFLA_LINKINFO], place);
	place->below = 0;
	return true;
}

bool rtnl_read_programs(struct nlmsghdr *message, struct rtnl_programs *programs)
{
	struct nlattr *attrs[IFLA_MAX + 1];

	return nlmsg_parse(message, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) >= 0 &&
	       read_programs(attrs[IFLA_XDP], programs);
}

static bool has_carrier(struct nlattr **attrs)
{
	return !attrs[IFLA_CARRIER] || nla_get_u8(attrs[IFLA_CARRIER]);
}

bool rtnl_read_carrier(struct nlmsghdr *message, bool *has)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_CARRIER] = { .type = NLA_U8 },
	};
	struct nlattr *attrs[IFLA_MAX + 1];

	if (nlmsg_parse(message, sizeof(struct ifinfomsg), attrs, IFLA_MAX, policy) < 0)
		return false;
	*has = has_carrier(attrs);
	return true;
}

bool rtnl_read_link(struct nlmsghdr *message, struct rtnl_link *link)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },
		[IFLA_CARRIER] = { .type = NLA_U8 },
		[IFLA_NEW_NETNSID] = { .type = NLA_U32 },
		[IFLA_NEW_IFINDEX] = { .type = NLA_U32 },
	};
	const struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *attrs[IFLA_MAX + 1];

	/* AF_BRIDGE messages tell of bridge ports, not of links. */
	if (nlmsg_parse(message, sizeof(*info), attrs, IFLA_MAX, policy) < 0 || info->ifi_family != AF_UNSPEC ||
	    !attrs[IFLA_IFNAME])
		return false;
	*link = (struct rtnl_link){
		.ifindex = (uint32_t)info->ifi_index,
		.name = nla_get_string(attrs[IFLA_IFNAME]),
		.is_gone = message->nlmsg_type == RTM_DELLINK,
		.is_moved = message->nlmsg_type == RTM_DELLINK && attrs[IFLA_NEW_NETNSID],
		.is_ethernet = info->ifi_type == ARPHRD_ETHER,
		.is_enabled = info->ifi_flags & IFF_UP,
		.is_up = info->ifi_flags & IFF_UP && info->ifi_flags & IFF_RUNNING && has_carrier(attrs),
		.lacks_carrier = !has_carrier(attrs),
	};
	if (attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == FRAME_MAC_LEN)
		memcpy(link->mac, nla_data(attrs[IFLA_ADDRESS]), FRAME_MAC_LEN);
	if (link->is_moved) {
		link->new_nsid = (int32_t)nla_get_u32(attrs[IFLA_NEW_NETNSID]);
		link->new_ifindex = attrs[IFLA_NEW_IFINDEX] ? nla_get_u32(attrs[IFLA_NEW_IFINDEX]) : link->ifindex;
	}
	return read_place(attrs, &link->place) && read_programs(attrs[IFLA_XDP], &link->programs);
}

bool rtnl_read_address(struct nlmsghdr *message, struct vip *vip, uint32_t *ifindex)
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

bool rtnl_is_second_address(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = nlmsg_data(message);

	return info->ifa_family == AF_INET && info->ifa_flags & IFA_F_SECONDARY;
}

bool rtnl_is_new_address(struct nlmsghdr *message)
{
	struct nlattr *attrs[IFA_MAX + 1];
	struct ifa_cacheinfo times;

	if (nlmsg_parse(message, sizeof(struct ifaddrmsg), attrs, IFA_MAX, NULL) < 0 || !attrs[IFA_CACHEINFO] ||
	    (size_t)nla_len(attrs[IFA_CACHEINFO]) < sizeof(times))
		return false;
	memcpy(&times, nla_data(attrs[IFA_CACHEINFO]), sizeof(times));
	return times.cstamp == times.tstamp;
}

uint8_t rtnl_read_proto(struct nlmsghdr *message)
{
	const struct nlattr *attr = nlmsg_find_attr(message, sizeof(struct ifaddrmsg), RTNL_IFA_PROTO);

	return attr && nla_len(attr) >= (int)sizeof(uint8_t) ? nla_get_u8(attr) : 0;
}

bool rtnl_read_network(struct nlmsghdr *message, uint32_t *network)
{
	const struct ifaddrmsg *info = nlmsg_data(message);
	const struct nlattr *attr = nlmsg_find_attr(message, sizeof(*info), IFA_ADDRESS);

	if (info->ifa_family != AF_INET || info->ifa_prefixlen > 32 || !attr || nla_len(attr) != (int)sizeof(*network))
		return false;
	memcpy(network, nla_data(attr), sizeof(*network));
	if (info->ifa_prefixlen < 32)
		*network &= htonl(~(UINT32_MAX >> info->ifa_prefixlen));
	return true;
}

bool rtnl_read_refusal(struct nlmsghdr *message, struct rtnl_refusal *refusal)
{
	struct nlmsgerr *error = nlmsg_data(message);
	struct nlmsghdr *request = &error->msg;

	/* The kernel may leave out the request's end, but not change the length that it says. */
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ||
	    request->nlmsg_len > message->nlmsg_len - NLMSG_LENGTH(offsetof(struct nlmsgerr, msg)))
		return false;
	if (error->error >= 0 || error->error < -ERRNO_MAX)
		return false;
	if (request->nlmsg_type != RTM_NEWADDR && request->nlmsg_type != RTM_DELADDR)
		return false;
	*refusal = (struct rtnl_refusal){
		.is_addition = request->nlmsg_type == RTM_NEWADDR,
		.slot = request->nlmsg_seq - 1,
		.error = error->error,
	};
	return rtnl_read_address(request, &refusal->vip, &refusal->ifindex);
}
