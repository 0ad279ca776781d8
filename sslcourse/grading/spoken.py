"""Three questions to ask a student in a talk, made from that student's own predictions, curves and code.

They come from what is in the handed-in notebook: its outputs (nothing is run) and what the grading found. Each has what
a good answer says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sslcourse.exercises import Lab
from sslcourse.exercises.task import hint_of, misconception_of
from sslcourse.files import write_atomically
from sslcourse.grading.outputs import Finding
from sslcourse.grading.records import light, read_records
from sslcourse.grading.results import PASSED, Grade
from sslcourse.pages import render

PAGE = "spoken.html"
COUNT = 3


@dataclass(frozen=True)
class Spoken:
    """A question, what of the student's own it is about, and what a good answer says."""

    question: str
    about: str
    expected: str


def write_spoken(out: Path, labs: Mapping[str, Lab]) -> Path:
    """Write the page with the questions for everybody in a run, for the instructor alone, and return where it is."""
    students = [
        (replace(light(grade), findings=grade.findings), spoken_questions(grade, labs[grade.lab]))
        for record in read_records(out)
        for grade in record.grades
        if grade.lab in labs and not grade.problem
    ]
    students.sort(key=lambda item: (item[0].student.casefold(), item[0].lab))
    write_atomically(out / PAGE, render("spoken.html", students=students))
    return out / PAGE


def spoken_questions(grade: Grade, lab: Lab) -> list[Spoken]:
    """Three questions, those on what went otherwise than expected first; fewer only where the lab has too few.

    One on a prediction, one on another finding's curves, one on the student's code, as far as there are any; then more
    of each.
    """
    findings, code = list(_on_findings(grade, lab)), list(_on_code(grade, lab))
    first = [*islice(findings, 2), *islice(code, 1)]
    rest = [question for question in [*findings[2:], *code[1:]] if question not in first]
    return [*first, *rest][:COUNT]


def _on_findings(grade: Grade, lab: Lab) -> Iterator[Spoken]:
    """Questions on what was measured: a prediction that failed, one that held, more of them; then what was not
    predicted, first where the lab says what it means.
    """
    known = [finding for finding in grade.findings if finding.id and finding.text]
    judged = [finding for finding in known if finding.is_judged and finding.predicted]
    failed = [finding for finding in judged if finding.came_out and finding.came_out != finding.predicted]
    held = [finding for finding in judged if finding.came_out == finding.predicted]
    order = [*failed[:1], *held[:1], *failed[1:], *held[1:]]
    rest = [finding for finding in known if finding not in order]
    order += sorted(rest, key=lambda finding: (finding.id not in lab.lessons, not finding.charts))
    for finding in order:
        yield Spoken(_asked(finding), "; ".join([_said(finding), *finding.charts[:2]]), _expected(finding, lab))


def _asked(finding: Finding) -> str:
    if not finding.predicted or not finding.is_judged:
        shown = "curves" if finding.charts else "numbers"
        return f"“{finding.question}” What do your {shown} say to this, and why?"
    if not finding.came_out:
        return f"“{finding.question}” Your run decided nothing. What would you need to decide it?"
    if finding.came_out == finding.predicted:
        return (
            f"“{finding.question}” You predicted “{finding.predicted}”, and so it came out. What makes it so, and what"
            " would you have seen if it were not?"
        )
    return (
        f"“{finding.question}” You predicted “{finding.predicted}”, and “{finding.came_out}” came out. What had you"
        " not thought of?"
    )


def _said(finding: Finding) -> str:
    return f"Measured: {finding.text}"


def _expected(finding: Finding, lab: Lab) -> str:
    usual, lesson = lab.lessons.get(finding.id, ("", ""))
    if not lesson:
        return "Reads the numbers right, says what was compared with what, and names the cause instead of the outcome."
    option = dict(finding.options).get(usual[-1:], usual)
    if not finding.is_judged:
        return f"These numbers are from a run too short to learn anything. At full length usually “{option}”: {lesson}"
    if finding.came_out and finding.came_out != option:
        return (
            f"This run came out otherwise than most. A good answer says so and looks for the reason (pictures, scale,"
            f" seed). Usually “{option}”: {lesson}"
        )
    return lesson


def _on_code(grade: Grade, lab: Lab) -> Iterator[Spoken]:
    """Questions on the student's own functions: those that are not right first, then the largest."""
    exercises = lab.exercises
    tried = [result for result in grade.results if result.id in exercises and result.code]
    for result in sorted(tried, key=lambda result: (result.status == PASSED, -result.max_points)):
        wrong = exercises[result.id].wrong
        if result.status == PASSED and wrong:
            # Another wrong answer for each student, the same in every run.
            other = wrong[sum(grade.student.encode("utf-8", "replace")) % len(wrong)]
            asked = f"Your `{result.function}` is right. Another student's is wrong: it {misconception_of(other)}."
            asked += " What would that change in what it returns, and in training?"
            yield Spoken(asked, f"Your own code, “{result.title}”.", hint_of(other))
        elif result.status != PASSED:
            asked = f"Take us through your `{result.function}`. Which line would you change, and why?"
            scored = f"{result.points or 0:g} of {result.max_points:g} points, “{result.title}”."
            yield Spoken(asked, scored, result.message)
