"""See tools/gpu_bench.sh: everything but the tests and the summary's text.

OUT/measured.json is written after every measurement, and what it has is not measured again:

    machine    device, driver, commit, PyTorch
    networks   "NAME PRECISION batch B steps N" -> {"sides": {side: {"ms": [a picture, one a round], ...}}, "ops", "roofline",
               "convolutions": {module: operations for one picture}, "difference": relative L2 to PyTorch}
    ops        {"sides": {side: {op: [ms, one a round]}}, "peak_gflops",
               "gflop": {op: operations, a convolution's as if direct}}
    start      "NAME" -> {"cold_s": [], "warm_s": []}: the whole process of `quickstep sample --steps 1`

A side is quickstep (after `quickstep tune`, unless --untuned), quickstep with --no-tune or --no-matrix, eager or compiled
(PyTorch). All sides are measured in turn, round after round. What failed has {"error": TEXT} instead.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

from engine import Engine, EngineFailed
from gpu_summary import write_summary
from shapes import operations

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FULL_SIZE = {"cd_imagenet64": "diffusers-cd_imagenet64_l2", "cd_bedroom256": "diffusers-cd_bedroom256_l2"}
DIFFERENCE_LIMIT = 3e-2  # relative L2 of two evaluations in f16: a wrong layer is off by far more
VARIANTS = ("quickstep", "quickstep --no-tune", "quickstep --no-matrix")
PROMPT = "red robe, green shield"  # of networks that read
PEAK_SIDE = {"cuda": 8192, "cpu": 512}  # of the product whose rate is the peak of the matrix units


def words(text):
    return [w for w in text.split(",") if w]


def numbers(text):
    return [int(w) for w in words(text)]


def parse():
    shipped = sorted(folder.name for folder in (ROOT / "assets/models").iterdir() if (folder / "unet").is_dir())
    known = ["cd_imagenet64", *shipped, "cd_bedroom256"]
    p = argparse.ArgumentParser(prog="gpu_bench.sh OUT", description="stages: tests, networks, ops, start, summary; default: all")
    p.add_argument("out", type=Path, help=argparse.SUPPRESS)
    p.add_argument("--stage", action="append", choices=("tests", "networks", "ops", "start", "summary"), default=[])
    p.add_argument("--minutes", type=float, default=1e6, help="begin no measurement after so many")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repeats", type=int, default=10, help="pictures in a row in a round")
    p.add_argument("--networks", type=words, default=known, help=",".join(known))
    p.add_argument("--batches", type=numbers, default=[1, 16])
    p.add_argument("--steps", type=numbers, default=[1, 4])
    p.add_argument("--precisions", type=words, default=["f16", "f32"], help="PyTorch is measured in the first")
    p.add_argument("--modes", type=words, default=["eager", "compiled"], help="of PyTorch; empty for none")
    p.add_argument("--untuned", action="store_true", help="no `quickstep tune` before a network")
    p.add_argument("--retry", action="store_true", help="measure again where something failed")
    p.add_argument("--ops", default="", help="only single ops with this in their name")
    p.add_argument("--vulkan-device", help="as quickstep's --device")
    args = p.parse_args()
    for given, possible in ((args.networks, known), (args.precisions, ["f16", "f32"]), (args.modes, ["eager", "compiled"])):
        if unknown := set(given) - set(possible):
            p.error(f"{', '.join(unknown)}: unknown; possible: {', '.join(possible)}")
    if min(args.rounds, args.repeats, *args.batches, *args.steps) < 1:
        p.error("--rounds, --repeats, --batches, --steps: at least 1")
    return args


class TorchFailed(Exception):
    pass


class Torch:
    """torch_unet.py as a process that stays, with one network in one type."""

    def __init__(self, device):
        self.loaded = None
        self.process = subprocess.Popen([sys.executable, "-B", HERE / "torch_unet.py", device], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.info = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise TorchFailed(f"PyTorch's process ended with status {self.process.wait()}; its words are above")
        answer = json.loads(line)
        if "error" in answer:
            raise TorchFailed(answer["error"])
        return answer

    def ask(self, what, **values):
        try:
            self.process.stdin.write(json.dumps({"do": what} | values) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as gone:
            raise TorchFailed(f"PyTorch's process has ended with status {self.process.wait()}") from gone
        return self.answer()

    def load(self, folder, precision, prompt):
        if self.loaded != (folder, precision):
            self.loaded = None
            unet = folder / "unet" if (folder / "unet").is_dir() else folder
            dtype = {"f16": "float16", "f32": "float32"}[precision]
            decoder = str(folder / "vae") if (folder / "vae").is_dir() else None
            loaded = self.ask("load", folder=str(unet), decoder=decoder, prompt=prompt, dtype=dtype)
            self.convolutions = loaded["convolutions"]
            self.loaded = folder, precision

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + 60 * args.minutes
        self.work = Path(os.environ["WORK"])
        self.device = os.environ.get("DEVICE", "cuda")
        self.engine = Engine(os.environ["QUICKSTEP"], args.vulkan_device)
        self.file = args.out / "measured.json"
        self.measured = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.failed = self.late = False
        self.torch = None
        self.torch_missing = "" if args.modes else "not wanted"

    def save(self):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.measured, indent=1) + "\n")
        new.replace(self.file)

    def say(self, text):
        print(f"[{time.strftime('%H:%M:%S', time.gmtime())}] {text}", flush=True)

    def goes_on(self):
        self.late = self.late or time.monotonic() > self.deadline
        return not self.late

    def start_torch(self):
        """None where there is none: said once."""
        if self.torch is None and not self.torch_missing:
            try:
                self.torch = Torch(self.device)
                self.measured["machine"]["torch"] = self.torch.info
            except TorchFailed as failure:
                self.torch_missing = str(failure)
                self.say(f"no PyTorch: {failure}")
        return self.torch

    def describe(self):
        self.measured.setdefault("machine", {
            "commit": (ROOT / "commit").read_text().strip(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "processors": os.cpu_count(),
        })

    # ---- networks ----

    def folder(self, name):
        if name not in FULL_SIZE:
            return ROOT / "assets/models" / name
        folder = self.work / name
        if not (folder / "made").exists():
            self.say(f"{name}: random weights")
            make = [sys.executable, "-B", ROOT / "tools/make_full_size.py"]
            subprocess.run([*make, FULL_SIZE[name], folder, "--dtype", "float16"], check=True)
            (folder / "made").touch()
        return folder

    def embed(self, folder):
        """The file of what the text encoder makes of the prompt; None where the model has none."""
        if not (folder / "text_encoder").is_dir():
            return None
        file = str(self.work / f"{folder.name}.prompt.safetensors")
        self.engine.run("embed", "--model", folder, "--prompt", PROMPT, "--output", file)
        return file

    def difference(self, folder, precision, prompt):
        """Relative L2 of one evaluation by both."""
        with tempfile.TemporaryDirectory() as scratch:
            given, found = f"{scratch}/in.safetensors", f"{scratch}/out.safetensors"
            guidance = self.torch.ask("forward", input=given)["guidance"]
            told = (["--prompt", PROMPT] if prompt else []) + ([f"--guidance={guidance}"] if guidance else [])
            self.engine.run("forward", "--model", folder, "--precision", precision, "--input", given, "--output", found, *told)
            return self.torch.ask("compare", output=found)["difference"]

    def run_side(self, side, folder, precision, batch, steps):
        """A round: ms a picture, and what else a bench of Quickstep told."""
        if side in ("eager", "compiled"):
            ms = self.torch.ask("time", mode=side, batch=batch, steps=steps, repeats=self.args.repeats)["ms"]
            return median(ms) / batch, {}
        counts = ("--batch", str(batch), "--steps", str(steps), "--repeats", str(self.args.repeats))
        found = self.engine.json("bench", "--model", folder, "--precision", precision, *counts, *side.split()[1:])
        self.check_device(found)
        return found["picture_ms_median"], found

    def check_device(self, found):
        """What is in OUT must all be of one device."""
        machine = self.measured["machine"]
        here = {k: found[k] for k in ("device", "driver")}
        if machine | here != here | machine:
            raise SystemExit(f"{self.file} has measurements of {machine['device']}, {machine['driver']}; here is {here}")
        machine |= here

    def run_rounds(self, record, sides, folder, precision, batch, steps):
        for _ in range(self.args.rounds):
            for side in sides:
                known = record["sides"].setdefault(side, {"ms": []})
                if "error" in known:
                    continue
                try:
                    ms, found = self.run_side(side, folder, precision, batch, steps)
                except (EngineFailed, TorchFailed) as failure:
                    record["sides"][side] = {"error": str(failure)}
                    self.failed = True
                    self.say(f"{side}: {failure}")
                    continue
                known["ms"].append(ms)
                known |= {k: found[k] for k in ("cpu_ms", "start_ms", "step_ms") if k in found}
                if side == "quickstep" and steps == 1 and found["ops"]:
                    record["ops"] = [{k: op[k] for k in ("name", "op", "ms")} for op in found["ops"]]
                    record["roofline"] = found["roofline"]

    def measure_network(self, name, precision, batch, steps):
        key = f"{name} {precision} batch {batch} steps {steps}"
        networks = self.measured.setdefault("networks", {})
        failed = any("error" in side for side in networks.get(key, {"sides": {}})["sides"].values())
        if (key in networks and not (failed and self.args.retry)) or not self.goes_on():
            return
        peer = self.start_torch() if precision == self.args.precisions[0] else None
        folder = self.folder(name)
        record = {"sides": {}}
        self.say(key)
        if not self.args.untuned:
            begin = time.monotonic()
            self.engine.run("tune", "--model", folder, "--precision", precision, "--batch", str(batch))
            record["tune_s"] = time.monotonic() - begin
        sides = list(VARIANTS if steps == 1 else VARIANTS[:1])
        if peer:
            prompt = self.embed(folder)
            peer.load(folder, precision, prompt)
            record["convolutions"] = peer.convolutions
            sides += self.args.modes
            if batch == 1 and steps == 1:
                record["difference"] = self.difference(folder, precision, prompt)
                if not record["difference"] <= DIFFERENCE_LIMIT:
                    raise TorchFailed(f"{key}: PyTorch's and Quickstep's outputs differ by {record['difference']:.2g}")
        self.run_rounds(record, sides, folder, precision, batch, steps)
        networks[key] = record
        self.save()

    def networks(self):
        args = self.args
        for precision, name, steps, batch in product(args.precisions, args.networks, args.steps, args.batches):
            self.guarded(self.measure_network, name, precision, batch, steps)
        if self.torch:
            self.torch.end()
            self.torch = None

    def guarded(self, measure, *what):
        try:
            measure(*what)
        except (EngineFailed, TorchFailed, subprocess.CalledProcessError) as failure:
            self.failed = True
            self.say(f"{' '.join(map(str, what))}: {failure}")
            if self.torch and self.torch.process.poll() is not None:
                self.torch = None

    # ---- single ops ----

    def torch_ops(self, names):
        work = json.dumps({"ops": names, "device": self.device, "peak": PEAK_SIDE[self.device]})
        done = subprocess.run([sys.executable, "-B", HERE / "torch_ops.py"], input=work, text=True, stdout=subprocess.PIPE)
        if done.returncode:
            raise TorchFailed(f"torch_ops.py: status {done.returncode}")
        return json.loads(done.stdout)

    def ops(self):
        if "ops" in self.measured or not self.goes_on():
            return
        sides, gflop, peaks = {}, {}, []
        self.say("single ops")
        for _ in range(self.args.rounds):
            for side in ("quickstep", "quickstep --no-matrix"):  # single ops are not tuned
                found = self.engine.json("bench", "--ops", self.args.ops, *side.split()[1:])
                self.check_device(found)
                for op in found["ops"]:
                    sides.setdefault(side, {}).setdefault(op["name"], []).append(op["ms_median"])
                    gflop[op["name"]] = operations(op["name"]) * 1e-9
            if self.torch_missing:
                continue
            try:
                found = self.torch_ops([name for name in gflop if f" {self.args.precisions[0]} " in name])
            except TorchFailed as failure:
                self.torch_missing = str(failure)
                self.say(f"no PyTorch: {failure}")
                continue
            peaks.append(found["peak"])
            for name, ms in found["ms"].items():
                sides.setdefault("PyTorch", {}).setdefault(name, []).append(ms)
        self.measured["ops"] = {"sides": sides, "gflop": gflop, "peak_gflops": median(peaks) if peaks else None}
        self.save()

    # ---- start ----

    def start(self):
        for name in self.args.networks:
            self.guarded(self.measure_start, name)

    def measure_start(self, name):
        found = self.measured.setdefault("start", {})
        if name in found or not self.goes_on():
            return
        folder, record = self.folder(name), {"cold_s": [], "warm_s": []}
        self.say(f"{name}: start")
        for _ in range(self.args.rounds):
            home = tempfile.mkdtemp(dir=self.work)  # where Quickstep and drivers keep what they compiled
            for kind in ("cold_s", "warm_s"):
                begin = time.monotonic()
                self.engine.run("sample", "--model", folder, "--steps", "1", "--seed", "1", "--output", f"{home}/x.png",
                                "--precision", self.args.precisions[0], HOME=home, XDG_CACHE_HOME=f"{home}/cache")
                record[kind].append(time.monotonic() - begin)
            shutil.rmtree(home)
        found[name] = record
        self.save()


def main():
    args = parse()
    bench = Bench(args)
    stages = args.stage or ["networks", "ops", "start"]
    bench.describe()
    for stage in ("networks", "ops", "start"):
        if stage in stages:
            bench.guarded(getattr(bench, stage))
    bench.save()
    write_summary(args.out, bench.measured)
    if bench.late:
        bench.say("time is up; the same command goes on with what is missing")
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
