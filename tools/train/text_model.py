"""The network that reads: diffusers' UNet2DConditionModel, the segment input, and its CLIPTextModel, trained together.

Its forward has the shape of SegmentUNet's: (sample, timestep, segment, prompts); prompts [n, LENGTH + 1] int64 are token ids, and
last the guidance scale in hundredths (100: none), which LCM's embedding takes: unet.time_embedding.cond_proj.

A prompt reaches the network twice: its tokens' states by cross attention, and the state of its end (CLIP's pooler_output) by a
linear into the time's embedding (diffusers' class_embed_type "simple_projection"), which is learned many times sooner.
"""

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from model import COMMON, SegmentEmbedding
from tokens import HUNDREDTHS, LENGTH

TEXT = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4, hidden_act="quick_gelu",
            max_position_embeddings=LENGTH, projection_dim=128)
CHANNELS, ATTENTION = (48, 96, 160), (8, 4)  # of the levels; sides of those that read
GUIDANCE_WIDTH = 64
GUIDANCE = 1.0, 5.0
HEAD = 32


def configure(source, options):
    """UNet2DConditionModel's settings for a source's latents; options: train.py's channels, layers, attention, dropout."""
    channels, attention = options.channels or CHANNELS, options.attention or ATTENTION
    sides = [source.size >> level for level in range(len(channels))]
    down = ["CrossAttnDownBlock2D" if side in attention else "DownBlock2D" for side in sides]
    common = {k: v for k, v in COMMON.items() if k not in ("attention_head_dim", "time_embedding_type")}
    return common | dict(
        sample_size=source.size, in_channels=source.channels, out_channels=source.channels, block_out_channels=list(channels),
        layers_per_block=options.layers or 1, down_block_types=down, up_block_types=[kind.replace("Down", "Up") for kind in reversed(down)],
        mid_block_type="UNetMidBlock2DCrossAttn", cross_attention_dim=TEXT["hidden_size"], time_cond_proj_dim=GUIDANCE_WIDTH,
        class_embed_type="simple_projection", projection_class_embeddings_input_dim=TEXT["hidden_size"],
        attention_head_dim=[max(1, c // HEAD) for c in channels], dropout=options.dropout)  # diffusers' name for the count of heads


def text_config(vocabulary):
    """Of a vocabulary whose last two tokens are start and end."""
    return CLIPTextConfig(vocab_size=vocabulary, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
                          pad_token_id=vocabulary - 1, **TEXT)


def guidance_embedding(scale, width=GUIDANCE_WIDTH):
    """diffusers' get_guidance_scale_embedding of scale - 1, [n] -> [n, width]: sines, then cosines."""
    steps = torch.arange(width // 2, device=scale.device) * (-torch.log(torch.tensor(10000.0)) / (width // 2 - 1))
    angles = (scale.float() - 1)[:, None] * 1000 * steps.exp()
    return torch.cat([angles.sin(), angles.cos()], 1)


class TextUNet(UNet2DConditionModel):
    """See above. The text encoder is a part of it, so that one optimiser, one average and one checkpoint hold both."""

    tokens = LENGTH

    @classmethod
    def create(cls, config, schedule, vocabulary):
        model = cls(**config)
        model.segment_embedding = SegmentEmbedding(model.config.block_out_channels[0])
        model.text_encoder = CLIPTextModel(text_config(vocabulary))
        model.schedule = schedule
        nn.init.zeros_(model.time_embedding.cond_proj.weight)
        for name, layer in model.named_modules():
            if name.endswith("proj_out"):  # of the attention: a fresh network starts without it
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
        return model

    def unconditional(self, prompts):
        """The empty prompt, with the same guidance."""
        empty = torch.full_like(prompts, self.text_encoder.config.eos_token_id)
        empty[:, 0], empty[:, -1] = self.text_encoder.config.bos_token_id, prompts[:, -1]
        return empty

    def example(self):
        return torch.full((1, self.tokens + 1), HUNDREDTHS, device=self.device)

    def guidance(self, prompts, default):
        """Scale - 1 of every row, [n, 1, 1, 1]."""
        return (prompts[:, -1] / HUNDREDTHS - 1).reshape(-1, 1, 1, 1)

    def draw_guidance(self, prompts):
        """The prompts with a guidance scale of their own each, uniform."""
        low, high = (round(HUNDREDTHS * g) for g in GUIDANCE)
        scale = torch.randint(low, high + 1, (len(prompts), 1), device=prompts.device)
        return torch.cat([prompts[:, :-1], scale], 1)

    def plain(self, prompts):
        return torch.cat([prompts[:, :-1], torch.full_like(prompts[:, -1:], HUNDREDTHS)], 1)

    def embed(self, timestep, segment, guidance, prompt):
        """temb; the sinusoids stay float32. prompt [n, width]: the pooled."""
        dtype = self.time_embedding.linear_1.weight.dtype
        temb = self.time_embedding(self.time_proj(timestep).to(dtype), guidance_embedding(guidance).to(dtype))
        temb = temb + self.class_embedding(prompt)
        ramp = self.time_proj(segment) - self.time_proj(torch.zeros_like(segment))
        return temb + self.segment_embedding(ramp.to(dtype))

    def forward(self, sample, timestep, segment, prompts):
        """UNet2DConditionModel.forward for the block types used here; v."""
        read = self.text_encoder(prompts[:, :-1])
        words = read.last_hidden_state
        temb = self.embed(timestep, segment, prompts[:, -1] / HUNDREDTHS, read.pooler_output)
        sample = self.conv_in(sample)
        skips = (sample,)
        for block in self.down_blocks:
            reads = dict(encoder_hidden_states=words) if getattr(block, "has_cross_attention", False) else {}
            sample, skip = block(hidden_states=sample, temb=temb, **reads)
            skips += skip
        sample = self.mid_block(sample, temb, encoder_hidden_states=words)
        for block in self.up_blocks:
            reads = dict(encoder_hidden_states=words) if getattr(block, "has_cross_attention", False) else {}
            count = len(block.resnets)
            sample = block(sample, skips[-count:], temb, **reads)
            skips = skips[:-count]
        return self.conv_out(self.conv_act(self.conv_norm_out(sample)))

    @torch.no_grad()
    def take_over(self, state):
        """Starts from another network's weights where shapes agree: from a class-conditional SegmentUNet's all but attention, its
        classes' mean embedding going into the time's; from a TextUNet's unet all. Returns how many tensors were taken."""
        state = {k: v.float() for k, v in state.items()}
        own = self.state_dict()
        same = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
        self.load_state_dict(same, strict=False)
        if "class_embedding.weight" in state and "class_embedding.weight" not in same:
            self.time_embedding.linear_2.bias += state["class_embedding.weight"].mean(0)
        return len(same)
