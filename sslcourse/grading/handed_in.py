"""A file of a hand-in folder: named, dated, and opened without following a link."""

import os
import re
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from sslcourse.grading.cells import MAX_FILE, NOTEBOOK_ENDING, too_large
from sslcourse.grading.unpack import parts_of
from sslcourse.grading.visible import one_line

KEPT_BY_PROGRAMS = {".ipynb_checkpoints", "__MACOSX", ".git", ".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__"}
_COPY = re.compile(r"(?:\s*\((\d{1,3})\)|[\s_-]+copy[\s_-]?(\d{0,3})|[\s_-]v(\d{1,3}))$", re.IGNORECASE)


@dataclass(frozen=True)
class HandedIn:
    """A file: its path below `root`, when it was handed in, and why it cannot be read, where it cannot.

    `root` is a folder or a class's zip.
    `modified` is when the file was changed, unless the platform that it comes from says when it was handed in;
    `is_late` is what the platform says. `identity` is the same for two names of one file (hard links). `inside` is the
    path in an archive that `parts` name, and `changed` when it was changed as the archive has it. `content` is what was
    read of it, where it goes to another machine.
    """

    root: Path
    parts: tuple[str, ...]
    modified: float = 0.0
    problem: str = ""
    identity: tuple[int, int] | None = None
    is_late: bool = False
    inside: tuple[str, ...] = ()
    changed: float = 0.0
    content: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def path(self) -> str:
        """The path below the hand-in folder, to be shown."""
        return one_line("/".join((*self.parts, *self.inside)))

    @property
    def stem(self) -> str:
        """The name without what says that it is a notebook."""
        name = (*self.parts, *self.inside)[-1]
        return NOTEBOOK_ENDING.sub("", name) if NOTEBOOK_ENDING.search(name) else Path(name).stem

    @property
    def version(self) -> tuple[str, int]:
        """The name without "(1)", "copy 2", "Copy of" or "_v3", and the number in it."""
        base, number = re.subn(r"^copy of ", "", self.stem, flags=re.IGNORECASE)
        while found := _COPY.search(base):
            base, number = base[: found.start()], number + int(next(filter(None, found.groups()), "1"))
        return base or self.stem, number

    def open(self) -> BinaryIO:
        """The file, reached without following a link, whatever has been changed since. Raises OSError."""
        if self.content is not None:
            return _temporary(self.content)
        if self.root.is_file():
            return _temporary(_taken_out(self.root, self.parts))
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in self.parts[:-1]:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            file = os.open(self.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError("it is not an ordinary file")
        return os.fdopen(file, "rb")


def _temporary(content: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    file.write(content)
    file.seek(0)
    return file


def _taken_out(path: Path, parts: tuple[str, ...]) -> bytes:
    """A file of a class's zip, as far as anything of it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(entry for entry in archive.infolist() if parts_of(entry.filename) == parts)
            with archive.open(entry) as packed:
                return packed.read(MAX_FILE + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, StopIteration) as error:
        raise OSError(f"it cannot be taken out of {path.name}: {error}") from None


def look_at(root: Path, parts: tuple[str, ...]) -> HandedIn:
    """The file at `parts` below `root`, with its `problem` where it is a link or no file at all."""
    try:
        found = os.lstat(root.joinpath(*parts))
    except OSError as error:
        return HandedIn(root, parts, problem=f"The file cannot be read: {error.strerror}.")
    kind, problem = stat.S_IFMT(found.st_mode), ""
    if kind == stat.S_IFLNK:
        problem = told_of_link(one_line(parts[-1]))
    elif kind not in (stat.S_IFREG, stat.S_IFDIR):
        problem = f"`{one_line(parts[-1])}` is not a file but a pipe, a socket or a device. Hand in the .ipynb file."
    identity = (found.st_dev, found.st_ino) if found.st_nlink > 1 and kind == stat.S_IFREG else None
    return HandedIn(root, parts, found.st_mtime, problem, identity)


def told_of_link(name: str) -> str:
    """What is said of a link."""
    return f"`{name}` is a link, and links are not followed. Hand in the file itself."


def is_notebook(file: HandedIn) -> bool:
    """Whether a file has a notebook's name or, without a telling one, begins like a notebook."""
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


def carried(file: HandedIn) -> HandedIn:
    """The same file with its content, to be read on another machine; one that is too large says so."""
    if file.problem:
        return file
    try:
        with file.open() as opened:
            content = opened.read(MAX_FILE + 1)
    except OSError as error:
        return replace(file, problem=f"The file cannot be read: {error.strerror or error}.")
    return replace(file, problem=too_large()) if len(content) > MAX_FILE else replace(file, content=content)
