"""Images in sheets, in rows and beside their neighbours, and similarities as colours."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures.fonts import drawable_names
from sslcourse.figures.style import COLOUR_MAP, GREEN, ORANGE, bare, new_figure, pixels, short, with_alt


def picture_sheet(images: Tensor, names: Sequence[str], *, columns: int = 8, cell: float = 1.05) -> Figure:
    """Pictures in rows of `columns`, each under its name; `cell` is the width of one in inches.

    `images`: `B,3,H,W`, uint8 or float in [0, 1]. Raises ValueError when shapes or counts do not fit.

    >>> picture_sheet(torch.rand(3, 3, 8, 8), ["cat", "dog", "cat"]).get_label()
    '3 pictures: cat, dog, cat.'
    """
    count = len(images)
    if images.ndim != 4 or images.shape[1] != 3 or count == 0:
        raise ValueError(f"images must be B,3,H,W with B > 0; got {tuple(images.shape)}")
    if len(names) != count:
        raise ValueError(f"{count} images need as many names; got {len(names)}")
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    height = cell * images.shape[2] / images.shape[3] + 0.2
    with new_figure(cell * columns, height * rows) as figure:
        _close(figure)
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axis in axes:
            axis.axis("off")
        for axis, image, name in zip(axes, images, drawable_names(names), strict=False):
            axis.imshow(pixels(image), interpolation="nearest")
            axis.set_title(name, fontsize=9, loc="center", pad=2)
    return with_alt(figure, f"{count} pictures: {', '.join(names[:20])}{', and more' if count > 20 else ''}.")


def picture_rows(rows: Mapping[str, Tensor], *, cell: float = 0.92) -> Figure:
    """Pictures `B,3,H,W` in [0, 1] under each other: column b is image b, each row has its name at the left.

    Raises ValueError when the rows differ in length.

    >>> picture_rows({"image": torch.rand(3, 3, 8, 8), "attention": torch.rand(3, 3, 8, 8)}).get_label()
    '3 images in 2 rows: image, attention.'
    """
    counts = {name: len(pictures) for name, pictures in rows.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"every row needs as many pictures; got {counts}")
    count = next(iter(counts.values()))
    with new_figure(cell * count + 1.1, cell * len(rows)) as figure:
        _close(figure)
        axes = figure.subplots(len(rows), count, squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items()):
            for column, (axis, picture) in enumerate(zip(line, pictures)):
                axis.imshow(pixels(picture), interpolation="nearest")
                bare(axis, label=name.replace(" ", "\n") if column == 0 else "")
    return with_alt(figure, f"{count} image{'' if count == 1 else 's'} in {len(rows)} rows: {', '.join(rows)}.")


def heat(images: Tensor, scores: Tensor, grid: tuple[int, int]) -> Tensor:
    """Scores `B,N` of patches as colours over the darkened images `B,3,H,W`, the highest of each image the brightest.

    >>> heat(torch.zeros(1, 3, 4, 4), torch.tensor([[0.0, 1.0, 0.5, 0.0]]), (2, 2)).shape
    torch.Size([1, 3, 4, 4])
    """
    low, high = scores.amin(1, keepdim=True), scores.amax(1, keepdim=True)
    shares = ((scores - low) / (high - low).clamp_min(1e-12)).view(-1, 1, *grid).cpu()
    shares = F.interpolate(shares, size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]  # B,H,W
    colours = torch.from_numpy(matplotlib.colormaps[COLOUR_MAP](shares.numpy())[..., :3]).float()  # B,H,W,3
    grey = images.cpu().mean(1, keepdim=True)
    return 0.3 * grey + 0.7 * colours.permute(0, 3, 1, 2)


def plot_neighbours(
    queries: Tensor,
    neighbours: Tensor,
    names: Sequence[str] | None,
    same: Tensor | None,
    *,
    meaning: str = "are of the same class",
    cell: float = 0.92,
) -> Figure:
    """Each query `Q,3,H,W` at the left, and beside it its nearest images `Q,K,3,H,W`.

    Without labels `names` and `same` are None. Else `names` are the queries' classes and bool `same` `Q,K` says which
    neighbours are of the query's class: those of another have an orange, broken frame. Where `same` says something
    else of them, `meaning` is that in words.
    """
    rows, columns = neighbours.shape[:2]
    with new_figure(cell * (columns + 1) + 1.0, (cell + 0.06) * rows) as figure:
        _close(figure)
        axes = figure.subplots(rows, columns + 1, squeeze=False)
        for row, line in enumerate(axes):
            line[0].imshow(pixels(queries[row]), interpolation="nearest")
            bare(line[0], label=names[row] if names else "")
            for axis, image, right in zip(line[1:], neighbours[row], [None] * columns if same is None else same[row]):
                axis.imshow(pixels(image), interpolation="nearest")
                bare(axis, frame=None if right is None else GREEN if right else ORANGE)
                axis.spines[:].set_linestyle("-" if right else (0, (2, 1.5)))
        axes[0, 0].set_title("query", fontsize=9, loc="center")
        axes[0, 1].set_title("nearest", fontsize=9, loc="center")
    share = "" if same is None else f"; {same.float().mean().item():.0%} of these {meaning}"
    shown = "1 image and its" if rows == 1 else f"{rows} images and their"
    return with_alt(figure, f"{shown} nearest neighbours{share}.")


def plot_similarities(matrix: Tensor, views: Tensor, *, title: str = "", size: float = 4.8) -> Figure:
    """Cosines `M,M` as colours, the `M` pictures `M,3,h,w` that they compare along both edges.

    M = 2N views, those of the first view first. Raises ValueError on other shapes.

    >>> plot_similarities(torch.eye(4), torch.rand(4, 3, 8, 8)).get_label()
    'Cosines of 4 views. Mean of the positive pairs 0, of the negative pairs 0.'
    """
    count = len(matrix)
    if matrix.shape != (count, count) or count % 2 or len(views) != count:
        raise ValueError(
            "matrix must be M,M with M even (two views of each image) and views M,3,h,w; "
            f"got {tuple(matrix.shape)} and {tuple(views.shape)}"
        )
    values = matrix.detach().double().cpu().numpy()
    with new_figure(size * 1.2, size) as figure:
        axis = figure.subplots()
        picture = axis.imshow(values, cmap=COLOUR_MAP, vmin=-1, vmax=1, interpolation="nearest")
        picture_edges(axis, views)
        axis.set_title(title)
        figure.colorbar(picture, ax=axis, shrink=0.7, label="cosine similarity").outline.set_visible(False)
    row = np.arange(count)
    partner = np.roll(row, count // 2)
    positive, negative = values[row, partner], values[(row[:, None] != row) & (partner[:, None] != row)]
    words = f"Cosines of {count} views. Mean of the positive pairs {short(positive.mean())}"
    return with_alt(figure, words + (f", of the negative pairs {short(negative.mean())}." if negative.size else "."))


def picture_edges(axis, views: Tensor) -> None:
    """Draw the views `M,3,h,w` left of the rows and above the columns of a square table of one unit a cell."""
    count, shown = len(views), [pixels(view) for view in views]
    axis.imshow(np.concatenate(shown, axis=0), extent=(-1.7, -0.7, count - 0.5, -0.5), interpolation="nearest")
    axis.imshow(np.concatenate(shown, axis=1), extent=(-0.5, count - 0.5, -0.7, -1.7), interpolation="nearest")
    axis.set_xlim(-1.75, count - 0.45)
    axis.set_ylim(count - 0.45, -1.75)
    axis.axis("off")


def _close(figure: Figure) -> None:
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
