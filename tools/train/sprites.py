"""Dungeon Crawl Stone Soup sprites as batches of premultiplied RGBA in [-1, 1]; the interface is data.py's.

Pictures are 32x32 RGBA PNG. A class is a list of folders; what is not a picture by itself (overlays, tile corners,
marks, icons drawn in a corner of the tile) is left out. Heroes are put together from the paper doll at every draw, so
that class has millions of members.

Inside this file pictures are uint8 RGBA [n, 32, 32, 4] as stored, or float32 premultiplied RGBA in [0, 1].
"""

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pictures import held_out

MONSTERS = """mon mon/undead mon/undead/skeletons mon/undead/zombies mon/undead/spectrals mon/undead/simulacra mon/aquatic
    mon/spriggan mon/demons mon/vault mon/nonliving mon/eyes mon/amorphous mon/holy mon/fungi_plants mon/abyss mon/unique
    mon/animals mon/dragons UNUSED/monsters player/felids player/transform"""
WEAPONS = "item/weapon item/weapon/ranged item/weapon/artefact item/staff item/rod item/wand UNUSED/weapons"
ARMOUR = "item/armour item/armour/shields item/armour/artefact item/armour/headgear item/armour/bardings UNUSED/armour"
TREASURE = "item/book item/potion item/gold item/food item/misc item/misc/runes item/amulet item/scroll item/ring"
SPELLS = """gui/spells/earth gui/spells/fire gui/spells/summoning gui/spells/ice gui/spells/poison
    gui/spells/translocation gui/spells/necromancy gui/spells/air gui/spells/enchantment gui/spells/monster
    gui/spells/conjuration gui/spells/transmutation gui/invocations"""
FEATURES = "dngn dngn/altars dngn/doors dngn/statues dngn/gateways dngn/trees dngn/vaults dngn/shops UNUSED/features"

# name, folders, share of a batch, horizontal flips
CLASSES = [
    ("monster", MONSTERS, 0.22, True),
    ("hero", None, 0.22, False),
    ("weapon", WEAPONS, 0.12, False),
    ("armour", ARMOUR, 0.08, False),
    ("treasure", TREASURE, 0.08, False),
    ("spell", SPELLS, 0.06, False),
    ("effect", "effect", 0.04, True),
    ("floor", "dngn/floor dngn/floor/grass", 0.06, True),
    ("wall", "dngn/wall dngn/wall/abyss", 0.06, True),
    ("feature", FEATURES, 0.06, False),
]
NAMES = [name for name, *_ in CLASSES] + ["any"]

SKIP = re.compile(r"^i-|overlay|shadow_[nesw]|_(n|s|e|w|ne|nw|se|sw|full)$|sigil|corner|test_|^dirt_|disabled|enabled|abyss_blank", re.I)
OPAQUE = {"spell", "floor", "wall"}

# The paper doll, back to front (the data's README); how often each part is worn.
DOLL = [
    ("cloak", "cloak", 0.35),
    ("base", "base", 1.0),
    ("body", "body", 0.9),
    ("legs", "legs", 0.7),
    ("boots", "boots", 0.6),
    ("gloves", "gloves", 0.4),
    ("hair", "hair", 0.45),
    ("head", "head", 0.45),
    ("hand1", "hand1 hand1/artefact hand1/misc", 0.85),
    ("hand2", "hand2 hand2/doll_only", 0.5),
]
NOT_HUMAN = re.compile(r"octopode|centaur|naga|shadow|formicid")
LONG = re.compile(r"robe|dress|arwen|gandalf|saruman|coat")  # hides the legs


def read_picture(path):
    """uint8 [32, 32, 4], or None if it has another size."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA")) if image.size == (32, 32) else None


def premultiply(pictures):
    """uint8 RGBA [n, 32, 32, 4] -> float32 premultiplied in [0, 1]."""
    x = torch.from_numpy(pictures).float() / 255
    return torch.cat([x[..., :3] * x[..., 3:], x[..., 3:]], -1)


def self_contained(name, picture):
    """Whether a picture stands by itself: opaque for tiles and icons, else neither a speck nor in one corner."""
    alpha = picture[..., 3] > 32
    if name in OPAQUE:
        return alpha.mean() > 0.7
    if alpha.mean() < 0.06:
        return False
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    return max(np.ptp(rows), np.ptp(columns)) >= 12


class Pictures:
    """One class from files: premultiplied float32 [n, 32, 32, 4] in [0, 1], split by a hash of the name; stems: the files'."""

    def __init__(self, root, name, folders, flip, device):
        self.name, self.flip = name, flip
        train, validation, self.stems = [], [], ([], [])
        seen = set()
        for path in sorted(p for f in folders.split() for p in (root / f).glob("*.png")):
            picture = None if SKIP.search(path.stem) else read_picture(path)
            if picture is None or not self_contained(name, picture) or picture.tobytes() in seen:
                continue
            seen.add(picture.tobytes())
            held = held_out(path.name)
            (validation if held else train).append(picture)
            self.stems[held].append(path.stem)
        self.train, self.validation = (premultiply(np.stack(p)).to(device) for p in (train, validation or train[:1]))

    def part(self, validation):
        """Pictures and the stems of their files' names."""
        if validation and self.stems[1]:
            return self.validation, self.stems[1]
        return self.train, self.stems[0]

    def draw(self, count, generator, validation=False):
        pool = self.validation if validation else self.train
        x = pool[torch.randint(len(pool), (count,), generator=generator, device=generator.device)]
        if self.flip and not validation:
            mask = torch.rand(count, generator=generator, device=generator.device) < 0.5
            x = torch.where(mask.reshape(-1, 1, 1, 1), x.flip(2), x)
        return x if validation else shift(x, generator)

    def every(self, generator, validation, change, composed):
        x = self.validation if validation else self.train
        if self.flip and change:
            mask = torch.rand(len(x), generator=generator, device=x.device) < 0.5
            x = torch.where(mask.reshape(-1, 1, 1, 1), x.flip(2), x)
        return torch.cat([shift(part, generator) for part in x.split(1)]) if change else x


