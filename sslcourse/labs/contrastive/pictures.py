"""The figures of Lab 1 that explain an idea: views, pairs, similarities."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.figures import COLOUR_MAP, new_figure

# Okabe and Ito's palette: distinguishable with every kind of colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"


def pixels(images: Tensor) -> np.ndarray:
    """`B,3,H,W` (uint8, or float in [0, 1]) as `B,H,W,3` for matplotlib."""
    return images.detach().cpu().permute(0, 2, 3, 1).numpy()


def titled_images(columns: list[tuple[str, np.ndarray]], in_a_line: int, width: float = 1.35) -> Figure:
    """Pictures `H,W,3` of one shape, each under its title, so many in a line; `width` in inches."""
    lines = -(-len(columns) // in_a_line)
    height, side = columns[0][1].shape[:2]
    figure = Figure(figsize=(width * in_a_line, lines * (width * height / side + 0.25)), layout="constrained")
    for axis in figure.subplots(lines, in_a_line, squeeze=False).flat:
        axis.axis("off")
    for axis, (title, picture) in zip(figure.axes, columns, strict=False):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(title, fontsize=9)
    return figure


def boxes_and_views(images: Tensor, boxes: Tensor, views: Tensor) -> Figure:
    """Images with two boxes each, over what was cut out of them.

    `images` `B,3,H,W`; `boxes` `2,B,4` (top, left, height, width, in pixels of the image); `views` `2,B,3,h,w`.
    """
    count = len(images)
    figure = Figure(figsize=(1.5 * count, 4.7), layout="constrained")
    axes = figure.subplots(3, count, squeeze=False)
    for column in range(count):
        axes[0, column].imshow(pixels(images[column : column + 1])[0], interpolation="nearest")
        for view, colour in enumerate((BLUE, ORANGE)):
            top, left, height, width = boxes[view, column].tolist()
            for edge, line in (("white", 3.2), (colour, 1.8)):
                axes[0, column].add_patch(
                    Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=edge, linewidth=line)
                )
            axes[view + 1, column].imshow(pixels(views[view, column : column + 1])[0], interpolation="nearest")
            _frame(axes[view + 1, column], colour)
        axes[0, column].axis("off")
    for row, label in enumerate(("image", "view 1", "view 2")):
        axes[row, 0].axis("on")
        if row == 0:
            axes[row, 0].spines[:].set_visible(False)
        axes[row, 0].set_xticks([])
        axes[row, 0].set_yticks([])
        axes[row, 0].set_ylabel(label, fontsize=9)
    return figure


def pair_grid(index: Tensor, views: Tensor) -> Figure:
    """The 2N x 2N table of all pairs: the diagonal is crossed out, `index` says which column is positive in each row.

    `index` int64 `2N`; `views` `2N,3,h,w` are shown along both edges.
    """
    count = len(index)
    kinds = torch.zeros(count, count)
    kinds[torch.arange(count), index.clamp(0, count - 1)] = 1
    figure = Figure(figsize=(4.8, 4.8), layout="constrained")
    axis = figure.add_subplot()
    axis.imshow(kinds.numpy(), cmap=ListedColormap(["#DCE9F2", ORANGE]), vmin=0, vmax=1)
    for i in range(count):
        axis.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, color="#999999"))
        axis.text(i, i, "×", ha="center", va="center", color="white")
    for line in range(1, count):
        axis.plot([-0.5, count - 0.5], [line - 0.5] * 2, color="white", linewidth=1)
        axis.plot([line - 0.5] * 2, [-0.5, count - 0.5], color="white", linewidth=1)
    _thumbnails(axis, views)
    axis.set_title("grey: itself     orange: the positive     pale: negatives", fontsize=9)
    return figure


def similarity_grid(matrix: Tensor, views: Tensor, title: str) -> Figure:
    """A similarity matrix `2N,2N` as a picture, the views along its edges, with its colour scale."""
    figure = Figure(figsize=(5.8, 4.8), layout="constrained")
    _similarities(figure, figure.add_subplot(), matrix, views, title)
    return figure


def similarity_and_weights(
    matrix: Tensor, weights: Tensor, anchor: int, partner: int, views: Tensor, title: str
) -> Figure:
    """The similarity matrix `2N,2N` with the anchor's row framed, beside the softmax weights `2N` of that row."""
    count = len(matrix)
    with new_figure(9.6, 4.2) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
        _similarities(figure, left, matrix, views, title)
        left.add_patch(Rectangle((-0.5, anchor - 0.5), count, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))
        colours = [BLUE if i == partner else "#E0A080" for i in range(count)]
        right.bar(range(count), weights.numpy(), color=colours)
        right.set_xlim(-0.6, count - 0.4)
        right.set_ylim(0, 1)
        right.set_xticks(range(count), [str(i) if i != anchor else "×" for i in range(count)], fontsize=8)
        right.set_xlabel("view")
        right.set_title(f"softmax weights of row {anchor} (blue: its positive)")
    return figure


