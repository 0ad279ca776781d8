"""The course checkpoints: every recipe's seed 0, written into the package in half precision, with its card.

    python benchmarks/checkpoints.py                     those that are missing (continues where it stopped)
    python benchmarks/checkpoints.py dino --again        this one, although it is there
    python benchmarks/checkpoints.py --set steps=1500    trained longer (at most 2 MB a file, half an hour a run)
    python benchmarks/checkpoints.py --show              the figures of those that are there

The runs are those of `recipes.py`: one that is finished in its folder is not trained again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from common import machine
from recipes import HERE, SHOWN, shown_recipe
from safetensors.torch import load as read_tensors
from safetensors.torch import save as pack_tensors
from torch import Tensor

from sslcourse.files import write_atomically
from sslcourse.methods import Method
from sslcourse.settings import parse_changes, setting_lines
from sslcourse.training import Experiment, Recipe, run
from sslcourse.training.alarms import find_alarms
from sslcourse.training.images import RunImages, figures_of
from sslcourse.training.pretrained import FOLDER, course_checkpoints, fill, halves_left_out
from sslcourse.training.recipes import FIXED, build_method

LARGEST = 2_000_000  # bytes
# What a card takes over from the summary of the run.
CARRIED = "steps seconds knn_curve alarms threads processes device precision versions finished".split()


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
    return save(name, trained.method, recipe, summary, trained.images, about=about, folder=folder)


def save(
    name: str,
    method: Method,
    recipe: Recipe,
    summary: dict[str, Any],
    images: RunImages,
    *,
    about: dict[str, Any],
    folder: Path,
) -> Path:
    """Write a trained method and its card as the checkpoint `name`; returns the path of the weights.

    `summary` is that of its run, `about` further entries of the card. Raises ValueError if the file would be larger
    than 2 MB, or if half precision cannot hold a weight.
    """
    contents = pack_tensors(weights_of(method))
    if len(contents) > LARGEST:
        raise ValueError(f"the checkpoint {name} would take {len(contents):,} bytes; the limit is {LARGEST:,}")
    rounded = build_method(recipe)
    fill(rounded, read_tensors(contents))
    card = about | {
        "name": name,
        "method": recipe.kind,
        "data": recipe.data.name,
        "scale": recipe.scale,
        "seed": recipe.fit.seed,
        "figures": figures_of(rounded.eval(), images),
        "figures_untrained": figures_of(build_method(recipe).eval(), images),
        **{key: summary[key] for key in CARRIED if key in summary},
        "settings": setting_lines(recipe, fixed=FIXED),
        "bytes": len(contents),
        "sha256": hashlib.sha256(contents).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    write_atomically(path, contents)
    write_atomically(path.with_suffix(".json"), (json.dumps(card, indent=1) + "\n").encode())
    return path


def weights_of(method: Method) -> dict[str, Tensor]:
    """What a checkpoint keeps of a method: parameters in half precision; buffers, which can be tiny, as they are."""
    left_out = tuple(f"{name}." for name in halves_left_out(method))
    parameters = dict(method.named_parameters(remove_duplicate=False))
    kept = {}
    for key, value in method.state_dict().items():
        if key.startswith(left_out):
            continue
        kept[key] = (value.half() if key in parameters else value).contiguous()
        if not kept[key].isfinite().all():
            raise ValueError(f"{key} has entries that half precision cannot hold")
    return kept


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
