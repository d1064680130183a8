"""The engine and the formula under autograd: two functions for eager steps, and operators for what traces.

``reweight::count``, ``reweight::observe`` and ``reweight::loss`` change none of their arguments. Eager steps do without the
dispatcher, which costs as much as the engine takes for a small batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import peek_interpreter_stack
from torch.autograd import Function
from torch.nn import Parameter
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from . import engine, tensors
from .memory import Memory
from .plan import Plan, plan_of


def is_plain(logits: Tensor) -> bool:
    """Whether this is an eager step on an ordinary tensor, which nobody traces."""
    return (
        not torch.compiler.is_compiling()
        and (type(logits) is Tensor or type(logits) is Parameter)
        and not is_in_torch_dispatch_mode()
        and peek_interpreter_stack() is None
    )


def _over(upstream: Tensor, logits: Tensor) -> Tensor:
    """A factor a sample in a shape that broadcasts to the logits'."""
    return upstream.unsqueeze(1) if 0 < upstream.dim() < logits.dim() else upstream


def _differentiable(plan: Plan, saved: tuple[Tensor | None, ...], packed: Tensor, soft: bool, observed: Tensor | None) -> Tensor:
    """The gradient as an expression of the logits, to be differentiated again."""
    logits, targets, valid, sample_weight = saved[:4]
    assert logits is not None and targets is not None
    samples = plan.samples(packed, logits, targets, valid, soft)
    gradient = tensors.loss_and_grad(samples, observed, sample_weight, plan.smoothing, plan.reduction)[1]
    return gradient.to(logits.dtype)


def _of_engine(plan: Plan, saved: tuple[Tensor | None, ...]) -> Tensor:
    """The same for a batch that the engine has computed."""
    logits, targets, valid, _, state = saved
    assert logits is not None and targets is not None
    soft = plan.is_soft(targets, valid, None)
    observed = None
    if state is not None:
        values = torch.from_numpy(engine.engine_of(plan.config).tables(engine.array(state), soft))
        observed = values.to(tensors.computed_in(logits.dtype))
    return _differentiable(plan, saved, plan.packed(), soft, observed)


class EngineLoss(Function):
    """The engine's loss of CPU tensors; its gradient is computed along with it, and given away by the first backward pass."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, rest: tuple[Tensor | None, Tensor | None, Tensor | None], plan: Plan, memory: Memory
    ) -> Any:
        # Mask, factors and state come as one argument: autograd looks at each, and none of them has a gradient.
        gradient = memory.like(logits)
        loss, weights = engine.weigh(logits, targets, *rest, plan.config, plan.each, gradient)
        ctx.save_for_backward(logits, targets)
        ctx.gradient, ctx.rest, ctx.plan, ctx.weights = gradient, rest, plan, weights
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        gradient: Tensor | None = ctx.gradient
        if torch.is_grad_enabled():
            gradient = _of_engine(ctx.plan, (*ctx.saved_tensors, *ctx.rest))
            return _over(upstream, gradient) * gradient, None, None, None, None
        if gradient is None:
            # Says that the graph is used up.
            return ctx.saved_tensors[0], None, None, None, None
        upstream = _over(upstream, gradient)
        if torch._C._autograd._get_current_graph_task_keep_graph():
            return upstream * gradient, None, None, None, None
        # Nobody else has it: whoever takes it needs no copy.
        ctx.gradient = None
        one = upstream.dim() == 0 and upstream.item() == 1.0
        return gradient if one else gradient.mul_(upstream), None, None, None, None


class TensorLoss(Function):
    """The loss by torch's operations."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        valid: Tensor | None,
        sample_weight: Tensor | None,
        observed: Tensor | None,
        packed: Tensor,
        plan: Plan,
        soft: bool,
    ) -> tuple[Tensor, Tensor]:
        samples = plan.samples(packed, logits, targets, valid, soft)
        loss, gradient, weights = tensors.loss_and_grad(samples, observed, sample_weight, plan.smoothing, plan.reduction)
        ctx.save_for_backward(gradient.to(logits.dtype), logits, targets, valid, sample_weight, observed, packed)
        ctx.plan, ctx.soft = plan, soft
        ctx.mark_non_differentiable(weights)
        return loss, weights

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor | None) -> Any:
        gradient, *saved, observed, packed = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradient = _differentiable(ctx.plan, tuple(saved), packed, ctx.soft, observed)
        return _over(upstream, gradient).to(gradient.dtype) * gradient, None, None, None, None, None, None, None


LIBRARY = torch.library.Library("reweight", "DEF")
LIBRARY.define("count(Tensor logits, Tensor targets, Tensor? valid, str config) -> Tensor")
LIBRARY.define("observe(Tensor state, Tensor counts, str config, int tables, bool soft) -> (Tensor, Tensor)")
LIBRARY.define(
    "loss(Tensor logits, Tensor targets, Tensor? valid, Tensor? sample_weight, Tensor? state, str config) -> (Tensor, Tensor, Tensor)"
)


def _loss(
    logits: Tensor, targets: Tensor, valid: Tensor | None, sample_weight: Tensor | None, state: Tensor | None, config: str
) -> tuple[Tensor, Tensor, Tensor]:
    gradient = torch.empty_like(logits)
    each = plan_of(config).each
    loss, weights = engine.weigh(logits, targets, valid, sample_weight, state, config, each, gradient)
    return loss, gradient, torch.scalar_tensor(weights, dtype=torch.float64)


class _Operator(Function):
    """What autograd sees of ``reweight::loss``."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            loss, gradient, weights = torch.ops.reweight.loss.default(*arguments)
        ctx.save_for_backward(gradient, *arguments[:5])
        ctx.config = arguments[5]
        ctx.mark_non_differentiable(gradient, weights)
        return loss, gradient, weights

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, *_: Any) -> Any:
        gradient, *saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradient = _of_engine(plan_of(ctx.config), tuple(saved))
        return _over(upstream, gradient) * gradient, None, None, None, None, None


def _loss_fake(
    logits: Tensor, targets: Tensor, valid: Tensor | None, sample_weight: Tensor | None, state: Tensor | None, config: str
) -> tuple[Tensor, Tensor, Tensor]:
    each = plan_of(config).each
    loss = torch.empty_like(targets, dtype=logits.dtype) if each else logits.new_empty(())
    return loss, torch.empty_like(logits), logits.new_empty((), dtype=torch.float64)


def _count_fake(logits: Tensor, targets: Tensor, valid: Tensor | None, config: str) -> Tensor:
    plan = plan_of(config)
    classes = 0 if not plan.hard.wants_classes else 2 if plan.bce else logits.shape[1]
    return torch.empty(plan.counts + classes, dtype=torch.int64, device=logits.device)


def _observe_fake(state: Tensor, counts: Tensor, config: str, tables: int, soft: bool) -> tuple[Tensor, Tensor]:
    recorded = plan_of(config).recorded(soft)
    length = sum(recorded.sizes[3 : 3 + recorded.tables]) if tables else 0
    values = state.new_empty(length, dtype=torch.int32 if tables == 32 else torch.int64)
    return torch.empty_like(state), values


LIBRARY.impl("count", engine.count, "CPU")
LIBRARY.impl("observe", engine.observe, "CompositeExplicitAutograd")
LIBRARY.impl("loss", _loss, "CPU")
LIBRARY.impl("loss", _Operator.apply, "Autograd")
torch.library.register_fake("reweight::count", _count_fake, lib=LIBRARY)
torch.library.register_fake("reweight::observe", _observe_fake, lib=LIBRARY)
torch.library.register_fake("reweight::loss", _loss_fake, lib=LIBRARY)
