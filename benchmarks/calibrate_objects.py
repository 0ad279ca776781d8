"""Is the embedded data's difficulty right to teach with? kNN untrained, after 3 and after 10 minutes of SimCLR.

    python benchmarks/calibrate_objects.py [--difficulty default] [--minutes 3 10] [--steps N ...] [--json FILE]

What is asked of `default`, by a ViT of width 96, depth 4, patch 8 with a convolutional stem at 64 px, batch 64, on two
quiet CPU cores: at most .40 untrained, at least .80 after 3 minutes, not above .98 after 10. Each length is a run of
its own with a whole cosine schedule; the number of steps that fit is measured first. On a machine that is not quiet,
`--steps` gives the number of steps. The chosen difficulty is frozen: methods are compared on it, never tuned by it.
"""

from __future__ import annotations

import argparse
import time

import torch
from common import write

from sslcourse.data.augment import Augmentation
from sslcourse.data.objects import CLASSES, load_objects
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.methods.simclr import SimCLR, SimCLRSettings
from sslcourse.models import build_encoder
from sslcourse.training.fit import FitSettings, fit

BATCH = 64
ASKED = {"untrained": (0.0, 0.40), "3 min": (0.80, 1.0), "10 min": (0.0, 0.98)}


def make_method(seed: int) -> SimCLR:
    """SimCLR on the small encoder; any change of hue is allowed, for it tells instances apart but not classes."""
    torch.manual_seed(seed)
    augmentation = Augmentation(size=64, hue=0.5, blur=0.0)
    return SimCLR(
        build_encoder("vit_96x4_p8_conv", image_size=64), SimCLRSettings(temperature=0.3, augmentation=augmentation)
    )


def train(steps: int, images, seed: int, progress: bool = True) -> tuple[SimCLR, float]:
    """A method trained for `steps`, and the seconds that took."""
    method = make_method(seed)
    settings = FitSettings(steps=steps, batch_size=BATCH, learning_rate=2e-3, seed=seed, device="cpu", log_every=50)
    start = time.perf_counter()
    fit(method, images, settings, progress=progress)
    return method, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--difficulty", default="default")
    parser.add_argument("--minutes", type=float, nargs="*", default=[3.0, 10.0])
    parser.add_argument("--steps", type=int, nargs="*", default=[], help="train so many steps instead of minutes")
    parser.add_argument("--count", type=int, default=4000, help="training images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seed = arguments.seed

    images = load_objects("train", count=arguments.count, difficulty=arguments.difficulty, progress=True)
    test = load_objects("test", count=1000, difficulty=arguments.difficulty)
    rows = []

    def report(name: str, method: SimCLR, steps: int, seconds: float) -> None:
        score = evaluate_knn(method.encoder, images, test)
        low, high = ASKED.get(name, (0.0, 1.0))
        asked = arguments.difficulty == "default" and name in ASKED
        row = {"name": name, "steps": steps, "seconds": round(seconds, 1), "knn": round(score, 4)}
        rows.append(row | ({"asked": [low, high], "met": low <= score <= high} if asked else {}))
        verdict = f"   asked {low:.2f} to {high:.2f}: {'met' if low <= score <= high else 'MISSED'}" if asked else ""
        print(f"{name:>10}: {steps:6d} steps, {seconds:6.1f} s, kNN (k=20) {score:.3f}{verdict}", flush=True)

    print(f"{arguments.difficulty}, {len(CLASSES)} classes, {len(images)} images, chance {1 / len(CLASSES):.3f}")
    report("untrained", make_method(seed), 0, 0.0)
    if arguments.steps:
        lengths = [(f"{steps} steps", steps) for steps in arguments.steps]
    else:
        train(5, images, seed, progress=False)
        warm = 40
        rate = warm / train(warm, images, seed, progress=False)[1]
        print(f"{rate:.2f} steps of {BATCH} images a second on {arguments.threads} threads")
        lengths = [(f"{minutes:g} min", max(1, int(60 * minutes * rate))) for minutes in arguments.minutes]
    for name, steps in lengths:
        method, seconds = train(steps, images, seed)
        report(name, method, steps, seconds)
    write(arguments.json, rows, difficulty=arguments.difficulty)


if __name__ == "__main__":
    main()
