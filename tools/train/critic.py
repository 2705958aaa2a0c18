"""Discriminators: what tells drawn pictures from real ones, and how hard what it says pulls (hinge loss)."""

import torch
from torch import nn


class Critic(nn.Module):
    """[n, c, h, w] -> [n, 1, h / 8, w / 8]: how real each patch looks (Isola et al. 2017), as one of its class if there are any.

    Classes enter by projection (Miyato and Koyama 2018).
    """

    def __init__(self, channels, classes=0, width=32):
        super().__init__()
        layers = []
        for i, (ci, co) in enumerate(((channels, width), (width, 2 * width), (2 * width, 4 * width))):
            layers += [nn.Conv2d(ci, co, 4, 2, 1)] + [nn.GroupNorm(8, co)] * (i > 0) + [nn.LeakyReLU(0.2)]
        self.features, self.last = nn.Sequential(*layers), nn.Conv2d(4 * width, 1, 3, 1, 1)
        self.classes = nn.Embedding(classes, 4 * width) if classes else None
        if classes:
            nn.init.zeros_(self.classes.weight)

    def forward(self, x, labels=None):
        h = self.features(x)
        if self.classes is None:
            return self.last(h)
        return self.last(h) + (h * self.classes(labels)[:, :, None, None]).mean(1, keepdim=True)


def mean(x):
    """0 of nothing: a small batch may have no rows."""
    return x.sum() / max(x.numel(), 1)


def hinge_loss(real, drawn):
    return mean((1 - real).relu()) + mean((1 + drawn).relu())


class Adversary:
    """Pulls what the network draws towards real pictures: those of the same latents, decoded, so that it sees no decoder.

    decode: latents to pictures, or the identity; average: Workers.average, of gradients.
    """

    WARM = 150  # steps in which the pull grows, while the critic is new

    def __init__(self, weight, critic, decode, average):
        self.weight, self.critic, self.decode, self.average, self.steps = weight, critic, decode, average, 0
        self.optimiser = torch.optim.AdamW(critic.parameters(), 5e-4, betas=(0.5, 0.9), weight_decay=0)

    def teach(self, x, drawn, labels):
        """A step of the critic."""
        with torch.no_grad():
            x, drawn = self.decode(x), self.decode(drawn)
        loss = hinge_loss(self.critic(x, labels).float(), self.critic(drawn, labels).float())
        self.optimiser.zero_grad()
        loss.backward()
        self.average([p.grad for p in self.critic.parameters()])
        self.optimiser.step()
        self.steps += 1

    def pull(self, loss, v, x_hat, rows, labels):
        """Nothing, but with a gradient of v: the critic's at x_hat's rows, weight times as long as loss has there."""
        ours, = torch.autograd.grad(loss, v, retain_graph=True)
        said = mean(self.critic(self.decode(x_hat[rows]), labels[rows]).float())
        theirs, = torch.autograd.grad(said, v, retain_graph=True)
        strength = self.weight * min(1, self.steps / self.WARM) * ours[rows].norm() / (theirs.norm() + 1e-6)
        return -strength * (theirs * (v - v.detach())).sum()

    def state_dict(self):
        return dict(critic=self.critic.state_dict(), optimiser=self.optimiser.state_dict(), steps=self.steps)

    def load_state_dict(self, state):
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]
