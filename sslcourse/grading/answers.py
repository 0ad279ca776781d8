"""Grade one answer: observe it in the box on inputs drawn here, judge it, and find the sentence for what went wrong."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sslcourse.exercises.compare import failures_in
from sslcourse.exercises.judge import case_inputs, judge
from sslcourse.exercises.task import Exercise, Task
from sslcourse.grading.child import CLOSED
from sslcourse.grading.host import Box, Outcome
from sslcourse.grading.intake import Submission
from sslcourse.grading.results import (
    ERROR,
    FAILED,
    KILLED,
    MISSING,
    CaseLine,
    ExerciseResult,
    explain_end,
    ran_out_of_memory,
)
from sslcourse.grading.slices import Plan


def grade_answer(
    exercise: Exercise, submission: Submission, box: Box, seed: int, references: Mapping[str, str] | None = None
) -> ExerciseResult:
    """Observe one answer in the box, on the inputs that `seed` gives, and judge it here.

    Of the ways to run it (`Answer.plans`) the one with most points counts. `references` are the course's answers to
    other exercises, as code, to put in place of the student's own.
    """
    task, answer = exercise.task, submission.answers[exercise.task.id]
    blank = ExerciseResult(task.id, task.title, 0.0, task.points, MISSING, "", function=task.function)
    if answer is None:
        message = f"No cell defines a function called `{task.function}`."
        return replace(blank, message=f"{message} If you deleted the cell, take it from the lab again.")
    blank = replace(blank, repairs=answer.repairs, code=answer.source)
    if answer.error is not None:
        kind, text, line = answer.error
        where = f" in line {line} of the cell" if line else ""
        message = f"The cell did not run: {kind}{where}: {text}"[:600]
        if kind == "SyntaxError":
            message += f" (It was read as Python {sys.version_info.major}.{sys.version_info.minor}.)"
        return replace(blank, status=ERROR, message=message)
    inputs = {case.name: case_inputs(task, case, seed) for case in task.cases}
    best = blank
    for plan in answer.plans:
        outcome = box.observe(task, _program(plan, submission.code, references or {}), inputs)
        result = _judged(exercise, blank, outcome, inputs, box, submission.names)
        if best is blank or _points(result) > _points(best):
            best = result
        if best.points == task.points or result.status not in (FAILED, ERROR, MISSING):
            break
    return best


def with_references(
    exercises: Mapping[str, Exercise], submission: Submission, results: Sequence[ExerciseResult], box: Box, seed: int
) -> list[ExerciseResult]:
    """Grade again what builds on the student's own wrong answer to an earlier exercise, with the course's in its place.

    The better of both counts, and the result says so. Only earlier ones: the course's answer that is lent here can be
    kept in a file of the box, so its own exercise must be done with.
    """
    wrong: dict[str, str] = {}
    better: list[ExerciseResult] = []
    for result in results:
        answer = submission.answers[result.id]
        used = sorted(set(answer.plans[0].builds_on) & set(wrong)) if answer and answer.plans else []
        if used and _points(result) < result.max_points:
            references = {function: reference_code(exercises[wrong[function]]) for function in used}
            again = grade_answer(exercises[result.id], submission, box, seed, references)
            if _points(again) > _points(result):
                names = " and ".join(f"`{function}`" for function in used)
                note = (
                    f"Judged with the course's {names} in place of your own, which is not right yet; with your own it"
                    f" has {result.points:g} of {result.max_points:g}."
                )
                result = replace(again, message=f"{again.message} {note}")
        if _points(result) < result.max_points:
            wrong[exercises[result.id].task.function] = result.id
        better.append(result)
    return better


def reference_code(exercise: Exercise) -> str:
    """Code that binds the exercise's function to the course's answer, whatever the names around it mean.

    >>> from sslcourse.exercises import find
    >>> print(reference_code(find("contrastive.similarity")))
    def _reference():
        import torch
        import torch.nn.functional as F
        def cosine_similarity_matrix(z1, z2):
            z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
            return z @ z.T
        return cosine_similarity_matrix
    cosine_similarity_matrix = _reference()
    """
    reference = exercise.reference
    tree = ast.parse(inspect.getsource(sys.modules[reference.__module__]))
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    own = [line for line in imports if "sslcourse" not in line and "__future__" not in line]
    source = textwrap.dedent(inspect.getsource(reference)).rstrip()
    body = "\n".join([*own, source, f"return {reference.__name__}"])
    return f"def _reference():\n{textwrap.indent(body, '    ')}\n{exercise.task.function} = _reference()"


def _points(result: ExerciseResult) -> float:
    return result.points or 0.0


def _program(plan: Plan, code: Mapping[int, str], references: Mapping[str, str]) -> list:
    """The cells to run, as `student.run_cells` takes them; a reference follows the statement that it replaces."""
    steps: list[tuple[int, Any]] = [(cell, index) for cell, indices in plan.cells for index in indices]
    for function, place in sorted(plan.builds_on.items(), key=lambda item: -item[1]):
        if function in references:
            steps.insert(place, (0, function))
    program: list = []
    for cell, step in steps:
        if cell == 0:
            program.append([0, references[step], [0, 1]])
        elif program and program[-1][0] == cell:
            program[-1][2].append(step)
        else:
            program.append([cell, code[cell], [step]])
    return program


def _judged(
    exercise: Exercise,
    blank: ExerciseResult,
    outcome: Outcome,
    inputs: Mapping[str, list],
    box: Box,
    names: frozenset[str],
) -> ExerciseResult:
    """What one run of an answer is worth, and the sentence for it."""
    verdict = judge(exercise, outcome.observations, inputs)
    cases = tuple(
        CaseLine(each.name, each.points, each.max_points, each.message, each.inputs) for each in verdict.cases
    )
    result = replace(blank, points=verdict.points, cases=cases, output=outcome.output)
    ended = explain_end(outcome, box.limits)
    if ended is not None:
        return replace(result, status=ended[0], message=ended[1])
    failed = _failed(outcome, exercise.task.function)
    if len(outcome.observations) < len(cases):
        status, message = _unfinished(exercise.task, outcome, failed)
    else:
        status, message = ran_out_of_memory(outcome, box.limits) or (verdict.status, verdict.message)
        result = replace(result, hint=verdict.hint, misconception=verdict.misconception)
        if status == ERROR:
            message = _missing_module(outcome.observations) or message
    look = ""
    if status in (ERROR, FAILED):
        look = _why_look(outcome.observations, failed, names)
        message += "".join(f" {_sentence(one)}" for one in failed[:3] if one["message"] not in message)
    return replace(result, status=status, message=message, look=look)


def _unfinished(task: Task, outcome: Outcome, failed: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Status and sentence when the process ended by itself without having observed every case."""
    if outcome.is_malformed:
        message = "What came back from your code could not be read: something else was written where results belong."
        return ERROR, message
    if outcome.exit == CLOSED:
        message = "Your code closed files that it had not opened (`os.close`, `os.closerange`), so that no result could"
        return ERROR, f"{message} be sent. Take that out."
    if outcome.observations or (outcome.cell or {}).get("defined") is not False:
        message = "Your code ended the Python process it ran in (`os._exit` or a crash in a library). Take that out."
        return KILLED, message
    for one in failed:
        if one["defines"] == task.function:
            return ERROR, _says_missing_module(one["type"], one["message"]) or f"It was not defined. {_sentence(one)}"
    message = f"The cell ran, but it leaves no function called `{task.function}`."
    return MISSING, f"{message} Keep the name that the lab gives it."


