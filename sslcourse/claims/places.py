"""Measures of what a trained encoder knows of places: objects and parts, attention, local crops."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.claims.masked import TEST, masked_pictures
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.attention import attention_jaccard, attention_recall, attention_table, extract_attention
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.evaluation.invariance import crop_similarity, cut, draw_corners
from sslcourse.evaluation.patches import extract_patches
from sslcourse.evaluation.segmentation import SegmentationProbe, class_parts, segmentation_probe
from sslcourse.losses.reconstruction import patchify
from sslcourse.methods.method import Method
from sslcourse.pruning.select import keep_count
from sslcourse.training.images import NEIGHBOURS, RunImages, few

CELL = 4  # pixels a side: where the finest encoder, the dilated network, still tells places apart


def segmentation(method: Method, images: RunImages) -> dict[str, float]:
    """What a linear probe of frozen places draws of objects: `object`, the mean IoU, and the `boundary` F."""
    found = probed(method, images, lambda part: part.extras["mask"])
    return {"object": found.mean_iou, "boundary": found.boundary_f}


def parts(method: Method, images: RunImages) -> float:
    """The mean IoU of a linear probe of frozen places, over the parts of each class of the drawn objects."""
    return probed(method, images, class_parts).mean_iou


def probed(method: Method, images: RunImages, maps: Callable[[ImageSet], Tensor]) -> SegmentationProbe:
    """The probe for the maps `N,H,W` that `maps` takes from pictures; every encoder on one grid, of `CELL` pixels."""
    pictures = masked_pictures(images)
    grid = tuple(side // CELL for side in pictures[0].images.shape[2:])
    fit, test = ((extract_patches(method.representation, part, grid), maps(part)) for part in pictures)
    return segmentation_probe(*fit, *test, grid)


def attention(method: Method, images: RunImages) -> dict[str, float]:
    """How well the class token's attention finds the object, beside random patches and the contrast of colours.

    `jaccard` and `recall` (half of the patches) are those of the mean over the heads; `best_jaccard` takes each
    picture's best head, as in DINO's figure 4. `over_random` and `over_contrast` are how far `jaccard` lies above that
    of the same numbers dealt to patches at random and by `colour_contrast` (see `dealt_by`); `recall_over_...` the same
    for `recall`. `diversity` is that of heads.
    """
    test = masked_pictures(images)[1]
    scores, mask = extract_attention(method.representation, test), test.extras["mask"]
    grid = method.representation.grid_of(test.images)
    table = attention_table(scores, mask, grid=grid)
    found = {name: table[name] for name in ("jaccard", "best_jaccard", "recall", "diversity")}
    mean = scores.mean(1)  # N,P
    random = torch.rand(mean.shape, generator=torch.Generator().manual_seed(0))
    keep = keep_count(mean.shape[1], 0.5)
    for name, order in (("random", random), ("contrast", colour_contrast(test, method.representation.patch_size))):
        rule = dealt_by(order, mean)
        found[f"over_{name}"] = found["jaccard"] - attention_jaccard(rule, mask, grid=grid).item()
        found[f"recall_over_{name}"] = found["recall"] - attention_recall(rule, mask, keep, grid=grid).item()
    return found


def dealt_by(order: Tensor, scores: Tensor) -> Tensor:
    """The numbers of each row of `scores` `N,P`, the highest where `order` `N,P` is highest, and so on.

    How many patches hold 60 % of the attention depends on how peaked it is, and so does the Jaccard index: a rule that
    is to be compared needs the same numbers in other places.

    >>> dealt_by(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([[0.0, 0.25, 0.75]])).tolist()
    [[0.75, 0.0, 0.25]]
    """
    return torch.zeros_like(scores).scatter(1, order.argsort(dim=1, stable=True), scores.sort(1).values)


def colour_contrast(images: ImageSet, patch_size: int) -> Tensor:
    """A rule that learns nothing: how far each patch's mean colour is from its picture's, `N,P`.

    >>> half = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    >>> half[:, :, :4, :4] = 255
    >>> colour_contrast(ImageSet(half, torch.zeros(1, dtype=torch.int64), ("a",), "toy"), 4).argmax().item()
    0
    """
    colours = patchify(images.batch(slice(None)), patch_size).unflatten(2, (-1, 3)).mean(2)  # N,P,3
    return (colours - colours.mean(1, keepdim=True)).norm(dim=2)


def crops(method: Method, images: RunImages) -> dict[str, float]:
    """Local crops of half the side: how alike they are, and what their features tell.

    `apart` is the cosine of two that share no pixel and `near` that of two that share at least four fifths, both from 0
    (crops of different pictures, whose cosine is `floor`) to 1 (one point); `distinct` is near - apart.
    `knn` classifies one crop of each held-out picture among one of each in the bank.
    """
    encoder, side = method.representation, images.held_out.images.shape[-1] // 2
    found = crop_similarity(encoder, few(images.held_out, TEST), side)
    rows = found.curve()
    apart, near = rows[0]["relative"], rows[-1]["relative"]
    bank, held_out = (cropped(part, side) for part in (images.bank, images.held_out))
    knn = evaluate_knn(encoder, bank, held_out, min(NEIGHBOURS, len(bank)))
    return {"apart": apart, "near": near, "distinct": near - apart, "floor": found.floor, "knn": knn}


def cropped(images: ImageSet, side: int) -> ImageSet:
    """One square crop of each picture, at a place drawn with seed 0."""
    pixels = images.images
    corners = draw_corners(len(pixels), tuple(pixels.shape[2:]), side, torch.Generator().manual_seed(0))
    return ImageSet(cut(pixels, corners, side)[:, 0].contiguous(), images.labels, images.classes, images.name)
