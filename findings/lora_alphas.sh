#!/bin/sh
# diffusers 0.42.1, load_lora_weights: of a kohya LoRA whose modules have different alphas, the attention modules all get the commonest
# one, and only a warning of peft's, of ignored alpha_pattern keys, hints at it.
#
# Seen: lora_state_dict files the alpha of "..._attn1_to_q" under "....attn1.processor.to_q_lora.down.weight.alpha" (_get_alpha_name
# splits at ".lora.", which the names of attention modules do not have), and get_peft_kwargs makes a pattern of that which no module is
# called. Below, to_q has alpha 4, to_k has alpha 1 like everything else, at rank 2: the fused to_q has grown by 1 / 2 of the product
# instead of 4 / 2. The text encoder's q_proj, k_proj, v_proj and out_proj are the same.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where the packages cannot be installed. PYTHON: an interpreter that
# has them.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    python=$work/venv/bin/python
    "$python" -m pip install --quiet --disable-pip-version-check diffusers==0.42.1 peft==0.21.2 transformers accelerate torch || exit 77
fi
cat >"$work/run.py" <<'END'
import sys
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel

unet = UNet2DConditionModel(sample_size=8, block_out_channels=(8, 8), norm_num_groups=4, cross_attention_dim=8, attention_head_dim=2,
                            layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
block, lora, before = "down_blocks.0.attentions.0.transformer_blocks.0.attn1", {}, {}
alphas = {f"{block}.to_q": 4.0, f"{block}.to_k": 1.0, f"{block}.to_v": 1.0, "conv_in": 1.0}
for name, alpha in alphas.items():
    weight = unet.get_submodule(name).weight
    before[name], key = weight.detach().clone(), "lora_unet_" + name.replace(".", "_")
    up = (8, 2) if weight.ndim == 2 else (8, 2, 1, 1)
    lora |= {f"{key}.lora_down.weight": torch.ones(2, *weight.shape[1:]), f"{key}.lora_up.weight": torch.ones(up),
             f"{key}.alpha": torch.tensor(alpha)}
state, network_alphas = StableDiffusionPipeline.lora_state_dict(lora)
unet.load_lora_adapter(state, prefix="unet", network_alphas=network_alphas)
unet.fuse_lora()
used = {}
for name, alpha in alphas.items():
    used[name] = round((unet.get_submodule(name).base_layer.weight - before[name]).mean().item(), 3)  # the product is 2 everywhere
    print(f"{name}: alpha {alpha:g}, used {used[name]:g}")
sys.exit(0 if used[f"{block}.to_q"] == 1 else 1)
END
"$python" "$work/run.py" 2>/dev/null
