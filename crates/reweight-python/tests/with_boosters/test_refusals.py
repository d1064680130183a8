"""Starts, and what is refused and how it is told."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import pytest
import reweight_losses as rw
import xgboost
from tables import BINARY, CATBOOST, CLASSES, COLUMNS, LIGHTGBM, ROWS, X, XGBOOST

MODULES = [rw.xgboost, rw.lightgbm, rw.catboost]


@pytest.mark.parametrize("module", MODULES)
def test_a_start_is_where_the_adjusted_scores_are_the_shares(module):
    share = BINARY.mean()
    assert module.start(rw.BceLoss(), BINARY) == pytest.approx(np.log(share / (1 - share)), rel=1e-12)
    weight = np.where(BINARY == 1, 3.0, 1.0)
    heavier = 3 * share / (1 + 2 * share)
    assert module.start(rw.BceLoss(), BINARY, weight) == pytest.approx(np.log(heavier / (1 - heavier)), rel=1e-12)
    shares = np.bincount(CLASSES) / ROWS
    np.testing.assert_allclose(module.start(rw.SoftmaxLoss(), CLASSES), np.log(shares), rtol=1e-12)
    shares = COLUMNS.mean(0)
    np.testing.assert_allclose(module.start(rw.BceLoss(), COLUMNS), np.log(shares / (1 - shares)), rtol=1e-12)
    # An adjustment by these shares has them already.
    counts = np.bincount(CLASSES).tolist()
    adjusted = rw.SoftmaxLoss(adjustment=rw.LogitAdjustment(counts=counts))
    np.testing.assert_allclose(module.start(adjusted, CLASSES), np.zeros(4), atol=1e-12)
    scaled = rw.BceLoss(adjustment=rw.VectorScaling(scale=2.0, offset=1.0))
    assert module.start(scaled, BINARY) == pytest.approx((module.start(rw.BceLoss(), BINARY) - 1) / 2, rel=1e-12)
    start = module.start(rw.BceLoss(), COLUMNS)
    if module is not rw.xgboost:
        spread = (module.init_score if module is rw.lightgbm else module.baseline)(start, 5)
        assert spread.shape == (5, 3) and spread.flags.f_contiguous and (spread == start).all()


@pytest.mark.parametrize(
    ("loss", "targets", "weight", "told"),
    [
        (rw.BceLoss(), np.zeros(5), None, "no sample, so that there is no share"),
        (rw.BceLoss(), np.array([[1, 0], [0, 0]]), None, "column 1"),
        (rw.SoftmaxLoss(), np.array([0, 2, 2]), None, "class 1 has no sample"),
        (rw.SoftmaxLoss(), np.array([0, 1.5]), None, "the label at index 1 is 1.5, but must be a whole number"),
        (rw.SoftmaxLoss(), np.array([0, -1]), None, "counted from 0"),
        (rw.BceLoss(), np.zeros((2, 2, 2)), None, "(2, 2, 2)"),
        (rw.BceLoss(), BINARY, np.ones(3), "a factor a row"),
    ],
)
def test_no_start(loss, targets, weight, told):
    with pytest.raises(rw.BatchError) as error:
        rw.xgboost.base_score(loss, targets, weight)
    assert told in str(error.value)


def test_settings():
    for module in MODULES:
        with pytest.raises(rw.ConfigError, match='"exact", "clamped", "gauss-newton"'):
            module.objective(rw.BceLoss(), "newton")
        with pytest.raises(TypeError, match="is no loss"):
            module.objective(rw.Focal(2.0))
        with pytest.raises(TypeError, match="is no loss"):
            module.metric("logloss")
    for module in (rw.xgboost, rw.lightgbm):
        with pytest.raises(rw.ConfigError, match="`softmax_factor` is 0"):
            module.objective(rw.SoftmaxLoss(), softmax_factor=0.0)
    with pytest.raises(rw.ConfigError, match="k columns"):
        rw.lightgbm.objective(rw.SoftmaxLoss(), targets=COLUMNS)
    with pytest.raises(rw.ConfigError, match="hands out blocks of rows, never the batch"):
        rw.catboost.objective(rw.BceLoss(rw.Ghm(bins=10, momentum=0.75)))
    with pytest.raises(rw.ConfigError, match="label_smoothing"):
        rw.catboost.objective(rw.SoftmaxLoss(label_smoothing=0.1))


@pytest.mark.parametrize(
    ("loss", "labels", "settings", "told"),
    [
        (rw.SoftmaxLoss(), CLASSES, {"objective": "binary:logistic"}, "set the number of classes"),
        (rw.BceLoss(), CLASSES, {"objective": "multi:softprob", "num_class": 4}, "one class out of several is a SoftmaxLoss's"),
        (rw.BceLoss(), CLASSES, {"objective": "binary:logistic"}, "the target at index"),
        (rw.SoftmaxLoss(), CLASSES, {"objective": "multi:softprob", "num_class": 3}, "must be from 0 to 2"),
        (rw.SoftmaxLoss(), CLASSES / 2, {"objective": "multi:softprob", "num_class": 4}, "must be a whole number"),
        (rw.BceLoss(rw.AlphaBalance(counts=[[9, 1]] * 2)), COLUMNS, {"objective": "binary:logistic"}, "2"),
    ],
)
def test_batches(loss, labels, settings, told):
    # A score that is no probability: XGBoost's own check of labels would come first.
    settings = {**settings, "base_score": 0.5} if "num_class" not in settings else settings
    with pytest.raises(rw.BatchError) as error:
        xgboost.train({**XGBOOST, **settings}, xgboost.DMatrix(X, labels), 2, obj=rw.xgboost.objective(loss))
    assert told in str(error.value)
    if labels.ndim == 1:
        given = {**LIGHTGBM, "objective": rw.lightgbm.objective(loss), "num_class": settings.get("num_class", 1)}
        with pytest.raises(rw.BatchError) as error:
            lightgbm.train(given, lightgbm.Dataset(X, labels), 2)
        assert told in str(error.value)


def test_rows_of_targets():
    given = {**LIGHTGBM, "objective": rw.lightgbm.objective(rw.BceLoss(), targets=COLUMNS), "num_class": 3}
    with pytest.raises(rw.BatchError, match=f"rows' numbers, from 0 to {ROWS - 1}"):
        lightgbm.train(given, lightgbm.Dataset(X, np.arange(ROWS) + 1), 2)
    # Part of the rows, in any order, with the rest for validation.
    order = np.random.default_rng(2).permutation(ROWS)
    train = lightgbm.Dataset(X[order[:1000]], order[:1000])
    valid = lightgbm.Dataset(X[order[1000:]], order[1000:], reference=train)
    metric = rw.lightgbm.metric(rw.BceLoss(), targets=COLUMNS)
    booster = lightgbm.train(given, train, 5, valid_sets=[valid], feval=metric)
    scores = booster.predict(X[order[1000:]], raw_score=True)
    expected = rw.BceLoss().value(scores, COLUMNS[order[1000:]])
    assert booster.best_score["valid_0"]["loss"] == pytest.approx(expected, rel=1e-12)


def test_catboost_passes_the_words_on():
    with pytest.raises(catboost.CatBoostError, match="set the number of classes"):
        catboost.CatBoostClassifier(loss_function=rw.catboost.objective(rw.SoftmaxLoss()), eval_metric="Logloss", **CATBOOST).fit(X, BINARY)


def test_probabilities_at_any_score():
    scores = np.array([-800.0, -1.0, 0.0, 800.0])

    class Model:
        def predict(self, x, **settings):
            return x

    ours = rw.lightgbm.predict_proba(rw.BceLoss(), Model(), scores)
    np.testing.assert_allclose(ours.sum(1), 1)
    np.testing.assert_allclose(ours[:, 1], [0.0, 1 / (1 + np.e), 0.5, 1.0], atol=1e-300)
    ours = rw.lightgbm.predict_proba(rw.SoftmaxLoss(), Model(), np.stack([scores, -scores, 0 * scores], 1), [1.0, 0.0, 0.0])
    assert np.isfinite(ours).all() and ours.sum(1) == pytest.approx(1)
    with pytest.raises(rw.BatchError, match=r"of shape \(n, C\)"):
        rw.lightgbm.predict_proba(rw.SoftmaxLoss(), Model(), scores)
