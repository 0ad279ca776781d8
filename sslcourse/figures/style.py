"""The look of the course's figures: readable without colour vision and on a dark page, and described in words.

Figures are made without pyplot, so that none is shown twice, none is kept alive and no global setting changes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures.fonts import FAMILIES

# Okabe and Ito's palette, without its yellow (too pale for lines on white), in an order that keeps neighbours far
# apart.
BLUE, ORANGE, GREEN, PINK, SKY, AMBER, BLACK = COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"
)  # fmt: skip
GREY = "#666666"
PALE = "#E8E8E8"
INK = "#222222"
COLOUR_MAP = "cividis"  # even in lightness, and the same to every kind of colour vision
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 3)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: dict[str, object] = {
    "figure.facecolor": "white",  # also on a dark page: the lines are made for white
    "axes.facecolor": "white",
    "font.family": FAMILIES,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "legend.framealpha": 0.8,
    "legend.edgecolor": "white",
    "legend.fontsize": 9,
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches in the course's look, to be filled inside the block.

    >>> with new_figure(4, 3) as figure:
    ...     line = figure.subplots().plot([0, 1], [0, 1])
    >>> alt_text(with_alt(figure, "A rising line."))
    'A rising line.'
    """
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def with_alt(figure: Figure, alt: str) -> Figure:
    """Attach the words that stand for the figure where it cannot be seen; returns the figure."""
    figure.set_label(alt.encode("utf-8", "replace").decode())
    return figure


def alt_text(figure: Figure) -> str:
    """The words attached by `with_alt`; every figure of this folder comes with its own."""
    return str(figure.get_label() or "")


def bare(axis, frame: str | None = None, label: str = "") -> None:
    """No ticks and no grid; a frame in one colour or none; at the left the row's `label`."""
    axis.grid(False)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=frame is not None, color=frame, linewidth=2.5)
    if label:
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, labelpad=6)


def note(figure: Figure, text: str) -> None:
    """A line of small print below the figure; nothing without text."""
    if text:
        figure.supxlabel(text, fontsize=8, color=GREY)


def numbers(values: object) -> np.ndarray:
    """Numbers in nested lists, arrays or tensors on any device, as one float64 array."""
    if isinstance(values, Tensor):
        return values.detach().cpu().double().numpy()
    if isinstance(values, Sequence):
        return np.asarray([numbers(value) for value in values], dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def pixels(image: Tensor) -> np.ndarray:
    """An image `3,H,W` (uint8, or float that is cut to [0, 1]) as `H,W,3` for matplotlib."""
    image = image.detach().cpu()
    return (image if not image.is_floating_point() else image.float().clamp(0, 1)).permute(1, 2, 0).numpy()


def short(value: float) -> str:
    """Three significant digits, without the zeros behind them."""
    return f"{value:.3g}" if abs(value) >= 1e-3 or value == 0 else "0" if abs(value) < 1e-9 else f"{value:.1e}"
