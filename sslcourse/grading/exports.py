"""What other systems take: Gradescope's results, and the tables that Canvas and Moodle import.

Points are those known so far; the most that a lab is worth counts its written answers, too, so that it stays the same
when they are marked. Students without a hand-in, and without marks of a person, have an empty cell; hand-ins that are
not on the roster are left out where there is one.
"""

from collections.abc import Mapping, Sequence

from sslcourse.grading import tables
from sslcourse.grading.collect import Listed
from sslcourse.grading.results import BY_HAND, MARKED, PASSED, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.roster import Person, Roster
from sslcourse.grading.spreadsheets import MARK, as_csv
from sslcourse.grading.tables import by_student, told

# As Canvas's importer wants its first columns (lib/gradebook_importer.rb), and Moodle's its worksheet
# (mod/assign/feedback/offline/importgradeslib.php).
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = (
    *("Identifier", "Full name", "ID number", "Email address", "Grade", "Maximum Grade", "Last modified (grade)"),
    "Feedback comments",
)


def all_tables(grades: Sequence[Grade], listed: Sequence[Listed], roster: Roster | None) -> dict[str, str]:
    """Every table of a run, by its path below the out folder."""
    people = {person.id: person for person in roster.people} if roster else {}
    found = {"grades.csv": tables.exercises(grades), "students.csv": tables.students(grades)}
    found |= {"files.csv": tables.files(grades, listed), "exports/canvas.csv": canvas(grades, people)}
    labs = dict.fromkeys(grade.lab for grade in grades if grade.lab)
    return found | {f"exports/moodle-{lab}.csv": moodle(grades, lab) for lab in labs}


def gradescope(grade: Grade) -> dict:
    """One submission in the form that Gradescope's autograder hands back."""
    tests = []
    for number, result in enumerate(grade.results, start=1):
        test: dict[str, object] = {
            "number": str(number),
            "name": result.id,
            "output": told(result),
            "visibility": "visible",
        }
        if result.points is not None:  # a written answer that nobody has marked yet can be marked in Gradescope
            test |= {"score": result.points, "max_score": result.max_points}
        if result.status not in (TO_MARK, MARKED, BY_HAND):
            test["status"] = "passed" if result.status == PASSED else "failed"
        tests.append(test)
    lines = [grade.problem, *grade.notes, *grade.repairs, f"Graded in: {grade.level}."]
    return {
        "score": grade.points,
        "output": "\n".join(line for line in lines if line),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def canvas(grades: Sequence[Grade], people: Mapping[str, Person]) -> str:
    """Canvas's gradebook: a row a student, a column a lab. `people` are those of the roster by id.

    A roster that Canvas exported gives back all columns by which Canvas knows a student.
    """
    labs = {grade.lab: grade for grade in grades if grade.lab and grade.results}
    titles = [grade.title or lab for lab, grade in labs.items()]
    most = [f"{grade.possible:g}" for grade in labs.values()]
    rows: list[Sequence[object]] = [(*CANVAS, *titles), ("    Points Possible", "", "", "", "", *most)]
    for own in by_student(grade for grade in grades if grade.who.is_expected):
        who, by_lab = own[0].who, {grade.lab: grade for grade in own}
        row = people[who.id].row if who.id in people else {}
        number = who.number if who.scheme == "Canvas" else ""
        known = [who.name or own[0].student, number, own[0].id if own[0].id != number else "", "", who.group]
        if "SIS User ID" in row or "SIS Login ID" in row:
            known = [row.get(name, "") for name in CANVAS]
        rows.append((*known, *(_points(by_lab.get(lab)) for lab in labs)))
    return as_csv(rows)


def moodle(grades: Sequence[Grade], lab: str) -> str:
    """Moodle's grading worksheet of one lab, which its gradebook imports, too (by e-mail address or id number)."""
    rows: list[Sequence[object]] = [MOODLE]
    for grade in grades:
        if grade.lab == lab and grade.who.is_expected:
            who, comment = grade.who, "; ".join(map(_short, grade.results)) if grade.counts else grade.problem
            participant = f"Participant {who.number}" if who.scheme == "Moodle" else ""
            points = (_points(grade), f"{grade.possible:g}", "")
            rows.append((participant, who.name or grade.student, grade.id, who.email, *points, comment))
    return MARK + as_csv(rows)


def _points(grade: Grade | None) -> str:
    return f"{grade.points:g}" if grade and grade.counts else ""


def _short(result: ExerciseResult) -> str:
    points = "to be marked" if result.points is None else f"{result.points:g} of {result.max_points:g}"
    comment = f" ({result.message})" if result.status in (MARKED, BY_HAND) and result.message else ""
    return f"{result.id.split('.', 1)[-1]}: {points}{comment}"
