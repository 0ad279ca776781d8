"""Lab 1, exercise `shortcut`: how often a view's positive is its nearest neighbour."""

import torch
import torch.nn.functional as F

HINTS = (
    "For each of the 2n views: is there any view, other than itself and its partner, that is at least as similar to "
    "it as its partner?",
    "accuracy = (1/2n) * number of i with s[i, p(i)] > max of s[i, k] over k other than i and p(i), s the cosines.",
    "Cosine matrix of all 2n; read off `s[view, partner]`; then set `s[view, view]` and `s[view, partner]` to -inf "
    "and take `s.amax(1)`; return the mean of `positive > best other` as a float.",
)
TOLERANCES = {torch.float64: (1e-6, 1e-6), torch.float32: (1e-6, 1e-6)}


def contrastive_accuracy(z1, z2):
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = z @ z.T
    view = torch.arange(2 * n, device=z1.device)
    partner = view.roll(n)
    positive = s[view, partner]
    s[view, view] = s[view, partner] = float("-inf")
    return (positive > s.amax(1)).float().mean().item()


def by_counting(z1, z2):
    views, n, found = [row / row.norm() for row in [*z1, *z2]], len(z1), 0
    for i, view in enumerate(views):
        j = (i + n) % (2 * n)
        rivals = [float(view @ views[k]) for k in range(2 * n) if k not in (i, j)]
        found += all(float(view @ views[j]) > rival for rival in rivals)
    return found / (2 * n)


def by_rank(z1, z2):
    z = torch.cat([z1, z2])
    similarity = F.cosine_similarity(z[:, None], z[None], dim=2)
    itself = torch.eye(len(z), dtype=torch.bool)
    mate = itself.roll(len(z1), dims=1)
    at_least = (similarity >= similarity[mate][:, None]) & ~itself
    return (at_least.sum(dim=1) == 1).double().mean()


def _share(s, n, found=torch.gt):
    """The share of rows of s in which the positive is found among the others."""
    positive = torch.eye(2 * n, dtype=torch.bool).roll(n, 1)[: len(s)]
    itself = torch.eye(2 * n, dtype=torch.bool)[: len(s)]
    return found(s[positive], s.masked_fill(itself | positive, float("-inf")).amax(1)).double().mean().item()


def _cosines(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T


def takes_dot_products(z1, z2):
    """You compare dot products, so long embeddings win. The similarity is the cosine: scale every row to length 1."""
    z = torch.cat([z1, z2])
    return _share(z @ z.T, len(z1))


def normalises_the_columns(z1, z2):
    """You scale the columns (one feature over all views) to length 1. Each *row* is an embedding: normalise along
    `dim=1`."""
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    return _share(z @ z.T, len(z1))


def counts_ties_as_found(z1, z2):
    """You count a tie as found (>=), so a collapsed encoder, to which all views look alike, gets 1.0. Ask for strictly
    more similar (>)."""
    return _share(_cosines(z1, z2), len(z1), torch.ge)


def lets_argmax_decide_ties(z1, z2):
    """Right where all similarities differ. Among equals the first in the list wins, as `argmax` decides, and for some
    views that is the positive: a collapsed encoder gets credit for the order of the list. Ask that the positive be
    strictly greater than the best of the others."""
    s = _cosines(z1, z2).fill_diagonal_(float("-inf"))
    return (s.argmax(dim=1) == torch.arange(len(s)).roll(len(z1))).double().mean().item()


def asks_the_first_views_only(z1, z2):
    """You ask for the n first views only. The second views must find their partners too: the share is of all 2n."""
    return _share(_cosines(z1, z2)[: len(z1)], len(z1))


def takes_candidates_of_the_other_view_only(z1, z2):
    """Your candidates are the other view's embeddings only. The positive must beat all the other 2n - 1 views, those of
    its own kind included."""
    s, n = _cosines(z1, z2), len(z1)
    s[:n, :n] = s[n:, n:] = float("-inf")
    return _share(s, n)
