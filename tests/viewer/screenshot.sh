#!/bin/bash
# Makes docs/viewer.png on a virtual display:
#
#     screenshot.sh PATH/quickstep-view MODEL OUT.png KEYS [OPTION of quickstep-view]...
#
# KEYS are pressed once a picture is there ("v": the numbers of steps side by side); the window is taken when it rests.
set -eu
viewer=$1 model=$2 out=$3 keys=$4
if [ -z "${SCREENSHOT_INSIDE-}" ]; then
    SCREENSHOT_INSIDE=1 exec xvfb-run -a -s "-screen 0 1120x780x24" "$0" "$@"
fi
shift 4
report=$(mktemp)
"$viewer" --model "$model" --size 1120x780 --report "$@" >"$report" &
pid=$!
trap 'kill $pid; rm -f "$report"' EXIT
for _ in $(seq 600); do
    grep -q '^picture' "$report" && break
    sleep 0.1
done
# shellcheck disable=SC2086
xdotool mousemove 3 3 key $keys
before=
for _ in $(seq 120); do # nothing is drawn any more
    [ "$(wc -l <"$report")" = "$before" ] && break
    before=$(wc -l <"$report")
    sleep 3
done
import -window root -define png:compression-level=9 "$out"
