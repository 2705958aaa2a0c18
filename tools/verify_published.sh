#!/bin/sh
# Does Quickstep draw what diffusers drew? Downloads a published model into $XDG_CACHE_HOME/quickstep,
# draws, and compares nine pixels, the last three rows and columns of the last channel, with those in
# diffusers' own tests. MODEL is one of
#
#     cd_imagenet64_l2         openai/diffusers-cd_imagenet64_l2, 1.2 GB: seed 0, label 0, one step and two
#                              (tests/pipelines/consistency_models/test_consistency_models.py)
#     stable-diffusion-v1-4    CompVis/stable-diffusion-v1-4, 4.3 GB: a prompt, guidance 7.5, three steps of
#                              DDIM (tests/pipelines/stable_diffusion/test_stable_diffusion.py,
#                              test_stable_diffusion_ddim); for NumPy's noise python3 needs numpy
#
#     tools/verify_published.sh [--model MODEL] [--program QUICKSTEP]
#     tools/verify_published.sh [--model MODEL] --folder DIR --expect FILE    DIR instead, drawn likewise
#
# A line of FILE is what --timesteps gets (of text "-"), then nine values in [0, 1], float32, tolerance
# 0.001; tools/compare_diffusers.py --pixels writes one. Needs curl and python3. Exit status: 0 equal,
# 1 different, 2 wrong use or no download.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=$root/build/src/app/cli/quickstep
model=cd_imagenet64_l2
expect=
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
    --model) model=$2 ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done
case $model in
cd_imagenet64_l2)
    repository=openai/diffusers-cd_imagenet64_l2
    files='model_index.json scheduler/scheduler_config.json unet/config.json unet/diffusion_pytorch_model.safetensors'
    ;;
stable-diffusion-v1-4)
    repository=CompVis/stable-diffusion-v1-4
    files='model_index.json scheduler/scheduler_config.json tokenizer/tokenizer_config.json tokenizer/vocab.json
        tokenizer/merges.txt text_encoder/config.json text_encoder/model.safetensors unet/config.json
        unet/diffusion_pytorch_model.safetensors vae/config.json vae/diffusion_pytorch_model.safetensors'
    ;;
*) fail "$model: no such model; cd_imagenet64_l2 or stable-diffusion-v1-4" ;;
esac
expect=${expect:-$root/tools/golden/$model.pixels}
[ -x "$program" ] || fail "$program: no such program; build it (./tools/run) or name one with --program"
[ -r "$expect" ] || fail "$expect: no such file"

# fetch FILE: resumes what an earlier run left, and leaves no half file under the final name.
fetch() {
    [ -e "$folder/$1" ] && return
    mkdir -p "$(dirname "$folder/$1")"
    echo "downloading $1"
    curl --fail --location --continue-at - --output "$folder/$1.part" "https://huggingface.co/$repository/resolve/main/$1" ||
        fail "$repository/$1: not downloaded"
    mv "$folder/$1.part" "$folder/$1"
}

if [ -z "$folder" ]; then
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/quickstep/${repository#*/}
    for file in $files; do
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

# noise FILE: numpy.random.RandomState(0).standard_normal((1, 4, 64, 64)), as that test's get_inputs has it
noise() {
    python3 - "$1" <<'PYTHON' || fail "no noise: python3 needs numpy"
import json, struct, sys
import numpy

values = numpy.random.RandomState(0).standard_normal((1, 4, 64, 64)).astype("<f4").tobytes()
header = json.dumps({"noise": {"dtype": "F32", "shape": [1, 4, 64, 64], "data_offsets": [0, len(values)]}}).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + values)
PYTHON
}

# draw TIMESTEPS: into $picture
draw() {
    if [ "$model" = cd_imagenet64_l2 ]; then
        echo "seed 0, label 0, time points $1:"
        "$program" sample --quiet --model "$folder" --rng torch --seed 0 --label 0 \
            --steps "$(echo "$1" | awk -F, '{ print NF }')" --timesteps "$1" --output "$picture" >/dev/null
    else
        echo "a photograph of an astronaut riding a horse, three steps:"
        noise "$start"
        "$program" sample --quiet --model "$folder" --scheduler DDIMScheduler --noise "$start" --steps 3 \
            --prompt "a photograph of an astronaut riding a horse" --guidance 7.5 --output "$picture" >/dev/null
    fi
}

picture=$(mktemp --suffix=.safetensors) start=$(mktemp --suffix=.safetensors)
trap 'rm -f "$picture" "$start"' EXIT
status=0
while read -r timesteps values; do
    draw "$timesteps" || exit 2
    # shellcheck disable=SC2086  # nine words
    compare "$picture" $values || status=1
done <"$expect"
[ $status = 0 ] && echo "equal" || echo "different"
exit $status
