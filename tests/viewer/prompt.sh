# shellcheck shell=bash
# A model that reads: pictures follow what is typed. Sourced by viewer_test.sh.

start --model "$(dirname "$model")/heroes" --steps 1 --prompt "red robe"
await 20 '^picture 1 steps=1 seed=5 .*check=ok' && await 5 '^layout end'
xdotool mousemove 3 3
look picture robe.png
at=$(lines)
click prompt
await 5 '^widget prompt.typing ' "$at" && xdotool key End && xdotool type --delay 60 " and green shield"
await 10 '^picture [0-9]* steps=1 seed=5 .*check=ok' "$at"
ok $? "typing draws other pictures"
sleep 1
xdotool mousemove 3 3
look picture shield.png
changed=$(differing robe.png shield.png)
[ "$changed" -gt 500 ]
ok $? "and they show what was typed ($changed pixels)"
xdotool key Return # Escape would take back what was typed
sleep 0.3
at=$(lines)
xdotool key s
await 5 '^note saved ' "$at"
file=$(sed -n 's/^note saved //p' out | tail -n 1)
grep -q '"prompt": "red robe and green shield"' "$file" && grep -q '"guidance": 3' "$file"
ok $? "the saved picture has the prompt and the scale ($file)"
at=$(lines)
click prompt.example
await 10 '^picture ' "$at"
ok $? "another example is drawn"
leave
start --prompt "red robe"
stop
[ $? = 2 ] && grep -q 'reads no prompts' err
ok $? "a prompt for a model that reads none: exit status 2"
start --model "$(dirname "$model")/heroes" --prompt "$(printf 'a%.0s' $(seq 600))"
stop
[ $? = 2 ] && grep -q 'at most 511 bytes' err
ok $? "a prompt longer than the field: exit status 2, not another prompt"
