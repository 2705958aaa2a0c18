# shellcheck shell=bash
# The step slider with the mouse, keys, lists and fields, the picture. Sourced by viewer_test.sh.

# --- a picture, and the slider with the mouse
start --steps 4
await 20 '^picture 1 steps=4 seed=5 ' && at=$(lines) && await 10 '^drawn' "$at"
ok $? "draws the picture it was asked for"
await 5 '^layout end'
xdotool mousemove 3 3
look picture four.png
look readout four_readout.png
colors=$(identify -format %k four.png)
[ "$colors" -gt 4 ]
ok $? "the picture is on the screen ($colors colours)"

at=$(lines)
click notch.1
await 10 'steps=1 seed=5 ' "$at"
ok $? "a click on notch 1 draws with one step"
xdotool mousemove 3 3
look picture one.png
look readout one_readout.png
changed=$(differing four.png one.png)
[ "$changed" -gt 50 ]
ok $? "the picture changed ($changed pixels)"
changed=$(differing four_readout.png one_readout.png)
[ "$changed" -gt 20 ]
ok $? "the readout of the steps changed ($changed pixels)"

at=$(lines)
move notch.1
xdotool mousedown 1
for notch in 2 3 5 7 6 4; do
    move notch.$notch
done
xdotool mouseup 1
xdotool mousemove 3 3
await 10 'steps=4 seed=5 ' "$at"
ok $? "dragging to notch 4 draws with four steps"
sleep 0.5
tail -n "+$((at + 1))" out | grep '^picture' | tail -n 1 | grep -q steps=4
ok $? "the newest value wins"
look picture again.png
changed=$(differing four.png again.png)
[ "$changed" = 0 ]
ok $? "and the picture is the first one again, pixel for pixel ($changed differ)"

# --- keys
at=$(lines)
xdotool key Right
await 10 'steps=5 seed=5 ' "$at"
ok $? "the right arrow adds a step"
at=$(lines)
xdotool key Left
await 10 'steps=4 seed=5 ' "$at"
ok $? "the left arrow takes one away"
xdotool key s
await 5 '^note saved '
file=$(sed -n 's/^note saved //p' out)
identify "$file" 2>/dev/null | grep -q PNG && grep -q '"seed": 5' "$file"
ok $? "S saves a PNG with its recipe"
at=$(lines)
xdotool key s
await 5 '^note saved .*-2\.png$' "$at" && [ -s "${file%.png}-2.png" ] && identify "$file" >/dev/null
ok $? "S again saves another file beside it"
at=$(lines)
xdotool key r
await 10 '^picture .*check=ok' "$at"
tail -n "+$((at + 1))" out | grep '^picture' | grep -qv 'seed=5 '
ok $? "R takes a new seed"
xdotool key w
at=$(lines)
xdotool key space
for _ in $(seq 100); do
    played=$(tail -n "+$((at + 1))" out | grep -c '^picture')
    [ "$played" -ge 3 ] && break
    sleep 0.1
done
xdotool key space
[ "$played" -ge 3 ]
ok $? "space plays ($played pictures)"
settle
busy=$(cpu_percent 2)
[ "$busy" -lt 5 ]
ok $? "space pauses, and then nothing is computed ($busy % of a core)"

at=$(lines)
click label
await 5 '^widget label\.' "$at"
xdotool key Escape
sleep 0.3
kill -0 "$pid"
ok $? "Escape closes an open list first"

# --- lists and fields with the keyboard
at=$(lines)
xdotool key l
await 5 '^widget label\.' "$at"
xdotool type sp
sleep 0.2
xdotool key Return
await 10 '^picture .*check=ok' "$at" && xdotool key s && await 5 '^note saved [a-z]*-spell-' "$at"
ok $? "L opens the labels, letters find one, Return takes it"
at=$(lines)
xdotool key l
await 5 '^widget label\.' "$at"
xdotool key Up Up Return
await 10 '^picture .*check=ok' "$at" && xdotool key s && await 5 '^note saved [a-z]*-armour-' "$at"
ok $? "the arrows move in it, and not the steps"
at=$(lines)
xdotool key n
await 5 '^widget seed.typing ' "$at"
xdotool type 18446744073709551615
xdotool key Return
await 10 '^picture .*seed=18446744073709551615 .*check=ok' "$at" && xdotool key s &&
    await 5 '^note saved .*-seed18446744073709551615.png' "$at"
ok $? "N goes to the seed, which has up to twenty digits"
at=$(lines)
xdotool key n
await 5 '^widget seed.typing ' "$at"
xdotool type 18446744073709551616
xdotool key Return
await 5 '^note .*too large' "$at"
ok $? "a number that is too large: a note says so"
sleep 1
tail -n "+$((at + 1))" out | grep -q '^picture'
[ $? = 1 ]
ok $? "and nothing else is drawn in its place"
at=$(lines)
xdotool key $F1
await 5 '^widget help ' "$at"
ok $? "F1 shows the keys"
xdotool key Escape
sleep 0.3
kill -0 "$pid"
ok $? "and Escape closes the sheet"

# --- contrast of the key hints, by WCAG 2.1's formula
xdotool mousemove 3 3
sleep 7 # the note fades
look note hints.png
contrast=$(convert hints.png -colorspace gray -colorspace RGB -format '%[fx:(maxima+0.05)/(minima+0.05)]' info:)
awk -v c="$contrast" 'BEGIN { exit !(c >= 4.5) }'
ok $? "key hints have a contrast of 4.5 to 1 ($contrast)"

# --- how pictures are enlarged
look picture crisp.png
xdotool key x
sleep 1
look picture smooth.png
crisp=$(identify -format %k crisp.png) smooth=$(identify -format %k smooth.png)
[ "$smooth" -gt $((3 * crisp)) ]
ok $? "X: smooth has the shades between the pixels ($crisp and $smooth colours)"
xdotool key x

# --- another batch: the session is made anew
at=$(lines)
click batch.4
await 20 'count=4 ' "$at"
ok $? "four pictures at a time"
leave
