"""Trains the sprite model on a processor. Phase a: diffusion. Phase b: multistep consistency, from a's average.

    train.py --data DIR --out RUN --phase a --minutes 60 [--resume]
    train.py --data DIR --out RUN --phase b --minutes 40 [--resume]

RUN/a.pt and RUN/b.pt are checkpoints (network, average, optimiser, clock), written every three minutes; RUN/log.csv has
a line per 50 steps; RUN/a_*.png and RUN/b_*.png are sample grids (rows seeds, columns step counts). --minutes is the
whole phase's clock, which a resumed run continues; the learning rate follows the clock.
"""

import argparse
import copy
import csv
import math
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers.models.attention_processor import Attention

import data
import sample
import schedule as S
from model import PlainAttention, SegmentUNet, count_flops, count_parameters

STEPS = torch.tensor([1, 2, 3, 4, 5, 6, 8, 12, 16])
STEP_SHARES = torch.tensor([0.18, 0.18, 0.06, 0.24, 0.05, 0.05, 0.16, 0.04, 0.04])
LAYOUT = torch.channels_last
CHECKPOINT_S, GRID_S, LOG_STEPS = 180, 420, 50


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--phase", choices="ab", required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--resume", action="store_true")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--lr", type=float, help="peak; default 1e-3 (a), 3e-4 (b)")
    p.add_argument("--ema", type=float, default=0.999)
    p.add_argument("--workers", type=int, default=2, help="processes of one thread each; share batch and gradients")
    p.add_argument("--compile", action="store_true", help="torch.compile; minutes of start, then faster")
    p.add_argument("--label-dropout", type=float, default=0.1)
    p.add_argument("--diffusion-rows", type=float, default=0.2, help="share of a batch in phase b")
    p.add_argument("--teacher", choices=["data", "frozen", "average"], default="average", help="see teacher_x")
    p.add_argument("--teacher-steps", type=float, nargs=2, default=[32, 512], help="its grid at first and at last")
    p.add_argument("--guidance", type=float, default=0.0, help="baked in by phase b, see guide")
    p.add_argument("--huber", type=float, default=1e-2)
    return p.parse_args()


