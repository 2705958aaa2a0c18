"""Two towers that tell which caption belongs to which picture (Radford et al. 2021, in small); judge_prompts.py asks them.

    towers.py --data SPRITES --tokenizer DIR --out towers.pt

They learn from what training draws; held-out combinations are new to them, as they are to the model that is judged.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel

import captioned
from features import flatten, to_bytes
from text_model import text_config

WIDTH = 128
CHANNELS = (32, 64, 128, 192)
BATCH, PEAK = 128, 1e-3


class Towers(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = vocabulary
        layers = []
        for ci, co in zip((3, *CHANNELS), CHANNELS):
            layers += [nn.Conv2d(ci, co, 3, 2, 1), nn.GroupNorm(8, co), nn.SiLU()]
        self.eye = nn.Sequential(*layers, nn.Conv2d(CHANNELS[-1], CHANNELS[-1], 3, 1, 1), nn.SiLU(), nn.Flatten(), nn.LazyLinear(WIDTH))
        self.reader = CLIPTextModel(text_config(vocabulary))
        self.word = nn.Linear(self.reader.config.hidden_size, WIDTH)
        self.scale = nn.Parameter(torch.tensor(10.0).log())

    def forward(self, pictures, ids):
        """Scores [n, n] of every picture (rows) with every caption. pictures [n, 3, h, w] in [0, 1], ids [n, tokens]."""
        eye, word = F.normalize(self.eye(pictures * 2 - 1), dim=1), F.normalize(self.word(self.reader(ids).pooler_output), dim=1)
        return self.scale.clamp(max=5).exp() * eye @ word.T

    @torch.inference_mode()
    def see(self, pictures):
        return torch.cat([F.normalize(self.eye(part * 2 - 1), dim=1) for part in pictures.split(BATCH)])

    @torch.inference_mode()
    def read(self, ids):
        return F.normalize(self.word(self.reader(ids).pooler_output), dim=1)

    @classmethod
    def load(cls, path):
        state = torch.load(path)
        towers = cls(state["vocabulary"])
        towers.load_state_dict(state["towers"])
        return towers.eval()

    def save(self, path):
        torch.save({"vocabulary": self.vocabulary, "towers": self.state_dict()}, path)


def seen(x):
    """Pictures of a source as a PNG would show them, over mid grey."""
    return flatten(to_bytes(x, "premultiplied" if x.shape[1] == 4 else None))


def learn(source, count):
    """Towers that have seen so many pictures; yields them with the share of a batch's pictures that find their captions."""
    towers = Towers(source.vocabulary)
    x, prompts = source.batch(2)
    towers(seen(x), prompts[:, :-1])  # so that the lazy layer has its size
    optimiser = torch.optim.AdamW(towers.parameters(), weight_decay=0.05)
    steps, own = count // BATCH, torch.arange(BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        x, prompts = source.batch(BATCH)
        scores = towers(seen(x), prompts[:, :-1])
        loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if step % 100 == 99 or step == steps - 1:
            yield towers, (scores.argmax(1) == own).double().mean().item()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--size", type=int, help="pixels a side, for a folder")
    p.add_argument("--tokenizer", required=True, type=Path)
    p.add_argument("--pictures", type=int, default=150_000)
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    start = time.time()
    for towers, share in learn(captioned.load(args.data, args.size, False, args.tokenizer), args.pictures):
        print(f"{time.time() - start:.0f} s: {share:.3f} of {BATCH} pictures find their captions", flush=True)
    towers.save(args.out)


if __name__ == "__main__":
    main()
