"""The marks of the two built notebooks: none for the student's as handed out, all for the solution."""

from pathlib import Path

import pytest

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.run import grade_paths

ROOT = Path(__file__).parents[2]
STEMS = sorted(file.stem for file in (ROOT / "solutions").glob("[0-9][0-9]_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("folder, share", [("labs", 0), ("solutions", 1)])
def test_the_marks_of_the_built_notebooks(stem, folder, share, tmp_path):
    boxed, _ = sandbox.available()
    notebook = ROOT / folder / f"{stem}.ipynb"
    grade = grade_paths([notebook], tmp_path, unsafe=not boxed, progress=False)[0]  # our own notebooks
    worth = LABS[stem[3:]].points
    assert (grade.points, grade.max_points) == (share * worth, worth)
