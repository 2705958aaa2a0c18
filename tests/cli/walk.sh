# quickstep walk: on the way between seeds (part of test_cli.sh)
walk() { run walk --model "$model" --steps 1 "$@"; }

walk --from 5 --to 6 --at 0 -o first.png
sample --steps 1 --seed 5 -o five.png
[ "$status" -eq 0 ] && [ "$("$helper" differ first.png five.png)" -le 1 ]
report $? 'walk: the first end is the seed (to one 255th)'
walk --from 5 --to 6 --at 1 -o last.png
sample --steps 1 --seed 6 -o six.png
[ "$status" -eq 0 ] && [ "$("$helper" differ last.png six.png)" -le 1 ]
report $? 'walk: so is the last'
walk --from 5 --to 6 --at 0.5 -o between.png
[ "$status" -eq 0 ] && [ "$("$helper" differ between.png five.png)" -gt 8 ] &&
    [ "$("$helper" differ between.png six.png)" -gt 8 ]
report $? 'walk: halfway is neither'
repeats between.png
report $? "a walk's command makes the same file"
walk --from 5 --to 50 --at 0.25 --count 3 -o three.png
[ "$status" -eq 0 ] && "$helper" pixels three.png | grep -q "^$((width * 2))x$((height * 2)) "
report $? 'walk: three pictures there'
repeats three.png
report $? 'and their command makes the same file'
walk --from 5 --to 6,7 --frames 5 --scale 1 -o 'w %02d.png'
[ "$status" -eq 0 ] && [ "$(ls w\ *.png | wc -l)" = 5 ] && [ "$("$helper" differ 'w 00.png' first.png)" -le 1 ]
report $? 'walk: a file each'
walk --from 5 --to 6,7 --loop --frames 6 --scale 2 -o loop.png
[ "$status" -eq 0 ] && [ "$("$helper" frames loop.png)" = 6 ] && "$helper" pixels loop.png | grep -q "^$((width * 2))x$((height * 2)) "
report $? 'walk: a PNG that moves, whose first picture every program shows'
repeats loop.png
report $? 'and its command makes the same file'
walk --from 5 --to 6 --at 0.5 --init five.png --strength 0.6 -o from.png
[ "$status" -eq 0 ] && grep -q 'seed 5 to 6' out && [ "$("$helper" differ from.png between.png)" -gt 8 ] &&
    [ "$("$helper" differ from.png five.png)" -gt 8 ] && repeats from.png
report $? 'walk: from a picture, and its command makes the same file'
if command -v ffmpeg >/dev/null; then
    for end in gif mp4 webm; do
        walk --from 5 --to 6 --frames 4 -o "w.$end"
        [ "$status" -eq 0 ] && [ -s "w.$end" ] && [ -z "$(ls .w.$end* 2>/dev/null)" ]
        report $? "walk: $end by ffmpeg"
    done
fi
mkdir no_ffmpeg
ln -s "$(command -v sh)" no_ffmpeg/sh
PATH=$PWD/no_ffmpeg walk --from 5 --to 6 --frames 4 -o none.mp4
is_error 8 'ffmpeg .* not installed' && [ ! -e none.mp4 ]
report $? 'without ffmpeg: exit 8, and what works without it'
fails 'walk --count on the way' 2 'goes with --at' walk --from 1 --to 2 --count 3 -o a.png
fails 'walk to nowhere' 2 'Name a seed' walk --from 1 -o a.png
fails "walk --to '1,x'" 2 '--to wants' walk --from 1 --to 1,x -o a.png
fails 'walk --at 1.5 of one leg' 2 '--at wants' walk --from 1 --to 2 --at 1.5 -o a.png
fails 'walk to a .jpg' 2 'must end in' walk --from 1 --to 2 -o a.jpg
fails 'walk --frames 1' 2 '--frames wants' walk --from 1 --to 2 --frames 1 -o a.png
