"""Small networks with seeded random weights and what diffusers computes with them, for tests/model/test_golden.c.

    tools/train/setup.sh
    .venv-train/bin/python tools/make_golden.py [NAME ...]

Writes tests/golden/networks/NAME/: a folder as the pipeline's save_pretrained leaves it, so that its JSON and its file names
are diffusers' own, schedulers/SCHEDULER.json in the same spirit, and golden.safetensors:

    sample [2, c, h, w], timestep [2], class_labels [2] (if the network has classes), output [2, c, h, w]
    node.NAME [1, c, h, w]     picture 0's activation of the engine's node NAME
    pictures.SCHEDULER,SAMPLER,ETA,STEPS [2, c, h, w]     whole pictures in [-1, 1] by diffusers' pipeline of SAMPLER, or as its
                               text-to-image pipelines draw, picture i from torch.Generator().manual_seed(i); SCHEDULER is
                               "own" or one of schedulers/
    mixed.SCHEDULER,SAMPLER,ETA,STEPS [2, c, h, w]     the same with MIX of the other picture's class_embedding in each

Output and nodes run in double on the file's weights, from the float32 sinusoids that diffusers makes (or projections, whose
angles are in the hundreds): what float32 should come to. Pictures run in float32, as the random numbers are those of a dtype. A network is an entry of golden/networks.py.
Without names, tests/golden/autoencoders is made, too (golden/autoencoders.py).
Needs tools/train's environment and nothing else; running it twice gives the same bytes.
"""

import argparse
import inspect
import itertools
import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import ConsistencyModelPipeline, DDIMPipeline, DDPMPipeline, TCDScheduler, UNet2DModel
from diffusers.utils.torch_utils import randn_tensor
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from autoencoders import ALL as AUTOENCODERS
from autoencoders import make as make_autoencoder
from networks import NETWORKS, Network
from nodes import hook_nodes
from weights import old_name, randomise

FOLDER = Path(__file__).resolve().parent.parent / "tests/golden/networks"
BATCH = 2
MIX = 0.25
TWO_POINTS = [22, 0]  # of openai/diffusers-cd_imagenet64_l2
PIPELINES = {
    "CMStochasticIterativeScheduler": ("consistency", ConsistencyModelPipeline),
    "DDPMScheduler": ("ddpm", DDPMPipeline),
    "DDIMScheduler": ("ddim", DDIMPipeline),
}
LOOPS = {  # whose pipelines all have a text encoder
    "LCMScheduler": "lcm",
    "TCDScheduler": "tcd",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_ancestral",
    "DPMSolverMultistepScheduler": "dpmsolver",
}


def make_scheduler(scheduler):
    return getattr(diffusers, scheduler.name)(**scheduler.options)


def make_pipeline(net, scheduler):
    return PIPELINES[scheduler.name][1](net, make_scheduler(scheduler))


def flatten(folder):
    """unet/ and scheduler/ into the folder itself, under the tensor names of their time."""
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = {old_name(name): value for name, value in load_file(weights).items()}
    save_file(tensors, folder / weights.name, metadata={"format": "pt"})
    weights.unlink()
    for inner in ("unet", "scheduler"):
        for file in (folder / inner).iterdir():
            file.rename(folder / file.name)
        (folder / inner).rmdir()


def save(net, folder, network):
    """The folder, in the network's dtype and layout; the network is left with exactly those weights."""
    pipe = make_pipeline(net, network.scheduler).to(network.dtype)
    size = {} if network.max_shard_size is None else {"max_shard_size": network.max_shard_size}
    pipe.save_pretrained(folder, variant=network.variant, **size)
    if network.sparse:
        drop_defaults(folder / "unet/config.json")
    if network.flat:
        flatten(folder)
    for name, scheduler in network.schedulers.items():
        (folder / "schedulers").mkdir(exist_ok=True)
        (folder / f"schedulers/{name}.json").write_text(make_scheduler(scheduler).to_json_string())


def drop_defaults(path):
    defaults = {k: p.default for k, p in inspect.signature(UNet2DModel.__init__).parameters.items()}
    config = json.loads(path.read_text())
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    kept = {k: v for k, v in config.items() if k.startswith("_") or plain[k] != defaults[k]}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def labels_of(config, timestep):
    """Two labels as the network takes them, or None: rows of a table, what is embedded as times are, or numbers."""
    if config.class_embed_type == "timestep":
        return torch.tensor([17, 2], dtype=timestep.dtype)
    if config.class_embed_type == "identity":
        return torch.tensor([[3.0], [1.0]])
    return None if config.num_class_embeds is None else torch.tensor([config.num_class_embeds - 1, 0])


