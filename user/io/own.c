// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/rtnl_query.h"

struct address {
	struct vip vip;
	uint32_t ifindex;
	bool is_wide; /* of more than the link */
	bool is_permanent;
	bool is_second;
};

/* What a route says of the host's address, or of where it goes. */
struct route {
	struct vip vip;
	uint32_t ifindex; /* of a gateway; 0: it is the source */
};

struct own {
	struct address *addresses; /* that no process like us has put there */
	size_t address_count;
	struct route *routes;
	size_t route_count;
	bool has_routes; /* they were read */
	bool tells_proto; /* the kernel */
	char name[IF_NAMESIZE]; /* that was asked for last: most often this is the same */
	uint32_t ifindex;
};

/* Room for one more, doubled at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : reallocarray(array, count ? 2 * count : 1, size);
}

static int take_address(void *ctx, struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	struct own *own = ctx;
	struct address address = { 0 }, *addresses;

	if (message->nlmsg_type != RTM_NEWADDR || !rtnl_read_address(message, &address.vip, &address.ifindex))
		return 0;
	own->tells_proto |= rtnl_read_proto(message) != 0;
	/* Ours may be many. */
	if (rtnl_is_ours(message))
		return 0;
	address.is_wide = info->ifa_scope < RT_SCOPE_LINK;
	address.is_permanent = info->ifa_flags & IFA_F_PERMANENT;
	address.is_second = rtnl_is_second_address(message);
	addresses = grow(own->addresses, own->address_count, sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	own->addresses = addresses;
	addresses[own->address_count++] = address;
	return 0;
}

