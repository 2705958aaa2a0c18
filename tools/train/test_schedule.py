"""pytest test_schedule.py: the algebra of the consistency target against the paper's definitions."""

import math
from types import SimpleNamespace

import torch

import schedule as S
from model import OPTIONS, PlainAttention, SegmentUNet, configure
from objective import Objective
from schedule import Schedule

COSINE = Schedule()


def network():
    """The sprites' network with two classes, before training."""
    source = SimpleNamespace(size=32, channels=4, names=["a", "b", "any"], encoder=None)
    return SegmentUNet.create(configure(source, OPTIONS), COSINE)


KINDS = [1, 2, 3, 4, 5, 6, 8, 12, 16]


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_cosine_vectors():
    for t, ratio in [(0.875, 5.01646), (0.75, 2.41233), (0.5, 1.0), (0.25, 0.41454), (0.125, 0.19934)]:
        a, s = COSINE.alpha_sigma(t)
        assert abs(s / a - ratio) < 2e-5
    assert abs(COSINE.logsnr(1.0) + 15) < 1e-9 and abs(COSINE.logsnr(0.0) - 15) < 1e-9


def test_interpolated_vectors():
    table = [(1.0, -16.3863), (0.875, -4.4385), (0.75, -2.8009), (0.5, -0.6931), (0.25, 1.4146), (0.0, 15.0)]
    for t, l in table:
        assert abs(Schedule(64, 32, 64).logsnr(t) - l) < 1e-4


def test_rotation_vectors():
    """z_s = cos z_t - sin v for four steps of the 64-pixel schedule, and the DDIM form agrees."""
    schedule = Schedule.for_size(64)
    for i, a, b in [(4, 0.971006, -0.239054), (3, 0.930942, -0.365166), (2, 0.878870, -0.477061), (1, 0.897179, -0.441667)]:
        (at, st), (as_, ss) = schedule.alpha_sigma(i / 4), schedule.alpha_sigma((i - 1) / 4)
        angle = math.atan2(st, at) - math.atan2(ss, as_)
        assert abs(math.cos(angle) - a) < 1e-6 and abs(-math.sin(angle) - b) < 1e-6


def test_weight_is_the_papers_target():
    n = torch.tensor(KINDS * 50)
    t, s, tau = S.draw_times(n, 64.0, torch.Generator().manual_seed(1))
    z, teacher, ref = double(len(n), 4, 2, 2), double(len(n), 4, 2, 2) * 0.5, double(len(n), 4, 2, 2) * 0.3
    z_s = COSINE.ddim(teacher, z, t, s)
    z_tau = torch.where((s == tau).reshape(-1, 1, 1, 1), z_s, COSINE.ddim(ref, z_s, s, tau))
    expected = COSINE.inverse_ddim(z_tau, z, t, tau)
    w = S.column(COSINE.target_weight(t, s, tau), z)
    assert (expected - (w * ref + (1 - w) * teacher)).abs().max() < 1e-9


def test_addim_target_is_the_papers():
    """In float64 the closed form is Algorithm 1 step by step; with no variance it is the DDIM target."""
    for schedule in (COSINE, Schedule.for_size(64)):
        n = torch.tensor(KINDS * 50)
        t, s, tau = S.draw_times(n, 64.0, torch.Generator().manual_seed(5))
        z, teacher, ref = double(len(n), 4, 2, 2), double(len(n), 4, 2, 2) * 0.5, double(len(n), 4, 2, 2) * 0.3
        variance = torch.linspace(0, 0.3, len(n), dtype=torch.float64)
        z_s = schedule.addim(teacher, z, variance, t, s)
        z_tau = torch.where((s == tau).reshape(-1, 1, 1, 1), z_s, schedule.ddim(ref, z_s, s, tau))
        expected = schedule.inverse_ddim(z_tau, z, t, tau)
        assert (expected - schedule.target(ref, teacher, z, variance, t, s, tau)).abs().max() < 1e-9
        w = S.column(schedule.target_weight(t, s, tau), z)
        plain = schedule.target(ref, teacher, z, 0 * variance, t, s, tau)
        assert (plain - (w * ref + (1 - w) * teacher)).abs().max() < 1e-12


def test_addim_restores_the_norm():
    """z_s of aDDIM has the energy of DDIM's plus the teacher's missing variance (Algorithm 3), d elements a sample."""
    t, s = torch.tensor([0.9, 0.5, 0.2], dtype=torch.float64), torch.tensor([0.7, 0.25, 0.0], dtype=torch.float64)
    x, z, variance = 0 * double(3, 4, 8, 8), double(3, 4, 8, 8), torch.tensor([0.2, 0.1, 0.05], dtype=torch.float64)
    (at, st), (as_, ss) = COSINE.alpha_sigma(t), COSINE.alpha_sigma(s)
    energy = lambda k: k.square().flatten(1).mean(1)
    gained = energy(COSINE.addim(x, z, variance, t, s)) - energy(COSINE.ddim(x, z, t, s))
    assert torch.allclose(gained, (as_ - at * ss / st).square() * variance, rtol=1e-9)


def test_one_hop_a_segment_is_diffusion():
    """N = T: the target is the teacher's answer, for consistency training the picture, whatever x_ref says."""
    t, s, tau = S.draw_times(torch.full((50,), 16), 16.0, torch.Generator().manual_seed(6))
    z, x = double(50, 4, 2, 2), double(50, 4, 2, 2) * 0.5
    target = COSINE.target(torch.full_like(x, 1e6), x, z, torch.zeros(50, dtype=torch.float64), t, s, tau)
    assert (target - x).abs().max() < 1e-12


