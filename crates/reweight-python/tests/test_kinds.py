"""Every built-in kind against plain NumPy: weights, losses, and the gradient by differences."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reweight_losses as rw
from reweight_losses import _native

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(0, 2.5, (40, 3))
HARD = (RNG.random((40, 3)) < 0.3).astype(np.int64)
SOFT = np.where(RNG.random((40, 3)) < 0.3, RNG.random((40, 3)), HARD)
CLASSES = RNG.integers(0, 3, 40)

ANY = [
    rw.AlphaBalance(0.25),
    rw.Focal(2.0),
    rw.Focal(1.5),
    rw.Focal(gamma_pos=0.5, gamma_neg=3.0),
    rw.Ghm(bins=10, momentum=0.75),
    rw.Ghm(bins=7, momentum=0.0),
    rw.SelfPaced(0.7),
    rw.SelfPaced(1.5, form="linear"),
    rw.Focal(1.0, scale=3.0, clamp=(0.1, 2.0)),
]
BINARY = [
    rw.AlphaBalance(class_weights=[0.5, 2.0]),
    rw.AlphaBalance(counts=[900, 100]),
    rw.AlphaBalance(counts=[[900, 100], [50, 50], [990, 10]]),
    rw.AlphaBalance(counts=[900, 100], scheme="inverse-sqrt"),
    rw.PosWeight(19.0),
    rw.PosWeight([19.0, 4.0, 0.5]),
    rw.QualityFocal(2.0),
    rw.Varifocal(0.75, 2.0),
]
SOFTMAX = [
    rw.AlphaBalance(class_weights=[0.5, 2.0, 1.25]),
    rw.AlphaBalance(counts=[900, 80, 20], scheme="effective-number", beta=0.99),
    rw.Focal(gammas=[0.0, 1.0, 2.5]),
]
BASES = [rw.CrossEntropy(), rw.Poly1(1.0), rw.GeneralizedCrossEntropy(0.7)]
BCE_ADJUSTMENTS = [
    rw.LogitAdjustment([950, 50]),
    rw.LogitAdjustment(counts=[[950, 50], [60, 40], [9, 1]], tau=0.5),
    rw.Ldam([950, 50], scale=2.0),
    rw.VectorScaling(2.0, 0.5),
]
SOFTMAX_ADJUSTMENTS = [
    rw.LogitAdjustment([900, 80, 20]),
    rw.Ldam([900, 80, 20], max_margin=0.3, scale=2.0),
    rw.VectorScaling(scale=[1.0, 2.0, 0.5], offset=[0.0, 1.0, -1.0]),
]
#: Weights that no gradient flows through.
CONSTANT = ("ghm", "self-paced", "hard-examples")


def agree(loss, logits, targets, constant=False):
    config = loss.to_config()
    weights, losses = reference.losses(config, logits, targets)
    step = loss.value_and_grad(logits, targets, weights=True, losses=True)
    np.testing.assert_allclose(step.weights, weights, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(step.losses, losses, rtol=1e-10, atol=1e-13)
    assert step.loss == pytest.approx(losses.sum(), rel=1e-11)
    assert step.weight_sum == pytest.approx(weights.sum(), rel=1e-11)
    expected = reference.gradient(config, logits, targets, constant)
    np.testing.assert_allclose(step.grad, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    if not constant:
        narrow = rw.Loss.from_config(config).value(logits.astype(np.float32), targets)
        assert narrow == pytest.approx(losses.sum(), rel=2e-6)


@pytest.mark.parametrize("targets", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("weighter", ANY + BINARY, ids=repr)
def test_weighters_of_bce(weighter, targets):
    agree(rw.BceLoss(weighter, reduction="sum"), LOGITS, targets, weighter.kind in CONSTANT)


@pytest.mark.parametrize("weighter", ANY + SOFTMAX, ids=repr)
def test_weighters_of_softmax(weighter):
    agree(rw.SoftmaxLoss(weighter, reduction="sum"), LOGITS, CLASSES, weighter.kind in CONSTANT)


@pytest.mark.parametrize("base", BASES, ids=repr)
def test_bases(base):
    agree(rw.BceLoss(rw.Focal(1.5), base=base, reduction="sum"), LOGITS, HARD)
    agree(rw.BceLoss(base=base, reduction="sum"), LOGITS, SOFT)
    agree(rw.SoftmaxLoss(rw.Focal(1.5), base=base, reduction="sum"), LOGITS, CLASSES)


@pytest.mark.parametrize("adjustment", BCE_ADJUSTMENTS, ids=repr)
def test_adjustments_of_bce(adjustment):
    agree(rw.BceLoss(rw.Focal(2.0), adjustment=adjustment, reduction="sum"), LOGITS, HARD)


@pytest.mark.parametrize("adjustment", SOFTMAX_ADJUSTMENTS, ids=repr)
def test_adjustments_of_softmax(adjustment):
    agree(rw.SoftmaxLoss(rw.Focal(2.0), adjustment=adjustment, reduction="sum"), LOGITS, CLASSES)


def test_the_asymmetric_loss_is_the_papers():
    margin, negative, positive = 0.05, 4.0, 1.0
    loss = rw.BceLoss(
        rw.Focal(gamma_pos=positive, gamma_neg=negative), adjustment=rw.ProbabilityShift(margin), reduction="none"
    )
    p = reference.sigmoid(LOGITS)
    shifted = np.maximum(p - margin, 0.0)
    expected = np.where(HARD == 1, -((1 - p) ** positive) * np.log(p), -(shifted**negative) * np.log1p(-shifted))
    np.testing.assert_allclose(loss.value(LOGITS, HARD), expected, rtol=1e-9, atol=1e-15)


def test_the_hardest_share_weighs():
    loss = rw.SoftmaxLoss(rw.HardExamples(0.25), reduction="weighted-mean")
    step = loss.value_and_grad(LOGITS, CLASSES, weights=True)
    losses = np.sort(reference.Rows(LOGITS, CLASSES).cross_entropy)[::-1]
    assert step.weight_sum == pytest.approx(10.0)
    assert step.loss == pytest.approx(losses[:10].mean(), rel=5e-3)


def test_a_product_multiplies():
    product = rw.AlphaBalance(0.75) * rw.Focal(2.0) * rw.Ghm(10, 0.75)
    agree(rw.BceLoss(product, reduction="sum"), LOGITS, HARD)
    assert len(product) == 3


def test_detached_weights_are_constants():
    loss = rw.BceLoss(rw.Focal(2.0).detached(), reduction="sum")
    config = loss.to_config()
    expected = reference.gradient(config, LOGITS, HARD, constant=True)
    np.testing.assert_allclose(loss.value_and_grad(LOGITS, HARD).grad, expected, rtol=1e-6, atol=1e-9)


def test_every_kind_has_its_class_and_its_test():
    tested = {part.kind for part in ANY + BINARY + SOFTMAX + BASES + BCE_ADJUSTMENTS}
    tested |= {"probability-shift", "hard-examples", "recorded"}
    assert tested == {kind for _, kind, *_ in _native.kinds()}
    for _, kind, *_ in _native.kinds():
        if kind != "recorded":
            name = "".join(word.capitalize() for word in kind.split("-"))
            assert getattr(rw, name).KIND == kind
            assert name in rw.__all__
