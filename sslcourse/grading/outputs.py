"""What the outputs of a notebook show: predictions, what was measured, curves. Nothing is run, and nothing is graded.

A lab's cells print cards and descriptions of figures as plain text (see `notebook.card`); that is what is read here.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sslcourse.grading.cells import Cell

MOST = 40  # of findings, and of the descriptions of one
_PREDICT = re.compile(r"^[ \t]*predict\(", re.MULTILINE)
_CHART = re.compile(r"(?:Line|Bar) chart of ")


@dataclass(frozen=True)
class Finding:
    """A measurement in words; the prediction of `id` that it answers, with its `question`, where that is certain.

    `predicted` and `came_out` are options in words, "" where none was chosen, or nothing decided. `is_judged` is False
    at the scale where nothing learns. `charts` are descriptions of the figures of the same cell.
    """

    text: str
    predicted: str = ""
    came_out: str = ""
    is_judged: bool = True
    id: str = ""
    question: str = ""
    options: tuple[tuple[str, str], ...] = ()
    charts: tuple[str, ...] = ()


def find_findings(cells: Sequence[Cell]) -> list[Finding]:
    """What the experiments of a notebook found, in its order."""
    found: list[Finding] = []
    asked: list[Finding] = []
    measured: list[Finding] = []
    for is_prediction, group in groupby((cell for cell in cells if cell.kind == "code"), key=_is_prediction):
        if is_prediction:
            found += _matched(asked, measured)
            asked, measured = [question for cell in group if (question := _question(cell))], []
        else:
            measured += [finding for cell in group for finding in _measured(cell)]
    return [*found, *_matched(asked, measured)][:MOST]


def _matched(asked: Sequence[Finding], measured: Sequence[Finding]) -> Iterator[Finding]:
    """The measurements with the questions before them: experiments answer them all, in order, or it is not certain."""
    if len(asked) != len(measured):
        yield from measured
        return
    for question, finding in zip(asked, measured):
        yield replace(finding, id=question.id, question=question.question, options=question.options)


def _is_prediction(cell: Cell) -> bool:
    return _PREDICT.search(cell.source) is not None


def _question(cell: Cell) -> Finding | None:
    """The prediction that a cell asks for, as far as its call holds plain text."""
    try:
        tree = ast.parse(cell.source)
        call = next(node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_predict(node.func))
        id, question = [ast.literal_eval(argument) for argument in call.args[:2]]
        options = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords if each.arg != "choice"}
    except (ValueError, SyntaxError, StopIteration, RecursionError, MemoryError, TypeError):
        return None
    if not all(isinstance(each, str) for each in (id, question, *options.values())):
        return None
    return Finding("", id=id, question=question, options=tuple(options.items()))


def _is_predict(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "predict"


def _measured(cell: Cell) -> Iterator[Finding]:
    """The cards of a cell that say what was measured."""
    charts = [line for text in cell.printed for line in text.splitlines() if _CHART.match(line)]
    for text in cell.printed:
        title, _, rest = text.partition("\n")
        if not (card := re.match(r"\S Measured(?:: (.*))?$", title)):
            continue
        said, predicted, is_judged = [], "", True
        for line in (line.strip() for line in rest.splitlines()):
            if line.startswith("You predicted: "):
                predicted = line.removeprefix("You predicted: ").rstrip(".").removesuffix(" (made afterwards)")
            elif line.startswith("At scale `smoke`"):
                is_judged = False
            elif line not in ("This decides nothing.", "") and is_judged and not predicted:
                said.append(line)
        words = " ".join(said).removesuffix(" You made no prediction before; the cell above still takes one.")
        came_out = predicted if (card[1] or "").startswith("as you predicted") else card[1] or ""
        yield Finding(words, predicted, came_out, is_judged, charts=tuple(charts[:MOST]))
