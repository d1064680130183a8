"""The pages' Python, block after block as a reader would type it."""

from __future__ import annotations

import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).parents[3]
PAGES = ["docs/python.md", "README.md", "crates/reweight-python/README.md"]


def run_examples(page):
    """Runs a page's blocks in order."""
    text = (TOP / page).read_text(encoding="utf-8")
    blocks = [(match.start(), match.group(1)) for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S)]
    assert blocks, f"{page} has no examples"
    names: dict[str, object] = {"__name__": "page"}
    for start, block in blocks:
        # Lines of the page, in what goes wrong.
        line = text[:start].count("\n") + 1
        exec(compile("\n" * line + block, str(TOP / page), "exec"), names)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples(page)
