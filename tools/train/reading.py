"""Reading lessons: a text encoder learns what words look like, before a network learns to draw.

    reading.py --data SPRITES --tokenizer DIR --out reader.pt

The pooled state of a caption must tell its picture, 16 x 16 pixels of it, by one linear: the mean of all pictures that the
words may mean. A picture costs a fiftieth of what it costs the network, whose first tens of thousands would else be drawn by a
reader that cannot read. train.py --reader goes on from what was learned.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn
from transformers import CLIPTextModel

import captioned
from text_model import text_config

SIDE = 16  # pixels of a told picture
BATCH, PEAK = 128, 2e-3


def told(pictures):
    """What must be told of pictures [n, c, h, w]: [n, c * SIDE * SIDE]."""
    return nn.functional.adaptive_avg_pool2d(pictures, SIDE).flatten(1)


def learn(source, count):
    """A CLIPTextModel that has read so many captions; yields it with the share of the pictures' variance that it tells."""
    reader, tell = CLIPTextModel(text_config(source.vocabulary)), nn.LazyLinear(source.channels * SIDE * SIDE)
    steps = count // BATCH
    tell(torch.zeros(1, reader.config.hidden_size))
    parameters = [*reader.parameters(), *tell.parameters()]
    optimiser = torch.optim.AdamW(parameters, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        x, prompts = source.batch(BATCH)
        y = told(x)
        loss = (tell(reader(prompts[:, :-1]).pooler_output) - y).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if step % 100 == 99 or step == steps - 1:
            yield reader, 1 - loss.item() / y.var(0, correction=0).mean().item()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--size", type=int, help="pixels a side, for a folder")
    p.add_argument("--tokenizer", required=True, type=Path)
    p.add_argument("--pictures", type=int, default=200_000)
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    start = time.time()
    for reader, share in learn(captioned.load(args.data, args.size, False, args.tokenizer), args.pictures):
        print(f"{time.time() - start:.0f} s: {share:.3f} of the pictures' variance", flush=True)
    torch.save(reader.state_dict(), args.out)


if __name__ == "__main__":
    main()
