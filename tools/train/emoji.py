"""Draws Noto Color Emoji's bitmaps as training pictures with names and keywords (scenes.py reads them); emoji.sh has the files.

Flags and the variants of skin tones are left out, so that they do not outnumber the rest.
"""

import argparse
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE, BITMAP, CANVAS = 64, 109, 136  # pixels: of a picture, the font's only size, its bitmaps' width
TONES = range(0x1F3FB, 0x1F400)
LINE = re.compile(r"([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E[\d.]+ (.+)")


def read_names(text):
    """[(emoji, name, group)] of emoji-test.txt, without flags and skin tones."""
    group, found = "", []
    for line in text.splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif (match := LINE.match(line)) and group != "Flags":
            points = [int(p, 16) for p in match[1].split()]
            if not any(p in TONES for p in points):
                found.append(("".join(map(chr, points)), match[2].lower(), group))
    return found


def read_keywords(path):
    """{emoji without variation selectors: [keywords]} of CLDR's annotations."""
    rows = ElementTree.parse(path).getroot().iter("annotation")
    return {row.get("cp"): [k.strip().lower() for k in row.text.split("|")] for row in rows if row.get("type") != "tts"}


def draw(emoji, font):
    """RGBA, or None if the font has no single glyph for it."""
    left, top, right, bottom = font.getbbox(emoji)
    if right - left > CANVAS or right <= left:
        return None
    image = Image.new("RGBA", (CANVAS, CANVAS))
    at = (CANVAS - right - left) // 2, (CANVAS - bottom - top) // 2
    ImageDraw.Draw(image).text(at, emoji, font=font, embedded_color=True)
    return image.convert("RGBa").resize((SIDE, SIDE), Image.LANCZOS).convert("RGBA") if image.getbbox() else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("font", "names", "keywords", "out"):
        p.add_argument(f"--{name}", required=True, type=Path)
    args = p.parse_args()
    font, keywords = ImageFont.truetype(str(args.font), BITMAP), read_keywords(args.keywords)
    rows = []
    for emoji, name, group in read_names(args.names.read_text(encoding="utf-8")):
        if picture := draw(emoji, font):
            file = "-".join(f"{ord(c):x}" for c in emoji) + ".png"
            picture.save(args.out / file)
            more = [k for k in keywords.get(emoji.replace("\ufe0f", ""), []) if k not in name]
            rows.append({"file_name": file, "name": name, "group": group, "keywords": more[:4]})
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (args.out / "emoji.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} pictures")


if __name__ == "__main__":
    main()
