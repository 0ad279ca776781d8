"""Find in a submission's cells what is graded; say what had to be repaired.

Nothing here runs student code. Answers are found by nbgrader's grade_id, then by the name of the function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sslcourse.grading.cells import Cell, grade_id
from sslcourse.grading.slices import defines, helpers_for, is_attempted, without_programs


@dataclass(frozen=True)
class Answer:
    """The code to grade for one exercise: the cell's source, what it uses of other cells, and what was repaired."""

    source: str
    helpers: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass
class Submission:
    """What was found in one file: an Answer or None for each task."""

    answers: dict[str, Answer | None]
    repairs: list[str] = field(default_factory=list)


def find_answers(cells: list[Cell], functions: Mapping[str, str]) -> Submission:
    """Match cells with tasks (`functions`: the name of each task's function by id)."""
    submission = Submission({})
    numbers: list[int] = []
    for id, function in functions.items():
        notes: list[str] = []
        cell = _find(cells, id, function, notes)
        if cell is None:
            submission.answers[id] = None
            continue
        numbers.append(cell.number)
        source = without_programs(cell.source)
        if source != cell.source:
            notes.append("Lines that start programs (`!...`, `%pip ...`) were left out.")
        others = [other.source for other in cells if other.kind == "code" and other.number != cell.number]
        helpers = helpers_for(source, function, others)
        submission.answers[id] = Answer(source, tuple(helpers), tuple(notes))
    if cells and not any(cell.grade_id for cell in cells):
        submission.repairs.append(
            "The cells had lost their metadata; answers were found by the names of their functions."
        )
    if numbers != sorted(numbers):
        submission.repairs.append("The exercises stand in another order than in the lab.")
    return submission


def guess_lab(cells: list[Cell], functions_by_lab: Mapping[str, Mapping[str, str]]) -> str | None:
    """The lab that most of the notebook's exercises belong to, or None; for each lab the functions by task id."""
    scores: dict[str, int] = {}
    for lab, functions in functions_by_lab.items():
        marked = {grade_id(id) for id in functions} & {cell.grade_id for cell in cells}
        named = [name for name in functions.values() if any(defines(cell.source, name) for cell in cells)]
        scores[lab] = 2 * len(marked) + len(named)
    best = max(scores, key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] else None


def _find(cells: list[Cell], id: str, function: str, notes: list[str]) -> Cell | None:
    """The cell to grade for a task: marked with its id, else one that defines its function; code first."""
    marked = [cell for cell in cells if cell.grade_id == grade_id(id)]
    defining = [cell for cell in cells if defines(_as_code(cell), function)]
    candidates = [cell for cell in marked if cell in defining] or defining or marked
    if not candidates:
        return None
    name = f"`{function}`"
    if len([cell for cell in candidates if cell in marked]) > 1:
        notes.append(f"The cell of {name} is there {len(candidates)} times; the last one that was worked on counts.")
    elif not marked and any(cell.grade_id for cell in cells):
        notes.append(f"The cell had lost its mark; it was found by its function {name}.")
    elif marked and marked[0] not in candidates:
        notes.append(f"The marked cell does not define {name}; cell {candidates[-1].number} does and was taken.")
    code = [cell for cell in candidates if cell.kind == "code"]
    worked_on = [cell for cell in code or candidates if is_attempted(_as_code(cell), function)]
    last = (worked_on or code or candidates)[-1]
    best = next(cell for cell in worked_on or code or candidates if cell.source == last.source)  # of copies, the first
    if best.kind != "code":
        notes.append(f"The answer was in a {best.kind} cell; it was read as code.")
    return Cell(best.number, "code", _as_code(best), best.grade_id)


def _as_code(cell: Cell) -> str:
    if cell.kind == "code":
        return cell.source
    fenced = re.search(r"^```[\w ]*\n(.*?)^```", cell.source, re.MULTILINE | re.DOTALL)
    return fenced[1] if fenced else cell.source
