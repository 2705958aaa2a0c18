# shellcheck shell=bash
# Between two prompts; text encoders that leave the device. Sourced by viewer_test.sh.

heroes=$(dirname "$model")/heroes
start --model "$heroes" --steps 1 --batch 1 --prompt "red robe"
await 20 "^picture 1 " && at=$(lines) && await 10 "^drawn" "$at"
xdotool mousemove 3 3
look picture first.png
at=$(lines)
click blend
await 60 '^picture .*check=ok' "$at" && await 10 '^widget prompt.to ' "$at"
ok $? "a second prompt unfolds"
at=$(lines)
click prompt.to
await 5 '^widget prompt.to.typing ' "$at" && xdotool key ctrl+a && xdotool type --delay 60 "green robe, crown" &&
    xdotool key Return
await 10 '^picture ' "$at"
see half.png
mix_more
import -silent -window root -crop 1100x760+0+0 +repage blended.png
awk '{ exit !($1 > 500 && $2 > 500) }' <<<"$changed"
ok $? "pictures follow the second prompt and the mix ($changed pixels)"
save
repeats "$heroes" && grep -q -- "--prompt-to='green robe, crown' .*--mix 0\.[6-9]" command
ok $? "saved with both, and the command line draws it again ($changed differ)"
at=$(lines)
click blend
await 60 '^picture .*check=ok' "$at"
see folded.png
[ "$(differing first.png folded.png)" = 0 ]
ok $? "folded away, it is the first prompt's picture"
leave

start --model "$heroes" --offload --batch 1 "$file"
await 60 '^picture .*steps=1 ' && await 10 '^widget prompt.to '
settle
at=$(lines)
xdotool mousemove 3 3 key s
await 10 '^note saved ' "$at"
again=$(sed -n 's/^note saved //p' out | tail -n 1)
changed=$(differing "$file" "$again")
[ "$again" != "$file" ] && [ "$changed" = 0 ]
ok $? "dropped, it is drawn again, and --offload draws the same ($changed differ)"
at=$(lines)
click prompt.example
await 20 '^picture ' "$at"
ok $? "the text encoder comes back for another prompt"
leave

refuses() { # refuses PATTERN OPTION...
    start "${@:2}"
    stop
    [ $? = 2 ] && grep -q -- "$1" err
    ok $? "${*:2}: exit status 2"
}
refuses '--offload: the model sprites has no text encoder' --offload
refuses '--prompt-to: the model sprites reads no prompts' --prompt-to "red robe"
refuses '--mix is for --label-to or --prompt-to' --model "$heroes" --mix 0.5
refuses '--mix is a number from 0 to 1' --model "$heroes" --prompt-to "red robe" --mix 2
refuses '--label-to: the model sprites has no label' --label-to dragon
