"""The ordinary range of a lab's numbers is the prediction interval of one new run."""

import statistics

import pytest

from sslcourse.notebook.bands import BOUNDS, T_95, interval


def test_it_is_the_prediction_interval_within_what_a_number_can_be():
    stats = pytest.importorskip("scipy.stats")
    assert all(t == pytest.approx(stats.t.ppf(0.975, count - 1), abs=6e-4) for count, t in T_95.items())
    values = [0.2, 0.5, 0.4, 0.9, 0.7, 0.3]
    expected = stats.t.interval(0.95, 5, statistics.mean(values), statistics.stdev(values) * (1 + 1 / 6) ** 0.5)
    found = interval(values)
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-3)
    for name, bounds in BOUNDS.items():
        clipped = interval([10 * value - 5 for value in values], name)
        assert bounds[0] <= clipped["low"] and clipped["high"] <= bounds[1]
