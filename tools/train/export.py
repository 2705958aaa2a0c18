"""Writes a diffusers model folder the engine reads, from a checkpoint of train.py, with its model card and samples.

    export.py RUN/b.pt MODEL_DIR [--autoencoder DIR] [--title TEXT] [--about about/sprites.md] [--evaluation EVALUATION_DIR]

Weights are float16 under diffusers' names, plus segment_embedding.linear_{1,2}.weight. load() reads the folder back. To
put evaluate.py's tables into the card, export again once it has run: nothing but README.md changes.
"""

import argparse
import json
import shutil
from pathlib import Path

import diffusers
import torch
from safetensors.torch import load_file, save_file

import card
import sample
import schedule as S
import text_export
from autoencoder import Autoencoder, picture_shape
from model import create, load_checkpoint


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def scheduler_config(schedule, steps, clip):
    return {
        "_class_name": "MultistepConsistencyScheduler",
        "prediction_type": "v_prediction",
        "schedule": "interpolated_cosine",
        "image_size": schedule.image_size,
        "noise_size_low": schedule.noise_low,
        "noise_size_high": schedule.noise_high,
        "logsnr_min": schedule.logsnr_min,
        "logsnr_max": schedule.logsnr_max,
        "timestep_scale": S.TIMESTEP_SCALE,
        "clip_sample": clip,
        "trained_steps": steps,
    }


def save(net, folder, state, clip, autoencoder=None, tokenizer=None):
    """model_index.json, unet/, scheduler/ and perhaps vae/, text_encoder/ and tokenizer/.

    state: load_checkpoint's; autoencoder: whose latents the network draws; tokenizer: the folder of one that reads.
    """
    folder = Path(folder)
    if state.get("encoder") != (autoencoder and autoencoder.encoder_digest()):
        raise SystemExit("the network draws latents of another --autoencoder" if state.get("encoder") else
                         "the network draws pictures: without --autoencoder")
    reads = bool(state.get("vocabulary"))
    (folder / "unet").mkdir(parents=True, exist_ok=True)
    (folder / "scheduler").mkdir(exist_ok=True)
    net.save_config(folder / "unet")
    config = json.loads((folder / "unet/config.json").read_text())
    kind = "UNet2DConditionModel" if reads else "UNet2DModel"
    config |= {"_class_name": kind, "segment_embedding": net.segment_embedding is not None}
    write_json(folder / "unet/config.json", config)
    tensors = {k: v.detach().to(torch.float16).contiguous() for k, v in net.state_dict().items()}
    parts = text_export.split(tensors) if reads else {"unet": tensors}
    save_file(parts["unet"], folder / "unet/diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    if reads:
        text_export.save(net, parts["text_encoder"], tokenizer, folder)
    write_json(folder / "scheduler/scheduler_config.json", scheduler_config(net.schedule, state["steps"], clip))
    index = {
        "_class_name": "MultistepConsistencyPipeline",
        "_diffusers_version": diffusers.__version__,
        "unet": ["diffusers", kind],
        "scheduler": ["quickstep", "MultistepConsistencyScheduler"],
    }
    index |= text_export.INDEX | {"examples": state["examples"], "default_guidance": text_export.guidance()} if reads else {
        "id2label": {str(i): name for i, name in enumerate(state["names"])}, "default_label": state["default_label"]}
    index["vae"] = ["diffusers", "AutoencoderTiny"] if autoencoder else None
    shutil.rmtree(folder / "vae", ignore_errors=True)  # of another model that was here
    if autoencoder:
        autoencoder.save(folder / "vae")
    if picture_shape(net, autoencoder)[0] == 4:
        index["image_alpha"] = "premultiplied"
    write_json(folder / "model_index.json", index)


def labels(folder, count):
    """For a grid: the classes in turn, or example prompts."""
    if text_export.vocabulary(folder):
        return text_export.labels(folder, count)
    classes = json.loads((Path(folder) / "model_index.json").read_text())["id2label"]
    return torch.arange(count) % (len(classes) - 1)


def load_autoencoder(folder, device="cpu"):
    """The folder's, or None if its network draws pictures."""
    path = Path(folder) / "vae"
    return Autoencoder.load(path, device) if path.exists() else None


def load(folder):
    """The network in float32 with the folder's float16 weights, and the scheduler's settings."""
    folder = Path(folder)
    config = json.loads((folder / "unet/config.json").read_text())
    settings = json.loads((folder / "scheduler/scheduler_config.json").read_text())
    schedule = S.Schedule(*(settings[k] for k in ("image_size", "noise_size_low", "noise_size_high", "logsnr_min", "logsnr_max")))
    plain = {k: v for k, v in config.items() if not k.startswith("_") and k != "segment_embedding"}
    vocabulary = text_export.vocabulary(folder)
    net = create(plain, schedule, config["segment_embedding"], vocabulary)
    weights = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    weights |= text_export.load(folder) if vocabulary else {}
    net.load_state_dict({k: v.float() for k, v in weights.items()})
    return net.eval(), settings


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint", type=Path)
    p.add_argument("folder", type=Path)
    p.add_argument("--autoencoder", type=Path, help="the one of the training; its decoder may have been refined since")
    p.add_argument("--tokenizer", type=Path, help="the one of the training, if the network reads prompts")
    p.add_argument("--clip", action=argparse.BooleanOptionalAction, default=True, help="xhat to [-1, 1] before every jump")
    p.add_argument("--title", help="of the card; default: the folder's name")
    p.add_argument("--licence", default="other", help="of the weights, for the card's head; such as cc0-1.0")
    p.add_argument("--about", type=Path, help="Markdown for the card: the pictures and their licence")
    p.add_argument("--evaluation", type=Path, help="evaluate.py's folder; its evaluation.md goes into the card")
    p.add_argument("--rows", type=int, default=12, help="of samples.png; 0: leave it as it is")
    args = p.parse_args()
    net, state = load_checkpoint(args.checkpoint)
    autoencoder = Autoencoder.load(args.autoencoder) if args.autoencoder else None
    save(net, args.folder, state, args.clip, autoencoder, args.tokenizer)
    evaluation = (args.evaluation / "evaluation.md").read_text() if args.evaluation else None
    about = args.about.read_text() if args.about else None
    title = args.title or args.folder.resolve().name
    card.write(args.folder, net, state, title, args.licence, about, evaluation, autoencoder)
    if args.rows:
        sample.grid(*load(args.folder), load_autoencoder(args.folder), labels(args.folder, args.rows), args.folder / "samples.png")


if __name__ == "__main__":
    main()
