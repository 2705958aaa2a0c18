"""Small networks that read, and what transformers and diffusers compute with them, for tests/model/test_readers.c.

    .venv-train/bin/python tools/golden/readers.py [NAME ...]       writes tests/golden/readers/NAME/

A folder as StableDiffusionPipeline.save_pretrained leaves it, with the tokenizer of tests/golden/tokenizer/pair and a tiny
autoencoder, and golden.safetensors, whose metadata has prompts (a line each) and negative:

    text_states [2, tokens, width], pooled [2, width]       CLIPTextModel's last_hidden_state and pooler_output
    sample [2, c, h, w], timestep [2], output [2, c, h, w]  the network once on both; guidance [1] where it takes a scale
    node.NAME [1, c, h, w]                                  picture 0's activation of the engine's node NAME
    picture.GUIDANCE [2, c, h, w] in [-1, 1]                StableDiffusionPipeline's, STEPS steps, picture i from
                                                            torch.Generator().manual_seed(i)

The text encoder and the network run in double on the files' weights, from float32 sinusoids; pictures in float32.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from nodes import hook_nodes
from weights import randomise

TESTS = Path(__file__).resolve().parents[2] / "tests/golden"
FOLDER, TOKENIZER = TESTS / "readers", TESTS / "tokenizer/pair"
PROMPTS = ["a small red knight with sword", "Oil painting of an old house, don't; 1999"]
NEGATIVE = "dark blue"
TOKENS, STEPS, SCALE = 16, 3, 4.0


@dataclass
class Reader:
    unet: dict
    text: dict = field(default_factory=dict)
    seed: int = 0
    pictures: tuple[float, ...] = ()  # guidance scales


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
}


def text_encoder(options):
    vocabulary = json.loads((TOKENIZER / "vocab.json").read_text())
    size = len(vocabulary)
    config = dict(vocab_size=size, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                  max_position_embeddings=TOKENS, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1)
    return CLIPTextModel(CLIPTextConfig(**(config | options)))


def tokenizer(folder):
    """pair's, for prompts of TOKENS tokens."""
    shutil.copytree(TOKENIZER, folder)
    (folder / "cases.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": TOKENS}
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def make_pipeline(reader, folder, generator):
    net, text = UNet2DConditionModel(**reader.unet).eval(), text_encoder(reader.text).eval()
    vae = AutoencoderTiny(latent_channels=4, num_encoder_blocks=[1, 1], num_decoder_blocks=[1, 1], encoder_block_out_channels=[8, 8],
                          decoder_block_out_channels=[8, 8]).eval()
    for part in (net, text, vae):
        randomise(part, generator)
    for part in (net, text, vae):  # what the files hold
        part.to(torch.float16)
    scheduler = DDIMScheduler(clip_sample=False, prediction_type="v_prediction", beta_schedule="scaled_linear", beta_start=0.00085,
                              beta_end=0.012, set_alpha_to_one=False, steps_offset=1)
    words = tokenizer(folder / "tokens")
    pipe = StableDiffusionPipeline(vae, text, words, net, scheduler, None, None, requires_safety_checker=False)
    pipe.save_pretrained(folder)
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokens").rename(folder / "tokenizer")
    return pipe


def scale_embedding(pipe, scale):
    """LatentConsistencyModelPipeline.get_guidance_scale_embedding(scale - 1)."""
    width = pipe.unet.config.time_cond_proj_dim
    return diffusers.LatentConsistencyModelPipeline.get_guidance_scale_embedding(pipe, torch.tensor([scale - 1]), width)


def forward(pipe, generator):
    """The text encoder and the network once, in double."""
    net, config = pipe.unet, pipe.unet.config
    size = config.sample_size if isinstance(config.sample_size, (list, tuple)) else (config.sample_size,) * 2
    ids = pipe.tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt").input_ids
    read = pipe.text_encoder(ids)
    out = {"text_states": read.last_hidden_state, "pooled": read.pooler_output}
    out |= {"sample": torch.randn(2, 4, *size, generator=generator), "timestep": torch.tensor([437.5, 3.0])}
    extra = {}
    if config.time_cond_proj_dim:
        out["guidance"] = torch.tensor([SCALE])
        extra["timestep_cond"] = scale_embedding(pipe, SCALE).double().expand(2, -1)
    if config.class_embed_type:
        extra["class_labels"] = read.pooler_output
    nodes = {}
    hooks = hook_nodes(net, nodes)
    out["output"] = net(out["sample"].double(), out["timestep"], read.last_hidden_state, return_dict=False, **extra)[0]
    for hook in hooks:
        hook.remove()
    if config.class_embed_type:
        del nodes["time_embedding.linear_2"]  # there the engine has added the text's part
    return out | {f"node.{name}": value for name, value in nodes.items()}


def draw(pipe, guidance):
    """Both prompts' pictures in [-1, 1]."""
    pipe.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(i) for i in range(len(PROMPTS))]
    negative = [NEGATIVE] * len(PROMPTS) if guidance > 1 else None
    size = pipe.unet.config.sample_size
    h, w = size if isinstance(size, (list, tuple)) else (size, size)
    images = pipe(PROMPTS, height=2 * h, width=2 * w, num_inference_steps=STEPS, guidance_scale=guidance, negative_prompt=negative,
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