def _failed(outcome: Outcome, function: str) -> list[dict[str, Any]]:
    """The statements that did not run, as far as what the box said of them has the right form."""
    told = (outcome.cell or {}).get("failed")
    form: dict[str, tuple[type, ...]] = {"cell": (int,), "line": (int,), "source": (str,), "type": (str,)}
    form |= {"message": (str,), "defines": (str, type(None))}
    failed = [
        one
        for one in (told if type(told) is list else [])
        if type(one) is dict and all(type(one.get(key)) in kinds for key, kinds in form.items())
    ]
    # `check(...)` of a function that is not there is no news.
    return [one for one in failed if not (one["type"] == "NameError" and f"'{function}'" in one["message"])]


def _sentence(failed: Mapping[str, Any]) -> str:
    where = f"Line {failed['line']} of cell {failed['cell']}, `{failed['source']}`"
    if failed["type"] == "TookTooLong":
        return f"{where}, took too long and was stopped."
    said = _says_missing_module(failed["type"], failed["message"]) or f"{failed['type']}: {failed['message']}."
    return f"{where}, did not run: {said}"[:600]


def _why_look(observations: Mapping, failed: Sequence[dict[str, Any]], names: frozenset[str]) -> str:
    """Why a person should look at an answer that did not pass, because it may have run in the notebook; or ""."""
    errors = [(failure.get("type"), failure.get("message")) for failure in failures_in(observations)]
    errors += [(one["type"], one["message"]) for one in failed]
    for kind, text in errors:
        if kind == "NameError" and type(text) is str and (found := re.search(r"'(\w{1,100})'", text)):
            if found[1] in names:
                return f"The notebook binds `{found[1]}`, but it was not there when the answer ran."
        module = _says_missing_module(kind, text)
        if module and "sslcourse" not in module:
            return "A library is not there where answers are graded."
    others = [one for one in failed if one["type"] not in ("NameError", "ImportError", "ModuleNotFoundError")]
    return f"Line {others[0]['line']} of cell {others[0]['cell']} did not run." if others else ""


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
