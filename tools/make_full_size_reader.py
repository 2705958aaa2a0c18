"""A published text-to-image folder's parts in full size with random weights, for tools/compare_diffusers.py.

    .venv-train/bin/python tools/make_full_size_reader.py sd15 FOLDER [--dtype float16]
    .venv-train/bin/python tools/make_full_size_reader.py sd_turbo FOLDER --decoder kl
    .venv-train/bin/python tools/make_full_size_reader.py sdxl_turbo FOLDER --layers 2
    PYTHONPATH=PEFT .venv-train/bin/python tools/make_full_size_reader.py sd15 FOLDER --loras

Configs are those of the published files (LAYOUTS); the autoencoder is TAESD's or Stable Diffusion's, the tokenizer a tiny one of
tests/golden. Weights are scaled so that activations and outputs have a deviation near 1; the same seed gives the same bytes. With
--layers no transformer has more layers: every width of SDXL's network and text encoders in 0.9 and 0.8 billion parameters, where
there is no memory for all. --loras makes two LoRAs, FOLDER/kohya.safetensors and peft.safetensors (peft: tools/golden/loras.py).
"""

import argparse
import shutil
import sys
from pathlib import Path

import torch
from diffusers import (AutoencoderKL, AutoencoderTiny, DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       LatentConsistencyModelPipeline, LCMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline,
                       UNet2DConditionModel)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from readers import TOKENIZER, blocks
from weights import randomise

# name: parameters of the network, its config, the text encoders' configs
VIT_L = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu", eos_token_id=2)
VIT_H = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu", eos_token_id=2)
BIG_G = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", eos_token_id=2,
             projection_dim=1280)
FOUR = dict(block_out_channels=[320, 640, 1280, 1280], layers_per_block=2, **blocks("C C C D"))
THREE = dict(block_out_channels=[320, 640, 1280], layers_per_block=1, mid_block_type=None)
LAYOUTS = {
    # stable-diffusion-v1-5; LCM's network (LCM_Dreamshaper_v7) is the same and takes the guidance scale
    "sd15": (859_520_964, dict(attention_head_dim=8, cross_attention_dim=768, **FOUR), [VIT_L]),
    "lcm": (859_602_884, dict(attention_head_dim=8, cross_attention_dim=768, time_cond_proj_dim=256, **FOUR), [VIT_L]),
    # stabilityai/sd-turbo and stable-diffusion-2-1-base
    "sd_turbo": (865_910_724, dict(attention_head_dim=[5, 10, 20, 20], cross_attention_dim=1024, use_linear_projection=True, **FOUR), [VIT_H]),
    # segmind/tiny-sd
    "tiny_sd": (323_384_964, dict(attention_head_dim=8, cross_attention_dim=768, **THREE, **blocks("C C C")), [VIT_L]),
    # IDKiro/sdxs-512-0.9
    "sdxs": (None, dict(attention_head_dim=[5, 10, 20], cross_attention_dim=1024, use_linear_projection=True, **THREE, **blocks("D C C")), [VIT_H]),
    # stabilityai/sdxl-turbo and stable-diffusion-xl-base-1.0
    "sdxl_turbo": (
        2_567_463_684,
        dict(block_out_channels=[320, 640, 1280], layers_per_block=2, attention_head_dim=[5, 10, 20], transformer_layers_per_block=[1, 2, 10],
             cross_attention_dim=2048, use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
             projection_class_embeddings_input_dim=1280 + 6 * 256, **blocks("D C C")), [VIT_L, BIG_G]),
}


def empty_parts(unet, texts):
    """The network and its text encoders with no values in them yet."""
    with torch.device("meta"):
        parts = [UNet2DConditionModel(sample_size=64, **unet)]
        for kind, text in zip((CLIPTextModel, CLIPTextModelWithProjection), texts):
            parts.append(kind(CLIPTextConfig(max_position_embeddings=77, **text)))
    return parts


