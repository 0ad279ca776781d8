"""Puts this folder on the path, for `small_methods`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
import torch


@pytest.fixture(autouse=True)
def same_weights_every_time():
    """Weights that a test does not seed itself are the same in every run."""
    torch.manual_seed(0)
