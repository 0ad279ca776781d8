"""What an experiment of Lab 1 trains, at three sizes, and the three arms it compares.

The sizes were chosen on the kNN accuracy of the baseline alone; the arms share them and differ in one thing each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabScale:
    """How much is trained and measured: images, network, steps.

    >>> SCALES["cpu"].view_size
    48
    """

    train_images: int
    test_images: int
    image_size: int  # pixels of the images
    view_size: int  # pixels of the views, and of the images when they are measured
    encoder: str  # a name that build_encoder knows
    hidden_dim: int
    out_dim: int
    batch_size: int
    steps: int
    warmup_steps: int
    learning_rate: float
    temperature: float
    probe_images: int  # held-out images that the live diagnostics look at
    measure_every: int  # steps between two measurements
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
    "smoke": LabScale(320, 140, 64, 32, "vit_64x2_p8", 64, 32, 32, 12, 3, 1e-3, 0.2, 64, 4),
    "cpu": LabScale(4000, 1000, 64, 48, "vit_96x4_p8", 256, 64, 256, 300, 20, 2e-3, 0.2, 256, 20),
    "gpu": LabScale(20000, 4000, 64, 64, "vit_96x4_p8", 1024, 128, 512, 2000, 100, 2e-3, 0.2, 512, 100, "auto"),
}

ARMS: dict[str, Arm] = {
    "baseline": Arm("baseline", "SimCLR"),
    "no_negatives": Arm("no_negatives", "without negatives", negatives=False),
    "no_colour": Arm("no_colour", "without colour", colour=False),
}
