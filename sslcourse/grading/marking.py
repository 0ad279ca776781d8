"""The marker's page: every written answer of a run, question by question, with a place for points and a comment.

One file that works without a network. What is typed there is saved as a table, and `merge_files` puts it into the run's
folder.
"""

import base64
import hashlib
import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from sslcourse.exercises import Lab
from sslcourse.exercises.task import WrittenQuestion
from sslcourse.files import write_atomically
from sslcourse.grading.class_report import write_class_report
from sslcourse.grading.marks import FILE, NO_ANSWER, Key, Mark, digest_of, key_of, read_marks, read_table, to_csv
from sslcourse.grading.merging import Answer, Table, changes, merge
from sslcourse.grading.pages import Code, code_style
from sslcourse.grading.prose import to_html
from sslcourse.grading.records import alone_in, read_records, read_run
from sslcourse.grading.report import Book
from sslcourse.grading.results import TO_MARK, ExerciseResult, Grade
from sslcourse.grading.spreadsheets import MARK, as_csv, plain, read_rows
from sslcourse.grading.written import Part
from sslcourse.pages import TEMPLATES, render

PAGE = "marking.html"
CODES = "codes.csv"
SIDE = 1400  # pixels: larger pictures are made smaller, so that a class fits into one page
LARGE = 300_000  # characters of a picture that is kept as it is


