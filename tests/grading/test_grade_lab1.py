"""The two notebooks that everybody has: the solution scores full marks, the untouched lab nothing."""

from pathlib import Path

import pytest

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.run import grade_paths

ROOT = Path(__file__).parents[2]
SOLVED, UNTOUCHED = ROOT / "solutions/01_contrastive.ipynb", ROOT / "labs/01_contrastive.ipynb"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    if not sandbox.available()[0]:
        pytest.skip(f"no sandbox: {sandbox.available()[1]}")
    if not (SOLVED.exists() and UNTOUCHED.exists()):
        pytest.skip("the lab is not built: run `sslcourse build`")
    grades = grade_paths([SOLVED, UNTOUCHED], tmp_path_factory.mktemp("out"), jobs=2, progress=False)
    return {grade.student: grade for grade in grades}


def test_the_solution_scores_full_marks_without_repair(graded):
    grade = graded["solutions"]
    assert grade.points == grade.max_points == LABS["contrastive"].points
    assert not grade.repairs
    assert not any(result.repairs for result in grade.results)
    assert [result.status for result in grade.results if result.answer] == ["to_mark"]


def test_the_untouched_lab_scores_nothing_and_says_what_is_missing(graded):
    grade = graded["labs"]
    assert grade.points == 0.0
    assert grade.max_points == LABS["contrastive"].points
    assert {result.status for result in grade.results} == {"missing", "to_mark"}
    assert not any(result.repairs for result in grade.results)
    assert [result.answer for result in grade.results if result.status == "to_mark"] == [()]
