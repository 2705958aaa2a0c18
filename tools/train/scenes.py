"""Emoji and scenes of them, put together at every draw.

A picture is an emoji alone, one small, one in another colour ("a blue apple"), one before a colour ("a cat on a red background"),
two in stated places ("a cat above a red heart"), or two to four of a kind ("three apples"). Held out are a twentieth of all
combinations of emoji and colour, of two emoji, of emoji and count, which training never sees together. Every emoji is trained on:
one that was never seen has no name.

    scenes.py --data EMOJI --npz pictures.npz     # some of them as an .npz, for train_autoencoder.py
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import pictures
from captions import Captioned
from words import pick, reworded

SIDE = 64  # pixels
GROUPS = {"Animals & Nature": 0.25, "Food & Drink": 0.21, "Smileys & Emotion": 0.2, "Travel & Places": 0.12, "Activities": 0.08, "Objects": 0.1,
          "People & Body": 0.02, "Symbols": 0.02}  # their shares of what is drawn
NOUNS = {"Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects"}  # of which there may be three, or a blue one
KINDS = {"one": 0.5, "small": 0.04, "tinted": 0.12, "on": 0.12, "two": 0.15, "several": 0.07}
COLOURS = {"red": (217, 48, 37), "orange": (245, 134, 30), "yellow": (250, 204, 40), "green": (67, 160, 71), "blue": (40, 110, 220),
           "purple": (130, 60, 180), "pink": (244, 120, 170), "brown": (121, 80, 60), "grey": (130, 135, 140), "white": (245, 245, 245),
           "black": (40, 40, 44)}
PLACES = {"above": ((32, 16), (32, 48)), "below": ((32, 48), (32, 16)), "left of": ((16, 32), (48, 32)), "right of": ((48, 32), (16, 32)),
          "and": ((16, 32), (48, 32)), "next to": ((16, 32), (48, 32))}  # centres (x, y) of the first named and the second
COUNTS = {"two": ((16, 32), (48, 32)), "three": ((32, 17), (16, 47), (48, 47)), "four": ((16, 16), (48, 16), (16, 48), (48, 48))}
PART, SMALL = 31, 32  # sides of one of several, and of a small one
EXAMPLES = ["blue butterfly", "a cat above a red heart", "unicorn", "mushroom on a yellow background", "purple elephant", "three cherries",
            "birthday cake", "crying face on a pink background", "pink dolphin", "a rocket left of a crescent moon"]


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def plural(words):
    *first, last = words.split()
    if last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in tuple("aeiou"):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*first, last])


def uncoloured(name):
    return " ".join(w for w in name.split() if w not in COLOURS)


def colour(name):
    return torch.tensor(COLOURS[name]) / 255


def tinted(picture, name):
    """A premultiplied [64, 64, 4] in shades of one colour, as light and dark as it was."""
    alpha = picture[..., 3:]
    light = (picture[..., :3] * torch.tensor([0.3, 0.59, 0.11])).sum(-1, keepdim=True) / alpha.clamp(min=1e-3)
    shade = torch.where(light < 0.6, colour(name) * (0.25 + 0.75 * light / 0.6), torch.lerp(colour(name), torch.ones(3), (light - 0.6) * 1.25))
    return torch.cat([shade * alpha, alpha], -1)


def before(picture, name):
    """On an opaque ground."""
    ground = torch.cat([colour(name), torch.ones(1)]).expand(SIDE, SIDE, 4)
    return picture + ground * (1 - picture[..., 3:])


def resized(picture, side):
    x = picture.permute(2, 0, 1)[None]
    return F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)[0].permute(1, 2, 0)


def placed(parts, centres, side, rng):
    """Parts of so many pixels a side around their centres, now and then a pixel or two off."""
    canvas = torch.zeros(SIDE, SIDE, 4)
    for part, (x, y) in zip(parts, centres):
        left, top = (int(np.clip(c - side // 2 + rng.integers(-1, 2), 0, SIDE - side)) for c in (x, y))
        part, under = resized(part, side), canvas[top : top + side, left : left + side]
        canvas[top : top + side, left : left + side] = part + under * (1 - part[..., 3:])
    return canvas


class Scenes(Captioned):
    size, channels = SIDE, 4

    def __init__(self, folder, tokenizer=None, seed=0):
        super().__init__(EXAMPLES, tokenizer, seed)
        rows = [json.loads(line) for line in (folder / "emoji.jsonl").read_text(encoding="utf-8").splitlines()]
        self.emoji = [row["name"] for row in rows]
        self.keywords = [row["keywords"] for row in rows]
        self.stored = torch.from_numpy(np.stack([pictures.read(folder / row["file_name"], SIDE, True) for row in rows]))
        groups = [row["group"] for row in rows]
        self.members = {g: [i for i, own in enumerate(groups) if own == g] for g in GROUPS}
        self.nouns = {g: [i for i in self.members[g] if len(self.emoji[i].split()) <= 2] for g in NOUNS}

    def picture(self, index):
        """[64, 64, 4] premultiplied in [0, 1]."""
        return self.stored[index] / 255

    def any(self, rng):
        return pick(rng, self.members[rng.choice(list(GROUPS), p=list(GROUPS.values()))])

    def noun(self, rng):
        shares = np.array([GROUPS[g] for g in sorted(self.nouns)])
        return pick(rng, self.nouns[rng.choice(sorted(self.nouns), p=shares / shares.sum())])

    def one(self, rng, complete):
        index = self.any(rng)
        name, more = self.emoji[index], self.keywords[index]
        kind = 0 if complete or not more else rng.random()
        if kind < 0.7:
            said = pick(rng, [name, name, article(name)])
        else:
            said = reworded(", ".join([name, *more]), rng) if kind < 0.85 else pick(rng, more)
        return self.picture(index), said, None

    def small(self, rng, complete):
        index = self.any(rng)
        said = f"{pick(rng, ['small', 'tiny', 'little'])} {self.emoji[index]}"
        return placed([self.picture(index)], [(32, 32)], SMALL, rng), pick(rng, ["", "a "]) + said, None

    def tinted(self, rng, complete):
        index, name = self.noun(rng), pick(rng, list(COLOURS))
        noun = uncoloured(self.emoji[index])
        said = f"{name} {noun}"
        if said in self.emoji or not noun:  # there is one by nature
            return self.tinted(rng, complete)
        return tinted(self.picture(index), name), pick(rng, [said, article(said)]), f"{noun} + {name}"

    def on(self, rng, complete):
        index, name = self.any(rng), pick(rng, list(COLOURS))
        said = pick(rng, [self.emoji[index], article(self.emoji[index])])
        where = pick(rng, [f"on a {name} background", f"on {name}", f"{name} background"]) if not complete else f"on a {name} background"
        return before(self.picture(index), name), f"{said} {where}" if where[:2] == "on" else f"{said}, {where}", f"{self.emoji[index]} on {name}"

    def two(self, rng, complete):
        a, b = self.noun(rng), self.noun(rng) if rng.random() < 0.8 else self.any(rng)
        place = pick(rng, list(PLACES))
        names = [self.emoji[i] for i in (a, b)]
        said = [article(n) for n in names] if complete or rng.random() < 0.7 else names
        x = placed([self.picture(a), self.picture(b)], PLACES[place], PART, rng)
        return x, f"{said[0]} {place} {said[1]}", " + ".join(sorted(names))

    def several(self, rng, complete):
        index, count = self.noun(rng), pick(rng, list(COUNTS))
        x = placed([self.picture(index)] * len(COUNTS[count]), COUNTS[count], PART, rng)
        return x, f"{count} {plural(self.emoji[index])}", f"{count} {self.emoji[index]}"

    def compose(self, rng, validation, complete):
        """A picture [64, 64, 4] in [0, 1] and its caption; for validation of a held-out combination."""
        while True:
            kind = rng.choice(list(KINDS), p=list(KINDS.values()))
            x, caption, combination = getattr(self, kind)(rng, complete)
            if (combination is not None and pictures.held_out(combination)) == validation:
                return x, caption

    def draw(self, count, validation=False, complete=False):
        """x [n, 4, 64, 64] in [-1, 1] and captions; complete: that name all there is, plainly."""
        rng = self.rng()
        x, captions = zip(*(self.compose(rng, validation, complete) for _ in range(count)))
        return torch.stack(x).permute(0, 3, 1, 2).contiguous() * 2 - 1, list(captions)

    def held_out(self, count, complete=False):
        """Scenes of combinations that training never draws, and their captions."""
        return self.draw(count, True, complete)

    def sizes(self):
        return {group: [len(members), 0] for group, members in self.members.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--npz", required=True, type=Path)
    p.add_argument("--count", type=int, default=6000)
    args = p.parse_args()
    x, _ = Scenes(args.data).draw(args.count)
    x = ((x + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    alpha = x[..., 3:]
    straight = np.where(alpha > 0, (x[..., :3] * 255 / np.maximum(alpha, 1)).clip(0, 255), 0)
    np.savez(args.npz, x=np.concatenate([straight, alpha], -1).round().astype(np.uint8))


if __name__ == "__main__":
    main()
