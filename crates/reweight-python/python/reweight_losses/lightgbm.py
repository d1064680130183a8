"""Losses for LightGBM, in its own form and in scikit-learn's.

::

    loss = rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(2.0))
    start = rw.lightgbm.start(loss, labels)
    data = lightgbm.Dataset(x, labels, init_score=rw.lightgbm.init_score(start, len(x)))
    booster = lightgbm.train({"objective": rw.lightgbm.objective(loss)}, data, feval=rw.lightgbm.metric(loss))
    probabilities = rw.lightgbm.predict_proba(loss, booster, x, start)

Under an objective of one's own LightGBM starts at 0, keeps no start in its model, and predicts raw scores: so the start goes to the
data as ``init_score``, to those of validation too, and comes back in :func:`predict_proba`. Nothing of LightGBM is imported here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _boosters
from ._boosters import AnyLoss, start
from ._native import BatchError, ConfigError

__all__ = ["Metric", "Objective", "init_score", "metric", "objective", "predict_proba", "start"]


class _Targets:
    """Targets of several columns, of which LightGBM knows the rows' numbers alone."""

    __slots__ = ("table",)

    def __init__(self, loss: AnyLoss, targets: ArrayLike) -> None:
        table = np.asarray(targets)
        if table.ndim != 2 or loss.OBJECTIVE != "bce":
            raise ConfigError("`targets` are (n, k) for a BceLoss of k columns; else the labels are the data's own")
        # In the order of LightGBM's scores.
        self.table = np.asfortranarray(table)

    def of(self, labels: NDArray[Any]) -> NDArray[Any]:
        rows = _boosters.whole("label", labels)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self.table)):
            raise BatchError(
                f"the labels reach from {rows.min()} to {rows.max()}, but with `targets` they are its rows' numbers, from 0 to "
                f"{len(self.table) - 1}"
            )
        if len(rows) == len(self.table) and np.array_equal(rows, np.arange(len(rows))):
            return self.table
        picked: NDArray[Any] = self.table[rows]
        return picked


class Objective(_boosters.Objective):
    """A loss as LightGBM's objective; see :func:`objective`."""

    __slots__ = ("_factor", "_targets")

    def __init__(
        self, loss: AnyLoss, hessian: str = "clamped", softmax_factor: float | None = None, targets: ArrayLike | None = None
    ) -> None:
        super().__init__(loss, hessian)
        self._factor = None if softmax_factor is None else _boosters.softmax_factor(softmax_factor, 1.0)
        self._targets = None if targets is None else _Targets(loss, targets)

    def __reduce__(self) -> Any:
        return type(self), (self._given, self._hessian, self._factor, None if self._targets is None else self._targets.table)

    def __call__(self, first: Any, second: Any, weight: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """One round: called with (scores, Dataset) by ``lightgbm.train``, and with (labels, scores, weight) by its models."""
        data = second if hasattr(second, "get_label") else None
        labels, scores, weight = (first, second, weight) if data is None else (data.get_label(), first, data.get_weight())
        step = self._step(data, scores, labels if self._targets is None else self._targets.of(labels), weight)
        grad, hessian = step.grad, step.hessian
        assert hessian is not None
        if self._given.OBJECTIVE == "softmax-ce":
            classes = grad.shape[1]
            hessian *= classes / (classes - 1) if self._factor is None else self._factor
        return grad, hessian


class Metric(_boosters.Metric):
    """A loss as LightGBM's metric; see :func:`metric`."""

    __slots__ = ("_targets",)

    def __init__(self, loss: AnyLoss, name: str = "loss", targets: ArrayLike | None = None) -> None:
        super().__init__(loss, name)
        self._targets = None if targets is None else _Targets(loss, targets)

    def __reduce__(self) -> Any:
        return type(self), (self._loss, self.__name__, None if self._targets is None else self._targets.table)

    def __call__(self, first: Any, second: Any, weight: ArrayLike | None = None) -> tuple[str, float, bool]:
        """Called with (scores, Dataset) by ``lightgbm.train``, and with (labels, scores, weight) by its scikit-learn models."""
        if hasattr(second, "get_label"):
            labels, scores, weight = second.get_label(), first, second.get_weight()
        else:
            labels, scores = first, second
        return self.__name__, self._value(scores, labels if self._targets is None else self._targets.of(labels), weight), False


def objective(
    loss: AnyLoss, hessian: str = "clamped", *, softmax_factor: float | None = None, targets: ArrayLike | None = None
) -> Objective:
    """The loss as an objective: for ``"objective"`` of ``lightgbm.train`` and ``lightgbm.cv``, and of the scikit-learn models.

    Gradients are float64 and in column order as LightGBM's scores are: nothing of the batch is copied but weights and a class index a
    row. Weights of the data are multiplied in; ``is_unbalance`` and ``scale_pos_weight`` are not, since they belong to LightGBM's own
    objectives.

    Args:
        loss: a :class:`BceLoss` on scores (n,), or (n, k) with ``targets``; a :class:`SoftmaxLoss` on scores (n, C). Its reduction
            plays no part.
        hessian: ``"clamped"`` (the second derivative where it is positive, else 0), ``"gauss-newton"`` or ``"exact"``. A leaf needs
            ``min_sum_hessian_in_leaf``, and focal's second derivatives are negative for hard samples.
        softmax_factor: what a :class:`SoftmaxLoss`'s second derivatives are multiplied by; C/(C − 1) where left out, as LightGBM has
            it.
        targets: (n, k), the labels of several columns. LightGBM keeps one number a row: the data's label is then the row's number in
            ``targets``, below 2²⁴, and ``"num_class"`` is k. Rows for validation stand in the same table.

    Raises:
        ConfigError: where a setting is not right. In training, BatchError: where labels or shapes are not.
    """
    return Objective(loss, hessian, softmax_factor, targets)


def metric(loss: AnyLoss, name: str = "loss", *, targets: ArrayLike | None = None) -> Metric:
    """The loss as a metric: for ``feval=`` of ``lightgbm.train`` and ``eval_metric=`` of the models; the lower the better.

    It takes raw scores, which LightGBM hands out where the objective is one of :func:`objective`'s, and not beside its own; the
    validation set's ``init_score`` is in them. ``targets`` as for :func:`objective`.
    """
    return Metric(loss, name, targets)


def init_score(start: ArrayLike, rows: int) -> NDArray[np.float64]:
    """:func:`start` as a data set's ``init_score``: (rows,), or (rows, C) in LightGBM's memory order."""
    return _boosters.spread(start, rows)


def predict_proba(loss: AnyLoss, model: Any, x: Any, start: ArrayLike = 0.0, **settings: Any) -> NDArray[Any]:
    """Probabilities of a ``Booster`` or a scikit-learn model, with the start that the model does not keep.

    Args:
        loss: the loss that was trained.
        model: the model.
        x: what the model's ``predict`` takes.
        start: what the data's ``init_score`` was made of.
        settings: for the model's ``predict``.

    Returns:
        (n, 2) for scores (n,); (n, k) or (n, C) else.
    """
    return _boosters.probabilities(loss, model.predict(x, raw_score=True, **settings) + np.asarray(start, np.float64))
