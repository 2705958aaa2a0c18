"""diffusers' schedulers step by step, and PyTorch's normals, for tests/unit/test_schedules.c and test_torch_rng.c.

    .venv-train/bin/python tools/golden/schedules.py

Writes tests/golden/schedules/steps.json, a list of

    {"scheduler": its config, "sampler": "ddim", "eta": 0.0, "timesteps": null or [22, 0], "steps": 5,
     "initial_scale": 14.6, "rows": [[step, timestep, input scale, noise drawn (0 or 1), x for each of INPUTS], ...]}

(initial scale: of the noise that sampling begins with, where it is not 1; x: what step() makes of a sample, a network output and noise; numbers in double around the scheduler's own float32
coefficients; null where that is NaN: DDIM with eta 1 from the noisiest timestep, where rounding leaves less than no
variance), and tests/golden/schedules/torch_rng.json, a list of

    {"seed": 5, "draws": [{"count": 17, "sum": 1.5, "first": [...], "last": [...]}, ...]}

(one torch.Generator().manual_seed(seed), torch.randn(count) after torch.randn(count)). Needs tools/train's environment;
running it twice gives the same bytes.
"""

import itertools
import json
import math
from pathlib import Path

import diffusers.schedulers.scheduling_consistency_models as consistency_module
import diffusers.schedulers.scheduling_ddim as ddim_module
import diffusers.schedulers.scheduling_ddpm as ddpm_module
import diffusers.schedulers.scheduling_euler_ancestral_discrete as euler_ancestral_module
import diffusers.schedulers.scheduling_lcm as lcm_module
import diffusers.schedulers.scheduling_tcd as tcd_module
import torch
from diffusers import (
    CMStochasticIterativeScheduler,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    TCDScheduler,
)

FOLDER = Path(__file__).resolve().parents[2] / "tests/golden/schedules"

# sample, network output, noise; the same numbers as in test_sampler.c. The first three show single coefficients.
INPUTS = [(0.001, 0, 0), (0, 0.001, 0), (0, 0, 1), (0.7, -0.4, 0), (-1.3, 0.9, 0.5), (5, -3, -1)]

drawn = 0


def column(i):
    return torch.tensor([[row[i]] for row in INPUTS], dtype=torch.float64)


def given_noise(*args, **kwargs):
    global drawn
    drawn = 1
    return column(2)


for module in (consistency_module, ddim_module, ddpm_module, euler_ancestral_module, lcm_module, tcd_module):
    module.randn_tensor = given_noise


def short(value):
    """Nine digits; None for what is not finite."""
    return float(f"{float(value):.9g}") if math.isfinite(value) else None


def walk(scheduler, config, sampler, eta, steps, timesteps=None, every=1):
    global drawn
    if timesteps:
        scheduler.set_timesteps(timesteps=timesteps)
    else:
        scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == steps
    if sampler == "dpmsolver":  # which otherwise begins with the second step where the first two have one rounded timestep
        scheduler.set_begin_index(0)
    options = {"eta": eta} if sampler in ("ddim", "tcd") else {}
    initial = {} if float(scheduler.init_noise_sigma) == 1 else {"initial_scale": short(scheduler.init_noise_sigma)}
    rows = []
    for step, t in enumerate(scheduler.timesteps):
        drawn = 0
        scale = scheduler.scale_model_input(torch.ones((), dtype=torch.float64), t)
        after = scheduler.step(column(1), t, column(0), **options).prev_sample.flatten()
        if step % every == 0 or step >= steps - 2:
            rows.append([step, short(t), short(scale), drawn] + [short(v) for v in after])
    return dict(scheduler=config, sampler=sampler, eta=eta, timesteps=timesteps, steps=steps, **initial, rows=rows)


def config_of(scheduler):
    return json.loads(scheduler.to_json_string(), parse_constant=str)  # "-Infinity", as file_read_json has it


