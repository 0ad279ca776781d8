"""The table of verdicts for a README."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sslcourse.claims.claim import Claim, Contrast
from sslcourse.claims.pictures import PICTURES
from sslcourse.claims.report import Entry, amount, entry_of, p_of, weakest_of
from sslcourse.claims.verdict import UNMEASURED
from sslcourse.files import write_atomically
from sslcourse.pages import between_marks

MARKS = ("<!-- claims -->", "<!-- end of claims -->")


def beside_effect(entry: Entry) -> str:
    """What belongs next to the effect that decides, in words: another contrast, and a sign that changed on the way."""
    words = "<br>half way through the runs it pointed the other way" * entry.first.sign_changes
    if other := entry.beside:
        words += f"<br>beside it, {other.contrast.name}: {amount(other)}, {other.words}"
    return words


def published_in_short(claim: Claim) -> str:
    """How many published numbers of the same arms speak for the claim, and how many against it."""
    views = [each.supports for each in claim.published]
    words = [f"{views.count(view)} {name}" for view, name in ((True, "for"), (False, "against")) if view in views]
    return ", ".join(words) or "nothing of the same arms"


def needed(contrast: Contrast) -> str:
    """The effects that would bear the contrast's claim out.

    >>> needed(Contrast("two arms", {"a": 1, "b": -1}, "knn", 0.03, "lower", why_least="two standard errors"))
    'at most -0.03'
    """
    words = {"higher": "at least +{:g}", "lower": "at most -{:g}", "same": "within ±{:g}"}
    return words[contrast.direction].format(contrast.least)


def write_table(path: Path, claims: Iterable[Claim], scale: str, rows: Sequence[dict]) -> None:
    """Put the table of verdicts between its marks in a file of Markdown; ValueError if they are not there once."""
    page = path.read_text(encoding="utf-8")
    write_atomically(path, filled(page, table(claims, scale, rows)))


def filled(page: str, text: str) -> str:
    """The page with the text between the marks."""
    return between_marks(page, *MARKS, text)


def table(claims: Iterable[Claim], scale: str, rows: Sequence[dict]) -> str:
    """A row a claim: its sentence, the verdict, the effect that decides, what it had to reach, and the pairs.

    Beside the verdict stands what is published and found on photographs, beside the effect the contrast `beside`.
    """
    lines = ["| | claim | verdict | effect that decides | counts from | pairs |", "|---|---|---|---|---|---|"]
    for claim in claims:
        entry = entry_of(claim, scale, rows)
        found = ""
        verdict = f"**{entry.word}**" if entry.word != UNMEASURED else entry.word
        verdict += f": {entry.instead}" if entry.instead else ""
        if known := len(entry.counted_again):
            verdict += f" (changed when {known} {'run was' if known == 1 else 'runs were'} known)"
        if entry.word != UNMEASURED:
            found = f"{weakest_of(claim)}{entry.first.contrast.name}: {amount(entry.first)}"
            found += f", {p_of(entry.first)}" + beside_effect(entry)
            verdict += f"<br>published: {published_in_short(claim)}"
            verdict += "".join(f"<br>{PICTURES[other.data].title}: {other.words}" for other in entry.elsewhere)
        cells = [str(claim.number), claim.sentence, verdict, found, needed(entry.first.contrast), str(entry.pairs)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
