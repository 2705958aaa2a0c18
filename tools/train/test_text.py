"""pytest test_text.py: captions, the tokenizer, and a tiny network that reads, on made-up pictures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import LatentConsistencyModelPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

import captioned
import captions
import export
import golden
import judge_prompts
import lessons
import model
import reading
import sample
import sprites
import tokens
import train
import words

TINY = ["--size", "16", "--channels", "16,32", "--attention", "8", "--batch", "4", "--workers", "1", "--pictures", "24", "--float32"]
CAPTIONS = ["red square, small", "green square", "a blue circle, large", "yellow star"]
PHASES = [("a", ["--dropout", "0.1"]), ("b", ["--teacher", "frozen"]), ("b", ["--teacher", "average"]), ("b", ["--teacher", "data"])]


@pytest.fixture
def folder(tmp_path):
    """Sixty pictures with captions.jsonl, and a tokenizer learned from them."""
    draw, path = np.random.default_rng(0), tmp_path / "pictures"
    path.mkdir()
    for i in range(60):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path / f"{i}.png")
    rows = [json.dumps({"file_name": f"{i}.png", "text": CAPTIONS[i % 4]}) for i in range(60)]
    (path / "captions.jsonl").write_text("\n".join(rows) + "\n")
    tokens.learn(CAPTIONS, 60, tmp_path / "tokenizer")
    return path


def start(folder, out, phase, *options, resume=False):
    torch.set_num_threads(1)
    out.mkdir(exist_ok=True)
    arguments = ["--data", str(folder), "--tokenizer", str(folder.parent / "tokenizer"), "--out", str(out), "--phase", phase]
    args = train.parse([*arguments, *TINY, *options, *["--resume"] * resume])
    return train.Run(args, train.Workers(args, 0))


def steps(run, count):
    return [run.train_step(False, False)[0].item() for _ in range(count)]


def stirred(net):
    """Whatever starts at zero gets values, so that every input counts."""
    for p in net.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return net


def exported(folder, tmp_path):
    """A model folder of an untrained network, and that network."""
    start(folder, tmp_path / "run", "a").save()
    net, state = model.load_checkpoint(tmp_path / "run/a.pt")
    export.save(stirred(net), tmp_path / "model", state, clip=True, tokenizer=tmp_path / "tokenizer")
    return tmp_path / "model", net


@pytest.mark.parametrize("phase, options", PHASES)
def test_a_resumed_run_is_the_same_run(folder, tmp_path, phase, options):
    if phase == "b":
        first = start(folder, tmp_path / "one", "a")
        steps(first, 2)
        first.save()
        options = [*options, "--init", str(tmp_path / "one/a.pt")]
    expected = steps(start(folder, tmp_path / "one", phase, *options), 4)
    part = start(folder, tmp_path / "two", phase, *options)
    losses = steps(part, 2)
    part.save()
    losses += steps(start(folder, tmp_path / "two", phase, *options, resume=True), 2)
    assert losses == expected and len(set(losses)) == 4


def test_without_a_segment_it_is_diffusers_network(folder, tmp_path):
    path, _ = exported(folder, tmp_path)
    net, _ = export.load(path)
    theirs = UNet2DConditionModel.from_pretrained(path / "unet", torch_dtype=torch.float32)
    reader = CLIPTextModel.from_pretrained(path / "text_encoder", torch_dtype=torch.float32)
    labels = tokens.Prompts(path / "tokenizer").labels(["red square", "star"], 2.5)
    z, t = torch.randn(2, 3, 16, 16), torch.tensor([900.0, 20.0])
    embed = LatentConsistencyModelPipeline.get_guidance_scale_embedding
    w = embed(None, torch.tensor([1.5, 1.5]), embedding_dim=net.config.time_cond_proj_dim)
    with torch.no_grad():
        read = reader(labels[:, :-1])
        expected = theirs(z, t, read.last_hidden_state, class_labels=read.pooler_output, timestep_cond=w).sample
        ours = net(z, t, 0 * t, labels)
        assert torch.allclose(ours, expected, atol=1e-5)
        assert not torch.allclose(net(z, t, 0 * t + 250, labels), expected, atol=1e-3)
        for other in (["blue circle", "star"], 2.5), (["red square", "star"], 4.0):
            assert not torch.allclose(net(z, t, 0 * t, tokens.Prompts(path / "tokenizer").labels(*other))[0], expected[0], atol=1e-4)


def test_the_folder_reads_back(folder, tmp_path):
    path, net = exported(folder, tmp_path)
    again, settings = export.load(path)
    labels = export.labels(path, 3)
    noise = torch.randn(3, 3, 16, 16)
    pair = [sample.multistep(n, noise, labels, 2, settings["clip_sample"]) for n in (net, again)]
    assert (pair[0] - pair[1]).abs().max() < 0.05 and not torch.equal(*pair)  # float16 weights


def test_golden_holds_prompts_ids_and_states(folder, tmp_path):
    path, _ = exported(folder, tmp_path)
    out = golden.outputs(path)
    reader = CLIPTextModel.from_pretrained(path / "text_encoder", torch_dtype=torch.float32)
    assert torch.allclose(reader(out["ids"]).last_hidden_state, out["text_states"], atol=1e-5)
    assert out["sample_2"].shape == (4, 3, 16, 16) and out["guidance"].unique().numel() == 4


def test_the_tokenizer_is_clips(folder, tmp_path):
    prompts = tokens.Prompts(tmp_path / "tokenizer")
    theirs = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    ids = prompts(["RED   square, naïve 🙂", "", "word " * 50])
    assert ids.shape == (3, tokens.LENGTH) and ids[1].tolist() == [len(prompts) - 2, *[len(prompts) - 1] * (tokens.LENGTH - 1)]
    assert theirs.decode(ids[0], skip_special_tokens=True).replace(" ", "") == "redsquare,naïve🙂"
    assert ids[2, -1] == len(prompts) - 1 and (ids[2, 1:-1] < len(prompts) - 2).all()
    assert "square</w>" in json.loads((tmp_path / "tokenizer/vocab.json").read_text())


def test_unconditional_is_the_empty_prompt(folder, tmp_path):
    run = start(folder, tmp_path / "run", "a")
    labels = run.source.prompts.labels(["red square"], 3.0)
    assert torch.equal(run.net.unconditional(labels), run.source.prompts.labels([""], 3.0))
    assert torch.equal(run.net.plain(labels), run.source.prompts.labels(["red square"], 1.0))
    drawn = run.net.draw_guidance(labels.expand(4000, -1))[:, -1]
    assert drawn.min() >= 100 and drawn.max() <= 500 and drawn.float().std() > 100


def test_a_frozen_teacher_is_guided_by_every_rows_scale(folder, tmp_path):
    start(folder, tmp_path / "run", "a").save()
    run = start(folder, tmp_path / "run", "b", "--teacher", "frozen")
    stirred(run.frozen)
    x, z, t = torch.rand(2, 3, 16, 16), torch.randn(2, 3, 16, 16), torch.full((2,), 0.6, dtype=torch.float64)
    ask = lambda text: run.schedule.predict_x(z, run.objective.predict(run.frozen, z, t, t, run.source.prompts.labels([text] * 2)), t)
    said, empty = ask("red square"), ask("")
    labels = torch.cat([run.source.prompts.labels(["red square"], scale) for scale in (1.0, 3.5)])
    with torch.no_grad():
        answer, _ = run.objective.teacher(x, z, t, labels)
    assert torch.allclose(answer[0], said[0].clamp(-1, 1), atol=1e-5)
    assert torch.allclose(answer[1], (empty + 3.5 * (said - empty))[1].clamp(-1, 1), atol=1e-4)
    assert not torch.allclose(answer[1], said[1].clamp(-1, 1), atol=1e-2)


def test_a_teacher_that_keeps_its_limit_is_told_every_rows_scale(folder, tmp_path):
    start(folder, tmp_path / "run", "a").save()
    run = start(folder, tmp_path / "run", "b", "--teacher", "frozen", "--keep-limit")
    stirred(run.frozen)
    x, z, t = torch.rand(2, 3, 16, 16), torch.randn(2, 3, 16, 16), torch.full((2,), 0.6, dtype=torch.float64)
    labels = torch.cat([run.source.prompts.labels(["red square"], scale) for scale in (1.0, 3.5)])
    with torch.no_grad():
        answer, _ = run.objective.teacher(x, z, t, labels)
        own = run.schedule.predict_x(z, run.objective.predict(run.frozen, z, t, t, labels), t)
    assert torch.equal(answer, own.clamp(-1, 1))


def test_a_class_models_weights_are_taken_over(folder, tmp_path):
    run = start(folder, tmp_path / "run", "a")
    options = train.parse(["--data", "", "--out", "", "--phase", "a", *TINY])
    source = SimpleNamespace(size=16, channels=3, names=["a", "b", "any"], encoder=None)
    other = model.SegmentUNet.create(model.configure(source, options), run.schedule)
    bias = run.net.time_embedding.linear_2.bias.clone()
    assert run.net.take_over(other.state_dict()) > 50
    assert torch.equal(run.net.conv_in.weight, other.conv_in.weight)
    moved = other.time_embedding.linear_2.bias + other.class_embedding.weight.mean(0)
    assert torch.allclose(run.net.time_embedding.linear_2.bias, moved) and not torch.equal(bias, moved)


def test_another_readers_unet_is_taken_over(folder, tmp_path):
    run = start(folder, tmp_path / "run", "a")
    other = stirred(start(folder, tmp_path / "other", "a").net)
    state = {k: v.clone() for k, v in other.state_dict().items() if not k.startswith("text_encoder.")}
    reader = {k: v.clone() for k, v in run.net.text_encoder.state_dict().items()}
    assert run.net.take_over(state) == len(state)
    assert all(torch.equal(v, state[k]) for k, v in run.net.state_dict().items() if k in state)
    assert all(torch.equal(v, reader[k]) for k, v in run.net.text_encoder.state_dict().items())


def test_reading_lessons_tell_what_words_look_like(folder, tmp_path):
    for i in range(60):  # a colour a caption
        Image.fromarray(np.full((16, 16, 3), 60 * (i % 4), np.uint8)).save(folder / f"{i}.png")
    run = start(folder, tmp_path / "run", "a")
    *_, (reader, share) = reading.learn(run.source, 40 * lessons.BATCH)
    assert share > 0.5  # of nothing but the mean: 0
    torch.save(reader.state_dict(), tmp_path / "reader.pt")
    told = start(folder, tmp_path / "again", "a", "--reader", str(tmp_path / "reader.pt"))
    assert torch.equal(told.net.text_encoder.final_layer_norm.weight, reader.final_layer_norm.weight)


def test_captions_are_reworded():
    rng = np.random.default_rng(0)
    said = [words.reworded("red square, small", rng) for _ in range(400)]
    assert {"red square, small", "small, red square", "red small", "square, small"} <= set(said) and all(said)


def test_captions_beside_pictures(folder, tmp_path):
    (folder / "captions.jsonl").unlink()
    with pytest.raises(SystemExit, match="no captions"):
        captions.Folder(folder, 16)
    for i in range(60):
        (folder / f"{i}.txt").write_text(f"picture {i}\nnumber {i}\n")
    source = captions.Folder(folder, 16)
    assert sum(source.sizes()["pictures"]) == 60
    x, said = source.draw(200)
    assert x.shape == (200, 3, 16, 16) and {w.split()[0] for w in said} >= {"picture", "number"}


PART = np.zeros((32, 32, 4), np.uint8)
PART[8:24, 8:24] = 200, 30, 30, 255
NAMES = [
    ("body", "robe_blue_green2", "blue green robe"), ("body", "gandalf_g", "red long robe"), ("hand1", "great_sword_slant2", "great sword"),
    ("hand1", "staff_ruby", "ruby staff"), ("boots", "short_brown2", "brown short boots"), ("hand2", "lshield_gold", "gold large shield"),
    ("hand1", "frodo", "short sword"), ("hair", "fem_white", "white long hair"), ("cloak", "red", "red cloak"),
]


@pytest.mark.parametrize("slot, stem, expected", NAMES)
def test_words_for_files(slot, stem, expected):
    assert words.phrase(slot, stem, PART) == expected


@pytest.fixture
def doll(tmp_path):
    """A paper doll of two parts a slot."""
    for name, folders, _ in sprites.DOLL:
        for folder in folders.split():
            path = tmp_path / "player" / folder
            path.mkdir(parents=True, exist_ok=True)
            for i, colour in enumerate(("red", "blue", "green", "white", "black", "brown")):
                Image.fromarray(np.roll(PART, i, 2)).save(path / f"{colour}_thing{i}.png")
    return captioned.Heroes(tmp_path)


def test_held_out_pairs_are_never_trained(doll):
    rng = np.random.default_rng(0)
    pair = lambda worn: (doll.phrases(worn).get("body"), doll.phrases(worn).get("hand1"))
    trained = {pair(doll.choose(rng, False)) for _ in range(3000)}
    held = {pair(doll.choose(rng, True)) for _ in range(100)}
    assert held and not held & trained
    assert {body for body, _ in held} <= {body for body, _ in trained}


def test_hero_captions():
    rng = np.random.default_rng(0)
    parts = dict(cloak="red cloak", base="elf woman", body="blue robe", hand1="great sword", hand2="green shield")
    assert words.hero_caption(parts, rng, complete=True).split(", ") == [parts["base"], *(p for s, p in parts.items() if s != "base")]
    said = {words.hero_caption(parts, rng) for _ in range(200)}
    assert len(said) > 100 and all(text.strip() == text and text for text in said)


def test_a_drawn_picture_finds_its_own():
    torch.manual_seed(0)
    composed = torch.randn(200, 32)
    assert judge_prompts.found(composed * 2, composed, 100) == 1
    assert judge_prompts.found(composed + 0.1 * torch.randn(200, 32), composed, 100) == 1
    assert judge_prompts.found(composed.roll(1, 0), composed, 100) < 0.05
    assert judge_prompts.found(torch.randn(200, 32), composed, 100) < 0.05


def test_how_near_a_picture_of_training_is():
    torch.manual_seed(0)
    training = torch.randn(300, 48)
    drawn = torch.cat([training[:1], training[100:120] + 0.25])
    assert judge_prompts.nearest(drawn, training) == pytest.approx([0, 0.25, 0.25], abs=1e-3)
