"""Rounds under losses that are no plain cross entropy: splits, states, forms, metrics, early stopping."""

from __future__ import annotations

import copy
import pickle

import catboost
import lightgbm
import numpy as np
import pytest
import reweight_losses as rw
import xgboost
from sklearn.base import clone
from tables import BINARY, CATBOOST, CLASSES, COLUMNS, LIGHTGBM, ROWS, X, XGBOOST

FOCAL = rw.BceLoss(rw.Focal(2.0))
START = 0.02
#: Focal's second derivatives are small, and a booster's thresholds are for plain ones. LightGBM counts a leaf's samples by their second
#: derivatives, and so those with 0 not at all.
SMALL = {"max_delta_step": 1.0}
XGBOOST_SMALL = {**XGBOOST, **SMALL, "max_depth": 5, "objective": "binary:logistic", "base_score": START, "min_child_weight": 1e-6}
LIGHTGBM_SMALL = {**LIGHTGBM, **SMALL, "lambda_l2": 1.0, "min_sum_hessian_in_leaf": 1e-6, "min_data_in_leaf": 0}


def xgboost_splits(form):
    booster = xgboost.train(XGBOOST_SMALL, xgboost.DMatrix(X, BINARY), 20, obj=rw.xgboost.objective(FOCAL, form))
    return int((booster.trees_to_dataframe().Feature != "Leaf").sum())


def lightgbm_splits(form):
    data = lightgbm.Dataset(X, BINARY, init_score=rw.lightgbm.init_score(np.log(START / (1 - START)), ROWS))
    booster = lightgbm.train({**LIGHTGBM_SMALL, "objective": rw.lightgbm.objective(FOCAL, form)}, data, 20)
    return sum(tree["num_leaves"] - 1 for tree in booster.dump_model()["tree_info"])


@pytest.mark.parametrize("splits", [xgboost_splits, lightgbm_splits])
def test_focal_loses_its_splits_by_the_exact_hessian_alone(splits):
    """From a start at 2 %, every positive is hard and its second derivative negative: not one split is left."""
    assert splits("exact") == 0
    assert splits("clamped") > 100
    assert splits("gauss-newton") > 100


def by_hand(loss, scores, rounds=4):
    """Gradients of rounds whose scores move, by the loss alone."""
    loss = rw.Loss.from_config({**loss.to_config(), "reduction": "sum"})
    return [loss.value_and_grad(scores + 0.3 * k, BINARY).grad for k in range(rounds)]


