"""Pictures for the report: what a method attends to, keeps and reconstructs, and which images it finds similar."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import evaluating, extract_features
from sslcourse.figures import drawable_names, heat, plot_neighbours
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder

SHOWN = 10


def method_pictures(method: Method, encoder: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Rows of pictures `B,3,H,W`: the images, the class token's attention, and the method's own previews."""
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
    encoder: nn.Module, bank: ImageSet, queries: ImageSet, *, count: int = 8, neighbours: int = 7
) -> Figure:
    """`count` images of `queries`, if possible of different classes, each beside its nearest images of `bank`.

    Without classes they are the first images, and the right neighbours are not marked.
    """
    asked = queries.subset(one_of_each(queries.labels, count))
    found = F.normalize(extract_features(encoder, asked), dim=1) @ F.normalize(extract_features(encoder, bank), dim=1).T
    nearest = found.topk(min(neighbours, len(bank)), dim=1).indices.to(bank.labels.device)  # count,neighbours
    names = same = None
    if bank.labelled and queries.labelled:
        shown = drawable_names(queries.classes)
        names = [shown[label] for label in asked.labels]
        same = bank.labels[nearest].cpu() == asked.labels.cpu()[:, None]
    return plot_neighbours(asked.images, bank.images[nearest], names, same)


def one_of_each(labels: Tensor, count: int) -> Tensor:
    """Indices of `count` images of different classes, or of several from a class if there are fewer classes.

    >>> one_of_each(torch.tensor([0, 0, 1, 2]), 3).tolist()
    [0, 2, 3]
    """
    turns: dict[int, int] = {}
    order: list[tuple[int, int]] = []
    for index, label in enumerate(labels.tolist()):
        turns[label] = turns.get(label, -1) + 1
        order.append((turns[label], index))
    return torch.tensor(sorted(index for _, index in sorted(order)[:count]))
