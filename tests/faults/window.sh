# shellcheck shell=bash
# A folder that is removed afterwards, in it, and a virtual display, for the tests of a window. Sourced.

work=$(mktemp -d)
server=
finish() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
for tool in Xvfb xdotool; do
    command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is not installed" && exit 0; }
done
cd "$work" || exit 1
export LC_ALL=C XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
mkfifo display
Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp 3>display 2>xvfb.log &
server=$!
read -r display_number <display
export DISPLAY=:$display_number

wait_for() { # wait_for PATTERN LINE: until a line after number LINE of the report has it, or the viewer has ended
    for _ in $(seq 1200); do
        tail -n "+$(($2 + 1))" out | grep -q "$1" && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
