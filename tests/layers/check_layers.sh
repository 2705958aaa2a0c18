#!/bin/sh
# An include points downwards only (ARCHITECTURE.md, "Layers"). TAP: one test per layer.
cd "$1" || exit 1
layers='core gpu graph ops plan weights program tuner model sampler session selftest'
set -- $layers
echo "1..$(($# + 1))"
number=0
allowed=''
# what may be included from below; graph and ops see of gpu only its numbers
for layer in "$@"; do
    number=$((number + 1))
    allowed="$allowed $layer"
    bad=''
    for file in src/"$layer"/*.c src/"$layer"/*.h; do
        [ -e "$file" ] || continue
        for included in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file"); do
            case " $allowed lib " in
            *" $included "*) ;;
            *) bad="$bad $file->$included" ;;
            esac
        done
        case $layer in
        core | graph | ops | sampler)
            grep -Eq '^#include [<"](vulkan/|volk|gpu/gpu\.h)' "$file" && bad="$bad $file->vulkan"
            ;;
        esac
    done
    if [ -z "$bad" ]; then echo "ok $number - $layer"; else echo "not ok $number - $layer:$bad"; fi
done
number=$((number + 1))
bad=$(grep -lE '^#include "(core|gpu|graph|ops|plan|weights|program|tuner|model|sampler|session|selftest)/' src/app/*/* 2>/dev/null)
if [ -z "$bad" ]; then echo "ok $number - app"; else echo "not ok $number - app: $bad"; fi
