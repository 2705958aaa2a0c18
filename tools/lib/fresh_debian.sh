# shellcheck shell=sh
# Fresh folders of Debian's releases, to try in what a new machine would do. Sourced; needs root and debootstrap.

# The archive of Debian that this machine's apt uses.
debian_archive() {
    # shellcheck disable=SC2016  # apt's own variable
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep '/debian/\{0,1\}$' | head -n 1
}

# fresh_debian RELEASE FOLDER [PACKAGE,PACKAGE]: the smallest system, in a new FOLDER. Its words: FOLDER.log
fresh_debian() {
    if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
        echo "This needs root and debootstrap" >&2
        return 1
    fi
    archive=${DEBIAN_ARCHIVE:-$(debian_archive)}
    [ -n "$archive" ] || { echo "apt knows no archive of Debian here: name one in DEBIAN_ARCHIVE" >&2; return 1; }
    rm -rf "$2"
    debootstrap --variant=minbase --include="ca-certificates${3:+,$3}" \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$1" "$2" "$archive" >"$2.log" 2>&1 || {
        tail -n 5 "$2.log" >&2
        return 1
    }
    # the way to the archive, and an archive that stands still: testing's lists go out of date within days
    apt-config dump | grep -i '^Acquire::https\{0,1\}::.*Proxy' >"$2/etc/apt/apt.conf.d/90try" || true
    echo 'Acquire::Check-Valid-Until "false";' >>"$2/etc/apt/apt.conf.d/90try"
}

# inside FOLDER COMMAND: the command, for sh, as root in /root of the folder; what it mounts ends with it.
inside() {
    # shellcheck disable=SC2016  # expanded by the inner sh
    unshare --mount --pid --fork sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
        exec chroot "$1" env -i HOME=/root LC_ALL=C.UTF-8 ${CI:+CI="$CI"} \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd; $2"' sh "$1" "$2"
}
