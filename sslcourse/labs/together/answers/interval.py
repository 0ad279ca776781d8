"""Lab 7, exercise `interval`: the mean difference of pairs, and how far chance may have moved it."""

import torch

HINTS = (
    "A pair is one number: the difference of two runs of one seed. Take all differences first; a pair with one "
    "half missing has none. From there on a and b are not needed any more.",
    "d = a - b without the NaN, m of them. low and high = mean(d) -/+ t * s / sqrt(m), with s^2 = sum of (d - "
    "mean)^2 / (m - 1): one is taken off m, because the mean came from the same numbers.",
    "`d = (a - b)[~(a - b).isnan()]`; `reach = t * d.std() / len(d) ** 0.5`; return `torch.stack([d.mean() - "
    "reach, d.mean() + reach])`.",
)


def paired_interval(a, b, t):
    d = a - b
    d = d[~d.isnan()]  # a pair with one half missing is no pair
    reach = t * d.std() / len(d) ** 0.5
    return torch.stack([d.mean() - reach, d.mean() + reach])


def by_sums(a, b, t):
    there = torch.isfinite(a) & torch.isfinite(b)
    m = int(there.sum())
    d = torch.where(there, a - b, 0.0)
    mean = d.sum() / m
    variance = (torch.where(there, d - mean, 0.0) ** 2).sum() / (m - 1)
    return mean + t * (variance / m).sqrt() * torch.tensor([-1.0, 1.0], dtype=a.dtype)


def pair_by_pair(a, b, t):
    differences = [x - y for x, y in zip(a.tolist(), b.tolist()) if x == x and y == y]
    m = len(differences)
    mean = sum(differences) / m
    spread = sum((each - mean) ** 2 for each in differences) / (m - 1)
    reach = t * (spread / m) ** 0.5
    return torch.tensor([mean - reach, mean + reach], dtype=a.dtype)


def _differences(a, b):
    d = a - b
    return d[~d.isnan()]


def _around(mean, reach):
    return torch.stack([mean - reach, mean + reach])


def divides_by_the_number_of_pairs(a, b, t):
    """Your variance divides by m, the number of pairs. The mean was taken from the same pairs, so one of them is spent:
    divide by m - 1 (`std` does so unless told otherwise). With few pairs that matters."""
    d = _differences(a, b)
    return _around(d.mean(), t * d.std(correction=0) / len(d) ** 0.5)


def forgets_the_root_of_m(a, b, t):
    """You take t times the spread of *single* pairs. The mean of m pairs is steadier than one of them: divide by the
    root of m."""
    d = _differences(a, b)
    return _around(d.mean(), t * d.std())


def divides_by_m_without_the_root(a, b, t):
    """You divide the spread by m. It shrinks with the *root* of m: four times as many pairs, half the interval."""
    d = _differences(a, b)
    return _around(d.mean(), t * d.std() / len(d))


def forgets_the_pairs(a, b, t):
    """That is the interval of two unpaired groups: the spread of a and that of b, added. What the two runs of a seed
    have in common should drop out: take the spread of the *differences*."""
    d = _differences(a, b)
    first, second = a[~(a - b).isnan()], b[~(a - b).isnan()]
    return _around(d.mean(), t * ((first.var() + second.var()) / len(d)).sqrt())


def compares_two_groups(a, b, t):
    """That is the interval of two unpaired groups, each of all its own runs. What the two runs of a seed have in common
    should drop out: take the differences first, of the complete pairs, and their spread."""
    first, second = a[~a.isnan()], b[~b.isnan()]
    return _around(first.mean() - second.mean(), t * (first.var() / len(first) + second.var() / len(second)).sqrt())


def takes_the_second_minus_the_first(a, b, t):
    """The difference is the wrong way round: a - b is asked for, positive where a is better."""
    d = _differences(b, a)
    return _around(d.mean(), t * d.std() / len(d) ** 0.5)


def takes_the_normal_distribution(a, b, t):
    """You use 1.96, which is right for hundreds of pairs. With few, the spread is itself uncertain, and Student's t is
    larger: use `t`."""
    d = _differences(a, b)
    return _around(d.mean(), 1.96 * d.std() / len(d) ** 0.5)


def takes_the_variance(a, b, t):
    """You use the variance, whose unit is that of the figures squared. Take its root, the standard deviation."""
    d = _differences(a, b)
    return _around(d.mean(), t * d.var() / len(d) ** 0.5)


def counts_missing_runs_as_0(a, b, t):
    """You count a run that is missing as 0. Nothing is known of it: a pair with one half missing is no pair, and is
    left out whole."""
    d = a.nan_to_num() - b.nan_to_num()
    return _around(d.mean(), t * d.std() / len(d) ** 0.5)


def counts_pairs_that_are_not_complete(a, b, t):
    """You divide by the root of the number of *all* seeds. Pairs with a missing half tell nothing: count only those
    that are complete."""
    d = _differences(a, b)
    return _around(d.mean(), t * d.std() / len(a) ** 0.5)


def pairs_what_is_left(a, b, t):
    """You leave missing runs out of each arm by itself, so that runs of *different* seeds meet in a pair. Take a - b
    first: where it is NaN there is no pair."""
    d = a[~a.isnan()] - b[~b.isnan()]
    return _around(d.mean(), t * d.std() / len(d) ** 0.5)


def averages_each_arm_by_itself(a, b, t):
    """You take the mean of each arm over the runs that *it* has. The two then rest on other seeds, and what the seeds
    do looks like an effect. Leave the pairs out that are not complete."""
    d = _differences(a, b)
    return _around(a.nanmean() - b.nanmean(), t * d.std() / len(d) ** 0.5)


def returns_the_mean_and_the_reach(a, b, t):
    """You return the mean and how far the interval reaches from it. Asked for are its two ends."""
    d = _differences(a, b)
    return torch.stack([d.mean(), t * d.std() / len(d) ** 0.5])
