"""The losses over NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from .formula import Counted, Fit, Formula, Table, regions_of
from .parts import Adjustment, Base, Part, Product, Weighter, Weighters, changed, plain, to_json, weighters_of

Own = TypeVar("Own", bound="Loss")

#: A reduction's name, or the number that the sum is divided by.
Reduction = Union[str, float, Mapping[str, float]]


@dataclass(frozen=True)
class Step:
    """What a training step gives.

    Attributes:
        loss: the reduced loss in nats; with ``reduction="none"`` the array of each sample's.
        grad: dL/dx, in the logits' shape and type.
        valid: how many elements (BCE) or rows (softmax) counted.
        positives: how many of them are positive: target >= 1/2 (BCE), class above 0 (softmax).
        weight_sum: the sum of their weights, sample weights included.
        hessian: d²L/dx² (softmax: the diagonal) in the form asked for, or None.
        weights: each sample's weight where asked for, sample weight included; 0 where not valid.
        losses: each sample's weighted loss where asked for, before the reduction; 0 where not valid.
    """

    loss: Any
    grad: NDArray[Any]
    valid: int
    positives: int
    weight_sum: float
    hessian: NDArray[Any] | None = None
    weights: NDArray[Any] | None = None
    losses: NDArray[Any] | None = None


class Loss:
    """What both losses share; make a :class:`BceLoss` or a :class:`SoftmaxLoss`.

    One call of :meth:`value_and_grad` is one training step. :meth:`value` is for evaluation and changes nothing. Every array may
    have any strides; nothing is copied where the arrays lie in one order. The interpreter's lock is released while it computes.
    """

    OBJECTIVE: ClassVar[str]

    __slots__ = ("_native", "_weighters", "_adjustments", "_base", "_rest")
    _weighters: tuple[Weighter, ...]
    _adjustments: tuple[Adjustment, ...]
    _base: Base | None

    def _build(
        self,
        weighter: Weighters,
        adjustment: Adjustment | Iterable[Adjustment] | None,
        base: Base | None,
        rest: dict[str, Any],
    ) -> None:
        if isinstance(adjustment, Adjustment):
            adjustment = (adjustment,)
        adjustments = tuple(adjustment or ())
        for part in adjustments:
            if not isinstance(part, Adjustment):
                raise TypeError(f"{part!r} is no adjustment")
        if base is not None and not isinstance(base, Base):
            raise TypeError(f"{base!r} is no base")
        self._weighters, self._adjustments, self._base, self._rest = weighters_of(weighter), adjustments, base, rest
        self._native = _native.Loss(to_json(self.to_config()))

    # Making, keeping and showing one.

    def to_config(self) -> dict[str, Any]:
        """The config, as :func:`json.dumps` takes it and ``loss.toml`` holds it."""
        config = {"objective": self.OBJECTIVE, **self._rest}
        if self._adjustments:
            config["adjustment"] = [part.to_config() for part in self._adjustments]
        if self._base is not None:
            config["base"] = self._base.to_config()
        if self._weighters:
            config["weighter"] = [part.to_config() for part in self._weighters]
        return config

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> BceLoss | SoftmaxLoss:
        """The loss of a config: what :meth:`to_config` gave, or ``json.load`` of a config file."""
        rest = plain(dict(config))
        # Refused by the core's reader, with its words, before it is taken apart.
        _native.Loss(to_json(rest))
        kind: type[BceLoss | SoftmaxLoss] = BceLoss if rest.pop("objective") == "bce" else SoftmaxLoss
        loss = object.__new__(kind)
        weighters = [Weighter.from_config(entry) for entry in rest.pop("weighter", [])]
        adjustments = [Adjustment.from_config(entry) for entry in rest.pop("adjustment", [])]
        base = rest.pop("base", None)
        loss._build(weighters, adjustments, None if base is None else Base.from_config(base), rest)
        return loss

    def to_toml(self) -> str:
        """The config as the text of a ``loss.toml``, which the program reads too."""
        return _native.write_config(to_json(self.to_config()))

    def __reduce__(self) -> Any:
        return _rebuild, (self.to_config(), self._native.state())

    def __repr__(self) -> str:
        parts = [repr(Product(*self._weighters))] if self._weighters else []
        if self._adjustments:
            shown = [repr(part) for part in self._adjustments]
            parts.append(f"adjustment={shown[0] if len(shown) == 1 else '[' + ', '.join(shown) + ']'}")
        if self._base is not None:
            parts.append(f"base={self._base!r}")
        for name, value in self._rest.items():
            if (name, value) != ("reduction", "mean"):
                parts.append(f"{name}={value['divisor'] if isinstance(value, dict) else value!r}")
        return f"rw.{type(self).__name__}({', '.join(parts)})"

    @property
    def weighter(self) -> Product:
        """The weighters."""
        return Product(*self._weighters)

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """The adjustments, in order."""
        return self._adjustments

    @property
    def base(self) -> Base | None:
        """The base; None is cross entropy."""
        return self._base

    @property
    def reduction(self) -> Any:
        """The reduction: a name, or ``{"divisor": number}``."""
        return self._rest.get("reduction", "mean")

    # Parameters, to be scheduled.

    def _labelled(self) -> dict[str, Part]:
        """The parts with parameters by their names, numbered where two have one name."""
        own: list[Part] = [*self._weighters, *([] if self._base is None else [self._base])]
        names = [str(part.settings.get("name", part.kind)) for part in own]
        labels = [f"{name}[{names[:at].count(name)}]" if names.count(name) > 1 else name for at, name in enumerate(names)]
        return dict(zip(labels, own))

    @property
    def parameters(self) -> dict[str, float]:
        """Numbers that :meth:`set_parameters` can change: ``"focal.gamma"``, or ``"my_rule.k"`` of a traced rule."""
        return {f"{label}.{name}": value for label, part in self._labelled().items() for name, value in _numbers(part).items()}

    def set_parameters(self, values: Mapping[str, float] | None = None, /, **named: float) -> None:
        """Changes parameters by their names, of which the part's may be left out where that is not ambiguous; what was observed
        stays. A traced rule is not traced again, so that a schedule may do this every step.

        Raises:
            ConfigError: where there is no such parameter, or the value is outside its domain; the loss is as it was.
            StateError: where what was observed does not fit the new value, as GHM's under another momentum.
        """
        new: dict[str, dict[str, float]] = {}
        known = self.parameters
        for name, value in {**(values or {}), **named}.items():
            found = [name] if name in known else [each for each in known if each.rpartition(".")[2] == name]
            if len(found) != 1:
                told = f"ambiguous: {', '.join(found)}" if found else f"unknown; there are: {', '.join(known) or 'none'}"
                raise _native.ConfigError(f"the parameter `{name}` is {told}")
            label, _, setting = found[0].rpartition(".")
            new.setdefault(label, {})[setting] = float(value)
        changed_parts = [_with_numbers(part, new.get(label, {})) for label, part in self._labelled().items()]
        weighters = tuple(part for part in changed_parts if isinstance(part, Weighter))
        base = next((part for part in changed_parts if isinstance(part, Base)), None)
        before = self._weighters, self._base
        self._weighters, self._base = weighters, base
        try:
            self._native.reconfigure(to_json(self.to_config()))
        except _native.Error:
            self._weighters, self._base = before
            raise

    # What is observed.

    @property
    def observes(self) -> bool:
        """Whether a training step changes the loss, as it does under GHM."""
        return self._native.observes()

    def state(self) -> dict[str, Any] | str:
        """What was observed, to be saved with a checkpoint: numbers, texts and lists, as JSON and pickle take them."""
        state: dict[str, Any] | str = json.loads(self._native.state())
        return state

    def restore(self, state: Mapping[str, Any] | str) -> None:
        """Goes on from a saved state, to the bit.

        Raises:
            StateError: where it was saved by another loss, or under other settings; the loss is as it was.
        """
        self._native.restore(json.dumps(state))

    def reset(self) -> None:
        """Forgets what was observed."""
        self._native.reset()

    # Computing.

    def _inputs(
        self, logits: ArrayLike, targets: ArrayLike, valid: ArrayLike | None, sample_weight: ArrayLike | None, axis: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]:
        given = np.asarray(logits)
        labels = np.asarray(targets)
        if axis != 1:
            given = np.moveaxis(given, axis, 1)
        if valid is not None:
            valid = np.broadcast_to(np.asarray(valid), labels.shape)
        if sample_weight is not None:
            sample_weight = np.broadcast_to(np.asarray(sample_weight, given.dtype), labels.shape)
        return given, labels, valid, sample_weight

    def _value(
        self, logits: ArrayLike, targets: ArrayLike, valid: ArrayLike | None, sample_weight: ArrayLike | None, axis: int = 1
    ) -> Any:
        inputs = self._inputs(logits, targets, valid, sample_weight, axis)
        losses = np.empty(inputs[1].shape, inputs[0].dtype) if self.reduction == "none" else None
        loss, *_ = self._native.run("evaluate", *inputs, losses=losses)
        return loss if losses is None else losses

    def _step(
        self,
        mode: str,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None,
        sample_weight: ArrayLike | None,
        out: NDArray[Any] | None,
        hessian: str | None,
        weights: bool,
        losses: bool,
        axis: int = 1,
    ) -> Step:
        inputs = self._inputs(logits, targets, valid, sample_weight, axis)
        given, labels = inputs[:2]
        # In the order of the logits' memory, so that the engine walks both side by side.
        grad = np.empty_like(given, subok=False) if out is None else out if axis == 1 else np.moveaxis(out, axis, 1)
        curvature = None if hessian is None else np.empty_like(given, subok=False)
        each = self.reduction == "none"
        own_weights = np.empty_like(labels, given.dtype, subok=False) if weights else None
        own_losses = np.empty_like(labels, given.dtype, subok=False) if losses or each else None
        loss, count, positives, weight_sum = self._native.run(
            mode, *inputs, grad, curvature, hessian or "exact", own_weights, own_losses
        )
        if axis != 1:
            grad = np.moveaxis(grad, 1, axis)
            curvature = None if curvature is None else np.moveaxis(curvature, 1, axis)
        return Step(own_losses if each else loss, grad, count, positives, weight_sum, curvature, own_weights, own_losses if losses else None)

    def observe(self, counts: ArrayLike) -> None:
        """The second of the three steps: takes in the counts of one step, summed over all its parts.

        Args:
            counts: int64, the elementwise sum of what :meth:`statistics` gave for each part.

        Raises:
            BatchError: where they are not what this loss counts; the loss is as it was.
        """
        self._native.observe(np.asarray(counts))

    # The formula as data.

    def formula(self, wanted: str = "step", *, soft: bool = False) -> Formula:
        """The recorded formula; see :mod:`reweight_losses.formula`. It changes with the parameters, and not with what is observed."""
        data = self._native.formula(wanted, soft)
        return Formula(tuple(data["nodes"]), data["outputs"])

    def tables(self, *, soft: bool = False) -> list[Table]:
        """The tables that the formula's nodes read, as of what was observed last."""
        own = self._native.tables(soft)
        return [Table(entry["values"], regions_of(entry) if "bins" in entry else None) for entry in own]

    def counted(self, *, soft: bool = False) -> Counted:
        """What :meth:`statistics` counts."""
        data = self._native.counted(soft)
        return Counted(data["class_counts"], tuple(map(regions_of, data["histograms"])))

    def fit(self, shape: Iterable[int], *, soft: bool = False) -> Fit:
        """What the loss does to logits of that shape.

        Raises:
            BatchError: where a part does not fit the batch.
        """
        return Fit(**self._native.fit(list(shape), soft))


