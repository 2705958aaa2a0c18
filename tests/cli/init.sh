# shellcheck shell=bash
# sample --init, --strength, --mask, --fit. Sourced by test_cli.sh.

from_init() { sample --steps 4 --seed 9 --quiet "$@"; }

sample --steps 2 --seed 3 -o init.png
sample --steps 4 --seed 9 --init init.png --strength 0.5 -o half.png
[ "$status" -eq 0 ] && grep -q 'init.png at strength 0.5: 2 of 4 steps' out
report $? 'sample --init says how many of the steps run'
from_init -o noise.png
from_init --init init.png --strength 0.1 -o near.png
from_init --init init.png --strength 1 -o far.png
near=$("$helper" differ init.png near.png) half=$("$helper" differ init.png half.png)
[ "$status" -eq 0 ] && ! cmp -s noise.png half.png && ! cmp -s far.png half.png &&
    ! cmp -s near.png half.png && [ "$near" -le "$half" ]
report $? "the strength is how far from the picture: $near, then $half of 255"
from_init --init init.png -o default.png && from_init --init init.png --strength 0.8 -o said.png
cmp -s default.png said.png
report $? 'a strength of 0.8 unless another is said'

"$helper" mask mask.png "$width" "$height"
from_init --init init.png --mask mask.png -o filled.png
[ "$status" -eq 0 ] && [ "$("$helper" halves init.png filled.png)" = "same other" ]
report $? 'what a mask keeps are the very bytes of the picture'
from_init --init init.png --mask mask.png --precision f16 -o filled16.png
[ "$status" -eq 0 ] && [ "$("$helper" halves init.png filled16.png)" = "same other" ]
report $? 'and in float16'
from_init --init init.png --mask mask.png --count 3 --batch 2 -o many%d.png
[ "$status" -eq 0 ] && cmp -s filled.png many0.png &&
    [ "$("$helper" halves init.png many2.png)" = "same other" ]
report $? 'every picture of a batch begins from it'

run metadata filled.png
[ "$status" -eq 0 ] && grep -q '"init": "init.png", "init_hash": "[0-9a-f]\{16\}"' out &&
    grep -q '"mask": "mask.png"' out && grep -q '"strength": 1' out && [ ! -s err ]
report $? 'a PNG carries the picture that it was drawn from, and the mask'
run metadata --command filled.png
eval "$(sed "s|^quickstep sample --model [^ ]*|run sample --quiet --model '$model'|" out)"
[ "$status" -eq 0 ] && [ "$("$helper" differ filled.png repeat.png)" -eq 0 ]
report $? 'its command draws it again'
cp half.png init.png
run metadata filled.png
[ "$status" -eq 0 ] && grep -q 'init.png has changed since' err && ! grep -q mask.png err
report $? 'a file that was changed is told'
mv mask.png moved.png && run metadata filled.png
[ "$status" -eq 0 ] && grep -q 'mask.png: No such file' err && mv moved.png mask.png
report $? 'a file that is gone is told'
mkdir endless && cp filled.png endless/ && mkfifo endless/init.png && ln -s /dev/zero endless/mask.png
(cd endless && timeout 60 "$quickstep" metadata filled.png) >out 2>err
[ $? -eq 0 ] && grep -q 'init.png is not a file' err && grep -q 'mask.png is not a file' err
report $? 'a FIFO and a device in their places are told, and not read'

rm -rf empty && mkdir empty
to=empty/a.png
"$helper" mask large.png $((2 * width + 3)) "$height"
fails '--mask without --init' 2 '--mask is for --init' sample --mask mask.png -o "$to"
fails '--strength without --init' 2 '--strength is for --init' sample --strength 0.5 -o "$to"
fails '--fit without --init' 2 '--fit is for --init' sample --fit crop -o "$to"
for strength in 0 -1 1.5 nan much ''; do
    fails "a strength of '$strength'" 2 '--strength wants a number above 0, up to 1' \
        sample --init init.png --strength "$strength" -o "$to"
done
fails 'a picture that is not there' 2 'nosuch.png: No such file' sample --init nosuch.png -o "$to"
fails 'a mask that is not there' 2 'nosuch.png: No such file' \
    sample --model "$model" --init init.png --mask nosuch.png -o "$to"
echo 'no picture' >text.png
fails 'a picture that is a text' 2 'cannot be read as PNG or JPEG' sample --init text.png -o "$to"
fails 'a picture of another size' 2 '--fit crop takes its middle' \
    sample --model "$model" --init large.png -o "$to"
fails 'a mask of another size' 2 'large.png is .*--fit crop' \
    sample --model "$model" --init init.png --mask large.png -o "$to"
fails 'a mask in colour' 2 'a mask is white' \
    sample --model "$model" --init init.png --mask init.png -o "$to"
fails 'a fit that is none' 2 "--fit wants crop or resize, not 'both'" \
    sample --init init.png --fit both -o "$to"
fails 'a strength that leaves no step' 2 'a strength of 0.3 leaves none of 2 steps: 0.5 or more' \
    sample -m "$here/../golden/networks/ddpm" --init large.png --fit crop --strength 0.3 -n 2 -q -o "$to"
cp -r "$here/../golden/latents/rgb" halved
"$helper" decoder "$here/../golden/latents/rgb/vae/diffusion_pytorch_model.safetensors" \
    halved/vae/diffusion_pytorch_model.safetensors
fails 'a model whose autoencoder only decodes' 2 'has no encoder: its files hold the decoder only' \
    sample -m halved --init large.png --fit crop -o "$to"
no_files empty
report $? 'and nothing is written'
for fit in crop resize; do
    from_init --init large.png --fit $fit --strength 0.3 -o $fit.png
    [ "$status" -eq 0 ] && "$helper" pixels $fit.png | grep -q "^${width}x$height "
    report $? "--fit $fit"
done
! cmp -s crop.png resize.png
report $? 'which are not the same'

pixels=$here/../golden/networks/ddpm
run sample -m "$pixels" --seed 3 --steps 4 --quiet -o photo.png
run sample -m "$pixels" --seed 4 --steps 4 --init photo.png --colour -o coloured.png
[ "$status" -eq 0 ] && grep -q 'photo.png at strength 1:' out && ! cmp -s photo.png coloured.png
report $? 'sample --colour begins from noise alone unless a strength is said'
run metadata --command coloured.png
grep -q -- '--init photo.png --strength 1 --colour' out &&
    eval "$(sed "s|^quickstep sample --model [^ ]*|run sample --quiet --model '$pixels'|" out)"
[ "$status" -eq 0 ] && cmp -s coloured.png repeat.png
report $? 'its recipe says so, and its command draws it again'
fails '--colour without --init' 2 '--colour is for --init' sample -m "$pixels" --colour -o a.png
fails '--colour by a model that draws latents' 2 'draws latents' sample -m "$here/../golden/latents/rgb" --init photo.png --fit resize --colour -o a.png
