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
at=$(lines)
xdotool key s
await 10 '^note saved ' "$at"
file=$(sed -n 's/^note saved //p' out | tail -n 1)
"$cli" metadata --command "$file" >command && grep -q -- ' --colour ' command &&
    eval "$(sed "s|^quickstep sample --model [^ ]*|'$cli' sample --quiet --model '$networks/ddpm'|" command)" >/dev/null
changed=$(differing "$file" repeat.png)
[ "$changed" = 0 ]
ok $? "saved with that, and the command line draws it again ($changed differ)"
convert "$file" "${file%.png}-from.png" -color-matrix '0.2989 0.587 0.114 0.2989 0.587 0.114 0.2989 0.587 0.114' -depth 8 grey-%d.png
changed=$(compare -metric AE -fuzz 1.5% grey-0.png grey-1.png null: 2>&1 | sed 's/[^0-9].*//')
colours=$(differing "$file" "${file%.png}-from.png")
[ "$changed" -le $((colours / 10)) ] && [ "$colours" -gt 50 ]
ok $? "the luminance is the canvas', the colours are not ($changed and $colours pixels differ)"
xdotool key Escape
stop
ok $? "exit status 0"
start --steps 1 --batch 1
await 20 '^picture 1 '
at=$(lines)
click canvas.this
await 60 '^picture .*strength=0.600' "$at" && await 5 '^widget canvas ' "$at" && ! grep -q '^widget colour.it ' out
ok $? "a model that draws latents has no such box"
xdotool key Escape
stop
ok $? "exit status 0"
