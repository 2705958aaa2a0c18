# shellcheck shell=bash
# Between two labels. Sourced by test_cli.sh.

mixed() { run sample --model "$model" --steps 2 --seed 5 "$@"; }
mixed --label hero --label-to monster --mix 0.25 -o between.png
[ "$status" -eq 0 ] && grep -q 'label hero, 0.25 of monster' out
report $? 'a picture between two labels'
run metadata --command between.png
grep -q -e '--label hero --label-to monster .*--mix 0.25' out
report $? 'its recipe has both'
repeats between.png
report $? 'and its command makes the same file'
mixed --label hero -o hero.png
mixed --label hero --label-to monster --mix 0 -o first.png
mixed --label monster --label-to hero --mix 1 -o second.png
mixed --label monster --label-to hero -o half.png
[ "$("$helper" differ hero.png first.png)" = 0 ] && [ "$("$helper" differ hero.png second.png)" = 0 ] &&
    [ "$("$helper" differ hero.png half.png)" -gt 8 ] && [ "$("$helper" differ between.png half.png)" -gt 0 ]
report $? 'nothing of the second is the first, all of it the second'

turn() { run walk --model "$model" --steps 2 --from 5 --label hero --label-to monster "$@"; }
turn --frames 3 --scale 1 -o 'turn %d.png'
[ "$status" -eq 0 ] && [ "$("$helper" differ 'turn 0.png' hero.png)" = 0 ] && [ "$("$helper" differ 'turn 1.png' half.png)" = 0 ]
report $? 'walk: from one label to the other'
run metadata --command 'turn 1.png'
grep -q '^quickstep sample .*--label-to monster .*--mix 0.5' out
report $? 'each as sample draws it'
turn --frames 4 --loop -o turn.png
[ "$status" -eq 0 ] && [ "$("$helper" frames turn.png)" = 4 ] && repeats turn.png
report $? 'and back, as a file that moves, whose command makes it again'
turn --to 6 --frames 3 --scale 1 -o 'both %d.png'
run metadata --command 'both 1.png'
grep -q '^quickstep walk .*--to 6 --at 0.5 .*--mix 0.5' out && repeats 'both 1.png'
report $? 'walk: to another seed at the same time'

rm -rf empty && mkdir empty
fails 'a label that is none' 2 "--label-to: the model .* has no 'monstr'; did you mean 'monster'" sample -m "$model" --label-to monstr -o empty/a.png
fails 'too much of it' 2 "--mix wants a number from 0 to 1, not '-1'" sample -m "$model" --label-to monster --mix=-1 -o empty/a.png
fails 'of a model without labels' 2 '--label-to: the model .* has no labels' sample -m "$here/../golden/networks/ddpm" --label-to 1 -o empty/a.png
fails 'a place on a way without seeds' 2 '--at is between seeds' walk -m "$model" --label-to monster --at 0.5 -o empty/a.png
no_files empty
report $? 'nothing was written'
