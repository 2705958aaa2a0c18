"""Samplers in PyTorch, and a grid: rows seeds, columns 1, 2, 4, 8, 16 and 64 steps.

    sample.py MODEL_DIR OUT.png [--rows 12] [--seed 0]

Everything is deterministic given the noise [n, c, h, w]. Coefficients are float64, pictures float32.
"""

import argparse

import torch

import schedule as S
from pictures import save_grid


def times(i, steps, like):
    """t = i/steps, s = (i - 1)/steps as float64 [1] on a device."""
    return (torch.full((1,), k / steps, dtype=torch.float64, device=like.device) for k in (i, i - 1))


def answer(net, z, t, span, labels, clip, guidance=0.0):
    """xhat at t of a segment that is span long (0: diffusion); guidance g: xhat + g (xhat - xhat_any), before clipping."""
    stamp, segment = ((S.TIMESTEP_SCALE * k).float().expand(len(z)) for k in (t, span))
    v = net(z, stamp, segment, labels)
    if guidance > 0:
        v = v + guidance * (v - net(z, stamp, segment, net.unconditional(labels)))
    x = net.schedule.predict_x(z, v, t)
    return x.clamp(-1, 1) if clip else x


@torch.no_grad()
def multistep(net, noise, labels, steps, clip):
    """Multistep consistency sampling (Algorithm 2): each step jumps to the start of its segment."""
    z = noise
    for i in range(steps, 0, -1):
        t, s = times(i, steps, z)
        x = answer(net, z, t, t - s, labels, clip)
        z = net.schedule.ddim(x, z, t, s)
    return x.clamp(-1, 1)


@torch.no_grad()
def diffusion(net, noise, labels, steps, guidance=0.0, clip=True, hop="ddim"):
    """The diffusion limit: segment 0; DDIM, or aDDIM (Algorithm 3) with the analytic variance."""
    z = noise
    for i in range(steps, 0, -1):
        t, s = times(i, steps, z)
        x = answer(net, z, t, 0 * t, labels, clip, guidance)
        z = net.schedule.addim(x, z, net.schedule.x_variance(t), t, s) if hop == "addim" else net.schedule.ddim(x, z, t, s)
    return x.clamp(-1, 1)


@torch.no_grad()
def resampled(net, noise, labels, steps, clip, generator):
    """The sampler of plain consistency models (Song et al. 2023): jump to the picture, then add fresh noise."""
    z = noise
    for i in range(steps, 0, -1):
        t, s = times(i, steps, z)
        x = answer(net, z, t, t, labels, clip)
        fresh = torch.randn(z.shape, generator=generator, device=z.device)
        z, _ = net.schedule.add_noise(x, fresh, s)
    return x.clamp(-1, 1)


def grid(net, settings, autoencoder, labels, path, seed=0):
    """Writes it: a row for each label; columns the step counts that the network was trained for, and 64 diffusion steps.

    autoencoder: decodes what the network draws, or None.
    """
    shape = len(labels), net.config.in_channels, net.config.sample_size, net.config.sample_size
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    clip, trained = settings["clip_sample"], settings["trained_steps"]
    counts = [n for n in (1, 2, 4, 8, 16) if n in trained] or trained
    columns = [multistep(net, noise, labels, n, clip) for n in counts]
    if net.segment_embedding is not None:  # else it is no diffusion model
        columns.append(diffusion(net, noise, labels, 64, clip=clip))
    x = torch.stack(columns, 1).flatten(0, 1)
    x = autoencoder.pictures(x) if autoencoder else x
    save_grid(x, len(columns), path, 3 if x.shape[-1] <= 32 else 2)


def main():
    import export

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out")
    p.add_argument("--rows", type=int, default=12)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    grid(*export.load(args.model), export.load_autoencoder(args.model), export.labels(args.model, args.rows), args.out, args.seed)


if __name__ == "__main__":
    main()
