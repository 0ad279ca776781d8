"""Matrices and images as pictures. Called through `sslcourse.figures`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.figures.style import COLOUR_MAP, COLOURS, PALE, describe, new_figure, note, numbers, short


def plot_similarity_matrix(
    matrix: Tensor,
    *,
    pairs: bool = True,
    labels: Sequence[str] | None = None,
    title: str = "",
    limits: tuple[float, float] | None = (-1, 1),
    colour_label: str = "cosine",
    size: float = 4.6,
) -> Figure:
    """A matrix `M,M` of similarities as colours; up to 8 rows also as numbers.

    With `pairs=True` M = 2N views, those of the first view first: the two positives of each image are framed, the diagonal (a view
    with itself) is crossed out. `limits` of the colours, or None for the matrix's own. Raises ValueError on other shapes.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(plot_similarity_matrix(torch.eye(4)))
    'Similarity matrix of 4 rows. Mean of the positive pairs 0, of the negative pairs 0.'
    """
    values = numbers(matrix)
    count = len(values)
    if values.ndim != 2 or values.shape != (count, count) or (pairs and count % 2):
        raise ValueError(
            f"matrix must be M,M{' with M even (two views of each image)' if pairs else ''}; got {values.shape}"
        )
    shown = np.where(np.isfinite(values), values, np.nan)
    words = f"Similarity matrix of {count} rows."
    with new_figure(size * 1.18, size) as figure:
        axis = figure.subplots()
        axis.grid(False)
        low, high = limits or (np.nanmin(shown), np.nanmax(shown))
        image = axis.imshow(shown, cmap=COLOUR_MAP, vmin=low, vmax=high, interpolation="nearest")
        bar = figure.colorbar(image, ax=axis, shrink=0.8, label=colour_label)
        bar.outline.set_visible(False)
        if pairs:
            row = np.arange(count)
            partner = np.roll(row, count // 2)
            negative = (row[:, None] != row) & (partner[:, None] != row)
            words += f" Mean of the positive pairs {short(np.nanmean(shown[row, partner]))}"
            words += f", of the negative pairs {short(np.nanmean(shown[negative]))}." if negative.any() else "."
            width = 1.8 if count <= 32 else 1.0
            for i, j in zip(row, partner, strict=True):
                axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=width))
                axis.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, facecolor=PALE, edgecolor="none"))
            note(figure, "framed: positive pairs   grey: a view with itself")
        if count <= 8:
            _write_values(axis, shown, (low + high) / 2, skip_diagonal=pairs)
        if labels is not None:
            axis.set_xticks(range(count), labels, rotation=90)
            axis.set_yticks(range(count), labels)
        elif count <= 16:
            axis.set_xticks(range(count))
            axis.set_yticks(range(count))
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        axis.set_title(title)
    return describe(figure, words)


def contact_sheet(
    images: Tensor,
    labels: Sequence[str] | None = None,
    *,
    columns: int = 8,
    masks: Tensor | None = None,
    title: str = "",
    cell: float = 1.05,
) -> Figure:
    """Pictures in rows of `columns`, each under its label; `masks` bool `B,H,W` are drawn as outlines.

    `images`: `B,3,H,W`, uint8 or float in [0, 1]. Raises ValueError when shapes or counts do not fit.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(contact_sheet(torch.rand(3, 3, 8, 8), ["cat", "dog", "cat"]))
    '3 pictures: cat, dog, cat.'
    """
    count = len(images)
    if images.ndim != 4 or images.shape[1] != 3 or count == 0:
        raise ValueError(f"images must be B,3,H,W with B > 0; got {tuple(images.shape)}")
    for name, given in (("labels", labels), ("masks", masks)):
        if given is not None and len(given) != count:
            raise ValueError(f"{count} images need as many {name}; got {len(given)}")
    pixels = images.detach().cpu()
    pixels = pixels if pixels.dtype == torch.uint8 else pixels.float().clamp(0, 1)
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    with new_figure(
        cell * columns, (cell + (0.14 if labels is not None else 0)) * rows + (0.3 if title else 0)
    ) as figure:
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        for number, axis in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
            axis.axis("off")
            if number >= count:
                continue
            axis.imshow(pixels[number].permute(1, 2, 0).numpy(), interpolation="nearest")
            if masks is not None:
                outline = masks[number].cpu().float().numpy()
                for colour, width in (("white", 2.4), (COLOURS[1], 1.2)):
                    axis.contour(outline, [0.5], colors=colour, linewidths=width)
            if labels is not None:
                axis.set_title(str(labels[number]), fontsize=8, loc="center", pad=2)
        if title:
            figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    shown = [str(label) for label in labels[:12]] if labels is not None else []
    more = ", and more" if labels is not None and count > 12 else ""
    return describe(figure, f"{count} pictures{': ' + ', '.join(shown) + more if shown else ''}.")


def _write_values(axis, values: np.ndarray, middle: float, skip_diagonal: bool) -> None:
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value) and not (skip_diagonal and i == j):
            axis.text(
                j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color="white" if value < middle else "black"
            )
