#!/bin/bash
# The program 'quickstep' from outside, in TAP: test_cli.sh QUICKSTEP HELPER CHECK_TRACE TERMINAL.
# The model is $QUICKSTEP_TEST_MODEL, or the one the program comes with. SECTIONS="pictures trouble": these only; most want
# what `pictures` draws first.
set -u
quickstep=$(realpath "$1")
helper=$(realpath "$2")
check_trace=$(realpath "$3")
terminal=$(realpath "$4")
here=$(cd "$(dirname "$0")" && pwd)
networks=$(realpath "$here/../golden/networks")
model=${QUICKSTEP_TEST_MODEL-sprites}
[ "$model" = "${model#*/}" ] || model=$(realpath "$model")
work=$(mktemp -d "${TMPDIR:-/tmp}/quickstep cli.XXXXXX") # a space, to be met everywhere
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work/home XDG_CACHE_HOME=$work/cache
mkdir -p "$HOME"
unset QUICKSTEP_DEBUG

number=0
report() { # report STATUS NAME: one TAP line; the last command's output is in ./out and ./err
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        for file in out err; do # a picture may be in them
            head -c 4000 $file 2>/dev/null | tr -cd '\n[:print:]' | head -20 | sed "s/^/# $file: /"
            echo
        done
    fi
}
skip() { # skip NAME REASON
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

run() { # runs the program with its output in files
    "$quickstep" "$@" >out 2>err </dev/null
    status=$?
}

sample() { run sample --model "$model" "$@"; }

# is_error STATUS TEXT: the last run failed so, with one line "quickstep: ...TEXT...", as the last
is_error() {
    [ "$status" -eq "$1" ] && tail -n 1 err | grep -q "^quickstep: .*$2" && [ ! -s out ]
}

fails() { # fails NAME STATUS TEXT ARGUMENT...
    local name=$1 expected=$2 text=$3
    shift 3
    run "$@"
    is_error "$expected" "$text"
    report $? "$name: exit $expected"
}

# bounded MIB NAME STATUS TEXT ARGUMENT...: fails so, and never has more than MIB
bounded() {
    local most=$1 name=$2 expected=$3 text=$4
    shift 4
    "$helper" peak "$most" "$quickstep" "$@" >out 2>err </dev/null
    status=$?
    grep -v '^# ' err >message
    [ "$status" -eq "$expected" ] && grep -q "$text" message && [ ! -s out ]
    report $? "$name: exit $expected, $(sed -n 's/^# //p' err)"
}

no_files() { # nothing in the folder, hidden temporaries neither
    [ -z "$(ls -A "$1")" ]
}

for section in ${SECTIONS-usage pictures preview init walk mix samplers autoencoder latents words decoder lora embed bombs tune serve trouble}; do
    # shellcheck source=/dev/null
    . "$here/$section.sh"
done

echo "1..$number"
