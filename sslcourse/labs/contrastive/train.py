"""Training one arm of Lab 1 and measuring it: no display, so that the notebook and the benchmark run the same code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.labs.contrastive.arms import ARMS, Arm, LabScale
from sslcourse.labs.contrastive.probe import Probe
from sslcourse.methods.simclr import SimCLR, SimCLRSettings
from sslcourse.models.convnet import ConvNet
from sslcourse.training.fit import FitSettings, fit

Loss = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class Images:
    """The three sets an experiment uses: to train on, to measure kNN on, and to watch training with."""

    train: ImageSet
    test: ImageSet
    probe: ImageSet


@dataclass(repr=False)
class Run:
    """A trained arm: its network, what the probe saw at each measurement, and the numbers at the end."""

    arm: Arm
    method: nn.Module
    rows: list[dict[str, float]]
    final: dict[str, float]
    spectrum: list[float]
    embeddings: tuple[Tensor, Tensor, Tensor, Tensor]  # h1, h2, z1, z2 of the probe
    seconds: float = 0.0

    def __repr__(self) -> str:
        accuracy, contrastive = self.final["knn"], self.final["contrastive_accuracy"]
        return f"{self.arm.title}: kNN accuracy {accuracy:.2f}, contrastive accuracy {contrastive:.2f}, {self.seconds:.0f} s"


def load_images(scale: LabScale, name: str = "objects", seed: int = 0, **options) -> Images:
    """The images of an experiment, by data set name or `folder:PATH`; where there is no test split, validation stands in.

    `options` go to `sslcourse.data.datasets.load` (for instance `root` or `download`).
    """
    if name == "objects":
        options.setdefault("seed", seed)
    train = load(name, "train", size=scale.image_size, count=scale.train_images, **options)
    held_out = load(name, "test", size=scale.image_size, count=scale.test_images + scale.probe_images, **options)
    test_count = max(len(held_out) - scale.probe_images, 1)
    order = torch.arange(len(held_out))
    return Images(train, held_out.subset(order[:test_count]), held_out.subset(order[test_count:]))


def augmentation(scale: LabScale, arm: Arm) -> Augmentation:
    """The transformations of an arm."""
    strength = scale.colour_strength
    settings = Augmentation(
        size=scale.view_size,
        brightness=0.8 * strength,
        contrast=0.8 * strength,
        saturation=0.8 * strength,
        hue=0.2 * strength,
        blur=scale.blur,
    )
    return settings if arm.colour else settings.without_color()


def make_method(scale: LabScale, arm: Arm, seed: int, loss: Loss | None = None) -> SimCLR:
    """An untrained SimCLR; the same seed gives the same weights whatever the arm."""
    torch.manual_seed(seed)
    settings = SimCLRSettings(
        temperature=scale.temperature,
        hidden_dim=scale.hidden_dim,
        out_dim=scale.out_dim,
        negatives=arm.negatives,
        augmentation=augmentation(scale, arm),
    )
    return SimCLR(ConvNet(width=scale.width), settings, loss=loss if arm.negatives else None)


def knn(method: nn.Module, images: Images, scale: LabScale) -> float:
    """kNN accuracy (k = 20) of the encoder's features."""
    return evaluate_knn(method.encoder, images.train, images.test, size=scale.view_size)


def measure_untrained(images: Images, scale: LabScale, seed: int) -> dict[str, float]:
    """The final numbers of a network before its first step, under the baseline's views."""
    method = make_method(scale, ARMS["baseline"], seed)
    probe = Probe(images.probe.images, augmentation(scale, ARMS["baseline"]), seed)
    return {"knn": knn(method, images, scale), **probe.measure(method)}


def train_arm(
    arm: str,
    images: Images,
    scale: LabScale,
    *,
    loss: Loss | None = None,
    seed: int = 0,
    on_rows: Callable[[int, list[dict[str, float]]], None] | None = None,
) -> Run:
    """Train one arm from scratch and measure it.

    `on_rows(step, rows)` is called after every measurement. Raises what `fit` raises (NonFiniteLoss for a NaN).
    """
    chosen = ARMS[arm]
    started = time.perf_counter()
    method = make_method(scale, chosen, seed, loss)
    probe = Probe(images.probe.images, augmentation(scale, chosen), seed)
    rows = []

    def measure(step: int) -> None:
        rows.append({"step": step, **probe.measure(method)})
        if on_rows:
            on_rows(step, rows)

    measure(0)

    settings = FitSettings(
        steps=scale.steps,
        batch_size=scale.batch_size,
        learning_rate=scale.learning_rate,
        warmup_steps=scale.warmup_steps,
        seed=seed,
        precision=scale.precision,
        log_every=scale.measure_every,
    )
    fit(method, images.train, settings, on_log=lambda row: measure(row["step"]), progress=False)
    final = {"knn": knn(method, images, scale), **{k: v for k, v in rows[-1].items() if k != "step"}}
    embeddings = probe.embed(method)
    return Run(
        arm=chosen,
        method=method,
        rows=rows,
        final=final,
        spectrum=torch.as_tensor(spectrum(embeddings[0])).tolist(),
        embeddings=embeddings,
        seconds=time.perf_counter() - started,
    )
