# shellcheck shell=bash
# Models that read prompts. Sourced by test_cli.sh.

xl=$(realpath "$here/../golden/readers/xl")

run inspect -m "$xl"
grep -q '^prompts  *up to 14 tokens; guidance 5, by two evaluations' out
report $? 'inspect of a model that reads'
grep -q '^f32  *[0-9.]* [KM]iB: weights [0-9.]* [KM]iB, activations .*, state ' out && grep -q '^f16 ' out &&
    grep -q '^session  *batch 1, f32, guided$' out
report $? 'it says what each precision takes'
QUICKSTEP_DEBUG=memory=17 run inspect -m "$xl" --size 512x512
[ "$status" -eq 5 ] && grep -q '^f32  ' out && ! grep -q ' ms$' err &&
    grep -q 'it needs .* MiB on the device, there are 1.0 MiB; less is taken with --precision f16 --offload$' err
report $? 'and of what does not fit, what takes less, before anything is made'

drawn() { run sample -m "$xl" --steps 2 --seed 5 "$@"; }
drawn --prompt 'red knight' --prompt-to 'old house' --mix 0.25 -o between.png
[ "$status" -eq 0 ] && grep -q '"red knight", 0.25 of "old house"' out
report $? 'a picture between two prompts'
run metadata between.png
grep -q '"prompt_to": "old house"' out && grep -q '"mix": 0.25' out
report $? 'its recipe has both'
run metadata --command between.png
grep -q -e "--prompt-to='old house' .*--mix 0.25" out
report $? 'and the command that repeats it'
drawn --prompt 'red knight' --prompt-to 'old house' --mix 0 -o first.png
drawn --prompt 'old house' --prompt-to 'red knight' --mix 1 -o second.png
drawn --prompt 'old house' --prompt-to 'red knight' -o half.png
[ "$("$helper" differ first.png second.png)" = 0 ] && [ "$("$helper" differ first.png half.png)" != 0 ]
report $? 'all of the second prompt is what all of the first was'

drawn --prompt 'red knight' --negative '' -o empty.png
run metadata --command empty.png
grep -q -e "--negative=''" out
report $? 'an empty negative prompt is not none'

drawn --prompt 'red knight' --prompt-2 'old house' --negative dark --negative-2 'a light' --original-size 80x60 --crop 3,0 -o second.png
run metadata --command second.png
read -r _ again <out
eval "\"\$quickstep\" ${again/--model xl/--model \"\$xl\"}" >out 2>err
cmp -s second.png repeat.png && drawn --prompt 'red knight' --negative dark -o first.png &&
    [ "$("$helper" differ first.png second.png)" != 0 ]
report $? 'the command of a picture of two text encoders and a crop draws it again'

drawn --prompt 'red knight' --size 40x24 --scheduler DDIMScheduler -o oblong.png
run metadata --command oblong.png
read -r _ again <out
eval "\"\$quickstep\" ${again/--model xl/--model \"\$xl\"}" >out 2>err # as a shell has it
cmp -s oblong.png repeat.png && [ "$("$helper" pixels oblong.png | cut -d ' ' -f 1)" = 40x24 ]
report $? 'the command of a picture of another size and scheduler draws it again'

bound() { # bound N: so many guided pictures, two images each, where a binding is a megabyte
    QUICKSTEP_DEBUG=limits=range:1048576 drawn --prompt 'red knight' --guidance 3 --precision f32 --size 128x128 \
        --count "$1" --batch "$1" -o 'bound %d.png'
}
bound 8
is_error 4 'takes 2.0 MiB, this device binds at most 1.0: at most 4 pictures at a time$' && bound 4 && [ "$status" -eq 0 ]
report $? 'guided pictures that a device does not bind: as many as it says are drawn'
drawn --prompt 'red knight' --guidance 3 --precision f32 --size 128x128 --count 4 --batch 4 -o 'whole %d.png'
for i in 0 1 2 3; do
    [ "$("$helper" differ "bound $i.png" "whole $i.png")" -le 1 ] || status=1
done
[ "$status" -eq 0 ]
report $? 'in bands: what is drawn at once, but for the sums of group norms'
rm -f bound* whole*

rm -rf empty && mkdir empty
fails 'a mix of nothing' 2 '--mix: of what' sample -m "$xl" --mix 0.5 -o empty/a.png
fails 'too much' 2 "--mix wants a number from 0 to 1, not '1.5'" sample -m "$xl" --prompt-to b --mix 1.5 -o empty/a.png
fails 'a crop without a number' 2 "--crop wants two numbers of pixels, as in 640,480, not '3'" sample -m "$xl" --crop 3 -o empty/a.png
fails 'a second prompt of one text encoder' 2 'this model has one only' sample -m "${xl%xl}sd1" --prompt-2 b -o empty/a.png
fails 'of a model that does not read' 2 '--prompt-to: the model .* reads no prompts' sample -m "$model" --prompt-to b -o empty/a.png
no_files empty
report $? 'nothing was written'
