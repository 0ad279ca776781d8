"""How a figure gets onto a page: always with its words, and never wider than the page.

JupyterLab shows no alternative text for an output of type image/png, whatever its metadata say. So a notebook gets an
HTML output with `<img alt="...">`, which JupyterLab, Notebook, Colab and VS Code show alike.
"""

import base64
import io

from markupsafe import Markup, escape
from matplotlib.figure import Figure

from sslcourse.figures.style import alt_text
from sslcourse.pages import show_html

DPI = 120


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file, with its alternative text as the file's description."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Description": alt_text(figure)})
    return file.getvalue()


def to_html(*figures: Figure, dpi: int = DPI) -> Markup:
    """Each figure as an `<img>` with its words, 100 page pixels an inch, side by side where there is room.

    On a narrow page they shrink to 55 % of that; beyond, where nothing could be read, they scroll.
    """
    images = []
    for figure in figures:
        width = 100 * figure.get_figwidth()
        style = f"width:{width:.0f}px;max-width:100%;min-width:{0.55 * width:.0f}px;height:auto;background:white"
        data = base64.b64encode(to_png(figure, dpi)).decode()
        images.append(f'<img alt="{escape(alt_text(figure))}" style="{style}" src="data:image/png;base64,{data}">')
    row = "display:flex;flex-wrap:wrap;gap:6px;max-width:100%;overflow-x:auto"
    return Markup(f'<div style="{row}">{"".join(images)}</div>')


def show(*figures: Figure, handle=None, updatable: bool = False):
    """Show figures below a notebook cell, side by side where there is room; elsewhere print their alternative text.

    With `updatable=True` returns a handle; `show(..., handle=handle)` then replaces what was shown.
    """
    words = "\n".join(map(alt_text, figures))
    return show_html(to_html(*figures), words, handle=handle, updatable=updatable)
