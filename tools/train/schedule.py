"""Noise schedule and the algebra of multistep consistency models (Heek et al. 2024, arXiv 2403.06807).

t in [0, 1], t = 1 is noise; z_t = alpha_t x + sigma_t eps, alpha^2 + sigma^2 = 1. All coefficients are float64
tensors or arrays of shape [n]; pictures are float32. v = alpha eps - sigma x, so xhat = alpha z - sigma v.
"""

import math

import torch

LOGSNR_MIN, LOGSNR_MAX = -15.0, 15.0
TIMESTEP_SCALE = 1000.0


def logsnr(t, image_size=32, noise_low=32, noise_high=32):
    """Interpolated cosine log SNR (simple diffusion, Hoogeboom et al. 2023); equal sizes: plain cosine."""
    t = torch.as_tensor(t, dtype=torch.float64)
    a, b = math.atan(math.exp(-LOGSNR_MAX / 2)), math.atan(math.exp(-LOGSNR_MIN / 2))
    cosine = -2 * torch.log(torch.tan(a + t * (b - a)))
    low, high = 2 * math.log(noise_low / image_size), 2 * math.log(noise_high / image_size)
    return cosine + t * low + (1 - t) * high


def alpha_sigma(t, **sizes):
    """alpha_t and sigma_t."""
    l = logsnr(t, **sizes)
    return torch.sigmoid(l).sqrt(), torch.sigmoid(-l).sqrt()


def column(a, like):
    """[n] float64 -> [n, 1, 1, 1] in like's type, to multiply pictures with."""
    return a.to(like.dtype).reshape(-1, *[1] * (like.dim() - 1))


def add_noise(x, eps, t):
    """z_t and the v that the network should answer."""
    a, s = (column(k, x) for k in alpha_sigma(t))
    return a * x + s * eps, a * eps - s * x


def predict_x(z, v, t):
    a, s = (column(k, z) for k in alpha_sigma(t))
    return a * z - s * v


def ddim(x, z, t, s):
    """DDIM_{t->s}(x, z_t), eq. 4."""
    (at, st), (as_, ss) = alpha_sigma(t), alpha_sigma(s)
    ratio = ss / st
    return column(as_ - ratio * at, z) * x + column(ratio, z) * z


def inverse_ddim(z_s, z_t, t, s):
    """The x for which DDIM_{t->s} leads from z_t to z_s, eq. 5."""
    (at, st), (as_, ss) = alpha_sigma(t), alpha_sigma(s)
    ratio = ss / st
    return (z_s - column(ratio, z_s) * z_t) / column(as_ - at * ratio, z_s)


def target_weight(t, s, tau):
    """w in [0, 1] of x_target = w x_ref + (1 - w) x_teacher for a DDIM teacher; [n].

    w = (1 - k_tau/k_s) / (1 - k_tau/k_t), k = sigma/alpha = exp(-logsnr/2); this is
    invDDIM_{t->tau}(DDIM_{s->tau}(x_ref, DDIM_{t->s}(x_teacher, z_t)), z_t) without its small differences.
    """
    l_t, l_s, l_tau = logsnr(t), logsnr(s), logsnr(tau)
    return torch.expm1((l_s - l_tau) / 2) / torch.expm1((l_t - l_tau) / 2)


def teacher_steps(progress, first=32.0, last=512.0):
    """The annealed teacher grid: log-linear from first to last while progress goes from 0 to 1."""
    progress = min(max(progress, 0.0), 1.0)
    return math.exp(math.log(first) + progress * (math.log(last) - math.log(first)))


def draw_times(student_steps, teacher, generator=None):
    """t, s, tau [n] for student_steps [n]: a random hop s = t - 1/T inside a random segment (Algorithm 1)."""
    steps = student_steps.double()
    hops = (teacher / steps).round().clamp(min=1)
    draw = lambda: torch.rand(len(steps), dtype=torch.float64, generator=generator)
    step = (draw() * steps).floor()
    hop = (draw() * hops).floor() + 1
    tau = step / steps
    t = tau + hop / (hops * steps)
    s = torch.where(hop == 1, tau, t - 1 / (hops * steps))
    return t, s, tau


def huber(difference, c):
    """Pseudo-Huber norm of every sample, [n]: sqrt(mean square + c^2) - c."""
    return (difference.square().flatten(1).mean(1) + c * c).sqrt() - c
