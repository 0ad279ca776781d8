"""What a student has done, kept in one JSON file beside the notebook (on Colab: on Drive, when it is mounted)."""

import json
import os
from pathlib import Path
from typing import Any

from sslcourse.files import write_atomically

FILE_NAME = "sslcourse_progress.json"
FORMAT = 1
DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts it

_memory: dict[str, Any] | None = None  # stands in for the file where none can be written
_told: set[str] = set()


def place() -> tuple[Path, str]:
    """The state file, and in words where it is (words that hold no path of this machine)."""
    if named := os.environ.get("SSLCOURSE_PROGRESS"):
        return Path(named), "the file that SSLCOURSE_PROGRESS names"
    if DRIVE.is_dir():
        return DRIVE / FILE_NAME, f"{FILE_NAME} on your Drive"
    return Path(FILE_NAME), f"{FILE_NAME} beside this notebook"


def read_lab(lab: str) -> dict[str, Any]:
    """What is known of `lab`: dicts "tasks", "hints", "predictions", "measured" and "drawn" (by lot), each by id."""
    return _lab(_read(), lab)


def update(lab: str, part: str, identifier: str, value: Any) -> None:
    """Keep `value` under `identifier` in one part of a lab's state; the file is replaced whole or not at all."""
    global _memory
    state = _read()  # afresh: another notebook may have written meanwhile
    _lab(state, lab)[part][identifier] = value
    file, where = place()
    try:
        write_atomically(file, json.dumps(state, indent=1))
        _memory = None
    except OSError as error:
        _memory = state
        reason = error.strerror or type(error).__name__
        _tell("unwritable", f"Progress cannot be kept in {where} ({reason}); it lasts until the kernel stops.")


def _lab(state: dict[str, Any], lab: str) -> dict[str, Any]:
    entry = state["labs"].setdefault(lab, {})
    for part in ("tasks", "hints", "predictions", "measured", "drawn"):
        if not isinstance(entry.get(part), dict):
            entry[part] = {}
    return entry


def _read() -> dict[str, Any]:
    if _memory is not None:
        return _memory
    file, where = place()
    beside = Path(FILE_NAME)
    if not file.exists() and file == DRIVE / FILE_NAME and beside.exists():
        file = beside  # Drive was mounted after some work had been done
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        if state["format"] > FORMAT:
            raise ValueError("it was written by a newer version of the course")
        if not all(isinstance(entry, dict) for entry in state["labs"].values()):
            raise ValueError("it has another shape")
        return state
    except FileNotFoundError:
        pass
    except OSError as error:
        _tell("unreadable", f"Progress cannot be read from {where} ({error.strerror or type(error).__name__}).")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        kept = file.with_suffix(".damaged.json")
        try:
            os.replace(file, kept)
            _tell(
                f"damaged {kept}",
                f"The progress file was damaged ({error}). It is kept as {kept.name}, and a new one begins.",
            )
        except OSError:
            _tell("damaged", f"The progress file is damaged ({error}), and a new one begins.")
    return {"format": FORMAT, "labs": {}}


def _tell(topic: str, sentence: str) -> None:
    """Say it once a kernel."""
    if topic not in _told:
        _told.add(topic)
        from sslcourse.notebook.card import show_card

        show_card("Progress", sentence, kind="wait")
