"""A notebook as a page that needs no network."""

import re

import nbformat

from sslcourse.authoring.pages import to_page, with_mathml


def test_formulas_become_mathml_and_keep_their_letters():
    made = with_mathml(r"so $s_{ij}$ and $$ \frac{a}{b * c} $$ too")
    assert made.count("<math") == 2 and "$" not in made
    assert 'display="block"' in made and "<mfrac>" in made
    assert re.findall(r"<mi>(\w)</mi>", made) == ["s", "i", "j", "a", "b", "c"]


def test_code_and_single_dollars_stay():
    text = "it costs 5$, and `$x$` is code"
    assert with_mathml(text) == text


def test_a_formula_that_cannot_be_read_stays():
    text = r"$\frac{$"
    assert with_mathml(text) == text


def test_the_page_fetches_nothing():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell("# Title\n\n$$ x_1 $$"), nbformat.v4.new_code_cell("1 + 1")]
    page = to_page(notebook)
    assert "<math" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", page)