class Run:
    """The network, its moving average, the optimiser, and the clock of one phase."""

    def __init__(self, args, rank):
        torch.manual_seed(0)
        self.rank = rank
        self.args, self.any = args, len(data.NAMES) - 1
        self.net = SegmentUNet.create(len(data.NAMES)).to(memory_format=LAYOUT)
        for layer in self.net.modules():
            if isinstance(layer, Attention):
                layer.set_processor(PlainAttention())
        self.step, self.images, self.seconds = 0, 0, 0.0
        if args.phase == "b":
            self.net.load_state_dict(torch.load(args.out / "a.pt")["average"])
        self.frozen = copy.deepcopy(self.net).eval().requires_grad_(False) if args.phase == "b" else None
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.lr = args.lr or (1e-3 if args.phase == "a" else 3e-4)
        decay = 0.01 if args.phase == "a" else 0.0
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=self.lr, betas=(0.9, 0.99), weight_decay=decay)
        self.path = args.out / f"{args.phase}.pt"
        if args.resume:
            self.load()
        torch.manual_seed(2 * self.step + rank)  # the workers' networks are equal, their draws are not
        self.sprites = data.Sprites(args.data, seed=torch.initial_seed())
        self.mark = time.time()
        self.fast = torch.compile(self.net) if args.compile else self.net

    def load(self):
        state = torch.load(self.path)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.images, self.seconds = state["clock"]

    def save(self):
        state = dict(net=self.net.state_dict(), average=self.average.state_dict(), optimiser=self.optimiser.state_dict(),
                     clock=(self.step, self.images, self.seconds), args=vars(self.args) | {"out": str(self.args.out)})
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").rename(self.path)

    def share_gradients(self, loss, seconds, stop):
        """Averages the gradients, the loss and the clock over the workers; returns them and whether one must stop."""
        grads = [p.grad for p in self.net.parameters()]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([loss, seconds, float(stop)])])
        if self.args.workers > 1:
            dist.all_reduce(flat)
            flat /= self.args.workers
        for grad, part in zip(grads, flat.split([g.numel() for g in grads] + [3])):
            grad.copy_(part.view_as(grad))
        loss, seconds, stop = flat[-3:].tolist()
        return loss, seconds, stop > 0

    def progress(self):
        return min(self.seconds / (60 * self.args.minutes), 1.0)

    def learning_rate(self):
        """Warm-up over 300 steps, then a cosine down to 2 % over the clock."""
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress()))
        return self.lr * min(1.0, (self.step + 1) / 300) * cosine

    def predict(self, net, z, t, tau, labels):
        """v, float32, from bfloat16 arithmetic; t and tau float64 [n]."""
        scale = S.TIMESTEP_SCALE
        # A compiled network costs minutes per kind of call: only the one that learns is worth it.
        net = self.fast if net is self.net and torch.is_grad_enabled() else net
        with torch.autocast("cpu", torch.bfloat16):
            v = net(z.contiguous(memory_format=LAYOUT), (scale * t).float(), (scale * (t - tau)).float(), labels)
        return v.float()

    def diffusion_loss(self, x, labels):
        """mean (v - vhat)^2 with t uniform, stratified over the batch."""
        n = len(x)
        t = (torch.randperm(n) + torch.rand(n, dtype=torch.float64)) / n
        z, v = S.add_noise(x, torch.randn_like(x), t)
        return (self.predict(self.net, z, t, t, labels) - v).square().mean()

    def guide(self, x, z, t, labels):
        """x + g (xhat - xhat_any) by the frozen model of phase a: bakes guidance into what the student learns."""
        g, n = self.args.guidance, len(x)
        if g == 0 or n == 0:
            return x
        both = torch.cat([labels, torch.full_like(labels, self.any)])
        v, v_any = self.predict(self.frozen, z.repeat(2, 1, 1, 1), t.repeat(2), t.repeat(2), both).split(n)
        return (x + g * (S.predict_x(z, v, t) - S.predict_x(z, v_any, t))).clamp(-1, 1)

    def teacher_x(self, x, z, t, labels):
        """x_teacher of the consistency rows: the picture (training), or an answer for it (distillation).

        The average learns guided diffusion from the diffusion rows, so as a teacher it improves and needs no guide.
        """
        if self.args.teacher == "average":
            return S.predict_x(z, self.predict(self.average, z, t, t, labels), t).clamp(-1, 1)
        if self.args.teacher == "frozen":
            x = S.predict_x(z, self.predict(self.frozen, z, t, t, labels), t)
        return self.guide(x, z, t, labels)

    def draw_rows(self, n):
        """t, s, tau [n] float64 of phase b; the first rows are diffusion: t = s = tau, stratified. Also their count."""
        count = round(n * self.args.diffusion_rows)
        student = STEPS[torch.multinomial(STEP_SHARES, n - count, replacement=True)]
        t, s, tau = S.draw_times(student, S.teacher_steps(self.progress() / 0.6, *self.args.teacher_steps))
        plain = ((torch.arange(count) + torch.rand(count, dtype=torch.float64)) / max(count, 1)).clamp(min=1e-3)
        return *(torch.cat([plain, k]) for k in (t, s, tau)), count

    def consistency_loss(self, x, labels):
        """Consistency with the closed-form target, and diffusion in the first rows.

        Weight 1/sigma_t on the x error, so the loss is the norm of the error in v.
        """
        order = torch.randperm(len(x))
        x, labels = x[order], labels[order]
        t, s, tau, count = self.draw_rows(len(x))
        z, _ = S.add_noise(x, torch.randn_like(x), t)
        with torch.no_grad():
            plain = self.guide(x[:count], z[:count], t[:count], labels[:count])
            c = slice(count, None)
            teacher = self.teacher_x(x[c], z[c], t[c], labels[c])
            z_s = S.ddim(teacher, z[c], t[c], s[c])
            ref = S.predict_x(z_s, self.predict(self.net, z_s, s[c], tau[c], labels[c]), s[c]).clamp(-1, 1)
            w = S.column(S.target_weight(t[c], s[c], tau[c]), z)
            target = torch.cat([plain, w * ref + (1 - w) * teacher])
        x_hat = S.predict_x(z, self.predict(self.net, z, t, tau, labels), t)
        _, sigma = S.alpha_sigma(t)
        return S.huber((x_hat - target) / S.column(sigma, z), self.args.huber).mean()

    def train_step(self, stop):
        """One optimiser step; stop: whether this worker was told to. Returns loss, gradient norm, whether any was."""
        start, self.mark = self.mark, time.time()
        x, labels = self.sprites.batch(self.args.batch // self.args.workers)
        labels = torch.where(torch.rand(len(labels)) < self.args.label_dropout, self.any, labels)
        loss = self.diffusion_loss(x, labels) if self.args.phase == "a" else self.consistency_loss(x, labels)
        loss.backward()
        loss, seconds, stop = self.share_gradients(loss.item(), self.mark - start, stop)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.step()
        self.optimiser.zero_grad()
        keep = min(self.args.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), [p.detach() for p in self.net.parameters()], 1 - keep)
        self.step += 1
        self.images += self.args.batch
        self.seconds += seconds
        return loss, norm.item(), stop

    def grid(self):
        """Ten rows, one per class; columns 1, 2, 4, 8, 16 steps and the diffusion limit."""
        labels = torch.arange(self.any)
        noise = torch.randn(len(labels), 4, 32, 32, generator=torch.Generator().manual_seed(7))
        if self.args.phase == "a":
            columns = [sample.diffusion(self.average, noise, labels, 32), sample.diffusion(self.average, noise, labels, 32, guidance=1.0)]
        else:
            columns = [sample.multistep(self.average, noise, labels, n, clip=True) for n in (1, 2, 4, 8, 16)]
            columns.append(sample.diffusion(self.average, noise, labels, 32))
        name = f"{self.args.phase}_{round(self.seconds / 60):03d}min.png"
        data.save_grid(torch.stack(columns, 1).flatten(0, 1), len(columns), self.args.out / name)

    def validate(self):
        """The diffusion loss of the average on held-out pictures, always the same draws; float."""
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            state, net = self.sprites.generator.get_state(), self.net
            self.sprites.generator.manual_seed(1)
            self.net = self.average
            losses = [self.diffusion_loss(*self.sprites.batch(128, validation=True)).item() for _ in range(2)]
            self.net = net
            self.sprites.generator.set_state(state)
        return sum(losses) / len(losses)


