#!/bin/bash
# quickstep-view on a virtual display, with real mouse and key events. TAP on standard output.
#
#     viewer_test.sh PATH/quickstep-view MODEL_FOLDER PATH/faults.so PATH/check_trace [PATH/fake_camera.so]
#
# Needs Xvfb, xdotool and ImageMagick; without them the test is skipped. Validation is on,
# and the viewer exits 1 after any message of it, so every "exit status 0" below is also
# "0 messages". Sees the viewer only as a person does (screen, files, exit status) and through the
# lines of --report (README.md). Longer: RESIZES=1000, CLOSES=100, HIDDEN=60 (seconds).
set -u
viewer=$(realpath "$1")
model=$(realpath "$2")
cli=$(dirname "$viewer")/../cli/quickstep
faults=$(realpath "$3")
check_trace=$(realpath "$4")
fake_camera=${5+$(realpath "$5")}
here=$(realpath "$(dirname "$0")")
networks=$(realpath "$here/../golden/networks")
work=$(mktemp -d)
number=0
failed=0
pid=
server=

finish() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null
    [ -n "$server" ] && kill "$server" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

for tool in Xvfb xdotool import compare; do
    if ! command -v $tool >/dev/null; then
        echo "1..0 # SKIP $tool is not installed"
        exit 0
    fi
done

# ok STATUS NAME: one line of TAP, and what the viewer said where it fails
ok() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        failed=$((failed + 1))
        echo "not ok $number - $2"
        { grep -v -e '^widget' -e '^layout' -e '^drawn' out | tail -n 5; tail -n 5 err; } 2>/dev/null | sed 's/^/# /'
    fi
}

if [ ! -e "$model/model_index.json" ]; then
    echo "1..0 # SKIP there is no model in $model"
    exit 0
fi

cd "$work" || exit 1
export QUICKSTEP_DEBUG=validate,sync LC_ALL=C XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
mkfifo display # -r: no key repeats by itself, however long a busy machine holds it
Xvfb -displayfd 3 -screen 0 2240x1560x24 -r -nolisten tcp 3>display 2>xvfb.log &
server=$!
read -r display_number <display
export DISPLAY=:$display_number

play() { # play OPTION...: it plays at once
    : >out
    : >err
    LD_PRELOAD=$faults "$viewer" --model "$model" --size 1100x760 --seed 5 --report "$@" >out 2>err &
    pid=$!
}
start() { play --paused "$@"; }

stop() { # waits for the end; its exit status
    local status
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null && echo "# did not end by itself"
    wait "$pid"
    status=$?
    pid=
    return $status
}

