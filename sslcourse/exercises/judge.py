"""Judge observations of a student's answer: points, and one sentence that helps.

The observations come from wherever the student's code ran (the notebook, the grading box); the answers are used here
only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sslcourse.exercises.compare import Difference, Tolerance, failure_of, first_difference, same_observation
from sslcourse.exercises.task import Case, Exercise, Misconception, Task, Tree

PASSED, FAILED, ERROR, MISSING = "passed", "failed", "error", "missing"
SHOWN_NUMEL = 24  # inputs up to this many numbers are printed beside what differs


@dataclass(frozen=True)
class CaseResult:
    """How one case went; `message` says what differs first, `inputs` shows the arguments where they are few."""

    name: str
    points: float
    max_points: float
    status: str
    message: str = ""
    inputs: str = ""

    @property
    def passed(self) -> bool:
        """Whether the case earned its points."""
        return self.status == PASSED


@dataclass(frozen=True)
class Verdict:
    """The judgement of an answer; `message` is what to tell the student: `hint` when the mistake is a known one."""

    id: str
    points: float
    max_points: float
    status: str
    message: str
    hint: str | None = None
    misconception: str | None = None
    cases: tuple[CaseResult, ...] = ()


def draw(task: Task, case: Case, seed: int) -> dict[str, Any]:
    """Inputs for one case; the same for the same (task, case, seed), different for every other.

    >>> from sslcourse.exercises import find_task
    >>> task = find_task("contrastive.positives")
    >>> draw(task, task.cases[0], 1) == draw(task, task.cases[0], 1)
    True
    """
    digest = hashlib.sha256(f"{seed}/{task.id}/{case.name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return task.draw_inputs(generator, case)


def judge(exercise: Exercise, observations: Mapping[str, Tree], inputs: Mapping[str, dict[str, Any]]) -> Verdict:
    """Compare what was observed on `inputs` (both by case name) with what the reference gives there; never raises.

    A case without an observation counts as missing. When everything that is wrong looks as a known misconception
    would make it look, its hint is the message.

    >>> from sslcourse.exercises import find
    >>> attempt(find("contrastive.positives"), lambda n: torch.arange(2 * n).roll(n)).message
    'All 2 cases are right: 1 of 1 point.'
    """
    observations = observations if isinstance(observations, Mapping) else {}
    results, wrong = [], []
    for case in exercise.task.cases:
        if case.name not in observations or case.name not in inputs:
            results.append(CaseResult(case.name, 0.0, case.points, MISSING, "nothing was observed in this case"))
            continue
        observed = observations[case.name]
        expected = exercise.task.observe(exercise.reference, inputs[case.name])
        found = first_difference(expected, observed, tolerance_of(exercise, case))
        results.append(_case_result(case, found, observed, inputs[case.name]))
        if found:
            wrong.append(case)
    known = _recognise(exercise, wrong, observations, inputs)
    return _verdict(exercise, tuple(results), known)


def attempt(exercise: Exercise, answer: Callable, seed: int = 0) -> Verdict:
    """Draw inputs for every case, observe `answer` on them in this process, and judge."""
    inputs = {case.name: draw(exercise.task, case, seed) for case in exercise.task.cases}
    return judge(exercise, {name: exercise.task.observe(answer, drawn) for name, drawn in inputs.items()}, inputs)


def tolerance_of(exercise: Exercise, case: Case) -> Tolerance:
    """The (relative, absolute) tolerance of a case."""
    return exercise.tolerances[case.dtype]


def _case_result(case: Case, found: Difference | None, observed: Tree, inputs: dict[str, Any]) -> CaseResult:
    if found is None:
        return CaseResult(case.name, case.points, case.points, PASSED)
    kind = (failure_of(observed) or {}).get("kind")
    status = {"not_attempted": MISSING, "exception": ERROR}.get(kind if type(kind) is str else "", FAILED)
    return CaseResult(case.name, 0.0, case.points, status, found.message, show_inputs(inputs))


def _recognise(exercise: Exercise, wrong: list[Case], observations: Mapping, inputs: Mapping) -> Misconception | None:
    """The one misconception that explains the first wrong case, most of the wrong ones, and more cases than any other.

    Most, not all: an answer may have a second mistake that shows in one case. Not the first alone: a share or a rank
    takes few values, and two mistakes may meet in one of them.
    """
    if not wrong:
        return None
    names = {case.name for case in wrong}
    scores: dict[str, int] = {}
    for known in exercise.misconceptions:
        agreed = _agreements(exercise, known, wrong[0], observations, inputs)
        if 2 * len(agreed & names) > len(names):
            scores[known.name] = len(agreed)
    best = [known for known in exercise.misconceptions if scores.get(known.name, 0) == max(scores.values(), default=-1)]
    return best[0] if len(best) == 1 else None


def _agreements(
    exercise: Exercise, known: Misconception, first: Case, observations: Mapping, inputs: Mapping
) -> set[str]:
    """The cases in which the misconception gives what was observed; none when not the first wrong one."""

    def agrees(case: Case) -> bool:
        if case.name not in observations or case.name not in inputs:
            return False
        pattern = exercise.task.observe(known.answer, inputs[case.name])
        return same_observation(pattern, observations[case.name], tolerance_of(exercise, case))

    return {case.name for case in exercise.task.cases if agrees(case)} if agrees(first) else set()


def _verdict(exercise: Exercise, results: tuple[CaseResult, ...], known: Misconception | None) -> Verdict:
    task = exercise.task
    points, total = sum(result.points for result in results), task.points
    scored = f"{points:g} of {total:g} point{'' if total == 1 else 's'}"
    failed = [result for result in results if not result.passed]
    if not failed:
        message = f"All {len(results)} cases are right: {scored}."
        return Verdict(task.id, points, total, PASSED, message, cases=results)
    if all(result.status == MISSING for result in results):
        return Verdict(task.id, points, total, MISSING, f"{_sentence(failed[0].message)}", cases=results)
    first = next((result for result in failed if result.status != MISSING), failed[0])
    status = ERROR if first.status == ERROR else FAILED
    if known:
        return Verdict(task.id, points, total, status, known.hint, known.hint, known.name, results)
    shown = f" (with {first.inputs})" if first.inputs and first.status == FAILED else ""
    message = f"Case “{first.name}”: {first.message}{shown}"
    return Verdict(task.id, points, total, status, _sentence(message), cases=results)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def show_inputs(inputs: Mapping[str, Any]) -> str:
    """The arguments in one line, or nothing when they are too many to be read.

    >>> show_inputs({"z1": torch.tensor([[3.0, 4.0]]), "temperature": 0.5})
    'z1 = [[3, 4]], temperature = 0.5'
    """
    shown = {name: value for name, value in inputs.items() if name != "cotangent"}
    if sum(value.numel() if isinstance(value, torch.Tensor) else 1 for value in shown.values()) > SHOWN_NUMEL:
        return ""
    return ", ".join(f"{name} = {_literal(value)}" for name, value in shown.items())


def _literal(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return _literal(value.tolist())
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else repr(value)
