"""Losses for XGBoost, in its own form and in scikit-learn's.

::

    loss = rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(2.0))
    settings = {"objective": "binary:logistic", "base_score": rw.xgboost.base_score(loss, labels)}
    booster = xgboost.train(settings, data, obj=rw.xgboost.objective(loss), custom_metric=rw.xgboost.metric(loss))
    model = xgboost.XGBClassifier(objective=rw.xgboost.objective(loss), base_score=rw.xgboost.base_score(loss, labels))

``"objective"`` beside ``obj`` tells XGBoost what its predictions are: ``"binary:logistic"`` for a :class:`BceLoss`, of one column or
several, and ``"multi:softprob"`` with ``"num_class"`` for a :class:`SoftmaxLoss`. The start is part of the model, in ``base_score``.
Nothing of XGBoost is imported here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _boosters
from ._boosters import AnyLoss, start

__all__ = ["Metric", "Objective", "base_score", "metric", "objective", "predict_proba", "start"]

#: XGBoost's own softmax takes 2·p·(1 − p) as the second derivative: the diagonal alone would make steps too long.
SOFTMAX_FACTOR = 2.0


class Objective(_boosters.Objective):
    """A loss as XGBoost's objective; see :func:`objective`."""

    __slots__ = ("_factor",)

    def __init__(self, loss: AnyLoss, hessian: str = "clamped", softmax_factor: float | None = None) -> None:
        super().__init__(loss, hessian)
        self._factor = _boosters.softmax_factor(softmax_factor, SOFTMAX_FACTOR)

    def __reduce__(self) -> Any:
        return type(self), (self._given, self._hessian, self._factor)

    def __call__(self, first: Any, second: Any, sample_weight: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """One round: called with (scores, DMatrix) by ``xgboost.train``, and with (labels, scores) by its scikit-learn models."""
        data = second if hasattr(second, "get_label") else None
        labels, scores, weight = (first, second, sample_weight) if data is None else (data.get_label(), first, data.get_weight())
        step = self._step(data, scores, labels, weight)
        grad, hessian = step.grad, step.hessian
        assert hessian is not None
        if self._given.OBJECTIVE == "softmax-ce" and self._factor != 1.0:
            hessian *= self._factor
        return grad, hessian


class Metric(_boosters.Metric):
    """A loss as XGBoost's metric; see :func:`metric`."""

    __slots__ = ()

    def __call__(self, first: Any, second: Any, sample_weight: ArrayLike | None = None) -> Any:
        """Called with (scores, DMatrix) by ``xgboost.train``, which wants name and value, and with (labels, scores) by its models."""
        if hasattr(second, "get_label"):
            return self.__name__, self._value(first, second.get_label(), second.get_weight())
        return self._value(second, first, sample_weight)


def objective(loss: AnyLoss, hessian: str = "clamped", *, softmax_factor: float | None = None) -> Objective:
    """The loss as an objective: for ``xgboost.train(…, obj=…)``, ``xgboost.cv``, and ``objective=`` of the scikit-learn models.

    Gradients are float32 as XGBoost's scores are, and nothing of the batch is copied but a class index a row. Weights of the data are
    multiplied in; ``scale_pos_weight`` is not, since it belongs to XGBoost's own objectives.

    Args:
        loss: a :class:`BceLoss` on scores (n,) or, with labels (n, k), (n, k); a :class:`SoftmaxLoss` on scores (n, C). Its reduction
            plays no part.
        hessian: ``"clamped"`` (the second derivative where it is positive, else 0), ``"gauss-newton"`` or ``"exact"``. A node whose
            second derivatives sum to less than ``min_child_weight`` is not split, and focal's are negative for hard samples.
        softmax_factor: what a :class:`SoftmaxLoss`'s second derivatives are multiplied by; 2 where left out, as XGBoost has it.

    Raises:
        ConfigError: where a setting is not right. In training, BatchError: where labels or shapes are not.
    """
    return Objective(loss, hessian, softmax_factor)


def metric(loss: AnyLoss, name: str = "loss") -> Metric:
    """The loss as a metric: for ``custom_metric=`` of ``xgboost.train`` and ``eval_metric=`` of the models; the lower the better.

    It takes raw scores, which XGBoost hands out where the objective is one of :func:`objective`'s, and not beside its own.
    """
    return Metric(loss, name)


def base_score(loss: AnyLoss, targets: ArrayLike, sample_weight: ArrayLike | None = None) -> float | list[float]:
    """:func:`start` as XGBoost's setting ``base_score`` has it: a probability, one a column, or for softmax a raw score a class.

    Without it a loss starts at the raw score 0, or ½ a class; several numbers need XGBoost 3.1.
    """
    scores = start(loss, targets, sample_weight)
    if loss.OBJECTIVE == "bce":
        scores = np.exp(-np.logaddexp(0.0, -scores))
    kept: float | list[float] = scores.tolist()
    return kept


def predict_proba(loss: AnyLoss, model: Any, x: Any, **settings: Any) -> NDArray[Any]:
    """Probabilities of a ``Booster`` or a scikit-learn model, whatever its ``objective`` was called.

    Args:
        loss: the loss that was trained.
        model: the model.
        x: a DMatrix, or what the model takes.
        settings: for the model's ``predict``, such as ``iteration_range=(0, booster.best_iteration + 1)`` after early stopping.

    Returns:
        (n, 2) for scores (n,); (n, k) or (n, C) else.
    """
    if hasattr(model, "inplace_predict") and not hasattr(x, "get_label"):
        return _boosters.probabilities(loss, model.inplace_predict(x, predict_type="margin", **settings))
    return _boosters.probabilities(loss, model.predict(x, output_margin=True, **settings))
