"""Lab 1, exercises `collapse` and `shortcut`: what the embeddings use, and what the pretext task sees in them."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from sslcourse.exercises.task import Exercise, Misconception
from sslcourse.labs.contrastive.tasks import TASKS


def effective_rank(features):
    sigma = torch.linalg.svdvals(features)
    share = sigma / sigma.sum()
    share = share[share > 0]  # 0 ln 0 = 0
    entropy = -(share * share.log()).sum()
    return entropy.exp().item()


def _rank_by_entr(features):
    sigma = torch.linalg.svd(features, full_matrices=False).S
    return float(torch.special.entr(sigma / sigma.sum()).sum().exp())


def _rank_with_epsilon(features):
    # As the RankMe paper writes it, with its small constant in place of 0 ln 0 = 0.
    sigma = torch.linalg.svdvals(features)
    share = sigma / sigma.abs().sum() + 1e-7
    return torch.exp(-torch.sum(share * torch.log(share))).item()


def _shares_to_rank(share):
    return torch.special.entr(share).sum().exp().item()


def _centred(features):
    return effective_rank(features - features.mean(dim=0))


def _squares(features):
    sigma = torch.linalg.svdvals(features).pow(2)
    return _shares_to_rank(sigma / sigma.sum())


def _entropy_only(features):
    sigma = torch.linalg.svdvals(features)
    return torch.special.entr(sigma / sigma.sum()).sum().item()


def _zero_log_zero(features):
    sigma = torch.linalg.svdvals(features)
    share = sigma / sigma.sum()
    return torch.exp(-(share * torch.where(share > 1e-12, share, 0.0).log()).sum()).item()


def _softmax(features):
    return _shares_to_rank(torch.linalg.svdvals(features).softmax(dim=0))


def _rank(features):
    return float(torch.linalg.matrix_rank(features))


def _base_two(features):
    sigma = torch.linalg.svdvals(features)
    share = sigma / sigma.sum()
    share = share[share > 0]
    return torch.exp(-(share * share.log2()).sum()).item()


def _participation(features):
    sigma = torch.linalg.svdvals(features)
    return (sigma.sum().pow(2) / sigma.pow(2).sum()).item()


def _rows_normalised(features):
    return effective_rank(F.normalize(features, dim=1))


def _rank_tensor(features):
    sigma = torch.linalg.svdvals(features)
    return torch.special.entr(sigma / sigma.sum()).sum().exp()


COLLAPSE = Exercise(
    task=TASKS["contrastive.collapse"],
    reference=effective_rank,
    misconceptions=(
        Misconception(
            "centred",
            _centred,
            "You subtract the mean first. RankMe takes the features as they are: then the complete collapse to one "
            "point has rank 1, and centring would leave only zeros.",
        ),
        Misconception(
            "squared singular values",
            _squares,
            "Your shares are of *squared* singular values (the variances). RankMe takes the singular values "
            "themselves.",
        ),
        Misconception(
            "entropy only",
            _entropy_only,
            "You return the entropy. Its exponential is the effective rank: k equal singular values have entropy ln "
            "k, and the rank should be k.",
        ),
        Misconception(
            "0 ln 0 is NaN",
            _zero_log_zero,
            "With a singular value of zero your result is NaN or infinite: 0 * log(0) is NaN in floating point. Leave "
            "out the shares that are 0 (or use `torch.special.entr`).",
        ),
        Misconception(
            "softmax",
            _softmax,
            "You turn singular values into shares by a softmax. Divide them by their sum.",
        ),
        Misconception(
            "counts non-zero singular values",
            _rank,
            "That is the ordinary rank: how many singular values are not zero. The effective rank weighs them: a very "
            "small one should hardly count.",
        ),
        Misconception(
            "logarithm to base 2",
            _base_two,
            "The entropy is in bits (log2) but the exponential is to base e. Use the natural logarithm.",
        ),
        Misconception(
            "participation ratio",
            _participation,
            "(sum of sigma)^2 / (sum of sigma^2) is another effective rank, the participation ratio. Here it is "
            "exp(entropy of the shares).",
        ),
        Misconception(
            "rows normalised",
            _rows_normalised,
            "You scale the rows to length 1 first. RankMe takes the features as they are.",
        ),
        Misconception(
            "returns a tensor",
            _rank_tensor,
            "The number is right, but it is a tensor. Return a Python float: `.item()` or `float(...)`.",
        ),
    ),
    variants=(_rank_by_entr, _rank_with_epsilon),
    hints=(
        (
            "The singular values say how far the features reach in each direction. Turned into shares of their sum "
            "they are a distribution, and the exponential of its entropy is the number of equally used directions it "
            "is worth."
        ),
        "p_k = sigma_k / sum sigma; effective rank = exp(-sum p_k ln p_k), where p_k = 0 adds nothing.",
        (
            "`sigma = torch.linalg.svdvals(features)`; divide by the sum; keep the shares above 0; `-(share * "
            "share.log()).sum()`; `.exp().item()`."
        ),
    ),
    # Wide enough that a small constant inside the logarithm, as in the paper, is no mistake.
    tolerances={torch.float64: (1e-4, 1e-5), torch.float32: (1e-3, 1e-4)},
)


def contrastive_accuracy(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
    view = torch.arange(len(z))
    positive = (view + len(z1)) % len(z)
    similarity = z @ z.T
    of_positive = similarity[view, positive]
    similarity[view, view] = float("-inf")
    similarity[view, positive] = float("-inf")
    best_other = similarity.max(dim=1).values
    return (of_positive > best_other).double().mean().item()


def _accuracy_by_counting(z1, z2):
    views = [row / row.norm() for row in [*z1, *z2]]
    n, found = len(z1), 0
    for i, view in enumerate(views):
        j = (i + n) % (2 * n)
        rivals = [float(view @ views[k]) for k in range(2 * n) if k not in (i, j)]
        found += all(float(view @ views[j]) > rival for rival in rivals)
    return found / (2 * n)


def _accuracy_by_rank(z1, z2):
    z = torch.cat([z1, z2])
    similarity = F.cosine_similarity(z[:, None], z[None], dim=2)
    mate = torch.eye(len(z), dtype=torch.bool).roll(len(z1), dims=1)
    at_least = (similarity >= similarity[mate][:, None]) & ~torch.eye(len(z), dtype=torch.bool)
    return float((at_least.sum(dim=1) == 1).sum()) / len(z)


def _similarity(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T, torch.arange(len(z)).roll(len(z1))


def _share(correct):
    return correct.double().mean().item()


def _with_itself(z1, z2):
    similarity, positive = _similarity(z1, z2)
    return _share(similarity.argmax(dim=1) == positive)


def _argmax(z1, z2):
    similarity, positive = _similarity(z1, z2)
    return _share(similarity.fill_diagonal_(float("-inf")).argmax(dim=1) == positive)


def _ties_count(z1, z2):
    similarity, positive = _similarity(z1, z2)
    similarity.fill_diagonal_(float("-inf"))
    return _share(similarity[torch.arange(len(positive)), positive] >= similarity.max(dim=1).values)


def _first_views(z1, z2):
    similarity, positive = _similarity(z1, z2)
    rows, columns = torch.arange(len(z1)), positive[: len(z1)]
    of_positive = similarity[rows, columns]
    similarity.fill_diagonal_(float("-inf"))[rows, columns] = float("-inf")
    return _share(of_positive > similarity[: len(z1)].max(dim=1).values)


def _across_views(z1, z2):
    similarity = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    both = torch.cat([similarity, similarity.T])
    own = torch.eye(len(z1), dtype=torch.bool).repeat(2, 1)
    return _share(both[own] > both.masked_fill(own, float("-inf")).max(dim=1).values)


def _dot_products(z1, z2):
    z = torch.cat([z1, z2])
    similarity, positive = z @ z.T, torch.arange(len(z)).roll(len(z1))
    rows = torch.arange(len(z))
    of_positive = similarity[rows, positive]
    similarity.fill_diagonal_(float("-inf"))[rows, positive] = float("-inf")
    return _share(of_positive > similarity.max(dim=1).values)


def _percent(z1, z2):
    return 100 * contrastive_accuracy(z1, z2)


def _least_similar(z1, z2):
    similarity, positive = _similarity(z1, z2)
    return _share(similarity.argmin(dim=1) == positive)


def _above_mean(z1, z2):
    similarity, positive = _similarity(z1, z2)
    rows = torch.arange(len(positive))
    others = (similarity.sum(dim=1) - similarity.diagonal() - similarity[rows, positive]) / (len(rows) - 2)
    return _share(similarity[rows, positive] > others)


def _accuracy_tensor(z1, z2):
    return torch.tensor(contrastive_accuracy(z1, z2))


SHORTCUT = Exercise(
    task=TASKS["contrastive.shortcut"],
    reference=contrastive_accuracy,
    misconceptions=(
        Misconception(
            "compares with itself",
            _with_itself,
            "Every view is most similar to itself, so nothing is ever found. Take the diagonal out first (-inf).",
        ),
        Misconception(
            "argmax decides ties",
            _argmax,
            "Right where all similarities differ. Among equals `argmax` takes the first in the list, which is the "
            "positive for some: a collapsed encoder would get credit for the order of the list. Ask that the positive "
            "be strictly greater than the best of the others.",
        ),
        Misconception(
            "ties count as found",
            _ties_count,
            "You count a tie as found (>=), so a collapsed encoder, to which all views look alike, gets 1.0. Ask for "
            "strictly more similar (>).",
        ),
        Misconception(
            "first views only",
            _first_views,
            "You ask for the n first views only. The second views must find their partners too: the share is of all "
            "2n.",
        ),
        Misconception(
            "candidates of the other view only",
            _across_views,
            "Your candidates are the other view's embeddings only. The positive must beat all the other 2n - 1 views, "
            "those of its own kind included.",
        ),
        Misconception(
            "dot products",
            _dot_products,
            "You compare dot products, so long embeddings win. The similarity is the cosine: scale every row to "
            "length 1.",
        ),
        Misconception(
            "percent",
            _percent,
            "Your result is in percent. A share between 0 and 1 is asked for.",
        ),
        Misconception(
            "least similar",
            _least_similar,
            "You look for the least similar view. The positive should be the most similar: the maximum.",
        ),
        Misconception(
            "more similar than the mean",
            _above_mean,
            "You ask whether the positive is more similar than the others are on average. It must beat the best of "
            "them.",
        ),
        Misconception(
            "returns a tensor",
            _accuracy_tensor,
            "The number is right, but it is a tensor. Return a Python float: `.item()` or `float(...)`.",
        ),
    ),
    variants=(_accuracy_by_counting, _accuracy_by_rank),
    hints=(
        (
            "For each of the 2n views: is there any view, other than itself and its partner, that is at least as similar "
            "to it as its partner?"
        ),
        (
            "accuracy = (1/2n) * number of i with s[i, p(i)] > max over k other than i and p(i) of s[i, k], s the cosine "
            "matrix."
        ),
        (
            "Cosine matrix of all 2n; read off `s[view, positive]`; then set `s[view, view]` and `s[view, positive]` "
            "to -inf and take `s.max(dim=1).values`; return the mean of `positive similarity > best other` as a float."
        ),
    ),
    tolerances={torch.float64: (1e-6, 1e-6), torch.float32: (1e-6, 1e-6)},
)
