"""For all tests and examples: `tests/` is on the path, for what several folders share, and a test says its device."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))

import pytest
import torch


@pytest.fixture(autouse=True)
def device_is_said(request, monkeypatch):
    """A test means the CPU, on every machine: neither it nor a process that it starts finds a GPU.

    Exceptions are the tests marked `gpu`, which need CUDA, and those with the fixture `accelerator`.
    """
    if request.node.get_closest_marker("gpu"):
        if not torch.cuda.is_available():
            pytest.skip("needs CUDA")
    elif "accelerator" not in request.fixturenames:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


@pytest.fixture
def accelerator():
    """The accelerator of this machine; where it has none, a simulated one."""
    if torch.accelerator.is_available():
        yield torch.accelerator.current_accelerator()
        return
    try:
        from accelerator import Accelerator
    except ImportError:
        pytest.skip("this torch has no devices made in Python")
    with Accelerator():
        yield torch.device("acc", 0)
