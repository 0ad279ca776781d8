"""Write what was graded: grades.csv, a page for each submission, a gradebook page, Gradescope's results.json, run.json.

Everything is written to a temporary name first, so that a reader never sees half a file.
"""

import csv
import hashlib
import io
import json
import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sslcourse import __version__
from sslcourse.files import write_atomically
from sslcourse.grading import pages, sandbox
from sslcourse.grading.collect import Listed
from sslcourse.grading.owners import Student
from sslcourse.grading.results import PASSED, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.submission import Terms
from sslcourse.grading.visible import cleaned, one_line, printed

SECONDS_BETWEEN_TABLES = 10.0
_FORMULA = re.compile(r"(?:^|(?<=;))(?=\s*[=+\-@\t\uff1d\uff0b\uff0d\uff20])")

_MADE = re.compile(r"--|-[0-9a-f]{16}$")  # what `file_name` adds: a student's own name must not look like it

COLUMNS = ("student", "lab", "exercise", "points", "max_points", "status", "message")


class Book:
    """Everything that a run writes below `out`: each student's files when they are done, the tables now and then.

    Nothing in it depends on the clock but times.json, so that the same seed gives the same files. Students are numbered
    in the order of their names; several may be added at a time.
    """

    def __init__(self, out: Path, terms: Terms, students: Sequence[Student], listed: Sequence[Listed]):
        self.out, self.terms = out, terms
        self._stems = Counter(_stem(student.name).casefold() for student in students)
        self._students = [student.name for student in students]
        self._listed = list(listed)
        self._done: dict[int, tuple[list[Grade], list[Listed]]] = {}
        self._lock, self._began, self._written = threading.Lock(), time.time(), 0.0
        for folder in (out / "feedback", out / "gradescope"):
            folder.mkdir(parents=True, exist_ok=True)
        (out / "results.json").unlink(missing_ok=True)  # of an earlier run, and now of nobody in particular
        self._write_tables()  # the seed above all

    def add(self, number: int, grades: Sequence[Grade], listed: Sequence[Listed]) -> None:
        """Write what one student has; what was written for this number before is replaced."""
        cleaned = [presentable(grade) for grade in grades]
        own = self._students[number]
        with self._lock:
            self._done[number] = cleaned, list(listed)
            for grade in cleaned:
                several = [each.student for each in grades].count(grade.student) > 1  # labs
                is_unique = self._stems[_stem(grade.student).casefold()] == 1 and grade.student == own
                name = file_name(grade.student, grade.lab if several else "", is_unique)
                grade.page = self.out / "feedback" / f"{name}.html"
                write_atomically(grade.page, pages.feedback(grade))
                write_atomically(self.out / "gradescope" / f"{name}.json", _json(gradescope(grade)))
                grade.results = [_without_pictures(result) for result in grade.results]
            if time.monotonic() - self._written > SECONDS_BETWEEN_TABLES:
                self._write_tables()

    @property
    def numbers(self) -> list[int]:
        """The students that are done."""
        return sorted(self._done)

    def grades_of(self, number: int) -> list[Grade]:
        """What one student has."""
        return self._done[number][0]

    @property
    def grades(self) -> list[Grade]:
        """Everything that is done, in the order of the students."""
        return [grade for number in self.numbers for grade in self._done[number][0]]

    @property
    def listed(self) -> list[Listed]:
        """The files that were not graded, with the reasons."""
        return sorted(self._listed + [each for _, more in self._done.values() for each in more], key=lambda x: x.path)

    def close(self) -> None:
        """Write the tables of what is there."""
        with self._lock:
            if len(self.grades) == 1:
                write_atomically(self.out / "results.json", _json(gradescope(self.grades[0])))
            self._write_tables()

    def _write_tables(self) -> None:
        grades, listed = self.grades, self.listed
        write_atomically(self.out / "grades.csv", table(grades))
        write_atomically(self.out / "index.html", pages.gradebook(grades, listed))
        write_atomically(self.out / "run.json", _json(_record(self.terms, grades, listed)))
        times = {grade.student: round(grade.seconds, 2) for grade in grades}
        write_atomically(self.out / "times.json", _json({"began": self._began, "seconds": times}))
        self._written = time.monotonic()


def presentable(grade: Grade) -> Grade:
    """The grade with all text of the student harmless wherever it is shown."""
    results = [replace(result, output=printed(result.output)) for result in grade.results]
    return cleaned(replace(grade, results=results, student=one_line(grade.student)))


def _without_pictures(result: ExerciseResult) -> ExerciseResult:
    """The result as it is kept: the pictures of a whole class would not fit into memory."""
    return replace(result, answer=tuple(replace(p, content="") if p.kind == "picture" else p for p in result.answer))


def _record(terms: Terms, grades: Sequence[Grade], listed: Sequence[Listed]) -> dict:
    """How the run was made: what it takes to repeat it, and which file counts for whom."""
    return {
        "seed": terms.seed,
        "sandbox": sandbox.SENTENCES[terms.level],
        "limits": asdict(terms.limits),
        "version": __version__,
        "graded": [{"student": each.student, "lab": each.lab, "file": each.source} for each in grades],
        "listed": [asdict(each) for each in listed],
    }


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
    lines = [grade.problem, *grade.notes, *grade.repairs, f"Graded in: {grade.level}."]
    return {
        "score": grade.points,
        "output": "\n".join(line for line in lines if line),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def file_name(name: str, lab: str = "", is_unique: bool = True) -> str:
    """A name for a student's files that any file system takes, and that nobody can choose to share with another.

    `is_unique` says that it is a student's name, and that no other student's gives the same without what file systems
    do not take. `lab` is for one who handed in several.

    >>> file_name("Ada Lovelace"), file_name("Ada Lovelace", "toy"), file_name("a/b", is_unique=False)
    ('Ada_Lovelace', 'Ada_Lovelace--toy', 'a_b-c14cddc033f64b9d')
    """
    stem = _stem(name)
    if not is_unique or _MADE.search(stem):
        stem = f"{stem}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return f"{stem}--{lab}" if lab else stem


def _stem(name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFKC", name)).strip("._")
    return plain.encode()[:120].decode("utf-8", "ignore") or "student"


def _with_repairs(result: ExerciseResult) -> str:
    look = [f"[look by hand] {result.look}"] if result.look else []
    return " ".join([result.message, *look, *(f"[repaired] {note}" for note in result.repairs)])


def _no_formula(cell: str) -> str:
    # A spreadsheet would run a cell that begins like a formula, and students choose their file names. In half of the
    # world it takes a semicolon for the end of a cell.
    return _FORMULA.sub("'", cell.replace("\r", " ").replace("\n", " "))


def _json(value: dict) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"
