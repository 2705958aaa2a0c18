"""Pictures drawn from pictures, with and without a mask, for tests/model/test_edits.c.

    .venv-train/bin/python tools/golden/edits.py [NAME ...]      writes tests/golden/edits/NAME.safetensors

NAME is a folder of tests/golden/networks (pixels), latents (an autoencoder), or readers (words), which must be there. A file has

    init [h, w, 4], mask [h, w] of bytes     the picture to begin from; where the mask is 255 it is drawn anew, elsewhere 0
    edit.SCHEDULER,SAMPLER,STRENGTH,MASKED,STEPS [2, c, h, w] in [-1, 1]      what comes of it, picture i with noise from
                                                                              torch.Generator().manual_seed(i);
                                                                              MASKED 2: colouring, of init's luminance

Readers: StableDiffusionImg2ImgPipeline and StableDiffusionInpaintPipeline themselves, with guidance. Networks of diffusers without
words: the same loop around UNet2DModel; of consistency models Song et al.'s algorithm 4. Our multistep models, their limit and
adjusted DDIM: tools/train/sample.py's steps, begun at the strength. Where the mask keeps, the finished picture has the pixels of init.
"""

import inspect
import json
import math
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, UNet2DModel
from diffusers.utils.torch_utils import randn_tensor
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
GOLDEN, FOLDER = ROOT / "tests/golden", ROOT / "tests/golden/edits"
sys.path.insert(0, str(ROOT / "tools/train"))
import export
import sample
from readers import NEGATIVE, PROMPTS

BATCH, GUIDANCE = 2, 4.0
# the orthogonal matrix of its colorization, whose first column is along the luminance's weights
LUMA = torch.linalg.qr(torch.tensor([[0.2989, 1, 0], [0.5870, 0, 1], [0.1140, 0, 0]], dtype=torch.float64)).Q
COLOUR = 2  # in the place of masked
COLOURING = [(1.0, COLOUR, 2), (1.0, COLOUR, 5), (0.6, COLOUR, 4)]
CASES = [(0.6, False, 4), (0.6, True, 4), (1.0, False, 2), (1.0, True, 2), (0.35, True, 7)]  # strength, masked, steps
SAMPLERS = {"DDPMScheduler": "ddpm", "DDIMScheduler": "ddim", "LCMScheduler": "lcm", "TCDScheduler": "tcd",
            "EulerDiscreteScheduler": "euler", "EulerAncestralDiscreteScheduler": "euler_ancestral",
            "DPMSolverMultistepScheduler": "dpmsolver", "CMStochasticIterativeScheduler": "consistency"}


def draw_init(height, width, channels):
    """Soft colours with an edge, and where there is alpha some that is clear: bytes [h, w, 4]."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (9 + 4 * c) + y * (13 - 3 * c)) % 190 + 60 * (x > y) for c in range(3)]
    alpha = np.where(x + y < 6, 0, np.clip(100 + 12 * y, 0, 255)) if channels == 4 else np.full_like(x, 255)
    colours = [planes[0]] * 3 if channels == 1 else planes
    return np.stack([*colours, alpha], -1).clip(0, 255).astype(np.uint8)


def draw_mask(height, width, factor):
    """A block of the middle, of whole numbers of a latent."""
    mask = np.zeros((height // factor, width // factor), np.uint8)
    mask[height // factor // 4 : -1, 1 : 1 + width // factor // 2] = 255
    return mask.repeat(factor, 0).repeat(factor, 1)


class Edit:
    """A picture of a model, as it and as its latent."""

    def __init__(self, size, channels, vae, premultiplied=False):
        self.vae, self.factor = vae, 1 if vae is None else 2 ** (len(vae.config.block_out_channels) - 1)
        h, w = (side * self.factor for side in size)
        self.init, self.mask = draw_init(h, w, channels), draw_mask(h, w, self.factor)
        x = torch.from_numpy(self.init).float().movedim(-1, 0) / 255
        if premultiplied:
            x[:3] *= x[3]
        self.picture = (2 * x - 1)[None, :channels]
        self.keep = torch.from_numpy(self.mask == 0).float()[None, None]
        self.keep_latent = self.keep[..., :: self.factor, :: self.factor]
        self.latent = self.picture if vae is None else self.encode()

    def encode(self):
        read = self.vae.encode(self.picture)
        latent = read.latents if hasattr(read, "latents") else read.latent_dist.mode()
        return (latent - (self.vae.config.shift_factor or 0)) * self.vae.config.scaling_factor

    def set_back(self, x, known, masked):
        """Song et al.'s A^-1[(A known) (1 - Omega) + (A x) Omega] for inpainting or colorization."""
        if not masked:
            return x
        if masked == COLOUR:
            x, known = (torch.einsum("nchw,ck->nkhw", v.double(), LUMA) for v in (x, known.expand_as(x)))
            return torch.einsum("nkhw,ck->nchw", torch.cat([known[:, :1], x[:, 1:]], 1), LUMA).float()
        return self.keep * known + (1 - self.keep) * x

    def finish(self, x, masked):
        scale = self.vae and self.vae.config
        x = x if scale is None else self.vae.decode(x / scale.scaling_factor + (scale.shift_factor or 0)).sample
        return self.paste(x, masked).clamp(-1, 1)

    def paste(self, x, masked):
        return self.set_back(x, self.picture, masked)

    def file(self, name, pictures):
        tensors = {"init": torch.from_numpy(self.init), "mask": torch.from_numpy(self.mask)} | pictures
        save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / f"{name}.safetensors")


