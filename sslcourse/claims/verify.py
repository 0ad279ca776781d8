"""Does the ledger reproduce? Runs drawn by lot are trained again and every figure is compared."""

import math
import random
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslcourse.claims.claim import Claim
from sslcourse.claims.measures import MEASURES, missing
from sslcourse.claims.rows import latest, read_rows
from sslcourse.claims.runner import Order, orders, place_of, run_orders

NEVER_EQUAL = ("log.seconds", "log.images_per_second", "log.data_wait")  # they differ each time
CLOCK = 0.2  # of a ratio of times: on another kind of processor some were .15 off
PARTED = 2.5  # in smallest effects that count, of the log's columns: runs of two kinds of processor parted by up to 2.3
ON_PAGES = ("curve", "images", "steps", "alarms")  # what a page shows besides figures; equal where those are exact
SAME = ("device", "threads", "versions", "precision")  # where these agree, figures must agree exactly


@dataclass(frozen=True)
class Repeated:
    """A run of the ledger and its repetition: how many figures were compared, exactly or not, and which differ.

    `timed` of those compared are by the clock, and never exact.
    """

    name: str
    exactly: bool
    compared: int
    differ: tuple[str, ...]
    timed: int = 0

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare and nothing differs."""
        return self.compared > 0 and not self.differ

    def __str__(self) -> str:
        how = "exactly" if self.exactly else "within the tolerances (another machine or torch)"
        if not self.compared:
            return f"{self.name}: the repetition gave no figures"
        if self.timed:
            how += f" ({self.timed} by the clock, within {CLOCK:g})"
        if self.agrees:
            return f"{self.name}: {self.compared} figures agree {how}"
        return "\n  ".join([f"{self.name}: {len(self.differ)} of {self.compared} do not agree {how}", *self.differ])


def verify(
    claims: Sequence[Claim],
    scale: str,
    ledger: Path,
    *,
    draw: int | None = None,
    count: int = 3,
    workers: int = 1,
    device: str = "auto",
) -> list[Repeated]:
    """Repeat `count` runs of the ledger, drawn by the seed `draw` (printed) among those that count and can run here.

    Of a run that was made on several devices, the row of this one is taken, if there is one. Raises ValueError if no
    run can be drawn.
    """
    if count < 1:
        raise ValueError(f"at least one run must be repeated; got --rows {count}")
    draw = secrets.randbelow(10**6) if draw is None else draw
    rows = latest(read_rows(scale, ledger))
    anywhere = {row["key"]: row for row in rows.values()}
    there = {}
    seeds, data = (sorted({row[name] for row in rows.values()}) for name in ("seed", "data"))
    for order in orders(claims, scale, seeds, data, device):
        row = rows.get(place_of(order)) or anywhere.get(order.experiment.key)
        if row is not None and not missing(order.data, order.measures) and order.claims.items() & row["claims"].items():
            there[order.experiment.key] = order, row
    if not there:
        raise ValueError(f"the ledger has no run of these claims at scale {scale} that counts; make one by claims run")
    least: dict[str, float] = {}
    for contrast in (contrast for claim in claims for contrast in claim.contrasts):
        least[contrast.measure] = min(contrast.least, least.get(contrast.measure, math.inf))
    drawn = random.Random(draw).sample(sorted(there), min(count, len(there)))
    print(f"{len(drawn)} of {len(there)} runs, drawn by seed {draw}: the same lot with --draw {draw}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        repeat([there[key][0] for key in drawn], root, workers)
        again = {row["key"]: row for row in latest(read_rows(scale, root)).values()}
    return [compare(there[key][1], again.get(key), least) for key in drawn]


def repeat(wanted: list[Order], root: Path, workers: int) -> None:
    """Run the orders from the start; what fails is printed and missing in the new ledger."""
    for failure in run_orders(wanted, root / "runs", root, workers=workers):
        print(f"Failed: {failure}")


def compare(row: dict, again: dict | None, least: Mapping[str, float] | None = None) -> Repeated:
    """Compare a row with its repetition: exactly on the same device, threads and versions, else by tolerances.

    Of the log's columns only those in `least` are then compared, which contrasts measure, each within a few of the
    smallest effects that count: training that parts in its last bits ends with other losses and gradients.
    """
    if again is None:
        return Repeated(row["name"], False, 0, ())
    exactly = all(row[name] == again[name] for name in SAME)
    compared, timed, differ = 0, 0, []
    for when, figures in again["figures"].items():
        for name, value in figures.items():
            before = row["figures"].get(when, {}).get(name)
            tolerance = 0.0 if exactly and not is_timed(name) else tolerance_of(name, least or {})
            if name in NEVER_EQUAL or name not in row["figures"].get(when, {}) or tolerance is None:
                continue
            compared += 1
            timed += is_timed(name)
            if not alike(before, value, tolerance):
                differ.append(f"{name} at {when}: {before} in the ledger, {value} now")
    for name in ON_PAGES if exactly else ():
        if row.get(name) != again.get(name):
            differ.append(f"{name}: {row.get(name)} in the ledger, {again.get(name)} now")
    return Repeated(row["name"], exactly, compared, tuple(differ), timed)


def is_timed(name: str) -> bool:
    """Whether a figure comes from a clock."""
    measure, _, figure = name.partition(".")
    return measure in MEASURES and figure in MEASURES[measure].timed


def tolerance_of(name: str, least: Mapping[str, float]) -> float | None:
    """How far a figure may be off on another machine, or at another time; None for what is not compared there."""
    measure = name.split(".")[0]
    if measure == "log":
        return PARTED * least[name] if name in least else None
    return CLOCK if is_timed(name) else MEASURES[measure].tolerance


def alike(first: float | None, second: float | None, tolerance: float) -> bool:
    """Whether two figures agree; figures that were not finite are None and agree with each other."""
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=0, abs_tol=tolerance)
