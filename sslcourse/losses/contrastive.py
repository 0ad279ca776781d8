"""The contrastive loss of SimCLR, its form without negatives, and the two properties it trades against each other.

Sources: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", equation 1;
Wang and Isola 2020, "Understanding Contrastive Representation Learning through Alignment and Uniformity", section 4.1.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.losses.checks import check_pair, check_temperature
from sslcourse.precision import autocast_off, full_precision
from sslcourse.processes import gather_rows_with_gradient, rank


def nt_xent(
    z1: Tensor, z2: Tensor, temperature: float = 0.5, *, decoupled: bool = False, gather: bool = False
) -> Tensor:
    """Normalised temperature-scaled cross-entropy: tell each view's partner from the 2N - 2 other views.

    `z1` and `z2` are two views of the same N images, each `N,D`, in any scale (they are l2-normalised here). Each of
    the 2N views is an anchor once: a cross-entropy over the cosines to the 2N - 1 others, divided by `temperature`,
    whose right answer is the other view of the same image. Returns the mean over the 2N anchors (the official code
    returns twice that). Computed in float32, or in float64 when that is given. Raises ValueError on other shapes and on
    a temperature that is not positive.

    With `decoupled=True` the right answer leaves its own denominator (DCL): a pair that already agrees is still pushed
    away from the others as hard as before, so that few negatives are enough. It needs at least two images.

    With `gather=True` the views of all processes serve as negatives; every process must bring the same N. The value is
    then the mean over this process's own anchors, and the mean of the values over the processes is the loss of the one
    big batch. The gradient at z1 and z2 is that of the *sum* of the values over the processes; DistributedDataParallel
    averages parameter gradients over the processes, which makes it exactly the gradient of the big batch's loss.

    Source: Chen et al. 2020, equation 1; Yeh et al. 2022, "Decoupled Contrastive Learning", equation 6 without weights.

    >>> one_point = torch.ones(4, 8)                            # identical embeddings: a guess among 2N - 1
    >>> abs(nt_xent(one_point, one_point).item() - math.log(2 * 4 - 1)) < 1e-6
    True
    """
    check_pair("N,D", z1=z1, z2=z2)
    check_temperature(temperature, "0.1 to 0.5")
    n = len(z1)
    with autocast_off(z1):
        anchors = F.normalize(torch.cat([full_precision(z1), full_precision(z2)]), dim=1)  # 2N,D
        own = torch.arange(2 * n, device=z1.device)
        partner = own.roll(n)  # view i of the first half belongs to view i of the second
        others = anchors
        if gather:
            others = gather_rows_with_gradient(anchors)  # world*2N,D
            own, partner = own + rank() * 2 * n, partner + rank() * 2 * n
        logits = anchors @ others.T / temperature  # 2N,world*2N
        columns = torch.arange(len(others), device=z1.device)
        logits = logits.masked_fill(columns == own[:, None], -math.inf)  # a view is no candidate for itself
        if not decoupled:
            return F.cross_entropy(logits, partner)
        if len(others) < 4:
            raise ValueError(
                "decoupled=True needs at least 2 images: without its partner, a view of 1 has no candidate"
            )
        positives = logits.gather(1, partner[:, None])[:, 0]
        negatives = logits.masked_fill(columns == partner[:, None], -math.inf)
        return (negatives.logsumexp(1) - positives).mean()


def alignment_only(z1: Tensor, z2: Tensor, temperature: float = 0.5) -> Tensor:
    """NT-Xent without its denominator: pull the two views of an image together, and push nothing apart.

    `z1`, `z2`: `N,D` each. Returns the mean of -cos(z1_i, z2_i) / temperature, between -1/temperature (all pairs agree)
    and +1/temperature, so that the gradient keeps the size it has in `nt_xent`; NT-Xent is this plus the mean log of
    its denominators. One point for all images minimises it: that is complete collapse. Raises ValueError as `nt_xent`.

    Source: Chen et al. 2020, equation 1, numerator; as an ablation, Grill et al. 2020 (BYOL), table 5b.

    >>> z = torch.randn(4, 8)
    >>> round(alignment_only(z, 3 * z, temperature=0.5).item(), 4)
    -2.0
    """
    check_pair("N,D", z1=z1, z2=z2)
    check_temperature(temperature, "0.1 to 0.5")
    with autocast_off(z1):
        cosines = F.cosine_similarity(full_precision(z1), full_precision(z2), dim=1, eps=1e-12)
        return -cosines.mean() / temperature


def alignment(z1: Tensor, z2: Tensor) -> Tensor:
    """Mean squared distance between the two unit vectors of a positive pair: 0 (same point) to 4 (opposite points).

    `z1`, `z2`: `N,D` each, l2-normalised here. Raises ValueError as `nt_xent`.

    Source: Wang and Isola 2020, section 4.1.1, with exponent 2.

    >>> alignment(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0]])).item()
    2.0
    """
    check_pair("N,D", z1=z1, z2=z2)
    with autocast_off(z1):
        first, second = F.normalize(full_precision(z1), dim=1), F.normalize(full_precision(z2), dim=1)
        return (first - second).square().sum(1).mean()


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean Gaussian potential exp(-t * squared distance) over all pairs of different rows.

    `z`: `N,D` with N >= 2, l2-normalised here. 0 when all rows are one point; the lower, the more evenly they cover the
    sphere (at best near -2t in high dimension: unrelated rows have squared distance 2). Raises ValueError otherwise.

    Source: Wang and Isola 2020, section 4.1.2, with t = 2.

    >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).item()  # squared distance 4
    -8.0
    """
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"z must be N,D with at least 2 rows; got {tuple(z.shape)}")
    if not t > 0:
        raise ValueError(f"t must be positive; got {t}")
    n = len(z)
    with autocast_off(z):
        unit = F.normalize(full_precision(z), dim=1)
        potentials = -t * (2 - 2 * unit @ unit.T)  # N,N; for unit vectors the squared distance is 2 - 2 cos
        itself = torch.eye(n, dtype=torch.bool, device=z.device)
        return torch.logsumexp(potentials.masked_fill(itself, -math.inf).flatten(), 0) - math.log(n * (n - 1))
