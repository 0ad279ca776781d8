"""A notebook as one page of HTML that needs no network: formulas are MathML, which browsers draw by themselves."""

import copy
import re

from nbformat import NotebookNode

# $$display$$ first, so that its dollars are not taken for two empty inline formulas; code spans keep theirs.
_FORMULA = re.compile(r"(?P<code>`[^`]*`)|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$`\n]+?)\$", re.DOTALL)


def to_page(notebook: NotebookNode) -> str:
    """The executed `notebook` as self-contained HTML."""
    from nbconvert import HTMLExporter

    shown = copy.deepcopy(notebook)
    for cell in shown.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
    # Without an address nothing is fetched: neither require.js nor MathJax, which the page does without.
    exporter = HTMLExporter(require_js_url="", mathjax_url="", mermaid_js_url="", widget_renderer_url="")
    page, _ = exporter.from_notebook_node(shown)
    return page


def with_mathml(markdown: str) -> str:
    """`markdown` with its TeX formulas as MathML; a formula that cannot be read stays as it is.

    >>> with_mathml("the cost `$5` and $N$").split("<math")[0]
    'the cost `$5` and '
    """
    from latex2mathml.converter import convert

    def replace(match: re.Match) -> str:
        if match["code"]:
            return match["code"]
        try:
            made = convert(match["display"] or match["inline"], display="block" if match["display"] else "inline")
        except Exception:  # noqa: BLE001 (its parser raises errors of many kinds)
            return match[0]
        # Markdown would end the paragraph at a line break inside, and read _ and * as emphasis.
        return made.replace("\n", " ").replace("_", "&#95;").replace("*", "&#42;")

    return _FORMULA.sub(replace, markdown)
