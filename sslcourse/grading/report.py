"""Write what was graded: grades.csv, a page for each submission, a gradebook page and Gradescope's results.json.

Everything is written to a temporary name first, so that a reader never sees half a file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

from sslcourse.files import write_atomically
from sslcourse.grading import pages
from sslcourse.grading.results import PASSED, TO_MARK, ExerciseResult, Grade

COLUMNS = ("student", "lab", "exercise", "points", "max_points", "status", "message")


def write_all(grades: Sequence[Grade], out: Path) -> None:
    """Write every file below `out` (made if need be) and set each grade's `page`."""
    for folder in (out / "feedback", out / "gradescope"):
        folder.mkdir(parents=True, exist_ok=True)
    for grade, name in zip(grades, file_names(grades)):
        grade.page = out / "feedback" / f"{name}.html"
        write_atomically(grade.page, pages.feedback(grade))
        write_atomically(out / "gradescope" / f"{name}.json", _json(gradescope(grade)))
    if len(grades) == 1:
        write_atomically(out / "results.json", _json(gradescope(grades[0])))
    else:
        (out / "results.json").unlink(missing_ok=True)  # of an earlier run, and now of nobody in particular
    write_atomically(out / "grades.csv", table(grades))
    write_atomically(out / "index.html", pages.gradebook(grades))


def table(grades: Sequence[Grade]) -> str:
    """The gradebook as CSV: one row an exercise, written answers without points."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for grade in grades:
        for result in grade.results:
            points = "" if result.points is None else f"{result.points:g}"
            message = _with_repairs(result)
            row = (grade.student, grade.lab, result.id, points, f"{result.max_points:g}", result.status, message)
            writer.writerow([_no_formula(cell) for cell in row])
        if not grade.results:
            writer.writerow(
                [_no_formula(cell) for cell in (grade.student, grade.lab, "", "", "", "missing", grade.problem)]
            )
    return text.getvalue()


def gradescope(grade: Grade) -> dict:
    """One submission in the form that Gradescope's autograder hands back."""
    tests = []
    for number, result in enumerate(grade.results, start=1):
        test: dict[str, object] = {
            "number": str(number),
            "name": result.id,
            "output": _with_repairs(result),
            "visibility": "visible",
        }
        if result.status != TO_MARK:  # written answers are marked in Gradescope itself
            status = "passed" if result.status == PASSED else "failed"
            test |= {"score": result.points, "max_score": result.max_points, "status": status}
        tests.append(test)
    lines = [grade.problem, *grade.repairs, f"Graded in: {grade.level}."]
    return {
        "score": grade.points,
        "execution_time": round(grade.seconds, 1),
        "output": "\n".join(line for line in lines if line),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def file_names(grades: Sequence[Grade]) -> list[str]:
    """A safe file name for each student, all different on any file system."""
    names: list[str] = []
    for grade in grades:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", grade.student).strip("._")[:80] or "student"
        name, count = stem, 1
        while name.lower() in (earlier.lower() for earlier in names):
            count += 1
            name = f"{stem}-{count}"
        names.append(name)
    return names


def _with_repairs(result: ExerciseResult) -> str:
    return " ".join([result.message, *(f"[repaired] {note}" for note in result.repairs)])


def _no_formula(cell: str) -> str:
    # A spreadsheet would run a cell that begins like a formula, and students choose their file names.
    text = cell.replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _json(value: dict) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"
