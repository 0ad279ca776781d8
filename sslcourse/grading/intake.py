"""Find in a submission's cells what is graded; say what had to be repaired.

Nothing here runs student code. An answer is what the notebook's check was given; without a check, what the name of the
function stands for in the end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sslcourse.grading.cells import Cell, grade_id
from sslcourse.grading.slices import Notebook, Plan
from sslcourse.grading.statements import Code, read_code


@dataclass(frozen=True)
class Answer:
    """The code to grade for one exercise: the source of its cell, and the ways to run it, best first.

    `error` is (type, message, line) where the cell is no Python; `repairs` say what had to be repaired.
    """

    source: str
    plans: tuple[Plan, ...] = ()
    repairs: tuple[str, ...] = ()
    error: tuple[str, str, int | None] | None = None


@dataclass
class Submission:
    """What was found in one file: an Answer or None for each task.

    `code` is every cell as Python, by its number, for the plans; `names` is every name that the notebook binds.
    """

    answers: dict[str, Answer | None]
    repairs: list[str] = field(default_factory=list)
    code: dict[int, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


def find_answers(cells: list[Cell], functions: Mapping[str, str]) -> Submission:
    """Match cells with tasks (`functions`: the name of each task's function by id); see `Submission`."""
    read = {cell.number: read_code(cell.source, cell.number) for cell in cells if cell.kind == "code"}
    prose = _answers_in_prose(cells, read, functions)
    read |= prose
    codes = [read[cell.number] for cell in cells if cell.number in read]
    notebook = Notebook(statement for code in codes for statement in code.statements)
    submission = Submission({})
    submission.code = {code.cell: code.python for code in codes if code.statements}
    submission.names = notebook.names
    by_number = {cell.number: cell for cell in cells}
    numbers: list[int] = []
    for id, function in functions.items():
        marked = {cell.number for cell in cells if cell.grade_id == grade_id(id)}
        number = _place(notebook, codes, id, function, marked)
        if number is None:
            submission.answers[id] = None
            continue
        numbers.append(number)
        cell, code = by_number[number], read[number]
        plans = () if code.error else notebook.plans(id, function, set(functions.values()) - {function})
        ran = {place for plan in plans[:1] for place, _ in plan.cells}
        notes = _notes(cells, cell, id, function, ran)
        submission.answers[id] = Answer(_as_code(cell), tuple(plans), tuple(notes), code.error)
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
    marks = {cell.grade_id for cell in cells}
    for lab, functions in functions_by_lab.items():
        named = [name for name in functions.values() if any(_mentions(cell.source, name) for cell in cells)]
        scores[lab] = 2 * len({grade_id(id) for id in functions} & marks) + len(named)
    best = max(scores, key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] else None


def _place(notebook: Notebook, codes: list[Code], id: str, function: str, marked: set[int]) -> int | None:
    """The number of the cell that holds the answer, or None; `marked` are those that carry the task's mark."""
    judged = notebook.judged(id, function)
    if judged is not None and not notebook.is_unwritten(function):
        return judged
    broken = [code.cell for code in codes if code.error and (code.cell in marked or _mentions(code.python, function))]
    return broken[-1] if broken else judged


def _notes(cells: list[Cell], cell: Cell, id: str, function: str, ran: set[int]) -> list[str]:
    """What is unusual about where an answer stands; `ran` are the numbers of the cells of which something runs."""
    notes: list[str] = []
    marked = [other for other in cells if other.grade_id == grade_id(id)]
    name = f"`{function}`"
    if len(marked) > 1 and cell in marked:
        notes.append(f"The cell of {name} is there {len(marked)} times; the last one that was worked on counts.")
    elif not marked and any(other.grade_id for other in cells):
        notes.append(f"The cell had lost its mark; it was found by its function {name}.")
    elif marked and cell not in marked and not any(other.number in ran for other in marked):
        holds = "holds no answer" if _mentions(marked[-1].source, function) else f"does not define {name}"
        notes.append(f"The marked cell {holds}; what stands in cell {cell.number} was taken.")
    if cell.kind != "code":
        notes.append(f"The answer was in a {cell.kind} cell; it was read as code.")
    return notes


def _answers_in_prose(cells: list[Cell], read: dict[int, Code], functions: Mapping[str, str]) -> dict[int, Code]:
    """The cells of text that define a function which no code cell does."""
    sources = [cell.source for cell in cells if cell.kind == "code"]
    wanted = [name for name in functions.values() if not any(_mentions(source, name) for source in sources)]
    bound = {name for code in read.values() for one in code.statements for name in one.binds}
    found = [
        cell
        for cell in cells
        if cell.kind != "code" and any(_mentions(_as_code(cell), name) for name in set(wanted) - bound)
    ]
    return {cell.number: read_code(_as_code(cell), cell.number) for cell in found}


def _mentions(source: str, function: str) -> bool:
    """Whether a line of the cell begins to define the function."""
    return bool(re.search(rf"^[ \t]*(async[ \t]+)?def[ \t]+{re.escape(function)}[ \t]*[(\[]", source, re.MULTILINE))


def _as_code(cell: Cell) -> str:
    if cell.kind == "code":
        return cell.source
    fenced = re.search(r"^```[\w ]*\n(.*?)^```", cell.source, re.MULTILINE | re.DOTALL)
    return fenced[1] if fenced else cell.source
