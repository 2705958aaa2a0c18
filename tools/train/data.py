"""Training data: batch(n) -> pictures and labels, from an .npz, a folder of class folders, or the sprites.

    source = data.load(path, size)
    source.batch(n, validation=False)   x [n, c, size, size] float32 in [-1, 1], labels [n] int64
    source.names                        of the labels, with "any" (no class in particular) last
    source.channels, source.size        3: RGB, 4: premultiplied RGBA
    source.sizes()                      class name -> training pictures, validation pictures
    source.pictures(x)                  what the network sees or draws, as pictures: x itself, or latents decoded
    source.generator                    all draws come from it; its state is the source's whole state

Pictures stay on the device given to load() as bytes, so that an accelerator is not kept waiting.
"""

from pathlib import Path

import numpy as np
import torch

import pictures
import sprites
from autoencoder import Autoencoder

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}


class Table:
    """Pictures in memory, drawn as often as they come: x uint8 [n, size, size, c], y class indices [n], keys for the split."""

    def __init__(self, x, y, classes, keys, flip=False, seed=0, device="cpu"):
        self.names = [str(name) for name in classes] + ["any"]
        self.size, self.channels, self.flip = x.shape[1], x.shape[3], flip
        self.encoder = None
        self.default_label = int(np.bincount(y).argmax())
        self.generator = torch.Generator(device).manual_seed(seed)
        held = np.array([pictures.held_out(key) for key in keys])
        self.parts = [self.part(x[rows], y[rows], device) for rows in (~held, held)]
        if not all(len(labels) for _, labels in self.parts):
            raise SystemExit(f"{len(x)} pictures leave {[len(l) for _, l in self.parts]} for training and validation: too few")

    @staticmethod
    def part(x, y, device):
        return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous().to(device), torch.from_numpy(y.astype(np.int64)).to(device)

    def sizes(self):
        counts = [labels.bincount(minlength=len(self.names)).tolist() for _, labels in self.parts]
        return {name: pair for name, *pair in zip(self.names[:-1], *counts)}

    def examples(self, count):
        """Labels for a grid: the classes in turn."""
        return torch.arange(count, device=self.generator.device) % (len(self.names) - 1)

    @property
    def shares(self):
        """Of the classes in training, [classes]; sum 1."""
        return self.parts[0][1].bincount(minlength=len(self.names) - 1) / len(self.parts[0][1])

    def pictures(self, x):
        return x

    def every(self, validation=False, change=True, composed=0):
        """Each picture of a part once, and labels; change: as for training. composed: of a class that is put together."""
        x, labels = self.parts[validation]
        x = x.float() / 127.5 - 1
        if self.flip and change:
            mask = torch.rand(len(x), generator=self.generator, device=x.device) < 0.5
            x = torch.where(mask.reshape(-1, 1, 1, 1), x.flip(3), x)
        return x, labels

    def batch(self, count, validation=False):
        x, labels = self.parts[validation]
        draw = dict(generator=self.generator, device=x.device)
        index = torch.randint(len(x), (count,), **draw)
        x = x[index].float() / 127.5 - 1
        if self.flip and not validation:
            mask = torch.rand(count, **draw) < 0.5
            x = torch.where(mask.reshape(-1, 1, 1, 1), x.flip(3), x)
        return x, labels[index]


class Latents:
    """A source's pictures, encoded as they are drawn; to the network these are the pictures."""

    def __init__(self, source, autoencoder):
        if source.size % autoencoder.factor or source.channels != autoencoder.net.config.in_channels:
            raise SystemExit(f"the autoencoder takes {autoencoder.net.config.in_channels} channels and halves them "
                             f"{autoencoder.factor.bit_length() - 1} times, the pictures have {source.channels} and {source.size} pixels")
        self.source, self.autoencoder, self.encoder = source, autoencoder, autoencoder.encoder_digest()
        self.names, self.default_label, self.generator, self.sizes = source.names, source.default_label, source.generator, source.sizes
        self.size, self.channels = source.size // autoencoder.factor, autoencoder.channels
        if hasattr(source, "prompts"):
            self.vocabulary, self.example_prompts = source.vocabulary, source.example_prompts

    def pictures(self, x):
        return self.autoencoder.pictures(x)

    def batch(self, count, validation=False):
        x, labels = self.source.batch(count, validation)
        return self.autoencoder.latents(x.to(self.autoencoder.net.device)), labels

    def examples(self, count):
        return self.source.examples(count)


