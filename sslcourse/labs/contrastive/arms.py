"""What an experiment of Lab 1 trains, at three sizes, and the three arms it compares.

The settings were chosen on the kNN accuracy of the baseline alone; the arms share them and differ in one thing each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabScale:
    """How much is trained and measured: images, network, steps, augmentation.

    >>> SCALES["cpu"].view_size
    32
    """

    train_images: int
    test_images: int
    width: int  # channels of the first stage of the ConvNet
    batch_size: int
    steps: int
    warmup_steps: int
    measure_every: int  # steps between two measurements
    probe_images: int  # held-out images that the live diagnostics look at
    image_size: int = 64  # pixels of the images
    view_size: int = 32  # pixels of the views, and of the images when kNN is measured
    hidden_dim: int = 256
    out_dim: int = 64
    learning_rate: float = 2e-3
    temperature: float = 0.2
    colour_strength: float = 0.5  # s of the SimCLR paper: changes up to .8s, .8s, .8s and a hue turned by .2s
    blur: float = 0.0  # no blur, as in SimCLR's recipe for small images
    precision: str = "fp32"  # on a processor the same everywhere, so that the bands compare like with like


@dataclass(frozen=True)
class Arm:
    """One way to train: its name, its title in the figures and the one thing that is different.

    >>> ARMS["no_colour"].colour
    False
    """

    name: str
    title: str
    negatives: bool = True
    colour: bool = True


SCALES: dict[str, LabScale] = {
    "smoke": LabScale(
        train_images=320,
        test_images=140,
        width=8,
        batch_size=32,
        steps=16,
        warmup_steps=4,
        measure_every=4,
        probe_images=64,
    ),
    "cpu": LabScale(
        train_images=4000,
        test_images=1000,
        width=16,
        batch_size=128,
        steps=400,
        warmup_steps=20,
        measure_every=20,
        probe_images=256,
    ),
    "gpu": LabScale(
        train_images=10000,
        test_images=2000,
        width=64,
        batch_size=512,
        steps=800,
        warmup_steps=40,
        measure_every=40,
        probe_images=512,
        view_size=64,
        precision="auto",
    ),
}

ARMS: dict[str, Arm] = {
    "baseline": Arm("baseline", "SimCLR"),
    "no_negatives": Arm("no_negatives", "without negatives", negatives=False),
    "no_colour": Arm("no_colour", "without colour", colour=False),
}
