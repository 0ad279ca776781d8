"""The ledger: one JSON line for each run that was measured, a file for each scale. Lines are added, never changed.

A line names the claims it was measured for, each with the fingerprint of the claim as it stood then. It counts for a
claim only while that is the claim's fingerprint; of several lines of one run on one device, the last one does.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from filelock import FileLock

from sslcourse.claims.claim import Claim, Contrast

LEDGER = Path(__file__).with_name("ledger")
Place = tuple[str, str]  # a run's key and the device it ran on


def read_rows(scale: str, folder: Path = LEDGER) -> list[dict]:
    """All lines of a scale, oldest first; one that is cut off or damaged is passed over, which is said."""
    path, rows = folder / f"{scale}.jsonl", []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"A damaged line of {path} is passed over: {line[:60]}")
    return rows


def append_row(row: Mapping, folder: Path = LEDGER) -> None:
    """Add a line to its scale's file, on the disk before this returns; several processes may do so at once."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{row['scale']}.jsonl"
    with FileLock(folder / ".lock"):
        whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")  # a process may have died in mid-line
        with open(path, "a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def latest(rows: Iterable[dict]) -> dict[Place, dict]:
    """The last line of each run on each device."""
    return {(row["key"], row["device"]): row for row in rows}


def stale(claim: Claim, scale: str, rows: Iterable[dict]) -> list[dict]:
    """The lines that were measured for an earlier form of the claim: kept, and never counted."""
    now = claim.fingerprint(scale)
    return [row for row in rows if row["claims"].get(claim.id, now) != now]


def effects(
    claim: Claim, contrast: Contrast, data: str, scale: str, rows: Iterable[dict], when: str = "full"
) -> dict[str, dict[int, dict[str, float]]]:
    """For each device and each seed whose pair is complete on it, the figure of every term of the contrast.

    `when` is "full" or "half", the length of the runs.
    """
    now = claim.fingerprint(scale)
    counted = {place: row for place, row in latest(rows).items() if row["claims"].get(claim.id) == now}
    found: dict[str, dict[int, dict[str, float]]] = {}
    for seed in sorted({row["seed"] for row in counted.values()}):
        keys = {name: run.key for name, run in claim.experiments(data, scale, seed).items()}
        for device in sorted({device for _, device in counted}):
            figures = {}
            for term, (arm, at) in contrast.terms.items():
                row = counted.get((keys[arm], device), {"figures": {}})
                figures[term] = row["figures"].get(at or when, {}).get(contrast.measure)
            if None not in figures.values():
                found.setdefault(device, {})[seed] = figures
    return found
