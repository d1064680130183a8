"""Peers for BCE, plain or alpha-balanced focal: torch, torchvision, torch.compile, optax under jit.

params: {"alpha": 0.25 or null, "gamma": 2.0 or null}, mean over all elements. With neither it is plain BCE.
Targets: converted beforehand to the logits' dtype, which torch, torchvision and optax need; the compiled forms named
`bytes` take them as uint8 and convert within their kernel, which reads less memory.
"""

import torch
import torch.nn.functional as F

from peer import Peer, backward, compiled, jitted, joined


def peers(logits, targets, params):
    """logits and targets: numpy arrays of one shape."""
    alpha, gamma = params.get("alpha"), params.get("gamma")
    x = torch.from_numpy(logits)
    small = torch.from_numpy(targets).to(torch.uint8)
    t = small.to(x.dtype)
    eager = _plain if gamma is None else _torchvision(alpha, gamma)
    losses = {"plain": _plain} if gamma is None else _focal_forms(alpha, gamma)
    forms = {name: (loss, t) for name, loss in losses.items()}
    first = next(iter(losses))
    forms[f"{first}-bytes"] = (_from_bytes(losses[first]), small)
    return {
        "torch": Peer({"eager": backward(eager, x, t)}),
        "compile": Peer({name: compiled(loss, x, y) for name, (loss, y) in forms.items()}),
        "compile-joined": Peer({name: joined(loss, x, y) for name, (loss, y) in forms.items()}),
        "optax": Peer({"jit": jitted(_optax(alpha, gamma), logits, targets.astype(logits.dtype))}),
    }


def _plain(x, t):
    return F.binary_cross_entropy_with_logits(x, t)


def _from_bytes(loss):
    return lambda x, t: loss(x, t.to(x.dtype))


def _torchvision(alpha, gamma):
    from torchvision.ops import sigmoid_focal_loss

    return lambda x, t: sigmoid_focal_loss(x, t, -1 if alpha is None else alpha, gamma, "mean")


def _focal_forms(alpha, gamma):
    """The forms worth trying; which is fastest changes with γ, size and dtype, so all are compiled and tried.

    Seen on two quiet cores at 8 M float32 by `.backward()`: at γ = 2 `power` 15 ms, `columns` 21; at γ = 1.5 `margin` 17, `columns` 23,
    `power` 27. A margin made by torch.where, with softplus, logsigmoid or a hand-made log1p(exp(−|x|)), took 45 to 70 ms on the tape
    (30 to 50 with bool targets) and is not here.
    """

    def balance(t):
        return 1.0 if alpha is None else alpha * t + (1.0 - alpha) * (1.0 - t)

    def power(x, t):
        p = torch.sigmoid(x)
        p_t = p * t + (1.0 - p) * (1.0 - t)
        ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
        return (balance(t) * ce * (1.0 - p_t) ** gamma).mean()

    def columns(x, t):
        log_p = F.logsigmoid(x)
        log_not_p = log_p - x
        positive = t * torch.exp(gamma * log_not_p) * log_p
        negative = (1.0 - t) * torch.exp(gamma * log_p) * log_not_p
        if alpha is not None:
            positive, negative = alpha * positive, (1.0 - alpha) * negative
        return -(positive + negative).mean()

    def margin(x, t):
        s = x * (2.0 * t - 1.0)
        log_p = F.logsigmoid(s)
        return -(balance(t) * torch.exp(gamma * (log_p - s)) * log_p).mean()

    return {"power": power, "columns": columns, "margin": margin}


def _optax(alpha, gamma):
    import optax

    if gamma is None:
        return lambda x, t: optax.losses.sigmoid_binary_cross_entropy(x, t).mean()
    return lambda x, t: optax.losses.sigmoid_focal_loss(x, t, alpha=alpha, gamma=gamma).mean()
