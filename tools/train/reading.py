"""Reading lessons: a text encoder learns what words look like, before a network learns to draw.

    reading.py --data SPRITES --tokenizer DIR --out reader.pt

The pooled state of a caption must tell its picture, 16 x 16 pixels of it, by one linear: the mean of all pictures that the
words may mean. A picture costs a fiftieth of what it costs the network, whose first tens of thousands would else be drawn by a
reader that cannot read. train.py --reader goes on from what was learned.
"""

import torch
from torch import nn
from transformers import CLIPTextModel

import lessons
from text_model import text_config

SIDE = 16  # pixels of a told picture
PEAK = 2e-3  # learning rate


def told(pictures):
    """What must be told of pictures [n, c, h, w]: [n, c * SIDE * SIDE]."""
    return nn.functional.adaptive_avg_pool2d(pictures, SIDE).flatten(1)


def learn(source, count, device="cpu"):
    """A CLIPTextModel that has read so many captions; yields it with the share of the pictures' variance that it tells."""
    reader, tell = CLIPTextModel(text_config(source.vocabulary)), nn.LazyLinear(source.channels * SIDE * SIDE)
    tell(torch.zeros(1, reader.config.hidden_size))  # so that the lazy layer has its size
    reader, tell = reader.to(device), tell.to(device)

    def lesson(x, ids):
        y = told(x)
        loss = (tell(reader(ids).pooler_output) - y).square().mean()
        return loss, 1 - loss / y.var(0, correction=0).mean()

    for share in lessons.learn(source, [*reader.parameters(), *tell.parameters()], lesson, count, PEAK, weight_decay=0.01):
        yield reader, share


def main():
    reader, out = lessons.command(__doc__, 200_000, learn, "the pictures' variance")
    torch.save(reader.state_dict(), out)


if __name__ == "__main__":
    main()
