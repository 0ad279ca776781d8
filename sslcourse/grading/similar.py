"""Which submissions are more alike than their lab explains: of what the students wrote, the passages that few have.

A passage is a run of some tokens of code, with the names that a student chose all alike, or of some words of prose
(answers and comments). Passages of the lab's own text and answers do not count, nor those that many in the class have:
a short exercise has few right answers. (As in Schleimer et al. 2003, "Winnowing", section 5, without the sampling,
which a class is too small to need.)
"""

import hashlib
import inspect
import io
import keyword
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from sslcourse.exercises import Lab
from sslcourse.grading.results import Grade

TOKENS = 10  # of a passage of code
WORDS = 6  # of a passage of prose
FEWEST = 40  # passages that a pair must share to be named
SMALLEST_SHARE = 0.4  # of the passages of the shorter of the two
COMMON = 0.05  # of the class, and at least three students: what so many have is nobody's own
_SKIPPED = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Pair:
    """Two students, and how many of the rarer passages they share: a number, and the share of the shorter work."""

    one: str
    other: str
    shared: int
    share: float


def passages(grade: Grade) -> set[int]:
    """What a student wrote for a lab, as digests of its passages."""
    found = set()
    for result in grade.results:
        found |= _of_code(result.code or "")
        for part in result.answer:
            found |= _of_code(part.content) if part.kind == "code" else set()
            found |= _of_words(part.content) if part.kind == "text" else set()
    return found


def handed_out(lab: Lab) -> set[int]:
    """The passages of the lab itself: its source where it lies beside the package, its answers, right and wrong."""
    sources = [inspect.getsource(module) for module in {_module(each.reference) for each in lab.exercises.values()}]
    folder = Path(__file__).parents[2] / "solutions"
    sources += [file.read_text(encoding="utf-8") for file in folder.glob(f"{lab.number:02d}_*.py")]
    found = set().union(*map(_of_code, sources), *map(_of_words, sources))
    for question in lab.written.values():
        found |= _of_words("\n".join([question.question, *question.rubric, question.model_answer]))
    return found


def similar_pairs(works: Mapping[str, Iterable[int]]) -> list[Pair]:
    """The pairs that share most, the most alike first; `works` are passages by student, without those of the lab."""
    owners: dict[int, list[str]] = defaultdict(list)
    for student, work in works.items():
        for passage in work:
            owners[passage].append(student)
    most = max(2, round(COMMON * len(works)))
    rare = {passage: names for passage, names in owners.items() if len(names) <= most}
    sizes = Counter(name for names in rare.values() for name in names)
    shared = Counter(pair for names in rare.values() for pair in combinations(sorted(names), 2))
    pairs = [Pair(*pair, count, count / min(map(sizes.__getitem__, pair))) for pair, count in shared.items()]
    named = [pair for pair in pairs if pair.shared >= FEWEST and pair.share >= SMALLEST_SHARE]
    return sorted(named, key=lambda pair: (-pair.share, -pair.shared, pair.one, pair.other))


def _module(function):
    return sys.modules[function.__module__]


def _of_code(source: str) -> set[int]:
    """The passages of the code, and of its comments; docstrings are the lab's."""
    tokens, comments = [], []
    before = ""
    for kind, text in _tokens(source):
        if kind == tokenize.COMMENT:
            comments.append(text.lstrip("# "))
        elif kind == tokenize.NAME and text.isidentifier() and not keyword.iskeyword(text) and before != ".":
            tokens.append("name")
        elif kind == tokenize.STRING and text.lstrip("rRbBuUfF").startswith(('"""', "'''")):
            continue
        elif kind not in _SKIPPED:
            tokens.append(text)
        before = text
    return _digests(tokens, TOKENS) | _of_words("\n".join(comments))


def _tokens(source: str) -> Iterator[tuple[int, str]]:
    """The tokens of the code up to where it is no Python any more."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            yield token.type, token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _of_words(text: str) -> set[int]:
    return _digests(re.findall(r"\w+", text.casefold()), WORDS)


def _digests(parts: Sequence[str], size: int) -> set[int]:
    return {_digest(parts[at : at + size]) for at in range(len(parts) - size + 1)}


def _digest(parts: Iterable[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).digest(), "big")
