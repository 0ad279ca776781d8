"""Find the answers that a student wrote in words: by nbgrader's grade_id, then by the question that stands above."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sslcourse.grading.cells import Cell, grade_id

if TYPE_CHECKING:  # the process that runs this must not wait for torch
    from sslcourse.exercises.task import WrittenQuestion

BLANKS = ("*write your answer here.*", "write your answer here", "your answer here", "*your answer here*")


def find_written(cells: list[Cell], question: WrittenQuestion) -> str | None:
    """The text written for a question, or None where its cell is gone."""
    marked = [cell.source for cell in cells if cell.grade_id == grade_id(question.id)]
    if marked:
        return next((text for text in reversed(marked) if not is_blank(text)), marked[-1])
    asked = _words(question.question)
    for position, cell in enumerate(cells):
        if asked in _words(cell.source):
            following = cells[position + 1] if position + 1 < len(cells) else None
            return following.source if following is not None and following.kind != "code" else None
    return None


def is_blank(answer: str | None) -> bool:
    """Whether a written answer was left as it was handed out."""
    return answer is None or answer.strip().lower() in ("", *BLANKS)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
