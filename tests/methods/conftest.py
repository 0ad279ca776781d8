import importlib.util
import sys
from pathlib import Path

if "small_methods" not in sys.modules:  # tests are imported by path and find no neighbours by themselves
    _spec = importlib.util.spec_from_file_location("small_methods", Path(__file__).with_name("small_methods.py"))
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["small_methods"] = _module
    _spec.loader.exec_module(_module)

import pytest
import torch


@pytest.fixture(autouse=True)
def same_weights_every_time():
    """Weights that a test does not seed itself are the same in every run."""
    torch.manual_seed(0)
