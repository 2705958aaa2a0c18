"""A published checkpoint's folder with random weights: its network in full size, for tools/compare_diffusers.py.

    tools/train/setup.sh
    .venv-train/bin/python tools/make_full_size.py diffusers-cd_imagenet64_l2 FOLDER [--dtype float16]
    ... --empty    zeros instead, which take no room on the disk: for what looks at shapes only

Files, configs and tensor names are the published ones (golden/published.py). The weights are scaled so that activations and
output have a deviation near 1 and the picture has contrast; the same seed gives the same bytes.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from published import LAYOUTS
from weights import old_name, randomise


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def save_zeros(tensors, path):
    """tensors: of the meta device. A file with a hole for its data."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        dtype = {torch.float32: "F32", torch.float16: "F16"}[tensor.dtype]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def make(layout, folder, dtype, variant, empty):
    with torch.device("meta"):
        net = UNet2DModel.from_config(layout.unet)
    parameters = sum(p.numel() for p in net.parameters())
    if parameters != layout.parameters:
        raise SystemExit(f"{parameters} parameters, published are {layout.parameters}")
    if not empty:
        net.to_empty(device="cpu")
        randomise(net, torch.Generator().manual_seed(layout.seed))
    rename = old_name if layout.flat else str
    tensors = {rename(name): value.to(dtype).contiguous() for name, value in net.state_dict().items()}
    unet = folder if layout.flat else folder / "unet"
    scheduler = folder if layout.flat else folder / "scheduler"
    index = {"_class_name": layout.pipeline, "_diffusers_version": layout.scheduler["_diffusers_version"]}
    index |= {"scheduler": ["diffusers", layout.scheduler["_class_name"]], "unet": ["diffusers", "UNet2DModel"]}
    write_json(folder / "model_index.json", index)
    write_json(unet / "config.json", layout.unet)
    write_json(scheduler / "scheduler_config.json", layout.scheduler)
    weights = unet / f"diffusion_pytorch_model.{variant + '.' if variant else ''}safetensors"
    if empty:
        save_zeros(tensors, weights)
    else:
        save_file(tensors, weights, metadata={"format": "pt"})
    print(f"{weights}: {parameters} parameters, {weights.stat().st_size / 1e6:.0f} MB")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("layout", choices=LAYOUTS)
    p.add_argument("folder", type=Path)
    p.add_argument("--dtype", choices=["float32", "float16"], default="float32")
    p.add_argument("--variant", help="in the weights' file name, as fp16 in diffusion_pytorch_model.fp16.safetensors")
    p.add_argument("--empty", action="store_true", help="zeros, as a hole in the file")
    args = p.parse_args()
    torch.set_num_threads(1)
    make(LAYOUTS[args.layout], args.folder, getattr(torch, args.dtype), args.variant, args.empty)


if __name__ == "__main__":
    main()
