"""Trains a tiny autoencoder (diffusers' AutoencoderTiny), so that a model can draw latents, which cost less than pictures.

    train_autoencoder.py --data clothing64.npz --flip --out RUN/vae --minutes 15
    train_autoencoder.py --data clothing64.npz --flip --out RUN/vae --minutes 15 --refine

OUT is what train.py and export.py take as --autoencoder. The first run learns both halves: mean absolute error of pixels and
of their differences, the latents' channels of unit variance. --refine goes on with the decoder alone, against a patch
discriminator (Isola et al. 2017; the weight as in Esser et al. 2021), which makes it sharp: what was trained on
the latents stays valid. OUT/reconstructions.png has held-out pictures, above what is left of them.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import data
from autoencoder import LAYOUT, SCALE, Autoencoder, create
from critic import Critic, hinge_loss
from optimiser import Optimiser
from pictures import save_grid

NOISE = 0.05  # on the scaled latents while training: what samplers draw is not exact either
DIFFERENCES, SPREAD = 1.0, 0.1  # weights of the loss's parts


def differences(x):
    """Of neighbours: right minus left, lower minus upper."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def reconstruction_loss(y, x):
    loss = (y - x).abs().mean()
    for a, b in zip(differences(y), differences(x)):
        loss = loss + DIFFERENCES * (a - b).abs().mean()
    return loss


def spread_loss(latents):
    """Keeps every channel's mean at 0 and deviation at SCALE, and values within [-1, 1], where samplers clip."""
    mean, deviation = latents.mean((0, 2, 3)) / SCALE, latents.std((0, 2, 3)) / SCALE
    return mean.square().mean() + (deviation - 1).square().mean() + 10 * (latents.abs() - 1).relu().square().mean()


class Run:
    """What learns, its moving average, and the clock of this call."""

    def __init__(self, args, source):
        self.args, self.source, self.device = args, source, torch.device(args.device)
        held, _ = source.every(validation=True, change=False)
        self.held_out = held[:: max(1, len(held) // 256)][:256].to(self.device)
        fresh = lambda: create(source.channels, args.latent_channels, args.width, args.encoder_blocks, args.decoder_blocks)
        net = Autoencoder.load(args.out).net if args.refine else fresh()
        net = net.to(self.device, memory_format=LAYOUT).train()
        net.encoder.requires_grad_(not args.refine)
        net.decoder.requires_grad_(True)
        self.model = Autoencoder(net)
        if source.size % self.model.factor:
            raise SystemExit(f"pictures of {source.size} pixels cannot be halved {len(net.config.num_encoder_blocks) - 1} times")
        self.average = Autoencoder(copy.deepcopy(net).eval().requires_grad_(False))
        self.learning = net.decoder if args.refine else net
        last = f"layers.{len(net.decoder.layers) - 1}."  # pictures' side: AdamW; latents' side: Muon, as all within
        outer = last if args.refine else ("encoder.layers.0.", "decoder." + last)
        self.optimiser = Optimiser(self.learning, "muon", args.lr, 0.0, outer)
        self.critic = Critic(source.channels).to(self.device, memory_format=LAYOUT) if args.refine else None
        if self.critic:
            self.critic_optimiser = torch.optim.AdamW(self.critic.parameters(), 2e-4, betas=(0.5, 0.9), weight_decay=0)
        self.start, self.step = time.time(), 0

    def progress(self):
        return (time.time() - self.start) / (60 * self.args.minutes)

    def learning_rate(self):
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(self.progress(), 1)))
        return self.args.lr * min(1, (self.step + 1) / 100) * cosine

    def loss(self, x):
        """The loss of a batch, and the picture that came back."""
        latents = self.model.encode(x).float()
        y = self.model.decode(latents + NOISE * torch.randn_like(latents)).float()
        loss = reconstruction_loss(y, x)
        if not self.args.refine:
            return loss + SPREAD * spread_loss(latents), y
        return loss + self.adversarial_weight(loss, y) * -self.critic(y).float().mean(), y

    def adversarial_weight(self, loss, y):
        """So that discriminator and reconstruction pull equally hard at the picture; ramps up while the discriminator is new."""
        ours, = torch.autograd.grad(loss, y, retain_graph=True)
        theirs, = torch.autograd.grad(self.critic(y).float().mean(), y)
        return self.args.adversarial * min(1, self.step / 300) * (ours.norm() / (theirs.norm() + 1e-6)).detach()

    def teach_critic(self, x, y):
        loss = hinge_loss(self.critic(x).float(), self.critic(y.detach()).float())
        self.critic_optimiser.zero_grad()
        loss.backward()
        self.critic_optimiser.step()

    def train_step(self):
        x, _ = self.source.batch(self.args.batch)
        x = x.contiguous(memory_format=LAYOUT)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, y = self.loss(x)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learning.parameters(), 1.0)
        self.optimiser.step(self.learning_rate())
        if self.critic:
            with torch.autocast(self.device.type, torch.bfloat16):
                self.teach_critic(x, y)
        keep = min(self.args.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.net.parameters()), [p.detach() for p in self.model.net.parameters()], 1 - keep)
        self.step += 1
        return loss.item()

    def check_up(self):
        """Saves the average; PSNR of held-out pictures, and of how the latents are spread."""
        x = self.held_out
        latents = self.average.latents(x)
        y = self.average.pictures(latents)
        self.average.save(self.args.out)
        shown = slice(None, None, max(1, len(x) // 16))
        save_grid(torch.cat([x[shown][:16].cpu(), y[shown][:16]]), min(16, len(x)), self.args.out / "reconstructions.png", 2)
        decibels = -10 * ((y - x.cpu()) / 2).square().flatten(1).mean(1).log10()
        spread = f"latents {latents.mean():.3f} ± {latents.std():.3f}, {100 * (latents.abs() > 1).float().mean():.2f} % beyond 1"
        return f"{decibels.mean():.2f} dB, {spread}"


def integers(text):
    return [int(k) for k in text.split(",")]


def parse(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--size", type=int, help="pixels a side, for a folder of pictures")
    p.add_argument("--flip", action="store_true", help="mirror half of the pictures")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--refine", action="store_true", help="go on from OUT with the decoder alone")
    net = p.add_argument_group("a new network (--refine takes OUT's)")
    net.add_argument("--latent-channels", type=int, default=4)
    net.add_argument("--width", type=int, default=32, help="channels inside")
    net.add_argument("--encoder-blocks", type=integers, default=[0, 1, 2], help="of every stage; between two the picture halves")
    net.add_argument("--decoder-blocks", type=integers, default=[2, 2, 1])
    p.add_argument("--adversarial", type=float, default=0.5, help="the discriminator's pull, in units of the reconstruction's")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--lr", type=float, help="peak; default 2e-3, with --refine 5e-4")
    p.add_argument("--ema", type=float, default=0.995)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    args = p.parse_args(arguments)
    args.lr = args.lr or (5e-4 if args.refine else 2e-3)
    return args


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    run = Run(args, data.load(args.data, args.size, args.flip, args.seed, args.device))
    losses, told = [], time.time()
    over = False
    while not over:
        losses.append(run.train_step())
        over = run.progress() >= 1
        if over or time.time() - told > 60:
            print(f"step {run.step}, {run.step * args.batch} pictures, {100 * min(run.progress(), 1):.0f} %, "
                  f"loss {sum(losses) / len(losses):.4f}, {run.check_up()}", flush=True)
            losses, told = [], time.time()


if __name__ == "__main__":
    main()
