"""The files of a directory or a .zip: their names and their bytes. Nothing is ever extracted."""

import hashlib
import os
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LARGEST_FILE = 64 * 2**20  # bytes of one file: a zip may declare anything
JUNK_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}


@dataclass(frozen=True)
class FileTree:
    """What lies below `path`: file names with forward slashes, without what operating systems leave behind."""

    path: Path
    names: tuple[str, ...]
    empty: tuple[str, ...]  # folders that hold nothing
    unreadable: tuple[str, ...]  # folders and files that the user has no permission to read
    fingerprint: str  # changes when a file is added, removed or written


def list_tree(path: Path) -> FileTree:
    """List a directory or a .zip.

    Raises FileNotFoundError, with what lies beside it, when there is nothing at `path`; ValueError when it is a file
    but no readable .zip, or when the .zip is encrypted.
    """
    if not os.path.exists(path):
        near = f"{path.parent} does not exist either"
        if path.parent.is_dir():
            near = ", ".join(sorted(os.listdir(path.parent))[:10]) or "nothing"
        raise FileNotFoundError(f"no folder or .zip of images at {path}; beside it: {near}")
    *lists, fingerprint = _list_directory(path) if path.is_dir() else _list_zip(path)
    names, empty, unreadable = (tuple(filter(_wanted, each)) for each in lists)
    return FileTree(path, names, empty, unreadable, fingerprint)


def readers(path: Path, names: list[str], first: int | None = None) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each name with a function that reads the file, or only its `first` bytes.

    That function raises ValueError when a file read whole has more than `LARGEST_FILE` bytes.
    """
    if path.is_dir():
        for name in names:
            yield name, lambda name=name: _read(open(path / name, "rb"), os.stat(path / name).st_size, first)
        return
    with zipfile.ZipFile(path) as archive:
        entries = {_with_slashes(entry.filename): entry for entry in archive.infolist()}
        for name in names:
            yield name, lambda entry=entries[name]: _read(archive.open(entry), entry.file_size, first)


def printable(name: str) -> str:
    r"""A name that can be printed, drawn and saved: bytes that are not UTF-8 and control characters become escapes.

    >>> printable("caf\udce9"), printable("two\nlines"), printable("گربه")
    ('caf\\xe9', 'two\\nlines', 'گربه')
    """
    return "".join(map(_escaped, unicodedata.normalize("NFC", name)))


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character


def _wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not any(part.lower() in JUNK_FOLDERS or (part.startswith(".") and part != "..") for part in parts)


def _list_directory(path: Path) -> tuple[list[str], list[str], list[str], str]:
    names, empty, unreadable, digest = [], [], [], hashlib.sha256()

    def skip(error: OSError) -> None:
        unreadable.append(Path(error.filename).relative_to(path).as_posix())

    for folder, subfolders, files in os.walk(path, onerror=skip, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not _leads_back(os.path.join(folder, name)))
        if not subfolders and not files and folder != str(path):
            empty.append(Path(folder).relative_to(path).as_posix())
        for file in sorted(files):
            whole = os.path.join(folder, file)
            try:
                facts = os.stat(whole, follow_symlinks=os.path.exists(whole))  # a link to nowhere fails when it is read
            except OSError as error:  # a folder that may be listed, but not entered
                skip(error)
                continue
            names.append(Path(whole).relative_to(path).as_posix())
            digest.update(f"{names[-1]}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return names, empty, unreadable, digest.hexdigest()


def _leads_back(folder: str) -> bool:
    """Whether a folder is a link to one that it lies in, so that following it would not end."""
    if not os.path.islink(folder):
        return False
    around = Path(os.path.realpath(os.path.dirname(folder)))
    return Path(os.path.realpath(folder)) in (around, *around.parents)


def _list_zip(path: Path) -> tuple[list[str], list[str], list[str], str]:
    facts = path.stat()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is neither a folder nor a readable .zip: {error}") from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise ValueError(f"{path} is encrypted: unpack it with its password and give the folder instead")
    every = list(dict.fromkeys(_with_slashes(entry.filename) for entry in entries))
    names = [name for name in every if not name.endswith("/")]
    folders = [name.rstrip("/") for name in every if name.endswith("/")]
    filled = {str(parent) for name in every for parent in PurePosixPath(name).parents}
    empty = [folder for folder in folders if folder not in filled]
    return names, empty, [], hashlib.sha256(f"{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")  # some Windows programs write their own separator


def _read(file, size: int, first: int | None) -> bytes:
    with file:
        if first is not None:
            return file.read(first)
        if size > LARGEST_FILE:
            raise ValueError(f"{size:,} bytes, more than {LARGEST_FILE:,}")
        return file.read()
