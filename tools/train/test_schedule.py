"""pytest test_schedule.py: the algebra of the consistency target against the paper's definitions."""

import math

import torch

import schedule as S

KINDS = [1, 2, 3, 4, 5, 6, 8, 12, 16]


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_cosine_vectors():
    for t, ratio in [(0.875, 5.01646), (0.75, 2.41233), (0.5, 1.0), (0.25, 0.41454), (0.125, 0.19934)]:
        a, s = S.alpha_sigma(t)
        assert abs(s / a - ratio) < 2e-5
    assert abs(S.logsnr(1.0) + 15) < 1e-9 and abs(S.logsnr(0.0) - 15) < 1e-9


def test_interpolated_vectors():
    table = [(1.0, -16.3863), (0.875, -4.4385), (0.75, -2.8009), (0.5, -0.6931), (0.25, 1.4146), (0.0, 15.0)]
    for t, l in table:
        assert abs(S.logsnr(t, 64, 32, 64) - l) < 1e-4


def test_rotation_vectors():
    """z_s = cos z_t - sin v for four steps of the 64-pixel schedule, and the DDIM form agrees."""
    sizes = dict(image_size=64, noise_low=32, noise_high=64)
    for i, a, b in [(4, 0.971006, -0.239054), (3, 0.930942, -0.365166), (2, 0.878870, -0.477061), (1, 0.897179, -0.441667)]:
        (at, st), (as_, ss) = S.alpha_sigma(i / 4, **sizes), S.alpha_sigma((i - 1) / 4, **sizes)
        angle = math.atan2(st, at) - math.atan2(ss, as_)
        assert abs(math.cos(angle) - a) < 1e-6 and abs(-math.sin(angle) - b) < 1e-6


def test_weight_is_the_papers_target():
    n = torch.tensor(KINDS * 50)
    t, s, tau = S.draw_times(n, 64.0, torch.Generator().manual_seed(1))
    z, teacher, ref = double(len(n), 4, 2, 2), double(len(n), 4, 2, 2) * 0.5, double(len(n), 4, 2, 2) * 0.3
    z_s = S.ddim(teacher, z, t, s)
    z_tau = torch.where((s == tau).reshape(-1, 1, 1, 1), z_s, S.ddim(ref, z_s, s, tau))
    expected = S.inverse_ddim(z_tau, z, t, tau)
    w = S.column(S.target_weight(t, s, tau), z)
    assert (expected - (w * ref + (1 - w) * teacher)).abs().max() < 1e-9


def test_weight_range_and_limits():
    n = torch.tensor(KINDS * 200)
    t, s, tau = S.draw_times(n, 512.0, torch.Generator().manual_seed(2))
    w = S.target_weight(t, s, tau)
    assert w.min() >= 0 and w.max() <= 1
    assert (w[s == tau] == 0).all()  # one hop: plain diffusion
    first = (tau == 0) & (s > 0)
    assert (w[first] > 0.8).all()  # segment reaches the data: consistency (1 but for sigma_0 > 0)
    # N = T: every draw is a single hop
    t, s, tau = S.draw_times(torch.full((500,), 16), 16.0, torch.Generator().manual_seed(3))
    assert (s == tau).all() and (S.target_weight(t, s, tau) == 0).all()


def test_times_stay_in_their_segment():
    n = torch.tensor(KINDS * 100)
    t, s, tau = S.draw_times(n, 37.0, torch.Generator().manual_seed(4))
    assert (tau <= s).all() and (s < t).all() and (t <= tau + 1 / n + 1e-12).all()
    assert torch.allclose((tau * n).round(), tau * n, atol=1e-12)


def test_prediction_inverts_noise():
    x, eps, t = double(6, 4, 3, 3), double(6, 4, 3, 3).flip(0), torch.linspace(0, 1, 6, dtype=torch.float64)
    z, v = S.add_noise(x, eps, t)
    assert (S.predict_x(z, v, t) - x).abs().max() < 1e-12
    assert (S.ddim(x, z, t[1:2], t[1:2]) - z).abs().max() < 1e-12


def test_teacher_grid():
    assert abs(S.teacher_steps(0) - 32) < 1e-9 and abs(S.teacher_steps(2) - 512) < 1e-9
    assert abs(S.teacher_steps(0.5) - 128) < 1e-9


def test_zero_segment_is_the_diffusion_network():
    from model import SegmentUNet

    torch.manual_seed(0)
    net = SegmentUNet.create(3).eval()
    torch.nn.init.normal_(net.segment_embedding.linear_2.weight, std=0.1)
    x, t, labels = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 993.75]), torch.tensor([0, 2])
    with torch.no_grad():
        ours = net(x, t, torch.zeros(2), labels)
        theirs = super(SegmentUNet, net).forward(x, t, labels).sample
        other = net(x, t, torch.full((2,), 250.0), labels)
    assert (ours - theirs).abs().max() < 1e-5 and (other - ours).abs().max() > 1e-4


def test_training_attention_is_diffusers_own():
    from model import PlainAttention, SegmentUNet

    torch.manual_seed(0)
    net = SegmentUNet.create(3).eval()
    inputs = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 993.75]), torch.zeros(2), torch.tensor([0, 2])
    with torch.no_grad():
        theirs = net(*inputs)
        for layer in net.modules():
            if type(layer).__name__ == "Attention":
                layer.set_processor(PlainAttention())
        assert (net(*inputs) - theirs).abs().max() < 1e-5