def forward(net, generator):
    """One call of the network on two pictures of different times and labels."""
    config = net.config
    size = config.sample_size if isinstance(config.sample_size, (list, tuple)) else (config.sample_size,) * 2
    out = {"sample": torch.randn(BATCH, config.in_channels, *size, generator=generator)}
    out["timestep"] = torch.tensor([437, 3] if config.time_embedding_type == "learned" else [437.5, 3.0])
    labels = labels_of(config, out["timestep"])
    if labels is not None:
        out["class_labels"] = labels.flatten()
    nodes = {}
    hooks = hook_nodes(net, nodes)
    if config.time_embedding_type == "fourier":
        net.time_proj.float()
    if config.class_embed_type == "timestep":  # diffusers leaves the projected labels float32
        hooks.append(net.class_embedding.register_forward_pre_hook(lambda module, inputs: inputs[0].double()))
    out["output"] = net(out["sample"].double(), out["timestep"], labels, return_dict=False)[0]
    for hook in hooks:
        hook.remove()
    return out | {f"node.{name}": value for name, value in nodes.items()}


def draw(pipe, steps, eta):
    """BATCH pictures in [-1, 1]."""
    pipe.set_progress_bar_config(disable=True)
    arguments = dict(generator=[torch.Generator().manual_seed(i) for i in range(BATCH)], num_inference_steps=steps)
    if isinstance(pipe, ConsistencyModelPipeline):
        classes = pipe.unet.config.num_class_embeds
        arguments["class_labels"] = None if classes is None else [classes - 1, 0]
        if steps == len(TWO_POINTS):
            arguments |= dict(num_inference_steps=None, timesteps=TWO_POINTS)
    if isinstance(pipe, DDIMPipeline):
        arguments["eta"] = eta
    return 2 * pipe(BATCH, output_type="pt", **arguments).images - 1


def draw_without_words(net, scheduler, steps, eta, labels=None):
    """BATCH pictures in [-1, 1], as StableDiffusionPipeline goes about it."""
    size = net.config.sample_size if isinstance(net.config.sample_size, (list, tuple)) else (net.config.sample_size,) * 2
    generators = [torch.Generator().manual_seed(i) for i in range(BATCH)]
    options = {"eta": eta} if isinstance(scheduler, TCDScheduler) else {}
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = generators
    scheduler.set_timesteps(steps)
    x = randn_tensor((BATCH, net.config.in_channels, *size), generators) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = net(scheduler.scale_model_input(x, t), t, labels).sample
        x = scheduler.step(output, t, x, **options).prev_sample
    return x.clamp(-1, 1)


def mixed_pictures(net, network):
    labels = labels_of(net.config, torch.tensor(0.0))
    hook = net.class_embedding.register_forward_hook(lambda module, inputs, output: torch.lerp(output, output.flip(0), MIX))
    out = {f"mixed.own,consistency,0,{steps}": draw_without_words(net, make_scheduler(network.scheduler), steps, 0, labels)
           for steps in network.mixed}
    hook.remove()
    return out


def pictures(net, network):
    """All of the network's, by name."""
    out = {}
    for name, scheduler in {"own": network.scheduler, **network.schedulers}.items():
        if scheduler.name in LOOPS:
            for steps, eta in itertools.product(network.steps, scheduler.etas or (0,)):
                picture = draw_without_words(net, make_scheduler(scheduler), steps, eta)
                out[f"pictures.{name},{LOOPS[scheduler.name]},{eta:g},{steps}"] = picture
            continue
        pipe = make_pipeline(net, scheduler)
        for steps in network.steps:
            if scheduler.name != "DDIMScheduler":
                out[f"pictures.{name},{PIPELINES[scheduler.name][0]},0,{steps}"] = draw(pipe, steps, 0)
            for eta in scheduler.etas:
                ddim = DDIMPipeline(net, pipe.scheduler)
                out[f"pictures.{name},ddim,{eta:g},{steps}"] = draw(ddim, steps, eta)
    return out


def make(name, network: Network):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(network.seed)
    net = UNet2DModel(**network.config).eval()
    randomise(net, generator)
    save(net, folder, network)
    with torch.no_grad():
        out = forward(net.to(torch.float64), generator) | pictures(net.to(torch.float32), network)
        if network.mixed:
            out |= mixed_pictures(net, network)
    out = {k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in out.items()}
    save_file(out, folder / "golden.safetensors", metadata={"torch": torch.__version__})
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{name:24} {parameters:8} parameters {size / 1000:6.0f} kB  output std {out['output'].std():.2f}")
    return size


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    total = sum(make(name, NETWORKS[name]) for name in args.names or NETWORKS)
    if not args.names:
        total += sum(make_autoencoder(name) for name in AUTOENCODERS)
    print(f"{total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
