# shellcheck shell=bash
# LoRAs: what is drawn, the recipe, and what is refused. Sourced by test_cli.sh.

reader=$(realpath "$here/../golden/readers/sd1")
cp "$here/../golden/loras/kohya.safetensors" 'my style.safetensors'
cp "$here/../golden/loras/peft.safetensors" peft.safetensors
lora=(--lora 'my style.safetensors:0.5' --lora peft.safetensors)
draw=(sample -m "$reader" --steps 1 --seed 3 --prompt 'red sword')

rm -rf empty && mkdir empty
run "${draw[@]}" -o plain.png
run "${draw[@]}" "${lora[@]}" -o lora.png
[ "$status" -eq 0 ] && "$helper" pixels lora.png >lora.pixels && "$helper" pixels plain.png >plain.pixels &&
    ! cmp -s lora.pixels plain.pixels
report $? 'sample --lora draws another picture'
run "${draw[@]}" --lora 'my style.safetensors:0' -o zero.png
[ "$status" -eq 0 ] && "$helper" pixels zero.png | cmp -s - plain.pixels
report $? 'a scale of 0 draws the same picture'
run metadata lora.png
[ "$status" -eq 0 ] && grep -q '"lora": \["my style.safetensors:0.5", "peft.safetensors:1"\]' out
report $? "the recipe has the LoRAs"
run metadata --command lora.png
cp out command && QUICKSTEP_MODELS=$(dirname "$reader") PATH=$(dirname "$quickstep"):$PATH sh command >out 2>err
[ $? -eq 0 ] && "$helper" pixels repeat.png | cmp -s - lora.pixels
report $? "the recipe's command draws the same picture"
run inspect -m "$reader" "${lora[@]}"
[ "$status" -eq 0 ] && grep -q '^LoRA  *my style.safetensors, 0.5 times$' out && grep -q '^LoRA  *peft.safetensors, 1 times$' out
report $? 'inspect lists LoRAs'

refuse=("${draw[@]}" -o empty/a.png --lora)
fails 'a LoRA that is not there' 3 'nosuch.safetensors: cannot open' "${refuse[@]}" nosuch.safetensors
fails 'a bad scale' 2 "not 'much'" "${refuse[@]}" peft.safetensors:much
fails 'a scale that is no number' 2 "not 'nan'" "${refuse[@]}" peft.safetensors:nan
fails 'a scale out of range' 2 '1000' "${refuse[@]}" peft.safetensors:1e9
fails 'a LoRA without a name' 2 "a file's name" "${refuse[@]}" :1
fails 'a LoRA for another model' 3 'pairs do not fit the model sd1, first .*this LoRA was made for another model' \
    "${refuse[@]}" "$here/../golden/loras/first.safetensors"
fails 'a LoRA for a model without a text encoder' 3 'the model has no text_encoder' \
    sample -m sprites --steps 1 -o empty/a.png --lora peft.safetensors
fails 'a picture for a LoRA' 3 'plain.png' "${refuse[@]}" plain.png
fails 'a folder without a LoRA' 3 'empty/pytorch_lora_weights.safetensors: cannot open' "${refuse[@]}" empty
fails 'an autoencoder with a LoRA' 2 'not for autoencoders' inspect -m "$here/../golden/autoencoders/taesd" --lora peft.safetensors
no_files empty
report $? 'refused LoRAs: nothing written'
