#!/bin/sh
# diffusers 0.42.1, DPMSolverMultistepScheduler: with Karras' noise levels and the cosine schedule a plain sampling loop
# begins with the second noise level, and ends in an IndexError.
#
# Seen: use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2", set_timesteps(6). The timesteps that belong to the first
# levels (20291, 5215, 965) are all cut to 998. step() looks the first one up by its number, and index_for_timestep takes
# the second of several equal ones, which is meant for image-to-image. So the loop of every text-to-image pipeline, which
# does not call set_begin_index, skips the noisiest level and runs past the list at its last step.
# With set_begin_index(0) all levels are visited, as Quickstep's rows do.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where the packages cannot be installed. PYTHON: an interpreter that
# has them.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    python=$work/venv/bin/python
    "$python" -m pip install --quiet --disable-pip-version-check diffusers==0.42.1 torch || exit 77
fi
cat >"$work/run.py" <<'END'
import sys
import torch
from diffusers import DPMSolverMultistepScheduler

def draw(begin):
    scheduler = DPMSolverMultistepScheduler(use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2")
    scheduler.set_timesteps(6)
    print("timesteps", scheduler.timesteps.tolist(), "sigmas", [round(float(s), 2) for s in scheduler.sigmas])
    if begin:
        scheduler.set_begin_index(0)
    x = torch.ones(1)
    for t in scheduler.timesteps:
        x = scheduler.step(torch.zeros(1), t, x).prev_sample

draw(True)
try:
    draw(False)
except IndexError as error:
    print("without set_begin_index(0):", error)
    sys.exit(0)
sys.exit(1)
END
"$python" "$work/run.py"
