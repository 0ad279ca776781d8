"""A folder of submitted notebooks in, a gradebook and a feedback page for each out.

Every submission gets a grade whatever it holds, also when the grader itself fails on it; none can change another's.
"""

import secrets
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from sslcourse.exercises import LABS, Lab
from sslcourse.grading import sandbox
from sslcourse.grading.collect import collect
from sslcourse.grading.host import Limits
from sslcourse.grading.report import Book
from sslcourse.grading.results import CUT_SHORT, Grade
from sslcourse.grading.roster import Roster
from sslcourse.grading.submission import Terms, again_alone, grade_student


def grade_paths(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    lab: str | None = None,
    student: str | None = None,
    jobs: int = 1,
    limits: Limits | None = None,
    unsafe: bool = False,
    seed: int | None = None,
    roster: Roster | None = None,
    deadline: float | None = None,
    variants: bool = False,
    progress: bool = True,
    labs: Mapping[str, Lab] | None = None,
) -> list[Grade]:
    """Grade every notebook of `paths` (files, or folders that are searched) and write everything below `out`.

    `lab` says which lab they are, where that is not to be found out; `student` is the pattern for students' names (see
    `collect`); `jobs` submissions run side by side. All get the same inputs, drawn from `seed`, which is secret and
    random unless given; with `variants` each student's are drawn from a seed made of that and the student's id.
    Everybody on the `roster` has a grade. What was handed in after the `deadline` (seconds since 1970) counts only
    where there is nothing before it. What is finished is written at once: a run that is stopped loses nothing.
    Raises `sandbox.NoSandbox` where there is none and `unsafe` is not given, FileNotFoundError for a path that is not
    there, ValueError for an unknown lab, a wrong pattern, or where there is nothing to grade.
    """
    known = dict(labs if labs is not None else LABS)
    if lab is not None and lab not in known:
        raise ValueError(f"there is no lab {lab!r}; choose from {', '.join(known)}")
    level, given = sandbox.level(unsafe), [Path(path) for path in paths]
    collected = collect(given, student, skip=Path(out), labs=known, roster=roster)
    if not collected.students:
        reasons = "".join(f"\n  {each.path}: {each.reason}" for each in collected.listed[:10])
        raise ValueError(f"there is nothing to grade in {', '.join(map(str, given))}{reasons}")
    seed = secrets.randbits(62) if seed is None else seed
    terms = Terms(known, lab, level, limits or Limits(), seed, variants, deadline)
    students = collected.students
    book = Book(Path(out), terms, students, collected.listed, roster)

    def grade_one(number: int) -> None:
        book.add(number, *grade_student(students[number], terms))

    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        begun = [pool.submit(grade_one, number) for number in range(len(students))]
        for done in _shown(as_completed(begun), len(begun), "grading", progress):
            done.result()
        cut_short = _cut_short(book) if min(jobs, len(students)) > 1 else []
        for number in _shown(cut_short, len(cut_short), "once more, alone", progress):
            again, listed = grade_student(students[number], terms)
            book.add(number, [again_alone(*both) for both in zip(book.grades_of(number), again, strict=True)], listed)
    finally:  # interrupted with Ctrl-C, what is done is written all the same
        pool.shutdown(cancel_futures=True)
        book.close()
    return book.grades


def _shown(items: Iterable, count: int, title: str, progress: bool) -> Iterable:
    return tqdm(items, title, count, unit="student", disable=not (progress and count), file=sys.stdout)


def _cut_short(book: Book) -> list[int]:
    """The students of whom something did not come to its end, which may have been a neighbour's doing."""
    return [
        number
        for number in book.numbers
        if any(
            grade.is_grader_error or any(result.status in CUT_SHORT for result in grade.results)
            for grade in book.grades_of(number)
        )
    ]
