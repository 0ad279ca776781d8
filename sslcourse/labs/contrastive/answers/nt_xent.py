"""Lab 1, exercise `nt_xent`: the loss of SimCLR, whose gradient counts as well as its value."""

import torch
import torch.nn.functional as F

HINTS = (
    "It is a classification: for each of the 2n views, find its partner among the other 2n - 1. What are the logits, "
    "what is the right class, and which entry must never be chosen?",
    "With s the cosine matrix of the 2n views: loss = mean over i of ( -s[i, p(i)]/t + log sum over k != i of "
    "exp(s[i, k]/t) ), which is the cross-entropy of row i of s/t, without entry i, with p(i) = (i + n) mod 2n as the "
    "right class.",
    "Normalise and stack (2n rows z); `logits = z @ z.T / temperature`; `logits.masked_fill(torch.eye(2 * n, "
    "dtype=torch.bool), float('-inf'))`; positions of the positives with `arange` and `roll`; return "
    "`F.cross_entropy(logits, positions)`.",
)
# At temperature 0.01 a rounding error of a cosine is multiplied by 100 before it is exponentiated.
TOLERANCES = {torch.float64: (1e-5, 1e-7), torch.float32: (5e-4, 5e-5)}


def nt_xent(z1, z2, temperature):
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
    logits = z @ z.T / temperature  # 2n,2n
    itself = torch.eye(2 * n, dtype=torch.bool, device=z1.device)
    positives = torch.arange(2 * n, device=z1.device).roll(n)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), positives)


def by_logsumexp(z1, z2, temperature):
    x, y = (z / z.norm(dim=1, keepdim=True) for z in (z1, z2))
    positive, n, total = (x * y).sum(dim=1) / temperature, len(x), 0.0
    keep = ~torch.eye(n, dtype=torch.bool)
    for anchors, others in ((x, y), (y, x)):
        own_view = (anchors @ anchors.T / temperature)[keep].reshape(n, n - 1)
        across = anchors @ others.T / temperature
        total = total + (torch.logsumexp(torch.cat([across, own_view], dim=1), dim=1) - positive).sum()
    return total / (2 * n)


def by_loops(z1, z2, temperature):
    views = [row / row.dot(row).sqrt() for row in (*z1, *z2)]
    n, losses = len(z1), []
    for i, anchor in enumerate(views):
        others = [k for k in range(2 * n) if k != i]
        scores = torch.stack([views[k] for k in others]).mv(anchor) / temperature
        losses.append(-torch.log_softmax(scores, dim=0)[others.index((i + n) % (2 * n))])
    return torch.stack(losses).mean()


def _parts(z1, z2, temperature):
    """The logits, the mask of the diagonal, and the positions of the positives."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T / temperature, torch.eye(len(z), dtype=torch.bool), torch.arange(len(z)).roll(len(z1))


def ignores_the_temperature(z1, z2, temperature):
    """The temperature has no effect on your loss. Divide the cosines by it before the softmax: a small temperature
    makes the hardest negatives count most."""
    return nt_xent(z1, z2, 1.0)


def multiplies_by_the_temperature(z1, z2, temperature):
    """You multiply by the temperature, which makes all candidates more alike. Dividing the cosines by a small one tells
    the hardest negatives from the rest."""
    return nt_xent(z1, z2, 1 / temperature)


def keeps_the_diagonal(z1, z2, temperature):
    """Every view stands in its own denominator, with similarity 1. The sum runs over k != i: fill the diagonal of the
    logits with -inf."""
    logits, _, positives = _parts(z1, z2, temperature)
    return F.cross_entropy(logits, positives)


def sets_the_diagonal_to_zero(z1, z2, temperature):
    """You set the diagonal of the logits to 0, and exp(0) = 1 still counts in the sum. Only -inf takes a term out:
    exp(-inf) = 0."""
    logits, itself, positives = _parts(z1, z2, temperature)
    return F.cross_entropy(logits.masked_fill(itself, 0.0), positives)


def does_not_normalise(z1, z2, temperature):
    """The similarities are dot products of unnormalised embeddings. s is the cosine: scale every row to length 1
    first."""
    z = torch.cat([z1, z2])
    _, itself, positives = _parts(z1, z2, temperature)
    return F.cross_entropy((z @ z.T / temperature).masked_fill(itself, float("-inf")), positives)


def normalises_the_columns(z1, z2, temperature):
    """You scale the columns (one feature over all views) to length 1. Each *row* is an embedding: normalise along
    `dim=1`."""
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    _, itself, positives = _parts(z1, z2, temperature)
    return F.cross_entropy((z @ z.T / temperature).masked_fill(itself, float("-inf")), positives)


def takes_negatives_of_the_other_view_only(z1, z2, temperature):
    """Each view is compared with the other view's embeddings only (n candidates). NT-Xent also takes the views of its
    own kind as negatives: 2n - 1 candidates, the positive and 2n - 2 negatives."""
    logits = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    labels = torch.arange(len(z1))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def leaves_the_positive_out_of_the_sum(z1, z2, temperature):
    """The denominator holds the negatives only. In NT-Xent the sum over k != i includes the positive. (Leaving it out
    is a method of its own: decoupled contrastive learning.)"""
    logits, itself, positives = _parts(z1, z2, temperature)
    pair = F.one_hot(positives).bool()
    return (logits.masked_fill(itself | pair, float("-inf")).logsumexp(dim=1) - logits[pair]).mean()


def counts_the_positive_twice(z1, z2, temperature):
    """The positive stands in the sum twice, for example in front of a row that holds it already. Take it out of the
    row, or give `F.cross_entropy` the row as it is and the position of the positive."""
    logits, itself, positives = _parts(z1, z2, temperature)
    positive = logits.gather(1, positives[:, None])
    both = torch.cat([positive, logits.masked_fill(itself, float("-inf"))], dim=1)
    return F.cross_entropy(both, torch.zeros_like(positives))


def takes_the_softmax_twice(z1, z2, temperature):
    """The softmax is taken twice: `F.cross_entropy` takes it itself, so it wants logits, not probabilities. Give it the
    similarities divided by the temperature."""
    logits, itself, positives = _parts(z1, z2, temperature)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")).softmax(dim=1), positives)


def pairs_neighbours(z1, z2, temperature):
    """Your positives are neighbours in the list (0 with 1, 2 with 3). All first views come first here: view 0 belongs
    with view n."""
    logits, itself, positives = _parts(z1, z2, temperature)
    side_by_side = torch.arange(len(logits)).reshape(-1, 2).flip(1).flatten()
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), side_by_side)
