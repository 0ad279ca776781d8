"""A folder of submitted notebooks in, a gradebook and a feedback page for each out.

Every submission gets a grade whatever it holds, also when the grader itself fails on it; none can change another's.
"""

import resource
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from sslcourse.exercises import LABS, Lab
from sslcourse.grading import records, sandbox, scratch, servers
from sslcourse.grading.class_report import write_class_report
from sslcourse.grading.collect import collect
from sslcourse.grading.handed_in import carried
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record, key_of
from sslcourse.grading.report import Book
from sslcourse.grading.results import Grade
from sslcourse.grading.roster import Roster
from sslcourse.grading.spoken import PAGE as SPOKEN
from sslcourse.grading.spoken import write_spoken
from sslcourse.grading.submission import Terms, failed, grade_student
from sslcourse.grading.workers import each_done


def grade_paths(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    lab: str | None = None,
    student: str | None = None,
    workers: int = 1,
    cluster: str = "",
    limits: Limits | None = None,
    unsafe: bool = False,
    in_container: bool = False,
    seed: int | None = None,
    roster: Roster | None = None,
    deadline: float | None = None,
    variants: bool = False,
    spoken: bool = False,
    progress: bool = True,
    labs: Mapping[str, Lab] | None = None,
) -> list[Grade]:
    """Grade every notebook of `paths` (files, or folders that are searched) and write everything below `out`.

    `lab` says which lab they are, where that is not to be found out; `student` is the pattern for students' names (see
    `collect`); `workers` submissions are graded side by side, or as many as the Dask cluster at the address `cluster`
    has workers. All get the same inputs, drawn from `seed`, which is secret and random unless given; with `variants`
    each student's are drawn from a seed made of that and the student's id. Everybody on the `roster` has a grade. What
    was handed in after the `deadline` (seconds since 1970) counts only where there is nothing before it. What is
    finished is written at once; after a run that was stopped, or that failed on somebody, the same call goes on, with
    its seed and with what it graded.
    Raises `sandbox.NoSandbox` where there is none and `unsafe` is not given, FileNotFoundError for a path that is not
    there, `records.FolderInUse` where another run writes, ValueError for an unknown lab, a wrong pattern, or where
    there is nothing to grade.
    """
    known = dict(labs if labs is not None else LABS)
    if lab is not None and lab not in known:
        raise ValueError(f"there is no lab {lab!r}; choose from {', '.join(known)}")
    level, given, out = sandbox.level(unsafe, in_container), [Path(path) for path in paths], Path(out)
    collected = collect(given, student, skip=out, labs=known, roster=roster)
    if not collected.students:
        reasons = "".join(f"\n  {each.path}: {each.reason}" for each in collected.listed[:10])
        raise ValueError(f"there is nothing to grade in {', '.join(map(str, given))}{reasons}")
    with records.alone_in(out):
        stopped = records.unfinished_seed(out)
        if stopped is None:
            records.forget(out)
        seed = next(each for each in (seed, stopped, secrets.randbits(62)) if each is not None)
        terms = Terms(known, lab, level, limits or Limits(), seed, variants, deadline)
        book = Book(out, terms, collected.students, collected.listed, roster)
        _grade_all(book, collected.students, workers, cluster, progress)
        write_class_report(out, known)
        (out / SPOKEN).unlink(missing_ok=True)  # of an earlier run
        if spoken:
            write_spoken(out, known)
        book.close(is_finished=True)  # the last: a run that was killed before goes on
    return book.grades


def _grade_all(book: Book, students: list[Student], count: int, cluster: str, progress: bool) -> None:
    """Grade everybody of whom nothing is written yet; then, alone, what was cut short beside others."""
    peaks = [_own_peak()]
    try:
        waiting = _without_kept(book, students)
        if progress and len(waiting) < len(students):
            print(f"Going on with the run in {book.out}: {len(students) - len(waiting)} of {len(students)} are graded.")
        processes = count if min(count, len(waiting)) > 1 else 0
        task = partial(grade_one, book.terms, not processes and not cluster)
        done = each_done(task, waiting, processes, cluster, _packed)
        for number, graded in _shown(done, len(waiting), "grading", progress):
            _add(book, number, students[number], graded, peaks)
        waiting = {number: students[number] for number in sorted(book.cut_short)}
        task = partial(grade_one, book.terms, True)
        again = each_done(task, waiting, min(processes, 1), cluster, _packed, one_by_one=True)
        for number, graded in _shown(again, len(waiting), "once more, alone", progress):
            _add(book, number, students[number], graded, peaks)
    finally:  # interrupted with Ctrl-C, what is done is written all the same
        book.close(is_finished=False)
        servers.close_idle()
        scratch.sweep()
    if progress:
        most = [max(each) >> 20 for each in zip(*peaks, _own_peak())]
        print(f"Peak memory: {_own_peak()[0] >> 20} MiB here, {most[0]} MiB in a process, {most[1]} MiB in a box.")


def grade_one(terms: Terms, is_alone: bool, student: Student) -> tuple[Record, tuple[int, int]]:
    """Grade one student on the machine that this runs on, with the best sandbox there; and `_own_peak`."""
    if not is_alone:
        torch.set_num_threads(1)
    here = replace(terms, level=terms.level if terms.level in sandbox.NO_BOX else sandbox.level())
    return Record(key_of(student, terms), *grade_student(student, here), is_alone), _own_peak()


def _own_peak() -> tuple[int, int]:
    """Bytes of memory that this process took at most, and that any box of its did."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, Box.most_memory


def _add(book: Book, number: int, student: Student, graded: Any, peaks: list[tuple[int, int]]) -> None:
    """Write what `grade_one` gave, or a row that says which exception there was in its place, or in writing it."""
    try:
        if isinstance(graded, BaseException):
            raise graded
        record, peak = graded
        peaks.append(peak)
        first = book.record(number) if number in book.cut_short else None
        book.add(number, records.better(first, record) if first else record)
    except Exception as error:  # noqa: BLE001 (one student's hand-in stops no run)
        book.add(number, Record("", [failed(student, error, book.terms)], []))


def _without_kept(book: Book, students: list[Student]) -> dict[int, Student]:
    """The students of whom nothing is written that still holds; the others are put into the book."""
    waiting = {}
    for number, student in enumerate(students):
        record = book.record(number)
        if record and record.key == key_of(student, book.terms) and not any(g.is_grader_error for g in record.grades):
            book.keep(number, record)
        else:
            waiting[number] = student
    return waiting


def _packed(student: Student) -> Student:
    """The student with the contents of the files, for a machine that does not see them."""
    return replace(student, notebooks=[carried(file) for file in student.notebooks])


def _shown(items: Iterable, count: int, title: str, progress: bool) -> Iterable:
    return tqdm(items, title, count, unit="student", disable=not (progress and count), file=sys.stdout)
