"""The two notebooks of a lab that everybody has: the solution scores full marks, the untouched lab nothing."""

import shutil

import pytest
from every_lab import ROOT, STEMS

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.run import grade_paths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """The grades of all labs' notebooks, each handed in by a student of its own; from one fork server."""
    handed_in = tmp_path_factory.mktemp("handed-in")
    for stem in STEMS:
        for folder in ("solutions", "labs"):
            (handed_in / f"{folder}-{stem[3:]}").mkdir()
            shutil.copy(ROOT / folder / f"{stem}.ipynb", handed_in / f"{folder}-{stem[3:]}")
    options = {"progress": False, "unsafe": not sandbox.available()[0]}  # our own notebooks
    return {grade.student: grade for grade in grade_paths([handed_in], tmp_path_factory.mktemp("out"), **options)}


@pytest.fixture(params=[stem[3:] for stem in STEMS])
def graded(request, grades):
    """The lab, and the grades of its solution and of the notebook as it is handed out."""
    lab = LABS[request.param]
    return lab, {folder: grades[f"{folder}-{lab.name}"] for folder in ("solutions", "labs")}


def test_the_solution_scores_full_marks_without_repair(graded):
    lab, grades = graded
    grade = grades["solutions"]
    assert grade.points == grade.max_points == lab.points
    assert not grade.repairs
    assert not any(result.repairs for result in grade.results)
    assert [result.status for result in grade.results if result.answer] == ["to_mark"] * len(lab.written)


def test_the_untouched_lab_scores_nothing_and_says_what_is_missing(graded):
    lab, grades = graded
    grade = grades["labs"]
    assert grade.points == 0.0
    assert grade.max_points == lab.points
    assert {result.status for result in grade.results} == {"missing"} | ({"to_mark"} if lab.written else set())
    assert not any(result.repairs for result in grade.results)
    assert [result.answer for result in grade.results if result.status == "to_mark"] == [()] * len(lab.written)
