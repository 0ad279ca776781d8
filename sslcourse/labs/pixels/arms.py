"""What Lab 6 trains, at three sizes: painting alone; and a pair, distilling without painting and with it.

Half of the patches are removed, at random. The painter has no convolutional stem, whose windows reach a few pixels into
removed patches. The pair has one, and local crops, or it would know too little after so few steps to have much to lose.
The settings are the recipes' and the claims'; nothing was chosen by what is compared.
"""

from dataclasses import replace

from sslcourse.figures.style import AMBER, BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods import CombinedSettings, Removal
from sslcourse.training.recipes import CROPS, SHARP, DataSettings, EncoderSettings, FitSettings, Recipe

PATCH = 8  # pixels
TITLES = {
    "untrained": "untrained",
    "baseline": "painting",
    "distilled": "distilling",
    "both": "distilling and painting",
    "reconstruction": "the course's painter",
    "dino": "the course's DINO",
    "challenge": "your settings",
}
COLOURS = dict(zip(TITLES.values(), (GREY, ORANGE, BLUE, GREEN, AMBER, SKY, PINK)))
COURSE = ("reconstruction", "dino")  # checkpoints that come with the package, each with its card


def _recipe(scale: str, encoder: str, pictures: int, held_out: int, every: int, **loop) -> Recipe:
    """Distilling and painting on the objects; fp32 is the same on every processor, for the bands."""
    crops = replace(CROPS, local_crops=2)
    method = CombinedSettings(
        crops, SHARP, Removal("random", 0.5, 0.0), patch_loss="off", decoder_depth=1, reconstruction_weight=0.25
    )
    data = DataSettings(count=pictures, bank=pictures, held_out=held_out)
    loop |= dict.fromkeys(("log_every", "evaluate_every", "checkpoint_every"), every)
    fit = FitSettings(**{"precision": "fp32", "learning_rate": 2e-3, **loop})
    return Recipe("combined", scale, method, EncoderSettings(encoder), data, fit)


BOTH = {
    "smoke": _recipe("smoke", "vit_64x2_p8_conv", 320, 140, every=4, steps=8, batch_size=16),
    "cpu": _recipe("cpu", "vit_64x2_p8_conv", 2000, 1000, every=24, steps=240, batch_size=32),
    "gpu": _recipe("gpu", "vit_192x6_p8_conv", 10_000, 2000, every=100, steps=2000, batch_size=256, precision="auto"),
}


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> found = recipes("cpu")
    >>> found["baseline"].method.cls, found["distilled"].method.reconstruction, found["both"].method.decodes
    (False, 'off', True)
    """
    both = BOTH[scale]
    plain = EncoderSettings(both.encoder.name.removesuffix("_conv"))
    painting = replace(both, encoder=plain, method=replace(both.method, cls=False))
    distilling = replace(both, method=replace(both.method, reconstruction="off"))
    return {"baseline": painting, "distilled": distilling, "both": both, "challenge": painting}
