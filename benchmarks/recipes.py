"""The search for recipes: candidates trained on the embedded objects, judged by kNN on their validation split, a JSON line each.

    python benchmarks/recipes.py                                     every recipe as it stands, three seeds
    python benchmarks/recipes.py dino ibot --seeds 0                 these methods only
    python benchmarks/recipes.py dino --set momentum=0.9 --set steps=600 --note "a faster teacher"
    python benchmarks/recipes.py --candidates FILE                   one JSON object a line: {"method", "set": {}, "seed", "note"}
    python benchmarks/recipes.py --show                              the record as a table
    python benchmarks/recipe_tables.py                               the recipes' figures, into the READMEs

A finished run is appended to the record (`--record`, default benchmarks/recipes.jsonl) with all its settings, seconds and
kNN curve, and is not run again. One that was stopped continues from its last checkpoint in `--runs`; `--minutes` stops by
itself. Nothing but this kNN may decide what becomes a recipe, and never a claim that the recipe will then support.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common import machine
from tqdm import tqdm

from sslcourse.settings import parse_changes
from sslcourse.training import NonFiniteLoss
from sslcourse.training.experiment import train_recipe
from sslcourse.training.recipes import METHODS, RECONSTRUCTION, Recipe, find_recipe, with_changes

HERE = Path(__file__).parent
# What does not change what is learned, beyond rounding.
ASIDE = ("device", "precision", "compile", "log_every", "checkpoint_every")
# name -> method, the settings that differ from its recipe: what the course shows of every method, and of pixels alone.
SHOWN: dict[str, tuple[str, dict[str, str]]] = {
    **{method: (method, {}) for method in METHODS},
    "reconstruction": ("combined", RECONSTRUCTION),
}


class OutOfTime(Exception):
    """The minutes are over; the run continues at the next call."""


@dataclass(frozen=True)
class Candidate:
    """One run to make: a method's recipe with settings changed by name."""

    method: str
    set: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    scale: str = "cpu"
    data: str = "objects"
    note: str = ""

    def recipe(self) -> Recipe:
        """Everything the run depends on; ValueError for what there is not."""
        return with_changes(find_recipe(self.method, self.data, self.scale), {**self.set, "fit.seed": self.seed})


def key_of(recipe: Recipe) -> str:
    """A name for all that a run depends on: the same recipe has the same one, however it was written."""
    tree = json.loads(json.dumps(dataclasses.asdict(recipe)))
    tree.pop("scale")
    for name in ASIDE:
        tree["fit"].pop(name)
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]


def was_made_by(row: dict, recipe: Recipe) -> bool:
    """Whether a line of the record is a run of this recipe; settings that are younger than the line had their defaults.

    A line that is `superseded` says why: the code has learned better since.
    """
    return "superseded" not in row and _same_settings(
        row["recipe"], recipe, ("scale", *(f"fit.{name}" for name in ASIDE))
    )


def _same_settings(stored: dict, settings: object, aside: tuple[str, ...], prefix: str = "") -> bool:
    for each in dataclasses.fields(settings):
        path, value = prefix + each.name, getattr(settings, each.name)
        if path in aside:
            continue
        if each.name not in stored:
            same = value == (each.default if each.default_factory is dataclasses.MISSING else each.default_factory())
        elif dataclasses.is_dataclass(value):
            same = isinstance(stored[each.name], dict) and _same_settings(stored[each.name], value, aside, f"{path}.")
        else:
            same = stored[each.name] == json.loads(json.dumps(value))
        if not same:
            return False
    return True


