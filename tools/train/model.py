"""The network: diffusers' UNet2DModel plus one extra scalar input, the segment.

Shapes: pictures [n, c, h, w] float in [-1, 1]; timestep and segment [n] float in [0, 1000]; labels [n] int64, the
last of them "any"; output v [n, c, h, w].

The segment embedding (method 5.4: one network for every step count must be told where the segment starts):
    temb = time_embedding(PE(timestep)) + class_embedding[label] + segment_embedding(PE(segment) - PE(0))
PE is the sinusoidal function of the timestep. The segment's linears have no bias and the second starts at
zero, so segment = 0 is exactly the diffusion model, before training and after.
"""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import UNet2DModel
from torch import nn

import sprites
from schedule import Schedule

EVERY_N = [1, 2, 3, 4, 5, 6, 8, 12, 16]  # the step counts that one network for all of them is trained on
COMMON = dict(
    attention_head_dim=32,
    norm_num_groups=8,
    time_embedding_type="positional",
    flip_sin_to_cos=True,
    freq_shift=0,
    resnet_time_scale_shift="scale_shift",
    act_fn="silu",
)
# channels of the levels, ResNet blocks per level, sides (in pixels) of the levels with attention
PRESETS = {
    "sprites": ((32, 32, 64, 128), 1, (8, 4)),  # 32 pixels: 3.0 M parameters, 0.39 GFLOP
    "latents": ((64, 128, 192), 1, (8, 4)),  # 16 x 16 latents: 7.9 M parameters, 0.64 GFLOP
    "photos": ((16, 32, 64, 128, 160), 1, (16, 8, 4)),  # 64 pixels: 5.8 M parameters, 1.1 GFLOP
}

OPTIONS = SimpleNamespace(model=None, channels=None, layers=None, attention=None, dropout=0.0)  # the presets as they are


def configure(source, options):
    """UNet2DModel's settings for a data source's pictures and classes; options: model, channels, layers, attention, dropout."""
    preset = PRESETS[options.model or ("latents" if source.encoder else "sprites" if source.size <= 32 else "photos")]
    channels, layers, attention = (o or p for o, p in zip((options.channels, options.layers, options.attention), preset))
    sides = [source.size >> level for level in range(len(channels))]
    if source.size % (1 << (len(channels) - 1)):
        raise SystemExit(f"pictures of {source.size} pixels cannot be halved {len(channels) - 1} times: fewer --channels")
    if any(c % COMMON["norm_num_groups"] for c in channels):
        raise SystemExit(f"--channels {channels}: each must be a multiple of {COMMON['norm_num_groups']} (group norm)")
    unknown = sorted(set(options.attention or ()) - set(sides))
    if unknown:
        raise SystemExit(f"--attention {unknown}: the levels are {sides} pixels a side")
    heads = [c for c, side in zip(channels, sides) if side in attention] + [channels[-1]]  # the middle has attention too
    if any(c % COMMON["attention_head_dim"] for c in heads):
        raise SystemExit(f"channels of levels with attention {heads}: each must be a multiple of {COMMON['attention_head_dim']}")
    down = ["AttnDownBlock2D" if side in attention else "DownBlock2D" for side in sides]
    up = [kind.replace("Down", "Up") for kind in reversed(down)]
    return COMMON | dict(
        sample_size=source.size,
        in_channels=source.channels,
        out_channels=source.channels,
        block_out_channels=list(channels),
        layers_per_block=layers,
        down_block_types=down,
        up_block_types=up,
        num_class_embeds=len(source.names),
        dropout=options.dropout,
    )


def first_settings(state):
    """What the first runs' checkpoints do not say: they are of the sprites, and know their clock only."""
    source = sprites.Sprites
    steps, pictures, seconds = state["clock"]
    part = dict(phase=state["args"]["phase"], steps=steps, pictures=pictures, seconds=seconds, settings=state["args"])
    return dict(
        config=configure(source, OPTIONS),
        schedule=dataclasses.asdict(Schedule()),
        names=source.names,
        default_label=source.default_label,
        segments=True,
        steps=EVERY_N,
        history=[part],
    )


