// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one more, doubled at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : reallocarray(array, count ? 2 * count : 1, size);
}

int host_add_link(struct host *host, const char *name, bool is_ethernet)
{
	struct host_link *links = grow(host->links, host->link_count, sizeof(*links));

	if (!links)
		return -ENOMEM;
	host->links = links;
	links += host->link_count++;
	*links = (struct host_link){ .is_ethernet = is_ethernet };
	strncpy(links->name, name, sizeof(links->name) - 1);
	return 0;
}

int host_add_address(struct host *host, uint32_t address, const char *interface)
{
	struct host_address *addresses = grow(host->addresses, host->address_count, sizeof(*addresses));
	size_t len = strcspn(interface, ":"); /* what has the label eth0:1 is on eth0 */

	if (!addresses)
		return -ENOMEM;
	host->addresses = addresses;
	addresses += host->address_count++;
	*addresses = (struct host_address){ .address = address };
	memcpy(addresses->interface, interface, len < XCARP_IFNAME_LEN ? len : XCARP_IFNAME_LEN - 1);
	return 0;
}

static int compare_links(const void *a, const void *b)
{
	return strcmp(((const struct host_link *)a)->name, ((const struct host_link *)b)->name);
}

static int compare_addresses(const void *x, const void *y)
{
	const struct host_address *a = x, *b = y;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(a->interface, b->interface);
}

void host_sort(struct host *host)
{
	if (host->link_count)
		qsort(host->links, host->link_count, sizeof(*host->links), compare_links);
	if (host->address_count)
		qsort(host->addresses, host->address_count, sizeof(*host->addresses), compare_addresses);
}

static int add_entry(struct host *host, const struct ifaddrs *entry)
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)entry->ifa_addr;

	/* A link without a hardware address, such as a tunnel, has none here either. */
	if (!entry->ifa_addr)
		return host_add_link(host, entry->ifa_name, false);
	if (entry->ifa_addr->sa_family == AF_PACKET)
		return host_add_link(host, entry->ifa_name, link->sll_hatype == ARPHRD_ETHER);
	if (entry->ifa_addr->sa_family == AF_INET)
		return host_add_address(host, ((const struct sockaddr_in *)entry->ifa_addr)->sin_addr.s_addr, entry->ifa_name);
	return 0;
}

int host_read(struct host *host)
{
	struct ifaddrs *list;
	int err = 0;

	*host = (struct host){ 0 };
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *entry = list; !err && entry; entry = entry->ifa_next)
		err = add_entry(host, entry);
	freeifaddrs(list);
	host_sort(host);
	if (!err)
		host->own = own_read(&err);
	return err;
}

int host_watch(void)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), err;

	if (fd < 0 || !bind(fd, (const struct sockaddr *)&name, sizeof(name)))
		return fd < 0 ? -errno : fd;
	err = -errno;
	close(fd);
	return err;
}

void host_watched(int fd)
{
	char message[64];

	/* Of lost messages an error tells, once. */
	while (recv(fd, message, sizeof(message), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

void host_free(struct host *host)
{
	free(host->links);
	free(host->addresses);
	own_free(host->own);
	*host = (struct host){ 0 };
}

const struct host_link *host_link_named(const struct host *host, const char *name)
{
	size_t low = 0, high = host->link_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, host->links[middle].name);

		if (!order)
			return &host->links[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The first that does not come before wanted. */
static size_t find_address(const struct host *host, const struct host_address *wanted)
{
	size_t low = 0, high = host->address_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(&host->addresses[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *host_holder(const struct host *host, uint32_t address)
{
	size_t first = find_address(host, &(struct host_address){ .address = address });

	for (size_t at = first; at < host->address_count && host->addresses[at].address == address; at++) {
		const struct host_link *link = host_link_named(host, host->addresses[at].interface);

		if (link && link->is_ethernet)
			return link->name;
	}
	return first < host->address_count && host->addresses[first].address == address ? host->addresses[first].interface : NULL;
}

bool host_holds(const struct host *host, const char *interface, uint32_t address)
{
	struct host_address wanted = { .address = address };
	size_t at;

	memcpy(wanted.interface, interface, strlen(interface) + 1);
	at = find_address(host, &wanted);
	return at < host->address_count && !compare_addresses(&host->addresses[at], &wanted);
}
