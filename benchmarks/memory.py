"""Peak memory in MiB of the steps of `step.py`, ours beside lightly's.

On a CPU each figure is the peak resident memory of a fresh process that builds a side and takes some steps, less that
of one that only builds it; on CUDA it is the peak of what torch allocated, likewise. Below 1, ours needs less.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

import torch
from common import arguments, heading, show, write
from step import ROWS, SMOKE, Ours, Shape, Theirs, make_method

from sslcourse.training.runtime import make_generator, make_runtime, pick_device

STEPS = 3  # the optimiser's state is there after the first


def peak() -> float:
    """MiB at most so far: allocated on CUDA, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with what the parent held when it forked
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def measure(side: str, precision: str, keep: float, steps: int, smoke: bool) -> float:
    """In a process of its own: build a side, take so many steps, and say how much memory there was at most."""
    shape = SMOKE if smoke else Shape()
    torch.set_num_threads(min(torch.get_num_threads(), 2))
    method = make_method(shape, keep)  # alive to the end on both sides: memory that is freed would be used again
    if side == "ours":
        step = Ours(shape, method, precision, compile=False if precision == "fp32" else "auto")
    else:
        device = pick_device()
        views = method.draw_views(shape.images.to(device), make_generator(device, 0))
        step = Theirs(method.to(device), views)
    for _ in range(steps):
        step()
    return peak()


def in_fresh_process(*given: object) -> float:
    """`measure` in a process that has done nothing else."""
    command = [sys.executable, "-W", "ignore", __file__, "--measure", *map(str, given)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def used(side: str, precision: str, keep: float, smoke: bool) -> float:
    """MiB that the steps need over what was built."""
    built, stepped = (in_fresh_process(side, precision, keep, steps, int(smoke)) for steps in (0, STEPS))
    return stepped - built


def compare(name: str, precision: str, keep: float, theirs: list[float], rounds: int, smoke: bool) -> dict[str, object]:
    """One row: medians over the rounds."""
    ours = [used("ours", precision, keep, smoke) for _ in range(rounds)]
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(ours), 1),
        "theirs": round(statistics.median(theirs), 1),
        "ratio": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "precision": precision,
    }


def main() -> None:
    if "--measure" in sys.argv:
        parser = argparse.ArgumentParser()
        parser.add_argument("--measure", nargs=5)
        side, precision, keep, steps, smoke = parser.parse_args().measure
        warnings.filterwarnings("ignore")
        print(measure(side, precision, float(keep), int(steps), bool(int(smoke))))
        return
    given = arguments(__doc__.splitlines()[0], rounds=5, smoke=True)
    picked = make_runtime().precision
    heading("peak MiB of a step (below 1: ours less)")
    theirs = [used("theirs", "fp32", 1.0, given.smoke) for _ in range(given.rounds)]  # the same in every row
    rows = []
    for name, precision, _, keep in ROWS[:1] if given.smoke else ROWS:
        precision = picked if precision == "auto" else precision
        rows.append(show(compare(name, precision, keep, theirs, given.rounds, given.smoke), 1))
    write(given.json, rows)


if __name__ == "__main__":
    main()
