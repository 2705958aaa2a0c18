"""The networks of make_golden.py: together every block type and option that src/model/config_unet.c accepts.

Everything that is not said is diffusers' default (UNet2DModel), except for the widths: groups of 32 channels and 896
channels would make the files large.
"""

from dataclasses import dataclass, field

import torch

RGB = dict(in_channels=3, out_channels=3)
RGBA = dict(in_channels=4, out_channels=4)
GREY = dict(in_channels=1, out_channels=1)
OPENAI = dict(downsample_type="resnet", upsample_type="resnet", **RGB)


@dataclass(frozen=True)
class Scheduler:
    name: str  # diffusers' class
    options: dict = field(default_factory=dict)
    etas: tuple[float, ...] = ()  # of the pictures by DDIMPipeline, or by TCDScheduler


@dataclass
class Network:
    config: dict
    seed: int
    dtype: torch.dtype = torch.float16
    variant: str | None = None
    max_shard_size: str | None = None
    sparse: bool = False  # config.json without what is diffusers' default, as its old versions wrote it
    flat: bool = False  # all files in one folder, attention's tensors under their old names, as google/ddpm-*
    scheduler: Scheduler = Scheduler("CMStochasticIterativeScheduler")
    schedulers: dict[str, Scheduler] = field(default_factory=dict)  # more, each with its pictures
    steps: tuple[int, ...] = ()  # of whole pictures; none: no pictures
    mixed: tuple[int, ...] = ()  # of pictures between two labels


def blocks(down, up):
    """D, A, R: DownBlock2D, AttnDownBlock2D, ResnetDownsampleBlock2D; the same letters for up."""
    downs = {"D": "DownBlock2D", "A": "AttnDownBlock2D", "R": "ResnetDownsampleBlock2D"}
    ups = {"D": "UpBlock2D", "A": "AttnUpBlock2D", "R": "ResnetUpsampleBlock2D"}
    return dict(down_block_types=[downs[c] for c in down.split()], up_block_types=[ups[c] for c in up.split()])


def unet(size, widths, down, up, groups, **options):
    return dict(sample_size=size, block_out_channels=widths, norm_num_groups=groups, **blocks(down, up), **options)


GOOGLE = dict(beta_start=1e-4, beta_end=0.02)

