# shellcheck shell=bash
# What it cannot do is said. Sourced by viewer_test.sh.

DISPLAY='' "$viewer" --model "$model" >out 2>err
[ $? = 4 ] && grep -q 'quickstep sample' err
ok $? "without a display: exit status 4, and advice"
"$viewer" --model "$model" --steps 20 >out 2>err
[ $? = 2 ] && grep -q -- '--steps' err
ok $? "a step count that is no notch: exit status 2"
"$viewer" --model "$model" --scale 20 >out 2>err
[ $? = 2 ] && grep -q -- '--scale' err
ok $? "a scale out of range: exit status 2"
"$viewer" --nonsense >out 2>err
[ $? = 2 ]
ok $? "an unknown option: exit status 2"
