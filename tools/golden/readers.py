"""Small networks that read, and what transformers and diffusers compute with them, for tests/model/test_readers.c.

    .venv-train/bin/python tools/golden/readers.py [NAME ...]       writes tests/golden/readers/NAME/

A folder as StableDiffusionPipeline.save_pretrained or, with two text encoders, StableDiffusionXLPipeline.save_pretrained leaves it,
with the tokenizer of tests/golden/tokenizer/pair and a tiny autoencoder, and golden.safetensors, whose metadata has prompts (a line
each) and negative:

    text_states [2, tokens, width], pooled [2, width]       CLIPTextModel's last_hidden_state and pooler_output; of two encode_prompt's
    sample [2, c, h, w], timestep [2], output [2, c, h, w]  the network once on both; guidance [1] where it takes a scale
    node.NAME [1, c, h, w]                                  picture 0's activation of the engine's node NAME
    picture.GUIDANCE [2, c, h, w] in [-1, 1]                the pipeline's, STEPS steps, picture i from torch.Generator().manual_seed(i);
                                                            "picture.3 none" and "picture.3 empty": with no negative prompt, and with "";
                                                            "picture.3 mix": MIX of the other prompt's text states and pooled state

The text encoder and the network run in double on the files' weights, from float32 sinusoids; pictures in float32.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import diffusers
import torch
from diffusers import (AutoencoderTiny, DDIMScheduler, EulerAncestralDiscreteScheduler, LatentConsistencyModelPipeline, LCMScheduler,
                       StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from nodes import hook_nodes
from weights import randomise

TESTS = Path(__file__).resolve().parents[2] / "tests/golden"
FOLDER, TOKENIZER = TESTS / "readers", TESTS / "tokenizer/pair"
PROMPTS = ["a small red knight with sword", "Oil painting of an old house, don't; 1999"]
NEGATIVE = "dark blue"
TOKENS, STEPS, SCALE, MIX = 16, 3, 4.0, 0.25


@dataclass
class Reader:
    unet: dict
    text: dict = field(default_factory=dict)
    seed: int = 0
    pictures: tuple[float, ...] = ()  # guidance scales
    text_2: dict | None = None  # the second text encoder's, that of SDXL
    scheduler: tuple = (DDIMScheduler, dict(clip_sample=False, prediction_type="v_prediction", set_alpha_to_one=False))


def blocks(types):
    """C: CrossAttn, D: without; of the down blocks, mirrored for up."""
    kinds = {"C": "CrossAttn", "D": ""}
    return dict(down_block_types=[f"{kinds[k]}DownBlock2D" for k in types.split()],
                up_block_types=[f"{kinds[k]}UpBlock2D" for k in reversed(types.split())])


def unet(size, widths, types, groups, **options):
    return dict(sample_size=size, block_out_channels=widths, norm_num_groups=groups, cross_attention_dim=16) | blocks(types) | options


READERS = {
    # Stable Diffusion 1's: heads by number, projections are convolutions, the largest id ends a text
    "sd1": Reader(unet(8, [8, 16], "C D", 4, attention_head_dim=2, layers_per_block=2), dict(eos_token_id=2), 31, (1.0, 7.5)),
    # Stable Diffusion 2's and Turbo's: linear projections, heads by level, GELU; several transformers; all of it reads
    "sd2": Reader(
        unet(8, [8, 16], "C C", 4, attention_head_dim=[1, 4], use_linear_projection=True, transformer_layers_per_block=[1, 2],
             only_cross_attention=[True, False], layers_per_block=1, upcast_attention=True), dict(hidden_act="gelu"), 32, (3.0,)),
    # pruned ones: no mid block, or one resnet of it
    "no_mid": Reader(unet([8, 12], [8, 16], "D C", 4, attention_head_dim=2, layers_per_block=1, mid_block_type=None), {}, 33, (1.0,)),
    "small_mid": Reader(
        unet(8, [8, 8], "C D", 4, attention_head_dim=2, layers_per_block=1, mid_block_type="UNetMidBlock2D",
             mid_block_scale_factor=1.5, resnet_time_scale_shift="scale_shift", center_input_sample=True), {}, 34, (2.0,)),
    # LCM's scale, and the pooled text beside the time
    "scaled": Reader(
        unet(8, [8, 12], "D C", 4, attention_head_dim=[1, 3], layers_per_block=1, time_cond_proj_dim=10,
             class_embed_type="simple_projection", projection_class_embeddings_input_dim=16, flip_sin_to_cos=False, freq_shift=1), {}, 35),
    # Stable Diffusion XL's: two text encoders' last but one states side by side, the second's projected pooled state and sizes beside the time
    "xl": Reader(
        unet([8, 12], [8, 16, 16], "D C C", 4, attention_head_dim=[1, 2, 4], layers_per_block=1, use_linear_projection=True,
             transformer_layers_per_block=[1, 2, 3], cross_attention_dim=40, addition_embed_type="text_time", addition_time_embed_dim=8,
             projection_class_embeddings_input_dim=12 + 6 * 8),
        dict(eos_token_id=2), 36, (1.0, 3.0), dict(hidden_size=24, num_hidden_layers=3, hidden_act="gelu", projection_dim=12, eos_token_id=2)),
    # its pruned kin: layers that differ from each other, and not the other way round on the way up; LCM's scale
    "xl_small": Reader(
        unet(8, [8, 16], "C C", 4, attention_head_dim=2, layers_per_block=2, transformer_layers_per_block=[1, [2, 1]],
             reverse_transformer_layers_per_block=[[1, 2, 3], 2], cross_attention_dim=32, time_cond_proj_dim=10, addition_embed_type="text_time",
             addition_time_embed_dim=6, projection_class_embeddings_input_dim=10 + 6 * 6, mid_block_type="UNetMidBlock2D"),
        {}, 37, (4.0,), dict(projection_dim=10), (EulerAncestralDiscreteScheduler, dict(timestep_spacing="trailing"))),
    # latent consistency models' pipeline
    "lcm": Reader(unet(8, [8, 16], "C D", 4, attention_head_dim=2, layers_per_block=1, time_cond_proj_dim=12), dict(eos_token_id=2), 38, (1.0, 8.5),
                  scheduler=(LCMScheduler, {})),
}


def text_encoder(options, kind=CLIPTextModel):
    vocabulary = json.loads((TOKENIZER / "vocab.json").read_text())
    size = len(vocabulary)
    config = dict(vocab_size=size, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                  max_position_embeddings=TOKENS, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1)
    return kind(CLIPTextConfig(**(config | options)))


def tokenizer(folder, **options):
    """pair's, for prompts of TOKENS tokens."""
    shutil.copytree(TOKENIZER, folder)
    (folder / "cases.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": TOKENS} | options
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def make_pipeline(reader, folder, generator):
    net, text = UNet2DConditionModel(**reader.unet).eval(), text_encoder(reader.text).eval()
    vae = AutoencoderTiny(latent_channels=4, num_encoder_blocks=[1, 1], num_decoder_blocks=[1, 1], encoder_block_out_channels=[8, 8],
                          decoder_block_out_channels=[8, 8]).eval()
    text_2 = text_encoder(reader.text_2, CLIPTextModelWithProjection).eval() if reader.text_2 else None
    parts = [part for part in (net, text, vae, text_2) if part]
    for part in parts:
        randomise(part, generator)
    for part in parts:  # what the files hold
        part.to(torch.float16)
    kind, options = reader.scheduler
    scheduler = kind(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, **options)
    words = tokenizer(folder / "tokens")
    if text_2:
        words_2 = tokenizer(folder / "tokens_2", pad_token="!")
        pipe = StableDiffusionXLPipeline(vae, text, text_2, words, words_2, net, scheduler, add_watermarker=False)
    else:
        kind = LatentConsistencyModelPipeline if reader.scheduler[0] is LCMScheduler else StableDiffusionPipeline
        pipe = kind(vae, text, words, net, scheduler, None, None, requires_safety_checker=False)
    pipe.save_pretrained(folder)
    for made in folder.glob("tokens*"):
        target = folder / made.name.replace("tokens", "tokenizer")
        shutil.rmtree(target)
        made.rename(target)
    return pipe


