"""How learning platforms name what is handed in: whose a file is, when it came, and whether the platform calls it late.

A scheme reads all files of a hand-in folder together, for one odd name says little: a name that others may give, too,
counts only where most files have it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sslcourse.grading.handed_in import KEPT_BY_PROGRAMS, HandedIn

MOODLE = re.compile(r"(?P<student>[^/]+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_|/|$)")
CANVAS = re.compile(r"(?P<student>[^/_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_[^/]+$")
CLASSROOM = re.compile(r"(?P<first>[^/]+?) - (?P<last>[^/]+?)\.\w+$")  # the student, then the title; or turned round
GRADESCOPE = re.compile(r"(?P<student>submission_(?P<id>\d+))(?:/|$)")
NBGRADER = re.compile(r"(?P<student>[^/]+)\+[^/+]+\+(?P<time>\d{4}-\d\d-\d\d [\d:.]+ \w+)[^/]*(?:/|$)")
GRADESCOPE_LIST, MAX_LIST = "submission_metadata.yml", 64 * 2**20
NBGRADER_TIME = "timestamp.txt"
MAX_WRAPPERS = 5  # folders around the folder that a platform made
SAYS_NOTHING = re.compile(
    r"(?:\d*[\W_]*)?(?:lab|hw|homework|assignment|exercise|notebook|untitled)?[\W_]*\d*", re.IGNORECASE
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d)[:.](\d\d)[:.](\d\d)(?:\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)\s*")

Paths = Mapping[HandedIn, str]


@dataclass(frozen=True)
class Named:
    """What the name of a file says of it: whose it is, when it came (in seconds since 1970), and whether late."""

    scheme: str
    student: str
    id: str = ""
    email: str = ""
    time: float | None = None
    is_late: bool = False


Owners = dict[HandedIn, list[Named]]  # a file of several students is each one's


def read_names(files: Sequence[HandedIn]) -> tuple[Owners, int]:
    """Whose the files of one hand-in folder are, where a platform's scheme says it; others are left out.

    A platform's folder may lie in others, and a folder given may be one student's. The second value is the number of
    folders around the platform's.
    """
    files = [file for file in files if KEPT_BY_PROGRAMS.isdisjoint(file.parts)]
    for depth in range(MAX_WRAPPERS):
        if found := _named({file: "/".join(file.parts[depth:]) for file in files if len(file.parts) > depth}):
            return found, depth
        if len({file.parts[: depth + 1] for file in files}) != 1:
            break
    return _named({file: f"{file.root.absolute().name}/{'/'.join(file.parts)}" for file in files}), 0


def read_pattern(files: Sequence[HandedIn], pattern: re.Pattern[str]) -> Owners:
    """Whose the files are by the instructor's pattern, searched in the path, then with the folder's name before it."""
    found: Owners = {}
    for file in files:
        below = "/".join(file.parts)
        matches = (pattern.search(text) for text in (below, f"{file.root.absolute().name}/{below}"))
        if match := next((match for match in matches if match and match["student"]), None):
            found[file] = [Named("your pattern", match["student"], match.groupdict().get("id") or "")]
    return found


def _named(paths: Paths) -> Owners:
    found: Owners = {}
    for scheme in (_moodle, _gradescope, _nbgrader, _canvas, _classroom):
        found = scheme({file: path for file, path in paths.items() if file not in found}) | found
    return found


def _if_most(named: Owners, paths: Paths) -> Owners:
    """What a scheme says whose names may be others', too, where it fits most files."""
    return named if 2 * len(named) > sum(bool(file.parts[-1]) for file in paths) else {}


def _moodle(paths: Paths) -> Owners:
    matches = {file: MOODLE.match(path) for file, path in paths.items()}
    return {file: [Named("Moodle", match["student"], match["id"])] for file, match in matches.items() if match}


