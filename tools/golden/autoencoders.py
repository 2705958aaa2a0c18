"""Autoencoders and what diffusers computes with them, for tests/model/test_autoencoder.c.

    .venv-train/bin/python tools/golden/autoencoders.py [NAME ...]      writes tests/golden/autoencoders/NAME/
    .venv-train/bin/python tools/golden/autoencoders.py DIR [PICTURE]   real weights: writes DIR/golden.safetensors

A folder as save_pretrained of AutoencoderTiny or AutoencoderKL leaves it, and golden.safetensors:

    picture [1, c, h, w] in [-1, 1], encoded [1, l, h / f, w / f]
    latent  [1, l, h / f, w / f],    decoded [1, c, h, w]

each pair where the folder has that half; of AutoencoderKL's distribution the mode. The network runs in double on the file's weights. The Flux.2 kind is diffusers'
network with the branch of the author's Block (github.com/madebyollin/taesd, taesd.py) put before the blocks of the smallest stage.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
import weights
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock
from PIL import Image
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests/golden/autoencoders"
WEIGHTS = "diffusion_pytorch_model.safetensors"


def tiny(width, latent, encoder, decoder, channels=3, **options):
    return dict(in_channels=channels, out_channels=channels, latent_channels=latent, num_encoder_blocks=encoder,
                num_decoder_blocks=decoder, encoder_block_out_channels=[width] * len(encoder),
                decoder_block_out_channels=[width] * len(decoder), **options)


# name: config, with the branch or not, height and width of the picture, dtype
AUTOENCODERS = {
    "taesd": (tiny(16, 4, [1, 1, 2, 1], [1, 2, 1, 1]), False, (40, 24), torch.float16),
    "taef2": (tiny(12, 32, [1, 1, 1, 2], [2, 1, 1, 1]), True, (24, 40), torch.float16),
    # no width is a multiple of four; stages without a block, or without a sequel
    "rgba_odd": (tiny(7, 5, [0, 1], [1, 0], channels=4), True, (18, 10), torch.float32),
    "grey_flat": (tiny(6, 1, [1], [1], channels=1), False, (9, 7), torch.bfloat16),
}


def kl(widths, latent, layers, groups, channels=3, **options):
    return dict(in_channels=channels, out_channels=channels, latent_channels=latent, block_out_channels=widths,
                down_block_types=["DownEncoderBlock2D"] * len(widths), up_block_types=["UpDecoderBlock2D"] * len(widths),
                layers_per_block=layers, norm_num_groups=groups, **options)


# name: config, whether it is as old files are, height and width of the picture, dtype
KL = {
    # Stable Diffusion's, smaller: nothing is said of force_upcast and scaling_factor
    "kl_sd": (kl([8, 16, 16, 16], 4, 2, 4), True, (40, 24), torch.float16),
    # Flux's
    "kl_flux": (kl([8, 16], 16, 1, 4, use_quant_conv=False, use_post_quant_conv=False, scaling_factor=0.3611, shift_factor=0.1159,
                   force_upcast=False), False, (18, 10), torch.bfloat16),
    # no attention; no width is a multiple of four; one stage only
    "kl_flat": (kl([6], 3, 1, 3, channels=1, mid_block_add_attention=False, force_upcast=False), False, (9, 7), torch.float32),
    "kl_rgba": (kl([10, 6, 10], 5, 1, 2, channels=4, use_quant_conv=False, force_upcast=False), False, (20, 12), torch.float32),
}
UNSAID = ("force_upcast", "scaling_factor", "shift_factor", "latents_mean", "latents_std", "use_quant_conv", "use_post_quant_conv",
          "mid_block_add_attention")


class PoolBlock(AutoencoderTinyBlock):
    """x + pool(x) in front of AutoencoderTinyBlock; the same names as there and in taesd.py."""

    def __init__(self, width):
        super().__init__(width, width, "relu")
        self.pool = torch.nn.Sequential(
            torch.nn.Conv2d(width, 4 * width, 1, bias=False), torch.nn.GroupNorm(4, 4 * width), torch.nn.ReLU(),
            torch.nn.Conv2d(4 * width, width, 1, bias=False))

    def forward(self, x):
        return super().forward(x + self.pool(x))


def build(config, use_midblock_gn):
    net = AutoencoderTiny(**config)
    if use_midblock_gn:
        net.register_to_config(use_midblock_gn=True)
        for half, count in ((net.encoder, config["num_encoder_blocks"][-1]), (net.decoder, config["num_decoder_blocks"][0])):
            blocks = [i for i, layer in enumerate(half.layers) if isinstance(layer, AutoencoderTinyBlock)]
            for i in blocks[-count:] if half is net.encoder else blocks[:count]:
                half.layers[i] = PoolBlock(half.layers[i].conv[0].out_channels)
    return net.eval()


def randomise(net, generator):
    """Values near 1 all the way through, and no bias, gamma or beta that could be forgotten unnoticed."""
    for module in net.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.weight.data = 1 + 0.3 * torch.randn(module.weight.shape, generator=generator)
        elif isinstance(module, torch.nn.Conv2d):
            weight = module.weight
            weight.data = torch.randn(weight.shape, generator=generator) / weight[0].numel() ** 0.5
        if getattr(module, "bias", None) is not None:
            module.bias.data = 0.3 * torch.randn(module.bias.shape, generator=generator)


def random_network(config, generator, use_midblock_gn=False):
    """Of either class."""
    if "down_block_types" in config:
        net = AutoencoderKL(**config).eval()
        weights.randomise(net, generator)
    else:
        net = build(config, use_midblock_gn)
        randomise(net, generator)
    return net


@torch.no_grad()
def run(net, picture, latent):
    """Either may be None. A random latent reaches past 3, where the clamp bends."""
    out = {}
    net.double()
    if picture is not None:
        encoded = net.encode(picture.double())
        out |= {"picture": picture, "encoded": encoded.latent_dist.mode() if isinstance(net, AutoencoderKL) else encoded.latents}
    if latent is not None:
        out |= {"latent": latent, "decoded": net.decode(latent.double()).sample}
    return {k: v.float().contiguous() for k, v in out.items()}


def make_old(folder):
    """As Stable Diffusion's first files are."""
    tensors = {weights.old_name(name): value for name, value in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    kept = {key: value for key, value in config.items() if key not in UNSAID}
    (folder / "config.json").write_text(json.dumps(kept, indent=2) + "\n")


def make(name):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(len(name))
    config, special, (h, w), dtype = (AUTOENCODERS | KL)[name]
    net = random_network(config, generator, use_midblock_gn=special and name not in KL)
    factor = 2 ** (len(config.get("num_encoder_blocks") or config["block_out_channels"]) - 1)
    net.to(dtype).save_pretrained(folder)
    if special and name in KL:
        make_old(folder)
    picture = 2 * torch.rand(1, config["in_channels"], h, w, generator=generator) - 1
    latent = 2 * torch.randn(1, config["latent_channels"], h // factor, w // factor, generator=generator)
    out = run(net, picture, latent)
    save_file(out, folder / "golden.safetensors", {"torch": torch.__version__})
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name:12} {size / 1000:5.0f} kB  encoded std {out['encoded'].std():.2f}  decoded std {out['decoded'].std():.2f}")
    return size


def make_real(folder, picture):
    """A picture file, cropped to multiples of 8, or noise; and a normal latent of the same size."""
    config = json.loads((folder / "config.json").read_text())
    use_midblock_gn = config.pop("use_midblock_gn", False)
    tensors = load_file(folder / WEIGHTS)
    net = build({k: v for k, v in config.items() if not k.startswith("_") and k != "block_out_channels"}, use_midblock_gn)
    keys = net.load_state_dict(tensors, strict=False)
    assert not keys.unexpected_keys, keys.unexpected_keys
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(64, 96, 3, generator=generator)
    if picture:
        pixels = torch.from_numpy(np.array(Image.open(picture).convert("RGB"))).float() / 255
    h, w = pixels.shape[0] // 8, pixels.shape[1] // 8
    image = pixels[: 8 * h, : 8 * w].permute(2, 0, 1)[None] * 2 - 1
    latent = torch.randn(1, config["latent_channels"], h, w, generator=generator)
    has = {half: any(k.startswith(half) for k in tensors) for half in ("encoder", "decoder")}
    save_file(run(net, image if has["encoder"] else None, latent if has["decoder"] else None), folder / "golden.safetensors")
    print(f"{folder}/golden.safetensors: {8 * w} x {8 * h}")


ALL = [*AUTOENCODERS, *KL]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*")
    names = p.parse_args().names
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    if names and Path(names[0]).is_dir():
        make_real(Path(names[0]), names[1] if len(names) > 1 else None)
    elif unknown := set(names) - set(ALL):
        sys.exit(f"neither a folder nor one of {', '.join(ALL)}: {', '.join(unknown)}")
    else:
        for name in names or ALL:
            make(name)


if __name__ == "__main__":
    main()
