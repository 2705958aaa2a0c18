"""Small comparisons of the choices in phase b, from one checkpoint of phase a; and of ways to go on from one of phase b.
docs/training.md has the results.

    ablations.py --data DATA --init RUN/a.pt --out OUT --pictures 20000 --features mobilenet_v2_1.0_224_quant.tflite
    ablations.py --data DATA --init RUN/b.pt --out OUT --pictures 16000 --only continued few-rows tangent adversarial

Every variant is one run of train.py (phase b) with the same pictures, seed and options but the named ones, exported and
judged by KID at 1, 2, 4 and 8 steps, without guidance. OUT/VARIANT.json is its result: a variant that has one is not run
again, one that was stopped goes on. OUT/ablations.md is the tables of what there is so far.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import torch

import data
import draws
import report
from features import MobileNetV2, to_bytes
from real import Real, kid_row

HERE = Path(__file__).parent
STEPS = [1, 2, 4, 8]
COMMON = "--lr 1e-3 --ema 0.99"  # so short a run must not average over its own beginning
DISTILL = "--teacher frozen --hop ddim --teacher-steps 16 128"

# name: options of train.py, share of --pictures, step counts it is for, how it is sampled
VARIANTS = {
    "distillation": (DISTILL, 1, STEPS, "multistep"),
    "training": ("--teacher data --hop ddim --teacher-steps 16 128", 1, STEPS, "multistep"),
    "addim": ("--teacher frozen --hop addim --teacher-steps 16 128", 1, STEPS, "multistep"),
    "constant-16": ("--teacher frozen --hop ddim --teacher-steps 16 16", 1, STEPS, "multistep"),
    "constant-128": ("--teacher frozen --hop ddim --teacher-steps 128 128", 1, STEPS, "multistep"),
}
VARIANTS |= {f"only-{n}": (f"{DISTILL} --student-steps {n}", 1, [n], "multistep") for n in STEPS}
VARIANTS |= {f"only-{n}-quarter": (f"{DISTILL} --student-steps {n}", 0.25, [n], "multistep") for n in STEPS}
GO_ON = "--teacher frozen --hop ddim --teacher-steps 64 64 --diffusion-rows 0.2 --keep-limit --lr 7e-4"
VARIANTS |= {name: (f"{GO_ON} {options}".strip(), 1, STEPS, "multistep") for name, options in {
    "continued": "",
    "few-rows": "--few-rows 0.7",
    "tangent": "--tangent --huber 0.1",
    "adversarial": "--adversarial 1",
}.items()}
RESAMPLED = "only-1"  # the plain consistency model, sampled again by resampling

# heading: {row: variants that share it, with the sampler if it is not multistep}
TABLES = {
    "Consistency training and distillation": {
        "training: the data teach": ["training"],
        "distillation: the network of phase a teaches": ["distillation"],
    },
    "The teacher's hop": {"DDIM": ["distillation"], "adjusted DDIM": ["addim"]},
    "One network or one for each N": {
        "one network, told the segment": ["distillation"],
        "one for each N, the same pictures in total": [f"only-{n}-quarter" for n in STEPS],
        "one for each N, the same pictures each": [f"only-{n}" for n in STEPS],
    },
    "The teacher's grid": {
        "16 to 128 steps, annealed": ["distillation"],
        "16 steps": ["constant-16"],
        "128 steps": ["constant-128"],
    },
    "Segments or resampling": {
        "multistep consistency": ["distillation"],
        "consistency model, resampled": [RESAMPLED + " resampled"],
    },
    "Going on from phase b": {
        "the same again": ["continued"],
        "N = 1 and 2 in seven rows of ten": ["few-rows"],
        "tangents instead of hops": ["tangent"],
        "with an adversary": ["adversarial"],
    },
}


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--size", type=int, help="pixels a side, for a folder")
    p.add_argument("--flip", action="store_true")
    p.add_argument("--autoencoder", type=Path, help="of the checkpoint, if it draws latents")
    p.add_argument("--init", required=True, type=Path, help="checkpoint of phase a; of phase b for the variants that keep the limit")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--pictures", type=int, default=20000, help="training pictures of a variant")
    p.add_argument("--count", type=int, default=1024, help="drawn pictures of each number of steps")
    p.add_argument("--features", default=os.environ.get("QUICKSTEP_FEATURES"), required="QUICKSTEP_FEATURES" not in os.environ,
                   help="the .tflite (features.py says from where); default: $QUICKSTEP_FEATURES")
    p.add_argument("--only", nargs="+", choices=VARIANTS, default=[k for k, (words, *_) in VARIANTS.items() if "--keep-limit" not in words],
                   help="these variants; default: those that start from phase a")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cpu")
    p.add_argument("--train-options", default="", help="more words for every train.py, such as '--compile --workers 2'")
    return p.parse_args()


def data_options(args):
    return ["--data", args.data] + (["--size", str(args.size)] if args.size else []) + ["--flip"] * args.flip


def run(script, *words):
    subprocess.run([sys.executable, str(HERE / script), *map(str, words)], check=True)


def train(args, name):
    """The model folder of a variant, trained and exported."""
    options, share, *_ = VARIANTS[name]
    folder = args.out / name
    latents = ["--autoencoder", args.autoencoder.absolute()] if args.autoencoder else []
    run("train.py", *data_options(args), *latents, "--phase", "b", "--init", args.init.absolute(), "--out", folder, "--resume",
        "--pictures", round(args.pictures * share), "--batch", args.batch, "--seed", args.seed, "--device", args.device,
        *shlex.split(f"{COMMON} {options} {args.train_options}"))
    run("export.py", folder / "b.pt", folder / "model", "--rows", 0, *latents)
    return folder / "model"


def judge(args, folder, columns, real, net):
    """KID of every column: {column name: {"KID": ...}}."""
    model = draws.Model(folder, args.device, bfloat16=False, compiled=False)
    labels, rows = draws.label_order(real.shares, args.count), {}
    for column in columns:
        x = model.draw(column, labels, 1_000_000, 32 if args.device == "cpu" else 256)
        drawn = real.drawn(net.describe(to_bytes(x, model.alpha)), labels)
        rows[column.name] = kid_row("KID", real.kid(drawn)) | kid_row("KID training", real.kid(drawn, "training"))
    return rows


def measure(args, name, real, net):
    """Trains and judges a variant; returns what its JSON gets."""
    options, share, steps, sampler = VARIANTS[name]
    start = time.time()
    folder = train(args, name)
    columns = [draws.Column(sampler, n) for n in steps]
    if name == RESAMPLED:
        columns += [draws.Column("resampled", n) for n in STEPS]
    rows = judge(args, folder, columns, real, net)
    about = {"options": f"{COMMON} {options}", "pictures": round(args.pictures * share), "batch": args.batch, "seed": args.seed}
    return about | {"drawn": args.count, "seconds": round(time.time() - start), "steps": rows}


def tables(results):
    """Markdown of what there is; KID against the training pictures, of which there are more than held out."""
    parts = []
    for heading, rows in TABLES.items():
        lines = {}
        for row, names in rows.items():
            cells = {}
            for word in names:
                name, _, sampler = word.partition(" ")
                for n in STEPS:
                    cells |= kid_cell(results.get(name, {}), f"{sampler} {n}".strip(), n)
            if cells:
                lines[row] = cells
        if lines:
            columns = [(f"N = {n}", f"{n}", 1) for n in STEPS]
            parts.append(f"### {heading}\n\n" + report.table(lines, columns, "KID x 1000"))
    return "\n".join(parts)


def kid_cell(result, column, n):
    """{"N": KID, "N interval": ...} of a column, if it is in a result."""
    row = result.get("steps", {}).get(column)
    return {str(n): row["KID training"], f"{n} interval": row["KID training interval"]} if row else {}


def main():
    args = parse()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    net, real = MobileNetV2(args.features).to(args.device), None
    for name in args.only:
        path = args.out / f"{name}.json"
        if not path.exists():
            real = real or Real(data.load(args.data, args.size, args.flip), net, args.count, args.out)
            path.write_text(json.dumps(measure(args, name, real, net), indent=2) + "\n")
        results = {p.stem: json.loads(p.read_text()) for p in args.out.glob("*.json")}
        (args.out / "ablations.md").write_text(tables(results))
    print(tables(results))


if __name__ == "__main__":
    main()
