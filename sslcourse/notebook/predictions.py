"""Predictions: made before an experiment, fixed once it has run, and set beside what was measured."""

from __future__ import annotations

from sslcourse.notebook import state
from sslcourse.notebook.card import Items, Table, show_card
from sslcourse.notebook.scales import scale


def predict(identifier: str, choice: str | None = None, **options: str) -> None:
    """Keep the prediction `choice`, one of the keys of `options`; once the experiment has run, it stays as it is.

    Predictions are not graded. `choice=None` shows the options.
    """
    entry = _entry(identifier)
    title = "Your prediction"
    if choice is not None and choice not in options:
        show_card(f"{choice!r} is not one of the options", _options(options, None), kind="bad")
        return
    if entry.get("fixed"):
        kept = entry.get("choice")
        if not entry.get("options"):  # it was measured before this cell ran: now its options are known
            _keep(identifier, {**entry, "options": dict(options)})
        show_card(title, _fixed_words(kept, choice), _options(options, kept))
        return
    _keep(identifier, {"choice": choice, "options": dict(options), "fixed": False})
    if choice is None:
        names = ", ".join(f'"{name}"' for name in options)
        show_card(
            f"{title}: none yet",
            _options(options, None),
            f"Put one of {names} in place of `None` and run the cell again.",
            kind="wait",
        )
    else:
        show_card(title, _options(options, choice), "You can change it until the experiment has run.")


def experiment_ran(identifier: str) -> None:
    """Fix the prediction `identifier`: what would be said now is hindsight."""
    entry = _entry(identifier)
    if not entry.get("fixed"):
        _keep(identifier, {"choice": None, "options": {}, **entry, "fixed": True})


def measured(identifier: str, text: str, answer: str | None = None) -> None:
    """Keep what an experiment measured, in words, and the option that it supports (None: undecided). Fixes the prediction."""
    experiment_ran(identifier)
    entry = _entry(identifier)
    state.update(_lab(identifier), "measured", identifier, {"text": str(text), "answer": answer})
    said = entry.get("choice")
    if not said:
        show_card("Measured", text, *_in_words(entry, answer, text))
    elif answer is None:
        show_card("Measured", text, f"This decides nothing. You predicted: {_option(entry, said)}.", kind="wait")
    else:
        agrees = said == answer
        verdict = "as you predicted" if agrees else "not what you predicted"
        show_card(
            f"Measured, {verdict}", text, f"You predicted: {_option(entry, said)}.", kind="good" if agrees else "info"
        )


def prediction_table(lab: str | None = None) -> None:
    """Show every prediction of a lab (the started one) beside its measurement."""
    from sslcourse.notebook.starting import current_lab

    lab = lab or current_lab()
    known = state.read_lab(lab) if lab else {"predictions": {}, "measured": {}}
    rows, right, decided = [], 0, 0
    for identifier in dict.fromkeys([*known["predictions"], *known["measured"]]):
        entry = known["predictions"].get(identifier, {})
        found = known["measured"].get(identifier, {})
        said, answer = entry.get("choice"), found.get("answer")
        verdict = "undecided" if found else "–"
        if answer:
            verdict = "✓ as predicted" if said == answer else f"{'✗ ' if said else ''}{_option(entry, answer)}"
        if said and answer:
            decided, right = decided + 1, right + (said == answer)
        name = identifier.split(".")[-1].replace("_", " ")
        rows.append([name, _option(entry, said) if said else "(none)", found.get("text", "(not run)"), verdict])
    if not rows:
        show_card("Predictions and measurements", "Nothing has been predicted or measured yet.", kind="wait")
        return
    count = f"{right} of {decided} as predicted" if decided else "none to compare yet"
    table = Table(["about", "you predicted", "measured", "so"], rows)
    smoke = (
        ["Measured at scale smoke, where nothing learns: another scale gives the answers."]
        if scale() == "smoke"
        else []
    )
    show_card(f"Predictions and measurements: {count}", table, *smoke)


def _in_words(entry: dict, answer: str | None, text: str) -> list[str]:
    """The option that was measured, unless the measurement says it already."""
    option = entry["options"].get(answer)
    return [f"That is: {option}."] if option and option not in text else []


def _fixed_words(kept: str | None, choice: str | None) -> str:
    if kept is None:
        return f"The experiment has run without a prediction. To start over, delete {state.place()[1]}."
    late = " It is too late to change it." if choice not in (kept, None) else ""
    return f"The experiment has run, and your prediction was `{kept}`.{late}"


def _lab(identifier: str) -> str:
    return identifier.split(".")[0]


def _entry(identifier: str) -> dict:
    return state.read_lab(_lab(identifier))["predictions"].get(identifier, {})


def _keep(identifier: str, entry: dict) -> None:
    state.update(_lab(identifier), "predictions", identifier, entry)


def _options(options: dict[str, str], choice: str | None) -> Items:
    return Items([("chosen" if name == choice else "", f"`{name}` {text}") for name, text in options.items()])


def _option(entry: dict, name: str) -> str:
    return entry.get("options", {}).get(name, name)
