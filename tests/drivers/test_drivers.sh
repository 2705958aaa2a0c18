#!/bin/bash
# Every driver that runs here without a GPU, in TAP: test_drivers.sh QUICKSTEP COMPARE SOURCE CARD. Each passes a
# part of the self-test and draws every shipped model's picture as the system's own driver draws it.
# Drivers that cannot be had are skipped. CARD is the folder of card_layer.json. More of the self-test: FILTER='' tests/drivers/test_drivers.sh ...
set -u
quickstep=$(realpath "$1")
compare=$(realpath "$2")
tools=$(realpath "$3/tools")
card=$4
filter=${FILTER-seed 7}
work=$(mktemp -d "${TMPDIR:-/tmp}/quickstep drivers.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export QUICKSTEP_DEBUG=defaults

# The same sums in another order: 2.4e-5 at most was seen, and a pixel's step is 7.8e-3.
largest_difference=1e-4

# fewer storage buffers than shaders bind are a device's refusal (test_trouble.sh)
buffers=$(QUICKSTEP_DEBUG=limits=buffers:4 "$quickstep" devices | sed -n 's/.* storage buffers on it, \([0-9]*\) are needed.*/\1/p')

llvm=$("$quickstep" devices | sed -n 's/.*(LLVM \([0-9]*\).*/\1/p' | head -n 1)

number=0
report() { # report STATUS NAME: one TAP line; the last command's output is in ./log
    number=$((number + 1))
    [ "$1" -eq 0 ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    tail -n 20 log | sed 's/^/# /'
}

models=$(cd "$tools/../assets/models" && ls -d */ | tr -d /)
draw() { # draw MODEL FILE COMMAND...: with COMMAND before the program
    local model=$1 file=$2
    shift 2
    "$@" "$quickstep" sample --model "$tools/../assets/models/$model" --seed 3 --steps 1 -o "$file" >log 2>&1
}

for model in $models; do
    draw "$model" "$model.safetensors" env || { report 1 "$model on the system's driver"; exit 1; }
done

# pictures NAME COMMAND...: with COMMAND before the program
pictures() {
    local name=$1 model difference
    shift
    for model in $models; do
        rm -f other.safetensors
        draw "$model" other.safetensors "$@"
        difference=$("$compare" "$model.safetensors" other.safetensors sample $largest_difference 2>>log)
        report $? "$name: $model differs by $difference"
    done
}

skip() { # skip NAME REASON
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# driver NAME COMMAND...: its pictures, and the self-test
driver() {
    local name=$1 reason
    shift
    reason=$("$@" /bin/true 2>&1)
    if [ $? -eq 77 ]; then
        skip "$name" "$reason"
        return
    fi
    pictures "$name" "$@"
    "$@" "$quickstep" selftest --no-matrix "$filter" >log 2>&1 # with them: tests/matrix
    report $? "$name: self-test '$filter', $(grep -o '[0-9]* passed' log)"
    "$@" "$quickstep" selftest precision >log 2>&1
    report $? "$name: its arithmetic is as precise as Vulkan demands"
}

# The driver's cache on disk does not tell widths apart: another width's machine code would run.
width() { MESA_SHADER_CACHE_DIR=$work/shaders-$1 XDG_CACHE_HOME=$work/cache-$1 LP_NATIVE_VECTOR_WIDTH=$1 "${@:2}"; }
as_card() {
    QUICKSTEP_DEBUG=defaults,validate,sync VK_ADD_LAYER_PATH=$card \
        VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation:VK_LAYER_QUICKSTEP_card "$@"
}
small() { QUICKSTEP_DEBUG=defaults,limits=$1 "${@:2}"; }

# A device whose subgroups are smaller than 4 or larger than 16 lanes gets tiles of 4 or 16 and no shuffles (lanes in
# tests/unit/test_physical.c): these are here, too.
least=no_push_descriptor+no_f16+no_shuffle+workgroup:128+shared:16384+range:134217728+texels:65536+buffers:$buffers
driver SwiftShader "$tools/swiftshader"
driver 'lavapipe, 128 bits, what subgroups of 1 or 2 get' width 128 small no_shuffle
pictures 'lavapipe, 256 bits' width 256 # tests/ops is its self-test
driver 'lavapipe, 512 bits' width 512
without='lavapipe, 512 bits, what subgroups of 32, 64 or 128 get'
if [ "$llvm" -lt 19 ]; then
    pictures "$without" width 512 small no_shuffle
else
    skip "$without" "LLVM $llvm compiles the emoji's attention for a quarter of an hour"
fi
driver 'Mesa 25' "$tools/mesa" 25
driver 'Mesa 26' "$tools/mesa" 26
driver 'the least that Vulkan promises' small "$least" # with 512 bits LLVM 19 compiles the emoji's shaders for more than 12 minutes
pictures 'a graphics card' as_card # the self-test has a part for the shaders and tiles of GPUs
echo "1..$number"
