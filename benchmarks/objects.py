"""How fast the embedded data is made: images per second of `render`, per size and difficulty.

    python benchmarks/objects.py [--threads 2] [--json FILE]

Asked: at least 1,000 images a second at 64 px on two CPU cores, by wall time. Images per second of CPU time are printed
beside it, because they can be trusted on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from common import write

from sslcourse.data.objects import Variant, render

CASES = [
    ("32 px", 32, "default", Variant(), 2048),
    ("64 px", 64, "default", Variant(), 2048),
    ("64 px, small objects", 64, "small_objects", Variant(), 2048),
    ("64 px, three objects", 64, "default", Variant(objects_per_image=3), 1024),
    ("64 px, camouflage", 64, "default", Variant(camouflage=True), 1024),
    ("96 px", 96, "default", Variant(), 1024),
    ("224 px", 224, "default", Variant(), 256),
]


def measure(size: int, difficulty: str, variant: Variant, count: int, repeats: int) -> tuple[list[float], float]:
    """Images per second of wall time in each repeat, and per second of one core's time over all of them."""
    speeds, worked = [], 0.0
    render(torch.arange(128), size=size, difficulty=difficulty, variant=variant)
    for repeat in range(repeats):
        indices = torch.arange(count) + repeat * count
        wall, work = time.perf_counter(), time.process_time()
        render(indices, size=size, difficulty=difficulty, variant=variant)
        speeds.append(count / (time.perf_counter() - wall))
        worked += time.process_time() - work
    return speeds, count * repeats / worked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for name, *case in CASES:
        speeds, per_core = measure(*case, arguments.repeats)
        middle, spread = statistics.median(speeds), (max(speeds) - min(speeds)) / statistics.median(speeds)
        rows.append(
            {
                "name": name,
                "images_per_second": round(middle),
                "spread": round(spread, 3),
                "per_core_second": round(per_core),
            }
        )
        print(
            f"{name:>22}: {middle:7.0f} images/s (spread {spread:.0%}), {per_core:6.0f} a second of one core's time",
            flush=True,
        )
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
