"""The recorded formula by torch's operations gives what the engine gives, step after step: every kind, reduction and mask."""

from __future__ import annotations

import itertools

import pytest
import reweight_losses as rw
import torch
from test_kinds import ANY, BASES, BCE_ADJUSTMENTS, BINARY, SOFTMAX, SOFTMAX_ADJUSTMENTS

GENERATOR = torch.Generator().manual_seed(11)


def random(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=GENERATOR, dtype=torch.float64).to(dtype)


def chance(*shape):
    return torch.rand(shape, generator=GENERATOR, dtype=torch.float64)


LOGITS = 2.5 * random(40, 3)
HARD = (chance(40, 3) < 0.3).long()
SOFT = torch.where(chance(40, 3) < 0.3, chance(40, 3), HARD.double())
CLASSES = torch.randint(0, 3, (40,), generator=GENERATOR)
REDUCTIONS = ["mean", "sum", "none", "weighted-mean", "positives", 7.0]


@rw.weighter(k=0.5)
def recorded(s, k):
    return rw.where_le(s.margin, 0.5, rw.exp(k * s.log_q), rw.minimum(s.p, 0.7)) + rw.detach(rw.sqrt(s.q))


@rw.weighter
def of_the_target(s):
    return s.by_target(0.5, 2.0) * rw.maximum(s.residual, 0.1)


def agree(loss, logits, targets, rtol=1e-11, atol=1e-13, **rest):
    """Three steps, of which the last is evaluation."""
    pair = [rw.torch.from_loss(loss, path=path) for path in ("engine", "torch")]
    for step in range(3):
        if step == 2:
            pair = [module.eval() for module in pair]
        found = []
        for module in pair:
            x = logits.clone().requires_grad_()
            value = module(x, targets, **rest)
            upstream = torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).reshape(value.shape)
            value.backward(upstream)
            found.append((value.detach(), x.grad))
        for engine, own in zip(*found):
            assert own.dtype == engine.dtype and own.shape == engine.shape
            largest = engine.abs().max().item() if engine.numel() else 0.0
            torch.testing.assert_close(own, engine, rtol=rtol, atol=atol * max(1.0, largest))
        if pair[0]._plan.words:
            assert torch.equal(pair[0].observed, pair[1].observed)


@pytest.mark.parametrize("targets", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("weighter", [*ANY, *BINARY, rw.HardExamples(0.4), recorded, of_the_target], ids=repr)
def test_weighters_of_bce(weighter, targets):
    agree(rw.BceLoss(weighter, reduction="mean"), LOGITS, targets)


@pytest.mark.parametrize("weighter", [*ANY, *SOFTMAX, rw.HardExamples(0.4), recorded], ids=repr)
def test_weighters_of_softmax(weighter):
    agree(rw.SoftmaxLoss(weighter, reduction="mean"), LOGITS, CLASSES)


@pytest.mark.parametrize("base", BASES, ids=repr)
def test_bases(base):
    agree(rw.BceLoss(rw.Focal(1.5), base=base), LOGITS, HARD)
    agree(rw.BceLoss(base=base), LOGITS, SOFT)
    agree(rw.SoftmaxLoss(rw.Focal(1.5), base=base), LOGITS, CLASSES)


@pytest.mark.parametrize("adjustment", [*BCE_ADJUSTMENTS, rw.ProbabilityShift(0.05)], ids=repr)
def test_adjustments_of_bce(adjustment):
    agree(rw.BceLoss(rw.Focal(2.0) * rw.Ghm(10, 0.5), adjustment=adjustment), LOGITS, HARD)


@pytest.mark.parametrize("adjustment", SOFTMAX_ADJUSTMENTS, ids=repr)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_adjustments_of_softmax(adjustment, smoothing):
    agree(rw.SoftmaxLoss(rw.Focal(2.0) * rw.Ghm(10, 0.5), adjustment=adjustment, label_smoothing=smoothing), LOGITS, CLASSES)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked, weighed", [*itertools.product([False, True], repeat=2)])
def test_reductions_masks_and_factors(reduction, masked, weighed):
    for kind, targets in [(rw.BceLoss, HARD), (rw.BceLoss, SOFT), (rw.SoftmaxLoss, CLASSES)]:
        loss = kind(rw.AlphaBalance(class_weights=[0.5, 2.0, 1.5][: 2 if kind is rw.BceLoss else 3]) * rw.Ghm(10, 0.5), reduction=reduction)
        rest = {}
        logits = LOGITS.clone()
        if masked:
            rest["valid"] = chance(*targets.shape) < 0.7
            # What counts nowhere may hold anything.
            logits[~rest["valid"]] = torch.nan
        if weighed:
            rest["sample_weight"] = chance(*targets.shape)
        agree(loss, logits, targets, **rest)


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4)])
def test_shapes_of_bce(shape):
    agree(rw.BceLoss(rw.Focal(2.0)), random(*shape), (chance(*shape) < 0.5).to(torch.uint8))


