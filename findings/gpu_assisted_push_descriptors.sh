#!/bin/sh
# Khronos validation layer 1.3.239 (Debian 12) and 1.4.309 (Debian 13), GPU-assisted validation: where buffers are bound by push descriptors
# (VK_KHR_push_descriptor), what a dispatch accesses is held against descriptors that were pushed later.
#
# Seen on llvmpipe, a picture of the sprites: with 1.4.309 "access out of bounds ... 36864 bytes were bound" for a dispatch whose own binding
# has 147,456 bytes; 36,864 are the next dispatch's. With 1.3.239 "Descriptor index 0 is uninitialized" and "size is 1", and the picture itself
# is spoilt (NaN). The same commands with descriptor sets instead: not one message about a shader, from either layer.
#
#     findings/gpu_assisted_push_descriptors.sh BUILD/src/app/cli/quickstep
#
# Exits 0 while that is so, 1 when it has changed, and 77 where there is no validation layer.
set -eu
quickstep=${1:?the program}
[ -e /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT VK_KHRONOS_VALIDATION_GPUAV_ENABLE=1

messages() { # messages WORDS: how many accesses were complained of
    QUICKSTEP_DEBUG=validate,defaults$1 "$quickstep" sample --steps 1 --seed 7 -o "$work/a.png" 2>"$work/err" >/dev/null || true
    grep -c 'out of bounds\|is uninitialized' "$work/err" || true
}
pushed=$(messages '')
bound=$(messages ,limits=no_push_descriptor)
echo "push descriptors: $pushed messages, descriptor sets: $bound"
[ "$pushed" -gt 0 ] && [ "$bound" -eq 0 ]
