"""Pictures of every kind that `quickstep encode` reads, and what Pillow makes of them, for tests/unit/test_picture_pixels.c.

    .venv-train/bin/python tools/golden/pictures.py

Writes tests/golden/pictures/: the files, and golden.safetensors with a tensor FILE [h, w, 4] of each: convert("RGBA"), as
diffusers' load_image (which goes on to RGB). Of 16-bit grey the upper 8 bits: Pillow 13 makes all from 256 on white.
"""

import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests/golden/pictures"
HEIGHT, WIDTH = 13, 19
GREY, RGB, PALETTE = 0, 2, 3
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # x, y, step


def draw(channels):
    """A soft gradient with an edge and some noise, [h, w, channels] of 0 to 255."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [(x * (11 + 2 * c) + y * (7 - c)) % 230 + 40 * (x > y) - 20 * c for c in range(channels)]
    noise = np.random.default_rng(channels).integers(0, 25, (HEIGHT, WIDTH, channels))
    return np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_png(path, samples, colour, interlaced=False, more=b""):
    """What Pillow does not write: [h, w, channels] of 8 or 16 bits, in Adam7's seven passes, with more chunks."""
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    big = samples.dtype.newbyteorder(">")
    lines = b"".join(b"\0" + line.astype(big).tobytes() for part in passes if part.size for line in part)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8 * samples.itemsize, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def write_all():
    rgb, grey = draw(3), draw(1)
    alpha = np.where(grey > 100, 255, grey)
    picture, flat = PIL.Image.fromarray(rgb), PIL.Image.fromarray(grey[..., 0])
    palette = picture.quantize(16)
    picture.save(FOLDER / "rgb.png")
    flat.save(FOLDER / "grey.png")
    flat.convert("1").save(FOLDER / "grey_1_bit.png")
    PIL.Image.fromarray(np.concatenate([grey, alpha], -1), "LA").save(FOLDER / "grey_alpha.png")
    PIL.Image.fromarray(np.concatenate([rgb, alpha], -1), "RGBA").save(FOLDER / "rgba.png")
    palette.save(FOLDER / "palette.png")
    picture.quantize(4).save(FOLDER / "palette_2_bits.png", bits=2)
    palette.save(FOLDER / "palette_transparent.png", transparency=bytes([0, 255, 100, 255, 30]))
    picture.save(FOLDER / "rgb_key.png", transparency=tuple(int(v) for v in rgb[3, 4]))
    write_png(FOLDER / "rgb_interlaced.png", rgb, RGB, interlaced=True)
    write_png(FOLDER / "rgb_16_bits.png", rgb * np.uint16(256) + rgb[::-1], RGB)
    write_png(FOLDER / "grey_16_bits.png", grey * np.uint16(256) + np.uint16(200), GREY)
    indices = np.asarray(palette)[..., None]
    colours = bytes(palette.getpalette()[: 3 * 16])
    write_png(FOLDER / "palette_interlaced.png", indices, PALETTE, interlaced=True,
              more=chunk(b"PLTE", colours) + chunk(b"tRNS", bytes([255, 9])))
    for name, sampling in (("rgb_420", 2), ("rgb_422", 1), ("rgb_444", 0)):
        picture.save(FOLDER / f"{name}.jpg", quality=85, subsampling=sampling)
    picture.save(FOLDER / "rgb_progressive.jpg", quality=70, progressive=True)
    flat.save(FOLDER / "grey.jpg", quality=90)
    PIL.Image.fromarray(draw(4), "CMYK").save(FOLDER / "cmyk.jpg", quality=90)


def read(path):
    picture = PIL.Image.open(path)
    if picture.mode == "I;16":
        picture = PIL.Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return torch.from_numpy(np.asarray(picture.convert("RGBA")).copy())


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    write_all()
    tensors = {path.name: read(path) for path in sorted(FOLDER.iterdir())}
    save_file(tensors, FOLDER / "golden.safetensors", metadata={"pillow": PIL.__version__})
    print(f"{len(tensors)} pictures, {sum(f.stat().st_size for f in FOLDER.iterdir()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