def _similarities(figure: Figure, axis, matrix: Tensor, views: Tensor, title: str) -> None:
    picture = axis.imshow(matrix.detach().cpu().numpy(), cmap=COLOUR_MAP, vmin=-1, vmax=1)
    _thumbnails(axis, views)
    axis.set_title(title)
    figure.colorbar(picture, ax=axis, shrink=0.7, label="cosine similarity")


def colour_histograms(rows: list[tuple[str, Tensor]]) -> Figure:
    """For each row two views of one image and the histogram of their colours, one outline a view.

    Each row is (title, views float `2,3,h,w`).
    """
    figure = Figure(figsize=(7.0, 1.9 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1, 1, 2.6))
    for row, (title, views) in enumerate(rows):
        for view, colour in enumerate((BLUE, ORANGE)):
            axes[row, view].imshow(pixels(views[view : view + 1])[0], interpolation="nearest")
            _frame(axes[row, view], colour)
            axes[row, 2].stairs(
                joint_histogram(views[view : view + 1], bins=3)[0].numpy(),
                color=colour,
                linewidth=1.6,
                label=f"view {view + 1}",
            )
        axes[row, 0].set_ylabel(title, fontsize=9)
        axes[row, 2].set_yticks([])
        axes[row, 2].set_xticks([])
    axes[-1, 2].set_xlabel("27 colours, from black to white", fontsize=9)
    axes[0, 2].legend(fontsize=8, frameon=False)
    return figure


def joint_histogram(images: Tensor, bins: int = 4) -> Tensor:
    """What share of an image's pixels has each of `bins`^3 colours: float images `B,3,h,w` -> `B,bins^3`.

    >>> joint_histogram(torch.zeros(1, 3, 4, 4), bins=2).tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    level = (images * bins).long().clamp_(0, bins - 1)  # B,3,h,w
    colour = (level[:, 0] * bins + level[:, 1]) * bins + level[:, 2]  # B,h,w
    counts = torch.zeros(len(images), bins**3)
    counts.scatter_add_(1, colour.flatten(1), torch.ones(colour.flatten(1).shape))
    return counts / colour[0].numel()


def _thumbnails(axis, views: Tensor) -> None:
    """Draw the views left of the rows and above the columns of a square table of one unit a cell."""
    count = len(views)
    shown = pixels(views)
    axis.imshow(np.concatenate(shown, axis=0), extent=(-1.7, -0.7, count - 0.5, -0.5), interpolation="nearest")
    axis.imshow(np.concatenate(shown, axis=1), extent=(-0.5, count - 0.5, -0.7, -1.7), interpolation="nearest")
    axis.set_xlim(-1.75, count - 0.45)
    axis.set_ylim(count - 0.45, -1.75)
    axis.axis("off")


def _frame(axis, colour: str) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_color(colour)
        side.set_linewidth(2.5)
