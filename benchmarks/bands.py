"""What is ordinary in a lab: the ranges that the notebook shades behind a student's run.

    python benchmarks/bands.py [contrastive ...] [--scales smoke cpu] [--seeds 1 2 3 4 5 6] [--arms ...] [--keep DIR]

Trains every arm with the course's own loss, on one thread. Runs are kept under DIR (by default in the data cache) by
their key, so that the script can be stopped, called again, and started twice at a time with other seeds; when all are
there it writes the lab's `bands.json`. Seed 0 is left to the notebook: a student who uses the course's loss does not
meet one of these runs again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

import torch

from sslcourse.data.cache import cache_dir
from sslcourse.files import write_atomically
from sslcourse.notebook.bands import summarise
from sslcourse.notebook.session import UNTRAINED, LabSession, TrainedArm

LABS = {"contrastive": ("ContrastiveLab", ("baseline", "no_negatives", "no_colour"))}  # its session, its arms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help=f"of {', '.join(LABS)}; all without it")
    parser.add_argument("--scales", nargs="*", default=["smoke", "cpu"], choices=["smoke", "cpu", "gpu"])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--arms", nargs="*", help="only these, and write nothing")
    parser.add_argument("--keep", type=Path, help="where finished runs are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["SSLCOURSE_PROGRESS"] = str((arguments.keep or cache_dir() / "bands") / "progress.json")
    for lab in arguments.labs or LABS:
        session, arms = LABS[lab]
        made = getattr(import_module(f"sslcourse.labs.{lab}.experiments"), session)
        for scale in arguments.scales:
            os.environ["SSLCOURSE_SCALE"] = scale
            runs = {arm: [train(made(seed=seed), arm) for seed in arguments.seeds] for arm in arguments.arms or arms}
            if not arguments.arms:
                write(lab, scale, runs, arguments.seeds)


def train(lab: LabSession, arm: str) -> TrainedArm:
    """One run, trained or read back."""
    run = lab.train(arm)
    print(f"{lab.recipe(arm).scale:>6} {arm:>13} seed {lab.seed}:", rounded(run.final), flush=True)
    return run


def write(lab: str, scale: str, runs: dict[str, list[TrainedArm]], seeds: list[int]) -> None:
    """Put the ranges of one scale into the lab's `bands.json`, and leave its other scales as they are."""
    file = Path(import_module(f"sslcourse.labs.{lab}").__file__).with_name("bands.json")
    found = json.loads(file.read_text(encoding="utf-8"))["scales"] if file.exists() else {}
    before = [([{"step": 0}], run.before) for run in next(iter(runs.values()))]
    arms = {arm: summarise([(run.rows, run.final) for run in done]) for arm, done in runs.items()}
    machine = {"threads": 1, "torch": torch.__version__.split("+")[0], "processor": platform.machine()}
    found[scale] = {"seeds": seeds, "machine": machine, "arms": {UNTRAINED: summarise(before), **arms}}
    write_atomically(file, json.dumps({"made by": "benchmarks/bands.py", "scales": rounded(found)}) + "\n")
    print(f"wrote {scale} to {file.name} of {lab}", flush=True)


def rounded(value):
    """Every float in a tree of dicts and lists, to four figures."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
