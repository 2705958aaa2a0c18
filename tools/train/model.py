"""The sprite network: diffusers' UNet2DModel plus one extra scalar input, the segment.

Shapes: pictures [n, 4, 32, 32] float, premultiplied RGBA in [-1, 1]; timestep and segment [n] float in
[0, 1000]; labels [n] int64; output v [n, 4, 32, 32].

The segment embedding (method 5.4: one network for every step count must be told where the segment starts):
    temb = time_embedding(PE(timestep)) + class_embedding[label] + segment_embedding(PE(segment) - PE(0))
PE is the sinusoidal function of the timestep. The segment's linears have no bias and the second starts at
zero, so segment = 0 is exactly the diffusion model, before training and after.
"""

import torch
from diffusers import UNet2DModel
from torch import nn

CONFIG = dict(
    sample_size=32,
    in_channels=4,
    out_channels=4,
    block_out_channels=(32, 32, 64, 128),
    down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    layers_per_block=1,
    attention_head_dim=32,
    norm_num_groups=8,
    time_embedding_type="positional",
    flip_sin_to_cos=True,
    freq_shift=0,
    resnet_time_scale_shift="scale_shift",
    act_fn="silu",
)


class PlainAttention:
    """Attention processor for training on a processor: float32 products; at 64 pixels a seventh faster overall than
    the fused kernel or bfloat16. The same mathematics as diffusers' own (the mid block's attention has no norm)."""

    def __call__(self, attn, x, temb=None, **_):
        n, c, h, w = x.shape
        tokens = x.reshape(n, c, h * w)
        tokens = (attn.group_norm(tokens) if attn.group_norm is not None else tokens).transpose(1, 2)
        q, k, v = (f(tokens).unflatten(-1, (attn.heads, -1)).transpose(1, 2).float() for f in (attn.to_q, attn.to_k, attn.to_v))
        with torch.autocast("cpu", enabled=False):
            out = ((q @ k.transpose(2, 3)) * attn.scale).softmax(-1) @ v
        out = attn.to_out[0](out.transpose(1, 2).flatten(2)).transpose(1, 2).reshape(n, c, h, w)
        return (out + x) / attn.rescale_output_factor


class SegmentEmbedding(nn.Module):
    """[n, c0] -> [n, 4 c0]: linear, SiLU, linear; no biases, so zero maps to zero."""

    def __init__(self, channels):
        super().__init__()
        self.linear_1 = nn.Linear(channels, 4 * channels, bias=False)
        self.linear_2 = nn.Linear(4 * channels, 4 * channels, bias=False)
        nn.init.zeros_(self.linear_2.weight)

    def forward(self, x):
        return self.linear_2(nn.functional.silu(self.linear_1(x)))


class SegmentUNet(UNet2DModel):
    """UNet2DModel whose forward takes (sample, timestep, segment, labels) and returns the tensor."""

    @classmethod
    def create(cls, class_count, **overrides):
        """A fresh network; class_count includes the last label, "any"."""
        model = cls(**{**CONFIG, "num_class_embeds": class_count, **overrides})
        model.segment_embedding = SegmentEmbedding(model.config.block_out_channels[0])
        return model

    def embed(self, timestep, segment, labels):
        """temb [n, 4 c0]. The sinusoids stay float32: bfloat16 cannot hold a timestep of 993.75."""
        dtype = self.time_embedding.linear_1.weight.dtype
        ramp = self.time_proj(segment) - self.time_proj(torch.zeros_like(segment))
        temb = self.time_embedding(self.time_proj(timestep).to(dtype))
        return temb + self.class_embedding(labels) + self.segment_embedding(ramp.to(dtype))

    def forward(self, sample, timestep, segment, labels):
        """UNet2DModel.forward for the block types used here (no skip_sample, no Fourier input)."""
        temb = self.embed(timestep, segment, labels)
        sample = self.conv_in(sample)
        skips = (sample,)
        for block in self.down_blocks:
            sample, skip = block(hidden_states=sample, temb=temb)
            skips += skip
        sample = self.mid_block(sample, temb)
        for block in self.up_blocks:
            count = len(block.resnets)
            sample = block(sample, skips[-count:], temb)
            skips = skips[:-count]
        return self.conv_out(self.conv_act(self.conv_norm_out(sample)))


def count_parameters(model):
    return sum(p.numel() for p in model.parameters())


def count_flops(model):
    """2 * multiply-adds of one picture's forward: convolutions, linears, attention products."""
    total = 0

    def hook(layer, inputs, output):
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            taps = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            total += 2 * output.numel() * taps
        elif isinstance(layer, nn.Linear):
            total += 2 * output.numel() * layer.in_features
        else:  # diffusers Attention on [1, c, h, w]: q k^T and the weighted sum of v
            pixels = output.shape[-1] * output.shape[-2]
            total += 2 * 2 * pixels * pixels * layer.inner_dim

    kinds = ("Conv2d", "Linear", "LoRACompatibleLinear", "Attention")
    hooks = [m.register_forward_hook(hook) for m in model.modules() if type(m).__name__ in kinds]
    size = model.config.sample_size
    with torch.no_grad():
        zero = torch.zeros(1)
        model(torch.zeros(1, model.config.in_channels, size, size), zero, zero, zero.long())
    for h in hooks:
        h.remove()
    return total
