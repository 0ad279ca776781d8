"""Learning rates that were tried for the arms of claims: the same four for each, and beyond an end while it is best.

Each has one run of full length, with seed 0, which no verdict uses (or one with each of several such seeds, where an
arm may collapse with one and not with the next: `Claim.tried_with`), and is judged by the validation kNN. An arm that
reconstructs is there to ask what painting does: rates at which its decoder paints hardly better than each patch's mean
colour are passed over. `benchmarks/claim_rates.py` makes the runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean

from sslcourse.claims.claim import Arm
from sslcourse.claims.rows import LEDGER, append_line, read_lines
from sslcourse.training.experiment import Experiment

RATES = (1e-3, 2e-3, 4e-3, 8e-3)
ABOVE, BELOW = (16e-3, 32e-3), (5e-4, 25e-5)
PAINTS = 0.9  # a decoder's error at the end, below which it counts as painting: 1 is that of each patch's mean colour
RECORD = LEDGER / "rates.jsonl"


def trial(arm: Arm, data: str, scale: str, rate: float, seed: int = 0) -> Experiment:
    """The run in which a rate is tried for an arm: all else as in the claim.

    >>> trial(Arm("SimCLR", "simclr"), "objects", "smoke", 0.004).recipe.fit.learning_rate
    0.004
    """
    experiment = arm.experiment(data, scale, seed)
    recipe = experiment.recipe
    method, own = recipe.method, recipe.fit.learning_rate
    if getattr(method, "decodes", False):  # the decoder keeps the rate that it has
        method = replace(method, decoder_lr_scale=round(method.decoder_lr_scale * own / rate, 6))
    fit = replace(recipe.fit, learning_rate=rate)
    return replace(experiment, recipe=replace(recipe, fit=fit, method=method))


@dataclass(frozen=True)
class Tried:
    """What a rate's runs had at their end: kNN accuracy (None: one diverged), and the error of a decoder of pixels."""

    knn: float | None
    error: float | None = None
    runs: int = 1

    @property
    def serves(self) -> bool:
        """False where the run diverged, and where there is a decoder that does not paint."""
        return self.knn is not None and (self.error is None or self.error < PAINTS)


def tried(arm: Arm, data: str, scale: str, seeds: Sequence[int] = (0,)) -> dict[float, Tried]:
    """What each rate's runs had at their end, on the mean of `seeds`; a rate that was not run with each is left out."""
    record, found = _record(RECORD), {}
    for rate in BELOW[::-1] + RATES + ABOVE:
        rows = [record.get(trial(arm, data, scale, rate, seed).key) for seed in seeds]
        if all(rows):
            found[rate] = _mean(rows)
    return found


def _mean(rows: Sequence[Mapping]) -> Tried:
    """The mean of some runs at one rate."""
    diverged = any(not row["knn"] for row in rows)
    errors = [row["error"] for row in rows if "error" in row]
    knn = None if diverged else fmean(row["knn"][-1] for row in rows)
    return Tried(knn, fmean(errors) if errors else None, len(rows))


def best_rate(tried: Mapping[float, Tried]) -> float:
    """Of the rates that paint (or have nothing to paint) the one with the highest accuracy; of equal ones the first.

    Raises ValueError if there is none.

    >>> best_rate({0.001: Tried(0.4), 0.002: Tried(0.5), 0.004: Tried(0.5)})
    0.002
    >>> best_rate({0.002: Tried(0.4, error=0.8), 0.004: Tried(0.5, error=0.99)})
    0.002
    """
    serving = [rate for rate, each in tried.items() if each.serves]
    if not serving:
        raise ValueError(f"at no rate that was tried the run ended with a decoder that paints: {dict(tried)}")
    return max(serving, key=lambda rate: tried[rate].knn)


def is_recorded(experiment: Experiment) -> bool:
    """Whether the record has a line for this run."""
    return experiment.key in _record(RECORD)


def add_to_record(rows: Iterable[Mapping], path: Path = RECORD) -> None:
    """Add lines to the record."""
    for row in rows:
        append_line(row, path)
    _record.cache_clear()


@cache
def _record(path: Path) -> dict[str, dict]:
    """The rows of the record by the keys of their runs."""
    return {row["key"]: row for row in read_lines(path)}
