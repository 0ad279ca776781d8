"""What the arms of several claims share: how large their runs are at the scales `smoke` and `cpu`."""

from collections.abc import Callable, Mapping
from typing import Any

from sslcourse.claims.claim import Arm
from sslcourse.methods.method import Method
from sslcourse.training.recipes import Recipe, build_method

Sizes = dict[str, dict[str, Any]]  # changes to a recipe, by scale

# Where whole images matter, not their places: 16 patches a picture, and batch statistics in the heads alone. The
# length was chosen on seed 0, which no verdict uses: of 320 steps of SimCLR the last 80 added .006 to a kNN accuracy of
# .700 on the drawn objects, of BYOL .026 to .434.
WHOLE = {
    "smoke": {"image_size": 32, "encoder": "vit_64x2_p8"},
    "cpu": {"image_size": 32, "encoder": "vit_64x2_p8_conv", "steps": 240},
}
# As good as no training: a run of four steps at a rate that rounds to nothing.
UNTRAINED = {"steps": 4, "warmup_steps": 0, "learning_rate": 1e-9}
# Said of claims with such arms.
OTHER_CROPS = (
    " Crops are the same between arms that both remove (or mask) patches, or both do not: one that does draws more "
    "random numbers, so that its crops are others from the second step on."
)
OWN_RATE = " Each arm has the learning rate with the highest kNN in one run of a spent seed on the drawn objects."
# Why a difference of accuracies counts from .05, or from .03, on.
THREE_ERRORS = "three standard errors of an accuracy of .5 to .8 on 1,000 pictures"
TWO_ERRORS = "two standard errors of an accuracy of .5 to .8 on 1,000 pictures"


def sized_arms(sizes: Sizes, rates: Mapping[str, float] | None = None) -> Callable[..., Arm]:
    """A function like `Arm` whose runs have these sizes; its changes come last at every scale.

    With `rates` an arm has at scale cpu the learning rate that is there for its name.

    >>> whole = sized_arms(WHOLE)
    >>> whole("BYOL", "byol", steps=12).experiment("objects", "cpu", 1).recipe.fit.steps
    12
    """

    def make(
        name: str,
        kind: str,
        build: Callable[[Recipe], Method] = build_method,
        variant: str = "",
        **changes: Any,
    ) -> Arm:
        own = sizes if rates is None else at_rate(sizes, rates[name])
        at = {scale: size | changes for scale, size in own.items()}
        return Arm(name, kind, changes, at, build=build, variant=variant)

    return make


def at_rate(sizes: Sizes, rate: float) -> Sizes:
    """Sizes whose runs at scale cpu have a learning rate of their own.

    >>> at_rate({"smoke": {}, "cpu": {"steps": 8}}, 0.004)
    {'smoke': {}, 'cpu': {'steps': 8, 'learning_rate': 0.004}}
    """
    return sizes | {"cpu": sizes["cpu"] | {"learning_rate": rate}}


def untrained(kind: str) -> Arm:
    """The arm whose network stays as it was drawn."""
    return sized_arms(WHOLE)("untrained", kind, **UNTRAINED)
