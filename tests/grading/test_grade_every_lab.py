"""The two notebooks of a lab that everybody has: the solution scores full marks, the untouched lab nothing."""

import pytest
from every_lab import ROOT, STEMS

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.run import grade_paths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=STEMS)
def graded(request, tmp_path_factory):
    """The lab, and the grades of its solution and of the notebook as it is handed out."""
    files = [ROOT / folder / f"{request.param}.ipynb" for folder in ("solutions", "labs")]
    options = {"workers": 2, "progress": False, "unsafe": not sandbox.available()[0]}  # our own notebooks
    grades = grade_paths(files, tmp_path_factory.mktemp("out"), **options)
    return LABS[request.param[3:]], {grade.student: grade for grade in grades}


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
