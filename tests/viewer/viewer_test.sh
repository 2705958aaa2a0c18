#!/bin/bash
# quickstep-view on a virtual display, with real mouse and key events. TAP on standard output.
#
#     viewer_test.sh PATH/quickstep-view MODEL_FOLDER PATH/faults.so PATH/check_trace [PATH/drop [PATH/fake_camera.so]]
#
# Needs Xvfb, xdotool, xprop and ImageMagick; without them the test is skipped. Validation is on,
# and the viewer exits 1 after any message of it, so every "exit status 0" below is also
# "0 messages". Sees the viewer only as a person does (screen, files, exit status) and through the
# lines of --report (README.md). Longer: RESIZES=1000, CLOSES=100, KILLS=100, HIDDEN=60 (seconds). SECTIONS="walk film": these only,
# each starts the window anew.
set -u
viewer=$(realpath "$1")
model=$(realpath "$2")
cli=$(dirname "$viewer")/../cli/quickstep
faults=$(realpath "$3")
check_trace=$(realpath "$4")
drop=${5:+$(realpath "$5")}
fake_camera=${6:+$(realpath "$6")}
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

for tool in Xvfb xdotool xprop import compare; do
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
mkfifo display # -noreset: what xprop says stays; -r: no key repeats by itself, however long a busy machine holds it
Xvfb -displayfd 3 -screen 0 2240x1560x24 -r -noreset -nolisten tcp 3>display 2>xvfb.log &
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
    { # without bash's words about those that were killed
        for _ in $(seq 100); do
            kill -0 "$pid" || break
            sleep 0.1
        done
        kill -9 "$pid" && echo "# did not end by itself"
        wait "$pid"
        status=$?
    } 2>/dev/null
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

# stroke WIDGET U0 V0 U1 V1: the mouse held down from there to there, in parts of it
stroke() {
    xdotool mousemove $(point "$1" "$2" "$3") sleep 0.1 mousedown 1 sleep 0.1
    xdotool mousemove $(point "$1" "$4" "$5") sleep 0.2 mouseup 1
}
more_pictures() { # COUNT
    for _ in $(seq 300); do
        [ "$(grep -c '^picture' out)" -ge "$1" ] && return 0
        sleep 0.1
    done
    return 1
}
leave() { # by the keyboard, and all is well
    xdotool mousemove 3 3 key Escape
    stop
    ok $? "exit status 0"
}

for section in ${SECTIONS-slider sizes models drop prompt walk film present keys record close mix words touch camera colour clipboard timeline weather refusals}; do
    # shellcheck source=/dev/null
    . "$here/$section.sh"
done

echo "1..$number"
[ $failed = 0 ]
