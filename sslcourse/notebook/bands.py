"""What is ordinary: the range in which 95 of 100 new runs lie, shown beside a student's own run."""

from __future__ import annotations

import json
from importlib import resources

Bands = dict


def load_bands(scale: str, lab: str) -> Bands:
    """The ordinary ranges of a lab at one scale, as `benchmarks/bands.py` measured them; empty where there are none.

    They hold `arms`, each with `steps`, `curves` and `final`.

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
