"""Take the marks of a person's files, all of them or none."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sslcourse.grading.marks import BadMarks, Key, Mark
from sslcourse.grading.visible import visible

BEFORE = "before"  # a column of the marker's file: the points that were known when its page was made
MOST_SAID = 20  # of the problems in a file

Table = tuple[str, list[tuple[int, dict[str, str]]], list[str]]  # its name, its rows by line, what is wrong with it


@dataclass(frozen=True)
class Answer:
    """An answer as far as a mark has to know it; `is_graded` says that the grader gives points for it."""

    max_points: float
    digest: str
    is_graded: bool = False


def merge(
    tables: Sequence[Table],
    answers: Mapping[Key, Answer],
    marks: Mapping[Key, Mark],
    ids: Mapping[str, Collection[str]],
) -> dict[Key, Mark]:
    """The new marks of the tables. Raises BadMarks, saying everything that is wrong; then none of them may be taken.

    `answers` are those there are, `marks` those that were merged before, `ids` the ids of the students whom a table may
    mean by a word: an id, a name, the code that stands for a student on an anonymous page.
    """
    new: dict[Key, Mark] = {}
    for name, rows, wrong in tables:
        problems = list(wrong)
        for line, row in rows:
            if not row["points"]:
                continue
            key, mark, problem = _read_row(row, answers, ids)
            if problem and _is_kept(row, marks):  # marks.csv itself is merged, with marks for answers of before
                continue
            if mark is not None and key in new and new[key] != mark:
                problem = f"marked twice, with {new[key].points:g} and with {mark.points:g} points"
            elif mark is not None:
                problem = _overwritten(row.get(BEFORE), mark, marks.get(key))
                new[key] = mark
            if problem:
                problems.append(f"line {line}, {' '.join(key) or 'no student'}: {problem}")
        if problems:
            more = [f"... and {len(problems) - MOST_SAID} more"] if len(problems) > MOST_SAID else []
            lines = "".join(f"\n  {problem}" for problem in [*problems[:MOST_SAID], *more])
            raise BadMarks(f"{name} was not taken, and nothing has changed:{lines}")
    return new


def changes(new: Mapping[Key, Mark], marks: Mapping[Key, Mark]) -> Iterator[str]:
    """What new marks change in those that there were, a line for each."""
    for key, mark in sorted(new.items()):
        old = marks.get(key)
        if old is None or old == mark:
            continue
        what = f"{old.points:g} -> {mark.points:g} points" if old.points != mark.points else f"{mark.points:g} points"
        about = ["another comment"] if old.comment != mark.comment else []
        about += ["the earlier mark was for another answer"] if old.answer != mark.answer else []
        yield f"{' '.join(key)}: {what}" + (f" ({', '.join(about)})" if about else "")


def _read_row(
    row: Mapping[str, str], answers: Mapping[Key, Answer], ids: Mapping[str, Collection[str]]
) -> tuple[Key, Mark | None, str]:
    """Which answer a row marks, the mark, and what is wrong with it."""
    meant = ids.get(row["student"], ())
    if len(meant) > 1:
        said = f"{len(meant)} students have that name: write the id of one of them, {' or '.join(sorted(meant))}"
        return (row["student"], row["question"]), None, said
    student = next(iter(meant), row["student"])
    key = student, row["question"]
    answer = answers.get(key)
    if answer is None and not meant:
        return key, None, "nobody of that name is in this run"
    if answer is None:
        questions = sorted(question for known, question in answers if known == student)
        return key, None, f"there is no such question; there are {', '.join(questions)}"
    points, problem = _number(row["points"]), ""
    comment = visible(row.get("comment", "").replace("\r\n", "\n").replace("\r", "\n"))
    if points is None:
        return key, None, f"{row['points']!r} is not a number of points"
    if not 0 <= points <= answer.max_points:
        problem = f"{points:g} points, but the question has 0 to {answer.max_points:g}"
    elif row.get("answer", "") not in ("", answer.digest):
        problem = (
            "the answer has changed since it was marked (graded again from another file). Make the page again and mark"
            " this answer there, or take the line out"
        )
    elif answer.is_graded and not comment.strip():
        problem = "the grader gives points for this one: where you give others, say why, in the comment"
    return key, None if problem else Mark(points, comment, answer.digest), problem


def _is_kept(row: Mapping[str, str], marks: Mapping[Key, Mark]) -> bool:
    """Whether the row is one of the marks that there are already."""
    kept = marks.get((row["student"], row["question"]))
    told = _number(row["points"]), row.get("comment", ""), row.get("answer", "")
    return kept is not None and told == (kept.points, kept.comment, kept.answer)


def _overwritten(before: str | None, mark: Mark, merged: Mark | None) -> str:
    """What is wrong where a mark would replace one that its marker has not seen."""
    if before is None or merged is None or merged.answer != mark.answer or merged.points == mark.points:
        return ""
    if _number(before) == merged.points:
        return ""
    return (
        f"has been given {merged.points:g} points by another file since this page was made, here {mark.points:g}. Agree"
        " on one, and take the line out or make the page again"
    )


def _number(text: str) -> float | None:
    """The number in a cell, with a point or a comma."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
