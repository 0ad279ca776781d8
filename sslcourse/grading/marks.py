"""The marks that a person gives for written answers: kept in marks.csv, merged from files, put into grades.

A mark belongs to one student, one question and one answer. Grading again finds it again; where the answer is another
one by then, the mark stays in the file and is not given.
"""

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sslcourse.grading.results import MARKED, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.visible import visible

FILE = "marks.csv"
COLUMNS = ("student", "question", "points", "comment", "answer")
BEFORE = "before"  # a column of the marker's file: the points that were known when its page was made
MOST_SAID = 20  # of the problems in a file
_FORMULA = re.compile(
    r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]"
)  # what a spreadsheet would calculate, and what we made of it

Key = tuple[str, str]  # student, question


@dataclass(frozen=True)
class Mark:
    """Points and a comment for the answer of that digest; "" where the marker's file does not say which answer."""

    points: float
    comment: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Answer:
    """A written answer as far as a mark has to know it."""

    max_points: float
    digest: str


class BadMarks(ValueError):
    """Files of marks that cannot be taken; the message says all that is wrong, line by line."""


def key_of(grade: Grade, result: ExerciseResult) -> Key:
    """What a mark is found by."""
    return grade.id, result.id


def digest_of(result: ExerciseResult) -> str:
    """Tells one written answer from another; begins with a letter, or a spreadsheet would take it for a number."""
    parts = json.dumps([[part.kind, part.content] for part in result.answer])
    return f"a{hashlib.sha256(parts.encode()).hexdigest()[:11]}"


def with_marks(grade: Grade, marks: Mapping[Key, Mark]) -> Grade:
    """The grade with the points and comments that a person gave; an answer written anew since then is to be marked."""
    return replace(grade, results=[_marked(result, marks.get(key_of(grade, result))) for result in grade.results])


def _marked(result: ExerciseResult, mark: Mark | None) -> ExerciseResult:
    if result.status != TO_MARK or mark is None:
        return result
    if mark.answer != digest_of(result):
        said = f"It was marked ({mark.points:g} of {result.max_points:g}) and has changed since: to be marked again."
        return replace(result, message=said)
    return replace(result, status=MARKED, points=mark.points, message=mark.comment)


def not_given(marks: Mapping[Key, Mark], grades: Iterable[Grade]) -> list[str]:
    """Whose marks have no question to go to in these grades: the ids, as they stand in the file."""
    asked = {key_of(grade, result) for grade in grades for result in grade.results}
    return sorted({student for student, question in marks if (student, question) not in asked})


def read_marks(out: Path) -> dict[Key, Mark]:
    """The marks kept in an out folder, none where there are none. Raises BadMarks where the file was damaged."""
    file = out / FILE
    if not file.exists():
        return {}
    rows, problems = _rows(file)
    found = {}
    for line, row in rows:
        try:
            mark = Mark(float(row["points"]), row["comment"], row["answer"])
        except (KeyError, ValueError):
            problems.append(f"line {line}: not a mark")
            continue
        found[row["student"], row["question"]] = mark
    _refuse(file, problems)
    return found


