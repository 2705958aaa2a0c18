"""What a run leaves to read: log_a.csv, validation_a.csv, tensorboard/, and the machine's name for the model card."""

import csv
import platform
from pathlib import Path

import torch

COLUMNS = ["step", "pictures", "seconds", "loss", "gradient_norm", "pictures_per_second"]


def hardware(device):
    """Such as "NVIDIA H100 80GB HBM3" or "AMD EPYC, 2 cores"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = [line.split(":")[1].strip() for line in read("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def read(path):
    return Path(path).read_text().splitlines() if Path(path).exists() else []


class Record:
    """Appends to what an earlier part of the run wrote."""

    def __init__(self, folder, phase):
        self.phase = phase
        self.log, self.checks = (self.table(folder / f"{k}_{phase}.csv", c) for k, c in (("log", COLUMNS), ("validation", COLUMNS[:4])))
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            print("no tensorboard package: the log is CSV only", flush=True)
            self.board = None
        else:
            self.board = SummaryWriter(folder / "tensorboard" / phase)

    @staticmethod
    def table(path, columns):
        file = open(path, "a")
        if file.tell() == 0:
            csv.writer(file).writerow(columns)
        return file

    def write(self, file, values, **scalars):
        csv.writer(file).writerow(values)
        file.flush()
        for name, value in scalars.items():
            if self.board:
                self.board.add_scalar(name, value, values[0])

    def line(self, step, images, seconds, loss, norm, speed, left):
        """left: minutes until the phase is over."""
        self.write(self.log, [step, images, f"{seconds:.0f}", f"{loss:.5f}", f"{norm:.3f}", f"{speed:.1f}"],
                   loss=loss, gradient_norm=norm, pictures_per_second=speed)
        print(f"{self.phase} step {step}  {images} pictures  {seconds / 60:.1f} min, {left:.1f} left  "
              f"loss {loss:.5f}  norm {norm:.3f}  {speed:.1f} pictures/s", flush=True)

    def validation(self, step, images, seconds, loss):
        self.write(self.checks, [step, images, f"{seconds:.0f}", f"{loss:.5f}"], validation=loss)
        print(f"{self.phase} validation {loss:.5f}", flush=True)
