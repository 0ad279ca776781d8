"""What Lab 1 trains, at three sizes. The arms share all settings and differ in one thing each.

The settings were chosen on the kNN accuracy of the baseline alone.
"""

from __future__ import annotations

from dataclasses import replace

from sslcourse.data.augment import Augmentation
from sslcourse.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods.simclr import SimCLRSettings
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
STRENGTH = 0.5  # s of the SimCLR paper: changes up to .8s, .8s, .8s and a hue turned by .2s
VIEWS = Augmentation(
    size=32,
    brightness=0.8 * STRENGTH,
    contrast=0.8 * STRENGTH,
    saturation=0.8 * STRENGTH,
    hue=0.2 * STRENGTH,
    blur=0.0,  # as in SimCLR's recipe for small images
)
METHOD = SimCLRSettings(temperature=0.2, hidden_dim=256, out_dim=64, augmentation=VIEWS)
LARGER = replace(METHOD, augmentation=replace(VIEWS, size=64))


def _fit(steps: int, batch_size: int, every: int, precision: str = "fp32") -> FitSettings:
    """A loop that is measured and kept every few steps; fp32 is the same on every processor, as the bands need it."""
    return FitSettings(
        steps=steps,
        batch_size=batch_size,
        warmup_steps=every,
        log_every=every,
        evaluate_every=every,
        checkpoint_every=every,
        precision=precision,
    )


BASELINE = {
    "smoke": Recipe(
        "simclr",
        "smoke",
        METHOD,
        EncoderSettings("convnet_8"),
        DataSettings(count=320, bank=320, held_out=140),
        _fit(16, 32, every=4),
    ),
    "cpu": Recipe(
        "simclr",
        "cpu",
        METHOD,
        EncoderSettings("convnet_16"),
        DataSettings(count=4000, bank=4000, held_out=1000),
        _fit(400, 128, every=20),
    ),
    "gpu": Recipe(
        "simclr",
        "gpu",
        LARGER,
        EncoderSettings("convnet_64"),
        DataSettings(count=10000, bank=10000, held_out=2000),
        _fit(800, 512, every=40, precision="auto"),
    ),
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
