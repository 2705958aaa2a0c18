"""Noise schedule and the algebra of multistep consistency models (Heek et al. 2024, arXiv 2403.06807).

t in [0, 1], t = 1 is noise; z_t = alpha_t x + sigma_t eps, alpha^2 + sigma^2 = 1. Times and coefficients are float64
tensors of shape [n] (or [1]); pictures [n, c, h, w] keep their type. v = alpha eps - sigma x, so xhat = alpha z - sigma v.
"""

import math
from dataclasses import dataclass

import torch

TIMESTEP_SCALE = 1000.0


def column(a, like):
    """[n] float64 -> [n, 1, 1, 1] in like's type and on its device, to multiply pictures with."""
    return a.to(like).reshape(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True)
class Schedule:
    """Interpolated cosine log SNR (simple diffusion, Hoogeboom et al. 2023); equal sizes: plain cosine."""

    image_size: int = 32
    noise_low: int = 32  # rules the noisy end
    noise_high: int = 32  # rules the clean end
    logsnr_min: float = -15.0
    logsnr_max: float = 15.0

    @classmethod
    def for_size(cls, size):
        """The paper's rule: from the noise of 32 pixels at the noisy end to the picture's own at the clean end."""
        return cls(image_size=size, noise_low=min(32, size), noise_high=size)

    def logsnr(self, t):
        t = torch.as_tensor(t, dtype=torch.float64)
        a, b = math.atan(math.exp(-self.logsnr_max / 2)), math.atan(math.exp(-self.logsnr_min / 2))
        cosine = -2 * torch.log(torch.tan(a + t * (b - a)))
        low, high = (2 * math.log(size / self.image_size) for size in (self.noise_low, self.noise_high))
        return cosine + t * low + (1 - t) * high

    def alpha_sigma(self, t):
        """alpha_t and sigma_t."""
        l = self.logsnr(t)
        return torch.sigmoid(l).sqrt(), torch.sigmoid(-l).sqrt()

    def add_noise(self, x, eps, t):
        """z_t and the v that the network should answer."""
        a, s = (column(k, x) for k in self.alpha_sigma(t))
        return a * x + s * eps, a * eps - s * x

    def predict_x(self, z, v, t):
        a, s = (column(k, z) for k in self.alpha_sigma(t))
        return a * z - s * v

    def predict_v(self, z, x, t):
        a, s = (column(k, z) for k in self.alpha_sigma(t))
        return (a * z - x) / s

    def angle(self, t):
        """phi = atan(sigma/alpha): z turns by dz/dphi = v."""
        return torch.atan(torch.exp(-self.logsnr(t) / 2))

    def angle_speed(self, t):
        """dphi/dt."""
        return torch.func.jvp(self.angle, (t,), (torch.ones_like(t),))[1]

    def ddim(self, x, z, t, s):
        """DDIM_{t->s}(x, z_t), eq. 4."""
        (at, st), (as_, ss) = self.alpha_sigma(t), self.alpha_sigma(s)
        ratio = ss / st
        return column(as_ - ratio * at, z) * x + column(ratio, z) * z

    def inverse_ddim(self, z_s, z_t, t, s):
        """The x for which DDIM_{t->s} leads from z_t to z_s, eq. 5."""
        (at, st), (as_, ss) = self.alpha_sigma(t), self.alpha_sigma(s)
        ratio = ss / st
        return (z_s - column(ratio, z_s) * z_t) / column(as_ - at * ratio, z_s)

    def predict_eps(self, x, z, t):
        """The noise that z_t = alpha_t x + sigma_t eps says."""
        a, s = (column(k, z) for k in self.alpha_sigma(t))
        return (z - a * x) / s

    def x_variance(self, t):
        """An analytic guess of the mean squared error of xhat at t, for aDDIM sampling (Algorithm 3); [n]."""
        return 0.1 / (2 + torch.exp(self.logsnr(t)))

    def stretch(self, x, z, x_variance, t, s):
        """kappa >= 1, [n] float64: aDDIM_{t->s} is DDIM with the noise in z_s made kappa times longer; 1 if x_variance is 0.

        kappa^2 = 1 + d/||eps||^2 (alpha_s - alpha_t sigma_s/sigma_t)^2 x_variance / sigma_s^2; sigma_0 > 0.
        """
        (at, st), (as_, ss) = self.alpha_sigma(t), self.alpha_sigma(s)
        power = self.predict_eps(x, z, t).square().flatten(1).mean(1).double()
        return (1 + ((as_ - at * ss / st) / ss).square() * x_variance / power).sqrt()

    def addim(self, x, z, x_variance, t, s):
        """aDDIM_{t->s}(x, z_t): the length that z_s lacks because x is an average is put back; x_variance [n]."""
        as_, ss = self.alpha_sigma(s)
        kappa = self.stretch(x, z, x_variance, t, s)
        return column(as_, z) * x + column(ss * kappa, z) * self.predict_eps(x, z, t)

    def target(self, x_ref, x_teacher, z, x_variance, t, s, tau):
        """x_target of Algorithm 1 for a hop t -> s of aDDIM (of DDIM where x_variance [n] is 0) in a segment from tau.

        That is invDDIM_{t->tau}(DDIM_{s->tau}(x_ref, aDDIM_{t->s}(x_teacher, z_t)), z_t), written without differences of
        nearly equal numbers: w x_ref + (1 - w) x_teacher + (kappa - 1) k_tau / (1 - k_tau/k_t) eps, eps being the
        teacher's noise; w and k as in target_weight.
        """
        l_t, l_tau = self.logsnr(t), self.logsnr(tau)
        w = column(self.target_weight(t, s, tau), z)
        longer = self.stretch(x_teacher, z, x_variance, t, s) - 1
        excess = longer * torch.exp(-l_tau / 2) / -torch.expm1((l_t - l_tau) / 2)
        return w * x_ref + (1 - w) * x_teacher + column(excess, z) * self.predict_eps(x_teacher, z, t)

    def target_weight(self, t, s, tau):
        """w in [0, 1] of x_target = w x_ref + (1 - w) x_teacher for a DDIM teacher; [n].

        w = (1 - k_tau/k_s) / (1 - k_tau/k_t), k = sigma/alpha = exp(-logsnr/2); this is
        invDDIM_{t->tau}(DDIM_{s->tau}(x_ref, DDIM_{t->s}(x_teacher, z_t)), z_t) without its small differences.
        """
        l_t, l_s, l_tau = self.logsnr(t), self.logsnr(s), self.logsnr(tau)
        return torch.expm1((l_s - l_tau) / 2) / torch.expm1((l_t - l_tau) / 2)


def teacher_steps(progress, first=32.0, last=512.0):
    """The annealed teacher grid: log-linear from first to last while progress goes from 0 to 1."""
    progress = min(max(progress, 0.0), 1.0)
    return math.exp(math.log(first) + progress * (math.log(last) - math.log(first)))


def draw_times(student_steps, teacher, generator=None):
    """t, s, tau [n] for student_steps [n]: a random hop s = t - 1/T inside a random segment (Algorithm 1)."""
    steps = student_steps.double()
    hops = (teacher / steps).round().clamp(min=1)
    draw = lambda: torch.rand(len(steps), dtype=torch.float64, generator=generator, device=steps.device)
    step = (draw() * steps).floor()
    hop = (draw() * hops).floor() + 1
    tau = step / steps
    t = tau + hop / (hops * steps)
    s = torch.where(hop == 1, tau, t - 1 / (hops * steps))
    return t, s, tau


def huber(difference, c):
    """Pseudo-Huber norm of every sample, [n]: sqrt(mean square + c^2) - c."""
    return (difference.square().flatten(1).mean(1) + c * c).sqrt() - c
