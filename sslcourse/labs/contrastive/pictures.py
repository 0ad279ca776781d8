"""The figures of Lab 1 that explain an idea: the way to the loss, views, pairs, weights, colours."""

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.figures import (
    BLUE,
    GREEN,
    ORANGE,
    bare,
    new_figure,
    picture_edges,
    pixels,
    plot_bars,
    plot_histograms,
    plot_similarities,
    with_alt,
)
from sslcourse.figures.diagram import Diagram
from sslcourse.labs.contrastive.measurements import colour_histogram
from sslcourse.notebook.charts import SIZE


def pipeline(image: Tensor, views: Tensor) -> Figure:
    """The diagram of SimCLR: an image uint8 `3,H,W` and its views float `2,3,h,w` on their way to the loss."""
    sheet = Diagram(94, low=-2, high=31)
    sheet.picture(image, 7.5, 15.5, 11, None, "image $x$")
    for number, (y, up, colour) in enumerate(((23.5, 1, BLUE), (7.5, -1, ORANGE)), start=1):
        sheet.arrow(13.5, 15.5 + 2 * up, 21, y, colour)
        sheet.text(14.8, 15.5 + 7.6 * up, f"$t_{number}$", fontsize=11, color=colour)
        sheet.picture(views[number - 1], 26.5, y, 10, colour, f"view $\\tilde x_{number}$")
        for start, end in ((32, 37), (49, 54.5), (57.5, 62.5), (73.5, 77.5)):
            sheet.arrow(start, y, end, y, colour)
        sheet.box(43, y, "encoder $f$", BLUE)
        sheet.text(56, y, f"$h_{number}$", fontsize=13)
        sheet.box(68, y, "head $g$", GREEN)
        sheet.text(79, y, f"$z_{number}$", fontsize=13)
        sheet.arrow(80.5, y - 1.2 * up, 85.5, 15.5 + 2.3 * up, colour)
    for x in (43, 68):
        sheet.text(x, 15.5, "the same weights", fontsize=9, style="italic")
    sheet.text(56, 15.5, "features:\nwhat we keep", fontsize=9)
    sheet.text(87.5, 15.5, "alike?\nloss", fontsize=11)
    return with_alt(
        sheet.figure,
        "One image becomes two views; both go through the same encoder f, which gives features h, and the same head g, "
        "which gives embeddings z; the loss asks whether the embeddings are alike.",
    )


def boxes_and_views(images: Tensor, boxes: Tensor, views: Tensor) -> Figure:
    """Images with two boxes each, over what was cut out of them.

    `images` `B,3,H,W`; `boxes` `2,B,4` (top, left, height, width, in pixels of the image); `views` `2,B,3,h,w`.
    """
    count = len(images)
    with new_figure(1.45 * count + 0.6, 4.5) as figure:
        axes = figure.subplots(3, count, squeeze=False)
        for column in range(count):
            top_axis, label = axes[0, column], column == 0
            top_axis.imshow(pixels(images[column]), interpolation="nearest")
            bare(top_axis, label="image" if label else "")
            for view, colour in enumerate((BLUE, ORANGE)):
                top, left, height, width = boxes[view, column].tolist()
                for edge, line in (("white", 3.2), (colour, 1.8)):
                    box = Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=edge, linewidth=line)
                    top_axis.add_patch(box)
                axes[view + 1, column].imshow(pixels(views[view, column]), interpolation="nearest")
                bare(axes[view + 1, column], frame=colour, label=f"view {view + 1}" if label else "")
    words = f"{count} images with two boxes each, and below them the two views that were cut out of the boxes."
    return with_alt(figure, words)


