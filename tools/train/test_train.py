"""pytest test_train.py: runs of a tiny network on made-up pictures, on a processor, and data from files."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import card
import checkpoint
import data
import export
import model
import sample
import train
from objective import EVERY_SHARE
from optimiser import Optimiser
from schedule import Schedule

TINY = ["--channels", "16,32", "--layers", "1", "--attention", "8", "--batch", "4", "--workers", "1", "--pictures", "24"]
NAMES = [f"picture {i}" for i in range(60)]


@pytest.fixture
def npz(tmp_path):
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "some.npz", x=draw.integers(0, 256, (120, 16, 16, 3), dtype=np.uint8), y=np.arange(120) % 3,
             classes=np.array(["red", "green", "blue"]))
    return tmp_path / "some.npz"


def start(npz, out, phase, *options, resume=False):
    torch.set_num_threads(1)
    out.mkdir(exist_ok=True)
    arguments = ["--data", str(npz), "--out", str(out), "--phase", phase, *TINY, *options, *["--resume"] * resume]
    args = train.parse(arguments)
    return train.Run(args, train.Workers(args, 0))


def steps(run, count):
    return [run.train_step(False, False)[0].item() for _ in range(count)]


PHASES = [
    ("a", ["--dropout", "0.1", "--flip"]),
    ("b", ["--teacher", "average"]),
    ("b", ["--teacher", "frozen", "--hop", "mixed", "--guidance", "1", "--teacher-steps", "16", "16"]),
    ("b", ["--teacher", "data", "--student-steps", "4"]),
    ("b", ["--teacher", "frozen", "--keep-limit", "--adversarial", "1", "--few-rows", "0.7"]),
]


@pytest.mark.parametrize("phase, options", PHASES)
def test_a_resumed_run_is_the_same_run(npz, tmp_path, phase, options):
    """Six steps, and three, a checkpoint and three more: the same losses and weights to the last bit."""
    if phase == "b":
        first = start(npz, tmp_path / "one", "a")
        steps(first, 2)
        first.save()
        options = [*options, "--init", str(tmp_path / "one/a.pt")]
    whole = start(npz, tmp_path / "one", phase, *options)
    expected = steps(whole, 6)
    part = start(npz, tmp_path / "two", phase, *options)
    losses = steps(part, 3)
    part.save()
    rest = start(npz, tmp_path / "two", phase, *options, resume=True)
    losses += steps(rest, 3)
    assert losses == expected and len(set(losses)) == 6
    assert rest.progress() == whole.progress() == 1 and rest.learning_rate() == whole.learning_rate()
    for net in ("net", "average"):
        pairs = zip(getattr(rest, net).parameters(), getattr(whole, net).parameters())
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_fresh_seed_draws_otherwise(npz, tmp_path):
    assert steps(start(npz, tmp_path / "one", "a"), 1) != steps(start(npz, tmp_path / "one", "a", "--seed", "1"), 1)


def test_learning(npz, tmp_path):
    """The diffusion loss falls on data that is easy: every picture is one grey."""
    np.savez(npz, x=np.full((60, 16, 16, 3), 200, np.uint8), ids=NAMES)
    losses = steps(start(npz, tmp_path, "a", "--lr", "0.02", "--pictures", "4000"), 60)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_consistency_of_one_hop_is_diffusion(npz, tmp_path):
    """N = T: consistency training's target is the picture itself, in every row."""
    start(npz, tmp_path, "a").save()
    run = start(npz, tmp_path, "b", "--teacher", "data", "--student-steps", "8", "--teacher-steps", "8", "8")
    x, labels = run.source.batch(8)
    t, s, tau, addim, count = run.objective.draw_rows(8, 0.5)
    z, _ = run.schedule.add_noise(x, torch.randn_like(x), t)
    assert count == 0 and torch.equal(s, tau)
    assert torch.equal(run.objective.consistency_target(x, labels, z, t, s, tau, addim), x)


def test_diffusion_rows_keep_the_limit(npz, tmp_path):
    """They learn the frozen network's answer, where a guided one would forget its guidance."""
    start(npz, tmp_path, "a").save()
    run = start(npz, tmp_path, "b", "--teacher", "frozen", "--keep-limit")
    x, labels = run.source.batch(8)
    t = run.objective.uniform(8)
    z, _ = run.schedule.add_noise(x, torch.randn_like(x), t)
    target = run.objective.diffusion_target(x, z, t, labels)
    answer = run.schedule.predict_x(z, run.objective.predict(run.frozen, z, t, t, labels), t).clamp(-1, 1)
    assert torch.equal(target, answer) and not torch.equal(target, x)


