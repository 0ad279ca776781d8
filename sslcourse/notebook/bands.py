"""What is ordinary: the range in which 95 of 100 new runs lie, shown beside a student's own run."""

from __future__ import annotations

import json
import statistics
from importlib import resources
from math import inf

Bands = dict
FEWEST_RUNS = 6
# Student's t, two-sided 95 %, by the number of runs; between two entries the wider one counts.
T_95 = {6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262, 12: 2.201, 15: 2.145, 20: 2.093, 30: 2.045}

# What a number can be at all.
BOUNDS = {
    **dict.fromkeys(("knn", "contrastive_accuracy"), (0.0, 1.0)),
    **dict.fromkeys(("positive_cosine", "negative_cosine"), (-1.0, 1.0)),
    **dict.fromkeys(("channel_std", "alignment"), (0.0, inf)),
    "effective_rank": (1.0, inf),
    "uniformity": (-inf, 0.0),
}


def load_bands(scale: str, lab: str) -> Bands:
    """The ordinary ranges of a lab at one scale: `arms`, each with `steps`, `curves` and `final`; empty where there are none.

    >>> load_bands("no such scale", "contrastive")
    {}
    """
    path = resources.files(f"sslcourse.labs.{lab}") / "bands.json"
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["scales"].get(scale, {})


def final_range(bands: Bands, arm: str, name: str) -> tuple[float, float] | None:
    """The ordinary range of a number at the end of a run, or None where it was not measured.

    >>> final_range({}, "baseline", "knn") is None
    True
    """
    found = bands.get("arms", {}).get(arm, {}).get("final", {}).get(name)
    return (found["low"], found["high"]) if found else None


def summarise(runs: list[tuple[list[dict], dict]]) -> Bands:
    """The ordinary range of every number of every row, and at the end, from the (rows, final numbers) of at least 6 runs.

    Raises ValueError for fewer runs, and for rows at different steps.

    >>> band = summarise([([{"step": 0, "loss": x}], {"loss": x}) for x in (1.0, 2.0, 3.0, 1.0, 2.0, 3.0)])
    >>> [round(band["final"]["loss"][name], 2) for name in ("low", "mean", "high")]
    [-0.48, 2.0, 4.48]
    """
    if len(runs) < FEWEST_RUNS:
        raise ValueError(f"a range needs at least {FEWEST_RUNS} runs; got {len(runs)}")
    steps = [row["step"] for row in runs[0][0]]
    if any([row["step"] for row in rows] != steps for rows, _ in runs):
        raise ValueError("the runs were measured at different steps; measure all seeds with the same settings")
    names = [name for name in runs[0][0][0] if name != "step"]
    curves = {}
    for name in names:
        spans = [interval([rows[i][name] for rows, _ in runs], name) for i in range(len(steps))]
        curves[name] = {end: [span[end] for span in spans] for end in ("low", "high")}
    final = {name: interval([numbers[name] for _, numbers in runs], name) for name in runs[0][1]}
    return {"steps": steps, "curves": curves, "final": final}


def interval(values: list[float], name: str = "") -> dict[str, float]:
    """The 95 % prediction interval of one new value, mean plus and minus t s sqrt(1 + 1/n), within what `name` can be.

    >>> interval([0.9, 0.95, 1.0, 0.9, 0.95, 1.0], "knn")["high"]
    1.0
    """
    count, mean = len(values), statistics.fmean(values)
    t = next(T_95[known] for known in sorted(T_95, reverse=True) if known <= count)
    reach = t * statistics.stdev(values) * (1 + 1 / count) ** 0.5
    lowest, highest = BOUNDS.get(name, (-inf, inf))
    return {"low": max(lowest, mean - reach), "mean": mean, "high": min(highest, mean + reach)}
