"""The ordinary range of a lab's numbers is the prediction interval of one new run."""

import importlib.util
import statistics
from pathlib import Path

import pytest
import torch

from sslcourse.evaluation.statistics import T_95
from sslcourse.notebook.findings import final_range, final_runs

SPEC = importlib.util.spec_from_file_location("bands_script", Path(__file__).parents[2] / "benchmarks" / "bands.py")
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)


def test_it_is_the_prediction_interval_within_what_a_number_can_be():
    stats = pytest.importorskip("scipy.stats")
    assert all(t == pytest.approx(stats.t.ppf(0.975, count - 1), abs=6e-4) for count, t in T_95.items())
    values = [0.2, 0.5, 0.4, 0.9, 0.7, 0.3]
    expected = stats.t.interval(0.95, 5, statistics.mean(values), statistics.stdev(values) * (1 + 1 / 6) ** 0.5)
    found = script.interval(values)
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-3)
    for name, bounds in script.BOUNDS.items():
        clipped = script.interval([10 * value - 5 for value in values], name)
        assert bounds[0] <= clipped["low"] and clipped["high"] <= bounds[1]


def test_a_prediction_interval_holds_19_of_20_new_runs():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(4000, 7, generator=generator, dtype=torch.float64)
    spans = [script.interval(row[:6].tolist()) for row in draws]
    held = sum(span["low"] <= row[6] <= span["high"] for span, row in zip(spans, draws, strict=True))
    assert held / len(draws) == pytest.approx(0.95, abs=0.01)


def test_bands_refuse_too_few_runs_and_other_steps():
    runs = [([{"step": 0, "loss": x}, {"step": 10, "loss": x + 1}], {"knn": x}) for x in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    band = script.summarise(runs)
    assert band["steps"] == [0, 10] and band["curves"]["loss"]["low"][1] == band["curves"]["loss"]["low"][0] + 1
    assert final_range({"arms": {"x": band}}, "x", "knn") == (band["final"]["knn"]["low"], band["final"]["knn"]["high"])
    assert final_runs({"arms": {"x": band}}, "x", "knn") == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    with pytest.raises(ValueError, match="at least 6"):
        script.summarise(runs[:5])
    with pytest.raises(ValueError, match="different steps"):
        script.summarise([*runs[:5], ([{"step": 0, "loss": 1.0}], {"knn": 1.0})])
