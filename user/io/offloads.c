// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "offloads.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES_MAX (OFFLOADS_BLOCKS * 32)

static int ask(const char *interface, void *command)
{
	struct ifreq request = { .ifr_data = command };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCETHTOOL, &request))
		err = -errno;
	close(fd);
	return err;
}

int offloads_read(const char *interface, struct offloads *offloads)
{
	struct {
		struct ethtool_gfeatures header;
		struct ethtool_get_features_block blocks[OFFLOADS_BLOCKS];
	} features = { .header = { .cmd = ETHTOOL_GFEATURES, .size = OFFLOADS_BLOCKS } };
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	int err = ask(interface, &driver) ?: ask(interface, &features);

	*offloads = (struct offloads){ 0 };
	if (err)
		return err;
	snprintf(offloads->driver, sizeof(offloads->driver), "%.31s", driver.driver);
	for (uint32_t i = 0; i < OFFLOADS_BLOCKS && i < features.header.size; i++)
		offloads->active[i] = features.blocks[i].active;
	return 0;
}

/* The kernel's names of features, by their bit. NULL where they cannot be had. */
static struct ethtool_gstrings *read_names(const char *interface)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + FEATURES_MAX * ETH_GSTRING_LEN);
	struct {
		struct ethtool_sset_info header;
		uint32_t count;
	} set = { .header = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };

	if (names && !ask(interface, &set) && set.count <= FEATURES_MAX) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_FEATURES;
		names->len = set.count;
		if (!ask(interface, names))
			return names;
	}
	free(names);
	return NULL;
}

static bool is_active(const struct offloads *offloads, uint32_t feature)
{
	return offloads->active[feature / 32] >> feature % 32 & 1;
}

/*
 * A virtio NIC's host segments what it had left whole, while the feature that stands for that still says that it is on (Linux,
 * drivers/net/virtio_net.c, virtnet_xdp_set()).
 */
static bool goes_unseen(const struct offloads *before, const char *feature)
{
	return !strcmp(before->driver, "virtio_net") && !strncmp(feature, "rx-gro-hw", ETH_GSTRING_LEN);
}

bool offloads_lost(const char *interface, const struct offloads *before, const struct offloads *now,
		   char text[OFFLOADS_TEXT_LEN])
{
	struct ethtool_gstrings *names = read_names(interface);
	size_t len = 0;
	bool any = false;

	text[0] = '\0';
	for (uint32_t feature = 0; feature < FEATURES_MAX; feature++) {
		const char *name = "";

		if (names && feature < names->len)
			name = (const char *)names->data + feature * ETH_GSTRING_LEN;
		if (!is_active(before, feature) || (is_active(now, feature) && !goes_unseen(before, name)))
			continue;
		if (len < OFFLOADS_TEXT_LEN)
			len += (size_t)snprintf(text + len, OFFLOADS_TEXT_LEN - len, "%s%.*s", any ? ", " : "",
						ETH_GSTRING_LEN, name);
		any = true;
	}
	free(names);
	return any;
}

bool offloads_is_veth(const struct offloads *offloads)
{
	return !strcmp(offloads->driver, "veth");
}

int offloads_get_gro(const char *interface, bool *is_on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GGRO };
	int err = ask(interface, &value);

	*is_on = !err && value.data;
	return err;
}

int offloads_set_gro(const char *interface, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO, .data = on };

	return ask(interface, &value);
}
