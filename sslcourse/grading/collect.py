"""Which files of a hand-in folder are whose. Nothing is graded here, no link is followed, and no file drops out.

Whose a file is says, in this order: the pattern given; the names that a learning platform gives (see `schemes`); the
first folder below the hand-in folder; the name of the file itself. With a roster, what says it is looked up there.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslcourse.grading.class_zip import class_files
from sslcourse.grading.handed_in import KEPT_BY_PROGRAMS, HandedIn, is_notebook, look_at
from sslcourse.grading.owners import Desk, Key, Student, give_names, level_of_people, of_roster
from sslcourse.grading.roster import Roster
from sslcourse.grading.schemes import read_names, read_pattern
from sslcourse.grading.visible import one_line

MAX_DEPTH = 20
OF_A_RUN = {"run.json", "grades.csv", "index.html"}  # what lies in a folder that this grader wrote


@dataclass(frozen=True)
class Listed:
    """A file that was not graded, and why."""

    path: str
    reason: str


@dataclass
class Collected:
    """The students in the order of their names, and the files that belong to none."""

    students: list[Student]
    listed: list[Listed]

    @property
    def schemes(self) -> dict[str, int]:
        """How the names were read, each with the number of students."""
        return dict(Counter(student.who.scheme for student in self.students if student.who.scheme).most_common())


def collect(
    paths: Iterable[str | Path],
    pattern: str | None = None,
    skip: Path | None = None,
    labs: Iterable[str] = (),
    roster: Roster | None = None,
) -> Collected:
    """Sort the files of `paths` (folders and a class's zip are searched) by students; what is in `skip` is left out.

    `pattern` is a regular expression with a group `student` (and perhaps `id`), searched in the path below the hand-in
    folder. `labs` are names of labs: a file called after one says nothing of its student. Everybody on the `roster` is
    among the students.
    Raises FileNotFoundError for a path that is not there, ValueError for a pattern without that group.
    """
    given = [Path(path) for path in paths]
    if missing := [one_line(str(path)) for path in given if not os.path.lexists(path)]:
        raise FileNotFoundError(f"there is no such file or folder: {', '.join(missing)}")
    given = [_of_nbgrader_s_course(path) for path in given]
    compiled = _compiled(pattern) if pattern else None
    students: dict[Key, Student] = {}
    listed: list[Listed] = []
    by_root: dict[Path, list[HandedIn]] = {}
    for file in _files(given, skip, listed):
        by_root.setdefault(file.root, []).append(file)
    for root, files in by_root.items():
        named, wrappers = (read_pattern(files, compiled), 0) if compiled else read_names(files)
        level = level_of_people(files, named, roster) or wrappers
        desk = Desk(named, tuple(labs), len(given) > 1 and root in given, roster, level)
        for file in files:
            if compiled and file not in named:
                listed.append(Listed(file.path, "The pattern for students' names does not match its path."))
            else:
                _book(file, desk, students, listed)
    for person in roster.people if roster else ():  # everybody on it has a row, also without a hand-in
        key, student = of_roster(person)
        students.setdefault(key, student)
    give_names(students, given)
    listed += _hard_links(students.values())
    return Collected(sorted(students.values(), key=lambda student: student.name), listed)


def _book(file: HandedIn, desk: Desk, students: dict[Key, Student], listed: list[Listed]) -> None:
    """Give the file to its student or students, or list it."""
    is_kept = file.parts[-1] in KEPT_BY_PROGRAMS or file.parts[-1].startswith("._")
    owners = list(desk.owners(file))
    for (key, student), dated in owners:
        if len(file.parts) == 1 and is_kept:
            continue
        student = students.setdefault(key, student)
        if not is_kept and (file.parts[-1] or file.problem):  # an empty folder only makes its student known
            is_to_be_read = bool(file.problem) or is_notebook(file) or file.parts[-1].lower().endswith(".zip")
            (student.notebooks if is_to_be_read else student.others).append(dated)
    if is_kept:
        listed.append(Listed(file.path, "Kept by a program; nobody hands this in."))
    elif not owners:
        listed.append(Listed(file.path, "Not a notebook, and in no student's folder."))


def _of_nbgrader_s_course(path: Path) -> Path:
    """Where a whole course folder of nbgrader is given, what was submitted in it."""
    is_course = any((path / name).exists() for name in ("nbgrader_config.py", "gradebook.db", "source"))
    return path / "submitted" if is_course and (path / "submitted").is_dir() else path


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if "student" not in compiled.groupindex:
        raise ValueError(f"{pattern!r} has no group called student: write (?P<student>...) around the name")
    return compiled


def _files(given: Sequence[Path], skip: Path | None, listed: list[Listed]) -> Iterator[HandedIn]:
    seen: set[str] = set()
    for path in given:
        whole = path.is_dir() and not path.is_symlink()
        files = class_files(path, len(given) == 1) or [look_at(path.parent, (path.name,))]
        for file in _walk(path, (), skip, listed) if whole else files:
            place = os.path.join(os.path.realpath(file.root), *file.parts)
            if place not in seen:
                seen.add(place)
                yield file


def _walk(root: Path, parts: tuple[str, ...], skip: Path | None, listed: list[Listed]) -> Iterator[HandedIn]:
    """Every file below a folder; an empty folder is a file without a name."""
    folder = root.joinpath(*parts)
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        yield HandedIn(root, (*parts, ""), problem=f"The folder cannot be read: {error.strerror}.")
        return
    if len(parts) == 1 and OF_A_RUN <= set(names):
        listed.append(Listed(one_line(parts[0]), "What an earlier run of this grader wrote."))
        return
    if not names:
        yield HandedIn(root, (*parts, ""))
    for name in names:
        inner = folder / name
        if inner.is_symlink() or not inner.is_dir() or name in KEPT_BY_PROGRAMS:
            yield look_at(root, (*parts, name))
        elif len(parts) >= MAX_DEPTH:
            yield HandedIn(root, (*parts, name), problem=f"Folders deeper than {MAX_DEPTH} are not looked into.")
        elif skip is None or not skip.exists() or not inner.samefile(skip):
            yield from _walk(root, (*parts, name), skip, listed)


def _hard_links(students: Iterable[Student]) -> Iterator[Listed]:
    """Files that two students share. Both are graded: from a link nobody can tell whose it was first."""
    owners: dict[tuple[int, int], tuple[HandedIn, Student]] = {}
    for student in students:
        for file in student.notebooks:
            if file.identity is None:
                continue
            first, owner = owners.setdefault(file.identity, (file, student))
            if owner is not student and first.path != file.path:
                yield Listed(file.path, f"Graded, but it is the same file as {first.path} (a hard link).")
