# shellcheck shell=bash
# Files, streams and signals that do not do what one hopes. Sourced by test_cli.sh.

rm -rf empty && mkdir empty
sample --steps 1 -o nosuch/a.png
is_error 8 'nosuch'
report $? 'a folder that is not there: exit 8'
name=$(printf '%0251d' 0)
sample --steps 1 --seed 7 -o "$name.png"
[ "$status" -eq 0 ] && [ -s "$name.png" ]
report $? 'a name of 255 bytes'
sample --steps 1 -o "${name:8}.safetensors"
[ "$status" -eq 0 ] && [ -s "${name:8}.safetensors" ]
report $? 'and of latents'
sample --steps 1 -o "${name}1.png"
is_error 8 'File name too long' && ! grep -q device: err
report $? 'a longer one: exit 8, before anything is drawn'
rm -f "$name.png" "${name:8}.safetensors"
mkdir folder.png
sample --steps 1 -o folder.png
is_error 8 'folder.png' && no_files folder.png
report $? 'a folder in the place of the file: exit 8'

# on_full_disk ARGUMENT...: runs the program in a folder of 1 MiB without room, which has kept.png: the status, and then the
# folder's files, each with its check sum; messages are in err. (A limit on the size of files would not do: newer Mesas'
# device memory is a file.)
on_full_disk() {
    local become=()
    [ "$(id -u)" -eq 0 ] || become=(--map-root-user)
    # shellcheck disable=SC2016  # expanded by the inner sh
    unshare "${become[@]}" --mount sh -c 'mount -t tmpfs -o size=1m none empty && cp one.png empty/kept.png && cd empty &&
        { cat /dev/zero >rest 2>/dev/null; "$@" >/dev/null 2>../err; echo "exit $?"; } &&
        rm rest && find . -type f -exec cksum {} +' sh "$quickstep" "$@"
}
untouched=$(cp one.png kept.png && cksum ./kept.png)
if unshare --mount true 2>/dev/null || unshare --map-root-user --mount true 2>/dev/null; then
    for file in a.png a.safetensors kept.png; do
        [ "$(on_full_disk sample --model "$model" --steps 1 -o $file)" = "exit 8
$untouched" ]
        report $? "no room for $file: exit 8, and the folder stays as it was"
    done
    for file in moving.png moving.gif moving.mp4; do
        [ $file = moving.png ] || command -v ffmpeg >/dev/null || continue
        [ "$(on_full_disk walk --model "$model" --from 1 --to 2 --frames 4 --steps 1 -o $file)" = "exit 8
$untouched" ]
        report $? "no room for $file: exit 8, no file"
    done
    export MESA_SHADER_CACHE_DISABLE=true # findings/mesa_cache_full_disk.sh
    [ "$(XDG_CACHE_HOME=$PWD/empty on_full_disk sample --model "$model" --steps 2 --seed 7 -o ../uncached.png)" = "exit 0
$untouched" ] && cmp -s one.png uncached.png && [ "$(grep -c 'pipelines-.* cannot be written.*No space left' err)" -eq 1 ]
    report $? 'no room for the cache: the same picture, and one notice'
    [ "$(XDG_CACHE_HOME=$PWD/empty on_full_disk tune --model "$here/../golden/networks/no_vectors")" = "exit 0
$untouched" ] && [ "$(grep -c 'cannot be written.*No space left' err)" -eq 1 ]
    report $? 'no room for the timings: measured all the same, and one notice'
    unset MESA_SHADER_CACHE_DISABLE
else
    for name in a.png a.safetensors kept.png moving.png 'the cache' 'the timings'; do
        skip "no room for $name" "unshare may not mount a file system here"
    done
fi

# also of root's, who then may not write everywhere
bound=()
[ "$(id -u)" -ne 0 ] || bound=(setpriv --bounding-set=-dac_override)
mkdir locked && chmod a-w locked
if "${bound[@]}" true 2>/dev/null; then
    "${bound[@]}" "$quickstep" sample --model "$model" --steps 1 -o locked/a.png >out 2>err </dev/null
    status=$?
    is_error 8 'locked.*Permission denied' && no_files locked
    report $? 'a read-only folder: exit 8'
else
    skip 'a read-only folder' 'root writes everywhere, and setpriv may not change that here'
fi

"$quickstep" sample --model "$model" --steps 1 -o - >/dev/full 2>err
[ $? -eq 8 ]
report $? 'standard output is full: exit 8'
{
    sleep 0.3
    "$quickstep" sample --model "$model" --steps 1 -o - 2>err
    echo $? >pipe_status
} | true
[ "$(cat pipe_status)" -eq 8 ]
report $? 'standard output is a closed pipe: exit 8'
{
    sleep 0.3
    "$quickstep" --help 2>err
    echo $? >pipe_status
} | true
[ "$(cat pipe_status)" -eq 8 ]
report $? 'help into a closed pipe: exit 8'

sample --steps 1 --seed 7 -o open.png
"$quickstep" sample --model "$model" --steps 1 --seed 7 -o closed.png <&- >&- 2>&-
[ $? -eq 8 ] && cmp -s open.png closed.png
report $? 'standard output is closed: exit 8, the right picture'
(cd empty && exec "$quickstep" sample --model "$model" --steps 1024 --count 64 -o a.png) <&- >&- 2>&- &
until [ "/proc/$!/exe" -ef "$quickstep" ] && readlink /proc/$!/fd/[0-2] >streams; do kill -0 $! || break; done
kill $!
wait $!
[ "$(sort -u streams)" = /dev/null ]
report $? 'no file is opened in the place of a closed stream'

"$helper" noise nan.safetensors 1 "${latent[@]}" 1
(cd empty && exec "$quickstep" sample --model "$model" --steps 1 --noise ../nan.safetensors -o a.png) \
    >out 2>err
status=$?
is_error 7 '' && no_files empty
report $? 'NaN: exit 7, no file'

fails 'a model that is not there' 3 'nosuchmodel' sample --model nosuchmodel -o a.png
mkdir bad && echo '{' >bad/model_index.json
fails 'a bad model' 3 'bad' sample --model ./bad -o a.png
fails 'a model that is a file' 3 '' sample --model ./one.png -o a.png
fails 'a device that is not there' 4 'nosuchdevice' \
    sample --model "$model" --device nosuchdevice -o a.png
VK_ICD_FILENAMES=/nonexistent VK_DRIVER_FILES=/nonexistent run devices
is_error 4 ''
report $? 'no driver: exit 4'

echo 'no PNG' >text.png
fails 'metadata of a text' 1 'not a PNG' metadata text.png
fails 'metadata of nothing' 1 'nosuch.png' metadata nosuch.png
head -c 40 one.png >short.png
fails 'metadata of a stump' 1 'short.png' metadata short.png
survived=0
size=$(stat -c %s one.png)
for offset in $(seq 8 7 "$((size < 700 ? size - 1 : 700))"); do
    cp one.png flipped.png
    printf '\377' | dd of=flipped.png bs=1 seek="$offset" conv=notrunc status=none
    run metadata flipped.png
    [ "$status" -le 1 ] || survived=1
done
report $survived 'metadata of damaged files: exit 0 or 1'

# said before anything is allocated, with need and have; what fits is drawn
QUICKSTEP_DEBUG=memory=17 run sample --model "$model" --steps 1 -o a.png # 16 for uploads
is_error 5 'needs [0-9.]* MiB on the device .*, there are 1.0'
report $? 'a device with too little memory: exit 5'
cp -r "$networks/plain" plain-512 # of which a picture of 512 x 512 takes about 100 MiB, and all of them 33
sed -i 's/"sample_size": [0-9]*/"sample_size": 512/' plain-512/unet/config.json
for heap in '256 2' '512 4' '1024 10'; do
    read -r heap fitting <<<"$heap"
    draw=(sample --model ./plain-512 --sampler consistency --precision f32 --steps 1 -o 'large %d.png')
    rm -f 'large '*.png
    QUICKSTEP_DEBUG=memory=$heap bounded 128 "a heap of $heap MiB, for a batch of $((fitting + 1))" 5 \
        "needs [0-9.]* MiB on the device .*, there are $((heap - 16)).0" "${draw[@]}" --count 16 --batch $((fitting + 1))
    QUICKSTEP_DEBUG=memory=$heap run "${draw[@]}" --count "$fitting" --batch "$fitting"
    [ "$status" -eq 0 ] && [ -s "large $((fitting - 1)).png" ]
    report $? "and for one of $fitting: it is drawn"
done
rm -rf plain-512 large*

# signals at many moments: from the first instruction to the middle of the drawing. (What a script starts in the
# background ignores SIGINT, until the program has its handler.)
rm -rf empty && mkdir empty
signal_at() { # signal_at SIGNAL STATUS DELAY
    local pid start
    (cd empty && exec env --default-signal=INT "$quickstep" sample --model "$model" --steps 1024 --count 64 -o a.png) \
        >/dev/null 2>err &
    pid=$!
    until [ "/proc/$pid/exe" -ef "$quickstep" ]; do kill -0 "$pid" || return 1; done
    sleep "$3"
    start=$(date +%s%N)
    kill -s "$1" "$pid"
    wait "$pid" 2>/dev/null
    status=$?
    took_ms=$((($(date +%s%N) - start) / 1000000))
    [ "$status" -eq "$2" ] && [ $took_ms -lt 1000 ] && no_files empty
}
instants="0 $(seq -s ' ' 0.01 0.02 0.41) 0.6 0.9 1.2"
for signal in 'INT 130' 'TERM 143'; do
    wrong=
    for delay in $instants; do
        # shellcheck disable=SC2086  # a signal and its status
        signal_at $signal "$delay" || wrong="$wrong, $delay s: exit $status after $took_ms ms"
    done
    [ -z "$wrong" ]
    report $? "SIG$signal within a second, no file, at $(wc -w <<<"$instants") instants$wrong"
done

if command -v ffmpeg >/dev/null; then # at once, with ffmpeg's file half made
    (cd empty && exec "$quickstep" walk --model "$model" --from 1 --to 2 --frames 5000 --steps 1 -o a.gif) >/dev/null 2>err &
    until ! no_files empty; do kill -0 $! && sleep 0.1 || break; done
    kill -KILL $!
    wait $! 2>/dev/null
    for _ in $(seq 100); do
        no_files empty && break
        sleep 0.1
    done
    no_files empty
    report $? 'SIGKILL while a GIF is made: no file'
fi

# surroundings
(unset HOME && XDG_CACHE_HOME=relative exec "$quickstep" sample --model "$model" --steps 1 -o a.png \
    >out 2>err)
report $? 'HOME unset, XDG_CACHE_HOME relative'
odd=$(printf 'odd \377 name')
mkdir "$odd"
sample --steps 2 --seed 7 -o "$odd/a.png"
[ "$status" -eq 0 ] && cmp -s one.png "$odd/a.png"
report $? 'a path with spaces that is not UTF-8'
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then # there are pseudo-terminals
    command_line="$(printf '%q ' "$quickstep" sample --model "$model" --steps 3 -o a.png)"
    TERM=xterm script -qec "$command_line" /dev/null >out </dev/null
    grep -q 'step 3 of 3' out && ! grep -q "$(printf '\033')" out
    report $? 'a terminal shows progress, without escape sequences'
    TERM=dumb script -qec "$command_line" /dev/null >out </dev/null
    ! grep -q 'step 3 of 3' out
    report $? 'a dumb terminal does not'
fi
