"""Controls above a picture: the base of every lab's widget.

Only core ipywidgets, in the way that versions 7 and 8 share. A widget hands the notebook a still picture along with itself,
so that a page without a widget front end (an exported notebook, a code-hosting site) shows that instead.
"""

from __future__ import annotations

import re

import ipywidgets
from matplotlib.figure import Figure

from sslcourse.figures import to_html


class Explorer:
    """Controls above a picture that is redrawn when one of them changes.

    A subclass gives its `controls` (name -> widget), and `draw() -> (figures, text)`: the text says in words what is seen.
    """

    def __init__(self, controls: dict[str, ipywidgets.Widget]):
        self.controls = controls
        self.picture = ipywidgets.HTML()  # an Image has no alternative text
        self.readout = ipywidgets.HTML()
        for control in controls.values():
            control.style = {"description_width": "9.5em"}
            control.layout.width = "25em"
            control.observe(self._changed, names="value")
        knobs = ipywidgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"})
        self.box = ipywidgets.VBox([knobs, self.picture, self.readout])
        self.redraw()

    def value(self, name: str):
        """The present value of a control."""
        return self.controls[name].value

    def redraw(self) -> None:
        """Draw the picture for the present values."""
        figures, self.readout.value = self.draw()
        self.picture.value = to_html(*figures, dpi=100)

    def draw(self) -> tuple[list[Figure], str]:
        """The figures for the present values, side by side, and what they show in words."""
        raise NotImplementedError

    def _changed(self, _change: dict) -> None:
        self.redraw()

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        """The widget for a front end that has widgets, the picture for one that has not, words for a terminal."""
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.box.model_id,
            },
            "text/html": self.picture.value + self.readout.value,
            "text/plain": re.sub("<[^>]+>", "", self.readout.value),
        }