class BceLoss(Loss):
    """Binary cross entropy on logits, re-weighted: the sum of ``w * (softplus(x) - t * x)``, reduced.

    Args:
        weighter: a weighter, a product of several, a list, or None.
        adjustment: what is done to the logits first, one or a list.
        base: what is weighed; cross entropy where it is left out.
        reduction: ``"mean"``, ``"sum"``, ``"none"``, ``"weighted-mean"``, ``"positives"``, or a number to divide by.

    Raises:
        ConfigError: where a setting is not right.
    """

    OBJECTIVE = "bce"
    __slots__ = ()

    def __init__(
        self,
        weighter: Weighters = None,
        *,
        adjustment: Adjustment | Iterable[Adjustment] | None = None,
        base: Base | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        self._build(weighter, adjustment, base, {"reduction": _reduction(reduction)})

    def value(
        self, logits: ArrayLike, targets: ArrayLike, valid: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Any:
        """The loss for evaluation: what :meth:`value_and_grad` would give; the loss stays as it is.

        Args:
            logits: float32 or float64, any shape.
            targets: the same shape; bool, integers of 0 and 1, or floats in [0, 1].
            valid: bool, broadcast to the shape; elements that are False count nowhere and may hold anything.
            sample_weight: factors, finite and at least 0, broadcast to the shape.

        Returns:
            The reduced loss in nats; with ``reduction="none"`` the array of each element's.

        Raises:
            BatchError: where the batch is not in order; the text names the index and the value.
            DtypeError: where an array's type is not taken.
        """
        return self._value(logits, targets, valid, sample_weight)

    def value_and_grad(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        out: NDArray[Any] | None = None,
        hessian: str | None = None,
        weights: bool = False,
        losses: bool = False,
    ) -> Step:
        """One training step: counts, lets the weighter observe, weighs.

        Args:
            logits, targets, valid, sample_weight: as for :meth:`value`.
            out: where the gradient goes, of the logits' shape and type: memory that is kept from step to step saves the system's
                time to find it. A new array where it is left out.
            hessian: ``"exact"``, ``"clamped"`` (at least 0) or ``"gauss-newton"``.
            weights, losses: whether each element's are wanted.

        Raises:
            BatchError, DtypeError: as for :meth:`value`; the loss is then as it was, and ``out`` as it was or all 0.
        """
        return self._step("train", logits, targets, valid, sample_weight, out, hessian, weights, losses)

    def statistics(
        self, logits: ArrayLike, targets: ArrayLike, valid: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """The first of the three steps: the counts that the weighter asks for, int64, to be summed over parts, devices or ranks."""
        return self._native.statistics(*self._inputs(logits, targets, valid, sample_weight, 1))

    def weigh(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        out: NDArray[Any] | None = None,
        hessian: str | None = None,
        weights: bool = False,
        losses: bool = False,
    ) -> Step:
        """The third of the three steps: as :meth:`value_and_grad`, with what was observed before; counts nothing."""
        return self._step("weigh", logits, targets, valid, sample_weight, out, hessian, weights, losses)


class SoftmaxLoss(Loss):
    """Softmax cross entropy on rows of C logits and one class index a row, re-weighted and reduced.

    Args:
        weighter, adjustment, base, reduction: as for :class:`BceLoss`.
        ignore_index: the label of rows that count nowhere.
        label_smoothing: ε in [0, 1]; the weight still sees the true class.
    """

    OBJECTIVE = "softmax-ce"
    __slots__ = ()

    def __init__(
        self,
        weighter: Weighters = None,
        *,
        adjustment: Adjustment | Iterable[Adjustment] | None = None,
        base: Base | None = None,
        reduction: Reduction = "mean",
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        rest: dict[str, Any] = {"reduction": _reduction(reduction)}
        if ignore_index is not None:
            rest["ignore_index"] = int(ignore_index)
        if label_smoothing != 0.0:
            rest["label_smoothing"] = float(label_smoothing)
        self._build(weighter, adjustment, base, rest)

    def value(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        axis: int = 1,
    ) -> Any:
        """The loss for evaluation: what :meth:`value_and_grad` would give; the loss stays as it is.

        Args:
            logits: float32 or float64, (N, C) or (N, C, d…).
            targets: integers from 0 to C − 1, (N,) or (N, d…).
            valid: bool, broadcast to the targets' shape; rows that are False count nowhere and may hold anything.
            sample_weight: factors, finite and at least 0, broadcast to the targets' shape.
            axis: the axis of the classes: −1 for logits (N, d…, C).

        Returns:
            The reduced loss in nats; with ``reduction="none"`` the array of each row's.

        Raises:
            BatchError: where the batch is not in order; the text names the index and the value.
            DtypeError: where an array's type is not taken.
        """
        return self._value(logits, targets, valid, sample_weight, axis)

    def value_and_grad(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        axis: int = 1,
        out: NDArray[Any] | None = None,
        hessian: str | None = None,
        weights: bool = False,
        losses: bool = False,
    ) -> Step:
        """One training step: counts, lets the weighter observe, weighs. See :meth:`BceLoss.value_and_grad` and :meth:`value`."""
        return self._step("train", logits, targets, valid, sample_weight, out, hessian, weights, losses, axis)

    def statistics(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        axis: int = 1,
    ) -> NDArray[np.int64]:
        """The first of the three steps: the counts that the weighter asks for, int64, to be summed over parts, devices or ranks."""
        return self._native.statistics(*self._inputs(logits, targets, valid, sample_weight, axis))

    def weigh(
        self,
        logits: ArrayLike,
        targets: ArrayLike,
        valid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        axis: int = 1,
        out: NDArray[Any] | None = None,
        hessian: str | None = None,
        weights: bool = False,
        losses: bool = False,
    ) -> Step:
        """The third of the three steps: as :meth:`value_and_grad`, with what was observed before; counts nothing."""
        return self._step("weigh", logits, targets, valid, sample_weight, out, hessian, weights, losses, axis)


def from_toml(text: str) -> BceLoss | SoftmaxLoss:
    """The loss of a ``loss.toml``'s text.

    Raises:
        ConfigError: where it is not right; the text gives line and column.
    """
    return Loss.from_config(json.loads(_native.read_config(text)))


def load(path: str | PathLike[str]) -> BceLoss | SoftmaxLoss:
    """The loss of a ``loss.toml``: the program's file, and the same numbers.

    Raises:
        ConfigError: where it is not right; the text gives file, line and column.
        OSError: where it cannot be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        return from_toml(text)
    except _native.ConfigError as error:
        raise _native.ConfigError(f"{path}: {error}") from None


def _rebuild(config: Mapping[str, Any], state: str) -> BceLoss | SoftmaxLoss:
    loss = Loss.from_config(config)
    loss._native.restore(state)
    return loss


def _reduction(given: Reduction) -> Any:
    if isinstance(given, (str, Mapping)):
        return given
    return {"divisor": float(given)}


def _numbers(part: Part) -> dict[str, float]:
    """A part's parameters: a recorded one's own, a built-in one's settings that are numbers."""
    settings = part.settings
    own = settings.get("parameters", {}) if part.kind == "recorded" else settings
    return {name: value for name, value in own.items() if isinstance(value, (int, float)) and not isinstance(value, bool)}


def _with_numbers(part: Part, new: Mapping[str, float]) -> Part:
    if not new:
        return part
    settings = part.to_config()
    if part.kind == "recorded":
        settings["parameters"] = changed(part, settings.get("parameters", {}), new)
    else:
        whole = {name: int(value) if isinstance(settings[name], int) and value == int(value) else value for name, value in new.items()}
        settings.update(whole)
    return type(part).from_config(settings)
