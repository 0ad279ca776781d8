"""A progress line and figures that are replaced in place while a network trains."""

import html
import time
from collections.abc import Callable

from matplotlib.figure import Figure

from sslcourse.figures import show
from sslcourse.pages import in_notebook, show_html


class LivePanel:
    """A progress line and figures below it that are replaced in place while something runs.

    `draw(rows) -> figures` is called at most every `interval` seconds, so that drawing costs little beside training.
    Outside a notebook nothing is shown.
    """

    def __init__(self, title: str, total: int, draw: Callable[[list[dict]], list[Figure]], interval: float = 3.0):
        self.interval, self.last_drawing = interval, 0.0
        self.begin(title, total, draw)
        self.bar = self.figures = None
        if in_notebook():
            self.bar = show_html(*self._progress(0), updatable=True)

    def begin(self, title: str, total: int, draw: Callable[[list[dict]], list[Figure]]) -> None:
        """Something else runs from now on, in the place of what ran before."""
        self.title, self.total, self.draw, self.started = title, total, draw, time.monotonic()

    def update(self, step: int, rows: list[dict], *, last: bool = False) -> None:
        """Move the bar to `step`, and redraw the figures when they are due."""
        if self.bar is None:
            return
        show_html(*self._progress(step, last), handle=self.bar)
        if rows and (last or time.monotonic() - self.last_drawing > self.interval):
            self.figures = show(*self.draw(rows), handle=self.figures, updatable=True)
            self.last_drawing = time.monotonic()

    def _progress(self, step: int, last: bool = False) -> tuple[str, str]:
        """The line as HTML and as text."""
        seconds = time.monotonic() - self.started
        text = f"{self.title}: step {step} of {self.total}"
        if last:
            text += f", {seconds:.0f} s"
        elif step:
            text += f", about {seconds / step * (self.total - step):.0f} s to go"
        bar = f'<progress value="{step}" max="{self.total}" style="width:16em" aria-label="training"></progress>'
        line = "display:flex;flex-wrap:wrap;align-items:center;gap:0 .6em"
        return f'<div role="status" style="{line}">{bar}<span>{html.escape(text)}</span></div>', text
