"""`hint`: three steps towards an answer, one at a time; `solution`: the answer, once they are used up."""

from __future__ import annotations

import inspect
import re

from sslcourse.notebook import state
from sslcourse.notebook.card import Code, Items, show_card
from sslcourse.notebook.checks import find_exercise

LEVELS = 3


def hint(identifier: str, level: int | None = None) -> None:
    """Show the next hint of an exercise, or the one of the given `level` (1 to 3)."""
    if _written(identifier) is not None:
        show_card("A written question has no hints", f'`solution("{identifier}", force=True)` shows a model answer.')
        return
    exercise = find_exercise(identifier)
    if exercise is None:
        return
    lab = identifier.split(".")[0]
    seen = int(state.read_lab(lab)["hints"].get(identifier, 0))
    level = min(seen + 1, LEVELS) if level is None else level
    if level not in range(1, LEVELS + 1):
        show_card(f"There is no hint {level}", f"Hints have the levels 1 to {LEVELS}.", kind="bad")
        return
    state.update(lab, "hints", identifier, max(seen, level))
    rest = f'One more step: `hint("{identifier}")`.' if level < LEVELS else f'The answer: `solution("{identifier}")`.'
    show_card(f"{exercise.task.title}: hint {level} of {LEVELS}", exercise.hints[level - 1], rest)


def solution(identifier: str, force: bool = False) -> None:
    """Show the model answer: after three hints, or once the check has passed, or with `force=True`."""
    written = _written(identifier)
    if written is not None:
        if not force:
            show_card(
                "Write your own answer first", f'Then compare: `solution("{identifier}", force=True)`.', kind="wait"
            )
            return
        show_card(
            "A model answer",
            unwrap(written.model_answer),
            "What earns the points:",
            Items([("", line) for line in written.rubric]),
        )
        return
    exercise = find_exercise(identifier)
    if exercise is None:
        return
    known = state.read_lab(identifier.split(".")[0])
    seen = int(known["hints"].get(identifier, 0))
    passed = known["tasks"].get(identifier, {}).get("status") == "passed"
    if not (force or passed or seen >= LEVELS):
        left = "is still 1 hint" if LEVELS - seen == 1 else f"are still {LEVELS - seen} hints"
        ways = f'There {left} to see: `hint("{identifier}")`. `solution("{identifier}", force=True)` shows it at once.'
        show_card("The answer comes after the hints", ways, kind="wait")
        return
    source = inspect.cleandoc("\n" + inspect.getsource(exercise.reference))
    show_card(
        f"{exercise.task.title}: a model answer",
        Code(source),
        "There are other right ones: the check accepts them too.",
    )


def unwrap(text: str) -> str:
    """Join the lines of each paragraph and of each item of a list: how long a line is, the page decides.

    >>> unwrap("one\\ntwo\\n\\n- three\\n  four\\n- five")
    'one two\\n– three four\\n– five'
    """
    return "\n".join(
        re.sub(r"^- ", "– ", " ".join(part.split())) for part in re.split(r"\n\s*\n|\n(?=- )", text.strip())
    )


def _written(identifier: str):
    """The written question of that id, or None."""
    from sslcourse import exercises

    try:
        return exercises.find_written(identifier)
    except (KeyError, ValueError):
        return None
