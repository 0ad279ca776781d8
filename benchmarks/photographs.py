"""SimCLR on real photographs: kNN untrained, trained, without colour transformations, and without negatives.

    SSLCOURSE_CIFAR=.../cifar10-small.zip \\
        python benchmarks/photographs.py [--arms ...] [--seeds 0 1 2] [--steps N] [--json FILE]

`cifar10-small.zip` is an ImageFolder in a zip with 20,000 training and 5,000 test photographs of CIFAR-10, 32 px. All
arms share every setting but the one that is named; the settings were chosen on the first arm's kNN alone. Asked on two
quiet CPU cores: SimCLR at least .43 in at most 5 minutes (aim .55), the untrained encoder near .30; without colour at
least .08 lower; without negatives no better than untrained, and the effective rank at least 4 times smaller than
SimCLR's. Finished runs are kept in the JSON file, and a second call makes only those that are missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import torch
from common import write

from sslcourse.data.augment import Augmentation
from sslcourse.data.datasets import load
from sslcourse.evaluation.collapse import effective_rank
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.methods.simclr import SimCLR, SimCLRSettings
from sslcourse.models.convnet import ConvNet
from sslcourse.training.fit import FitSettings, fit

ARMS = ("untrained", "SimCLR", "without colour", "without negatives")
BATCH = 256
# SimCLR's recipe for CIFAR-10: no blur, colours at half strength (Chen et al. 2020, appendix B.9)
AUGMENTATION = Augmentation(size=32, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, blur=0.0)


def make_method(arm: str, seed: int, width: int) -> SimCLR:
    """The method of an arm; one seed gives all arms the same weights to start from."""
    torch.manual_seed(seed)
    settings = SimCLRSettings(
        temperature=0.2,
        negatives=arm != "without negatives",
        augmentation=AUGMENTATION.without_color() if arm == "without colour" else AUGMENTATION,
    )
    return SimCLR(ConvNet(width=width), settings)


def run(arm: str, seed: int, options: argparse.Namespace, train_set, test_set) -> dict[str, object]:
    """Train one arm and measure it: one row of the table."""
    method = make_method(arm, seed, options.width)
    start = time.perf_counter()
    if arm != "untrained":
        settings = FitSettings(
            steps=options.steps, batch_size=BATCH, learning_rate=options.learning_rate, seed=seed, log_every=50
        )
        fit(method, train_set, settings, progress=sys.stderr.isatty())
    seconds = time.perf_counter() - start
    train, test = (extract_features(method.encoder, part) for part in (train_set, test_set))
    accuracy = knn_accuracy(train, train_set.labels, test, test_set.labels, k=20, num_classes=len(train_set.classes))
    return {
        "name": arm,
        "seed": seed,
        "knn": round(accuracy, 4),
        "effective_rank": round(effective_rank(test).item(), 1),
        "seconds": round(seconds, 1),
        "steps": 0 if arm == "untrained" else options.steps,
        "width": options.width,
        "learning_rate": options.learning_rate,
        "threads": torch.get_num_threads(),
        "augmentation": dataclasses.asdict(AUGMENTATION) if arm == "SimCLR" else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--width", type=int, default=32, help="channels of the ConvNet's first stage")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = os.environ.get("SSLCOURSE_CIFAR")
    if not path:
        parser.error("set SSLCOURSE_CIFAR to a zip or folder of photographs, one folder a class below train/ and test/")
    train_set, test_set = load(f"folder:{path}", "train"), load(f"folder:{path}", "test")
    rows = json.loads(options.json.read_text())["rows"] if options.json and options.json.exists() else []
    wanted = {"width": options.width, "learning_rate": options.learning_rate}
    for seed in options.seeds:
        for arm in options.arms:
            same = wanted | {"name": arm, "seed": seed, "steps": 0 if arm == "untrained" else options.steps}
            if not any(all(row[key] == value for key, value in same.items()) for row in rows):
                rows.append(run(arm, seed, options, train_set, test_set))
                write(options.json, rows)
            row = next(row for row in rows if all(row[key] == value for key, value in same.items()))
            print(
                f"{arm:>18}, seed {seed}: kNN {row['knn']:.3f}, effective rank {row['effective_rank']:6.1f}, "
                f"{row['steps']} steps in {row['seconds']:.0f} s on {row['threads']} threads",
                flush=True,
            )


if __name__ == "__main__":
    main()
