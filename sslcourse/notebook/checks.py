"""`check`: judge an answer where the student sits, on the grader's own cases and fresh inputs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sslcourse.notebook import state
from sslcourse.notebook.card import Block, Folded, Items, show_card
from sslcourse.notebook.foreign import find_foreign

if TYPE_CHECKING:
    from sslcourse.exercises.judge import CaseResult, Verdict
    from sslcourse.exercises.task import Exercise


def check(identifier: str, function: Callable) -> None:
    """Show whether `function` does what the exercise `identifier` asks, and keep the result.

    The grader judges in the same way, on the same cases, with inputs of its own. A wrong answer is no exception; for an
    unknown `identifier` the known ones are shown.

    >>> check("contrastive.no_such", None)  # doctest: +ELLIPSIS
    ✗ There is no exercise contrastive.no_such
    ...
    """
    exercise = find_exercise(identifier)
    if exercise is None:
        return
    verdict = _without_the_course(exercise, function, judge_here(exercise, function))
    _keep(identifier, verdict)
    title, kind = _headline(exercise, verdict)
    show_card(title, *_explain(verdict), *_warnings(function, verdict), kind=kind)
    if verdict.status not in ("passed", "missing"):
        from sslcourse.notebook.hints import offer_hint

        offer_hint(exercise)


def judge_here(exercise: Exercise, function: Callable) -> Verdict:
    """Judge `function` in this process, on inputs that nobody has seen before."""
    from sslcourse.exercises import judge

    return judge.attempt(exercise, function, seed=secrets.randbits(62))


def mine_or_reference(identifier: str, function: Callable, force: bool = False) -> Callable:
    """The student's `function` when it passes its check, otherwise the course's reference; says which.

    With `force=True` the student's own is taken although it is wrong, to see what it does (an unwritten one cannot be).
    Raises KeyError for an unknown `identifier`.
    """
    from sslcourse import exercises

    exercise = exercises.find(identifier)
    verdict = judge_here(exercise, function)
    name = exercise.task.function
    if verdict.status == "passed":
        show_card(f"Running with your `{name}`", kind="good")
        return function
    if verdict.status == "missing":
        show_card(f"Running with the course's `{name}`", "Yours is not written yet.", kind="wait")
        return exercise.reference
    if force:
        show_card(f"Running with your `{name}`", "It does not pass its check: see what it does.", kind="bad")
        return function
    advice = (
        "Yours does not pass its check yet. `force=True` runs yours all the same: a wrong one can be worth watching."
    )
    show_card(f"Running with the course's `{name}`", advice, kind="wait")
    return exercise.reference


def find_exercise(identifier: str) -> Exercise | None:
    """The exercise, or None after a card that names the known ones."""
    from sslcourse import exercises

    try:
        return exercises.find(identifier)
    except (KeyError, ValueError) as error:
        known = str(error.args[0]).split(";")[-1].strip()
        show_card(f"There is no exercise {identifier}", f"{known[:1].upper()}{known[1:]}.", kind="bad")
        return None


def points(value: float) -> str:
    """A number of points with its noun.

    >>> points(1.0), points(2.5)
    ('1 point', '2.5 points')
    """
    return f"{value:g} point" + ("" if value == 1 else "s")


def _headline(exercise: Exercise, verdict: Verdict) -> tuple[str, str]:
    name = f"`{exercise.task.function}`"
    if verdict.status == "passed":
        return f"{name}: passed, {points(verdict.max_points)}", "good"
    if verdict.status == "missing":
        return f"{name}: not written yet ({points(verdict.max_points)})", "wait"
    return f"{name}: not yet, {verdict.points:g} of {points(verdict.max_points)}", "bad"


def _explain(verdict: Verdict) -> list[Block]:
    if verdict.status == "missing":
        return ["Write it in the cell above, run that cell, then this one."]
    lines = [("good" if case.passed else "bad", _case_line(case, verdict)) for case in verdict.cases]
    if verdict.status == "passed":
        return [Folded(f"all {len(lines)} cases; the grader uses them too, with other numbers", [Items(lines)])]
    wrong = next(index for index, (kind, _) in enumerate(lines) if kind == "bad")
    sentence = verdict.hint
    if not sentence:  # what differs is said above the list, once
        case = verdict.cases[wrong]
        sentence, lines[wrong] = lines[wrong][1], ("bad", f"{case.name} ({points(case.max_points)})")
    right = sum(kind == "good" for kind, _ in lines)
    return [sentence, Folded(f"the cases: {right} of {len(lines)} pass", [Items(lines)])]


def _without_the_course(exercise: Exercise, function: Callable, verdict: Verdict) -> Verdict:
    """No points for calling the course's own functions: where answers are graded, they are not there."""
    from sslcourse.exercises.catalogue import LABS

    lab = LABS[exercise.task.id.split(".")[0]]
    given = [other.reference for other in lab.exercises.values() if other is not exercise]  # by mine_or_reference
    used = find_foreign(function, allowed=given).course
    if not used or verdict.points == 0:
        return verdict
    hint = (
        f"It calls {', '.join(f'`{name}`' for name in used)}. The course's own functions are not there where answers"
        " are graded. Write the computation yourself, from torch's operations."
    )
    cases = tuple(replace(case, points=0.0, status="error", message="not your own") for case in verdict.cases)
    return replace(verdict, points=0.0, status="error", message=hint, hint=hint, cases=cases)


def _warnings(function: Callable, verdict: Verdict) -> list[Block]:
    """What may go wrong elsewhere with an answer that is right here."""
    libraries = find_foreign(function).libraries if verdict.status == "passed" else ()
    names = " and ".join(f"`{name}`" for name in libraries)
    sentence = f"It uses {names}, which may be missing where answers are graded: the lab's own libraries are there."
    return [sentence] if libraries else []


def _case_line(case: CaseResult, verdict: Verdict) -> str:
    """One case; what differs is told of the first wrong one, and of others where that is news."""
    line = f"{case.name} ({points(case.max_points)})"
    if case.passed:
        return line
    first = next(other for other in verdict.cases if not other.passed)
    if case is first:
        shown = f", with {case.inputs}" if case.inputs and case.status == "failed" else ""
        return f"{line}: {case.message}{shown}"
    return line if verdict.hint or _pattern(case.message) == _pattern(first.message) else f"{line}: {case.message}"


def _pattern(message: str) -> str:
    """A message without its numbers: what says the same of other numbers is no news."""
    return re.sub(r"-?\d[\d.e+-]*", "#", message)


def _keep(identifier: str, verdict: Verdict) -> None:
    lab = identifier.split(".")[0]
    before = state.read_lab(lab)["tasks"].get(identifier, {})
    now = {"points": float(verdict.points), "max_points": float(verdict.max_points), "status": verdict.status}
    state.update(lab, "tasks", identifier, {**now, "checks": int(before.get("checks", 0)) + 1})
