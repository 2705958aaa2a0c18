#!/usr/bin/env bash
# Runs every test on this machine's Vulkan driver, then measures Quickstep beside PyTorch on the same card. Needs no network.
#
#     tools/gpu_bench.sh OUT [--stage tests|networks|ops|start|summary] [--minutes M] [OPTION...]      builds first
#     DIR/gpu_bench.sh OUT ...                 the same on another machine, in a folder made by `tools/bundle DIR`
#
# OUT gets tests.txt (last line "N passed, N failed"), devices.txt, measured.json, summary.md and log.txt. Stages: networks (the
# shipped ones, and two published ones in full size with random weights; PyTorch eager, and compiled with CUDA graphs), ops
# (single ones), start (of a process to its first picture). After --minutes nothing new begins. What OUT has is not measured
# again, so the same command goes on; where the machine forgets, with a copy of OUT. More options: gpu_bench.sh OUT --help
#
# WHEELS           folder of wheels for what Python lacks (diffusers, importlib_metadata), put into WORK/site
# WORK             full-size weights and caches; default OUT.work
# PYTHON, DEVICE   default python3, cuda; DEVICE=cpu for PyTorch on the CPU beside software Vulkan
#
# Without Python only the tests run; without PyTorch the shipped models alone are measured.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if (($# == 0)) || [[ $1 == -* ]]; then
    sed -n '2,16s/^# \{0,1\}//p' "$0"
    exit 2
fi
mkdir -p "$1" "${WORK:-$1.work}"
out=$(cd "$1" && pwd)
WORK=$(cd "${WORK:-$1.work}" && pwd)
export WORK

if [[ ! -x $here/quickstep ]]; then
    "$here/bundle" "$WORK/bundle"
    exec "$WORK/bundle/gpu_bench.sh" "$out" "${@:2}"
fi
shift
exec > >(tee -a "$out/log.txt") 2>&1

wants() { # STAGE OPTION...: is it named by a --stage, or is there none?
    local options=" ${*:2} "
    [[ $options != *" --stage"* || $options == *" --stage"[\ =]"$1 "* ]]
}

run_test() { # PROGRAM ARGUMENT...
    local status=0
    QUICKSTEP_TEST_SOURCE=$here CMOCKA_MESSAGE_OUTPUT=TAP "$here/run" "$@" >"$WORK/tap" 2>"$WORK/words" || status=$?
    # a program that dies says no 'not ok' of its own
    ((status == 0)) || grep -q '^not ok' "$WORK/tap" || echo "not ok - $* ended with $status" >>"$WORK/tap"
    { echo "== $*: status $status" && cat "$WORK/tap" && tail -n 40 "$WORK/words"; } >>"$out/tests.txt"
    echo "$*: $(grep -c '^ok' "$WORK/tap") passed, $(grep -c '^not ok' "$WORK/tap") failed"
    grep '^not ok' "$WORK/tap" | head -n 5 || true
}

run_tests() {
    local test model last
    last=$(tail -n 1 "$out/tests.txt" 2>/dev/null || true)
    if [[ ! $last =~ ^[0-9]+\ passed,\ [0-9]+\ failed$ ]]; then
        : >"$out/tests.txt"
        for test in "$here"/bin/test_*; do
            [[ $test == */test_shipped ]] || run_test "$(basename "$test")"
        done
        for model in "$here"/assets/models/*/; do run_test test_shipped "$(basename "$model")"; done
        # once more without validation: layers before 1.3.255 do not know matrix units, and they stay idle
        if grep -q 'cooperative matrices:$' "$out/devices.txt"; then QUICKSTEP_DEBUG='' run_test test_ops @matrix; fi
        last="$(grep -c '^ok' "$out/tests.txt") passed, $(grep -c '^not ok' "$out/tests.txt") failed"
        echo "$last" >>"$out/tests.txt"
    fi
    echo "$last"
    [[ $last == *" 0 failed" ]]
}

measure() {
    local python=${PYTHON:-python3}
    if ! command -v "$python" >/dev/null; then
        echo "no $python: nothing is measured"
        return 1
    fi
    if [[ -n ${WHEELS:-} ]]; then
        "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$WORK/site" "$WHEELS"/*.whl || return 1
        export PYTHONPATH=$WORK/site${PYTHONPATH:+:$PYTHONPATH}
    fi
    # compilations that were cut short leave damaged files: what an earlier call compiled is not used again
    rm -rf "$WORK/inductor"
    QUICKSTEP=$here/quickstep XDG_CACHE_HOME=$WORK/cache TORCHINDUCTOR_CACHE_DIR=$WORK/inductor \
        "$python" -B "$here/tools/peers/gpu.py" "$out" "$@"
}

failed=0
"$here/quickstep" devices | tee "$out/devices.txt"
if wants tests "$@"; then run_tests || failed=1; fi
measure "$@" || failed=1
exit $failed
