"""Learning rates that were tried for the arms of claims: the same four for each, and twice the last while it is best.

Each has one run of full length, with seed 0, which no verdict uses, and is judged by the validation kNN.
`benchmarks/claim_rates.py` makes the runs.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from sslcourse.claims.claim import Arm
from sslcourse.claims.rows import LEDGER
from sslcourse.files import write_atomically
from sslcourse.training.experiment import Experiment

RATES = (1e-3, 2e-3, 4e-3, 8e-3)
BEYOND = (16e-3, 32e-3)
RECORD = LEDGER / "rates.jsonl"


def trial(arm: Arm, data: str, scale: str, rate: float) -> Experiment:
    """The run in which a rate is tried for an arm: all else as in the claim.

    >>> trial(Arm("SimCLR", "simclr"), "objects", "smoke", 0.004).recipe.fit.learning_rate
    0.004
    """
    experiment = arm.experiment(data, scale, seed=0)
    return replace(
        experiment, recipe=replace(experiment.recipe, fit=replace(experiment.recipe.fit, learning_rate=rate))
    )


def tried(arm: Arm, data: str, scale: str) -> dict[float, float]:
    """The kNN accuracy at the end of each rate's run; those that were not run are left out."""
    record = _record(RECORD)
    found = {rate: record.get(trial(arm, data, scale, rate).key) for rate in RATES + BEYOND}
    return {rate: row["knn"][-1] for rate, row in found.items() if row}


def best_rate(tried: Mapping[float, float]) -> float:
    """The rate with the highest accuracy; of equal ones the first.

    >>> best_rate({0.001: 0.4, 0.002: 0.5, 0.004: 0.5})
    0.002
    """
    return max(tried, key=lambda rate: tried[rate])


def add_to_record(rows: Iterable[Mapping], path: Path = RECORD) -> None:
    """Add lines to the record."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    write_atomically(path, "".join(f"{line}\n" for line in [*lines, *map(json.dumps, rows)]))
    _record.cache_clear()


@cache
def _record(path: Path) -> dict[str, dict]:
    """The rows of the record by the keys of their runs."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}
