"""Peers for GHM-C: the published loop over the bins, and rewrites of it without a loop, compiled.

params: {"bins": 10, "momentum": 0.75}; every element valid; the sum of w·BCE over their number. The moving counts go on from call to
call, as in training; `reset` puts them back. Targets: converted to the logits' dtype beforehand.
"""

import torch
import torch.nn.functional as F

from peer import Peer, backward


def peers(logits, targets, params):
    """logits and targets: numpy arrays of one shape."""
    bins, momentum = params["bins"], params["momentum"]
    x = torch.from_numpy(logits)
    t = torch.from_numpy(targets).to(x.dtype)
    moving = torch.zeros(bins, dtype=x.dtype)
    forms = {name: _rewritten(counter, bins, momentum) for name, counter in COUNTERS.items()}
    by_hand = {name: _by_hand(counter, bins, momentum) for name, counter in COUNTERS.items()}
    reset = moving.zero_
    return {
        "loop": Peer({"published": backward(_published(bins, momentum, moving), x, t)}, reset),
        "bincount": Peer({"eager": _tape(_rewritten(_bincount, bins, momentum), x, t, moving)}, reset),
        "compile": Peer({n: _tape(torch.compile(f, dynamic=False), x, t, moving) for n, f in forms.items()}, reset),
        "compile-joined": Peer({n: _joined(f, x, t, moving) for n, f in by_hand.items()}, reset),
    }


def _published(bins, momentum, moving):
    """One pass of comparisons and one masked assignment a bin; the counts come to Python one by one."""
    edges = torch.arange(bins + 1, dtype=moving.dtype) / bins
    edges[-1] += 1e-6

    def loss(x, t):
        norm = torch.abs(x.sigmoid().detach() - t)
        weights = torch.zeros_like(norm)
        valid = torch.ones_like(norm) > 0
        total = max(valid.float().sum().item(), 1.0)
        filled = 0
        for index in range(bins):
            inside = (norm >= edges[index]) & (norm < edges[index + 1]) & valid
            count = inside.sum().item()
            if count > 0:
                if momentum > 0:
                    moving[index] = momentum * moving[index] + (1 - momentum) * count
                    weights[inside] = total / moving[index]
                else:
                    weights[inside] = total / count
                filled += 1
        if filled > 0:
            weights = weights / filled
        return F.binary_cross_entropy_with_logits(x, t, weights, reduction="sum") / total

    return loss


def _bincount(norm, place, bins):
    return torch.bincount(place.flatten(), minlength=bins)


def _histogram(norm, place, bins):
    return torch.histc(norm, bins, 0.0, 1.0)


def _compared(norm, place, bins):
    # Counts from differences of "at least this edge": one reduction an edge, which the compiler can fuse into one pass.
    above = [place.numel()] + [(norm >= index / bins).sum() for index in range(1, bins)] + [0]
    return torch.stack([torch.as_tensor(above[i] - above[i + 1]) for i in range(bins)])


def _scattered(norm, place, bins):
    ones = torch.ones((), dtype=torch.int64).expand(place.numel())
    return torch.zeros(bins, dtype=torch.int64).index_add_(0, place.flatten(), ones)


COUNTERS = {"bincount": _bincount, "histc": _histogram, "compared": _compared, "scattered": _scattered}


def _weights(counter, bins, momentum):
    """weights(norm, moving) → (weight of each element over the number of elements, new moving counts)."""

    def weights(norm, moving):
        place = (norm * bins).to(torch.int64).clamp(max=bins - 1)
        counts = counter(norm, place, bins).to(norm.dtype)
        filled = counts > 0
        moved = torch.where(filled, momentum * moving + (1.0 - momentum) * counts, moving)
        table = torch.where(filled, 1.0 / (moved * filled.sum()), 0.0)
        return table[place], moved

    return weights


def _rewritten(counter, bins, momentum):
    """loss(x, t, moving) → (loss, new moving counts); `counter` gives the bins' counts."""
    weights = _weights(counter, bins, momentum)

    def loss(x, t, moving):
        weight, moved = weights(torch.abs(torch.sigmoid(x.detach()) - t), moving)
        ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        return (weight * ce).sum(), moved

    return loss


def _tape(function, logits, t, moving):
    leaf = logits.detach().clone().requires_grad_()

    def form():
        leaf.grad = None
        loss, moved = function(leaf, t, moving)
        loss.backward()
        moving.copy_(moved)
        return loss, leaf.grad

    return form


def _by_hand(counter, bins, momentum):
    """Loss, gradient and new counts in one function: the weights carry no gradient, so it is w·(σ(x) − t)."""
    weights = _weights(counter, bins, momentum)

    def both(x, t, moving):
        p = torch.sigmoid(x)
        weight, moved = weights(torch.abs(p - t), moving)
        ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        return (weight * ce).sum(), weight * (p - t), moved

    return both


def _joined(function, logits, t, moving):
    whole = torch.compile(function, dynamic=False)
    leaf = logits.detach().clone()

    def form():
        loss, grad, moved = whole(leaf, t, moving)
        moving.copy_(moved)
        return loss, grad

    return form
