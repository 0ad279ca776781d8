"""What Lab 5 trains, at three sizes, and the networks of the course that it looks at.

All arms distil the class token, from two global and two local crops, and differ in which patches of the global crops
the student does not get. The settings are those of claims 5 and 6 in the ledger, but that pictures have 64 pixels, the
size that the course's networks know; crops have 48. In so short a run the teacher attends to all patches nearly alike:
in two arms the course's iBOT chooses instead, in "own" the teacher, as in the ledger's.
"""

from dataclasses import replace
from typing import Any

from sslcourse.figures.style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY
from sslcourse.methods.removal import Removal
from sslcourse.training.recipes import Recipe, find_recipe

TITLES = {
    "untrained": "untrained",
    "baseline": "nothing removed",
    "low": "low removed",
    "random": "random removed",
    "high": "high removed",
    "own": "low, by its own teacher",
    "short": "nothing removed, as long",
    "challenge": "your settings",
}
COURSE = {  # the checkpoints that come with the package
    "byol": "BYOL",
    "combined": "combined",
    "dino": "DINO",
    "ibot": "iBOT",
    "logo": "LoGo",
    "reconstruction": "reconstruction",
    "simclr": "SimCLR",
}
RULE = "contrast of colours"
COLOURS = dict(zip(TITLES.values(), (GREY, BLACK, BLUE, GREEN, ORANGE, AMBER, PINK, SKY)))
COLOURS |= dict.fromkeys(COURSE.values(), BLUE) | {RULE: AMBER, "at random": GREY}

KEEP_RATE = 0.5
# In the time of 240 steps with half of the patches, 200 of whole ones: measured once, with the ledger's arms.
STEPS = {"smoke": (8, 6), "cpu": (240, 200), "gpu": (2000, 1667)}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"encoder": "vit_64x2_p8", "count": 320, "bank": 320, "held_out": 140, "batch_size": 16},
    "cpu": {"encoder": "vit_64x2_p8_conv", "count": 2000, "bank": 2000, "held_out": 1000, "batch_size": 32},
    "gpu": {"count": 10_000, "bank": 10_000, "held_out": 2000},
}


def _base(scale: str) -> Recipe:
    """Nothing removed; measured and kept six times on the way. fp32 is the same on every processor, for the bands."""
    steps = STEPS[scale][0]
    every = max(1, steps // 6)
    changes: dict[str, Any] = dict.fromkeys(("warmup_steps", "log_every", "evaluate_every", "checkpoint_every"), every)
    changes |= {"steps": steps, "precision": "auto" if scale == "gpu" else "fp32"}
    changes |= {"policy": "none", "keep_rate": KEEP_RATE, "patch_loss": "off", "reconstruction": "off"}
    changes |= {"global_crop.size": 48, "local_crop.size": 24, "local_crops": 2}
    return find_recipe("combined", "objects", scale, **SIZES[scale], **changes)


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> found = recipes("cpu")
    >>> found["low"].method.removal.policy, found["short"].fit.steps, found["low"].fit == found["baseline"].fit
    ('low', 200, True)
    """
    base = _base(scale)
    found = {"baseline": base}
    removals = {
        "low": Removal("low", KEEP_RATE, removal_warmup=0.0),  # iBOT knows from the first step on
        "random": Removal("random", KEEP_RATE),
        "high": Removal("high", KEEP_RATE, removal_warmup=0.0),
        "own": Removal("low", KEEP_RATE),
    }
    found |= {arm: replace(base, method=replace(base.method, removal=removal)) for arm, removal in removals.items()}
    return found | {"short": replace(base, fit=replace(base.fit, steps=STEPS[scale][1])), "challenge": found["own"]}
