# shellcheck shell=bash
# Displays that refuse (faults.c): ten times in a row is survived, for ever is an error. Sourced by viewer_test.sh.

weather() { # weather STATUS NAME LAST_FAULT FAULTS: what the viewer makes of it
    export FAULTS=$4
    play --batch 1 --steps 1
    unset FAULTS
    for turn in $(seq 400); do # until the last fault; a moving mouse has something to draw
        grep -q "^fault: $3 " err && break
        kill -0 "$pid" 2>/dev/null || break
        xdotool mousemove $((100 + turn % 50)) 100 sleep 0.03
    done
    await 10 '^picture' "$(lines)" && xdotool key Escape
    stop
    local status=$?
    grep -q '^fault' err && [ $status = "$1" ]
    ok $? "$2: exit status $status"
}
out_of_date=-1000001004 suboptimal=1000001003 timeout=2 surface_lost=-1000000000 device_lost=-4
weather 0 "acquire refuses ten times in four ways" "acquire call 45" "acquire $out_of_date 3 12;
    acquire $suboptimal 14 23; acquire $timeout 25 34; acquire $surface_lost 36 45"
weather 0 "present refuses ten times in three ways" "present call 34" "present $out_of_date 3 12;
    present $suboptimal 14 23; present $surface_lost 25 34"
weather 1 "the display refuses for ever" never "acquire $out_of_date 3 1000000"
export FAULTS="present $device_lost 3 3"
start --steps 1
unset FAULTS
for turn in $(seq 100); do # until it happens
    grep -q '^widget again' out && break
    xdotool mousemove $((100 + turn % 50)) 100 sleep 0.05
done
await 10 '^widget again '
ok $? "the device is lost: the window offers to start it again"
at=$(lines)
click again
await 30 '^picture 1 steps=1 seed=5 .*check=ok' "$at"
ok $? "and it does"
leave
weather 6 "the device is lost again and again" never "present $device_lost 3 1000000"
