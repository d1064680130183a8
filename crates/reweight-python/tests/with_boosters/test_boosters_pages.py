"""The page's Python, block after block, and the examples."""

from __future__ import annotations

import numpy as np
from tables import BINARY, X
from test_docs import run_examples
from test_examples import load


def test_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples("docs/boosters.md")


def test_lightgbm_on_a_long_tailed_table(capsys):
    results = load("lightgbm_long_tail").main(seeds=1, rounds=15)
    shown = capsys.readouterr().out
    assert all(name in shown for name in results)
    # Plain cross entropy is LightGBM's own objective, and all have learnt: by chance it would be 0.1.
    np.testing.assert_allclose(results["plain"], results["LightGBM's own"])
    assert all(balanced > 0.3 for pairs in results.values() for balanced, _ in pairs)


def test_boosters_on_a_table_of_ones_own(tmp_path, capsys):
    path = tmp_path / "table.csv"
    names = np.where(BINARY == 1, "'yes'", "'no'")
    path.write_text("".join(",".join(map(str, row)) + f",{name}\n" for row, name in zip(X.round(4).tolist(), names)))
    results = load("boosters_on_a_table").main(str(path), seeds=1, rounds=10)
    assert f"{BINARY.sum()} positive" in capsys.readouterr().out
    for library in ("XGBoost", "LightGBM", "CatBoost"):
        np.testing.assert_allclose(results[library, "plain"], results[library, "own"], atol=1e-6)
        assert all(ap > BINARY.mean() for (of, _), pairs in results.items() for ap, _ in pairs if of == library)