@pytest.mark.parametrize("axis", [1, -2])
def test_columns_on_any_axis(axis):
    adjustment = rw.LogitAdjustment([[9, 1], [5, 5], [99, 1]], axis=axis)
    agree(rw.BceLoss(rw.PosWeight([1.0, 2.0, 3.0], axis=axis), adjustment=adjustment), random(5, 3, 4), chance(5, 3, 4) < 0.5)


def test_pixels_and_ignored_rows():
    targets = torch.randint(0, 3, (4, 5, 6), generator=GENERATOR)
    targets[0] = -100
    for smoothing in (0.0, 0.1):
        loss = rw.SoftmaxLoss(rw.Focal(2.0) * rw.Ghm(5, 0.5), ignore_index=-100, label_smoothing=smoothing)
        agree(loss, random(4, 3, 5, 6), targets)


@pytest.mark.parametrize("reduction", ["mean", "weighted-mean", "positives"])
def test_nothing_valid(reduction):
    agree(rw.BceLoss(rw.Ghm(10, 0.5), reduction=reduction), LOGITS, HARD, valid=torch.tensor(False))
    agree(rw.SoftmaxLoss(rw.Ghm(10, 0.5), reduction=reduction), LOGITS[:0], CLASSES[:0])


def test_float32_and_what_is_far_out():
    logits = torch.cat([LOGITS, torch.tensor([[1e4, -1e4, 90.0], [-90.0, 0.0, 40.0]], dtype=torch.float64)]).float()
    hard = torch.cat([HARD, torch.tensor([[0, 1, 1], [1, 0, 0]])])
    classes = torch.cat([CLASSES, torch.tensor([1, 0])])
    for weighter in (rw.Focal(0.5), rw.AlphaBalance(0.75) * rw.Focal(2.0), rw.Ghm(10, 0.5)):
        agree(rw.BceLoss(weighter), logits, hard, rtol=2e-5, atol=1e-6)
    agree(rw.SoftmaxLoss(rw.Focal(2.0), label_smoothing=0.1), logits, classes, rtol=2e-5, atol=1e-6)


def test_float_labels_of_0_and_1_are_hard_where_they_are_looked_at():
    loss = rw.BceLoss(rw.Ghm(10, 0.5), adjustment=rw.Ldam([90, 10], scale=2.0))
    agree(loss, LOGITS, HARD.double())
    module = rw.torch.from_loss(loss, path="torch")
    with pytest.raises(rw.BatchError, match="`ldam` needs labels of 0 and 1"):
        module(LOGITS, SOFT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    for kind, targets in [(rw.torch.BceLoss, HARD), (rw.torch.SoftmaxLoss, CLASSES)]:
        half, whole = kind(rw.Focal(2.0) * rw.Ghm(10, 0.5)), kind(rw.Focal(2.0) * rw.Ghm(10, 0.5))
        x = LOGITS.to(dtype).requires_grad_()
        wide = x.detach().float().requires_grad_()
        value, expected = half(x, targets), whole(wide, targets)
        value.backward()
        expected.backward()
        assert value.dtype == torch.float32 and x.grad.dtype == dtype
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)
        torch.testing.assert_close(x.grad, wide.grad.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-7)


def test_which_way_can_be_asked_and_forced():
    module = rw.torch.BceLoss()
    assert module.path_of(LOGITS) == "engine"
    assert module.path_of(LOGITS.bfloat16()) == "torch"
    assert module.path_of(LOGITS.to("meta")) == "torch"
    module.path = "torch"
    assert module.path_of(LOGITS) == "torch"
    module.path = "engine"
    with pytest.raises(rw.DtypeError, match="bfloat16 on cpu"):
        module(LOGITS.bfloat16(), HARD)
    with pytest.raises(rw.ConfigError, match="`path`"):
        rw.torch.BceLoss(path="cuda")


def test_a_device_without_numbers_gives_shapes():
    x = LOGITS.to("meta").requires_grad_()
    value = rw.torch.SoftmaxLoss(rw.Focal(2.0))(x, CLASSES.to("meta"))
    value.backward()
    assert value.shape == () and x.grad.shape == x.shape
