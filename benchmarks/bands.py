"""What three seeds give in Lab 1: the ranges that the notebook shades behind a student's run.

    python benchmarks/bands.py [--scales smoke cpu] [--seeds 1 2 3] [--arms ...] [--threads 2] [--keep DIR] [--json FILE]

Trains every arm with the course's own loss. Each run is kept under DIR (by default in the data cache) as soon as it is done, by its
settings, arm and seed, so that the script can be stopped and called again; when all are there it writes
`sslcourse/notebook/bands/contrastive.json`. Seed 0 is left to the notebook, so a student who uses the course's loss
does not meet one of the three runs again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import platform
from pathlib import Path

import torch

from sslcourse.data.cache import cache_dir
from sslcourse.data.objects import load_objects
from sslcourse.files import write_atomically
from sslcourse.labs.contrastive.arms import ARMS, SCALES, LabScale
from sslcourse.labs.contrastive.train import load_images, measure_untrained, train_arm
from sslcourse.notebook.bands import summarise

PRINTED = ("knn", "contrastive_accuracy", "effective_rank", "loss")
TARGET = Path(__file__).parents[1] / "sslcourse" / "notebook" / "bands" / "contrastive.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", nargs="*", default=["smoke", "cpu"], choices=list(SCALES))
    parser.add_argument("--arms", nargs="*", default=["untrained", *ARMS], choices=["untrained", *ARMS])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where finished runs are kept")
    parser.add_argument("--json", type=Path, default=TARGET)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep = arguments.keep or cache_dir() / "bands"
    keep.mkdir(parents=True, exist_ok=True)

    found = json.loads(arguments.json.read_text(encoding="utf-8"))["scales"] if arguments.json.exists() else {}
    for name in arguments.scales:
        scale = SCALES[name]
        runs = {}
        for arm in arguments.arms:
            runs[arm] = [finished_run(keep, scale, arm, seed) for seed in arguments.seeds]
            for seed, run in zip(arguments.seeds, runs[arm], strict=True):
                numbers = " ".join(f"{key} {run['final'][key]:.3f}" for key in PRINTED)
                print(f"{name:>6} {arm:>13} seed {seed}: {numbers} ({run['seconds']:.0f} s)", flush=True)
        if set(runs) == {"untrained", *ARMS}:
            found[name] = {
                "settings": dataclasses.asdict(scale),
                "seeds": arguments.seeds,
                "machine": {
                    "cores": os.cpu_count(),
                    "threads": arguments.threads,
                    "torch": torch.__version__.split("+")[0],
                }
                | {"processor": platform.machine()},
                "arms": {arm: summarise(runs[arm]) for arm in runs},
                "seconds": {arm: [round(run["seconds"]) for run in runs[arm]] for arm in runs},
            }
            write(arguments.json, {"made by": "benchmarks/bands.py", "scales": found})
            print(f"wrote {name} to {arguments.json.name}", flush=True)


def finished_run(keep: Path, scale: LabScale, arm: str, seed: int) -> dict:
    """The run's numbers, from `keep` or trained now."""
    # The version of the pictures belongs to the name: runs on older pictures are not to be mixed in.
    asked = {"scale": dataclasses.asdict(scale), "arm": arm, "seed": seed, "pictures": pictures_digest()}
    path = keep / f"{arm}-{seed}-{hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    images = load_images(scale)
    if arm == "untrained":
        final = measure_untrained(images, scale, seed)
        done = {"rows": [{"step": 0}], "final": final, "seconds": 0.0}
    else:
        run = train_arm(
            arm,
            images,
            scale,
            seed=seed,
            on_rows=lambda step, _: print(f"  {arm} {seed}: step {step}", end="\r", flush=True),
        )
        done = {"rows": run.rows, "final": run.final, "seconds": run.seconds}
    write(path, {**done, "asked": asked})
    return done


def pictures_digest() -> str:
    """What the default pictures look like, in 12 letters: it changes when the renderer does."""
    images = load_objects("train", count=28, size=32, cache=False).images
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()[:12]


def write(path: Path, content: dict) -> None:
    """Write JSON whole or not at all, numbers to four figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(rounded(content), indent=1) + "\n")


def rounded(value):
    """Every float in a tree of dicts and lists, to four figures."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
