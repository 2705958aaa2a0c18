"""Trains a model. Phase a: diffusion. Phase b: multistep consistency, from a's average.

    train.py --data PATH --out RUN --phase a --minutes 60 [--resume]
    train.py --data PATH --out RUN --phase b --minutes 40 [--resume]
    torchrun --nproc-per-node GPUS train.py ...

PATH: an .npz, a folder of class folders (--size), or the sprites; see data.py. RUN/a.pt and RUN/b.pt are checkpoints
(network, average, optimiser, clock, random states), written every three minutes and on SIGTERM. RUN/log_a.csv has a line
per 50 steps, RUN/tensorboard the same; RUN/a_*.png are grids (rows classes, columns step counts). --minutes is the whole
phase's clock, which a resumed run continues; the learning rate follows the clock. With --pictures the clock is the count
of pictures, and a resumed run is the same as one that was never stopped.

Arithmetic: bfloat16 autocast over float32 weights, optimiser and average; noise levels and losses are float32 and float64.
"""

import argparse
import copy
import dataclasses
import math
import os
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers.models.attention_processor import Attention
from safetensors.torch import load_file

import data
import record
import sample
import schedule as S
from critic import Adversary, Critic
from model import EVERY_N, PRESETS, PlainAttention, configure, count_flops, count_parameters, create, load_checkpoint
from objective import LAYOUT, Objective
from optimiser import Optimiser
from pictures import save_grid

CHECKPOINT_S, GRID_S, LOG_STEPS, GRID_ROWS = 180, 420, 50, 10


def integers(text):
    return tuple(int(k) for k in text.split(","))


