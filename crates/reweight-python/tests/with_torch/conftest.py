"""What the tests with PyTorch share: the lists and the reference of the tests without."""

from __future__ import annotations

import pathlib
import sys

import pytest
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def one_thread():
    """Torch's own threads help no batch of these."""
    torch.set_num_threads(1)
    torch.manual_seed(5)
