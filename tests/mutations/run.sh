#!/bin/bash
# Do the tests notice faults? Plants those of `list`, one after the other, in a copy of the tree, builds what needs it,
# and runs the test that is to fail. TAP.
#
#     tests/mutations/run.sh --look       only: is each text still in its file, once? (part of ./tools/test)
#     tests/mutations/run.sh [WORD...]    those with one of these words in their id, file or test; all take an hour
#
# The copy and its build stay in $MUTATIONS_FOLDER (default: a new one, removed at the end).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
number=0
failed=0

ok() { # ok STATUS NAME
    number=$((number + 1))
    [ "$1" -eq 0 ] && echo "ok $number - $2" && return
    failed=1
    echo "not ok $number - $2"
}

# read_next: the next of the list into id, file, test, old, new; false at the end
read_next() {
    local line
    id='' old='' new=''
    while IFS= read -r line; do
        case $line in
        '#'*) ;;
        '< '*) old=${line#< } ;;
        '>'*) new=${line#>} new=${new# } && return 0 ;;
        ?*) id=${line%% *} file=${line#* } test=${file#*: } file=${file%%: *} ;;
        esac
    done
    return 1
}

# plant: file's text with new instead of old in text; false if old is not there exactly once
plant() {
    local whole rest
    whole=$(cat "$root/$file"; echo .)
    rest=${whole#*"$old"}
    [ "$rest" != "$whole" ] && [ "${rest#*"$old"}" = "$rest" ] || return 1
    text=${whole%%"$old"*}$new${rest%.}
}

if [ "${1-}" = --look ]; then
    while read_next; do
        plant
        ok $? "$id: $file has '$old' once"
    done <"$here/list"
    echo "1..$number"
    exit $failed
fi

folder=${MUTATIONS_FOLDER-$(mktemp -d)}
[ -n "${MUTATIONS_FOLDER-}" ] || trap 'rm -rf "$folder"' EXIT
copy=$folder/quickstep
build=$copy/build
mkdir -p "$copy"
(cd "$root" && git ls-files -z | tar -c --null -T -) | tar -x -C "$copy"
[ ! -e "$root/.venv-glslang" ] || ln -sfn "$(realpath "$root/.venv-glslang")" "$copy/.venv-glslang"
mkdir -p "$folder/cache/quickstep"
ln -sfn "${XDG_CACHE_HOME:-$HOME/.cache}/quickstep/mesa-26" "$folder/cache/quickstep/"
export QUICKSTEP_TEST_SOURCE=$copy XDG_CACHE_HOME=$folder/cache MESA_SHADER_CACHE_DIR=$folder/shaders
[ -e "$build" ] || meson setup "$build" "$copy" --buildtype=debugoptimized >"$folder/log" || exit 1

# try: builds what the test runs, and runs it; its status, 125 if it does not build
try() {
    local program words status
    case $test in
    'meson '*)
        program=${test#meson } words=
        case $program in 'cli '* | 'viewer '*) words=${program#* } program=${program%% *} ;; esac
        env ${words:+"SECTIONS=$words"} meson test -C "$build" -t 5 "$program" >"$folder/log" 2>&1
        status=$?
        cat "$build/meson-logs/testlog.txt" >>"$folder/log"
        ! grep -q 'ninja: build stopped\|Could not rebuild' "$folder/log" || return 125
        return $status
        ;;
    'selftest '* | 'matrix '*) program=src/app/cli/quickstep ;;
    *) program=tests/${test%% *} ;;
    esac
    ninja -C "$build" "$program" >"$folder/log" 2>&1 || return 125
    case $test in
    'selftest '*) set -- "$build/$program" selftest "${test#* }" ;;
    'matrix '*) set -- "$root/tools/mesa" 26 "$build/$program" selftest "${test#* }" ;;
    *) set -- "$build/$program" ${test#"${test%% *}"} ;;
    esac
    QUICKSTEP_DEBUG=defaults timeout 600 "$@" >"$folder/log" 2>&1
}

wanted() { # wanted [WORD...]: one of them is in what read_next read
    local word
    [ $# -gt 0 ] || return 0
    for word; do
        case "$id $file $test" in *"$word"*) return 0 ;; esac
    done
    return 1
}

declare -A whole # tests that pass without a fault
planted=0 noticed=0
while read_next <&3; do
    wanted "$@" || continue
    if [ -z "${whole[$test]-}" ]; then
        try
        whole[$test]=$?
        ok "${whole[$test]}" "$test passes without a fault"
    fi
    plant && printf '%s' "$text" >"$copy/$file"
    try
    status=$?
    cp "$root/$file" "$copy/$file"
    planted=$((planted + 1))
    [ $status -ne 0 ] && [ $status -ne 125 ] && noticed=$((noticed + 1))
    [ $status -ne 0 ] && [ $status -ne 125 ]
    ok $? "$id: $test notices '$new' in $file, $(grep -c '^not ok\|FAILED\|^FAIL' "$folder/log") times (exit $status)"
done 3<"$here/list"
echo "# $noticed of $planted noticed"
echo "1..$number"
exit $failed
