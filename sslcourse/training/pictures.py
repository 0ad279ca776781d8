"""Pictures for the report page: what a trained method attends to, keeps and reconstructs, and which images it finds alike."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import evaluating, extract_features
from sslcourse.figures.style import COLOUR_MAP, COLOURS, describe, new_figure
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder

SHOWN = 10


def picture_rows(rows: Mapping[str, Tensor], *, cell: float = 0.92) -> Figure:
    """Pictures `B,3,H,W` in [0, 1] under each other: column b is image b, each row has its name at the left.

    Raises ValueError when the rows differ in length.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(picture_rows({"image": torch.rand(3, 3, 8, 8), "attention": torch.rand(3, 3, 8, 8)}))
    '3 images in 2 rows: image, attention.'
    """
    counts = {len(pictures) for pictures in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"every row needs as many pictures; got { ({name: len(row) for name, row in rows.items()}) }")
    count = counts.pop()
    with new_figure(cell * count + 1.1, cell * len(rows)) as figure:
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        axes = figure.subplots(len(rows), count, squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items()):
            for axis, picture in zip(line, pictures.detach().float().clamp(0, 1).cpu()):
                axis.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")
                bare(axis)
            line[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9, labelpad=6)
    return describe(figure, f"{count} images in {len(rows)} rows: {', '.join(rows)}.")


def heat(images: Tensor, scores: Tensor, grid: tuple[int, int]) -> Tensor:
    """Scores `B,N` of patches as colours over the darkened images `B,3,H,W`; each image's highest score is the brightest.

    >>> heat(torch.zeros(1, 3, 4, 4), torch.tensor([[0.0, 1.0, 0.5, 0.0]]), (2, 2)).shape
    torch.Size([1, 3, 4, 4])
    """
    low, high = scores.amin(1, keepdim=True), scores.amax(1, keepdim=True)
    shares = ((scores - low) / (high - low).clamp_min(1e-12)).view(-1, 1, *grid).cpu()
    shares = F.interpolate(shares, size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]  # B,H,W
    colours = torch.from_numpy(matplotlib.colormaps[COLOUR_MAP](shares.numpy())[..., :3]).float()  # B,H,W,3
    grey = images.cpu().mean(1, keepdim=True)
    return 0.3 * grey + 0.7 * colours.permute(0, 3, 1, 2)


def method_pictures(method: Method, encoder: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Rows of pictures of `images` `B,3,H,W`: the images, the class token's attention, and the method's own previews."""
    device = next(encoder.parameters()).device
    images = images.to(device)
    rows = {"image": images}
    if isinstance(encoder, TokenEncoder):
        with evaluating(encoder):
            scores = encoder(images, attention=True).attention
        rows["attention"] = heat(images, scores, encoder.grid_of(images))
    rows |= method.preview(images, torch.Generator(device=device).manual_seed(0))
    return {name: pictures.cpu() for name, pictures in rows.items()}


def neighbour_rows(
    encoder: nn.Module, bank: ImageSet, queries: ImageSet, *, count: int = 8, neighbours: int = 7, cell: float = 0.92
) -> Figure:
    """`count` images of `queries`, one of each class as far as they go, and beside each its nearest images of `bank`.

    Neighbours of another class than the query's have a frame of another colour and a broken line.
    """
    chosen = one_of_each(queries.labels, count)
    asked = queries.subset(chosen)
    found = F.normalize(extract_features(encoder, asked), dim=1) @ F.normalize(extract_features(encoder, bank), dim=1).T
    nearest = found.topk(min(neighbours, len(bank)), dim=1).indices  # count,neighbours
    same = bank.labels.cpu()[nearest] == asked.labels.cpu()[:, None]
    with new_figure(cell * (nearest.shape[1] + 1) + 1.0, (cell + 0.06) * len(asked)) as figure:
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
        axes = figure.subplots(len(asked), nearest.shape[1] + 1, squeeze=False)
        for row, line in enumerate(axes):
            show(line[0], asked.images[row])
            line[0].set_ylabel(
                asked.classes[asked.labels[row]], rotation=0, ha="right", va="center", fontsize=9, labelpad=6
            )
            for axis, index, right in zip(line[1:], nearest[row], same[row]):
                show(axis, bank.images[index])
                axis.spines[:].set(
                    visible=True, color=COLOURS[2] if right else COLOURS[1], linewidth=2.2, linestyle="-" if right else (0, (2, 1.5))
                )  # fmt: skip
        axes[0, 0].set_title("query", fontsize=9, loc="center")
        axes[0, 1].set_title("nearest", fontsize=9, loc="center")
    share = same.float().mean().item()
    return describe(
        figure, f"{len(asked)} images and their nearest neighbours; {share:.0%} of these are of the same class."
    )


def one_of_each(labels: Tensor, count: int) -> Tensor:
    """Indices of `count` images of different classes; several of a class where there are fewer.

    >>> one_of_each(torch.tensor([0, 0, 1, 2]), 3).tolist()
    [0, 2, 3]
    """
    turns: dict[int, int] = {}
    order: list[tuple[int, int]] = []
    for index, label in enumerate(labels.tolist()):
        turns[label] = turns.get(label, -1) + 1
        order.append((turns[label], index))
    return torch.tensor(sorted(index for _, index in sorted(order)[:count]))


def show(axis, image: Tensor) -> None:
    """An image uint8 `3,H,W` without ticks."""
    axis.imshow(image.cpu().permute(1, 2, 0).numpy(), interpolation="nearest")
    bare(axis)


def bare(axis) -> None:
    """No ticks, no grid, no frame."""
    axis.grid(False)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
