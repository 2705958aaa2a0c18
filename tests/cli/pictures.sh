# shellcheck shell=bash
# Devices, models, pictures, recipes. Sourced by test_cli.sh.

run devices
[ "$status" -eq 0 ] && grep -q UUID out
report $? 'devices lists one'

run devices --json
[ "$status" -eq 0 ] && grep -q '"uuid"' out
report $? 'devices --json'
uuid=$(sed -n 's/.*"uuid": "\(.*\)".*/\1/p' out | head -n 1)

run inspect --model "$model"
[ "$status" -eq 0 ] && grep -q '^arena' out && grep -q 'lower bound' out
report $? 'inspect'
picture=$(sed -n 's/^picture  *\([0-9]*\) x \([0-9]*\), \([0-9]*\) channels.*/\3 \2 \1/p' out)
read -r channels height width <<<"$picture"
latent=$(sed -n 's/^latent  *\([0-9]*\) x \([0-9]*\), \([0-9]*\) channels.*/\3 \2 \1/p' out)
read -ra latent <<<"${latent:-$picture}" # c h w of the noise
labels=$(sed -n 's/^labels  *\([0-9]*\).*/\1/p' out)

run inspect --model "$model" --nodes
[ "$status" -eq 0 ] && grep -q 'conv_in' out
report $? 'inspect --nodes'

sample --steps 2 --seed 7 -o one.png
[ "$status" -eq 0 ] && grep -q 'seed 7' out
report $? 'sample writes a PNG and prints the seed'
! grep -q "$(printf '\033\|\r')" err
report $? 'no escape sequences and no progress where standard error is no terminal'
"$helper" pixels one.png >pixels.txt 2>err
report $? "$(awk '{ print $4 }' pixels.txt) decoders give the same pixels"
expected=rgb
[ "$channels" -eq 4 ] && expected=rgba
grep -q "^${width}x${height} $expected " pixels.txt
report $? 'the PNG has the size and the transparency of the model'

sample --steps 2 --seed 7 -o again.png
cmp -s one.png again.png
report $? 'the same seed, the same file'
sample --steps 2 --seed 7 --device "$uuid" -o again.png
cmp -s one.png again.png
report $? 'the device by its UUID, the same file'
sample --steps 2 --seed 8 -o other.png
! cmp -s one.png other.png
report $? 'another seed, another file'
sample --steps 3 --seed 7 -o other.png
! cmp -s one.png other.png
report $? 'other steps, another file'
sample --steps 2 --seed 7 -o - && mv out stdout.png && cmp -s one.png stdout.png &&
    grep -q 'seed 7' err
report $? '-o - writes the PNG to standard output and the seed to standard error'
sample --steps 1 -o random.png
seed=$(sed -n 's/.* seed \([0-9]*\).*/\1/p' out)
[ "$status" -eq 0 ] && [ -n "$seed" ]
report $? 'without --seed a random one, printed'

sample --steps 1 --seed 18446744073709551615 -o last.png
run metadata last.png
[ "$status" -eq 0 ] && grep -q '"seed": "18446744073709551615"' out &&
    run metadata --command last.png && grep -q -- '--seed 18446744073709551615 ' out
report $? 'the largest seed survives its recipe'

run metadata one.png
[ "$status" -eq 0 ] && grep -q '"seed": 7' out && grep -q '"steps": 2' out && grep -q '"device"' out
report $? 'metadata prints the recipe'

