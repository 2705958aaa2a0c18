# shellcheck shell=bash
# What pictures are drawn from: canvases, masks, brushes. Sourced by viewer_test.sh.

start --steps 4 --batch 1
await 20 '^picture 1 ' && await 5 '^layout end'
settle
at=$(lines)
click canvas.this
await 60 '^picture .*steps=3 seed=5 .*strength=0.600' "$at" && await 5 '^widget canvas ' "$at"
ok $? "from this one: three of four steps run from the picture on the screen"
xdotool mousemove 3 3 # a tooltip may lie over it
look canvas before.png
at=$(lines)
click tool.anew
xdotool mousemove $(point canvas 0.2 0.2) sleep 0.1 mousedown 1 sleep 0.1 mousemove $(point canvas 0.4 0.3)
await 10 '^picture .*strength=0.600' "$at" && sleep 1
xdotool mousemove $(point canvas 0.7 0.7) sleep 0.5 mouseup 1
xdotool mousemove 3 3
settle
at=$(lines)
click film.1
await 10 '^note the picture that it was drawn from is no longer kept' "$at"
ok $? "a picture from half a stroke is not drawn from the whole one: a note says why"
xdotool mousemove 3 3 key ctrl+z
look canvas undone.png
[ "$(differing before.png undone.png)" = 0 ]
ok $? "however slow, a stroke is one change"
at=$(lines)
click tool.anew
stroke canvas 0.3 0.3 0.6 0.4
await 10 '^picture .*strength=0.600' "$at"
ok $? "a stroke draws anew"
xdotool mousemove 3 3
look canvas masked.png
changed=$(differing before.png masked.png)
[ "$changed" -gt 50 ]
ok $? "the mask is seen on the canvas ($changed pixels)"
save
masked=$file from=${file%.png}-from.png
repeats "$model" && [ ! -s warned ] && [ -s "$from" ] && [ -s "${file%.png}-mask.png" ]
ok $? "saved with canvas and mask beside it, and the command line draws it again ($changed differ)"
for part in "$file" "$from"; do
    convert "$part" -gravity south -crop 100%x35%+0+0 +repage "part-$(basename "$part")"
done
changed=$(differing "part-$(basename "$file")" "part-$(basename "$from")")
[ "$changed" = 0 ]
ok $? "what is not masked is what it was ($changed pixels differ)"
at=$(lines)
xdotool key ctrl+z
await 10 '^picture .*strength=0.600' "$at"
xdotool mousemove 3 3
look canvas undone.png
[ "$(differing before.png undone.png)" = 0 ]
ok $? "Ctrl Z takes the stroke back"
look brush.feather hard_brush.png
at=$(lines)
xdotool mousemove $(point brush.feather 0.1 0.5) sleep 0.1 mousedown 1 sleep 0.2 mousemove $(point brush.feather 0.7 0.5) sleep 0.2 mouseup 1
stroke canvas 0.4 0.4 0.6 0.4
await 10 '^picture .*strength=0.600' "$at"
xdotool mousemove 3 3
settle
at=$(lines)
xdotool key s
await 10 '^note saved ' "$at"
soft=$(sed -n 's/^note saved //p' out | tail -n 1)
import -silent -window root -crop 1100x760+0+0 +repage feather.png
shades=$(identify -format %k "${soft%.png}-mask.png")
for part in "$soft" "${soft%.png}-from.png" "${soft%.png}-mask.png"; do
    convert "$part" -depth 8 RGBA:- | od -An -v -tx1 -w4 >"$part.txt"
done
# what the mask keeps, and how much of it is what it was
kept=$(paste "${soft%.png}-mask.png.txt" "$soft.txt" "${soft%.png}-from.png.txt" |
    awk '$1 == "00" { kept++; same += $5 $6 $7 $8 == $9 $10 $11 $12 } END { print kept + 0, same + 0 }')
