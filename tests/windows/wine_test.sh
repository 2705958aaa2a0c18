#!/bin/bash
# What tools/package_windows made, under Wine, in TAP: wine_test.sh TREE MODELS. The second half needs Wine's Vulkan, which
# needs a display (Xvfb) and a Vulkan driver of this system's; a build of the same source for this system, if there is
# one (BUILD=folder), must draw the same.
set -u
tree=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
build=${BUILD-$root/build-test}
work=$(mktemp -d "${TMPDIR:-/tmp}/quickstep wine.XXXXXX")
server=
finish() {
    WINEPREFIX=$work/wine wineserver -k 2>/dev/null
    [ -n "$server" ] && kill "$server" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 1
export WINEPREFIX=$work/wine WINEDEBUG=-all QUICKSTEP_DEBUG=defaults
unset DISPLAY
wine wineboot --init >log 2>&1

number=0
failed=0
ok() { # ok STATUS NAME
    number=$((number + 1))
    [ "$1" -eq 0 ] && echo "ok $number - $2" && return
    failed=1
    echo "not ok $number - $2"
    tail -n 10 out err 2>/dev/null | sed 's/^/# /'
}
skip() { number=$((number + 1)) && echo "ok $number - $1 # SKIP $2"; }
run() { wine "$tree/bin/$1.exe" "${@:2}" >out 2>err </dev/null; }

run quickstep --version && grep -q '^quickstep [0-9.]*$' out
ok $? 'quickstep --version'
# (without a device the memory plan is missing and the status is 4)
run quickstep inspect --model sprites
grep -q '^picture  *32 x 32, 4 channels' out
ok $? 'a shipped model is found by its name, beside the program'
run quickstep inspect --model "Z:${tree//\//\\}\\share\\quickstep\\models\\emoji"
grep -q '^model  *emoji' out
ok $? 'and by a path with backslashes'
run quickstep inspect --model absent
[ $? -eq 3 ] && grep -q 'no model "absent"' err
ok $? 'one that is not there: exit 3'
run quickstep sample --nonsense
[ $? -eq 2 ]
ok $? 'an unknown option: exit 2'

mkfifo display
Xvfb -displayfd 3 -screen 0 1200x860x24 -nolisten tcp 3>display 2>xvfb.log &
server=$!
read -r DISPLAY <display
export DISPLAY=:$DISPLAY
wineserver -k 2>/dev/null # or a desktop that was begun without a display goes on without one
if ! run quickstep devices || ! grep -q '^0 ' out; then
    skip 'everything that needs a device' "Wine's Vulkan: $(tail -n 1 err)"
    echo "1..$number"
    exit $failed
fi

run quickstep selftest 'seed 7'
ok $? "self-test 'seed 7': $(tail -n 1 out)"
mkdir folder
run quickstep sample --steps 2 --seed 3 -o 'folder\a.png' && [ "$(head -c 4 folder/a.png | tail -c 3)" = PNG ]
ok $? 'a PNG in a folder, by a path with a backslash'
[ "$(ls -A folder)" = a.png ]
ok $? 'and nothing else is left there'
run quickstep sample --steps 1 --seed 4 -o 'folder\a.png' && [ "$(ls -A folder)" = a.png ]
ok $? 'a file that is there is replaced'
run quickstep sample --steps 1 -o 'Bild ä.png' && [ -s 'Bild ä.png' ]
ok $? 'a name that is not ASCII'
run quickstep sample --steps 1 --seed 3 -o - && [ "$(head -c 8 out | xxd -p)" = 89504e470d0a1a0a ]
ok $? 'a PNG on standard output is bytes'
run quickstep sample --steps 1 -o 'nowhere\a.png'
[ $? -eq 8 ] && grep -q 'nowhere' err
ok $? 'a folder that is not there: exit 8'
find "$WINEPREFIX/drive_c/users" -path '*AppData/Local/quickstep/pipelines-*.bin' | grep -q .
ok $? 'the pipeline cache is in the user'"'"'s local folder'
if [ -x "$build/tests/drivers/compare_pictures" ]; then
    run quickstep sample --model sprites --steps 1 --seed 3 -o windows.safetensors &&
        "$build/src/app/cli/quickstep" sample --model sprites --steps 1 --seed 3 -o here.safetensors >out 2>err &&
        difference=$("$build/tests/drivers/compare_pictures" windows.safetensors here.safetensors sample 1e-4 2>err)
    ok $? "the same picture as this system's program, within ${difference-}"
else
    skip "the same picture as this system's program" "no build in $build"
fi

# the window
wine "$tree/bin/quickstep-view.exe" --model sprites --steps 4 --seed 5 --size 1100x760 --report >out 2>err </dev/null &
viewer=$!
for _ in $(seq 300); do
    tr -d '\r' <out | grep -q '^picture 1 steps=4 seed=5 ' && break
    kill -0 $viewer 2>/dev/null || break
    sleep 0.2
done
grep -q '^picture 1 steps=4 seed=5 ' out
ok $? 'the viewer draws the picture it was asked for'
sleep 2
import -silent -window root screen.png && colours=$(identify -format %k screen.png) && [ "$colours" -gt 100 ]
ok $? "and shows it (${colours-0} colours on the screen)"
kill $viewer 2>/dev/null
wait $viewer 2>/dev/null
echo "1..$number"
exit $failed
