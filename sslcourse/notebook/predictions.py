"""Predictions: made before an experiment, by radio button or by a call, and set beside what was measured."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sslcourse.notebook import state
from sslcourse.notebook.card import Block, Items, Table, as_html, as_text, show_card
from sslcourse.notebook.controls import show_controls, widgets_work
from sslcourse.notebook.scales import scale

SMOKE_NOTE = "At scale `smoke` nothing learns, so nothing is judged: `cpu` or `gpu` gives the answer."


def predict(identifier: str, question: str = "", choice: str | None = None, **options: str) -> None:
    """Ask `question` and keep the reader's choice, one of the keys of `options`. Predictions are not graded.

    Radio buttons keep a choice at the click; without buttons, `predict(..., choice="b", ...)` does. A choice is final
    once its experiment has run at a scale where something learns. A missing one stays open, and one that is made
    after the experiment is marked so.
    """
    if choice is not None and choice not in options:
        given = f"Choose one of these and run the cell again; {choice!r} is not among them."
        show_card(f"There is no option {choice!r}", given, _listed(options, None), kind="bad")
        return
    _keep(identifier, question=question, options=options)
    if choice is not None:
        choose(identifier, choice)
    if widgets_work():
        _show_buttons(identifier)
    else:
        show_card(*_card(identifier), kind=_kind(identifier))


def choose(identifier: str, choice: str) -> None:
    """Keep `choice` as the prediction, unless it is final."""
    if not is_final(identifier):
        _keep(identifier, choice=choice, afterwards=_is_judged(_measured(identifier)))


def is_final(identifier: str) -> bool:
    """Whether the prediction was made before its experiment ran, and that has run."""
    entry = _kept(identifier)
    return bool(entry.get("choice")) and not entry.get("afterwards") and _is_judged(_measured(identifier))


def measured(identifier: str, text: str, answer: str | None = None) -> None:
    """Keep what an experiment found, in words, and the option that it supports (None: undecided).

    Says whether the prediction held. Experiments call it. What smoke finds never replaces what another scale found.
    """
    smoke = scale() == "smoke"
    if not (smoke and _is_judged(_measured(identifier))):
        found = {"text": text, "answer": answer, "scale": scale()}
        state.update(_lab(identifier), "measured", identifier, found)
    entry = _kept(identifier)
    choice, right = entry.get("choice"), _option(entry, answer)
    said = [f"You predicted: {_option(entry, choice)}{_afterwards(entry)}."] if choice else []
    if smoke:
        show_card("Measured", text, SMOKE_NOTE, kind="wait")
    elif answer is None:
        show_card("Measured", text, "This decides nothing.", *said, kind="wait")
    elif not choice:
        show_card(f"Measured: {right}", text, "You made no prediction before; the cell above still takes one.")
    elif choice == answer:
        show_card(f"Measured: as you predicted{_afterwards(entry)}", text, *said, kind="good")
    else:
        show_card(f"Measured: {right}", text, *said)


def prediction_table(lab: str | None = None) -> None:
    """Show every prediction of a lab (by default the one that was started) beside its measurement."""
    from sslcourse.notebook.starting import current_lab

    lab = lab or current_lab()
    found = compared(lab) if lab else []
    if not found:
        show_card("Predictions and measurements", "Nothing has been predicted or measured yet.", kind="wait")
        return
    held, judged = score(found)
    notes = [SMOKE_NOTE] if any(one.scale == "smoke" for one in found) else []
    rows = [[one.question, one.choice or "(none)", one.text or "(not run)", one.so] for one in found]
    table = Table(["question", "you predicted", "measured", "so"], rows)
    count = f"{held} of {judged} as predicted" if judged else "none to compare yet"
    show_card(f"Predictions and measurements: {count}", table, *notes)


class Compared(NamedTuple):
    """A prediction beside its measurement, in words: what was chosen, what was found, which option that supports.

    `so` is the end of the comparison; `held` whether a prediction that was made before came true, None where there is
    none, or nothing was measured that counts.
    """

    identifier: str
    question: str
    choice: str
    text: str
    answer: str
    so: str
    held: bool | None
    scale: str


def score(found: Iterable[Compared]) -> tuple[int, int]:
    """How many predictions came true, of how many that were made before something was measured that counts."""
    held = [one.held for one in found if one.held is not None]
    return sum(held), len(held)


def compared(lab: str) -> list[Compared]:
    """Every prediction of a lab beside its measurement, as far as either is there."""
    known, rows = state.read_lab(lab), []
    for identifier in dict.fromkeys([*known["predictions"], *known["measured"]]):
        entry, found = _kept(identifier), _measured(identifier)
        choice, answer = entry.get("choice"), found.get("answer")
        counts = _is_judged(found) and choice and answer and not entry.get("afterwards")
        rows.append(
            Compared(
                identifier,
                entry.get("question") or identifier.split(".")[-1].replace("_", " "),
                _option(entry, choice) + _afterwards(entry) if choice else "",
                found.get("text", ""),
                _option(entry, answer),
                _verdict(entry, found),
                choice == answer if counts else None,
                found.get("scale", ""),
            )
        )
    return rows


def _verdict(entry: dict, found: dict) -> str:
    choice, answer = entry.get("choice"), found.get("answer")
    if not _is_judged(found):
        return "–"
    if not answer:
        return "undecided"
    if choice == answer:
        return "✓ as predicted"
    return f"{'✗ ' if choice else ''}{_option(entry, answer)}"


def _show_buttons(identifier: str) -> None:
    """The question above radio buttons, with a line below them that says what was kept."""
    import ipywidgets

    entry = _kept(identifier)
    buttons = ipywidgets.RadioButtons(
        options=[(text, name) for name, text in entry["options"].items()],
        value=entry.get("choice"),
        description="Your prediction:",
        disabled=is_final(identifier),
        style={"description_width": "initial"},
        layout={"width": "auto"},
    )
    note = ipywidgets.HTML(_note(identifier))

    def clicked(change: dict) -> None:
        choose(identifier, change["new"])
        buttons.value = _kept(identifier).get("choice")  # what was final meanwhile goes back
        buttons.disabled = is_final(identifier)
        note.value = _note(identifier)

    buttons.observe(clicked, names="value")
    title, *blocks = _card(identifier)
    html, text = (form(title, blocks, _kind(identifier)) for form in (as_html, as_text))
    show_controls([ipywidgets.HTML(as_html(title, [], "wait")), buttons, note], text, html)


def _card(identifier: str) -> tuple[str, *tuple[Block, ...]]:
    """The question, its options and what to do, in words."""
    entry = _kept(identifier)
    blocks: list[Block] = [_listed(entry["options"], entry.get("choice")), _note(identifier)]
    if not entry.get("choice"):
        names = " or ".join(f'`choice="{name}"`' for name in entry["options"])
        blocks.append(f"Put {names} into the call and run the cell again.")
    return f"Predict: {entry['question']}" if entry.get("question") else "Your prediction", *blocks


def _note(identifier: str) -> str:
    """What was kept, and whether it can still be changed."""
    entry = _kept(identifier)
    if is_final(identifier):
        return "Final: the experiment has run."
    if entry.get("choice"):
        before = "Kept. You can change it until the experiment has run."
        return "Kept, made afterwards." if entry.get("afterwards") else before
    run = " The experiment has run: yours will be marked as made afterwards."
    return f"None yet.{run if _is_judged(_measured(identifier)) else ''}"


def _kind(identifier: str) -> str:
    return "info" if _kept(identifier).get("choice") else "wait"


def _afterwards(entry: dict) -> str:
    return " (made afterwards)" if entry.get("afterwards") else ""


def _lab(identifier: str) -> str:
    return identifier.split(".")[0]


def _kept(identifier: str) -> dict:
    """What is kept of a prediction; a choice that is no option, as a newer version of a lab has them, is none."""
    entry = _entry(identifier, "predictions")
    if not isinstance(entry.get("options", {}), dict):
        entry = {**entry, "options": {}}
    choice = entry.get("choice")
    return entry if isinstance(choice, str) and choice in entry.get("options", {}) else {**entry, "choice": None}


def _keep(identifier: str, **what: Any) -> None:
    state.update(_lab(identifier), "predictions", identifier, {**_kept(identifier), **what})


def _measured(identifier: str) -> dict:
    return _entry(identifier, "measured")


def _entry(identifier: str, part: str) -> dict:
    """What is kept under a name; a progress file from elsewhere may hold anything."""
    found = state.read_lab(_lab(identifier))[part].get(identifier)
    return found if isinstance(found, dict) else {}


def _is_judged(found: dict) -> bool:
    """Whether a measurement counts: there is one, and not from smoke."""
    return bool(found) and found.get("scale") != "smoke"


def _listed(options: dict[str, str], choice: str | None) -> Items:
    return Items([("chosen" if name == choice else "", f"`{name}` {text}") for name, text in options.items()])


def _option(entry: dict, name: str | None) -> str:
    return entry.get("options", {}).get(name, name or "")