def from_npz(path, **options):
    """x [n, s, s, 3 or 4] uint8 (RGBA: straight alpha); optional y [n], classes (names), ids (keys of the split)."""
    with np.load(path, allow_pickle=False) as file:
        if "x" not in file or file["x"].dtype != np.uint8 or file["x"].ndim != 4 or file["x"].shape[3] not in (3, 4):
            raise SystemExit(f"{path}: needed: an array x, uint8 [n, size, size, 3 or 4]")
        x = file["x"]
        y = file["y"].astype(np.int64) if "y" in file else np.zeros(len(x), np.int64)
        classes = file["classes"] if "classes" in file else [f"class {i}" for i in range(y.max() + 1)]
        keys = file["ids"].astype(str) if "ids" in file else [picture.tobytes() for picture in x]
    if x.shape[1] != x.shape[2] or len(y) != len(x) or len(keys) != len(x) or y.min() < 0 or y.max() >= len(classes):
        raise SystemExit(f"{path}: x {x.shape}, y {y.shape} in [{y.min()}, {y.max()}], {len(classes)} classes do not fit together")
    if x.shape[3] == 4:
        x = np.concatenate([(x[..., :3].astype(np.uint16) * x[..., 3:] + 127) // 255, x[..., 3:]], -1).astype(np.uint8)
    return Table(x, y, classes, keys, **options)


def from_folder(path, size, **options):
    """Every sub-folder (with all below it) is a class, named after it; files are found by their endings."""
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    files = [(p, k) for k, folder in enumerate(classes) for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS]
    if not files:
        raise SystemExit(f"{path}: no pictures ({' '.join(sorted(ENDINGS))}) in its sub-folders; each sub-folder is a class")
    alpha = any(pictures.has_alpha(p) for p, _ in files)
    x = np.stack([pictures.read(p, size, alpha) for p, _ in files])
    keys = [p.relative_to(path).as_posix() for p, _ in files]
    return Table(x, np.array([k for _, k in files]), [p.name for p in classes], keys, **options)


def load(path, size=None, flip=False, seed=0, device="cpu", autoencoder=None, tokenizer=None, pool=0):
    """The source for a path. size: pixels a side, needed for folders. flip: mirror half of what is drawn for training.

    autoencoder: a folder of autoencoder.py, whose latents are the pictures then. tokenizer: one of tokens.py; the labels are
    prompts then. pool: so many captioned pictures are drawn ahead (pool.py).
    """
    path, options = Path(path), dict(seed=seed, device=device)
    if tokenizer:
        import captioned  # it needs transformers, which class models do without
        from pool import Pool

        options = dict(path=path, size=size, flip=flip, tokenizer=tokenizer)
        source = captioned.load(**options, seed=seed)
        source = Pool(source, options, pool, seed, device) if pool else source
    elif path.suffix == ".npz":
        source = from_npz(path, flip=flip, **options)
    elif all((path / name).is_dir() for name in ("mon", "dngn", "player")):
        source = sprites.Sprites(path, **options)  # knows which of its classes may be flipped
    elif path.is_dir():
        if not size:
            raise SystemExit(f"{path}: --size is needed for a folder of pictures")
        source = from_folder(path, size, flip=flip, **options)
    else:
        raise SystemExit(f"{path}: neither a folder nor an .npz")
    if size and size != source.size:
        raise SystemExit(f"{path}: pictures of {source.size} pixels, but --size {size}")
    return Latents(source, Autoencoder.load(autoencoder, device)) if autoencoder else source
