"""Controls above a picture: the base of every lab's explorers.

An explorer hands the notebook its figures and words along with itself, so that a page without a widget front end (an
exported notebook, a code-hosting site) shows those instead.
"""

import re

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from sslcourse.figures import to_html
from sslcourse.notebook.controls import widget_bundle
from sslcourse.pages import render, show_html


class Explorer:
    """Controls, a line that says what is seen, and figures that are redrawn when a control changes.

    `controls` maps a name to a widget. A subclass writes `picture_and_words() -> (figures, words)`. Figures are at most
    450 pixels high, so that they and the controls fit on a laptop's screen.
    """

    def __init__(self, controls: dict[str, ipywidgets.Widget]):
        self.controls = controls
        self.readout, self.picture = ipywidgets.HTML(), ipywidgets.HTML()  # an Image has no alternative text
        for control in controls.values():
            control.style = {"description_width": "9.5em"}
            control.layout.width, control.layout.max_width = "25em", "98%"
            hover = "tooltip" if control.has_trait("tooltip") else "description_tooltip"  # ipywidgets 8, 7
            setattr(control, hover, control.description)  # without one the label says "null"
            control.observe(self._redraw, names="value")
        knobs = ipywidgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"})
        # An Output widget is the one place from where every front end runs a script without being asked.
        self.box = ipywidgets.VBox([knobs, self.readout, self.picture])
        self._redraw()

    def value(self, name: str):
        """The present value of a control."""
        return self.controls[name].value

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The figures for the present values, side by side, and what they show in words (HTML)."""
        raise NotImplementedError

    def _redraw(self, _change: dict | None = None) -> None:
        figures, words = self.picture_and_words()
        self.readout.value = f'<div role="status" style="line-height:1.4">{words}</div>'
        self.picture.value = str(to_html(*figures, dpi=100))  # Markup would escape what it is added to

    def _ipython_display_(self) -> None:
        display(self.bundle(), raw=True)
        show_html(render("name_sliders.html"), "")

    def bundle(self) -> dict[str, str]:
        """The widget for a front end that has widgets, figures for one that has not, words for a terminal."""
        words = re.sub("<[^>]+>", "", self.readout.value)
        return widget_bundle(self.box, words, self.readout.value + self.picture.value)


def slider(value: float, description: str, low: float, high: float, step: float = 0.05) -> ipywidgets.Widget:
    """A slider that answers when it is let go; of whole numbers where `step` is one.

    >>> slider(3, "draw number", 0, 50, step=1).value
    3
    """
    kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
    return kind(value, description=description, min=low, max=high, step=step, continuous_update=False)
