"""How HTML is made and shown: templates that escape what they are given, and one way to show a piece in a notebook."""

import functools
import re
import sys
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **values: object) -> str:
    """A page made from a file of `templates/`; every value is escaped unless the template marks it as our own HTML.

    Raises jinja2.UndefinedError for a value that the template needs and was not given.

    >>> render("card.html", title="<b>", blocks=[], kind="x", kinds={"x": ("red", "!")}).count("&lt;b&gt;")
    1
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment():
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    options = {"autoescape": True, "undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(loader=loader, **options)
    environment.filters["prose"] = prose
    return environment


def between_marks(page: str, start: str, end: str, text: str) -> str:
    """The page with `text` in place of what stood between two marks; raises ValueError if they are not there once.

    >>> between_marks("a <!-- x --> old <!-- y --> b", "<!-- x -->", "<!-- y -->", "new")
    'a <!-- x -->\\nnew\\n<!-- y --> b'
    """
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"the page must have one {start} before one {end}")
    return pattern.sub(lambda _: f"{start}\n{text}\n{end}", page)


def prose(text: str, emphasis: bool = False):
    """Escaped text with `code` between backticks as code and, with `emphasis`, *words* between asterisks emphasised.

    In a student's text, an asterisk is a product: without `emphasis` it stays.

    >>> prose("no `f` & *g*"), prose("*g*", emphasis=True)
    (Markup('no <code>f</code> &amp; *g*'), Markup('<em>g</em>'))
    """
    from markupsafe import Markup, escape

    parts = re.split(r"`([^`\n]+)`", str(escape(text)))  # every second one is code
    for place, part in enumerate(parts):
        if place % 2:
            parts[place] = f"<code>{part}</code>"
        elif emphasis:
            parts[place] = re.sub(r"(?<![\w*])\*(\S(?:[^*\n]*[^*\s])?)\*(?![\w*])", r"<em>\1</em>", part)
    return Markup("".join(parts))


def in_notebook() -> bool:
    """Whether what is displayed reaches a notebook: a kernel runs this. IPython is not imported for the question."""
    shell = _shell()
    return shell is not None and shell.has_trait("kernel") and shell.kernel is not None


def show_html(html: str, text: str, *, handle=None, updatable: bool = False):
    """Show `html` in a notebook, `text` where no HTML can be shown.

    `updatable` returns a handle; given that, it replaces what was shown.

    >>> show_html("<b>14</b>", "14 points")
    14 points
    """
    bundle = {"text/html": html, "text/plain": text}
    if handle is not None:
        handle.update(bundle, raw=True)
        return handle
    if _shell() is None:
        print(text)
        return None
    from IPython.display import display

    sys.stdout.flush()  # what was printed before comes first
    return display(bundle, raw=True, display_id=True if updatable else None)


def _shell():
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None
