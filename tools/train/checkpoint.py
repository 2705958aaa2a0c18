"""Makes a checkpoint small, to keep or to carry: the average in float16, no optimiser, no second network.

    checkpoint.py RUN/a.pt SMALL.pt

train.py --resume goes on from it: from the average, with a fresh optimiser that warms up again.
"""

import sys

import torch

LEFT_OUT = ("net", "optimiser", "optimisers", "random")


def shrink(state):
    state = {k: v for k, v in state.items() if k not in LEFT_OUT}
    return state | {"average": {k: v.to(torch.float16) for k, v in state["average"].items()}}


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    torch.save(shrink(torch.load(sys.argv[1], map_location="cpu")), sys.argv[2])


if __name__ == "__main__":
    main()
