# shellcheck shell=bash
# Dragged onto the window by another program (drop.c). Sourced by viewer_test.sh.

[ -n "$drop" ] || return 0
loras=$(realpath "$here/../golden/loras")
start --model "$here/../golden/readers/sd1" --steps 1 --batch 1 --prompt "red sword"
await 60 '^picture 1 '
window=$(xdotool search --name '^Quickstep' | head -n 1)
drops() { # drops PATH: onto the picture; the window takes it
    at=$(lines)
    xdotool mousemove $(middle picture)
    "$drop" "$window" $(middle picture) "$1"
}
# says PATH PATTERN: dropped, a note has it, and what was on the screen stays
says() {
    see before.png
    drops "$1" && await 10 "^note .*$2" "$at"
    local said=$?
    see after.png
    [ $said = 0 ] && [ "$(differing before.png after.png)" = 0 ]
    ok $? "$2: a note, and nothing else"
}
title() { xdotool getwindowname "$window"; }
see plain.png
drops "$loras/kohya.safetensors"
await 60 '^picture .*check=ok' "$at" && title | grep -q 'sd1 + kohya'
ok $? "a LoRA: the model with it is another one of the list"
see kohya.png
changed=$(differing plain.png kohya.png)
save
[ "$changed" -gt 100 ]
ok $? "which draws the same prompt in another way ($changed pixels)"
repeats "$here/../golden/readers/sd1" && grep -q -- "--lora .*kohya.safetensors:1 .*--prompt='red sword'" command
ok $? "saved with it, and the command line draws it again ($changed differ)"
with_lora=$file
says "$loras/kohya.safetensors" "kohya.safetensors is a part of sd1 + kohya already"
says "$loras/first.safetensors" "pairs do not fit the model sd1"
says "$model/unet/diffusion_pytorch_model.safetensors" "diffusion_pytorch_model.safetensors"
drops "$loras/peft.safetensors"
await 60 '^picture .*check=ok' "$at" && title | grep -q 'sd1 + kohya + peft'
ok $? "a second LoRA comes to the first"
at=$(lines)
xdotool key ctrl+z
await 60 '^picture .*check=ok' "$at" && at=$(lines) && xdotool key ctrl+z && await 60 '^picture .*check=ok' "$at"
see again.png
[ "$(differing plain.png again.png)" = 0 ]
ok $? "Ctrl Z leaves both out again"
drops "$PWD/$with_lora"
await 60 '^picture .*check=ok' "$at" && title | grep -q 'sd1 + kohya'
see again.png
[ "$(differing kohya.png again.png)" = 0 ]
ok $? "a PNG that was drawn with a LoRA comes back with it"
convert -size 90x60 gradient:red-blue 'a photo, 100%.jpg'
drops "$PWD/a photo, 100%.jpg"
await 10 '^note pictures are drawn from .*a photo, 100%.jpg' "$at" && await 60 '^picture .*strength=0.600' "$at"
ok $? "a photograph, with a space in its name: pictures are drawn from it"
echo 'no picture' >text.txt
says "$PWD/text.txt" "text.txt cannot be read as PNG or JPEG"
says "$PWD/nothing.png" "nothing.png: No such file"
says "$PWD" "this is no model in diffusers' layout"
drops "$networks/one_block"
await 60 '^picture .*size=7x5 .*strength=0.000' "$at"
ok $? "a model's folder: it is opened"
says "$loras/kohya.safetensors" "kohya.safetensors"
leave