def parse(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--size", type=int, help="pixels a side, for a folder of pictures")
    p.add_argument("--flip", action="store_true", help="mirror half of the pictures (the sprites know themselves)")
    p.add_argument("--autoencoder", type=Path, help="of train_autoencoder.py: the network draws its latents")
    p.add_argument("--tokenizer", type=Path, help="of tokens.py: labels are prompts, and the network reads them")
    p.add_argument("--pool", type=int, default=0, help="draw so many captioned pictures ahead, by all cores, and learn from those")
    p.add_argument("--reader", type=Path, help="of reading.py: a new text network starts with this text encoder")
    p.add_argument("--start", type=Path, help="a new text network takes over what it can of this model folder's unet")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--phase", choices="ab", required=True)
    clock = p.add_mutually_exclusive_group(required=True)
    clock.add_argument("--minutes", type=float)
    clock.add_argument("--pictures", type=int, help="the clock counts pictures instead")
    p.add_argument("--resume", action="store_true", help="from RUN's checkpoint, if there is one")
    p.add_argument("--more", action="store_true", help="with --resume: the minutes or pictures come on top of the checkpoint's")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch", type=int, default=64, help="over all workers")
    p.add_argument("--lr", type=float, help="peak; default 2e-3 (a), 7e-4 (b)")
    p.add_argument("--optimiser", choices=["muon", "adamw"], default="muon", help="see optimiser.py")
    p.add_argument("--ema", type=float, default=0.999)
    p.add_argument("--label-dropout", type=float, default=0.1, help="how often a label becomes 'any'")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--workers", type=int, help="processor: processes of one thread each (default 2); GPUs: use torchrun")
    p.add_argument("--compile", action="store_true", help="torch.compile; minutes of start, then faster")
    p.add_argument("--float32", action="store_true", help="no bfloat16")
    net = p.add_argument_group("a new network (phase a; later phases and tools read it from the checkpoint)")
    net.add_argument("--model", choices=PRESETS, help="default: latents with --autoencoder, sprites up to 32 pixels, else photos")
    net.add_argument("--channels", type=integers, help="of the levels, such as 32,64,128")
    net.add_argument("--layers", type=int, help="ResNet blocks a level")
    net.add_argument("--attention", type=integers, help="sides in pixels of the levels with attention, such as 16,8")
    net.add_argument("--dropout", type=float, default=0.0, help="in the ResNet blocks, in phase a only")
    b = p.add_argument_group("phase b")
    b.add_argument("--init", type=Path, help="checkpoint to start from; default RUN/a.pt")
    b.add_argument("--teacher", choices=["data", "frozen", "average"], default="average", help="see Objective.teacher")
    b.add_argument("--hop", choices=["ddim", "addim", "mixed"], default="ddim", help="the teacher's; mixed: aDDIM for N >= 4")
    b.add_argument("--teacher-steps", type=float, nargs=2, default=[32, 512], help="its grid at first and at last")
    b.add_argument("--student-steps", type=int, help="the paper's network for this one N, without segment input")
    b.add_argument("--diffusion-rows", type=float, help="share of a batch; default 0.2, with --student-steps 0")
    b.add_argument("--keep-limit", action="store_true", help="diffusion rows learn the teacher's answers, not the data: for --init of phase b")
    b.add_argument("--few-rows", type=float, help="share of the consistency rows that learn N = 1 and 2; default 0.36")
    b.add_argument("--tangent", action="store_true", help="targets by the derivative along the path instead of hops; with --huber 0.1")
    b.add_argument("--adversarial", type=float, default=0.0, help="a discriminator's pull at drawn pictures, in units of the loss's")
    b.add_argument("--guidance", type=float, default=0.0, help="baked in, see Objective.guide")
    b.add_argument("--huber", type=float, default=1e-2)
    return check(p, p.parse_args(arguments))


def check(p, args):
    args.workers = args.workers or (2 if args.device == "cpu" else 1)
    args.lr = args.lr or (2e-3 if args.phase == "a" else 7e-4)
    if args.diffusion_rows is None:
        args.diffusion_rows = 0.0 if args.student_steps else 0.2
    if args.phase == "a" and args.student_steps:
        p.error("--student-steps is phase b's")
    if args.student_steps and (args.teacher == "average" or args.diffusion_rows > 0):
        p.error("--student-steps: such a network knows no diffusion; --teacher data or frozen, no --diffusion-rows")
    if args.student_steps and args.few_rows is not None:
        p.error("--few-rows: with --student-steps all rows are of one N")
    if args.keep_limit and args.teacher == "data":
        p.error("--keep-limit: the data know no limit; --teacher frozen or average")
    workers = int(os.environ.get("WORLD_SIZE", args.workers))
    if args.batch % workers:
        p.error(f"--batch {args.batch} cannot be shared by {workers} workers")
    if args.device == "cuda" and args.workers > 1:
        p.error("--workers is for processors; GPUs: torchrun --nproc-per-node GPUS train.py ...")
    return args


def configure_text(source, args):
    from text_model import configure as configure_reader

    return configure_reader(source, args)


class Workers:
    """The processes that share a batch: rank, count, device. One process alone needs no group."""

    def __init__(self, args, rank):
        started = "WORLD_SIZE" in os.environ  # by torchrun
        self.rank = int(os.environ["RANK"]) if started else rank
        self.count = int(os.environ["WORLD_SIZE"]) if started else args.workers
        self.device = torch.device(args.device, int(os.environ.get("LOCAL_RANK", 0)) if args.device == "cuda" else None)
        if args.device == "cuda":
            torch.cuda.set_device(self.device)
        if self.count > 1:
            backend = "nccl" if args.device == "cuda" else "gloo"
            method = "env://" if started else f"file://{args.out.absolute()}/rendezvous"
            dist.init_process_group(backend, init_method=method, rank=self.rank, world_size=self.count)

    def average(self, grads, *numbers):
        """Averages gradients in place, and numbers, over the workers. Waits for a GPU, so a single worker does without."""
        if self.count == 1:
            return numbers
        extra = torch.stack([torch.as_tensor(k, dtype=torch.float32, device=self.device) for k in numbers])
        flat = torch.cat([g.flatten() for g in grads] + [extra])
        dist.all_reduce(flat)
        flat /= self.count
        for grad, part in zip(grads, flat.split([g.numel() for g in grads] + [len(numbers)])):
            grad.copy_(part.view_as(grad))
        return flat[-len(numbers) :].tolist()

    def gather(self, value):
        """[value of every rank]."""
        values = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(values, value)
        return values


class Run:
    """The network, its moving average, the optimiser, and the clock of one phase."""

    def __init__(self, args, workers):
        torch.manual_seed(args.seed)
        self.args, self.workers, self.device = args, workers, workers.device
        self.source = data.load(args.data, args.size, args.flip, device=self.device, autoencoder=args.autoencoder, tokenizer=args.tokenizer, pool=args.pool)
        self.path = args.out / f"{args.phase}.pt"
        state = torch.load(self.path, map_location="cpu") if args.resume and self.path.exists() else None
        self.create(state)
        decay = 0.01 if args.phase == "a" else 0.0
        self.optimiser = Optimiser(self.net, args.optimiser, args.lr, decay, rank=workers.rank, count=workers.count)
        self.adversary = self.create_adversary() if args.adversarial > 0 else None
        self.step, self.images, self.seconds, self.warm_from = 0, 0, 0.0, 0
        torch.manual_seed(args.seed + workers.rank)  # the workers' networks are equal, their draws are not
        self.source.generator.manual_seed(torch.initial_seed())
        if state:
            self.restore(state)
        self.objective = Objective(args, self.net, self.average, self.frozen, self.adversary)
        self.mark = time.time()

    def create(self, state):
        """The networks, from this phase's checkpoint, from the phase before, or new."""
        args = self.args
        first = args.init or args.out / "a.pt"
        if state is None and args.phase == "a":
            self.config = configure_text(self.source, args) if args.tokenizer else configure(self.source, args)
            self.schedule, self.history = S.Schedule.for_size(self.source.size), []
        else:
            net, saved = load_checkpoint(self.path if state else first)
            self.config, self.schedule, self.history = saved["config"], net.schedule, saved["history"]
            self.fit(saved)
            if state and saved["segments"] == bool(args.student_steps):
                raise SystemExit(f"{self.path} is for {saved['steps']} steps: resume it with the same --student-steps")
            self.history = self.history[:-1] if state else self.history  # the last part is the phase being resumed
        segments = not args.student_steps
        self.net = create(self.config, self.schedule, segments, self.vocabulary()).to(self.device, memory_format=LAYOUT)
        if state is None and args.start:
            self.net.take_over(load_file(args.start / "unet/diffusion_pytorch_model.safetensors"))
        if state is None and args.phase == "a" and args.reader:
            self.net.text_encoder.load_state_dict(torch.load(args.reader))
        if state is None and args.phase == "b":
            self.net.load_state_dict({k: v for k, v in net.state_dict().items() if segments or "segment" not in k})
        self.net.train(args.phase == "a")  # dropout
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.frozen = None
        if args.phase == "b" and (args.teacher == "frozen" or args.guidance > 0 or args.tokenizer):
            self.frozen, _ = load_checkpoint(first)
            self.frozen.to(self.device, memory_format=LAYOUT)
        if self.device.type == "cpu" and not args.tokenizer:
            for layer in [m for n in (self.net, self.average, self.frozen) if n for m in n.modules()]:
                if isinstance(layer, Attention):
                    layer.set_processor(PlainAttention())

    def create_adversary(self):
        """It sees pictures, whatever the network draws."""
        autoencoder = getattr(self.source, "autoencoder", None)
        channels = autoencoder.net.config.out_channels if autoencoder else self.source.channels
        critic = Critic(channels, 0 if self.args.tokenizer else len(self.source.names)).to(self.device, memory_format=LAYOUT)
        return Adversary(self.args.adversarial, critic, autoencoder.decode if autoencoder else lambda x: x, self.workers.average)

    def vocabulary(self):
        return self.source.vocabulary if self.args.tokenizer else None

    def examples(self):
        return self.source.example_prompts if self.args.tokenizer else None

    def fit(self, saved):
        """A checkpoint made for other pictures, classes or latents is refused."""
        if self.source.encoder != saved.get("encoder"):
            raise SystemExit("the checkpoint draws latents of another --autoencoder" if saved.get("encoder") and self.source.encoder else
                             "the checkpoint draws latents: name its --autoencoder" if saved.get("encoder") else
                             "the checkpoint draws pictures: leave out --autoencoder")
        ours = (self.source.size, self.source.channels, list(self.source.names))
        theirs = (self.config["sample_size"], self.config["in_channels"], list(saved["names"]))
        if ours != theirs:
            raise SystemExit(f"the checkpoint is for {theirs} (size, channels, classes), {self.args.data} has {ours}")

    def restore(self, state):
        """Without optimiser states (checkpoint.py), or with those of another kind or count of workers, the optimiser starts
        anew, and warms up."""
        self.net.load_state_dict(state.get("net", state["average"]))
        self.average.load_state_dict(state["average"])
        self.step, self.images, self.seconds = state["clock"]
        optimisers = state.get("optimisers", [])
        if len(optimisers) == self.workers.count and state["args"]["optimiser"] == self.args.optimiser:
            self.optimiser.load_state_dict(optimisers[self.workers.rank])
            self.warm_from = state.get("warm_from", 0)
        else:
            self.warm_from = self.step
        if self.adversary and state.get("adversary"):
            self.adversary.load_state_dict(state["adversary"])
        if self.args.more and self.args.pictures:
            self.args.pictures += self.images
        elif self.args.more:
            self.args.minutes += self.seconds / 60
        states = state.get("random", [])
        if len(states) != self.workers.count:  # another count of workers, or a checkpoint without: fresh draws
            torch.manual_seed(self.args.seed + 2 * self.step + self.workers.rank)
            self.source.generator.manual_seed(torch.initial_seed())
            return
        mine = states[self.workers.rank]
        torch.set_rng_state(mine["torch"])
        self.source.generator.set_state(mine["data"])
        if self.device.type == "cuda" and mine["cuda"] is not None:
            torch.cuda.set_rng_state(mine["cuda"], self.device)

    def random_state(self):
        cuda = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        return dict(torch=torch.get_rng_state(), cuda=cuda, data=self.source.generator.get_state())

    def save(self):
        """All workers call it; the first writes."""
        random, optimisers = self.workers.gather(self.random_state()), self.workers.gather(self.optimiser.state_on_host())
        if self.workers.rank > 0:
            return
        args = {k: str(v) if isinstance(v, Path) else v for k, v in vars(self.args).items()}
        part = dict(phase=self.args.phase, steps=self.step, pictures=self.images, seconds=self.seconds, settings=args,
                    hardware=record.hardware(self.device), workers=self.workers.count)
        state = dict(net=self.net.state_dict(), average=self.average.state_dict(), optimisers=optimisers,
                     clock=(self.step, self.images, self.seconds), warm_from=self.warm_from, random=random, args=args, history=[*self.history, part],
                     config=self.config, schedule=dataclasses.asdict(self.schedule), names=self.source.names,
                     sizes=self.source.sizes(), encoder=self.source.encoder, vocabulary=self.vocabulary(), examples=self.examples(), default_label=self.source.default_label,
                     adversary=self.adversary and self.adversary.state_dict(), segments=not self.args.student_steps,
                     steps=[self.args.student_steps] if self.args.student_steps else EVERY_N)
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").rename(self.path)

    def progress(self):
        done = self.images / self.args.pictures if self.args.pictures else self.seconds / (60 * self.args.minutes)
        return min(done, 1.0)

    def minutes_left(self):
        if self.args.minutes:
            return self.args.minutes - self.seconds / 60
        return self.seconds / 60 * (1 / max(self.progress(), 1e-9) - 1)

    def learning_rate(self):
        """Warm-up over 300 steps, then a cosine down to 2 % over the clock."""
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress()))
        return self.args.lr * min(1.0, (self.step - self.warm_from + 1) / 300) * cosine

    def batch(self, count, validation=False):
        """The source's, on the device: captioned pictures lie in the processor's memory."""
        return [k.to(self.device) for k in self.source.batch(count, validation)]

    def loss(self):
        x, labels = self.batch(self.args.batch // self.workers.count)
        dropped = torch.rand(len(labels), *[1] * (labels.dim() - 1), device=self.device) < self.args.label_dropout
        labels = torch.where(dropped, self.net.unconditional(labels), labels)
        if self.args.phase == "a":
            return self.objective.diffusion_loss(x, labels)
        return self.objective.consistency_loss(x, self.net.draw_guidance(labels), self.progress())

    def train_step(self, stop, save):
        """One optimiser step; stop, save: what this worker wishes. Returns loss, gradient norm, whether any wishes it."""
        start, self.mark = self.mark, time.time()
        loss = self.loss()
        loss.backward()
        grads = [p.grad for p in self.net.parameters()]
        loss, seconds, stop, save = self.workers.average(grads, loss.detach(), self.mark - start, stop, save)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step(self.learning_rate())
        keep = min(self.args.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), [p.detach() for p in self.net.parameters()], 1 - keep)
        self.step += 1
        self.images += self.args.batch
        self.seconds += seconds
        return loss, norm, stop > 0, save > 0

    def grid(self):
        """A row per class; columns 1, 2, 4, 8, 16 steps and the diffusion limit, or those that the network knows."""
        labels = self.source.examples(GRID_ROWS).to(self.device)
        shape = len(labels), self.source.channels, self.source.size, self.source.size
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(7)).to(self.device)
        net = self.average
        if self.args.phase == "a":
            columns = [sample.diffusion(net, noise, net.plain(labels), 32, guidance=g) for g in (0.0, 1.0, 2.0)]
        elif self.args.student_steps:
            columns = [sample.multistep(net, noise, labels, self.args.student_steps, clip=True)]
        else:
            columns = [sample.multistep(net, noise, labels, n, clip=True) for n in (1, 2, 4, 8, 16)]
            columns.append(sample.diffusion(net, noise, labels, 32))
        name = f"{self.args.phase}_{round(self.seconds / 60):03d}min.png"
        save_grid(self.source.pictures(torch.stack(columns, 1).flatten(0, 1)), len(columns), self.args.out / name)

    def validate(self):
        """The diffusion loss of the average on held-out pictures, always the same draws; float."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(0)
            state = self.source.generator.get_state()
            self.source.generator.manual_seed(1)
            losses = [self.objective.validation_loss(*self.batch(128, validation=True)) for _ in range(2)]
            self.source.generator.set_state(state)
        return sum(losses) / len(losses)


def report(run, log, losses, since):
    """A line in the log, of the means since the last."""
    loss, norm = (torch.stack([torch.as_tensor(k) for k in c]).mean().item() for c in zip(*losses))
    speed = run.args.batch * len(losses) / (time.time() - since)
    log.line(run.step, run.images, run.seconds, loss, norm, speed, run.minutes_left())


def check_up(run, log):
    run.grid()
    if not run.args.student_steps:  # else it is no diffusion model
        log.validation(run.step, run.images, run.seconds, run.validate())


def train(rank, args):
    torch.set_num_threads(1 if args.device == "cpu" else 4)
    workers = Workers(args, rank)
    run, stop, told = Run(args, workers), False, []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    first = workers.rank == 0
    if first:
        print(f"{count_parameters(run.net)} parameters, {count_flops(run.average) / 1e9:.3f} GFLOP {run.source.sizes()}", flush=True)
        log = record.Record(args.out, args.phase)
    saved = drawn = since = time.time()
    losses = []
    while run.progress() < 1 and not stop:
        *loss, stop, save = run.train_step(bool(told), first and time.time() - saved > CHECKPOINT_S)
        losses.append(loss)
        if first and run.step % LOG_STEPS == 0:
            report(run, log, losses, since)
            losses, since = [], time.time()
        if save or stop:
            run.save()
            saved = time.time()
        if first and time.time() - drawn > GRID_S:
            check_up(run, log)
            drawn = time.time()
    if not stop:
        run.save()
        if first:
            check_up(run, log)
            print(f"done: {run.step} steps, {run.images} pictures, {run.seconds:.0f} s", flush=True)


def main():
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.workers == 1 or "WORLD_SIZE" in os.environ:
        train(0, args)
    else:
        (args.out / "rendezvous").unlink(missing_ok=True)
        torch.multiprocessing.spawn(train, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