@pytest.mark.parametrize("weighter", [rw.Ghm(bins=10, momentum=0.75), rw.HardExamples(0.3)], ids=str)
@pytest.mark.parametrize("module", [rw.xgboost, rw.lightgbm])
def test_what_is_observed_goes_on_from_round_to_round(module, weighter):
    loss = rw.BceLoss(weighter)
    scores = np.random.default_rng(5).normal(size=ROWS)
    expected = by_hand(loss, scores)
    made = module.objective(loss)
    for _ in range(2):
        # The second fit begins where the scores are the first again.
        for k, grad in enumerate(expected):
            np.testing.assert_array_equal(made(BINARY, scores + 0.3 * k)[0], grad)
    for other in (clone(made, safe=False), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(other(BINARY, scores + 5.0)[0], by_hand(loss, scores + 5.0, 1)[0])
    assert loss.state() == rw.BceLoss(weighter).state()


def test_folds_in_turns_have_states_of_their_own():
    loss = rw.BceLoss(rw.Ghm(bins=10, momentum=0.75))
    made = rw.xgboost.objective(loss)
    datas = [xgboost.DMatrix(X, BINARY), xgboost.DMatrix(X[:500], BINARY[:500])]
    scores = np.random.default_rng(6).normal(size=ROWS).astype(np.float32)
    alone = rw.xgboost.objective(loss)
    expected = [alone(scores + np.float32(k), datas[0])[0] for k in range(3)]
    for k in range(3):
        np.testing.assert_array_equal(made(scores + np.float32(k), datas[0])[0], expected[k])
        made(scores[:500] + np.float32(k), datas[1])


def test_cross_validation():
    loss, plain = rw.BceLoss(rw.Ghm(bins=10, momentum=0.75)), rw.BceLoss()
    settings = {**XGBOOST, "objective": "binary:logistic"}
    result = xgboost.cv(
        settings, xgboost.DMatrix(X, BINARY), 5, nfold=2, obj=rw.xgboost.objective(loss), custom_metric=rw.xgboost.metric(plain)
    )
    assert result["test-loss-mean"].iloc[-1] < result["test-loss-mean"].iloc[0]
    settings = {**LIGHTGBM, "objective": rw.lightgbm.objective(loss)}
    result = lightgbm.cv(settings, lightgbm.Dataset(X, BINARY), 5, nfold=2, feval=rw.lightgbm.metric(plain))
    assert result["valid loss-mean"][-1] < result["valid loss-mean"][0]


def test_gradients_have_the_scores_type_and_order():
    for module, dtype, order in [(rw.xgboost, np.float32, "C"), (rw.lightgbm, np.float64, "F")]:
        for loss, labels in [(rw.SoftmaxLoss(rw.Focal(2.0)), CLASSES), (rw.BceLoss(rw.Focal(2.0)), np.repeat(BINARY[:, None], 4, 1))]:
            scores = np.asarray(np.random.default_rng(8).normal(size=(ROWS, 4)), dtype, order=order)
            for made in module.objective(loss)(labels.astype(np.float32), scores):
                assert made.dtype == dtype and made.strides == scores.strides


@pytest.mark.parametrize("loss", [FOCAL, rw.BceLoss(rw.Ghm(bins=10, momentum=0.75)), rw.SoftmaxLoss(rw.Focal(1.0))], ids=repr)
def test_native_and_scikit_learn_forms_give_the_same(loss):
    softmax = isinstance(loss, rw.SoftmaxLoss)
    labels = CLASSES if softmax else BINARY
    weight = np.linspace(0.5, 2, ROWS)
    kind = {"objective": "multi:softprob", "num_class": 4, "base_score": [0.5] * 4} if softmax else {"objective": "binary:logistic"}
    native = xgboost.train({**XGBOOST, **kind}, xgboost.DMatrix(X, labels, weight=weight), 5, obj=rw.xgboost.objective(loss))
    given = {"n_estimators": 5, "max_depth": 3, "learning_rate": 0.2, "n_jobs": 1, "random_state": 0}
    model = clone(xgboost.XGBClassifier(objective=rw.xgboost.objective(loss), **given)).fit(X, labels, sample_weight=weight)
    expected = rw.xgboost.predict_proba(loss, native, X)
    for ours in (rw.xgboost.predict_proba(loss, model, X), model.predict_proba(X)):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)

    kind = {"num_class": 4} if softmax else {}
    native = lightgbm.train({**LIGHTGBM, **kind, "objective": rw.lightgbm.objective(loss)}, lightgbm.Dataset(X, labels, weight=weight), 5)
    given = {"n_estimators": 5, "learning_rate": 0.2, "n_jobs": 1, "random_state": 0, "verbose": -1, "force_row_wise": True}
    model = clone(lightgbm.LGBMClassifier(objective=rw.lightgbm.objective(loss), **given)).fit(X, labels, sample_weight=weight)
    np.testing.assert_allclose(rw.lightgbm.predict_proba(loss, model, X), rw.lightgbm.predict_proba(loss, native, X), rtol=1e-12)


def test_columns_in_scikit_learn():
    loss = rw.BceLoss(rw.AlphaBalance(counts=[[ROWS - n, n] for n in COLUMNS.sum(0).tolist()]))
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, objective=rw.xgboost.objective(loss)).fit(X, COLUMNS)
    ours = rw.xgboost.predict_proba(loss, model, X)
    np.testing.assert_allclose(ours, model.predict_proba(X), rtol=0, atol=1e-6)
    assert ours.shape == COLUMNS.shape
    assert all(ours[COLUMNS[:, k] == 1, k].mean() > 0.5 > ours[COLUMNS[:, k] == 0, k].mean() for k in range(3))


