"""The sprite model (a UNet2DModel with scale_shift ResNet blocks) written with ncnn's layers, with its own weights."""

import json

import numpy as np
from ncnn_net import Net
from safetensors.numpy import load_file


def sinusoids(value, channels):
    """diffusers' Timesteps with flip_sin_to_cos and freq_shift 0: [channels], cosines first."""
    frequencies = np.exp(-np.log(10000.0) * np.arange(channels // 2) / (channels // 2))
    return np.concatenate([np.cos(value * frequencies), np.sin(value * frequencies)])


class UNet:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        files = sorted(folder.glob("*.safetensors"))
        self.tensors = {k: v.astype(np.float32) for k, v in load_file(files[0]).items()}
        expected = dict(resnet_time_scale_shift="scale_shift", time_embedding_type="positional", flip_sin_to_cos=True,
                        freq_shift=0, downsample_type="conv", upsample_type="conv", downsample_padding=1, act_fn="silu")
        for key, value in expected.items():
            if self.config[key] != value:
                raise SystemExit(f"{folder}: {key} is {self.config[key]}; this comparison writes {value} only")

    def has(self, name):
        return f"{name}.weight" in self.tensors

    def pair(self, name):
        return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]

    def conv(self, x, name, stride=1):
        return self.net.conv(x, *self.pair(name), stride)

    def norm(self, x, name):
        return self.net.group_norm(x, self.config["norm_num_groups"], *self.pair(name), self.config["norm_eps"])

    def resnet(self, x, name):
        net = self.net
        h = self.conv(net.silu(self.norm(x, f"{name}.norm1")), f"{name}.conv1")
        weight, bias = self.pair(f"{name}.time_emb_proj")
        c = len(bias) // 2
        scale = net.linear(self.temb, weight[:c], bias[:c] + 1)  # y (1 + scale) + shift
        shift = net.linear(self.temb, weight[c:], bias[c:])
        h = net.binary(self.norm(h, f"{name}.norm2"), net.reshape(scale, 1, 1, c), multiply=True)
        h = net.silu(net.binary(h, net.reshape(shift, 1, 1, c)))
        if self.has(f"{name}.conv_shortcut"):
            x = self.conv(x, f"{name}.conv_shortcut")
        return net.binary(self.conv(h, f"{name}.conv2"), x)

    def attention(self, x, name, side):
        net = self.net
        normed = self.norm(x, f"{name}.group_norm") if self.has(f"{name}.group_norm") else x
        c = len(self.tensors[f"{name}.to_q.bias"])
        width = self.config["attention_head_dim"]
        heads = []
        for part in ("to_q", "to_k", "to_v"):
            weight, bias = self.pair(f"{name}.{part}")
            y = net.reshape(net.conv(normed, weight[:, :, None, None], bias), side * side, width, c // width)
            heads.append(net.add("Permute", [y], "0=1"))  # [heads, tokens, width]
        y = net.add("Permute", [net.attention(*heads, width**-0.5)], "0=1")
        weight, bias = self.pair(f"{name}.to_out.0")
        return net.binary(net.conv(net.reshape(y, side, side, c), weight[:, :, None, None], bias), x)

    def blocks(self, x, name, side, skips=None):
        """The ResNet blocks of one level, each with its attention; skips: a stack to concatenate from."""
        outputs, i = [], 0
        while self.has(f"{name}.resnets.{i}.conv1"):
            if skips is not None:
                x = self.net.add("Concat", [x, skips.pop()], "0=0")
            x = self.resnet(x, f"{name}.resnets.{i}")
            if self.has(f"{name}.attentions.{i}.to_q"):
                x = self.attention(x, f"{name}.attentions.{i}", side)
            outputs.append(x)
            i += 1
        return outputs

    def write(self, sample, timestep, label):
        """Net, inputs and output for one picture [c, h, w]; segment 0 (it adds nothing)."""
        self.net = net = Net()
        side = sample.shape[1]
        channels = self.config["block_out_channels"]
        first = net.input(side, side, sample.shape[0])
        time = net.input(channels[0])
        row = net.input(4 * channels[0])
        h = net.linear(net.silu(net.linear(time, *self.pair("time_embedding.linear_1"))), *self.pair("time_embedding.linear_2"))
        self.temb = net.silu(net.binary(h, row))
        x = self.conv(first, "conv_in")
        skips = [x]
        levels = len(channels)
        for level in range(levels):
            skips += self.blocks(x, f"down_blocks.{level}", side)
            if level < levels - 1:
                skips.append(self.conv(skips[-1], f"down_blocks.{level}.downsamplers.0.conv", stride=2))
                side = (side + 1) // 2
            x = skips[-1]
        x = self.resnet(x, "mid_block.resnets.0")
        x = self.resnet(self.attention(x, "mid_block.attentions.0", side), "mid_block.resnets.1")
        for level in range(levels):
            x = self.blocks(x, f"up_blocks.{level}", side, skips)[-1]
            if level < levels - 1:
                x = net.add("Interp", [x], "0=1 1=2.0 2=2.0")
                x = self.conv(x, f"up_blocks.{level}.upsamplers.0.conv")
                side *= 2
        x = self.conv(net.silu(self.norm(x, "conv_norm_out")), "conv_out")
        inputs = {first: sample, time: sinusoids(timestep, channels[0]), row: self.tensors["class_embedding.weight"][label]}
        return net, inputs, x
