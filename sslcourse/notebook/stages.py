"""`progress`: how far a lab has come, from what the checks kept."""

from __future__ import annotations

from sslcourse.notebook import state
from sslcourse.notebook.card import Bar, Items, show_card
from sslcourse.notebook.checks import points

_STAGE = {"passed": ("good", "passed"), "missing": ("", "not written yet")}


def progress(lab: str | None = None) -> None:
    """Show the stages of a lab (the started one, unless another is named) as a bar and a list."""
    from sslcourse import exercises
    from sslcourse.notebook.starting import current_lab

    lab = lab or current_lab()
    if lab not in exercises.LABS:
        show_card("Progress", f"Name a lab: {', '.join(exercises.LABS)}.", kind="bad")
        return
    known = state.read_lab(lab)["tasks"]
    stages, lines, earned, worth, passed = [], [], 0.0, 0.0, 0
    tasks = exercises.LABS[lab].tasks
    for identifier in tasks:
        task = exercises.find_task(identifier)
        entry = known.get(identifier, {"status": "missing", "points": 0})
        kind, words = _STAGE.get(
            entry["status"], ("wait", f"{float(entry['points']):g} of {points(task.points)} so far")
        )
        words = f"passed, {points(task.points)}" if kind == "good" else words
        stages.append((kind, task.title))
        lines.append((kind, f"{task.title} ({words})"))
        earned, worth, passed = earned + float(entry["points"]), worth + task.points, passed + (kind == "good")
    title = f"Progress: {passed} of {len(stages)} exercises, {earned:g} of {points(worth)}"
    show_card(title, Bar(stages), Items(lines), kind="good" if passed == len(stages) else "info")
