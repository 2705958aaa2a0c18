"""Samplers in PyTorch, and a grid: rows seeds, columns 1, 2, 4, 8, 16 and 64 steps.

    sample.py MODEL_DIR OUT.png [--rows 12] [--seed 0]

Everything is deterministic given the noise [n, 4, 32, 32]. Coefficients are float64, pictures float32.
"""

import argparse

import torch

import data
import schedule as S


def jump(z, v, t, s, clip):
    """One DDIM jump t -> s from the network's v; returns z_s and xhat. xhat is clipped before it is used, if asked."""
    x = S.predict_x(z, v, t)
    x = x.clamp(-1, 1) if clip else x
    return S.ddim(x, z, t, s), x


def integrate(net, z, labels, steps, clip, segment, guidance=0.0):
    """N equal steps from t = 1 to 0; segment: whether the network is told the segment's length (else 0)."""
    n = len(z)
    for i in range(steps, 0, -1):
        t, s = (torch.full((1,), k / steps, dtype=torch.float64) for k in (i, i - 1))
        stamp = (S.TIMESTEP_SCALE * t).float().expand(n)
        span = (S.TIMESTEP_SCALE * (t - s)).float().expand(n) if segment else torch.zeros(n)
        v = net(z, stamp, span, labels)
        if guidance > 0:
            v = v + guidance * (v - net(z, stamp, span, torch.full_like(labels, len(data.NAMES) - 1)))
        z, x = jump(z, v, t, s, clip)
    return x.clamp(-1, 1)


@torch.no_grad()
def multistep(net, noise, labels, steps, clip):
    """Multistep consistency sampling (Algorithm 2): each step jumps to the start of its segment."""
    return integrate(net, noise, labels, steps, clip, segment=True)


@torch.no_grad()
def diffusion(net, noise, labels, steps, guidance=0.0, clip=True):
    """The diffusion limit: DDIM with segment 0; guidance g is xhat + g (xhat - xhat_any)."""
    return integrate(net, noise, labels, steps, clip, segment=False, guidance=guidance)


def main():
    import export

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out")
    p.add_argument("--rows", type=int, default=12)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--scale", type=int, default=3)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    net, settings = export.load(args.model)
    labels = torch.arange(args.rows) % (len(data.NAMES) - 1)
    noise = torch.randn(args.rows, 4, 32, 32, generator=torch.Generator().manual_seed(args.seed))
    columns = [multistep(net, noise, labels, n, settings["clip_sample"]) for n in (1, 2, 4, 8, 16)]
    columns.append(diffusion(net, noise, labels, 64, clip=settings["clip_sample"]))
    data.save_grid(torch.stack(columns, 1).flatten(0, 1), len(columns), args.out, args.scale)


if __name__ == "__main__":
    main()