def test_rows_of_few_steps(npz, tmp_path):
    start(npz, tmp_path, "a").save()
    run = start(npz, tmp_path, "b", "--few-rows", "0.7")
    shares = run.objective.step_shares
    assert torch.isclose(shares.sum(), torch.tensor(1.0)) and shares[:2].tolist() == pytest.approx([0.35, 0.35])
    usual = torch.tensor(EVERY_SHARE)
    assert torch.allclose(shares[2:] / shares[2], usual[2:] / usual[2])


def test_the_adversary_pulls_as_hard_as_the_loss(npz, tmp_path):
    """Its gradient at v: nothing outside its rows, and as long as the loss's within once it is warm; its own value is 0."""
    start(npz, tmp_path, "a").save()
    run = start(npz, tmp_path, "b", "--teacher", "frozen", "--adversarial", "1", "--float32")
    adversary, rows = run.adversary, torch.tensor([True, False, True, False])
    labels = torch.zeros(4, dtype=torch.long)
    v = torch.randn(4, 3, 16, 16, requires_grad=True)
    for warm in (0, adversary.WARM):
        adversary.steps = warm
        pull = adversary.pull(v.square().mean(), v, -v, rows, labels)
        ours, theirs = v.detach() / (v.numel() / 2), torch.autograd.grad(pull, v)[0]
        assert pull.item() == 0 and not theirs[~rows].any()
        assert torch.isclose(theirs[rows].norm(), ours[rows].norm() * (warm > 0), rtol=1e-3)


def test_the_critic_learns_its_classes(npz, tmp_path):
    """Light of class 0 and dark of class 1 are real, the reverse is drawn: labels alone tell them apart."""
    start(npz, tmp_path, "a").save()
    adversary = start(npz, tmp_path, "b", "--teacher", "frozen", "--adversarial", "1").adversary
    light, dark, labels = torch.ones(4, 3, 16, 16), -torch.ones(4, 3, 16, 16), torch.tensor([0, 0, 1, 1])
    real, drawn = (torch.cat(pair) + 0.1 * torch.randn(4, 3, 16, 16) for pair in ((light[:2], dark[:2]), (dark[:2], light[:2])))
    for _ in range(150):
        adversary.teach(real, drawn, labels)
    assert adversary.critic(real, labels).mean() > adversary.critic(drawn, labels).mean() + 1


def test_a_batch_without_pictures_to_judge(npz, tmp_path):
    """No row ends at a picture: the loss is the same as without the adversary."""
    start(npz, tmp_path, "a").save()
    adversary = start(npz, tmp_path, "b", "--teacher", "frozen", "--adversarial", "1").adversary
    none, v = torch.zeros(4, dtype=torch.bool), torch.randn(4, 3, 16, 16, requires_grad=True)
    adversary.teach(v[none].detach(), v[none].detach(), torch.zeros(0, dtype=torch.long))
    adversary.pull(v.square().mean(), v, -v, none, torch.zeros(4, dtype=torch.long)).backward()
    assert not v.grad.any() and all(torch.isfinite(p).all() for p in adversary.critic.parameters())


@pytest.mark.parametrize("options, message", [
    (["--student-steps", "4", "--teacher", "data", "--few-rows", "0.7"], "one N"), (["--teacher", "data", "--keep-limit"], "no limit"),
])
def test_options_that_do_not_fit_are_refused(npz, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit):
        start(npz, tmp_path, "b", *options)
    assert message in capsys.readouterr().err


def test_a_teacher_that_knows_everything_has_no_variance(npz, tmp_path):
    """aDDIM hops of consistency training are DDIM hops: the data has no error."""
    start(npz, tmp_path, "a").save()
    targets = []
    for hop in ("ddim", "addim"):
        run = start(npz, tmp_path, "b", "--teacher", "data", "--hop", hop)
        x, labels = run.source.batch(8)
        torch.manual_seed(1)
        t, s, tau, addim, count = run.objective.draw_rows(10, 0.5)
        z, _ = run.schedule.add_noise(x, torch.randn_like(x), t[count:])
        targets.append(run.objective.consistency_target(x, labels, z, t[count:], s[count:], tau[count:], addim))
    assert torch.equal(*targets)


