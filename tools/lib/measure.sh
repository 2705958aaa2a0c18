#!/bin/sh
# In a folder made by tools/bundle: every test on this machine's Vulkan driver, then the benchmarks.
#
#     ./measure OUT [DEVICE]     DEVICE: number, UUID or part of the name (default: as quickstep picks)
#
# OUT: devices.txt, one .tap and .log per test, bench-*.json, ops.json. Ends with "N passed, N failed".
set -u
[ $# -ge 1 ] || { echo "usage: measure OUT [DEVICE]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" || exit 8
out=$(cd "$1" && pwd)
device=${2:+--device=$2}
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export VK_LAYER_PATH="$here/layers"
export QUICKSTEP_TEST_SOURCE="$here" CMOCKA_MESSAGE_OUTPUT=TAP

quickstep() {
    "$here/bin/quickstep" "$@"
}

quickstep devices >"$out/devices.txt" 2>&1 || { cat "$out/devices.txt"; exit 4; }
cat "$out/devices.txt"

for test in "$here"/bin/test_*; do
    name=$(basename "$test")
    "$test" >"$out/$name.tap" 2>"$out/$name.log"
    status=$?
    echo "$name: $(grep -c '^ok' "$out/$name.tap") passed, $(grep -c '^not ok' "$out/$name.tap") failed, exit $status"
    grep '^not ok' "$out/$name.tap" | head -n 5
    # a program that dies says no 'not ok' of its own
    [ $status -eq 0 ] || grep -q '^not ok' "$out/$name.tap" || echo "not ok - $name ended with $status" >>"$out/$name.tap"
done

for precision in f32 f16; do
    for batch in 1 16 64; do
        for steps in 1 4; do
            # shellcheck disable=SC2086
            quickstep bench $device --precision $precision --batch $batch --steps $steps --json \
                >"$out/bench-$precision-batch$batch-steps$steps.json" 2>>"$out/bench.log"
        done
    done
done
# shellcheck disable=SC2086
quickstep bench $device --ops --json >"$out/ops.json" 2>>"$out/bench.log"
# shellcheck disable=SC2086
quickstep bench $device --ops 2>/dev/null

passed=$(cat "$out"/*.tap | grep -c '^ok')
failed=$(cat "$out"/*.tap | grep -c '^not ok')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
