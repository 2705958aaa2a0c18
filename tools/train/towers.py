"""Two towers that tell which caption belongs to which picture (Radford et al. 2021, in small); judge_prompts.py asks them.

    towers.py --data SPRITES --tokenizer DIR --out towers.pt

They learn from what training draws; held-out combinations are new to them, as they are to the model that is judged.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel

import lessons
from features import flatten, to_bytes
from text_model import text_config

WIDTH = 128
CHANNELS = (32, 64, 128, 192)
PEAK = 1e-3  # learning rate


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
        return torch.cat([F.normalize(self.eye(part * 2 - 1), dim=1) for part in pictures.split(lessons.BATCH)])

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


def learn(source, count, device="cpu"):
    """Towers that have seen so many pictures; yields them with the share of a batch's pictures that find their captions."""
    towers = Towers(source.vocabulary)
    x, prompts = source.batch(2)
    towers(seen(x.cpu()), prompts[:, :-1].cpu())  # so that the lazy layer has its size
    towers = towers.to(device)

    def lesson(x, ids):
        scores, own = towers(seen(x), ids), torch.arange(len(x), device=device)
        loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        return loss, (scores.argmax(1) == own).double().mean()

    for share in lessons.learn(source, list(towers.parameters()), lesson, count, PEAK, weight_decay=0.05):
        yield towers, share


def main():
    towers, out = lessons.command(__doc__, 150_000, learn, f"{lessons.BATCH} pictures find their captions")
    towers.save(out)


if __name__ == "__main__":
    main()
