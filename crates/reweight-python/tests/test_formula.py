"""The formula as data, evaluated by NumPy, is what the engine computes: who evaluates it elsewhere has all that it takes."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reweight_losses as rw

RNG = np.random.default_rng(13)
LOGITS = RNG.normal(0, 2.5, (60, 3))
HARD = (RNG.random((60, 3)) < 0.3).astype(float)
SOFT = np.where(RNG.random((60, 3)) < 0.5, RNG.random((60, 3)), HARD)
CLASSES = RNG.integers(0, 3, 60)

softplus, sigmoid = reference.softplus, reference.sigmoid


def region(key, table):
    at = (np.asarray(key)[..., None] <= table.regions.thresholds).sum(-1)
    return table.values[at]


OPERATIONS = {
    "neg": np.negative,
    "exp": np.exp,
    "log": np.log,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "log_sigmoid": lambda x: -softplus(-x),
    "sigmoid": sigmoid,
    "detach": lambda x: x,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where_le": lambda a, b, c, d: np.where(a <= b, c, d),
    "per_class": lambda index, table: table.values[index],
    "per_column": lambda index, table: table.values[index],
    "region": region,
}


def entry(values, at, otherwise):
    return otherwise if len(values) == 0 else values[0] if len(values) == 1 else values[at]


def evaluate(loss, logits, targets, wanted="step", soft=False):
    """Weights, bases, slopes in the variable, and the variable's slope in the logit (BCE) or what makes it (softmax)."""
    fit = loss.fit(logits.shape, soft=soft)
    if loss.OBJECTIVE == "bce":
        place = np.arange(logits.size).reshape(logits.shape)
        column = place // fit.inner % fit.columns
        scale = entry(fit.scale, column, 1.0)
        z = scale * logits + entry(fit.offset, column, 0.0)
        if soft:
            m, slope = z, scale
        else:
            sign = 2 * targets - 1
            m, slope = sign * z - entry(fit.margin, targets.astype(int), 0.0), sign * scale
        leaves = {"target": targets, "column": column}
    else:
        classes = np.arange(logits.shape[1])
        label = classes == targets[:, None]
        scale = entry(fit.scale, classes, 1.0)
        z = scale * logits + entry(fit.offset, classes, 0.0) - label * entry(fit.margin, classes, 0.0)
        rows = reference.Rows(z, targets)
        m = rows.margin
        others = np.where(label, -np.inf, z)
        others = np.exp(others - others.max(1, keepdims=True))
        slope = scale * (label - others / others.sum(1, keepdims=True))
        leaves = {"class": targets}
    leaves |= {"margin": m, "p": sigmoid(m), "q": sigmoid(-m), "log_p": -softplus(-m), "log_q": -softplus(m)}
    formula = loss.formula(wanted, soft=soft)
    assert formula.leaves() <= set(leaves)
    return formula.evaluate(OPERATIONS, leaves, loss.tables(soft=soft)), slope


LOSSES = [
    rw.BceLoss(rw.AlphaBalance(0.75) * rw.Focal(1.5), reduction="none"),
    rw.BceLoss(rw.Ghm(10, 0.5) * rw.Focal(2.0).detached(), base=rw.Poly1(1.0), reduction="none"),
    rw.BceLoss(rw.PosWeight([3.0, 1.0, 0.5]), adjustment=rw.LogitAdjustment([[9, 1], [5, 5], [99, 1]]), reduction="none"),
    rw.BceLoss(rw.Focal(gamma_pos=0.0, gamma_neg=4.0), adjustment=rw.ProbabilityShift(0.05), reduction="none"),
    rw.BceLoss(rw.Focal(1.0), adjustment=[rw.Ldam([9, 1], scale=3.0), rw.VectorScaling(0.5, 1.0)], reduction="none"),
    rw.BceLoss(rw.QualityFocal(2.0) * rw.SelfPaced(2.0, form="linear"), base=rw.GeneralizedCrossEntropy(0.7), reduction="none"),
    rw.SoftmaxLoss(rw.AlphaBalance(counts=[90, 8, 2]) * rw.Focal(2.0) * rw.Ghm(10, 0.5), reduction="none"),
    rw.SoftmaxLoss(rw.HardExamples(0.5), adjustment=[rw.VectorScaling([1.0, 2.0, 0.5]), rw.Ldam([90, 8, 2], scale=2.0)], reduction="none"),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_numpy_gives_what_the_engine_gives(loss):
    bce = loss.OBJECTIVE == "bce"
    batches = [(HARD if bce else CLASSES, False)]
    if bce and not any(part.kind in ("ldam", "probability-shift") for part in loss.adjustments):
        batches.append((SOFT, True))
    for targets, soft in batches:
        for step in range(2):
            engine = loss.value_and_grad(LOGITS, targets, weights=True, losses=True, hessian="exact")
            own, slope = evaluate(loss, LOGITS, targets, "second", soft)
            w, b, dw, db = own["weight"], own["base"], own["weight_slope"], own["base_slope"]
            np.testing.assert_allclose(np.broadcast_to(w, engine.weights.shape), engine.weights, rtol=1e-11, atol=1e-14)
            np.testing.assert_allclose(w * b, engine.losses, rtol=1e-11, atol=1e-14)
            by_variable = w * db + dw * b
            gradient = by_variable * slope if bce else by_variable[:, None] * slope
            np.testing.assert_allclose(gradient, engine.grad, rtol=1e-9, atol=1e-13)
            if bce:
                curvature = own["weight_curvature"] * b + 2 * dw * db + w * own["base_curvature"]
                np.testing.assert_allclose(curvature * slope**2, engine.hessian, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("soft", [False, True])
def test_what_is_counted_can_be_counted_elsewhere(soft):
    loss = rw.BceLoss(rw.Ghm(10, 0.5), adjustment=rw.VectorScaling(2.0, 0.5))
    targets = SOFT if soft else HARD
    counts = loss.statistics(LOGITS, targets)
    key = evaluate(loss, LOGITS, targets, "key", soft)[0]["key"]
    (regions,) = loss.counted(soft=soft).histograms
    at = (key[..., None] <= regions.thresholds).sum(-1)
    np.testing.assert_array_equal(np.bincount(at.ravel(), minlength=10), counts[2:])


def test_the_gauss_newton_form():
    loss = rw.BceLoss(rw.Focal(2.0), reduction="none")
    engine = loss.value_and_grad(LOGITS, HARD, hessian="gauss-newton")
    own, slope = evaluate(loss, LOGITS, HARD, "gauss-newton")
    np.testing.assert_allclose(own["newton"] * slope**2, engine.hessian, rtol=1e-10, atol=1e-14)


def test_tables_change_and_the_formula_stays():
    loss = rw.BceLoss(rw.Ghm(10, 0.5))
    before = loss.formula(), loss.tables()[0].values
    loss.value_and_grad(LOGITS, HARD)
    assert loss.formula() == before[0]
    assert (loss.tables()[0].values != before[1]).any()


def test_what_is_not_there_is_refused():
    with pytest.raises(rw.ConfigError, match="must be one of"):
        rw.BceLoss().formula("third")
    with pytest.raises(rw.ConfigError, match="no soft labels"):
        rw.SoftmaxLoss().formula(soft=True)
    with pytest.raises(rw.BatchError, match="2 columns"):
        rw.BceLoss(rw.PosWeight([1.0, 2.0, 3.0])).fit((4, 2))
