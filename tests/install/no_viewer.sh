#!/bin/sh
# A Dear ImGui that the viewer does not compile with costs the viewer and nothing else, in TAP: a header with
# another interface is put in front of the real one, and meson looks what it would build.
#
#     no_viewer.sh SOURCE_ROOT MESON NINJA
set -u
source=$1
meson=$2
ninja=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# ok STATUS NAME
ok() {
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" && return
    failed=1
    echo "not ok $number - $2"
    tail -n 20 "$work/words" | sed 's/^/# /'
}
configure() { # FOLDER OPTION...
    folder=$work/$1
    shift
    "$meson" setup "$folder" "$source" -Dtests=false "-Dcpp_args=-I$work" "$@" >"$work/words" 2>&1
}

mkdir "$work/backends"
echo 'struct ImGui_ImplVulkan_AnInterfaceOfTheFuture;' >"$work/backends/imgui_impl_vulkan.h"

configure auto
ok $? 'meson setup goes through'
grep -q 'quickstep-view *: *left out; missing: a Dear ImGui that it compiles with' "$work/words"
ok $? 'and its summary says why the viewer is left out'
"$ninja" -C "$work/auto" -n >"$work/words" 2>&1 && grep -q 'Linking target src/app/cli/quickstep$' "$work/words" &&
    grep -q 'Linking target src/libquickstep.so' "$work/words"
ok $? 'the command line and the library are built'
! grep -q 'quickstep-view' "$work/words"
ok $? 'and nothing of the viewer is'
! configure enabled -Dviewer=enabled && grep -q 'quickstep-view needs a Dear ImGui that it compiles with' "$work/words"
ok $? '-Dviewer=enabled stops with the reason'
echo "1..$number"
exit $failed
