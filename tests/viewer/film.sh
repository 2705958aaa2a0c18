# shellcheck shell=bash
# The film strip, favourites, undo; several numbers of steps side by side. Sourced by viewer_test.sh.

start --steps 1
await 20 '^picture 1 '
for _ in 1 2; do
    at=$(lines)
    xdotool key r
    await 10 '^picture .*check=ok' "$at"
done
await 5 '^widget film.2 ' "$at"
ok $? "the last pictures are in the film strip"
at=$(lines)
click film.2
await 10 'steps=1 seed=5 ' "$at"
ok $? "a click there brings the first one back"
settle
at=$(lines)
xdotool key ctrl+z
await 10 '^picture .*check=ok' "$at"
tail -n "+$((at + 1))" out | grep '^picture' | grep -qv 'seed=5 '
ok $? "Ctrl Z undoes that"
settle
at=$(lines)
xdotool key ctrl+y
await 10 'steps=1 seed=5 ' "$at"
ok $? "and Ctrl Y does it again"
at=$(lines)
xdotool key d
await 5 "^note kept as $work/data/quickstep/favourites/.*seed5.png" "$at"
ok $? "D keeps a favourite on disk"
leave

# --- several numbers of steps
start --seed 9 --steps 1
await 20 '^picture 1 ' && await 5 '^widget film.1 '
ok $? "the favourite is there in the next session"
at=$(lines)
click film.1
await 10 'steps=1 seed=5 ' "$at"
ok $? "and can be drawn again"
at=$(lines)
click view.columns
for steps in 1 2 4 8 16 64; do
    await 60 "^picture .*steps=$steps seed=5 " "$at" || break
done
[ $steps = 64 ] && await 5 '^widget column.64 '
ok $? "columns: 1, 2, 4, 8, 16 steps and the limit of the same seed"
sleep 1
xdotool mousemove 3 3
at=$(lines)
sleep 1.5
tail -n "+$((at + 1))" out | grep -q '^picture'
[ $? = 1 ]
ok $? "and then it rests"
look column.1 first.png
look column.64 limit.png
changed=$(differing first.png limit.png)
[ "$changed" -gt 20 ]
ok $? "each says what it took and how near it is ($changed pixels)"
at=$(lines)
click view.wipe
await 20 '^widget wipe ' "$at"
read -r x y w h <<<"$(rect wipe)"
sleep 0.5
look wipe middle.png
xdotool mousemove $((x + w / 2)) $((y + h / 3)) mousedown 1 mousemove $((x + w / 20)) $((y + h / 3)) sleep 0.2 mouseup 1
sleep 0.5
look wipe moved.png
changed=$(differing middle.png moved.png)
[ "$changed" -gt 200 ]
ok $? "wipe: the border moves with the mouse ($changed pixels)"
click view.one
leave
