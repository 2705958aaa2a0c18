"""LoRA files for the small networks of tests/golden/readers, and what these are with them in diffusers, for tests/model/test_loras.c.

    PYTHONPATH=FOLDER .venv-train/bin/python tools/golden/loras.py [NAME ...]        writes tests/golden/loras/

FOLDER has peft (pip install --no-deps --target FOLDER peft accelerate psutil). NAME.safetensors is a LoRA in one of the namings that
there are; NAME.golden.safetensors has, after load_lora_weights and fuse_lora of all that its metadata's loras says ("kohya:0.8 peft:-0.5"),
for the metadata's reader's golden sample, timestep and prompts

    output [2, c, h, w]                  the network once on both, in double from the weights that were fused in float32
    picture.GUIDANCE [2, c, h, w]        as tools/golden/readers.py draws it
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
import transformers.integrations.peft
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import readers

FOLDER = readers.TESTS / "loras"
RANK, ALPHA = 3, 2.0
transformers.integrations.peft.MIN_PEFT_VERSION = "0.21"  # 5.24 asks for one that is not published yet


def targets(pipe, text=True):
    """Component, name and module of all that a LoRA may be of: what LoCon takes, attention, and the time's projections."""
    for component, model in [("unet", pipe.unet)] + ([("text_encoder", pipe.text_encoder)] if text else []):
        for name, module in model.named_modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) and "class_embedding" not in name:
                yield component, name, module


def factors(module, rank, generator):
    """down and up of a rank that changes the module by about a third of itself."""
    size = 0.6 / rank ** 0.5
    weight = module.weight
    if weight.ndim == 4:
        down = torch.randn(rank, *weight.shape[1:], generator=generator)
        up = torch.randn(weight.shape[0], rank, 1, 1, generator=generator)
    else:
        down, up = torch.randn(rank, weight.shape[1], generator=generator), torch.randn(weight.shape[0], rank, generator=generator)
    fan_in = weight[0].numel()
    return (down * size / fan_in ** 0.5).half(), (up * 0.6).half()


def kohya(pipe, generator):
    """Everything, with alphas."""
    out = {}
    for component, name, module in targets(pipe):
        down, up = factors(module, RANK, generator)
        prefix = "lora_unet_" if component == "unet" else "lora_te_text_model_"
        key = prefix + name.removeprefix("text_model.").replace(".", "_")
        out |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(ALPHA)}
    return out, {"ss_network_dim": str(RANK)}


def peft(pipe, generator):
    """As diffusers saves it today: alphas in the metadata, two ranks."""
    out, metadata = {}, {}
    for component, model, names, alphas in (
            ("unet", pipe.unet, ["to_q", "to_v", "to_out.0", "proj_in", "conv1", "ff.net.2"], {"attn2.to_v": 1}),
            ("text_encoder", pipe.text_encoder, ["q_proj", "fc1"], {"self_attn.q_proj": 7})):
        config = LoraConfig(r=RANK, lora_alpha=5, target_modules=names, init_lora_weights=False, rank_pattern={names[0]: 2},
                            alpha_pattern=alphas)
        model.add_adapter(config)
        state = get_peft_model_state_dict(model)
        for name in state:
            down = ".lora_A." in name
            size = 0.6 / (RANK * state[name][0].numel()) ** 0.5 if down else 0.6  # as factors() has them
            state[name] = (size * torch.randn(state[name].shape, generator=generator)).half()
        out |= {f"{component}.{name}": value for name, value in state.items()}
        kept = config.to_dict()
        kept["target_modules"] = sorted(kept["target_modules"])
        del kept["base_model_name_or_path"]  # a path of the machine that made it
        metadata |= {f"{component}.{k}": v for k, v in kept.items() if isinstance(v, (int, float, str, dict, list)) and v}
    return out, {"format": "pt", "lora_adapter_metadata": json.dumps(metadata, sort_keys=True)}


def diffusers_names(pipe, generator):
    """Of diffusers 0.18 to 0.22."""
    out = {}
    for component, name, module in targets(pipe):
        if component == "unet" and not name.endswith((".to_k", ".to_out.0", ".proj_out", ".ff.net.0.proj")):
            continue
        down, up = factors(module, RANK, generator)
        middle = "lora" if component == "unet" else "lora_linear_layer"
        out |= {f"{component}.{name}.{middle}.down.weight": down, f"{component}.{name}.{middle}.up.weight": up}
    return out, None


