"""What the modules for XGBoost, LightGBM and CatBoost have in common: a loss under a booster's rounds, its start, and its probabilities.

A booster asks for each sample's own gradient and second derivative at the scores so far, and adds them up itself. So the loss's
reduction plays no part in training; the metrics keep it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Union
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._native import BatchError, ConfigError
from .loss import BceLoss, Loss, SoftmaxLoss, Step

if TYPE_CHECKING:
    from typing_extensions import Self

AnyLoss = Union[BceLoss, SoftmaxLoss]


def reduced(loss: AnyLoss, reduction: Any) -> AnyLoss:
    """A copy of a loss with another reduction, and with what it has observed; None is its own, as one number."""
    if not isinstance(loss, (BceLoss, SoftmaxLoss)):
        raise TypeError(f"{loss!r} is no loss: give a BceLoss or a SoftmaxLoss")
    if reduction is None:
        reduction = "mean" if loss.reduction == "none" else loss.reduction
    other = Loss.from_config({**loss.to_config(), "reduction": reduction})
    other.restore(loss.state())
    return other


def labels_of(loss: AnyLoss, scores: NDArray[Any], labels: ArrayLike) -> NDArray[Any]:
    """Labels as the loss takes them for scores of that shape."""
    given = np.asarray(labels)
    if isinstance(loss, SoftmaxLoss):
        if scores.ndim != 2:
            raise BatchError(
                f"a SoftmaxLoss needs a score a class, and these are of shape {scores.shape}: set the number of classes "
                "(`num_class`; CatBoost's `classes_count`), or take a BceLoss for two classes"
            )
        return whole("label", given)
    if given.size != scores.size:
        raise BatchError(
            f"a BceLoss needs a label for each score: the scores are of shape {scores.shape}, the labels of shape {given.shape}; "
            "one class out of several is a SoftmaxLoss's"
        )
    return given.reshape(scores.shape)


def whole(name: str, numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers that are kept as floats, as the whole numbers that they stand for."""
    if numbers.dtype.kind != "f":
        return numbers
    with np.errstate(invalid="ignore"):
        rounded = numbers.astype(np.int64)
    wrong = np.flatnonzero(rounded != numbers)
    if wrong.size:
        raise BatchError(f"the {name} at index {wrong[0]} is {numbers.ravel()[wrong[0]]}, but must be a whole number")
    return rounded


def weights_of(scores: NDArray[Any], labels: NDArray[Any], weight: ArrayLike | None) -> NDArray[Any] | None:
    """A weight a row, as it is broadcast to the labels; boosters have none as an empty array."""
    if weight is None or np.size(weight) == 0:
        return None
    given = np.asarray(weight, scores.dtype)
    return given[:, None] if labels.ndim == 2 and given.ndim == 1 else given


class _Fit:
    """One fit's copy of the loss, and the scores that it began with."""

    __slots__ = ("loss", "first")

    def __init__(self, loss: AnyLoss, first: NDArray[Any]) -> None:
        self.loss, self.first = copy.deepcopy(loss), first.copy()


class Objective:
    """A loss as a booster's objective; make one by :func:`objective`.

    What a loss observes, as GHM's does, goes on from round to round. Each fit has a copy of the loss of its own, as it was when the
    objective was made: one a data set where the library hands that over, and a new one where the scores are again what the first
    round's were. A copy of an objective, pickled or cloned, has begun no fit.
    """

    __slots__ = ("_given", "_loss", "_hessian", "_fits", "_lone")

    def __init__(self, loss: AnyLoss, hessian: str = "clamped") -> None:
        self._given, self._loss, self._hessian = copy.deepcopy(loss), reduced(loss, "sum"), hessian
        self._fits: WeakKeyDictionary[Any, _Fit] = WeakKeyDictionary()
        self._lone: _Fit | None = None
        # A form that there is not is refused now, in the core's words.
        BceLoss().value_and_grad(np.zeros(0), np.zeros(0), hessian=hessian)

    def __reduce__(self) -> Any:
        return type(self), (self._given, self._hessian)

    def __repr__(self) -> str:
        return f"rw.{type(self).__module__.rpartition('.')[2]}.objective({self._given!r}, hessian={self._hessian!r})"

    def _loss_of(self, data: Any, scores: NDArray[Any]) -> AnyLoss:
        """The loss that this round trains."""
        if not self._loss.observes:
            return self._loss
        fit = self._lone if data is None else self._fits.get(data)
        if fit is None or np.array_equal(fit.first, scores):
            fit = _Fit(self._loss, scores)
            if data is None:
                self._lone = fit
            else:
                self._fits[data] = fit
        return fit.loss

    def _step(self, data: Any, scores: ArrayLike, labels: ArrayLike, weight: ArrayLike | None) -> Step:
        """One round: gradients and second derivatives in the scores' shape, type and memory order.

        Args:
            data: what tells one fit from another, or None.
            scores: raw scores, (n,), or (n, C) of classes or columns.
            labels: a label a row, or one a score.
            weight: a factor a row, or None.
        """
        at = np.asarray(scores)
        given = labels_of(self._loss, at, labels)
        return self._loss_of(data, at).value_and_grad(
            at, given, sample_weight=weights_of(at, given, weight), hessian=self._hessian
        )