def test_early_stopping_by_the_loss_itself():
    loss = rw.BceLoss(rw.AlphaBalance(0.9) * rw.Focal(2.0), reduction="weighted-mean")
    learn, hold = slice(0, 1000), slice(1000, None)
    labels = np.where(np.random.default_rng(0).random(ROWS) < 0.1, 1 - BINARY, BINARY)

    datas = xgboost.DMatrix(X[learn], labels[learn]), xgboost.DMatrix(X[hold], labels[hold])
    record = {}
    booster = xgboost.train(
        {**XGBOOST, "objective": "binary:logistic", "eta": 0.5}, datas[0], 100, evals=[(datas[1], "hold")], evals_result=record,
        obj=rw.xgboost.objective(loss), custom_metric=rw.xgboost.metric(loss), early_stopping_rounds=5, verbose_eval=False,
    )  # fmt: skip
    values = record["hold"]["loss"]
    assert len(values) < 100 and booster.best_iteration == int(np.argmin(values))
    scores = booster.predict(datas[1], output_margin=True, iteration_range=(0, booster.best_iteration + 1))
    assert min(values) == pytest.approx(loss.value(scores, labels[hold].astype(np.float32)), rel=1e-5)

    model = xgboost.XGBClassifier(
        objective=rw.xgboost.objective(loss), eval_metric=rw.xgboost.metric(loss), early_stopping_rounds=5, n_jobs=1, learning_rate=0.5
    ).fit(X[learn], labels[learn], eval_set=[(X[hold], labels[hold])], verbose=False)
    assert model.best_iteration == int(np.argmin(model.evals_result()["validation_0"]["loss"])) < 95

    start = rw.lightgbm.start(loss, labels[learn])
    train = lightgbm.Dataset(X[learn], labels[learn], init_score=rw.lightgbm.init_score(start, 1000))
    valid = lightgbm.Dataset(X[hold], labels[hold], init_score=rw.lightgbm.init_score(start, ROWS - 1000), reference=train)
    booster = lightgbm.train(
        {**LIGHTGBM, "objective": rw.lightgbm.objective(loss)}, train, 100, valid_sets=[valid], feval=rw.lightgbm.metric(loss),
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )  # fmt: skip
    assert booster.best_iteration < 95
    scores = booster.predict(X[hold], raw_score=True) + start
    assert booster.best_score["valid_0"]["loss"] == pytest.approx(loss.value(scores, labels[hold]), rel=1e-9)
    model = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1, objective=rw.lightgbm.objective(loss)).fit(
        X[learn], labels[learn], eval_X=X[hold], eval_y=labels[hold], eval_metric=rw.lightgbm.metric(loss),
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )  # fmt: skip
    assert model.best_iteration_ < 95

    model = catboost.CatBoostClassifier(
        loss_function=rw.catboost.objective(loss), eval_metric=rw.catboost.metric(loss), **{**CATBOOST, "iterations": 100, "learning_rate": 0.5}
    ).fit(X[learn], labels[learn], eval_set=(X[hold], labels[hold]), early_stopping_rounds=5)
    assert model.tree_count_ < 95
    scores = model.predict(X[hold], prediction_type="RawFormulaVal")
    assert list(model.best_score_["validation"].values())[0] == pytest.approx(loss.value(scores, labels[hold]), rel=1e-6)


def test_catboost_weighs_by_what_was_observed_before():
    loss = rw.BceLoss(rw.Ghm(bins=10, momentum=0.75))
    loss.value_and_grad(np.random.default_rng(1).normal(-2, 1, ROWS), BINARY)
    made = rw.catboost.objective(loss)
    scores = np.linspace(-4, 4, 500)
    fixed = rw.Loss.from_config({**loss.to_config(), "reduction": "sum"})
    fixed.restore(loss.state())
    for rows in (slice(0, 500), slice(100, 300)):
        grad = -fixed.weigh(scores[rows], BINARY[rows]).grad
        np.testing.assert_array_equal(made.calc_ders_range(scores[rows], BINARY[rows], None)[:, 0], grad)
    model = catboost.CatBoostClassifier(loss_function=made, eval_metric=rw.catboost.metric(loss), **CATBOOST)
    clone(model).fit(X, BINARY)


@pytest.mark.parametrize(
    "loss",
    [
        rw.SoftmaxLoss(rw.Focal(2.0)),
        rw.SoftmaxLoss(rw.Focal(2.0), base=rw.Poly1(1.0), adjustment=rw.LogitAdjustment(counts=[90, 8, 1, 1])),
        rw.SoftmaxLoss(adjustment=[rw.VectorScaling(scale=[1.0, 0.5, 2.0, 1.5]), rw.Ldam(counts=[90, 8, 1, 1], scale=2.0)]),
    ],
    ids=repr,
)
def test_catboost_has_second_derivatives_of_pairs(loss):
    summed = rw.Loss.from_config({**loss.to_config(), "reduction": "sum"})
    made = {form: rw.catboost.objective(loss, form) for form in ("exact", "clamped", "gauss-newton")}
    for row, label in [([0.3, -1.0, 2.0, 0.1], 0), ([-3.0, 1.0, 0.5, -0.7], 1), ([2.0, 0.0, -2.0, 1.0], 3)]:
        x, step = np.array(row), 1e-5
        moved = [(x + step * e)[None] for e in np.eye(4)], [(x - step * e)[None] for e in np.eye(4)]
        up, down = ([summed.value_and_grad(each, [label]).grad[0] for each in all] for all in moved)
        expected = (np.array(up) - np.array(down)) / (2 * step)
        grad, pairs = made["exact"].calc_ders_multi(x, float(label), None)
        np.testing.assert_allclose(-pairs, expected, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(-grad, summed.value_and_grad(x[None], [label]).grad[0])
        for form in ("clamped", "gauss-newton"):
            pairs = -made[form].calc_ders_multi(x, float(label), 2.0)[1]
            np.testing.assert_allclose(pairs, pairs.T, rtol=1e-12)
            assert np.linalg.eigvalsh(pairs).min() > -1e-9 * np.abs(pairs).max()
        diagonal = summed.value_and_grad(x[None], [label], hessian="gauss-newton").hessian[0]
        np.testing.assert_allclose(np.diag(pairs), 2 * diagonal, rtol=1e-9)
