#!/bin/bash
# Makes docs/viewer.png on a virtual display:
#
#     screenshot.sh PATH/quickstep-view MODEL OUT.png [OPTION of quickstep-view]...
set -eu
viewer=$1 model=$2 out=$3
shift 3
if [ -z "${SCREENSHOT_INSIDE-}" ]; then
    SCREENSHOT_INSIDE=1 exec xvfb-run -a -s "-screen 0 1120x780x24" "$0" "$viewer" "$model" "$out" "$@"
fi
report=$(mktemp)
"$viewer" --model "$model" --size 1120x780 --report "$@" >"$report" &
pid=$!
trap 'kill $pid; rm -f "$report"' EXIT
pictures() { # until there are so many
    for _ in $(seq 600); do
        [ "$(grep -c '^picture' "$report")" -ge "$1" ] && return
        sleep 0.1
    done
}
pictures 1
# open the times of the ops, which draws the picture again
xdotool mousemove $(awk '$2 == "profile" { x = $3 + 40; y = $4 + $6 / 2 } END { print x, y }' "$report")
sleep 0.2
xdotool mousedown 1 sleep 0.1 mouseup 1
pictures 2
xdotool mousemove 3 3
sleep 1
import -window root -define png:compression-level=9 "$out"