def old(pipe, generator):
    """Attention processors' names."""
    out = {}
    for component, name, module in targets(pipe):
        block, _, last = name.partition(".attn1." if ".attn1." in name else ".attn2." if ".attn2." in name else ".self_attn.")
        if not last:
            continue
        down, up = factors(module, RANK, generator)
        last = {"to_out.0": "to_out", "q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}.get(last, last)
        middle = name[len(block):].split(".")[1]
        key = f"{component}.{block}.{middle}.{'processor.' if component == 'unet' else ''}{last}_lora"
        out |= {f"{key}.down.weight": down, f"{key}.up.weight": up}
    return out, None


def first_name(name, layers):
    """A UNet's module as the first implementation calls it, where each block has attention."""
    part = name.split(".")
    ends = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
    rest = ".".join(part[4:])
    rest = ends.get(rest, rest)
    kind = {"resnets": 0, "attentions": 1, "upsamplers": 2}
    fixed = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0",
             "time_embedding.linear_2": "time_embed.2"}
    if name in fixed:
        return fixed[name]
    if part[0] == "mid_block":
        rest = ".".join(part[3:])
        return f"middle_block.{1 if part[1] == 'attentions' else 2 * int(part[2])}.{ends.get(rest, rest)}"
    if part[2] == "downsamplers":
        return f"input_blocks.{(int(part[1]) + 1) * (layers + 1)}.0.op"
    if part[0] == "down_blocks":
        return f"input_blocks.{1 + int(part[1]) * (layers + 1) + int(part[3])}.{kind[part[2]]}.{rest}"
    layer = layers if part[2] == "upsamplers" else int(part[3])
    return f"output_blocks.{int(part[1]) * (layers + 1) + layer}.{kind[part[2]]}.{rest}"


def first(pipe, generator):
    """kohya's of Stable Diffusion XL."""
    out = {}
    for _, name, module in targets(pipe, text=False):
        down, up = factors(module, RANK, generator)
        key = "lora_unet_" + first_name(name, pipe.unet.config.layers_per_block).replace(".", "_")
        out |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(ALPHA)}
    return out, None


@dataclass
class Case:
    reader: str
    make: object = None  # None: made of the others
    loras: str = ""
    seed: int = 0
    pictures: tuple[float, ...] = ()


CASES = {
    "kohya": Case("sd1", kohya, "kohya:1", 51, (7.5,)),
    "peft": Case("sd1", peft, "peft:0.8", 52),
    "diffusers": Case("sd1", diffusers_names, "diffusers:1.25", 53),
    "old": Case("sd2", old, "old:1", 54),
    "first": Case("sd2", first, "first:-0.5", 55),
    "several": Case("sd1", None, "kohya:0.5 peft:-0.25 diffusers:0.75"),
}


def load(pipe, path, name):
    """load_lora_weights, which asks for the first implementation's blocks of Stable Diffusion XL only."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    settings = json.loads(metadata["lora_adapter_metadata"]) if "lora_adapter_metadata" in metadata else None
    state, alphas = diffusers.StableDiffusionXLPipeline.lora_state_dict(load_file(path), unet_config=pipe.unet.config)
    pipe.load_lora_into_unet(state, network_alphas=alphas, unet=pipe.unet, adapter_name=name, metadata=settings)
    if any(key.startswith("text_encoder.") for key in state):
        pipe.load_lora_into_text_encoder(state, network_alphas=alphas, text_encoder=pipe.text_encoder, adapter_name=name,
                                         metadata=settings)


def fused(case):
    pipe = StableDiffusionPipeline.from_pretrained(readers.FOLDER / case.reader, dtype=torch.float32, low_cpu_mem_usage=False)
    for entry in case.loras.split():
        name, scale = entry.split(":")
        load(pipe, FOLDER / f"{name}.safetensors", name)
        pipe.fuse_lora(lora_scale=float(scale), adapter_names=[name])
        pipe.unload_lora_weights()
    return pipe


def output(pipe, golden):
    prompts = readers.PROMPTS
    ids = pipe.tokenizer(prompts, padding="max_length", truncation=True, max_length=readers.TOKENS, return_tensors="pt").input_ids
    states = pipe.text_encoder(ids).last_hidden_state
    return pipe.unet(golden["sample"].double(), golden["timestep"], states, return_dict=False)[0]


def write_lora(name, case):
    generator = torch.Generator().manual_seed(case.seed)
    pipe = StableDiffusionPipeline.from_pretrained(readers.FOLDER / case.reader, dtype=torch.float32)
    state, metadata = case.make(pipe, generator)
    save_file({k: v.contiguous() for k, v in state.items()}, FOLDER / f"{name}.safetensors", metadata=metadata)


def write_golden(name, case):
    golden = load_file(readers.FOLDER / case.reader / "golden.safetensors")
    pipe = fused(case)
    with torch.no_grad():
        out = {f"picture.{guidance:g}": readers.draw(pipe, guidance) for guidance in case.pictures}
        out["output"] = output(pipe.to(torch.float64), golden).float()
    save_file({k: v.contiguous() for k, v in out.items()}, FOLDER / f"{name}.golden.safetensors",
              metadata={"reader": case.reader, "loras": case.loras, "negative": readers.NEGATIVE})
    change = (out["output"] - golden["output"]).norm() / golden["output"].norm()
    print(f"{name:10} changes the output by {change:.2f} of it")


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    diffusers.logging.disable_progress_bar()
    FOLDER.mkdir(exist_ok=True)
    names = sys.argv[1:] or CASES
    for name in names:
        if CASES[name].make:
            write_lora(name, CASES[name])
    for name in names:
        write_golden(name, CASES[name])


if __name__ == "__main__":
    main()
