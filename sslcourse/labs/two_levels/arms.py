"""What Lab 4 trains, at three sizes: three short runs of the class token alone, then one run for each choice of levels.

The longer runs have two thirds of the steps of claim 1 in the ledger, all at one learning rate; the short ones a third
of the longer ones', a centre in place of Sinkhorn, and another temperature.
"""

from dataclasses import replace

from sslcourse.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.labs.two_levels.method import LevelSettings
from sslcourse.training.recipes import CROPS, SHARP, DataSettings, EncoderSettings, FitSettings, Recipe, sized

TRICKS = ("sound", "no_center", "no_sharp")
LEVELS = ("cls", "patch", "baseline", "visible")
# With .02, that of the longer runs, the run with both tricks used 5 of 256 prototypes at step 60 (seed 0); with .04 its
# targets went on to be uniform (an entropy of 5.3, of 5.5, at step 120).
TEMPERATURE = 0.03
TITLES = {
    "untrained": "untrained",
    "sound": "centred and sharpened",
    "no_center": "no centre",
    "no_sharp": "no sharpening",
    "cls": "class token alone",
    "patch": "patches alone",
    "baseline": "both levels",
    "visible": "both, nothing hidden",
    "challenge": "your settings",
    "dino": "DINO",
    "ibot": "iBOT",
}
COLOURS = dict(zip(TITLES.values(), (GREY, BLUE, ORANGE, GREEN, ORANGE, GREEN, BLUE, PINK, SKY, ORANGE, BLUE)))
COLOURS |= {"run A": BLUE, "run B": ORANGE, "run C": BLACK}
COURSE = ("dino", "ibot")  # checkpoints: equal but for the patches' loss


def _recipe(scale: str, pictures: int, held_out: int, size: int, every: int, **loop) -> Recipe:
    method = LevelSettings(
        CROPS, SHARP, mask_kind="random", mask_probability=1.0, mask_ratio=(0.3, 0.3), patch_weight=0.25
    )
    data = DataSettings(count=pictures, bank=min(pictures, 2000), held_out=held_out)
    loop |= dict.fromkeys(("log_every", "evaluate_every", "checkpoint_every"), every)
    fit = FitSettings(**{"learning_rate": 2e-3, "precision": "fp32", **loop})
    encoder = EncoderSettings("vit_64x2_p8_conv" if scale != "gpu" else "vit_192x6_p8")
    return sized(Recipe("ibot", scale, method, encoder, data, fit), size)


BASELINE = {
    "smoke": _recipe("smoke", 160, 112, size=32, steps=4, batch_size=16, every=2),
    "cpu": _recipe("cpu", 4000, 1000, size=48, steps=240, batch_size=32, every=40),
    "gpu": _recipe("gpu", 10_000, 2000, size=64, steps=3000, batch_size=128, every=150, precision="auto"),
}


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> recipes("cpu")["patch"].method.cls, recipes("cpu")["no_sharp"].method.distillation.teacher_temperature
    (False, 1.0)
    """
    base = BASELINE[scale]
    method, fit = base.method, base.fit
    alone = replace(method.crops, local_crops=0)  # local crops have only the class token to learn
    steps = max(2, fit.steps // 3)
    every = max(1, steps // 8)
    short = replace(fit, steps=steps, log_every=every, evaluate_every=every, checkpoint_every=every)
    found = {
        "baseline": base,
        "cls": replace(base, method=replace(method, patches="off")),
        "patch": replace(base, method=replace(method, cls=False, crops=alone)),
        "visible": replace(base, method=replace(method, patches="visible")),
        "challenge": base,
    }
    for arm in TRICKS:
        temperature = 1.0 if arm == "no_sharp" else TEMPERATURE
        how = replace(
            method.distillation,
            targets="centering",
            teacher_temperature=temperature,
            first_teacher_temperature=temperature,
        )
        own = replace(method, patches="off", distillation=how, centers=arm != "no_center")
        found[arm] = replace(base, method=own, fit=short)
    return found
