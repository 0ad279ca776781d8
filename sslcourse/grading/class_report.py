"""A page on the class as a whole: how the points lie, which exercises were hard, which misconceptions came up."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from sslcourse.exercises import Lab
from sslcourse.exercises.task import hint_of, misconception_of
from sslcourse.files import write_atomically
from sslcourse.grading.marks import read_marks, with_marks
from sslcourse.grading.records import light, read_records
from sslcourse.grading.results import MARKED, PASSED, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.similar import handed_out, passages, similar_pairs
from sslcourse.pages import render

PAGE = "class.html"
BINS = 10
MOST_MISCONCEPTIONS = 12
MOST_PAIRS = 20


@dataclass
class LabClass:
    """What a class has in one lab: points of each hand-in, results by exercise, passages by student; without what
    would not fit into memory.
    """

    lab: str
    title: str
    points: list[float] = field(default_factory=list)
    possible: float = 0.0
    waiting: int = 0
    nothing: int = 0  # students without a notebook that could be graded
    results: dict[str, list[ExerciseResult]] = field(default_factory=lambda: defaultdict(list))
    works: dict[str, array] = field(default_factory=dict)
    base: set[int] = field(default_factory=set)  # the lab's own passages, which are nobody's

    def add(self, grade: Grade) -> None:
        """Count one hand-in."""
        if grade.problem:
            self.nothing += 1
            return
        self.points.append(grade.points)
        self.possible = max(self.possible, grade.possible)
        self.waiting += len(grade.to_mark)
        self.works[grade.student] = array("Q", passages(grade) - self.base)
        for result in light(grade).results:
            self.results[result.id].append(result)


def write_class_report(out: Path, labs: Mapping[str, Lab]) -> Path:
    """Write the page from a run's records, with the marks that there are, and return where it is."""
    marks = read_marks(out)
    classes: dict[str, LabClass] = {}
    without = 0
    for grade in (each for record in read_records(out) for each in with_marks(record.grades, marks, labs)):
        if grade.lab not in labs:
            without += 1
            continue
        if grade.lab not in classes:
            classes[grade.lab] = LabClass(grade.lab, grade.title, base=handed_out(labs[grade.lab]))
        classes[grade.lab].add(grade)
    shown = [_summary(classes[name], labs[name]) for name in labs if name in classes]
    write_atomically(out / PAGE, render("class.html", labs=shown, without=without))
    return out / PAGE


def _summary(one: LabClass, lab: Lab) -> dict:
    """What the page shows of one lab."""
    graded = {id: results for id, results in one.results.items() if id in lab.tasks}
    written = {id: results for id, results in one.results.items() if id in lab.written}
    pairs = similar_pairs(one.works)
    return {
        "title": one.title,
        "count": len(one.points),
        "nothing": one.nothing,
        "waiting": one.waiting,
        "possible": one.possible,
        "mean": mean(one.points) if one.points else 0.0,
        "median": median(one.points) if one.points else 0.0,
        "bins": _bins(one.points, one.possible),
        "exercises": sorted((_exercise(results) for results in graded.values()), key=lambda row: row["share"]),
        "written": [_written(results) for results in written.values()],
        "misconceptions": _misconceptions(graded, lab)[:MOST_MISCONCEPTIONS],
        "pairs": pairs[:MOST_PAIRS],
        "more_pairs": max(0, len(pairs) - MOST_PAIRS),
    }


def _bins(points: Sequence[float], possible: float) -> list[dict]:
    """How many hand-ins lie in each tenth of the points, and how tall their bars are."""
    counts = Counter(min(BINS - 1, int(BINS * each / possible)) for each in points) if possible else Counter()
    tallest = max(counts.values(), default=1)
    return [
        {
            "low": possible * at / BINS,
            "high": possible * (at + 1) / BINS,
            "count": counts[at],
            "height": f"{100 * counts[at] / tallest:.0f}%",
        }
        for at in range(BINS)
    ]


def _exercise(results: Sequence[ExerciseResult]) -> dict:
    """How one exercise went."""
    statuses = Counter(result.status for result in results if result.status != PASSED)
    return {
        "title": results[0].title,
        "passed": sum(result.status == PASSED for result in results),
        "count": len(results),
        "share": mean((result.points or 0.0) / result.max_points for result in results),
        "points": mean(result.points or 0.0 for result in results),
        "max_points": results[0].max_points,
        "others": statuses.most_common(),
    }


def _written(results: Sequence[ExerciseResult]) -> dict:
    """How one written question went."""
    marked = [result.points for result in results if result.status == MARKED and result.points is not None]
    return {
        "result": results[0],
        "answered": sum(bool(result.answer) for result in results),
        "count": len(results),
        "marked": len(marked),
        "mean": mean(marked) if marked else None,
        "waiting": sum(result.status == TO_MARK and bool(result.answer) for result in results),
    }


def _misconceptions(graded: Mapping[str, Sequence[ExerciseResult]], lab: Lab) -> list[dict]:
    """The listed wrong answers that came up, most often first."""
    found = []
    for id, results in graded.items():
        hints = {misconception_of(wrong): hint_of(wrong) for wrong in lab.exercises[id].wrong}
        counts = Counter(result.misconception for result in results if result.misconception)
        for name, count in counts.items():
            row = {"name": name, "hint": hints.get(name, ""), "title": results[0].title, "count": count}
            found.append(row | {"tried": len(results)})
    return sorted(found, key=lambda row: (-row["count"], row["name"]))
