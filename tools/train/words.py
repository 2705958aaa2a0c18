"""Words for the paper doll's parts and the other sprites' files, and captions made of them.

A part's phrase is made of its file's name: digits and marks of variants go, abbreviations become words, and where a name
says no colour the picture's own is named. Names of people become what they wear or hold (PEOPLE).
"""

import re

import numpy as np

COLOURS = {
    "black": (35, 35, 40), "gray": (120, 120, 120), "white": (225, 225, 225), "red": (185, 40, 35), "orange": (225, 125, 30),
    "brown": (120, 80, 40), "yellow": (225, 205, 60), "green": (50, 135, 50), "cyan": (60, 190, 200), "blue": (45, 70, 190),
    "purple": (120, 50, 160), "pink": (230, 130, 180),
}
NAMED = set(COLOURS) | {"gold", "magenta", "silver", "rainbow", "teal", "emerald", "ruby"}

# what the variants, abbreviations and insiders' names of the files mean; "" leaves a word out
ABBREVIATIONS = {
    "slant": "", "two": "", "three": "", "four": "", "five": "", "d": "", "f": "", "m": "", "art": "", "onep": "", "l": "", "op": "",
    "fe": "", "dim": "", "dd": "", "rb": "red blue", "rw": "red white", "grey": "gray", "lorc": "orc", "kobold2": "kobold",
    "fem": "long", "bplate": "breastplate", "lshield": "large shield", "dragonarm": "dragon armour", "dragonsc": "dragon scales",
    "fhelm": "helmet", "helm": "helmet", "bluegreen": "blue green", "lightgreen": "light green", "darkgreen": "dark green",
    "blackred": "black red", "blackgold": "black gold", "ybrown": "yellow brown", "redbrown": "red brown", "darkbrown": "dark brown",
    "susp": "suspenders", "mesh": "chain", "plate": "plate armour", "china": "chinese dress", "karate": "karate suit",
    "taiso": "headband", "band": "headband", "wing": "winged cap", "horn": "horned helmet", "horns": "horns", "horned": "horned helmet",
    "iron": "iron helmet", "full": "closed helmet", "viking": "viking helmet", "wizard": "wizard hat", "feather": "feathered hat",
    "cone": "pointed hat", "straw": "straw hat", "healer": "white hood", "ninja": "ninja mask", "cheek": "cheek paint", "bear": "bear hood",
    "clown": "jester hat", "glove": "gloves", "gauntlet": "gauntlets", "short": "short", "middle": "", "wrist": "wrist bands",
    "pants": "trousers", "trouser": "trousers", "leg": "leg", "metal": "metal", "elec": "lightning", "flail": "flail", "ball": "",
    "balls": "", "spike": "spiked", "plain": "plain", "long": "long", "organic": "living", "bladehands": "blades for hands",
    "djinn": "flaming", "tengu": "bird", "wingless": "", "winged": "winged", "mage": "wizard", "light": "glowing light",
    "fire": "flames", "op.": "",
}
PEOPLE = {
    "body": dict(aragorn="ranger tunic", arwen="long dress", boromir="tunic", frodo="tunic", gandalf_g="long robe", gimli="chain armour",
                 isildur="plate armour", legolas="tunic", merry="waistcoat", pipin="waistcoat", sam="shirt", saruman="long robe",
                 jessica="dress", chunli="chinese dress", vanhel="coat", maxwell="armour", zhor="armour", kryias="armour",
                 pj="pyjamas", susp_black="black suspenders", slit_black="black dress", bloody="bloody shirt", neck="collar",
                 belt="leather belt", dragon="dragon armour", metal_blue="blue metal armour", monk_black="black monk habit",
                 monk_blue="blue monk habit", robe_misfortune="dark robe", robe_of_night="night robe", **{"gil-galad": "armour"}),
    "boots": dict(pj="boots", spider="spider legs", mesh_black="black chain boots"),
    "gloves": dict(glove_chunli="bracelets", claws="claws", glove_grayfist="gray gloves"),
    "hair": dict(arwen="long hair", aragorn="hair", boromir="hair", frodo="curly hair", legolas="long hair", merry="curly hair",
                 pj="hair", sam="curly hair", brown="brown hair", djinn="flaming hair", tengu_comb="comb"),
    "legs": dict(chunli="tights", pj="trousers", garter="garters", belt_redbrown="red belt", belt_gray="gray belt"),
    "head": dict(gandalf="wizard hat", isildur="crown helmet", helm_gimli="helmet", dyrovepreva="jewelled crown",
                 etheric_cage="cage of light", eternal_torment="skull helmet", chain="chain hood", turban_brown="brown turban",
                 full_gold="gold closed helmet", brown_gold="gold helmet", art_dragonhelm="dragon helmet", helm_plume="plumed helmet"),
    "hand1": dict(arwen="sword", frodo="short sword", gandalf="staff", saruman="staff", aragorn="sword", boromir="sword", legolas="bow",
                  gimli="axe", mace_of_brilliance="glowing mace", sniper="crossbow", doom_knight="great sword", punk="sling",
                  axe_of_woe="axe", asmodeus="sceptre", dispater="staff", glaive_of_prune="purple glaive", plutonium_sword="green sword",
                  trident_octopus_king="trident", eos="glowing morningstar", wyrmbane="lance", crossbow_fire="burning crossbow",
                  order="sceptre", krishna="bow", zonguldrok="sword", bloodbane="double sword", wucad_mu="staff",
                  knife_of_accuracy="knife", arga="war axe", sword_of_power="glowing sword", snakebite="whip",
                  chilly_death="ice dagger", botono="trident", blowgun_assassin="blowgun", arc_blade="lightning sword",
                  spriggans_knife="knife", vampires_tooth="dagger", axe_trog="axe", morg="dagger", majin="staff",
                  glaive_of_the_guard="glaive", flaming_death="burning scimitar", undeadhunter="mace", finisher="scythe",
                  olgreb="green staff", firestarter="burning mace", shillelagh="club", gyre="daggers", jihad="sword",
                  mace_of_variability="mace", horn="horn", head="severed head", deck="deck of cards", disc="disc", spark="spark",
                  sword_thief="sword", dart="dart", staff_evil="evil staff"),
    "hand2": dict(shield_donald="shield", lshield_louise="large shield", pj="torch", boromir="round shield", shield_shaman="tribal shield",
                  shield_middle_ethn="tribal shield", shield_middle_unicorn="unicorn shield", lshield_dd_dk="large shield",
                  shield_dd_scion="shield", shield_dd="shield", spark="spark", buckler_spriggan="small shield",
                  lshield_of_ignorance="large shield", shield_of_resistance="shield", **{"gil-galad": "shield"}),
}
NOUNS = dict(cloak="cloak", boots="boots", gloves="gloves", hair="hair", hand2="")  # a phrase ends with it, where it is not there
OWN_COLOUR = {"cloak", "body", "legs", "boots", "gloves", "hair", "head", "hand2"}  # slots whose colour is named in any case
KIND = re.compile(r"(shield|buckler|staff|rod|book|cap|cap|sword|axe|hood|robe|dress|shirt|vest|coat|jacket|skirt|trousers|turban|"
                  r"trident|mace|club|spear|glaive|flail|horned helmet|helmet|hat|crown|headband|bandana|armour|scales|leather|hair|bow)$")


