"""Lab 1, exercises `similarity` and `geometry`: where the embeddings of the views lie on the sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from sslcourse.exercises.task import Exercise, Misconception
from sslcourse.labs.contrastive.tasks import TASKS


def cosine_similarity_matrix(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d: rows of length 1
    return z @ z.T


def _similarity_by_lengths(z1, z2):
    z = torch.cat([z1, z2])
    lengths = z.pow(2).sum(dim=1).sqrt()
    return torch.einsum("id,jd->ij", z, z) / torch.outer(lengths, lengths)


def _similarity_by_blocks(z1, z2):
    def block(a, b):
        return F.cosine_similarity(a[:, None, :], b[None, :, :], dim=2)

    return torch.cat(
        [torch.cat([block(z1, z1), block(z1, z2)], dim=1), torch.cat([block(z2, z1), block(z2, z2)], dim=1)], dim=0
    )


def _dot_products(z1, z2):
    z = torch.cat([z1, z2])
    return z @ z.T


def _normalises_columns(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    return z @ z.T


def _normalises_once(z1, z2):
    z = torch.cat([z1, z2])
    return F.normalize(z, dim=1) @ z.T


def _squared_lengths(z1, z2):
    z = torch.cat([z1, z2])
    z = z / z.pow(2).sum(dim=1, keepdim=True)
    return z @ z.T


def _between_views_only(z1, z2):
    return F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T


def _joined_along_features(z1, z2):
    z = F.normalize(torch.cat([z1, z2], dim=1), dim=1)
    return z @ z.T


def _diagonal_zeroed(z1, z2):
    return cosine_similarity_matrix(z1, z2).fill_diagonal_(0)


def _interleaved(z1, z2):
    z = torch.stack([z1, z2], dim=1).flatten(0, 1)
    return cosine_similarity_matrix(z, z[:0])


def _normalises_in_place(z1, z2):
    z1 /= z1.norm(dim=1, keepdim=True)
    z2 /= z2.norm(dim=1, keepdim=True)
    return cosine_similarity_matrix(z1, z2)


SIMILARITY = Exercise(
    task=TASKS["contrastive.similarity"],
    reference=cosine_similarity_matrix,
    misconceptions=(
        Misconception(
            "dot products",
            _dot_products,
            "These are dot products of the embeddings as they came: their lengths are still in. Scale every row to "
            "length 1 first; the diagonal then is 1.",
        ),
        Misconception(
            "normalises columns",
            _normalises_columns,
            "You scale the columns (one feature over all views) to length 1. Each *row* is an embedding: normalise "
            "along `dim=1`.",
        ),
        Misconception(
            "normalises one factor",
            _normalises_once,
            "Only one of the two factors is scaled to length 1: the matrix is not symmetric, and its diagonal holds "
            "lengths instead of ones.",
        ),
        Misconception(
            "divides by squared lengths",
            _squared_lengths,
            "You divide each row by its squared length. Divide by the length: the square root of the sum of squares.",
        ),
        Misconception(
            "between the views only",
            _between_views_only,
            "You compare first views with second views only. SimCLR compares all 2n views with each other: put z2 "
            "below z1 first.",
        ),
        Misconception(
            "joined along the features",
            _joined_along_features,
            "You join z1 and z2 along the features, which makes n longer embeddings. Join them along `dim=0`: 2n "
            "embeddings.",
        ),
        Misconception(
            "diagonal set to zero",
            _diagonal_zeroed,
            "The similarities are right, and you cleared the diagonal. It stays in here (every view has similarity 1 "
            "with itself); the loss takes it out later.",
        ),
        Misconception(
            "views side by side",
            _interleaved,
            "Your rows are ordered view 1 of image 0, view 2 of image 0, view 1 of image 1 ... Here all of z1 comes "
            "first, then all of z2.",
        ),
        Misconception(
            "normalises in place",
            _normalises_in_place,
            "The matrix is right, but you scaled the caller's z1 and z2 in place (`/=` writes into them). Make new "
            "tensors: `z = z / ...`.",
        ),
    ),
    variants=(_similarity_by_lengths, _similarity_by_blocks),
    hints=(
        (
            "The cosine of two vectors is the dot product of their directions, that is of the vectors scaled to "
            "length 1. All dot products of a set of rows are one matrix product."
        ),
        "With z the 2n rows of z1 and z2, and u_i = z_i / |z_i|, the matrix is U U^T.",
        (
            "`z = torch.cat([z1, z2])`; divide z by its row lengths (`z.norm(dim=1, keepdim=True)`, or "
            "`F.normalize(z, dim=1)`); return the product of z with its transpose."
        ),
    ),
)


def alignment_uniformity(z1, z2):
    x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    alignment = (x - y).pow(2).sum(dim=1).mean()
    squared = torch.pdist(torch.cat([x, y])).pow(2)  # one entry for each pair i < j
    uniformity = squared.mul(-2).exp().mean().log()
    return alignment.item(), uniformity.item()


def _geometry_by_cosines(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    squared = 2 - 2 * z @ z.T
    n, total = len(z1), len(z)
    apart = squared[torch.triu_indices(total, total, offset=1).unbind()]
    uniformity = torch.logsumexp(-2 * apart, dim=0) - math.log(len(apart))
    return float(squared.diagonal(n).mean()), float(uniformity)


def _geometry_by_loops(z1, z2):
    points = [row / row.norm() for row in [*z1, *z2]]
    n = len(z1)
    alignment = sum(float(((points[i] - points[i + n]) ** 2).sum()) for i in range(n)) / n
    pairs = [(i, j) for j in range(2 * n) for i in range(j)]
    mean = sum(math.exp(-2 * float(((points[i] - points[j]) ** 2).sum())) for i, j in pairs) / len(pairs)
    return alignment, math.log(mean)


def _parts(z1, z2, normalise=True):
    """Squared distances of the positive pairs, and of all pairs i < j."""
    x, y = (F.normalize(z1, dim=1), F.normalize(z2, dim=1)) if normalise else (z1, z2)
    return (x - y).pow(2).sum(dim=1), torch.pdist(torch.cat([x, y])).pow(2)


def _not_normalised(z1, z2):
    positive, every = _parts(z1, z2, normalise=False)
    return positive.mean().item(), every.mul(-2).exp().mean().log().item()


def _distances_not_squared(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.sqrt().mean().item(), every.sqrt().mul(-2).exp().mean().log().item()


def _mean_over_features(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.mean().item() / z1.shape[1], every.mul(-2).exp().mean().log().item()


def _with_itself(z1, z2):
    positive, _ = _parts(z1, z2)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return positive.mean().item(), torch.cdist(z, z).pow(2).mul(-2).exp().mean().log().item()


def _mean_of_log(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.mean().item(), every.mul(-2).mean().item()


def _no_log(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.mean().item(), every.mul(-2).exp().mean().item()


def _no_two(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.mean().item(), every.mul(-1).exp().mean().log().item()


def _first_view_only(z1, z2):
    positive, _ = _parts(z1, z2)
    return positive.mean().item(), _parts(z1, z1[:0])[1].mul(-2).exp().mean().log().item() if len(z1) else 0.0


def _other_order(z1, z2):
    return alignment_uniformity(z1, z2)[::-1]


def _tensors(z1, z2):
    positive, every = _parts(z1, z2)
    return positive.mean(), every.mul(-2).exp().mean().log()


GEOMETRY = Exercise(
    task=TASKS["contrastive.geometry"],
    reference=alignment_uniformity,
    misconceptions=(
        Misconception(
            "not normalised",
            _not_normalised,
            "You measure the embeddings as they came. Both numbers are defined on the unit sphere: scale every row to "
            "length 1 first.",
        ),
        Misconception(
            "distances not squared",
            _distances_not_squared,
            "You use distances where the definition has *squared* distances, in both numbers. `torch.pdist` and "
            "`.norm` give distances: square them.",
        ),
        Misconception(
            "mean over the features",
            _mean_over_features,
            "Your alignment is too small by the number of features: |x - y|^2 is a *sum* over the features; the mean "
            "is over the pairs only.",
        ),
        Misconception(
            "every point with itself",
            _with_itself,
            "Your uniformity includes every point paired with itself (distance 0). Take pairs of different points "
            "only: i < j.",
        ),
        Misconception(
            "mean of the log",
            _mean_of_log,
            "Log and mean are exchanged: the log of the mean of the exponentials is asked for. The mean of the logs "
            "is only -2 times the mean squared distance.",
        ),
        Misconception(
            "no log",
            _no_log,
            "The mean of the exponentials is right; uniformity is its logarithm.",
        ),
        Misconception(
            "factor 2 left out",
            _no_two,
            "The exponent of the uniformity is -2 times the squared distance; yours lacks the 2.",
        ),
        Misconception(
            "first view only",
            _first_view_only,
            "Your uniformity looks at the points of the first view only. Here it is taken over all 2n points of both "
            "views together.",
        ),
        Misconception(
            "uniformity first",
            _other_order,
            "Both numbers are right, in the other order: return (alignment, uniformity).",
        ),
        Misconception(
            "returns tensors",
            _tensors,
            "The numbers are right, but they are tensors. Return Python floats: `.item()` or `float(...)`.",
        ),
    ),
    variants=(_geometry_by_cosines, _geometry_by_loops),
    hints=(
        (
            "Alignment asks how close the two views of one image are; uniformity asks how evenly all points fill the "
            "sphere. One is a mean over n positive pairs, the other over all pairs of different points."
        ),
        (
            "Scale the rows to length 1. alignment = (1/n) sum_i |x_i - y_i|^2. With the 2n points u_1 ... u_2n: "
            "uniformity = log( 1/(n(2n - 1)) sum over i < j of exp(-2 |u_i - u_j|^2) )."
        ),
        (
            "`x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)`; alignment: square x - y, sum over `dim=1`, take "
            "the mean. `torch.pdist(torch.cat([x, y]))` gives each pair's distance once: square, times -2, exp, mean, "
            "log. `.item()` on both."
        ),
    ),
)
