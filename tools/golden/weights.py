"""Seeded random weights for a UNet2DModel, and the names that they had in old files."""

import torch
from diffusers.models.embeddings import GaussianFourierProjection

OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_name(name):
    """An attention tensor's name before diffusers 0.13, which the google/ddpm files still have."""
    for new, old in OLD_NAMES.items():
        name = name.replace(f".{new}.", f".{old}.")
    return name


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
        elif isinstance(module, GaussianFourierProjection):
            weight.data = 16 * normal
        elif isinstance(module, torch.nn.Embedding):
            weight.data = normal
        else:
            weight.data = normal * gain(name) / weight[0].numel() ** 0.5
        if getattr(module, "bias", None) is not None:
            module.bias.data = 0.3 * torch.randn(module.bias.shape, generator=generator)
