"""Checkpoints: written whole or not at all, verified before they are loaded, never mixed between runs."""

import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any

import torch

from sslcourse.files import write_atomically

# The digest of the contents is part of the name, so a single file can be verified, and `torch.load(path,
# weights_only=True)` still reads it.
NAME = re.compile(r"checkpoint-(?P<step>\d{8})-(?P<digest>[0-9a-f]{16})\.pt")
KEPT = 2


class SettingsChanged(ValueError):
    """The directory holds a run with other settings than those given now."""


def save_checkpoint(directory: str | os.PathLike, state: dict[str, Any], step: int) -> Path:
    """Write `state` (tensors, numbers, text, lists, dicts) as the checkpoint of `step`; only the newest two are kept.

    The file gets its final name only when every byte is on disk. Returns its path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_checkpoint(folder, {"step": 7}, step=7)
    ...     load_checkpoint(folder)
    {'step': 7}
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    contents = buffer.getvalue()
    path = directory / f"checkpoint-{step:08d}-{digest_of(contents)}.pt"
    write_atomically(path, contents)
    for old in list_checkpoints(directory)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(directory: str | os.PathLike, map_location: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The state of the newest intact checkpoint in `directory`; None if there is none.

    A damaged file is renamed to `*.damaged`, with a message, and the one before it is used.
    """
    for path in list_checkpoints(Path(directory)):
        contents = path.read_bytes()
        if digest_of(contents) == NAME.fullmatch(path.name)["digest"]:
            return torch.load(io.BytesIO(contents), map_location=map_location, weights_only=True)
        # Out of the way, so that it does not count as one of the two that are kept.
        os.replace(path, path.with_name(path.name + ".damaged"))
        print(f"The checkpoint {path.name} is damaged and is not used (renamed to *.damaged); trying the one before.")
    return None


def list_checkpoints(directory: Path) -> list[Path]:
    """The checkpoints in `directory`, newest step first."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if NAME.fullmatch(path.name)), reverse=True)


def digest_of(contents: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of `contents`."""
    return hashlib.sha256(contents).hexdigest()[:16]


def refuse_changes(stored: dict[str, Any], given: dict[str, Any], directory: str | os.PathLike, done: int) -> None:
    """Raise SettingsChanged, naming each difference, unless both describe the same run.

    Only `steps` may differ: a run can be made longer, or shorter, but not shorter than the `done` steps.

    >>> refuse_changes({"seed": 0, "steps": 9}, {"seed": 1, "steps": 20}, "runs/a", done=9)
    Traceback (most recent call last):
    sslcourse.training.checkpoint.SettingsChanged: runs/a holds a run with other settings:
      seed: 0 there, 1 now
    Use the settings of that run, choose another directory, or delete this one.
    """
    changed = [key for key in {**stored, **given} if key != "steps" and stored.get(key) != given.get(key)]
    if changed:
        lines = "\n".join(f"  {key}: {stored.get(key)} there, {given.get(key)} now" for key in changed)
        raise SettingsChanged(
            f"{directory} holds a run with other settings:\n{lines}\n"
            "Use the settings of that run, choose another directory, or delete this one."
        )
    if given["steps"] < done:
        raise SettingsChanged(
            f"{directory} holds a run that has done {done} steps, more than the {given['steps']} asked for. "
            f"Ask for {done} steps or more, choose another directory, or delete this one."
        )