def diffusion_cases(counts, etas=(0.0, 1.0), every=1, **options):
    """Both samplers on both classes' configs, as diffusers' pipelines convert them."""
    ddim_options = {key: value for key, value in options.items() if key != "variance_type"}
    ddpm_options = {key: value for key, value in options.items() if key != "set_alpha_to_one"}
    configs = [config_of(DDIMScheduler(**ddim_options)), config_of(DDPMScheduler(**ddpm_options))]
    for steps in counts:
        for eta in etas:
            yield walk(DDIMScheduler(**ddim_options), configs[0], "ddim", eta, steps, every=every)
        yield walk(DDPMScheduler(**ddpm_options), configs[1], "ddpm", 0.0, steps, every=every)
    yield walk(DDIMScheduler.from_config(configs[1]), configs[1], "ddim", 0.3, counts[-1], every=every)
    yield walk(DDPMScheduler.from_config(configs[0]), configs[0], "ddpm", 0.0, counts[-1], every=every)


def all_diffusion_cases():
    schedules = [
        dict(beta_schedule="linear"),
        dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        dict(beta_schedule="squaredcos_cap_v2"),
    ]
    spacings = [dict(timestep_spacing=spacing) for spacing in ("leading", "trailing", "linspace")]
    predictions = [dict(prediction_type=kind) for kind in ("epsilon", "v_prediction", "sample")]
    for schedule, spacing, prediction in itertools.product(schedules, spacings, predictions):
        yield from diffusion_cases([1, 2, 5], **schedule, **spacing, **prediction)
    for schedule, spacing in itertools.product(schedules, spacings):
        yield from diffusion_cases([7, 50], every=7, **schedule, **spacing)
        yield from diffusion_cases([1000], every=97, **schedule, **spacing)
    for variance in ("fixed_small", "fixed_small_log", "fixed_large"):
        yield from diffusion_cases([2, 10], variance_type=variance)
        yield from diffusion_cases([3], variance_type=variance, steps_offset=1)
    yield from diffusion_cases([1, 4], clip_sample=False)
    yield from diffusion_cases([1, 4], clip_sample_range=1.7)
    yield from diffusion_cases([1, 4], set_alpha_to_one=False, steps_offset=3)
    yield from diffusion_cases([4], set_alpha_to_one=False, timestep_spacing="trailing")
    for prediction, spacing in itertools.product(predictions[1:], spacings):
        yield from diffusion_cases([2, 6], etas=(0.0, 0.5, 1.0), rescale_betas_zero_snr=True, **prediction, **spacing)
    yield from diffusion_cases([1, 4, 20], num_train_timesteps=20, trained_betas=[0.01 + 0.013 * i for i in range(20)])
    for timesteps in (37, 4000):
        yield from diffusion_cases([3, 36], every=5, num_train_timesteps=timesteps)


def consistency_cases():
    for points in (40, 151, 201):
        config = config_of(CMStochasticIterativeScheduler(num_train_timesteps=points))
        for steps in (1, 2, 3, 4, 7, points):
            scheduler = CMStochasticIterativeScheduler(num_train_timesteps=points)
            yield walk(scheduler, config, "consistency", 0.0, steps, every=1 if steps < points else 9)
    for points, timesteps in ((40, [22, 0]), (40, [17, 0]), (201, [106, 0]), (151, [67, 0]), (40, [30, 11, 5]), (40, [7])):
        scheduler = CMStochasticIterativeScheduler(num_train_timesteps=points)
        yield walk(scheduler, config_of(scheduler), "consistency", 0.0, len(timesteps), timesteps)
    options = dict(num_train_timesteps=18, sigma_min=0.01, sigma_max=50.0, sigma_data=0.7, s_noise=1.01, rho=5.0, clip_denoised=False)
    for steps in (1, 2, 5):
        scheduler = CMStochasticIterativeScheduler(**options)
        yield walk(scheduler, config_of(scheduler), "consistency", 0.0, steps)


STABLE_DIFFUSION = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
SPACINGS = [dict(timestep_spacing=spacing) for spacing in ("leading", "trailing", "linspace")]
PREDICTIONS = [dict(prediction_type=kind) for kind in ("epsilon", "v_prediction", "sample")]