def test_one_segment_is_consistency_training():
    """N = 1: the target is the network's answer one hop on (Song et al. 2023) but for the little noise at t = 0."""
    t, s, tau = S.draw_times(torch.ones(200), 64.0, torch.Generator().manual_seed(7))
    assert (tau == 0).all()
    later = s > 0
    t, s, tau = t[later], s[later], tau[later]
    w = COSINE.target_weight(t, s, tau)
    k = lambda u: torch.exp(-COSINE.logsnr(u) / 2)
    assert torch.allclose(1 - w, (k(tau) / k(s) - k(tau) / k(t)) / (1 - k(tau) / k(t)), atol=1e-12)
    assert (w > 0.97).all() and (w[s > 0.1] > 0.995).all()


def test_weight_range_and_limits():
    n = torch.tensor(KINDS * 200)
    t, s, tau = S.draw_times(n, 512.0, torch.Generator().manual_seed(2))
    w = COSINE.target_weight(t, s, tau)
    assert w.min() >= 0 and w.max() <= 1
    assert (w[s == tau] == 0).all()  # one hop: plain diffusion
    first = (tau == 0) & (s > 0)
    assert (w[first] > 0.8).all()  # segment reaches the data: consistency (1 but for sigma_0 > 0)
    # N = T: every draw is a single hop
    t, s, tau = S.draw_times(torch.full((500,), 16), 16.0, torch.Generator().manual_seed(3))
    assert (s == tau).all() and (COSINE.target_weight(t, s, tau) == 0).all()


def test_times_stay_in_their_segment():
    n = torch.tensor(KINDS * 100)
    t, s, tau = S.draw_times(n, 37.0, torch.Generator().manual_seed(4))
    assert (tau <= s).all() and (s < t).all() and (t <= tau + 1 / n + 1e-12).all()
    assert torch.allclose((tau * n).round(), tau * n, atol=1e-12)


def test_prediction_inverts_noise():
    x, eps, t = double(6, 4, 3, 3), double(6, 4, 3, 3).flip(0), torch.linspace(0, 1, 6, dtype=torch.float64)
    z, v = COSINE.add_noise(x, eps, t)
    assert (COSINE.predict_x(z, v, t) - x).abs().max() < 1e-12
    assert (COSINE.ddim(x, z, t[1:2], t[1:2]) - z).abs().max() < 1e-12


def test_teacher_grid():
    assert abs(S.teacher_steps(0) - 32) < 1e-9 and abs(S.teacher_steps(2) - 512) < 1e-9
    assert abs(S.teacher_steps(0.5) - 128) < 1e-9


def test_zero_segment_is_the_diffusion_network():
    torch.manual_seed(0)
    net = network().eval()
    torch.nn.init.normal_(net.segment_embedding.linear_2.weight, std=0.1)
    x, t, labels = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 993.75]), torch.tensor([0, 2])
    with torch.no_grad():
        ours = net(x, t, torch.zeros(2), labels)
        theirs = super(SegmentUNet, net).forward(x, t, labels).sample
        other = net(x, t, torch.full((2,), 250.0), labels)
    assert (ours - theirs).abs().max() < 1e-5 and (other - ours).abs().max() > 1e-4


def test_training_attention_is_diffusers_own():
    torch.manual_seed(0)
    net = network().eval()
    inputs = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 993.75]), torch.zeros(2), torch.tensor([0, 2])
    with torch.no_grad():
        theirs = net(*inputs)
        for layer in net.modules():
            if type(layer).__name__ == "Attention":
                layer.set_processor(PlainAttention())
        assert (net(*inputs) - theirs).abs().max() < 1e-5


class Gaussian(torch.nn.Module):
    """The exact network for pictures that are normal with deviation 0.5: z_tau = z_t std_tau / std_t; factor: makes it wrong."""

    def __init__(self, factor):
        super().__init__()
        self.schedule, self.factor, self.weight = COSINE, factor, torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, timestep, segment, labels):
        end, start = (self.schedule.angle(k.double() / S.TIMESTEP_SCALE) for k in (timestep, timestep - segment))
        deviation = lambda phi: (0.25 * phi.cos().square() + phi.sin().square()).sqrt()
        turn = end - start
        diffusion = 0.75 * end.sin() * end.cos() / deviation(end).square()  # the limit of the same
        v = torch.where(turn < 1e-6, diffusion, (turn.cos() - deviation(start) / deviation(end)) / turn.sin().clamp(min=1e-9))
        return S.column(self.factor * v, z) * z

    def plain(self, labels):
        return labels

    def guidance(self, labels, default):
        return default


def test_tangent():
    """Of the exact flow map it is zero; of a network that answers 0 it is what it reads cos(D) v - sin(D) z for."""
    settings = SimpleNamespace(compile=False, student_steps=None, few_rows=None, teacher="frozen", keep_limit=False, guidance=0.0, float32=True)
    t, tau = (torch.tensor(k, dtype=torch.float64) for k in ([0.99, 0.8, 0.6, 0.5, 0.3], [0.0, 0.0, 0.5, 0.25, 0.25]))
    z = 0.05 * double(5, 2, 4, 4).float()
    for factor in (1.0, 0.0):
        objective = Objective(settings, Gaussian(factor), None, Gaussian(1.0))
        x = objective.tangent_target(z, None, z, t, tau, progress=1.0)
        turn = COSINE.angle(t) - COSINE.angle(tau)
        true, v = (Gaussian(1.0)(z, S.TIMESTEP_SCALE * t, S.TIMESTEP_SCALE * (t - k), None) for k in (tau, t))
        expected = true if factor else S.column(turn.cos(), z) * v - S.column(turn.sin(), z) * z
        assert (x - COSINE.predict_x(z, expected, t)).abs().max() < 1e-5
