"""What a model that reads has beside the unet: text_encoder/ and tokenizer/, as a StableDiffusionPipeline's folder has them."""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"
OURS, THEIRS = "text_encoder.", "text_model."  # names in a TextUNet; in files (transformers below 5 wants the prefix, 5 takes it)
INDEX = {
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
}
FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")


def split(tensors):
    """A TextUNet's tensors by folder, under the names of its files."""
    reader = {THEIRS + k.removeprefix(OURS).removeprefix(THEIRS): v for k, v in tensors.items() if k.startswith(OURS)}
    return {"unet": {k: v for k, v in tensors.items() if not k.startswith(OURS)}, "text_encoder": reader}


def save(net, tensors, tokenizer, folder):
    """tokenizer: the folder of the training's."""
    if tokenizer is None:
        raise SystemExit("the network reads prompts: name its --tokenizer")
    (folder / "text_encoder").mkdir(exist_ok=True)
    (folder / "tokenizer").mkdir(exist_ok=True)
    config = net.text_encoder.config.to_dict() | {"architectures": ["CLIPTextModel"], "dtype": "float16"}
    (folder / "text_encoder/config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(tensors, folder / "text_encoder" / WEIGHTS, metadata={"format": "pt"})
    for name in FILES:
        shutil.copyfile(Path(tokenizer) / name, folder / "tokenizer" / name)


def guidance():
    """The scale that the folder's pictures are drawn with unless somebody says another."""
    from tokens import GRID_GUIDANCE

    return GRID_GUIDANCE


def labels(folder, count):
    """Prompts for a grid: the model's examples in turn."""
    from tokens import Prompts  # it needs transformers, which class models do without

    examples = json.loads((Path(folder) / "model_index.json").read_text())["examples"]
    return Prompts(Path(folder) / "tokenizer").examples(examples, count)


def vocabulary(folder):
    """The number of a model folder's tokens, or None if its network does not read."""
    path = Path(folder) / "text_encoder/config.json"
    return json.loads(path.read_text())["vocab_size"] if path.exists() else None


def load(folder):
    """The text encoder's weights under a TextUNet's names."""
    weights = load_file(Path(folder) / "text_encoder" / WEIGHTS)
    return {OURS + k.removeprefix(THEIRS): v for k, v in weights.items()}