class Heroes:
    """Composed on the fly; the validation draws differ from the training draws by their generator only."""

    name = "hero"

    def __init__(self, root, device):
        self.parts = []
        for slot, folders, worn in DOLL:
            files = sorted(p for f in folders.split() for p in (root / "player" / f).glob("*.png"))
            files = [p for p in files if slot != "base" or not NOT_HUMAN.search(p.stem)]
            files = [p for p in files if read_picture(p) is not None]
            layers = premultiply(np.stack([read_picture(p) for p in files])).to(device)
            hides = torch.tensor([bool(LONG.search(p.stem)) for p in files], device=device)
            self.parts.append((slot, layers, worn, hides))

    def draw(self, count, generator, validation=False):
        picture = torch.zeros(count, 32, 32, 4, device=generator.device)
        covered = torch.zeros(count, dtype=torch.bool, device=generator.device)
        for slot, layers, worn, hides in self.parts:
            index = torch.randint(len(layers), (count,), generator=generator, device=generator.device)
            on = torch.rand(count, generator=generator, device=generator.device) < worn
            if slot == "body":
                covered = on & hides[index]
            elif slot == "legs":
                on &= ~covered
            layer = layers[index] * on.reshape(-1, 1, 1, 1)
            picture = layer + picture * (1 - layer[..., 3:])
        return picture

    def every(self, generator, validation, change, composed):
        return self.draw(composed, generator)


def shift(x, generator):
    """Moves pictures by up to one pixel each way, only where no visible pixel would leave the tile; [n, 32, 32, 4]."""
    dy, dx = torch.randint(-1, 2, (2,), generator=generator, device=generator.device).tolist()
    alpha = x[..., 3]
    lost = torch.zeros(len(x), device=x.device)
    if dy:
        lost = lost + alpha[:, -1 if dy > 0 else 0].sum(1)
    if dx:
        lost = lost + alpha[:, :, -1 if dx > 0 else 0].sum(1)
    return torch.where((lost == 0).reshape(-1, 1, 1, 1), x.roll((dy, dx), (1, 2)), x)


class Sprites:
    """All classes; the shares of a batch are chosen, not counted."""

    names, size, channels, default_label = NAMES, 32, 4, NAMES.index("hero")
    encoder = None  # there are no latents

    def __init__(self, root, seed=0, device="cpu"):
        root = Path(root)
        self.sources = [Pictures(root, n, f, flip, device) if f else Heroes(root, device) for n, f, _, flip in CLASSES]
        self.shares = torch.tensor([share for _, _, share, _ in CLASSES], device=device)
        self.generator = torch.Generator(device).manual_seed(seed)

    def pictures(self, x):
        return x

    def examples(self, count):
        return torch.arange(count, device=self.shares.device) % (len(self.names) - 1)

    def sizes(self):
        return {s.name: [len(s.train), len(s.validation)] for s in self.sources if s.name != "hero"}

    def batch(self, count, validation=False):
        g = self.generator
        labels = torch.multinomial(self.shares, count, replacement=True, generator=g).sort().values
        counts = labels.bincount(minlength=len(self.sources)).tolist()
        x = torch.cat([s.draw(n, g, validation) for s, n in zip(self.sources, counts) if n])
        return x.permute(0, 3, 1, 2).contiguous() * 2 - 1, labels

    def every(self, validation=False, change=True, composed=500):
        """As data.Table's; composed: heroes."""
        parts = [s.every(self.generator, validation, change, composed) for s in self.sources]
        labels = torch.arange(len(parts)).repeat_interleave(torch.tensor([len(p) for p in parts]))
        return torch.cat(parts).permute(0, 3, 1, 2).contiguous() * 2 - 1, labels.to(self.shares.device)
