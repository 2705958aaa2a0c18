# shellcheck shell=bash
# The full screen, and presentations. Sourced by viewer_test.sh.

start --steps 1
await 20 "^picture 1 " && await 5 "^widget label "
at=$(lines)
window=$(xdotool search --name '^Quickstep' | head -n 1)
xdotool mousemove 3 3 key $F11
await 10 '^layout 2240 1560' "$at"
ok $? "F11: the full screen"
xdotool key $F11
await 10 '^layout 1100 760' "$at"
ok $? "F11 again: the window"
at=$(lines)
xdotool key $F5
await 10 '^layout 2240 1560' "$at" && await 20 '^picture .*at=0\.[0-9]*[1-9]' "$at"
ok $? "F5: pictures only, walking"
tail -n "+$((at + 1))" out | awk '/^layout 2240/ { n = 0 } /^widget/ { n++ } END { exit n > 1 }'
ok $? "and no controls"
at=$(lines)
xdotool key Escape
await 10 '^widget label ' "$at" && kill -0 "$pid"
ok $? "Escape leads back to the controls"
leave
