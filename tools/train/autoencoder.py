"""Tiny autoencoders (diffusers' AutoencoderTiny): pictures to latents and back. train_autoencoder.py makes them."""

import hashlib
import json
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file, save_file

WEIGHTS = "diffusion_pytorch_model.safetensors"
LAYOUT = torch.channels_last
SCALE = 0.4  # latents of unit variance become 0.4: 2.5 standard deviations are 1, where samplers clip


def create(channels, latent_channels, width, encoder_blocks, decoder_blocks):
    """A fresh network; blocks of every stage, the encoder's from pictures to latents, the decoder's back."""
    return AutoencoderTiny(
        in_channels=channels, out_channels=channels, latent_channels=latent_channels, scaling_factor=SCALE,
        encoder_block_out_channels=[width] * len(encoder_blocks), decoder_block_out_channels=[width] * len(decoder_blocks),
        num_encoder_blocks=encoder_blocks, num_decoder_blocks=decoder_blocks)


class Autoencoder:
    """Pictures [n, c, h, w] in [-1, 1] and latents [n, l, h / factor, w / factor], scaled as the samplers see them."""

    def __init__(self, net):
        self.net = net
        self.factor = 2 ** (len(net.config.num_encoder_blocks) - 1)
        self.channels = net.config.latent_channels

    @classmethod
    def load(cls, folder, device="cpu"):
        folder = Path(folder)
        if not (folder / "config.json").exists():
            raise SystemExit(f"{folder}: no autoencoder: train_autoencoder.py makes one")
        config = json.loads((folder / "config.json").read_text())
        net = AutoencoderTiny(**{k: v for k, v in config.items() if not k.startswith("_") and k != "block_out_channels"})
        net.load_state_dict({k: v.float() for k, v in load_file(folder / WEIGHTS).items()})
        return cls(net.eval().requires_grad_(False).to(device, memory_format=LAYOUT))

    def encode(self, x):
        return (self.net.encoder(x) - self.net.config.shift_factor) * self.net.config.scaling_factor

    def decode(self, latents):
        """Not clipped."""
        return self.net.decoder(latents / self.net.config.scaling_factor + self.net.config.shift_factor)

    @torch.no_grad()
    def pictures(self, latents, batch=64):
        """The same in parts and clipped, on the processor."""
        return torch.cat([self.decode(part).float().clamp(-1, 1).cpu() for part in latents.split(batch)]).contiguous()

    @torch.no_grad()
    def latents(self, x, batch=64):
        return torch.cat([self.encode(part.contiguous(memory_format=LAYOUT)) for part in x.split(batch)]).contiguous()

    def encoder_digest(self):
        """Names the encoder: what was trained on its latents fits to no other."""
        state = self.net.encoder.state_dict()
        return hashlib.sha256(b"".join(v.half().cpu().numpy().tobytes() for v in state.values())).hexdigest()

    def save(self, folder):
        """Float16, as the engine reads it. Whoever reads at the same time finds the old weights or the new."""
        path = Path(folder) / WEIGHTS
        self.net.save_config(folder)
        tensors = {k: v.detach().half().contiguous() for k, v in self.net.state_dict().items()}
        save_file(tensors, path.with_suffix(".tmp"), metadata={"format": "pt"})
        path.with_suffix(".tmp").rename(path)


def picture_shape(net, autoencoder):
    """[c, h, w] of what a network draws, decoded where there is an autoencoder."""
    c, size = net.config.in_channels, net.config.sample_size
    return (autoencoder.net.config.out_channels, *[size * autoencoder.factor] * 2) if autoencoder else (c, size, size)
