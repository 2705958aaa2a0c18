"""A UNet2DModel or UNet2DConditionModel in PyTorch, float16 (or another type) and channels-last, beside Quickstep on the same
device; with a tiny autoencoder's decoder if it draws latents.

Reads requests, a JSON object a line, and answers each with one, {"error": TEXT} where it fails:

    {"do": "load", "folder": DIR, "decoder": DIR or null, "prompt": null or FILE of `quickstep embed`, "dtype": "float16"}
                                                         -> {"convolutions": {module: operations for one picture, as if direct}}
    {"do": "forward", "input": FILE}                     writes noise, timestep and label there and keeps the output
                                                         -> {"guidance": the scale that went in, or null}
    {"do": "compare", "output": FILE}                    that file's "sample" against the kept one -> {"difference": relative L2}
    {"do": "time", "mode": "eager" or "compiled", "batch": B, "steps": N, "repeats": R} -> {"ms": [of every batch of pictures]}

A picture is what Quickstep draws: noise, N evaluations with new noise between them, what is drawn decoded, bytes in the host's
memory. A prompt is read once, before. compiled is torch.compile in the mode "reduce-overhead": CUDA graphs.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderTiny
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.utils import logging
from safetensors.torch import load_file, save_file
from torch import nn

FIRST_TIMESTEP = 700.0
GUIDANCE = 3.0  # of networks that take a scale


class Peer:
    def __init__(self, device):
        self.device = device
        self.net = self.compiled = self.output = None
        self.decoders = []  # one, if the network draws latents

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def load(self, folder, decoder, prompt, dtype):
        self.net = self.compiled = None
        self.decoders = []
        torch.compiler.reset()

        def ready(kind, folder):
            net = kind.from_pretrained(folder, torch_dtype=getattr(torch, dtype), use_safetensors=True)
            return net.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

        kind = json.loads((Path(folder) / "config.json").read_text())["_class_name"]
        self.net = ready(getattr(diffusers, kind), folder)
        self.prompt = load_file(prompt, device=self.device) if prompt else None
        if decoder:
            coder = ready(AutoencoderTiny, decoder)
            self.scaling_factor, self.shift_factor = coder.config.scaling_factor, coder.config.shift_factor
            self.decoders = [coder.decoder]
        return {"convolutions": self.count_convolutions()}

    def inputs(self, batch):
        """Noise, and the network's other arguments but the timestep."""
        config, like = self.net.config, dict(device=self.device, dtype=self.net.dtype)
        x = torch.randn(batch, config.in_channels, config.sample_size, config.sample_size, **like)
        return x.contiguous(memory_format=torch.channels_last), self.read(batch) if self.prompt else self.label(batch)

    def label(self, batch):
        config = self.net.config
        if config.num_class_embeds or config.class_embed_type:
            return {"class_labels": torch.zeros(batch, dtype=torch.long, device=self.device)}
        return {}

    def read(self, batch):
        config, dtype = self.net.config, self.net.dtype
        condition = {"encoder_hidden_states": self.prompt["text_states"].to(dtype).expand(batch, -1, -1)}
        if config.class_embed_type == "simple_projection":
            condition["class_labels"] = self.prompt["pooled"].to(dtype).expand(batch, -1)
        if width := config.time_cond_proj_dim:  # LCM's get_guidance_scale_embedding
            scale = torch.full((batch,), GUIDANCE - 1, device=self.device)
            condition["timestep_cond"] = get_timestep_embedding(scale, width, downscale_freq_shift=1, scale=1000).to(dtype)
        return condition

    def evaluate(self, net, x, condition, timestep=FIRST_TIMESTEP):
        return net(x, torch.full((len(x),), timestep, device=self.device), **condition).sample

    def count_convolutions(self):
        counts = {}

        def count(name):
            def hook(module, inputs, output):
                counts[name] = 2 * module.weight.numel() * output.shape[-1] * output.shape[-2]
            return hook

        hooks = [m.register_forward_hook(count(n)) for n, m in self.net.named_modules() if isinstance(m, nn.Conv2d)]
        self.evaluate(self.net, *self.inputs(1))
        for hook in hooks:
            hook.remove()
        return counts

    def forward(self, input):
        x, condition = self.inputs(1)
        self.output = self.evaluate(self.net, x, condition).float().cpu()
        tensors = {"sample": x.float().cpu().contiguous(), "timestep": torch.tensor([FIRST_TIMESTEP])}
        if "class_labels" in condition and not self.prompt:
            tensors["class_labels"] = condition["class_labels"].float().cpu()
        save_file(tensors, input)
        return {"guidance": GUIDANCE if "timestep_cond" in condition else None}

    def compare(self, output):
        found = load_file(output)["sample"]
        return {"difference": ((found - self.output).norm() / self.output.norm()).item()}

    def draw(self, net, decoders, batch, steps):
        """uint8 [n, h, w, c] on the host."""
        x, condition = self.inputs(batch)
        for step in range(steps):
            torch.compiler.cudagraph_mark_step_begin()
            x = self.evaluate(net, x, condition, FIRST_TIMESTEP - step)
            if step + 1 < steps:
                x = x + 0.1 * torch.randn_like(x)
        for decoder in decoders:
            x = decoder(x / self.scaling_factor + self.shift_factor)
        return (x.clamp(-1, 1) * 127.5 + 127.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()

    def time(self, mode, batch, steps, repeats):
        if mode == "compiled" and self.compiled is None:
            self.compiled = [torch.compile(part, mode="reduce-overhead", dynamic=False) for part in (self.net, *self.decoders)]
        net, *decoders = self.compiled if mode == "compiled" else (self.net, *self.decoders)
        for _ in range(3):  # compiles, warms up, records the CUDA graph
            self.draw(net, decoders, batch, steps)
        ms = []
        for _ in range(repeats):
            self.wait()
            start = time.perf_counter()
            self.draw(net, decoders, batch, steps)
            ms.append((time.perf_counter() - start) * 1e3)
        return {"ms": ms}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("device", choices=("cuda", "cpu"))
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True
    torch._dynamo.config.recompile_limit = 64  # one compilation a batch
    logging.set_verbosity_error()
    answers, sys.stdout = sys.stdout, sys.stderr
    peer = Peer(args.device)
    device = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    print(json.dumps({"torch": torch.__version__, "device": device}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with torch.inference_mode():
                answer = getattr(peer, request.pop("do"))(**request)
        except Exception as error:  # out of memory, say: the other measurements go on
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
