"""Controls in a notebook, shown with a replacement for pages that have none.

Only core ipywidgets, in the way that versions 7 and 8 share, and imported only when a control is made.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sslcourse.pages import in_notebook

if TYPE_CHECKING:
    import ipywidgets

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def widgets_work() -> bool:
    """Whether controls can be shown: a notebook's kernel runs this, and ipywidgets is installed."""
    return in_notebook() and importlib.util.find_spec("ipywidgets") is not None


def widget_bundle(box: ipywidgets.Widget, text: str, page: str = "") -> dict[str, Any]:
    """What a notebook is handed for a widget: its view, and `text` and the HTML `page` for where there is none."""
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {WIDGET_VIEW: view, "text/plain": text} | ({"text/html": page} if page else {})


def show_controls(children: Sequence[ipywidgets.Widget], text: str, page: str = "") -> None:
    """Display widgets one below the other, with their replacement for pages without widgets."""
    import ipywidgets
    from IPython.display import display

    display(widget_bundle(ipywidgets.VBox(list(children)), text, page), raw=True)
