"""Sprites with captions in place of classes.

A hero is the paper doll, put together at every draw; its caption names what it wears. Other pictures are called by their
files' names. Held out, beside the pictures that sprites.py holds out: heroes whose body and right hand are one of a
twentieth of all pairs of phrases, which training never sees together.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import sprites
import words
from captions import Captioned, Folder
from pictures import held_out
from scenes import Scenes
from tokens import Prompts, learn

HERO_SHARE = 0.62
EXAMPLES = ["red robe, wizard hat, green shield", "human woman in blue robe with white hair and staff", "orc with black leather and battleaxe",
            "elf man, green cloak, bow", "dwarf in plate armour and horned helmet, large shield", "kobold with red robe and spear",
            "gold dragon armour, gold crown, glowing sword", "white dress, yellow long hair, red book", "green dragon"]
EXTRA = {"hand2": "hand2/misc"}  # folders that the class model does without: books, torches, lights


class Part:
    """A slot of the doll: its layers premultiplied [n, 32, 32, 4], their phrases, how often one is worn, which hide the legs."""

    def __init__(self, root, slot, folders, worn):
        folders = [*folders.split(), *EXTRA.get(slot, "").split()]
        files = sorted(p for f in folders for p in (root / "player" / f).glob("*.png"))
        files = [p for p in files if slot != "base" or not sprites.NOT_HUMAN.search(p.stem)]
        found = [(p.stem, picture) for p in files if (picture := sprites.read_picture(p)) is not None]
        self.slot, self.worn = slot, worn
        self.layers = sprites.premultiply(np.stack([picture for _, picture in found]))
        self.phrases = [words.being(stem) if slot == "base" else words.phrase(slot, stem, picture) for stem, picture in found]
        self.hides = [bool(sprites.LONG.search(stem)) for stem, _ in found]


class Heroes:
    def __init__(self, root):
        self.parts = [Part(root, *row) for row in sprites.DOLL]

    def choose(self, rng, validation):
        """{slot: index} of what is worn, back to front, of a trained or a held-out pair."""
        while True:
            worn = {part.slot: int(rng.integers(len(part.layers))) for part in self.parts if rng.random() < part.worn}
            if "head" in worn and "hair" in worn and rng.random() < 0.7:  # a hat hides the hair
                del worn["hair"]
            by_slot = {part.slot: part for part in self.parts}
            if "body" in worn and by_slot["body"].hides[worn["body"]]:
                worn.pop("legs", None)
            if self.held(worn) == validation:
                return worn

    def phrases(self, worn):
        return {part.slot: part.phrases[worn[part.slot]] for part in self.parts if part.slot in worn}

    def held(self, worn):
        said = self.phrases(worn)
        return "body" in said and "hand1" in said and held_out(f"{said['body']} + {said['hand1']}")

    def compose(self, worn):
        """[32, 32, 4] premultiplied in [0, 1]."""
        picture = torch.zeros(32, 32, 4)
        for part in self.parts:
            if part.slot in worn:
                layer = part.layers[worn[part.slot]]
                picture = layer + picture * (1 - layer[..., 3:])
        return picture

    def draw(self, rng, validation, complete=False):
        """A picture and its caption; complete: one that names everything."""
        worn = self.choose(rng, validation)
        return self.compose(worn), words.hero_caption(self.phrases(worn), rng, complete)


class Named:
    """A class of sprites.py whose pictures have captions by their files' names."""

    def __init__(self, root, name, folders, flip):
        self.pictures, self.stems = sprites.Pictures(root, name, folders, flip, "cpu"), {}
        self.name, self.flip = name, flip

    def draw(self, rng, validation, complete=False):
        pool, stems = self.pictures.part(validation)
        index = int(rng.integers(len(pool)))
        x = pool[index : index + 1]
        if self.flip and not validation and rng.random() < 0.5:
            x = x.flip(2)
        return x[0], words.name_caption(self.name, stems[index], rng, complete)


class Sprites(Captioned):
    """Heroes for the most part, and the other classes by sprites.py's shares."""

    size, channels = 32, 4

    def __init__(self, root, tokenizer=None, seed=0):
        super().__init__(EXAMPLES, tokenizer, seed)
        self.heroes = Heroes(root)
        rest = [(n, f, share, flip) for n, f, share, flip in sprites.CLASSES if f]
        self.sources = [self.heroes, *(Named(root, n, f, flip) for n, f, _, flip in rest)]
        shares = np.array([s for *_, s, _ in rest])
        self.shares = np.array([HERO_SHARE, *(shares / shares.sum() * (1 - HERO_SHARE))])

    def draw(self, count, validation=False, complete=False, heroes=False):
        """x [n, 4, 32, 32] in [-1, 1] and captions."""
        rng = self.rng()
        kinds = [0] * count if heroes else rng.choice(len(self.sources), count, p=self.shares)
        x, captions = zip(*(self.sources[k].draw(rng, validation, complete) for k in kinds))
        return torch.stack(x).permute(0, 3, 1, 2).contiguous() * 2 - 1, list(captions)

    def held_out(self, count, complete=False):
        """Heroes of pairs that training never draws, and their captions."""
        return self.draw(count, validation=True, complete=complete, heroes=True)

    def sizes(self):
        return {s.name: [len(s.pictures.train), len(s.pictures.validation)] for s in self.sources[1:]}


def load(path, size=None, flip=False, tokenizer=None, seed=0):
    """The captioned source for a path."""
    if all((path / name).is_dir() for name in ("mon", "dngn", "player")):
        return Sprites(path, tokenizer, seed)
    if (path / "emoji.jsonl").exists():
        return Scenes(path, tokenizer, seed)
    return Folder(path, size, flip, tokenizer, seed)


def main():
    p = argparse.ArgumentParser(description="Learns a tokenizer from the captions that training would see.")
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--size", type=int, default=32, help="pixels a side, for a folder")
    p.add_argument("--merges", type=int, default=1000)
    p.add_argument("--captions", type=int, default=20000, help="how many are drawn")
    p.add_argument("--out", required=True, type=Path, help="the tokenizer's folder")
    args = p.parse_args()
    _, captions = load(args.data, args.size, False).draw(args.captions)
    learn(captions, args.merges, args.out)
    print(f"{len(Prompts(args.out))} tokens; such as: {'; '.join(captions[:5])}")


if __name__ == "__main__":
    main()
