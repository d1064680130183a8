"""Held against what PyTorch itself checks with: gradcheck, opcheck, torch.compile."""

from __future__ import annotations

import copy

import pytest
import reweight_losses as rw
import torch
from reweight_losses.torch import memory
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

GENERATOR = torch.Generator().manual_seed(3)
LOGITS = 1.5 * torch.randn(6, 3, generator=GENERATOR, dtype=torch.float64)
HARD = torch.rand(6, 3, generator=GENERATOR) < 0.4
SOFT = torch.rand(6, 3, generator=GENERATOR, dtype=torch.float64)
CLASSES = torch.randint(0, 3, (6,), generator=GENERATOR)
FACTORS = torch.rand(6, 3, generator=GENERATOR, dtype=torch.float64)

#: Losses whose weights have their gradient, so that differences see all of it.
SMOOTH = [
    (rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(1.5), base=rw.Poly1(1.0)), HARD),
    (rw.BceLoss(rw.Focal(2.0), adjustment=rw.LogitAdjustment([[9, 1], [5, 5], [99, 1]])), HARD),
    (rw.BceLoss(rw.PosWeight(3.0), reduction="none"), SOFT),
    (rw.BceLoss(rw.QualityFocal(2.0), base=rw.GeneralizedCrossEntropy(0.7)), SOFT),
    (rw.SoftmaxLoss(rw.Focal(2.0), label_smoothing=0.1, reduction="sum"), CLASSES),
    (rw.SoftmaxLoss(rw.Focal(1.5), adjustment=rw.Ldam([90, 8, 2], scale=2.0), reduction="none"), CLASSES),
]


def leaf():
    return LOGITS.clone().requires_grad_()


@pytest.mark.parametrize("path", ["engine", "torch"])
@pytest.mark.parametrize("loss, targets", SMOOTH, ids=lambda each: repr(each) if isinstance(each, rw.Loss) else "")
def test_first_and_second_derivatives(loss, targets, path):
    module = rw.torch.from_loss(loss, path=path)
    assert gradcheck(lambda x: module(x, targets), leaf())
    assert gradgradcheck(lambda x: module(x, targets), leaf())


@pytest.mark.parametrize("path", ["engine", "torch"])
@pytest.mark.parametrize(
    "weighter", [rw.Focal(2.0), rw.Focal(1.5).detached(), rw.Focal(2.0) * rw.Ghm(5, 0.5), rw.SelfPaced(1.5, form="linear")], ids=repr
)
def test_the_second_derivative_is_the_engines(weighter, path):
    """What is constant in the gradient is constant in both: differences cannot see that, the exact Hessian has it."""
    for kind, targets in [(rw.BceLoss, HARD), (rw.SoftmaxLoss, CLASSES)]:
        loss = kind(weighter, reduction="weighted-mean")
        x = leaf()
        value = rw.torch.from_loss(loss, path=path)(x, targets)
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        step = loss.value_and_grad(LOGITS.numpy(), targets.numpy(), hessian="exact")
        torch.testing.assert_close(gradient.detach(), torch.from_numpy(step.grad))
        # Softmax: the diagonal, one entry after another.
        diagonal = torch.empty_like(LOGITS).reshape(-1)
        for at in range(x.numel()):
            (row,) = torch.autograd.grad(gradient.reshape(-1)[at], x, retain_graph=True)
            diagonal[at] = row.reshape(-1)[at]
        torch.testing.assert_close(diagonal.reshape(x.shape), torch.from_numpy(step.hessian), rtol=1e-7, atol=1e-12)


def test_upstream_factors_and_passes_that_are_kept():
    module = rw.torch.BceLoss(rw.Focal(2.0))
    x = leaf()
    value = module(x, HARD)
    (once,) = torch.autograd.grad(value, x, retain_graph=True)
    kept = once.clone()
    (twice,) = torch.autograd.grad(2.0 * value, x, retain_graph=True)
    torch.testing.assert_close(twice, 2.0 * kept, rtol=0, atol=0)
    # Given away by the last pass alone: what an earlier one gave stays as it is.
    once.zero_()
    value.backward()
    assert torch.equal(x.grad, kept)
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()


def test_gradients_add_up_over_batches():
    module = rw.torch.SoftmaxLoss(rw.Focal(2.0), reduction="sum")
    whole, parts = leaf(), leaf()
    (0.5 * module(whole, CLASSES)).backward()
    for at in (slice(0, 2), slice(2, 6)):
        (0.5 * module(parts[at], CLASSES[at])).backward()
    torch.testing.assert_close(parts.grad, whole.grad)


