# shellcheck shell=bash
# Sizes of the window: any, small, odd; out of sight; more to an inch. Sourced by viewer_test.sh.

start --steps 4 --batch 4
await 20 'count=4 '
window=$(xdotool search --name '^Quickstep' | head -n 1)
hide() { xdotool windowunmap "$window"; }
show() { # with the keys, which X takes away from a window that goes, and a window manager gives back
    xdotool windowmap --sync "$window"
    xdotool windowfocus --sync "$window"
}
RANDOM=7
xdotool key space
for size in 1 1 300 2 1100 1 1 700 40 40 640 480; do
    sizes="${sizes:-} $size"
done
set -- $sizes
while [ $# -gt 1 ]; do
    xdotool windowsize "$window" "$1" "$2"
    shift 2
    sleep 0.1
done
for turn in $(seq "${RESIZES:-40}"); do # and every twentieth time away and back: X has no window of 0 x 0
    xdotool windowsize "$window" $((RANDOM % 1199 + 1)) $((RANDOM % 859 + 1))
    [ $((turn % 20)) != 0 ] || { hide && sleep 0.1 && show; }
    sleep 0.02
done
xdotool key space
at=$(lines)
xdotool windowsize "$window" 1000 700
await 10 '^layout 1000 700' "$at"
ok $? "resized $((6 + ${RESIZES:-40})) times while it plays"
sleep 1
xdotool mousemove 3 3
look picture small.png
colors=$(identify -format %k small.png)
[ "$colors" -gt 4 ]
ok $? "and the picture is still there"

# --- small and odd windows: everything stays in reach, nothing lies over another
inside() { # inside WIDGET W H
    read -r x y w h <<<"$(rect "$1")"
    [ -n "$x" ] && [ "$x" -ge 0 ] && [ "$y" -ge 0 ] && [ $((x + w)) -le "$2" ] && [ $((y + h)) -le "$3" ]
}
resize() { # resize W H
    local at
    at=$(lines)
    xdotool windowsize "$window" "$1" "$2"
    await 10 "^layout $1 $2" "$at" && await 10 '^layout end' "$at"
}
resize 400 300
[ -z "$(awk '/^layout / { t = "" } { t = t $0 "\n" } /^layout end/ { last = t } END { print last }' out | grep ' label ')" ] &&
    inside notch.1 400 300
ok $? "400 x 300: the slider, and no panel"
at=$(lines)
click panel.button
await 5 '^widget label ' "$at" && inside label 400 300
ok $? "its button opens the panel"
at=$(lines)
click label
await 5 '^widget label.armour' "$at" && inside label.armour 400 300
ok $? "and a list in it fits"
xdotool key Escape Tab
resize 300 800 && inside label 300 800 && inside slider 300 800
ok $? "300 x 800: the panel is below"
resize 640 480 && inside label 640 480 && inside slider 640 480
ok $? "640 x 480: the panel is beside"
resize 1300 850
for _ in 1 2 3 4; do
    at=$(lines)
    xdotool key ctrl+equal
    await 5 '^layout end' "$at"
done
settle
tall=$(rect label | awk '{ print $4 }')
at=$(lines)
xdotool key ctrl+0
await 5 '^layout end' "$at"
settle
short=$(rect label | awk '{ print $4 }')
[ "$tall" -ge $((2 * short - 2)) ]
ok $? "four times Ctrl and +: everything is twice as large ($short and $tall)"
resize 1000 700

# --- minimised, as far as that goes without a window manager
xdotool key space
hide
sleep 2
at=$(lines)
busy=$(cpu_percent "${HIDDEN:-2}")
[ "$busy" -lt 5 ] && [ "$(lines)" = "$at" ]
ok $? "minimised, it makes nothing ($busy % of a core)"
show
await 10 '^picture' "$at"
ok $? "restored, it plays on"
xdotool mousemove 300 300 key Escape
stop
ok $? "Escape leaves in the middle of it, exit status 0"
grep -i validation err | sed 's/^/# /'

# --- a screen of twice the density: as GLFW says, and as the option does
twice() { # twice NAME OPTION...: is all of twice the size, and where it seems to be
    local name=$1
    shift
    start "$@" --size 2200x1520
    await 20 '^picture 1 ' && await 5 '^layout end'
    [ "$(rect label | awk '{ print $4 }')" -ge 52 ] && inside label 2200 1520 && inside slider 2200 1520
    ok $? "$name: text and controls of twice the size, all in reach"
    at=$(lines)
    click notch.2
    await 10 'steps=2 ' "$at"
    ok $? "and they are where they seem to be"
    leave
}
xprop -root -f RESOURCE_MANAGER 8s -set RESOURCE_MANAGER 'Xft.dpi:	192'
twice '192 dots to an inch'
xprop -root -remove RESOURCE_MANAGER
twice '--scale 2' --scale 2