def scale_embedding(pipe, scale):
    """LatentConsistencyModelPipeline.get_guidance_scale_embedding(scale - 1)."""
    width = pipe.unet.config.time_cond_proj_dim
    return diffusers.LatentConsistencyModelPipeline.get_guidance_scale_embedding(pipe, torch.tensor([scale - 1]), width)


def read(pipe):
    """Text states and pooled states of PROMPTS."""
    if hasattr(pipe, "text_encoder_2"):
        states, _, pooled, _ = pipe.encode_prompt(PROMPTS, do_classifier_free_guidance=False)
        return states, pooled
    ids = pipe.tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt").input_ids
    out = pipe.text_encoder(ids)
    return out.last_hidden_state, out.pooler_output


def forward(pipe, generator):
    """The text encoder and the network once, in double."""
    net, config = pipe.unet, pipe.unet.config
    size = config.sample_size if isinstance(config.sample_size, (list, tuple)) else (config.sample_size,) * 2
    states, pooled = read(pipe)
    out = {"text_states": states, "pooled": pooled}
    out |= {"sample": torch.randn(2, 4, *size, generator=generator), "timestep": torch.tensor([437.5, 3.0])}
    extra = {}
    if config.time_cond_proj_dim:
        out["guidance"] = torch.tensor([SCALE])
        extra["timestep_cond"] = scale_embedding(pipe, SCALE).double().expand(2, -1)
    if config.class_embed_type:
        extra["class_labels"] = pooled
    if config.addition_embed_type:
        height, width = (2 * side for side in size)
        time_ids = torch.tensor([[height, width, 0, 0, height, width]] * 2)
        extra["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": time_ids}
    nodes = {}
    hooks = hook_nodes(net, nodes)
    out["output"] = net(out["sample"].double(), out["timestep"], states, return_dict=False, **extra)[0]
    for hook in hooks:
        hook.remove()
    if config.class_embed_type or config.addition_embed_type:
        del nodes["time_embedding.linear_2"]  # there the engine has added the text's part
    return out | {f"node.{name}": value for name, value in nodes.items()}


