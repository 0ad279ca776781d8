"""What Lab 1 trains, at three sizes. The arms share all settings and differ in one thing each.

The settings were chosen on the kNN accuracy of the baseline alone.
"""

from dataclasses import replace
from typing import Any

from sslcourse.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods.simclr import SimCLRSettings
from sslcourse.notebook.views import augmentation
from sslcourse.training.recipes import DataSettings, EncoderSettings, FitSettings, Recipe

TITLES = {
    "untrained": "untrained",
    "baseline": "SimCLR",
    "no_negatives": "no negatives",
    "no_colour": "without colour",
    "mystery": "a loss with a mistake",
    "challenge": "your settings",
}
COLOURS = dict(zip(TITLES.values(), (GREY, BLUE, ORANGE, GREEN, PINK, SKY)))


def _recipe(
    scale: str, encoder: str, pictures: int, held_out: int, size: int, every: int, precision: str = "fp32", **loop: Any
) -> Recipe:
    """SimCLR on the objects, measured and kept every few steps; fp32 is the same on every processor, for the bands."""
    views = augmentation(0.5, size=size, blur=0.0)  # no blur, as in SimCLR's recipe for small images
    method = SimCLRSettings(temperature=0.2, hidden_dim=256, out_dim=64, augmentation=views)
    data = DataSettings(count=pictures, bank=pictures, held_out=held_out)
    loop |= dict.fromkeys(("warmup_steps", "log_every", "evaluate_every", "checkpoint_every"), every)
    fit = FitSettings(precision=precision, **loop)
    return Recipe("simclr", scale, method, EncoderSettings(encoder), data, fit)


BASELINE = {
    "smoke": _recipe("smoke", "convnet_8", 320, 140, size=32, steps=16, batch_size=32, every=4),
    "cpu": _recipe("cpu", "convnet_16", 4000, 1000, size=32, steps=400, batch_size=128, every=20),
    "gpu": _recipe("gpu", "convnet_64", 10000, 2000, size=64, steps=800, batch_size=512, every=40, precision="auto"),
}


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> recipes("cpu")["no_colour"].method.augmentation.color, recipes("cpu")["baseline"].method.augmentation.size
    (0.0, 32)
    """
    base = BASELINE[scale]
    plain = base.method.augmentation.without_color()
    quarter = replace(base.fit, steps=max(4, base.fit.steps // 4), warmup_steps=base.fit.warmup // 4)
    return {
        "baseline": base,
        "no_negatives": replace(base, method=replace(base.method, negatives=False)),
        "no_colour": replace(base, method=replace(base.method, augmentation=plain)),
        "mystery": replace(base, fit=quarter),
        "challenge": base,
    }
