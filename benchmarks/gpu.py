"""Everything that only a GPU can show, in one command for a short visit: at most eight minutes on one card.

    python benchmarks/gpu.py --json gpu.json           all parts
    python benchmarks/gpu.py --parts steps,methods     some of them
    python benchmarks/gpu.py --parts compile           the table of where compiling pays (minutes more; not among "all")
    python benchmarks/gpu.py --dry                     all of it tiny, also without a GPU: that it runs, nothing else

Each part runs in a process of its own with a time limit, so a failure costs only itself. Rows are printed, and the file
written anew, as they come.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO

from common import machine, write
from gpu_parts import ASKED, PARTS, run_part

TOTAL = 480  # seconds of the whole visit


def child(part: str, seconds: float, dry: bool) -> list[dict[str, object]]:
    """The rows of a part, run in a process of its own and stopped when its time is over."""
    command = [sys.executable, __file__, "--part", part, "--seconds", str(seconds), *(["--dry"] if dry else [])]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, text=True)
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = f"stopped after {seconds:.0f} s"
        out.seek(0), errors.seek(0)
        rows = rows_of(out)
        return [*rows, {"name": part, "failed": f"{code}: {errors.read().strip()[-300:]}"}] if code else rows


def here(part: str, seconds: float) -> list[dict[str, object]]:
    """The rows of a part in its tiny form, in this process: loading everything takes longer than running it."""
    with redirect_stdout(StringIO()) as out:
        run_part(part, seconds, dry=True)
    return rows_of(out.getvalue().splitlines())


def rows_of(lines: Iterable[str]) -> list[dict[str, object]]:
    """The lines that are rows."""
    return [json.loads(line) for line in lines if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE, after each part")
    parser.add_argument("--parts", default=",".join([*PARTS, "training"]), help="which parts, separated by commas")
    parser.add_argument("--dry", action="store_true", help="tiny sizes: shows that the script runs, nothing else")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=TOTAL, help=f"for everything (default {TOTAL})")
    given = parser.parse_args()
    if given.part is not None:
        return run_part(given.part, given.seconds, given.dry)
    known = [*PARTS, *ASKED, "training"]
    if unknown := set(given.parts.split(",")) - set(known):
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    print("  ".join(f"{key}: {value}" for key, value in machine().items()))
    start, rows, peak = time.perf_counter(), [], None
    for part in given.parts.split(","):
        begun = time.perf_counter()
        left = (ASKED[part][1] if part in ASKED else given.seconds) - (begun - start)
        limit = min(left, {**PARTS, **ASKED}.get(part, (None, left))[1])
        if given.dry:
            found = child(part, 600, True) if part == "environment" else here(part, 600)
        else:
            found = child(part, limit, False) if limit > 10 else [{"name": part, "failed": "no time was left"}]
        for row in [*found, {"name": "whole part", "took_s": round(time.perf_counter() - begun, 1)}]:
            row = {"part": part, **row}
            if "tflops" in row:
                peak = peak or row["tflops"]  # the environment's row comes first
                row["share_of_peak"] = round(row["tflops"] / peak, 4) if peak else None
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            rows.append(row)
        write(given.json, rows)


if __name__ == "__main__":
    main()
