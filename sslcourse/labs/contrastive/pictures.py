"""The figures of Lab 1 that explain an idea: the way to the loss, views, pairs, similarities."""

from __future__ import annotations

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.figures import BLUE, ORANGE, bare, new_figure, picture_edges, pixels, plot_similarities, with_alt


def boxes_and_views(images: Tensor, boxes: Tensor, views: Tensor) -> Figure:
    """Images with two boxes each, over what was cut out of them.

    `images` `B,3,H,W`; `boxes` `2,B,4` (top, left, height, width, in pixels of the image); `views` `2,B,3,h,w`.
    """
    count = len(images)
    with new_figure(1.45 * count + 0.6, 4.5) as figure:
        axes = figure.subplots(3, count, squeeze=False)
        for column in range(count):
            label = "image" if column == 0 else ""
            axes[0, column].imshow(pixels(images[column]), interpolation="nearest")
            bare(axes[0, column], label=label)
            for view, colour in enumerate((BLUE, ORANGE)):
                top, left, height, width = boxes[view, column].tolist()
                for edge, line in (("white", 3.2), (colour, 1.8)):
                    box = Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=edge, linewidth=line)
                    axes[0, column].add_patch(box)
                axes[view + 1, column].imshow(pixels(views[view, column]), interpolation="nearest")
                bare(axes[view + 1, column], frame=colour, label=label and f"view {view + 1}")
    return with_alt(
        figure, f"{count} images with two boxes each, and below them the two views that were cut out of the boxes."
    )


def pair_grid(index: Tensor, views: Tensor) -> Figure:
    """The 2N x 2N table of all pairs: the diagonal is crossed out, `index` says which column is positive in each row.

    `index` int64 `2N`; `views` `2N,3,h,w` are shown along both edges.
    """
    count = len(index)
    kinds = torch.zeros(count, count)
    kinds[torch.arange(count), index.clamp(0, count - 1)] = 1
    with new_figure(4.8, 4.8) as figure:
        axis = figure.subplots()
        axis.imshow(kinds.numpy(), cmap=ListedColormap(["#DCE9F2", ORANGE]), vmin=0, vmax=1)
        for i in range(count):
            axis.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, color="#999999"))
            axis.text(i, i, "×", ha="center", va="center", color="white")
        for line in range(1, count):
            axis.plot([-0.5, count - 0.5], [line - 0.5] * 2, color="white", linewidth=1)
            axis.plot([line - 0.5] * 2, [-0.5, count - 0.5], color="white", linewidth=1)
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
    with new_figure(4.2, 3.8) as figure:
        axis = figure.subplots()
        bars = axis.bar(
            range(count), weights.numpy(), color=[BLUE if i == partner else "#E0A080" for i in range(count)]
        )
        bars[partner].set_hatch("//")
        axis.set(xlim=(-0.6, count - 0.4), ylim=(0, 1), xlabel="view", ylabel="softmax weight")
        axis.set_xticks(range(count), [str(i) if i != anchor else "×" for i in range(count)], fontsize=8)
        axis.set_title(f"weights of row {anchor} (blue, hatched: its positive)")
    nearest = max((i for i in range(count) if i not in (anchor, partner)), key=lambda i: weights[i])
    words = f"Softmax weights of row {anchor}: its positive, view {partner}, has {weights[partner]:.2f}"
    with_alt(figure, f"{words}; the largest of a negative, view {nearest}, is {weights[nearest]:.2f}.")
    return [similarities, figure]


def colour_histograms(rows: list[tuple[str, Tensor]]) -> Figure:
    """For each row two views of one image and the histogram of their colours, one outline a view.

    Each row is (title, views float `2,3,h,w`).
    """
    agreement = []
    with new_figure(7.0, 1.9 * len(rows)) as figure:
        axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1, 1, 2.6))
        for line, (title, views) in zip(axes, rows):
            first, second = joint_histogram(views, bins=3)
            agreement.append(f"{title}: {(first * second).sqrt().sum():.2f}")
            for view, (colour, style) in enumerate(((BLUE, "-"), (ORANGE, "--"))):
                line[view].imshow(pixels(views[view]), interpolation="nearest")
                bare(line[view], frame=colour, label=title if view == 0 else "")
                shares = (first, second)[view].numpy()
                line[2].stairs(shares, color=colour, linestyle=style, linewidth=1.6, label=f"view {view + 1}")
            line[2].set_xticks([])
            line[2].set_ylabel("share of pixels", fontsize=8)
        axes[-1, 2].set_xlabel("27 colours, from black to white", fontsize=9)
        axes[0, 2].legend(fontsize=8)
    words = (
        "Two views of an image and the histograms of their colours. How far the two agree, 1 being the same histogram: "
    )
    return with_alt(figure, f"{words}{'; '.join(agreement)}.")


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
