"""Tables that the boosters' tests train on, and how trees are compared."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import xgboost

RNG = np.random.default_rng(7)
ROWS = 1500
X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
#: 7 % positive, with noise in the labels, so that some samples stay hard.
BINARY = (X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=ROWS) > 2.5).astype(int)
CLASSES = np.digitize(X[:, 0] + RNG.normal(size=ROWS) * 0.7, [0.0, 1.0, 2.0])
COLUMNS = np.stack([X[:, 0] > 1, X[:, 1] + X[:, 2] > 1.5, X[:, 3] + RNG.normal(size=ROWS) > 2], 1).astype(int)
#: Powers of two: no product is rounded, in float32 or float64.
WEIGHTS = RNG.choice([0.5, 1.0, 2.0, 4.0], ROWS)

#: Rows of one class begin with one gradient, so that in small nodes many splits are equally good, and rounding picks one: no small nodes.
XGBOOST = {"max_depth": 3, "nthread": 1, "seed": 0, "eta": 0.2}
LIGHTGBM = {"verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True, "force_row_wise": True, "learning_rate": 0.2}
CATBOOST = {
    "iterations": 10,
    "depth": 4,
    "learning_rate": 0.1,
    "verbose": 0,
    "thread_count": 1,
    "random_seed": 0,
    "bootstrap_type": "No",
    "random_strength": 0,
    "leaf_estimation_method": "Newton",
    "leaf_estimation_iterations": 2,
    "leaf_estimation_backtracking": "No",
    "allow_writing_files": False,
}


def xgboost_trees(booster: xgboost.Booster):
    """Where the trees split, in order."""
    nodes = booster.trees_to_dataframe()
    return nodes.Feature.tolist(), nodes.Split.fillna(0).tolist()


def lightgbm_trees(booster: lightgbm.Booster):
    """The same of LightGBM's; a threshold of 0 is a tiny number there."""
    nodes = booster.trees_to_dataframe()
    return nodes.split_feature.fillna("").tolist(), nodes.threshold.fillna(0).round(12).tolist()


def raw(model: catboost.CatBoost, x=X):
    return np.asarray(model.predict(x, prediction_type="RawFormulaVal"))
