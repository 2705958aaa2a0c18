#!/bin/sh
# An include points downwards only (ARCHITECTURE.md, "Layers"), and no files call each other in a
# circle. TAP: one test per layer, then the circles.
#
#     check_layers.sh SOURCE_ROOT STATIC_LIBRARY
archive=$(realpath "$2") || exit 1
cd "$1" || exit 1
layers='core gpu graph ops plan weights text program tuner model sampler session bench selftest'
set -- $layers
echo "1..$(($# + 3))"
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
bad=$(grep -lE '^#include "(core|gpu|graph|ops|plan|weights|text|program|tuner|model|sampler|session|bench|selftest)/' src/app/*/* 2>/dev/null)
if [ -z "$bad" ]; then echo "ok $number - app"; else echo "not ok $number - app: $bad"; fi

# circles DIRECTORY_OR_ARCHIVE...: what file_circles.awk finds
circles() {
    nm "$@" 2>/dev/null | awk -f tests/layers/file_circles.awk | sort
}

number=$((number + 1))
bad=$(circles "$archive")
for program in "$(dirname "$archive")"/app/*/*.p; do # the programs, each with what they share
    [ -d "$program" ] && bad="$bad$(circles "$program"/*.o "$(dirname "$archive")"/app/common/*.p/*.o)"
done
count=$(nm "$archive" 2>/dev/null | grep -c ' T ')
if [ -z "$bad" ] && [ "$count" -gt 100 ]; then
    echo "ok $number - no circle of files"
else
    echo "$bad" | sed 's/^/# /'
    echo "not ok $number - circles of files ($count functions)"
fi

# a planted circle of three files, and a fourth that is in none
number=$((number + 1))
planted=$(mktemp -d) || exit 1
trap 'rm -rf "$planted"' EXIT
for pair in 'a b' 'b c' 'c a' 'd a'; do
    # shellcheck disable=SC2086  # two words
    set -- $pair
    printf 'void %s(void);\nvoid %s(void);\nvoid %s(void) { %s(); }\n' "$1" "$2" "$1" "$2" >"$planted/$1.c"
done
(cd "$planted" && ${CC:-cc} -c ./*.c && ar rc planted.a ./*.o)
found=$(circles "$planted/planted.a" | cut -d: -f1 | tr '\n' ' ')
if [ "$found" = 'a -> b b -> c c -> a ' ]; then
    echo "ok $number - a planted circle is found"
else
    echo "not ok $number - a planted circle: found \"$found\""
fi
