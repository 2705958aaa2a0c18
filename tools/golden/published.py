"""The published checkpoints' layouts: configs, file names and tensor names as they lie on huggingface.co.

Only the weights are missing; tools/make_full_size.py makes random ones.
"""

from dataclasses import dataclass

OPENAI = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.18.0.dev0",
    "act_fn": "silu",
    "add_attention": True,
    "attention_head_dim": 64,
    "center_input_sample": False,
    "class_embed_type": None,
    "downsample_padding": 1,
    "downsample_type": "resnet",
    "dropout": 0.0,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 3,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "attn_norm_num_groups": 32,
    "out_channels": 3,
    "time_embedding_type": "positional",
    "upsample_type": "resnet",
}
IMAGENET64 = OPENAI | {
    "block_out_channels": [192, 384, 576, 768],
    "down_block_types": ["ResnetDownsampleBlock2D"] + ["AttnDownBlock2D"] * 3,
    "layers_per_block": 3,
    "num_class_embeds": 1000,
    "resnet_time_scale_shift": "scale_shift",
    "sample_size": 64,
    "up_block_types": ["AttnUpBlock2D"] * 3 + ["ResnetUpsampleBlock2D"],
}
LSUN256 = OPENAI | {
    "block_out_channels": [256, 256, 512, 512, 1024, 1024],
    "down_block_types": ["ResnetDownsampleBlock2D"] * 3 + ["AttnDownBlock2D"] * 3,
    "layers_per_block": 2,
    "num_class_embeds": None,
    "resnet_time_scale_shift": "default",
    "sample_size": 256,
    "up_block_types": ["AttnUpBlock2D"] * 3 + ["ResnetUpsampleBlock2D"] * 3,
}

GOOGLE = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.0.4",
    "act_fn": "silu",
    "center_input_sample": False,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-06,
    "norm_num_groups": 32,
    "out_channels": 3,
    "time_embedding_type": "positional",
}
DDPM32 = GOOGLE | {
    "attention_head_dim": None,
    "block_out_channels": [128, 256, 256, 256],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "sample_size": 32,
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
DDPM256 = GOOGLE | {
    "attention_head_dim": None,
    "block_out_channels": [128, 128, 256, 256, 512, 512],
    "down_block_types": ["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
    "sample_size": 256,
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4,
}


def consistency_scheduler(points):
    return {
        "_class_name": "CMStochasticIterativeScheduler",
        "_diffusers_version": "0.18.0.dev0",
        "clip_denoised": True,
        "num_train_timesteps": points,
        "rho": 7.0,
        "s_noise": 1.0,
        "sigma_data": 0.5,
        "sigma_max": 80.0,
        "sigma_min": 0.002,
    }


DDPM_SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.1.1",
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "variance_type": "fixed_small",
}


@dataclass
class Layout:
    unet: dict
    scheduler: dict
    parameters: int  # counted in the published weights
    seed: int
    flat: bool = False  # all files in the root folder, attention's tensors under their old names

    @property
    def pipeline(self):
        return "DDPMPipeline" if self.flat else "ConsistencyModelPipeline"


LAYOUTS = {
    "diffusers-cd_imagenet64_l2": Layout(IMAGENET64, consistency_scheduler(40), 295_899_267, 1),
    "diffusers-ct_imagenet64": Layout(IMAGENET64, consistency_scheduler(201), 295_899_267, 2),
    "diffusers-cd_bedroom256_l2": Layout(LSUN256, consistency_scheduler(40), 526_304_771, 3),
    "diffusers-ct_cat256": Layout(LSUN256, consistency_scheduler(151), 526_304_771, 4),
    "ddpm-cifar10-32": Layout(DDPM32, DDPM_SCHEDULER, 35_746_307, 5, flat=True),
    # ddpm-church-256, -bedroom-256 and -cat-256 are this network too
    "ddpm-celebahq-256": Layout(DDPM256, DDPM_SCHEDULER, 113_673_219, 6, flat=True),
}
