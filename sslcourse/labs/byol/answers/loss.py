"""Lab 2, exercise `loss`: the regression of BYOL, whose gradient stops at the target."""

import torch
import torch.nn.functional as F

HINTS = (
    "Only directions count, so every row is scaled to length 1. How far apart are two unit vectors whose cosine you "
    "know? And which of the two arguments is to learn from the loss?",
    "|a - b|^2 = |a|^2 + |b|^2 - 2 a.b = 2 - 2 cos for unit vectors a and b; the loss is its mean over the rows. z is "
    "a constant here: its gradient stops.",
    "`F.cosine_similarity(p, z.detach(), dim=1)` gives n cosines; return the mean of 2 minus twice that.",
)


def regression_loss(p, z):
    cosines = F.cosine_similarity(p, z.detach(), dim=1)  # n
    return (2 - 2 * cosines).mean()


def by_distances(p, z):
    with torch.no_grad():
        goal = z / z.norm(dim=1, keepdim=True)
    return (F.normalize(p, dim=1) - goal).square().sum(1).mean()


def by_loops(p, z):
    goals = z.detach().clone()
    terms = [2 - 2 * row.dot(goal) / (row.dot(row).sqrt() * goal.dot(goal).sqrt()) for row, goal in zip(p, goals)]
    return sum(terms) / len(terms)


def lets_the_target_learn(p, z):
    """The value is right, but a gradient reaches z: the target would move towards the prediction, too, and the two
    could agree on any constant. Stop it: `z.detach()`."""
    return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()


def detaches_the_prediction(p, z):
    """The gradient stops on the wrong side: p, the prediction, is what learns, and z, the target, stands still. Detach
    z, not p."""
    return regression_loss(z, p)


def does_not_normalise(p, z):
    """These are squared distances of p and z as they are. Scale every row of both to length 1 first: only directions
    count."""
    return (p - z.detach()).square().sum(1).mean()


def averages_over_the_dimensions(p, z):
    """You take the mean over all n x d numbers, as `F.mse_loss` does. A squared distance is the *sum* over the
    dimensions; the mean is over the rows only."""
    return F.mse_loss(F.normalize(p, dim=1), F.normalize(z.detach(), dim=1))


def scales_the_whole_batch(p, z):
    """You divide by one norm for the whole matrix. Each *row* is an embedding: `F.normalize(p, dim=1)`, or
    `p.norm(dim=1, keepdim=True)`."""
    return (p / p.norm() - z.detach() / z.detach().norm()).square().sum(1).mean()


def returns_minus_the_cosine(p, z):
    """That is minus the cosine, the form of SimSiam. It has the same minimum, but this loss is the squared distance of
    unit vectors, 2 - 2 cos: 0 when all agree, and twice the gradient."""
    return -F.cosine_similarity(p, z.detach(), dim=1).mean()
