"""CLIP's byte-level byte-pair encoding, its merges learned from captions; prompts to token ids.

The files are those of transformers' CLIPTokenizer: vocab.json (256 bytes, 256 bytes that end a word, a token a merge, start
and end of text), merges.txt, tokenizer_config.json, special_tokens_map.json.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

HUNDREDTHS = 100  # the guidance scale rides along with the ids, in hundredths
GRID_GUIDANCE = 3.0
LENGTH = 32  # tokens of a prompt, start, end and padding among them
START, END = "<|startoftext|>", "<|endoftext|>"
PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def learn(captions, merges, folder):
    """Writes a tokenizer's folder with at most so many merges."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=512 + merges, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>",
                                  show_progress=False)
    tokenizer.train_from_iterator(captions, trainer)
    pairs = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    letters = list(bytes_to_letters().values())
    vocabulary = OrderedDict.fromkeys([*letters, *(c + "</w>" for c in letters), *(a + b for a, b in pairs), START, END])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    write("vocab.json", {token: i for i, token in enumerate(vocabulary)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs), encoding="utf-8")
    special = dict(bos_token=START, eos_token=END, unk_token=END, pad_token=END)
    write("special_tokens_map.json", special)
    write("tokenizer_config.json", dict(tokenizer_class="CLIPTokenizer", model_max_length=LENGTH, do_lower_case=True, add_prefix_space=False, **special))


def bytes_to_letters():
    """GPT-2's printable letter of every byte, printable bytes first, as CLIP's vocabulary has them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


class Prompts:
    """Text to ids [n, LENGTH] int64: start, tokens, end, and end again up to the length; longer prompts are cut."""

    def __init__(self, folder):
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)

    def __len__(self):
        return len(self.tokenizer)

    def __call__(self, texts):
        answer = self.tokenizer(list(texts), padding="max_length", truncation=True, max_length=LENGTH)
        return torch.tensor(answer["input_ids"])

    def labels(self, texts, guidance=1.0):
        """Prompts with their guidance scale, as text_model.py takes them: [n, LENGTH + 1] int64."""
        ids = self(texts)
        return torch.cat([ids, torch.full((len(ids), 1), round(HUNDREDTHS * guidance))], 1)

    def examples(self, texts, count):
        """Labels for a grid: the texts in turn."""
        return self.labels([texts[i % len(texts)] for i in range(count)], GRID_GUIDANCE)
