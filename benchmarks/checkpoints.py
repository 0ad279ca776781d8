"""The course checkpoints: every recipe's seed 0, written into the package in half precision, with its card.

    python benchmarks/checkpoints.py                     those that are missing (continues where it stopped)
    python benchmarks/checkpoints.py dino --again        this one, although it is there
    python benchmarks/checkpoints.py --set steps=1500    trained longer; a file takes at most 2 MB, a run at most half an hour
    python benchmarks/checkpoints.py --show              the figures of those that are there

The runs are those of `recipes.py`: one that is finished in its folder is not trained again.
"""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

from common import machine
from recipes import HERE, SHOWN, shown_recipe

from sslcourse.settings import parse_changes
from sslcourse.training import Experiment, run
from sslcourse.training.alarms import find_alarms
from sslcourse.training.pretrained import FOLDER, course_checkpoints, save_course_method


def make(name: str, changes: dict[str, str], runs: Path, folder: Path) -> Path:
    """Train the checkpoint `name`, from where it was stopped, and write it with its card into `folder`."""
    recipe = shown_recipe(name, changes=changes)
    trained = run(Experiment(recipe), runs)
    method, settings = SHOWN[name]
    words = [word for pair in (settings | changes).items() for word in ("--set", "=".join(pair))]
    words = ["sslcourse", "train", method, "--data", "objects", "--scale", "cpu", *words, "--out", f"runs/{name}"]
    about = {"command": shlex.join(words), "machine": machine()}
    # The run may be older than the alarms.
    alarms = [alarm.name for alarm in find_alarms(trained.rows, trained.method, recipe.fit)]
    summary = trained.summary | {"alarms": alarms}
    return save_course_method(name, trained.method, recipe, summary, trained.images, about=about, folder=folder)


def table(folder: Path) -> str:
    """The figures of the checkpoints, one a line."""
    columns = ("kNN", "untrained", "linear", "untrained", "recall", "steps", "minutes")
    lines = ["".join([f"{'':16s}", *(f"{column:>10s}" for column in columns), f"{'bytes':>12s}  alarms"])]
    for name in course_checkpoints(folder):
        card = json.loads((folder / f"{name}.json").read_text())
        now, before = card["figures"], card["figures_untrained"]
        figures = (now["knn"], before["knn"], now["linear_probe"], before["linear_probe"], now["attention_recall"])
        cells = [f"{figure:10.3f}" for figure in figures] + [f"{card['steps']:10d}", f"{card['seconds'] / 60:10.1f}"]
        lines.append("".join([f"{name:16s}", *cells, f"{card['bytes']:12,d}  {', '.join(card['alarms'])}"]))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SHOWN)} (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as in sslcourse train")
    parser.add_argument("--again", action="store_true", help="also those that are there")
    parser.add_argument("--runs", type=Path, default=HERE.parent / "build" / "recipes", metavar="DIR")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they go (default: the package)")
    parser.add_argument("--show", action="store_true", help="print the figures and stop")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SHOWN):
        parser.error(f"there is no course checkpoint {', '.join(sorted(unknown))}; there are {', '.join(SHOWN)}")
    try:
        changes = parse_changes(arguments.set)
    except ValueError as error:
        parser.error(str(error))
    there = () if arguments.again else course_checkpoints(arguments.folder)
    for name in () if arguments.show else arguments.names or SHOWN:
        if name not in there:
            print(make(name, changes, arguments.runs, arguments.folder))
    print(table(arguments.folder))


if __name__ == "__main__":
    main()
