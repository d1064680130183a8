"""The losses as modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .. import _native
from ..loss import BceLoss as PlainBce
from ..loss import Loss as PlainLoss
from ..loss import Reduction
from ..loss import SoftmaxLoss as PlainSoftmax
from ..parts import Adjustment, Base, Weighters, to_json
from . import engine, ops, tensors
from .memory import Memory
from .plan import Plan, plan_of
from .ranks import Ranks

_FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
_HALVES = _FLOATS[2:]


class Loss(nn.Module):
    """What both losses share; make a :class:`BceLoss` or a :class:`SoftmaxLoss`.

    A forward pass in training mode is one step: it counts, lets the weighter observe, and weighs. In evaluation mode it gives the
    same loss and leaves the module as it is. What was observed is the buffer ``observed``, where the weighter observes.

    Attributes:
        path: ``"engine"`` or ``"torch"`` where one was asked for, else None; :meth:`path_of` says what that means for a tensor.
    """

    observed: Tensor
    constants: Tensor

    def _set(
        self, loss: PlainLoss, path: Literal["engine", "torch"] | None, soft_targets: bool | None, process_group: Any, denominator: str
    ) -> None:
        nn.Module.__init__(self)
        if path not in (None, "engine", "torch"):
            raise _native.ConfigError(f'`path` is {path!r}, but must be "engine", "torch" or None')
        self.path: Literal["engine", "torch"] | None = path
        self._soft_targets = soft_targets
        self._parts = loss
        self._memory = Memory()
        self._plan = plan_of(to_json(loss.to_config()))
        self._ranks = Ranks.of(process_group, denominator, self._plan.reduction)
        if self._plan.words:
            self.register_buffer("observed", torch.from_numpy(self._layout.initial.copy()))
        self.register_buffer("constants", self._plan.packed(), persistent=False)

    @property
    def _layout(self) -> Any:
        return engine.engine_of(self._plan.config).layout

    def __repr__(self) -> str:
        return repr(self._parts).replace("rw.", "rw.torch.", 1)

    def to_numpy(self) -> PlainLoss:
        """The loss over NumPy arrays, with what this one has observed."""
        loss: PlainLoss = PlainLoss.from_config(self._parts.to_config())
        if self._plan.words:
            loss._native.restore(self._layout.decode(self.observed.cpu().numpy()))
        return loss

    def set_parameters(self, values: Mapping[str, float] | None = None, /, **named: float) -> None:
        """Changes parameters by their names, as :meth:`reweight_losses.BceLoss.set_parameters` does; what was observed stays. A
        compiled model is compiled again.

        Raises:
            ConfigError: where there is no such parameter, or the value is outside its domain; the module is as it was.
            StateError: where what was observed does not fit the new value, as GHM's under another momentum.
        """
        self._parts.set_parameters(values, **named)
        self._plan = plan_of(to_json(self._parts.to_config()))
        self.constants = self._plan.packed().to(self.constants.device)

    def reset(self) -> None:
        """Forgets what was observed."""
        if self._plan.words:
            self.observed.copy_(torch.from_numpy(self._layout.initial))

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing: Any, unexpected: Any, errors: list[str]
    ) -> None:
        saved = state_dict.get(f"{prefix}observed")
        if saved is not None and saved.device.type != "meta":
            try:
                self._layout.check(saved.cpu().numpy())
            except _native.StateError as error:
                errors.append(f"{prefix}observed: {error}")
                return
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)

    # Which way.

    def path_of(self, logits: Tensor) -> Literal["engine", "torch"]:
        """Which way logits are computed: ``"engine"``, for float32 and float64 on the CPU, or ``"torch"``, by torch's operations.

        Raises:
            DtypeError: where the engine was asked for and does not take them.
        """
        taken = logits.is_cpu and logits.dtype in engine.DTYPES
        if self.path == "engine" and not taken:
            raise _native.DtypeError(
                f"the engine takes float32 and float64 on the CPU, and these logits are {_name(logits.dtype)} on {logits.device}: "
                'leave `path` out, or say path="torch"'
            )
        return self.path or ("engine" if taken else "torch")

    # One pass.

    def _run(self, logits: Tensor, targets: Tensor, valid: Tensor | None, sample_weight: Tensor | None) -> Tensor:
        plan = self._plan
        by_engine = self.path_of(logits) == "engine"
        ranks = self._ranks if self.training else None
        if by_engine and ranks is None and not plan.observes:
            return self._weigh(plan, logits, targets, valid, sample_weight, None)[0]
        soft = False
        if not by_engine:
            soft = plan.is_soft(targets, valid, self._soft_targets)
            if ops.is_plain(logits):
                plan.check(tuple(logits.shape), soft)
        divides = plan if ranks is None else ranks.plan(plan)
        counts, state, observed = None, None, None
        if plan.observes or (ranks is not None and ranks.needs_counts(plan)):
            counts = self._count(logits, targets, valid, soft, by_engine)
            if ranks is not None:
                counts = ranks.sum(counts)
        if plan.observes:
            assert counts is not None
            wide = 64 if logits.dtype == torch.float64 else 32
            observe = engine.observe if ops.is_plain(logits) else torch.ops.reweight.observe
            state, bits = observe(self.observed, counts, plan.config, 0 if by_engine else wide, soft)
            observed = None if by_engine else bits.view(tensors.computed_in(logits.dtype))
        if by_engine:
            loss, weights = self._weigh(divides, logits, targets, valid, sample_weight, state)
        else:
            loss, weights = ops.TensorLoss.apply(logits, targets, valid, sample_weight, observed, self.constants, divides, soft)
        if ranks is not None:
            loss = ranks.divided(loss, plan, counts, weights)
        if state is not None and self.training:
            # Last: a step that fails leaves the module as it was.
            self.observed.copy_(state)
        return loss

    def _count(self, logits: Tensor, targets: Tensor, valid: Tensor | None, soft: bool, by_engine: bool) -> Tensor:
        plan = self._plan
        if not by_engine:
            with torch.no_grad():
                return plan.samples(self.constants, logits, targets, valid, soft).counts()
        count = engine.count if ops.is_plain(logits) else torch.ops.reweight.count
        return count(logits, targets, valid, plan.config)

    def _weigh(
        self, plan: Plan, logits: Tensor, targets: Tensor, valid: Tensor | None, sample_weight: Tensor | None, state: Tensor | None
    ) -> tuple[Tensor, Any]:
        if not ops.is_plain(logits):
            loss, _, weights = torch.ops.reweight.loss(logits, targets, valid, sample_weight, state, plan.config)
            return loss, weights
        if logits.requires_grad and torch.is_grad_enabled():
            loss = ops.EngineLoss.apply(logits, targets, (valid, sample_weight, state), plan, self._memory)
            return loss, None if self._ranks is None else loss.grad_fn.weights
        return engine.weigh(logits, targets, valid, sample_weight, state, plan.config, plan.each, None)

    # What both objectives check.

    def _check(
        self, logits: Tensor, targets: Tensor, shape: torch.Size, valid: Tensor | None, sample_weight: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Mask and factors in the targets' shape."""
        if logits.dtype not in _FLOATS:
            raise _native.DtypeError(f"logits are {_name(logits.dtype)}, but must be float16, bfloat16, float32 or float64")
        if targets.shape != shape:
            raise _native.BatchError(
                f"targets have the shape {tuple(targets.shape)}, but logits of {tuple(logits.shape)} need {tuple(shape)}"
            )
        _goes_along("targets", targets, logits)
        if valid is not None:
            _goes_along("valid", valid, logits)
            if valid.dtype != torch.bool:
                raise _native.DtypeError(f"`valid` is {_name(valid.dtype)}, but must be bool")
            valid = valid.expand(shape)
        if sample_weight is not None:
            _goes_along("sample_weight", sample_weight, logits)
            sample_weight = sample_weight.to(logits.dtype).expand(shape)
        return valid, sample_weight


