"""Reference outputs for the engine's tests: float32 arithmetic on the exported float16 weights.

    golden.py MODEL_DIR OUT.safetensors

noise [4, c, h, w], labels [4]; sample_N: the deterministic N-step pictures in [-1, 1] (decoded, if the network draws latents)
for the N up to 8 that the network was trained for; sample_64: DDIM with segment 0, if it is a diffusion model too.
forward_{sample, timestep, segment, labels, output}: one call of the network on two pictures.
"""

import argparse

import torch
from safetensors.torch import save_file

import export
import sample


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out")
    args = p.parse_args()
    torch.set_num_threads(1)
    net, settings = export.load(args.model)
    autoencoder = export.load_autoencoder(args.model)
    shape = net.config.in_channels, net.config.sample_size, net.config.sample_size
    clip = settings["clip_sample"]
    generator = torch.Generator().manual_seed(2403)
    noise = torch.randn(4, *shape, generator=generator)
    labels = torch.tensor([min(k, net.any_label) for k in (0, 1, 2)] + [net.any_label])
    out = {"noise": noise, "labels": labels}
    for steps in [n for n in (1, 2, 4, 8) if n in settings["trained_steps"]]:
        out[f"sample_{steps}"] = sample.multistep(net, noise, labels, steps, clip)
    if net.segment_embedding is not None:
        out["sample_64"] = sample.diffusion(net, noise, labels, 64, clip=clip)
    if autoencoder:
        out |= {name: autoencoder.pictures(x) for name, x in out.items() if name.startswith("sample_")}
    out["forward_sample"] = torch.randn(2, *shape, generator=generator)
    out["forward_timestep"] = torch.tensor([1000.0, 437.5])
    out["forward_segment"] = torch.tensor([250.0, 0.0])
    out["forward_labels"] = labels[[1, 3]]
    with torch.no_grad():
        out["forward_output"] = net(*(out[f"forward_{k}"] for k in ("sample", "timestep", "segment", "labels")))
    save_file({k: v.contiguous() for k, v in out.items()}, args.out, metadata={"clip_sample": str(clip).lower()})


if __name__ == "__main__":
    main()