[ "$shades" -gt 8 ] && [ "${kept% *}" -gt 300 ] && [ "${kept% *}" = "${kept#* }" ]
ok $? "a soft brush masks in $shades shades, and what it keeps is what it was ($kept pixels)"
look brush.feather soft_brush.png
at=$(lines)
xdotool key ctrl+z
await 10 '^picture .*strength=0.600' "$at"
look brush.feather kept_brush.png
[ "$(differing soft_brush.png kept_brush.png)" = 0 ] && [ "$(differing hard_brush.png soft_brush.png)" -gt 20 ]
ok $? "Ctrl Z takes that stroke back, and leaves the brush"
for _ in 1 2 3; do # a slow machine's slider may have stopped on its way
    xdotool key ctrl+z
    look brush.feather undone_brush.png
    [ "$(differing hard_brush.png undone_brush.png)" != 0 ] || break
done
[ "$(differing hard_brush.png undone_brush.png)" = 0 ]
ok $? "and once more the brush, too"
at=$(lines)
xdotool mousemove $(point strength 0.3 0.5) sleep 0.1 mousedown 1 sleep 0.3 mousemove $(point strength 0.15 0.5) sleep 0.3 mouseup 1
await 10 '^picture .*steps=[12] .*strength=0\.[1-4]' "$at"
ok $? "pictures follow the strength's slider, with fewer steps"
at=$(lines)
xdotool key space
await 20 '^picture .*strength=0\.[1-9].* at=0\.[1-9]' "$at"
at=$(lines)
xdotool key space
settle
xdotool mousemove 3 3
save
grep -q '^picture .* at=0\.' out && repeats "$model" && grep -q '^quickstep walk .*--init' command
ok $? "walked, what is saved has the canvas, and the command line draws it again ($changed differ)"
at=$(lines)
click canvas.leave
await 10 '^picture .*steps=4 seed=5 .*strength=0.000' "$at" && await 5 '^layout end' "$at"
ok $? "leave: from noise alone again"
at=$(lines)
click canvas.blank
await 10 '^picture .*strength=0\.[1-9]' "$at"
settle
look canvas blank.png
at=$(lines)
click colour.3
stroke canvas 0.4 0.3 0.5 0.7
await 10 '^picture .*strength=0\.[1-9]' "$at"
xdotool mousemove 3 3
look canvas painted.png
[ "$(differing blank.png painted.png)" -gt 50 ]
ok $? "paint on a blank canvas, and a picture follows"
at=$(lines)
xdotool key t
await 10 '^picture .*strength=0.000' "$at"
ok $? "T leaves it"
leave

# again PNG: recalled, and saved once more; $changed pixels differ
again() {
    play --paused --steps 1 --batch 1 "$1"
    await 60 '^picture .*steps=3 seed=5 .*strength=0.600' && await 5 '^widget canvas '
    settle
    xdotool mousemove 3 3 key s
    await 10 '^note saved '
    import -silent -window root -crop 1100x760+0+0 +repage recalled.png
    changed=$(differing "$1" "$(sed -n 's/^note saved //p' out | tail -n 1)")
    xdotool key Escape
}
# refused PNG PATTERN: a note has it, and nothing is drawn from anything
refused() {
    play --paused --steps 1 --batch 1 "$1"
    await 60 "^note .*$2" && ! grep -q 'strength=0\.[1-9]' out
}
again "$masked"
[ "$changed" = 0 ]
ok $? "dropped, it is drawn again from its canvas, with its mask ($changed pixels differ)"
stop
ok $? "exit status 0"
mkdir elsewhere
cp "$masked" "$from" "${masked%.png}-mask.png" elsewhere
mv "$from" hidden.png
again "elsewhere/$masked"
[ "$changed" = 0 ]
ok $? "and in another folder from the one beside it ($changed pixels differ)"
stop
refused "$masked" "$masked was drawn from $from, which is neither beside it nor here"
ok $? "without its canvas: a note says which is missing"
xdotool key Escape
stop
convert "elsewhere/$from" -flop "$from"
refused "$masked" "$masked was drawn from $from, which has changed since"
ok $? "with another one in its place: a note says so"
leave

convert -size 90x60 gradient:red-blue photo.jpg
play --paused --steps 4 --batch 1 photo.jpg
await 60 '^note pictures are drawn from photo.jpg' && await 60 '^picture .*strength=0.600'
ok $? "a photograph on the command line (or dropped) is drawn from"
leave
echo 'no picture' >text.txt
play --paused --steps 1 --batch 1 text.txt
await 60 '^note text.txt cannot be read as PNG or JPEG' && ! grep -q 'strength=0\.[1-9]' out
ok $? "a text is no picture, and says so"
leave
