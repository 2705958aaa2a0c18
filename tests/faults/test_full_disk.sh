#!/bin/bash
# The window on a disk without room: test_full_disk.sh QUICKSTEP_VIEW MODEL, in TAP. What cannot be written is said, nothing is
# left of it, and the window goes on; what was recorded until the window is closed is lost with exit status 8.
set -u
if [ "${3-}" != mounted ]; then # once more where a file system may be mounted
    become=()
    [ "$(id -u)" -eq 0 ] || become=(--map-root-user)
    unshare "${become[@]}" --mount mount -t tmpfs none "${TMPDIR:-/tmp}" 2>/dev/null ||
        { echo "1..0 # SKIP unshare may not mount a file system here" && exit 0; }
    exec unshare "${become[@]}" --mount "$BASH" "$0" "$1" "$2" mounted
fi
here=$(cd "$(dirname "$0")" && pwd)
viewer=$(realpath "$1")
model=$(realpath "$2")
# shellcheck source=tests/faults/window.sh
. "$here/window.sh"
export QUICKSTEP_DEBUG=validate,sync
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; umount -l disk; finish' EXIT
mkdir disk && mount -t tmpfs -o size=1m none disk || exit 1
number=0

report() { # report STATUS WHAT
    number=$((number + 1))
    [ "$1" -eq 0 ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    { grep '^note' out | tail -n 3 && ls -lA disk && tail -n 3 err; } | sed 's/^/# /'
}

start() {
    : >out
    (cd disk && exec "$viewer" --model "$model" --paused --batch 1 --steps 1 --seed 5 --size 1100x760 --report) >out 2>err </dev/null &
    pid=$!
    wait_for '^picture 1 ' 0 && wait_for '^layout end' 0
}

close_window() { # its exit status
    key Escape
    wait "$pid"
}

press() { # press BUTTON: by the mouse
    local x y w h
    read -r x y w h <<<"$(awk -v name="$1" '$1 == "widget" && $2 == name { r = $3 " " $4 " " $5 " " $6 } END { print r }' out)"
    xdotool mousemove $((x + w / 2)) $((y + h / 2)) sleep 0.1 mousedown 1 sleep 0.1 mouseup 1
}

record() { # record KIND: a few pictures of what is played, from line $at of the report on
    at=$(wc -l <out)
    press "record.$1"
    wait_for '^widget record.stop ' "$at" && wait_for "^picture $(($(grep -c ^picture out) + 5)) " 0
}

refused() { # refused NOTE: the note after line $at says why, and nothing is left
    wait_for "^note not $1" "$at" && [ "$(ls -A disk)" = rest ]
}

key() { xdotool mousemove 3 3 key "$1"; }

fill() { # no byte is left
    cat /dev/zero >disk/rest 2>/dev/null
    [ "$(df --output=avail disk | tail -n 1)" -eq 0 ]
}

start && fill
report $? 'a window in a folder on a full disk'
at=$(wc -l <out)
key s
refused 'saved: .*: No space left'
report $? 'saving a picture'
record png && key g && refused 'recorded: .*-recording.png: No space left'
report $? 'recording, a PNG that moves'
for kind in gif mp4; do
    command -v ffmpeg >/dev/null || continue
    record $kind
    tail -n "+$((at + 1))" out | grep -q '^note' || key g # ffmpeg may have ended by itself
    refused "recorded: .*-recording.$kind: ffmpeg did not write it"
    report $? "recording, $kind"
done
rm disk/rest
record png && key g && wait_for '^note recorded ' "$at" && [ "$(ls -A disk)" = "${model##*/}-recording.png" ]
report $? 'with room again it is recorded'
fill && record png && ! close_window && [ "$(ls -A disk | wc -l)" -eq 2 ] && grep -q 'error: .*-recording-2.png: No space left' err
report $? 'closed while it records what there is no room for: an error'
echo "1..$number"