def colour_of(picture):
    """The word for a picture's colour: uint8 RGBA [h, w, 4]."""
    seen = picture[picture[..., 3] > 128][:, :3].astype(float)
    if not len(seen):
        return ""
    vivid = 0.2 + np.ptp(seen, 1) / 255
    mean = (seen * vivid[:, None]).sum(0) / vivid.sum()
    return min(COLOURS, key=lambda name: np.square(np.array(COLOURS[name]) - mean).sum())


def plain_words(stem):
    """The words of a file's name, without digits: great_sword_slant2 -> great sword."""
    words = [re.sub(r"\d+$", "", w) if w not in ABBREVIATIONS else w for w in re.split(r"[_\-\s]+", stem.lower())]
    return " ".join(" ".join(ABBREVIATIONS.get(w, w) for w in words).split())


def kind_last(phrase):
    """staff ruby -> ruby staff: the file's kind comes first, English puts it last; colours lead."""
    words = phrase.split()
    first = " ".join(words[:1])
    if len(words) > 1 and first not in NAMED and not KIND.search(phrase) and KIND.search(first):
        words = words[1:] + words[:1]
    return " ".join(sorted(words, key=lambda w: w not in NAMED))


def phrase(slot, stem, picture):
    """What a part of the paper doll is called."""
    table = PEOPLE.get(slot, {})
    known = table.get(stem, table.get(re.sub(r"\d+$", "", stem)))
    words = known or kind_last(plain_words(stem))
    noun = NOUNS.get(slot, "")
    if noun and noun.rstrip("s") not in words and words not in table.values():
        words = f"{words} {noun}"
    if slot in OWN_COLOUR and not NAMED & set(words.split()):
        words = f"{colour_of(picture)} {words}"
    return words.strip()