def noise_of(latent):
    generators = [torch.Generator().manual_seed(i) for i in range(BATCH)]
    return generators, randn_tensor((BATCH, *latent.shape[1:]), generators)


# ---- our multistep models ------------------------------------------------------------------------


def steps_from(net, edit, sampler, strength, masked, steps, labels, clip):
    k, schedule = edit.latent, net.schedule
    _, noise = noise_of(k)
    at = lambda t: schedule.add_noise(k.expand_as(noise), noise, torch.tensor([t], dtype=torch.float64))[0]
    left = math.ceil(strength * steps - 1e-9)
    z = noise if masked and strength == 1 else at(strength)
    for i in range(left):
        t, s = strength if i == 0 else (left - i) / steps, (left - i - 1) / steps
        t, s = (torch.tensor([v], dtype=torch.float64) for v in (t, s))
        x = sample.answer(net, z, t, t - s if sampler == "multistep" else 0 * t, labels, clip)
        last = i + 1 == left
        if last:
            z = x.clamp(-1, 1)
        elif sampler == "addim":
            z = schedule.addim(x, z, schedule.x_variance(t), t, s)
        else:
            z = schedule.ddim(x, z, t, s)
        if masked:
            z = edit.keep_latent * (k if last else at(s.item())) + (1 - edit.keep_latent) * z
    return edit.finish(z, masked)


def latents(name):
    folder = GOLDEN / "latents" / name
    index = folder / "model_index.json"
    premultiplied = index.exists() and json.loads(index.read_text()).get("image_alpha") == "premultiplied"
    net, settings = export.load(folder)
    kind = json.loads((folder / "vae/config.json").read_text())["_class_name"]
    vae = getattr(diffusers, kind).from_pretrained(folder / "vae", torch_dtype=torch.float32).eval()
    size = net.config.sample_size
    edit = Edit(size if isinstance(size, list) else [size] * 2, vae.config.in_channels, vae, premultiplied)
    return edit, {f"edit.own,{sampler},{strength:g},{masked:d},{steps}":
                  steps_from(net, edit, sampler, strength, masked, steps, torch.tensor([1, 1]), settings["clip_sample"])
                  for strength, masked, steps in CASES for sampler in ("multistep", "ddim", "addim")}


# ---- networks of diffusers that draw pixels --------------------------------------------------------


def algorithm_4(net, scheduler, edit, strength, masked, steps, labels):
    """Of consistency models, which diffusers has no such pipeline for: what is known is set back, and gets the same noise."""
    generators, noise = noise_of(edit.latent)
    scheduler.set_timesteps(steps)
    sigmas, timesteps, config = scheduler.sigmas, scheduler.timesteps, scheduler.config
    first = steps - int(steps * strength)
    x = sigmas[first] * noise if masked and strength == 1 else edit.latent + sigmas[first] * noise
    for i in range(first, steps):
        scheduler._step_index = i
        output = net(scheduler.scale_model_input(x, timesteps[i]), timesteps[i], labels).sample
        c_skip, c_out = scheduler.get_scalings_for_boundary_condition(sigmas[i])
        x = c_out * output + c_skip * x
        x = x.clamp(-1, 1) if config.clip_denoised else x
        x = edit.set_back(x, edit.latent, masked)
        if i + 1 < steps:
            up = (sigmas[i + 1] ** 2 - config.sigma_min**2).clamp(min=0).sqrt()
            x = x + up * randn_tensor(x.shape, generators) * config.s_noise
    return edit.finish(x, masked)


