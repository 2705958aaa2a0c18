# shellcheck shell=bash
# Usage, help, errors of arguments. Sourced by test_cli.sh.

commands='sample grid walk metadata encode decode embed forward devices inspect tune bench selftest'

run --version
[ "$status" -eq 0 ] && grep -Eq '^quickstep [0-9]+\.[0-9]+\.[0-9]+$' out
report $? '--version'

run --help
listed=0
for command in $commands; do grep -q "^  $command " out || listed=1; done
[ "$status" -eq 0 ] && [ "$listed" -eq 0 ] && [ ! -s err ]
report $? '--help lists every command'
grep -q '^  serve ' out && commands+=' serve' # which needs a library

run --help-debug
[ "$status" -eq 0 ] && grep -q validate out
report $? '--help-debug lists the words'

same=0
for command in $commands; do
    run help "$command"
    [ "$status" -eq 0 ] && [ -s out ] || same=1
    mv out help.txt
    run "$command" --help
    [ "$status" -eq 0 ] && cmp -s out help.txt || same=1
done
report $same "'help CMD' and 'CMD --help' are the same for every command"

fails 'no command' 2 'help'
fails 'an unknown command' 2 "did you mean 'sample'" smaple
fails 'a command that is like none' 2 'no command' frobnicate
fails 'an option without a command' 2 'needs a command' --steps
fails 'help for an unknown command' 2 'no command' help frobnicate
fails 'an unknown option' 2 'did you mean --steps' sample --stpes 4
fails 'an option that is like none' 2 'no option' sample --frobnicate
fails 'a stray argument' 2 'argument' sample stray -o a.png
fails 'no output' 2 'Name a file' sample
fails 'no such format' 2 'png or .safetensors' sample -o a.jpg
fails 'two numbers in a name' 2 'one %d says where' sample -o 'z-%d%d.png' --count 4
fails 'metadata without a file' 2 'PNG' metadata
fails 'forward without files' 2 'wants' forward
fails 'a filter without --ops' 2 '--ops' bench conv2d

# every option with a value: without it, twice
for command in sample grid encode decode forward inspect tune bench; do
    for option in $("$quickstep" help $command | grep -Eo -- '--[a-z]+=' | tr -d '='); do
        fails "$command $option without a value" 2 "$option wants a value" $command "$option"
        fails "$command $option twice" 2 "$option is given twice" $command "$option" 1 "$option" 1
    done
done
fails '--quiet twice' 2 'given twice' sample --quiet --quiet

for value in 0 -1 1025 x 4x '' 1.5 99999999999999999999; do
    fails "--steps '$value'" 2 '--steps wants' sample -o a.png --steps "$value"
done
for value in -1 x '' 18446744073709551616; do
    fails "--seed '$value'" 2 '--seed wants' sample -o a.png --seed "$value"
done
for value in 0 65; do
    fails "--batch $value" 2 '--batch wants' sample -o a.png --batch $value
    fails "--scale $value" 2 '--scale wants' grid -o a.png --scale $value
done
fails '--count 0' 2 '--count wants' sample -o a.png --count 0
fails '--repeats 0' 2 '--repeats wants' bench --repeats 0
fails '--precision f8' 2 'f32 or f16' sample -o a.png --precision f8
fails 'an unknown sampler' 2 'nosuch' sample --model "$model" -o a.png --sampler nosuch
fails 'an unknown label' 2 '--label' sample --model "$model" -o a.png --label nosuchlabel
fails 'a label out of range' 2 '--label' sample --model "$model" -o a.png --label 99999
fails 'a bad column' 2 '--steps wants' grid --model "$model" -o a.png --steps 1,,2
fails 'a grid as safetensors' 2 'one PNG' grid --model "$model" -o a.safetensors
