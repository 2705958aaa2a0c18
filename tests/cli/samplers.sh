# shellcheck shell=bash
# Stochastic samplers, their options and noise, on two small models. Sourced by test_cli.sh.

export QUICKSTEP_MODELS=$networks # so that a recipe's command finds them by name

small() { run sample --model "$networks/$1" "${@:2}"; }

run inspect --model "$networks/openai_imagenet"
grep -q '^steps  *1 to 40, 4 by default; tuned by its authors for 1$' out
report $? 'inspect says which numbers of steps are possible, and which were tuned'
run inspect --model "$networks/ddpm"
grep -q '^sampler  *ddpm (default), ddim$' out && grep -q '^steps  *1 to 1000, 50 by default$' out
report $? 'inspect of a diffusion model'

small ddpm --seed 1 -o a.png
grep -q ' 50 steps, ddpm,' out
report $? 'a diffusion model is drawn in 50 steps of its own sampler'

small ddpm --sampler ddim --eta 0.3 --rng torch --steps 3 --seed 5 --count 2 -o a.png
[ "$status" -eq 0 ]
report $? '--sampler ddim --eta --rng torch'
run metadata a.png
grep -q '"rng": "torch"' out && grep -q '"eta": 0.3' out && grep -q '"sampler": "ddim"' out
report $? 'metadata has rng and eta'
repeats a.png
report $? "metadata's command makes the same file with them"
for other in '--eta 0.3' '--eta 0.4 --rng torch' '--rng torch'; do
    # shellcheck disable=SC2086
    small ddpm --sampler ddim $other --steps 3 --seed 5 --count 2 -o b.png
    [ "$status" -eq 0 ] && ! cmp -s a.png b.png
    report $? "$other makes another file"
done

small openai_imagenet --timesteps 22,0 --seed 5 -o a.png
grep -q ' 2 steps, consistency,' out
report $? '--timesteps is a number of steps, too'
repeats a.png
report $? "a command with timesteps makes the same file"
small openai_imagenet --steps 2 --seed 5 -o b.png
! cmp -s a.png b.png
report $? 'other time points, another file'

run inspect --model "$networks/ddpm" --scheduler LCMScheduler
grep -q '^sampler  *lcm (default)$' out && grep -q '^steps  *1 to 50, 4 by default$' out
report $? 'inspect --scheduler LCMScheduler'
small ddpm --scheduler LCMScheduler --seed 5 -o a.png
grep -q ' 4 steps, lcm,' out
report $? 'a latent consistency model is drawn in 4 steps'
small ddpm --scheduler EulerDiscreteScheduler --seed 5 -o a.png
grep -q ' 50 steps, euler,' out
report $? 'Euler is drawn in 50 steps'
small ddpm --scheduler TCDScheduler --eta 0.3 --timesteps 999,600 --seed 5 -o a.png
grep -q ' 2 steps, tcd,' out
report $? '--eta and --timesteps of TCDScheduler'
repeats a.png
report $? "its command makes the same file"
run grid --model "$networks/ddpm" --scheduler EulerAncestralDiscreteScheduler \
    --steps 1,2:euler_ancestral --count 2 --seed 1 -o a.png
repeats a.png
report $? "a grid's command with a scheduler makes the same file"
fails 'more steps than were distilled' 2 'original_inference_steps' sample --model "$networks/ddpm" \
    -o a.png --scheduler TCDScheduler --steps 51
fails 'a sampler of another scheduler' 2 'which runs dpmsolver' sample --model "$networks/ddpm" \
    -o a.png --scheduler DPMSolverMultistepScheduler --sampler euler

run grid --model "$networks/ddpm" --rng torch --steps 1,2:ddim --count 2 --seed 1 -o a.png
repeats a.png
report $? "a grid's command with rng makes the same file"

"$helper" steps steps.safetensors 3 2 3 16 16
small ddpm --noise steps.safetensors --steps 3 --seed 1 -o a.png
small ddpm --noise steps.safetensors --steps 3 --seed 2 --rng torch --batch 1 -o b.png
difference=$("$helper" differ a.png b.png 2>err) && [ "$difference" -le 1 ]
report $? 'with all noise in a file the seed does not matter, in any batch (to one 255th)'
small ddpm --noise steps.safetensors --steps 4 -o a.png
is_error 2 'step_noise.* is \[3, 2, 3, 16, 16\], wanted is \[4, 2, 3, 16, 16\]'
report $? 'noise for another number of steps: exit 2'

fails '--eta 2' 2 '--eta wants' sample -o a.png --eta 2
fails '--eta x' 2 '--eta wants' sample -o a.png --eta x
fails '--eta with multistep' 2 'eta is for' sample --model "$model" -o a.png --eta 0.5
fails '--rng numpy' 2 'philox, torch' sample -o a.png --rng numpy
fails '--timesteps x' 2 '--timesteps wants' sample -o a.png --timesteps x
fails '--timesteps 22,' 2 '--timesteps wants' sample -o a.png --timesteps 22,
fails '--timesteps with another --steps' 2 'has 2' sample -o a.png --steps 3 --timesteps 22,0
fails '--timesteps upwards' 2 'descend' sample --model "$networks/openai_imagenet" -o a.png \
    --timesteps 0,22
fails '--timesteps of a diffusion model' 2 'timesteps are for' sample \
    --model "$networks/ddpm" -o a.png --timesteps 22,0
fails 'too many steps' 2 '40 noise levels' sample --model "$networks/openai_imagenet" -o a.png \
    --steps 41
unset QUICKSTEP_MODELS

# in bands of rows, with q apart from k and v, where a tensor is larger than what the device binds: the same bits
cp -r "$networks/one_block" wide
tr -d '\n' <"$networks/one_block/unet/config.json" | sed 's/"sample_size": *\[[^]]*\]/"sample_size": 76/' >wide/unet/config.json
run sample -m wide --steps 1 --seed 1 -o whole.safetensors
QUICKSTEP_DEBUG=limits=range:1048576 run sample -m wide --steps 1 --seed 1 -o bands.safetensors
[ "$status" -eq 0 ] && cmp -s whole.safetensors bands.safetensors
report $? 'a network in bands'
