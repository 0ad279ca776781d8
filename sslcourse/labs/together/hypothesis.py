"""A hypothesis of the reader's: written down, kept, and run with the ledger's own runner into a ledger of its own."""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from sslcourse.claims.catalogue.arms import SWITCHABLE
from sslcourse.claims.claim import DIRECTIONS, Arm, Claim, Contrast
from sslcourse.claims.rows import read_rows
from sslcourse.claims.runner import fill_in, orders, root_of
from sslcourse.claims.verdict import find_all
from sslcourse.labs.together.method import switches_of
from sslcourse.labs.together.tasks import PARTS
from sslcourse.methods import CombinedSettings
from sslcourse.notebook import state
from sslcourse.notebook.session import runs_folder
from sslcourse.settings import field_paths, nearest
from sslcourse.training.experiment import Experiment
from sslcourse.training.recipes import Recipe

LAB, KEPT = "together", "hypotheses"
MEASURES = {  # what may be compared, and in which unit
    "knn": "kNN accuracy",
    "occlusion.random": "share of accuracy left, random patches hidden",
    "corruptions.both": "share of accuracy left, noise and low resolution",
    "segmentation.object": "mean IoU of objects, linear probe",
}
SIZES: dict[str, dict[str, Any]] = {  # steps are fewer than in the ledger, and so are the pictures of the bank
    "smoke": {"steps": 4},
    "cpu": {"steps": 120, "count": 2000, "bank": 1000},
    "gpu": {"steps": 600, "count": 5000, "bank": 5000, "held_out": 2000},
}
PAIRS = {"smoke": 2, "cpu": 6, "gpu": 6}
FIRST_SEED = 101  # the ledger's seeds are known already; every hypothesis takes the next ones
EXAMPLE_SEED = 51  # of the notebook's example, which is not the reader's
FIELDS = ("sentence", "first", "second", "measure", "direction", "least", "data", "scale")
SWITCHED_BY = {"policy": "removal", "patch_loss": "patches", "reconstruction": "pixels"}
BOOK_KEEPING = {"log_every", "evaluate_every", "checkpoint_every"}  # settings that change no run


@dataclass(frozen=True, eq=False)
class OwnArm(Arm):
    """An arm of the ledger on the pictures of the reader's session: a data set's name, or `folder:PATH` of `count`."""

    pictures: str = "objects"
    count: int | None = None

    def experiment(self, data: str, scale: str, seed: int, device: str = "auto") -> Experiment:
        """The run with a seed, measured at its end only, which saves a fifth; a batch is no larger than the set."""
        found = super().experiment("objects", scale, seed, device)
        fit = found.recipe.fit
        fit = replace(fit, log_every=fit.evaluate_every, evaluate_every=fit.steps)
        if self.count is not None:
            fit = replace(fit, batch_size=min(fit.batch_size, self.count))
        data_settings = replace(found.recipe.data, name=self.pictures)
        return replace(found, recipe=replace(found.recipe, fit=fit, data=data_settings))


def claim_of(entry: Mapping[str, Any], count: int | None = None) -> Claim:
    """The claim that a kept hypothesis is. Raises ValueError for what cannot be run."""
    if len(str(entry["sentence"]).split()) < 2:
        raise ValueError("Write your hypothesis as a sentence first: sentence=...")
    if not math.isfinite(entry["least"]):
        raise ValueError(f"least must be a positive number, from which on an effect counts; got {entry['least']}.")
    arms = tuple(
        OwnArm(
            title,
            "combined",
            at={scale: size | SIZES[scale] | changes for scale, size in (SWITCHABLE | {"gpu": {}}).items()},
            pictures=entry["data"],
            count=count,
        )
        for title, changes in (("first", changes_of(entry["first"])), ("second", changes_of(entry["second"])))
    )
    measure = nearest("measure", entry["measure"], MEASURES)
    weights = {arm.name: weight for arm, weight in zip(arms, (1.0, -1.0))}
    contrast = Contrast(
        "first - second", weights, measure, entry["least"], nearest("direction", entry["direction"], DIRECTIONS[:2])
    )
    claim = Claim(f"own-{mark_of(entry)}", 0, entry["sentence"], "", arms, (replace(contrast, unit=MEASURES[measure]),))
    for run in claim.experiments("objects", entry["scale"], FIRST_SEED).values():
        run.build(run.recipe)  # refuses settings that contradict each other
    if not differences(entry, claim):
        raise ValueError(same_arms(entry, claim))
    return claim


def recipes_of(entry: Mapping[str, Any], claim: Claim) -> list[Recipe]:
    """The recipes of the two arms of a hypothesis."""
    return [arm.recipe("objects", entry["scale"]) for arm in claim.arms]


def differences(entry: Mapping[str, Any], claim: Claim) -> list[str]:
    """In which parts, and in which settings that do something in both, the two arms of a hypothesis differ.

    >>> arms = {"first": {"removal": True, "keep_rate": 0.25}, "second": {"removal": True, "patches": False}}
    >>> entry = arms | {"sentence": "A quarter is worse.", "measure": "knn", "direction": "lower", "least": 0.03}
    >>> entry |= {"data": "objects", "scale": "cpu"}
    >>> differences(entry, claim_of(entry))
    ['keep_rate']
    """
    recipes = recipes_of(entry, claim)
    on, idle = zip(*((switches_of(one.method), without_effect(one.method)) for one in recipes))
    parts = [part for part in PARTS if on[0][part] != on[1][part]]
    named = {name.rpartition(".")[2] for arm in ("first", "second") for name in entry[arm]}
    told = {name for name, part in SWITCHED_BY.items() if part in parts or name not in named}  # by the part
    first, second = ({path: attrgetter(path)(one) for path in field_paths(one)} for one in recipes)
    names = {path: path.rpartition(".")[2] for path in first | second if first.get(path, "") != second.get(path, "")}
    own = [path for path, name in names.items() if name not in BOOK_KEEPING.union(told, *idle)]
    return parts + [path.partition("crops.")[2] or names[path] for path in own]


