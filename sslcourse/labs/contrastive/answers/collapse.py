"""Lab 1, exercise `collapse`: how many dimensions the features really use."""

import torch

HINTS = (
    "The singular values say how far the features reach in each direction. Turned into shares of their sum they are a "
    "distribution, and the exponential of its entropy is the number of equally used directions it is worth.",
    "p_k = sigma_k / sum sigma; effective rank = exp(-sum p_k ln p_k), where p_k = 0 adds nothing.",
    "`sigma = torch.linalg.svdvals(features)`; divide by the sum; `torch.special.entr(p)` is -p ln p, and 0 at p = 0; "
    "`.sum().exp().item()`.",
)
# Wide enough that a small constant inside the logarithm, as in the paper, is no mistake.
TOLERANCES = {torch.float64: (1e-4, 1e-5), torch.float32: (1e-3, 1e-4)}


def effective_rank(features):
    sigma = torch.linalg.svdvals(features)
    p = sigma / sigma.sum()
    return torch.special.entr(p).sum().exp().item()  # entr(p) = -p ln p, and 0 at p = 0


def without_the_zeros(features):
    sigma = torch.linalg.svd(features, full_matrices=False).S
    share = sigma / sigma.sum()
    share = share[share > 0]
    return float((-(share * share.log()).sum()).exp())


def with_the_constant_of_the_paper(features):
    sigma = torch.linalg.svdvals(features)
    share = sigma / sigma.abs().sum() + 1e-7  # RankMe, equation 1
    return torch.exp(-torch.sum(share * torch.log(share))).item()


def _rank_of(values):
    return torch.special.entr(values / values.sum()).sum().exp().item()


def subtracts_the_mean(features):
    """You subtract the mean first. RankMe takes the features as they are: then the complete collapse to one point has
    rank 1, and centring would leave only zeros."""
    return effective_rank(features - features.mean(dim=0))


def squares_the_singular_values(features):
    """Your shares are of *squared* singular values (the variances). RankMe takes the singular values themselves."""
    return _rank_of(torch.linalg.svdvals(features).square())


def takes_eigenvalues_of_the_covariance(features):
    """Your shares are eigenvalues of the covariance: of centred features, and squared. RankMe takes the singular values
    of the features as they are."""
    return _rank_of(torch.linalg.svdvals(features - features.mean(dim=0)).square())


def returns_the_entropy(features):
    """You return the entropy. Its exponential is the effective rank: k equal singular values have entropy ln k, and the
    rank should be k."""
    sigma = torch.linalg.svdvals(features)
    return torch.special.entr(sigma / sigma.sum()).sum().item()


def takes_the_logarithm_of_the_singular_values(features):
    """The logarithm is of sigma, not of the shares. In the entropy both factors are the share: -sum of p ln p."""
    sigma = torch.linalg.svdvals(features)
    return torch.xlogy(sigma / sigma.sum(), sigma).sum().neg().exp().item()


def divides_by_the_largest(features):
    """You divide by the largest singular value. Shares are parts of the *sum*: they add up to 1."""
    sigma = torch.linalg.svdvals(features)
    return torch.special.entr(sigma / sigma.max()).sum().exp().item()


def counts_the_singular_values(features):
    """That is the ordinary rank: how many singular values are not (nearly) zero. The effective rank weighs them: a
    small one hardly counts."""
    return float(torch.linalg.matrix_rank(features))
