"""A loss's recorded formula as functions of tensors, and the constants that go with it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from .. import _native
from ..formula import Regions, regions_of

#: The recorded operations by torch's.
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "neg": torch.neg,
    "exp": torch.exp,
    "log": torch.log,
    "expm1": torch.expm1,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "log_sigmoid": torch.nn.functional.logsigmoid,
    "sigmoid": torch.sigmoid,
    "detach": torch.detach,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
}

#: The same on numbers, for what does not hang on the sample.
_ON_NUMBERS: dict[str, Callable[..., float]] = {
    "neg": lambda x: -x,
    "exp": math.exp,
    "log": math.log,
    "expm1": math.expm1,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "abs": abs,
    "log_sigmoid": lambda x: min(x, 0.0) - math.log1p(math.exp(-abs(x))),
    "sigmoid": lambda x: math.exp(min(x, 0.0)) / (1.0 + math.exp(-abs(x))),
    "detach": lambda x: x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "maximum": max,
    "minimum": min,
    "where_le": lambda a, b, c, d: c if a <= b else d,
}


def region(key: Tensor, thresholds: Tensor) -> Tensor:
    """The region that each key lies in; the thresholds ascend."""
    return thresholds.shape[0] - torch.bucketize(key.detach(), thresholds)


class _Writer:
    """Writes a recorded formula down as a graph of torch's operations."""

    def __init__(self, nodes: list[tuple[Any, ...]]) -> None:
        self.graph = fx.Graph()
        # In this order, whatever is read.
        self.margin, self.target, self.index, self.tables, self.thresholds = map(
            self.graph.placeholder, ("margin", "target", "index", "tables", "thresholds")
        )
        self._leaves: dict[str, Any] = {}
        self.values: list[Any] = []
        for name, *operands in nodes:
            self.values.append(self._node(name, operands))

    def call(self, function: Callable[..., Any], *operands: Any) -> fx.Node:
        return self.graph.call_function(function, operands)

    def _item(self, of: fx.Node, at: int) -> fx.Node:
        return self.graph.call_method("__getitem__", (of, at))

    def _tensor(self, value: Any) -> Any:
        """Also a number as a tensor of the samples' type."""
        return value if isinstance(value, fx.Node) else self.call(torch.full_like, self.margin, value)

    def _leaf(self, name: str) -> Any:
        known = {"margin": self.margin, "target": self.target, "class": self.index, "column": self.index}
        if name in known:
            return known[name]
        if name not in self._leaves:
            # The probability of the other side is that of the other sign: nothing is a difference.
            margin = self.call(torch.neg, self.margin) if name.endswith("q") else self.margin
            function = _OPERATIONS["log_sigmoid" if name.startswith("log") else "sigmoid"]
            self._leaves[name] = self.call(function, margin)
        return self._leaves[name]

    def _node(self, name: str, operands: list[Any]) -> Any:
        if name == "literal":
            return float(operands[0])
        if name == "leaf":
            return self._leaf(operands[0])
        if name in ("per_class", "per_column"):
            return self.call(torch.take, self._item(self.tables, operands[0]), self.index)
        if name == "region":
            key, table = self._tensor(self.values[operands[0]]), operands[1]
            return self.call(torch.take, self._item(self.tables, table), self.call(region, key, self._item(self.thresholds, table)))
        values = [self.values[at] for at in operands]
        if not any(isinstance(value, fx.Node) for value in values):
            return _ON_NUMBERS[name](*values)
        if name in ("maximum", "minimum"):
            function = torch.maximum if name == "maximum" else torch.minimum
            return self.call(function, *map(self._tensor, values))
        if name == "where_le":
            least, most, then, otherwise = values
            return self.call(torch.where, self.call(torch.le, self._tensor(least), most), self._tensor(then), self._tensor(otherwise))
        if name in ("add", "sub", "mul", "div") and not isinstance(values[0], fx.Node):
            values[0] = self._tensor(values[0])
        return self.call(_OPERATIONS[name], *values)

    def function(self, places: dict[str, int]) -> fx.GraphModule:
        """The function that gives those values, tensors or numbers, by name."""
        self.graph.output({name: self.values[at] for name, at in places.items()})
        self.graph.eliminate_dead_code()
        return fx.GraphModule({}, self.graph)


