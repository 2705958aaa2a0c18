#!/bin/bash
# The C library fails once: test_host_faults.sh QUICKSTEP MODEL PRELOAD.so, in TAP. Each time there is either the right
# file (what failed could be done without) or the right exit status, a message, and no file; a short read or write is
# no failure at all. Of each place in the code its first call fails, and every ${STRIDE}th call; EVERY=1: all of them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
quickstep=$(realpath "$1")
model=$(realpath "$2")
preload=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset QUICKSTEP_DEBUG
export XDG_CACHE_HOME=$work/cache HOME=$work
export EVERY=${EVERY-} STRIDE=${STRIDE-211}
EIO=5 ENOMEM=12 ENOSPC=28
number=0

report() { # report STATUS NAME [LINES]
    number=$((number + 1))
    [ "$1" -eq 0 ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    printf '%s' "${3-}" | head -20
}

work_on() { # work_on COMMAND: its messages are in err, its file in new
    rm -rf new out err
    mkdir new
    case $1 in
    sample) set -- sample --model "$model" --steps 2 --seed 7 -o new/a.png ;;
    sample_cold) # without a cache: that is written, too
        rm -rf cache
        set -- sample --model "$model" --steps 1 --seed 7 -o new/a.safetensors
        ;;
    inspect) set -- inspect --model "$model" ;;
    encode) set -- encode --model "$taesd" --fit crop "$photo" -o new/a.safetensors ;;
    esac
    LD_PRELOAD=$preload timeout 300 "$quickstep" "$@" >out 2>err </dev/null
    status=$?
    [ "$status" -ne 0 ] || [ "$1" != inspect ] || cp out new/
}

fail_once() { # fail_once COMMAND FUNCTION CALL ERROR
    rm -f log
    FAULT_FUNCTION=$2 FAULT_CALL=$3 FAULT_ERROR=$4 FAULT_LOG=$work/log work_on "$1"
}

# judge FUNCTION ERROR: what is wrong with the last run, or nothing
judge() {
    if [ "$status" -eq 0 ]; then
        diff -r new right/new >/dev/null || echo "exit 0 with another file"
        return
    fi
    [ "$2" -ne 0 ] || { echo "exit $status after a short $1" && return; }
    [ -z "$(ls -A new)" ] || { echo "exit $status, and a file" && return; }
    tail -n 1 err | grep -q '^quickstep: .' || { echo "exit $status without a message" && return; }
    case $1,$status in
    malloc,5 | open,[238] | open,1 | read,[23] | mmap,[35] | write,8 | fsync,8 | rename,8) ;;
    *) echo "exit $status" ;;
    esac
}

plan() { # plan FUNCTION: the calls that are to fail, from the list in calls
    awk -v name="$1" '$1 == "called" && $2 == name {
            if (ENVIRON["EVERY"] || !seen[$4]++ || $3 % ENVIRON["STRIDE"] == 0) print $3
        }' calls
}

try() { # try COMMAND FUNCTION ERROR
    local call verdict bad="" tried=0
    for call in $(plan "$2"); do
        fail_once "$1" "$2" "$call" "$3"
        verdict=$(judge "$2" "$3")
        [ -z "$verdict" ] || bad="$bad# call $call, $(awk '$1 == "failed" { print $4 }' log): $verdict: $(tail -n 1 err)
"
        tried=$((tried + 1))
    done
    [ -z "$bad" ]
    report $? "$1: $2 fails with error $3, $tried of $(grep -c "^called $2 " calls) calls" "$bad"
}

taesd=$here/../golden/autoencoders/taesd
photo=$here/../golden/pictures/rgb_420.jpg
work_on sample
# begin COMMAND: what it makes when nothing fails, and which calls there are
begin() {
    rm -rf right calls
    FAULT_LIST=1 FAULT_LOG=$work/calls work_on "$1"
    [ "$status" -eq 0 ] && mkdir right && mv new right/
    report $? "$1, $(grep -c ^called calls) calls" "$(sed 's/^/# /' err)"
}

try_reading() { # try_reading COMMAND
    try "$1" malloc $ENOMEM
    try "$1" open $EIO
    try "$1" mmap $ENOMEM
    try "$1" read 0
    try "$1" read $EIO
}

try_writing() { # try_writing COMMAND
    try "$1" write 0
    try "$1" write $ENOSPC
    try "$1" fsync $EIO
    try "$1" rename $EIO
}

begin inspect
try_reading inspect
begin encode
try_reading encode
begin sample
try_reading sample
try_writing sample
begin sample_cold
try_writing sample_cold
echo "1..$number"