class Metric:
    """A loss as a booster's metric, on raw scores, by the loss's own reduction; make one by :func:`metric`.

    It is what ``loss.value`` gives: a loss that observes does so on a copy, and sees each evaluation as the next batch after what it
    had observed when the metric was made. So it depends on nothing but the scores, and a copy of it is itself.
    """

    __slots__ = ("_loss", "__name__")

    def __init__(self, loss: AnyLoss, name: str = "loss") -> None:
        self._loss = reduced(loss, None)
        self.__name__ = name

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> Any:
        return type(self), (self._loss, self.__name__)

    def __repr__(self) -> str:
        return f"rw.{type(self).__module__.rpartition('.')[2]}.metric({self._loss!r}, {self.__name__!r})"

    def _value(self, scores: ArrayLike, labels: ArrayLike, weight: ArrayLike | None) -> float:
        at = np.asarray(scores)
        given = labels_of(self._loss, at, labels)
        return float(self._loss.value(at, given, sample_weight=weights_of(at, given, weight)))


def start(loss: AnyLoss, targets: ArrayLike, sample_weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """The raw scores to start from: those at which the loss sees the classes' shares.

    That is the logit of the share, or its logarithm for softmax, less what the loss's adjustments add. It is where a booster's own
    objective starts under plain cross entropy. What the weights make of it is left to the trees.

    Args:
        loss: the loss.
        targets: (n,), or (n, k) of a :class:`BceLoss` with k columns; in [0, 1], or classes from 0 on.
        sample_weight: (n,), a factor a row.

    Returns:
        float64: one number of shape (), or (k,), or (C,) where the last class is C − 1.

    Raises:
        BatchError: where a class has no sample, so that there is no score to start from.
    """
    given = np.asarray(targets)
    weight = np.ones(len(given)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weight.shape != given.shape[:1]:
        raise BatchError(f"`sample_weight` has shape {weight.shape}, but must have shape {given.shape[:1]}: a factor a row")
    if isinstance(loss, SoftmaxLoss):
        labels = whole("label", given)
        kept = labels != loss.to_config().get("ignore_index")
        if labels.ndim != 1 or (labels[kept] < 0).any():
            raise BatchError("a SoftmaxLoss starts from one class a row, counted from 0")
        sums = np.bincount(labels[kept], weight[kept])
        shares = sums / sums.sum()
        nothing, logits = np.flatnonzero(shares == 0), np.log(np.where(shares == 0, 1, shares))
        shape: tuple[int, ...] = (1, len(shares))
    else:
        if given.ndim not in (1, 2):
            raise BatchError(f"a BceLoss starts from targets of shape (n,) or (n, k), not {given.shape}")
        positive = np.asarray(weight @ given.astype(np.float64) / weight.sum())
        nothing = np.flatnonzero((positive <= 0) | (positive >= 1))
        inside = np.where((positive <= 0) | (positive >= 1), 0.5, positive)
        logits = np.log(inside) - np.log1p(-inside)
        shape = (1, *given.shape[1:])
    if nothing.size:
        which = f"class {nothing[0]}" if isinstance(loss, SoftmaxLoss) else f"one of the two classes (column {nothing[0]})"
        raise BatchError(f"{which} has no sample, so that there is no share to start from: start from 0")
    fit = loss.fit(shape)
    if fit.offset.size:
        logits = logits - fit.offset.reshape(logits.shape if fit.offset.size > 1 else ())
    if fit.scale.size:
        logits = logits / fit.scale.reshape(logits.shape if fit.scale.size > 1 else ())
    return np.asarray(logits, np.float64)


def spread(scores: ArrayLike, rows: int) -> NDArray[np.float64]:
    """The same scores for each of so many rows, as a booster takes its start: (rows,), or (rows, C), column after column in memory."""
    given = np.asarray(scores, np.float64)
    return np.full((rows, *given.shape), given, order="F")


def probabilities(loss: AnyLoss, scores: ArrayLike) -> NDArray[Any]:
    """Raw scores as probabilities: (n, 2) of scores (n,); a :class:`BceLoss`'s columns each by itself; a row's softmax."""
    given = np.asarray(scores)
    if isinstance(loss, SoftmaxLoss):
        if given.ndim != 2:
            raise BatchError(f"a SoftmaxLoss's scores are of shape (n, C), not {given.shape}")
        powers = np.exp(given - given.max(1, keepdims=True))
        shares: NDArray[Any] = powers / powers.sum(1, keepdims=True)
        return shares
    # Of −|x| alone, so that nothing overflows.
    small = np.exp(-np.abs(given))
    positive: NDArray[Any] = np.where(given >= 0, 1.0, small) / (1.0 + small)
    if given.ndim == 2:
        return positive
    return np.stack([np.where(given >= 0, small, 1.0) / (1.0 + small), positive], 1)


def softmax_factor(given: float | None, own: float) -> float:
    """What a row's second derivatives are multiplied by under softmax."""
    factor = own if given is None else float(given)
    if not (np.isfinite(factor) and factor > 0):
        raise ConfigError(f"`softmax_factor` is {factor:g}, but must be finite and above 0")
    return factor