@pytest.mark.parametrize("loss, targets", SMOOTH, ids=lambda each: repr(each) if isinstance(each, rw.Loss) else "")
def test_the_operator_is_in_order(loss, targets):
    plan = rw.torch.from_loss(loss)._plan
    valid = torch.arange(targets.numel()).reshape(targets.shape) % 3 > 0
    factors = FACTORS if targets.dim() == 2 else FACTORS[:, 0].contiguous()
    for rest in [(None, None), (valid, factors)]:
        opcheck(torch.ops.reweight.loss.default, (leaf(), targets, *rest, None, plan.config))


@pytest.mark.parametrize("kind, targets", [(rw.torch.BceLoss, HARD), (rw.torch.SoftmaxLoss, CLASSES)])
def test_the_operators_of_what_observes_are_in_order(kind, targets):
    module = kind(rw.Ghm(10, 0.5) * rw.Focal(2.0))
    config = module._plan.config
    opcheck(torch.ops.reweight.count.default, (LOGITS, targets, None, config))
    counts = torch.ops.reweight.count(LOGITS, targets, None, config)
    for tables in (0, 32, 64):
        opcheck(torch.ops.reweight.observe.default, (module.observed, counts, config, tables, False))
    state, _ = torch.ops.reweight.observe(module.observed, counts, config, 0, False)
    opcheck(torch.ops.reweight.loss.default, (leaf(), targets, None, None, state, config))


COMPILED = [
    (rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(2.0)), SOFT),
    (rw.BceLoss(rw.Ghm(10, 0.5) * rw.Focal(2.0), reduction="none"), HARD),
    (rw.SoftmaxLoss(rw.Ghm(10, 0.5), label_smoothing=0.1, ignore_index=2), CLASSES),
]


@pytest.mark.parametrize("path", ["engine", "torch"])
@pytest.mark.parametrize("loss, targets", COMPILED, ids=lambda each: repr(each) if isinstance(each, rw.Loss) else "")
def test_compiled_in_one_graph_is_the_same(loss, targets, path):
    torch._dynamo.reset()
    eager = rw.torch.from_loss(loss, path=path)
    own = copy.deepcopy(eager)
    compiled = torch.compile(own, fullgraph=True)
    for training in (True, True, False):
        eager.train(training)
        own.train(training)
        pair = leaf(), leaf()
        values = eager(pair[0], targets), compiled(pair[1], targets)
        for value in values:
            value.sum().backward()
        torch.testing.assert_close(values[1], values[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(pair[1].grad, pair[0].grad, rtol=1e-12, atol=1e-15)
        if eager._plan.words:
            assert torch.equal(own.observed, eager.observed)


def test_the_engine_reads_no_copy_and_any_strides():
    module = rw.torch.SoftmaxLoss(rw.Focal(2.0))
    turned = LOGITS.t().contiguous().t().requires_grad_()
    straight = leaf()
    for x in (turned, straight):
        module(x, CLASSES).backward()
    assert turned.grad.stride() == turned.stride()
    torch.testing.assert_close(turned.grad, straight.grad, rtol=1e-14, atol=0)


def test_a_gradients_memory_is_taken_again_where_nobody_has_it(monkeypatch):
    monkeypatch.setattr(memory, "LEAST", 0)
    module, x = rw.torch.BceLoss(rw.Focal(2.0)), leaf()
    addresses = []
    for _ in range(3):
        x.grad = None
        module(x, HARD).backward()
        addresses.append(x.grad.data_ptr())
    assert len(set(addresses)) == 1
    kept, expected = x.grad.t()[1:].numpy(), x.grad.clone()
    x.grad = None
    (0.0 * module(x, HARD)).backward()
    # An array over a part of it is enough.
    assert x.grad.data_ptr() != addresses[0] and (kept == expected.t()[1:].numpy()).all()
    # Gradients of two passes that are under way at once, and of another shape.
    first, second = module(x, HARD), module(x, ~HARD)
    (one,), (other,) = torch.autograd.grad(first, x), torch.autograd.grad(second, x)
    torch.testing.assert_close(one, expected)
    assert one.data_ptr() != other.data_ptr()
    part = LOGITS[:4].t().requires_grad_()
    module(part, HARD[:4].t()).backward()
    torch.testing.assert_close(part.grad.t() * (12 / 18), expected[:4])
    assert copy.deepcopy(module)._memory._kept == []
