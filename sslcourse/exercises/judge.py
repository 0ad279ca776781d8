"""Judge observations of a student's answer: points, and one sentence that helps.

The observations come from wherever the student's code ran (the notebook, the grading box); the answers are used here
only.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sslcourse.exercises.compare import ORDER, Difference, Tolerance, failure_of, first_difference
from sslcourse.exercises.diagnose import look_at_all, recognise
from sslcourse.exercises.patterns import Seen
from sslcourse.exercises.task import Case, Exercise, Task, Tree, hint_of, misconception_of

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
    """The judgement of an answer; `message` is what to tell the student.

    `hint` says what the mistake is, or what the values look like, where that is known; `misconception` names the listed
    wrong answer when it is one.
    """

    id: str
    points: float
    max_points: float
    status: str
    message: str
    hint: str | None = None
    misconception: str | None = None
    cases: tuple[CaseResult, ...] = ()


def case_inputs(task: Task, case: Case, seed: int) -> list[dict[str, Any]]:
    """The inputs of one case, as many as it draws; the same for the same (task, case, seed), different for every other.

    >>> from sslcourse.exercises import find_task
    >>> task = find_task("contrastive.positives")
    >>> case_inputs(task, task.cases[0], 1) == case_inputs(task, task.cases[0], 1)
    True
    """
    digest = hashlib.sha256(f"{seed}/{task.id}/{case.name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return [task.draw_inputs(generator, case) for _ in range(case.draws)]


def judge(exercise: Exercise, observations: Mapping[str, Tree], inputs: Mapping[str, list[dict[str, Any]]]) -> Verdict:
    """Compare what was observed on `inputs` (both by case name) with what the reference gives there; never raises.

    A case without an observation counts as missing. When everything that is wrong looks as a listed wrong answer would
    make it look, its hint is the message.

    >>> from sslcourse.exercises import find
    >>> attempt(find("contrastive.positives"), lambda n: torch.arange(2 * n).roll(n)).message
    'All 2 cases are right: 1 of 1 point.'
    """
    observations = observations if isinstance(observations, Mapping) else {}
    tried = {name: drawn for name, drawn in inputs.items() if name in observations}
    results, all_seen, differences = [], [], []
    for case in exercise.task.cases:
        if case.name not in tried:
            results.append(CaseResult(case.name, 0.0, case.points, MISSING, "nothing was observed in this case"))
            continue
        seen = _look(exercise, case, observations[case.name], tried[case.name])
        found = _first_difference(seen, len(tried[case.name]))
        results.append(_case_result(case, found, seen))
        all_seen += seen
        differences += [found[1]] if found else []
    wrong = recognise(exercise, all_seen) if differences else None
    if wrong is not None:
        return _verdict(exercise, tuple(results), hint_of(wrong), misconception_of(wrong))
    first = min(differences, key=lambda found: ORDER.index(found.kind), default=None)
    return _verdict(exercise, tuple(results), (look_at_all(all_seen, first) or None) if first else None)


def attempt(exercise: Exercise, answer: Callable, seed: int = 0) -> Verdict:
    """Draw inputs for every case, observe `answer` on them in this process, and judge."""
    inputs = {case.name: case_inputs(exercise.task, case, seed) for case in exercise.task.cases}
    return judge(exercise, {name: exercise.task.observe(answer, drawn) for name, drawn in inputs.items()}, inputs)


def tolerance_of(exercise: Exercise, case: Case) -> Tolerance:
    """The (relative, absolute) tolerance of a case."""
    return exercise.tolerances[case.dtype]


def _look(exercise: Exercise, case: Case, observed: Tree, inputs: list[dict[str, Any]]) -> list[Seen]:
    """What was observed beside what is expected, input by input; a failed call is the last one."""
    trees = observed if type(observed) is list else [observed]
    return [
        Seen(case.name, drawn, exercise.task.observe_one(exercise.reference, drawn), tree, tolerance_of(exercise, case))
        for drawn, tree in zip(inputs, trees)
    ]


def _first_difference(seen: list[Seen], wanted: int) -> tuple[int, Difference] | None:
    """The difference to mend first, and on which input it is."""
    found = [(at, first_difference(one.expected, one.observed, one.tolerance)) for at, one in enumerate(seen)]
    wrong = [(at, difference) for at, difference in found if difference is not None]
    if not wrong and len(seen) < wanted:
        return len(seen), Difference("keys", (), f"nothing was observed on {wanted - len(seen)} of {wanted} inputs")
    return min(wrong, key=lambda item: ORDER.index(item[1].kind), default=None)


def _case_result(case: Case, found: tuple[int, Difference] | None, seen: list[Seen]) -> CaseResult:
    if found is None:
        return CaseResult(case.name, case.points, case.points, PASSED)
    at, difference = found
    shown, kind = "", None
    if at < len(seen):
        shown, kind = show_inputs(seen[at].inputs), (failure_of(seen[at].observed) or {}).get("kind")
    status = {"not_attempted": MISSING, "exception": ERROR}.get(kind if type(kind) is str else "", FAILED)
    return CaseResult(case.name, 0.0, case.points, status, difference.message, shown)


def _verdict(
    exercise: Exercise, results: tuple[CaseResult, ...], hint: str | None, misconception: str | None = None
) -> Verdict:
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
    shown = f" (with {first.inputs})" if first.inputs and first.status == FAILED else ""
    message = _sentence(f"Case “{first.name}”: {first.message}{shown}")
    if hint:
        message = hint if misconception else f"{hint} {message}"
    return Verdict(task.id, points, total, status, message, hint, misconception, results)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def show_inputs(inputs: Mapping[str, Any]) -> str:
    """The arguments in one line, or nothing when they are too many to be read.

    >>> show_inputs({"z1": torch.tensor([[3.0, 4.0]]), "temperature": 0.5})
    'z1 = [[3, 4]], temperature = 0.5'
    """
    shown = {name: value for name, value in inputs.items() if name != "cotangent"}
    if sum(map(_size, shown.values())) > SHOWN_NUMEL:
        return ""
    return ", ".join(f"{name} = {_literal(value)}" for name, value in shown.items())


def _size(value: Any) -> int:
    """How many numbers an argument holds."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return value.numel() if isinstance(value, torch.Tensor) else 1


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, torch.Tensor):
        return _literal(value.tolist())
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return f"{value:z.4g}" if isinstance(value, float) else repr(value)
