# shellcheck shell=bash
# What is played, into a file. Sourced by viewer_test.sh.

# recorded: waits for its note; $file and $seconds
recorded() {
    await 30 '^note recorded ' "$at" || return 1
    file=$(sed -n 's/^note recorded .* s: //p' out | tail -n 1)
    seconds=$(sed -n 's/^note recorded \(.*\) s: .*/\1/p' out | tail -n 1)
}
start --steps 1 --batch 1
await 20 '^picture 1 ' && await 5 '^layout end'
at=$(lines)
click record.png
await 10 '^widget record.stop ' "$at" && more_pictures 12
ok $? "recording plays, and its button stops it"
read -r x y _ <<<"$(rect recording)"
[ -n "${y-}" ]
ok $? "a mark over the picture says that it is recorded"
xdotool mousemove 3 3 key g
recorded
frames=$(grep -ao fcTL "$file" | wc -l)
told=$((16#$(tail -c "+$(($(grep -obUa acTL "$file" | head -n 1 | cut -d: -f1) + 5))" "$file" | head -c 4 | od -An -tx1 | tr -d ' \n')))
[ "$file" = "${model##*/}-recording.png" ] && [ "$frames" -ge 5 ] && [ "$told" = "$frames" ] && identify "$file" 2>&1 | grep -q '320x320' && ! identify "$file" 2>&1 | grep -qi 'crc'
ok $? "G ends it: an APNG of $frames pictures, $seconds s ($file)"
at=$(lines)
xdotool key g
await 10 '^widget record.stop ' "$at" && more_pictures $(($(grep -c '^picture' out) + 4))
click batch.9
await 20 '^note .*recording-2.png ends: pictures are [0-9x]* now, and were 320x320' "$at" && [ -s "${model##*/}-recording-2.png" ]
ok $? "with other pictures it ends, and says why"
await 30 '^picture .*count=9 ' "$at"
at=$(lines)
click record.gif
if command -v ffmpeg >/dev/null; then
    more_pictures $(($(grep -c '^picture' out) + 4))
    xdotool mousemove 3 3 key g
    recorded && [ "$(identify "$file" | wc -l)" -ge 10 ] && [ "${file##*.}" = gif ]
    ok $? "a GIF ($file)"
    click record.mp4
    more_pictures $(($(grep -c '^picture' out) + 4))
    xdotool mousemove 3 3 key Escape
    stop
    ok $? "left while it is recorded: exit status 0"
    [ -s "${model##*/}-recording.mp4" ] && ! ls -- *.tmp ".${model##*/}"* >/dev/null 2>&1
    ok $? "and the film is whole"
else
    await 10 '^note not recorded: .*ffmpeg makes .gif files and is not installed' "$at"
    ok $? "a GIF without ffmpeg: a note says so"
    leave
fi