def create(config, schedule, segments=True, vocabulary=None):
    """A fresh network: one that reads prompts of so many tokens, or one of classes."""
    if vocabulary:
        from text_model import TextUNet  # it needs transformers, which class models do without

        return TextUNet.create(config, schedule, vocabulary)
    return SegmentUNet.create(config, schedule, segments)


def load_checkpoint(path):
    """A checkpoint of train.py on the CPU: its averaged network ready to use, and all that it says."""
    if not Path(path).exists():
        raise SystemExit(f"{path}: no such checkpoint; phase b starts from phase a's, or from --init")
    state = torch.load(path, map_location="cpu")
    state = first_settings(state) | state
    net = create(state["config"], Schedule(**state["schedule"]), state["segments"], state.get("vocabulary"))
    net.load_state_dict(state["average"])
    return net.eval().requires_grad_(False), state


class PlainAttention:
    """Attention processor for training on a processor: float32 products; at 64 pixels a seventh faster overall than
    the fused kernel or bfloat16. The same mathematics as diffusers' own (the mid block's attention has no norm)."""

    def __call__(self, attn, x, temb=None, **_):
        n, c, h, w = x.shape
        tokens = x.reshape(n, c, h * w)
        tokens = (attn.group_norm(tokens) if attn.group_norm is not None else tokens).transpose(1, 2)
        q, k, v = (f(tokens).unflatten(-1, (attn.heads, -1)).transpose(1, 2).float() for f in (attn.to_q, attn.to_k, attn.to_v))
        with torch.autocast(x.device.type, enabled=False):
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
    def create(cls, config, schedule, segments=True):
        """A fresh network from configure()'s settings; it carries the noise schedule it is trained for.

        segments: one network for every step count. Without, the segment input is ignored (the paper's network per N).
        """
        model = cls(**config)
        model.segment_embedding = SegmentEmbedding(model.config.block_out_channels[0]) if segments else None
        model.schedule = schedule
        return model

    @property
    def any_label(self):
        return self.config.num_class_embeds - 1

    def unconditional(self, labels):
        return torch.full_like(labels, self.any_label)

    def example(self):
        """Labels of one picture."""
        return torch.zeros(1, dtype=torch.int64, device=self.device)

    def guidance(self, labels, default):
        """How much is baked in, for every row or all: classes know one for all."""
        return default

    def draw_guidance(self, labels):
        """Labels to train with in phase b."""
        return labels

    def plain(self, labels):
        """The labels of a teacher that was never guided."""
        return labels

    def embed(self, timestep, segment, labels):
        """temb [n, 4 c0]. The sinusoids stay float32: bfloat16 cannot hold a timestep of 993.75."""
        dtype = self.time_embedding.linear_1.weight.dtype
        temb = self.time_embedding(self.time_proj(timestep).to(dtype)) + self.class_embedding(labels)
        if self.segment_embedding is None:
            return temb
        ramp = self.time_proj(segment) - self.time_proj(torch.zeros_like(segment))
        return temb + self.segment_embedding(ramp.to(dtype))

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
        elif output.dim() == 4:  # diffusers Attention on [1, c, h, w]: q k^T and the weighted sum of v
            pixels = output.shape[-1] * output.shape[-2]
            total += 2 * 2 * pixels * pixels * layer.inner_dim
        else:  # [1, pixels, c], to itself or to the prompt's tokens
            total += 2 * 2 * output.shape[1] * (model.tokens if layer.is_cross_attention else output.shape[1]) * layer.inner_dim

    kinds = ("Conv2d", "Linear", "LoRACompatibleLinear", "Attention")
    hooks = [m.register_forward_hook(hook) for m in model.modules() if type(m).__name__ in kinds]
    size = model.config.sample_size
    with torch.no_grad():
        zero = torch.zeros(1, device=next(model.parameters()).device)
        model(zero.expand(1, model.config.in_channels, size, size), zero, zero, model.example())
    for h in hooks:
        h.remove()
    return total