static int put_route(struct own *own, uint8_t family, const struct nlattr *attr, uint32_t ifindex)
{
	struct route route = { .vip.ip_version = family == AF_INET6 ? 6 : 4, .ifindex = ifindex }, *routes;

	if ((size_t)nla_len(attr) != vip_len(&route.vip))
		return 0;
	memcpy(route.vip.address, nla_data(attr), vip_len(&route.vip));
	routes = grow(own->routes, own->route_count, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	own->routes = routes;
	routes[own->route_count++] = route;
	return 0;
}

/* The kernel's own routes follow the addresses. Of a full table neighbours in the list have the same gateway. */
static int take_route(void *ctx, struct nlmsghdr *message)
{
	const struct rtmsg *info = NLMSG_DATA(message);
	struct nlattr *attrs[RTA_MAX + 1];
	struct own *own = ctx;
	const struct route *last = own->route_count ? &own->routes[own->route_count - 1] : NULL;
	int err = 0;

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_type != RTN_UNICAST ||
	    info->rtm_protocol == RTPROT_KERNEL || (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    nlmsg_parse(message, sizeof(*info), attrs, RTA_MAX, NULL) < 0)
		return 0;
	if (attrs[RTA_PREFSRC])
		err = put_route(own, info->rtm_family, attrs[RTA_PREFSRC], 0);
	if (err || !attrs[RTA_GATEWAY] || !attrs[RTA_OIF])
		return err;
	if (!attrs[RTA_PREFSRC] && last && last->ifindex == nla_get_u32(attrs[RTA_OIF]) &&
	    (size_t)nla_len(attrs[RTA_GATEWAY]) == vip_len(&last->vip) &&
	    !memcmp(last->vip.address, nla_data(attrs[RTA_GATEWAY]), vip_len(&last->vip)))
		return 0;
	return put_route(own, info->rtm_family, attrs[RTA_GATEWAY], nla_get_u32(attrs[RTA_OIF]));
}

struct own *own_read(int *err)
{
	const struct {
		struct nlmsghdr header;
		struct ifaddrmsg address;
	} query = {
		.header = { .nlmsg_len = sizeof(query),
			    .nlmsg_type = RTM_GETADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.address = { .ifa_family = AF_UNSPEC },
	};
	struct own *own = calloc(1, sizeof(*own));

	*err = own ? rtnl_dump(&query.header, take_address, own) : -ENOMEM;
	if (!*err)
		return own;
	own_free(own);
	return NULL;
}

/* What could not be read is not known: then addresses decide alone. */
static void read_routes(struct own *own)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	if (own->has_routes)
		return;
	own->has_routes = true;
	for (size_t i = 0; i < sizeof(families); i++) {
		const struct {
			struct nlmsghdr header;
			struct rtmsg route;
		} query = {
			.header = { .nlmsg_len = sizeof(query),
				    .nlmsg_type = RTM_GETROUTE,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
			.route = { .rtm_family = families[i] },
		};

		rtnl_dump(&query.header, take_route, own);
	}
}

void own_free(struct own *own)
{
	if (!own)
		return;
	free(own->addresses);
	free(own->routes);
	free(own);
}

/* Judging. */

static uint32_t ifindex_of(struct own *own, const char *interface)
{
	if (strcmp(own->name, interface)) {
		strncpy(own->name, interface, sizeof(own->name) - 1);
		own->ifindex = if_nametoindex(interface);
	}
	return own->ifindex;
}

static bool is_within(const struct vip *vip, const struct vip *network)
{
	unsigned int bytes = network->prefix_len / 8, bits = network->prefix_len % 8;

	return vip->ip_version == network->ip_version && !memcmp(vip->address, network->address, bytes) &&
	       (!bits || !((vip->address[bytes] ^ network->address[bytes]) >> (8 - bits)));
}

static bool is_alone(const struct vip *vip)
{
	return vip->prefix_len == vip_len(vip) * 8;
}

/* Its network is the host's through it, and nothing else that stays. */
static bool is_only_one(const struct own *own, const struct address *address)
{
	for (size_t i = 0; i < own->address_count; i++) {
		const struct address *other = &own->addresses[i];

		if (other == address || (address->is_wide && !other->is_wide) || other->ifindex != address->ifindex ||
		    other->vip.ip_version != address->vip.ip_version)
			continue;
		if (is_alone(&address->vip) || is_within(&other->vip, &address->vip))
			return false;
	}
	return true;
}

static const struct address *find(const struct own *own, uint32_t ifindex, const struct vip *vip)
{
	for (size_t i = 0; i < own->address_count; i++)
		if (own->addresses[i].ifindex == ifindex && !vip_compare(&own->addresses[i].vip, vip))
			return &own->addresses[i];
	return NULL;
}

static bool is_route_source(const struct own *own, const struct vip *vip)
{
	for (size_t i = 0; i < own->route_count; i++)
		if (!own->routes[i].ifindex && !vip_compare(&own->routes[i].vip, vip))
			return true;
	return false;
}

static bool has_gateway(const struct own *own, const struct address *address)
{
	for (size_t i = 0; i < own->route_count; i++)
		if (own->routes[i].ifindex == address->ifindex && is_within(&own->routes[i].vip, &address->vip))
			return true;
	return false;
}

const char *own_why(struct own *own, const char *interface, const struct vip *vip, uint32_t source, struct vip *found)
{
	uint32_t ifindex = ifindex_of(own, interface);
	const struct address *address = find(own, ifindex, vip);
	struct vip real = { .ip_version = 4, .prefix_len = 32 };
	bool has_source, may_be_own;

	if (!address)
		return NULL;
	memcpy(real.address, &source, sizeof(source));
	has_source = find(own, ifindex, &real);
	*found = address->vip;
	if (!address->is_permanent)
		return "for a limited time, as by DHCP";
	read_routes(own);
	if (is_route_source(own, vip))
		return "the source of its routes";
	may_be_own = vip->ip_version == 6 ? is_only_one(own, address) && !is_alone(&address->vip) :
					    !address->is_second && !(has_source && is_within(&real, &address->vip));
	if (vip->ip_version == 4 && is_alone(&address->vip))
		may_be_own = is_only_one(own, address);
	if (!may_be_own)
		return NULL;
	if (!has_source)
		return "from which it sends there";
	/* On a kernel that does not say whose an address is, it may be that of a process like us which was killed. */
	if (!own->tells_proto)
		return NULL;
	if (vip->ip_version == 6)
		return "the only one of its network";
	return has_gateway(own, address) ? "the only one towards a gateway of its routes" : NULL;
}

const char *own_no_host(struct own *own, const char *interface, const struct vip *vip, struct vip *found)
{
	uint32_t ifindex = ifindex_of(own, interface), address, host, mask;

	memcpy(&host, vip->address, sizeof(host));
	for (size_t i = 0; vip->ip_version == 4 && i < own->address_count; i++) {
		*found = own->addresses[i].vip;
		if (own->addresses[i].ifindex != ifindex || found->ip_version != 4 || found->prefix_len > 30)
			continue;
		memcpy(&address, found->address, sizeof(address));
		mask = htonl(~(UINT32_MAX >> found->prefix_len));
		if (host == (address & mask))
			return "the address of the network";
		if (host == (address | ~mask))
			return "the broadcast address of the network";
	}
	return NULL;
}
