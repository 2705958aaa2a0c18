# shellcheck shell=bash
# It moves at once; what is saved of a walk comes back. Sourced by viewer_test.sh.

play --batch 1 --steps 1
await 30 '^picture 3 .* at=0\.[0-9]*[1-9]'
ok $? "without --paused it walks: what is drawn lies between seeds"
xdotool key space
sleep 1
save '.*-to[0-9]*\.png$'
shown=$(grep '^picture' out | tail -n 1)
"$cli" metadata --command "$file" >command &&
    grep -q -- '--from 5 --to [0-9]* --at 0\.' command
ok $? "such a picture is saved with its place on the way"
xdotool key w space
await 10 '^picture .*seed=6 .* at=0.0000' "$at"
ok $? "W: new seeds instead"
xdotool key space
sleep 0.5
leave

# --- from that file: the same picture
play "$file"
await 20 "^picture .*steps=1 seed=5 count=1 .*${shown##* }\$"
ok $? "a PNG on the command line (or dropped) is drawn again (${shown##* })"
sleep 0.5
xdotool mousemove 3 3
xdotool key s
await 5 '^note saved '
again=$(sed -n 's/^note saved //p' out | tail -n 1)
changed=$(differing "$file" "$again")
[ "$again" != "$file" ] && [ "$changed" = 0 ]
ok $? "pixel for pixel ($changed differ)"
leave