def _canvas(paths: Paths) -> Owners:
    matches = {file: CANVAS.match(path) for file, path in paths.items()}
    named = {
        file: [Named("Canvas", match["student"], match["id"], is_late=bool(match["late"]))]
        for file, match in matches.items()
        if match and not SAYS_NOTHING.fullmatch(match["student"])
    }
    return {file: [one] for file, [one] in named.items() if len(one.id) > 2} or _if_most(named, paths)


def _classroom(paths: Paths) -> Owners:
    matches = {file: match for file, path in paths.items() if (match := CLASSROOM.fullmatch(path))}
    # What most files share is the title, wherever it stands.
    common = {side: Counter(match[side] for match in matches.values()).most_common(1) for side in ("first", "last")}
    turned = bool(matches) and common["first"][0][1] > common["last"][0][1]
    side = "last" if turned else "first"
    return _if_most({file: [Named("Google Classroom", match[side])] for file, match in matches.items()}, paths)


def _gradescope(paths: Paths) -> Owners:
    listed: dict[str, Any] = {}
    for file, path in paths.items():
        if path == GRADESCOPE_LIST:
            listed = _gradescope_list(file)
    found: Owners = {}
    for file, path in paths.items():
        if match := GRADESCOPE.match(path):
            entry = listed.get(match["student"])
            found[file] = _submitters(entry) or [Named("Gradescope", match["student"], match["id"])]
    return found


def _gradescope_list(file: HandedIn) -> dict[str, Any]:
    """Gradescope's list of hand-ins, or nothing where it cannot be read."""
    import yaml

    try:
        with file.open() as opened:
            listed = yaml.load(opened.read(MAX_LIST), getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return listed if isinstance(listed, dict) else {}


def _submitters(entry: Any) -> list[Named]:
    """Everybody whom Gradescope's list names for one hand-in; it makes no ids of its own for them."""
    if not isinstance(entry, dict) or not isinstance(entry.get(":submitters"), list):
        return []
    time = time_in(str(entry.get(":created_at")))
    people = [person for person in entry[":submitters"] if isinstance(person, dict)]
    cells = [[str(person.get(key) or "") for key in (":name", ":sid", ":email")] for person in people]
    return [
        Named("Gradescope", name or id or email, id, email, time) for name, id, email in cells if name or id or email
    ]


def _nbgrader(paths: Paths) -> Owners:
    """Folders of nbgrader's exchange, NAME+LAB+TIME; or NAME/LAB with a file that says when, in most of them."""
    matches = {file: NBGRADER.match(path) for file, path in paths.items()}
    if any(matches.values()):
        named = {file: (match["student"], time_in(match["time"])) for file, match in matches.items() if match}
    else:
        folders = {file: path.split("/")[:2] for file, path in paths.items() if path.count("/") >= 2}
        times = {"/".join(folders[file]): file for file in folders if paths[file].split("/")[2:] == [NBGRADER_TIME]}
        if 2 * len(times) <= len({"/".join(folder) for folder in folders.values()}):
            return {}
        handed_in = {folder: _time_in_file(file) for folder, file in times.items()}
        named = {file: (folder[0], handed_in.get("/".join(folder))) for file, folder in folders.items()}
    return {file: [Named("nbgrader", student, student, time=time)] for file, (student, time) in named.items()}


def _time_in_file(file: HandedIn) -> float | None:
    try:
        with file.open() as opened:
            return time_in(opened.read(100).decode("utf-8", "replace").strip())
    except OSError:
        return None


def time_in(text: str) -> float | None:
    """The time that a platform wrote, in seconds since 1970; None where it is none or has no time zone.

    >>> time_in("2015-02-02 15:58:23.948203 UTC"), time_in("2015-02-02T15:58:23+01:00"), time_in("yesterday")
    (1422892703.0, 1422889103.0, None)
    """
    found = _TIME.match(text)
    if not found:
        return None
    day, hour, minute, second, zone = found.groups()
    try:
        return datetime.fromisoformat(
            f"{day}T{hour}:{minute}:{second}{'+00:00' if zone in ('Z', 'UTC') else zone}"
        ).timestamp()
    except ValueError:
        return None
