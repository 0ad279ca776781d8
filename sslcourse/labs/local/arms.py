"""What Lab 3 trains, at three sizes. The arms share all settings and differ in what local crops do to each other.

Two of them also do without negatives: a predictor and a stop-gradient take their place, as in SimSiam.
"""

from dataclasses import replace

from sslcourse.data.views import MultiCropSettings
from sslcourse.figures.style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods.logo import LoGoSettings
from sslcourse.notebook.views import augmentation
from sslcourse.training.recipes import DataSettings, EncoderSettings, FitSettings, Recipe

GLOBAL_SCALE, LOCAL_SCALE = (0.4, 1.0), (0.1, 0.4)
WEIGHT = 1.0  # of what local crops do to each other, where they do something
LEARNED_WEIGHT = 0.1  # of the learned repulsion: at 1 the encoder fools the affinity instead of parting the crops
TITLES = {
    "untrained": "untrained",
    "baseline": "left alone",
    "attract": "pulled together",
    "repel": "pushed apart",
    "learned": "pushed apart, learned",
    "alone_without": "alone, no negatives",
    "attract_without": "pulled, no negatives",
    "challenge": "your settings",
}
COLOURS = dict(zip(TITLES.values(), (GREY, BLUE, ORANGE, GREEN, PINK, AMBER, BLACK, SKY)))
FOUR = ("baseline", "attract", "repel", "learned")


def _recipe(scale: str, encoder: str, pictures: int, held_out: int, size: int, every: int, **loop) -> Recipe:
    """LoGo on the objects, measured and kept every few steps; fp32 is the same on every processor, for the bands."""
    whole = augmentation(0.5, size=size, scale=GLOBAL_SCALE, blur=0.0)
    crops = MultiCropSettings(whole, replace(whole, size=size // 2, scale=LOCAL_SCALE))
    method = LoGoSettings(
        crops, hidden_dim=256, out_dim=64, momentum=0.9, output_norm="batch", local="none", local_weight=WEIGHT
    )
    data = DataSettings(size=size, count=pictures, bank=pictures, held_out=held_out)
    loop |= dict.fromkeys(("warmup_steps", "log_every", "evaluate_every", "checkpoint_every"), every)
    return Recipe("logo", scale, method, EncoderSettings(encoder), data, FitSettings(**{"precision": "fp32", **loop}))


BASELINE = {
    "smoke": _recipe("smoke", "convnet_8", 320, 140, size=32, steps=8, batch_size=32, every=4),
    "cpu": _recipe("cpu", "convnet_8", 2000, 1000, size=32, steps=120, batch_size=64, every=20),
    "gpu": _recipe("gpu", "convnet_64", 10000, 2000, size=64, steps=800, batch_size=512, every=40, precision="auto"),
}


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> recipes("cpu")["repel"].method.local, recipes("cpu")["alone_without"].method.similarity
    ('repel', 'cosine')
    """
    base = BASELINE[scale]
    found = {"baseline": base}
    found |= {local: replace(base, method=replace(base.method, local=local)) for local in FOUR[1:]}
    learned = replace(found["learned"].method, local_weight=LEARNED_WEIGHT)
    found["learned"] = replace(base, method=learned)
    without = replace(base.method, similarity="cosine")
    found["alone_without"] = replace(base, method=without)
    found["attract_without"] = replace(base, method=replace(without, local="attract"))
    return found | {"challenge": base}
