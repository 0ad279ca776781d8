"""Meters of collapse: complete (all images on one point) and partial (few directions are used).

All take features or projections `N,D` in any scale and return 0-dimensional tensors on their device, without a
gradient, so that a training step can call them and read them later. All but `spectrum` and the ranks never wait for
the device.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.precision import full_precision


@torch.no_grad()
def channel_std(z: Tensor) -> Tensor:
    """The standard deviation over the rows of each channel of z / |z|, averaged over the channels.

    `z`: `N,D`. Near 1 / sqrt(D) when the rows spread evenly over the sphere, 0 when they are one point.

    Source: Chen and He 2021 (SimSiam), section 4.1, figure 2.

    >>> channel_std(torch.eye(4)).item() > 0.4, channel_std(torch.ones(4, 4)).item()
    (True, 0.0)
    """
    _check_rows(z)
    return F.normalize(full_precision(z), dim=1).std(0, correction=0).mean()


@torch.no_grad()
def spectrum(z: Tensor) -> Tensor:
    """The singular values of the features, largest first: `min(N, D)` numbers, neither centred nor normalised.

    NaN throughout when a feature is not finite.

    Source: Jing et al. 2022, "Understanding Dimensional Collapse", section 3 (there on the covariance).

    >>> spectrum(torch.diag(torch.tensor([3.0, 1.0, 2.0]))).tolist()
    [3.0, 2.0, 1.0]
    """
    _check_rows(z)
    z = full_precision(z)
    # A run that diverged should be told so by its loss, not by a decomposition that does not converge: NaN in, NaN out.
    finite = torch.isfinite(z).all()
    values = torch.linalg.svdvals(torch.where(finite, z, torch.zeros_like(z)))
    return torch.where(finite, values, torch.full_like(values, math.nan))


@torch.no_grad()
def effective_rank(z: Tensor) -> Tensor:
    """The number of directions the features use: exp of the entropy of the singular values' shares.

    `z`: `N,D`. Between 1 (all rows on one line) and min(N, D) (all singular values equal); the scale of `z` does not
    matter. Features that are all zero use no direction: 0.

    Source: Garrido et al. 2023 (RankMe), equations 1 and 2, without their epsilon; Roy and Vetterli 2007.

    >>> round(effective_rank(torch.eye(8)).item(), 3), round(effective_rank(torch.ones(8, 8)).item(), 3)
    (8.0, 1.0)
    """
    return rank_of_spectrum(spectrum(z))


@torch.no_grad()
def centered_rank(z: Tensor) -> Tensor:
    """The effective rank of the features `N,D` around their mean: in how many directions they differ.

    >>> centered_rank(torch.tensor([[9.0, 1.0], [9.0, -1.0]])).item()
    1.0
    """
    return effective_rank(z - z.mean(0))


@torch.no_grad()
def rank_of_spectrum(values: Tensor) -> Tensor:
    """The effective rank that belongs to singular values already at hand.

    >>> rank_of_spectrum(torch.tensor([2.0, 2.0, 0.0])).item()
    2.0
    """
    total = values.sum()
    shares = values / total.clamp_min(torch.finfo(values.dtype).tiny)
    rank = torch.exp(-torch.special.xlogy(shares, shares).sum())
    return torch.where(total == 0, torch.zeros_like(rank), rank)


@torch.no_grad()
def pair_cosines(z1: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
    """The mean cosine of positive pairs and of negative pairs.

    `z1`, `z2`: `N,D` with N >= 2, two views of the same images. Positive: the two views of one image. Negative: two
    views of two images, within and across `z1` and `z2`. Both near 1 is complete collapse.

    >>> positive, negative = pair_cosines(torch.eye(3), torch.eye(3))
    >>> positive.item(), negative.item()
    (1.0, 0.0)
    """
    cosines = _cosines(z1, z2)
    n = len(z1)
    positive = cosines.diagonal(n).mean()  # the upper right block's diagonal: view i of z1 with view i of z2
    # All 4N*N entries, without 2N of a view with itself and 2N of a view with its partner.
    negative = (cosines.sum() - cosines.diagonal().sum() - 2 * n * positive) / (4 * n * (n - 1))
    return positive, negative


@torch.no_grad()
def contrastive_accuracy(z1: Tensor, z2: Tensor) -> Tensor:
    """The share of the 2N views whose partner is nearer, by cosine, than each of the 2N - 2 other views.

    `z1`, `z2`: `N,D` with N >= 2. A tie is a failure: on identical embeddings the partner is found nowhere, and the
    accuracy is 0, not 1. Cosines closer than the rounding of their computation (8 units in the last place of 1) count
    as tied. By chance 1 / (2N - 1). High values do not mean good features: Chen et al. 2020 (SimCLR), section 5.1,
    table 5.

    >>> apart, alike = torch.eye(4), torch.ones(4, 2)
    >>> contrastive_accuracy(apart, apart).item(), contrastive_accuracy(alike, alike).item()
    (1.0, 0.0)
    """
    cosines = _cosines(z1, z2)
    n = len(z1)
    view = torch.arange(2 * n, device=cosines.device)
    partner = view.roll(n)
    positive = cosines[view, partner]
    taken = (view[:, None] == view) | (partner[:, None] == view)  # itself and its partner
    nearest_other = cosines.masked_fill(taken, -math.inf).amax(1)
    return (positive - nearest_other > 8 * torch.finfo(cosines.dtype).eps).float().mean()


def _cosines(z1: Tensor, z2: Tensor) -> Tensor:
    """Cosines `2N,2N` between all views, those of z1 first."""
    if z1.ndim != 2 or z1.shape != z2.shape or len(z1) < 2:
        raise ValueError(
            f"z1 and z2 must both be N,D with N >= 2, row i of both from image i; "
            f"got {tuple(z1.shape)} and {tuple(z2.shape)}"
        )
    z = F.normalize(full_precision(torch.cat([z1, z2])), dim=1)
    return z @ z.T


def _check_rows(z: Tensor) -> None:
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(f"features must be N,D with at least one row; got {tuple(z.shape)}")
