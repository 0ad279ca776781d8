"""The pages: feedback for one submission, and the gradebook. Self-contained HTML; every text of a student is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean

from sslcourse.grading.results import PASSED, TO_MARK, ExerciseResult, Grade

# A mark and a word for each status, so that colour only repeats what is written.
LABELS = {
    "passed": ("✓", "passed"),
    "failed": ("✗", "not right"),
    "error": ("!", "error"),
    "timeout": ("!", "out of time"),
    "memory": ("!", "out of memory"),
    "killed": ("!", "ended itself"),
    "missing": ("–", "missing"),
    "to_mark": ("✎", "to be marked"),
}
# Nothing may be loaded and no script may run, even if an escape were forgotten.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def feedback(grade: Grade) -> str:
    """The page that goes to the student."""
    graded = [result for result in grade.results if result.status != TO_MARK]
    written = [result for result in grade.results if result.status == TO_MARK]
    parts = [
        f"<header><p class='kicker'>Feedback · {text(grade.title or grade.lab or 'no lab recognised')}</p><h1>{text(grade.student)}</h1></header>",
        _score(grade, written),
        _callout("problem", grade.problem) if grade.problem else "",
        _unsafe_banner([grade]),
        _notes(grade.repairs, "Repaired in your notebook before grading"),
        _summary(grade.results) if grade.results else "",
        *(
            _exercise(number, result)
            for number, result in enumerate(graded, start=1)
            if result.message != grade.problem
        ),
        *(_written(result) for result in written),
        _footer(grade),
    ]
    return _page(f"{grade.student}: feedback", "\n".join(part for part in parts if part), narrow=True)


def gradebook(grades: Sequence[Grade]) -> str:
    """The page for the instructor: every submission, every exercise."""
    count = len(grades)
    to_mark = sum(
        result.status == TO_MARK and result.answer is not None for grade in grades for result in grade.results
    )
    levels = sorted({grade.level for grade in grades if grade.level})
    header = (
        "<header><p class='kicker'>Gradebook</p>"
        f"<h1>{count} submission{'' if count == 1 else 's'}</h1>"
        f"<p>{to_mark} written answer{'' if to_mark == 1 else 's'} to be marked by a person; not counted here. "
        "The same as a table: <a href='grades.csv'>grades.csv</a>.</p></header>"
    )
    parts = [header, _unsafe_banner(grades)]
    for lab, group in groupby(sorted(grades, key=lambda grade: grade.lab), key=lambda grade: grade.lab):
        parts.append(_lab_table(lab, list(group)))
    parts.append(f"<footer><p>Student code ran in: {text('; '.join(levels) or 'nothing')}.</p>{_legend()}</footer>")
    return _page("Gradebook", "\n".join(part for part in parts if part), narrow=False)


def text(value: object) -> str:
    """Escape, for any place in a page.

    >>> text("<script>'\\"")
    '&lt;script&gt;&#x27;&quot;'
    """
    return html.escape(str(value), quote=True)


def prose(value: str) -> str:
    """Escape, then set `code` between backticks as code.

    >>> prose("no `f` & g")
    'no <code>f</code> &amp; g'
    """
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text(value))


def _emphasised(value: str) -> str:
    # The course's own texts only: in a student's, a star is a product.
    return re.sub(r"\*(\S[^*\n]*)\*", r"<em>\1</em>", prose(value))


def _page(title: str, body: str, narrow: bool) -> str:
    from pygments.formatters import HtmlFormatter

    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    highlighting = HtmlFormatter(style="friendly").get_style_defs(".code")
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'><meta name='robots' content='noindex'>"
        f"<title>{text(title)}</title><style>\n{highlighting}\n{style}</style></head>\n"
        f"<body><main class='{'narrow' if narrow else 'wide'}'>\n{body}\n</main></body></html>\n"
    )


def _footer(grade: Grade) -> str:
    where = text(grade.level or "nothing; it was not run")
    took = f"Graded in {grade.seconds:.1f} s from <code>{text(grade.source.name)}</code>."
    return f"<footer><p>{took}</p><p>Student code ran in: {where}.</p></footer>"


def _score(grade: Grade, written: Sequence[ExerciseResult]) -> str:
    share = grade.points / grade.max_points if grade.max_points else 0.0
    waiting = sum(result.max_points for result in written)
    more = f"<p class='quiet'>and {waiting:g} points for written answers, marked by a person</p>" if written else ""
    return (
        f"<section class='score'><p class='number'>{grade.points:g}<span> of {grade.max_points:g} points</span></p>"
        f"<div class='bar' role='img' aria-label='{share:.0%} of the points'><i style='width:{share:.1%}'></i></div>{more}</section>"
    )


def _summary(results: Sequence[ExerciseResult]) -> str:
    rows = "".join(
        f"<tr><td><a href='#{_anchor(result)}'>{prose(_title(result))}</a>"
        f"{' <span class=quiet>repaired</span>' if result.is_repaired else ''}</td>"
        f"<td>{_result_chip(result)}</td><td class='points'>{_points(result)}</td></tr>"
        for result in results
    )
    return f"<table class='summary'><thead><tr><th>Exercise</th><th>Result</th><th class='points'>Points</th></tr></thead><tbody>{rows}</tbody></table>"


def _exercise(number: int, result: ExerciseResult) -> str:
    head = (
        f"<h2>{number}. {prose(result.title)}</h2>{_chip(result.status)}<span class='points'>{_points(result)}</span>"
    )
    parts = [f"<section class='exercise {result.status}' id='{_anchor(result)}'><div class='head'>{head}</div>"]
    parts.append(_callout("hint" if result.hint else result.status, result.message))
    parts.append(_notes(result.repairs, "Repaired"))
    if _are_cases_worth_showing(result):
        parts.append(_cases(result))
    if result.code is not None:
        parts.append(
            f"<details{'' if result.status == PASSED else ' open'}><summary>Your code</summary>{_code(result.code)}</details>"
        )
    if result.output.strip():
        shown = text(_printable(result.output))
        parts.append(f"<details><summary>What it printed</summary><pre class='plain'>{shown}</pre></details>")
    return "\n".join(part for part in parts if part) + "</section>"


def _are_cases_worth_showing(result: ExerciseResult) -> bool:
    tells_more = len({case.message for case in result.cases}) > 1 or any(case.points for case in result.cases)
    return result.status == "passed" or (tells_more and result.status != "missing")


def _cases(result: ExerciseResult) -> str:
    rows, earlier = "", ""
    for case in result.cases:
        is_right = case.points == case.max_points
        mark = _chip("passed" if is_right else "failed", "right" if is_right else "not right")
        is_news = case.message not in ("", earlier) and case.message not in result.message
        note = f"<div class='quiet'>{prose(case.message)}</div>" if is_news else ""
        earlier = case.message
        rows += f"<tr><td>{text(case.name)}{note}</td><td>{mark}</td><td class='points'>{case.points:g} of {case.max_points:g}</td></tr>"
    return f"<table class='cases'><tbody>{rows}</tbody></table>"


def _written(result: ExerciseResult) -> str:
    answer = f"<div class='answer'>{text(result.answer)}</div>" if result.answer else ""
    rubric = "".join(f"<li>{_emphasised(line)}</li>" for line in result.rubric)
    return (
        f"<section class='exercise to_mark' id='{_anchor(result)}'><div class='head'><h2>Written answer</h2>{_result_chip(result)}"
        f"<span class='points'>{_points(result)}</span></div><p>{_emphasised(result.title)}</p>"
        f"{answer or _callout('missing', result.message)}"
        f"<details open><summary>Rubric, for the marker</summary><ul class='rubric'>{rubric}</ul></details></section>"
    )


def _lab_table(lab: str, grades: list[Grade]) -> str:
    grades = sorted(grades, key=lambda grade: grade.student.lower())
    columns = list(dict.fromkeys(result.id for grade in grades for result in grade.results))
    head = "".join(f"<th>{text(id.split('.', 1)[-1].replace('_', ' '))}</th>" for id in columns)
    rows = ""
    for grade in grades:
        by_id = {result.id: result for result in grade.results}
        cells = "".join(_grid_cell(by_id.get(id)) for id in columns)
        if grade.problem and not grade.points:  # the same sentence for every exercise: said once
            status = grade.results[0].status if grade.results else "missing"
            cells = f"<td colspan='{len(columns)}'>{_chip(status)} {prose(grade.problem)}</td>"
        link = f"feedback/{grade.page.name}" if grade.page else ""
        repaired = sum(result.is_repaired for result in grade.results) + len(grade.repairs)
        note = f"<div class='quiet'>{repaired} thing{'' if repaired == 1 else 's'} repaired</div>" if repaired else ""
        rows += (
            f"<tr><th scope='row'><a href='{text(link)}'>{text(grade.student)}</a>{note}</th>"
            f"<td class='points'><strong>{grade.points:g}</strong> of {grade.max_points:g}</td>{cells}</tr>"
        )
    average = mean(grade.points for grade in grades)
    shares = "".join(f"<td>{_share_passed(id, grades)}</td>" for id in columns)
    foot = f"<tr><th scope='row'>all {len(grades)}: passed</th><td class='points'>mean {average:.1f}</td>{shares}</tr>"
    return (
        f"<h2>{text(grades[0].title or lab or 'No lab recognised')}</h2><div class='scroll'><table class='book'><thead><tr><th>Student</th>"
        f"<th class='points'>Points</th>{head}</tr></thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _grid_cell(result: ExerciseResult | None) -> str:
    if result is None:
        return "<td></td>"
    points = "" if result.points is None else f"<span>{result.points:g} of {result.max_points:g}</span>"
    return f"<td title='{text(result.message)}'>{_result_chip(result)}{points}</td>"


def _share_passed(id: str, grades: Sequence[Grade]) -> str:
    results = [result for grade in grades for result in grade.results if result.id == id]
    if any(result.status == TO_MARK for result in results):
        return "by a person"
    return f"{sum(result.status == PASSED for result in results)} of {len(results)}"


def _unsafe_banner(grades: Sequence[Grade]) -> str:
    unsafe = next((grade.level for grade in grades if grade.level.startswith("NOT")), "")
    return _callout("unsafe", unsafe) if unsafe else ""


def _notes(notes: Sequence[str], title: str) -> str:
    items = "".join(f"<li>{prose(note)}</li>" for note in notes)
    return f"<div class='notes'><strong>{text(title)}</strong><ul>{items}</ul></div>" if notes else ""


def _callout(kind: str, message: str) -> str:
    label = "<strong>Hint.</strong> " if kind == "hint" else ""
    return f"<p class='callout {kind}'>{label}{prose(message)}</p>"


def _result_chip(result: ExerciseResult) -> str:
    is_unwritten = result.status == TO_MARK and result.answer is None
    return _chip("missing", "not written") if is_unwritten else _chip(result.status)


def _chip(status: str, word: str | None = None) -> str:
    mark, label = LABELS[status]
    return f"<span class='chip {status}'><b aria-hidden='true'>{mark}</b> {text(word or label)}</span>"


def _legend() -> str:
    return "<p>" + " ".join(_chip(status) for status in LABELS) + "</p>"


def _points(result: ExerciseResult) -> str:
    return f"{'__' if result.points is None else f'{result.points:g}'} of {result.max_points:g}"


def _title(result: ExerciseResult) -> str:
    return "Written answer" if result.status == TO_MARK else result.title


def _anchor(result: ExerciseResult) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", result.id)


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source[:30_000], PythonLexer(), HtmlFormatter(cssclass="code"))


def _printable(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f]", "", output)