def write_page(out: Path, labs: Mapping[str, Lab], *, is_anonymous: bool = False, lab: str | None = None) -> Path:
    """Write the page with all written answers of a run, or of one lab, and return where it is.

    Anonymous, each student is a code (see `read_codes`), and the codes are the order of the answers. Raises ValueError
    where `out` is not the folder of a run, or has no written question.
    """
    read_run(out)
    questions = {id: each for name in labs if lab in (None, name) for id, each in labs[name].written.items()}
    found: dict[str, list[dict[str, Any]]] = {}
    merged = read_marks(out)
    codes = read_codes(out) if is_anonymous else {}
    code = Code()
    for grade, result in written_results(out):
        if result.id in questions:
            shown = _shown(grade, result, merged.get(key_of(grade, result)), codes)
            found.setdefault(result.id, []).append(shown)
    if not found:
        of = f" of {lab}" if lab else ""
        raise ValueError(f"{out} holds no written answer{of}, not even an empty one")
    if is_anonymous:
        write_codes(out, codes)
    script = (TEMPLATES / "marking.js").read_text(encoding="utf-8")
    asked = [_question(questions[id], found[id]) for id in questions if id in found]
    page = render(
        "marking.html",
        out=str(out),
        title=f"{sum(len(each['answers']) for each in asked)} written answers",
        anonymous=is_anonymous,
        questions=asked,
        markdown=to_html,
        code=code,
        code_style=code_style(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    write_atomically(out / PAGE, page)
    return out / PAGE


def merge_files(out: Path, files: Sequence[Path], labs: Mapping[str, Lab]) -> tuple[int, list[str]]:
    """Take the marks of some files into marks.csv and write the folder again; how many marks are new, and a line for
    each that is another one now.

    Raises marks.BadMarks, with all that is wrong, before anything is changed; ValueError where `out` is not the folder
    of a run; `records.FolderInUse` while a run writes there.
    """
    return _merge(out, [(str(file), *read_table(file)) for file in files], labs)


def give(
    out: Path, student: str, question: str, points: str, reason: str, labs: Mapping[str, Lab]
) -> tuple[int, list[str]]:
    """Give one student points for a question or exercise, as `merge_files` takes them from a file with one line."""
    if not points.strip():
        raise ValueError("the points are empty: give a number, or delete the line in marks.csv to take a mark back")
    row = {"student": student, "question": question, "points": points, "comment": reason}
    return _merge(out, [("The mark", [(1, row)], [])], labs)


def _merge(out: Path, tables: Sequence[Table], labs: Mapping[str, Lab]) -> tuple[int, list[str]]:
    read_run(out)
    with alone_in(out):
        merged = read_marks(out)
        answers, ids = _class(out, labs)
        new = merge(tables, answers, merged, ids)
        write_atomically(out / FILE, to_csv({**merged, **new}))
        Book.rewrite(out, labs)
        write_class_report(out, labs)
    return sum(key not in merged for key in new), list(changes(new, merged))


def _class(out: Path, labs: Mapping[str, Lab]) -> tuple[dict[Key, Answer], dict[str, set[str]]]:
    """Every answer that a mark can be given for, of those who handed nothing in, too; and whom a word may mean."""
    answers: dict[Key, Answer] = {}
    labs_of: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for grade in (grade for record in read_records(out) for grade in record.grades):
        labs_of.setdefault(grade.id, set()).add(grade.lab)
        short = grade.id.lstrip("0") if grade.id.isdigit() else ""  # as a spreadsheet leaves it
        for name in filter(None, (grade.student, grade.who.name, short)):
            names.setdefault(name, set()).add(grade.id)
        for result in grade.results:
            is_graded = result.status != TO_MARK
            answers[key_of(grade, result)] = Answer(result.max_points, digest_of(result), is_graded)
    for lab in labs.keys() & set().union(*labs_of.values()):
        points = {task.id: (task.points, True) for task in labs[lab].tasks.values()}
        points |= {question.id: (question.points, False) for question in labs[lab].written.values()}
        for id in (id for id, own in labs_of.items() if lab not in own):
            answers |= {(id, question): Answer(most, NO_ANSWER, graded) for question, (most, graded) in points.items()}
    names |= {code: {id} for id, code in read_codes(out).items()} | {id: {id} for id in labs_of}
    return answers, names


def written_results(out: Path) -> Iterator[tuple[Grade, ExerciseResult]]:
    """Each written answer of a run, with the grade that it belongs to, as the grading left it."""
    for record in read_records(out):
        for grade in record.grades:
            yield from ((grade, result) for result in grade.results if result.status == TO_MARK)


def read_codes(out: Path) -> dict[str, str]:
    """The code that stands for each student on anonymous pages of this folder; new students get new ones."""
    file = out / CODES
    rows = [cells for _, cells in read_rows(file)][1:] if file.exists() else []
    known = {plain(cells[0]): cells[1] for cells in rows if len(cells) == 2}
    for student in sorted({grade.id for grade, _ in written_results(out)} - set(known)):
        known[student] = _new_code(set(known.values()))
    return known


def write_codes(out: Path, codes: Mapping[str, str]) -> None:
    """Keep the codes, for whoever has to look one up."""
    write_atomically(out / CODES, MARK + as_csv([("student", "code"), *sorted(codes.items())]))


def _new_code(taken: set[str]) -> str:
    # Random, as a digest of the name could be tried out; letters first, or a spreadsheet would read a number.
    while (code := "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(5))) in taken:
        pass
    return code


def _question(question: WrittenQuestion, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    in_order = sorted(answers, key=lambda answer: answer["name"].casefold())
    return {
        "id": question.id,
        "anchor": question.id.replace(".", "-"),
        "question": question.question,
        "points": question.points,
        "rubric": question.rubric,
        "model_answer": question.model_answer,
        "answers": [answer for answer in in_order if answer["parts"]],
        "blank": [answer for answer in in_order if not answer["parts"]],
    }


def _shown(grade: Grade, result: ExerciseResult, mark: Mark | None, codes: Mapping[str, str]) -> dict[str, Any]:
    """An answer as the page shows it, with the mark that it has."""
    digest = digest_of(result)
    is_current = mark is not None and mark.answer == digest
    return {
        "student": codes.get(grade.id, grade.id),
        "name": codes.get(grade.id, grade.student),
        "page": "",
        "digest": digest,
        "parts": [_small(part) for part in result.answer],
        "points": f"{mark.points:g}" if mark and is_current else "",
        "comment": mark.comment if mark and is_current else "",
        "note": "" if mark is None or is_current else _earlier(mark),
    }


def _earlier(mark: Mark) -> str:
    comment = f" Comment: {mark.comment}" if mark.comment else ""
    return f"The answer has changed since it was marked. It had {mark.points:g} points.{comment}"


def _small(part: Part) -> Part:
    """The part, its picture made smaller where it is large."""
    if part.kind != "picture" or len(part.content) <= LARGE:
        return part
    kind, _, encoded = part.content.partition(",")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        picture.thumbnail((SIDE, SIDE))
        packed = io.BytesIO()
        picture.convert("RGB").save(packed, "JPEG", quality=85)
    return replace(part, content=f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}")
