"""What Lab 7 trains, at three sizes: two cells of the ledger's factorial, in shorter runs and with a smaller decoder.

All have one learning rate. At scale `gpu` the recipe's runs take too long for a lab: fewer pictures and steps.
"""

from dataclasses import replace
from typing import Any

from sslcourse.claims.catalogue.arms import CLS, switched
from sslcourse.figures.style import BLUE, GREY, ORANGE, SKY
from sslcourse.training.recipes import Recipe, with_changes

TITLES = {
    "untrained": "untrained",
    "plain": "class token alone",
    "baseline": "all three",
    "challenge": "your settings",
}
COLOURS = dict(zip(TITLES.values(), (GREY, ORANGE, BLUE, SKY)))
CELLS = {"baseline": switched("all three", "low", "kept", "removed"), "plain": CLS}
MEASURED = 6  # times on the way
GPU = {"steps": 1800, "count": 10_000, "bank": 10_000, "held_out": 2000}


def _cell(arm: str, scale: str) -> Recipe:
    recipe = CELLS[arm].recipe("objects", scale)
    if scale == "gpu":
        recipe = with_changes(recipe, GPU)
    every = max(1, recipe.fit.steps // MEASURED)
    often: dict[str, Any] = dict.fromkeys(("log_every", "evaluate_every", "checkpoint_every"), every)
    return replace(recipe, fit=replace(recipe.fit, **often))


def recipes(scale: str) -> dict[str, Recipe]:
    """The recipe of every arm at a scale.

    >>> found = recipes("cpu")
    >>> found["baseline"].method.patch_loss, found["plain"].method.reconstruction
    ('kept', 'off')
    """
    whole = _cell("baseline", scale)
    return {"baseline": whole, "plain": _cell("plain", scale), "challenge": whole}
