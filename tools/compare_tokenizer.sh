#!/bin/sh
# The tokenizer against transformers' with CLIP's own vocabulary, which PyPI's open_clip_torch has (not kept here):
#
#     tools/compare_tokenizer.sh      after ./tools/test; needs .venv-train (tools/train/setup.sh)
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=.venv-train/bin/python
$python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" open_clip_torch==3.2.0
$python - "$folder" <<'EOF'
import gzip, json, sys, zipfile
from pathlib import Path
from tokenizers import pre_tokenizers

folder = Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    text = gzip.decompress(wheel.read("open_clip/bpe_simple_vocab_16e6.txt.gz")).decode()
merges = text.split("\n")[1 : 49152 - 256 - 2 + 1]  # as open_clip/tokenizer.py
letters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=lambda c: (ord(c) > 255, ord(c)))
tokens = letters + [c + "</w>" for c in letters] + [m.replace(" ", "") for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False))
(folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}))
EOF
$python tools/golden/tokenizer.py "$folder" "$folder"
QUICKSTEP_TEST_SOURCE=. build-test/tests/test_tokenizer "$folder"