# name = folder of the model in $QUICKSTEP_MODELS, so that the printed command finds it
repeats() {
    local command
    command=$("$quickstep" metadata --command "$1") || return 1
    # shellcheck disable=SC2030,SC2031
    (
        case $model in */*) export QUICKSTEP_MODELS=${model%/*} ;; esac
        quickstep() { "$quickstep" "$@"; }
        eval "$command" >out 2>err
    ) && cmp -s "$1" repeat.png
}
repeats one.png
report $? "metadata's command makes the same file"

label_options=()
[ "$labels" -gt 1 ] && label_options=(--label 1)
sample --steps 1 --seed 3 --count 5 --scale 2 "${label_options[@]}" -o five.png
"$helper" pixels five.png >pixels.txt 2>err && grep -q "^$((width * 6))x$((height * 4)) " pixels.txt
report $? '--count 5 is a grid of 3 x 2, --scale 2 doubles it'
repeats five.png
report $? "a grid's command makes the same file"

sample --steps 1 --seed 3 --count 3 --batch 2 -o 'n %02d.png'
[ "$status" -eq 0 ] && [ -s 'n 00.png' ] && [ -s 'n 02.png' ] && [ ! -e 'n 03.png' ]
report $? '%02d: a file each, numbered from 0'
sample --steps 1 --seed 5 -o single.png
difference=$("$helper" differ single.png 'n 02.png' 2>err) && [ "$difference" -le 1 ]
report $? 'picture 2 of seed 3 is picture 0 of seed 5, in any batch (to one 255th)'

sample --steps 2 --seed 7 --count 2 -o two.safetensors
"$helper" values two.safetensors sample >values.txt 2>err &&
    grep -q "^2 $channels $height $width inside varied" values.txt
report $? '.safetensors: sample [2, c, h, w] within [-1, 1]'
sample --steps 2 --seed 7 --precision f16 -o half.png
[ "$status" -eq 0 ] && "$helper" pixels half.png >/dev/null
report $? '--precision f16'

"$helper" noise noise.safetensors 2 "${latent[@]}" 0
sample --steps 1 --seed 1 --noise noise.safetensors -o n1.safetensors
[ "$status" -eq 0 ] && "$helper" values n1.safetensors sample >a.txt && grep -q '^2 ' a.txt
report $? '--noise: as many pictures as there is noise'
sample --steps 1 --seed 99 --noise noise.safetensors -o n2.safetensors
"$helper" values n2.safetensors sample >b.txt && cmp -s a.txt b.txt
report $? 'one step from given noise does not depend on the seed'
sample --steps 1 --noise noise.safetensors --count 3 -o x.png
is_error 2 'noise for 2 pictures'
report $? '--noise with another --count: exit 2'
"$helper" noise small.safetensors 1 "${latent[0]}" 3 5 0
sample --noise small.safetensors -o x.png
is_error 2 'wants'
report $? '--noise of another size: exit 2'

run grid --model "$model" --steps 1,2 --count 2 --seed 1 --scale 1 --no-headings -o grid.png
[ "$status" -eq 0 ] && "$helper" pixels grid.png | grep -q "^$((width * 2))x$((height * 2)) "
report $? 'grid: rows and columns'
repeats grid.png
report $? "a grid command's command makes the same file"
run grid --model "$model" --steps 1,2 --count 2 --seed 1 --scale 1 -o headed.png
[ "$status" -eq 0 ] && read -r x y < <("$helper" inside grid.png headed.png) && [ "$x" -gt 40 ] && [ "$y" -gt 12 ]
report $? "grid: with words above and beside the same pictures ($x, $y)"
repeats headed.png
report $? 'and its command makes the same file'

"$helper" input in.safetensors 2 "${latent[@]}"
run forward --model "$model" --input in.safetensors --output fwd.safetensors --dump nodes
[ "$status" -eq 0 ] && "$helper" values fwd.safetensors sample | grep -q "^2 ${latent[*]}"
report $? 'forward'
run forward --model "$model" --input made.safetensors --seed 7 --timestep 500 --output fwd.safetensors
[ "$status" -eq 0 ] && "$helper" values made.safetensors sample | grep -q varied &&
    run forward --model "$model" --input made.safetensors --output again.safetensors && cmp -s fwd.safetensors again.safetensors
report $? 'forward --seed makes its input'
fails 'forward --seed without a timestep' 2 'wants a number' \
    forward --model "$model" --input made.safetensors --seed 7 --output fwd.safetensors
fails 'forward --timestep without --seed' 2 'go with --seed' \
    forward --model "$model" --input made.safetensors --timestep 7 --output fwd.safetensors
"$helper" values nodes/conv_in.safetensors output 2>err | grep -q "^2 [0-9]* ${latent[*]:1} .*varied"
report $? 'forward --dump writes conv_in'

run bench --model "$model" --repeats 2 --json
[ "$status" -eq 0 ] && grep -q '"pictures_per_s"' out && grep -q '"roof_share": [0-9.]*[1-9]' out &&
    grep -q '"cpu_ms": [0-9.]*[1-9]' out && grep -q '"start_ms": [0-9.]*[1-9]' out &&
    grep -q '"dispatches": [0-9]*[1-9]' out && grep -q '"barriers": [0-9]*[1-9]' out &&
    grep -q '"dispatch_us": [0-9.]*[1-9]' out && grep -q '"submit_us": [0-9.]*[1-9]' out
report $? 'bench --json: pictures, CPU and start, and ops with their share of the roofline'

run bench --model "$model" --repeats 2 --trace trace.json
[ "$status" -eq 0 ] && "$check_trace" trace.json >sums 2>>err &&
    awk '/ one step / { s = $7 " " $1 } / decode / { s = s " " $5 " " $1 } END { print s }' out >table &&
    paste -d' ' table sums | awk '{ d = $2 - $6; e = $4 - $8 }
        END { exit !($1 > 0 && $1 == $5 && $3 > 0 && $3 == $7 && d * d < 4e-6 && e * e < 4e-6) }'
report $? 'bench --trace: times that nest, and add up to those of its table'
run bench --trace missing/trace.json
is_error 8 'missing'
report $? 'bench --trace into no folder: exit 8, and nothing is measured'
fails 'bench --trace for single ops' 2 'trace wants' bench --ops --trace trace.json

run bench --ops 'group_norm silu f32 128 @ 8x8' --repeats 1 --json
[ "$status" -eq 0 ] && [ "$(grep -c '"name"' out)" -eq 1 ] && grep -q '"roof_share": [0-9.]*[1-9]' out
report $? 'bench --ops FILTER --json'
run bench --ops nothing
[ "$status" -eq 2 ] && grep -q '"nothing"' err
report $? 'bench --ops with a filter that no op has: exit 2'
run bench --model "$model" --steps 1 --repeats 1
[ "$status" -eq 0 ] && grep -q 'convolutions are counted as direct ones' out
report $? 'bench says what its roof counts'

# where nobody sees a moving line, a line of its own every ten seconds
"$quickstep" selftest conv2d >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do
    ! grep -q '^[0-9]* done, now conv2d' err && kill -0 $pid 2>/dev/null || break
    sleep 0.1
done
kill $pid 2>/dev/null # a device that is done before says nothing
wait $pid
[ $? -eq 0 ] || grep -q '^[0-9]* done, now conv2d' err
report $? 'selftest says where it is'
