"""Diagrams: pictures, boxes and arrows on an empty sheet."""

from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures.style import bare, pixels


class Diagram:
    """An empty sheet, measured in tenths of an inch from 0 and from `low` on, and what is put on it.

    `fontsize` and `pad` are those of the words in boxes.

    >>> sheet = Diagram(90, low=-2, high=30)
    >>> sheet.box(20, 10, "encoder", "#0072B2")
    >>> sheet.figure.get_size_inches().tolist()
    [9.0, 3.2]
    """

    def __init__(self, width: float, low: float, high: float, fontsize: float = 11, pad: float = 0.7) -> None:
        self.figure = Figure(figsize=(width / 10, (high - low) / 10))
        self.axis = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(low, high))
        self.axis.axis("off")
        self.fontsize, self.pad = fontsize, pad

    def text(self, x: float, y: float, words: str, **look) -> None:
        """Words around a point."""
        self.axis.text(x, y, words, ha="center", va="center", **look)

    def picture(self, shown: Tensor, x: float, y: float, side: float, colour: str | None, name: str) -> None:
        """A picture `3,h,w` around a point, perhaps in a frame, its name below."""
        inset = self.axis.inset_axes((x - side / 2, y - side / 2, side, side), transform=self.axis.transData)
        inset.imshow(pixels(shown), interpolation="nearest")
        bare(inset, frame=colour)
        self.axis.text(x, y - side / 2 - 1, name, ha="center", va="top", fontsize=10)

    def box(self, x: float, y: float, name: str, colour: str) -> None:
        """A name in a rounded box around a point."""
        look = {"boxstyle": f"round,pad={self.pad}", "facecolor": colour + "22", "edgecolor": colour, "linewidth": 1.5}
        self.text(x, y, name, fontsize=self.fontsize, bbox=look)

    def arrow(self, x: float, y: float, to_x: float, to_y: float, colour: str, style: str = "-") -> None:
        """An arrow from one point to another; `style` is the line's."""
        look = {"arrowstyle": "-|>", "mutation_scale": 13, "color": colour, "linewidth": 1.6, "linestyle": style}
        self.axis.annotate("", (to_x, to_y), (x, y), arrowprops=look)
