"""The figures of Lab 6 that explain an idea: the parts of a masked autoencoder, and a picture under the brush."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, GREY, ORANGE, bare, new_figure, pixels, with_alt
from sslcourse.figures.diagram import Diagram


def autoencoder(image: Tensor, hidden: Tensor, grid: tuple[int, int]) -> Figure:
    """The diagram of a masked autoencoder: an image `3,H,W` and the same with patches hidden, on a `grid`."""
    sheet = Diagram(96, low=-2, high=20, fontsize=10.5, pad=0.6)
    sheet.picture(image, 6.5, 11, 11, None, "picture")
    sheet.arrow(12.6, 11, 16, 11, GREY)
    sheet.picture(hidden, 22, 11, 11, None, "half is removed")
    sheet.arrow(28.2, 11, 31.8, 11, BLUE)
    sheet.box(38, 11, "encoder", BLUE)
    sheet.text(38, 6.4, "kept patches only", fontsize=9.5, color=BLUE)
    sheet.arrow(44.2, 11, 48, 11, BLUE)
    sheet.box(57, 11, "back in order", ORANGE)
    sheet.text(57, 6.4, "mask tokens in the gaps", fontsize=9.5, color=ORANGE)
    sheet.arrow(65.8, 11, 69.3, 11, ORANGE)
    sheet.box(75.5, 11, "decoder", GREEN)
    sheet.arrow(81.7, 11, 84.6, 11, GREEN)
    sheet.text(90, 11, "pixels of\nevery patch", fontsize=10.5)
    sheet.text(90, 5.2, "loss: removed\nones alone", fontsize=9.5, color=GREY)
    words = (
        f"A picture of {grid[0]} x {grid[1]} patches loses half of them. The encoder sees the kept ones only. They are "
        "put back in order, with mask tokens in the gaps, and the decoder predicts the pixels of every patch; the loss "
        "counts the removed ones alone."
    )
    return with_alt(sheet.figure, words)


def under_the_brush(
    shown: Mapping[str, Tensor], where: str, cursor: tuple[float, float, float], leaves_a_trace: bool
) -> Figure:
    """Pictures `3,H,W` side by side, each under its name; on the first the brush: left, top and side in pixels.

    Its frame is green where what it hid stays hidden.
    """
    with new_figure(2.5 * len(shown), 2.8) as figure:
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for axis, (name, image) in zip(axes, shown.items()):
            axis.imshow(pixels(image), interpolation="nearest")
            axis.set_title(name, fontsize=10, loc="center")
            bare(axis)
        left, top, side = cursor
        corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * side
        axes[0].plot(
            corners[:, 0] + left - 0.5,
            corners[:, 1] + top - 0.5,
            color=GREEN if leaves_a_trace else ORANGE,
            linewidth=2.5,
        )
    return with_alt(figure, f"{', '.join(shown)}; {where}.")
