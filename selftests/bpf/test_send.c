// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program that sends, where its frames cannot tell: netns/tx.t looks at those. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <stdint.h>

#include "../tap.h"
#include "send.skel.h"
#include <xcarp/send.h>

int main(void)
{
	static const uint8_t blank[SEND_FRAME_LEN] = { [12] = 0x08 };
	struct send_bpf *skel = send_bpf__open_and_load();
	struct __sk_buff skb = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = blank, .data_size_in = sizeof(blank), .repeat = 1,
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .ctx_out = &skb, .ctx_size_out = sizeof(skb));

	plan(3);
	ok(skel, "the program loads");
	ok(skel && !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.send), &options), "and runs with nothing to send");
	is_int(skb.priority, TC_PRIO_CONTROL, "what it sends goes before other traffic, as through AF_PACKET");
	send_bpf__destroy(skel);
	return tap_done();
}