def as_csv(marks: Mapping[Key, Mark]) -> str:
    """The marks as a table; a spreadsheet reads it as UTF-8 because of its first character."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for (student, question), mark in sorted(marks.items()):
        writer.writerow(map(safe, (student, question, f"{mark.points:g}", mark.comment, mark.answer)))
    return f"\ufeff{text.getvalue()}"


def merge(
    files: Sequence[Path], answers: Mapping[Key, Answer], marks: Mapping[Key, Mark], ids: Mapping[str, str]
) -> dict[Key, Mark]:
    """The new marks of the files. Raises BadMarks, saying everything that is wrong; then none of them may be taken.

    `answers` are those there are, `marks` those that were merged before, `ids` the students' ids by whatever a file
    may call them: the id, the name, the code that stands for them on an anonymous page.
    """
    new: dict[Key, Mark] = {}
    for file in files:
        rows, problems = _rows(file)
        for line, row in rows:
            if not row["points"]:
                continue
            key, mark, problem = _read_row(row, answers, ids)
            if mark is not None and key in new and new[key] != mark:
                problem = f"marked twice, with {new[key].points:g} and with {mark.points:g} points"
            elif mark is not None:
                problem = _overwritten(row.get(BEFORE), mark, marks.get(key))
                new[key] = mark
            if problem:
                problems.append(f"line {line}, {' '.join(key) or 'no student'}: {problem}")
        _refuse(file, problems)
    return new


def _read_row(
    row: Mapping[str, str], answers: Mapping[Key, Answer], ids: Mapping[str, str]
) -> tuple[Key, Mark | None, str]:
    """Which answer a row marks, the mark, and what is wrong with it."""
    student = ids.get(row["student"], row["student"])
    key = student, row["question"]
    answer = answers.get(key)
    if answer is None:
        if all(student != known for known, _ in answers):
            return key, None, "nobody of that name handed in a notebook in this run"
        questions = sorted(question for known, question in answers if known == student)
        return key, None, f"there is no such question; there are {', '.join(questions)}"
    points = _number(row["points"])
    if points is None:
        return key, None, f"{row['points']!r} is not a number of points"
    if not 0 <= points <= answer.max_points:
        return key, None, f"{points:g} points, but the question has 0 to {answer.max_points:g}"
    digest = row.get("answer", "")
    if digest and digest != answer.digest:
        return (
            key,
            None,
            (
                "the answer has changed since it was marked (graded again from another file). Make the page again and"
                " mark this answer there, or take the line out"
            ),
        )
    comment = visible(row.get("comment", "").replace("\r\n", "\n").replace("\r", "\n"))
    return key, Mark(points, comment, answer.digest), ""


def _overwritten(before: str | None, mark: Mark, merged: Mark | None) -> str:
    """What is wrong where a mark would replace one that its marker has not seen."""
    if before is None or merged is None or merged.answer != mark.answer or merged.points == mark.points:
        return ""
    if _number(before) == merged.points:
        return ""
    return (
        f"has been given {merged.points:g} points by another file since this page was made, here {mark.points:g}. Agree"
        " on one, and take the line out or make the page again"
    )


def _rows(file: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """The rows of a table as a spreadsheet writes it, with the numbers of their lines; and what is wrong with it.

    Raises BadMarks for what is no such table at all.
    """
    try:
        content = file.read_bytes()
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise BadMarks(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadMarks(f'{file} is not UTF-8: save it as "CSV UTF-8" (in Excel: File, Save As)') from None
    if text[:4].lower() == "sep=":  # Excel's own first line
        text = text.partition("\n")[2]
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in COLUMNS[:3] if name not in header]:
            found = ", ".join(name for name in header if name)[:200] or "nothing"
            raise BadMarks(f"{file} has no column {' and no column '.join(missing)}; its first line says: {found}")
        rows, problems = [], []
        for cells in reader:
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                problems.append(f"line {reader.line_num}: more cells than columns")
            elif any(cell.strip() for cell in cells):
                filled = [*map(plain, cells), *[""] * len(header)]
                row = dict(zip(header, filled))
                row |= {name: row[name].strip() for name in row if name not in ("student", "comment")}
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise BadMarks(f"{file} is not a table: {error}") from None
    return rows, problems


def safe(cell: str) -> str:
    """The cell as text for a spreadsheet; the marker's page writes it in the same way."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """The cell without what `safe` put before it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def _number(text: str) -> float | None:
    """The number in a cell, with a point or a comma."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _refuse(file: Path, problems: Iterable[str]) -> None:
    problems = list(problems)
    if problems:
        more = [f"... and {len(problems) - MOST_SAID} more"] if len(problems) > MOST_SAID else []
        lines = "".join(f"\n  {problem}" for problem in [*problems[:MOST_SAID], *more])
        raise BadMarks(f"{file} was not taken, and nothing has changed:{lines}")
