"""Where rendered and converted images are kept, and how they are written and read."""

import functools
import hashlib
import json
import os
import re
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sslcourse.files import replacing


def cache_dir() -> Path:
    """The folder for cached data: SSLCOURSE_CACHE when set, else `sslcourse` in the platform's user cache folder.

    A user without a home folder (as in some containers) gets a temporary folder, and is told so once.
    """
    named = os.environ.get("SSLCOURSE_CACHE")
    if named:
        return Path(os.path.expanduser(named))
    if sys.platform == "win32":
        base, below = os.environ.get("LOCALAPPDATA"), "AppData/Local"
    elif sys.platform == "darwin":
        base, below = None, "Library/Caches"
    else:
        base, below = os.environ.get("XDG_CACHE_HOME"), ".cache"
    if base:
        return Path(base) / "sslcourse"
    try:
        return Path.home() / below / "sslcourse"
    except RuntimeError:  # no HOME, and no entry in the user data base
        return _temporary()


@functools.cache
def _temporary() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "cache"
    folder = Path(tempfile.gettempdir()) / f"sslcourse-{user}"
    warnings.warn(
        f"there is no home folder, so images are cached in {folder}; SSLCOURSE_CACHE names another", stacklevel=3
    )
    return folder


Kept = tuple[dict[str, Tensor], Any]  # tensors, and notes that JSON can hold


def cached(folder: Path, stem: str, key: Any, make: Callable[[], Kept]) -> Kept:
    """What `make` returns, from a file in `folder` if there is a sound one; otherwise made and kept there.

    `key` is everything that the tensors depend on, as JSON can hold it; its digest is part of the file's name. A
    damaged file is made again, and a disk that is full or read-only costs only time. A warning says so.
    """
    text = json.dumps(key, sort_keys=True)
    stem = re.sub(r"[^\w.-]", "_", stem)[:40]
    path = folder / f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.safetensors"
    if path.is_file():
        try:
            tensors, metadata = read_tensors(path)
            if metadata["key"] != text or metadata["crc32"] != _checksum(tensors):
                raise ValueError(f"{path} does not hold what its name says")
            return tensors, json.loads(metadata["notes"])
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(f"a damaged cache file is made again: {error}", stacklevel=4)
    tensors, notes = make()
    try:
        write_tensors(path, tensors, {"key": text, "notes": json.dumps(notes), "crc32": _checksum(tensors)})
    except OSError as error:
        warnings.warn(f"not cached, so it is made again next time: {path} could not be written ({error})", stacklevel=4)
    return tensors, notes


def _checksum(tensors: dict[str, Tensor]) -> str:
    """A sum that changes with any byte."""
    total = 0
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].contiguous().numpy().data, total)
    return str(total)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file whole or not at all. Raises OSError if the disk is full or not writable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        try:
            save_file({key: value.contiguous() for key, value in tensors.items()}, temporary, metadata)
        except SafetensorError as error:  # which is no OSError
            raise OSError(f"{path.parent} cannot be written: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file written by `write_tensors`, and its metadata; ValueError when the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # an opened file is not itself iterable
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
