#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Up and down scripts: their order and arguments, and that slow, hanging and failing ones disturb nothing.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 41
test_lab r1 client
wire client

# log_calls NAME [COMMAND]: a hook that records when it runs, with what, and when it is done.
log_calls() {
	hook "$1" <<-EOF2
		echo "$1 \$*" >>"\$LAB_DIR/calls"
		${2-:}
		echo "$1 done" >>"\$LAB_DIR/calls"
	EOF2
}

calls() {
	paste -sd, "$LAB_DIR/calls"
}

called() {
	[[ $(calls 2>/dev/null) =~ $1 ]]
}

# fresh UP DOWN: hooks that do so, and no calls yet
fresh() {
	log_calls up "$1"
	log_calls down "$2"
	: >"$LAB_DIR/calls"
}

hooks=(-u "$LAB_DIR/up" -d "$LAB_DIR/down")

fresh : :
xcarp r1 -r 1 -x "an extra" "${hooks[@]}"
within 5 "MASTER" master r1
within 5 "the up script ran" called 'up done'
is "down first, then up, with interface, address and --xparam" "$(calls)" \
	"down eth0 $VIP an extra,down done,up eth0 $VIP an extra,up done"
ok "the log says what is run" log_has r1 "Spawning \[$LAB_DIR/up eth0 $VIP an extra\]"
ok "and how it ended" log_has r1 'exit status 0'
ok "it ends" stop r1 TERM
is "without --shutdown nothing runs at the end" "$(calls)" \
	"down eth0 $VIP an extra,down done,up eth0 $VIP an extra,up done"

fresh : 'sleep 0.3'
xcarp r1 -r 1 -n -z "${hooks[@]}"
within 5 "--neutral: MASTER" master r1
within 5 "the up script ran" called 'up done'
is "and no down script before it" "$(calls)" "up eth0 $VIP,up done"
ok "--shutdown: it ends" stop r1 TERM
ok "it says what it waits for" log_has r1 'Waiting for scripts to end'
is "the down script has run to its end" "$(calls)" "up eth0 $VIP,up done,down eth0 $VIP,down done"

fresh : :
xcarp r1 -r 2 -n -z "${hooks[@]}"
within 5 "--shutdown, but still BACKUP" backup r1
ok "it ends" stop r1 TERM
is "no script has run" "$(calls)" ""

fresh 'sleep 4' :
mark=$(now_ms)
xcarp r1 -r 1 -n "${hooks[@]}"
within 5 "a slow script: MASTER" master r1
within 5 "it runs" called '^up'
within 1 "the address is there meanwhile" has_addr r1 "$VIP"
nok "it still runs" called 'up done'
within 10 "it ends" called 'up done'
# A second each; ucarp waits for its script. What is left is for a busy machine.
between "longest ms between two adverts" "$(on_wire 'advert 10.77.0.1 ' | awk -v from="$mark" '
	{ ms = $1 * 1000 }
	ms >= from { if (last && ms - last > most) most = ms - last; last = ms }
	END { printf "%.0f", most }')" 900 1500
ok "it ends" stop r1 TERM

fresh 'sleep 1000' :
xcarp r1 -r 1 -n --script-timeout=1 "${hooks[@]}"
within 5 "a hanging script: it runs" called '^up'
within 5 "it is killed, and the log says so" log_has r1 'killed after'
ok "still MASTER" master r1
within 2 "its children are gone too" alone r1
ok "it ends" stop r1 TERM

fresh 'exit 7' :
xcarp r1 -r 1 -n "${hooks[@]}"
within 5 "a failing script: the log has its status" log_has r1 'exit status 7'
ok "still MASTER" master r1
ok "it ends" stop r1 TERM

# While the up script takes its time, the state changes thrice; only the last change still matters then.
fresh 'sleep 5' :
xcarp r1 -r 1 -n "${hooks[@]}"
within 5 "superseded: the up script runs" called '^up'
for way in down up; do
	log_mark r1
	lab_cable r1 $way
	[[ $way == down ]] || wait_for 5 master r1
done
log_mark r1
lab_cable r1 down
wait_for 5 in_state r1 INIT
within 10 "superseded: the down script runs" called 'down done'
is "once, after the up script" "$(calls)" "up eth0 $VIP,up done,down eth0 $VIP,down done"
never 1 "and nothing after it" called 'down done,'

# A signal waits for a script that runs, and a second one does not.
ok "it ends" stop r1 TERM
lab_cable r1 up
fresh 'sleep 30' :
xcarp r1 -r 1 -n "${hooks[@]}"
within 5 "told to end while its up script runs" called '^up'
kill -TERM "${PID[r1]}"
within 2 "it says what it waits for" log_has r1 'Waiting for scripts to end; a second signal ends that'
ok "and waits" alive r1
ok "a second signal ends it" stop r1 TERM
ok "which it says" log_has r1 'Told to end a second time'
