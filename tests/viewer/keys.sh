# shellcheck shell=bash
# Everything by the keyboard alone. Sourced by viewer_test.sh.

# reach WIDGET [KEY]: the arrows go to it
reach() {
    local before
    for _ in $(seq 80); do
        before=$(focused)
        [ "$before" = "$1" ] && return 0
        xdotool key "${2-Down}"
        for _ in $(seq 40); do
            [ "$(focused)" != "$before" ] && continue 2
            sleep 0.05
        done
        return 1
    done
    return 1
}
focused() { sed -n 's/^widget focus\.\([^ ]*\) .*/\1/p' out | tail -n 1; }
start --steps 4
await 20 '^picture 1 ' && await 5 '^widget film.0 '
xdotool mousemove 3 3
settle
missed=
for name in label blend seed seed.new seed.lock batch.1 batch.16 sampler precision.f32 canvas.this canvas.blank camera view.one view.wipe filter.smooth play save motion.walk motion.seeds speed pin record.png record.mp4 profile film.0; do
    reach $name || missed="$missed $name"
done
[ -z "$missed" ]
ok $? "down goes through all of the panel to the film strip${missed:+, not to}$missed"
at=$(lines)
reach seed.new Up && xdotool key Return
await 10 '^picture .*check=ok' "$at" && tail -n "+$((at + 1))" out | grep '^picture' | grep -qv 'seed=5 '
ok $? "Enter presses what has the focus: another seed"
at=$(lines)
reach film.1 && xdotool key Return
await 10 '^picture .*steps=4 seed=5 ' "$at"
ok $? "a picture of the film strip comes back"
at=$(lines)
reach canvas.this Up && xdotool key Return
await 20 '^picture .*steps=3 .*strength=0.600' "$at" && at=$(lines) && reach strength Up && xdotool key Left Left Left Left
await 10 '^picture .*steps=2 .*strength=0\.[34]' "$at"
ok $? "a slider with the focus is moved by left and right, and not the steps"
xdotool key Escape
settle
at=$(lines)
xdotool key Left
await 10 '^picture .*steps=[12] ' "$at"
ok $? "Escape leaves it, and left is a step again"
xdotool key t
at=$(lines)
xdotool key b
await 30 '^picture .*count=4 ' "$at"
settle
look picture four.png
xdotool key o
look picture alone.png
for _ in 1 2 3 4; do
    at=$(lines)
    xdotool key o
    await 5 '^drawn' "$at"
done
look picture again.png
[ "$(differing four.png alone.png)" -gt 1000 ] && [ "$(differing four.png again.png)" = 0 ]
ok $? "O: one picture alone after another, then all again"
leave