def report(run, log, losses, since):
    """A line in the log: step, pictures, seconds, loss, gradient norm, pictures a second."""
    loss, norm = (sum(c) / len(c) for c in zip(*losses))
    speed = run.args.batch * len(losses) / (time.time() - since)
    line = [run.step, run.images, f"{run.seconds:.0f}", f"{loss:.5f}", f"{norm:.3f}", f"{speed:.1f}"]
    csv.writer(log).writerow(line)
    log.flush()
    print(*line, flush=True)


def train(rank, args):
    torch.set_num_threads(1)
    if args.workers > 1:
        dist.init_process_group("gloo", init_method=f"file://{args.out.absolute()}/rendezvous", rank=rank, world_size=args.workers)
    run, stop, told = Run(args, rank), False, []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    if rank == 0:
        print(f"{count_parameters(run.net)} parameters, {count_flops(run.net) / 1e9:.3f} GFLOP {run.sprites.sizes()}", flush=True)
        log = open(args.out / f"log_{args.phase}.csv", "a")
    saved = drawn = since = time.time()
    losses = []
    while run.progress() < 1 and not stop:
        *loss, stop = run.train_step(bool(told))
        losses.append(loss)
        if rank > 0:
            continue
        if run.step % LOG_STEPS == 0:
            report(run, log, losses, since)
            losses, since = [], time.time()
        if time.time() - saved > CHECKPOINT_S or stop:
            run.save()
            saved = time.time()
        if time.time() - drawn > GRID_S:
            run.grid()
            print(f"validation {run.validate():.5f}", flush=True)
            drawn = time.time()
    if rank == 0 and not stop:
        run.save()
        run.grid()
        print(f"done: {run.step} steps, {run.images} pictures, {run.seconds:.0f} s, validation {run.validate():.5f}")


def main():
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "rendezvous").unlink(missing_ok=True)
    if args.workers == 1:
        train(0, args)
    else:
        torch.multiprocessing.spawn(train, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
