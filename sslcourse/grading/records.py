"""What was graded, a file for each student, written when it is done: a run that was killed goes on from there."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sslcourse import __version__
from sslcourse.files import write_atomically
from sslcourse.grading import leftovers
from sslcourse.grading.as_json import from_plain, to_plain
from sslcourse.grading.cells import MAX_FILE
from sslcourse.grading.collect import Listed
from sslcourse.grading.handed_in import HandedIn
from sslcourse.grading.owners import Student
from sslcourse.grading.results import CUT_SHORT, ExerciseResult, Grade
from sslcourse.grading.roster import Person, Roster, Who
from sslcourse.grading.submission import Terms

FOLDER = "records"
CLASS = "class.json"


class FolderInUse(OSError):
    """Another run writes to this folder."""


@dataclass(frozen=True)
class Record:
    """What one student has: a grade for each lab, and the files that do not count.

    `key` stands for the terms and the contents of the files, `was_alone` says that nothing was graded beside it.
    """

    key: str
    grades: list[Grade]
    listed: list[Listed]
    was_alone: bool = False

    @property
    def is_cut_short(self) -> bool:
        """Whether something did not come to its end, which may have been a neighbour's doing."""
        return not self.was_alone and any(
            grade.is_grader_error or any(result.status in CUT_SHORT for result in grade.results)
            for grade in self.grades
        )


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Hold the lock of a folder, which the system frees when the process dies, and clear away half-written files.

    Raises FolderInUse when another run has it.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / leftovers.LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderInUse(f"another run is grading into {out}; wait for it, or choose another folder") from None
    except NotImplementedError:
        print(f"{out} is on a file system without locks: do not start a second run there.")
    try:
        for half in leftovers.half_written(out):
            half.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def unfinished_seed(out: Path) -> int | None:
    """The seed of a run to go on with: one that was stopped before its end, or in which the grader itself failed.

    A finished run's seed is not used again: its pages show inputs, and who has seen them could hand in answers to them.
    """
    run = leftovers.run_of(out)
    return run.get("seed") if run.get("is_finished") is False or run.get("failed") else None


def forget(out: Path) -> None:
    """Remove the records of a run that has ended, if this is such a run's folder."""
    if leftovers.is_run(out):
        for file in (out / FOLDER).glob("*.json"):
            file.unlink()


def write_class(out: Path, students: Sequence[Student], roster: Roster | None) -> None:
    """Keep who the students of a run are, and the roster: what its folder is written again from, beside the records."""
    people = None if roster is None else to_plain(roster.people)
    named = [{"name": student.name, "who": to_plain(student.who)} for student in students]
    write_atomically(out / CLASS, json.dumps({"students": named, "roster": people}) + "\n")


def read_class(out: Path) -> tuple[list[Student], Roster | None]:
    """What `write_class` kept. Raises ValueError where it did not, or another version did."""
    try:
        kept = json.loads((out / CLASS).read_text(encoding="utf-8"))
        students = [Student(each["name"], who=from_plain(Who, each["who"])) for each in kept["students"]]
        people = kept["roster"]
        return students, None if people is None else Roster(from_plain(list[Person], people))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{out / CLASS} is missing, damaged or of another version; grade the folder again") from None


def key_of(student: Student, terms: Terms) -> str:
    """What a student's record stands for: the files as they are now, graded on these terms."""
    files = [(file.path, file.problem, file.modified, file.is_late, _digest(file)) for file in student.notebooks]
    others = [file.path for file in student.others]
    whose = [student.name, to_plain(student.who), student.notes]
    told = json.dumps([__version__, to_plain(terms), terms.labs_digest, whose, files, others])
    return hashlib.sha256(told.encode()).hexdigest()


def _digest(file: HandedIn) -> str:
    if file.problem:
        return ""
    try:
        with file.open() as opened:
            return hashlib.sha256(opened.read(MAX_FILE + 1)).hexdigest()  # a longer one is not read either
    except OSError as error:
        return str(error)


def write_record(path: Path, record: Record) -> None:
    """Write a record, without what depends on the clock; on disk when this returns."""
    plain = replace(record, grades=[replace(grade, page=None, seconds=0.0) for grade in record.grades])
    write_atomically(path, json.dumps(to_plain(plain)) + "\n")


def read_record(path: Path) -> Record | None:
    """The record in a file, or None where there is none, or none that can be read."""
    try:
        return from_plain(Record, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_records(out: Path) -> Iterator[Record]:
    """All records below `out`, one at a time: the pictures of a whole class would not fit into memory.

    Raises ValueError, naming the file, for one that cannot be read.
    """
    for path in sorted((out / FOLDER).glob("*.json")):
        record = read_record(path)
        if record is None:
            raise ValueError(f"{path} is damaged, or of another version; grade the folder again")
        yield record


def read_run(out: Path) -> dict[str, Any]:
    """How the run was made that wrote the folder `out`. Raises ValueError where none did, or another version."""
    run = leftovers.run_of(out)
    if not run:
        raise ValueError(f"{out} is not what `sslcourse grade --out` wrote: it has no {leftovers.RUN} that can be read")
    if not {"seed", "variants", "deadline", "listed", "is_finished", "removed", "left"} <= set(run):
        raise ValueError(f"{out} was written by another version; grade the folder again")
    return run


def better(first: Record, again: Record) -> Record:
    """The record, with what was cut short beside other submissions replaced by what it gave alone."""
    if len(first.grades) != len(again.grades):  # the grader itself had failed
        return again
    return replace(again, grades=[_better(*both) for both in zip(first.grades, again.grades)])


def _better(first: Grade, again: Grade) -> Grade:
    if first.is_grader_error:
        return again
    note = "It was stopped while other submissions were graded beside it, so it was graded once more, alone."
    alone = {result.id: replace(result, repairs=(*result.repairs, note)) for result in again.results}
    results = [alone.get(each.id, each) if each.status in CUT_SHORT else each for each in first.results]
    return replace(first, results=results)


def light(grade: Grade) -> Grade:
    """The grade as the tables need it: code, output, cases and pictures of a whole class would not fit into memory."""
    return replace(grade, results=[_light(result) for result in grade.results], findings=[])


def _light(result: ExerciseResult) -> ExerciseResult:
    answer = tuple(replace(part, content="") for part in result.answer[:1])
    return replace(result, code=None, output="", cases=(), hint=None, rubric=(), answer=answer)
