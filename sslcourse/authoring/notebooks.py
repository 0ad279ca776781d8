"""One source made into two notebooks: the student's and the solution, neither executed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import sslcourse
from sslcourse.authoring import lint
from sslcourse.authoring.address import Address, read_address
from sslcourse.authoring.nbgrader_format import answer_cell, locked_cell
from sslcourse.authoring.setup_cell import setup_text
from sslcourse.authoring.source import Source, SourceCell, SourceError, read_source, solved, stub
from sslcourse.exercises import LABS, Lab
from sslcourse.exercises.task import WrittenQuestion

BLANK_ANSWER = "*Write your answer here.*"


@dataclass(frozen=True)
class Built:
    """What one source becomes."""

    lab: str
    number: int
    stem: str
    student: NotebookNode
    solution: NotebookNode


def build_lab(path: Path, address: Address | None = None, lab: Lab | None = None) -> Built:
    """Build both notebooks of the source at `path`.

    `address` and `lab` default to what address.json and `sslcourse.exercises` say.
    Raises SourceError, naming every rule of the source format that is broken.
    """
    source = read_source(Path(path))
    if lab is None and source.name not in LABS:
        raise SourceError(f"{path}: there is no lab {source.name!r} in sslcourse/labs; there are {', '.join(LABS)}")
    lab = lab or LABS[source.name]
    _refuse(source, lint.problems(source, lab))
    address = address or read_address()
    student, solution = (_notebook(source, lab, address, kind) for kind in ("student", "solution"))
    for mine, theirs in zip(student.cells, solution.cells, strict=True):
        # The checksum of an answer cell says "untouched": it is that of the blank one in both notebooks.
        if "nbgrader" in mine.metadata:
            theirs.metadata["nbgrader"]["checksum"] = mine.metadata["nbgrader"]["checksum"]
    _refuse(source, lint.leaks(source, lab, "\n".join(cell.source for cell in student.cells)))
    return Built(source.name, source.number, source.stem, student, solution)


def _refuse(source: Source, problems: list[str]) -> None:
    if problems:
        raise SourceError("\n".join(f"{source.path.name}: {problem}" for problem in problems))


def _notebook(source: Source, lab: Lab, address: Address, kind: str) -> NotebookNode:
    cells: list[NotebookNode] = []
    for cell in _with_questions(source, lab):
        built = _cell(cell, source, lab, address, kind)
        built.id = cell.cell_id(source.name, {other.id for other in cells})
        cells.append(built)
    title, _, rest = cells[0].source.partition("\n")
    folder = "labs" if kind == "student" else "solutions"
    badge = f"\n{address.badge(f'{folder}/{source.stem}.ipynb')}\n" if address.is_set else ""
    cells[0].source = f"{title}\n{badge}{rest}".rstrip()
    metadata = {
        "accelerator": "GPU",
        "colab": {"gpuType": "T4", "provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "sslcourse": {"lab": source.name, "number": source.number, "kind": kind, "version": sslcourse.__version__},
    }
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _with_questions(source: Source, lab: Lab) -> Iterator[SourceCell]:
    """The source's cells, and before each written answer one that asks for it."""
    for cell in source.cells:
        if cell.kind == "answer":
            written = lab.written[cell.id]
            plural = "" if written.points == 1 else "s"
            heading = f"**Question** ({written.points:g} point{plural}, marked by a person). {written.question}"
            yield SourceCell("markdown", "question", cell.id, f"{cell.text}\n\n{heading}".strip(), ("question",))
        yield cell


def _cell(cell: SourceCell, source: Source, lab: Lab, address: Address, kind: str) -> NotebookNode:
    new = nbformat.v4.new_code_cell if cell.type == "code" else nbformat.v4.new_markdown_cell
    # The student's notebook has no outputs, so there is nothing to compare with.
    tags = [tag for tag in cell.tags if kind == "solution" or tag != "nbval-check-output"]
    built = new(cell.text, metadata={"tags": tags} if tags else {})
    if cell.kind == "setup":
        built.source = setup_text(address, cell.text)
        built.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}  # folded on Colab, in JupyterLab
        locked_cell(built, f"{source.name}-setup")
    elif cell.kind in ("check", "question"):
        locked_cell(built, f"{cell.kind}-{cell.id}")
    elif cell.kind == "exercise":
        exercise = lab.exercises[cell.id]
        given = stub(cell.text, exercise.task.function)
        built.source = given if kind == "student" else solved(cell.text, exercise.reference)
        answer_cell(built, cell.id, exercise.task.points)
    elif cell.kind == "answer":
        built.source = BLANK_ANSWER if kind == "student" else _model_answer(lab.written[cell.id])
        answer_cell(built, cell.id, lab.written[cell.id].points)
    return built


def _model_answer(written: WrittenQuestion) -> str:
    rubric = "\n".join(f"- {line}" for line in written.rubric)
    return f"{written.model_answer.strip()}\n\n**What earns the points**\n\n{rubric}"
