"""Lab 1, exercise `geometry`: where the embeddings of the views lie on the sphere."""

import math

import torch
import torch.nn.functional as F

HINTS = (
    "Alignment asks how close the two views of one image are; uniformity asks how evenly all points fill the sphere. "
    "One is a mean over n positive pairs, the other over all pairs of different points.",
    "Scale the rows to length 1. alignment = (1/n) sum_i |x_i - y_i|^2. With the 2n points u_1 ... u_2n: uniformity = "
    "log( 1/(n(2n - 1)) sum over i < j of exp(-2 |u_i - u_j|^2) ).",
    "`x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)`; alignment: square x - y, sum over `dim=1`, take the "
    "mean. `torch.pdist(torch.cat([x, y]))` gives each pair's distance once: square, times -2, exp, mean, log. "
    "`.item()` on both.",
)


def alignment_uniformity(z1, z2):
    x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    alignment = (x - y).square().sum(1).mean()
    distances = torch.pdist(torch.cat([x, y]))  # every pair once
    uniformity = torch.exp(-2 * distances.square()).mean().log()
    return alignment.item(), uniformity.item()


def by_cosines(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    squared = 2 - 2 * z @ z.T
    apart = squared[torch.triu_indices(len(z), len(z), offset=1).unbind()]
    uniformity = torch.logsumexp(-2 * apart, dim=0) - math.log(len(apart))
    return float(squared.diagonal(len(z1)).mean()), float(uniformity)


def by_loops(z1, z2):
    points, n = [row / row.norm() for row in [*z1, *z2]], len(z1)
    alignment = sum(float(((points[i] - points[i + n]) ** 2).sum()) for i in range(n)) / n
    pairs = [(i, j) for j in range(2 * n) for i in range(j)]
    mean = sum(math.exp(-2 * float(((points[i] - points[j]) ** 2).sum())) for i, j in pairs) / len(pairs)
    return alignment, math.log(mean)


def _uniformity(points):
    return torch.pdist(points).square().mul(-2).exp().mean().log().item()


def does_not_normalise(z1, z2):
    """You measure the embeddings as they came. Both numbers are defined on the unit sphere: scale every row to length 1
    first."""
    return (z1 - z2).square().sum(1).mean().item(), _uniformity(torch.cat([z1, z2]))


def does_not_square_the_distances(z1, z2):
    """You use distances where the definition has *squared* distances, in both numbers. `torch.pdist` and `.norm` give
    distances: square them."""
    x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    uniformity = torch.pdist(torch.cat([x, y])).mul(-2).exp().mean().log()
    return (x - y).norm(dim=1).mean().item(), uniformity.item()


def pairs_every_point_with_itself(z1, z2):
    """Your uniformity includes every point paired with itself (distance 0). Take pairs of different points only: i <
    j."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    uniformity = torch.cdist(z, z).square().mul(-2).exp().mean().log()
    return alignment_uniformity(z1, z2)[0], uniformity.item()


def leaves_out_the_positive_pairs(z1, z2):
    """Your uniformity leaves out the positive pairs. Here it is over all pairs of different points, those two views of
    one image included."""
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    apart = torch.cdist(z, z).square()[torch.ones(2 * n, 2 * n).triu(1).bool() & ~torch.eye(2 * n).roll(n, 1).bool()]
    return alignment_uniformity(z1, z2)[0], apart.mul(-2).exp().mean().log().item()


def measures_each_view_by_itself(z1, z2):
    """That is the mean of the uniformities of the two views by themselves, as Wang and Isola have it. Here it is taken
    over all 2n points of both views together."""
    x, y = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return alignment_uniformity(z1, z2)[0], (_uniformity(x) + _uniformity(y)) / 2


def takes_the_mean_of_the_log(z1, z2):
    """Your uniformity is only -2 times the mean squared distance: log and exp cancel. The mean belongs between them:
    exp for each pair, then the mean, then the log."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return alignment_uniformity(z1, z2)[0], torch.pdist(z).square().mul(-2).mean().item()
