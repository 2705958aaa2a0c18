"""Reference outputs for the engine's tests: float32 arithmetic on the exported float16 weights.

    golden.py MODEL_DIR OUT.safetensors

noise [4, 4, 32, 32], labels [4]; sample_N: the deterministic N-step pictures in [-1, 1], sample_64: DDIM with segment 0.
forward_{sample, timestep, segment, labels, output}: one call of the network on two pictures.
"""

import argparse

import torch
from safetensors.torch import save_file

import data
import export
import sample


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out")
    args = p.parse_args()
    torch.set_num_threads(1)
    net, settings = export.load(args.model)
    clip = settings["clip_sample"]
    generator = torch.Generator().manual_seed(2403)
    noise = torch.randn(4, 4, 32, 32, generator=generator)
    labels = torch.tensor([0, 1, 2, len(data.NAMES) - 1])
    out = {"noise": noise, "labels": labels}
    for steps in (1, 2, 4, 8):
        out[f"sample_{steps}"] = sample.multistep(net, noise, labels, steps, clip)
    out["sample_64"] = sample.diffusion(net, noise, labels, 64, clip=clip)
    out["forward_sample"] = torch.randn(2, 4, 32, 32, generator=generator)
    out["forward_timestep"] = torch.tensor([1000.0, 437.5])
    out["forward_segment"] = torch.tensor([250.0, 0.0])
    out["forward_labels"] = torch.tensor([1, len(data.NAMES) - 1])
    with torch.no_grad():
        out["forward_output"] = net(*(out[f"forward_{k}"] for k in ("sample", "timestep", "segment", "labels")))
    save_file({k: v.contiguous() for k, v in out.items()}, args.out, metadata={"clip_sample": str(clip).lower()})


if __name__ == "__main__":
    main()
