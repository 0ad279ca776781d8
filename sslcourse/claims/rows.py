"""The ledger: one JSON line for each run that was measured, a file for each scale. Lines are added, never changed.

A line names the claims it was measured for, each with the fingerprint of the claim as it stood then. It counts for a
claim only while that is the claim's fingerprint; of several lines of one run on one device, the last one does.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from sslcourse.claims.claim import Claim, Contrast

LEDGER = Path(__file__).with_name("ledger")
Place = tuple[str, str]  # a run's key and the device it ran on
ROW = {
    "key",
    "device",
    "arm",
    "data",
    "seed",
    "claims",
    "figures",
    "measures",
    "curve",
    "seconds",
    "commit",
    "finished",
}
ALIKE = ("versions", "precision", "threads")  # in which the rows of a pair must agree


def read_rows(scale: str, folder: Path = LEDGER) -> list[dict]:
    """All rows of a scale, oldest first; a line that is none is passed over, which is said."""
    path, rows = folder / f"{scale}.jsonl", []
    for line in read_lines(path):
        if ROW <= line.keys():
            rows.append(line)
        else:
            print(f"A line of {path} is no row, for it lacks {', '.join(sorted(ROW - line.keys()))}: passed over")
    return rows


def read_lines(path: Path) -> list[dict]:
    """The lines of a file, oldest first; one that is cut off or damaged is passed over, which is said."""
    rows = []
    for line in filter(bytes.strip, path.read_bytes().splitlines() if path.exists() else ()):
        try:
            rows.append(parsed(line))
        except ValueError:
            print(f"A damaged line of {path} is passed over: {line[:60]!r}")
    return rows


def parsed(line: bytes) -> dict:
    """The object that a line holds; ValueError for anything else. A figure that is not finite is written as null."""

    def refuse(name: str) -> None:
        raise ValueError(f"no line has {name}")

    found = json.loads(line, parse_constant=refuse)
    if not isinstance(found, dict):
        raise ValueError(f"a line is an object; got {type(found).__name__}")
    return found


def append_row(row: Mapping, folder: Path = LEDGER) -> None:
    """Add a line to its scale's file, as `append_line`."""
    append_line(row, folder / f"{row['scale']}.jsonl")


def append_line(row: Mapping, path: Path) -> None:
    """Add a line to a file, on the disk before this returns; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / ".lock"):
        whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")  # a process may have died in mid-line
        with open(path, "a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def latest(rows: Iterable[dict]) -> dict[Place, dict]:
    """The last line of each run on each device.

    Where two processes measured one training for different claims, the last line has what both found.
    """
    found: dict[Place, dict] = {}
    for row in rows:
        before = found.get(place_of(row))
        same = before is not None and before["finished"] == row["finished"]
        found[place_of(row)] = laid_over(before, row) if same else row
    return found


def place_of(row: dict) -> Place:
    """Which run a line is of, and on which device."""
    return row["key"], row["device"]


def laid_over(before: dict, row: dict) -> dict:
    """A line with the claims, figures and measures of an earlier line of the same training that it does not have."""
    both = {
        name: {when: before[name].get(when, {}) | row[name].get(when, {}) for when in before[name] | row[name]}
        for name in ("figures", "measures")
    }
    return row | both | {"claims": before["claims"] | row["claims"]}


def counting(claim: Claim, scale: str, rows: Iterable[dict]) -> dict[Place, dict]:
    """The runs that count for the claim as it is now."""
    now = claim.fingerprint(scale)
    return {place: row for place, row in latest(rows).items() if row["claims"].get(claim.id) == now}


def stale(claim: Claim, scale: str, rows: Iterable[dict]) -> list[dict]:
    """The runs that were measured for another form of the claim and do not count for this: the last line of each."""
    now = claim.fingerprint(scale)
    last = latest(rows)
    other = {place_of(row): row for row in rows if row["claims"].get(claim.id, now) != now}
    return [row for place, row in other.items() if last[place]["claims"].get(claim.id) != now]


def counted_again(claim: Claim, scale: str, rows: Sequence[dict]) -> list[dict]:
    """The runs that count although the claim was changed when they were known, from it or from another claim.

    A run that the new form also needs is not trained again, for it would give the same figures; so this has to be said.
    """
    now, first = claim.fingerprint(scale), {}
    if all(row["claims"].get(claim.id, now) == now for row in rows):
        return []  # as it was first written
    for row in rows:
        first.setdefault(row["key"], row)  # on whatever device: another one's figures are known, too
    return [
        row
        for _, row in sorted(latest(rows).items())
        if row["claims"].get(claim.id) == now != first[row["key"]]["claims"].get(claim.id)
    ]


def effects(
    claim: Claim, contrast: Contrast, data: str, scale: str, rows: Iterable[dict], when: str = "full"
) -> dict[str, dict[int, dict[str, float]]]:
    """For each device and each seed whose pair is complete on it, the figure of every term of the contrast.

    A pair whose versions, precision or threads differ is none, nor is one whose arms ask for the same pictures and got
    others. `when` is "full" or "half", the length of the runs.
    """
    counted = counting(claim, scale, rows)
    found: dict[str, dict[int, dict[str, float]]] = {}
    for seed in sorted({row["seed"] for row in counted.values()}):
        runs = claim.experiments(data, scale, seed)
        for device in sorted({device for _, device in counted}):
            figures, conditions, pictures = {}, set(), {}
            for term, (arm, at) in contrast.terms.items():
                row = counted.get((runs[arm].key, device), {"figures": {}})
                figures[term] = row["figures"].get(at or when, {}).get(contrast.measure)
                conditions.add(json.dumps([row.get(name) for name in ALIKE]))
                pictures.setdefault(runs[arm].recipe.data, set()).add(row.get("images"))
            alike = len(conditions) == 1 and all(len(each) == 1 for each in pictures.values())
            if None not in figures.values() and alike:
                found.setdefault(device, {})[seed] = figures
    return found
