"""For all tests and examples: `tests/` is on the path, for what several folders share, and a test says its device.

torch is imported when the first test runs: the process that only hands out tests to others starts without it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "tests"))
# jsonschema, under nbformat, compiles a grammar of addresses as it is imported: two seconds for what no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)
HIDING = pytest.MonkeyPatch()
# Files of tests that take more than a minute. They are begun first, so that at the end neither process waits for long.
LONGEST = (
    "notebooks/test_colab.py",
    "notebooks/test_device.py",
    "notebooks/test_browser.py",
    "grading/hostile/test_hostile.py",
    "training/test_every_method_learns.py",
    "grading/test_every_lab_in_the_box.py",
    "exercises/test_power.py",
    "exercises/test_fairness.py",
    "training/test_pretrained.py",
    "commands/test_train.py",
    "training/test_kill_resume.py",
    "notebooks/test_nbval.py",
    "grading/test_simulated_class.py",
    "training/test_inductor.py",
    "methods/test_every_method.py",
    "training/test_on_accelerator.py",
    "benchmarks/test_gpu_script.py",
    "grading/test_grade_folder.py",
)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A file's bytes are no part of a test's name: an archive holds the time it was made, and the processes that
    share the tests must agree on their names."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the examples in docstrings last; within a file as it stands there."""

    def place(item: pytest.Item) -> int:
        file = item.nodeid.split("::")[0]
        if not file.startswith("tests/"):
            return len(LONGEST) + 1
        name = file.removeprefix("tests/")
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)


def simulated_accelerator():
    """The module `accelerator`; None where this torch has no devices made in Python."""
    try:
        import accelerator
    except ImportError:
        return None
    return accelerator


def pytest_configure() -> None:
    """With SSLCOURSE_SIMULATED_ACCELERATOR=1 an accelerator is there from the start, as on a machine with a GPU."""
    if os.environ.get("SSLCOURSE_SIMULATED_ACCELERATOR"):
        simulated_accelerator().stand()


def hide_accelerators() -> None:
    """Neither these tests nor the processes that they start find a GPU."""
    import torch

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
    import torch

    simulated = simulated_accelerator()
    if simulated is not None and not torch.accelerator.is_available():
        simulated.register()  # autograd counts devices once, before the first backward pass of a process
    hide_accelerators()
    yield
    HIDING.undo()


@pytest.fixture(autouse=True)
def marked_gpu(request) -> Iterator[None]:
    """Runs what is marked `gpu` with CUDA, or leaves it out."""
    import torch

    if request.node.get_closest_marker("gpu") is None:
        yield
        return
    with accelerators_shown():
        if not torch.cuda.is_available():
            pytest.skip("needs CUDA")
        yield


@pytest.fixture
def accelerator() -> Iterator:
    """The accelerator of this machine, a torch.device; where it has none, a simulated one."""
    import torch

    simulated = simulated_accelerator()
    with accelerators_shown():
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        if found is not None and found.type != "acc":
            yield found
            return
        if simulated is None:
            pytest.skip("this torch has no devices made in Python")
        with simulated.Accelerator():
            yield torch.device("acc", 0)
