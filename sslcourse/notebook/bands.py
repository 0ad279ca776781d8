"""The range that three seeds gave, shown beside a student's own run."""

from __future__ import annotations

import json
from importlib import resources

Bands = dict


def load_bands(scale: str, lab: str = "contrastive") -> Bands:
    """What three seeds gave at one scale: `arms`, each with `steps`, `curves` and `final`; empty where none were measured.

    >>> load_bands("no such scale")
    {}
    """
    path = resources.files(f"sslcourse.labs.{lab}") / "bands.json"
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["scales"].get(scale, {})


def summarise(runs: list[dict]) -> Bands:
    """The lowest, middle and highest value of every curve and every final number over the seeds of one arm.

    Each run is `{"rows": [{"step": ..., name: number}], "final": {name: number}}`; all have the same steps.

    >>> band = summarise([{"rows": [{"step": 0, "loss": x}], "final": {"knn": x}} for x in (3.0, 1.0, 2.0)])
    >>> band["steps"], band["curves"]["loss"]["low"], band["final"]["knn"]["median"]
    ([0], [1.0], 2.0)
    """
    steps = [row["step"] for row in runs[0]["rows"]]
    for run in runs:
        if [row["step"] for row in run["rows"]] != steps:
            raise ValueError("the runs were measured at different steps; measure all seeds with the same settings")
    names = [name for name in runs[0]["rows"][0] if name != "step"]
    columns = {name: [[run["rows"][i][name] for run in runs] for i in range(len(steps))] for name in names}
    curves = {
        name: {
            "low": [min(values) for values in column],
            "median": [_median(values) for values in column],
            "high": [max(values) for values in column],
        }
        for name, column in columns.items()
    }
    final = {}
    for name in runs[0]["final"]:
        values = [run["final"][name] for run in runs]
        final[name] = {"low": min(values), "median": _median(values), "high": max(values), "values": values}
    return {"steps": steps, "curves": curves, "final": final}


def final_range(bands: Bands, arm: str, name: str) -> tuple[float, float] | None:
    """Lowest and highest value of a final number over the seeds, or None where it was not measured.

    >>> final_range({}, "baseline", "knn") is None
    True
    """
    found = bands.get("arms", {}).get(arm, {}).get("final", {}).get(name)
    return (found["low"], found["high"]) if found else None


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
