#!/bin/bash
# Drivers that are missing, broken or without a device, in TAP: test_trouble.sh QUICKSTEP. Each cause has
# its own words, "no suitable device" is exit 4, and a working driver beside them is taken.
set -u
quickstep=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/quickstep drivers.XXXXXX") # a space, to be met everywhere
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache
unset QUICKSTEP_DEBUG

number=0
report() { # report STATUS NAME: one TAP line
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' out err | head -20
    fi
}
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }

with_drivers() { # with_drivers FILES ARGUMENT...: the program with these manifests only
    local files=$1
    shift
    VK_DRIVER_FILES=$files VK_ICD_FILENAMES=$files "$quickstep" "$@" >out 2>err </dev/null
    status=$?
}
says() { # the last run ended with exit 4 and one line, with these words (Mesa 25 writes some of its own)
    [ "$status" -eq 4 ] && [ "$(grep -c '^quickstep: ' err)" -eq 1 ] && grep -qF -- "$1" err
}
manifest() { # manifest FILE LIBRARY
    printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' "$2" >"$1"
}
installed() { ls /usr/share/vulkan/icd.d/"$1"*.json 2>/dev/null | head -n 1; }

XDG_DATA_DIRS=$work XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work XDG_CONFIG_DIRS=$work \
    VK_DRIVER_FILES='' VK_ICD_FILENAMES='' HOME=$work "$quickstep" devices >out 2>err
status=$?
if ls /etc/vulkan/icd.d/*.json >/dev/null 2>&1; then
    skip 'no driver registered' 'there is one in /etc/vulkan'
else
    says 'no Vulkan driver is installed'
    report $? 'no driver registered'
fi

with_drivers "$work/nosuch.json" devices
says "$work/nosuch.json: No such file"
report $? 'a manifest that is not there is named'
manifest missing.json libnosuch_driver.so
with_drivers "$work/missing.json" devices
says "the driver of $work/missing.json does not load: libnosuch_driver.so"
report $? 'a library that is not there is named'
echo 'no ELF' >broken.so && chmod +x broken.so
manifest broken.json ./broken.so
with_drivers "$work/broken.json" devices
says "the driver of $work/broken.json does not load: $work/./broken.so"
report $? 'a library that is no library is named'
echo '{' >text.json
with_drivers "$work/text.json" devices
says "$work/text.json is no driver's manifest"
report $? 'a manifest that is no JSON is named'
with_drivers "$work/missing.json:$work/broken.json" sample -o a.png
says 'missing.json' && says 'broken.json' && [ ! -e a.png ]
report $? 'two broken drivers are both named, and no file is written'

radv=$(installed radeon_icd) lavapipe=$(installed lvp_icd)
if [ -z "$lavapipe" ]; then
    skip "a portability driver, as macOS's" 'lavapipe is not installed'
else # the loader hides it from who does not ask for such drivers
    sed 's/"ICD": {/&"is_portability_driver": true,/' "$lavapipe" >portability.json
    with_drivers "$work/portability.json" devices
    [ "$status" -eq 0 ] && grep -q '^0 .*llvmpipe' out
    report $? "a portability driver, as macOS's, is found"
    cp "$lavapipe" again.json
    with_drivers "$lavapipe:$work/again.json" devices
    [ "$status" -eq 0 ] && [ "$(grep -c '^[0-9]' out)" -eq 1 ]
    report $? 'a driver that is listed twice has one device'
fi
if [ -z "$radv" ] || [ -z "$lavapipe" ]; then
    skip 'a driver without a device' 'RADV or lavapipe is not installed'
else
    with_drivers "$radv" devices
    [ "$status" -eq 0 ] || says "the driver of $radv loads, but has no device"
    report $? 'a driver without a device (or a graphics card that is there) is named'

    # RADV's null device: it makes pipelines, has no memory and no semaphores
    export RADV_FORCE_FAMILY=navi21
    with_drivers "$radv" devices
    if ! grep -q 'Null hardware' out; then
        skip 'a device without memory' 'this RADV has no null device'
    else
        grep -q 'NOT USABLE: it has no memory' out
        report $? 'a device without memory is listed, with the reason'
        with_drivers "$radv" sample --steps 1 -o a.png
        says 'no usable Vulkan device; there is 0: Null hardware (RADV NAVI21)' && [ ! -e a.png ]
        report $? 'alone it is exit 4'
        with_drivers "$radv:$lavapipe" sample --steps 1 --device navi21 -o a.png
        says 'Null hardware (RADV NAVI21) cannot be used: it has no memory' && [ ! -e a.png ]
        report $? 'asked for by name it is exit 4'
        with_drivers "$radv:$lavapipe" sample --steps 1 -o a.png
        [ "$status" -eq 0 ] && [ -s a.png ] && grep -q 'device: llvmpipe' err
        report $? 'a working driver beside it is taken'
    fi
    unset RADV_FORCE_FAMILY
fi

if [ -n "$lavapipe" ]; then
    export QUICKSTEP_DEBUG=limits=buffers:4
    with_drivers "$lavapipe" devices
    [ "$status" -eq 0 ] && grep -q 'NOT USABLE: a shader may bind 4 storage buffers on it' out
    report $? 'a device with too few storage buffers is listed, with the reason'
    with_drivers "$lavapipe" selftest
    says 'a shader may bind 4 storage buffers on it'
    report $? 'and it is exit 4'
    unset QUICKSTEP_DEBUG
else
    skip 'too few storage buffers' 'lavapipe is not installed'
fi

QUICKSTEP_DEBUG=limits=workgroup:1 "$quickstep" devices >out 2>err
[ $? -eq 2 ] && grep -q 'limits=workgroup:1' err
report $? 'a limit below what Vulkan promises: exit 2'
echo "1..$number"
