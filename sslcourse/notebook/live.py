"""Showing things in a notebook: a figure with its alternative text, and one that is redrawn while a network trains."""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Callable

from matplotlib.figure import Figure

from sslcourse.figures import to_png

DPI = 110


def show(figure: Figure, description: str) -> None:
    """Display a figure with its alternative text, once, whatever the plotting backend; outside a notebook do nothing."""
    _display(figure, description)


class LivePanel:
    """A progress line and a figure below it that are replaced in place while something runs.

    `draw(rows) -> Figure` is called at most every `interval` seconds, so that drawing costs little beside training.
    Outside a notebook nothing is shown.
    """

    def __init__(
        self, title: str, total: int, draw: Callable[[list[dict]], Figure], description: str, interval: float = 3.0
    ):
        self.title, self.total, self.draw, self.description, self.interval = title, total, draw, description, interval
        self.started = time.monotonic()
        self.last_drawing = 0.0
        self.progress_handle = self.figure_handle = None
        if in_notebook():
            from IPython.display import HTML, display

            self.progress_handle = display(HTML(self._progress(0)), display_id=True)

    def update(self, step: int, rows: list[dict], *, last: bool = False) -> None:
        """Move the bar to `step`, and redraw the figure when it is due."""
        if self.progress_handle is None:
            return
        from IPython.display import HTML

        self.progress_handle.update(HTML(self._progress(step, last)))
        now = time.monotonic()
        if rows and (last or now - self.last_drawing > self.interval):
            self.figure_handle = _display(self.draw(rows), self.description, self.figure_handle)
            self.last_drawing = time.monotonic()

    def _progress(self, step: int, last: bool = False) -> str:
        seconds = time.monotonic() - self.started
        text = f"{html.escape(self.title)}: step {step} of {self.total}"
        if last:
            text += f", {seconds:.0f} s"
        elif step:
            text += f", about {seconds / step * (self.total - step):.0f} s to go"
        return f'<div role="status"><progress value="{step}" max="{self.total}" style="width:16em"></progress> {text}</div>'


def in_notebook() -> bool:
    """Whether what is displayed reaches a notebook: a kernel runs this."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.has_trait("kernel") and shell.kernel is not None


def _display(figure: Figure, description: str, handle=None):
    if not in_notebook():
        return None
    from IPython.display import display

    data = {"image/png": base64.b64encode(to_png(figure, DPI)).decode(), "text/plain": description}
    # 100 page pixels an inch, whatever the resolution of the file
    metadata = {"image/png": {"alt": description, "width": round(100 * figure.get_figwidth())}}
    if handle is None:
        return display(data, metadata=metadata, raw=True, display_id=True)
    handle.update(data, metadata=metadata, raw=True)
    return handle
