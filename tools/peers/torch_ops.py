"""Reads JSON, {"ops": names of `quickstep bench --ops`, "device": "cpu" or "cuda", "peak": side of a square f16 product or 0},
writes {"ms": {name: median ms by PyTorch}, "peak": GFLOP/s of that product}. Convolutions are channels-last."""

import json
import os
import sys
import time
from statistics import median

import torch
from shapes import parse
from torch.nn import functional as F

TYPES = {"f32": torch.float32, "f16": torch.float16}
ROUNDS = 10
BURST_MS = 5  # on a GPU: launches in a row, so that what one launch costs the host does not count


def op(name, device):
    s = parse(name)
    kind = dict(dtype=TYPES[s["type"]], device=device)
    if s["kind"] == "attention":
        q, k, v = (torch.randn(1, s["c"], s["side"], s["to"], **kind) for _ in range(3))
        return lambda: F.scaled_dot_product_attention(q, k, v)
    x = torch.randn(1, s["c"], s["side"], s["side"], **kind).contiguous(memory_format=torch.channels_last)
    if s["kind"] == "group_norm":
        ones, zeros = torch.ones(s["c"], **kind), torch.zeros(s["c"], **kind)
        return lambda: F.silu(F.group_norm(x, 32, ones, zeros))
    weight = torch.randn(s["to"], s["c"], s["kernel"], s["kernel"], **kind).contiguous(memory_format=torch.channels_last)
    bias = torch.randn(s["to"], **kind)
    return lambda: F.conv2d(x, weight, bias, stride=s["stride"] or 1, padding=s["kernel"] // 2)


def time_cpu(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def time_cuda(run, times):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(times):
        run()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / times


def measure(run, device):
    """ms."""
    for _ in range(2):
        run()
    if device == "cpu":
        return median(time_cpu(run) for _ in range(ROUNDS))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    times = max(1, min(200, int(BURST_MS / max(1e-3, time_cuda(graph.replay, 3)))))
    return median(time_cuda(graph.replay, times) for _ in range(ROUNDS))


def peak(side, device):
    a, b = (torch.randn(side, side, dtype=torch.float16, device=device) for _ in range(2))
    return 2 * side**3 / measure(lambda: a @ b, device) * 1e-6


def main():
    work = json.load(sys.stdin)
    torch.set_num_threads(os.cpu_count())
    torch.backends.cudnn.benchmark = True
    with torch.inference_mode():
        ms = {name: measure(op(name, work["device"]), work["device"]) for name in work["ops"]}
        json.dump({"ms": ms, "peak": peak(work["peak"], work["device"]) if work["peak"] else None}, sys.stdout)


if __name__ == "__main__":
    main()
