"""What is learned: diffusion (phase a), multistep consistency (phase b). Losses are means over a batch, float32.

Pictures x [n, c, h, w] in [-1, 1], labels [n]; times t, s, tau float64 [n]; everything on one device. All draws come
from torch's global generators of that device.
"""

import math

import torch

import schedule as S
from model import EVERY_N

EVERY_SHARE = [0.18, 0.18, 0.06, 0.24, 0.05, 0.05, 0.16, 0.04, 0.04]  # of phase b's rows, by EVERY_N
ADDIM_FROM, X_VARIANCE = 4, 0.75  # the paper's: plain DDIM is the better teacher hop for 1 and 2 steps; xvar_frac
STRIDE = 2e-3  # radians along the path, of the tangent's central difference
LAYOUT = torch.channels_last


def shares(few):
    """EVERY_SHARE, or with N = 1 and 2 together few of the rows."""
    rest = EVERY_SHARE[2:]
    return EVERY_SHARE if few is None else [few / 2] * 2 + [(1 - few) * share / sum(rest) for share in rest]


class Objective:
    """net learns; average: its moving average; frozen: what it started from, or None if nothing needs it; adversary: or None.

    settings: train.py's options.
    """

    def __init__(self, settings, net, average, frozen, adversary=None):
        self.settings, self.net, self.average, self.frozen, self.adversary = settings, net, average, frozen, adversary
        self.schedule, self.device = net.schedule, next(net.parameters()).device
        self.fast = torch.compile(net) if settings.compile else net
        only = settings.student_steps
        self.steps = torch.tensor([only] if only else EVERY_N, device=self.device)
        self.step_shares = torch.tensor([1.0] if only else shares(settings.few_rows), device=self.device)

    def predict(self, net, z, t, tau, labels, exact=False):
        """v, float32, from bfloat16 arithmetic (autocast; weights stay float32); exact: from float32.

        A compiled network costs minutes per kind of call: only the one that learns is worth it.
        """
        call = self.fast if net is self.net and torch.is_grad_enabled() else net
        with torch.autocast(self.device.type, torch.bfloat16, enabled=not (exact or self.settings.float32)):
            z = z.contiguous(memory_format=LAYOUT)
            v = call(z, (S.TIMESTEP_SCALE * t).float(), (S.TIMESTEP_SCALE * (t - tau)).float(), labels)
        return v.float()

    def uniform(self, n):
        return torch.rand(n, dtype=torch.float64, device=self.device)

    def diffusion_loss(self, x, labels):
        """mean (v - vhat)^2 with t uniform, stratified over the batch."""
        z, v, t = self.diffusion_rows(x)
        return (self.predict(self.net, z, t, t, labels) - v).square().mean()

    def diffusion_rows(self, x):
        n = len(x)
        t = (torch.randperm(n, device=self.device) + self.uniform(n)) / n
        return *self.schedule.add_noise(x, torch.randn_like(x), t), t

    @torch.no_grad()
    def validation_loss(self, x, labels):
        """The average's diffusion loss; float."""
        z, v, t = self.diffusion_rows(x)
        return (self.predict(self.average, z, t, t, labels) - v).square().mean().item()

    def guide(self, x, z, t, labels, conditional=None):
        """x + g (xhat - xhat_any) by the frozen network: bakes guidance into what is learned. conditional: xhat, if known."""
        g, n = self.net.guidance(labels, self.settings.guidance), len(x)
        if n == 0 or isinstance(g, float) and g == 0:
            return x
        labels = self.net.plain(labels)
        v_any = self.predict(self.frozen, z, t, t, self.net.unconditional(labels))
        if conditional is None:
            conditional = self.schedule.predict_x(z, self.predict(self.frozen, z, t, t, labels), t)
        return (x + g * (conditional - self.schedule.predict_x(z, v_any, t))).clamp(-1, 1)

    def teacher(self, x, z, t, labels):
        """x_teacher of the consistency rows, and the mean squared error [n] of the teacher's unguided answer (0: the data).

        data: the picture (consistency training). frozen: phase a's answer (distillation). average: the moving average's
        at segment 0; it learns guided diffusion from the diffusion rows, so it improves and needs no guide. Nor does a frozen
        network of phase b (keep_limit): what guides it, and how much, is in it.
        """
        kind = self.settings.teacher
        if kind == "data":
            return self.guide(x, z, t, labels), torch.zeros(len(x), dtype=torch.float64, device=self.device)
        guided = kind == "average" or self.settings.keep_limit
        net, said = self.average if kind == "average" else self.frozen, labels if guided else self.net.plain(labels)
        answer = self.schedule.predict_x(z, self.predict(net, z, t, t, said), t)
        error = (answer - x).square().flatten(1).mean(1).double()
        return (answer if guided else self.guide(answer, z, t, labels, answer)).clamp(-1, 1), error

    def diffusion_target(self, x, z, t, labels):
        """x of the diffusion rows: the data, guided, or the teacher's answer, which keeps the limit that is in it."""
        return self.teacher(x, z, t, labels)[0] if self.settings.keep_limit else self.guide(x, z, t, labels)

    def draw_rows(self, n, progress):
        """t, s, tau [n] of phase b, the row's hop is aDDIM [n], and how many rows (the first) are diffusion: t = s = tau.

        The teacher's grid is annealed over the first six tenths of the phase, or constant where both its ends are equal.
        """
        count = round(n * self.settings.diffusion_rows)
        student = self.steps[torch.multinomial(self.step_shares, n - count, replacement=True)]
        t, s, tau = S.draw_times(student, S.teacher_steps(progress / 0.6, *self.settings.teacher_steps))
        plain = ((torch.arange(count, device=self.device) + self.uniform(count)) / max(count, 1)).clamp(min=1e-3)
        addim = {"ddim": student < 0, "addim": student > 0, "mixed": student >= ADDIM_FROM}[self.settings.hop]
        return *(torch.cat([plain, k]) for k in (t, s, tau)), addim, count

    @torch.no_grad()
    def consistency_target(self, x, labels, z, t, s, tau, addim):
        """x_target of Algorithm 1, from the network's own answer one hop on."""
        teacher, error = self.teacher(x, z, t, labels)
        variance = X_VARIANCE * error * addim
        z_s = self.schedule.addim(teacher, z, variance, t, s)
        ref = self.schedule.predict_x(z_s, self.predict(self.net, z_s, s, tau, labels), s).clamp(-1, 1)
        return self.schedule.target(ref, teacher, z, variance, t, s, tau)

    @torch.no_grad()
    def tangent_target(self, x, labels, z, t, tau, progress):
        """x whose v is the network's own plus the tangent: how its jump to tau changes as z_t goes along the teacher's path.

        The jump turns by D = phi_t - phi_tau, phi = atan(sigma/alpha): f = cos(D) z - sin(D) v(z, t, tau). Where df/dphi = 0
        the jump ends at the same picture from anywhere on the path. sCM (Lu and Song 2024, arXiv 2410.11081): what the network
        itself contributes warms up; the Huber loss normalises the tangent.
        """
        velocity = self.schedule.predict_v(z, self.teacher(x, z, t, labels)[0], t)
        speed = self.schedule.angle_speed(t)
        ahead, behind = (self.predict(self.net, math.cos(h) * z + math.sin(h) * velocity, t + h / speed, tau, labels, exact=True)
                         for h in (STRIDE, -STRIDE))
        v, change = (ahead + behind) / 2, (ahead - behind) / (2 * STRIDE)
        turn = self.schedule.angle(t) - self.schedule.angle(tau)
        cos, sin = S.column(turn.cos(), z), S.column(turn.sin(), z)
        warm = min(1.0, progress / 0.25)
        return self.schedule.predict_x(z, v + cos * (velocity - v) - warm * sin * (z + change), t)

    def consistency_loss(self, x, labels, progress):
        """Consistency rows and diffusion rows. Weight 1/sigma_t on the x error, so it is the norm of the error in v."""
        order = torch.randperm(len(x), device=self.device)
        x, labels = x[order], labels[order]
        t, s, tau, addim, count = self.draw_rows(len(x), progress)
        z, _ = self.schedule.add_noise(x, torch.randn_like(x), t)
        with torch.no_grad():
            plain = self.diffusion_target(x[:count], z[:count], t[:count], labels[:count])
        c = slice(count, None)
        if self.settings.tangent:
            target = self.tangent_target(x[c], labels[c], z[c], t[c], tau[c], progress)
        else:
            target = self.consistency_target(x[c], labels[c], z[c], t[c], s[c], tau[c], addim)
        v = self.predict(self.net, z, t, tau, labels)
        x_hat = self.schedule.predict_x(z, v, t)
        _, sigma = self.schedule.alpha_sigma(t)
        loss = S.huber((x_hat - torch.cat([plain, target])) / S.column(sigma, z), self.settings.huber).mean()
        return loss + self.refinement(loss, x, v, x_hat, tau == 0, labels) if self.adversary else loss

    def refinement(self, loss, x, v, x_hat, rows, labels):
        """The adversary's pull at the rows whose answer is the picture."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=not self.settings.float32):
            self.adversary.teach(x[rows], x_hat[rows].detach(), labels[rows])
            return self.adversary.pull(loss, v, x_hat, rows, labels)
