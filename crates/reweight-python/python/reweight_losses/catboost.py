"""Losses for CatBoost.

::

    loss = rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(2.0))
    start = rw.catboost.start(loss, labels)
    data = catboost.Pool(x, labels, baseline=rw.catboost.baseline(start, len(x)))
    model = catboost.CatBoostClassifier(loss_function=rw.catboost.objective(loss), eval_metric=rw.catboost.metric(loss)).fit(data)
    probabilities = rw.catboost.predict_proba(loss, model, x, start)

CatBoost maximises: its derivatives are a loss's with the other sign. It hands out the rows in blocks, and for several classes or
columns one by one, each in a call of its own. CatBoost itself is imported for several columns alone.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _boosters
from ._boosters import AnyLoss, start
from ._native import ConfigError
from .loss import BceLoss, Loss, SoftmaxLoss

__all__ = ["Metric", "Objective", "baseline", "metric", "objective", "predict_proba", "start"]


class Objective:
    """A loss as CatBoost's objective; see :func:`objective`. It is never changed, so that a copy of it is itself."""

    #: Whether labels are (n, k).
    COLUMNS = False
    #: Without it CatBoost tries to compile the methods, where numba is installed.
    no_jit = True

    def __init__(self, loss: AnyLoss, hessian: str = "clamped") -> None:
        self._given, self._loss, self._hessian = loss, _boosters.reduced(loss, "sum"), hessian
        # A form that there is not is refused now, in the core's words.
        BceLoss().value_and_grad(np.zeros(0), np.zeros(0), hessian=hessian)
        if self._loss.observes and self._loss.state() == Loss.from_config(self._loss.to_config()).state():
            raise ConfigError(
                f"{loss!r} weighs by what it observes of a batch, and CatBoost hands out blocks of rows, never the batch: let the loss "
                "observe first, as by `loss.value_and_grad(scores, labels)` on an earlier model's scores, and it weighs by that"
            )
        if loss.to_config().get("label_smoothing"):
            raise ConfigError("CatBoost needs a row's second derivatives of each pair of classes, which `label_smoothing` has not")

    def __copy__(self) -> Objective:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Objective:
        return self

    def __reduce__(self) -> Any:
        return objective, (self._given, self._hessian, self.COLUMNS)

    def __repr__(self) -> str:
        return f"rw.catboost.objective({self._given!r}, hessian={self._hessian!r}{', columns=True' if self.COLUMNS else ''})"

    def calc_ders_range(self, approxes: ArrayLike, targets: ArrayLike, weights: ArrayLike | None) -> NDArray[np.float64]:
        """Derivatives of what is maximised, (n, 2), for a block of rows with one score each."""
        scores = np.asarray(approxes, np.float64)
        labels = _boosters.labels_of(self._loss, scores, targets)
        step = self._loss.weigh(scores, labels, sample_weight=_boosters.weights_of(scores, labels, weights), hessian=self._hessian)
        assert step.hessian is not None
        return -np.stack([step.grad, step.hessian], 1)

    def calc_ders_multi(
        self, approx: ArrayLike, target: Any, weight: float | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Derivatives of what is maximised for one row: (C,), and those of each pair of scores, (C, C)."""
        scores = np.asarray(approx, np.float64)[None]
        labels = _boosters.labels_of(self._loss, scores, np.atleast_1d(target))
        step = self._loss.weigh(scores, labels, sample_weight=1.0 if weight is None else weight, hessian=self._hessian)
        assert step.hessian is not None
        if isinstance(self._loss, SoftmaxLoss):
            return -step.grad[0], -self._pairs(self._loss, scores, int(labels[0]), step.grad[0], step.hessian[0])
        return -step.grad[0], -np.diag(step.hessian[0])

    def _pairs(
        self, loss: SoftmaxLoss, scores: NDArray[Any], label: int, grad: NDArray[Any], diagonal: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Second derivatives of each pair of a row's scores.

        The loss depends on the row by its margin s alone, whose slope is v = (1 for the label, −π for the others), π the softmax of
        the others. So they are a·v·vᵀ + b·(diag π − π·πᵀ), with a = d²L/ds² and b = −dL/ds, both of which stand in the label's entries
        of gradient and diagonal. Clamped, a and b are held at 0 where they are negative; the Gauss–Newton form has a = b·p_t.
        """
        fit = loss.fit(scores.shape)
        factor = np.broadcast_to(fit.scale if fit.scale.size else 1.0, diagonal.shape)
        adjusted = factor * scores[0] + (fit.offset if fit.offset.size else 0.0)
        others = np.where(np.arange(adjusted.size) == label, -np.inf, adjusted)
        powers = np.exp(others - others.max())
        share = powers / powers.sum()
        slope = np.where(np.arange(adjusted.size) == label, 1.0, -share)
        curvature, fall = diagonal[label] / factor[label] ** 2, -grad[label] / factor[label]
        if self._hessian == "clamped":
            curvature, fall = max(curvature, 0.0), max(fall, 0.0)
        elif self._hessian == "gauss-newton":
            margin = adjusted[label] - (fit.margin[label] if fit.margin.size else 0.0) - others.max() - np.log(powers.sum())
            # 1/p_t, which ends where floats do: a loss that far out has no curvature left.
            fall = curvature * np.exp(min(np.logaddexp(0.0, -margin), 700.0))
        pairs = curvature * np.outer(slope, slope) + fall * (np.diag(share) - np.outer(share, share))
        return np.asarray(pairs * np.outer(factor, factor), np.float64)


class Metric(_boosters.Metric):
    """A loss as CatBoost's metric; see :func:`metric`."""

    # CatBoost keeps attributes of its own here.
    __slots__ = ("__dict__",)
    COLUMNS = False
    no_jit = True

    def __reduce__(self) -> Any:
        return metric, (self._loss, self.__name__, self.COLUMNS)

    def is_max_optimal(self) -> bool:
        """Whether a larger value is better: no."""
        return False

    def evaluate(self, approxes: Any, target: ArrayLike, weight: ArrayLike | None) -> tuple[float, float]:
        """The loss of the rows whose scores are given column by column, and the 1 that it is divided by."""
        scores = np.asarray(approxes, np.float64)
        labels = np.asarray(target)
        # One score a row, or the columns of rows whose labels have as many.
        scores = scores[0] if len(scores) == 1 else scores.T
        return self._value(scores, labels.T if labels.ndim == 2 else labels, weight), 1.0

    def get_final_error(self, error: float, weight: float) -> float:
        """The loss."""
        return error / weight


def _of_columns(own: type[Any], kind: str) -> type[Any]:
    """The class that CatBoost knows as one for several columns."""
    return type(own.__name__, (own, getattr(importlib.import_module("catboost"), kind)), {"COLUMNS": True})


def objective(loss: AnyLoss, hessian: str = "clamped", columns: bool = False) -> Objective:
    """The loss as an objective: for ``loss_function=`` of CatBoost's models.

    Weights of the data are multiplied in. CatBoost asks for a metric beside it: :func:`metric`, or one of its own. Several classes need
    ``classes_count=`` beside :func:`metric`, and take Newton's steps with second derivatives of each pair of scores, as CatBoost's
    ``MultiClass`` has them.

    Args:
        loss: a :class:`BceLoss`, or a :class:`SoftmaxLoss` without label smoothing. Its reduction plays no part. What it has observed
            stays as it is, since CatBoost never shows it a batch: GHM and its like have to have observed before.
        hessian: ``"clamped"`` (no negative curvature), ``"gauss-newton"`` or ``"exact"``.
        columns: whether labels are (n, k): several columns for a :class:`BceLoss`.

    Raises:
        ConfigError: where a setting is not right, or the loss has to observe. In training CatBoost raises its own ``CatBoostError`` with
            the text of whatever is wrong.
    """
    kind = _of_columns(Objective, "MultiTargetCustomObjective") if columns else Objective
    made: Objective = kind(loss, hessian)
    return made


def metric(loss: AnyLoss, name: str = "loss", columns: bool = False) -> Metric:
    """The loss as a metric, on raw scores: for ``eval_metric=`` of CatBoost's models; the lower the better.

    CatBoost shows it by the name of its class. ``columns`` as for :func:`objective`.
    """
    kind = _of_columns(Metric, "MultiTargetCustomMetric") if columns else Metric
    made: Metric = kind(loss, name)
    return made


def baseline(start: ArrayLike, rows: int) -> NDArray[np.float64]:
    """:func:`start` as a pool's ``baseline``: (rows,), or (rows, C)."""
    return _boosters.spread(start, rows)


def predict_proba(loss: AnyLoss, model: Any, x: Any, start: ArrayLike = 0.0, **settings: Any) -> NDArray[Any]:
    """Probabilities of a model, with the start that the model does not keep.

    Args:
        loss: the loss that was trained.
        model: the model.
        x: what the model's ``predict`` takes; a pool's own baseline is in the scores already.
        start: what the data's ``baseline`` was made of; 0 where ``model.set_scale_and_bias(1.0, start)`` has put it into the model.
        settings: for the model's ``predict``.

    Returns:
        (n, 2) for scores (n,); (n, k) or (n, C) else.
    """
    scores = np.asarray(model.predict(x, prediction_type="RawFormulaVal", **settings)) + np.asarray(start, np.float64)
    return _boosters.probabilities(loss, scores)
