"""Peers for softmax focal loss: torch eager, torch.compile, jax under jit.

params: {"gamma": 2.0}; mean over the rows of −(1 − p_y)^γ log p_y. Targets: int64 for torch and int32 for jax beforehand.
"""

import numpy as np
import torch
import torch.nn.functional as F

from peer import Peer, backward, compiled, jitted, joined


def peers(logits, targets, params):
    """logits (N, C) and targets (N,): numpy arrays."""
    gamma = params["gamma"]
    x = torch.from_numpy(logits)
    y = torch.from_numpy(targets.astype(np.int64))
    forms = _forms(gamma)
    labels = targets.astype(np.int32)
    return {
        "torch": Peer({name: backward(loss, x, y) for name, loss in forms.items() if name != "masked"}),
        "compile": Peer({name: compiled(loss, x, y) for name, loss in forms.items()}),
        "compile-joined": Peer({name: joined(loss, x, y) for name, loss in forms.items()}),
        "jax": Peer({name: jitted(loss, logits, labels) for name, loss in _jax_forms(gamma).items()}),
    }


def _forms(gamma):
    def focal(log_p):
        return -((1.0 - log_p.exp()) ** gamma * log_p).mean()

    def gathered(x, y):
        return focal(F.log_softmax(x, 1).gather(1, y[:, None])[:, 0])

    def cross_entropy(x, y):
        return focal(-F.cross_entropy(x, y, reduction="none"))

    def masked(x, y):
        # Comparison with the column's number instead of a gather: the compiler can fuse it with the softmax.
        hot = torch.arange(x.shape[1])[None, :] == y[:, None]
        return focal(torch.where(hot, F.log_softmax(x, 1), 0.0).sum(1))

    return {"gathered": gathered, "cross_entropy": cross_entropy, "masked": masked}


def _jax_forms(gamma):
    import jax
    import jax.numpy as jnp
    import optax

    def focal(log_p):
        return -jnp.mean((1.0 - jnp.exp(log_p)) ** gamma * log_p)

    def gathered(x, y):
        return focal(jnp.take_along_axis(jax.nn.log_softmax(x, 1), y[:, None], 1)[:, 0])

    def masked(x, y):
        return focal(jnp.sum(jax.nn.log_softmax(x, 1) * jax.nn.one_hot(y, x.shape[1], dtype=x.dtype), 1))

    def cross_entropy(x, y):
        return focal(-optax.losses.softmax_cross_entropy_with_integer_labels(x, y))

    return {"gathered": gathered, "masked": masked, "cross_entropy": cross_entropy}
