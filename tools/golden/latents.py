"""Small models that draw latents, and their pictures, for tests/model/test_latents.c.

    .venv-train/bin/python tools/golden/latents.py [NAME ...]      writes tests/golden/latents/NAME/

A folder of a multistep consistency model with random weights (tools/train's network) and vae/ as save_pretrained of AutoencoderTiny or
AutoencoderKL leaves it, and golden.safetensors:

    noise [3, l, h, w], labels [3]     what the pictures come from: latents are h x w with l channels
    sample_N [3, c, H, W]              pictures of N steps in [-1, 1]: tools/train/sample.py's multistep, decoded by diffusers
    forward_{sample, timestep, segment, labels, output}     the network once, on 2 latents
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests/golden/latents"
sys.path.insert(0, str(ROOT / "tools/train"))
import autoencoders
import export
import sample
from model import SegmentUNet
from schedule import Schedule
from weights import randomise

STEPS = [1, 2, 4]
COUNT = 3


def unet(size, latent, widths):
    return dict(
        sample_size=size, in_channels=latent, out_channels=latent, block_out_channels=widths, layers_per_block=1,
        down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"], num_class_embeds=3,
        attention_head_dim=8, norm_num_groups=4, resnet_time_scale_shift="scale_shift", flip_sin_to_cos=True, freq_shift=0)


# name: network, autoencoder, what is changed in model_index.json (None: there is none), dtype of vae/
MODELS = {
    "rgb": (unet(8, 4, [8, 16]), autoencoders.tiny(8, 4, [1, 1, 1], [1, 2, 1], scaling_factor=0.4), {}, torch.float16),
    # no width is a multiple of four, latents are no picture, pictures are not square
    "rgba": (unet([6, 10], 6, [12, 16]), autoencoders.tiny(7, 6, [1, 1], [2, 0], channels=4, scaling_factor=0.3, shift_factor=-0.3),
             {"image_alpha": "premultiplied"}, torch.float32),
    "kl": (unet(8, 4, [8, 16]), autoencoders.kl([8, 8], 4, 1, 4, scaling_factor=0.4, shift_factor=0.2), {}, torch.float16),
    "grey": (unet(4, 1, [8, 16]), autoencoders.tiny(6, 1, [0, 1, 0, 1], [1, 0, 1, 0], channels=1), None, torch.bfloat16),
}


def save(net, folder, index, vae):
    """Everything but vae/."""
    state = {"steps": STEPS, "names": ["apple", "pear", "any"], "default_label": 1}
    export.save(net, folder, state, clip=True)
    path = folder / "model_index.json"
    config = json.loads(path.read_text())
    config.pop("image_alpha", None)
    path.unlink()
    if index is not None:
        export.write_json(path, config | {"vae": ["diffusers", type(vae).__name__]} | index)


@torch.no_grad()
def run(net, vae, generator):
    config, scale = net.config, vae.config
    size = config.sample_size if isinstance(config.sample_size, (list, tuple)) else [config.sample_size] * 2
    noise = torch.randn(COUNT, config.in_channels, *size, generator=generator)
    labels = torch.arange(COUNT)
    out = {"noise": noise, "labels": labels}
    for steps in STEPS:
        latents = sample.multistep(net, noise, labels, steps, clip=True)
        out[f"sample_{steps}"] = vae.decode(latents / scale.scaling_factor + scale.shift_factor).sample.clamp(-1, 1)
    out["forward_sample"] = torch.randn(2, config.in_channels, *size, generator=generator)
    out["forward_timestep"], out["forward_segment"] = torch.tensor([1000.0, 437.5]), torch.tensor([250.0, 0.0])
    out["forward_labels"] = labels[[2, 1]]
    out["forward_output"] = net(*(out[f"forward_{k}"] for k in ("sample", "timestep", "segment", "labels")))
    return {k: v.contiguous() for k, v in out.items()}


def make(name):
    config, vae_config, index, dtype = MODELS[name]
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(len(name))
    net = SegmentUNet.create(config, Schedule.for_size(8)).eval()
    randomise(net, generator)
    vae = autoencoders.random_network(vae_config, generator)
    save(net.half(), folder, index, vae)
    vae.to(dtype).save_pretrained(folder / "vae")
    out = run(net.float(), vae.float(), generator)  # rounded as they were saved
    save_file(out, folder / "golden.safetensors", {"torch": torch.__version__})
    bytes_ = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    spread = ", ".join(f"{steps}: {out[f'sample_{steps}'].std():.2f}" for steps in STEPS)
    print(f"{name:6} {bytes_ / 1000:5.0f} kB  picture {list(out['sample_1'].shape[1:])}  std at steps {spread}")
    return bytes_


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    if unknown := set(sys.argv[1:]) - set(MODELS):
        sys.exit(f"none of {', '.join(MODELS)}: {', '.join(unknown)}")
    for name in sys.argv[1:] or MODELS:
        make(name)


if __name__ == "__main__":
    main()
