"""Which of a student's files count: of each lab the newest that can be read. The others are listed with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from sslcourse.grading.collect import Listed, Student
from sslcourse.grading.handed_in import HandedIn
from sslcourse.grading.reading import Reading

SAME_TIME = 60.0  # seconds: what an archive unpacks or a copy leaves is all of one time


@dataclass(frozen=True)
class Chosen:
    """A file to grade, or to give a row that says why it cannot be graded, and what its student is told of others."""

    student: str
    file: HandedIn | None
    reading: Reading
    notes: tuple[str, ...] = ()


def choose(student: Student, read: Sequence[tuple[HandedIn, Reading]]) -> tuple[list[Chosen], list[Listed]]:
    """What counts of a student's files, at least one; and the files that do not count."""
    listed = [Listed(file.path, "Not a notebook.") for file in student.others]
    if not read:
        return [Chosen(student.name, None, Reading(problem=_nothing(student)))], listed
    groups: dict[tuple, list[HandedIn]] = {}
    for file, reading in read:
        if reading.lab:  # without a pattern, files of other names or in other folders may be another student's
            whose = () if student.is_certain else (file.parts[:-1], file.version[0])
            groups.setdefault((reading.lab, *whose), []).append(file)
    readings = dict(read)
    unread = [file for file, reading in read if not reading.lab]
    if not groups:
        counts = newest(unread)
        listed += [Listed(file.path, readings[file].problem) for file in unread if file is not counts]
        return [Chosen(student.name, counts, readings[counts])], listed
    chosen = []
    for (lab, *_), files in groups.items():
        counts = newest(files)
        several = [key for key in groups if key[0] == lab]
        name = student.name if len(several) == 1 else f"{student.name}/{_below(counts, several)}"
        notes = [_versions(counts, len(files))] if len(files) > 1 else []
        notes += [_unread(file, readings[file]) for file in unread if file.modified > counts.modified + SAME_TIME]
        chosen.append(Chosen(name, counts, readings[counts], tuple(notes)))
        reason = f"Another version: {counts.path} was graded."
        listed += [Listed(file.path, reason) for file in files if file is not counts]
        if len(several) > 1:
            advice = "Graded as another student's, for its folder holds several notebooks of one lab; see --student."
            listed.append(Listed(counts.path, advice))
    listed += [Listed(file.path, readings[file].problem) for file in unread]
    return chosen, listed


def newest(files: Sequence[HandedIn]) -> HandedIn:
    """The file that was changed last; of those changed within a minute, the one with the highest number in its name."""
    last = max(file.modified for file in files)
    recent = [file for file in files if file.modified >= last - SAME_TIME]
    return max(recent, key=lambda file: (file.version[1], file.modified, file.parts))


def _nothing(student: Student) -> str:
    names = ", ".join(f"`{file.path.rpartition('/')[2]}`" for file in student.others[:5])
    found = f"There is no notebook among what was handed in ({names})." if names else "The folder is empty."
    return f"{found} Hand in the .ipynb file of the lab."


def _below(file: HandedIn, keys: Sequence[tuple]) -> str:
    """What tells one of several notebooks in a student's folder: the folders below, or else the name."""
    folders = {key[1] for key in keys}
    parts = [*file.parts[1:-1], *([] if len(folders) == len(keys) else [file.version[0]])]
    return HandedIn(file.root, tuple(parts) or (file.version[0],)).path


def _versions(file: HandedIn, count: int) -> str:
    return (
        f"You handed in {count} versions. `{file.path.rpartition('/')[2]}` counts: it was changed last, or, of files"
        " changed within a minute, has the highest number in its name."
    )


def _unread(file: HandedIn, reading: Reading) -> str:
    return f"Your newer file `{file.path.rpartition('/')[2]}` could not be graded. {reading.problem}"
