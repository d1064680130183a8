"""Tensors anywhere, computed of the recorded formula by torch's own operations: on the device, and fused by ``torch.compile``.

In log space as the engine does, in float32 for half precision and else in the logits' type. Nothing waits for the device. Values are
not looked at: a logit that is not finite becomes a loss that is not, as in torch's own losses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .recorded import Recorded, region


def computed_in(dtype: torch.dtype) -> torch.dtype:
    """The type that logits of a type are computed in."""
    return dtype if dtype == torch.float64 else torch.float32


def _entry(row: Tensor, index: Tensor | None, otherwise: float) -> Any:
    """A row's entry at each place: one for all, one an index, or none."""
    if row.shape[0] == 0:
        return otherwise
    return row[0] if row.shape[0] == 1 or index is None else torch.take(row, index)


class Samples:
    """A batch's samples in the terms of a formula.

    Attributes:
        margin: the variable, with 0 in place of logits that count nowhere.
        target, index: the leaves.
        valid: which samples count; None where all do.
    """

    def __init__(self, recorded: Recorded, logits: Tensor, targets: Tensor, valid: Tensor | None, rows: list[Tensor], bce: bool) -> None:
        self.recorded, self.valid, self.bce = recorded, valid, bce
        self.dtype = computed_in(logits.dtype)
        self._rows = rows
        x = logits.to(self.dtype)
        scale, offset, margin = rows[:3]
        if bce:
            t = targets.to(self.dtype)
            if valid is not None:
                x, t = torch.where(valid, x, 0.0), torch.where(valid, t, 0.0)
            self.target = t
            self.index = self._columns(x)
            self.scale = _entry(scale, self.index, 1.0)
            z = self.scale * x + _entry(offset, self.index, 0.0)
            if recorded.soft:
                self.margin, self.sign = z, None
            else:
                self.sign = 2.0 * t - 1.0
                self.margin = self.sign * z
                if len(margin):
                    self.margin = self.margin - _entry(margin, t.detach().to(torch.int64), 0.0)
        else:
            y = targets.to(torch.int64)
            if valid is not None:
                x, y = torch.where(valid.unsqueeze(1), x, 0.0), torch.where(valid, y, 0)
            self.target = self.index = y
            classes = torch.arange(x.shape[1], device=x.device).view(-1, *[1] * (x.dim() - 2))
            self.label = classes == y.unsqueeze(1)
            self.scale = _entry(scale, classes, 1.0)
            z = self.scale * x + _entry(offset, classes, 0.0)
            if len(margin):
                z = z - torch.where(self.label, _entry(margin, classes, 0.0), 0.0)
            self.z = z
            self.others = z.masked_fill(self.label, -torch.inf)
            self.margin = z.gather(1, y.unsqueeze(1)).squeeze(1) - torch.logsumexp(self.others, 1)

    def _columns(self, x: Tensor) -> Tensor:
        """The column of each logit, in a shape that broadcasts to the logits'."""
        recorded = self.recorded
        if recorded.columns == 1:
            return torch.zeros((), dtype=torch.int64, device=x.device)
        axis = recorded.axis + x.dim() if recorded.axis < 0 else recorded.axis
        return torch.arange(recorded.columns, device=x.device).view(-1, *[1] * (x.dim() - axis - 1))

    def _apply(self, function: Any, tables: list[Tensor]) -> dict[str, Any]:
        recorded = self.recorded
        thresholds = self._rows[3 + recorded.tables : 3 + 2 * recorded.tables]
        found: dict[str, Any] = function(self.margin, self.target, self.index, tables, thresholds)
        return found

    def _own_tables(self) -> list[Tensor]:
        return self._rows[3 : 3 + self.recorded.tables]

    def positives(self) -> Tensor:
        """How many valid samples are positive."""
        positive = self.target >= 0.5 if self.bce else self.target > 0
        return (positive if self.valid is None else positive & self.valid).sum()

    def counts(self) -> Tensor:
        """What :meth:`reweight_losses.BceLoss.statistics` counts, in its order, int64."""
        recorded = self.recorded
        valid = torch.ones_like(self.margin, dtype=torch.int64) if self.valid is None else self.valid.to(torch.int64)
        valid = valid.reshape(-1)
        parts = [torch.stack([valid.sum(), self.positives()])]
        if recorded.wants_classes:
            classes = 2 if self.bce else self.z.shape[1]
            at = (self.target >= 0.5).to(torch.int64) if self.bce else self.target
            parts.append(valid.new_zeros(classes).scatter_add(0, at.reshape(-1), valid))
        if recorded.key is not None:
            key = self._apply(recorded.key, self._own_tables())["key"].detach().reshape(-1)
            for histogram, edges in zip(recorded.histograms, self._rows[3 + 2 * recorded.tables :]):
                parts.append(valid.new_zeros(histogram.bins).scatter_add(0, region(key, edges), valid))
        return torch.cat(parts)

    def weighed(self, observed: Tensor | None, sample_weight: Tensor | None, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
        """Each sample's loss and weight, 0 where it does not count, and the losses' derivatives in the logits.

        Args:
            observed: the tables' values after the last step; the formula's own where nothing is observed.
            sample_weight: factors.
            smoothing: ε of the label smoothing.
        """
        recorded = self.recorded
        tables = self._own_tables()
        if observed is not None:
            tables = list(observed.split(recorded.sizes[3 : 3 + recorded.tables]))
        found = self._apply(recorded.weigh, tables)
        weight, base = found["weight"], found["base"]
        weight_slope, base_slope = found["weight_slope"], found["base_slope"]
        factor = torch.ones_like(self.margin) if self.valid is None else self.valid.to(self.dtype)
        if sample_weight is not None:
            factor = torch.where(factor > 0, sample_weight.to(self.dtype), 0.0)
        if self.bce:
            slope = (weight * base_slope + weight_slope * base) * factor * self.scale
            slope = slope if self.sign is None else slope * self.sign
        else:
            # The softmax of the others: what the margin falls by as each of them rises.
            of_margin = torch.where(self.label, 1.0, -torch.softmax(self.others, 1))
            if smoothing:
                logs = torch.log_softmax(self.z, 1)
                base = (1.0 - smoothing) * base - smoothing * logs.mean(1)
                even = torch.exp(logs) - 1.0 / logs.shape[1]
                slope = ((1.0 - smoothing) * weight * base_slope + weight_slope * base).unsqueeze(1) * of_margin
                slope = slope + smoothing * (weight if isinstance(weight, float) else weight.unsqueeze(1)) * even
            else:
                slope = (weight * base_slope + weight_slope * base).unsqueeze(1) * of_margin
            slope = slope * self.scale * factor.unsqueeze(1)
        return weight * base * factor, weight * factor, slope


def denominator(samples: Samples, weights: Tensor, reduction: str | float) -> Tensor | float:
    """What a reduction divides by; a sum of weights is a constant in the gradient."""
    if reduction == "mean":
        return float(samples.margin.numel()) if samples.valid is None else samples.valid.sum().to(samples.dtype)
    if reduction == "weighted-mean":
        return weights.detach().sum()
    if reduction == "positives":
        return samples.positives().clamp_min(1).to(samples.dtype)
    return 1.0 if isinstance(reduction, str) else reduction


def inverse(divisor: Tensor | float) -> Tensor | float:
    """1/divisor, or 0 where there is nothing to divide."""
    if isinstance(divisor, float):
        return 1.0 / divisor if divisor > 0 else 0.0
    largest = torch.finfo(divisor.dtype).max
    return torch.where(divisor > 0, (1.0 / divisor).clamp_max(largest), 0.0)


def loss_and_grad(
    samples: Samples, observed: Tensor | None, sample_weight: Tensor | None, smoothing: float, reduction: str | float
) -> tuple[Tensor, Tensor, Tensor]:
    """The reduced loss, or each sample's, its derivatives in the logits, and the sum of weights."""
    losses, weights, slope = samples.weighed(observed, sample_weight, smoothing)
    factor = inverse(denominator(samples, weights, reduction))
    total = losses if reduction == "none" else losses.sum() * factor
    return total, slope if reduction == "none" else slope * factor, weights.detach().sum()
