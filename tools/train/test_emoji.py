"""pytest test_emoji.py: what becomes of Unicode's names and keywords, and scenes of made-up emoji. The font is not needed."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

import captioned
import data
import emoji
import lessons
import scenes
import tokens
import towers

NAMES = """# group: Animals & Nature
# subgroup: animal-mammal
1F415 ; fully-qualified     # \U0001f415 E0.7 dog
1F415 200D 1F9BA ; fully-qualified # \U0001f415\u200d\U0001f9ba E12.0 service dog
2764 ; unqualified # \u2764 E0.6 red heart
2764 FE0F ; fully-qualified # \u2764\ufe0f E0.6 Red heart
1F44B 1F3FB ; fully-qualified # \U0001f44b\U0001f3fb E1.0 waving hand: light skin tone
1F3FB ; component # \U0001f3fb E1.0 light skin tone
# group: Flags
1F3C1 ; fully-qualified # \U0001f3c1 E0.6 chequered flag
"""
ANIMALS = "Animals & Nature"
KEYWORDS = """<ldml><annotations><annotation cp="\u2764">heart | Love</annotation>
<annotation cp="\u2764" type="tts">red heart</annotation></annotations></ldml>"""


def test_names_without_tones_and_flags():
    found = emoji.read_names(NAMES)
    assert found == [("\U0001f415", "dog", ANIMALS), ("\U0001f415\u200d\U0001f9ba", "service dog", ANIMALS), ("\u2764\ufe0f", "red heart", ANIMALS)]


def test_keywords(tmp_path):
    (tmp_path / "en.xml").write_text(KEYWORDS, encoding="utf-8")
    assert emoji.read_keywords(tmp_path / "en.xml") == {"\u2764": ["heart", "love"]}


@pytest.fixture
def folder(tmp_path):
    """Twelve emoji of one colour each: nouns, and a face."""
    groups = [ANIMALS] * 4 + ["Food & Drink"] * 3 + ["Travel & Places", "Activities", "Objects", "Smileys & Emotion", "People & Body", "Symbols"]
    names = ["cat", "owl", "fox", "red crab", "red apple", "green apple", "cherry", "house", "ball", "key", "grinning face", "elf", "heavy plus"]
    rows = []
    for i, (name, group) in enumerate(zip(names, groups)):
        x = np.zeros((64, 64, 4), np.uint8)
        x[4:60, 4:60] = 10 + 15 * i, 100, 200 - 10 * i, 255
        Image.fromarray(x).save(tmp_path / f"{i}.png")
        rows.append(json.dumps({"file_name": f"{i}.png", "name": name, "group": group, "keywords": ["thing"]}))
    (tmp_path / "emoji.jsonl").write_text("\n".join(rows))
    return tmp_path


def test_held_out_combinations_are_never_trained_on(folder):
    source = captioned.load(folder, None, False)
    trained, held = (set(source.draw(400, validation, complete=True)[1]) for validation in (False, True))
    bare = lambda captions: {re.sub(r"\b(an?|one) ", "", c) for c in captions}
    assert len(trained) > 100 and len(held) > 5 and not bare(trained) & bare(held)
    assert not any(c in source.emoji for c in held)  # a held-out picture is a combination


def test_scenes_are_premultiplied_and_where_they_are_said_to_be(folder):
    source = captioned.load(folder, None, False)
    x, _ = source.draw(200)
    assert x.shape == (200, 4, 64, 64) and x.min() >= -1 and x.max() <= 1
    assert (x[:, :3] <= x[:, 3:] + 1e-6).all()
    cat, house = source.picture(0), source.picture(7)
    scene = scenes.placed([cat, house], scenes.PLACES["above"], scenes.PART, np.random.default_rng(0))
    assert torch.allclose(scene[16, 32], cat[32, 32], atol=1e-4) and torch.allclose(scene[48, 32], house[32, 32], atol=1e-4)
    assert scene[32, 2, 3] == 0


def test_colours(folder):
    source = captioned.load(folder, None, False)
    cat = source.picture(0)
    for name in scenes.COLOURS:
        grey = scenes.tinted(cat, name)
        assert torch.equal(grey[..., 3], cat[..., 3]) and (grey[..., :3] <= grey[..., 3:] + 1e-6).all()
    blue = scenes.tinted(cat, "blue")[32, 32]
    assert blue[2] > blue[1] > blue[0]
    assert torch.allclose(scenes.before(cat, "red")[0, 0], torch.tensor([*scenes.colour("red"), 1.0]))
    rng = np.random.default_rng(0)
    said = {source.tinted(rng, True)[1] for _ in range(300)}
    assert "blue apple" in said and not {"red apple", "green apple"} & said  # those are emoji of their own


def test_words():
    assert [scenes.plural(w) for w in ("cat", "fox", "red cherry", "key", "peach")] == ["cats", "foxes", "red cherries", "keys", "peaches"]
    assert scenes.article("owl") == "an owl" and scenes.article("cat") == "a cat"


def test_a_pool_has_what_training_draws(folder, tmp_path):
    tokens.learn(captioned.load(folder).draw(500)[1], 200, tmp_path / "tokenizer")
    one, two = (data.load(folder, tokenizer=tmp_path / "tokenizer", pool=300) for _ in range(2))
    (x, prompts), (same, _) = one.batch(64), two.batch(64)
    assert x.shape == (64, 4, 64, 64) and torch.equal(x, same) and len(x.flatten(1).unique(dim=0)) > 32
    said = lambda prompts: set(one.prompts.tokenizer.batch_decode(prompts[:, :-1], skip_special_tokens=True))
    trained, held = said(one.labels), said(one.batch(100, validation=True)[1])
    assert len(trained) > 100 and len(held) > 5 and not trained & held
    assert said(one.source.batch(400)[1]) & trained  # the same scenes


def test_towers_learn_which_caption_is_whose(folder, tmp_path):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokens.learn(captioned.load(folder, None, False).draw(500)[1], 200, tmp_path / "tokenizer")
    source = captioned.load(folder, None, False, tmp_path / "tokenizer")
    *_, (learned, share) = towers.learn(source, 40 * lessons.BATCH)
    learned.save(tmp_path / "towers.pt")
    again = towers.Towers.load(tmp_path / "towers.pt")
    x, prompts = source.batch(64)
    scores = again.see(towers.seen(x)) @ again.read(prompts[:, :-1]).T
    assert (scores.argmax(1) == torch.arange(64)).float().mean() > 5 / 64  # chance is one
