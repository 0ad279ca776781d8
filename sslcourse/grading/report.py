"""Write what was graded: tables, a page for each submission, a gradebook page, Gradescope's results.json, run.json.

Everything is written to a temporary name first, so that a reader never sees half a file. The marks of a person
(marks.csv) go into all of it; the records stay as the grading left them.
"""

import hashlib
import json
import math
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from sslcourse import __version__
from sslcourse.exercises import Lab
from sslcourse.files import write_atomically
from sslcourse.grading import exports, leftovers, pages, records, sandbox
from sslcourse.grading.collect import Listed
from sslcourse.grading.host import Limits
from sslcourse.grading.marks import read_marks, with_marks
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record, light, read_record, write_record
from sslcourse.grading.results import Grade
from sslcourse.grading.roster import Roster
from sslcourse.grading.submission import Terms, settled
from sslcourse.grading.tables import moment
from sslcourse.grading.visible import cleaned, one_line, printed

SECONDS_BETWEEN_TABLES = 10.0
_MADE = re.compile(r"--|-[0-9a-f]{16}$")  # what `file_name` adds: a student's own name must not look like it


class Book:
    """Everything that a run writes below `out`: each student's files when they are done, the tables now and then.

    Nothing in it depends on the clock but times.json, so that the same seed gives the same files. Students are numbered
    in the order of their names. In memory is only what the tables show. `is_again`: the run is over, and its folder is
    written again (see `rewrite`).
    """

    def __init__(
        self,
        out: Path,
        terms: Terms,
        students: Sequence[Student],
        listed: Sequence[Listed],
        roster: Roster | None = None,
        is_again: bool = False,
    ):
        self.out, self.terms, self.roster, self._is_again = out, terms, roster, is_again
        self._marks = read_marks(out)
        self._stems = Counter(_stem(student.id).casefold() for student in students)
        self._students = [student.id for student in students]
        self._listed = list(listed)
        self._done: dict[int, tuple[list[Grade], list[Listed]]] = {}
        self.cut_short: set[int] = set()  # numbers of students
        self._began, self._due = time.time(), 0.0
        if is_again:
            self._due = math.inf  # the tables last, when all is there
            return
        self._found = leftovers.look(out)
        for folder in ("feedback", "gradescope", "exports", records.FOLDER):
            (out / folder).mkdir(parents=True, exist_ok=True)
        (out / "results.json").unlink(missing_ok=True)  # of an earlier run, and now of nobody in particular
        if leftovers.is_run(out):  # a run that was stopped may have had other students
            known = {self._file(number) for number in range(len(students))}
            for path in set((out / records.FOLDER).glob("*.json")) - known:
                path.unlink()
        records.write_class(out, students, roster)
        self._write_tables()  # the seed above all

    @classmethod
    def rewrite(cls, out: Path, labs: Mapping[str, Lab]) -> None:
        """Write the pages and tables of a run again, with the marks that there are now. Raises ValueError for a folder
        that no run of this version wrote.
        """
        run, (students, roster) = records.read_run(out), records.read_class(out)
        deadline = datetime.fromisoformat(run["deadline"]).timestamp() if run["deadline"] else None
        terms = Terms(labs, None, "", Limits(), run["seed"], run["variants"], deadline)
        book = cls(out, terms, students, [Listed(**each) for each in run["listed"]], roster, is_again=True)
        book._found = {"removed": run["removed"], "left": run["left"]}
        for number in range(len(students)):
            if record := book.record(number):
                book._write_pages(number, record)
                book.keep(number, replace(record, listed=[]))  # they are in run.json already
        book.close(run["is_finished"])

    def add(self, number: int, record: Record) -> None:
        """Write what one student has; what was written for this number before is replaced."""
        record = replace(record, grades=[presentable(grade) for grade in record.grades])
        self._write_pages(number, record)
        write_record(self._file(number), record)  # the last: what has a record has its pages
        self.keep(number, record)

    def _write_pages(self, number: int, record: Record) -> None:
        for grade in self._marked(number, record):
            assert grade.page is not None
            write_atomically(grade.page, pages.feedback(grade))
            write_atomically(self.out / "gradescope" / f"{grade.page.stem}.json", _json(exports.gradescope(grade)))

    def _marked(self, number: int, record: Record) -> list[Grade]:
        """The grades with the marks of a person and their pages."""
        grades = with_marks(record.grades, self._marks, self.terms.labs)
        return [replace(grade, page=self._page(number, grade, grades)) for grade in grades]

    def keep(self, number: int, record: Record) -> None:
        """Put what one student has, and what is written already, into the tables."""
        self._done[number] = [light(grade) for grade in self._marked(number, record)], list(record.listed)
        (self.cut_short.add if record.is_cut_short else self.cut_short.discard)(number)
        if time.monotonic() > self._due:
            self._write_tables()

    def record(self, number: int) -> Record | None:
        """What is written of one student, by this run or an earlier one."""
        return read_record(self._file(number))

    @property
    def grades(self) -> list[Grade]:
        """What the tables show, in the order of the students; for those of the roster also what is missing."""
        done = [grade for number in sorted(self._done) for grade in self._done[number][0]]
        return settled(done, self.terms.labs, has_roster=self.roster is not None)

    @property
    def listed(self) -> list[Listed]:
        """The files that were not graded, with the reasons."""
        return sorted(self._listed + [each for _, more in self._done.values() for each in more], key=lambda x: x.path)

    def close(self, is_finished: bool) -> None:
        """Write the tables of what is there; `is_finished` says that nothing is left to do."""
        if is_finished:
            if len(self.grades) == 1 and (record := self.record(0)):
                write_atomically(self.out / "results.json", _json(exports.gradescope(self._marked(0, record)[0])))
            own = {grade.page.stem for grades, _ in self._done.values() for grade in grades if grade.page}
            self._found = leftovers.clear(self.out, self._found, [grade.page for grade in self.grades if grade.page])
            self._found["removed"] = [stem for stem in self._found["removed"] if stem not in own]
        self._write_tables(is_finished)

    def _file(self, number: int) -> Path:
        return self.out / records.FOLDER / f"{self._name(number, self._students[number])}.json"

    def _page(self, number: int, grade: Grade, grades: Sequence[Grade]) -> Path:
        several = [each.id for each in grades].count(grade.id) > 1  # labs
        return self.out / "feedback" / f"{self._name(number, grade.id, grade.lab if several else '')}.html"

    def _name(self, number: int, id: str, lab: str = "") -> str:
        is_unique = self._stems[_stem(id).casefold()] == 1 and id == self._students[number]
        return file_name(id, lab, is_unique)

    def _write_tables(self, is_finished: bool = False) -> None:
        began, grades, listed = time.monotonic(), self.grades, self.listed
        for name, text in exports.all_tables(grades, listed, self.roster).items():
            write_atomically(self.out / name, text)
        write_atomically(self.out / "index.html", pages.gradebook(grades, listed, moment(self.terms.deadline or 0.0)))
        if not self._is_again:
            record = _record(self.terms, grades, listed) | {"is_finished": is_finished} | self._found
            write_atomically(self.out / leftovers.RUN, _json(record))
            times = {grade.student: round(grade.seconds, 2) for grade in grades}
            write_atomically(self.out / "times.json", _json({"began": self._began, "seconds": times}))
        now = time.monotonic()
        self._due = max(self._due, now + max(SECONDS_BETWEEN_TABLES, 20 * (now - began)))  # of thousands they take time


