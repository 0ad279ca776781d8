"""Which files of a hand-in folder are whose. Nothing is graded here, no link is followed, and no file drops out.

Whose a file is says, in this order: the pattern given; the names that Moodle and Canvas give; the first folder below
the hand-in folder; the name of the file itself.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sslcourse.grading.cells import NOTEBOOK_ENDING
from sslcourse.grading.handed_in import HandedIn, look_at
from sslcourse.grading.visible import one_line

# Searched in a file's path below the hand-in folder. `student` is the name; `id` tells apart students of one name.
PLATFORMS = {
    "Moodle": r"^(?P<student>[^/]+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_|/|$)",
    "Canvas": r"^(?P<student>[^/_]+)(?:_LATE)?_(?P<id>\d+)_\d+_[^/]+$",
}
KEPT_BY_PROGRAMS = {".ipynb_checkpoints", "__MACOSX", ".git", ".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__"}
MAX_DEPTH = 20
# What a student may have handed in by mistake: in a folder without a folder for each student, such a file stands for
# one. Other files there (a list of names, a read-me) do not.
WORK = {".zip", ".py", ".pdf", ".html", ".htm", ".docx", ".doc", ".odt", ".rar", ".7z", ".tar", ".gz", ".tgz", ".md"}
_NO_NAME = re.compile(r"(?:\d*[\W_]*)?(?:lab|hw|homework|assignment|notebook|untitled)?[\W_]*\d*", re.IGNORECASE)


@dataclass
class Student:
    """One student's files: `notebooks` are to be read (archives among them), `others` are not.

    `is_certain` says that the name comes from a pattern; otherwise the files may be several students' after all.
    """

    name: str
    is_certain: bool = False
    notebooks: list[HandedIn] = field(default_factory=list)
    others: list[HandedIn] = field(default_factory=list)


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


def collect(
    paths: Iterable[str | Path], pattern: str | None = None, skip: Path | None = None, labs: Iterable[str] = ()
) -> Collected:
    """Sort the files of `paths` (folders are searched) by students; what lies in the folder `skip` is left out.

    `pattern` is a regular expression with a group `student` (and perhaps `id`), searched in the path below the hand-in
    folder. `labs` are names of labs: a file called after one says nothing of its student.
    Raises FileNotFoundError for a path that is not there, ValueError for a pattern without that group.
    """
    given = [Path(path) for path in paths]
    if missing := [one_line(str(path)) for path in given if not os.path.lexists(path)]:
        raise FileNotFoundError(f"there is no such file or folder: {', '.join(missing)}")
    patterns = [_compiled(pattern)] if pattern else [re.compile(each) for each in PLATFORMS.values()]
    students: dict[tuple, Student] = {}
    listed: list[Listed] = []
    for file in _files(given, skip):
        matches = (each.search(text) for text in _texts(file) for each in patterns)
        found = next((match for match in matches if match and match["student"]), None)
        if pattern and not found:
            listed.append(Listed(file.path, "The pattern for students' names does not match its path."))
            continue
        is_kept = file.parts[-1] in KEPT_BY_PROGRAMS or file.parts[-1].startswith("._")
        key = _key(file, found, labs, is_one_s_folder=len(given) > 1 and file.root in given)
        if key and (len(file.parts) > 1 or not is_kept):
            student = students.setdefault(key, Student(key[0], is_certain=found is not None))
        if is_kept:
            listed.append(Listed(file.path, "Kept by a program; nobody hands this in."))
        elif key is None:
            listed.append(Listed(file.path, "Not a notebook, and in no student's folder."))
        elif file.parts[-1] or file.problem:  # an empty folder only makes its student known
            is_to_be_read = bool(file.problem) or _is_notebook(file) or file.parts[-1].lower().endswith(".zip")
            (student.notebooks if is_to_be_read else student.others).append(file)
    _name(students, given)
    listed += _hard_links(students.values())
    return Collected(sorted(students.values(), key=lambda student: student.name), listed)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if "student" not in compiled.groupindex:
        raise ValueError(f"{pattern!r} has no group called student: write (?P<student>...) around the name")
    return compiled


def _files(given: Sequence[Path], skip: Path | None) -> Iterator[HandedIn]:
    seen: set[str] = set()
    for path in given:
        whole = path.is_dir() and not path.is_symlink()
        for file in _walk(path, (), skip) if whole else [look_at(path.parent, (path.name,))]:
            place = os.path.join(os.path.realpath(file.root), *file.parts)
            if place not in seen:
                seen.add(place)
                yield file


def _walk(root: Path, parts: tuple[str, ...], skip: Path | None) -> Iterator[HandedIn]:
    """Every file below a folder; an empty folder is a file without a name."""
    folder = root.joinpath(*parts)
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        yield HandedIn(root, (*parts, ""), problem=f"The folder cannot be read: {error.strerror}.")
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
            yield from _walk(root, (*parts, name), skip)


def _texts(file: HandedIn) -> tuple[str, str]:
    """What a pattern is searched in: the path below the hand-in folder, then with that folder's own name."""
    below = "/".join(file.parts)
    return below, f"{file.root.absolute().name}/{below}"


def _key(file: HandedIn, found: re.Match[str] | None, labs: Iterable[str], is_one_s_folder: bool) -> tuple | None:
    """(name, what else tells students apart), or None for a file that is nobody's."""
    if found:
        return one_line(found["student"]), found.groupdict().get("id") or ""
    if len(file.parts) > 1:
        return one_line(NOTEBOOK_ENDING.sub("", file.parts[0])), file.root
    if not (file.problem or _is_notebook(file) or Path(file.parts[0]).suffix.lower() in WORK):
        return None
    base = file.version[0]
    says_nothing = _NO_NAME.fullmatch(base) or any(lab.casefold() in base.casefold() for lab in labs)
    return one_line(file.stem if says_nothing and not is_one_s_folder else base), file.root, "file"


def _is_notebook(file: HandedIn) -> bool:
    name = file.parts[-1]
    if NOTEBOOK_ENDING.search(name):
        return True
    if Path(name).suffix.lower() not in (".json", ".txt", ""):
        return False
    try:
        with file.open() as opened:
            head = opened.read(4096)
    except OSError:
        return False
    return head.lstrip().startswith(b"{") and any(word in head for word in (b'"cells"', b'"nbformat"'))


def _name(students: dict[tuple, Student], given: Sequence[Path]) -> None:
    """Give every student a name of their own: with the id or the folder, where several have one name."""
    names = [key[0] for key in students]
    roots = [key[1] for key in students]
    taken: set[str] = set()
    for key, student in students.items():
        name, other = key[0], key[1]
        if isinstance(other, Path):
            folder = one_line(other.absolute().name)
            if len(given) > 1 and roots.count(other) == 1 and other in given:  # each folder given is one student's
                name = folder
            elif names.count(name) > 1:
                name = folder if roots.count(other) == 1 else f"{folder}/{name}"
        elif names.count(name) > 1 and other:
            name = f"{name} {other}"
        student.name, count = name, 1
        while student.name in taken:
            count += 1
            student.name = f"{name} ({count})"
        taken.add(student.name)


def _hard_links(students: Iterable[Student]) -> Iterator[Listed]:
    """Files that two students share. Both are graded: from a link nobody can tell whose it was first."""
    owners: dict[tuple[int, int], tuple[HandedIn, Student]] = {}
    for student in students:
        for file in student.notebooks:
            if file.identity is None:
                continue
            first, owner = owners.setdefault(file.identity, (file, student))
            if owner is not student:
                yield Listed(file.path, f"Graded, but it is the same file as {first.path} (a hard link).")
