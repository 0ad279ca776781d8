"""The notebooks in a zip archive that a student handed in.

They are read in memory, one at a time, within limits. Nothing is written, so no path in an archive leads anywhere.
"""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sslcourse.grading.cells import MAX_FILE, NOTEBOOK_ENDING, too_large
from sslcourse.grading.visible import one_line

MAX_ENTRIES = 1_000  # of an archive and of those in it, together
MAX_NOTEBOOKS = 50
MAX_NESTED = 3  # an archive in an archive in an archive
MAX_TOTAL = 4 * MAX_FILE  # bytes of all that is unpacked
ADVICE = "Hand in the .ipynb file itself."
_KEPT = {".ipynb_checkpoints", "__MACOSX"}


@dataclass(frozen=True)
class Member:
    """A file of an archive: its path there, when it was changed, and its content, or why that is not read."""

    inside: tuple[str, ...]
    changed: float = 0.0
    content: bytes = b""
    problem: str = ""


def is_archive(content: bytes) -> bool:
    """Whether it begins as a zip archive does."""
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def members(content: bytes) -> Iterator[Member]:
    """The notebooks of an archive and of the archives in it, and every other file with the reason why it is not read.

    What Jupyter and macOS put there of themselves is left out. Raises nothing but MemoryError.
    """
    return _members(content, (), 1, _Left())


@dataclass
class _Left:
    """What may still be unpacked."""

    entries: int = MAX_ENTRIES
    notebooks: int = MAX_NOTEBOOKS
    size: int = MAX_TOTAL


def _members(content: bytes, above: tuple[str, ...], depth: int, left: _Left) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            left.entries -= len(entries)
            if left.entries < 0:
                yield Member(above, problem=f"The archive holds more than {MAX_ENTRIES:,} files. {ADVICE}")
                return
            for entry in entries:
                inside = (*above, *parts_of(entry.filename))
                if not (_KEPT.isdisjoint(inside) and inside) or inside[-1].startswith("._"):
                    continue
                yield from _member(archive, entry, inside, depth, left)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a damaged archive fails in many ways)
        yield Member(above, problem=f"The archive is damaged. {ADVICE}")


def _member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inside: tuple[str, ...], depth: int, left: _Left
) -> Iterator[Member]:
    is_notebook, is_zip = NOTEBOOK_ENDING.search(inside[-1]), inside[-1].lower().endswith(".zip")
    problem = ""
    if not is_notebook and not is_zip:
        problem = "Not a notebook."
    elif stat.S_ISLNK(entry.external_attr >> 16):
        problem = "A link, and links are not followed. Hand in the file itself."
    elif entry.flag_bits & 1:
        problem = f"The archive is locked with a password. {ADVICE}"
    elif is_zip and depth >= MAX_NESTED:
        problem = f"Archives in archives are opened {MAX_NESTED} deep. {ADVICE}"
    elif is_notebook and not left.notebooks:
        problem = f"Not looked at: an archive may hold {MAX_NOTEBOOKS} notebooks."
    if problem:
        yield Member(inside, problem=problem)
        return
    try:
        with archive.open(entry) as file:
            content = file.read(min(MAX_FILE, left.size) + 1)  # the size that an archive gives for it may be a lie
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, zlib.error):
        yield Member(inside, problem=f"The archive is damaged here. {ADVICE}")
        return
    left.size -= len(content)
    if len(content) > MAX_FILE or left.size < 0:
        yield Member(inside, problem=too_large() if left.size >= 0 else f"The archive holds too much. {ADVICE}")
    elif is_zip:
        yield from _members(content, inside, depth + 1, left)
    else:
        left.notebooks -= 1
        yield Member(inside, time_of(entry), content)


def parts_of(name: str) -> tuple[str, ...]:
    """A path in an archive as it is shown: whatever it says of other folders is left out."""
    parts = re.split(r"[/\\]", name)
    return tuple(one_line(part) for part in parts if part not in ("", ".", "..") and not part.endswith(":"))


def time_of(entry: zipfile.ZipInfo) -> float:
    """When a file of an archive was changed, in seconds since 1970; 0 where the archive says nothing sensible."""
    try:
        return datetime(*entry.date_time).timestamp()
    except (ValueError, OverflowError):
        return 0.0
