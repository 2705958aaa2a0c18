"""Writes ncnn networks as text and weights, and runs them with ncnn's Vulkan back end.

Blobs are [c, h, w]; weights are numpy float32 arrays in PyTorch's layout. ncnn's formats: https://github.com/Tencent/ncnn/wiki
("param and model file structure", "operation param weight table").
"""

import struct
import tempfile
import time
from pathlib import Path

import ncnn
import numpy as np


class Net:
    """Collects layers; every method returns the name of the blob that the layer writes."""

    def __init__(self):
        self.layers = []  # type, inputs, outputs, parameters
        self.weights = []

    def add(self, kind, inputs, params="", outputs=1):
        names = [f"b{len(self.layers)}_{i}" for i in range(outputs)]
        self.layers.append((kind, list(inputs), names, params))
        return names[0] if outputs == 1 else names

    def store(self, array, tagged=False):
        """tagged: with the word that says float32, as weights have it and biases have not."""
        self.weights.append((struct.pack("<I", 0) if tagged else b"") + np.ascontiguousarray(array, np.float32).tobytes())

    def input(self, w, h=None, c=None):
        return self.add("Input", [], f"0={w}" + (f" 1={h} 2={c}" if h else ""))

    def conv(self, x, weight, bias, stride=1):
        self.store(weight, tagged=True)
        self.store(bias)
        kernel = weight.shape[2]
        return self.add("Convolution", [x], f"0={len(weight)} 1={kernel} 3={stride} 4={kernel // 2} 5=1 6={weight.size}")

    def linear(self, x, weight, bias=None):
        self.store(weight, tagged=True)
        if bias is not None:
            self.store(bias)
        return self.add("InnerProduct", [x], f"0={len(weight)} 1={int(bias is not None)} 2={weight.size}")

    def group_norm(self, x, groups, weight, bias, eps):
        self.store(weight)
        self.store(bias)
        return self.add("GroupNorm", [x], f"0={groups} 1={weight.size} 2={eps:e} 3=1")

    def silu(self, x):
        return self.add("Swish", [x])

    def binary(self, a, b, multiply=False):
        return self.add("BinaryOp", [a, b], f"0={2 if multiply else 0}")

    def reshape(self, x, w, h, c):
        return self.add("Reshape", [x], f"0={w} 1={h} 2={c}")

    def attention(self, q, k, v, scale):
        """[heads, tokens, width] each"""
        return self.add("SDPA", [q, k, v], f"6={scale:.9g}")

    def write(self, folder):
        """A blob has one reader in ncnn: where there are more, a Split stands between."""
        readers = {}
        for _, inputs, _, _ in self.layers:
            for name in inputs:
                readers[name] = readers.get(name, 0) + 1
        lines, blobs, taken = [], 0, {}

        def rename(name):
            if readers[name] == 1:
                return name
            taken[name] = taken.get(name, -1) + 1
            return f"{name}_{taken[name]}"

        for kind, inputs, outputs, params in self.layers:
            names = [rename(name) for name in inputs] + outputs
            lines.append(f"{kind} l{len(lines)} {len(inputs)} {len(outputs)} {' '.join(names)} {params}")
            blobs += len(outputs)
            for name in outputs:
                count = readers.get(name, 0)
                if count > 1:
                    copies = " ".join(f"{name}_{i}" for i in range(count))
                    lines.append(f"Split l{len(lines)} 1 {count} {name} {copies}")
                    blobs += count
        text = "\n".join(["7767517", f"{len(lines)} {blobs}", *lines]) + "\n"
        (folder / "net.param").write_text(text)
        (folder / "net.bin").write_bytes(b"".join(self.weights))


class Vulkan:
    """A network on Vulkan device `device`. inputs: {blob: array}; output: the blob to compute."""

    def __init__(self, net, inputs, output, precision, device=0):
        self.net = ncnn.Net()
        self.output = output
        self.arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in inputs.items()}
        self.inputs = {name: ncnn.Mat(a).clone() for name, a in self.arrays.items()}
        options = self.net.opt
        options.use_vulkan_compute = True
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
            setattr(options, name, precision == "f16")
        options.use_bf16_packed = options.use_bf16_storage = False
        self.net.set_vulkan_device(device)
        with tempfile.TemporaryDirectory() as folder:
            net.write(Path(folder))
            if self.net.load_param(f"{folder}/net.param") or self.net.load_model(f"{folder}/net.bin"):
                raise RuntimeError("ncnn does not load the network that was written for it")

    def run(self):
        """The output, and ms: upload, record, run, download."""
        start = time.perf_counter()
        extractor = self.net.create_extractor()
        for name, mat in self.inputs.items():
            extractor.input(name, mat)
        status, mat = extractor.extract(self.output)
        ms = (time.perf_counter() - start) * 1e3
        if status:
            raise RuntimeError(f"ncnn: extract returned {status}")
        return np.array(mat), ms


def chain(shape, layers, seed=0):
    """Net, inputs and output of `layers` equal layers one after the other."""
    random = np.random.default_rng(seed)
    net = Net()
    size = (shape.c, shape.side**2, 64) if shape.kind == "attention" else (shape.c, shape.side, shape.side)
    first = x = net.input(size[2], size[1], size[0])
    for _ in range(layers):
        if shape.kind == "attention":
            x = net.attention(x, x, x, 0.125)
        elif shape.kind == "norm":
            x = net.silu(net.group_norm(x, 32, np.ones(shape.c), np.zeros(shape.c), 1e-5))
        else:
            kernel = 3 if shape.kind == "conv3" else 1
            scale = (shape.c * kernel**2) ** -0.5  # keeps the size of the numbers
            x = net.conv(x, random.standard_normal((shape.c, shape.c, kernel, kernel)) * scale, np.zeros(shape.c))
    return net, {first: random.standard_normal(size)}, x
