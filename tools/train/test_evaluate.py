"""pytest test_evaluate.py: drawing, features and reports of evaluate.py; QUICKSTEP_FEATURES names the .tflite for one test."""

import json
import os
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import data
import draws
import evaluate
import export
import features
import report
import train
from model import load_checkpoint


class Means(torch.nn.Module):
    """Features that need no file: means of the four quarters."""

    def __init__(self, path):
        super().__init__()

    def describe(self, pictures):
        return torch.nn.functional.adaptive_avg_pool2d(features.flatten(pictures), 2).flatten(1) * 4


@pytest.fixture
def npz(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (600, 16, 16, 4), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", x=x, y=np.arange(600) % 3, classes=np.array(["red", "green", "blue"]))
    return tmp_path / "some.npz"


@pytest.fixture
def folder(npz, tmp_path):
    """A model folder of random weights that draws different things by label and segment."""
    words = ["--data", npz, "--out", tmp_path, "--phase", "a", "--channels", "16,32", "--layers", "1", "--attention", "8",
             "--workers", "1", "--pictures", "1", "--device", "cpu"]
    args = train.parse([str(word) for word in words])
    train.Run(args, train.Workers(args, 0)).save()
    net, state = load_checkpoint(tmp_path / "a.pt")
    torch.nn.init.normal_(net.segment_embedding.linear_2.weight, std=0.1)
    export.save(net, tmp_path / "model", state, clip=True)
    return tmp_path / "model"


def test_every_beginning_has_the_shares():
    shares = torch.tensor([0.5, 0.3, 0.2, 0.0])
    labels = draws.label_order(shares, 200)
    for n in range(1, 201):
        assert (labels[:n].bincount(minlength=4) - n * shares).abs().max() <= 1
    assert (labels[:50] == draws.label_order(shares, 50)).all()


def test_a_picture_depends_on_nothing_but_its_seed_and_label(folder):
    model = draws.Model(folder, "cpu", False, False)
    labels, column = torch.tensor([0, 1, 2, 1, 0]), draws.Column("multistep", 2)
    all_at_once = model.draw(column, labels, 7, batch=5)
    assert all_at_once.shape == (5, 4, 16, 16) and all_at_once.abs().max() <= 1
    assert (all_at_once - model.draw(column, labels, 7, batch=2)).abs().max() < 1e-4
    assert (all_at_once[3:] - model.draw(column, labels[3:], 10, batch=5)).abs().max() < 1e-4
    assert (all_at_once[3] - model.draw(column, labels[3:] * 0, 10, batch=5)[0]).abs().max() > 1e-3


def test_bytes_are_the_engines():
    """Clear is what rounds to a clear byte; else colours are divided by alpha."""
    v = torch.tensor([[0.5, 0.25, 0, 0.5], [0.001, 0, 0, 0.0019], [1, 0, 0.5, 1], [0.9, 0.1, 0, 0.5]])
    x = (2 * v - 1).T.reshape(1, 4, 4, 1)
    expected = [[255, 128, 0, 128], [0, 0, 0, 0], [255, 0, 128, 255], [255, 51, 0, 128]]
    assert features.to_bytes(x, "premultiplied")[0, :, 0].tolist() == expected
    assert features.to_bytes(x[:, :3], None)[0, 0, 0].tolist() == [128, 64, 0]
    over_grey = features.flatten(features.to_bytes(x, "premultiplied"))[0, :, :, 0].T
    assert torch.allclose(over_grey[1], torch.tensor(0.5))
    assert torch.allclose(over_grey[0], torch.tensor([0.75, 0.5, 0.25]), atol=0.005)


def test_what_was_drawn_is_used_again_for_the_same_key_only(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"x": torch.full((2,), float(len(made)))}

    for key, expected in (({"seed": 1}, 1), ({"seed": 1}, 1), ({"seed": 2}, 2), ({"seed": 2}, 2)):
        assert draws.cached(tmp_path / "sub/x.safetensors", key, make)["x"][0] == expected


def test_pictures_are_read_in_their_numbers_order(tmp_path):
    for i in (0, 2, 10, 1):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"a-{i}.png")
    assert draws.read_pictures(str(tmp_path / "a-*.png"))[:, 0, 0, 0].tolist() == [0, 1, 2, 10]
    with pytest.raises(SystemExit, match="no PNG"):
        draws.read_pictures(str(tmp_path / "b-*.png"))


