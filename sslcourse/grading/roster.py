"""Who the students are: the roster, a table with ids, names, e-mail addresses and groups, and whose a file's name is.

Tables as Canvas, Moodle, Gradescope and nbgrader export them are read, too: see COLUMNS.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from sslcourse.grading.spreadsheets import read_rows
from sslcourse.grading.visible import one_line

# What a column may be called, best first. Every id of a student is looked for in file names; the best one is the id.
COLUMNS = {
    "id": (
        *("student id", "studentid", "student number", "matriculation number", "matrikelnummer", "sis user id"),
        *("id number", "idnumber", "sid", "id", "sis login id", "login id", "username", "user name", "login"),
        *("lms user id", "identifier"),
    ),
    "name": ("name", "full name", "student name", "student", "display name"),
    "first": ("first name", "firstname", "given name", "preferred name"),
    "last": ("last name", "lastname", "surname", "family name"),
    "email": ("e mail", "email", "email address", "e mail address", "mail"),
    "group": ("group", "groups", "section", "sections", "class", "team"),
}
_SAME_LETTERS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "\u200c": "", "\u200d": "", "ß": "ss", "ı": "i"})
_SAYS_NOTHING = re.compile(r"lab\d*|hw\d*|homework|assignment|notebook|submission|final|copy|of|v?\d{1,2}")
SHORT = 3  # an id of fewer characters may be the number of a lab or a version: only a whole name counts as it


@dataclass(frozen=True)
class Who:
    """A student as the gradebook names them: `id` is unique in a run and names the student's files.

    `scheme` says how the names of the files were read; `number` is what Moodle or Canvas calls the student in them;
    `is_expected` is False for a hand-in that is not on the roster, where there is one.

    >>> Who("101", "Ada Lovelace").label
    'Ada Lovelace (101)'
    """

    id: str
    name: str = ""
    email: str = ""
    group: str = ""
    scheme: str = ""
    number: str = ""
    is_expected: bool = True

    @property
    def label(self) -> str:
        """The name to print, with the id where that says something else."""
        return f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id


@dataclass(frozen=True)
class Person:
    """A row of the roster; `ids` are all ids in it, `row` is the row as it stood, by the names of its columns."""

    id: str
    name: str = ""
    email: str = ""
    group: str = ""
    ids: tuple[str, ...] = ()
    row: Mapping[str, str] = field(default_factory=dict)


class Roster:
    """The people of a class, found by what the names of their files say."""

    def __init__(self, people: Sequence[Person]):
        self.people = tuple(people)

    def find(self, text: str) -> list[Person]:
        """Those whom `text`, a part of a path, may name: by id, e-mail address or name; the rest of the text is free.

        One where the ways that find somebody agree on one; several where it is not certain.

        >>> roster = Roster([Person("101", "Ada Lovelace"), Person("102", "Ada Byron")])
        >>> [[person.id for person in roster.find(text)] for text in ("lab1-ADA_LOVELACE", "Ada 102", "Bob", "101 102")]
        [['101'], ['102'], [], ['101', '102']]
        """
        words = f" {plain(text)} "
        found = [hits for keys, pattern in self._keys[:3] if (hits := _hits(keys, pattern, words))]
        found = found or [hits for keys, pattern in self._keys[3:] if (hits := _hits(keys, pattern, words))]
        bare = " ".join(word for word in words.split() if not _SAYS_NOTHING.fullmatch(word))
        whole = self._whole.get(words.strip()) or self._whole.get(bare)
        found += [whole] if whole else []
        if not found:
            return []
        common = set.intersection(*found)
        return [self.people[number] for number in sorted(common or set().union(*found))]

    @cached_property
    def _keys(self) -> list[tuple[dict[str, set[int]], re.Pattern[str]]]:
        """Ids, addresses and names, then the weaker: the first and the last name of several."""
        kinds: list[dict[str, set[int]]] = [{}, {}, {}, {}]
        for number, person in enumerate(self.people):
            names = plain(person.name).split()
            ids = [plain(id) for id in person.ids or (person.id,)]
            ids += [id.lstrip("0") for id in ids if id.isdigit()]  # as a spreadsheet leaves them
            short = _orders([names[0], names[-1]] if len(names) > 2 else [])
            for kind, keys in zip(kinds, (ids, [plain(person.email)], _orders(names), short), strict=True):
                for key in keys:
                    if len(key) >= SHORT:
                        kind.setdefault(key, set()).add(number)
        return [(kind, _any_of(kind)) for kind in kinds]

    @cached_property
    def _whole(self) -> dict[str, set[int]]:
        """What counts only where it is all that the text says: a short id, a name of one word, half an address."""
        found: dict[str, set[int]] = {}
        for number, person in enumerate(self.people):
            for text in (person.name, person.email.partition("@")[0], *(person.ids or (person.id,))):
                if key := plain(text):
                    found.setdefault(key, set()).add(number)
        return found


def plain(text: str) -> str:
    """The words of a text in lower case, without accents; Arabic and Persian forms of one letter are one.

    >>> plain("Müller, José_01"), plain("علي رضايي") == plain("علی رضایی")
    ('muller jose 01', True)
    """
    decomposed = unicodedata.normalize("NFKD", text).translate(_SAME_LETTERS).casefold()
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", letters))


def read_roster(path: str | Path) -> Roster:
    """Read a roster: CSV with a header, in UTF-8 or as Excel's Unicode text, columns split by comma, semicolon or tab.

    Raises FileNotFoundError; ValueError for another encoding, no column that identifies a student, a row without an id
    or an id twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no roster {path}")
    rows = [[cell.strip() for cell in cells] for _, cells in read_rows(path)]
    columns = [re.sub(r"[\s_.-]+", " ", name).strip().casefold() for name in rows[0]] if rows else []
    places = {kind: [columns.index(name) for name in names if name in columns] for kind, names in COLUMNS.items()}
    if not places["id"] and not places["email"]:
        raise ValueError(
            f"the roster {path} has no column that tells students apart; its first row is {', '.join(columns)!r}."
            " Call one id (or e-mail), and the others name, e-mail and group"
        )
    people = [
        _person(
            dict(zip(rows[0], row)),
            {kind: [row[at] for at in found if at < len(row)] for kind, found in places.items()},
        )
        for row in rows[1:]
        if not any("points possible" in cell.casefold() for cell in row)  # Canvas's second row
    ]
    _check(path, people)
    return Roster(people)


