"""Plain cross entropy is each library's own logistic or softmax objective: the same trees, the same predictions.

What differs is rounding: XGBoost computes in float32. LightGBM multiplies weights in float32, this package in float64, and so the
weights here are powers of two; of others the last bits of a gradient differ, and after some ten thousand nodes one may split elsewhere.
"""

from __future__ import annotations

import json

import catboost
import lightgbm
import numpy as np
import pytest
import reweight_losses as rw
import xgboost
from tables import (
    BINARY,
    CATBOOST,
    CLASSES,
    COLUMNS,
    LIGHTGBM,
    ROWS,
    WEIGHTS,
    X,
    XGBOOST,
    lightgbm_trees,
    raw,
    xgboost_trees,
)

ROUNDS = 10
FORMS = ["exact", "clamped", "gauss-newton"]
weighted = pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
forms = pytest.mark.parametrize("form", FORMS)
SOFTPROB = {"objective": "multi:softprob", "num_class": 4}
LOGISTIC = {"objective": "binary:logistic"}
TREES_OF_VECTORS = {**LOGISTIC, "multi_strategy": "multi_output_tree"}


@weighted
@forms
@pytest.mark.parametrize(
    ("loss", "labels", "settings"),
    [
        (rw.BceLoss(), BINARY, LOGISTIC),
        (rw.SoftmaxLoss(), CLASSES, SOFTPROB),
        (rw.BceLoss(), COLUMNS, LOGISTIC),
        (rw.BceLoss(), COLUMNS, TREES_OF_VECTORS),
    ],
    ids=["binary", "classes", "columns", "trees of vectors"],
)
def test_xgboost(loss, labels, settings, form, weight):
    data = xgboost.DMatrix(X, labels, weight=weight)
    # XGBoost's own estimate of a start for softmax is off by 1e-5; of one and the same start comes one and the same forest.
    settings = {**settings, "base_score": rw.xgboost.base_score(loss, labels, weight)}
    own = xgboost.train({**XGBOOST, **settings}, data, ROUNDS)
    mine = xgboost.train({**XGBOOST, **settings}, data, ROUNDS, obj=rw.xgboost.objective(loss, form))
    # XGBoost has no table of trees of vectors.
    if "multi_strategy" not in settings:
        assert xgboost_trees(mine) == xgboost_trees(own)
    np.testing.assert_allclose(mine.predict(data), own.predict(data), rtol=0, atol=1e-6)
    ours = rw.xgboost.predict_proba(loss, mine, X)
    np.testing.assert_allclose(ours[:, 1] if ours.shape[1] == 2 else ours, mine.predict(data), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(ours, rw.xgboost.predict_proba(loss, mine, data))


@weighted
def test_xgboost_starts_there_by_itself(weight):
    for loss, labels, settings in [(rw.BceLoss(), BINARY, LOGISTIC), (rw.SoftmaxLoss(), CLASSES, SOFTPROB)]:
        data = xgboost.DMatrix(X, labels, weight=weight)
        booster = xgboost.train({**XGBOOST, **settings}, data, 1)
        own = json.loads(json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"])
        mine = np.array(rw.xgboost.base_score(loss, labels, weight))
        # Scores of several classes are the same up to a constant.
        np.testing.assert_allclose(np.array(own) - np.mean(own) * (mine.ndim == 1), mine - mine.mean() * (mine.ndim == 1), atol=5e-5)


@weighted
@forms
@pytest.mark.parametrize(
    ("loss", "labels", "settings"),
    [
        (rw.BceLoss(), BINARY, {"objective": "binary"}),
        (rw.SoftmaxLoss(), CLASSES, {"objective": "multiclass", "num_class": 4}),
    ],
    ids=["binary", "classes"],
)
def test_lightgbm(loss, labels, settings, form, weight):
    own = lightgbm.train({**LIGHTGBM, **settings}, lightgbm.Dataset(X, labels, weight=weight), ROUNDS)
    begin = rw.lightgbm.start(loss, labels, weight)
    data = lightgbm.Dataset(X, labels, weight=weight, init_score=rw.lightgbm.init_score(begin, ROWS))
    mine = lightgbm.train({**LIGHTGBM, **settings, "objective": rw.lightgbm.objective(loss, form)}, data, ROUNDS)
    assert lightgbm_trees(mine) == lightgbm_trees(own)
    ours = rw.lightgbm.predict_proba(loss, mine, X, begin)
    expected = own.predict(X)
    np.testing.assert_allclose(ours[:, 1] if expected.ndim == 1 else ours, expected, rtol=0, atol=1e-12)


def test_lightgbm_columns():
    """One tree a column and round, each as a model of the column alone has it."""
    loss = rw.BceLoss()
    begin = rw.lightgbm.start(loss, COLUMNS)
    data = lightgbm.Dataset(X, np.arange(ROWS), init_score=rw.lightgbm.init_score(begin, ROWS))
    settings = {**LIGHTGBM, "objective": rw.lightgbm.objective(loss, "exact", targets=COLUMNS), "num_class": 3}
    mine = rw.lightgbm.predict_proba(loss, lightgbm.train(settings, data, ROUNDS), X, begin)
    for column in range(3):
        own = lightgbm.train({**LIGHTGBM, "objective": "binary"}, lightgbm.Dataset(X, COLUMNS[:, column]), ROUNDS)
        np.testing.assert_allclose(mine[:, column], own.predict(X), rtol=0, atol=1e-12)


@weighted
@forms
def test_catboost(form, weight):
    loss = rw.BceLoss()
    begin = rw.catboost.start(loss, BINARY, weight)
    data = catboost.Pool(X, BINARY, weight=weight, baseline=rw.catboost.baseline(begin, ROWS))
    own = catboost.CatBoostClassifier(loss_function="Logloss", **CATBOOST).fit(data)
    mine = catboost.CatBoostClassifier(
        loss_function=rw.catboost.objective(loss, form), eval_metric=rw.catboost.metric(loss), **CATBOOST
    ).fit(data)
    np.testing.assert_allclose(raw(mine), raw(own), rtol=0, atol=1e-12)
    ours = rw.catboost.predict_proba(loss, mine, X, begin)
    np.testing.assert_allclose(ours[:, 1], 1 / (1 + np.exp(-raw(own) - begin)), rtol=1e-12)
    # The start in the model itself, which CatBoost can save.
    mine.set_scale_and_bias(1.0, float(begin))
    np.testing.assert_allclose(mine.predict_proba(X), ours, rtol=1e-12)


@weighted
@forms
@pytest.mark.parametrize("columns", [False, True], ids=["classes", "columns"])
def test_catboost_row_by_row(columns, form, weight):
    loss, labels, own = (rw.BceLoss(), COLUMNS, "MultiLogloss") if columns else (rw.SoftmaxLoss(), CLASSES, "MultiClass")
    settings = {**CATBOOST, "iterations": 2}
    rows = slice(0, 400)
    weight = None if weight is None else weight[rows]
    expected = catboost.CatBoostClassifier(loss_function=own, **settings).fit(X[rows], labels[rows], sample_weight=weight)
    mine = catboost.CatBoostClassifier(
        loss_function=rw.catboost.objective(loss, form, columns),
        eval_metric=rw.catboost.metric(loss, columns=columns),
        **settings,
        **({} if columns else {"classes_count": 4}),
    ).fit(X[rows], labels[rows], sample_weight=weight)
    np.testing.assert_allclose(raw(mine), raw(expected), rtol=0, atol=1e-12)
    np.testing.assert_allclose(rw.catboost.predict_proba(loss, mine, X), expected.predict_proba(X), rtol=0, atol=1e-12)


def test_catboost_starts_several_classes():
    loss, rows = rw.SoftmaxLoss(), slice(0, 400)
    begin = rw.catboost.start(loss, CLASSES[rows])
    data = catboost.Pool(X[rows], CLASSES[rows], baseline=rw.catboost.baseline(begin, 400))
    settings = {**CATBOOST, "iterations": 2}
    expected = catboost.CatBoostClassifier(loss_function="MultiClass", **settings).fit(data)
    objective, metric = rw.catboost.objective(loss), rw.catboost.metric(loss)
    mine = catboost.CatBoostClassifier(loss_function=objective, eval_metric=metric, classes_count=4, **settings).fit(data)
    np.testing.assert_allclose(raw(mine), raw(expected), rtol=0, atol=1e-12)
    ours = rw.catboost.predict_proba(loss, mine, X, begin)
    mine.set_scale_and_bias(1.0, begin.tolist())
    np.testing.assert_allclose(mine.predict_proba(X), ours, rtol=1e-12)


def test_a_factor_of_one_is_the_diagonal_itself():
    scores = np.random.default_rng(3).normal(size=(50, 4))
    labels = np.arange(50) % 4
    diagonal = rw.SoftmaxLoss(reduction="sum").value_and_grad(scores, labels, hessian="exact").hessian
    for module, factor in [(rw.xgboost, 2.0), (rw.lightgbm, 4 / 3)]:
        for given, expected in [(None, factor), (1.0, 1.0), (0.5, 0.5)]:
            made = module.objective(rw.SoftmaxLoss(), "exact", softmax_factor=given)
            np.testing.assert_allclose(made(labels, scores)[1], expected * diagonal, rtol=1e-14)
