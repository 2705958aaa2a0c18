# shellcheck shell=bash
# encode and decode. Sourced by test_cli.sh. golden.safetensors has a tensor "latent".

golden=$here/../golden/autoencoders
taesd=$golden/taesd

run decode -m "$taesd" "$taesd/golden.safetensors" -o decoded.png
[ "$status" -eq 0 ] && "$helper" pixels decoded.png | grep -q '^24x40 rgb '
report $? 'decode writes a PNG'
run decode -m "$taesd" "$taesd/golden.safetensors" -o - && mv out stdout.png &&
    cmp -s decoded.png stdout.png
report $? 'decode -o -'
run decode -m "$taesd" "$taesd/golden.safetensors" -o decoded.safetensors
[ "$status" -eq 0 ] && "$helper" values decoded.safetensors sample | grep -q '^1 3 40 24 .*varied'
report $? 'decode writes the floats'
run encode -m "$taesd" decoded.png -o encoded.safetensors
[ "$status" -eq 0 ] && "$helper" values encoded.safetensors latent | grep -q '^1 4 5 3 .*varied'
report $? 'encode writes a latent'
run decode -m "$taesd" encoded.safetensors --precision f16 -o again.png
[ "$status" -eq 0 ] && "$helper" pixels again.png | grep -q '^24x40 rgb '
report $? 'decode reads what encode writes'
run decode -m "$golden/rgba_odd" "$golden/rgba_odd/golden.safetensors" -o rgba.png
[ "$status" -eq 0 ] && "$helper" pixels rgba.png | grep -q '^10x18 rgba '
report $? 'a decoder of four channels writes RGBA'
run inspect -m "$golden/taef2"
[ "$status" -eq 0 ] && grep -q ', AutoencoderTiny: see' out && [ "$(grep -c '^arena' out)" -eq 2 ]
report $? 'inspect of an autoencoder'
mkdir -p models--org--tiny/snapshots && cp -r "$taesd" models--org--tiny/snapshots/0a1b
run decode -m models--org--tiny encoded.safetensors -o cached.png
[ "$status" -eq 0 ] && run decode -m "$taesd" encoded.safetensors -o - && cmp -s cached.png out
report $? "an autoencoder in Hugging Face's cache"
fails "sample with an autoencoder in Hugging Face's cache" 3 "'quickstep decode'" \
    sample -m models--org--tiny -o cache.png

rm -rf empty && mkdir empty
fails 'encode without a picture' 2 'wants a picture' encode -m "$taesd" -o empty/a.safetensors
fails 'encode without --output' 2 'wants a picture' encode -m "$taesd" decoded.png
fails 'encode without --model' 2 'wants --model' encode decoded.png -o empty/a.safetensors
fails 'encode to a PNG' 2 'safetensors' encode -m "$taesd" decoded.png -o empty/a.png
fails 'encode of nothing' 2 'nosuch.png: No such file' \
    encode -m "$taesd" nosuch.png -o empty/a.safetensors
echo 'no picture' >text.png
fails 'encode of a text' 2 'cannot be read as PNG or JPEG' \
    encode -m "$taesd" text.png -o empty/a.safetensors
run decode -m "$golden/grey_flat" "$golden/grey_flat/golden.safetensors" -o grey.png
fails 'encode of a small picture' 2 'the smallest is 8x8' \
    encode -m "$taesd" grey.png --fit crop -o empty/a.safetensors
fails 'encode of another size' 2 'must be multiples of 2; --fit crop makes it 6x8, --fit resize 8x10' \
    encode -m "$golden/rgba_odd" grey.png -o empty/a.safetensors
fails 'encode of a picture in colour as grey' 2 'is in colour' \
    encode -m "$golden/grey_flat" decoded.png -o empty/a.safetensors
fails 'decode without a latent' 2 'wants a latent' decode -m "$taesd" -o empty/a.png
fails 'decode without --output' 2 'Name a file' decode -m "$taesd" encoded.safetensors
fails 'decode to numbered files' 2 'one file' \
    decode -m "$taesd" encoded.safetensors -o empty/a%d.png
fails 'decode of other channels' 2 'wants \[1 to 64, 32, h, w\]' \
    decode -m "$golden/taef2" encoded.safetensors -o empty/a.png
fails 'decode of a file without a latent' 2 'no tensor "latent"' \
    decode -m "$taesd" decoded.safetensors -o empty/a.png
fails 'decode of a picture' 3 'decoded.png' decode -m "$taesd" decoded.png -o empty/a.png
fails 'decode with a model that draws' 3 "draws with 'quickstep sample'" \
    decode -m "$networks/ddpm" encoded.safetensors -o empty/a.png
fails 'sample with an autoencoder' 3 "'quickstep decode'" sample -m "$taesd" -o empty/a.png
fails 'inspect --nodes of an autoencoder' 2 'not for autoencoders' inspect -m "$taesd" --nodes
sample --steps 1 --seed 7 -o drawn.png
if [ "$("$helper" pixels drawn.png | cut -d ' ' -f 2)" = rgba ]; then
    fails 'encode of a transparent picture' 2 'transparent' \
        encode -m "$taesd" drawn.png -o empty/a.safetensors
fi
no_files empty
report $? 'no file after an error'

"$helper" latent nan.safetensors 1 4 4 4 1
run decode -m "$taesd" nan.safetensors -o empty/a.png
is_error 7 'not finite' && no_files empty
report $? 'decode of NaN: exit 7, no file'

# in bands of rows where a tensor (of 4 MiB) is larger than what the device binds: the same bits
banded() { QUICKSTEP_DEBUG=limits=range:2097152 run "$@"; }
"$helper" latent large.safetensors 1 4 32 32 0
run decode -m "$golden/kl_sd" large.safetensors -o large.png
banded decode -m "$golden/kl_sd" large.safetensors -o bands.png
[ "$status" -eq 0 ] && cmp -s large.png bands.png
report $? 'decode in bands'
run encode -m "$golden/kl_sd" large.png -o large.safetensors
banded encode -m "$golden/kl_sd" large.png -o bands.safetensors
[ "$status" -eq 0 ] && cmp -s large.safetensors bands.safetensors
report $? 'encode in bands'

# the same photograph as it lies on its side, with the orientation that says so: the same latent
"$helper" oriented decoded.png turned
for way in 2 3 4 5 6 7 8; do
    run encode -m "$taesd" "turned-$way.png" -o turned.safetensors
    [ "$status" -eq 0 ] && cmp -s turned.safetensors encoded.safetensors || break
done
[ "$way" = 8 ] && [ "$status" -eq 0 ]
report $? 'EXIF orientations 2 to 8 of a PNG are the upright picture'
run encode -m "$taesd" turned-gamma.png -o turned.safetensors
[ "$status" -eq 0 ] && grep -q 'has a gamma of its own, which is not applied' err
report $? 'colours that are not sRGB are said'
run encode -m "$golden/rgba_odd" grey.png --fit crop -o fitted.safetensors
[ "$status" -eq 0 ] && "$helper" values fitted.safetensors latent | grep -q '^1 [0-9]* 4 3 '
report $? 'encode --fit crop'
run encode -m "$golden/rgba_odd" grey.png --fit resize -o fitted.safetensors
[ "$status" -eq 0 ] && "$helper" values fitted.safetensors latent | grep -q '^1 [0-9]* 5 4 '
report $? 'encode --fit resize'
fails 'an unknown way to fit' 2 'crop or resize' encode -m "$taesd" decoded.png --fit squeeze -o empty/a.safetensors
