"""The marks that a person gives, for written answers and in place of the grader's: kept in marks.csv, put into grades.

A mark belongs to one student, one question or exercise, and one answer. Grading again finds it again; where the answer
is another one by then, the mark stays in the file and is not given.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sslcourse.exercises import Lab
from sslcourse.grading.results import BY_HAND, MARKED, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.spreadsheets import MARK, as_csv, plain, read_rows
from sslcourse.grading.submission import of_lab, with_labs

FILE = "marks.csv"
COLUMNS = ("student", "question", "points", "comment", "answer")

Key = tuple[str, str]  # student, question or exercise


@dataclass(frozen=True)
class Mark:
    """Points and a comment for the answer of that digest; "" where the marker's file does not say which answer."""

    points: float
    comment: str = ""
    answer: str = ""


class BadMarks(ValueError):
    """Marks that cannot be taken; the message says all that is wrong, line by line."""


def key_of(grade: Grade, result: ExerciseResult) -> Key:
    """What a mark is found by."""
    return grade.id, result.id


def digest_of(result: ExerciseResult) -> str:
    """Tells one answer from another; begins with a letter, or a spreadsheet would take it for a number."""
    parts = [[part.kind, part.content] for part in result.answer]
    return _digest(parts if result.code is None else [*parts, ["graded", result.code]])


def _digest(parts: list) -> str:
    return f"a{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:11]}"


NO_ANSWER = _digest([])


def with_marks(grades: Iterable[Grade], marks: Mapping[Key, Mark], labs: Mapping[str, Lab]) -> list[Grade]:
    """A student's grades with the points and comments that a person gave, also for labs of which nothing was handed in
    when they were given; an answer written anew since then keeps what the grader gave, or is to be marked.
    """
    given, found = list(grades), list[Grade]()
    for id in dict.fromkeys(grade.id for grade in given):
        own = [grade for grade in given if grade.id == id]
        for_nothing = [key for key, mark in marks.items() if key[0] == id and mark.answer == NO_ANSWER]
        marked = {question.partition(".")[0] for _, question in for_nothing}
        missing = [lab for lab in labs if lab in marked - {grade.lab for grade in own}]
        if len(missing) == 1 and own[0].source and not own[0].lab:  # a file that nobody could read but the marker
            own[0] = of_lab(own[0], missing[0], labs)
        found += with_labs(own, missing, labs)
    return [
        replace(grade, results=[_marked(result, marks.get(key_of(grade, result))) for result in grade.results])
        for grade in found
    ]


def _marked(result: ExerciseResult, mark: Mark | None) -> ExerciseResult:
    if mark is None:
        return result
    is_same, is_written = mark.answer == digest_of(result), result.status == TO_MARK
    if is_same and is_written:
        return replace(result, status=MARKED, points=mark.points, message=mark.comment)
    if is_same:
        said = f"Your teacher gave {mark.points:g} points here, and the grader {result.points:g}. {mark.comment}"
        return replace(result, status=BY_HAND, points=mark.points, message=said, look="", hint=None, misconception=None)
    if is_written:
        said = f"It was marked ({mark.points:g} of {result.max_points:g}) and has changed since: to be marked again."
        return replace(result, message=said)
    said = f"A person had given {mark.points:g} points; the answer has changed since, so the grader's points count."
    return replace(result, look=f"{said} {result.look}".rstrip())


def not_given(marks: Mapping[Key, Mark], grades: Iterable[Grade]) -> list[str]:
    """Whose marks have no question to go to in these grades: the ids, as they stand in the file."""
    asked = {key_of(grade, result) for grade in grades for result in grade.results}
    return sorted({student for student, question in marks if (student, question) not in asked})


def read_marks(out: Path) -> dict[Key, Mark]:
    """The marks kept in an out folder, none where there are none. Raises BadMarks where the file was damaged."""
    file = out / FILE
    if not file.exists():
        return {}
    rows, problems = read_table(file)
    found = {}
    for line, row in rows:
        try:
            mark = Mark(float(row["points"]), row["comment"], row["answer"])
        except (KeyError, ValueError):
            problems.append(f"line {line}: not a mark")
            continue
        found[row["student"], row["question"]] = mark
    if problems:
        raise BadMarks(f"{file} is damaged: {'; '.join(problems)}")
    return found


def to_csv(marks: Mapping[Key, Mark]) -> str:
    """The marks as a table."""
    rows = [(*key, f"{mark.points:g}", mark.comment, mark.answer) for key, mark in sorted(marks.items())]
    return MARK + as_csv([COLUMNS, *rows], keeps_lines=True)


def read_table(file: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """The rows of a table of marks with the numbers of their lines, by the names of the columns; and what is wrong with
    it. Raises BadMarks for what is no such table at all.
    """
    try:
        (_, first), *rest = read_rows(file) or [(1, [])]
    except ValueError as error:
        raise BadMarks(str(error)) from None
    header = [name.strip().lower() for name in first]
    if missing := [name for name in COLUMNS[:3] if name not in header]:
        found = ", ".join(name for name in header if name)[:200] or "nothing"
        raise BadMarks(f"{file} has no column {' and no column '.join(missing)}; its first line says: {found}")
    rows, problems = [], []
    for line, cells in rest:
        if any(cell.strip() for cell in cells[len(header) :]):
            problems.append(f"line {line}: more cells than columns")
            continue
        row = dict(zip(header, [*map(plain, cells), *[""] * len(header)]))
        row |= {name: row[name].strip() for name in row if name not in ("student", "comment")}
        rows.append((line, row))
    return rows, problems
