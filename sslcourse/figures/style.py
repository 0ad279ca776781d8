"""The look of the course's figures, and how a figure gets onto a page: readable without colour vision, described in words.

Figures are made without pyplot, so that none is shown twice, none is kept alive and no global setting changes.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.files import write_atomically

# Okabe and Ito's palette, without its yellow (too pale for lines on white), in an order that keeps neighbours far apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#666666"
PALE = "#E8E8E8"
COLOUR_MAP = "cividis"  # even in lightness, and the same to every kind of colour vision
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 3)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: dict[str, object] = {
    "figure.facecolor": "white",  # also on a dark page: the lines are made for white
    "axes.facecolor": "white",
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
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches in the course's look, to be filled inside the block.

    >>> with new_figure(4, 3) as figure:
    ...     line = figure.subplots().plot([0, 1], [0, 1])
    >>> describe(figure, "A rising line.").get_label()
    'A rising line.'
    """
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def describe(figure: Figure, alt: str) -> Figure:
    """Attach the words that stand for the figure where it cannot be seen; returns the figure."""
    figure.set_label(alt)
    return figure


def alt_text(figure: Figure) -> str:
    """The words attached by `describe`; every figure of `figures.py` comes with its own."""
    return str(figure.get_label() or "")


def to_png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as a PNG file, with its alt text as the file's description."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Description": alt_text(figure)})
    return file.getvalue()


def to_html(figure: Figure, dpi: int = 160) -> str:
    """The figure as one `<img>` with its alt text: 100 page pixels an inch, and never wider than the page."""
    image = base64.b64encode(to_png(figure, dpi)).decode()
    width = round(100 * figure.get_figwidth())
    alt = html.escape(alt_text(figure), quote=True)
    return f'<img alt="{alt}" style="width:{width}px;max-width:100%" src="data:image/png;base64,{image}">'


def show(figure: Figure) -> None:
    """Display the figure with its alt text below a notebook cell; outside a notebook nothing happens but the alt text's print."""
    from IPython.display import HTML, display

    display(HTML(to_html(figure)))


def save(figure: Figure, path: str | os.PathLike, dpi: int = 160) -> Path:
    """Write the figure as PNG; a reader never finds half a file."""
    path = Path(path)
    write_atomically(path, to_png(figure, dpi))
    return path


def numbers(values: object) -> np.ndarray:
    """Numbers in nested lists, arrays or tensors on any device, as one float64 array."""
    if isinstance(values, Tensor):
        return values.detach().cpu().double().numpy()
    if isinstance(values, list | tuple):
        return np.asarray([numbers(value) for value in values], dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def short(value: float) -> str:
    """Three significant digits, without the zeros behind them."""
    return f"{value:.3g}" if abs(value) >= 1e-3 or value == 0 else "0" if abs(value) < 1e-9 else f"{value:.1e}"


def note(figure: Figure, text: str) -> None:
    figure.supxlabel(text, fontsize=8, color=GREY)
