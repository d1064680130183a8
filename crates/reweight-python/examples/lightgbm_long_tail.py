"""LightGBM on a long-tailed table of ten classes: its own objective beside this package's losses.

The table is scikit-learn's bundled digits, thinned: of class k are left n·r^(−k/9) rows to learn from, r = 100, so that the first digit
has some hundred and the last a few; the rows for the test stay balanced. Needs `pip install lightgbm scikit-learn`.

    python examples/lightgbm_long_tail.py
"""

from __future__ import annotations

import lightgbm
import numpy as np
import reweight_losses as rw
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SETTINGS = {"num_leaves": 15, "min_data_in_leaf": 3, "learning_rate": 0.1, "verbose": -1, "num_threads": 1}


def thinned(seed: int, ratio: float):
    """Rows to learn from, thinned, and rows for the test."""
    x, labels = load_digits(return_X_y=True)
    x, x_test, labels, test = train_test_split(x, labels, test_size=0.4, stratify=labels, random_state=seed)
    shares = ratio ** (-np.arange(10) / 9)
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(np.flatnonzero(labels == k))[: max(3, round(share * (labels == k).sum()))] for k, share in enumerate(shares)]
    rows = np.sort(np.concatenate(kept))
    return x[rows], labels[rows], x_test, test


def losses(counts: list[int]) -> dict[str, rw.SoftmaxLoss]:
    return {
        "plain": rw.SoftmaxLoss(),
        "balance": rw.SoftmaxLoss(rw.AlphaBalance(counts=counts)),
        "root balance": rw.SoftmaxLoss(rw.AlphaBalance(counts=counts, scheme="inverse-sqrt")),
        "adjustment": rw.SoftmaxLoss(adjustment=rw.LogitAdjustment(counts=counts)),
        "focal": rw.SoftmaxLoss(rw.Focal(1.0)),
    }


def recalls(probabilities, labels):
    """Of each class, the share that is found."""
    return np.array([(probabilities[labels == k].argmax(1) == k).mean() for k in range(10)])


def main(seeds: int = 5, rounds: int = 100, ratio: float = 100.0) -> dict[str, list[tuple[float, float]]]:
    """Prints and returns balanced accuracy and the rarest three classes' recall under each objective, one pair a seed."""
    results: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        x, labels, x_test, test = thinned(seed, ratio)
        own = lightgbm.train({**SETTINGS, "objective": "multiclass", "num_class": 10, "seed": seed}, lightgbm.Dataset(x, labels), rounds)
        found = {"LightGBM's own": recalls(own.predict(x_test), test)}
        for name, loss in losses(np.bincount(labels).tolist()).items():
            start = rw.lightgbm.start(loss, labels)
            data = lightgbm.Dataset(x, labels, init_score=rw.lightgbm.init_score(start, len(x)))
            settings = {**SETTINGS, "objective": rw.lightgbm.objective(loss), "num_class": 10, "seed": seed}
            booster = lightgbm.train(settings, data, rounds)
            found[name] = recalls(rw.lightgbm.predict_proba(loss, booster, x_test, start), test)
        for name, each in found.items():
            results.setdefault(name, []).append((float(each.mean()), float(each[-3:].mean())))
    for name, pairs in results.items():
        (mean, rare), (spread, rare_spread) = np.mean(pairs, 0), np.std(pairs, 0)
        print(f"{name:15s} balanced accuracy {mean:.3f} ± {spread:.3f}, the rarest three {rare:.3f} ± {rare_spread:.3f}")
    return results


if __name__ == "__main__":
    main()
