"""XGBoost, LightGBM and CatBoost on a table of one's own, each under its own objective and under this package's losses.

The table is a CSV without a header whose last column is the label, of two values; the rarer one is positive. Half of the rows are
learnt from and half are for the test, with another split for each seed. The settings suit second derivatives that are small, as focal's
are, and are the same for all: a bound on a leaf's step, and for LightGBM, which counts a leaf's samples by their second derivatives, no
least number of them. Needs `pip install xgboost lightgbm catboost scikit-learn`.

    python examples/boosters_on_a_table.py TABLE.csv
"""

from __future__ import annotations

import sys

import catboost
import lightgbm
import numpy as np
import reweight_losses as rw
import xgboost
from sklearn.metrics import average_precision_score, roc_curve
from sklearn.model_selection import train_test_split


def read(path: str):
    """Features as floats, and whether a row is of the rarer label."""
    cells = np.genfromtxt(path, delimiter=",", dtype=str)
    names, counts = np.unique(cells[:, -1], return_counts=True)
    if len(names) != 2:
        raise SystemExit(f"{path}: the last column has {len(names)} values, not two")
    return cells[:, :-1].astype(np.float32), (cells[:, -1] == names[counts.argmin()]).astype(int)


def losses(labels) -> dict[str, tuple[rw.BceLoss | None, str]]:
    """Each loss with its form of second derivatives; None is the library's own objective."""
    counts = [int((labels == 0).sum()), int((labels == 1).sum())]
    focal = rw.BceLoss(rw.Focal(1.0).scaled(4.0))
    return {
        "own": (None, "exact"),
        "plain": (rw.BceLoss(), "exact"),
        "balance": (rw.BceLoss(rw.AlphaBalance(counts=counts)), "clamped"),
        "root balance": (rw.BceLoss(rw.AlphaBalance(counts=counts, scheme="inverse-sqrt")), "clamped"),
        "focal": (focal, "clamped"),
        "focal, newton": (focal, "gauss-newton"),
        "ghm": (rw.BceLoss(rw.Ghm(bins=10, momentum=0.75, preset="corrected")), "clamped"),
    }


def by_xgboost(loss, form, x, labels, x_test, seed, rounds):
    settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "max_delta_step": 1.0, "nthread": 1, "seed": seed}
    data = xgboost.DMatrix(x, labels)
    if loss is None:
        return xgboost.train(settings, data, rounds).predict(xgboost.DMatrix(x_test))
    settings["base_score"] = rw.xgboost.base_score(loss, labels)
    booster = xgboost.train(settings, data, rounds, obj=rw.xgboost.objective(loss, form))
    return rw.xgboost.predict_proba(loss, booster, x_test)[:, 1]


def by_lightgbm(loss, form, x, labels, x_test, seed, rounds):
    settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "verbose": -1, "num_threads": 1, "seed": seed}
    settings |= {"max_delta_step": 1.0, "lambda_l2": 1.0, "min_data_in_leaf": 0}
    if loss is None:
        return lightgbm.train(settings, lightgbm.Dataset(x, labels), rounds).predict(x_test)
    start = rw.lightgbm.start(loss, labels)
    data = lightgbm.Dataset(x, labels, init_score=rw.lightgbm.init_score(start, len(x)))
    booster = lightgbm.train({**settings, "objective": rw.lightgbm.objective(loss, form)}, data, rounds)
    return rw.lightgbm.predict_proba(loss, booster, x_test, start)[:, 1]


def by_catboost(loss, form, x, labels, x_test, seed, rounds):
    settings = {"iterations": rounds, "depth": 4, "learning_rate": 0.1, "verbose": 0, "thread_count": 1, "random_seed": seed}
    settings |= {"allow_writing_files": False, "leaf_estimation_method": "Newton", "leaf_estimation_iterations": 1}
    if loss is None:
        own = catboost.CatBoostClassifier(loss_function="Logloss", boost_from_average=True, **settings)
        return own.fit(x, labels).predict_proba(x_test)[:, 1]
    start = rw.catboost.start(loss, labels)
    if loss.observes:
        # CatBoost shows no batch: what the loss weighs by is observed on another model's scores.
        first = catboost.CatBoostClassifier(loss_function="Logloss", **settings).fit(x, labels)
        loss.value_and_grad(first.predict(x, prediction_type="RawFormulaVal"), labels)
    data = catboost.Pool(x, labels, baseline=rw.catboost.baseline(start, len(x)))
    objective, metric = rw.catboost.objective(loss, form), rw.catboost.metric(loss)
    model = catboost.CatBoostClassifier(loss_function=objective, eval_metric=metric, **settings).fit(data)
    return rw.catboost.predict_proba(loss, model, x_test, start)[:, 1]


def measure(probabilities, labels) -> tuple[float, float]:
    """Average precision, and the recall at a false positive rate of 1 %."""
    false, found, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return float(average_precision_score(labels, probabilities)), float(found[false <= 0.01].max())


def main(path: str, seeds: int = 5, rounds: int = 100) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Prints and returns average precision and recall at 1 % FPR by library and loss, one pair a seed."""
    x, labels = read(path)
    print(f"{path}: {len(x)} rows, {labels.sum()} positive; {seeds} seeds, {rounds} rounds")
    results: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in range(seeds):
        learn, test, of_learn, of_test = train_test_split(x, labels, test_size=0.5, stratify=labels, random_state=seed)
        for library, fit in [("XGBoost", by_xgboost), ("LightGBM", by_lightgbm), ("CatBoost", by_catboost)]:
            for name, (loss, form) in losses(of_learn).items():
                scores = fit(loss, form, learn, of_learn, test, seed, rounds)
                results.setdefault((library, name), []).append(measure(scores, of_test))
    for (library, name), pairs in results.items():
        (ap, recall), (spread, recall_spread) = np.mean(pairs, 0), np.std(pairs, 0)
        print(f"{library:9s} {name:13s} average precision {ap:.3f} ± {spread:.3f}, recall at 1 % FPR {recall:.3f} ± {recall_spread:.3f}")
    return results


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
