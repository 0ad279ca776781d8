"""nbgrader's cell metadata (schema version 3) and its checksum, so that other tools read our notebooks."""

import hashlib
from typing import Any


def grade_id(identifier: str) -> str:
    """An exercise's id in nbgrader's alphabet.

    >>> grade_id("contrastive.nt_xent")
    'contrastive-nt_xent'
    """
    return identifier.replace(".", "-")


def answer_cell(cell: Any, identifier: str, points: float) -> None:
    """Mark `cell` as one that the student fills in and that is worth `points`."""
    _mark(cell, identifier, {"grade": True, "solution": True, "locked": False, "points": _number(points)})


def solution_cell(cell: Any, identifier: str) -> None:
    """Mark `cell` as one that the student fills in and that a cell of its own grades."""
    _mark(cell, identifier, {"grade": False, "solution": True, "locked": False})


def tested_cell(cell: Any, identifier: str, points: float) -> None:
    """Mark `cell` as one that gives points and that the grader puts back as it was."""
    _mark(cell, identifier, {"grade": True, "solution": False, "locked": True, "points": _number(points)})


def locked_cell(cell: Any, identifier: str) -> None:
    """Mark `cell` as one that the grader may put back as it was."""
    _mark(cell, identifier, {"grade": False, "solution": False, "locked": True})


def _number(points: float) -> float:
    return int(points) if points == int(points) else points


def _mark(cell: Any, identifier: str, fields: dict[str, Any]) -> None:
    cell.metadata["nbgrader"] = {
        **fields,
        "task": False,
        "grade_id": grade_id(identifier),
        "schema_version": 3,
        "cell_type": cell.cell_type,
    }
    cell.metadata["nbgrader"]["checksum"] = compute_checksum(cell)


def compute_checksum(cell: Any) -> str:
    """The checksum of a marked cell as `nbgrader.utils.compute_checksum` has it: of source, type, flags, id and points.

    Raises KeyError when the cell carries no nbgrader metadata.

    >>> import nbformat
    >>> cell = nbformat.v4.new_code_cell("1 + 1")
    >>> locked_cell(cell, "check.sum")
    >>> compute_checksum(cell)
    '2c255b2c843036acafeec8aa97c635ab'
    """
    fields = cell.metadata["nbgrader"]
    grade, solution = bool(fields.get("grade")), bool(fields.get("solution"))
    locked = not solution and (grade or bool(fields.get("locked")))
    parts = [cell.source, cell.cell_type, str(grade), str(solution), str(locked), fields["grade_id"]]
    if grade:
        parts.append(str(float(fields["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
