# shellcheck shell=bash
# Drawn from what a camera sees (camera.c). Sourced by viewer_test.sh.

[ -n "$fake_camera" ] || return 0
with_camera() { # with_camera OPTION...
    : >out
    : >err
    CAMERA=$work/camera LD_PRELOAD="$faults $fake_camera" "$viewer" --model "$model" --size 1100x760 --seed 5 --report --paused --steps 2 --batch 1 "$@" >out 2>err &
    pid=$!
}
seen() { # what the middle of the canvas is: "R G B"
    look canvas canvas.png
    convert canvas.png -gravity center -crop 8x8+0+0 -scale 1x1! -depth 8 -format '%[fx:int(255*u.r+.5)] %[fx:int(255*u.g+.5)] %[fx:int(255*u.b+.5)]' info:
}
near() { awk -v a="$1" -v b="$2" 'BEGIN { split(a, x); split(b, y); for (i = 1; i <= 3; i++) if ((x[i] - y[i]) ^ 2 > 16) exit 1 }'; }

echo 'yuyv 81 90 240' >camera # red
with_camera --camera /dev/video1
await 60 '^note pictures are drawn from a fake' && await 60 '^picture .*strength=0.600' && await 20 '^widget canvas '
colour=$(seen)
near "$colour" "255 0 0"
ok $? "a camera's YUYV is seen as it is, and pictures are drawn from it ($colour)"
at=$(lines)
echo 'yuyv 145 54 34' >camera # green
await 20 '^picture .*strength=0.600' "$at" && await 20 '^picture .*strength=0.600' "$(lines)"
colour=$(seen)
near "$colour" "0 255 1"
ok $? "what it sees next, too ($colour)"
at=$(lines)
click camera
settle
xdotool mousemove 3 3
echo 'yuyv 81 90 240' >camera
save
colour=$(seen)
repeats "$model" && near "$colour" "0 255 1"
ok $? "held, it stays, and what is saved the command line draws again ($changed differ)"
at=$(lines)
xdotool key c
await 20 '^picture .*strength=0.600' "$at" && await 20 '^picture .*strength=0.600' "$(lines)"
colour=$(seen)
near "$colour" "255 0 0"
ok $? "C: live again ($colour)"
at=$(lines)
xdotool mousemove 3 3 key space
await 30 '^picture .*seed=5 .*strength=0.600 at=0\.[0-9]*[1-9]' "$at" && await 60 '^picture .*seed=\([0-46-9]\|[0-9][0-9]\).*strength=0.600' "$at"
ok $? "played, it walks from seed to seed"
at=$(lines)
echo 'yuyv 145 54 34' >camera
await 20 '^picture .*strength=0.600' "$at" && await 20 '^picture .*strength=0.600' "$(lines)"
colour=$(seen)
near "$colour" "0 255 1"
ok $? "and each picture is drawn from what the camera sees then ($colour)"
xdotool key space

# two strokes of the mask, with more pictures between them than are kept, and the second one undone
seen_more() { # pictures of the camera
    local at
    for _ in $(seq 60); do
        at=$(lines)
        await 20 '^picture .*strength=0.600' "$at" || return 1
    done
}
click tool.anew
stroke canvas 0.2 0.3 0.2 0.7
seen_more && stroke canvas 0.8 0.3 0.8 0.7
seen_more && xdotool mousemove 3 3 key ctrl+z
await 20 '^picture .*strength=0.600' "$(lines)"
at=$(lines)
xdotool key c
await 20 '^rest' "$at" && save && convert "${file%.png}-mask.png" -threshold 50% mask.png
changed="$(convert mask.png -gravity west -crop 50%x100%+0+0 -format '%[fx:100*mean]' info:) $(convert mask.png -gravity east -crop 50%x100%+0+0 -format '%[fx:100*mean]' info:)"
awk -v said="$changed" 'BEGIN { split(said, part); exit !(part[1] > 10 && part[2] == 0) }'
ok $? "a stroke is undone, the one before stays where it was (of the left and right half, masked: $changed %)"
at=$(lines)
xdotool key c
await 20 '^picture .*strength=0.600' "$at"
echo gone >camera
await 20 '^note /dev/video1 is gone: No such device'
ok $? "unplugged, a note says so"
leave

echo busy >camera
with_camera
await 60 '^picture ' && xdotool mousemove 3 3 key c
await 20 '^note /dev/video1 is in use by another program'
ok $? "in use: a note says so"
leave
