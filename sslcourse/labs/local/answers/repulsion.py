"""Lab 3, exercise `repulsion`: the mean cosine of two local crops of one picture."""

from itertools import combinations

import torch
import torch.nn.functional as F

HINTS = (
    "Which two rows are a pair here: of one picture and of two different crops. To make them less alike, what must "
    "become smaller, and which of the two may move?",
    "The mean, over all pairs i < j of crops and over the n pictures, of cos(crops[i][k], crops[j][k]). Both sides get "
    "a gradient.",
    "`F.cosine_similarity(one, other, dim=1)` gives n cosines; collect it for `one, other in "
    "itertools.combinations(crops, 2)` and return the mean of all.",
)


def repulsion(crops):
    cosines = [F.cosine_similarity(one, other, dim=1) for one, other in combinations(crops, 2)]
    return torch.stack(cosines).mean()


def by_the_sum(crops):
    unit = crops / crops.norm(dim=-1, keepdim=True)
    count = len(crops)
    return ((unit.sum(0).square().sum(-1) - count) / (count * (count - 1))).mean()


def by_a_matrix(crops):
    unit = F.normalize(crops, dim=2).transpose(0, 1)  # n,L,d
    cosines = unit @ unit.mT  # n,L,L
    other = ~torch.eye(len(crops), dtype=torch.bool)
    return cosines[:, other].mean()


def _matrix(crops):
    """Cosines of all crops of each picture: n,L,L."""
    unit = F.normalize(crops, dim=2).transpose(0, 1)
    return unit @ unit.mT


def pulls_them_together(crops):
    """The sign is wrong: a loss is made *smaller*, and yours is smallest when the crops are alike. What is to become
    smaller here is their cosine."""
    return -repulsion(crops)


def counts_a_crop_with_itself(crops):
    """Each crop is also compared with itself, whose cosine is 1 and which cannot be pushed apart. Take the pairs of
    two different crops only."""
    return _matrix(crops).mean()


def compares_different_pictures(crops):
    """You compare every row of one crop with every row of the other, so that most pairs are of two pictures. Row k of
    one belongs to row k of the other alone."""
    unit = F.normalize(crops, dim=2)
    return torch.stack([(one @ other.T).mean() for one, other in combinations(unit, 2)]).mean()


def moves_one_side_only(crops):
    """The value is right, but of each pair only one crop gets a gradient. Both are the student's, and both are to move:
    detach nothing."""
    return torch.stack(
        [F.cosine_similarity(one, other.detach(), dim=1) for one, other in combinations(crops, 2)]
    ).mean()


def does_not_normalise(crops):
    """These are dot products: they also become smaller when the embeddings become shorter, or grow without end when
    they point apart. Scale every row to length 1 first: only directions count."""
    return torch.stack([(one * other).sum(1) for one, other in combinations(crops, 2)]).mean()


def takes_the_length_for_a_constant(crops):
    """The value is right, and its gradient is not: it has a part along the embedding itself, which only changes its
    length. The lengths depend on the embeddings, too: do not detach them (nor compute them under `torch.no_grad()`)."""
    unit = crops / crops.norm(dim=2, keepdim=True).detach()
    return torch.stack([(one * other).sum(1) for one, other in combinations(unit, 2)]).mean()


def squares_the_cosines(crops):
    """You square the cosines. That is smallest at a right angle, and pulls back what is further apart; here the cosine
    itself is to become smaller."""
    return torch.stack([F.cosine_similarity(*pair, dim=1).square() for pair in combinations(crops, 2)]).mean()


def moves_the_other_side_only(crops):
    """The value is right, but the first crop of each pair gets no gradient. Both are the student's, and both are to
    move: detach nothing."""
    return torch.stack(
        [F.cosine_similarity(one.detach(), other, dim=1) for one, other in combinations(crops, 2)]
    ).mean()


def normalises_along_the_pictures(crops):
    """You scale along dimension 1 (what `F.normalize` does if not told): that is the pictures. An embedding is a row of
    d numbers, the last dimension: `dim=-1`."""
    return torch.stack([(one * other).sum(1) for one, other in combinations(F.normalize(crops, dim=1), 2)]).mean()


def takes_two_crops_only(crops):
    """You compare the first two crops only. There may be more: take every pair of two."""
    return repulsion(crops[:2])


def takes_neighbours_only(crops):
    """You compare each crop with the next one only. Take every pair of two: of four crops there are six."""
    return F.cosine_similarity(crops[:-1], crops[1:], dim=2).mean()


def adds_the_pairs_up(crops):
    """You add the pairs of crops up. Their mean is asked for: it does not grow with the number of crops."""
    return repulsion(crops) * (len(crops) * (len(crops) - 1) // 2)


def stops_at_a_right_angle(crops):
    """You set negative cosines to 0, so crops that are further apart than a right angle are not pushed any more. Take
    the cosine as it is."""
    return torch.stack([F.cosine_similarity(*pair, dim=1).clamp(min=0) for pair in combinations(crops, 2)]).mean()
