"""`progress`: how far a lab has come, from what the checks kept."""

from sslcourse.notebook import state
from sslcourse.notebook.card import Bar, Items, show_card
from sslcourse.notebook.checks import points


def progress(lab: str | None = None) -> None:
    """Show the exercises of a lab (by default the one that was started), and apart from them what a person marks."""
    from sslcourse import exercises
    from sslcourse.notebook.starting import current_lab

    lab = lab or current_lab()
    if lab not in exercises.LABS:
        show_card("Progress", f"Name a lab: {', '.join(exercises.LABS)}.", kind="bad")
        return
    tasks, written = exercises.LABS[lab].tasks, exercises.LABS[lab].written
    known = state.read_lab(lab)["tasks"]
    stages, lines, earned = [], [], 0.0
    for identifier, task in tasks.items():
        entry = known.get(identifier, {"status": "missing", "points": 0})
        kind = {"passed": "good", "missing": ""}.get(entry["status"], "wait")
        words = {"good": f"passed, {points(task.points)}", "": f"not written yet, {points(task.points)}"}.get(
            kind, f"{float(entry['points']):g} of {points(task.points)} so far"
        )
        stages.append((kind, task.title))
        lines.append((kind, f"{task.title} ({words})"))
        earned += float(entry["points"])
    passed = all(kind == "good" for kind, _ in stages)
    title = f"Progress: {earned:g} of {points(sum(task.points for task in tasks.values()))} checked"
    if written:
        by_hand = sum(question.points for question in written.values())
        names = ", ".join(name.split(".")[-1].replace("_", " ") for name in written)
        title += f"; {by_hand:g} written point{'' if by_hand == 1 else 's'} marked by your teacher"
        lines.append(("", f"written: {names} ({points(by_hand)}; no check can judge it)"))
    show_card(title, Bar(stages), Items(lines), kind="good" if passed else "info")
