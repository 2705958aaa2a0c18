"""Picture files and arrays: reading, premultiplying, the held-out split, grids.

Arrays are uint8 as stored, [h, w, 3] RGB or [h, w, 4] RGBA; tensors are what a network sees: [n, c, h, w] float32 in
[-1, 1], RGB or premultiplied RGBA.
"""

import zlib

import numpy as np
import torch
from PIL import Image

VALIDATION = 20  # every twentieth picture is held out, by a hash


def held_out(key):
    """Whether the picture with this name (str) or these bytes is for validation; never changes when pictures are added."""
    return zlib.crc32(key.encode() if isinstance(key, str) else key) % VALIDATION == 0


def has_alpha(path):
    with Image.open(path) as image:
        return image.has_transparency_data


def read(path, size, alpha):
    """uint8 [size, size, 4 or 3]: the shorter side resized to size, then the middle cut out. Premultiplied if alpha.

    A picture that has the size already is not resampled. Palettes and grey become colours; without alpha, transparent
    parts become white.
    """
    with Image.open(path) as image:
        image = image.convert("RGBA")
    if not alpha:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    scale = size / min(image.size)
    image = image.convert("RGBa")  # premultiplied, so that invisible colours do not bleed into edges
    if scale != 1:
        image = image.resize([max(size, round(side * scale)) for side in image.size], Image.LANCZOS)
    left, top = ((side - size) // 2 for side in image.size)
    image = image.crop((left, top, left + size, top + size))
    pixels = np.frombuffer(image.tobytes(), np.uint8).reshape(size, size, 4)
    return pixels if alpha else pixels[..., :3]


def checkerboard(x):
    """[n, c, h, w] in [-1, 1] -> uint8 RGB [n, h, w, 3]; RGBA over a grey checkerboard."""
    x = ((x.float().cpu().clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 1)
    rgb = x[..., :3]
    if x.shape[-1] == 4:
        ys, xs = torch.meshgrid(torch.arange(x.shape[1]), torch.arange(x.shape[2]), indexing="ij")
        board = torch.where((ys // 8 + xs // 8) % 2 == 0, 0.40, 0.50)[None, ..., None]
        rgb = rgb + board * (1 - x[..., 3:])
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def save_grid(x, columns, path, scale=3):
    """Writes pictures row by row, nearest upscaled, two pixels apart."""
    tiles = checkerboard(x)
    tiles = np.pad(tiles, ((0, (-len(tiles)) % columns), (1, 1), (1, 1), (0, 0)), constant_values=40)
    n, h, w, _ = tiles.shape
    grid = tiles.reshape(-1, columns, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(-1, columns * w, 3)
    Image.fromarray(grid).resize((grid.shape[1] * scale, grid.shape[0] * scale), Image.NEAREST).save(path)
