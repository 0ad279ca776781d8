"""The pages: feedback for one submission, and the gradebook. Self-contained HTML, every text of a student escaped."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import mean
from urllib.parse import quote

from sslcourse.grading.collect import Listed
from sslcourse.grading.prose import Prose, to_html
from sslcourse.grading.results import MARKED, MISSING, PASSED, TO_MARK, CaseLine, ExerciseResult, Grade
from sslcourse.pages import render

LONGEST_CODE = 30_000  # characters
MOST_COLOURED = 10_000  # characters of one page: the lexer's patterns may take the square of the length


def feedback(grade: Grade) -> str:
    """The page that goes to the student."""
    shown = [result for result in grade.results if not grade.problem or result.message != grade.problem]
    written = [result for result in shown if result.status in (TO_MARK, MARKED)]
    return render(
        "feedback.html",
        grade=grade,
        results=shown,
        graded=[result for result in shown if result not in written],
        written=written,
        waiting=sum(result.max_points for result in grade.to_mark),
        share=lambda points: f"{points / grade.possible if grade.possible else 0:.1%}",
        unsafe=_unsafe([grade]),
        said=_said,
        cases=_cases,
        code=Code(),
        code_style=code_style(),
        markdown=to_html,
        prose_of=Prose,
        anchor=lambda id: re.sub(r"[^A-Za-z0-9_-]", "-", id),
    )


def gradebook(grades: Sequence[Grade], listed: Sequence[Listed] = (), deadline: str = "") -> str:
    """The page for the instructor: every submission, every exercise."""
    results = [result for grade in grades for result in grade.results]
    by_lab = groupby(sorted(grades, key=lambda grade: grade.lab), key=lambda grade: grade.lab)
    return render(
        "gradebook.html",
        deadline=deadline,
        count=sum(bool(grade.source) for grade in grades),
        failed=len({grade.id for grade in grades if grade.is_grader_error}),
        to_mark=sum(len(grade.to_mark) for grade in grades),
        to_look=sum(bool(result.look) for result in results),
        unsafe=_unsafe(grades),
        labs=[_lab(lab, sorted(group, key=lambda grade: grade.student.lower())) for lab, group in by_lab],
        listed=listed,
        link=lambda page: f"feedback/{quote(page.name)}",
        levels=sorted({grade.level for grade in grades if grade.level}),
    )


def _lab(lab: str, grades: list[Grade]) -> dict:
    """One lab's table: a row a submission with a result (or None) for each column, and how many passed."""
    columns = list(dict.fromkeys(result.id for grade in grades for result in grade.results))
    by_id = [{result.id: result for result in grade.results} for grade in grades]
    return {
        "title": grades[0].title or lab or "No lab recognised",
        "columns": columns,
        "rows": [(grade, [results.get(id) for id in columns]) for grade, results in zip(grades, by_id)],
        "mean": mean(grade.points for grade in grades),
        "shares": [_share_passed([results[id] for results in by_id if id in results]) for id in columns],
    }


def _share_passed(results: Sequence[ExerciseResult]) -> str:
    written = [result for result in results if result.answer]
    if any(result.status in (TO_MARK, MARKED) for result in results):
        return f"{sum(result.status == MARKED for result in written)} of {len(written)} marked"
    return f"{sum(result.status == PASSED for result in results)} of {len(results)}"


def _said(result: ExerciseResult) -> tuple[str, str]:
    """The sentence on a result, and the hint that stood in its message."""
    hint = result.hint or ""
    sentence = result.message.replace(hint, "", 1).strip() if hint else result.message
    wrong = next((case for case in result.cases if case.points < case.max_points), None)
    if not sentence and wrong:
        shown = f" (with {wrong.inputs})" if wrong.inputs else ""
        sentence = f"Case “{wrong.name}”: {wrong.message}{shown}."
    return sentence, hint


def _cases(result: ExerciseResult, sentence: str) -> Iterator[tuple[CaseLine, str, str]]:
    """The cases that tell more than the sentence, each with what is new in its message, and its inputs beside that."""
    tells_more = len({case.message for case in result.cases}) > 1 or any(case.points for case in result.cases)
    if result.status != PASSED and (not tells_more or result.status == MISSING):
        return
    earlier = ""
    for case in result.cases:
        is_new = case.message and case.message != earlier and case.message not in sentence
        yield case, case.message if is_new else "", case.inputs if is_new else ""
        earlier = case.message


def _unsafe(grades: Sequence[Grade]) -> str:
    return next((grade.level for grade in grades if grade.level.startswith("NOT")), "")


class Code:
    """Python as HTML in which the source is escaped, with colours as long as MOST_COLOURED is not used up."""

    def __init__(self):
        self.left = MOST_COLOURED

    def __call__(self, source: str) -> str:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer, TextLexer

        source = "\n".join(line.rstrip() for line in source[:LONGEST_CODE].split("\n"))
        is_coloured = len(source) <= self.left
        self.left -= len(source) if is_coloured else 0
        return highlight(source, PythonLexer() if is_coloured else TextLexer(), HtmlFormatter(cssclass="code"))


def code_style() -> str:
    """The colours of code on a light page, and on a dark one."""
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs(".code") for name in ("friendly", "github-dark"))
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n.code {{ background: none; }}"
