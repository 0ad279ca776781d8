"""Read what a lab has in words: its written questions (written.md), and what its findings mean (lessons.md).

written.md:

# why_negatives (4 points)
The question.
## Rubric
- What earns the first point. (1 point)
## Model answer
The answer, in Markdown without headings of level 1 and 2.

lessons.md:

## lab.prediction: a
What it shows, when the measurement supports that option, as it usually does.
"""

import re
from pathlib import Path

from sslcourse.exercises.task import WrittenQuestion

_HEADING = re.compile(r"^# (\w+) \((\d+(?:\.\d+)?) points?\)$", re.MULTILINE)
_LESSON = re.compile(r"^## (\S+): (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_SECTIONS = re.compile(r"^## (?:Rubric|Model answer)$", re.MULTILINE)


def read_written(file: Path, lab: str) -> dict[str, WrittenQuestion]:
    """The written questions of `file` by id, which is "lab.name".

    Raises ValueError, naming the file, when it is not of the form above.
    """
    _, *parts = _HEADING.split(file.read_text(encoding="utf-8"))
    if not parts:
        raise ValueError(f'{file} holds no question: begin each with a line like "# name (4 points)"')
    questions = {}
    for name, points, text in zip(parts[::3], parts[1::3], parts[2::3]):
        sections = [" ".join(part.split()) if number < 1 else part for number, part in enumerate(_SECTIONS.split(text))]
        if len(sections) != 3:
            raise ValueError(f'{file}: {name} needs "## Rubric" and "## Model answer", in this order')
        question, rubric, answer = sections
        lines = tuple(" ".join(line.split()) for line in re.split(r"^- ", rubric, flags=re.MULTILINE)[1:])
        questions[f"{lab}.{name}"] = WrittenQuestion(f"{lab}.{name}", question, float(points), lines, answer.strip())
    return questions


def read_lessons(file: Path) -> dict[str, tuple[str, str]]:
    """What a lab's findings mean: prediction -> (what the measurement usually supports, what that shows)."""
    found = _LESSON.findall(file.read_text(encoding="utf-8")) if file.exists() else []
    return {identifier: (usual, " ".join(lesson.split())) for identifier, usual, lesson in found}
