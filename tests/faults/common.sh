# shellcheck shell=bash
# What the tests of Vulkan's faults share. Sourced in a folder that is removed afterwards: common.sh LAYER.so
# LEAKS=1: LeakSanitizer is preloaded: exit 23 where memory was lost; and lavapipe, so that it is not unloaded before.

unset QUICKSTEP_DEBUG
export NODEVICE_SELECT=1 # without Mesa's own layer, which takes it for granted that no call fails
cat >layer.json <<END
{ "file_format_version": "1.1.2", "layer": { "name": "VK_LAYER_QUICKSTEP_faults", "type": "GLOBAL",
  "library_path": "$1", "api_version": "1.3.0", "implementation_version": "1", "description": "one call fails" } }
END
leaks=${LEAKS:+$(gcc -print-file-name=liblsan.so):libvulkan_lvp.so}
export LSAN_OPTIONS=suppressions=$(dirname "${BASH_SOURCE[0]}")/../lsan.supp:print_suppressions=0
export VK_LAYER_PATH=$PWD VK_INSTANCE_LAYERS=VK_LAYER_QUICKSTEP_faults

# without_fault RUN: twice; what may fail is in the file calls afterwards.
without_fault() {
    "$1" none 0 0 # fills the cache
    "$1" none 0 0
    cp log calls
}

number=0
report() { # report STATUS WHAT: a line of TAP, of the last run
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2 (exit $status, $(wc -l <calls) calls)"
        sed 's/^/# /' err
    fi
}

# fail_each RUN JUDGE: for each line FUNCTION CALL ERROR of standard input, RUN with these; JUDGE RESULT FUNCTION prints
# what is wrong with that run, or nothing. A line of TAP for each function, whose lines follow one another.
fail_each() {
    local name call error result verdict of='' bad='' tried=0
    while read -r name call error; do
        [ "$name" = "$of" ] || tell
        of=$name
        "$1" "$name" "$call" "$error"
        tried=$((tried + 1))
        result=$(awk '$1 == "failed" { print $4 }' log)
        verdict=$("$2" "$result" "$name")
        [ -n "$verdict" ] && bad="$bad# call $call, result $result: $verdict: $(tail -n 1 err)
"
    done
    tell
    echo "1..$number"
}

tell() { # of fail_each: what came of a function's calls; begins the next one's
    [ $tried -gt 0 ] || return
    number=$((number + 1))
    if [ -z "$bad" ]; then
        echo "ok $number - $of fails, $tried ways"
    else
        printf 'not ok %d - %s fails\n%s' $number "$of" "$bad"
    fi
    bad='' tried=0
}