def test_a_shifted_mirrored_copy_is_found():
    training = torch.rand(30, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x = torch.stack([training[4].flip(2).roll((1, -1), (1, 2)), training[9] + 0.01, -training[0]])
    distances = report.pixel_distances(x, training)
    assert distances[:2].argmin(1).tolist() == [4, 9]
    assert distances[0].min() < 1e-3 and abs(distances[1].min() - 0.01) < 1e-3 and distances[2].min() > 0.3


def judge(monkeypatch, npz, out, *options):
    monkeypatch.setattr(evaluate, "MobileNetV2", Means)
    words = ["--data", npz, "--out", out, "--features", "none", *options]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, words)])
    evaluate.main()


def test_a_model_is_judged(monkeypatch, folder, npz, tmp_path):
    options = ["--count", "60", "--limit-count", "30", "--steps", "1", "2", "--limit", "3", "4"]
    judge(monkeypatch, npz, tmp_path / "out", folder, *options)
    result = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert list(result["steps"]) == ["1", "2", "addim 3", "addim 4"]
    row, floor = result["steps"]["1"], result["floor"]
    assert row["KID"] > 10 * row["KID interval"] and abs(floor["KID"]) < floor["KID interval"]
    assert row["FD"] > 2 * floor["FD"] and row["coverage"] < floor["coverage"] and row["PSNR"] > 0
    assert result["steps"]["addim 3"]["PSNR"] > row["PSNR"]
    table = (tmp_path / "out/evaluation.md").read_text()
    assert "KID-MobileNetV2" in table and f"| {row['KID']:.2f} ± {row['KID interval']:.2f} |" in table
    assert all((tmp_path / "out" / name).exists() for name in ("grid.png", "neighbours.png"))
    judge(monkeypatch, npz, tmp_path / "out", folder, *options)
    assert json.loads((tmp_path / "out/evaluation.json").read_text())["steps"] == result["steps"]


def test_files_are_judged_like_drawn_pictures(monkeypatch, npz, tmp_path):
    """Real pictures of a class have no KID to it, and pictures of noise of another distribution have."""
    rows, labels = data.load(npz).every(change=False)
    for i, picture in enumerate(features.to_bytes(rows[labels == 1], "premultiplied")[:60]):
        Image.fromarray(picture.numpy()).save(tmp_path / f"real-{i}.png")
        Image.fromarray((picture // 2).numpy()).save(tmp_path / f"dark-{i}.png")
    for kind, low, high in (("real", -1, 1), ("dark", 3, 1e9)):
        judge(monkeypatch, npz, tmp_path / "out", "--pictures", f"green={tmp_path}/{kind}-*.png")
        row = json.loads((tmp_path / "out/files.json").read_text())["files"]
        assert low < row["KID"] / max(row["KID interval"], 1e-9) < high
    with pytest.raises(SystemExit, match="red green blue"):
        judge(monkeypatch, npz, tmp_path / "out", "--pictures", f"yellow={tmp_path}/real-*.png")


@pytest.mark.skipif("QUICKSTEP_FEATURES" not in os.environ, reason="QUICKSTEP_FEATURES does not name the .tflite; see features.py")
def test_features_are_the_files():
    """Against another reader of the file, of pictures made by a formula."""
    i = torch.arange(32 * 32 * 4).reshape(1, 32, 32, 4)
    got = features.MobileNetV2(os.environ["QUICKSTEP_FEATURES"]).describe((i * i // 7 % 256).to(torch.uint8))[0]
    expected = [0.0, 0.0, 0.0043625655, 0.0074870731, 0.0, 0.00084328162, 0.0, 0.0300797]
    assert got.shape == (1280,) and torch.allclose(got[::160], torch.tensor(expected), atol=1e-5)
    assert abs(got.sum() - 326.25055) < 1e-2 and abs(got.square().sum() - 561.07532) < 1e-2


def test_a_file_that_is_no_tflite_is_an_error(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"not a flat buffer")
    with pytest.raises(ValueError, match="x.tflite is no TFLite file"):
        features.MobileNetV2(tmp_path / "x.tflite")
