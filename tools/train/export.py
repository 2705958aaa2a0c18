"""Writes a diffusers model folder the engine reads, from a checkpoint of train.py or from random weights.

    export.py RUN/b.pt MODEL_DIR [--clip]
    export.py untrained MODEL_DIR

Weights are float16 under diffusers' names, plus segment_embedding.linear_{1,2}.weight. load() reads the folder back.
"""

import argparse
import json
from pathlib import Path

import diffusers
import torch
from safetensors.torch import load_file, save_file

import data
import schedule as S
from model import SegmentUNet

TRAINED_STEPS = [1, 2, 3, 4, 5, 6, 8, 12, 16]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def scheduler_config(clip):
    return {
        "_class_name": "MultistepConsistencyScheduler",
        "prediction_type": "v_prediction",
        "schedule": "interpolated_cosine",
        "image_size": 32,
        "noise_size_low": 32,
        "noise_size_high": 32,
        "logsnr_min": S.LOGSNR_MIN,
        "logsnr_max": S.LOGSNR_MAX,
        "timestep_scale": S.TIMESTEP_SCALE,
        "clip_sample": clip,
        "trained_steps": TRAINED_STEPS,
    }


def save(net, folder, clip):
    """model_index.json, unet/ and scheduler/."""
    folder = Path(folder)
    (folder / "unet").mkdir(parents=True, exist_ok=True)
    (folder / "scheduler").mkdir(exist_ok=True)
    net.save_config(folder / "unet")
    config = json.loads((folder / "unet/config.json").read_text())
    write_json(folder / "unet/config.json", config | {"_class_name": "UNet2DModel", "segment_embedding": True})
    tensors = {k: v.detach().to(torch.float16).contiguous() for k, v in net.state_dict().items()}
    save_file(tensors, folder / "unet/diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    write_json(folder / "scheduler/scheduler_config.json", scheduler_config(clip))
    write_json(folder / "model_index.json", {
        "_class_name": "MultistepConsistencyPipeline",
        "_diffusers_version": diffusers.__version__,
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["quickstep", "MultistepConsistencyScheduler"],
        "image_alpha": "premultiplied",
        "id2label": {str(i): name for i, name in enumerate(data.NAMES)},
        "default_label": data.NAMES.index("hero"),
    })


def load(folder):
    """The network in float32 with the folder's float16 weights, and the scheduler's settings."""
    folder = Path(folder)
    config = json.loads((folder / "unet/config.json").read_text())
    plain = {k: v for k, v in config.items() if not k.startswith("_") and k not in ("segment_embedding", "num_class_embeds")}
    net = SegmentUNet.create(config["num_class_embeds"], **plain)
    weights = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    net.load_state_dict({k: v.float() for k, v in weights.items()})
    return net.eval(), json.loads((folder / "scheduler/scheduler_config.json").read_text())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint")
    p.add_argument("folder")
    p.add_argument("--clip", action="store_true", help="the sampler clips xhat to [-1, 1] before every jump")
    args = p.parse_args()
    torch.manual_seed(0)
    net = SegmentUNet.create(len(data.NAMES))
    if args.checkpoint == "untrained":
        torch.nn.init.normal_(net.segment_embedding.linear_2.weight, std=0.02)
    else:
        net.load_state_dict(torch.load(args.checkpoint)["average"])
    save(net, args.folder, args.clip)


if __name__ == "__main__":
    main()
