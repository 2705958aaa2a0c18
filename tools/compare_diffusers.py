"""Draws the same pictures with diffusers and with Quickstep, and prints how much they differ.

    tools/train/setup.sh
    .venv-train/bin/python tools/compare_diffusers.py MODEL_DIR [--steps 1,2,4] [--precision f32,f16] [--labels 0,207]
    .venv-train/bin/python tools/compare_diffusers.py DIR/diffusers-cd_imagenet64_l2 --timesteps 22,0
    .venv-train/bin/python tools/compare_diffusers.py DIR/ddpm-cifar10-32 --steps 10 --sampler ddim --eta 1
    .venv-train/bin/python tools/compare_diffusers.py DIR/tiny-sd --prompt "a red knight" --guidance 7.5 --size 512x384
    PYTHONPATH=PEFT .venv-train/bin/python tools/compare_diffusers.py DIR/sd15 --prompt "a red knight" --lora DIR/sd15/kohya.safetensors:0.8

MODEL_DIR is a folder of a ConsistencyModelPipeline, DDPMPipeline, DDIMPipeline or one of READERS. diffusers runs in float32 on the CPU, from
torch.Generator().manual_seed(SEED); Quickstep draws its noise with --rng torch, so that both start, and go on, from the same
numbers. Differences are of 255, between the pictures' floats. Memory is the process's peak: on a software device it has the
device's memory in it, on a GPU it has not. Seconds are the pictures alone, without loading. diffusers fuses LoRAs with peft
(pip install --no-deps --target PEFT peft accelerate psutil).

With --trace, or when float32 differs by more than 1 of 255, the first evaluation is compared node by node along the graph and
the first node that differs is named. Exit status 1 if float32 differs by more than 1 of 255, 2 for wrong arguments.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import diffusers
import torch
from diffusers import (ConsistencyModelPipeline, DDIMPipeline, DDPMPipeline, LatentConsistencyModelPipeline, StableDiffusionPipeline,
                       StableDiffusionXLPipeline)
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/golden"))
from nodes import hook_nodes

READERS = (StableDiffusionPipeline, LatentConsistencyModelPipeline, StableDiffusionXLPipeline)
PIPELINES = {c.__name__: c for c in (ConsistencyModelPipeline, DDPMPipeline, DDIMPipeline, *READERS)}
PICTURE_LIMIT = 1.0  # of 255, float32
NODE_LIMIT = 1e-4  # relative L2, float32: a wrong node is off by 1e-2 or more, rounding by 1e-5 at most


class Trouble(Exception):
    pass


# ---- diffusers ----------------------------------------------------------------------------------


def pipeline_class(folder):
    index = folder / "model_index.json"
    if not index.is_file():
        raise Trouble(f"{index}: not there; MODEL_DIR is a pipeline's folder (in a Hugging Face cache: snapshots/HASH)")
    name = json.loads(index.read_text()).get("_class_name")
    if name not in PIPELINES:
        raise Trouble(f"{index}: _class_name is {name}; possible: {', '.join(PIPELINES)}")
    return PIPELINES[name]


def find_variant(folder):
    """The word in diffusion_pytorch_model.WORD.safetensors, None if there is a file without one."""
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    found = sorted(unet.glob("diffusion_pytorch_model*.safetensors"))
    if not found:
        raise Trouble(f"{unet}: no diffusion_pytorch_model*.safetensors")
    words = [re.sub(r"-\d+-of-\d+", "", f.name).split(".")[1:-1] for f in found]
    return None if [] in words else words[0][0]


def fuse_lora(pipe, entry):
    import loras  # noqa: F401: makes transformers take the peft that there is

    path, colon, scale = entry.rpartition(":")
    pipe.load_lora_weights(path if colon else entry)
    pipe.fuse_lora(lora_scale=float(scale) if colon else 1.0)
    pipe.unload_lora_weights()


def load_pipeline(folder, sampler):
    diffusers.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    pipe = pipeline_class(folder).from_pretrained(
        folder, variant=find_variant(folder), dtype=torch.float32, use_safetensors=True)
    if isinstance(pipe, READERS):
        pipe.safety_checker = None
    if sampler == "ddim" and not isinstance(pipe, ConsistencyModelPipeline):
        pipe = DDIMPipeline(pipe.unet, pipe.scheduler)
    elif sampler != "default":
        raise Trouble(f"--sampler {sampler}: not for a {type(pipe).__name__}")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def plan_pictures(args, pipe):
    """(steps, points of a consistency model's training grid or None) of every row."""
    steps = args.steps or ([] if args.timesteps else [1, 2, 4])
    if not isinstance(pipe, ConsistencyModelPipeline):
        if args.timesteps:
            raise Trouble(f"--timesteps: not for a {type(pipe).__name__}")
        return [(n, None) for n in steps]
    grid = pipe.scheduler.config.num_train_timesteps
    if any(n > grid for n in steps) or any(point >= grid for point in args.timesteps):
        raise Trouble(f"the training grid has {grid} points: --steps up to {grid}, --timesteps up to {grid - 1}")
    if args.timesteps != sorted(set(args.timesteps), reverse=True):
        raise Trouble("--timesteps: descending, please, as in 22,0")
    plans = [[i * (grid // n) for i in reversed(range(n))] for n in steps] + ([args.timesteps] if args.timesteps else [])
    return [(len(points), points) for points in plans]


def draw_diffusers(args, pipe, steps, points):
    """Pictures [n, c, h, w] in [0, 1], seconds."""
    count = len(args.labels) or 1
    arguments = dict(generator=[torch.Generator().manual_seed(args.seed + i) for i in range(count)], num_inference_steps=steps)
    if points:
        arguments |= dict(num_inference_steps=None, timesteps=points, class_labels=args.labels or None)
    if isinstance(pipe, DDIMPipeline):
        arguments["eta"] = args.eta
    if isinstance(pipe, READERS):
        width, height = args.size or (None, None)
        arguments |= dict(guidance_scale=args.guidance, width=width, height=height)
        arguments |= {name: value for name, value in (  # diffusers' pairs are height and width, or y and x
            ("negative_prompt", args.negative), ("prompt_2", args.prompt_2), ("negative_prompt_2", args.negative_2),
            ("original_size", args.original_size and args.original_size[::-1]),
            ("crops_coords_top_left", args.crop and args.crop[::-1])) if value}
    start = time.monotonic()
    images = pipe(args.prompt if isinstance(pipe, READERS) else count, output_type="pt", **arguments).images
    return images, time.monotonic() - start


# ---- Quickstep ----------------------------------------------------------------------------------


# A process's peak begins with that of the process that started it, and this one is large: a small one goes between.
MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print("\\npeak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def run_quickstep(program, *arguments):
    """Standard output and standard error together, peak memory in bytes."""
    command = [program, *map(str, arguments)]
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _, peak = done.stdout.rpartition("\npeak ")
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)}: exit status {done.returncode}\n{output.strip()}")
    return output, int(peak) * 1024


def draw_quickstep(args, steps, points, precision, folder):
    """Pictures [n, c, h, w] in [0, 1], seconds, peak bytes."""
    pictures, seconds, peak = [], 0.0, 0
    options = ["--sampler", args.sampler] + (["--eta", args.eta] if args.sampler == "ddim" else [])
    options += ["--timesteps", ",".join(map(str, points))] if points else []
    if args.prompt is not None:
        options += ["--prompt", args.prompt, "--guidance", args.guidance]
        for name, value in (("--negative", args.negative), ("--prompt-2", args.prompt_2), ("--negative-2", args.negative_2),
                            ("--size", args.size and "{}x{}".format(*args.size)),
                            ("--original-size", args.original_size and "{}x{}".format(*args.original_size)),
                            ("--crop", args.crop and "{},{}".format(*args.crop))):
            options += [name, value] if value else []
        for entry in args.lora:
            options += ["--lora", entry]
    for i, label in enumerate(args.labels or [None]):
        out = folder / "picture.safetensors"
        text, memory = run_quickstep(
            args.program, "sample", "--model", args.model, "--steps", steps, "--seed", args.seed + i, "--rng", "torch",
            "--precision", precision, "--output", out, *options, *([] if label is None else ["--label", label]))
        pictures.append(load_file(out)["sample"])
        seconds += float(re.search(r"([\d.]+) ms\s*$", text)[1]) / 1000
        peak = max(peak, memory)
    return (torch.cat(pictures) / 2 + 0.5).clamp(0, 1), seconds, peak


def device_name(program, model):
    text, _ = run_quickstep(program, "inspect", "--model", model)
    return re.search(r"device: (.*)", text)[1]


# ---- the table ----------------------------------------------------------------------------------


def psnr(a, b):
    mse = (a.double() - b.double()).square().mean().item()
    return float("inf") if mse == 0 else -10 * torch.tensor(mse).log10().item()


def write_pixels(file, points, pictures):
    """A line of tools/verify_published.sh's --expect: the last nine pixels of the first picture's last channel."""
    words = " ".join(f"{value:.4f}" for value in pictures[0, -1, -3:, -3:].flatten().tolist())
    file.write(f"{','.join(map(str, points or ['-']))} {words}\n")
    file.flush()


def compare(args, pipe):
    """Prints the table; the largest difference in float32."""
    plans = plan_pictures(args, pipe)
    print("| steps | precision | max / 255 | mean / 255 | PSNR | diffusers | Quickstep | memory, diffusers | Quickstep |")
    print("|---|---|---|---|---|---|---|---|---|")
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for steps, points in plans:
            expected, seconds = draw_diffusers(args, pipe, steps, points)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            if args.pixels:
                write_pixels(args.pixels, points, expected)
            name = f"{steps} ({', '.join(map(str, points))})" if points else steps
            for precision in args.precision:
                ours, own_seconds, own_memory = draw_quickstep(args, steps, points, precision, Path(folder))
                difference = 255 * (ours - expected).abs()
                print(f"| {name} | {precision} | {difference.max():.4f} | {difference.mean():.5f} | {psnr(ours, expected):.1f} dB "
                      f"| {seconds:.2f} s | {own_seconds:.2f} s | {memory / 1e6:.0f} MB | {own_memory / 1e6:.0f} MB |", flush=True)
                if precision == "f32":
                    largest = max(largest, difference.max().item())
    return largest


# ---- node by node -------------------------------------------------------------------------------


def first_evaluation(args, pipe):
    """What the pipeline calls the network with first: sample [1, c, h, w], timestep, label or None."""
    steps, points = plan_pictures(args, pipe)[0]
    pipe.scheduler.set_timesteps(**(dict(timesteps=points) if points else dict(num_inference_steps=steps)))
    timestep = pipe.scheduler.timesteps[0]
    size = pipe.unet.config.sample_size
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    noise = torch.randn(1, pipe.unet.config.in_channels, height, width, generator=torch.Generator().manual_seed(args.seed))
    sample = pipe.scheduler.scale_model_input(noise * getattr(pipe.scheduler, "init_noise_sigma", 1.0), timestep)
    label = torch.tensor(args.labels[:1]) if pipe.unet.config.num_class_embeds else None
    return sample.float(), timestep.float().reshape(1), label


def trace(args, pipe):
    """Prints every node's error; the first above NODE_LIMIT, or None."""
    sample, timestep, label = first_evaluation(args, pipe)
    nodes = {}
    hooks = hook_nodes(pipe.unet, nodes)
    with torch.no_grad():
        pipe.unet(sample, timestep, label)
    for hook in hooks:
        hook.remove()
    first = None
    with tempfile.TemporaryDirectory() as folder:
        inputs = {"sample": sample.contiguous(), "timestep": timestep}
        if label is not None:
            inputs["class_labels"] = label
        save_file(inputs, Path(folder) / "in.safetensors")
        run_quickstep(args.program, "forward", "--model", args.model, "--input", Path(folder) / "in.safetensors",
                      "--output", Path(folder) / "out.safetensors", "--dump", Path(folder) / "nodes")
        print("\n| node | relative L2 |\n|---|---|")
        for name, expected in nodes.items():
            ours = load_file(Path(folder) / "nodes" / f"{name}.safetensors")["output"]
            error = ((ours - expected).double().norm() / expected.double().norm()).item()
            print(f"| {name} | {error:.2e} |")
            if not error <= NODE_LIMIT and first is None:
                first = name
    return first


# ---- arguments ----------------------------------------------------------------------------------


def numbers(text):
    values = [int(word) for word in text.split(",")]
    if min(values) < 0:
        raise ValueError
    return values


def precisions(text):
    words = text.split(",")
    if not set(words) <= {"f32", "f16"}:
        raise ValueError
    return words


def size(text):
    width, height = map(int, text.split("x"))
    return width, height


def corner(text):
    x, y = map(int, text.split(","))
    return x, y


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", metavar="MODEL_DIR", type=Path)
    p.add_argument("--steps", type=numbers, default=[], help="comma-separated; evenly spaced (default: 1,2,4)")
    p.add_argument("--timesteps", type=numbers, default=[], help="also these points of a consistency model's grid, e.g. 22,0")
    p.add_argument("--precision", type=precisions, default=["f32", "f16"], help="comma-separated (default: f32,f16)")
    p.add_argument("--labels", type=numbers, default=[], help="one picture each (default: one of label 0)")
    p.add_argument("--seed", type=int, default=0, help="of the first picture (default: 0)")
    p.add_argument("--sampler", default="default", choices=["default", "ddim"], help="ddim: DDIMPipeline for a DDPM folder")
    p.add_argument("--eta", type=float, default=0.0, help="of --sampler ddim (default: 0)")
    p.add_argument("--prompt", help="of a text-to-image folder")
    p.add_argument("--negative", help="its negative prompt")
    p.add_argument("--prompt-2", help="what a second text encoder reads (Stable Diffusion XL's)")
    p.add_argument("--negative-2", help="the same of the negative prompt")
    p.add_argument("--original-size", type=size, help="that the network is told, WxH")
    p.add_argument("--crop", type=corner, help="that the network is told, X,Y")
    p.add_argument("--lora", action="append", default=[], metavar="FILE[:SCALE]", help="added to its weights; several")
    p.add_argument("--guidance", type=float, default=1.0, help="its guidance scale (default: 1)")
    p.add_argument("--size", type=size, help="of its pictures, WxH (default: the network's)")
    p.add_argument("--program", default=str(ROOT / "build/src/app/cli/quickstep"), help="quickstep (default: the one in build/)")
    p.add_argument("--threads", type=int, default=0, help="of PyTorch (default: its own choice)")
    p.add_argument("--pixels", type=argparse.FileType("w"), help="write nine of diffusers' pixels here, for tools/verify_published.sh")
    p.add_argument("--trace", action="store_true", help="also compare every node of the first evaluation")
    return p.parse_args()


def main():
    args = parse()
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if not os.access(args.program, os.X_OK):
            raise Trouble(f"{args.program}: no such program; build it (./tools/run) or name one with --program")
        pipe = load_pipeline(args.model, args.sampler)
        for entry in args.lora:
            fuse_lora(pipe, entry)
        if isinstance(pipe, READERS) != (args.prompt is not None):
            raise Trouble(f"--prompt: for {', '.join(c.__name__ for c in READERS)}, and wanted there; this is a {type(pipe).__name__}")
        if (args.prompt_2 or args.negative_2 or args.original_size or args.crop) and not isinstance(pipe, StableDiffusionXLPipeline):
            raise Trouble(f"--prompt-2, --negative-2, --original-size, --crop: for a StableDiffusionXLPipeline; this is a {type(pipe).__name__}")
        if args.trace and args.prompt is not None:
            raise Trouble("--trace: not with a prompt")
        if 0 in args.steps:
            raise Trouble("--steps: 1 or more")
        classes = pipe.unet.config.num_class_embeds
        if classes and not args.labels:
            args.labels = [0]
        if bool(args.labels) != bool(classes) or any(not 0 <= label < classes for label in args.labels):
            raise Trouble(f"--labels {args.labels}: the network has {classes or 'no'} classes")
        print(f"{args.model.name}: {type(pipe).__name__}, {sum(p.numel() for p in pipe.unet.parameters())} parameters; "
              f"diffusers {diffusers.__version__}, torch {torch.__version__} with {torch.get_num_threads()} threads; "
              f"{device_name(args.program, args.model)}\n", flush=True)
        wrong = compare(args, pipe) > PICTURE_LIMIT
        if (wrong or args.trace) and args.prompt is None:
            first = trace(args, pipe)
            print(f"\nthe first node that differs: {first}" if first else "\nno node differs")
            wrong = wrong or first is not None
        return int(wrong)
    except (Trouble, OSError) as e:
        print(f"compare_diffusers: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
