"""The ops that all programs are measured on; batch 1."""

import re
from typing import NamedTuple

NAMES = (
    r"(?P<kind>conv2d) (?P<kernel>\d+)x\d+(?: s(?P<stride>\d))? (?P<type>f\d+) (?P<c>\d+) -> (?P<to>\d+) @ (?P<side>\d+)x\d+",
    r"(?P<kind>group_norm) silu (?P<type>f\d+) (?P<c>\d+) @ (?P<side>\d+)x\d+",
    r"(?P<kind>attention) (?P<type>f\d+) (?P<c>\d+) x (?P<to>\d+) @ (?P<side>\d+) tokens",
)


def parse(name):
    """kind, type, and numbers, of an op of `quickstep bench --ops`. Attention: c heads of `to`, `side` tokens."""
    (found,) = [m for m in (re.fullmatch(pattern, name) for pattern in NAMES) if m]
    return {k: int(v) if v and v.isdigit() else v for k, v in found.groupdict().items()}


def operations(name):
    """Multiplications and additions (for a 3x3 by Winograd: as if direct); 0 for a group norm."""
    s = parse(name)
    if s["kind"] == "attention":
        return 4 * s["c"] * s["to"] * s["side"] ** 2
    if s["kind"] == "group_norm":
        return 0
    return 2 * s["kernel"] ** 2 * s["c"] * s["to"] * (s["side"] // (s["stride"] or 1)) ** 2


class Shape(NamedTuple):
    kind: str  # conv3, conv1, norm (group norm with 32 groups, affine, then SiLU), attention (without its projections)
    c: int  # channels; attention: heads of 64
    side: int  # pixels; attention: side^2 tokens

    @property
    def label(self):
        if self.kind == "attention":
            return f"attention, {self.c} heads of 64, {self.side**2} tokens"
        name = {"conv3": "conv 3x3", "conv1": "conv 1x1", "norm": "group norm + SiLU"}[self.kind]
        return f"{name}, {self.c} @ {self.side}x{self.side}"

    def quickstep_name(self, precision):
        """What `quickstep bench --ops` calls it."""
        place = f"@ {self.side}x{self.side}"
        return {
            "conv3": f"conv2d 3x3 {precision} {self.c} -> {self.c} {place}",
            "conv1": f"conv2d 1x1 {precision} {self.c} -> {self.c} {place}",
            "norm": f"group_norm silu {precision} {self.c} {place}",
            "attention": f"attention {precision} {self.c} x 64 @ {self.side**2} tokens",
        }[self.kind]

    def rate(self, ms, precision="f32"):
        """GFLOP/s; norm: GB/s of one read and one write."""
        if self.kind == "norm":
            return 2 * self.c * self.side**2 * (4 if precision == "f32" else 2) / ms * 1e-6
        return operations(self.quickstep_name(precision)) / ms * 1e-6

    @property
    def unit(self):
        return "GB/s" if self.kind == "norm" else "GFLOP/s"


SQUARES = [(128, 32), (256, 16), (192, 64), (384, 32), (512, 8)]
SHAPES = (
    [Shape("conv3", c, side) for c, side in SQUARES]
    + [Shape("conv1", c, side) for c, side in [(128, 32), (256, 16), (512, 8), (1024, 32)]]
    + [Shape("norm", c, side) for c, side in SQUARES]
    + [Shape("attention", c, side) for side in (16, 32) for c in (4, 8)]
)
