"""`progress`: how far a lab has come, from what the checks kept."""

from sslcourse.notebook import state
from sslcourse.notebook.card import Bar, Items, Table, show_card
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


def course_progress() -> None:
    """Show all labs: what is checked of each, what a person marks, and how many predictions held."""
    from sslcourse import exercises
    from sslcourse.notebook.predictions import compared, score

    rows, totals = [], [0.0, 0.0]
    for lab in exercises.LABS.values():
        known = state.read_lab(lab.name)["tasks"]
        earned = sum(float(known[name]["points"]) for name in lab.tasks if name in known)
        by_hand = sum(question.points for question in lab.written.values())
        held, judged = score(compared(lab.name))
        sign = "✓" if earned == lab.points else "…" if earned or judged else ""
        row = [
            sign,
            f"{lab.number} {lab.title}",
            f"{earned:g} of {lab.points:g}",
            f"{by_hand:g}" if by_hand else "",
            f"{held} of {judged}" if judged else "",
        ]
        rows.append(row)
        totals = [totals[0] + earned, totals[1] + lab.points]
    title = f"The course: {totals[0]:g} of {points(totals[1])} checked"
    show_card(title, Table(["", "lab", "checked", "by hand", "as predicted"], rows))
