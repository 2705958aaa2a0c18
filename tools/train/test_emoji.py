"""pytest test_emoji.py: what becomes of Unicode's names and keywords. The font is not needed."""

import emoji

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
KEYWORDS = """<ldml><annotations><annotation cp="\u2764">heart | Love</annotation>
<annotation cp="\u2764" type="tts">red heart</annotation></annotations></ldml>"""


def test_names_without_tones_and_flags():
    found = emoji.read_names(NAMES)
    assert found == [("\U0001f415", "dog"), ("\U0001f415\u200d\U0001f9ba", "service dog"), ("\u2764\ufe0f", "red heart")]


def test_keywords(tmp_path):
    (tmp_path / "en.xml").write_text(KEYWORDS, encoding="utf-8")
    assert emoji.read_keywords(tmp_path / "en.xml") == {"\u2764": ["heart", "love"]}


def test_captions():
    assert emoji.captions("red heart", ["heart", "love"]) == ["red heart", "red heart, love", "love"]
    assert emoji.captions("dog", ["dog"]) == ["dog"]