def read_record(path: Path) -> list[dict]:
    """The finished runs; a last line that was cut off is left out."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"A damaged line of {path} is passed over: {line[:60]}...")
    return rows


def append(path: Path, row: dict) -> None:
    """Add one line, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with open(path, "a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def until(deadline: float) -> Callable[[dict], None]:
    """What raises OutOfTime at the first log row after `deadline`, in seconds of `time.monotonic`."""

    def on_log(row: dict) -> None:
        if time.monotonic() > deadline:
            raise OutOfTime

    return on_log


def carry_out(candidate: Candidate, runs: Path, deadline: float, progress: bool = True) -> dict:
    """Train one candidate, from its last checkpoint where there is one, and return its line."""
    recipe = candidate.recipe()
    about = {"key": key_of(recipe), **dataclasses.asdict(candidate)}
    try:
        trained = train_recipe(recipe, runs / key_of(recipe), on_log=until(deadline), progress=progress)
    except NonFiniteLoss as error:  # also a result
        return about | {"failed": str(error), "recipe": dataclasses.asdict(recipe), "machine": machine()}
    figures = {name: value for name, value in trained.summary.items() if name not in about}
    return about | figures | {"machine": machine()}


def candidates_of(arguments: argparse.Namespace) -> list[Candidate]:
    """What the command line asks for; each is looked at before the first is run."""
    if arguments.candidates:
        lines = Path(arguments.candidates).read_text().splitlines()
        found = [Candidate(**json.loads(line)) for line in lines if line.strip() and not line.startswith("#")]
    else:
        changes = parse_changes(arguments.set)
        found = [
            Candidate(method, settings | changes, seed, arguments.scale, arguments.data, arguments.note)
            for method, settings in (SHOWN[name] for name in arguments.names or SHOWN)
            for seed in arguments.seeds
        ]
    for candidate in found:
        candidate.recipe()
    return found


def table(rows: list[dict]) -> str:
    """The record, best first within each method; seeds of one candidate together as mean and range."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        if "failed" in row:
            continue
        tree = json.loads(json.dumps(row["recipe"]))
        tree["fit"].pop("seed")
        groups.setdefault(json.dumps([row["method"], tree, row.get("superseded")], sort_keys=True), []).append(row)
    ranked = sorted(groups.values(), key=lambda group: (group[0]["method"], -mean(group, "knn")))
    lines = [
        f"{'method':10s}{'kNN':>7s}{'range':>12s}{'untrained':>11s}{'seeds':>6s}{'minutes':>9s}{'steps':>7s}  changed"
    ]
    for group in ranked:
        first, low, high = group[0], min(row["knn"] for row in group), max(row["knn"] for row in group)
        changed = " ".join(f"{name}={value}" for name, value in first["set"].items()) or "as it stands"
        alarms = sorted({name for row in group for name in row["alarms"]})
        lines.append(
            f"{first['method']:10s}{mean(group, 'knn'):7.3f}{f'{low:.3f}-{high:.3f}':>12s}{mean(group, 'knn_untrained'):11.3f}"
            f"{len(group):6d}{mean(group, 'seconds') / 60:9.1f}{first['steps']:7d}  {changed}"
            f"{'  ALARM: ' + ', '.join(alarms) if alarms else ''}{'  (' + first['note'] + ')' if first['note'] else ''}"
            f"{'  SUPERSEDED: ' + first['superseded'] if 'superseded' in first else ''}"
        )
    lines += [
        f"{row['method']:10s}  failed: {row['set']} seed {row['seed']}: {row['failed']}"
        for row in rows
        if "failed" in row
    ]
    return "\n".join(lines)


def mean(rows: list[dict], name: str) -> float:
    return statistics.mean(row[name] for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SHOWN)} (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as in sslcourse train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scale", default="cpu")
    parser.add_argument("--data", default="objects")
    parser.add_argument("--note", default="", help="why this candidate")
    parser.add_argument("--candidates", metavar="FILE", help="read the candidates from FILE, one JSON object a line")
    parser.add_argument("--record", type=Path, default=HERE / "recipes.jsonl", metavar="FILE")
    parser.add_argument("--runs", type=Path, default=HERE.parent / "build" / "recipes", metavar="DIR")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, to be continued")
    parser.add_argument("--show", action="store_true", help="print the record and stop")
    arguments = parser.parse_args()
    if arguments.show:
        print(table(read_record(arguments.record)))
        return
    if unknown := set(arguments.names) - set(SHOWN):
        parser.error(f"there is no recipe {', '.join(sorted(unknown))}; there are {', '.join(SHOWN)}")
    deadline = time.monotonic() + 60 * arguments.minutes
    record = read_record(arguments.record)
    try:
        wanted = candidates_of(arguments)
    except (ValueError, TypeError, OSError) as error:  # TypeError: a line with an unknown key
        parser.error(str(error))
    for candidate in tqdm(wanted, desc="candidates", unit="run"):
        recipe = candidate.recipe()
        if any(was_made_by(row, recipe) for row in record):
            continue
        try:
            record.append(carry_out(candidate, arguments.runs, deadline))
        except OutOfTime:
            print("The minutes are over. The same command continues.")
            break
        append(arguments.record, record[-1])
    print(table(read_record(arguments.record)))


if __name__ == "__main__":
    main()