def test_a_checkpoint_for_other_data_is_refused(npz, tmp_path):
    start(npz, tmp_path, "a").save()
    np.savez(npz, x=np.zeros((60, 16, 16, 4), np.uint8), ids=NAMES)
    with pytest.raises(SystemExit, match="the checkpoint is for"):
        start(npz, tmp_path, "a", resume=True)


def test_export_and_load(npz, tmp_path):
    start(npz, tmp_path, "a").save()
    net, state = model.load_checkpoint(tmp_path / "a.pt")
    torch.nn.init.normal_(net.segment_embedding.linear_2.weight, std=0.1)
    export.save(net, tmp_path / "folder", state, clip=True)
    again, settings = export.load(tmp_path / "folder")
    assert settings["image_size"] == 16 and settings["trained_steps"] == model.EVERY_N and again.schedule == net.schedule
    noise, labels = torch.randn(3, 3, 16, 16), torch.arange(3)
    pair = [sample.multistep(n, noise, labels, 2, clip=True) for n in (net, again)]
    assert (pair[0] - pair[1]).abs().max() < 0.02 and not torch.equal(*pair)  # float16 weights


def picture(path, mode, size, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGBA", size, colour)
    image.convert(mode).save(path)


def test_folder(tmp_path):
    """Classes are folders; all kinds of PNG become premultiplied RGBA of one size."""
    for i in range(40):
        picture(tmp_path / f"cats/{i}.png", "RGBA", (20, 10), (255, 0, 0, 128))
        picture(tmp_path / f"dogs/deep/{i}.png", "P", (8, 8), (0, 255, 0, 255))
    source = data.load(tmp_path, size=8)
    assert source.names == ["cats", "dogs", "any"] and source.channels == 4
    assert all(sum(pair) == 40 and pair[1] > 0 for pair in source.sizes().values())
    x, labels = source.batch(50)
    cat, dog = (((x[labels == k] + 1) / 2 * 255).round().flatten(2).unique(dim=2).unique(dim=0) for k in (0, 1))
    assert cat.flatten().tolist() == [128, 0, 0, 128] and dog.flatten().tolist() == [0, 255, 0, 255]
    picture(tmp_path / "dogs/late.png", "RGBA", (8, 8), (0, 0, 0, 255))
    names = [set(map(bytes, data.load(tmp_path, size=8).parts[1][0].numpy())), set(map(bytes, source.parts[1][0].numpy()))]
    assert names[1] <= names[0]  # what is held out stays held out


def test_folder_without_transparency_is_rgb(tmp_path):
    for i in range(60):
        picture(tmp_path / f"only/{i}.jpg", "RGB", (16, 16), (10 * (i % 20), 0, 0, 255))
    assert data.load(tmp_path, size=16).channels == 3


def test_npz_alpha_is_premultiplied(tmp_path):
    x = np.zeros((60, 4, 4, 4), np.uint8)
    x[..., 0], x[..., 3] = 200, 128
    np.savez(tmp_path / "a.npz", x=x, ids=NAMES)
    pixels = data.load(tmp_path / "a.npz").parts[0][0]
    assert pixels[0, :, 0, 0].tolist() == [100, 0, 0, 128]


def test_wrong_data_is_refused(tmp_path):
    np.savez(tmp_path / "float.npz", x=np.zeros((4, 8, 8, 3)))
    np.savez(tmp_path / "labels.npz", x=np.zeros((60, 8, 8, 3), np.uint8), y=np.full(60, 3), classes=np.array(["a"]))
    np.savez(tmp_path / "few.npz", x=np.zeros((1, 8, 8, 3), np.uint8))
    (tmp_path / "empty/class").mkdir(parents=True)
    for path, size, message in [("float.npz", None, "uint8"), ("labels.npz", None, "fit together"), ("few.npz", None, "too few"),
                                ("empty", 8, "no pictures"), ("empty", None, "--size"), ("none", 8, "neither")]:
        with pytest.raises(SystemExit, match=message):
            data.load(tmp_path / path, size)


@pytest.mark.parametrize("options, message", [
    (["--channels", "12,32"], "multiple of 8"), (["--channels", "32,48"], "multiple of 32"),
    (["--channels", "32,32,32,32,32,32"], "halved"), (["--attention", "5"], "levels are"),
])
def test_wrong_networks_are_refused(npz, tmp_path, options, message):
    with pytest.raises(SystemExit, match=message):
        start(npz, tmp_path, "a", *options)


def test_what_is_missing_or_other_is_said(npz, tmp_path):
    with pytest.raises(SystemExit, match="no such checkpoint"):
        start(npz, tmp_path, "b")
    start(npz, tmp_path, "a").save()
    start(npz, tmp_path, "b").save()
    with pytest.raises(SystemExit, match="student-steps"):
        start(npz, tmp_path, "b", "--student-steps", "4", "--teacher", "data", resume=True)


def test_a_small_checkpoint_goes_on(npz, tmp_path):
    """Without its optimiser a run goes on from the float16 average, warms up again, and its clock runs on."""
    long = start(npz, tmp_path, "a", "--pictures", "4000")
    steps(long, 3)
    long.save()
    small = checkpoint.shrink(torch.load(tmp_path / "a.pt"))
    torch.save(small, tmp_path / "a.pt")
    run = start(npz, tmp_path, "a", "--more", resume=True)
    assert run.images == 12 and run.args.pictures == 36 and run.learning_rate() < 2 * run.args.lr / 300
    for ours, theirs in zip(run.net.parameters(), long.average.parameters()):
        assert torch.equal(ours, theirs.half().float())
    assert torch.isfinite(torch.tensor(steps(run, 2))).all()
    run.save()
    model.load_checkpoint(tmp_path / "a.pt")


def test_card(npz, tmp_path):
    """What it says is what was done."""
    run = start(npz, tmp_path, "a")
    steps(run, 2)
    run.save()
    run = start(npz, tmp_path, "b", "--teacher", "data", "--student-steps", "4")
    steps(run, 3)
    run.save()
    net, state = model.load_checkpoint(tmp_path / "b.pt")
    card.write(tmp_path, net, state, "Noise", "cc0-1.0", "Made up.", "| KID |")
    text = (tmp_path / "README.md").read_text()
    for part in ("license: cc0-1.0", "in 4 steps", "Columns: 4 steps.", "16x16 RGB", "2 steps, 8 pictures", "3 steps, 12 pictures",
                 "`teacher=data`", "`student-steps=4`", "Made up.", "| KID |"):
        assert part in text, part
    assert "segment" not in text


def test_a_run_from_beginning_to_end(npz, tmp_path):
    """Files of a whole run: logs with headers, validation, grid, checkpoint."""
    args = train.parse(["--data", str(npz), "--out", str(tmp_path), "--phase", "a", *TINY])
    train.train(0, args)
    assert (tmp_path / "validation_a.csv").read_text().splitlines()[0] == "step,pictures,seconds,loss"
    assert len((tmp_path / "validation_a.csv").read_text().splitlines()) == 2
    assert list(tmp_path.glob("a_*.png")) and torch.load(tmp_path / "a.pt")["clock"][:2] == (6, 24)


def two_steps(rank, count, folder):
    """Of the optimiser, with gradients that are the same for every worker; leaves the weights."""
    torch.set_num_threads(1)
    if count > 1:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=count)
    source = SimpleNamespace(size=16, channels=3, names=["a", "any"], encoder=None)
    options = SimpleNamespace(model=None, channels=(16, 32), layers=1, attention=(8,), dropout=0.0)
    torch.manual_seed(0)
    net = model.SegmentUNet.create(model.configure(source, options), Schedule()).to(memory_format=torch.channels_last)
    optimiser = Optimiser(net, "muon", 1e-2, 0.01, rank=rank, count=count)
    for _ in range(2):
        for p in net.parameters():
            p.grad = torch.randn(p.shape).contiguous(memory_format=torch.channels_last) if p.dim() == 4 else torch.randn(p.shape)
        optimiser.step(1e-2)
    torch.save([net.state_dict(), optimiser.state_on_host()], folder / f"{rank} of {count}.pt")


def test_workers_share_the_matrices(tmp_path):
    """Two workers end with one worker's network; each keeps the state of its own matrices."""
    two_steps(0, 1, tmp_path)
    torch.multiprocessing.spawn(two_steps, (2, tmp_path), nprocs=2)
    (one, whole), *both = (torch.load(tmp_path / f"{name}.pt") for name in ("0 of 1", "0 of 2", "1 of 2"))
    for net, _ in both:
        assert all(torch.equal(net[name], one[name]) for name in one)
    counts = [len(parts[1]["state"]) for _, parts in both]
    assert sum(counts) == len(whole[1]["state"]) and min(counts) > 0
