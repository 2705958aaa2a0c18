# shellcheck shell=bash
# Colouring, by a model that draws pixels. Sourced by viewer_test.sh.

start --model "$networks/ddpm" --steps 4 --batch 1
await 60 '^picture 1 ' && at=$(lines) && await 10 '^drawn' "$at"
at=$(lines)
click canvas.this
await 60 '^picture .*strength=0.600' "$at" && await 5 '^widget colour.it ' "$at"
settle
at=$(lines)
click colour.it
await 20 '^picture .*strength=0.600' "$at"
ok $? "its box colours the canvas"
settle
xdotool mousemove 3 3
import -silent -window root -crop 1100x760+0+0 +repage coloured.png
save
repeats "$networks/ddpm" && grep -q -- ' --colour ' command
ok $? "saved with that, and the command line draws it again ($changed differ)"
for part in "$file" "${file%.png}-from.png"; do
    convert "$part" -depth 8 RGBA:- | od -An -v -tu1 -w4 >"$part.txt"
done
# pixels that no clipping has changed; those with another luminance, with other colours
counts=$(paste "$file.txt" "${file%.png}-from.png.txt" | awk '
    $1 % 255 && $2 % 255 && $3 % 255 {
        n++
        d = 0.2989 * ($1 - $5) + 0.587 * ($2 - $6) + 0.114 * ($3 - $7)
        wrong += d * d > 1
        other += $1 != $5 || $2 != $6 || $3 != $7
    }
    END { print n + 0, wrong + 0, other + 0 }')
awk '{ exit !($1 > 40 && $2 == 0 && $3 > $1 / 2) }' <<<"$counts"
ok $? "the luminance is the canvas', the colours are not ($counts)"
leave
start --steps 1 --batch 1
await 20 '^picture 1 '
at=$(lines)
click canvas.this
await 60 '^picture .*strength=0.600' "$at" && await 5 '^widget canvas ' "$at" && ! grep -q '^widget colour.it ' out
ok $? "a model that draws latents has no such box"
leave
