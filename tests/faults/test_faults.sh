#!/bin/bash
# Every Vulkan call of a picture fails once: test_faults.sh QUICKSTEP MODEL LAYER.so, in TAP. Each time there is
# either the right picture (what failed could be done without) or the right exit status, a message, and no file.
# EVERY=1 tries all calls with all errors, which takes long, EVERY=call all calls with one of their errors, in turn;
# otherwise of each function the first and the last call with every error that the specification allows it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
quickstep=$(realpath "$1")
model=$(realpath "$2")
layer=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache
# shellcheck source=tests/faults/common.sh
. "$here/common.sh" "$layer"

draw() { # draw FUNCTION CALL ERROR: a picture, or not
    rm -f a.png log
    FAULT_FUNCTION=$1 FAULT_CALL=$2 FAULT_ERROR=$3 FAULT_LOG=$work/log timeout 300 \
        env ${leaks:+"LD_PRELOAD=$leaks"} "$quickstep" sample --model "$model" --steps 2 --seed 7 -o a.png >out 2>err </dev/null
    status=$?
}

# fits RESULT NAME: do the exit status and the message of the last run say what happened?
fits() {
    if [ "$status" -eq 4 ]; then # a device that cannot be opened is none
        grep -q 'no usable Vulkan device\|no Vulkan device' err && return 0
    fi
    grep -q "$2" err || return 1
    case $1 in
    -1 | -2 | -5 | -10) [ "$status" -eq 5 ] ;; # memory
    -4) [ "$status" -eq 6 ] ;;                 # the device is lost
    *) [ "$status" -eq 4 ] ;;
    esac
}

# judge RESULT NAME: what is wrong with the last run, or nothing
judge() {
    if [ "$status" -eq 0 ]; then # done without; or, of a poll, there was no such call this time
        cmp -s a.png right.png || echo "exit 0 with another picture"
    elif [ -e a.png ]; then
        echo "exit $status, and a file"
    elif ! fits "$1" "$2"; then
        echo "exit $status"
    fi
}

without_fault draw
cp a.png right.png 2>/dev/null
[ "$status" -eq 0 ] && [ "$(wc -l <calls)" -gt 50 ]
report $? "a picture, $(wc -l <calls) calls that may fail"

# stop_hung FUNCTION: its last call does not return; SIGTERM ends the program all the same
stop_hung() {
    local pid since
    rm -f a.png log
    FAULT_FUNCTION=$1 FAULT_CALL=$(awk -v f="$1" '$2 == f { last = $1 } END { print last }' calls) FAULT_ERROR=0 FAULT_HANGS=1 \
        FAULT_LOG=$work/log "$quickstep" sample --model "$model" --steps 2 --seed 7 -o a.png >out 2>err </dev/null &
    pid=$!
    for _ in $(seq 600); do
        grep -q '^failed' log 2>/dev/null && break
        sleep 0.1
    done
    since=$(date +%s%N)
    kill "$pid"
    wait "$pid"
    status=$?
    [ "$status" -eq 143 ] && [ $(($(date +%s%N) - since)) -lt 3000000000 ] && [ ! -e a.png ]
}
stop_hung vkQueueSubmit
report $? 'a submission that does not return: stopped within three seconds'

awk -v every="${EVERY-}" '{ last[$2] = $1; errors[$2] = $3 }
    END { for (f in last) for (c = 1; c <= last[f]; c++)
        if (every == "call") {
            print f, c, c % errors[f]
        } else if (every || c == 1 || c == last[f])
            for (e = 0; e < errors[f]; e++)
                print f, c, e }' calls | sort | fail_each draw judge
