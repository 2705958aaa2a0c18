"""The ops that all programs are measured on; batch 1."""

from typing import NamedTuple


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
        """GFLOP/s, a multiplication and an addition counted as two (for a 3x3 by Winograd: as if direct); norm: GB/s of
        one read and one write."""
        pixels = self.side**2
        amount = {
            "conv3": 2 * 9 * self.c**2 * pixels,
            "conv1": 2 * self.c**2 * pixels,
            "norm": 2 * self.c * pixels * (4 if precision == "f32" else 2),
            "attention": 4 * pixels**2 * 64 * self.c,
        }[self.kind]
        return amount / ms * 1e-6

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
