"""Re-weighted losses for long-tailed data.

A loss is *adjust → weigh → base → reduce*, and each part is chosen by itself::

    import numpy as np
    import reweight_losses as rw

    loss = rw.SoftmaxLoss(rw.AlphaBalance(counts=[5000, 120, 7]) * rw.Focal(2.0))
    step = loss.value_and_grad(np.zeros((4, 3), np.float32), np.array([0, 0, 1, 2]))
    step.loss, step.grad

The built-in kinds of weighters, bases and adjustments are classes here, named as the config's kinds are (``focal`` is
``rw.Focal``), with the config's settings as arguments. A rule of one's own is a function under ``@rw.weighter`` or ``@rw.base``.
``rw.torch`` and its like are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any

from . import _native, testing
from ._native import BatchError, ConfigError, DtypeError, Error, StateError, instruction_set, set_threads, threads
from .formula import Counted, Fit, Formula, Regions, Table
from .loss import BceLoss, Loss, SoftmaxLoss, Step, from_toml, load
from .parts import Adjustment, Base, Product, Weighter, part_classes
from .tracing import (
    Symbol,
    SymbolicSample,
    TraceError,
    absolute,
    base,
    detach,
    exp,
    expm1,
    log,
    log1p,
    log_sigmoid,
    maximum,
    minimum,
    sigmoid,
    softplus,
    sqrt,
    weighter,
    where_le,
)

__version__: str = _native.__version__

_PARTS = part_classes()
globals().update(_PARTS)

#: Imported when they are first asked for: each needs a package of its own.
_MODULES = ("catboost", "lightgbm", "torch", "xgboost")

__all__ = [
    "Adjustment",
    "Base",
    "BatchError",
    "BceLoss",
    "ConfigError",
    "Counted",
    "DtypeError",
    "Error",
    "Fit",
    "Formula",
    "Loss",
    "Product",
    "Regions",
    "SoftmaxLoss",
    "StateError",
    "Step",
    "Symbol",
    "SymbolicSample",
    "Table",
    "TraceError",
    "Weighter",
    "absolute",
    "base",
    "detach",
    "exp",
    "expm1",
    "from_toml",
    "instruction_set",
    "load",
    "log",
    "log1p",
    "log_sigmoid",
    "maximum",
    "minimum",
    "set_threads",
    "sigmoid",
    "softplus",
    "sqrt",
    "testing",
    "threads",
    "weighter",
    "where_le",
    *_PARTS,
]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_native.leave_threads)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
