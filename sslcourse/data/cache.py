"""Where rendered and converted images are kept, and how a file is written so that no half-written one is ever read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sslcourse.files import replacing


def cache_dir() -> Path:
    """The folder for cached data: SSLCOURSE_CACHE when set, else `sslcourse` in the platform's user cache folder."""
    if os.environ.get("SSLCOURSE_CACHE"):
        return Path(os.environ["SSLCOURSE_CACHE"]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sslcourse"


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file whole or not at all: to a temporary name in the same folder, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        save_file({key: value.contiguous() for key, value in tensors.items()}, temporary, metadata)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file written by `write_tensors`, and its metadata; ValueError when the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # an opened file is not itself iterable
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
