"""What every benchmark shares: the machine in words, a fair race in rounds, the table and the JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from sslcourse.files import write_atomically


def machine() -> dict[str, object]:
    """What the figures depend on: processor, cores, threads, versions, device, and how busy the machine was."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
    }


def arguments(
    description: str, *, rounds: int = 7, smoke: bool = False, choices: dict[str, Iterable[str]] | None = None
) -> argparse.Namespace:
    """`--json FILE` and `--rounds N`, as every benchmark has them.

    With `smoke` also `--smoke`, for scripts that have a tiny form. `choices` are further options by name, each with the
    allowed values; the first is the default.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"timed rounds a row, at least 1 (default {rounds})")
    if smoke:
        parser.add_argument("--smoke", action="store_true", help="tiny sizes: shows that the script runs, nothing else")
    for name, allowed in (choices or {}).items():
        allowed = tuple(allowed)
        parser.add_argument(f"--{name}", choices=allowed, default=allowed[0])
    return parser.parse_args()


def race(name: str, ours: Callable[[], int], theirs: Callable[[], int], rounds: int = 7) -> dict[str, object]:
    """One row: how many things a second each side makes, in turns, so that both meet the same disturbances.

    Each side returns how many it made. `ours` and `theirs` are medians, `ratio` is the median of the rounds' ratios and
    `spread` the lowest and the highest of them.
    """
    for side in (ours, theirs, ours):  # warm up: caches, memory, worker processes
        side()
    speeds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        sides = ((ours, speeds[0]), (theirs, speeds[1]))
        for side, kept in sides if turn % 2 == 0 else reversed(sides):
            start = time.perf_counter()
            made = side()
            kept.append(made / (time.perf_counter() - start))
    ratios = [mine / other for mine, other in zip(*speeds, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(speeds[0]), 1),
        "theirs": round(statistics.median(speeds[1]), 1),
        "ratio": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def heading(unit: str, ours: str = "ours", theirs: str = "theirs") -> None:
    """Print the machine and the head of the table."""
    print("  ".join(f"{key}: {value}" for key, value in machine().items()))
    print(f"{unit:44s}{ours:>10s}{theirs:>10s}{'ratio':>8s}   lowest-highest", flush=True)


def show(row: dict[str, object], digits: int = 0) -> dict[str, object]:
    """Print a row and give it back."""
    low, high = row["spread"]
    print(
        f"{row['name']:44s}{row['ours']:10,.{digits}f}{row['theirs']:10,.{digits}f}{row['ratio']:8.2f}   "
        f"{low:.2f}-{high:.2f}",
        flush=True,
    )
    return row


def write(path: str | None, rows: list[dict[str, object]], **further: object) -> None:
    """Write `{"machine", "rows"}` and whatever else, whole or not at all."""
    if path is None:
        return
    write_atomically(path, json.dumps({"machine": machine(), "rows": rows, **further}, indent=1) + "\n")