def _goes_along(name: str, given: Tensor, logits: Tensor) -> None:
    """Refuses what lies elsewhere than the logits, or asks for a gradient."""
    if given.device != logits.device:
        raise _native.BatchError(f"logits are on {logits.device}, but `{name}` on {given.device}")
    if given.requires_grad:
        raise _native.BatchError(f"`{name}` asks for a gradient, and the loss gives none but the logits': detach it")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class BceLoss(Loss):
    """Binary cross entropy on logits, re-weighted, as a module in place of ``nn.BCEWithLogitsLoss``.

    Args:
        weighter, adjustment, base, reduction: as for :class:`reweight_losses.BceLoss`.
        path: ``"engine"`` or ``"torch"``, to force one way; None picks by the logits.
        soft_targets: whether float targets may lie between 0 and 1. Where it is left out, targets on the CPU are looked at; those
            elsewhere are not, for it would wait for the device, and float targets are then taken as soft, which gives the same
            loss up to rounding.
        process_group: ranks that take their steps together: a group, or ``torch.distributed.group.WORLD``.
        denominator: ``"local"`` or ``"global"``: what ``mean``, ``weighted-mean`` and ``positives`` divide by under a group.

    Raises:
        ConfigError: where a setting is not right.
    """

    def __init__(
        self,
        weighter: Weighters = None,
        *,
        adjustment: Adjustment | Iterable[Adjustment] | None = None,
        base: Base | None = None,
        reduction: Reduction = "mean",
        path: Literal["engine", "torch"] | None = None,
        soft_targets: bool | None = None,
        process_group: Any = None,
        denominator: str = "local",
    ) -> None:
        loss = PlainBce(weighter, adjustment=adjustment, base=base, reduction=reduction)
        self._set(loss, path, soft_targets, process_group, denominator)

    def forward(self, input: Tensor, target: Tensor, valid: Tensor | None = None, sample_weight: Tensor | None = None) -> Tensor:
        """The reduced loss in nats, or with ``reduction="none"`` each element's.

        Args:
            input: logits of any shape.
            target: the same shape; bool, integers of 0 and 1, or floats in [0, 1].
            valid: bool, broadcast to the shape; elements that are False count nowhere and may hold anything.
            sample_weight: factors, finite and at least 0, broadcast to the shape.

        Raises:
            BatchError: where shapes or devices do not go together; by the engine also where a value is not in order.
            DtypeError: where a type is not taken.
        """
        if target.dtype in _HALVES:
            target = target.to(tensors.computed_in(target.dtype))
        valid, sample_weight = self._check(input, target, input.shape, valid, sample_weight)
        return self._run(input, target, valid, sample_weight)


