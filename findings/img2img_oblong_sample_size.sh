#!/bin/sh
# diffusers 0.42.1: StableDiffusionImg2ImgPipeline and StableDiffusionInpaintPipeline cannot be made with a UNet whose
# sample_size is a pair; StableDiffusionPipeline, with the same parts, can.
#
# Seen: UNet2DConditionModel's sample_size may be an int or a pair (its annotation and __init__ say so). Both constructors
# compare it with 64 ("unet.config.sample_size < 64"), which is a TypeError; StableDiffusionPipeline asks
# isinstance(unet.config.sample_size, int) first. Quickstep draws from pictures with such networks.
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
    "$python" -m pip install --quiet --disable-pip-version-check diffusers==0.42.1 transformers==5.24 torch || exit 77
fi
cat >"$work/run.py" <<'END'
import sys
from diffusers import (AutoencoderTiny, DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)

unet = UNet2DConditionModel(
    sample_size=(8, 12), block_out_channels=(8, 16), norm_num_groups=4, cross_attention_dim=16, attention_head_dim=2,
    layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))

def make(kind):
    kind(AutoencoderTiny(), None, None, unet, DDIMScheduler(steps_offset=1, clip_sample=False), None, None, requires_safety_checker=False)

make(StableDiffusionPipeline)
refused = 0
for kind in (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline):
    try:
        make(kind)
    except TypeError as error:
        print(f"{kind.__name__}: {error}")
        refused += 1
sys.exit(0 if refused else 1)
END
"$python" "$work/run.py"
