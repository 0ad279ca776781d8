"""Measures of what a trained encoder knows of places: objects and parts, attention, local crops."""

import torch
from torch import Tensor

from sslcourse.claims.masked import first_of, masked_pictures
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.attention import attention_jaccard, attention_recall, attention_table, extract_attention
from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.evaluation.invariance import crop_similarity, cut, draw_corners
from sslcourse.evaluation.patches import extract_patches
from sslcourse.evaluation.segmentation import segmentation_probe
from sslcourse.losses.reconstruction import patchify
from sslcourse.methods.method import Method
from sslcourse.training.images import NEIGHBOURS, RunImages


def segmentation(method: Method, images: RunImages) -> dict[str, float]:
    """A linear probe on the encoder's own places: `object` (mean IoU), its `boundary` F, and `parts` where known."""
    encoder, (fit, test) = method.representation, masked_pictures(images)
    shape = extract_features(encoder, test.images[:1], read=encoder.feature_map).shape
    grid = tuple(shape[2:])
    tokens = [extract_patches(encoder, part) for part in (fit, test)]

    def probe(name: str):
        return segmentation_probe(tokens[0], fit.extras[name], tokens[1], test.extras[name], grid)

    found = probe("mask")
    parts = {"parts": probe("parts").mean_iou} if "parts" in test.extras else {}
    return {"object": found.mean_iou, "boundary": found.boundary_f, **parts}


def attention(method: Method, images: RunImages) -> dict[str, float]:
    """How well the class token's attention finds the object, beside random scores and the contrast of colours.

    `jaccard` and `recall` (half of the patches) are those of the mean over the heads; `best_jaccard` takes each
    picture's best head, as in DINO's figure 4. `over_random` and `over_contrast` are how far `jaccard` lies above that
    of random scores and of `colour_contrast`; `recall_over_...` the same for `recall`. `diversity` is that of heads.
    """
    test = masked_pictures(images)[1]
    scores, mask = extract_attention(method.representation, test), test.extras["mask"]
    grid = method.representation.grid_of(test.images)
    table = attention_table(scores, mask, grid=grid)
    found = {name: table[name] for name in ("jaccard", "best_jaccard", "recall", "diversity")}
    random = torch.rand(scores.mean(1).shape, generator=torch.Generator().manual_seed(0))
    keep = -(-random.shape[1] // 2)
    for name, rule in (("random", random), ("contrast", colour_contrast(test, method.representation.patch_size))):
        found[f"over_{name}"] = found["jaccard"] - attention_jaccard(rule, mask, grid=grid).item()
        found[f"recall_over_{name}"] = found["recall"] - attention_recall(rule, mask, keep, grid=grid).item()
    return found


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
    found = crop_similarity(encoder, first_of(images.held_out), side)
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
