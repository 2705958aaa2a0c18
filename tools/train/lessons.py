"""The loop and the command line of what learns captions and pictures before a network draws or after it: reading.py, towers.py."""

import argparse
import time
from pathlib import Path

import torch

import data

BATCH = 128


def learn(source, parameters, lesson, count, peak, weight_decay):
    """Draws so many pictures of a captioned source for lesson(x, ids) -> loss, share; yields the share every hundred steps and at last."""
    optimiser = torch.optim.AdamW(parameters, weight_decay=weight_decay)
    steps, device = count // BATCH, parameters[0].device
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        x, prompts = source.batch(BATCH)
        loss, share = lesson(x.to(device), prompts[:, :-1].to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if step % 100 == 99 or step == steps - 1:
            yield share.item()


def command(description, pictures, learn, share_of):
    """Runs learn(source, pictures, device), which yields a module and a share; returns the module and the path that --out names."""
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--size", type=int, help="pixels a side, for a folder")
    p.add_argument("--tokenizer", required=True, type=Path)
    p.add_argument("--pictures", type=int, default=pictures)
    p.add_argument("--pool", type=int, default=0, help="so many drawn ahead, by all cores")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    start = time.time()
    source = data.load(args.data, args.size, device=args.device, tokenizer=args.tokenizer, pool=args.pool)
    for learned, share in learn(source, args.pictures, args.device):
        print(f"{time.time() - start:.0f} s: {share:.3f} of {share_of}", flush=True)
    return learned.cpu(), args.out