def _written(loss: _native.Loss, wanted: str, soft: bool) -> fx.GraphModule:
    formula = loss.formula(wanted, soft)
    return _Writer(formula["nodes"]).function(formula["outputs"])


@dataclass(frozen=True)
class Recorded:
    """What a loss computes of hard or of soft labels, in torch's terms.

    Attributes:
        soft: whether labels may lie between 0 and 1.
        weigh: ``weigh(margin, target, index, tables, thresholds)`` gives weight, base and their slopes by name.
        key: what regions are counted along, by the same arguments; None where none are.
        histograms: the regions that are counted.
        wants_classes: whether classes are counted.
        columns: how many columns a part reads, along ``axis``; 1 where none does.
        sizes: the lengths of scale, offset and margin, of each table's values, and of each thresholds' row.
        constants: those rows one after another, each in float64 and as float32 holds them.
    """

    soft: bool
    weigh: fx.GraphModule
    key: fx.GraphModule | None
    histograms: tuple[Regions, ...]
    wants_classes: bool
    columns: int
    axis: int
    tables: int
    sizes: tuple[int, ...]
    constants: tuple[NDArray[np.float64], NDArray[np.float32]]

    def rows(self, packed: Tensor) -> list[Tensor]:
        """The rows of packed constants."""
        return list(packed.split(self.sizes))


def _lengths(entry: Any) -> set[int]:
    """The lengths of all lists in a config: among them that of what is given a class or column."""
    if isinstance(entry, dict):
        return set().union(*(_lengths(each) for each in entry.values()))
    if isinstance(entry, list):
        return {len(entry)}.union(*(_lengths(each) for each in entry))
    return set()


def _axis(config: dict[str, Any]) -> int:
    """The axis that columns lie along: one for all parts of a loss."""
    parts = [*config.get("weighter", []), *config.get("adjustment", [])]
    return next((int(part["axis"]) for part in parts if "axis" in part), -1)


def _fit(loss: _native.Loss, config: dict[str, Any], soft: bool) -> dict[str, Any]:
    """What the loss does to logits, of the first shape that its tables fit."""
    axis = _axis(config)
    tried: _native.BatchError | None = None
    for length in sorted({1, 2} | _lengths(config)):
        if config["objective"] == "bce":
            shape = [length] + [1] * (-axis - 1) if axis < 0 else [1] * axis + [length]
        else:
            shape = [1, length]
        try:
            return dict(loss.fit(shape, soft))
        except _native.BatchError as error:
            tried = error
    assert tried is not None
    raise tried


def _ascending(regions: Regions) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    return regions.thresholds[::-1], regions.thresholds_f32[::-1]


def _both(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    return values, values.astype(np.float32)


def formulas(config: str) -> tuple[Recorded, Recorded | None]:
    """A config's formulas for hard labels or classes, and for soft labels where it takes them."""
    loss = _native.Loss(config)
    entries = json.loads(config)
    hard = _recorded(loss, entries, False)
    try:
        return hard, _recorded(loss, entries, True) if entries["objective"] == "bce" else None
    except _native.Error:
        return hard, None


def _recorded(loss: _native.Loss, config: dict[str, Any], soft: bool) -> Recorded:
    fit = _fit(loss, config, soft)
    weigh = _written(loss, "step", soft)
    counted = loss.counted(soft)
    tables = loss.tables(soft)
    histograms = tuple(map(regions_of, counted["histograms"]))
    rows = [_both(fit[name]) for name in ("scale", "offset", "margin")]
    rows += [_both(table["values"]) for table in tables]
    rows += [_ascending(regions_of(table)) if "thresholds" in table else _both(np.zeros(0)) for table in tables]
    rows += [_ascending(regions) for regions in histograms]
    wide, narrow = (np.concatenate([row[at] for row in rows]) for at in (0, 1))
    return Recorded(
        soft=soft,
        weigh=weigh,
        key=_written(loss, "key", soft) if histograms else None,
        histograms=histograms,
        wants_classes=counted["class_counts"],
        columns=fit["columns"],
        axis=_axis(config),
        tables=len(tables),
        sizes=tuple(len(row[0]) for row in rows),
        constants=(wide, narrow),
    )
