"""Reads a JSON list of shapes (shapes.py), writes {shape as JSON: median ms} by PyTorch in float32 on all processors."""

import json
import os
import sys
import time
from statistics import median

import torch
from shapes import Shape
from torch.nn import functional as F


def op(shape):
    if shape.kind == "attention":
        x = torch.randn(1, shape.c, shape.side**2, 64)
        return lambda: F.scaled_dot_product_attention(x, x, x)
    x = torch.randn(1, shape.c, shape.side, shape.side)
    if shape.kind == "norm":
        ones, zeros = torch.ones(shape.c), torch.zeros(shape.c)
        return lambda: F.silu(F.group_norm(x, 32, ones, zeros))
    kernel = 3 if shape.kind == "conv3" else 1
    weight = torch.randn(shape.c, shape.c, kernel, kernel)
    x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
    return lambda: F.conv2d(x, weight, padding=kernel // 2)


def measure(shape):
    run = op(shape)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return median(times[2:])


torch.set_num_threads(os.cpu_count())
with torch.inference_mode():
    json.dump({json.dumps(row): measure(Shape(*row)) for row in json.load(sys.stdin)}, sys.stdout)