# await SECONDS PATTERN [LINE]: until a line of the report after number LINE matches
await() {
    local turns=$(($1 * 60)) # a busy machine may take three times as long
    for _ in $(seq $turns); do
        tail -n "+$((${3:-0} + 1))" out | grep -q "$2" && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

lines() { wc -l <out; }
F1=67 F5=71 F11=95 # X's codes, for by name xdotool presses Alt too (xkb-data 2.48)
rect() { awk -v name="$1" '$1 == "widget" && $2 == name { r = $3 " " $4 " " $5 " " $6 } END { print r }' out; }
middle() { rect "$1" | awk '{ printf "%d %d", $1 + $3 / 2, $2 + $4 / 2 }'; }
move() { xdotool mousemove $(middle "$1"); sleep 0.1; }
point() { rect "$1" | awk -v u="$2" -v v="$3" '{ printf "%d %d", $1 + u * $3, $2 + v * $4 }'; }
click() { move "$1"; xdotool mousedown 1 sleep 0.1 mouseup 1; }
settle() { # until what was asked for is presented, and nothing else is
    local before=
    for _ in $(seq 15); do # what plays never rests
        [ "$(lines)" = "$before" ] && [ "$(tail -n 1 out)" = rest ] && break
        before=$(lines)
        sleep 0.4
    done
}
look() { # look WIDGET FILE: what the screen shows there
    read -r x y w h <<<"$(rect "$1")"
    settle
    import -silent -window root -crop "${w}x$h+$x+$y" +repage "$2"
}
# how many pixels differ
see() { # see FILE: the picture, when it rests
    settle
    xdotool mousemove 3 3
    look picture "$1"
}
mix_more() { # most.png; changed: how much half of it and most of it differ
    at=$(lines)
    xdotool mousemove $(point mix 0.3 0.5) sleep 0.1 mousedown 1 sleep 0.2 mousemove $(point mix 0.55 0.5) sleep 0.2 mouseup 1
    await 10 '^picture ' "$at"
    see most.png
    changed="$(differing first.png half.png) $(differing half.png most.png)"
}
save() { # save [PATTERN]: with S; file: where it is
    at=$(lines)
    xdotool key s
    await 10 "^note saved ${1-}" "$at"
    file=$(sed -n 's/^note saved //p' out | tail -n 1)
}
repeats() { # repeats MODEL_FOLDER: the command line draws $file again; its command and warned, what it said
    "$cli" metadata --command "$file" >command 2>warned &&
        eval "$(sed -E "s#^quickstep (sample|walk) --model [^ ]*#'$cli' \\1 --quiet --model '$1'#" command)" >/dev/null
    changed=$(differing "$file" repeat.png)
    [ "$changed" = 0 ]
}
differing() { compare -metric AE "$1" "$2" null: 2>&1 | sed 's/[^0-9].*//'; }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
cpu_percent() { # over SECONDS
    local before
    before=$(cpu_ticks)
    sleep "$1"
    echo $((($(cpu_ticks) - before) * 100 / ($(getconf CLK_TCK) * $1)))
}

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
sleep 1.5
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

# --- sizes
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

# --- another model: one of 7 x 5 pixels, and one that cannot be opened
choose() { # choose MODEL: from the list
    local at
    at=$(lines)
    click model
    await 5 "^widget model.$1 " "$at"
    click "model.$1"
}
mkdir models
cp -r "$networks/one_block" models/small
cp -r "$networks/one_block" models/broken
cp -r "$networks/one_block" outside
sed -i '/"sample_size"/,/\]/d' models/broken/unet/config.json
export QUICKSTEP_MODELS=$work/models
start --steps 4 --label 2
await 20 '^picture 1 steps=4 seed=5 ' && xdotool key s
await 5 '^note saved '
first=$(sed -n 's/^note saved //p' out)
size=$(sed -n 's/^picture 1 .*\(size=[0-9x]*\).*/\1/p' out)
at=$(lines)
choose small
await 60 'steps=4 seed=5 count=1 size=7x5 sampler=consistency .*check=ok' "$at"
ok $? "another model is chosen from the list, the steps and the seed stay"
xdotool getwindowname "$(xdotool search --name '^Quickstep' | head -n 1)" | grep -q small
ok $? "the window's title names it"
xdotool mousemove 3 3 key s
await 5 '^note saved ' "$at"
file=$(sed -n 's/^note saved //p' out | tail -n 1)
[ "$file" = small-0-4steps-seed5.png ] && [ "$(identify -format %wx%h "$file")" = 7x5 ] &&
    grep -q '"model": "small"' "$file"
ok $? "its picture is saved in its name and size ($file)"
look model small.png
at=$(lines)
choose broken
await 10 '^note .*broken/unet/config.json.*sample_size' "$at"
ok $? "a model that cannot be opened: a note says why"
xdotool mousemove 3 3
look model still.png
changed=$(differing small.png still.png)
[ "$changed" = 0 ]
ok $? "the one before stays chosen ($changed pixels differ)"
xdotool key Right
await 10 'steps=5 seed=5 count=1 size=7x5 ' "$at" &&
    [ "$(tail -n "+$((at + 1))" out | grep -c -e '^picture' -e '^note')" = 2 ]
ok $? "and draws in the session that it had"
choose "${model##*/}"
await 60 "steps=5 seed=5 count=1 $size sampler=multistep .*check=ok" "$at" && xdotool key s
await 5 "^note saved ${first/4steps/5steps}" "$at"
ok $? "back to the first model, which has its label still ($first)"
click notch.64
at=$(lines)
choose small
await 60 'steps=4 seed=5 count=1 size=7x5 ' "$at"
ok $? "in the middle of 64 steps, which the other one's slider has not: its default"
xdotool key Escape
stop
ok $? "exit status 0"

# --- a model that cannot run: the window says why, and what to do
start --model "$work/models/broken" --label 9
await 20 '^widget again '
ok $? "a model that cannot be opened: the window says so"
look picture cannot.png
[ "$(identify -format %k cannot.png)" -gt 8 ] && ! grep -q '^picture' out
ok $? "and draws nothing in its place"
xdotool mousemove 3 3 key Escape
stop
[ $? = 3 ] && grep -q 'broken/unet/config.json.*sample_size' err
ok $? "left like that: exit status 3, and the engine's message"
start --model "$work/models/broken"
await 20 '^widget again ' && click again
await 60 '^picture 1 .*check=ok'
ok $? "its button draws with another model"
xdotool mousemove 3 3 key Escape
stop
ok $? "exit status 0"
export QUICKSTEP_DEBUG=$QUICKSTEP_DEBUG,memory=20
start --label 2
await 60 '^widget again ' && click model && await 5 '^widget model.small ' && click model.small
await 60 '^picture 1 .*size=7x5 .*check=ok'
ok $? "one that the device has no room for: the same, and the list has others"
xdotool mousemove 3 3 key Escape
stop
ok $? "exit status 0"
QUICKSTEP_DEBUG=${QUICKSTEP_DEBUG%,memory*}

# --- a model that reads: pictures follow what is typed
start --model "$(dirname "$model")/heroes" --steps 1 --prompt "red robe"
await 20 '^picture 1 steps=1 seed=5 .*check=ok' && await 5 '^layout end'
xdotool mousemove 3 3
look picture robe.png
at=$(lines)
click prompt
await 5 '^widget prompt.typing ' "$at" && xdotool key End && xdotool type --delay 60 " and green shield"
await 10 '^picture [0-9]* steps=1 seed=5 .*check=ok' "$at"
ok $? "typing draws other pictures"
sleep 1
xdotool mousemove 3 3
look picture shield.png
changed=$(differing robe.png shield.png)
[ "$changed" -gt 500 ]
ok $? "and they show what was typed ($changed pixels)"
xdotool key Return # Escape would take back what was typed
sleep 0.3
at=$(lines)
xdotool key s
await 5 '^note saved ' "$at"
file=$(sed -n 's/^note saved //p' out | tail -n 1)
grep -q '"prompt": "red robe and green shield"' "$file" && grep -q '"guidance": 3' "$file"
ok $? "the saved picture has the prompt and the scale ($file)"
at=$(lines)
click prompt.example
await 10 '^picture ' "$at"
ok $? "another example is drawn"
xdotool key Escape
stop
ok $? "exit status 0"
start --prompt "red robe"
stop
[ $? = 2 ] && grep -q 'reads no prompts' err
ok $? "a prompt for a model that reads none: exit status 2"
start --model "$(dirname "$model")/heroes" --prompt "$(printf 'a%.0s' $(seq 600))"
stop
[ $? = 2 ] && grep -q 'at most 511 bytes' err
ok $? "a prompt longer than the field: exit status 2, not another prompt"

QUICKSTEP_DEBUG=$QUICKSTEP_DEBUG,memory=20
start --model ./outside --steps 6 --label 2
await 20 '^picture 1 steps=6 seed=5 count=1 size=7x5 '
at=$(lines)
choose "${model##*/}"
await 60 '^note .*MiB' "$at"
ok $? "a model that the device has no room for: a note"
await 60 '^picture 2 steps=6 seed=5 count=1 size=7x5 ' "$at" && xdotool mousemove 3 3 key s
await 5 '^note saved outside-2-6steps-seed5.png' "$at"
ok $? "the one before, from a folder of its own, is there again with its label and steps"
xdotool getwindowname "$(xdotool search --name '^Quickstep' | head -n 1)" | grep -q outside
ok $? "and in the window's title"
xdotool key Escape
stop
ok $? "exit status 0"
unset QUICKSTEP_MODELS
QUICKSTEP_DEBUG=${QUICKSTEP_DEBUG%,memory*}

# --- a screen of twice the density
start --scale 2 --size 2200x1520
await 20 '^picture 1 ' && await 5 '^layout end'
[ "$(rect label | awk '{ print $4 }')" -ge 52 ] && inside label 2200 1520 && inside slider 2200 1520
ok $? "--scale 2: controls of twice the size, all in reach"
at=$(lines)
click notch.2
await 10 'steps=2 ' "$at"
ok $? "and they are where they seem to be"
xdotool key Escape
stop
ok $? "exit status 0"

# --- it moves at once
play --batch 1 --steps 1
await 30 '^picture 3 .* at=0\.[0-9]*[1-9]'
ok $? "without --paused it walks: what is drawn lies between seeds"
xdotool key space
sleep 1
save '.*-to[0-9]*\.png$'
shown=$(grep '^picture' out | tail -n 1)
"$cli" metadata --command "$file" >command &&
    grep -q -- '--from 5 --to [0-9]* --at 0\.' command
ok $? "such a picture is saved with its place on the way"
xdotool key w space
await 10 '^picture .*seed=6 .* at=0.0000' "$at"
ok $? "W: new seeds instead"
xdotool key space
sleep 0.5
xdotool key Escape
stop
ok $? "exit status 0"

# --- from that file: the same picture
play "$file"
await 20 "^picture .*steps=1 seed=5 count=1 .*${shown##* }\$"
ok $? "a PNG on the command line (or dropped) is drawn again (${shown##* })"
sleep 0.5
xdotool mousemove 3 3
xdotool key s
await 5 '^note saved '
again=$(sed -n 's/^note saved //p' out | tail -n 1)
changed=$(differing "$file" "$again")
[ "$again" != "$file" ] && [ "$changed" = 0 ]
ok $? "pixel for pixel ($changed differ)"
xdotool key Escape
stop
ok $? "exit status 0"

# --- the film strip, favourites, undo
start --steps 1
await 20 '^picture 1 '
for _ in 1 2; do
    at=$(lines)
    xdotool key r
    await 10 '^picture .*check=ok' "$at"
done
await 5 '^widget film.2 ' "$at"
ok $? "the last pictures are in the film strip"
at=$(lines)
click film.2
await 10 'steps=1 seed=5 ' "$at"
ok $? "a click there brings the first one back"
settle
at=$(lines)
xdotool key ctrl+z
await 10 '^picture .*check=ok' "$at"
tail -n "+$((at + 1))" out | grep '^picture' | grep -qv 'seed=5 '
ok $? "Ctrl Z undoes that"
settle
at=$(lines)
xdotool key ctrl+y
await 10 'steps=1 seed=5 ' "$at"
ok $? "and Ctrl Y does it again"
at=$(lines)
xdotool key d
await 5 "^note kept as $work/data/quickstep/favourites/.*seed5.png" "$at"
ok $? "D keeps a favourite on disk"
xdotool mousemove 3 3 key Escape
stop
ok $? "exit status 0"

# --- several numbers of steps
start --seed 9 --steps 1
await 20 '^picture 1 ' && await 5 '^widget film.1 '
ok $? "the favourite is there in the next session"
at=$(lines)
click film.1
await 10 'steps=1 seed=5 ' "$at"
ok $? "and can be drawn again"
at=$(lines)
click view.columns
for steps in 1 2 4 8 16 64; do
    await 60 "^picture .*steps=$steps seed=5 " "$at" || break
done
[ $steps = 64 ] && await 5 '^widget column.64 '
ok $? "columns: 1, 2, 4, 8, 16 steps and the limit of the same seed"
sleep 1
xdotool mousemove 3 3
at=$(lines)
sleep 1.5
tail -n "+$((at + 1))" out | grep -q '^picture'
[ $? = 1 ]
ok $? "and then it rests"
look column.1 first.png
look column.64 limit.png
changed=$(differing first.png limit.png)
[ "$changed" -gt 20 ]
ok $? "each says what it took and how near it is ($changed pixels)"
at=$(lines)
click view.wipe
await 20 '^widget wipe ' "$at"
read -r x y w h <<<"$(rect wipe)"
sleep 0.5
look wipe middle.png
xdotool mousemove $((x + w / 2)) $((y + h / 3)) mousedown 1 mousemove $((x + w / 20)) $((y + h / 3)) sleep 0.2 mouseup 1
sleep 0.5
look wipe moved.png
changed=$(differing middle.png moved.png)
[ "$changed" -gt 200 ]
ok $? "wipe: the border moves with the mouse ($changed pixels)"
click view.one

# --- a folder, full screen, presentation
at=$(lines)
window=$(xdotool search --name '^Quickstep' | head -n 1)
xdotool mousemove 3 3 key $F11
await 10 '^layout 2240 1560' "$at"
ok $? "F11: the full screen"
xdotool key $F11
await 10 '^layout 1100 760' "$at"
ok $? "F11 again: the window"
at=$(lines)
xdotool key $F5
await 10 '^layout 2240 1560' "$at" && await 20 '^picture .*at=0\.[0-9]*[1-9]' "$at"
ok $? "F5: pictures only, walking"
tail -n "+$((at + 1))" out | awk '/^layout 2240/ { n = 0 } /^widget/ { n++ } END { exit n > 1 }'
ok $? "and no controls"
at=$(lines)
xdotool key Escape
await 10 '^widget label ' "$at" && kill -0 "$pid"
ok $? "Escape leads back to the controls"
xdotool key Escape
stop
ok $? "exit status 0"
play --paused "$networks/one_block"
await 60 '^picture .*size=7x5 '
ok $? "a model's folder on the command line (or dropped) is opened"
xdotool key Escape
stop
ok $? "exit status 0"

# --- by keys alone
. "$here/keys.sh"

# --- recordings
. "$here/record.sh"

# --- closed at any time
closed=0
for turn in $(seq "${CLOSES:-6}"); do
    play --batch 1 --exit-after "$(awk -v n="${CLOSES:-6}" -v t="$turn" 'BEGIN { print 0.05 + 2 * (t - 1) / n }')" --steps 8
    stop || break
    closed=$turn
done
[ "$closed" = "${CLOSES:-6}" ]
ok $? "closed after 0.05 to 2 seconds, exit status 0 each of $closed times"

# --- two prompts
. "$here/mix.sh"
. "$here/words.sh"

# --- pictures from pictures
. "$here/touch.sh"

# --- pictures from a camera
[ -z "$fake_camera" ] || . "$here/camera.sh"

# --- colouring
. "$here/colour.sh"

# --- other programs
. "$here/clipboard.sh"

# --- times
. "$here/timeline.sh"

# --- displays that refuse (faults.c): ten times in a row is survived, for ever is an error
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
xdotool mousemove 3 3 key Escape
stop
ok $? "exit status 0"
weather 6 "the device is lost again and again" never "present $device_lost 3 1000000"

# --- refusals
DISPLAY='' "$viewer" --model "$model" >out 2>err
[ $? = 4 ] && grep -q 'quickstep sample' err
ok $? "without a display: exit status 4, and advice"
"$viewer" --model "$model" --steps 20 >out 2>err
[ $? = 2 ] && grep -q -- '--steps' err
ok $? "a step count that is no notch: exit status 2"
"$viewer" --model "$model" --scale 20 >out 2>err
[ $? = 2 ] && grep -q -- '--scale' err
ok $? "a scale out of range: exit status 2"
"$viewer" --nonsense >out 2>err
[ $? = 2 ]
ok $? "an unknown option: exit status 2"

echo "1..$number"
[ $failed = 0 ]
