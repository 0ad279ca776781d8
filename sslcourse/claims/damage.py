"""Measures of what is left of an encoder's accuracy in damaged pictures, and on which backgrounds."""

import math
from statistics import fmean

import torch

from sslcourse.data.objects import FAMILIES
from sslcourse.evaluation.attention import patch_mask
from sslcourse.evaluation.corruptions import corruption_table
from sslcourse.evaluation.features import knn_scorer
from sslcourse.evaluation.occlusion import occlusion_curves
from sslcourse.evaluation.reconstruction import random_removal, reconstruction_table
from sslcourse.methods.method import Method
from sslcourse.training.images import NEIGHBOURS, RunImages, few

COUNT = 400  # held-out pictures that are damaged
PATCH = 8  # pixels
SHARES = (0.25, 0.5)
SEVERITIES = (1, 3, 5)


def occlusion(method: Method, images: RunImages) -> dict[str, float]:
    """What is left of kNN accuracy with patches hidden (`left`): means over a quarter and half of them and three fills.

    `random`, and where masks are known `salient` (those with most of the object) and `background` (with least). `clean`
    is the accuracy without.
    """
    test, size = few(images.held_out, COUNT), images.held_out.images.shape[-1]
    grid = (size // PATCH, size // PATCH)
    known = "mask" in test.extras
    saliency = patch_mask(test.extras["mask"], grid) if known else torch.zeros(len(test), grid[0] * grid[1])
    k = min(NEIGHBOURS, len(images.bank))
    rows = occlusion_curves(method.representation, images.bank, test, saliency, grid, shares=SHARES, k=k)
    found = {"clean": rows[0]["accuracy"]}
    for dropped in ("random", "salient", "background") if known else ("random",):
        found[dropped] = fmean(left(row, rows[0], images) for row in rows if row["dropped"] == dropped)
    return found


def corruptions(method: Method, images: RunImages) -> dict[str, float]:
    """What is `left` of kNN accuracy under `noise` and at `low_resolution`: means over severities 1, 3 and 5.

    `both` is the mean of the two.
    """
    names, test = ("noise", "low_resolution"), few(images.held_out, COUNT)
    how = {"corruptions": names, "severities": SEVERITIES, "k": min(NEIGHBOURS, len(images.bank))}
    rows = corruption_table(method.representation, images.bank, test, **how)
    found = {name: fmean(left(row, rows[0], images) for row in rows if row["corruption"] == name) for name in names}
    return found | {"both": fmean(found.values())}


def families(method: Method, images: RunImages) -> dict[str, float]:
    """kNN accuracy on the held-out pictures of each family of backgrounds; and `regular_over_clutter`, a difference."""
    found, k = {}, min(NEIGHBOURS, len(images.bank))
    for number, name in enumerate(FAMILIES):
        part = images.held_out.subset(images.held_out.extras["background"] == number)
        found[name] = knn_scorer(method.representation, images.bank, part.labels, k)(part.images)
    return found | {"regular_over_clutter": found["regular"] - found["clutter"]}


def pixels(method: Method, images: RunImages) -> dict[str, float]:
    """The decoder's error on random patches, as a share of their variance: on each family of backgrounds.

    `clutter_over_regular` is a difference. Half of the patches are removed, for the student as in training.
    """
    settings, encoder = method.settings, method.encoder
    fill = random_removal(encoder, method.decoder, settings.removal.keep_rate)
    rows = reconstruction_table(fill, images.held_out, encoder.patch_size, normalized=settings.normalize_targets)
    found = {row["group"]: row["relative"] for row in rows if row["by"] == "background"}
    return found | {"clutter_over_regular": found["clutter"] - found["regular"]}


def left(row: dict, clean: dict, images: RunImages) -> float:
    """The share left of what an encoder knows: of its clean accuracy above chance, the accuracy above chance.

    Without chance a weak encoder looks robust, since guessing is a larger share of the little that it gets right. NaN
    for an encoder that knows nothing.
    """
    chance = 1 / len(images.bank.classes)
    known = clean["accuracy"] - chance
    return (row["accuracy"] - chance) / known if known > 0 else math.nan