def being(stem):
    """The base: human_f -> human woman."""
    sex = {"f": " woman", "m": " man"}.get(re.sub(r"\d+", "", stem).rsplit("_", 1)[-1], "")
    return plain_words(re.sub(r"_[fm]\d*$", "", stem)) + sex


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def hero_caption(parts, rng, complete=False):
    """Words for a hero. parts: {slot: phrase} of what is worn, the base among them. complete: all of them, in their order."""
    parts = dict(parts)
    base = parts.pop("base")
    if complete:
        return ", ".join([base, *parts.values()])
    said = {slot: words for slot, words in parts.items() if rng.random() < 0.8}
    order = list(said)
    if rng.random() < 0.7:
        rng.shuffle(order)
    said = {slot: shorter(said[slot], rng) for slot in order}
    if rng.random() < 0.25 and said:
        return pick(rng, [", ", " ", " and ", ", a "]).join(said.values())
    who = pick(rng, [base, base, base, base.split()[-1], base.split()[0], "hero"])
    if not said:
        return who
    held = [said.pop(slot) for slot in ("hand1", "hand2") if slot in said and rng.random() < 0.6]
    text = who
    if said:
        text += pick(rng, [", ", " in ", " with ", " wearing ", " "]) + pick(rng, [", ", " and "]).join(said.values())
    if held:
        text += pick(rng, [" with ", " holding ", ", ", " and "]) + " and ".join(held)
    return pick(rng, ["", "", "", "a "]) + text


def shorter(words, rng):
    """Now and then only the last word, or the last two: people say "sword" for a "great sword"."""
    parts = words.split()
    return " ".join(parts[-pick(rng, [1, 2, 2]):]) if len(parts) > 1 and rng.random() < 0.15 else words


def name_caption(name, stem, rng, complete=False):
    """Words for a picture of a class (monster, weapon ...) by its file's name."""
    words = kind_last(plain_words(stem)) or name
    if complete:
        return f"{words}, {name}"
    return pick(rng, [words, words, words, f"{words}, {name}", f"a {words}", f"{name}: {words}", name])


def reworded(caption, rng):
    """A caption as it is, or its phrases between commas in another order, or some words left out."""
    kind = rng.random()
    if kind < 0.25 and ", " in caption:
        return ", ".join(rng.permutation(caption.split(", ")))
    if kind < 0.5:
        said = caption.split()
        return " ".join(w for w in said if rng.random() < 0.8) or caption
    return caption
