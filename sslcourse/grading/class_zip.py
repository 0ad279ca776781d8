"""A class's hand-ins in one zip, as learning platforms hand them out: its files are read where they are."""

import stat
import zipfile
from pathlib import Path

from sslcourse.grading.cells import NOTEBOOK_ENDING
from sslcourse.grading.handed_in import HandedIn, told_of_link
from sslcourse.grading.schemes import read_names
from sslcourse.grading.unpack import parts_of, time_of

MAX_FILES = 50_000


def class_files(path: Path, is_only_path: bool) -> list[HandedIn]:
    """The files of a zip that holds a class's hand-ins, with the zip as their root; none for any other file.

    Such a zip holds several notebooks or zips, and it is the only path given or has a platform's names; any other is
    one student's. Raises ValueError for one with too many files.
    """
    if path.is_symlink() or not path.is_file() or path.suffix.lower() != ".zip":
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and parts_of(entry.filename)]
    except (zipfile.BadZipFile, OSError):
        return []  # a student's, who is told
    if len(entries) > MAX_FILES:
        raise ValueError(f"{path} holds {len(entries):,} files, more than {MAX_FILES:,}; unpack it and give the folder")
    files = [_file(path, entry) for entry in entries]
    work = [file for file in files if NOTEBOOK_ENDING.search(file.parts[-1]) or file.parts[-1].lower().endswith(".zip")]
    is_class_s = len(work) > 1 and (is_only_path or bool(read_names(files)[0]))
    return files if is_class_s else []


def _file(path: Path, entry: zipfile.ZipInfo) -> HandedIn:
    parts = parts_of(entry.filename)
    problem = told_of_link(parts[-1]) if stat.S_ISLNK(entry.external_attr >> 16) else ""
    return HandedIn(path, parts, time_of(entry), problem)
