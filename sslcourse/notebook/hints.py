"""`hint`: three steps towards an answer, one at a time; `solution`: the answer, once they are used up."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from sslcourse.notebook import state
from sslcourse.notebook.card import Code, Items, as_html, as_text, show_card
from sslcourse.notebook.checks import find_exercise
from sslcourse.notebook.controls import show_controls, widgets_work

if TYPE_CHECKING:
    from sslcourse.exercises.task import Exercise

LEVELS = 3


def hint(identifier: str, level: int | None = None) -> None:
    """Show the next hint of an exercise, or the one of the given `level` (1 to 3)."""
    if _written(identifier) is not None:
        show_card("A written question has no hints", f'`solution("{identifier}", force=True)` shows a model answer.')
        return
    exercise = find_exercise(identifier)
    if exercise is None:
        return
    if level is not None and level not in range(1, LEVELS + 1):
        show_card(f"There is no hint {level}", f"Hints have the levels 1 to {LEVELS}.", kind="bad")
        return
    title, *blocks = next_hint(exercise, level)
    show_card(title, *blocks)


def next_hint(exercise: Exercise, level: int | None = None) -> tuple[str, ...]:
    """The card of the next hint (or of `level`): its title and its paragraphs. What was seen is kept."""
    identifier = exercise.task.id
    lab = identifier.split(".")[0]
    seen = int(state.read_lab(lab)["hints"].get(identifier, 0))
    level = level or min(seen + 1, LEVELS)
    state.update(lab, "hints", identifier, max(seen, level))
    rest = f'One more step: `hint("{identifier}")`.' if level < LEVELS else f'The answer: `solution("{identifier}")`.'
    return f"{exercise.task.title}: hint {level} of {LEVELS}", exercise.hints[level - 1], rest


def offer_hint(exercise: Exercise) -> None:
    """A button that shows the next hint below itself at each click; a sentence where there are no buttons."""
    words = f'Stuck? `hint("{exercise.task.id}")` goes one step at a time.'
    if not widgets_work():
        show_card("Hints", words)
        return
    import ipywidgets

    button = ipywidgets.Button(description="Give me a hint", icon="lightbulb-o", tooltip="Three steps, one at a time")
    shown = ipywidgets.HTML()

    def clicked(_button: object) -> None:
        title, *blocks = next_hint(exercise)
        shown.value = as_html(title, blocks, "info")

    button.on_click(clicked)
    show_controls([button, shown], as_text("Hints", [words], "info"), as_html("Hints", [words], "info"))


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
