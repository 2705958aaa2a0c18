"""Small networks with seeded random weights and what diffusers computes with them, for tests/model/test_golden.c.

    tools/train/setup.sh
    .venv-train/bin/python tools/make_golden.py [NAME ...]

Writes tests/golden/networks/NAME/: a folder as ConsistencyModelPipeline.save_pretrained leaves it, so that its JSON and its
file names are diffusers' own, and golden.safetensors:

    sample [2, c, h, w], timestep [2], class_labels [2] int64 (if the network has classes), output [2, c, h, w]
    node.NAME [1, c, h, w]     picture 0's activation of the engine's node NAME
    noise, pictures.N          latents for ConsistencyModelPipeline, and its pictures of N steps in [-1, 1]

The network runs in double on the file's weights, from the float32 sinusoids that diffusers makes: what float32 should
come to. A network is an entry of golden/networks.py. Needs tools/train's environment and nothing else; running it twice
gives the same bytes.
"""

import argparse
import inspect
import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import CMStochasticIterativeScheduler, ConsistencyModelPipeline, UNet2DModel
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from networks import NETWORKS, Network

FOLDER = Path(__file__).resolve().parent.parent / "tests/golden/networks"
BATCH = 2


def gain(name):
    """What a Linear or Conv2d multiplies its inputs' deviation by: logits and embeddings must matter."""
    if name.endswith(("to_q", "to_k")):
        return 1.5
    return 2.0 if "time_emb" in name else 1.0


def randomise(net, generator):
    """Outputs near 1, and no bias, gamma or beta that could be forgotten unnoticed."""
    for name, module in net.named_modules():
        if not hasattr(module, "weight"):
            continue
        weight = module.weight
        normal = torch.randn(weight.shape, generator=generator)
        if isinstance(module, torch.nn.GroupNorm):
            weight.data = 1 + 0.3 * normal
        elif isinstance(module, torch.nn.Embedding):
            weight.data = normal
        else:
            weight.data = normal * gain(name) / weight[0].numel() ** 0.5
        if getattr(module, "bias", None) is not None:
            module.bias.data = 0.3 * torch.randn(module.bias.shape, generator=generator)


def save(pipe, folder, network):
    """The folder, in the network's dtype and layout; the pipeline is left in double with exactly those weights."""
    pipe.to(network.dtype)
    size = {} if network.max_shard_size is None else {"max_shard_size": network.max_shard_size}
    pipe.save_pretrained(folder, variant=network.variant, **size)
    pipe.to(torch.float64)


def drop_defaults(path):
    defaults = {k: p.default for k, p in inspect.signature(UNet2DModel.__init__).parameters.items()}
    config = json.loads(path.read_text())
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    kept = {k: v for k, v in config.items() if k.startswith("_") or plain[k] != defaults[k]}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def node_of(name, module):
    """The engine's node whose output is this module's, or None."""
    last = name.split(".")[-2:]
    if name in ("conv_in", "conv_out", "conv_norm_out"):
        return None if name == "conv_norm_out" else name
    if name == "time_embedding":
        return "time_embedding.linear_2"
    if len(last) == 2 and last[1].isdigit():
        if last[0] == "attentions":
            return f"{name}.to_out.0"
        if last[0] in ("resnets", "downsamplers", "upsamplers"):
            return f"{name}.conv2" if hasattr(module, "conv2") else f"{name}.conv"
    return None


def hook_nodes(net, nodes):
    """nodes: receives picture 0's activations in the order of execution."""
    hooks = []
    for name, module in net.named_modules():
        node = node_of(name, module)
        if node:

            def keep(module, inputs, output, node=node):
                nodes[f"node.{node}"] = output[:1].reshape(1, output.shape[1], *(output.shape[2:] or (1, 1)))

            hooks.append(module.register_forward_hook(keep))
    return hooks


def forward(net, generator):
    """One call of the network on two pictures of different times and labels."""
    config = net.config
    size = config.sample_size if isinstance(config.sample_size, (list, tuple)) else (config.sample_size,) * 2
    out = {"sample": torch.randn(BATCH, config.in_channels, *size, generator=generator)}
    out["timestep"] = torch.tensor([437.5, 3.0])
    labels = None
    if config.num_class_embeds is not None:
        labels = out["class_labels"] = torch.tensor([config.num_class_embeds - 1, 0])
    nodes = {}
    hooks = hook_nodes(net, nodes)
    out["output"] = net(out["sample"].double(), out["timestep"], labels, return_dict=False)[0]
    for hook in hooks:
        hook.remove()
    return out | nodes


def pictures(pipe, steps, generator):
    """Whole pictures by diffusers' pipeline. With s_noise 0 they need no noise but the first."""
    config = pipe.unet.config
    out = {"noise": torch.randn(BATCH, config.in_channels, config.sample_size, config.sample_size, generator=generator)}
    labels = None if config.num_class_embeds is None else [config.num_class_embeds - 1, 0]
    pipe.set_progress_bar_config(disable=True)
    for n in steps:
        points = [22, 0] if n == 2 else None  # the published two-step points
        images = pipe(BATCH, labels, None if points else n, points, latents=out["noise"], output_type="pt").images
        out[f"pictures.{n}"] = 2 * images - 1
    return out


def make(name, network: Network):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(network.seed)
    net = UNet2DModel(**network.config).eval()
    randomise(net, generator)
    pipe = ConsistencyModelPipeline(net, CMStochasticIterativeScheduler(**network.scheduler))
    save(pipe, folder, network)
    if network.sparse:
        drop_defaults(folder / "unet/config.json")
    with torch.no_grad():
        out = forward(net, generator)
        if network.steps:
            out |= pictures(pipe, network.steps, generator)
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
    print(f"{total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
