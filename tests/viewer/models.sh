# shellcheck shell=bash
# Other models: from the list, those that cannot run, a folder. Sourced by viewer_test.sh.

# --- another model: one of 7 x 5 pixels, and one that cannot be opened
choose() { # choose MODEL: from the list
    local at
    at=$(lines)
    click model
    await 5 "^widget model.$1 " "$at"
    click "model.$1"
}
mkdir models
cp -r "$networks/one_block" models/small
cp -r "$networks/one_block" models/broken
cp -r "$networks/one_block" outside
sed -i '/"sample_size"/,/\]/d' models/broken/unet/config.json
export QUICKSTEP_MODELS=$work/models
start --steps 4 --label 2
await 20 '^picture 1 steps=4 seed=5 ' && xdotool key s
await 5 '^note saved '
first=$(sed -n 's/^note saved //p' out)
size=$(sed -n 's/^picture 1 .*\(size=[0-9x]*\).*/\1/p' out)
at=$(lines)
choose small
await 60 'steps=4 seed=5 count=1 size=7x5 sampler=consistency .*check=ok' "$at"
ok $? "another model is chosen from the list, the steps and the seed stay"
xdotool getwindowname "$(xdotool search --name '^Quickstep' | head -n 1)" | grep -q small
ok $? "the window's title names it"
xdotool mousemove 3 3 key s
await 5 '^note saved ' "$at"
file=$(sed -n 's/^note saved //p' out | tail -n 1)
[ "$file" = small-0-4steps-seed5.png ] && [ "$(identify -format %wx%h "$file")" = 7x5 ] &&
    grep -q '"model": "small"' "$file"
ok $? "its picture is saved in its name and size ($file)"
look model small.png
at=$(lines)
choose broken
await 10 '^note .*broken/unet/config.json.*sample_size' "$at"
ok $? "a model that cannot be opened: a note says why"
xdotool mousemove 3 3
look model still.png
changed=$(differing small.png still.png)
[ "$changed" = 0 ]
ok $? "the one before stays chosen ($changed pixels differ)"
xdotool key Right
await 10 'steps=5 seed=5 count=1 size=7x5 ' "$at" &&
    [ "$(tail -n "+$((at + 1))" out | grep -c -e '^picture' -e '^note')" = 2 ]
ok $? "and draws in the session that it had"
choose "${model##*/}"
await 60 "steps=5 seed=5 count=1 $size sampler=multistep .*check=ok" "$at" && xdotool key s
await 5 "^note saved ${first/4steps/5steps}" "$at"
ok $? "back to the first model, which has its label still ($first)"
click notch.64
at=$(lines)
choose small
await 60 'steps=4 seed=5 count=1 size=7x5 ' "$at"
ok $? "in the middle of 64 steps, which the other one's slider has not: its default"
leave

# --- a model that cannot run: the window says why, and what to do
start --model "$work/models/broken" --label 9
await 20 '^widget again '
ok $? "a model that cannot be opened: the window says so"
look picture cannot.png
[ "$(identify -format %k cannot.png)" -gt 8 ] && ! grep -q '^picture' out
ok $? "and draws nothing in its place"
xdotool mousemove 3 3 key Escape
stop
[ $? = 3 ] && grep -q 'broken/unet/config.json.*sample_size' err
ok $? "left like that: exit status 3, and the engine's message"
start --model "$work/models/broken"
await 20 '^widget again ' && click again
await 60 '^picture 1 .*check=ok'
ok $? "its button draws with another model"
leave
export QUICKSTEP_DEBUG=$QUICKSTEP_DEBUG,memory=20
start --label 2
await 60 '^widget again ' && click model && await 5 '^widget model.small ' && click model.small
await 60 '^picture 1 .*size=7x5 .*check=ok'
ok $? "one that the device has no room for: the same, and the list has others"
leave
QUICKSTEP_DEBUG=${QUICKSTEP_DEBUG%,memory*}

QUICKSTEP_DEBUG=$QUICKSTEP_DEBUG,memory=20
start --model ./outside --steps 6 --label 2
await 20 '^picture 1 steps=6 seed=5 count=1 size=7x5 '
at=$(lines)
choose "${model##*/}"
await 60 '^note .*MiB' "$at"
ok $? "a model that the device has no room for: a note"
await 60 '^picture 2 steps=6 seed=5 count=1 size=7x5 ' "$at" && xdotool mousemove 3 3 key s
await 5 '^note saved outside-2-6steps-seed5.png' "$at"
ok $? "the one before, from a folder of its own, is there again with its label and steps"
xdotool getwindowname "$(xdotool search --name '^Quickstep' | head -n 1)" | grep -q outside
ok $? "and in the window's title"
leave
unset QUICKSTEP_MODELS
QUICKSTEP_DEBUG=${QUICKSTEP_DEBUG%,memory*}

play --paused "$networks/one_block"
await 60 '^picture .*size=7x5 '
ok $? "a model's folder on the command line (or dropped) is opened"
leave
