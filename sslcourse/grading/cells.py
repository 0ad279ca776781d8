"""Read a submitted file, whatever it is, into cells; say what had to be repaired, or why it cannot be read.

Nothing here runs student code, and nothing here knows what is asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_FILE = 64 * 2**20
MAX_CELLS = 3_000
MAX_SOURCE = 200_000  # characters of one cell
MAX_TOTAL = 2_000_000  # and of all cells together: a syntax tree takes a hundred times the room of its source


class Unreadable(ValueError):
    """The file cannot be graded at all; the message tells the student why and what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell as submitted: `kind` is code, markdown or raw; `grade_id` is nbgrader's, or "" where there is none."""

    number: int
    kind: str
    source: str
    grade_id: str = ""


def read_cells(path: Path) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook of any version, and what was repaired. Raises Unreadable, and nothing else."""
    content = _read(path)
    repairs: list[str] = []
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(
            f"The file is not valid JSON{place}, so it cannot be read as a notebook. Open it in Jupyter, save it again "
            "(or download it again from Colab as .ipynb) and hand that in."
        ) from None
    if not isinstance(notebook, dict):
        raise Unreadable("The file is JSON but not a notebook. Hand in the .ipynb file of the lab.")
    found = notebook.get("cells")
    if not isinstance(found, list) and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
        repairs.append("The notebook is in the old format 3; it was read all the same.")
    if not isinstance(found, list):
        raise Unreadable("The file has no cells, so it is not a notebook. Hand in the .ipynb file of the lab.")
    kept, total = [], 0
    for number, raw in enumerate(found[:MAX_CELLS], start=1):
        cell = _cell(number, raw)
        total += 0 if cell is None else len(cell.source)
        if cell is not None and total <= MAX_TOTAL:
            kept.append(cell)
    if len(kept) < len(found):
        repairs.append(f"{len(found) - len(kept)} damaged or surplus cells were left out.")
    return kept, repairs


def grade_id(identifier: str) -> str:
    """The mark that the cell of a task or question carries in nbgrader's metadata."""
    return identifier.replace(".", "-")


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            reason = "There is no such file." if not path.exists() else "This is not an ordinary file."
            raise Unreadable(f"{reason} Hand in the .ipynb file of the lab.")
        if path.stat().st_size > MAX_FILE:
            raise Unreadable(
                f"The file is larger than {MAX_FILE >> 20} MiB. Clear the outputs (in Jupyter: Edit, Clear Outputs of"
                " All Cells), save it and hand it in again."
            )
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror or type(error).__name__}.") from None
    if not content.strip():
        raise Unreadable("The file is empty. Save the notebook in Jupyter or Colab and hand it in again.")
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(
        "The file is not text, so it is not a notebook. Hand in the .ipynb file itself, not an archive or a PDF."
    )


def _cell(number: int, raw: Any) -> Cell | None:
    if not isinstance(raw, dict):
        return None
    kind = raw.get("cell_type")
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if kind not in ("code", "markdown", "raw", "heading") or not isinstance(source, str) or len(source) > MAX_SOURCE:
        return None
    metadata = raw.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    # Lone surrogates and NULs are valid in JSON and in nothing that comes after.
    source = source.encode("utf-8", "replace").decode().replace("\0", "").replace("\r\n", "\n")
    kind = "markdown" if kind == "heading" else kind
    return Cell(number, kind, source, grade_id if isinstance(grade_id, str) else "")
