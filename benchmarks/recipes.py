"""The search for recipes: candidates trained on the embedded objects and judged by kNN on their validation split.

    python benchmarks/recipes.py                                     every recipe as it stands, three seeds
    python benchmarks/recipes.py dino ibot --seeds 0                 these methods only
    python benchmarks/recipes.py dino --set momentum=0.9 --set steps=600 --note "a faster teacher"
    python benchmarks/recipes.py --show                              the record as a table
    python benchmarks/recipe_tables.py                               the recipes' figures, into the READMEs

A finished run is appended to the record (`--record`, default benchmarks/recipes.jsonl) as a JSON line with all its
settings, seconds and kNN curve, and is not run again. The runs themselves are in `--runs`, where the same command
continues those that were stopped. Nothing but this kNN may decide what becomes a recipe, and never a claim that the
recipe will then support.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
from pathlib import Path

from common import machine

from sslcourse.settings import parse_changes
from sslcourse.training import Experiment, Recipe, find_recipe, run_all
from sslcourse.training.recipes import METHODS, RECONSTRUCTION, with_changes

HERE = Path(__file__).parent
# What does not change what is learned, beyond rounding.
ASIDE = ("scale", *(f"fit.{name}" for name in ("device", "precision", "compile", "log_every", "checkpoint_every")))
# name -> method, the settings that differ from its recipe: what the course shows of every method, and of pixels alone.
SHOWN: dict[str, tuple[str, dict[str, str]]] = {
    **{method: (method, {}) for method in METHODS},
    "reconstruction": ("combined", RECONSTRUCTION),
}


def shown_recipe(name: str, seed: int = 0, changes: dict[str, str] | None = None, **where: str) -> Recipe:
    """The recipe of a name in SHOWN with further settings changed; `where` may give `data` and `scale`."""
    method, settings = SHOWN[name]
    return with_changes(find_recipe(method, **where), settings | (changes or {}) | {"fit.seed": seed})


def was_made_by(row: dict, recipe: Recipe) -> bool:
    """Whether a line of the record is a run of this recipe; settings that are younger than the line had their defaults.

    A line that is `superseded` says why: the code has learned better since.
    """
    return "superseded" not in row and same_settings(row["recipe"], recipe)


def same_settings(stored: dict, settings: object, prefix: str = "") -> bool:
    """Whether a tree of settings read from JSON is that of a dataclass, but for the fields ASIDE."""
    for each in dataclasses.fields(settings):
        path, value = prefix + each.name, getattr(settings, each.name)
        if path in ASIDE:
            continue
        if each.name not in stored:
            same = value == (each.default if each.default_factory is dataclasses.MISSING else each.default_factory())
        elif dataclasses.is_dataclass(value):
            same = isinstance(stored[each.name], dict) and same_settings(stored[each.name], value, f"{path}.")
        else:
            same = stored[each.name] == json.loads(json.dumps(value))
        if not same:
            return False
    return True


def read_record(path: Path) -> list[dict]:
    """The finished runs; a line that was cut off is left out, which is said."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
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


def table(rows: list[dict]) -> str:
    """The record, best first within each method; seeds of one candidate together as mean and range."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        if "failed" not in row:
            tree = json.loads(json.dumps(row["recipe"]))
            tree["fit"].pop("seed")
            groups.setdefault(json.dumps([row["method"], tree, row.get("superseded")], sort_keys=True), []).append(row)
    columns = f"{'kNN':>7s}{'range':>12s}{'untrained':>11s}{'seeds':>6s}{'minutes':>9s}{'steps':>7s}  changed"
    lines = [f"{'method':10s}{columns}"]
    for group in sorted(groups.values(), key=lambda group: (group[0]["method"], -mean(group, "knn"))):
        first, low, high = group[0], min(row["knn"] for row in group), max(row["knn"] for row in group)
        changed = " ".join(f"{name}={value}" for name, value in first["set"].items()) or "as it stands"
        alarms = sorted({name for row in group for name in row["alarms"]})
        remarks = {"ALARM: ": ", ".join(alarms), "": first["note"], "SUPERSEDED: ": first.get("superseded")}
        lines.append(
            f"{first['method']:10s}{mean(group, 'knn'):7.3f}{f'{low:.3f}-{high:.3f}':>12s}"
            f"{mean(group, 'knn_untrained'):11.3f}{len(group):6d}"
            f"{mean(group, 'seconds') / 60:9.1f}{first['steps']:7d}  "
            + "  ".join([changed, *(f"({word}{text})" for word, text in remarks.items() if text)])
        )
    failed = [row for row in rows if "failed" in row]
    lines += [f"{row['method']:10s}  failed: {row['set']} seed {row['seed']}: {row['failed']}" for row in failed]
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
    parser.add_argument("--record", type=Path, default=HERE / "recipes.jsonl", metavar="FILE")
    parser.add_argument("--runs", type=Path, default=HERE.parent / "build" / "recipes", metavar="DIR")
    parser.add_argument("--workers", type=int, help="runs at a time (default: as many as there are cores)")
    parser.add_argument("--show", action="store_true", help="print the record and stop")
    given = parser.parse_args()
    if unknown := set(given.names) - set(SHOWN):
        parser.error(f"there is no recipe {', '.join(sorted(unknown))}; there are {', '.join(SHOWN)}")
    record = read_record(given.record)
    if not given.show:
        try:
            changes = parse_changes(given.set)
            wanted = {
                (name, seed): shown_recipe(name, seed, changes, data=given.data, scale=given.scale)
                for name in given.names or SHOWN
                for seed in given.seeds
            }
        except (ValueError, OSError) as error:
            parser.error(str(error))
        missing = {key: recipe for key, recipe in wanted.items() if not any(was_made_by(row, recipe) for row in record)}
        outcomes = run_all([Experiment(recipe) for recipe in missing.values()], given.runs, workers=given.workers)
        for ((name, seed), recipe), outcome in zip(missing.items(), outcomes, strict=True):
            method, settings = SHOWN[name]
            about = {"key": outcome.experiment.key, "method": method, "set": settings | changes, "seed": seed}
            about |= {"scale": given.scale, "data": given.data, "note": given.note}
            result = outcome.summary or {"failed": outcome.error, "recipe": dataclasses.asdict(recipe)}
            append(given.record, result | about | {"machine": machine()})
        record = read_record(given.record)
    print(table(record))


if __name__ == "__main__":
    main()
