"""The page's Python and the example, as a reader would run them."""

from __future__ import annotations

from test_docs import run_examples
from test_examples import load


def test_the_pages_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples("docs/python-torch.md")


def test_a_training_loop_and_its_checkpoint():
    recalls = load("torch_training").main(epochs=2)
    # Without weights the rare classes are hardly found after so little.
    assert recalls[1] > 0.5 and recalls[2] > 0.2
