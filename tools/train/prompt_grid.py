"""A picture of prompts by steps, drawn by quickstep: docs/heroes.png, docs/emoji.png.

    prompt_grid.py PATH/quickstep MODEL OUT.png [--scale 3] [--seed 1] [PROMPT ...]

Rows: the prompts, or the model's own examples, each with the seed. Columns: 1, 2, 4, 8, 16 steps, and 64 of the diffusion limit.
"""

import argparse
import json
import subprocess
import tempfile
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

COLUMNS = {str(n): ["--steps", str(n)] for n in (1, 2, 4, 8, 16)} | {"limit": ["--sampler", "ddim", "--steps", "64"]}
WORDS, HEAD = 330, 30  # pixels: the width of the prompts, the height of the headings
GROUND, INK, PALE, CHECKS = "#131518", "#e6e6e6", "#9aa0a6", ("#666666", "#5a5a5a")


def checkered(side):
    image = Image.new("RGB", (side, side), CHECKS[0])
    square, draw = side // 8, ImageDraw.Draw(image)
    for y in range(8):
        for x in range(y % 2, 8, 2):
            draw.rectangle((x * square, y * square, (x + 1) * square - 1, (y + 1) * square - 1), CHECKS[1])
    return image


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("quickstep")
    p.add_argument("model", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("prompts", nargs="*")
    p.add_argument("--scale", type=int, default=3)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    prompts = args.prompts or json.loads((args.model / "model_index.json").read_text())["examples"]
    font = ImageFont.truetype("DejaVuSans.ttf", 17)
    picture = None
    with tempfile.TemporaryDirectory() as scratch:
        for row, prompt in enumerate(prompts):
            for column, options in enumerate(COLUMNS.values()):
                file = f"{scratch}/one.png"
                subprocess.run([args.quickstep, "sample", "--quiet", "--model", args.model, "--prompt", prompt, "--seed", str(args.seed),
                                "--scale", "1", "--output", file, *options], check=True, stdout=subprocess.DEVNULL)
                drawn = Image.open(file).convert("RGBA")
                side = drawn.width * args.scale
                drawn = drawn.resize((side, side), Image.Resampling.NEAREST if drawn.width <= 32 else Image.Resampling.BICUBIC)
                if picture is None:
                    picture = Image.new("RGB", (WORDS + side * len(COLUMNS), HEAD + side * len(prompts)), GROUND)
                    draw = ImageDraw.Draw(picture)
                    for i, name in enumerate(COLUMNS):
                        draw.text((WORDS + side * (i + 0.5), HEAD / 2), name, PALE, font, "mm")
                cell = checkered(side)
                cell.paste(drawn, mask=drawn)
                picture.paste(cell, (WORDS + side * column, HEAD + side * row))
            draw.text((0, HEAD + side * (row + 0.5)), textwrap.fill(prompt, 34), INK, font, "lm")
    picture.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
