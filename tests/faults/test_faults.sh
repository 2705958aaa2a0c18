#!/bin/bash
# Every Vulkan call of a picture fails once: test_faults.sh QUICKSTEP MODEL LAYER.so, in TAP. Each time there is
# either the right picture (what failed could be done without) or the right exit status, a message, and no file.
# EVERY=1 tries all calls with all errors, which takes minutes; otherwise of each function the first and the last
# call with every error that the specification allows it.
set -u
quickstep=$(realpath "$1")
model=$(realpath "$2")
layer=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset QUICKSTEP_DEBUG
export XDG_CACHE_HOME=$work/cache
export NODEVICE_SELECT=1 # without Mesa's own layer, which takes it for granted that no call fails
cat >layer.json <<END
{ "file_format_version": "1.1.2", "layer": { "name": "VK_LAYER_QUICKSTEP_faults", "type": "GLOBAL",
  "library_path": "$layer", "api_version": "1.3.0", "implementation_version": "1", "description": "one call fails" } }
END
export VK_LAYER_PATH=$work VK_INSTANCE_LAYERS=VK_LAYER_QUICKSTEP_faults

draw() { # draw FUNCTION CALL ERROR: a picture, or not
    rm -f a.png log
    FAULT_FUNCTION=$1 FAULT_CALL=$2 FAULT_ERROR=$3 FAULT_LOG=$work/log timeout 300 \
        "$quickstep" sample --model "$model" --steps 2 --seed 7 -o a.png >out 2>err </dev/null
    status=$?
}

# fits RESULT NAME: do the exit status and the message of the last run say what happened?
fits() {
    if [ "$status" -eq 4 ]; then # a device that cannot be opened is none
        grep -q 'no usable Vulkan device\|no Vulkan device' err && return 0
    fi
    grep -q "$2" err || return 1
    case $1 in
    -1 | -2 | -5 | -10) [ "$status" -eq 5 ] ;; # memory
    -4) [ "$status" -eq 6 ] ;;                 # the device is lost
    *) [ "$status" -eq 4 ] ;;
    esac
}

draw none 0 0 # fills the cache
draw none 0 0
cp a.png right.png 2>/dev/null
cp log calls
total=$(wc -l <calls)
[ "$status" -eq 0 ] && [ "$total" -gt 50 ]
good=$?
number=1
if [ $good = 0 ]; then
    echo "ok 1 - a picture, $total calls that may fail"
else
    echo "not ok 1 - a picture through the layer (exit $status, $total calls)"
    sed 's/^/# /' err
fi

plan=$(awk -v every="${EVERY-}" '{ last[$2] = $1; errors[$2] = $3 }
    END { for (f in last) for (c = 1; c <= last[f]; c++)
        if (every || c == 1 || c == last[f])
            for (e = 0; e < errors[f]; e++)
                print f, c, e }' calls | sort)
declare -A bad tried
while read -r name call error; do
    draw "$name" "$call" "$error"
    result=$(awk '$1 == "failed" { print $4 }' log)
    tried[$name]=$((${tried[$name]-0} + 1))
    verdict=
    if [ "$status" -eq 0 ]; then # done without; or, of a poll, there was no such call this time
        cmp -s a.png right.png || verdict="exit 0 with another picture"
    elif [ -e a.png ]; then
        verdict="exit $status, and a file"
    elif ! fits "$result" "$name"; then
        verdict="exit $status"
    fi
    [ -n "$verdict" ] && bad[$name]="${bad[$name]-}# call $call, result $result: $verdict: $(tail -n 1 err)
"
done <<<"$plan"
for name in $(printf '%s\n' "${!tried[@]}" | sort); do
    number=$((number + 1))
    if [ -z "${bad[$name]-}" ]; then
        echo "ok $number - $name fails, ${tried[$name]} ways"
    else
        echo "not ok $number - $name fails"
        printf '%s' "${bad[$name]}"
    fi
done
echo "1..$number"
