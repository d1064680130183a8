"""The examples run, and give what they say."""

from __future__ import annotations

import importlib.util
import pathlib

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_rule_of_ones_own():
    results = load("own_rule").main(seeds=1)
    # Each has learnt: without that it is the share of positives, 0.03.
    assert all(value > 0.2 for values in results.values() for value in values)
