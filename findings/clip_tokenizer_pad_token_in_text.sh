#!/bin/sh
# transformers 5.24.0, CLIPTokenizer: a pad token that is an ordinary word of the vocabulary takes that word away from the
# text. Stable Diffusion 2's and Turbo's folders pad with "!", whose plain id is 0, and their prompts have exclamation marks.
#
# Seen: with the default pad token, "a!" is [start, "a</w>", "!</w>", end]. With pad_token="!" every "!" of the same text
# becomes the padding id instead, because the pad token is registered as a special token, which is cut out of the text
# before the byte pairs are looked up. The ids of a prompt therefore depend on what it is padded with.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where the packages cannot be installed.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3 || exit 77
cat >"$work/run.py" <<'END'
import json, sys
from transformers import CLIPTokenizer

folder = sys.argv[1]
words = ["!", "a", "!</w>", "a</w>", "<|startoftext|>", "<|endoftext|>"]
json.dump({word: i for i, word in enumerate(words)}, open(folder + "/vocab.json", "w"))
open(folder + "/merges.txt", "w").write("#version: 0.2\n")

def ids(**options):
    tokenizer = CLIPTokenizer(folder + "/vocab.json", folder + "/merges.txt", **options)
    return tokenizer("a!").input_ids

default, padded = ids(), ids(pad_token="!")
print("pad token <|endoftext|>:", default)
print("pad token !:            ", padded)
sys.exit(0 if default == [4, 3, 2, 5] and padded == [4, 3, 0, 5] else 1)
END
"$work/venv/bin/python" "$work/run.py" "$work" 2>/dev/null