def presentable(grade: Grade) -> Grade:
    """The grade with all text of the student harmless wherever it is shown."""
    results = [replace(result, output=printed(result.output)) for result in grade.results]
    return cleaned(replace(grade, results=results, student=one_line(grade.student)))


def _record(terms: Terms, grades: Sequence[Grade], listed: Sequence[Listed]) -> dict:
    """How the run was made: what it takes to repeat it, and which file counts for whom."""
    return {
        "seed": terms.seed,
        "variants": terms.is_varied,
        "deadline": moment(terms.deadline or 0.0),
        "sandbox": sandbox.SENTENCES[terms.level],
        "limits": asdict(terms.limits),
        "version": __version__,
        "failed": list(dict.fromkeys(grade.id for grade in grades if grade.is_grader_error)),  # the grader, on them
        "graded": [_told(grade, terms) for grade in grades],
        "listed": [asdict(each) for each in listed],
    }


def _told(grade: Grade, terms: Terms) -> dict:
    """Which file counts for whom, and the seed of the student's own cases."""
    who = {"id": grade.id, "student": grade.student, "names_from": grade.who.scheme, "lab": grade.lab}
    own = {"seed": terms.seed_of(grade.id)} if terms.is_varied else {}
    return who | {"file": grade.source, "handed_in": moment(grade.handed_in), "late": grade.late} | own


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


def _json(value: dict) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"
