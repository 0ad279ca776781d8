import importlib.util
import sys
from pathlib import Path

import pytest

_here = Path(__file__).parent
if "toy_lab" not in sys.modules:  # tests are imported by path and find no neighbours by themselves
    _spec = importlib.util.spec_from_file_location("toy_lab", _here / "toy_lab.py")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["toy_lab"] = _module
    _spec.loader.exec_module(_module)

import toy_lab

from sslcourse.grading import sandbox, servers
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.host import Box, Limits

LIMITS = Limits(seconds=5.0, memory=300 * 2**20)  # a cell may take a part of it only, also on a slow machine


@pytest.fixture(scope="session")
def level():
    found, reason = sandbox.available()
    if not found:
        pytest.skip(f"no sandbox: {reason}")
    return sandbox.level()


@pytest.fixture(scope="session")
def box(level):
    """One box for all the tests that need no fresh one; each exercise in it has a process of its own anyway."""
    with Box(toy_lab.LAB.tasks_module, level, LIMITS, toy_lab.LAB.box_files) as running:
        yield running


@pytest.fixture
def kept_servers(monkeypatch):
    """A run leaves its fork server to the next, as boxes do: importing torch takes three seconds."""
    monkeypatch.setattr(servers, "close_idle", lambda: None)


@pytest.fixture
def grade(box):
    """Grade one answer's source: grade(source, id="toy.double", helpers=())."""

    def grade_source(source, id="toy.double", helpers=()):
        return grade_answer(toy_lab.LAB.exercises[id], toy_lab.submission(*helpers, source), box, seed=1)

    return grade_source


@pytest.fixture(scope="module")
def shell():
    """What runs a notebook's cells in this process."""
    from both_places import Shell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    main, paths, recursion = sys.modules["__main__"], list(sys.path), sys.getrecursionlimit()
    shell = Shell(config=config)
    sys.setrecursionlimit(3000)  # as many releases of jedi, which completes names in a notebook, leave it
    yield shell
    sys.setrecursionlimit(recursion)
    sys.modules["__main__"], sys.path[:] = main, paths


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where that notebook runs: it may write files there and import them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