def without_effect(settings: CombinedSettings) -> set[str]:
    """The settings that do nothing, because what they belong to is off.

    >>> sorted(without_effect(CombinedSettings(keep_levels=2)))  # nothing is masked
    ['center_momentum', 'first_teacher_temperature', 'mask_kind', 'mask_ratio']
    """
    off = {
        ("policy", "keep_rate", "removal_warmup", "keep_levels"): not settings.removal.removes,
        ("patch_weight",): settings.patch_loss == "off",
        ("shared_head",): settings.patch_loss == "off" or not settings.cls,
        ("mask_kind", "mask_ratio"): not settings.masks,
        ("decoder_dim", "decoder_depth", "decoder_heads"): not settings.decodes,
        ("normalize_targets", "reconstruction_weight"): settings.reconstruction == "off",
        ("cls_weight", "local_crops"): not settings.cls,
        ("sinkhorn_iterations",): settings.distillation.targets != "sinkhorn",
        ("center_momentum",): settings.distillation.targets == "sinkhorn",
        ("first_teacher_temperature",): settings.distillation.temperature_warmup == 0,
    }
    return {name for names, is_off in off.items() if is_off for name in names}


def same_arms(entry: Mapping[str, Any], claim: Claim) -> str:
    """What to say of two arms that are the same, and of settings that could not make them differ."""
    idle = set.intersection(*(without_effect(one.method) for one in recipes_of(entry, claim)))
    vain = sorted(idle & {name for arm in ("first", "second") for name in entry[arm]})
    why = f", for {' and '.join(vain)} does nothing without its part" if vain else ""
    return f"The two arms are the same{why}. Switch a part of one of them, or change a setting by name."


def mark_of(entry: Mapping[str, Any]) -> str:
    """8 hex digits for every letter of a hypothesis."""
    return hashlib.sha256(json.dumps([entry[field] for field in FIELDS], sort_keys=True).encode()).hexdigest()[:8]


def changes_of(arm: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an arm: `patches`, `removal` and `pixels` switched (off unless given), all others by name.

    >>> changes_of({"patches": True})
    {'policy': 'none', 'keep_rate': 0.5, 'patch_loss': 'kept', 'reconstruction': 'off'}
    """
    on = {name: bool(arm.get(name)) for name in PARTS}
    painted = "removed" if on["removal"] else "all"
    return {
        "policy": "low" if on["removal"] else "none",
        "keep_rate": 0.5,
        "patch_loss": "kept" if on["patches"] else "off",
        "reconstruction": painted if on["pixels"] else "off",
        **{name: value for name, value in arm.items() if name not in PARTS},
    }


def registered() -> list[dict[str, Any]]:
    """Every hypothesis that was registered, in order."""
    found, needed = state.read_lab(LAB)["drawn"].get(KEPT), {*FIELDS, "mark", "seed", "at"}
    return [one for one in found if isinstance(one, dict) and needed <= one.keys()] if isinstance(found, list) else []


def register(entry: Mapping[str, Any]) -> tuple[int, bool]:
    """Keep a hypothesis for good; its number from 1, and whether it is new. One that is kept is never changed."""
    known, kept = registered(), json.loads(json.dumps(entry))  # as the file will have it
    for number, one in enumerate(known, start=1):
        if all(one.get(name) == kept[name] for name in FIELDS):
            return number, False
    more = {"mark": mark_of(kept), "seed": unseen_seed(), "at": time.strftime("%Y-%m-%d %H:%M")}
    state.update(LAB, "drawn", KEPT, [*known, kept | more])
    return len(known) + 1, True


def unseen_seed() -> int:
    """The first seed from FIRST_SEED on that no hypothesis has taken, and no run that lies there.

    Otherwise whoever has seen six pairs could register what they show, and find it borne out by the same pairs.
    """
    taken = [FIRST_SEED - 1, *(one["seed"] + PAIRS[one["scale"]] - 1 for one in registered())]
    taken += [row["seed"] for scale in PAIRS for row in read_rows(scale, ledger_folder())]
    return max(taken) + 1


def ledger_folder() -> Path:
    """Where the runs of hypotheses are written down: beside the trained networks."""
    return Path(runs_folder()) / "hypotheses"


def note_verdict(number: int, word: str) -> None:
    """Keep what became of a hypothesis."""
    known = registered()
    known[number - 1]["verdict"] = word
    state.update(LAB, "drawn", KEPT, known)


class OwnLedger:
    """The runs of a hypothesis: a folder beside the progress file, with a ledger in the form of the course's."""

    def __init__(self, claim: Claim, scale: str, first_seed: int = FIRST_SEED, device: str = "auto"):
        self.claim, self.scale = claim, scale
        seeds = range(first_seed, first_seed + PAIRS[scale])
        self.orders = orders([claim], scale, list(seeds), device=device)
        self.ledger = ledger_folder()

    def run(self, order: Any, on_log: Any = None) -> None:
        """Carry out an order, unless its figures are there already."""
        fill_in(order, root_of(order, Path(runs_folder())), self.ledger, on_log=on_log)

    def pairs(self) -> dict[int, dict[str, float]]:
        """The figure of either arm for every seed whose pair is complete."""
        rows = read_rows(self.scale, self.ledger)
        figures = find_all(self.claim, ["objects"], self.scale, rows)[0].figures or {}
        return {seed: dict(each) for seed, each in figures.items()}