def pair_grid(index: Tensor, views: Tensor) -> Figure:
    """The 2N x 2N table of all pairs: the diagonal is crossed out, `index` says which column is positive in each row.

    `index` int64 `2N`; `views` `2N,3,h,w` are shown along both edges.
    """
    count = len(index)
    kinds = torch.zeros(count, count)
    kinds[torch.arange(count), index.clamp(0, count - 1)] = 1
    kinds.fill_diagonal_(2)
    with new_figure(4.8, 4.8) as figure:
        axis = figure.subplots()
        axis.imshow(kinds.numpy(), cmap=ListedColormap(["#DCE9F2", ORANGE, "#999999"]), vmin=0, vmax=2)
        for i in range(count):
            axis.text(i, i, "×", ha="center", va="center", color="white")
        lines = [line - 0.5 for line in range(1, count)]
        axis.hlines(lines, -0.5, count - 0.5, color="white", linewidth=1)
        axis.vlines(lines, -0.5, count - 0.5, color="white", linewidth=1)
        picture_edges(axis, views)
        axis.set_title("grey ×: itself     orange: the positive     pale: negatives", fontsize=9)
    pairs = ", ".join(f"{row}: {column}" for row, column in enumerate(index.tolist()))
    return with_alt(figure, f"A table of all pairs of {count} views. The positive of each row (row: column): {pairs}.")


def similarity_and_weights(
    matrix: Tensor, weights: Tensor, anchor: int, partner: int, views: Tensor, title: str
) -> list[Figure]:
    """The similarity matrix `2N,2N` with the anchor's row framed, and the softmax weights `2N` of that row."""
    count = len(matrix)
    similarities = plot_similarities(matrix, views, title=title, size=3.8)
    frame = Rectangle((-0.5, anchor - 0.5), count, 1, fill=False, edgecolor=ORANGE, linewidth=2.5)
    similarities.axes[0].add_patch(frame)
    names = {i: f"view {i}" + (": its positive" if i == partner else "") for i in range(count) if i != anchor}
    bars = plot_bars(
        {name: weights[i].item() for i, name in names.items()},
        colours={name: BLUE if i == partner else "#E0A080" for i, name in names.items()},
        x_label=f"softmax weight in row {anchor}",
        size=(4.6, 3.8),
    )
    bars.axes[0].set_xlim(0, 1.15)
    return [similarities, bars]


def colour_histograms(rows: list[tuple[str, Tensor]]) -> Figure:
    """For each row two views of one image and the histogram of their colours, one outline a view.

    Each row is (title, views float `2,3,h,w`).
    """
    agreement = []
    with new_figure(7.0, 1.9 * len(rows)) as figure:
        axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1, 1, 2.6))
        for line, (title, views) in zip(axes, rows):
            shares = colour_histogram(views, bins=3)
            agreement.append(f"{title}: {shares.prod(0).sqrt().sum():.2f}")
            for view, (colour, style) in enumerate(((BLUE, "-"), (ORANGE, "--"))):
                line[view].imshow(pixels(views[view]), interpolation="nearest")
                bare(line[view], frame=colour, label=title if view == 0 else "")
                look = {"color": colour, "linestyle": style, "linewidth": 1.6}
                line[2].stairs(shares[view].numpy(), label=f"view {view + 1}", **look)
            line[2].set_xticks([])
            line[2].set_ylabel("share of pixels", fontsize=8)
        axes[-1, 2].set_xlabel("27 colours, from black to white", fontsize=9)
        axes[0, 2].legend(fontsize=8)
    words = "Two views of an image and the histograms of their colours. How far the two agree (1: the same histogram): "
    return with_alt(figure, f"{words}{'; '.join(agreement)}.")


def cosine_histogram(title: str, cosines: Tensor) -> Figure:
    """How the cosines of positive and of negative pairs are distributed; `cosines` `2N,2N` of all views."""
    views = torch.arange(len(cosines))
    partner = views.roll(len(cosines) // 2)
    negative = torch.ones_like(cosines, dtype=torch.bool)
    negative[views, views] = negative[views, partner] = False
    pairs = {"positive pairs": cosines[views, partner], "negative pairs": cosines[negative]}
    return plot_histograms(pairs, limits=(-1, 1), title=title, x_label="cosine similarity", size=SIZE)
