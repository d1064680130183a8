"""Tensors on the CPU, computed by the engine where they lie.

A loss is named by its config's text, and what it has observed comes as a row (:mod:`.state`), so that each function here gives what
its arguments say and nothing else. The engine's own objects are kept between calls by both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import _native
from .state import Layout

#: Logits that the engine takes as they are.
DTYPES = (torch.float32, torch.float64)

#: States whose losses are kept for the next call, for one config.
KEPT = 8


class Engine:
    """The engine's losses of one config, one for each of the last states."""

    __slots__ = ("config", "plain", "layout", "_kept")

    def __init__(self, config: str) -> None:
        self.config = config
        #: Has observed nothing; counts, and computes what observes nothing.
        self.plain = _native.Loss(config)
        self.layout = Layout(self.plain)
        self._kept: dict[bytes, _native.Loss] = {}

    def _take(self, words: NDArray[np.int64]) -> tuple[bytes, _native.Loss]:
        """A loss that has observed this, out of those that are kept: while it is used, it is nobody else's."""
        name = words.tobytes()
        kept = self._kept.pop(name, None)
        if kept is None:
            kept = _native.Loss(self.config)
            kept.restore(self.layout.decode(words))
        return name, kept

    def _keep(self, name: bytes, loss: _native.Loss) -> None:
        self._kept[name] = loss
        if len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)), None)

    def observe(self, words: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The state after one step's counts."""
        name, loss = self._take(words)
        try:
            loss.observe(counts)
        except _native.Error:
            self._keep(name, loss)
            raise
        after = self.layout.encode(loss)
        self._keep(after.tobytes(), loss)
        return after

    def run(self, words: NDArray[np.int64], *arrays: Any) -> tuple[float | None, int, int, float]:
        """Weighs with what was observed."""
        name, loss = self._take(words)
        try:
            return loss.run("weigh", *arrays)
        finally:
            self._keep(name, loss)

    def tables(self, words: NDArray[np.int64], soft: bool) -> NDArray[np.float64]:
        """The values of all tables that the formula reads, one after another."""
        name, loss = self._take(words)
        try:
            return np.concatenate([table["values"] for table in loss.tables(soft)])
        finally:
            self._keep(name, loss)


_engine = lru_cache(maxsize=256)(Engine)


def engine_of(config: str) -> Engine:
    """The engine's losses of a config."""
    return _engine(config)


def array(tensor: Tensor | None) -> Any:
    """A tensor's memory as NumPy's array."""
    if tensor is None:
        return None
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def count(logits: Tensor, targets: Tensor, valid: Tensor | None, config: str) -> Tensor:
    """What the weighter asks to be counted of a batch, int64."""
    counts = engine_of(config).plain.statistics(array(logits), array(targets), array(valid))
    return torch.from_numpy(counts)


def observe(state: Tensor, counts: Tensor, config: str, tables: int, soft: bool) -> tuple[Tensor, Tensor]:
    """The state after one step's counts, and with ``tables`` 32 or 64 the bits of the tables' values in floats of that width.

    On another device than the CPU this waits for it once: counts are observed on the host.
    """
    device, size = state.device, len(state)
    # One way there for both: each one waits.
    both = torch.cat([state, counts]).cpu().numpy() if device.type != "cpu" else None
    words, row = (array(state), array(counts)) if both is None else (both[:size], both[size:])
    engine = engine_of(config)
    after = engine.observe(words, row)
    values = np.zeros(0, np.int64)
    if tables:
        found = engine.tables(after, soft)
        values = found.view(np.int64) if tables == 64 else found.astype(np.float32).view(np.int32)
    return torch.from_numpy(after).to(device), torch.from_numpy(values).to(device)


def weigh(
    logits: Tensor,
    targets: Tensor,
    valid: Tensor | None,
    sample_weight: Tensor | None,
    state: Tensor | None,
    config: str,
    each: bool,
    grad: Tensor | None,
) -> tuple[Tensor, float]:
    """The reduced loss, or with ``each`` every sample's, and the sum of weights; ``grad`` is written."""
    losses = torch.empty_like(targets, dtype=logits.dtype) if each else None
    # Written out: a small batch is computed in less time than a few calls take.
    arrays = (
        (logits.detach() if logits.requires_grad else logits).numpy(),
        targets.numpy(),
        None if valid is None else valid.numpy(),
        None if sample_weight is None else sample_weight.numpy(),
        None if grad is None else grad.numpy(),
        None,
        "exact",
        None,
        None if losses is None else losses.numpy(),
    )
    own = engine_of(config)
    loss, _, _, weights = own.plain.run("weigh", *arrays) if state is None else own.run(state.numpy(), *arrays)
    if losses is not None:
        return losses, weights
    assert loss is not None
    return torch.scalar_tensor(loss, dtype=logits.dtype), weights
