"""A lab in the form that nbgrader takes as its source: `generate_assignment`, `validate` and `autograde` run on it."""

import copy

import nbformat
from nbformat import NotebookNode

from sslcourse.authoring.nbgrader_format import grade_id, solution_cell, tested_cell
from sslcourse.authoring.notebooks import Built
from sslcourse.authoring.outputs import without_outputs
from sslcourse.exercises import LABS, Lab
from sslcourse.exercises.task import Task

TEST = """\
# nbgrader's points for this exercise, on new inputs each time. A mark that is computed in the student's own kernel can
# be forged; `sslcourse grade` computes it outside.
import secrets

from sslcourse.exercises import find
from sslcourse.exercises.judge import attempt

attempt(find("{id}"), {function}, seed=secrets.randbits(32)).points
"""
# Written beside the sources where there is none.
CONFIGURATION = """\
import os

c = get_config()  # noqa: F821
c.ExecutePreprocessor.timeout = 600  # seconds a cell: experiments train networks
os.environ.setdefault("SSLCOURSE_SCALE", "smoke")  # and what they show is not graded
"""


def nbgrader_source(built: Built, lab: Lab | None = None) -> NotebookNode:
    """The solution notebook with the answers between nbgrader's marks, and a graded test below each check.

    Written answers hold the model answer; nbgrader takes it out and has a person mark what is written instead.
    """
    lab = lab or LABS[built.lab]
    tasks = {grade_id(id): task for id, task in lab.tasks.items()}
    notebook = without_outputs(built.solution)
    given = {cell.id: cell.source for cell in built.student.cells}
    cells: list[NotebookNode] = []
    for cell in copy.deepcopy(notebook.cells):
        mark = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if mark in tasks:
            cell.source = _between_marks(given[cell.id], cell.source)
            solution_cell(cell, tasks[mark].id)
        cells.append(cell)
        if mark.startswith("check-") and mark.removeprefix("check-") in tasks:
            cells.append(_test(tasks[mark.removeprefix("check-")]))
    notebook.cells = cells
    notebook.metadata["sslcourse"]["kind"] = "nbgrader"
    nbformat.validate(notebook)
    return notebook


def _between_marks(stub: str, solved: str) -> str:
    """The answer with its body between nbgrader's marks: what the stub has before its last line stays outside."""
    kept = stub.rpartition("\n")[0]
    body = solved.removeprefix(f"{kept}\n")
    return f"{kept}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def _test(task: Task) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(TEST.format(id=task.id, function=task.function).rstrip())
    cell.id = f"points-{grade_id(task.id)}"[:64]
    tested_cell(cell, f"points-{task.id}", task.points)
    return cell
