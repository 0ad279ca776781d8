"""Intervals and p values of paired differences, against scipy and counting by hand."""

import sys
from itertools import product

import numpy as np
import pytest

from sslcourse.evaluation.statistics import (
    bca_interval,
    paired_differences,
    paired_effect,
    sign_flip_p_value,
    smallest_p_value,
)

stats = pytest.importorskip("scipy.stats")


def drawn(n, seed=0, shift=0.3):
    return (np.random.default_rng(seed).standard_normal(n) + shift).tolist()


def test_p_values_are_counted_over_all_flips():
    for seed, n in enumerate((1, 2, 5, 8)):
        differences = drawn(n, seed)
        seen = abs(np.mean(differences))
        flips = [abs(np.mean(np.multiply(signs, differences))) for signs in product((1, -1), repeat=n)]
        assert sign_flip_p_value(differences) == np.mean([flip >= seen - 1e-12 for flip in flips])
        if n > 1:
            other = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
            assert sign_flip_p_value(differences) == pytest.approx(other.pvalue)


def test_the_smallest_p_value_is_reached_and_rounding_breaks_no_tie():
    for n in (1, 3, 6, 20):
        assert sign_flip_p_value([0.1 * (i + 1) for i in range(n)]) == smallest_p_value(n) == 2 / 2**n
    # 0.1 + 0.2 and 0.3 differ in binary: by the numbers meant, half of the flips tie with what was seen
    assert sign_flip_p_value([0.1, 0.2, -0.3]) == 1.0
    assert sign_flip_p_value([1e-5 * x for x in (1, 2, 3, 3)]) == sign_flip_p_value([1e5, 2e5, 3e5, 3e5]) == 2 / 16
    assert sign_flip_p_value([0.0] * 6) == 1.0


def test_the_test_is_exact_when_nothing_is_there():
    """Under the null hypothesis a p value of at most 2 / 32 comes up in at most that share of experiments."""
    found = [sign_flip_p_value(drawn(6, seed, shift=0)) for seed in range(2000)]
    assert np.mean(np.array(found) <= 2 / 64) == pytest.approx(2 / 64, abs=0.012)
    assert np.mean(np.array(found) <= 0.25) == pytest.approx(0.25, abs=0.03)


def test_the_interval_covers_the_mean_and_follows_shift_scale_and_sign():
    differences = drawn(12)
    low, high = bca_interval(differences)
    assert low < np.mean(differences) < high and (low, high) == bca_interval(differences)
    wide = bca_interval(differences, confidence=0.99)
    assert wide[0] < low and high < wide[1]
    moved = bca_interval([3 * d + 1 for d in differences])
    assert moved == pytest.approx((3 * low + 1, 3 * high + 1), rel=1e-3)
    mirrored = bca_interval([-d for d in differences])
    assert mirrored == pytest.approx((-high, -low), abs=0.03)  # other resamples, up to chance
    other = bca_interval(differences, generator=np.random.default_rng(5))
    assert other != (low, high) and other == pytest.approx((low, high), abs=0.05)


def test_the_interval_covers_as_often_as_such_small_samples_allow():
    inside = [low <= 0.3 <= high for low, high in (bca_interval(drawn(20, s), resamples=500) for s in range(200))]
    assert 0.87 <= np.mean(inside) <= 0.98


def test_equal_differences_are_their_own_interval():
    assert bca_interval([0.25] * 6) == (0.25, 0.25)
    assert bca_interval([0.1 + 0.2 - 0.3, 0.0]) != (0.0, 0.0)  # tiny, but not equal: scipy is asked
    low, high = bca_interval([0.3, 0.1 + 0.2, 0.3])
    assert low == high == pytest.approx(0.3)
    assert bca_interval([0.0] * 3) == (0.0, 0.0)


def test_arms_are_paired_by_seed_whatever_the_order():
    first, second = {2: 5.0, 0: 1.0, 1: 2.0}, {0: 0.5, 1: 0.5, 2: 0.5}
    assert paired_differences(first, second) == [0.5, 1.5, 4.5]
    effect = paired_effect(first, second)
    assert (effect.pairs, effect.mean, effect.p_value, effect.smallest_p) == (3, pytest.approx(6.5 / 3), 0.25, 0.25)
    assert effect.low < effect.mean < effect.high
    back = paired_effect(second, first)
    assert back.mean == -effect.mean and back.p_value == effect.p_value


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match=r"only the first has \[1\], only the second \[2, 3\]"):
        paired_differences({0: 1.0, 1: 1.0}, {0: 1.0, 2: 1.0, 3: 1.0})
    with pytest.raises(ValueError, match="must be finite"):
        paired_differences({0: float("nan")}, {0: 1.0})
    with pytest.raises(ValueError, match=r"at least 1 pair\(s\) are needed; got 0"):
        paired_differences({}, {})
    with pytest.raises(ValueError, match=r"at least 2 pair\(s\)"):
        bca_interval([1.0])
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1; got 95"):
        bca_interval([1.0, 2.0], confidence=95)
    with pytest.raises(ValueError, match="at most 20 pairs; got 21"):
        sign_flip_p_value([1.0] * 21)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError, match="needs scipy; install it with: pip install 'sslcourse"):
        bca_interval([1.0, 2.0])
