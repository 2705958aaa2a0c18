"""Judges a model by its pictures: KID, FD, coverage, neighbours, and how alike the step counts are. docs/training.md explains.

    evaluate.py MODEL_DIR --data DATA --out OUT --features mobilenet_v2_1.0_224_quant.tflite
    evaluate.py MODEL_DIR ... --engine build/src/app/cli/quickstep       the engine beside PyTorch, from the same noise
    evaluate.py --data DATA ... --pictures hero='dir/hero-*.png' item=dir  files instead (quickstep sample -o dir/%d.png)

OUT gets evaluation.json, evaluation.md (tables), grid.png (rows seeds, columns step counts) and neighbours.png (samples
beside the training pictures nearest to them), or files.json. What was drawn is kept in OUT/drawn, so that a second run goes on.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

import data
import draws
import metric
import report
from features import MobileNetV2, flatten, to_bytes
from real import Real, kid_row

NEIGHBOURS, HELD_OUT, GRID_ROWS = 64, 256, 16  # pictures: shown, for comparison, in the grid


def parse(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", nargs="?", help="a model folder")
    p.add_argument("--data", required=True, help="what it was trained on (data.py)")
    p.add_argument("--size", type=int, help="pixels a side, for a folder")
    p.add_argument("--flip", action="store_true", help="training mirrored half of the pictures")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--features", default=os.environ.get("QUICKSTEP_FEATURES"),
                   help="the .tflite (features.py says from where); default: $QUICKSTEP_FEATURES")
    p.add_argument("--count", type=int, default=2048, help="pictures of each number of steps")
    p.add_argument("--limit-count", type=int, default=512, help="pictures of the diffusion limit")
    p.add_argument("--steps", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8, 16])
    p.add_argument("--limit", type=int, nargs="*", default=[64, 256],
                   help="steps of the diffusion limit; the others are compared with the last")
    p.add_argument("--sampler", default="multistep", choices=["multistep", "resampled"])
    p.add_argument("--hop", default="addim", choices=["addim", "ddim"], help="of the diffusion limit")
    p.add_argument("--seed", type=int, default=1_000_000, help="of the first picture's noise")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--bfloat16", action="store_true", help="faster, 45 dB or so away from float32")
    p.add_argument("--compile", action="store_true", help="torch.compile: minutes of start")
    p.add_argument("--engine", help="the program quickstep")
    p.add_argument("--engine-count", type=int, default=256)
    p.add_argument("--engine-steps", type=int, nargs="+", default=[1, 2, 4, 8])
    p.add_argument("--pictures", nargs="+", metavar="CLASS=FILES", help="a folder of PNG or a quoted pattern for each class")
    args = p.parse_args(arguments)
    if not args.features:
        p.error("--features or QUICKSTEP_FEATURES is needed; features.py says where the file comes from")
    if not args.model and not args.pictures:
        p.error("what shall be judged: MODEL_DIR or --pictures?")
    if args.engine and (args.sampler != "multistep" or not set(args.engine_steps) <= set(args.steps)):
        p.error("--engine draws with the sampler multistep, and --engine-steps must be among --steps: they are compared")
    args.limit_count, args.engine_count = (min(n, args.count) for n in (args.limit_count, args.engine_count))
    args.compared = args.limit_count if args.limit else args.count
    args.least = min(args.compared, args.engine_count) if args.engine else args.compared
    args.neighbour_steps = 8 if 8 in args.steps else max(args.steps)
    return args


class Clock:
    """Seconds per part."""

    def __init__(self):
        self.seconds, self.last = {}, time.time()

    def note(self, part, pictures):
        now = time.time()
        self.seconds[part] = {"seconds": round(now - self.last, 1), "pictures": pictures}
        print(f"{part}: {pictures} pictures, {now - self.last:.0f} s", flush=True)
        self.last = now


def draw_columns(model, args, columns, labels, net, clock):
    """Pictures and features of every column; {name: {"x": ..., "features": ...}}."""
    drawn = {}
    for column, count in columns:
        key = dict(weights=model.digest, labels=labels[:count].tolist(), seed=args.seed, bfloat16=args.bfloat16, batch=args.batch)

        def make():
            x = model.draw(column, labels[:count], args.seed, args.batch)
            clock.note(f"draw {column.name}", count)
            features = net.describe(to_bytes(x, model.alpha))
            clock.note(f"features {column.name}", count)
            return {"x": x.half(), "features": features}

        drawn[column.name] = draws.cached(args.out / "drawn" / f"{column.name.replace(' ', '_')}.safetensors", key, make)
    return drawn


def judge(drawn, labels, real, reference, compared, fd_count):
    """A row per column. What depends on the number of pictures takes fd_count of every column.

    reference: the column that the others are compared with, over their first pictures; or None.
    """
    limit = real.kid(real.drawn(drawn[reference]["features"], labels, compared)) if reference else None
    rows = {}
    for name, column in drawn.items():
        count = len(column["x"])
        x = real.drawn(column["features"], labels, count)
        row = {"pictures": count} | kid_row("KID", real.kid(x)) | kid_row("KID training", real.kid(x, "training"))
        row |= real.compare(real.drawn(column["features"], labels, fd_count))
        if reference and name != reference:
            row |= kid_row("KID above limit", real.kid(real.drawn(column["features"], labels, compared)) - limit)
            decibels = metric.psnr(column["x"][:compared].float(), drawn[reference]["x"][:compared].float())
            row |= {"PSNR": decibels.mean().item(), "PSNR lowest tenth": decibels.quantile(0.1).item()}
        rows[name] = row
    return rows


def judge_engine(args, model, labels, drawn, real, net, clock):
    """The engine's pictures from the same noise: how far they are from PyTorch's, and both KID."""
    rows = {}
    for steps in args.engine_steps:
        column = drawn[str(steps)]
        pictures = draws.engine_pictures(args.engine, model, labels[: args.engine_count], args.seed, steps)
        ours = to_bytes(column["x"][: args.engine_count].float(), model.alpha)
        decibels = metric.psnr(2 * flatten(pictures), 2 * flatten(ours))
        row = {"pictures": len(pictures), "PSNR": decibels.mean().item(), "PSNR lowest": decibels.min().item()}
        for name, features in (("KID engine", net.describe(pictures)), ("KID PyTorch", column["features"])):
            row |= kid_row(name, real.kid(real.drawn(features, labels[: args.engine_count], args.engine_count)))
        rows[steps] = row
        clock.note(f"engine {steps}", len(pictures))
    return rows


def read_files(words, names, net):
    """Features and labels of --pictures."""
    features, labels = [], []
    for word in words:
        name, _, pattern = word.partition("=")
        if name not in names or not pattern:
            raise SystemExit(f"--pictures {word}: needed CLASS=FILES with a class of {' '.join(names)}")
        features.append(net.describe(draws.read_pictures(pattern)))
        labels.append(torch.full((len(features[-1]),), names.index(name)))
    return torch.cat(features), torch.cat(labels)


def judge_files(args, real, net):
    """The pictures of --pictures against the real ones of their classes."""
    features, labels = read_files(args.pictures, real.names, net)
    if out := {real.names[i] for i in labels.unique()} & set(real.left_out):
        raise SystemExit(f"--pictures: too few real pictures are held out of {', '.join(sorted(out))}")
    real.count(torch.where(labels.bincount(minlength=len(real.names)) > 0, real.shares, 0.0))
    x = real.drawn(features, labels)
    row = {"pictures": len(x)} | kid_row("KID", real.kid(x)) | kid_row("KID training", real.kid(x, "training"))
    return {"files": row | real.compare(x)}


def judge_model(args, real, net, clock):
    """Draws, measures and pictures everything; returns what evaluation.json gets."""
    model = draws.Model(args.model, args.device, args.bfloat16, args.compile)
    columns = [(draws.Column(args.sampler, n), args.count) for n in args.steps]
    columns += [(draws.Column(args.hop, n), args.limit_count) for n in args.limit]
    labels = draws.label_order(real.shares, args.count)
    drawn = draw_columns(model, args, columns, labels, net, clock)
    floor = real.floor(args.compared)
    reference = columns[-1][0].name if args.limit else None
    result = {"steps": judge(drawn, labels, real, reference, args.compared, floor["FD pictures"]), "floor": floor}
    result["about"] = about(args, real) | {"reference": reference, "weights": model.digest, "left out": real.left_out}
    clock.note("metrics", len(columns))
    if args.engine:
        result["engine"] = judge_engine(args, model, labels, drawn, real, net, clock)
    shown = drawn[draws.Column(args.sampler, args.neighbour_steps).name]
    result["neighbours"] = report.neighbours(
        shown["x"][:NEIGHBOURS].float(), shown["features"][:NEIGHBOURS], real.pictures["training"], real.features["training"],
        real.pictures["held-out"][:HELD_OUT], args.out / "neighbours.png")
    report.step_grid(drawn, GRID_ROWS, args.out / "grid.png")
    clock.note("neighbours and grid", NEIGHBOURS)
    return result


def about(args, real):
    about = {f"{part} pictures": len(x) for part, x in real.pictures.items()}
    about |= {"model": Path(args.model).name, "seed": args.seed, "compared": args.compared}
    return about | {"engine pictures": args.engine_count}


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    clock, net = Clock(), MobileNetV2(args.features).to(args.device)
    real = Real(data.load(args.data, args.size, args.flip), net, args.least, args.out / "drawn")
    clock.note("features of real pictures", sum(map(len, real.labels.values())))
    if args.pictures:
        result, name = judge_files(args, real, net), "files.json"
        print(report.table(result, report.COLUMNS, "pictures"))
    else:
        result, name = judge_model(args, real, net, clock) | {"seconds": clock.seconds}, "evaluation.json"
        (args.out / "evaluation.md").write_text(report.markdown(result))
        print(report.markdown(result))
    (args.out / name).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
