"""Ranks that take a step together: counts are summed between observing and weighing, and denominators where asked."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .. import _native
from .plan import Plan
from .tensors import inverse

#: Reductions whose denominator can be that of all ranks.
_DIVIDED = ("mean", "weighted-mean", "positives")


class Ranks:
    """A process group and what its ranks share. A copy of a module keeps its group; a pickle cannot.

    Under ``denominator="global"`` a rank's loss is its part of the sum times the number of ranks over the whole batch's denominator, so
    that the average over ranks, which ``DistributedDataParallel`` takes of gradients, is that of the whole batch.
    """

    def __init__(self, group: Any, together: bool) -> None:
        self.group, self.together = group, together

    @staticmethod
    def of(group: Any, denominator: str, reduction: str | float) -> Ranks | None:
        """What the arguments of a loss ask for."""
        if denominator not in ("local", "global"):
            raise _native.ConfigError(f'`denominator` is {denominator!r}, but must be "local" or "global"')
        together = denominator == "global"
        if together and group is None:
            raise _native.ConfigError('`denominator` is "global", which needs the ranks: give `process_group`')
        if together and reduction not in _DIVIDED:
            raise _native.ConfigError(
                f'`denominator` is "global", but the reduction is {reduction!r}, which has none to share: take one of {", ".join(_DIVIDED)}'
            )
        return None if group is None else Ranks(group, together)

    def __deepcopy__(self, memo: dict[int, Any]) -> Ranks:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a process group cannot be pickled: save the module's state_dict()")

    def plan(self, plan: Plan) -> Plan:
        """What a rank computes itself."""
        return plan.summed() if self.together else plan

    def needs_counts(self, plan: Plan) -> bool:
        """Whether the denominator is a count."""
        return self.together and plan.reduction in ("mean", "positives")

    def sum(self, counts: Tensor) -> Tensor:
        """The ranks' counts summed, exactly."""
        dist.all_reduce(counts, dist.ReduceOp.SUM, group=self.group)
        return counts

    def divided(self, loss: Tensor, plan: Plan, counts: Tensor | None, weights: Any) -> Tensor:
        """A rank's sum over the denominator that all share."""
        if not self.together:
            return loss
        if plan.reduction == "weighted-mean":
            total = torch.as_tensor(weights, dtype=torch.float64).clone()
            divisor = self.sum(total.to(loss.device))
        else:
            assert counts is not None
            divisor = (counts[0] if plan.reduction == "mean" else counts[1].clamp_min(1)).to(torch.float64)
        factor = torch.as_tensor(inverse(divisor)) * dist.get_world_size(self.group)
        return loss * factor.to(loss.dtype)
