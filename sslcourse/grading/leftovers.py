"""What lay in the out folder before: an earlier run's pages are removed, anything else is told and left."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK, RUN = ".lock", "run.json"
OURS = {
    *("grades.csv", "students.csv", "files.csv", "marks.csv", "index.html", "results.json", RUN, "times.json"),
    *("class.json", "class.html", "spoken.html", "marking.html", "codes.csv"),
    *("feedback", "gradescope", "exports", "records", LOCK),
}
_HALF = re.compile(r"\..+\.[0-9a-f]{8}\.tmp", re.DOTALL)  # as `files.replacing` names them


def half_written(out: Path) -> list[Path]:
    """The files of ours that a run was killed over; somebody else's temporary files are none of our business."""
    places = [out, *(out / name for name in sorted(OURS))]
    return [path for place in places for path in place.glob(".*.tmp") if _HALF.fullmatch(path.name)]


def look(out: Path) -> dict[str, list[str]]:
    """What is in the folder before a run, by what becomes of it: `removed` (nothing yet) and `left`."""
    names = sorted(path.name for path in out.iterdir() if path.name != LOCK) if out.is_dir() else []
    is_ours = not names or is_run(out)
    left = [name for name in names if name not in OURS and not name.endswith(".tmp")] if is_ours else names
    return {"removed": [], "left": left}


def clear(out: Path, found: dict[str, list[str]], pages: Sequence[Path]) -> dict[str, list[str]]:
    """Remove the pages and results of those who are not in this run, unless the folder was somebody else's before."""
    kept = {page.stem for page in pages}
    old = [path for pattern in ("feedback/*.html", "gradescope/*.json") for path in sorted(out.glob(pattern))]
    gone = [path for path in old if path.stem not in kept and not set(found["left"]) & {"feedback", "gradescope"}]
    for path in gone:
        path.unlink()
    return found | {"removed": sorted({path.stem for path in gone})}


def is_run(out: Path) -> bool:
    """Whether a run wrote to the folder before."""
    return "seed" in run_of(out)


def run_of(out: Path) -> dict[str, Any]:
    """What the run that wrote the folder says of itself; nothing where there was none, or it cannot be read."""
    try:
        run = json.loads((out / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}
