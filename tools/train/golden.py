"""Reference outputs for the engine's tests: float32 arithmetic on the exported float16 weights.

    golden.py MODEL_DIR OUT.safetensors

noise [4, c, h, w], labels [4]; sample_N: the deterministic N-step pictures in [-1, 1] (decoded, if the network draws latents)
for the N up to 8 that the network was trained for; sample_64: DDIM with segment 0, if it is a diffusion model too.
forward_{sample, timestep, segment, labels, output}: one call of the network on two pictures.

A network that reads has, in place of labels: ids [4, tokens], guidance [4] (the scales), text_states [4, tokens, width];
forward_ids, forward_guidance. The prompts are in the file's metadata, a line each.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import export
import sample
import text_export


GUIDANCE = 1.0, 2.0, 3.0, 5.0


def prompts_of(folder):
    """Two of the model's examples, an empty prompt, and one in capitals that no caption has."""
    examples = json.loads((Path(folder) / "model_index.json").read_text())["examples"]
    return [examples[0], examples[1 % len(examples)], "", "A Red\tDRAGON; it's 2 o'clock (naïve)"]


def labels_of(folder, net):
    """Labels of four pictures: classes and "any", or prompts."""
    if not text_export.vocabulary(folder):
        return torch.tensor([min(k, net.any_label) for k in (0, 1, 2)] + [net.any_label])
    from tokens import Prompts

    prompts = Prompts(Path(folder) / "tokenizer")
    return torch.cat([prompts.labels([text], scale) for text, scale in zip(prompts_of(folder), GUIDANCE)])


def named(labels, prefix=""):
    """Labels under the names that the file gives them."""
    if labels.dim() == 1:
        return {prefix + "labels": labels}
    from tokens import HUNDREDTHS

    return {prefix + "ids": labels[:, :-1], prefix + "guidance": labels[:, -1] / HUNDREDTHS}


@torch.no_grad()
def outputs(folder):
    """The tensors of the file."""
    net, settings = export.load(folder)
    autoencoder = export.load_autoencoder(folder)
    shape = net.config.in_channels, net.config.sample_size, net.config.sample_size
    clip = settings["clip_sample"]
    generator = torch.Generator().manual_seed(2403)
    noise = torch.randn(4, *shape, generator=generator)
    labels = labels_of(folder, net)
    out = {"noise": noise} | named(labels)
    if labels.dim() > 1:
        out["text_states"] = net.text_encoder(out["ids"]).last_hidden_state
    for steps in [n for n in (1, 2, 4, 8) if n in settings["trained_steps"]]:
        out[f"sample_{steps}"] = sample.multistep(net, noise, labels, steps, clip)
    if net.segment_embedding is not None:
        out["sample_64"] = sample.diffusion(net, noise, labels, 64, clip=clip)
    if autoencoder:
        out |= {name: autoencoder.pictures(x) for name, x in out.items() if name.startswith("sample_")}
    call = (torch.randn(2, *shape, generator=generator), torch.tensor([1000.0, 437.5]), torch.tensor([250.0, 0.0]), labels[[1, 3]])
    out |= dict(zip(("forward_sample", "forward_timestep", "forward_segment"), call)) | named(call[-1], "forward_")
    return out | {"forward_output": net(*call)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out")
    args = p.parse_args()
    torch.set_num_threads(1)
    _, settings = export.load(args.model)
    metadata = {"clip_sample": str(settings["clip_sample"]).lower()}
    if text_export.vocabulary(args.model):
        metadata["prompts"] = "\n".join(prompts_of(args.model))
    save_file({k: v.contiguous() for k, v in outputs(args.model).items()}, args.out, metadata=metadata)


if __name__ == "__main__":
    main()
