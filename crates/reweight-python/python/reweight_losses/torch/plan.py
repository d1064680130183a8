"""What a config says, as the modules and operators need it at every call."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import _native
from . import tensors
from .engine import engine_of
from .recorded import Recorded, formulas
from .tensors import Samples


class Plan:
    """A config read once.

    Attributes:
        config: its text, which names the plan.
        bce: the objective.
        reduction: a name, or the number that the sum is divided by.
        smoothing: ε of the label smoothing.
        ignore_index: the label of rows that count nowhere.
        observes: whether a training step changes the loss.
        hard, soft: the formulas; soft is None where the loss takes no soft labels.
        words: the length of a state's row.
        counts: the length of a row of counts, without one a class where classes are counted.
    """

    def __init__(self, config: str) -> None:
        read: dict[str, Any] = json.loads(config)
        engine = engine_of(config)
        self.config = config
        self.bce = read["objective"] == "bce"
        reduction = read.get("reduction", "mean")
        self.reduction: str | float = float(reduction["divisor"]) if isinstance(reduction, dict) else reduction
        self.each = self.reduction == "none"
        self.smoothing = float(read.get("label_smoothing", 0.0))
        self.ignore_index: int | None = read.get("ignore_index")
        self.words = engine.layout.size
        self.observes = engine.plain.observes()
        self.hard, self.soft = formulas(config)
        hard = self.hard
        self.counts = 2 + sum(regions.bins for regions in hard.histograms)

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        return self

    def __reduce__(self) -> Any:
        return plan_of, (self.config,)

    def summed(self) -> Plan:
        """The same loss without its denominator."""
        return plan_of(json.dumps({**json.loads(self.config), "reduction": "sum"}))

    def recorded(self, soft: bool) -> Recorded:
        """The formula for such labels."""
        found = self.soft if soft else self.hard
        assert found is not None
        return found

    def check(self, shape: tuple[int, ...], soft: bool) -> None:
        """Refuses logits of a shape that a part does not fit, or soft labels that none of them takes."""
        engine_of(self.config).plain.fit(list(shape), soft)

    def packed(self) -> Tensor:
        """All constants as the bits of their floats, which no model's change of type touches: float64 first, then float32."""
        formulas = [self.hard] if self.soft is None else [self.hard, self.soft]
        wide = np.concatenate([formula.constants[0] for formula in formulas])
        narrow = np.concatenate([formula.constants[1] for formula in formulas])
        return torch.from_numpy(np.concatenate([wide.view(np.int32), narrow.view(np.int32)]))

    def rows(self, packed: Tensor, dtype: torch.dtype, soft: bool) -> list[Tensor]:
        """The rows of a formula's constants, in a type."""
        hard, own = sum(self.hard.sizes), sum(self.recorded(soft).sizes)
        every = hard if self.soft is None else hard + sum(self.soft.sizes)
        start = hard if soft else 0
        if own == 0:
            # Nothing has no stride to be read by.
            values = packed.new_empty(0, dtype=dtype)
        elif dtype == torch.float64:
            values = packed[2 * start : 2 * (start + own)].view(torch.float64)
        else:
            values = packed[2 * every + start : 2 * every + start + own].view(torch.float32)
        return self.recorded(soft).rows(values)

    def samples(self, packed: Tensor, logits: Tensor, targets: Tensor, valid: Tensor | None, soft: bool) -> Samples:
        """A batch in the formula's terms."""
        if self.ignore_index is not None:
            kept = targets != self.ignore_index
            valid = kept if valid is None else kept & valid
        rows = self.rows(packed, tensors.computed_in(logits.dtype), soft)
        return Samples(self.recorded(soft), logits, targets, valid, rows, self.bce)

    def is_soft(self, targets: Tensor, valid: Tensor | None, told: bool | None) -> bool:
        """Whether labels are soft: as told, by their type, and by their values where it costs nothing to look."""
        if not self.bce or not targets.is_floating_point():
            return False
        if told is not None:
            return told
        if targets.device.type == "cpu" and not torch.compiler.is_compiling():
            between = (targets != 0) & (targets != 1)
            return bool((between if valid is None else between & valid).any())
        if self.soft is None:
            raise _native.BatchError(
                "this loss takes labels of 0 and 1 alone, and whether floats are that is not looked at on another device or "
                "while a graph is compiled: give integers or bools, or say soft_targets=False"
            )
        return True


_plan = lru_cache(maxsize=256)(Plan)


def plan_of(config: str) -> Plan:
    """The plan of a config."""
    return _plan(config)
