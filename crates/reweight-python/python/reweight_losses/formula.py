"""A loss's recorded formula as data, for who evaluates it by other means than the engine: tensors on another device, a kernel.

What a loss does to a batch, in these terms:

1. :class:`Fit` adjusts the logits. Softmax: ``z_j = scale_j * x_j + offset_j - margin_y * [j == y]``, with one entry a class.
   BCE: ``z = scale_c * x + offset_c``, with one entry a column ``c``, and the margin below loses ``margin_y``, with one entry
   a label. An empty array stands for 1 (scale) or 0, an array of one for all.
2. The variable ``m`` of a sample: for hard labels its margin, ``(2 y - 1) * z - margin_y`` (BCE) or
   ``z_y - logsumexp(z_j, j != y)`` (softmax, whose margin is in ``z`` already); for soft labels the logit ``z`` itself. Labels are
   soft where any valid one is neither 0 nor 1.
3. The leaves: ``margin = m``, ``p = sigmoid(m)``, ``q = sigmoid(-m)``, ``log_p = log_sigmoid(m)``, ``log_q = log_sigmoid(-m)``,
   each computed by itself and none as a difference; ``target`` is y or t (softmax: not read), ``class`` the class's index,
   ``column`` the column's (``(place // inner) % columns``, places counted row by row).
4. :meth:`Formula.evaluate` gives ``weight`` w and ``base`` b, and their slopes in ``m``. The sample's loss is ``w * b``, times the
   sample weight; its derivative in ``m`` is ``w * base_slope + weight_slope * b``, which ``dm/dx`` carries to the logits:
   ``scale * (2 y - 1)`` (BCE, hard), ``scale`` (BCE, soft); softmax: ``scale_y`` for the label and
   ``-scale_j * softmax(z_j over j != y)`` for the others. What the formula detaches has no part in the slopes.
   Label smoothing (softmax) replaces b by ``(1 - eps) * b + eps / C * sum_j(-log softmax(z)_j)``, and the slopes likewise.
5. The reduction divides the sums.

The weights of GHM and its like are read off :class:`Table` values that change with every observed step, while the formula stays;
:class:`Counted` says what is counted for them, along the key that ``wanted="key"`` gives (for hard labels m itself).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Formula:
    """Operations in the order of evaluation; operands are places of earlier ones.

    A node is a tuple: ``("literal", value)``, ``("leaf", name)``, ``("per_class", table)``, ``("per_column", table)``,
    ``("region", key, table)``; one operand: ``neg exp log expm1 log1p sqrt abs log_sigmoid sigmoid detach``; two: ``add sub mul
    div maximum minimum``; four: ``("where_le", a, b, c, d)``, which is c where a <= b, else d.

    Attributes:
        nodes: the operations.
        outputs: places of the results by name. ``wanted="step"``: weight, base, weight_slope, base_slope; ``"second"``: and
            weight_curvature, base_curvature; ``"gauss-newton"``: and newton (the BCE element's and the softmax label's second
            derivative) and steepness (``-w * base_slope``); ``"key"``: key, what regions are counted along.
    """

    nodes: tuple[tuple[Any, ...], ...]
    outputs: dict[str, int]

    def leaves(self) -> frozenset[str]:
        """The leaves that are read."""
        return frozenset(node[1] for node in self.nodes if node[0] == "leaf")

    def evaluate(
        self,
        operations: Mapping[str, Callable[..., Any]],
        leaves: Mapping[str, Any],
        tables: Sequence[Any] = (),
    ) -> dict[str, Any]:
        """Evaluates over any numbers.

        Args:
            operations: a function for each operation that occurs, by its name. ``per_class`` and ``per_column`` are called with
                the leaf ``class`` or ``column`` and the table, ``region`` with the key and the table. Literals are Python floats.
            leaves: the leaves' numbers by name.
            tables: the tables in their order, in whatever form those three functions take.

        Returns:
            The outputs by name.
        """
        values: list[Any] = []
        for name, *operands in self.nodes:
            if name == "literal":
                value = operands[0]
            elif name == "leaf":
                value = leaves[operands[0]]
            elif name in ("per_class", "per_column"):
                value = operations[name](leaves[name[4:]], tables[operands[0]])
            elif name == "region":
                value = operations[name](values[operands[0]], tables[operands[1]])
            else:
                value = operations[name](*[values[at] for at in operands])
            values.append(value)
        return {name: values[at] for name, at in self.outputs.items()}


@dataclass(frozen=True)
class Regions:
    """Regions that a key is found in: its region's index is the number of thresholds that it does not exceed.

    Attributes:
        spacing: ``"gradient-norm"`` or ``"margin"``: what the edges are even in.
        bins: how many there are.
        thresholds: the ``bins - 1`` inner edges, descending, float64.
        thresholds_f32: the same rounded down to float32, so that float32 keys fall where the same numbers in float64 do.
    """

    spacing: str
    bins: int
    thresholds: NDArray[np.float64]
    thresholds_f32: NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """A table that nodes read.

    Attributes:
        values: one value a class, column or region, float64.
        regions: the regions, where it has one value a region.
    """

    values: NDArray[np.float64]
    regions: Regions | None


@dataclass(frozen=True)
class Counted:
    """What :meth:`Loss.statistics` counts, in the order of its int64 row: valid samples, valid positives (target >= 1/2; softmax:
    class above 0), then one count a class where ``class_counts``, then each histogram's regions.
    """

    class_counts: bool
    histograms: tuple[Regions, ...]


@dataclass(frozen=True)
class Fit:
    """What a loss does to the logits of a batch of one shape; see the module's page.

    Attributes:
        scale: one factor a class or column, one for all, or none.
        offset: the same, added.
        margin: the same by label, subtracted from the label's own.
        columns: how many columns a part of the loss reads; 1 where none does.
        inner: how many logits in a row share a column.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    margin: NDArray[np.float64]
    columns: int
    inner: int


def regions_of(entry: Mapping[str, Any]) -> Regions:
    """Regions out of the native module's dict."""
    return Regions(entry["spacing"], entry["bins"], entry["thresholds"], entry["thresholds_f32"])
