"""What every source of captioned pictures is, and a folder of them: captions.jsonl there ({"file_name": "a.png", "text": "a cat"}
a line; text may be a list), or NAME.txt beside NAME.png (a caption a line)."""

import json

import numpy as np
import torch

import pictures
import words
from tokens import Prompts

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}
EXAMPLES = 10


def read_captions(folder):
    """{path: [captions]} of the pictures that have some."""
    table = folder / "captions.jsonl"
    if table.exists():
        rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {folder / row["file_name"]: [row["text"]] if isinstance(row["text"], str) else row["text"] for row in rows}
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.with_suffix(".txt").exists())
    return {p: p.with_suffix(".txt").read_text(encoding="utf-8").splitlines() for p in files}


class Captioned:
    """data.py's interface over draw(count, validation) -> x, captions; labels are prompts of text_model.py. Without a tokenizer it
    draws captions only."""

    encoder = None
    names, default_label = ["prompt"], 0

    def __init__(self, examples, tokenizer, seed):
        self.example_prompts = examples
        self.prompts = Prompts(tokenizer) if tokenizer else None
        self.vocabulary = len(self.prompts) if tokenizer else 0
        self.generator = torch.Generator().manual_seed(seed)

    def rng(self):
        """numpy's, seeded from the generator, whose state so stays the source's whole state."""
        return np.random.default_rng(torch.randint(2**62, (1,), generator=self.generator).item())

    def batch(self, count, validation=False):
        x, captions = self.draw(count, validation)
        return x, self.prompts.labels(captions)

    def pictures(self, x):
        return x

    def examples(self, count):
        return self.prompts.examples(self.example_prompts, count)


class Folder(Captioned):
    """Every picture as often as any other; a caption is one of its own, often with words left out or phrases reordered."""

    def __init__(self, folder, size, flip=False, tokenizer=None, seed=0):
        found = {p: said for p, texts in read_captions(folder).items() if (said := [t.strip() for t in texts if t.strip()])}
        if not found:
            raise SystemExit(f"{folder}: no captions.jsonl, and no .txt beside any picture")
        alpha = any(pictures.has_alpha(p) for p in found)
        self.size, self.channels, self.flip = size, 4 if alpha else 3, flip
        x = torch.from_numpy(np.stack([pictures.read(p, size, alpha) for p in found])).permute(0, 3, 1, 2)
        held = [pictures.held_out(p.relative_to(folder).as_posix()) for p in found]
        self.parts = [[(x[i], said) for i, said in enumerate(found.values()) if held[i] == part] for part in (False, True)]
        if not all(self.parts):
            raise SystemExit(f"{folder}: {len(x)} pictures leave {[len(part) for part in self.parts]} for training and validation: too few")
        super().__init__([said[0] for _, said in self.parts[True]][:EXAMPLES], tokenizer, seed)

    def draw(self, count, validation=False):
        """x [n, c, size, size] in [-1, 1] and captions."""
        rng = self.rng()
        rows = [self.parts[validation][i] for i in rng.integers(len(self.parts[validation]), size=count)]
        x = torch.stack([x for x, _ in rows]).float() / 127.5 - 1
        mirrored = torch.from_numpy(rng.random(count) < 0.5 * (self.flip and not validation))
        x = torch.where(mirrored.reshape(-1, 1, 1, 1), x.flip(3), x)
        return x, [words.reworded(words.pick(rng, said), rng) for _, said in rows]

    def sizes(self):
        return {"pictures": [len(part) for part in self.parts]}