def diffusion(net, scheduler, edit, strength, masked, steps):
    """StableDiffusionInpaintPipeline's loop, or without a mask StableDiffusionImg2ImgPipeline's."""
    generators, noise = noise_of(edit.latent)
    scheduler.set_timesteps(steps)
    first = max(steps - min(int(steps * strength), steps), 0)
    timesteps = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    known = edit.latent.expand_as(noise)
    anew = masked and strength == 1
    x = noise * scheduler.init_noise_sigma if anew else scheduler.add_noise(known, noise, timesteps[:1])
    options = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    options |= {"eta": 0.0} if "eta" in inspect.signature(scheduler.step).parameters else {}
    for i, t in enumerate(timesteps):
        output = net(scheduler.scale_model_input(x, t), t).sample
        x = scheduler.step(output, t, x, **options).prev_sample
        if masked:
            proper = scheduler.add_noise(known, noise, timesteps[i + 1 : i + 2]) if i + 1 < len(timesteps) else known
            x = edit.set_back(x, proper, masked)
    return edit.finish(x, masked)


def networks(name):
    folder = GOLDEN / "networks" / name
    weights = {"variant": "fp16"} if list((folder / "unet").glob("*.fp16.*")) else {}
    net = UNet2DModel.from_pretrained(folder / "unet", torch_dtype=torch.float32, **weights).eval()
    edit = Edit([net.config.sample_size] * 2, net.config.in_channels, None)
    configs = {"own": folder / "scheduler/scheduler_config.json"} | {p.stem: p for p in sorted((folder / "schedulers").glob("*.json"))}
    labels = torch.tensor([net.config.num_class_embeds - 1, 0]) if net.config.num_class_embeds else None
    out = {}
    for own, path in configs.items():
        config = json.loads(path.read_text())
        kind = config["_class_name"]
        for strength, masked, steps in CASES + COLOURING * (net.config.in_channels == 3):
            scheduler = getattr(diffusers, kind).from_config(config)
            key = f"edit.{own},{SAMPLERS[kind]},{strength:g},{masked:d},{steps}"
            if kind == "CMStochasticIterativeScheduler":
                out[key] = algorithm_4(net, scheduler, edit, strength, masked, steps, labels)
            else:
                out[key] = diffusion(net, scheduler, edit, strength, masked, steps)
    return edit, out


# ---- networks that read ----------------------------------------------------------------------------


def readers(name):
    folder = GOLDEN / "readers" / name
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    fill = StableDiffusionInpaintPipeline(**pipe.components, requires_safety_checker=False)
    size = pipe.unet.config.sample_size
    edit = Edit(size if isinstance(size, (list, tuple)) else [size] * 2, 3, pipe.vae)
    h, w = edit.mask.shape
    out = {}
    for strength, masked, steps in CASES:
        generators = [torch.Generator().manual_seed(i) for i in range(BATCH)]
        arguments = dict(prompt=PROMPTS, negative_prompt=[NEGATIVE] * BATCH, guidance_scale=GUIDANCE, strength=strength,
                         num_inference_steps=steps, generator=generators, output_type="pt",
                         image=((edit.picture + 1) / 2).expand(BATCH, -1, -1, -1))
        if masked:
            arguments |= dict(mask_image=(1 - edit.keep).expand(BATCH, -1, -1, -1), height=h, width=w)
        run = fill if masked else pipe
        run.set_progress_bar_config(disable=True)
        images = 2 * run(**arguments).images - 1
        out[f"edit.own,ddim,{strength:g},{masked:d},{steps}"] = edit.paste(images, masked)
    return edit, out


NAMES = {"ddpm": networks, "openai_imagenet": networks, "rgb": latents, "rgba": latents, "kl": latents, "grey": latents,
         "sd1": readers, "sd2": readers}


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    FOLDER.mkdir(exist_ok=True)
    if unknown := set(sys.argv[1:]) - set(NAMES):
        sys.exit(f"none of {', '.join(NAMES)}: {', '.join(unknown)}")
    for name in sys.argv[1:] or NAMES:
        with torch.no_grad():
            edit, pictures = NAMES[name](name)
        edit.file(name, pictures)
        print(f"{name:16} {len(pictures)} pictures of {list(edit.init.shape[:2])}")


if __name__ == "__main__":
    main()
