"""What a student or a marker wrote in Markdown, as HTML in which nothing of theirs can run.

HTML in the text is shown as text; what is emitted is Markdown's own elements, and MathML.
"""

import functools
import html
import re

from markupsafe import Markup

from sslcourse.grading.formulas import to_mathml

LONGEST = 12_000  # characters, of one answer: reading may take the square of the length


class Prose:
    """Renders the texts of one answer with `to_html`; what goes beyond LONGEST together is shown as its source."""

    def __init__(self):
        self.left = LONGEST

    def __call__(self, text: str) -> Markup:
        self.left -= len(text)
        return to_html(text) if self.left >= 0 else _source(text)


def to_html(text: str) -> Markup:
    r"""The text as HTML; pictures are named, not shown, and links say where they go to.

    >>> print(to_html("*so* `x` <b>").strip())
    <p><em>so</em> <code>x</code> &lt;b&gt;</p>
    """
    try:
        return Markup(_reader().render(text))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (whatever a text does to its reader, it is shown)
        return _source(text)


def _source(text: str) -> Markup:
    return Markup('<pre class="plain">{}</pre>').format(text)


@functools.cache
def _reader():
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    reader = MarkdownIt("js-default", {"html": False, "typographer": False})  # tables and ~~deleted~~, too
    dollarmath_plugin(
        reader, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True, renderer=_formula
    )
    amsmath_plugin(reader, renderer=lambda formula: _formula(formula, {"display_mode": True}))
    reader.add_render_rule("image", _picture)
    reader.add_render_rule("link_open", _link)
    return reader


def _formula(formula: str, options: dict) -> str:
    is_block = options["display_mode"]
    return to_mathml(formula, is_block) or f"<code>{html.escape(formula)}</code>"


def _picture(self, tokens, at: int, options, env) -> str:
    """Pictures of the answer follow its text, and none from elsewhere are fetched."""
    return f'<span class="quiet">[picture: {html.escape(tokens[at].content or "no name")}]</span>'


def _link(self, tokens, at: int, options, env) -> str:
    address = str(tokens[at].attrGet("href"))
    if not re.match(r"https?://|mailto:", address):
        return "<a>"
    return f'<a href="{html.escape(address)}" title="{html.escape(address)}" rel="noopener noreferrer" target="_blank">'
