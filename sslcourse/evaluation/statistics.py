"""Is one arm better than another? Differences of pairs that share a seed, their interval and their p value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST_PAIRS = 20  # 2^20 sums of flipped differences, 8 MB
# Student's t, two-sided 95 %, by the number of values; between two entries the wider one counts.
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262, 12: 2.201}
T_95 |= {15: 2.145, 20: 2.093, 30: 2.045}


@dataclass(frozen=True)
class PairedEffect:
    """What `pairs` pairs say of first - second: `mean`, its interval `low` to `high`, the two-sided `p_value` and the
    `smallest_p` that so few pairs could have given."""

    pairs: int
    mean: float
    low: float
    high: float
    p_value: float
    smallest_p: float


def paired_effect(
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    confidence: float = 0.95,
    resamples: int = 9999,
    generator: np.random.Generator | None = None,
) -> PairedEffect:
    """The mean difference of two arms over seeds, with its BCa interval and the p value of the sign-flip test.

    `first` and `second` map each seed to a figure of the arm's run, in any unit. Raises as `paired_differences`,
    `bca_interval` and `sign_flip_p_value`.

    >>> first, second = {0: 0.8, 1: 0.9, 2: 0.7}, {0: 0.6, 1: 0.6, 2: 0.6}
    >>> effect = paired_effect(first, second)
    >>> round(effect.mean, 3), effect.p_value == effect.smallest_p == 0.25
    (0.2, True)
    """
    differences = paired_differences(first, second)
    low, high = bca_interval(differences, confidence=confidence, resamples=resamples, generator=generator)
    pairs = len(differences)
    mean = math.fsum(differences) / pairs
    return PairedEffect(pairs, mean, low, high, sign_flip_p_value(differences), smallest_p_value(pairs))


def students_t(count: int) -> float:
    """The factor by which a standard error from `count` values is multiplied for a 95 % interval; NaN for fewer than 2.

    >>> students_t(6), students_t(11)
    (2.571, 2.262)
    """
    return next((T_95[known] for known in sorted(T_95, reverse=True) if known <= count), math.nan)


def paired_differences(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """first - second for each seed, in ascending order of the seeds.

    Raises ValueError if the two do not have the same seeds (a pair with one half missing is no pair) or hold a number
    that is not finite.

    >>> paired_differences({1: 3.0, 0: 5.0}, {0: 1.0, 1: 1.0})
    [4.0, 2.0]
    """
    if first.keys() != second.keys():
        only_first, only_second = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
        raise ValueError(
            f"both arms need the same seeds; only the first has {only_first}, only the second {only_second}. "
            "Run the missing ones, or leave both halves of the pair out"
        )
    return _checked([float(first[seed]) - float(second[seed]) for seed in sorted(first)], 1)


def bca_interval(
    differences: Sequence[float],
    *,
    confidence: float = 0.95,
    resamples: int = 9999,
    generator: np.random.Generator | None = None,
) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap interval of the mean of at least two differences: (low, high).

    Without a `generator` a fixed seed is used: the same differences give the same interval. Where all differences are
    equal BCa is undefined, since every resample has the same mean: that mean is then both ends. With few pairs the
    interval is too narrow; read it beside the p value. Raises ValueError on fewer than two differences, one that is not
    finite or a confidence outside (0, 1), and ImportError without scipy.

    Source: Efron 1987, "Better Bootstrap Confidence Intervals", by `scipy.stats.bootstrap`.

    >>> low, high = bca_interval([0.1, 0.2, 0.3, 0.2, 0.1, 0.4])
    >>> 0.1 < low < 0.2167 < high < 0.4
    True
    >>> bca_interval([0.5, 0.5, 0.5])
    (0.5, 0.5)
    """
    differences = _checked(differences, 2)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1; got {confidence}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1; got {resamples}")
    spread = max(differences) - min(differences)
    if spread <= 1e-12 * max(map(abs, differences)):  # equal but for rounding
        mean = math.fsum(differences) / len(differences)
        return mean, mean
    try:
        from scipy.stats import bootstrap
    except ImportError as error:
        message = "the bootstrap interval needs scipy; install it with: pip install 'sslcourse[claims]'"
        raise ImportError(message) from error
    generator = np.random.default_rng(0) if generator is None else generator
    sample = (np.array(differences),)
    found = bootstrap(
        sample, np.mean, confidence_level=confidence, n_resamples=resamples, method="BCa", rng=generator
    ).confidence_interval
    return float(found.low), float(found.high)


def sign_flip_p_value(differences: Sequence[float]) -> float:
    """The exact two-sided p value of the mean difference, over all 2^n ways to flip the signs of the n differences.

    If neither arm were better, each difference would have had either sign equally often; the p value is the share of
    the flips whose mean is at least as far from 0 as the one seen. It cannot go below `smallest_p_value(n)`. Flips
    whose sums differ by rounding alone count as equal. Raises ValueError on no difference, on more than 20, and on one
    that is not finite.

    Source: Fisher 1935, "The Design of Experiments", section 21.

    >>> sign_flip_p_value([1.0, 2.0, 3.0]), sign_flip_p_value([1.0, -1.0])
    (0.25, 1.0)
    """
    differences = _checked(differences, 1)
    if len(differences) > MOST_PAIRS:
        raise ValueError(f"the exact test takes at most {MOST_PAIRS} pairs; got {len(differences)}")
    scale = max(map(abs, differences)) or 1.0
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference / scale, sums - difference / scale])
    return float((np.abs(sums) >= abs(sums[0]) - 1e-9).mean())  # sums[0] has no sign flipped


def smallest_p_value(pairs: int) -> float:
    """The smallest two-sided p value that a sign-flip test over this many pairs can give: 2 / 2^pairs.

    >>> smallest_p_value(3), smallest_p_value(6)
    (0.25, 0.03125)
    """
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1; got {pairs}")
    return 2.0 ** (1 - pairs)


def _checked(differences: Sequence[float], least: int) -> list[float]:
    """The differences as floats; raises ValueError if there are too few or one is not finite."""
    differences = [float(difference) for difference in differences]
    if len(differences) < least:
        raise ValueError(f"at least {least} pair(s) are needed; got {len(differences)}")
    if not all(map(math.isfinite, differences)):
        raise ValueError(f"every difference must be finite; got {differences}")
    return differences
