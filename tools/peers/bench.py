"""See tools/bench_peers.

Every op and the whole shipped network, by ncnn and by Quickstep in turn, --rounds times; medians over the rounds, and the
ratio of the medians. ncnn's time of an op is that of a long chain of equal layers less that of one, by the number of layers
between, so that upload and download cancel. The network's is the wall clock of one evaluation by ncnn, with its upload and
download, and of one whole picture at one step by Quickstep: noise, evaluation, sampler, decoding where the network draws
latents (of which ncnn does nothing), pixels in memory. Both must give the same output for the same noise first.
"""

import argparse
import json
import os
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

import ncnn
import ncnn_net
import numpy as np
from engine import Engine, EngineFailed
from ncnn_unet import UNet
from safetensors.numpy import load_file, save_file
from shapes import SHAPES

ROOT = Path(__file__).resolve().parents[2]
CHAIN_MS = 100  # what a chain aims at, with LAYERS at most; shorter ones run several times a round
LAYERS = 12
NETWORK_LIMIT = {"f32": 1e-4, "f16": 3e-2}  # relative L2: a wrong layer is off by far more


def parse():
    parser = argparse.ArgumentParser(prog="tools/bench_peers", description="Quickstep against ncnn on the same Vulkan driver")
    parser.add_argument("--quickstep", type=Path, default=ROOT / "build/src/app/cli/quickstep", help="a release build's program")
    parser.add_argument("--model", type=Path, default=ROOT / "assets/models/sprites")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("f32", "f16"), default="f32")
    parser.add_argument("filter", nargs="?", default="", help="only lines that contain this")
    args = parser.parse_args()
    if not args.quickstep.is_file():
        parser.error(f"{args.quickstep}: not there; tools/run builds it, --quickstep names another")
    if args.rounds < 1:
        parser.error("--rounds: at least 1")
    args.engine = Engine(args.quickstep)
    return args


def quickstep_op(args, name):
    found = args.engine.json("bench", "--ops", name, "--repeats", "5")
    (op,) = [op for op in found["ops"] if op["name"] == name]
    return found["device"], op["ms_median"]


def torch_ops(names):
    """ms by PyTorch on the CPU, {} without .venv-train."""
    python = ROOT / ".venv-train/bin/python"
    if not python.exists() or not names:
        return {}
    work = json.dumps({"ops": names, "device": "cpu", "peak": 0})
    program = [python, "-B", ROOT / "tools/peers/torch_ops.py"]
    return json.loads(subprocess.run(program, input=work, text=True, check=True, stdout=subprocess.PIPE).stdout)["ms"]


def measure_op(args, shape):
    """Device, ms by ncnn, ms by Quickstep."""
    one = ncnn_net.Vulkan(*ncnn_net.chain(shape, 1), args.precision)
    one.run()  # compiles
    layers = 1 + max(1, min(LAYERS - 1, round(CHAIN_MS / one.run()[1])))
    long = ncnn_net.Vulkan(*ncnn_net.chain(shape, layers), args.precision)
    long.run()
    times = max(1, min(5, round(CHAIN_MS / long.run()[1])))
    ones, longs, ours = [], [], []
    for _ in range(args.rounds):
        for _ in range(times):
            ones.append(one.run()[1])
            longs.append(long.run()[1])
        device, ms = quickstep_op(args, shape.quickstep_name(args.precision))
        ours.append(ms)
    return device, (median(longs) - median(ones)) / (layers - 1), median(ours)


def check_network(args, output, sample, timestep, label):
    with tempfile.TemporaryDirectory() as folder:
        tensors = dict(sample=sample[None], timestep=np.array([timestep]), class_labels=np.array([label]))
        save_file({k: v.astype(np.float32) for k, v in tensors.items()}, f"{folder}/in.safetensors")
        args.engine.run("forward", "--model", args.model, "--precision", args.precision, "--input", f"{folder}/in.safetensors",
                        "--output", f"{folder}/out.safetensors")
        expected = load_file(f"{folder}/out.safetensors")["sample"][0]
    error = np.linalg.norm(output - expected) / np.linalg.norm(expected)
    if not error <= NETWORK_LIMIT[args.precision]:
        raise SystemExit(f"the network written for ncnn is not Quickstep's: relative L2 {error:.2g}")
    return error


def measure_network(args):
    """ms by ncnn, ms by Quickstep, ms by Quickstep's ops alone, difference of the outputs."""
    unet = UNet(args.model / "unet")
    side = unet.config["sample_size"]
    sample = np.random.default_rng(0).standard_normal((unet.config["in_channels"], side, side)).astype(np.float32)
    timestep, label = 700.0, unet.config["num_class_embeds"] - 1
    net = ncnn_net.Vulkan(*unet.write(sample, timestep, label), args.precision)
    error = check_network(args, net.run()[0], sample, timestep, label)
    theirs, ours, ops = [], [], []
    for _ in range(args.rounds):
        theirs.append(median(net.run()[1] for _ in range(5)))
        found = args.engine.json("bench", "--model", args.model, "--precision", args.precision, "--steps", "1", "--repeats", "5")
        ours.append(found["picture_ms_median"])
        ops.append(found["step_ms"])
    return median(theirs), median(ours), median(ops), error


def main():
    args = parse()
    if ncnn.get_gpu_count() == 0:
        raise SystemExit("ncnn finds no Vulkan device")
    name = ncnn.get_gpu_info(0).device_name()
    shapes = [s for s in SHAPES if args.filter in s.label]
    torch_ms = torch_ops([s.quickstep_name("f32") for s in shapes]) if args.precision == "f32" else {}
    drivers = [d["driver_info"] for d in args.engine.json("devices") if d["name"] == name]
    print(f"{name}, {' or '.join(drivers)}, {args.precision}, ncnn {ncnn.__version__}, {date.today()}, "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; medians of {args.rounds}")
    if shapes:
        print("\n| | unit | ncnn | Quickstep | ratio |" + (" PyTorch, CPU |" if torch_ms else ""))
        print("|---|---|---|---|---|" + ("---|" if torch_ms else ""))
    for shape in shapes:
        device, theirs, ours = measure_op(args, shape)
        if device != name:
            raise SystemExit(f"ncnn runs on {name}, Quickstep on {device}: VK_DRIVER_FILES chooses one for both")
        if theirs <= 0:
            print(f"| {shape.label} | {shape.unit} | too noisy: a chain as fast as one layer; more --rounds |", flush=True)
            continue
        rates = [shape.rate(ms, args.precision) for ms in (theirs, ours)]
        line = f"| {shape.label} | {shape.unit} | {rates[0]:.2f} | {rates[1]:.2f} | {theirs / ours:.2f} |"
        if torch_ms:
            line += f" {shape.rate(torch_ms[shape.quickstep_name('f32')]):.1f} |"
        print(line, flush=True)
    if args.filter in "network":
        theirs, ours, ops, error = measure_network(args)
        print(f"\n{args.model.name}, one evaluation (outputs differ by {error:.1e}): ncnn {theirs:.1f} ms; Quickstep, a whole "
              f"picture, {ours:.1f} ms, its ops {ops:.1f} ms; ratio {theirs / ours:.2f}")
    ncnn.destroy_gpu_instance()


if __name__ == "__main__":
    try:
        main()
    except EngineFailed as failure:
        raise SystemExit(str(failure)) from failure
