"""A lab in nbgrader's form: its own commands run on it, and a perfect solution gets its points."""

import os
import subprocess
import sys
from shutil import copytree

import nbformat
import pytest
from every_lab import SOURCES

from sslcourse.authoring.nbgrader_source import nbgrader_source
from sslcourse.authoring.notebooks import build_lab
from sslcourse.cli import main
from sslcourse.exercises import LABS

STEM = "01_contrastive"
LAB = LABS["contrastive"]


@pytest.mark.parametrize("name", SOURCES)
def test_every_lab_has_its_points_and_hides_its_answers(name):
    built = build_lab(SOURCES[name])
    notebook = nbgrader_source(built)
    marks = [cell.metadata["nbgrader"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert len({mark["grade_id"] for mark in marks}) == len(marks)
    lab = LABS[name]
    tested = sum(mark["points"] for mark in marks if mark["grade"] and not mark["solution"])
    by_hand = sum(mark["points"] for mark in marks if mark["grade"] and mark["solution"])
    assert (tested, by_hand) == (lab.points, sum(question.points for question in lab.written.values()))
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            before, _, after = cell.source.partition("    ### BEGIN SOLUTION\n")
            assert before in next(mine.source for mine in built.student.cells if mine.id == cell.id)
            assert after.endswith("    ### END SOLUTION")
        assert "choice=" not in cell.source


def nbgrader(course, *words):
    """Run one of nbgrader's commands in a course folder; its output."""
    settings = {"HOME": str(course), "SSLCOURSE_PROGRESS": str(course / "progress.json"), "JUPYTER_PATH": ""}
    # It calls alembic by its name, also where nobody has activated the environment.
    settings["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def without_experiments(notebook):
    """What a student may hand in, and what is quick to run."""
    slow = {"experiment", "widget"}
    notebook.cells = [cell for cell in notebook.cells if not slow & set(cell.metadata.get("tags", ()))]
    return notebook


@pytest.mark.slow
def test_nbgrader_s_own_commands_run_on_it(tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed")
    from nbgrader.api import Gradebook

    course = tmp_path / "course"
    assert main(["build", "01", "--nbgrader", str(course)]) == 0
    nbgrader(course, "generate_assignment", STEM)
    released = nbformat.read(course / "release" / STEM / f"{STEM}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in released.cells)
    assert "SOLUTION" not in text
    assert not any(question.model_answer.strip() in text for question in LAB.written.values())
    source = nbformat.read(course / "source" / STEM / f"{STEM}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    file = copytree(course / "release" / STEM, course / "submitted" / "ada" / STEM) / f"{STEM}.ipynb"
    mine = without_experiments(nbformat.read(file, as_version=4))
    for cell in mine.cells:
        cell.source = answers.get(cell.id, cell.source)
    nbformat.write(mine, file)
    said = nbgrader(course, "validate", str(file))
    assert "Success! Your notebook passes all the tests" in said
    nbgrader(course, "autograde", STEM, "--create")
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        graded = book.find_submission(STEM, "ada")
        assert (graded.score, graded.needs_manual_grade) == (LAB.points, True)
