/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sending program and its controller share. */
#ifndef XCARP_SEND_H
#define XCARP_SEND_H

#include <linux/types.h>

#define SEND_BATCH 128
#define SEND_FRAME_LEN 70 /* of an advert; all have the same */

struct send_frame {
	__u32 ifindex;
	__s32 error; /* after: 0, -errno, or what a qdisc says of a frame that it drops */
	__u8 bytes[SEND_FRAME_LEN];
	__u8 reserved[2];
};

struct send_batch {
	__u32 count;
	__u32 reserved;
	struct send_frame frames[SEND_BATCH];
};

#endif
