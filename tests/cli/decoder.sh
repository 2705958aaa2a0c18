# shellcheck shell=bash
# Another autoencoder in place of a model's vae/. Sourced by test_cli.sh.

taesd=$(realpath "$here/../golden/autoencoders/taesd")
cp -r "$here/../golden/latents/kl" both && cp -r "$taesd" both/taesd
cp -r both swapped && mv swapped/vae swapped/vae_kl && mv swapped/taesd swapped/vae
sed -i 's/AutoencoderKL/AutoencoderTiny/' swapped/model_index.json

decoded() { # decoded MODEL [OPTION...]: a picture's pixels, or what is the matter
    local of=$1
    shift
    run sample -m "$of" --steps 2 --seed 5 "$@" -o decoder.png && "$helper" pixels decoder.png || cat err
}
kl=$(decoded both)
tiny=$(decoded swapped)
[ "$kl" != "$tiny" ] && grep -q rgb <<<"$kl" && grep -q rgb <<<"$tiny" && [ "$(decoded both --decoder tiny)" = "$tiny" ] &&
    [ "$(decoded swapped --decoder kl)" = "$kl" ] && [ "$(decoded both --decoder kl)" = "$kl" ]
report $? '--decoder tiny and kl draw what such a vae/ draws'
[ "$(decoded both --decoder "$taesd")" = "$tiny" ] && [ "$(QUICKSTEP_MODELS=$(dirname "$taesd") decoded both --decoder taesd)" = "$tiny" ]
report $? "--decoder takes an autoencoder's folder or name"
run metadata decoder.png
run metadata --command decoder.png
grep -q -- ' --decoder taesd ' out
report $? 'the recipe has the decoder'

rm -rf empty && mkdir empty
pixels=$here/../golden/networks/plain
refuse=(sample -o empty/a.png --decoder)
fails 'no AutoencoderTiny' 3 'there is no AutoencoderTiny in vae/, vae_tiny/ and taesd/' \
    "${refuse[@]}" tiny -m "$here/../golden/latents/kl"
fails 'no AutoencoderKL' 3 'there is no AutoencoderKL in vae/ and vae_kl/' "${refuse[@]}" kl -m "$here/../golden/latents/rgb"
fails 'a decoder that is not there' 3 'nosuch' "${refuse[@]}" nosuch -m both
fails 'a decoder of other latents' 3 "this is another model's autoencoder" "${refuse[@]}" "$here/../golden/autoencoders/taef2" -m both
fails 'a decoder for a model that draws pixels' 3 'its network draws pixels' "${refuse[@]}" "$taesd" -m "$pixels"
fails 'a UNet as a decoder' 3 'is a diffusion model (a UNet), not an autoencoder' "${refuse[@]}" "$pixels" -m both
no_files empty
report $? 'refused decoders: nothing written'
