"""Does a model that reads draw what it is told? R-precision and KID on held-out combinations: of the paper doll, of emoji.

    towers.py --data SPRITES --tokenizer MODEL_DIR/tokenizer --out towers.pt
    judge_prompts.py MODEL_DIR --data SPRITES --towers towers.pt --features mobilenet_v2_1.0_224_quant.tflite --out OUT

COUNT pictures of held-out combinations are composed, with captions that name all that they show. The model draws every caption; the
drawn picture must find its own caption's composed picture among CANDIDATES (its own, and the next ones of the list), by the angle
of MobileNetV2's features, from which the candidates' mean is taken away, or by pixels over mid grey; or its own caption
itself, by two towers. The row "composed" has the composed pictures in place of drawn ones: what the towers can tell. Chance is
1 / CANDIDATES. KID is that of the drawn pictures against as many other composed ones of held-out combinations. Whether it copies:
how far the pictures of each number of steps are from the nearest of TRAINED pictures of training, and how far composed ones of
held-out combinations are. OUT/evaluation.md gets the tables, for export.py --evaluation.
"""

import argparse
import os
from pathlib import Path

import torch

import captioned
import draws
import export
import metric
import sample
from features import MobileNetV2, flatten, to_bytes
from tokens import Prompts
from towers import Towers

SEED = 1_000_000
TRAINED = 8000


def found(drawn, composed, candidates):
    """Share of rows of drawn [n, d] whose nearest of composed's rows i, i + 1 ... i + candidates - 1 (around the end) is row i.

    Rows are compared by their angle about the mean of composed's.
    """
    mean = composed.mean(0)
    drawn, composed = (torch.nn.functional.normalize(x - mean, dim=1) for x in (drawn, composed))
    rows = torch.arange(len(drawn))
    others = (rows[:, None] + torch.arange(candidates)) % len(composed)
    likeness = (drawn @ composed.T).gather(1, others)
    return (likeness.argmax(1) == 0).double().mean().item()


def pixels(pictures):
    return flatten(pictures).flatten(1)


def nearest(x, training):
    """Root mean square difference of every row of x [n, d] to the nearest of training: lowest, lowest tenth, median."""
    distance = torch.cdist(x, training).amin(1) / x.shape[1] ** 0.5
    return [distance.quantile(share).item() for share in (0, 0.1, 0.5)]


def kid(x, y):
    """KID x 1000 and half of its interval, of features [n, d]."""
    one = lambda features: metric.PictureSet(features, torch.zeros(len(features), dtype=torch.long), torch.ones(1))
    answer = metric.Kid(one(x), one(y))
    return 1000 * answer.value, 1000 * answer.interval


@torch.no_grad()
def draw(net, settings, autoencoder, labels, steps, batch=32):
    """steps: of multistep consistency, or 0: 64 of DDIM in the limit."""
    parts, device = [], next(net.parameters()).device
    for start in range(0, len(labels), batch):
        part = labels[start : start + batch].to(device)
        noise = draws.noise((len(part), net.config.in_channels, net.config.sample_size, net.config.sample_size), SEED + start).to(device)
        clip = settings["clip_sample"]
        x = sample.multistep(net, noise, part, steps, clip) if steps else sample.diffusion(net, noise, part, 64, clip=clip)
        parts.append((autoencoder.pictures(x) if autoencoder else x).cpu())
    return torch.cat(parts)


def judge(args):
    """Yields the tables' rows: what was drawn; R-precision by features, by pixels, by two towers, KID and its interval; nearest()'s."""
    net, settings = export.load(args.model)
    net = net.to(args.device)
    autoencoder, describe = export.load_autoencoder(args.model, args.device), MobileNetV2(args.features).describe
    source, prompts = captioned.load(args.data, seed=SEED), Prompts(Path(args.model) / "tokenizer")
    composed, captions = source.held_out(args.count, complete=True)
    others, _ = source.held_out(args.count)
    towers = Towers.load(args.towers)
    training = pixels(to_bytes(source.draw(TRAINED)[0], "premultiplied"))
    composed, others = (to_bytes(x, "premultiplied") for x in (composed, others))
    theirs, real, said = describe(composed), describe(others), towers.read(prompts(captions))
    labels = prompts.labels(captions, args.guidance)
    for steps in [None, *args.steps]:
        x = composed if steps is None else to_bytes(draw(net, settings, autoencoder, labels, steps), "premultiplied")
        ours = describe(x)
        shares = [found(a, b, args.candidates) for a, b in ((ours, theirs), (pixels(x), pixels(composed)), (towers.see(flatten(x)), said))]
        yield {None: "composed", 0: "limit"}.get(steps, steps), shares, kid(ours, real), nearest(pixels(x), training)


ABOUT = """{count} held-out combinations, which training never draws together, guidance {guidance:g}, among {candidates} candidates; chance is \
{chance:.2f}. R-precision: the drawn picture finds its own caption's composed picture, by MobileNetV2's features or by pixels, or its \
caption, by two towers that learned from what training draws. "composed" has the composed pictures in place of drawn ones: what can \
be told. KID against as many other composed pictures (`tools/train/judge_prompts.py`).

| steps | R-precision, features | by pixels | by towers | KID-MobileNetV2 x 1000 |
| --- | --- | --- | --- | --- |
"""
COPIES = """
| distance to the nearest of {trained:,} training pictures | lowest | lowest tenth | median |
| --- | --- | --- | --- |
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--towers", required=True, type=Path)
    p.add_argument("--features", default=os.environ.get("QUICKSTEP_FEATURES"), required="QUICKSTEP_FEATURES" not in os.environ)
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--candidates", type=int, default=100)
    p.add_argument("--guidance", type=float, default=3.0)
    p.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8, 0], help="0: the limit")
    args = p.parse_args()
    if args.candidates > args.count:
        p.error("--candidates are taken from --count captions")
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    text = ABOUT.format(count=args.count, guidance=args.guidance, candidates=args.candidates, chance=1 / args.candidates)
    copies = COPIES.format(trained=TRAINED)
    for steps, shares, (value, interval), distances in judge(args):
        line = lambda numbers, digits: f"| {steps} | {' | '.join(f'{number:.{digits}f}' for number in numbers)} |"
        text += f"{line(shares, 2)} {value:.1f} ± {interval:.1f} |\n"
        copies += f"{line(distances, 3)}\n"
        print(text.splitlines()[-1], copies.splitlines()[-1], flush=True)
    (args.out / "evaluation.md").write_text(text + copies, encoding="utf-8")


if __name__ == "__main__":
    main()
