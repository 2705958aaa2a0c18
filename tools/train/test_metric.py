"""pytest test_metric.py: the distances against definitions and closed forms."""

import math

import pytest
import torch

import metric as M


def gaussian(n, d=6, mean=0.0, seed=0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + mean


def one_class(features):
    return M.PictureSet(features, torch.zeros(len(features), dtype=torch.long), torch.ones(1))


def test_kid_is_the_unbiased_definition():
    x, y = gaussian(25), gaussian(31, mean=0.3, seed=1)
    k = lambda a, b: (a @ b / 6 + 1) ** 3
    xx = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (25 * 24)
    yy = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (31 * 30)
    xy = sum(k(a, b) for a in x for b in y) / (25 * 31)
    assert abs(M.Kid(one_class(x), one_class(y)).value - (xx + yy - 2 * xy)) < 1e-12


def test_jackknife_leaves_a_group_out():
    x, y = gaussian(60), gaussian(40, seed=1)
    kid = M.Kid(one_class(x), one_class(y))
    for group in (0, 7, 19):
        rest = [i for i in range(60) if i % M.GROUPS != group]
        assert abs(kid.by_x[1 + group] - M.Kid(one_class(x[rest]), one_class(y)).value) < 1e-12
        rest = [i for i in range(40) if i % M.GROUPS != group]
        assert abs(kid.by_y[1 + group] - M.Kid(one_class(x), one_class(y[rest])).value) < 1e-12


def test_equal_distributions_have_no_kid_and_shifted_ones_have():
    """Over 40 pairs: the mean is 0 (unbiased), the 95 % interval has it nearly always, a shift is seen always."""
    equal = [M.Kid(one_class(gaussian(80, seed=2 * s)), one_class(gaussian(60, seed=2 * s + 1))) for s in range(40)]
    values = torch.tensor([k.value for k in equal])
    assert values.mean().abs() < 3 * values.std() / math.sqrt(40)
    assert sum(abs(k.value) <= k.interval for k in equal) >= 34
    shifted = [M.Kid(one_class(gaussian(80, seed=2 * s)), one_class(gaussian(60, mean=0.7, seed=2 * s + 1))) for s in range(10)]
    assert all(k.value > k.interval for k in shifted)


def test_equal_seeds_make_a_difference_certain():
    """Two sets that differ by little from each other and by much from y."""
    x, y = gaussian(100), one_class(gaussian(90, seed=1))
    a, b = M.Kid(one_class(x + 0.50), y), M.Kid(one_class(x + 0.52), y)
    assert (b - a).value > (b - a).interval and (b - a).interval < 0.2 * a.interval


def test_classes_count_by_their_shares():
    """Nine tenths of x are class 0, half of y: with shares they are equal, without they are not."""
    x = torch.cat([gaussian(900), gaussian(100, mean=1, seed=1)])
    y = torch.cat([gaussian(200, seed=2), gaussian(200, mean=1, seed=3)])
    x_labels, y_labels = (torch.cat([torch.zeros(a), torch.ones(b)]).long() for a, b in ((900, 100), (200, 200)))
    shares = torch.tensor([0.5, 0.5])
    fair = M.Kid(M.PictureSet(x, x_labels, shares), M.PictureSet(y, y_labels, shares))
    unfair = M.Kid(one_class(x), one_class(y))
    assert abs(fair.value) < fair.interval and unfair.value > unfair.interval
    mean, _ = M.moments(M.PictureSet(x, x_labels, shares))
    assert (mean - 0.5).abs().max() < 0.2


def test_a_class_with_too_few_pictures_is_an_error():
    labels = torch.tensor([0] * 50 + [1] * 2)
    with pytest.raises(ValueError, match="fewer than 3"):
        M.PictureSet(gaussian(52), labels, torch.tensor([0.5, 0.5]))
    assert len(M.PictureSet(gaussian(52), labels, torch.tensor([1.0, 0.0]))) == 50


def test_frechet_of_gaussians():
    """Axis-aligned: sum (m - n)^2 + (s - t)^2; turned, the same; and moments() finds both from samples."""
    m, s = torch.tensor([0.0, 1, 2]).double(), torch.tensor([1.0, 2, 0.5]).double()
    n, t = torch.tensor([1.0, 1, 0]).double(), torch.tensor([3.0, 0.0, 0.5]).double()
    expected = ((m - n) ** 2 + (s - t) ** 2).sum().item()
    assert abs(M.frechet(m, (s**2).diag(), n, (t**2).diag()) - expected) < 1e-9
    turn, _ = torch.linalg.qr(gaussian(3, 3))
    turned = lambda d: turn @ d.diag() @ turn.T
    assert abs(M.frechet(turn @ m, turned(s**2), turn @ n, turned(t**2)) - expected) < 1e-6
    x, y = (one_class(gaussian(20000, 3, seed=k) * dev + mean) for k, (mean, dev) in enumerate([(m, s), (n, t)]))
    assert abs(M.frechet(*M.moments(x), *M.moments(y)) - expected) < 0.15


def test_coverage_knows_a_missing_mode_and_a_false_one():
    modes = lambda *means: one_class(torch.cat([gaussian(200, mean=m, seed=m) for m in means]))
    same = M.coverage(modes(0, 10), one_class(torch.cat([gaussian(200, mean=m, seed=m + 50) for m in (0, 10)])))
    assert min(same.values()) > 0.6
    missing = M.coverage(modes(0), modes(1, 10))
    assert missing["coverage"] < 0.55 and missing["recall"] < 0.55
    false = M.coverage(modes(0, 20), modes(1, 10))
    assert false["precision"] < 0.55


def test_psnr():
    x = torch.zeros(3, 4, 2, 2)
    y = torch.stack([torch.full((4, 2, 2), v) for v in (0.2, 2.0, 0.0)])
    assert torch.allclose(M.psnr(x, y), torch.tensor([20.0, 0.0, 10 * math.log10(4e12)]).double(), atol=1e-5)
