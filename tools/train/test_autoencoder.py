"""pytest test_autoencoder.py: a tiny autoencoder, and a run on its latents from training to pictures, on a processor."""

import json

import numpy as np
import pytest
import torch

import card
import data
import draws
import export
import model
import train
import train_autoencoder
from autoencoder import Autoencoder

SMALL = ["--width", "8", "--encoder-blocks", "0,1", "--decoder-blocks", "1,1", "--batch", "8", "--threads", "1"]
TINY = ["--channels", "16,32", "--layers", "1", "--attention", "4", "--batch", "4", "--workers", "1", "--pictures", "24"]


@pytest.fixture
def npz(tmp_path):
    """Pictures of 16 pixels: two colours, the border between them where it may be."""
    draw = np.random.default_rng(0)
    x = np.zeros((120, 16, 16, 3), np.uint8)
    for picture in x:
        picture[:, : draw.integers(3, 13)] = draw.integers(0, 256, 3)
    np.savez(tmp_path / "some.npz", x=x, y=np.arange(120) % 3, classes=np.array(["red", "green", "blue"]))
    return tmp_path / "some.npz"


def learn(npz, out, *options):
    """A run of train_autoencoder.py of 80 steps; the first and last five losses."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    out.mkdir(exist_ok=True)
    args = train_autoencoder.parse(["--data", str(npz), "--out", str(out), "--minutes", "10", *SMALL, *options])
    run = train_autoencoder.Run(args, data.load(npz))
    losses = [run.train_step() for _ in range(80)]
    run.check_up()
    return sum(losses[:5]) / 5, sum(losses[-5:]) / 5


def test_it_learns_and_refining_keeps_the_encoder(npz, tmp_path):
    first, last = learn(npz, tmp_path / "vae", "--lr", "1e-2", "--ema", "0.5")
    assert last < 0.8 * first
    before = Autoencoder.load(tmp_path / "vae")
    learn(npz, tmp_path / "vae", "--refine")
    after = Autoencoder.load(tmp_path / "vae")
    assert before.encoder_digest() == after.encoder_digest()
    z = torch.randn(2, before.channels, 8, 8)
    assert not torch.equal(before.pictures(z), after.pictures(z)) and before.factor == 2


def test_latents_are_the_pictures_encoded(npz, tmp_path):
    learn(npz, tmp_path / "vae")
    plain, source = data.load(npz, flip=True), data.load(npz, flip=True, autoencoder=tmp_path / "vae")
    assert (source.size, source.channels, source.names, source.sizes()) == (8, 4, plain.names, plain.sizes())
    coder = Autoencoder.load(tmp_path / "vae")
    for validation in (False, True):
        (x, expected), (z, labels) = plain.batch(20, validation), source.batch(20, validation)
        assert torch.equal(labels, expected) and torch.allclose(z, coder.latents(x), atol=1e-5)
        assert z.shape == (20, 4, 8, 8) and source.pictures(z).shape == x.shape


def start(npz, out, phase, *options):
    args = train.parse(["--data", str(npz), "--out", str(out), "--phase", phase, *TINY, *options])
    return train.Run(args, train.Workers(args, 0))


def test_a_run_on_latents(npz, tmp_path):
    """Both phases, the folder, its card, and pictures of 16 pixels out of it."""
    learn(npz, tmp_path / "vae")
    latent = ["--autoencoder", str(tmp_path / "vae")]
    for phase in "ab":
        run = start(npz, tmp_path, phase, *latent)
        run.train_step(False, False)
        run.grid()
        run.save()
    net, state = model.load_checkpoint(tmp_path / "b.pt")
    coder = Autoencoder.load(tmp_path / "vae")
    export.save(net, tmp_path / "folder", state, True, coder)
    card.write(tmp_path / "folder", net, state, "Two colours", "cc0-1.0", None, None, coder)
    index = json.loads((tmp_path / "folder/model_index.json").read_text())
    assert index["vae"] == ["diffusers", "AutoencoderTiny"] and "image_alpha" not in index
    text = (tmp_path / "folder/README.md").read_text()
    assert "Draws 16x16 RGB pictures" in text and "4 x 8 x 8, of a tiny autoencoder" in text
    drawer = draws.Model(tmp_path / "folder", "cpu", bfloat16=False, compiled=False)
    labels = torch.tensor([0, 1, 2])
    x = drawer.draw(draws.Column("multistep", 2), labels, seed=5, batch=2)
    assert drawer.shape == (4, 8, 8) and x.shape == (3, 3, 16, 16) and x.abs().max() <= 1
    assert x.is_contiguous() and coder.latents(x).is_contiguous()  # what is kept in a safetensors file must be
    assert torch.equal(x[:2], drawer.draw(draws.Column("multistep", 2), labels[:2], seed=5, batch=2))


def test_what_does_not_fit_is_refused(npz, tmp_path):
    learn(npz, tmp_path / "vae")
    run = start(npz, tmp_path, "a", "--autoencoder", str(tmp_path / "vae"))
    run.save()
    learn(npz, tmp_path / "other", "--lr", "1e-2")
    with pytest.raises(SystemExit, match="another --autoencoder"):
        start(npz, tmp_path, "b", "--autoencoder", str(tmp_path / "other"))
    net, state = model.load_checkpoint(tmp_path / "a.pt")
    for coder in (None, Autoencoder.load(tmp_path / "other")):
        with pytest.raises(SystemExit, match="another --autoencoder"):
            export.save(net, tmp_path / "folder", state, True, coder)
    with pytest.raises(SystemExit, match="name its --autoencoder"):
        start(npz, tmp_path, "b")
    with pytest.raises(SystemExit, match="no autoencoder"):
        data.load(npz, autoencoder=tmp_path / "none")
    np.savez(npz, x=np.zeros((60, 15, 15, 3), np.uint8), ids=[f"picture {i}" for i in range(60)])
    with pytest.raises(SystemExit, match="halves them 1 times"):
        data.load(npz, autoencoder=tmp_path / "vae")


def test_a_model_of_pictures_leaves_no_decoder_of_another(npz, tmp_path):
    """Exported into the folder of a model of latents."""
    learn(npz, tmp_path / "vae")
    coder = Autoencoder.load(tmp_path / "vae")
    start(npz, tmp_path, "a", "--autoencoder", str(tmp_path / "vae")).save()
    net, state = model.load_checkpoint(tmp_path / "a.pt")
    export.save(net, tmp_path / "folder", state, True, coder)
    start(npz, tmp_path / "vae", "a", "--attention", "8").save()
    net, state = model.load_checkpoint(tmp_path / "vae/a.pt")
    export.save(net, tmp_path / "folder", state, True)
    assert json.loads((tmp_path / "folder/model_index.json").read_text())["vae"] is None
    assert export.load_autoencoder(tmp_path / "folder") is None
