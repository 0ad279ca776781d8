"""The diagram of SimCLR: one image, two views, encoder, head, and the loss that compares."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, ORANGE, bare, pixels, with_alt


def pipeline(image: Tensor, views: Tensor) -> Figure:
    """An image uint8 `3,H,W` and its views float `2,3,h,w` on their way to the loss."""
    figure = Figure(figsize=(9.4, 3.1))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_xlim(0, 94)
    axis.set_ylim(0, 31)
    axis.axis("off")
    _picture(axis, pixels(image), 7.5, 15.5, 11)
    axis.text(7.5, 8.2, "image $x$", ha="center", va="top", fontsize=10)
    for row, (y, colour) in enumerate(((23.5, BLUE), (7.5, ORANGE))):
        name = row + 1
        _arrow(axis, (13.5, 15.5 + (y - 15.5) * 0.25), (21.3, y), colour)
        axis.text(14.8, 15.5 + (y - 15.5) * 0.95, f"$t_{name}$", fontsize=11, color=colour, ha="center", va="center")
        _picture(axis, pixels(views[row]), 26.5, y, 10, colour)
        axis.text(26.5, y - 6.0, f"view $\\tilde x_{name}$", ha="center", va="top", fontsize=9)
        _arrow(axis, (32, y), (37, y), colour)
        _box(axis, 43, y, "encoder $f$", BLUE)
        _arrow(axis, (49, y), (54, y), colour)
        axis.text(56, y, f"$h_{name}$", fontsize=13, ha="center", va="center")
        _arrow(axis, (58, y), (62.5, y), colour)
        _box(axis, 68, y, "head $g$", GREEN)
        _arrow(axis, (73.5, y), (77, y), colour)
        axis.text(79, y, f"$z_{name}$", fontsize=13, ha="center", va="center")
        _arrow(axis, (80.5, y - 1.2 if row == 0 else y + 1.2), (85.5, 17.8 if row == 0 else 13.2), colour)
    axis.text(43, 15.5, "the same weights", fontsize=9, ha="center", va="center", style="italic")
    axis.text(68, 15.5, "the same weights", fontsize=9, ha="center", va="center", style="italic")
    axis.text(56, 15.5, "features:\nwhat we keep", fontsize=9, ha="center", va="center")
    axis.text(87.5, 15.5, "alike?\nloss", fontsize=11, ha="center", va="center")
    return with_alt(
        figure,
        "One image becomes two views; both go through the same encoder f, which gives features h, and the same head g, "
        "which gives embeddings z; the loss asks whether the embeddings are alike.",
    )


def _picture(axis, image, x: float, y: float, side: float, colour: str | None = None) -> None:
    inset = axis.inset_axes((x - side / 2, y - side / 2, side, side), transform=axis.transData)
    inset.imshow(image, interpolation="nearest")
    bare(inset, frame=colour)


def _box(axis, x: float, y: float, text: str, colour: str) -> None:
    axis.add_patch(
        FancyBboxPatch(
            (x - 5, y - 3.2),
            10,
            6.4,
            boxstyle="round,pad=0.6",
            facecolor=colour + "22",
            edgecolor=colour,
            linewidth=1.5,
        )
    )
    axis.text(x, y, text, fontsize=11, ha="center", va="center")


def _arrow(axis, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=colour, linewidth=1.6))
