# shellcheck shell=bash
# Between two labels. Sourced by viewer_test.sh.

start --paused --steps 1 --batch 1 --label monster
await 20 "^picture 1 " && at=$(lines) && await 10 "^drawn" "$at"
xdotool mousemove 3 3
look picture first.png
at=$(lines)
click blend
await 20 '^picture .*check=ok' "$at" && await 10 '^widget label.to ' "$at"
ok $? "a second label unfolds"
see half.png
mix_more
awk '{ exit !($1 > 100 && $2 > 100) }' <<<"$changed"
ok $? "pictures follow the mix ($changed pixels)"
save
repeats "$model" && grep -q -- '--label monster --label-to .* --mix 0\.[6-9]' command
ok $? "saved with both, and the command line draws it again ($changed differ)"
at=$(lines)
click motion.mix
xdotool key space
await 20 '^picture .*at=0.0000' "$at" && await 20 '^picture .*at=0.0000' "$(lines)"
ok $? "played, the mix moves"
at=$(lines)
xdotool key space
click blend
see folded.png
[ "$(differing first.png folded.png)" = 0 ]
ok $? "folded away, it is the first label's picture"
leave

start --paused --batch 1 "$file"
await 20 '^picture .*steps=1 ' && await 10 '^widget label.to '
settle
at=$(lines)
xdotool mousemove 3 3 key s
await 10 '^note saved ' "$at"
again=$(sed -n 's/^note saved //p' out | tail -n 1)
[ "$again" != "$file" ] && [ "$(differing "$file" "$again")" = 0 ]
ok $? "dropped, it is drawn again"
leave
