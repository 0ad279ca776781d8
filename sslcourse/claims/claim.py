"""The form of a claim: a sentence, the arms that are compared, what is measured, and the smallest effect that counts.

Whoever changes what decides a claim makes its earlier rows in the ledger stale (`fingerprint`): they are kept, named so
and never counted.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from sslcourse.claims.measures import measure_version
from sslcourse.claims.pictures import PICTURES, load_pictures
from sslcourse.methods.method import Method
from sslcourse.settings import nearest
from sslcourse.training.experiment import Experiment
from sslcourse.training.recipes import Recipe, build_method, find_recipe

DIRECTIONS = ("higher", "lower", "same")
TIMES = ("start", "half", "full")  # when a run is measured
QUARTERS = 4  # a run is evaluated and kept at each quarter of its length

# What every arm shares at a scale, on the way to a run of about two minutes on one core; `gpu` takes the recipes.
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"steps": 8, "warmup_steps": 2, "count": 96, "bank": 96, "held_out": 64, "precision": "fp32"},
    "cpu": {"steps": 352, "precision": "fp32"},
    "gpu": {},
}
# By scale and the pictures' side, where the recipe's own encoder is too large for that.
ENCODERS = {("smoke", 64): "vit_64x2_p8_conv", ("cpu", 64): "vit_64x2_p8_conv", ("cpu", 32): "vit_64x2_p4_conv"}


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to train: a method's recipe with changes by name, as in `find_recipe`.

    `at` holds further changes for one scale, one set of pictures, or both: keys such as "cpu", "cifar10-small" and
    "cpu/cifar10-small", the more special one last. `build(recipe)` makes a method that no recipe can say; `variant`
    then names it, because it is part of the run's key. `data` ties the arm to one set of pictures, where that is what
    differs; else it is trained on each set of the claim.

    >>> Arm("SimCLR", "simclr", {"temperature": 0.1}).experiment("objects", "smoke", seed=1).recipe.method.temperature
    0.1
    """

    name: str
    kind: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    at: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    build: Callable[[Recipe], Method] = build_method
    variant: str = ""
    data: str = ""

    def experiment(self, data: str, scale: str, seed: int, device: str = "auto") -> Experiment:
        """The run of this arm with a seed. Raises ValueError for unknown names, and steps that have no quarters."""
        data = self.data or data
        recipe, pictures = self.recipe(data, scale), PICTURES[data]
        recipe = replace(recipe, fit=replace(recipe.fit, seed=seed, device=device))
        load = None if pictures.plain else partial(load_pictures, data, recipe.data)
        words = ["claim", self.variant, "" if pictures.plain else data]
        return Experiment(recipe, " ".join(filter(None, words)), self.build, load, figures=no_figures)

    @cache  # noqa: B019 (claims live as long as the program)
    def recipe(self, data: str, scale: str) -> Recipe:
        """The recipe of this arm's runs on a set of pictures, with seed 0."""
        pictures = PICTURES[nearest("set of pictures", data, PICTURES)]
        recipe = find_recipe(self.kind, pictures.recipe, scale)
        changes = dict(SIZES[scale])
        if encoder := ENCODERS.get((scale, recipe.data.size)):
            changes["encoder"] = encoder
        changes |= self.changes
        for place in (scale, data, f"{scale}/{data}"):
            changes |= self.at.get(place, {})
        steps = int(changes.get("steps", recipe.fit.steps))
        if steps % QUARTERS:
            raise ValueError(f"steps must be a multiple of {QUARTERS}, for measures half way; got {steps}")
        changes |= dict.fromkeys(("evaluate_every", "checkpoint_every"), steps // QUARTERS)
        return find_recipe(self.kind, pictures.recipe, scale, **changes)


def no_figures(method: Method, images: Any) -> dict:
    """Nothing: a run of a claim is measured by the claim's measures."""
    return {}


@dataclass(frozen=True)
class Contrast:
    """What is compared: for each seed, the sum of `weights` times a figure of the arms named; the pairs' effect.

    A name such as "DINO" means the arm at its end, "DINO@half" half way, "DINO@start" before its first step.
    `measure` is a name in `measures.MEASURES`, or "name.figure" of one that gives several; "log.NAME" is a column of
    the run's log. `direction` is what the claim says of the effect: "higher" or "lower" than zero, or the "same", that
    is, nearer to zero than `least`, the smallest effect that counts, in `unit`. `why_least` says where that comes from.

    >>> Contrast("a - b", {"a": 1, "b": -1}, "knn", least=0.02).effect({"a": 0.9, "b": 0.5})
    0.4
    """

    name: str
    weights: Mapping[str, float]
    measure: str
    least: float
    direction: str = "higher"
    unit: str = "kNN accuracy"
    why_least: str = ""

    def __post_init__(self) -> None:
        nearest("direction", self.direction, DIRECTIONS)
        if self.least <= 0:
            raise ValueError(f"the smallest effect that counts must be positive; got {self.least}")
        if not self.weights or not all(self.weights.values()):
            raise ValueError(f"every weight must differ from 0; got {dict(self.weights)}")
        for _, at in self.terms.values():
            nearest("time to measure at", at or "full", TIMES)
            if at == "start" and self.measure.startswith("log."):
                raise ValueError(f"the log has no line before the first step; {self.measure} is not known at the start")

    @property
    def terms(self) -> dict[str, tuple[str, str]]:
        """For each name among the weights, the arm and when it is measured ("": at the end)."""
        return {term: (term.partition("@")[0], term.partition("@")[2]) for term in self.weights}

    def effect(self, figures: Mapping[str, float]) -> float:
        """The effect of one seed, from the figure of each name among the weights."""
        return sum(weight * figures[term] for term, weight in self.weights.items())


@dataclass(frozen=True)
class Published:
    """A published number: what was found, where (paper, table), and whether that speaks for the claim (None: neither).

    It does only where it is a number of what decides the claim here: of the same arms.

    >>> Published("72.5 to 71.8 % from batch 4096 to 256", "Grill et al. 2020, table 16", supports=True).supports
    True
    """

    text: str
    source: str
    supports: bool | None


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement that can be true or false, and how that is found out.

    The first contrast decides the verdict, or the first `deciding` together, where a sentence says several things: a
    claim is as good as the weakest of them. `beside` is the name of another, without which the verdict would say too
    much: what limits it stands next to it.
    `sentence` is the claim as the homework says it, `question` what a reader may ask. `data` names the sets of pictures
    (`pictures.PICTURES`), the first of which decides. `tried_with` are the seeds, none of a verdict's, of the runs by
    which each arm's learning rate was chosen (see rates.py). Raises ValueError for a contrast of arms that are not
    there.
    """

    id: str
    number: int
    sentence: str
    question: str
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]
    data: tuple[str, ...] = ("objects",)
    published: tuple[Published, ...] = ()
    held_equal: str = ""
    could_be_wrong: str = ""
    deciding: int = 1
    beside: str = ""
    tried_with: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"claim {self.id} has two arms of one name: {names}")
        for contrast in self.contrasts:
            for arm, _ in contrast.terms.values():
                nearest(f"arm of claim {self.id}", arm, names)
        if not 1 <= self.deciding <= len(self.contrasts) or not self.data:
            raise ValueError(f"claim {self.id} needs a contrast that decides and a set of pictures")
        if self.beside:
            others = [contrast.name for contrast in self.contrasts[self.deciding :]]
            nearest(f"contrast of claim {self.id} that does not decide", self.beside, others)

    def asked(self, data: Collection[str]) -> list[str]:
        """Which of the sets in `data` it is run on: its own (all if `data` is empty), and public ones if one of its own
        is of photographs."""
        own = [name for name in self.data if name in data or not data]
        photographs = any(PICTURES[name].photographs for name in self.data)
        return own + [name for name in data if photographs and PICTURES[name].public]

    def measures(self, arm: str) -> dict[str, set[str]]:
        """Which measures the contrasts need of an arm, and when; those of the log are there in any case."""
        found: dict[str, set[str]] = {when: set() for when in TIMES}
        for contrast in self.contrasts:
            for name, at in contrast.terms.values():
                if name == arm and not contrast.measure.startswith("log."):
                    for when in {at} if at else {"half", "full"}:
                        found[when].add(contrast.measure.split(".")[0])
        return found

    def experiments(self, data: str, scale: str, seed: int, device: str = "auto") -> dict[str, Experiment]:
        """The run of each arm, by its name."""
        return {arm.name: arm.experiment(data, scale, seed, device) for arm in self.arms}

    @cache  # noqa: B019
    def fingerprint(self, scale: str) -> str:
        """12 hex digits for all that decides the verdict at a scale; not for words that only explain it.

        That is the sentence, every setting of every arm's run, the contrasts with their smallest effects, and the
        version of each measure. What methods do in code is not part of it: a row names the commit of its training, and
        `verify` repeats it.
        """
        names = {each.measure.split(".")[0] for each in self.contrasts} - {"log"}
        tree = {
            "sentence": self.sentence,
            "contrasts": [{**vars(contrast), "weights": dict(contrast.weights)} for contrast in self.contrasts],
            "runs": {
                data: {name: run.key for name, run in self.experiments(data, scale, seed=0).items()}
                for data in self.data
            },
            "measures": {name: measure_version(name) for name in names},
            "supports": [published.supports for published in self.published],
        }
        if self.deciding > 1:
            tree["deciding"] = self.deciding
        for contrast in tree["contrasts"]:
            contrast.pop("why_least")
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]
