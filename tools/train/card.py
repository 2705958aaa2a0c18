"""The README.md of an exported model: what it is, what it was trained on and how, what was measured."""

from pathlib import Path

from autoencoder import picture_shape
from model import count_flops, count_parameters

HEADER = """---
license: {licence}
library_name: diffusers
tags: [multistep-consistency-model, consistency-model, {task}]
---

# {title}

Draws {size}x{size} {kind} pictures {steps} with one set of weights.
Made by this repository's `tools/train`; method: *Multistep Consistency Models* (Heek, Hoogeboom, Salimans 2024,
arXiv 2403.06807){addition}.

![samples](samples.png)

Rows: seeds, {rows}. Columns: {columns}. Not picked.
"""
NOT_SAID = "The licence of the training pictures was not given to export.py (--about): find out before passing the weights on."
PHASE_B = {"teacher", "hop", "teacher_steps", "diffusion_rows", "guidance", "huber", "student_steps", "keep_limit", "few_rows", "tangent", "adversarial"}
HIDDEN = {"data", "size", "out", "phase", "minutes", "pictures", "resume", "more", "seed", "device", "workers", "compile", "init", "autoencoder", "tokenizer"}


def listed(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def network(net, state, autoencoder):
    """The table's rows about the network, and the autoencoder (or None)."""
    c, s = net.config, net.schedule
    sides = [str(c.sample_size >> i) for i, kind in enumerate(c.down_block_types) if "Attn" in kind]
    levels = "-".join(map(str, c.block_out_channels))
    heads = f"heads of {c.attention_head_dim}" if isinstance(c.attention_head_dim, int) else "with the prompt too"
    attention = f"attention at sides of {listed(sides)} ({heads})" if sides else "no attention"
    extra = ", plus `segment_embedding`" if net.segment_embedding is not None else ""
    kind = f"diffusers `{'UNet2DConditionModel' if state.get('vocabulary') else 'UNet2DModel'}`"
    yield "network", f"{kind}, channels {levels}, ResNet layers a block: {c.layers_per_block}, {attention}{extra}"
    yield "parameters", f"{count_parameters(net):,} ({count_parameters(net) * 2 / 1e6:.1f} MB in float16)"
    yield "cost", f"{count_flops(net) / 1e9:.3f} GFLOP (2 x multiply-adds) a picture a step"
    if autoencoder:
        a, (_, side, _) = autoencoder.net.config, picture_shape(net, autoencoder)
        parts = [sum(p.numel() for p in half.parameters()) for half in (autoencoder.net.encoder, autoencoder.net.decoder)]
        yield "latents", (
            f"{a.latent_channels} x {c.sample_size} x {c.sample_size}, of a tiny autoencoder (diffusers `AutoencoderTiny`, width "
            f"{a.decoder_block_out_channels[0]}): {side} pixels; {parts[0]:,} parameters encode, {parts[1]:,} decode")
    noise = f"cosine log SNR in [{s.logsnr_min:g}, {s.logsnr_max:g}]"
    if (s.noise_low, s.noise_high) != (s.image_size, s.image_size):
        noise += f", interpolated from noise of {s.noise_low} to {s.noise_high} pixels at {s.image_size}"
    yield "prediction", f"v, variance preserving, {noise}"
    if net.segment_embedding is not None:
        yield "input", "timestep = 1000 t, segment = 1000 (t - tau), tau = the segment's start; segment 0 is the diffusion model"
    if state.get("vocabulary"):
        t = net.text_encoder.config
        yield "prompts", (f"transformers `CLIPTextModel`, {t.num_hidden_layers} layers of {t.hidden_size}, trained with it; CLIP's byte-pair "
                          f"encoding, {t.vocab_size:,} tokens, {t.max_position_embeddings} a prompt")
        yield "guidance", "an input (LCM's embedding), trained from 1 to 5 in phase b; one evaluation a step; 3 in the samples"
        return
    names = state["names"]
    yield "classes", f"{len(names) - 1} ({', '.join(names[:-1])}), and {len(names) - 1} = \"any\""


def training(state):
    """The table's rows about data and phases."""
    sizes = state.get("sizes", {}).values()
    if sizes:
        yield "data", f"{sum(a for a, _ in sizes):,} training pictures, {sum(b for _, b in sizes):,} held out (by a hash)"
    for part in state["history"]:
        kind = "diffusion" if part["phase"] == "a" else "consistency"
        machine = f", on {part['hardware']}" if "hardware" in part else ""
        yield f"phase {part['phase']} ({kind})", (
            f"{part['steps']:,} steps, {part['pictures']:,} pictures, {part['seconds'] / 60:.0f} minutes{machine}")
        hidden = HIDDEN | (PHASE_B if part["phase"] == "a" else set())
        chosen = {k: v for k, v in part["settings"].items() if k not in hidden and v not in (None, False)}
        yield f"options of {part['phase']}", " ".join(f"`{k.replace('_', '-')}={v}`" for k, v in sorted(chosen.items()))


def write(folder, net, state, title, licence, about, evaluation, autoencoder=None):
    """licence: of the weights, as model hubs spell it; about: Markdown on data and licence, evaluation: evaluate.py's; or None."""
    counts = [str(n) for n in state["steps"]]
    seeds = "; ".join(state["examples"]) if state.get("examples") else "one class after the other"
    columns = ", ".join(str(n) for n in (1, 2, 4, 8, 16) if n in state["steps"]) or counts[0]
    columns += " steps"
    if net.segment_embedding is not None:
        columns += ", and 64 steps of the diffusion limit (DDIM, segment 0)"
    steps, addition = f"in {listed(counts)} steps", ""
    if net.segment_embedding is not None:
        steps += ", or in the diffusion limit,"
        addition = ", with one addition: the network is told where its segment starts"
    channels, size, _ = picture_shape(net, autoencoder)
    kind = "RGBA (premultiplied)" if channels == 4 else "RGB"
    task = "text-to-image" if state.get("vocabulary") else "unconditional-image-generation"
    text = HEADER.format(task=task, title=title, licence=licence, size=size, kind=kind, steps=steps, addition=addition, columns=columns,
                         rows=seeds)
    rows = "".join(f"| {k} | {v} |\n" for k, v in [*network(net, state, autoencoder), *training(state)])
    text += f"\n| | |\n|---|---|\n{rows}\n## Data and licence\n\n{(about or NOT_SAID).strip()}\n"
    if evaluation:
        text += f"\n## Quality\n\n{evaluation.strip()}\n"
    (Path(folder) / "README.md").write_text(text)
