"""Lab 0, exercise `knn_vote`: the nearest neighbours vote on the class."""

import torch
import torch.nn.functional as F

HINTS = (
    "Which k rows of the bank point most nearly in a picture's direction? Each gives its class a vote that grows with "
    "its cosine; shares of the votes are a softmax over these k.",
    "w_j = exp(s_j / t) / sum over the k nearest of exp(s / t), with s the cosines; share of class c = sum of the w_j "
    "whose label is c.",
    "`cosines = F.normalize(features, dim=1) @ F.normalize(bank, dim=1).T`; `top, index = cosines.topk(k, dim=1)`; "
    "`weights = (top / temperature).softmax(dim=1)`; start from `torch.zeros(M, C)` of the same dtype and "
    "`.scatter_add_(1, labels[index], weights)`.",
)
# At temperature 0.01 a rounding error of a cosine is multiplied by 100 before it is exponentiated.
TOLERANCES = {torch.float64: (1e-5, 1e-7), torch.float32: (5e-4, 5e-5)}


def knn_vote(features, bank, labels, k, temperature):
    cosines = F.normalize(features, dim=1) @ F.normalize(bank, dim=1).T  # M,N
    top, index = cosines.topk(k, dim=1)
    weights = (top / temperature).softmax(dim=1)  # M,k
    votes = weights.new_zeros(len(features), int(labels.max()) + 1)
    return votes.scatter_add(1, labels[index], weights)


def by_one_hot(features, bank, labels, k, temperature):
    cosines = F.cosine_similarity(features[:, None], bank[None], dim=2)
    kth = cosines.sort(dim=1, descending=True).values[:, k - 1 : k]
    weights = (cosines / temperature).masked_fill(cosines < kth, float("-inf")).softmax(dim=1)
    return weights @ F.one_hot(labels).to(weights.dtype)


def by_loops(features, bank, labels, k, temperature):
    rows = []
    for feature in features:
        cosines = torch.stack([feature @ row / feature.norm() / row.norm() for row in bank])
        order = cosines.argsort(descending=True)[:k]
        weights = ((cosines[order] - cosines[order[0]]) / temperature).exp()
        share = [weights[labels[order] == c].sum() / weights.sum() for c in range(int(labels.max()) + 1)]
        rows.append(torch.stack(share))
    return torch.stack(rows)


def _shares(weights, classes, labels):
    """What each class gets: `weights` `M,k` of neighbours that have `classes` `M,k`."""
    return weights.new_zeros(len(weights), int(labels.max()) + 1).scatter_add(1, classes, weights)


def _cosines(features, bank):
    return F.normalize(features, dim=1) @ F.normalize(bank, dim=1).T


def compares_dot_products(features, bank, labels, k, temperature):
    """You compare dot products, so long features win. Only directions count: scale features and bank to length 1
    first."""
    top, index = (features @ bank.T).topk(k, dim=1)
    return _shares((top / temperature).softmax(dim=1), labels[index], labels)


def counts_all_neighbours_alike(features, bank, labels, k, temperature):
    """Every neighbour's vote counts the same. A nearer one counts more: its weight is exp(cosine / temperature)."""
    index = _cosines(features, bank).topk(k, dim=1).indices
    return _shares(torch.full_like(features[:, :1], 1 / k).expand(-1, k), labels[index], labels)


def lets_the_whole_bank_vote(features, bank, labels, k, temperature):
    """All of the bank votes. Only the k nearest do: `topk`."""
    return (_cosines(features, bank) / temperature).softmax(dim=1) @ F.one_hot(labels).to(features.dtype)


def shares_out_before_it_chooses(features, bank, labels, k, temperature):
    """Your softmax runs over the whole bank, so the votes of the k nearest do not sum to 1. Choose the k nearest first,
    then take the softmax over these."""
    weights, index = (_cosines(features, bank) / temperature).softmax(dim=1).topk(k, dim=1)
    return _shares(weights, labels[index], labels)


def multiplies_by_the_temperature(features, bank, labels, k, temperature):
    """You multiply by the temperature. Dividing by a small one is what makes near neighbours count more."""
    top, index = _cosines(features, bank).topk(k, dim=1)
    return _shares((top * temperature).softmax(dim=1), labels[index], labels)


def asks_the_furthest(features, bank, labels, k, temperature):
    """You ask the k *furthest*: `topk` finds the largest numbers, which is right for cosines, not for distances."""
    top, index = _cosines(features, bank).topk(k, dim=1, largest=False)
    return _shares((top / temperature).softmax(dim=1), labels[index], labels)


def overwrites_earlier_votes(features, bank, labels, k, temperature):
    """Where several neighbours have one class, only one vote is kept: `votes[rows, classes] = w`, and `+=` too, write
    each place once. `scatter_add_` adds up."""
    top, index = _cosines(features, bank).topk(k, dim=1)
    weights = (top / temperature).softmax(dim=1)
    votes = weights.new_zeros(len(features), int(labels.max()) + 1)
    for neighbour in range(k):
        votes[torch.arange(len(votes)), labels[index[:, neighbour]]] = weights[:, neighbour]
    return votes
