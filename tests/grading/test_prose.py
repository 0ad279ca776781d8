"""What students write is shown as they meant it, and nothing of it runs."""

import re

import pytest

from sslcourse.grading.formulas import to_mathml
from sslcourse.grading.prose import LONGEST, Prose, to_html

ALLOWED = "a p em strong s code pre br hr ul ol li h1 h2 h3 blockquote table thead tbody tr th td span div math".split()


def elements(text):
    return re.findall(r"<([a-zA-Z][^\s/>]*)", str(to_html(text)))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1)) [x](JaVaScRiPt:alert(1)) [x](java&#10;script:alert(1)) <javascript:alert(1)>",
        "[x](data:text/html;base64,PHNjcmlwdD4=) [x](vbscript:a) [x](file:///etc/passwd) [x](//host/x)",
        '![x](http://host/track.png "onload=alert(1)") ![x](data:image/svg+xml;base64,PHN2Zz4=)',
        '[x](http://host/" onclick="alert(1))',
        r"$\text{<script>alert(1)</script>}$ $\href{javascript:alert(1)}{x}$ $\text{&lt;img src=x onerror=1&gt;}$",
        "```html onmouseover=alert(1)\n<script>alert(1)</script>\n```",
        "$$\n<iframe src=javascript:alert(1)>\n$$\n\\begin{align}<b>\\end{align}",
    ],
)
def test_nothing_of_a_student_s_runs(text):
    shown = str(to_html(text))
    known = {*ALLOWED, "mrow", "mi", "mo", "mn", "mtext", "mtable", "mtr", "mtd", "mspace", "mstyle"}
    assert set(elements(text)) <= known, shown
    assert not re.search(r"<[^>]*\s(on\w+|src|style)=", shown)
    assert not re.search(r'href="(?!https?://|mailto:)', shown)


def test_markdown_and_formulas_are_rendered():
    shown = str(to_html("*so* | `x`\n\n| a | b |\n|-|-|\n| $x^2$ | 2 |\n\n$$\\frac{1}{2n}$$ costs $5 and $6"))
    for expected in ("<em>so</em>", "<td>2</td>", "<msup><mi>x</mi><mn>2</mn></msup>", "<mfrac>", "costs $5 and $6"):
        assert expected in shown


@pytest.mark.parametrize(
    "formula", [r"\frac{1}", r"\unknown{" * 3, r"\def\a{xx}\a", "x" * 3000, r"{" * 900 + "}" * 900]
)
def test_a_formula_that_cannot_be_read_is_shown_as_it_is(formula):
    assert to_mathml(formula) is None or "<math" in str(to_mathml(formula))
    assert formula[:20] in str(to_html(f"${formula}$")).replace("&lt;", "<") or to_mathml(formula)


def test_the_names_of_environments_that_students_use():
    assert str(to_mathml(r"\begin{aligned}a&=b\\c&=d\end{aligned}")).count("<mtr>") == 2


def test_very_long_answers_are_shown_as_source():
    prose = Prose()
    assert "<em>" in prose("*a*")
    assert prose("*a*" * LONGEST).startswith("<pre")