def walks(kind, sampler, counts, eta=0.0, timesteps=None, every=1, **options):
    """The first with the whole config, the others with what is no default, as files of old have it."""
    for i, steps in enumerate(counts):
        scheduler = kind(**options)
        config = {"_class_name": kind.__name__, **options} if i else config_of(scheduler)
        yield walk(scheduler, config, sampler, eta, steps, timesteps, every)


def distilled_cases():
    """LCM and TCD."""
    every_count = range(1, 51)
    yield from walks(LCMScheduler, "lcm", every_count, every=11)
    for eta in (0.0, 0.3, 1.0):
        yield from walks(TCDScheduler, "tcd", every_count, eta, every=11)
    for kind, sampler, etas in ((LCMScheduler, "lcm", (0.0,)), (TCDScheduler, "tcd", (0.0, 0.3, 0.77, 1.0))):
        for prediction, eta in itertools.product(PREDICTIONS, etas):
            yield from walks(kind, sampler, (1, 2, 4, 7), eta, **prediction)
        for eta in etas:
            yield from walks(kind, sampler, (1, 3, 8, 100), eta, every=9, original_inference_steps=100)
            yield from walks(kind, sampler, (2, 5), eta, original_inference_steps=7, num_train_timesteps=500)
            yield from walks(kind, sampler, (4,), eta, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
            yield from walks(kind, sampler, (4,), eta, rescale_betas_zero_snr=True, prediction_type="v_prediction")
            for timesteps in ([799], [999, 499], [999, 759, 499, 259], [624, 0]):
                yield from walks(kind, sampler, (len(timesteps),), eta, timesteps)
        # arguments that it has and does not use
        yield from walks(kind, sampler, (3,), etas[-1], timestep_spacing="trailing", steps_offset=1, set_alpha_to_one=False)
    yield from walks(LCMScheduler, "lcm", (1, 4), timestep_scaling=0.001)
    yield from walks(LCMScheduler, "lcm", (1, 4), clip_sample=True, clip_sample_range=0.9)
    # 0.84 of 600 and 300: whole timesteps, though 0.16 is no float32
    yield from walks(TCDScheduler, "tcd", (3,), 0.16, [999, 600, 300])
    yield from walks(TCDScheduler, "tcd", (4,), 0.3, clip_sample=True, thresholding=True)


def euler_cases():
    for kind, sampler in ((EulerDiscreteScheduler, "euler"), (EulerAncestralDiscreteScheduler, "euler_ancestral")):
        predictions = PREDICTIONS[:2] if kind is EulerAncestralDiscreteScheduler else PREDICTIONS
        for spacing, prediction in itertools.product(SPACINGS, predictions):
            yield from walks(kind, sampler, (1, 2, 4, 7), **STABLE_DIFFUSION, **spacing, **prediction)
            yield from walks(kind, sampler, (3,), rescale_betas_zero_snr=True, **STABLE_DIFFUSION, **spacing, **prediction)
        for spacing in SPACINGS:
            yield from walks(kind, sampler, range(1, 51), every=13, steps_offset=1, **STABLE_DIFFUSION, **spacing)
            yield from walks(kind, sampler, (5,), **spacing)
            yield from walks(kind, sampler, (5,), beta_schedule="squaredcos_cap_v2", **spacing)
        yield from walks(kind, sampler, (1000,), every=97, **STABLE_DIFFUSION)
        yield from walks(kind, sampler, (3, 20), every=5, num_train_timesteps=20, trained_betas=[0.01 + 0.013 * i for i in range(20)])
    for spacing, prediction in itertools.product(SPACINGS, PREDICTIONS):
        options = dict(use_karras_sigmas=True, **STABLE_DIFFUSION, **spacing, **prediction)
        yield from walks(EulerDiscreteScheduler, "euler", (1, 2, 10), every=3, **options)
    yield from walks(EulerDiscreteScheduler, "euler", range(1, 51), every=13, use_karras_sigmas=True, **STABLE_DIFFUSION)
    yield from walks(EulerDiscreteScheduler, "euler", (1, 6), final_sigmas_type="sigma_min", **STABLE_DIFFUSION)
    # Stable Video Diffusion's
    yield from walks(EulerDiscreteScheduler, "euler", (1, 4, 25), every=6, timestep_type="continuous", sigma_min=0.002, sigma_max=700.0,
                     use_karras_sigmas=True, timestep_spacing="leading", steps_offset=1, prediction_type="v_prediction",
                     **STABLE_DIFFUSION)
    yield from walks(EulerDiscreteScheduler, "euler", (3,), timestep_type="continuous")  # as discrete, unless v is predicted


def solver_cases():
    """DPM-Solver++."""

    def solver(counts, every=1, **options):
        return walks(DPMSolverMultistepScheduler, "dpmsolver", counts, every=every, **options)

    for spacing, prediction in itertools.product(SPACINGS, PREDICTIONS):
        yield from solver((1, 2, 3, 8), **STABLE_DIFFUSION, **spacing, **prediction)
        yield from solver((4,), rescale_betas_zero_snr=True, **STABLE_DIFFUSION, **spacing, **prediction)
    for spacing in SPACINGS:
        yield from solver(range(1, 51), every=13, steps_offset=1, **STABLE_DIFFUSION, **spacing)
        yield from solver((1, 2, 7, 20), every=3, use_karras_sigmas=True, **STABLE_DIFFUSION, **spacing)
        yield from solver((5,), **spacing)
        yield from solver((5,), beta_schedule="squaredcos_cap_v2", **spacing)
    yield from solver(range(1, 51), every=13, use_karras_sigmas=True, **STABLE_DIFFUSION)
    yield from solver((6,), use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2")
    yield from solver((2, 9), solver_order=1, **STABLE_DIFFUSION)
    ends = (dict(), dict(euler_at_final=True), dict(lower_order_final=False))
    for end, last in itertools.product(ends, ("zero", "sigma_min")):
        yield from solver((14, 15, 16), every=5, final_sigmas_type=last, **end, **STABLE_DIFFUSION)
    yield from solver((999,), every=97, **STABLE_DIFFUSION)
    yield from solver((3,), solver_type="bh2", **STABLE_DIFFUSION)  # UniPC's, taken for midpoint
    yield from solver((3,), lambda_min_clipped=-5.1, **STABLE_DIFFUSION)
    yield from solver((3, 19), every=5, num_train_timesteps=20, trained_betas=[0.01 + 0.013 * i for i in range(20)])
    # an Euler scheduler's config, whose sigma_min and sigma_max are found there
    euler = dict(EulerDiscreteScheduler(use_karras_sigmas=True, sigma_min=0.05, sigma_max=12.0, **STABLE_DIFFUSION).config)
    yield walk(DPMSolverMultistepScheduler.from_config(euler), config_of(DPMSolverMultistepScheduler.from_config(euler)),
               "dpmsolver", 0.0, 6)


def draws(seed, counts):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for count in counts:
        values = torch.randn(count, generator=generator)
        kept = 32 if count > 100 else count
        first, last = values[: kept // 2], values[count - (kept - kept // 2) :]
        total = short(values.double().sum())
        result.append(dict(count=count, sum=total, first=[short(v) for v in first], last=[short(v) for v in last]))
    return dict(seed=seed, draws=result)


def write(name, entries):
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    (FOLDER / name).write_text(f"[\n{text}\n]\n")


def main():
    torch.set_num_threads(1)
    write("steps.json", [*all_diffusion_cases(), *consistency_cases(), *distilled_cases(), *euler_cases(), *solver_cases()])
    write(
        "torch_rng.json",
        [
            draws(5, range(1, 101)),
            draws(0, [12288, 12288, 3, 12288, 5, 1]),
            draws(2**32 + 7, [15, 16, 17, 31, 33, 47, 196608]),
            draws(2**63 - 1, [7, 7, 100003, 12289, 12303, 1]),
        ],
    )


if __name__ == "__main__":
    main()
