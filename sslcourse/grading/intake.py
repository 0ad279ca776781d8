"""Read a submitted file, whatever it is, and find in it what is graded; say what had to be repaired.

Nothing here runs student code. Answers are found by nbgrader's grade_id, then by the name of the function; written
answers by grade_id, then by the question that stands above them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sslcourse.exercises.task import Task, WrittenQuestion
from sslcourse.grading.slices import defines, helpers_for, is_attempted, without_programs

MAX_FILE = 64 * 2**20
MAX_CELLS = 3_000
MAX_SOURCE = 200_000  # characters of one cell
MAX_TOTAL = 2_000_000  # and of all cells together: a syntax tree takes a hundred times the room of its source
BLANKS = ("*write your answer here.*", "write your answer here", "your answer here", "*your answer here*")


class Unreadable(ValueError):
    """The file cannot be graded at all; the message tells the student why and what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell as submitted: `kind` is code, markdown or raw; `grade_id` is nbgrader's, or "" where there is none."""

    number: int
    kind: str
    source: str
    grade_id: str = ""


@dataclass(frozen=True)
class Answer:
    """The code to grade for one exercise: the cell's source, what it uses of other cells, and what was repaired."""

    source: str
    helpers: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass
class Submission:
    """What was found in one file: an Answer or None for each task, a text or None for each written question."""

    answers: dict[str, Answer | None]
    written: dict[str, str | None]
    repairs: list[str] = field(default_factory=list)


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


def find_answers(cells: list[Cell], tasks: Mapping[str, Task], written: Mapping[str, WrittenQuestion]) -> Submission:
    """Match cells with tasks and questions; see `Submission`."""
    submission = Submission({}, {question.id: _find_written(cells, question) for question in written.values()})
    numbers: list[int] = []
    for task in tasks.values():
        notes: list[str] = []
        cell = _find(cells, task, notes)
        if cell is None:
            submission.answers[task.id] = None
            continue
        numbers.append(cell.number)
        source = without_programs(cell.source)
        if source != cell.source:
            notes.append("Lines that start programs (`!...`, `%pip ...`) were left out.")
        others = [other.source for other in cells if other.kind == "code" and other.number != cell.number]
        helpers = helpers_for(source, task.function, others)
        submission.answers[task.id] = Answer(source, tuple(helpers), tuple(notes))
    if cells and not any(cell.grade_id for cell in cells):
        submission.repairs.append(
            "The cells had lost their metadata; answers were found by the names of their functions."
        )
    if numbers != sorted(numbers):
        submission.repairs.append("The exercises stand in another order than in the lab.")
    return submission


def guess_lab(cells: list[Cell], tasks_by_lab: Mapping[str, Mapping[str, Task]]) -> str | None:
    """The lab that most of the notebook's exercises belong to, or None."""
    scores: dict[str, int] = {}
    for lab, tasks in tasks_by_lab.items():
        marked = {_grade_id(id) for id in tasks} & {cell.grade_id for cell in cells}
        named = [task for task in tasks.values() if any(defines(cell.source, task.function) for cell in cells)]
        scores[lab] = 2 * len(marked) + len(named)
    best = max(scores, key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] else None


def is_blank(answer: str | None) -> bool:
    """Whether a written answer was left as it was handed out."""
    return answer is None or answer.strip().lower() in ("", *BLANKS)


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


def _grade_id(identifier: str) -> str:
    return identifier.replace(".", "-")


def _find(cells: list[Cell], task: Task, notes: list[str]) -> Cell | None:
    """The cell to grade for a task: marked with its id, else one that defines its function; code first."""
    marked = [cell for cell in cells if cell.grade_id == _grade_id(task.id)]
    defining = [cell for cell in cells if defines(_as_code(cell), task.function)]
    candidates = [cell for cell in marked if cell in defining] or defining or marked
    if not candidates:
        return None
    name = f"`{task.function}`"
    if len([cell for cell in candidates if cell in marked]) > 1:
        notes.append(f"The cell of {name} is there {len(candidates)} times; the last one that was worked on counts.")
    elif not marked and any(cell.grade_id for cell in cells):
        notes.append(f"The cell had lost its mark; it was found by its function {name}.")
    elif marked and marked[0] not in candidates:
        notes.append(f"The marked cell does not define {name}; cell {candidates[-1].number} does and was taken.")
    code = [cell for cell in candidates if cell.kind == "code"]
    worked_on = [cell for cell in code or candidates if is_attempted(_as_code(cell), task.function)]
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


def _find_written(cells: list[Cell], question: WrittenQuestion) -> str | None:
    marked = [cell.source for cell in cells if cell.grade_id == _grade_id(question.id)]
    if marked:
        return next((text for text in reversed(marked) if not is_blank(text)), marked[-1])
    asked = _words(question.question)
    for position, cell in enumerate(cells):
        if asked in _words(cell.source):
            following = cells[position + 1] if position + 1 < len(cells) else None
            return following.source if following is not None and following.kind != "code" else None
    return None


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
