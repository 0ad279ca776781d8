"""What Lab 3 measures: cosines by the kind of pair, how the crops of a setting lie, whether a part finds its whole."""

import copy
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.drawing import draw
from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import MultiCrop
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.evaluation.invariance import cut, draw_corners
from sslcourse.training.images import NEIGHBOURS, RunImages

FIRST = 6  # so many of the most alike pictures are looked at in a search


def cosines(queries: Tensor, count: int) -> dict[str, float]:
    """Mean cosines of pairs of crops `S,B,d`, the first `count` of them global, by the kind of pair.

    `other_cosine` is that of local crops of two pictures: what similarity means no more than "a picture".

    >>> found = cosines(torch.eye(4).expand(4, 4, 4), 2)
    >>> found["local_cosine"], found["other_cosine"]
    (1.0, 0.0)
    """
    unit = F.normalize(queries, dim=-1)
    whole, parts = unit[:count], unit[count:]

    def mean(pairs: list[tuple[Tensor, Tensor]]) -> float:
        return torch.stack([(one * other).sum(-1) for one, other in pairs]).mean().item()

    return {
        "global_cosine": mean(list(combinations(whole, 2))),
        "local_global_cosine": mean([(part, one) for part in parts for one in whole]),
        "local_cosine": mean(list(combinations(parts, 2))),
        "other_cosine": mean([(one, other.roll(1, 0)) for one, other in combinations(parts, 2)]),
    }


def embed(method: Any, crops: MultiCrop) -> Tensor:
    """The projections of all crops float32 `S,P,d`, global crops first, as the loss sees them in training; on the CPU.

    BatchNorm takes the statistics of these crops, of each size by itself: its running ones are a mixture of both sizes,
    and would put a distance between them that training does not know. The method stays as it is.
    """
    method = copy.deepcopy(method).train()
    device = next(method.parameters()).device
    with torch.no_grad():
        features = [method.encoder.features(one.flatten(0, 1).to(device)) for one in crops]
        return method.projector(torch.cat(features)).float().unflatten(0, (-1, crops.global_views.shape[1])).cpu()


def draw_boxes(settings: Augmentation, count: int, side: int, seed: int = 0) -> Tensor:
    """Boxes int64 `count,4` (top, left, height, width) as `settings` draws them in pictures of `side` pixels."""
    return draw(settings, count, side, side, torch.Generator().manual_seed(seed)).boxes


def shown_of_mask(mask: Tensor, boxes: Tensor) -> Tensor:
    """The share of the object's pixels that each box `N,4` shows, float32 `N`; masks `N,H,W`, 0 is background."""
    table = F.pad((mask != 0).double().cumsum(1).cumsum(2), (1, 0, 1, 0))  # N,H+1,W+1: sums of all above and left
    top, left, height, width = boxes.unbind(1)
    row = torch.arange(len(mask))
    bottom, right = top + height, left + width
    inside = table[row, bottom, right] - table[row, top, right] - table[row, bottom, left] + table[row, top, left]
    return (inside / table[:, -1, -1].clamp(min=1)).float()


def parts_of(images: ImageSet) -> ImageSet:
    """One square local crop of each picture, of half the side, at a place drawn with seed 0."""
    pixels, side = images.images, images.images.shape[-1] // 2
    corners = draw_corners(len(pixels), (pixels.shape[2], pixels.shape[3]), side, torch.Generator().manual_seed(0))
    return ImageSet(cut(pixels, corners, side)[:, 0].contiguous(), images.labels, images.classes, images.name)


def part_knn(encoder: nn.Module, images: RunImages) -> float:
    """The accuracy of kNN that knows one local crop of each picture, and is asked for the class of others."""
    bank, asked = parts_of(images.bank), parts_of(images.held_out)
    return evaluate_knn(encoder, bank, asked, min(NEIGHBOURS, len(bank)))


def ranked_wholes(projected: Tensor, count: int) -> Tensor:
    """For the first local crop of each picture all pictures, the most alike global crop first: numbers `P,P`.

    `projected` `S,P,d` has `count` global crops in front; the first of them is looked at.
    """
    unit = F.normalize(projected, dim=-1)
    return (unit[count] @ unit[0].T).argsort(dim=1, descending=True)


def whole_in_six(projected: Tensor, count: int) -> float:
    """How often the right picture is among the six whose global crops are most like a local one, in [0, 1].

    The mean over all pairs of a local and a global crop of `projected` `S,P,d`, which has `count` global ones in front.
    Equals count against it, so one point for all finds nothing.

    >>> whole_in_six(torch.eye(8).expand(3, 8, 8), 2), whole_in_six(torch.ones(3, 8, 4), 2)
    (1.0, 0.0)
    """
    unit = F.normalize(projected, dim=-1)
    alike = unit[count:, None] @ unit[:count].mT  # L,G,P,P
    own = alike.diagonal(dim1=2, dim2=3)[..., None]
    return ((alike >= own).sum(-1) <= FIRST).float().mean().item()
