# shellcheck shell=bash
# Models that draw latents, which their autoencoder decodes. Sourced by test_cli.sh.

rgb=$(realpath "$here/../golden/latents/rgb")

run inspect -m "$rgb"
grep -q '^picture  *32 x 32, 3 channels' out && grep -q '^latent  *8 x 8, 4 channels' out &&
    grep -q '^parameters .*, decoder 8,675$' out && grep -q "^weights .* the decoder's$" out &&
    grep -q '^decode  *[0-9]* nodes' out
report $? 'inspect of a model that draws latents'

run sample -m "$rgb" --steps 2 --noise "$rgb/golden.safetensors" -o latents.safetensors
[ "$status" -eq 0 ] && "$helper" values latents.safetensors sample | grep -q '^3 3 32 32 inside varied'
report $? 'noise of the latents makes pictures'
rm -rf empty && mkdir empty
"$helper" noise pictures.safetensors 1 3 32 32 0
fails 'noise of the pictures' 2 '\[1, 3, 32, 32\], the model rgb wants \[1 to [0-9]*, 4, 8, 8\]' \
    sample -m "$rgb" --noise pictures.safetensors -o empty/a.png

run sample -m "$rgb" --steps 1 --seed 3 -o drawn.png
run encode -m "$rgb" drawn.png -o encoded.safetensors
[ "$status" -eq 0 ] && "$helper" values encoded.safetensors latent | grep -q '^1 4 8 8 .*varied'
report $? "encode with a drawing model's own autoencoder"
run decode -m "$rgb" encoded.safetensors -o decoded.png
[ "$status" -eq 0 ] && "$helper" pixels decoded.png | grep -q '^32x32 rgb '
report $? "decode with a drawing model's own autoencoder"

QUICKSTEP_DEBUG=dump=dumped run sample -m "$rgb" --steps 1 --seed 3 -o again.png
"$helper" values dumped/decode/decoder.layers.0.safetensors output | grep -q '^1 8 8 8 .*varied'
report $? "QUICKSTEP_DEBUG=dump writes the decoder's activations"
run bench -m "$rgb" --repeats 1
grep -q '^ *[0-9.]*[1-9][0-9]* .* decode  *[0-9]* dispatches, ' out
report $? 'bench has the time of decode'
run bench -m "$rgb" --repeats 1 --json
grep -q '"decode_ms": [0-9.]*[1-9]' out
report $? 'bench --json has it, too'
