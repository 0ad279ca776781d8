"""The tables of a run as CSV: a row an exercise, a row a student, a row a file."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sslcourse.grading.collect import Listed
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.spreadsheets import MARK, as_csv

EXERCISES = (
    *("id", "student", "group", "lab", "exercise", "points", "max_points", "status", "message"),
    *("late", "handed_in", "file"),
)


def exercises(grades: Sequence[Grade]) -> str:
    """The gradebook, a row an exercise; written answers that nobody has marked have no points."""
    rows: list[Sequence[object]] = [EXERCISES]
    for grade in grades:
        who = (grade.id, grade.student, grade.who.group, grade.lab)
        came = (grade.late, moment(grade.handed_in), grade.source)
        for result in grade.results:
            points = "" if result.points is None else result.points
            rows.append((*who, result.id, points, result.max_points, result.status, told(result), *came))
        if not grade.results:
            rows.append((*who, "", "", "", "missing", grade.problem, *came))
    return MARK + as_csv(rows)


def students(grades: Sequence[Grade]) -> str:
    """A row a student: points of each lab, all together, and what is unusual."""
    labs = list(dict.fromkeys(grade.lab for grade in grades if grade.lab))
    of_labs = [f"{lab}{ending}" for lab in labs for ending in ("", "_of", "_late")]
    total = ("points", "of", "to_mark", "handed_in_as", "notes")
    rows: list[Sequence[object]] = [("id", "student", "email", "group", *of_labs, *total)]
    for own in by_student(grades):
        first, by_lab = own[0], {grade.lab: grade for grade in own}
        cells: list[object] = []
        for lab in labs:
            grade = by_lab.get(lab)
            cells += (grade.points, grade.possible, grade.late) if grade else ("", "", "")
        notes = dict.fromkeys(note for grade in own for note in (grade.problem, *grade.notes) if note)
        to_mark = sum(result.max_points for grade in own for result in grade.to_mark)
        points, possible = sum(grade.points for grade in own), sum(grade.possible for grade in own)
        who = (first.id, first.student, first.who.email, first.who.group)
        rows.append((*who, *cells, points, possible, float(to_mark), first.who.scheme, " ".join(notes)))
    return MARK + as_csv(rows)


def files(grades: Sequence[Grade], listed: Sequence[Listed]) -> str:
    """A row for every file of the hand-in folder: graded, or why not."""
    rows = [(grade.source, grade.id, grade.lab, grade.problem or "Graded.") for grade in grades if grade.source]
    rows += [(each.path, "", "", each.reason) for each in listed]
    return MARK + as_csv([("file", "id", "lab", "what became of it"), *sorted(rows)])


def by_student(grades: Iterable[Grade]) -> list[list[Grade]]:
    """The grades of each student together, in the order given."""
    found: dict[str, list[Grade]] = {}
    for grade in grades:
        found.setdefault(grade.id, []).append(grade)
    return list(found.values())


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as this machine's clock on the wall shows it; "" for 0."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds") if seconds else ""


def told(result: ExerciseResult) -> str:
    """The sentence on an exercise, with what a person should look at and what was repaired."""
    look = [f"[look by hand] {result.look}"] if result.look else []
    return " ".join([result.message, *look, *(f"[repaired] {note}" for note in result.repairs)])