def _person(row: Mapping[str, str], cells: Mapping[str, Sequence[str]]) -> Person:
    def first(kind: str) -> str:
        return next(filter(None, cells[kind]), "")

    name = first("name") or " ".join(filter(None, (first("first"), first("last"))))
    ids = [each for each in cells["id"] if each]
    ids += [number[1] for each in ids if (number := re.fullmatch(r"\D+ (\d+)", each))]  # Moodle's "Participant 12"
    id = one_line(next(iter(ids), first("email")))
    return Person(id, one_line(name), one_line(first("email")), one_line(first("group")), tuple(ids), row)


def _check(path: Path, people: Sequence[Person]) -> None:
    if not people:
        raise ValueError(f"the roster {path} names nobody: below the header it needs a row for each student")
    if nameless := [person.name or "a row without a name" for person in people if not person.id]:
        raise ValueError(f"the roster {path} has no id for {', '.join(nameless[:5])}")
    seen: dict[str, str] = {}
    for person in people:
        if (key := person.id.casefold()) in seen:
            raise ValueError(
                f"the roster {path} has the id {person.id} twice, for {seen[key]} and {person.name}: ids must differ"
            )
        seen[key] = person.name


def _orders(names: Sequence[str]) -> Iterable[str]:
    """The ways to write a name of several words: turned round, and without spaces as Canvas does."""
    if len(names) < 2:
        return ()
    turned = [[*names[at:], *names[:at]] for at in range(len(names))]
    return chain.from_iterable((" ".join(each), "".join(each)) for each in turned)


def _any_of(keys: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(keys, key=len, reverse=True)
    return re.compile(rf"(?<= )(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?= )")


def _hits(keys: Mapping[str, set[int]], pattern: re.Pattern[str], words: str) -> set[int]:
    return set().union(*(keys[found] for found in pattern.findall(words)))
