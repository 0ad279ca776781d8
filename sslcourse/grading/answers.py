"""Grade one answer: observe it in the box on inputs drawn here, judge it, and find the sentence for what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sslcourse.exercises.compare import failures_in
from sslcourse.exercises.judge import case_inputs, judge
from sslcourse.exercises.task import Exercise, Task
from sslcourse.grading.child import CLOSED
from sslcourse.grading.host import Box, Outcome
from sslcourse.grading.intake import Answer
from sslcourse.grading.results import ERROR, KILLED, MISSING, CaseLine, ExerciseResult, explain_end, ran_out_of_memory


def grade_answer(exercise: Exercise, answer: Answer | None, box: Box, seed: int) -> ExerciseResult:
    """Observe one answer in the box, on the inputs that `seed` gives, and judge it here."""
    task = exercise.task

    def result(points: float, status: str, message: str, **more) -> ExerciseResult:
        if answer is not None:
            more |= {"repairs": answer.repairs, "code": answer.source}
        return ExerciseResult(task.id, task.title, points, task.points, status, message, **more)

    if answer is None:
        message = f"No cell defines a function called `{task.function}`."
        return result(0.0, MISSING, f"{message} If you deleted the cell, take it from the lab again.")
    inputs = {case.name: case_inputs(task, case, seed) for case in task.cases}
    outcome = box.observe(task, answer.source, answer.helpers, inputs)
    verdict = judge(exercise, outcome.observations, inputs)
    cases = tuple(CaseLine(case.name, case.points, case.max_points, case.message) for case in verdict.cases)
    ended = explain_end(outcome, box.limits)
    common: dict[str, Any] = {"cases": cases, "output": outcome.output}
    if ended is not None:
        return result(verdict.points, *ended, **common)
    if len(outcome.observations) == len(task.cases):
        status, message = ran_out_of_memory(outcome, box.limits) or (verdict.status, verdict.message)
        if status == ERROR:
            message = _missing_module(outcome.observations) or message + _failed_helpers(outcome)
        return result(verdict.points, status, message, hint=verdict.hint, **common)
    return result(verdict.points, *_unfinished(task, outcome), **common)


def _unfinished(task: Task, outcome: Outcome) -> tuple[str, str]:
    """Status and sentence when the process ended by itself without having observed every case."""
    cell = outcome.cell or {}
    error = cell.get("error")
    if outcome.is_malformed:
        message = "What came back from your code could not be read: something else was written where results belong."
        return ERROR, message
    if error and type(error) is dict:
        kind, text, line = (error.get(key) for key in ("type", "message", "line"))
        where = f" in line {line} of the cell" if type(line) is int else ""
        module = _says_missing_module(kind, text)
        return ERROR, module or f"The cell did not run: {kind}{where}: {text}"[:600]
    if outcome.exit == CLOSED:
        message = "Your code closed files that it had not opened (`os.close`, `os.closerange`), so that no result could"
        return ERROR, f"{message} be sent. Take that out."
    if not outcome.observations and cell.get("defined") is False:
        message = f"The cell ran, but it leaves no function called `{task.function}`."
        return MISSING, f"{message} Keep the name that the lab gives it."
    return KILLED, "Your code ended the Python process it ran in (`os._exit` or a crash in a library). Take that out."


def _failed_helpers(outcome: Outcome) -> str:
    failed = (outcome.cell or {}).get("failed_helpers")
    lines = [line for line in failed if type(line) is str] if type(failed) is list else []
    return f" Lines of other cells that it needs did not run: {'; '.join(lines)}."[:600] if lines else ""


def _missing_module(observations: Mapping) -> str | None:
    found = (_says_missing_module(failure.get("type"), failure.get("message")) for failure in failures_in(observations))
    return next(filter(None, found), None)


def _says_missing_module(kind: object, text: object) -> str | None:
    if kind not in ("ModuleNotFoundError", "ImportError") or type(text) is not str:
        return None
    if "sslcourse" in text:
        return (
            f"{text}: the course's own functions are not there where answers are graded. Write the computation"
            " yourself, from torch's operations."
        )[:600]
    return f"{text}: this library is not there where answers are graded. Use torch and what the lab imports."[:600]
