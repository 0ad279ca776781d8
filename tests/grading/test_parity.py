"""What passes in the notebook passes in the grader: odd but honest submissions, judged in both places.

Each is the solution notebook of Lab 1 with other cells around and in one exercise. The notebook's side runs in IPython
in this process, the grader's in one box for all of them.
"""

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch
from harness import progress_file
from IPython.core.interactiveshell import InteractiveShell
from odd_submissions import LOSS, RIGHT, WRONG
from traitlets.config import Config

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.cells import Cell, read_cells
from sslcourse.grading.host import Box
from sslcourse.grading.intake import find_answers
from sslcourse.notebook import state

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LAB = LABS["contrastive"]
FUNCTIONS = {id: task.function for id, task in LAB.tasks.items()}
__all__ = ["progress_file"]


@pytest.fixture(scope="module")
def cells():
    """The cells of the solution notebook."""
    return read_cells((ROOT / "solutions/01_contrastive.ipynb").read_bytes())[0]


@pytest.fixture(scope="module")
def box():
    if not sandbox.available()[0]:
        pytest.skip(f"no sandbox: {sandbox.available()[1]}")
    with Box(LAB.tasks_module, sandbox.level(), None, LAB.box_files) as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the notebook runs: it may write files there and import them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


class Shell(InteractiveShell):
    """A shell without a window."""

    def enable_gui(self, gui=None):
        pass


@pytest.fixture(scope="module")
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    main, paths = sys.modules["__main__"], list(sys.path)
    yield Shell(config=config)
    sys.modules["__main__"], sys.path[:] = main, paths


def in_the_notebook(shell, cells, odd):
    """What the notebook's check says when the cells are run."""
    setup = next(cell.source for cell in cells if cell.grade_id == "contrastive-setup")
    shell.reset(new_session=False)
    shell.user_ns["lab"] = MagicMock()
    try:
        for source in (setup, *odd.late, *odd.before, odd.answer, *odd.late, *odd.between, odd.check):
            shell.run_cell(source, store_history=False)
    finally:
        torch.set_default_dtype(torch.float32)
        sys.modules.pop("my_losses", None)
    return state.read_lab("contrastive")["tasks"].get(LOSS, {"status": "missing"})["status"]


def in_the_grader(box, cells, odd):
    """The result of the exercise when the notebook is handed in with these cells."""
    return grade_answer(LAB.exercises[LOSS], find_answers(handed_in(cells, odd), FUNCTIONS), box, seed=1)


def handed_in(cells, odd):
    """The solution notebook with the cells in their places."""
    answer, check = (
        next(at for at, cell in enumerate(cells) if cell.grade_id == mark)
        for mark in ("contrastive-nt_xent", "check-contrastive-nt_xent")
    )
    parts = [*cells[:answer], *odd.before, replace(cells[answer], source=odd.answer), *odd.between]
    parts += [replace(cells[check], source=odd.check), *odd.after, *cells[check + 1 :], *odd.late]
    numbered = enumerate(parts, start=1)
    return [Cell(at, "code", part) if isinstance(part, str) else replace(part, number=at) for at, part in numbered]


@pytest.mark.parametrize("odd", RIGHT.values(), ids=RIGHT)
def test_what_passes_in_the_notebook_passes_in_the_grader(odd, shell, cells, box, folder):
    assert in_the_notebook(shell, cells, odd) == "passed"
    result = in_the_grader(box, cells, odd)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("odd", WRONG.values(), ids=WRONG)
def test_what_fails_in_the_notebook_fails_in_the_grader(odd, shell, cells, box, folder):
    assert in_the_notebook(shell, cells, odd) != "passed"
    result = in_the_grader(box, cells, odd)
    assert result.points == 0 and result.status in ("failed", "error", "missing")
