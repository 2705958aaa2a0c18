# shellcheck shell=bash
# Small things that claim to be large, or are: refused with a message, and without the memory. Sourced by test_cli.sh.

"$helper" bomb bomb 99000000
bounded 64 'a safetensors header of 99 MB' 3 'header of 99000000 bytes, at most 4194304' \
    sample --model "$model" --noise bomb.safetensors -o bomb-out.png
bounded 336 'a recipe of 99 MB' 1 'recipe' metadata bomb.png # libpng's two copies and ours
bounded 64 'a compressed recipe of 99 MB' 1 'carries no Quickstep recipe' metadata bomb-compressed.png
rm -f bomb.* bomb-*
long=$(head -c 100000 /dev/zero | tr '\0' x)
bounded 64 'a label of 100,000 letters' 2 'x' sample --model "$model" --label "$long" -o bomb.png
bounded 64 'a model of 100,000 letters' 3 'x' sample --model "$long" -o bomb.png
bounded 192 'a prompt of 100,000 letters' 2 'the prompt has 100000 bytes' \
    sample --model "$here/../golden/readers/sd1" --prompt "$long" -o bomb.png # the device is open by then
cp -r "$networks/plain" much
sed -i 's/"sample_size": 8/"sample_size": 1024/' much/unet/config.json
bounded 200 '65,536 pictures of 1024x1024' 5 'pictures of 1024x1024 need 274.9 GB' \
    sample --model ./much --sampler consistency --count 65536 --steps 1 -o bomb.png
{ printf '{"a":"' && head -c 99000000 /dev/zero | tr '\0' x && printf '"}'; } >much/unet/config.json
bounded 64 'a config of 99 MB' 3 'has 9900000[0-9]* bytes, at most' inspect --model ./much
rm -rf much
[ ! -e bomb.png ]
report $? 'no file of any of them'
