"""Tiny autoencoders as their author publishes them -> a folder that Quickstep (and diffusers) opens.

    .venv-train/bin/python tools/convert_taesd.py OUT --encoder taesd_encoder.pth --decoder taesd_decoder.pth

Reads github.com/madebyollin/taesd's .pth files (TAESD, TAESDXL, TAESD3, TAEF1, TAEF2), the same as .safetensors, and the GGUF files of
stable-diffusion.cpp; one of the two halves is enough. Writes OUT/config.json and OUT/diffusion_pytorch_model.safetensors in
the layout and with the names of diffusers' AutoencoderTiny, every tensor in the type that it had.

TAEF2 has a branch with a group norm in the blocks of its smallest stage, which AutoencoderTiny cannot express. Its tensors keep
the author's names (encoder.layers.11.pool.0.weight ...) and config.json says "use_midblock_gn": true.

Needs tools/train's environment (tools/train/setup.sh), and for GGUF: .venv-train/bin/pip install gguf==0.19.0
"""

import argparse
import re
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file, save_file


def read_gguf(path):
    try:
        from gguf import GGUFReader
    except ImportError:
        sys.exit(f"{path}: reading GGUF needs a package: pip install gguf==0.19.0")
    tensors = {}
    for t in GGUFReader(path).tensors:
        if t.tensor_type.name not in ("F32", "F16"):
            sys.exit(f"{path}: {t.name} is {t.tensor_type.name}, only F32 and F16 can be read")
        tensors[t.name] = torch.from_numpy(t.data.copy()).reshape([int(n) for n in reversed(t.shape)])
    return tensors


def read(path):
    if path.suffix == ".gguf":
        return read_gguf(path)
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def rename(half, tensors):
    """The author's Sequential begins with the clamp when decoding, diffusers' does not."""
    renamed = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(rf"(?:(?:.*\.)?{half}\.)?(layers\.)?(\d+)\.(.*)", name)
        if not match:
            continue  # the other half of a file that has both
        index = int(match[2]) - (half == "decoder" and not match[1])
        renamed[f"{half}.layers.{index}.{match[3]}"] = tensor
    return renamed


def stages(half, tensors):
    """How many blocks stand between two convolutions."""
    layers = {}
    for name in tensors:
        index, _, rest = name.removeprefix(f"{half}.layers.").partition(".")
        layers[int(index)] = rest in ("weight", "bias")
    counts = []
    for index in sorted(layers):
        if layers[index]:
            counts.append(0)
        else:
            counts[-1] += 1
    return counts[:-1]  # behind the last convolution is nothing


def make_config(halves):
    config = {}
    for half, tensors in halves.items():
        counts = stages(half, tensors)
        first = tensors[f"{half}.layers.0.weight"]
        config[f"num_{half}_blocks"] = counts
        config[f"{half}_block_out_channels"] = [first.shape[0]] * len(counts)
        last = max((n for n in tensors if n.endswith(".bias") and n.count(".") == 3), key=lambda n: int(n.split(".")[2]))
        inner, outer = (tensors[last].shape[0], first.shape[1])[:: 1 if half == "encoder" else -1]
        config |= {"latent_channels": inner, "in_channels": outer, "out_channels": outer}
    if len(halves) == 1:  # the half that is not there mirrors the other
        half, other = ("encoder", "decoder") if "encoder" in halves else ("decoder", "encoder")
        config[f"num_{other}_blocks"] = config[f"num_{half}_blocks"][::-1]
        config[f"{other}_block_out_channels"] = config[f"{half}_block_out_channels"]
    return config


def check(model, tensors):
    """Exactly the tensors that diffusers has, but for TAEF2's branch and a half that was not given."""
    try:
        keys = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        sys.exit(f"this is no AutoencoderTiny: {error}")
    unexpected = [k for k in keys.unexpected_keys if ".pool." not in k]
    missing = [k for k in keys.missing_keys if any(t.startswith(k.split(".")[0]) for t in tensors)]
    if unexpected or missing:
        sys.exit(f"this is no AutoencoderTiny: unknown {unexpected[:5]}, missing {missing[:5]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--encoder", type=Path)
    p.add_argument("--decoder", type=Path)
    args = p.parse_args()
    halves = {}
    for half in ("encoder", "decoder"):
        path = getattr(args, half)
        if path:
            halves[half] = rename(half, read(path))
            if f"{half}.layers.0.weight" not in halves[half]:
                sys.exit(f"{path}: no {half} in it")
    if not halves:
        p.error("--encoder or --decoder or both")
    tensors = {k: v for half in halves.values() for k, v in half.items()}
    model = AutoencoderTiny(**make_config(halves))
    check(model, tensors)
    if any(".pool." in k for k in tensors):
        model.register_to_config(use_midblock_gn=True)
    args.out.mkdir(parents=True, exist_ok=True)
    model.save_config(args.out)
    save_file({k: tensors[k].contiguous() for k in sorted(tensors)}, args.out / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    print(f"{args.out}: {' and '.join(halves)}, {sum(v.numel() for v in tensors.values()):,} parameters")


if __name__ == "__main__":
    main()