def blend(pipe):
    """As arguments of the pipeline what is between each prompt and the other one."""
    states, pooled = (torch.lerp(x, x.flip(0), MIX) for x in read(pipe))
    return dict(prompt_embeds=states) | (dict(pooled_prompt_embeds=pooled) if hasattr(pipe, "text_encoder_2") else {})


def draw(pipe, guidance, negative=NEGATIVE, words=None, **more):
    """Both prompts' pictures in [-1, 1]; words: arguments in place of the prompts."""
    pipe.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(i) for i in range(len(PROMPTS))]
    guided = guidance > 1 and pipe.unet.config.time_cond_proj_dim is None
    negative = dict(negative_prompt=[negative] * len(PROMPTS)) if guided and negative is not None else {}
    size = pipe.unet.config.sample_size
    h, w = size if isinstance(size, (list, tuple)) else (size, size)
    images = pipe(**(words or dict(prompt=PROMPTS)), height=2 * h, width=2 * w, num_inference_steps=STEPS, guidance_scale=guidance, **negative, **more,
                  generator=generators, output_type="pt").images
    return 2 * images - 1


def make(name, reader):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(reader.seed)
    pipe = make_pipeline(reader, folder, generator)
    with torch.no_grad():
        out = forward(pipe.to(torch.float64), generator)
        pipe.to(torch.float32)
        out |= {f"picture.{guidance:g}": draw(pipe, guidance) for guidance in reader.pictures}
        if reader.pictures:
            out |= {f"picture.{guidance:g} mix": draw(pipe, guidance, words=blend(pipe)) for guidance in reader.pictures[-1:]}
        if reader.text_2 and pipe.unet.config.time_cond_proj_dim is None:
            out |= {f"picture.3 {name}": draw(pipe, 3, negative) for name, negative in (("none", None), ("empty", ""))}
            second = dict(prompt_2=[PROMPTS[1]] * 2, negative_prompt_2=[PROMPTS[0]] * 2, original_size=(48, 70), crops_coords_top_left=(5, 9))
            out["picture.3 second"] = draw(pipe, 3, **second)
    out = {k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in out.items()}
    save_file(out, folder / "golden.safetensors", metadata={"prompts": "\n".join(PROMPTS), "negative": NEGATIVE})
    print(f"{name:12} output std {out['output'].std():.2f}")


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    for name in sys.argv[1:] or READERS:
        make(name, READERS[name])


if __name__ == "__main__":
    main()
