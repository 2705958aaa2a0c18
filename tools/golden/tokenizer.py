"""CLIPTokenizer's ids for tests/unit/test_tokenizer.c.

    .venv-train/bin/python tools/golden/tokenizer.py             writes tests/golden/tokenizer
    .venv-train/bin/python tools/golden/tokenizer.py DIR FOLDER  the same cases of another tokenizer/ folder, into FOLDER

Two folders with a vocabulary of a few hundred byte pairs, trained on the words below: `pair` has vocab.json and merges.txt
and pads with its end token, `whole` has tokenizer.json and pads with "!", as Stable Diffusion 2's does. cases.json in each is
a list of [text, ids without what pads]. Needs tools/train's environment; running it twice gives the same bytes.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

FOLDER = Path(__file__).resolve().parents[2] / "tests/golden/tokenizer"
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = (
    "a photo of the small red blue green knight wizard with sword and shield in a dark forest, oil painting of an old house; "
    "portrait it's they're don't we'll I'd I'm you've 3d 1999 render high quality ein Bild eines großen Hauses über dem Fluß "
    "une forêt enchantée où l'été ne finit jamais el niño pequeño en la montaña маленький рыцарь с мечом в темном лесу "
    "ένας ιππότης στο δάσος 森の中の小さな騎士 剑与盾 기사와 숲 अंधेरे जंगल में शूरवीर الفارس في الغابة האביר ביער อัศวินในป่า 🙂🚀🧙"
)
# (first, last) of scripts, symbols, combining marks, spaces
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x58A), (0x5D0, 0x5EA),
    (0x620, 0x669), (0x900, 0x96F), (0xE01, 0xE5B), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1E00, 0x1FFE), (0x2000, 0x206F),
    (0x2070, 0x209C), (0x2100, 0x218B), (0x2190, 0x22FF), (0x2460, 0x24FF), (0x3000, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
    (0xF900, 0xFA6D), (0xFB00, 0xFB4F), (0xFF01, 0xFFDC), (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F),
]  # fmt: skip
HARD = [
    "", " ", "\t\n", "a", "A", "!", "!!!", "the  THE", "don't DON'T", "'s 's's !'s ''s", "rock'n'roll", "it’s", "12 345 1/2 ½ ² Ⅷ",
    START, END, "a <|ENDOFTEXT|>! b", f"a{END}b {END}!", f"!{END}!", f"{START}{END}", "<|startoftext", "<|endoftext|><|endoftext|>!",
    "İstanbul ISTANBUL ıŞIK", "ẞ ß SS", "ΣΊΣΥΦΟΣ ς", "J\u030c j\u030c", "e\u0301 é E\u0301", "\u1100\u1161\u11a8 각", "ﬁ ﬀ", "K Å Ω",
    "a\u0085b\u00a0c\u2003d\u3000e\u200bf\u180eg\ufeffh", "a\x00b".replace("\x00", "\x01"), "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽", "naïve café", "word" * 80,
    "_under_score_ #hash @at $1.50 50%", "(a:1.2), [b], {c}", "https://example.org/?q=1&r=2", "x" * 300, "Ǆ ǅ ǆ Ǆ", "ᾳ ᾼ", "Ⓐ ⓐ",
]  # fmt: skip


def texts():
    rng = random.Random(14)
    words = WORDS.split()
    out = list(HARD)
    while len(out) < 1000:
        text = rng.choice([" ", " ", "  ", ", ", "\n"]).join(rng.choices(words, k=rng.randint(1, 12)))
        out.append(rng.choice([str, str.upper, str.title, str.swapcase])(text))
    while len(out) < 2000:
        first, last = rng.choice(RANGES)
        mixed = lambda: rng.randint(*(rng.choice(RANGES) if rng.random() < 0.3 else (first, last)))  # noqa: E731
        out.append("".join(chr(mixed()) for _ in range(rng.randint(1, 24))))
    return out


def train(folder):
    """vocab.json and merges.txt as CLIP's: all bytes, all bytes that end a word, what merges make, the marks."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    pattern = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", show_progress=False))
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=lambda c: (ord(c) > 255, ord(c)))
    tokens = list(dict.fromkeys(letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges] + [START, END]))
    vocab = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))


def configure(folder, pad, mark):
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": mark(START), "eos_token": mark(END)}
    config |= {"unk_token": mark(END), "pad_token": pad}
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")


def write_cases(source, folder):
    tokenizer = CLIPTokenizer.from_pretrained(source)
    cases = [[t, tokenizer(t, max_length=tokenizer.model_max_length, truncation=True).input_ids] for t in texts()]
    (folder / "cases.json").write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


def main():
    if len(sys.argv) == 3:
        write_cases(sys.argv[1], Path(sys.argv[2]))
        return
    pair, whole = FOLDER / "pair", FOLDER / "whole"
    for folder in (pair, whole):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    train(pair)
    configure(pair, END, lambda text: text)
    write_cases(pair, pair)
    with tempfile.TemporaryDirectory() as scratch:
        CLIPTokenizer.from_pretrained(pair).save_pretrained(scratch)
        written = json.loads((Path(scratch) / "tokenizer.json").read_text())
    for token in written["added_tokens"]:
        token["normalized"] = True  # as in older files: upper case counts
    (whole / "tokenizer.json").write_text(json.dumps(written, ensure_ascii=False) + "\n")
    added = {"__type": "AddedToken", "lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    configure(whole, "!", lambda text: added | {"content": text})
    write_cases(whole, whole)


main()
