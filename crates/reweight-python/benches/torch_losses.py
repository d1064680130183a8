"""The PyTorch losses against torch.compile of the eager formula: `cargo xtask python --bench`.

Ours and the peer take turns on the same tensors and threads, after their losses and gradients have been found to agree. Medians, least
and most, by the clock; the processor's time of one step besides, which a busy machine leaves alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import numpy as np
import reweight_losses as rw
import torch
import torch.nn.functional as F

#: Gradients agree where none is further off than this part of the largest: float32's rounding in the peer's formula.
TOLERANCE = 2e-5


def focal(x, t, alpha=0.75, gamma=2):
    """The eager formula as libraries have it."""
    p = torch.sigmoid(x)
    cross_entropy = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    p_t = p * t + (1 - p) * (1 - t)
    alpha_t = alpha * t + (1 - alpha) * (1 - t)
    return (alpha_t * (1 - p_t) ** gamma * cross_entropy).mean()


def step(function, x, targets):
    x.grad = None
    clock, work = time.perf_counter(), time.process_time()
    loss = function(x, targets)
    loss.backward()
    return 1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - work), loss


def shown(times):
    clock = [each[0] for each in times]
    return f"{statistics.median(clock):.2f} ({min(clock):.2f}–{max(clock):.2f})", statistics.median(each[1] for each in times)


def against_compile(title, make_ours, formula, size, targets_as, rounds):
    torch.manual_seed(0)
    x = torch.randn(size, requires_grad=True)
    floats = (torch.rand(size) < 0.1).float()
    ours, own_targets = make_ours(), floats.to(targets_as)
    peer = torch.compile(formula)
    mine = step(ours, x, own_targets)[2].item()
    gradient = x.grad.clone()
    theirs = step(peer, x, floats)[2].item()
    off = ((gradient - x.grad).abs().max() / gradient.abs().max()).item()
    if not (abs(mine - theirs) <= 1e-4 * abs(mine) and off <= TOLERANCE):
        raise SystemExit(f"{title}: the peer's results are not ours: {mine} and {theirs}, gradients off by {off:.1e}")
    own, others = [], []
    for _ in range(rounds):
        own.append(step(ours, x, own_targets)[:2])
        others.append(step(peer, x, floats)[:2])
    (own_clock, own_work), (clock, work) = shown(own), shown(others)
    ratio = statistics.median(each[0] for each in others) / statistics.median(each[0] for each in own)
    print(f"| {title} | {own_clock} | {clock} | {ratio:.2f} | {own_work:.1f} | {work:.1f} | {work / own_work:.2f} |", flush=True)


def overhead(title, module, gradient, rounds):
    """What a call costs beyond the engine's own step into memory that is kept, in microseconds of the processor."""
    torch.manual_seed(0)
    x, targets = torch.randn(256, requires_grad=gradient), torch.rand(256) < 0.1
    native, logits, labels, out = module.to_numpy()._native, x.detach().numpy(), targets.numpy(), np.empty(256, np.float32)
    calls = {"engine": lambda: native.run("train", logits, labels, None, None, out), "call": lambda: module(x, targets)}
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.thread_time()
            for _ in range(500):
                call()
            times[name].append((time.thread_time() - start) / 500 * 1e6)
    engine, call = (statistics.median(times[name]) for name in calls)
    print(f"| {title} | {engine:.1f} | {call:.1f} | {call - engine:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours and of the peer's")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rw.set_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {rw.instruction_set()}\n")
    print("| step with `.backward()` | ours, ms | torch.compile, ms | ratio | ours, processor ms | its, processor ms | ratio |\n|---|---|---|---|---|---|---|")

    def alpha_focal():
        return rw.torch.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(2.0))

    against_compile("α·focal, 8 M, bool targets", alpha_focal, focal, 8_000_000, torch.bool, options.rounds)
    against_compile("α·focal, 8 M, float targets", alpha_focal, focal, 8_000_000, torch.float32, options.rounds)
    # Above 32 MiB the system's allocator gives memory back at once, and each gradient is made of fresh pages.
    against_compile("α·focal, 16 M, bool targets", alpha_focal, focal, 16_000_000, torch.bool, options.rounds)
    print("\n| 256 elements | engine, µs | call, µs | beyond it, µs |\n|---|---|---|---|")
    for name, weighter in [("α·focal", rw.AlphaBalance(0.75) * rw.Focal(2.0)), ("GHM, 30 regions", rw.Ghm(30, 0.75))]:
        for gradient in (True, False):
            overhead(f"{name}, {'with' if gradient else 'without'} a gradient", rw.torch.BceLoss(weighter), gradient, options.rounds)


if __name__ == "__main__":
    main()
