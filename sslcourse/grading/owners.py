"""Whose a file is: by a platform's name for it, the folder or the name of the file, looked up on the roster."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sslcourse.grading.cells import NOTEBOOK_ENDING
from sslcourse.grading.handed_in import HandedIn, is_notebook
from sslcourse.grading.roster import Person, Roster, Who
from sslcourse.grading.schemes import SAYS_NOTHING, Named, Owners
from sslcourse.grading.visible import one_line

NUMBERS = {"Moodle", "Canvas"}  # have numbers of their own for people, which may be somebody else's id on the roster
FOLDERS, FILES = "folders", "file names"  # how names are read where no platform made them
# What a student may have handed in by mistake: in a folder without a folder for each student, such a file stands for
# one. Other files there (a list of names, a read-me) do not.
WORK = {".zip", ".py", ".pdf", ".html", ".htm", ".docx", ".doc", ".odt", ".rar", ".7z", ".tar", ".gz", ".tgz", ".md"}


@dataclass
class Student:
    """One student's files: `notebooks` are to be read (archives among them), `others` are not.

    `is_certain` says that a pattern, a platform or the roster names the student; otherwise the files may be several
    students' after all. `notes` say what is unusual about whose the files are.
    """

    name: str
    is_certain: bool = False
    notebooks: list[HandedIn] = field(default_factory=list)
    others: list[HandedIn] = field(default_factory=list)
    who: Who = Who("")
    notes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id that is the student's alone in a run."""
        return self.who.id or self.name


@dataclass(frozen=True)
class Key:
    """What tells one student from another: where the name comes from, the name, and an id or a folder."""

    kind: str  # roster, platform, folder or file
    name: str
    tell: str | Path = ""


Owner = tuple[Key, Student]  # the student as far as the name of one file tells


@dataclass(frozen=True)
class Desk:
    """What it takes to say whose the files of one folder are: what platforms' names say, the roster, and `level`, the
    number of folders around those that name students; `labs` are names that say nothing of a student.
    """

    named: Owners
    labs: tuple[str, ...]
    is_one_s_folder: bool
    roster: Roster | None
    level: int

    def owners(self, file: HandedIn) -> Iterator[tuple[Owner, HandedIn]]:
        """Each student whose the file is, and the file with what the platform says of its time."""
        for named in self.named.get(file, ()):
            dated = replace(file, modified=file.modified if named.time is None else named.time, is_late=named.is_late)
            key = Key("platform", one_line(named.student), one_line(named.id))
            people = look_up(self.roster, _texts(named))
            yield self._owner(key, named.scheme, people, one_line(named.email)), dated
        if file in self.named:
            return
        folder = [file.root.absolute().name] if self.is_one_s_folder else []
        people = look_up(self.roster, [*folder, _part(file, self.level)])
        if plain := self._plain_key(file):
            yield self._owner(plain, FOLDERS if len(file.parts) > 1 else FILES, people), file
        elif len(people) == 1:  # a file that is no work, but has a student's name
            yield of_roster(people[0], FILES), file

    def _owner(self, key: Key, scheme: str, people: Sequence[Person], email: str = "") -> Owner:
        id = str(key.tell) if key.kind == "platform" else ""
        number = id if scheme in NUMBERS else ""
        if len(people) == 1:
            return of_roster(people[0], scheme, number)
        who = Who(id, key.name, email, scheme=scheme, number=number, is_expected=self.roster is None)
        student = Student(key.name, key.kind == "platform", who=who)
        if people:
            names = " and ".join(Who(person.id, person.name).label for person in people[:5])
            student.notes.append(f"Not on the roster for certain: the name fits {names}.")
        elif self.roster:
            student.notes.append("Not on the roster.")
        return key, student

    def _plain_key(self, file: HandedIn) -> Key | None:
        """By the folder or the name of the file, or None for a file that is nobody's."""
        if len(file.parts) > self.level + 1:
            folders = file.parts[:-1][: self.level + 1]
            return Key("folder", one_line("/".join(NOTEBOOK_ENDING.sub("", name) for name in folders)), file.root)
        if not (file.problem or is_notebook(file) or Path(file.parts[-1]).suffix.lower() in WORK):
            return None
        base = file.version[0] or "/".join(file.parts)
        says_nothing = SAYS_NOTHING.fullmatch(base) or any(lab.casefold() in base.casefold() for lab in self.labs)
        return Key("file", one_line(file.stem if says_nothing and not self.is_one_s_folder else base), file.root)


def of_roster(person: Person, scheme: str = "", number: str = "") -> Owner:
    """A student who is on the roster."""
    who = Who(person.id, person.name or person.id, person.email, person.group, scheme, number)
    return Key("roster", who.name, person.id), Student(who.name, True, who=who)


def look_up(roster: Roster | None, texts: Iterable[str]) -> list[Person]:
    """The one person that the first telling text names; where none is certain, those that may be meant."""
    found: list[Person] = []
    for text in texts:
        people = roster.find(text) if roster else []
        if len(people) == 1:
            return people
        found = people or found
    return found


def level_of_people(files: Sequence[HandedIn], named: Mapping[HandedIn, object], roster: Roster | None) -> int:
    """The outermost level at which folders or files have names of the roster; what lies deeper students may choose."""
    rest = [file for file in files if file not in named]
    for level in range(max((len(file.parts) for file in rest), default=0) if roster else 0):
        if any(look_up(roster, [_part(file, level)]) for file in rest if len(file.parts) > level):
            return level
    return 0


def give_names(students: Mapping[Key, Student], given: Sequence[Path]) -> None:
    """Give every student a name and an id of their own: with the id or the folder, where several have one name."""
    names, tells = Counter(key.name for key in students), Counter(key.tell for key in students)
    taken: set[str] = set()
    ids = {student.who.id for key, student in students.items() if key.kind == "roster"}
    for key, student in students.items():
        name = key.name
        if isinstance(key.tell, Path):
            folder = one_line(key.tell.absolute().name)
            if len(given) > 1 and tells[key.tell] == 1 and key.tell in given:  # each folder given is one student's
                name = folder
            elif names[name] > 1:
                name = folder if len(given) > 1 and tells[key.tell] == 1 else f"{folder}/{name}"
        elif names[name] > 1 and key.tell:
            name = f"{name} {key.tell}"
        student.name = _free(name, taken)
        if key.kind != "roster":
            id = student.who.id if student.who.id not in ids else ""
            student.who = replace(student.who, id=_free(id or student.name, ids))


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; then it is."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    taken.add(free)
    return free


def _texts(named: Named) -> list[str]:
    """What to look up on the roster, the most telling first."""
    everything = f"{named.student} {named.id} {named.email}"
    if named.scheme in NUMBERS:
        return [named.student, everything]
    return [text for text in (named.id, named.email, named.student) if text]


def _part(file: HandedIn, level: int) -> str:
    """The part of the path at that level; of a file's name, what says nothing of its student is taken off."""
    return file.version[0] if level >= len(file.parts) - 1 else file.parts[level]
