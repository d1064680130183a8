"""Rules of one's own: recorded, composed, refused where they cannot be, and equal to the built-in of the same formula."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import reweight_losses as rw

RNG = np.random.default_rng(5)
LOGITS = np.concatenate([RNG.normal(0, 3, 900), [0.0, 30.0, -30.0, 700.0, -700.0, 1e4, -1e4]])
HARD = (RNG.random(LOGITS.size) < 0.3).astype(np.uint8)
SOFT = RNG.random(LOGITS.size)
ROWS, CLASSES = RNG.normal(0, 3, (300, 3)), RNG.integers(0, 3, 300)


@rw.weighter
def root_norm(s):
    return rw.exp(0.5 * s.log_q)


@rw.weighter(gamma=2.0)
def focal(s, gamma):
    return s.q**gamma


@rw.weighter
def balanced(s, alpha=0.75):
    return s.by_target(1.0 - alpha, alpha)


@rw.weighter(beta=2.0)
def quality(s, beta):
    return s.residual**beta


@rw.weighter
def easy_first(s):
    return rw.where_le(s.cross_entropy, 0.7, 1.0, 0.0)


@rw.weighter
def by_class(s):
    return s.per_class([0.5, 2.0, 1.25])


@rw.weighter
def by_column(s):
    return s.by_target(1.0, s.per_column([3.0, 0.5]))


@rw.base
def squared(s):
    return s.q**2


@rw.base(epsilon=1.0)
def poly(s, epsilon):
    return s.cross_entropy + epsilon * s.q


SAME = [
    (root_norm, rw.Focal(0.5)),
    (focal, rw.Focal(2.0)),
    (focal(gamma=0.0), rw.Focal(0.0)),
    (focal(gamma=1.7), rw.Focal(1.7)),
    (balanced, rw.AlphaBalance(0.75)),
    (easy_first, rw.SelfPaced(0.7)),
    (focal(gamma=1.5).scaled(2.0).clamped(0.1, 1.0), rw.Focal(1.5, scale=2.0, clamp=(0.1, 1.0))),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("own", "built_in"), SAME, ids=str)
def test_a_traced_rule_is_the_built_in_of_its_formula(own, built_in, dtype):
    logits = LOGITS.astype(dtype)
    for targets in [HARD, SOFT.astype(dtype)]:
        one = rw.BceLoss(own).value_and_grad(logits, targets, weights=True)
        two = rw.BceLoss(built_in).value_and_grad(logits, targets, weights=True)
        tolerance = {np.float32: 2e-6, np.float64: 1e-13}[dtype]
        for mine, theirs in [(one.weights, two.weights), (one.grad, two.grad)]:
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * 1e-3 * np.abs(theirs).max())
    rows = ROWS.astype(dtype)
    one, two = (rw.SoftmaxLoss(each).value_and_grad(rows, CLASSES) for each in (own, built_in))
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-10)


def test_quality_focal_is_traced():
    one, two = (rw.BceLoss(each).value_and_grad(LOGITS, SOFT) for each in (quality, rw.QualityFocal(2.0)))
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-12, atol=1e-16)


def test_bases_are_traced():
    one, two = (rw.BceLoss(root_norm, base=each).value_and_grad(LOGITS, HARD, hessian="exact") for each in (poly, rw.Poly1(1.0)))
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-12)
    np.testing.assert_allclose(one.hessian, two.hessian, rtol=1e-10, atol=1e-300)
    q = 1 / (1 + np.exp(np.where(HARD == 1, 1, -1) * LOGITS[: HARD.size].clip(-30, 30)))
    inside = np.abs(LOGITS) <= 30
    np.testing.assert_allclose(rw.BceLoss(base=squared, reduction="none").value(LOGITS, HARD)[inside], (q**2)[inside], rtol=1e-12)


def test_tables_by_class_and_column():
    one, two = (rw.SoftmaxLoss(each).value_and_grad(ROWS, CLASSES) for each in (by_class, rw.AlphaBalance(class_weights=[0.5, 2.0, 1.25])))
    assert one.grad.tobytes() == two.grad.tobytes()
    logits, targets = LOGITS[:900].reshape(450, 2), HARD[:900].reshape(450, 2)
    one, two = (rw.BceLoss(each).value_and_grad(logits, targets) for each in (by_column, rw.PosWeight([3.0, 0.5])))
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-13)
    with pytest.raises(rw.BatchError, match="by_class` holds 3 values"):
        rw.SoftmaxLoss(by_class).value(RNG.normal(size=(4, 5)), [0, 1, 2, 3])
    with pytest.raises(rw.BatchError, match="2 values, one a column"):
        rw.BceLoss(by_column).value(ROWS, np.ones_like(ROWS))


def test_it_composes_and_shows_its_name():
    loss = rw.BceLoss(root_norm * rw.Ghm(bins=30, momentum=0.75) * focal(gamma=1.0), base=squared)
    assert repr(loss) == "rw.BceLoss(root_norm * rw.Ghm(bins=30, momentum=0.75) * focal(gamma=1.0), base=squared)"
    assert loss.parameters == {"ghm.bins": 30, "ghm.momentum": 0.75, "focal.gamma": 1.0}
    assert root_norm.settings["steps"] == ["log-q", {"literal": 0.5}, {"mul": [1, 0]}, {"exp": 2}]


def test_modifiers_are_shown_as_they_are_written():
    modified = focal(gamma=1.0).scaled(2.0).clamped(0.1, 3.0).detached()
    assert repr(modified) == "focal(gamma=1.0).scaled(2.0).clamped(0.1, 3.0).detached()"
    assert eval(repr(modified), {"focal": focal}) == modified


def test_parameters_change_without_tracing_again():
    calls = []

    @rw.weighter(gamma=2.0)
    def counted(s, gamma):
        calls.append(1)
        return s.q**gamma

    loss = rw.BceLoss(counted)
    for gamma in [2.0, 1.0, 0.5]:
        loss.set_parameters(gamma=gamma)
        expected = rw.BceLoss(rw.Focal(gamma)).value(LOGITS, HARD)
        assert loss.value(LOGITS, HARD) == pytest.approx(expected, rel=1e-12)
    assert len(calls) == 1
    with pytest.raises(rw.ConfigError, match="no parameter `beta`; its parameters are: gamma"):
        counted(beta=1.0)


def test_it_pickles_without_its_function():
    @rw.weighter(k=0.3)
    def local(s, k):
        return rw.exp(k * s.log_q)

    for other in [pickle.loads(pickle.dumps(local)), copy.deepcopy(local)]:
        assert other == local and hash(other) == hash(local) and repr(other) == "local(k=0.3)"
    loss = pickle.loads(pickle.dumps(rw.BceLoss(local)))
    assert loss.value(LOGITS, HARD) == rw.BceLoss(local).value(LOGITS, HARD)
    assert rw.from_toml(loss.to_toml()).value(LOGITS, HARD) == loss.value(LOGITS, HARD)


def test_every_function_is_recorded():
    @rw.weighter
    def everything(s):
        x = rw.expm1(s.log_p) + rw.log1p(s.q) + rw.sqrt(s.q + 1.0) + abs(s.margin) * 1e-9 + rw.sigmoid(s.margin)
        x = x - rw.log_sigmoid(s.margin) * 0.01 + rw.softplus(s.margin) * 0.01 + rw.log(1.0 + s.p) + rw.detach(s.q)
        x = rw.maximum(x, 0.25) + rw.minimum(s.p, 0.5) + s.gradient_norm**0.5 + s.residual + rw.exp(s.log_residual)
        x = x + s.target + -(-s.q) / 2.0 + 1.0 / (2.0 - s.p) + (3.0 - s.p) + +s.p + s.q**3
        return x + rw.where_le(s.p, 0.5, s.q, 0.5) + 0.0 * (s.loss_if_positive + s.loss_if_negative) + rw.absolute(s.q)

    x = np.array([-2.0, -0.1, 0.3, 4.0])
    t = np.array([1, 0, 1, 0])
    s = np.where(t == 1, x, -x)
    p, q = 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s))
    expected = np.expm1(np.log(p)) + np.log1p(q) + np.sqrt(q + 1) + np.abs(s) * 1e-9 + p
    expected = expected - np.log(p) * 0.01 - np.log(q) * 0.01 + np.log(1 + p) + q
    expected = np.maximum(expected, 0.25) + np.minimum(p, 0.5) + q**0.5 + q + q
    expected = expected + t + q / 2 + 1 / (2 - p) + (3 - p) + p + q**3 + np.where(p <= 0.5, q, 0.5) + q
    weights = rw.BceLoss(everything).value_and_grad(x, t, weights=True).weights
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


def line_of(error):
    return str(error.value)


def test_branching_on_a_value_names_the_line():
    with pytest.raises(rw.TraceError) as error:

        @rw.weighter
        def branching(s):
            if s.p:
                return s.q
            return 1.0

    assert __file__ in line_of(error) and "`if s.p:`" in line_of(error) and "rw.where_le" in line_of(error)
    with pytest.raises(rw.TraceError) as error:

        @rw.weighter
        def comparing(s):
            return s.q if s.p < 0.5 else 1.0

    assert "`return s.q if s.p < 0.5 else 1.0`" in line_of(error)
    assert issubclass(rw.TraceError, rw.Error) and issubclass(rw.Error, ValueError)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (lambda s: max(s.p, 0.5), "rw.maximum"),
        (lambda s: math.exp(s.p), "rw.exp"),
        (lambda s: np.exp(s.p), "take rw.exp"),
        (lambda s: np.maximum(s.p, s.q), "take rw.maximum"),
        (lambda s: np.float64(2.0) * s.p, "numpy.multiply cannot be recorded"),
        (lambda s: s.p == s.q, "no value to compare"),
        (lambda s: s < 0.5, "take one of its quantities"),
        (lambda s: s.q + "a", "'a' cannot be recorded"),
        (lambda s: 2.0**s.q, "rw.exp"),
        (lambda s: rw.exp(1.0), "none of the arguments is a symbol"),
    ],
)
def test_what_cannot_be_recorded_is_told_what_would_do(rule, told):
    with pytest.raises(rw.TraceError, match=told) as error:
        rw.weighter(rule)
    assert "test_tracing.py, line" in str(error.value)


def test_other_faults_of_a_rule():
    kept = []
    rw.weighter(lambda s: kept.append(s.q) or s.q)
    with pytest.raises(rw.TraceError, match="another function"):
        rw.weighter(lambda s: s.q * kept[0])
    with pytest.raises(rw.TraceError, match="returned None"):
        rw.weighter(lambda s: None)
    with pytest.raises(rw.TraceError, match="no value for `k`"):
        rw.weighter(lambda s, k: s.q)
    with pytest.raises(rw.TraceError, match="no parameter `k`"):
        rw.weighter(k=1.0)(lambda s: s.q)
    with pytest.raises(rw.ConfigError, match="must be finite"):
        rw.weighter(lambda s: s.q * math.inf)
    assert rw.BceLoss(rw.weighter(lambda s: 0.5)).value([0.0], [1]) == pytest.approx(0.5 * np.log(2))


def test_the_laws_hold_and_bite():
    for rule in [root_norm, focal, focal(gamma=0.3), balanced, easy_first, squared, poly]:
        rw.testing.check(rule)
    rw.testing.check(rw.Ghm(10, 0.75), classes=3)
    rw.testing.check(by_class, classes=3)

    @rw.weighter
    def careless(s):
        return (1.0 - s.p) ** 0.5

    with pytest.raises(rw.testing.LawError, match='careless, 2 classes: law "a weight is finite'):
        rw.testing.check(careless)

    @rw.base
    def rising(s):
        return s.p

    with pytest.raises(rw.testing.LawError, match="does not rise with p_t"):
        rw.testing.check(rising)
    with pytest.raises(TypeError, match="no weighter"):
        rw.testing.check(rw.LogitAdjustment([1, 2]))
