#!/bin/bash
# Mesa 22.3: where the disk is full, the first Vulkan pipeline ends the process with SIGBUS.
#
# Seen: Mesa makes the index of its own shader cache (mesa_shader_cache/index, 1.3 MB) with ftruncate and maps it, without
# asking for the room (fallocate). Where the file system has none left, writing to the mapping is SIGBUS, in a thread of
# Mesa's. MESA_SHADER_CACHE_DISABLE=true leaves the cache out. tests/cli/trouble.sh tries our own cache with that.
#
# mesa_cache_full_disk.sh [QUICKSTEP]: exits 0 while that is so, 1 when it has changed, and 77 where no file system may be
# mounted or the program is not built.
set -eu
quickstep=$(realpath "${1-$(dirname "$0")/../build/src/app/cli/quickstep}")
[ -x "$quickstep" ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
become=()
[ "$(id -u)" -eq 0 ] || become=(--map-root-user)
unshare "${become[@]}" --mount true 2>/dev/null || exit 77
cd "$work"
mkdir full
# draw [VARIABLE=VALUE]: the exit status with a cache folder on a full disk
draw() {
    # shellcheck disable=SC2016  # expanded by the inner sh
    unshare "${become[@]}" --mount sh -c 'mount -t tmpfs -o size=1m none full && { cat /dev/zero >full/rest 2>/dev/null
        env XDG_CACHE_HOME="$PWD/full" "$@"; }' sh "$@" "$quickstep" sample --steps 1 -o a.png >/dev/null 2>&1 && echo 0 || echo $?
}
with=$(draw MESA_SHADER_CACHE_DISABLE=false) without=$(draw MESA_SHADER_CACHE_DISABLE=true)
echo "exit status $with with Mesa's cache on a full disk, $without without (135: SIGBUS)"
[ "$with" -eq 135 ] && [ "$without" -eq 0 ]
