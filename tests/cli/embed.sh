# shellcheck shell=bash
# What the text encoder makes of a prompt. Sourced by test_cli.sh.

readers=$here/../golden/readers
run embed -m "$readers/sd1" --prompt 'red sword' -o words.safetensors
[ "$status" -eq 0 ] && "$helper" values words.safetensors text_states | grep -q '^1 16 16 .*varied' &&
    grep -aq '"input_ids":{"dtype":"U32","shape":\[1,16\]' words.safetensors
report $? 'embed writes ids and states'
run embed -m "$readers/xl" --prompt 'red sword' -o words_xl.safetensors
[ "$status" -eq 0 ] && grep -aq '"input_ids_2":{"dtype":"U32","shape":\[1,16\]' words_xl.safetensors &&
    "$helper" values words_xl.safetensors pooled | grep -q '^1 [0-9]* .*varied'
report $? 'embed writes those of two text encoders, and the pooled state'

draw=(sample -m "$readers/sd1" --steps 2 --seed 3 --prompt 'red sword')
run "${draw[@]}" -o kept.png
run "${draw[@]}" --offload -o offload.png
[ "$status" -eq 0 ] && [ "$("$helper" pixels kept.png)" = "$("$helper" pixels offload.png)" ]
report $? '--offload draws the same picture'
QUICKSTEP_DEBUG=memory=1 run "${draw[@]}" --size 512x512 -o toolarge.png
is_error 5 'needs [0-9.]* MiB on the device .*; less is taken with --precision f16 --offload$' && [ ! -e toolarge.png ]
report $? 'what takes less memory is said'

rm -rf empty && mkdir empty
fails '--offload without a text encoder' 2 'no text encoder' sample -m sprites --offload -o empty/a.png
fails 'embed without --output' 2 'where to' embed -m "$readers/sd1" --prompt a
fails 'embed to a PNG' 2 'where to' embed -m "$readers/sd1" --prompt a -o empty/a.png
fails 'embed with a model that reads nothing' 2 'reads no prompts' embed -m sprites --prompt a -o empty/a.safetensors
fails 'embed of no UTF-8' 2 'UTF-8' embed -m "$readers/sd1" --prompt $'a \xff' -o empty/a.safetensors
no_files empty
report $? 'refused prompts: nothing written'
