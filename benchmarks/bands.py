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
import statistics
from importlib import import_module
from math import inf, log
from pathlib import Path

import torch

from sslcourse.data.cache import cache_dir
from sslcourse.evaluation.statistics import students_t
from sslcourse.files import write_atomically
from sslcourse.notebook.session import UNTRAINED, LabSession, TrainedArm
from sslcourse.training.recipes import SHARP

LABS = {  # its session, and the arms whose ranges it shows
    "tokens": ("TokensLab", ("baseline",)),
    "contrastive": ("ContrastiveLab", ("baseline", "no_negatives", "no_colour")),
    "byol": (
        "ByolLab",
        (
            *("baseline", "no_ema", "no_stop", "no_predictor", "simclr"),
            *("small", "simclr_small", "no_colour", "simclr_no_colour"),
        ),
    ),
    "removal": ("RemovalLab", ("baseline", "low", "random", "high", "own", "short")),
    "pixels": ("PixelsLab", ("baseline", "distilled", "both")),
    "together": ("TogetherLab", ("plain", "baseline")),
    "local": ("LocalLab", ("baseline", "attract", "repel", "learned", "alone_without", "attract_without")),
    "two_levels": ("LevelsLab", ("sound", "no_center", "no_sharp", "cls", "patch", "baseline", "visible")),
}
FEWEST_RUNS = 6

# What a number can be at all. An entropy is at most the logarithm of what there is to choose from: prototypes for a
# target, patches for the attention (of pictures of 64 pixels). Of the prototypes, no more can be in use than there are.
PROTOTYPES = SHARP.prototypes
PATCHES = (64 // 8) ** 2
BOUNDS = {
    **dict.fromkeys(("knn", "accuracy", "object_attention", "object_recall", "contrastive_accuracy"), (0.0, 1.0)),
    **dict.fromkeys(("positive_cosine", "negative_cosine"), (-1.0, 1.0)),
    **dict.fromkeys(("channel_std", "alignment"), (0.0, inf)),
    **dict.fromkeys(("effective_rank", "projection_rank", "centered_rank"), (1.0, inf)),
    **dict.fromkeys(("teacher_distance", "divergence", "removed_error", "kept_error"), (0.0, inf)),
    **dict.fromkeys(("global_cosine", "local_global_cosine", "local_cosine", "other_cosine"), (-1.0, 1.0)),
    **dict.fromkeys(("whole_in_six", "part_knn"), (0.0, 1.0)),
    **dict.fromkeys(("part_match", "part_chance"), (0.0, 1.0)),
    "used_prototypes": (1.0, float(PROTOTYPES)),
    "teacher_entropy": (0.0, log(PROTOTYPES)),
    "attention_entropy": (0.0, log(PATCHES)),
    "uniformity": (-inf, 0.0),
}


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


def summarise(runs: list[tuple[list[dict], dict]]) -> dict:
    """The ordinary range of every number of every row, and at the end, from at least 6 runs of (rows, final numbers).

    Of the end the runs themselves are kept, too, so that pairs of one seed can be compared.

    Raises ValueError for fewer runs, and for rows at different steps.

    >>> band = summarise([([{"step": 0, "loss": x}], {"loss": x}) for x in (1.0, 2.0, 3.0, 1.0, 2.0, 3.0)])
    >>> [round(band["final"]["loss"][name], 2) for name in ("low", "mean", "high")]
    [-0.48, 2.0, 4.48]
    """
    if len(runs) < FEWEST_RUNS:
        raise ValueError(f"a range needs at least {FEWEST_RUNS} runs; got {len(runs)}")
    steps = [row["step"] for row in runs[0][0]]
    if any([row["step"] for row in rows] != steps for rows, _ in runs):
        raise ValueError("the runs were measured at different steps; measure all seeds with the same settings")
    names = [name for name in runs[0][0][0] if name != "step"]
    curves = {}
    for name in names:
        spans = [interval([rows[i][name] for rows, _ in runs], name) for i in range(len(steps))]
        curves[name] = {end: [span[end] for span in spans] for end in ("low", "high")}
    ends = {name: [numbers[name] for _, numbers in runs] for name in runs[0][1]}
    final = {name: {**interval(values, name), "runs": values} for name, values in ends.items()}
    return {"steps": steps, "curves": curves, "final": final}


def interval(values: list[float], name: str = "") -> dict[str, float]:
    """The 95 % prediction interval of one new value, mean plus and minus t s sqrt(1 + 1/n), within what `name` can be.

    >>> interval([0.9, 0.95, 1.0, 0.9, 0.95, 1.0], "knn")["high"]
    1.0
    """
    count, mean = len(values), statistics.fmean(values)
    reach = students_t(count) * statistics.stdev(values) * (1 + 1 / count) ** 0.5
    lowest, highest = BOUNDS.get(name, (-inf, inf))
    return {"low": max(lowest, mean - reach), "mean": mean, "high": min(highest, mean + reach)}


if __name__ == "__main__":
    main()