# Every option of DDPMScheduler and DDIMScheduler at least once, and every other class (but variance_type fixed_large_log, with which diffusers
# itself draws NaN: the square root of a logarithm). At the noisiest time a trained network's error is
# multiplied by up to 200, and so is a rounding error; those that begin there predict v or the sample.
DIFFUSION = {
    "ddim_v_cosine_trailing": Scheduler(
        "DDIMScheduler", dict(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing"), (0, 1)),
    "ddim_v_linspace": Scheduler(
        "DDIMScheduler", dict(prediction_type="v_prediction", timestep_spacing="linspace", clip_sample=False), (0.5,)),
    "ddim_epsilon_scaled": Scheduler(
        "DDIMScheduler", dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1,
                              set_alpha_to_one=False), (0, 1)),
    "ddim_sample": Scheduler("DDIMScheduler", dict(prediction_type="sample", clip_sample_range=0.7), (0, 0.5)),
    "ddpm_v_large_trailing": Scheduler(
        "DDPMScheduler", dict(prediction_type="v_prediction", variance_type="fixed_large", timestep_spacing="trailing")),
    "ddpm_sample_log_linspace": Scheduler(
        "DDPMScheduler", dict(prediction_type="sample", variance_type="fixed_small_log", timestep_spacing="linspace",
                              clip_sample_range=0.8)),
    "lcm_v": Scheduler("LCMScheduler", dict(prediction_type="v_prediction", clip_sample=True)),
    "tcd_v": Scheduler("TCDScheduler", dict(prediction_type="v_prediction"), (0, 0.3)),
    "euler_v_trailing": Scheduler("EulerDiscreteScheduler", dict(prediction_type="v_prediction", timestep_spacing="trailing")),
    "euler_ancestral_v": Scheduler("EulerAncestralDiscreteScheduler", dict(prediction_type="v_prediction")),
    "dpmsolver_v_karras": Scheduler(
        "DPMSolverMultistepScheduler", dict(prediction_type="v_prediction", use_karras_sigmas=True)),
    "ddpm_epsilon_cosine": Scheduler("DDPMScheduler", dict(beta_schedule="squaredcos_cap_v2", steps_offset=1)),
}

NETWORKS = {
    # google/ddpm-cifar10-32, smaller
    "ddpm": Network(
        unet(16, [8, 8, 12, 12], "D A D D", "D D A D", 4, attention_head_dim=None, freq_shift=1, flip_sin_to_cos=False,
             downsample_padding=0, norm_eps=1e-6, layers_per_block=2, **RGB), 1,
        scheduler=Scheduler("DDPMScheduler", GOOGLE, (0, 1)), schedulers=DIFFUSION, steps=(1, 2, 4)),
    # google/ddpm-celebahq-256, smaller, its files and tensors as they were published
    "ddpm_flat": Network(
        unet(32, [8, 8, 12, 12], "D D A D", "D A D D", 4, attention_head_dim=None, freq_shift=1, flip_sin_to_cos=False,
             downsample_padding=0, norm_eps=1e-6, layers_per_block=1, **RGB), 18, torch.float32, flat=True,
        scheduler=Scheduler("DDPMScheduler", GOOGLE), steps=(1, 2, 4)),
    # openai/diffusers-cd_imagenet64_l2, smaller: classes, scale and shift
    "openai_imagenet": Network(
        unet(16, [8, 16], "R A", "A R", 8, attention_head_dim=8, attn_norm_num_groups=8, layers_per_block=2,
             resnet_time_scale_shift="scale_shift", num_class_embeds=10, **OPENAI), 2, steps=(1, 2, 4), mixed=(1, 4)),
    # openai/diffusers-cd_bedroom256_l2, smaller: no classes, and as a variant
    "openai_lsun": Network(
        unet(16, [8, 8, 16], "R A A", "A A R", 4, attention_head_dim=8, attn_norm_num_groups=8, layers_per_block=2, **OPENAI),
        3, variant="fp16", scheduler=Scheduler("CMStochasticIterativeScheduler", dict(num_train_timesteps=151)), steps=(1, 2, 4)),
    "plain": Network(unet(8, [8, 16], "D D", "D D", 4, layers_per_block=1, add_attention=False, **GREY), 4, torch.float32),
    # fills in: the sample, a mask and the known picture
    "filling": Network(
        unet(8, [8, 16], "D D", "D D", 4, layers_per_block=1, in_channels=7, out_channels=3), 21, torch.float32),
    # a mid block whose attention has no norm
    "attention_conv": Network(
        unet(8, [8, 16], "A A", "A A", 4, attention_head_dim=4, layers_per_block=2, resnet_time_scale_shift="scale_shift",
             **RGBA), 5, torch.bfloat16),
    "attention_resnet": Network(
        unet(8, [16, 24], "A A", "A A", 8, attention_head_dim=8, attn_norm_num_groups=4, layers_per_block=1,
             resnet_time_scale_shift="scale_shift", num_class_embeds=3, **OPENAI), 6, torch.bfloat16),
    # norms of the mid block's attention and of all others differ
    "mid_groups": Network(
        unet(8, [8, 16], "D A", "A D", 8, attention_head_dim=16, attn_norm_num_groups=2, layers_per_block=1, freq_shift=1, **RGB), 7),
    "resnet_resample": Network(
        unet(8, [8, 16, 16], "R R R", "R R R", 4, attention_head_dim=4, layers_per_block=3, downsample_padding=0, num_class_embeds=5,
             **RGBA), 8),
    # downsample_type and upsample_type reach the attention blocks only
    "mixed_resample": Network(
        unet([8, 16], [12, 16, 20], "D A R", "A R D", 4, attention_head_dim=4, layers_per_block=1, downsample_padding=0,
             downsample_type="resnet", upsample_type="conv", **RGB), 9, max_shard_size="70KB"),
    "mixed_resample_other": Network(
        unet([16, 8], [8, 12, 16], "A D A", "R A A", 4, attention_head_dim=None, layers_per_block=1, downsample_padding=0,
             downsample_type="conv", upsample_type="resnet", resnet_time_scale_shift="scale_shift", **GREY), 110,
        variant="fp16", max_shard_size="60KB"),
    "centered": Network(
        unet(8, [8, 16], "D A", "A D", 4, attention_head_dim=8, layers_per_block=1, center_input_sample=True, mid_block_scale_factor=1.5,
             **RGB), 20),
    "odd_widths": Network(
        unet([8, 12], [20, 24], "D A", "A D", 4, attention_head_dim=4, layers_per_block=1, flip_sin_to_cos=False, num_class_embeds=2,
             **RGB), 11),
    # no width, head or group is a multiple of four
    "no_vectors": Network(
        unet([10, 6], [6, 10], "A A", "A A", 2, attention_head_dim=2, layers_per_block=1, freq_shift=0.5, **RGB), 12, torch.float32),
    # the widest head that fits into a small file; no mid block
    "widest_head": Network(
        unet(8, [4, 132], "D A", "D D", 4, attention_head_dim=None, layers_per_block=1, mid_block_type=None, **GREY), 19),
    # the other activations, with and without what reads the time embedding's another way; its width
    "mish": Network(
        unet(8, [8, 12], "D A", "A D", 4, attention_head_dim=4, layers_per_block=1, act_fn="mish", time_embedding_dim=10,
             num_class_embeds=3, **RGB), 21),
    "gelu": Network(
        unet(8, [4, 8], "R D", "D R", 4, attention_head_dim=4, layers_per_block=1, act_fn="gelu",
             resnet_time_scale_shift="scale_shift", **RGB), 22),
    "relu": Network(
        unet(8, [4, 8], "A D", "D A", 4, attention_head_dim=4, layers_per_block=1, act_fn="relu", downsample_type="resnet",
             time_embedding_dim=24, **GREY), 23),
    # times and labels embedded the other ways: score-SDE's frequencies, a table of times, labels as times and as numbers
    "fourier": Network(
        unet(8, [6, 8], "D A", "A D", 2, attention_head_dim=4, layers_per_block=1, time_embedding_type="fourier",
             class_embed_type="timestep", **RGB), 24, torch.float32),
    "learned": Network(
        unet(8, [4, 8], "D A", "A D", 4, attention_head_dim=4, layers_per_block=1, time_embedding_type="learned",
             num_train_timesteps=500, **GREY), 25, scheduler=Scheduler("DDPMScheduler", dict(num_train_timesteps=500)), steps=(1, 4)),
    "learned_labels": Network(
        unet(8, [4, 8], "D D", "D D", 4, layers_per_block=1, time_embedding_type="learned", num_train_timesteps=438,
             class_embed_type="timestep", **RGB), 28, torch.bfloat16, scheduler=Scheduler("DDPMScheduler", dict(num_train_timesteps=400))),
    "label_times": Network(
        unet(8, [4, 8], "D A", "A D", 4, attention_head_dim=4, layers_per_block=1, class_embed_type="timestep",
             resnet_time_scale_shift="scale_shift", num_class_embeds=20, **RGB), 26, mixed=(1, 4)),
    "label_numbers": Network(
        unet(8, [4, 8], "D A", "A D", 4, attention_head_dim=4, layers_per_block=1, class_embed_type="identity",
             time_embedding_dim=10, time_embedding_type="fourier", **GREY), 27),
    # heads of 48 channels, no mid block
    "wide_head": Network(
        unet(8, [4, 48], "D A", "D D", 4, attention_head_dim=48, layers_per_block=1, mid_block_type=None, **GREY), 13),
    # one block has no resampler, so that no size is wrong
    "one_block": Network(
        unet([5, 7], [16], "A", "A", 16, attention_head_dim=8, layers_per_block=2, norm_eps=1e-2, num_class_embeds=4, **RGB), 14),
    "deep_attention": Network(
        unet([8, 16], [8, 16], "A A", "A A", 1, attention_head_dim=8, layers_per_block=3, act_fn="swish", dropout=0.1,
             time_embedding_dim=32, num_train_timesteps=1000, **RGB), 15),
    # as deep as bedroom256; attention at one pixel
    "six_blocks": Network(
        unet(32, [4, 4, 4, 8, 8, 8], "R D R A D A", "A R A D R D", 4, attention_head_dim=8, attn_norm_num_groups=8, layers_per_block=1,
             **OPENAI), 16),
    "defaults": Network(
        unet(8, [8, 8, 8, 16], "D A A A", "A A A D", 4, attention_head_dim=8, layers_per_block=2, **RGB), 17, torch.bfloat16,
        sparse=True),
}
