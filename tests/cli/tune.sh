# shellcheck shell=bash
# quickstep tune, --no-tune, and what inspect says of it, on a tiny network. Sourced by test_cli.sh.

tiny=$here/../golden/networks/no_vectors
timings() { ls cache/quickstep/timings-*.json; }

run tune --model "$tiny" -v
[ "$status" -eq 0 ] && grep -q '^conv2d f32 .* direct .* ms' out && grep -q 'choices measured$' out
report $? 'tune measures'

run tune --model "$tiny"
[ "$status" -eq 0 ] && [ "$(cat out)" = 'all choices are known' ]
report $? 'tune measures nothing twice'

head -c 100 "$(timings)" >cut && mv cut "$(timings)"
run tune --model "$tiny"
[ "$status" -eq 0 ] && grep -q 'choices measured$' out
report $? 'a damaged file is measured again'

# a default that is far behind gives way, but for --no-tune
run inspect --model "$tiny" --nodes --no-tune
cp out defaults.txt
variant=$(sed -n 's/.*conv_in: //p' defaults.txt | head -n 1)
[ "$status" -eq 0 ] && [ -n "$variant" ]
report $? 'inspect --nodes names the variants'
sed -i "s/\"$variant\": [0-9.e-]*/\"$variant\": 1000.0/" "$(timings)"
run inspect --model "$tiny" --nodes
[ "$status" -eq 0 ] && ! grep -q "conv_in: $variant\$" out
report $? 'the fastest variant is chosen'
run inspect --model "$tiny" --nodes --no-tune
[ "$status" -eq 0 ] && cmp -s out defaults.txt
report $? '--no-tune takes the defaults'
rm "$(timings)"

fails 'tune --no-tune' 2 'say not to' tune --model "$tiny" --no-tune
XDG_CACHE_HOME=/dev/null/nowhere run tune --model "$tiny"
[ "$status" -eq 0 ] && grep -q 'choices measured$' out
report $? 'tune without a place for the file'
