"""The networks of Lab 0: one without training, one that it trains with labels, and the course's seven without."""

from dataclasses import replace

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import MultiCropSettings
from sslcourse.figures.style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods import SupervisedSettings
from sslcourse.training.recipes import DataSettings, EncoderSettings, FitSettings, Recipe

TITLES = {
    "untrained": "untrained",
    "baseline": "supervised",
    "ibot": "iBOT",
    "simclr": "SimCLR",
    "byol": "BYOL",
    "dino": "DINO",
    "logo": "LoGo",
    "combined": "combined",
    "reconstruction": "reconstruction",
}
COLOURS = dict(zip(TITLES.values(), (GREY, ORANGE, BLUE, GREEN, SKY, PINK, AMBER, BLACK, GREY)))
COURSE = tuple(TITLES)[2:]  # the checkpoints that come with the package
MAIN = ("untrained", "baseline", "ibot")  # those that most stages compare


def _recipe(scale: str, pictures: int, held_out: int, steps: int, every: int, batch_size: int = 64) -> Recipe:
    """Labelled crops of 32 pixels of pictures of 64: fewer tokens make the network learn in half a minute."""
    views = Augmentation(size=32, scale=(0.5, 1.0), hue=0.5, blur=0.0)
    fit = FitSettings(steps, batch_size, 3e-3, weight_decay=0.05, precision="fp32", log_every=every)
    fit = replace(fit, evaluate_every=every, checkpoint_every=every)
    data = DataSettings(count=pictures, bank=min(pictures, 2000), held_out=held_out)
    method = SupervisedSettings(14, MultiCropSettings(views, global_crops=1, local_crops=0))
    return Recipe("supervised", scale, method, EncoderSettings("vit_96x4_p8_conv"), data, fit)


RECIPES = {
    "smoke": {"baseline": _recipe("smoke", 320, 140, steps=8, every=4, batch_size=32)},
    "cpu": {"baseline": _recipe("cpu", 4000, 1000, steps=200, every=20)},
    "gpu": {"baseline": _recipe("gpu", 10_000, 2000, steps=600, every=40, batch_size=128)},
}
