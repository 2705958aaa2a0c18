# shellcheck shell=bash
# Where the time goes, as a file. Sourced by viewer_test.sh.

start --steps 2 --batch 1
await 20 '^picture 1 ' && await 5 '^layout end'
at=$(lines)
xdotool key ctrl+e
await 10 '^note not saved: there is no timeline' "$at"
ok $? "Ctrl E without times: a note says what is missing"
xdotool mousemove $(middle label) click 5 click 5 click 5 click 5 click 5 click 5 # the end of the panel
settle
at=$(lines)
click profile
await 60 '^picture ' "$at" && await 10 '^widget ops ' "$at"
ok $? "the section with the times opens"
xdotool mousemove $(middle label) sleep 0.1
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do xdotool click 5 sleep 0.05; done
settle
at=$(lines)
click timeline
await 10 '^note saved .*-timeline.json' "$at"
file=$(sed -n 's/^note saved \(.*json\).*/\1/p' out | tail -n 1)
shown=$("$check_trace" "$file" 2>>err)
read -r step_ops step_ms decode_ops decode_ms <<<"$shown"
[ "${step_ops:-0}" -gt 10 ] && [ "${decode_ops:-0}" -gt 3 ] && [ "$step_ms" != 0.000 ] && [ "$decode_ms" != 0.000 ]
ok $? "its button saves a timeline whose times nest ($shown)"
at=$(lines)
xdotool mousemove 3 3 key ctrl+e
await 10 '^note saved .*-timeline-2.json' "$at"
ok $? "Ctrl E saves another one beside it"
import -silent -window root -crop 1100x760+0+0 +repage timeline.png
leave
