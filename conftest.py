"""For all tests and examples: `tests/` is on the path, for what several folders share, and a test says its device."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))

import pytest
import torch

try:
    import accelerator as simulated
except ImportError:
    simulated = None

HIDING = pytest.MonkeyPatch()


def hide_accelerators() -> None:
    """Neither these tests nor the processes that they start find a GPU."""
    HIDING.setenv("CUDA_VISIBLE_DEVICES", "")
    HIDING.setattr(torch.cuda, "is_available", lambda: False)
    HIDING.setattr(torch.accelerator, "is_available", lambda: False)


@contextmanager
def accelerators_shown() -> Iterator[None]:
    HIDING.undo()
    try:
        yield
    finally:
        hide_accelerators()


@pytest.fixture(scope="session", autouse=True)
def test_means_the_cpu() -> Iterator[None]:
    """On every machine, unless the test is marked `gpu` or asks for an `accelerator`."""
    if simulated is not None and not torch.accelerator.is_available():
        simulated.register()  # autograd counts devices once, before the first backward pass of a process
    hide_accelerators()
    yield
    HIDING.undo()


@pytest.fixture(autouse=True)
def marked_gpu(request) -> Iterator[None]:
    """Runs what is marked `gpu` with CUDA, or leaves it out."""
    if request.node.get_closest_marker("gpu") is None:
        yield
        return
    with accelerators_shown():
        if not torch.cuda.is_available():
            pytest.skip("needs CUDA")
        yield


@pytest.fixture
def accelerator() -> Iterator[torch.device]:
    """The accelerator of this machine; where it has none, a simulated one."""
    with accelerators_shown():
        if torch.accelerator.is_available():
            yield torch.accelerator.current_accelerator()
            return
        if simulated is None:
            pytest.skip("this torch has no devices made in Python")
        with simulated.Accelerator():
            yield torch.device("acc", 0)
