"""Captioned pictures drawn ahead: a GPU would wait for the one core that puts each together when it is asked for."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

import captioned


def draw(options, count, seed):
    """uint8 pictures [n, c, h, w] and prompts [n, tokens], of captioned.load's options; for a process of its own."""
    torch.set_num_threads(1)
    x, prompts = captioned.load(**options, seed=seed).batch(count)
    return ((x + 1) * 127.5).round().to(torch.uint8).numpy(), prompts.numpy()


class Pool:
    """So many pictures of a captioned source, drawn by all cores at once, on the device; batches are picked from them.

    Held-out ones still come from the source. The same seed gives the same pictures on as many cores.
    """

    def __init__(self, source, options, count, seed=0, device="cpu"):
        self.source = source
        self.size, self.channels, self.encoder, self.sizes = source.size, source.channels, source.encoder, source.sizes
        self.names, self.default_label, self.vocabulary = source.names, source.default_label, source.vocabulary
        self.example_prompts, self.prompts, self.examples, self.pictures = source.example_prompts, source.prompts, source.examples, source.pictures
        self.generator = torch.Generator(device).manual_seed(seed)
        cores = min(len(os.sched_getaffinity(0)), count)
        seeds = np.random.SeedSequence(seed).generate_state(cores).tolist()
        counts = [count // cores + (core < count % cores) for core in range(cores)]
        with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as workers:
            x, prompts = zip(*workers.map(draw, [options] * cores, counts, seeds))
        self.x, self.labels = (torch.from_numpy(np.concatenate(parts)).to(device) for parts in (x, prompts))

    def batch(self, count, validation=False):
        number = lambda high, n: torch.randint(high, (n,), generator=self.generator, device=self.generator.device)
        if validation:
            self.source.generator.manual_seed(number(2**62, 1).item())
            return self.source.batch(count, True)
        index = number(len(self.x), count)
        return self.x[index].float() / 127.5 - 1, self.labels[index]
