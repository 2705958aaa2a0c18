"""The optimiser of both phases: Muon for the inner matrices, AdamW for the rest.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal one, so that all its directions are learned
at the same speed; a kernel [co, ci, k, k] is the matrix [co, k k ci]. First and last layer, embeddings, biases and norms have
no such shape, and take AdamW. One learning rate serves both ("match_rms_adamw", Liu et al. 2025, arXiv 2502.16982).

Finding that matrix takes as long as a third of a small batch's forward and backward, so workers share the matrices out.
"""

import torch
import torch.distributed as dist
from torch.utils._pytree import tree_map_only
from torch.optim import AdamW, Muon

OUTER = ("conv_in", "conv_out", "class_embedding", "text_encoder.embeddings", "text_encoder.text_model.embeddings")


def matrix(x):
    """[co, ci, k, k] or [co, ci] -> [co, rest], a view of channels-last memory."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1) if x.dim() == 4 else x


def share_out(matrices, count):
    """[owner of every matrix], so that all have about as much work: sides m <= n cost m^2 n."""
    work, owners = [0] * count, [0] * len(matrices)
    cost = [min(x.shape) ** 2 * max(x.shape) for x in matrices]
    for i in sorted(range(len(matrices)), key=lambda i: -cost[i]):
        owners[i] = work.index(min(work))
        work[owners[i]] += cost[i]
    return owners


class Optimiser:
    """Has what train.py uses of torch's optimisers. The network's memory is channels last."""

    def __init__(self, net, kind, lr, weight_decay, outer=OUTER, rank=0, count=1):
        """kind: muon, or adamw for all. outer: how the names of the first and last layers' parameters begin. rank, count: of
        the workers, whose gradients are equal."""
        inner, rest = [], []
        for name, p in net.named_parameters():
            (inner if kind == "muon" and p.dim() in (2, 4) and not name.startswith(outer) else rest).append(p)
        fused = rest[0].device.type == "cuda"
        self.parts = [AdamW(rest, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=fused)]
        self.kernels = [(p, torch.nn.Parameter(matrix(p.detach()))) for p in inner]
        if any(p.data_ptr() != view.data_ptr() for p, view in self.kernels):
            raise ValueError("the network's kernels are not channels last")
        owners = share_out([view for _, view in self.kernels], count)
        self.mine, self.shared = [owner == rank for owner in owners], count > 1
        views = [view for (_, view), mine in zip(self.kernels, self.mine) if mine]
        if views:
            self.parts.append(Muon(views, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))

    def step(self, lr):
        for (p, view), mine in zip(self.kernels, self.mine):
            view.grad = matrix(p.grad) if mine else None
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = lr
            part.step()
            part.zero_grad()
        for p, _ in self.kernels:
            p.grad = None
        if self.shared and self.kernels:
            self.exchange()

    @torch.no_grad()
    def exchange(self):
        """Every worker gets the others' matrices."""
        flat = torch.cat([(view if mine else torch.zeros_like(view)).flatten() for (_, view), mine in zip(self.kernels, self.mine)])
        dist.all_reduce(flat)
        for (_, view), part in zip(self.kernels, flat.split([view.numel() for _, view in self.kernels])):
            view.copy_(part.view_as(view))

    def state_on_host(self):
        """This worker's, in the processor's memory: other workers' devices are no business of whoever gathers them."""
        return tree_map_only(torch.Tensor, torch.Tensor.cpu, [part.state_dict() for part in self.parts])

    def load_state_dict(self, states):
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)
