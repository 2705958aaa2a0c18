"""Pictures to be judged: by PyTorch, by the engine from the same noise, or from files. evaluate.py uses it.

Picture i has a label and noise that do not depend on the step count or on how many pictures are drawn.
"""

import glob
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

import export
import sample
from model import PlainAttention


def label_order(shares, count):
    """[count] labels; every beginning has the classes' shares within one picture: next is the class furthest behind."""
    shares = shares.double() / shares.sum()
    drawn, labels = torch.zeros_like(shares), torch.zeros(count, dtype=torch.long)
    for i in range(count):
        labels[i] = (shares * (i + 1) - drawn).argmax()
        drawn[labels[i]] += 1
    return labels


def noise(shape, seed):
    """Unit normal, a generator for every picture: [n, c, h, w]."""
    return torch.stack([torch.randn(shape[1:], generator=torch.Generator().manual_seed(seed + i)) for i in range(shape[0])])


class Model:
    """A model folder as a network to sample from: net(z, timestep, segment, labels) -> v, float32, with a schedule.

    shape [c, h, w] is the noise's.
    """

    def __init__(self, folder, device, bfloat16, compiled):
        self.folder, self.device, self.bfloat16 = Path(folder), device, bfloat16
        net, settings = export.load(folder)
        net = net.to(device, memory_format=torch.channels_last)
        for layer in net.modules() if device == "cpu" else ():
            if isinstance(layer, Attention):
                layer.set_processor(PlainAttention())
        self.schedule, self.any_label, self.clip = net.schedule, net.any_label, settings["clip_sample"]
        self.shape = net.config.in_channels, net.config.sample_size, net.config.sample_size
        index = json.loads((self.folder / "model_index.json").read_text())
        self.alpha, self.names = index.get("image_alpha"), list(index["id2label"].values())
        self.autoencoder = export.load_autoencoder(folder, device)
        self.net = torch.compile(net) if compiled else net
        files = sorted(p for pattern in ("*/*.safetensors", "*/*config.json") for p in self.folder.glob(pattern))
        self.digest = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()

    def __call__(self, z, timestep, segment, labels):
        z = z.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
            return self.net(z, timestep.to(self.device), segment.to(self.device), labels).float()

    def draw(self, column, labels, seed, batch):
        """Pictures [n, c, h, w] in [-1, 1], on the processor; column: a Column."""
        parts = []
        for start in range(0, len(labels), batch):
            part = labels[start : start + batch]
            z = noise((batch, *self.shape), seed + start)
            padded = torch.cat([part, part.new_zeros(batch - len(part))])  # one shape: one compilation
            x = column.sample(self, z.to(self.device), padded.to(self.device), seed + start)
            parts.append((self.autoencoder.pictures(x) if self.autoencoder else x.cpu())[: len(part)])
        return torch.cat(parts)


class Column:
    """A way to draw: a sampler ("multistep", "addim", "ddim", "resampled") and a number of steps."""

    def __init__(self, sampler, steps):
        self.sampler, self.steps = sampler, steps
        self.name = str(steps) if sampler == "multistep" else f"{sampler} {steps}"

    def sample(self, model, z, labels, seed):
        if self.sampler == "multistep":
            return sample.multistep(model, z, labels, self.steps, model.clip)
        if self.sampler == "resampled":
            generator = torch.Generator(z.device).manual_seed(seed)
            return sample.resampled(model, z, labels, self.steps, model.clip, generator)
        return sample.diffusion(model, z, labels, self.steps, clip=model.clip, hop=self.sampler)


def cached(path, key, make):
    """The tensors of make(), from the file if that was made with the same key."""
    key = json.dumps(key, sort_keys=True)
    if path.exists():
        with safe_open(path, "pt") as file:
            if file.metadata()["key"] == key:
                return {k: file.get_tensor(k) for k in file.keys()}
    tensors = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path.with_suffix(".tmp"), metadata={"key": key})
    path.with_suffix(".tmp").rename(path)
    return tensors


def read_pictures(pattern):
    """uint8 [n, h, w, 3 or 4] from the PNG of a folder or pattern, in the order of their names."""
    files = sorted(glob.glob(f"{pattern}/*.png" if Path(pattern).is_dir() else pattern), key=lambda f: (len(f), f))
    if not files:
        raise SystemExit(f"{pattern}: no PNG")
    return torch.from_numpy(np.stack([read_picture(f) for f in files]))


def read_picture(path):
    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA"):
            raise SystemExit(f"{path}: {image.mode}, needed: RGB or RGBA")
        return np.asarray(image)


def engine_pictures(program, model, labels, seed, steps):
    """Bytes that `quickstep sample` draws from the same noise: one run per label."""
    start = noise((len(labels), *model.shape), seed)
    result = None
    with tempfile.TemporaryDirectory() as folder:
        for label in labels.unique().tolist():
            rows = (labels == label).nonzero().flatten()
            save_file({"noise": start[rows]}, f"{folder}/noise.safetensors")
            command = [program, "sample", "--quiet", "--model", model.folder, "--steps", steps, "--label", label]
            command += ["--noise", f"{folder}/noise.safetensors", "--output", f"{folder}/{label}-%d.png"]
            subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
            drawn = read_pictures(f"{folder}/{label}-*.png")
            result = torch.zeros(len(labels), *drawn.shape[1:], dtype=torch.uint8) if result is None else result
            result[rows] = drawn
    return result
