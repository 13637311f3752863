#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Who takes over from a worse master: with --preempt a router does, without it waits for that one to go.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 13
test_lab r1 r2

xcarp r2 -r 2 -k 100
within 6 "the worse router, alone, becomes MASTER" master r2
within 5 "and has the address" only_holder r2 r1 r2

xcarp r1 -r 2
within 5 "the better one, without --preempt, is BACKUP" backup r1
never 4 "and stays that for twice its down time" master r1
ok "the worse one is still MASTER" master r2
ok "it alone has the address" only_holder r2 r1 r2
ok "stopped, the better one" stop r1 TERM

xcarp r1 -r 2 -P
within 5 "with --preempt it becomes MASTER" master r1
within 5 "the worse one becomes BACKUP" backup r2
within 5 "the address has moved" only_holder r1 r1 r2
never 4 "and does not move back" master r2

xcarp_pid=${PID[r1]}
kill -STOP "$xcarp_pid"
within 6 "a master that stops advertising is replaced" master r2
kill -CONT "$xcarp_pid"
within 6 "and takes over again" only_master r1 r1 r2