class SoftmaxLoss(Loss):
    """Softmax cross entropy, re-weighted, as a module in place of ``nn.CrossEntropyLoss``.

    Args:
        weighter, adjustment, base, reduction: as for :class:`reweight_losses.SoftmaxLoss`.
        ignore_index: the label of rows that count nowhere.
        label_smoothing: ε in [0, 1]; the weight still sees the true class.
        path, process_group, denominator: as for :class:`BceLoss`.

    Raises:
        ConfigError: where a setting is not right.
    """

    def __init__(
        self,
        weighter: Weighters = None,
        *,
        adjustment: Adjustment | Iterable[Adjustment] | None = None,
        base: Base | None = None,
        reduction: Reduction = "mean",
        ignore_index: int | None = -100,
        label_smoothing: float = 0.0,
        path: Literal["engine", "torch"] | None = None,
        process_group: Any = None,
        denominator: str = "local",
    ) -> None:
        loss = PlainSoftmax(
            weighter,
            adjustment=adjustment,
            base=base,
            reduction=reduction,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
        )
        self._set(loss, path, None, process_group, denominator)

    def forward(self, input: Tensor, target: Tensor, valid: Tensor | None = None, sample_weight: Tensor | None = None) -> Tensor:
        """The reduced loss in nats, or with ``reduction="none"`` each row's.

        Args:
            input: logits (C,), (N, C) or (N, C, d…).
            target: integers from 0 to C − 1, (), (N,) or (N, d…).
            valid: bool, broadcast to the targets' shape; rows that are False count nowhere and may hold anything.
            sample_weight: factors, finite and at least 0, broadcast to the targets' shape.

        Raises:
            BatchError: where shapes or devices do not go together; by the engine also where a value is not in order.
            DtypeError: where a type is not taken, class probabilities as targets among them.
        """
        if target.is_floating_point():
            raise _native.DtypeError(
                f"targets are {_name(target.dtype)}, which would be class probabilities: this loss takes class indices, integers, "
                "for its weights hang on one true class; `label_smoothing` is an argument"
            )
        if target.dtype == torch.bool:
            target = target.to(torch.uint8)
        if input.dim() == 0:
            raise _native.BatchError("logits have no class axis: give (C,), (N, C) or (N, C, d…)")
        single = input.dim() == 1
        shape = input.shape[:0] if single else input.shape[:1] + input.shape[2:]
        valid, sample_weight = self._check(input, target, shape, valid, sample_weight)
        if not single:
            return self._run(input, target, valid, sample_weight)
        valid, sample_weight = (None if each is None else each.unsqueeze(0) for each in (valid, sample_weight))
        loss = self._run(input.unsqueeze(0), target.unsqueeze(0), valid, sample_weight)
        return loss.squeeze(0) if self._plan.each else loss




def from_loss(
    loss: PlainLoss,
    *,
    path: Literal["engine", "torch"] | None = None,
    soft_targets: bool | None = None,
    process_group: Any = None,
    denominator: str = "local",
) -> BceLoss | SoftmaxLoss:
    """The module of a loss over NumPy arrays, such as :func:`reweight_losses.load` gives, with what it has observed."""
    own = PlainLoss.from_config(loss.to_config())
    kind: type[BceLoss | SoftmaxLoss] = BceLoss if isinstance(own, PlainBce) else SoftmaxLoss
    module = kind.__new__(kind)
    module._set(own, path, soft_targets, process_group, denominator)
    if module._plan.words:
        module.observed.copy_(torch.from_numpy(module._layout.encode(loss._native)))
    return module
