#!/bin/sh
# Does Quickstep draw what diffusers drew? Downloads the published consistency model
# openai/diffusers-cd_imagenet64_l2 (1.2 GB, into $XDG_CACHE_HOME/quickstep), draws seed 0, label 0 in
# one and in two steps, and compares nine pixels with those in diffusers' own tests
# (tests/pipelines/consistency_models/test_consistency_models.py: one picture, float32, CPU generator
# with seed 0, last three rows and columns of the last channel, tolerance 0.001).
#
#     tools/verify_published.sh [--program QUICKSTEP]
#     tools/verify_published.sh --folder DIR --expect FILE    another model, nothing is downloaded
#
# A line of FILE is what --timesteps gets, then nine values in [0, 1]; tools/compare_diffusers.py --pixels
# writes one. Needs curl and python3. Exit status: 0 equal, 1 different, 2 wrong use or no download.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
repository=https://huggingface.co/openai/diffusers-cd_imagenet64_l2/resolve/main
program=$root/build/src/app/cli/quickstep
expect=$root/tools/golden/cd_imagenet64_l2.pixels
folder=

fail() {
    echo "verify_published: $*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || fail "$1 needs a value, or is unknown"
    case $1 in
    --program) program=$2 ;;
    --folder) folder=$2 ;;
    --expect) expect=$2 ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done
[ -x "$program" ] || fail "$program: no such program; build it (./tools/run) or name one with --program"
[ -r "$expect" ] || fail "$expect: no such file"

# fetch FILE: resumes what an earlier run left, and leaves no half file under the final name.
fetch() {
    [ -e "$folder/$1" ] && return
    mkdir -p "$(dirname "$folder/$1")"
    echo "downloading $1"
    curl --fail --location --continue-at - --output "$folder/$1.part" "$repository/$1" ||
        fail "$repository/$1: not downloaded"
    mv "$folder/$1.part" "$folder/$1"
}

if [ -z "$folder" ]; then
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/quickstep/diffusers-cd_imagenet64_l2
    for file in model_index.json scheduler/scheduler_config.json unet/config.json \
        unet/diffusion_pytorch_model.safetensors; do
        fetch "$file"
    done
fi

# compare PICTURE VALUES...: the picture's nine pixels against the values
compare() {
    python3 - "$@" <<'PYTHON'
import array, json, struct, sys

with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    shape, (begin, end) = header["sample"]["shape"], header["sample"]["data_offsets"]
    file.seek(begin, 1)
    values = array.array("f", file.read(end - begin))
height, width = shape[2:]
last = values[-height * width:]
ours = [min(max(last[y * width + x] / 2 + 0.5, 0), 1) for y in range(height - 3, height) for x in range(width - 3, width)]
expected = [float(word) for word in sys.argv[2:]]
if len(expected) != 9:
    sys.exit(f"{len(expected)} values instead of nine")
largest = max(abs(a - b) for a, b in zip(ours, expected))
print("  Quickstep", *(f"{value:.4f}" for value in ours))
print("  expected ", *(f"{value:.4f}" for value in expected))
print(f"  largest difference {largest:.5f}, allowed 0.001")
sys.exit(not largest <= 0.001)
PYTHON
}

picture=$(mktemp --suffix=.safetensors)
trap 'rm -f "$picture"' EXIT
status=0
while read -r timesteps values; do
    steps=$(echo "$timesteps" | awk -F, '{ print NF }')
    echo "seed 0, label 0, time points $timesteps:"
    "$program" sample --quiet --model "$folder" --rng torch --seed 0 --label 0 \
        --steps "$steps" --timesteps "$timesteps" --output "$picture" >/dev/null || exit 2
    # shellcheck disable=SC2086  # nine words
    compare "$picture" $values || status=1
done <"$expect"
[ $status = 0 ] && echo "equal" || echo "different"
exit $status
