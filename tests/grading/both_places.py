"""An answer judged in both places: in the notebook, which IPython runs in this process, and in the grader's box.

What is handed in is a solution notebook with one exercise answered otherwise, and other cells around it: see `made`.
"""

import sys
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
from every_lab import SOURCES
from IPython.core.interactiveshell import InteractiveShell

from sslcourse.exercises import LABS
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.cells import Cell, read_cells
from sslcourse.grading.intake import Submission, find_answers
from sslcourse.notebook import state


class Shell(InteractiveShell):
    """A shell without a window."""

    def enable_gui(self, gui=None):
        pass


def made(answer, *, check, before=(), between=(), after=(), late=()):
    """Cells before the answer, between it and its check, and after that; `late` ones stand last and were run early."""
    return SimpleNamespace(
        before=list(before), answer=answer, between=list(between), check=check, after=list(after), late=list(late)
    )


@cache
def solution(lab: str) -> list[Cell]:
    """The cells of a lab's solution notebook."""
    return read_cells(SOURCES[lab].with_suffix(".ipynb").read_bytes())[0]


def cell_of(mark: str) -> Cell:
    """The cell of that id, "contrastive.nt_xent" or "check-contrastive.nt_xent", in its lab's solution notebook."""
    lab = mark.removeprefix("check-").split(".")[0]
    return next(cell for cell in solution(lab) if cell.grade_id == mark.replace(".", "-"))


def in_the_notebook(shell, id: str, odd) -> str:
    """What the notebook's check of exercise `id` says when the cells are run."""
    lab = id.split(".")[0]
    setup = cell_of(f"{lab}.setup").source
    shell.reset(new_session=False)
    shell.user_ns["lab"] = MagicMock()
    try:
        for source in (setup, *odd.late, *odd.before, odd.answer, *odd.late, *odd.between, odd.check):
            shell.run_cell(source, store_history=False)
    finally:
        torch.set_default_dtype(torch.float32)
        sys.modules.pop("my_losses", None)
    return state.read_lab(lab)["tasks"].get(id, {"status": "missing"})["status"]


def in_the_grader(box, id: str, odd, cells=None):
    """The result of exercise `id` when the solution notebook (or `cells`) is handed in with the odd ones in it."""
    exercise = LABS[id.split(".")[0]].exercises[id]
    return grade_answer(exercise, handed_in(id, odd, cells), box, seed=1)


def handed_in(id: str, odd, cells=None) -> Submission:
    """What the grader takes from that notebook."""
    lab = id.split(".")[0]
    cells = cells or solution(lab)
    marks = [cell.grade_id for cell in cells]
    answer, check = (marks.index(mark.replace(".", "-")) for mark in (id, f"check-{id}"))
    parts = [*cells[:answer], *odd.before, replace(cells[answer], source=odd.answer), *odd.between]
    parts += [replace(cells[check], source=odd.check), *odd.after, *cells[check + 1 :], *odd.late]
    numbered = [
        Cell(at, "code", part) if isinstance(part, str) else replace(part, number=at)
        for at, part in enumerate(parts, start=1)
    ]
    return find_answers(numbered, {id: task.function for id, task in LABS[lab].tasks.items()})
