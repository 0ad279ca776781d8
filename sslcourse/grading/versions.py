"""Which of a student's files count: of each lab the newest that can be read, before the deadline if there is one.

The others are listed with a reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sslcourse.grading.collect import Listed
from sslcourse.grading.handed_in import HandedIn
from sslcourse.grading.owners import Student
from sslcourse.grading.reading import Reading
from sslcourse.grading.roster import Who

NOTHING = "No hand-in was found."
SAME_TIME = 60.0  # seconds: what an archive unpacks or a copy leaves is all of one time


@dataclass(frozen=True)
class Chosen:
    """A file to grade, or to give a row that says why it cannot be graded, and what its student is told of others."""

    student: str
    file: HandedIn | None
    reading: Reading
    notes: tuple[str, ...] = ()
    who: Who = Who("")
    late: str = ""


def choose(
    student: Student, read: Sequence[tuple[HandedIn, Reading]], deadline: float | None = None
) -> tuple[list[Chosen], list[Listed]]:
    """What counts of a student's files, at least one; and the files that do not count.

    With a `deadline`, in seconds since 1970, the newest before it counts; where there is none, the newest after it.
    """
    listed = [Listed(file.path, _no_notebook(file)) for file in student.others]
    if not read:
        is_absent = student.who.id and not student.who.scheme
        problem = NOTHING if is_absent else _nothing(student)
        return [Chosen(student.name, None, Reading(problem=problem), tuple(student.notes), student.who)], listed
    groups: dict[tuple, list[HandedIn]] = {}
    for file, reading in read:
        if reading.lab:  # without a pattern, files of other names or in other folders may be another student's
            whose = () if student.is_certain else (file.parts[:-1], replace(file, inside=()).version[0])
            groups.setdefault((reading.lab, *whose), []).append(file)
    readings = dict(read)
    unread = [file for file, reading in read if not reading.lab]
    if not groups:
        counts = newest(unread, deadline)
        listed += [Listed(file.path, readings[file].problem) for file in unread if file is not counts]
        late = lateness(counts, deadline)
        return [Chosen(student.name, counts, readings[counts], tuple(student.notes), student.who, late)], listed
    chosen = []
    for (lab, *_), files in groups.items():
        counts = newest(files, deadline)
        several = [key for key in groups if key[0] == lab]
        below = f"/{_below(counts, several)}" if len(several) > 1 else ""
        late = lateness(counts, deadline)
        notes = [*student.notes, *([_versions(counts, files, deadline)] if len(files) > 1 else [])]
        notes += [f"Handed in late ({late}): graded in full and marked late; no points were taken off."] if late else []
        notes += [_unread(file, readings[file]) for file in unread if file.modified > counts.modified + SAME_TIME]
        who = replace(student.who, id=f"{student.id}{below}")
        chosen.append(Chosen(f"{student.name}{below}", counts, readings[counts], tuple(notes), who, late))
        for file in files:
            if file is not counts:
                too_late = (
                    "Handed in after the deadline" if lateness(file, deadline) and not late else "Another version"
                )
                listed.append(Listed(file.path, f"{too_late}: {counts.path} was graded."))
        if len(several) > 1:
            advice = "Graded as another student's, for its folder holds several notebooks of one lab; see --student."
            listed.append(Listed(counts.path, advice))
    listed += [Listed(file.path, readings[file].problem) for file in unread]
    return chosen, listed


def newest(files: Sequence[HandedIn], deadline: float | None = None) -> HandedIn:
    """Of the files in time, if any, the one that was handed in last; of those within a minute, the one with the highest
    number in its name.
    """
    files = [file for file in files if not lateness(file, deadline)] or files
    last = max(file.modified for file in files)
    recent = [file for file in files if file.modified >= last - SAME_TIME]
    return max(recent, key=lambda file: (file.version[1], file.modified, file.changed, file.parts, file.inside))


def lateness(file: HandedIn, deadline: float | None) -> str:
    """How late a file is, in words; "" where it is in time, or there is no deadline and the platform says nothing.

    >>> from pathlib import Path
    >>> [lateness(HandedIn(Path(), ("lab.ipynb",), time), 1000.0) for time in (999.0, 1030.0, 100_000.0)]
    ['', '1 min', '1 d 3 h']
    """
    if deadline is None or file.modified <= deadline:
        return "as the platform says" if file.is_late else ""
    minutes = math.ceil((file.modified - deadline) / 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes % 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "1 min"


def _no_notebook(file: HandedIn) -> str:
    if file.parts[-1].lower().endswith((".rar", ".7z", ".tar", ".gz", ".tgz")):
        return "Not opened: of archives, only .zip is. Hand in the .ipynb file itself."
    return "Not a notebook."


def _nothing(student: Student) -> str:
    names = ", ".join(f"`{file.path.rpartition('/')[2]}`" for file in student.others[:5])
    found = f"There is no notebook among what was handed in ({names})." if names else "The folder is empty."
    return f"{found} Hand in the .ipynb file of the lab."


def _below(file: HandedIn, keys: Sequence[tuple]) -> str:
    """What tells one of several notebooks in a student's folder: the folders below, or else the name."""
    folders, base = {key[1] for key in keys}, replace(file, inside=()).version[0]
    parts = [*file.parts[1:-1], *([] if len(folders) == len(keys) else [base])]
    return HandedIn(file.root, tuple(parts) or (base,)).path


def _versions(file: HandedIn, files: Sequence[HandedIn], deadline: float | None) -> str:
    in_time = [file for file in files if not lateness(file, deadline)]
    among = f" Of the {len(in_time)} in time," if in_time and len(in_time) < len(files) else ""
    name = file.path.rpartition("/")[2]
    if len(in_time) == 1 < len(files):
        return f"You handed in {len(files)} versions. `{name}` counts: it is the only one in time."
    return (
        f"You handed in {len(files)} versions.{among} `{name}` counts: it was changed last, or, of files changed within"
        " a minute, has the highest number in its name."
    )


def _unread(file: HandedIn, reading: Reading) -> str:
    return f"Your newer file `{file.path.rpartition('/')[2]}` could not be graded. {reading.problem}"
