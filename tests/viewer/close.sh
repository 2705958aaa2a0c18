# shellcheck shell=bash
# Closed, and ended by signals, at any time (CLOSES, KILLS). Sourced by viewer_test.sh.

closed=0
for turn in $(seq "${CLOSES:-6}"); do
    play --batch 1 --exit-after "$(awk -v n="${CLOSES:-6}" -v t="$turn" 'BEGIN { print 0.05 + 2 * (t - 1) / n }')" --steps 8
    stop || break
    closed=$turn
done
[ "$closed" = "${CLOSES:-6}" ]
ok $? "closed after 0.05 to 2 seconds, exit status 0 each of $closed times"

# --- signals: what is written is whole, and the next start is like any other
moment() { sleep "$(awk -v most="$1" -v part="$RANDOM" 'BEGIN { print most * part / 32768 }')"; } # moment SECONDS: up to
# busy_with ACT: until a random instant of it
busy_with() {
    case $1 in
    start)
        rm -rf "$work/cold"
        XDG_CACHE_HOME=$work/cold play
        moment 3
        return
        ;;
    esac
    play --batch 1 --steps 1
    await 20 '^picture 2 ' && await 5 '^layout end' || return 1
    case $1 in
    record)
        click record.$([ $((RANDOM % 2)) = 0 ] && echo png || echo mp4)
        await 10 '^widget record.stop ' && more_pictures $(($(grep -c '^picture' out) + 2)) || return 1
        ;;
    save) xdotool key s s d s s d s & busy=$! ;;
    resize) for _ in 1 2 3 4 5 6; do xdotool search --name '^Quickstep' windowsize $((RANDOM % 1199 + 1)) $((RANDOM % 859 + 1)); done >/dev/null 2>&1 & busy=$! ;;
    leave) xdotool mousemove 3 3 key Escape ;;
    esac
    moment 0.5
}
# broken: which files of all that were written are not whole; .tmp is what a killed one leaves
broken() {
    for file in ./*.png "$work"/data/quickstep/favourites/*.png; do
        [ ! -e "$file" ] || [ "$(tail -c 8 "$file" | head -c 4)" = IEND ] || echo "$file"
    done
    for file in ./*.mp4; do
        [ ! -e "$file" ] || ! command -v ffprobe >/dev/null || ffprobe -v error "$file" >/dev/null || echo "$file"
    done
    [ "$1" = KILL ] || find "$work" -name '*.tmp'
}
quiet() { ! grep -v -e ': pipeline ' -e ': device: ' err; } # but for what QUICKSTEP_DEBUG asks for
# cut_short ACT SIGNAL: $status, $took (ms) and $wrong
cut_short() {
    wrong='' busy=''
    busy_with "$1" || wrong="no picture"
    local since
    since=$(date +%s%3N)
    kill "-$2" "$pid" 2>/dev/null
    stop
    status=$?
    took=$(($(date +%s%3N) - since))
    [ -z "$busy" ] || wait "$busy"
    wrong="$wrong$(broken "$2")"
    case $2$status in TERM143 | KILL137) ;; *) [ "$1$status" = leave0 ] || wrong="$wrong status $status" ;; esac
    [ "$1$2" != recordTERM ] || [ "$took" -ge 3000 ] || [ "$(find . -name '*-recording*' | wc -l)" = 1 ] || wrong="$wrong no recording"
    [ -z "$wrong" ] || echo "# $1 $2: $wrong"
    [ -z "$wrong" ]
}
RANDOM=${SEED:-7}
acts=(start play record save resize leave)
cut=0 slowest=0
for turn in $(seq "${KILLS:-12}"); do
    mkdir "$work/cut" && cd "$work/cut" || break
    act=${acts[turn % 6]} signal=$([ $((turn / 6 % 2)) = 0 ] && echo TERM || echo KILL)
    cut_short "$act" "$signal" && cut=$((cut + 1))
    [ "$took" -le "$slowest" ] || slowest=$took
    if [ "$act" = start ]; then
        XDG_CACHE_HOME=$work/cold start
        await 60 '^picture 1 ' && xdotool mousemove 3 3 key Escape
        stop && quiet || cut=-1000
    fi
    cd "$work" && rm -rf cut
done
[ "$cut" = "${KILLS:-12}" ]
ok $? "SIGTERM and SIGKILL while it starts, plays, records, saves, is resized and closed: nothing half-written, and ended in at most $slowest ms, $cut times"
start --batch 1
await 20 '^picture 1 ' && quiet
ok $? "and the next start is like any other"
leave