def fill(part, generator, dtype):
    part.to_empty(device="cpu")
    for module in part.modules():  # what no file has
        if hasattr(module, "position_ids"):
            module.register_buffer("position_ids", torch.arange(77)[None], persistent=False)
    randomise(part, generator)
    part.to(dtype)


SCHEDULERS = {  # the others sample by DDIM
    "lcm": (LCMScheduler, {}),
    "sd_turbo": (EulerDiscreteScheduler, dict(timestep_spacing="trailing")),
    "sdxl_turbo": (EulerAncestralDiscreteScheduler, dict(timestep_spacing="trailing")),
}


def make_scheduler(name):
    kind, options = SCHEDULERS.get(name, (DDIMScheduler, dict(clip_sample=False, set_alpha_to_one=False, timestep_spacing="trailing",
                                                              prediction_type="v_prediction")))
    return kind(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, **options)


def make_pipeline(name, vae, net, readers):
    words, scheduler = [CLIPTokenizer.from_pretrained(TOKENIZER) for _ in readers], make_scheduler(name)
    if len(readers) == 2:
        return StableDiffusionXLPipeline(vae, *readers, *words, net, scheduler, add_watermarker=False)
    kind = LatentConsistencyModelPipeline if name == "lcm" else StableDiffusionPipeline
    return kind(vae, *readers, *words, net, scheduler, None, None, requires_safety_checker=False)


def empty_decoder(kind):
    if kind == "tiny":
        return AutoencoderTiny(latent_channels=4).eval()
    widths = [128, 256, 512, 512]
    return AutoencoderKL(block_out_channels=widths, layers_per_block=2, sample_size=512, scaling_factor=0.18215,
                         down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4).eval()


def write_loras(pipe, folder, generator):
    import loras  # which needs peft

    for make_lora in (loras.kohya, loras.peft):
        state, metadata = make_lora(pipe, generator)
        save_file({k: v.contiguous() for k, v in state.items()}, folder / f"{make_lora.__name__}.safetensors", metadata=metadata)


def make(name, folder, dtype, seed, layers, decoder, loras):
    count, unet, texts = LAYOUTS[name]
    if layers:
        depths = unet.get("transformer_layers_per_block", 1)
        depths = [min(depth, layers) for depth in depths] if isinstance(depths, list) else min(depths, layers)
        unet = unet | dict(transformer_layers_per_block=depths)
    generator = torch.Generator().manual_seed(seed)
    vae = empty_decoder(decoder)
    net, *readers = empty_parts(unet, texts)
    found = sum(p.numel() for p in net.parameters())
    if count and found != count and not layers:
        raise SystemExit(f"{found} parameters, published are {count}")
    for part in (net, *readers):
        fill(part, generator, dtype)
    randomise(vae, generator)
    vae.to(dtype)
    pipe = make_pipeline(name, vae, net, readers)
    pipe.save_pretrained(folder, max_shard_size="100GB")
    for tokenizer in folder.glob("tokenizer*"):
        for file in ("vocab.json", "merges.txt", "tokenizer_config.json"):
            shutil.copyfile(TOKENIZER / file, tokenizer / file)
    if loras:
        write_loras(pipe, folder, generator)
    print(f"{folder}: {found} parameters, text encoders {[sum(p.numel() for p in reader.parameters()) for reader in readers]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("layout", choices=LAYOUTS)
    p.add_argument("folder", type=Path)
    p.add_argument("--dtype", choices=["float32", "float16"], default="float32")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--decoder", choices=["tiny", "kl"], default="tiny", help="the autoencoder's kind (default: tiny)")
    p.add_argument("--loras", action="store_true", help="also two LoRAs")
    p.add_argument("--layers", type=int, help="at most so many in every transformer of the network")
    args = p.parse_args()
    torch.set_num_threads(1)
    make(args.layout, args.folder, getattr(torch, args.dtype), args.seed, args.layers, args.decoder, args.loras)


if __name__ == "__main__":
    main()
