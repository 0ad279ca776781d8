"""Lab 1, exercise `nt_xent`: the loss of SimCLR, whose gradient counts as well as its value."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from sslcourse.exercises.task import Exercise, Misconception
from sslcourse.labs.contrastive.tasks import TASKS


def nt_xent(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
    logits = z @ z.T / temperature  # 2n,2n
    itself = torch.eye(len(z), dtype=torch.bool)
    logits = logits.masked_fill(itself, float("-inf"))  # no view is its own negative
    positive = (torch.arange(len(z)) + len(z1)) % len(z)
    return F.cross_entropy(logits, positive)


def _nt_xent_by_logsumexp(z1, z2, temperature):
    x = z1 / z1.norm(dim=1, keepdim=True)
    y = z2 / z2.norm(dim=1, keepdim=True)
    positive = (x * y).sum(dim=1) / temperature  # n
    keep = ~torch.eye(len(x), dtype=torch.bool)
    n = len(x)
    total = 0.0
    for anchors, others in ((x, y), (y, x)):
        own_view = (anchors @ anchors.T / temperature)[keep].reshape(n, n - 1)
        across = anchors @ others.T / temperature
        total = total + (torch.logsumexp(torch.cat([across, own_view], dim=1), dim=1) - positive).sum()
    return total / (2 * n)


def _nt_xent_by_loops(z1, z2, temperature):
    views = [row / row.dot(row).sqrt() for row in (*z1, *z2)]
    n, losses = len(z1), []
    for i, anchor in enumerate(views):
        others = [k for k in range(2 * n) if k != i]
        scores = torch.stack([views[k] for k in others]).mv(anchor) / temperature
        losses.append(-torch.log_softmax(scores, dim=0)[others.index((i + n) % (2 * n))])
    return torch.stack(losses).mean()


def _logits(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T / temperature, torch.eye(len(z), dtype=torch.bool)


def _positives(z1):
    return torch.arange(2 * len(z1)).roll(len(z1))


def _no_temperature(z1, z2, temperature):
    return nt_xent(z1, z2, 1.0)


def _times_temperature(z1, z2, temperature):
    return nt_xent(z1, z2, 1 / temperature)


def _keeps_diagonal(z1, z2, temperature):
    return F.cross_entropy(_logits(z1, z2, temperature)[0], _positives(z1))


def _diagonal_zero(z1, z2, temperature):
    logits, itself = _logits(z1, z2, temperature)
    return F.cross_entropy(logits.masked_fill(itself, 0.0), _positives(z1))


def _not_normalised(z1, z2, temperature):
    z = torch.cat([z1, z2])
    itself = torch.eye(len(z), dtype=torch.bool)
    return F.cross_entropy((z @ z.T / temperature).masked_fill(itself, float("-inf")), _positives(z1))


def _other_view_only(z1, z2, temperature):
    logits = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    labels = torch.arange(len(z1))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def _first_view_anchors(z1, z2, temperature):
    logits, itself = _logits(z1, z2, temperature)
    n = len(z1)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf"))[:n], _positives(z1)[:n])


def _summed(z1, z2, temperature):
    return nt_xent(z1, z2, temperature) * (2 * len(z1))


def _twice(z1, z2, temperature):
    return nt_xent(z1, z2, temperature) * 2


def _positive_not_in_sum(z1, z2, temperature):
    logits, itself = _logits(z1, z2, temperature)
    rows, positive = torch.arange(len(logits)), _positives(z1)
    pair = torch.zeros_like(itself).index_put((rows, positive), torch.tensor(True))
    return (logits.masked_fill(itself | pair, float("-inf")).logsumexp(dim=1) - logits[rows, positive]).mean()


def _exponentials_overflow(z1, z2, temperature):
    logits, itself = _logits(z1, z2, temperature)
    weights = logits.exp().masked_fill(itself, 0.0)
    rows = torch.arange(len(logits))
    return -(weights[rows, _positives(z1)] / weights.sum(dim=1)).log().mean()


def _neighbours(z1, z2, temperature):
    logits, itself = _logits(z1, z2, temperature)
    side_by_side = torch.arange(len(logits)).reshape(-1, 2).flip(1).flatten()
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), side_by_side)


def _no_minus(z1, z2, temperature):
    return -nt_xent(z1, z2, temperature)


def _second_view_detached(z1, z2, temperature):
    return nt_xent(z1, z2.detach(), temperature)


def _returns_number(z1, z2, temperature):
    return nt_xent(z1, z2, temperature).item()


NT_XENT = Exercise(
    task=TASKS["contrastive.nt_xent"],
    reference=nt_xent,
    misconceptions=(
        Misconception(
            "no temperature",
            _no_temperature,
            "The temperature is not used. Divide the similarities by it before the softmax: a small temperature makes "
            "the hardest negatives count most.",
        ),
        Misconception(
            "multiplies by the temperature",
            _times_temperature,
            "You multiply the similarities by the temperature. Divide: a small temperature must make the softmax "
            "sharper.",
        ),
        Misconception(
            "keeps the diagonal",
            _keeps_diagonal,
            "Every view stands in its own denominator, with similarity 1. The sum runs over k != i: fill the diagonal "
            "of the logits with -inf.",
        ),
        Misconception(
            "sets the diagonal to zero",
            _diagonal_zero,
            "You set the diagonal of the logits to 0, and exp(0) = 1 still counts in the sum. Only -inf takes a term "
            "out: exp(-inf) = 0.",
        ),
        Misconception(
            "does not normalise",
            _not_normalised,
            "The similarities are dot products of unnormalised embeddings. s is the cosine: scale every row to length "
            "1 first.",
        ),
        Misconception(
            "negatives of the other view only",
            _other_view_only,
            "Each view is compared with the other view's embeddings only (n candidates). NT-Xent also takes the views "
            "of its own kind as negatives: 2n - 1 candidates, the positive and 2n - 2 negatives.",
        ),
        Misconception(
            "first views as anchors only",
            _first_view_anchors,
            "You average over the n first views. The second views are anchors too: the mean is over all 2n.",
        ),
        Misconception(
            "sum instead of mean",
            _summed,
            "You add the losses of the views. Take their mean, or the loss (and the step) grows with the batch.",
        ),
        Misconception(
            "twice the mean",
            _twice,
            "Your loss is twice too large: the two directions are added. (The official SimCLR code does that; here "
            "the mean over all 2n views is asked for.)",
        ),
        Misconception(
            "positive missing in the denominator",
            _positive_not_in_sum,
            "The denominator holds the negatives only. In NT-Xent the sum over k != i includes the positive. (Leaving "
            "it out is a method of its own: decoupled contrastive learning.)",
        ),
        Misconception(
            "exponentials overflow",
            _exponentials_overflow,
            "The formula is right, but not its arithmetic: exp(1 / 0.01) is infinite in float32 (and exp(-100) nearly "
            "0). Let `F.cross_entropy`, `log_softmax` or `logsumexp` take the exponentials: they subtract the largest "
            "first.",
        ),
        Misconception(
            "wrong partners",
            _neighbours,
            "Your positives are neighbours in the list (0 with 1, 2 with 3). All first views come first here: view 0 "
            "belongs with view n.",
        ),
        Misconception(
            "minus sign missing",
            _no_minus,
            "The sign is wrong: the loss is *minus* the log of the positive's share. As it stands, training would "
            "push the two views of an image apart.",
        ),
        Misconception(
            "gradient to one view only",
            _second_view_detached,
            "The value is right, but z2 gets no gradient. SimCLR has no stop-gradient: both views are trained (do not "
            "detach).",
        ),
        Misconception(
            "returns a number",
            _returns_number,
            "The value is right, but `.item()` (or `float`) cuts it from the graph: nothing could be trained. Return "
            "the tensor.",
        ),
    ),
    variants=(_nt_xent_by_logsumexp, _nt_xent_by_loops),
    hints=(
        (
            "It is a classification: for each of the 2n views, find its partner among the other 2n - 1. What are the "
            "logits, what is the right class, and which entry must never be chosen?"
        ),
        (
            "With s the cosine matrix of the 2n views: loss = mean over i of ( -s[i, p(i)]/t + log sum over k != i of "
            "exp(s[i, k]/t) ), which is the cross-entropy of row i of s/t, without entry i, with p(i) = (i + n) mod "
            "2n as the right class."
        ),
        (
            "Normalise and stack (2n rows z); `logits = z @ z.T / temperature`; `logits.masked_fill(torch.eye(2 * n, "
            "dtype=torch.bool), float('-inf'))`; positions of the positives with `arange`, `+ n`, `% (2 * n)`; return "
            "`F.cross_entropy(logits, positions)`."
        ),
    ),
    # At temperature 0.01 a rounding error of a cosine is multiplied by 100 before it is exponentiated.
    tolerances={torch.float64: (1e-7, 1e-9), torch.float32: (5e-4, 5e-5)},
)
