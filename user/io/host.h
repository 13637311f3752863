/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which interfaces and IPv4 addresses the host has at one moment. rtnl.c has the news of them; this is for a thread that
 * has no part in the main loop, and for tests, which fill it in themselves.
 */
#ifndef XCARP_IO_HOST_H
#define XCARP_IO_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "io/own.h"

struct host_link {
	char name[XCARP_IFNAME_LEN];
	bool is_ethernet;
};

struct host_address {
	uint32_t address; /* network order */
	char interface[XCARP_IFNAME_LEN];
};

/* All zeros at first. */
struct host {
	struct host_link *links; /* ascending by name after host_sort() */
	size_t link_count;
	struct host_address *addresses; /* ascending */
	size_t address_count;
	struct own *own; /* NULL: not asked for */
};

/* Asks the kernel. Returns 0 or -errno; host_free() is due either way. */
int host_read(struct host *host);
void host_free(struct host *host);

/* A socket that can be read when an IPv4 address has come or gone, or -errno; and takes what is there to be read. */
int host_watch(void);
void host_watched(int fd);

/* By hand: add everything, then sort once. These return 0 or -ENOMEM; names have less than XCARP_IFNAME_LEN bytes. */
int host_add_link(struct host *host, const char *name, bool is_ethernet);
int host_add_address(struct host *host, uint32_t address, const char *interface);
void host_sort(struct host *host);

/* NULL: there is none. */
const struct host_link *host_link_named(const struct host *host, const char *name);

/* The interface that has this address, or NULL. Of several an Ethernet interface, and of those the first by name. */
const char *host_holder(const struct host *host, uint32_t address);
bool host_holds(const struct host *host, const char *interface, uint32_t address);

#endif
