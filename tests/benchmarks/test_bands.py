"""The ordinary range of a lab's numbers is the prediction interval of one new run."""

import importlib.util
import math
import statistics
from importlib import import_module
from pathlib import Path

import pytest
import torch

from sslcourse.evaluation.statistics import T_95
from sslcourse.models import build_encoder
from sslcourse.notebook.findings import final_range, final_runs, load_bands

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


@pytest.mark.parametrize("scale", ["smoke", "cpu", "gpu"])
def test_bounds_of_entropies_are_those_of_the_recorded_arms(scale):
    levels, removal = (import_module(f"sslcourse.labs.{lab}.arms").recipes(scale) for lab in ("two_levels", "removal"))
    assert {recipe.method.distillation.prototypes for recipe in levels.values()} == {script.PROTOTYPES}
    sides = {recipe.data.size // build_encoder(recipe.encoder.name).patch_size for recipe in removal.values()}
    assert {side**2 for side in sides} == {script.PATCHES}


@pytest.mark.parametrize("lab", script.LABS)
def test_recorded_ranges_lie_within_what_a_number_can_be(lab):
    for scale in ("smoke", "cpu"):
        for arm in load_bands(scale, lab).get("arms", {}).values():
            spans = [(name, low, high) for name, both in arm["curves"].items() for low, high in zip(*both.values())]
            spans += [(name, span["low"], span["high"]) for name, span in arm["final"].items()]
            for name, low, high in spans:
                lowest, highest = script.BOUNDS.get(name, (-math.inf, math.inf))
                assert script.rounded(lowest) <= low <= high <= script.rounded(highest), (scale, name)


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
