"""What is measured on a trained method: plain functions by name, each with a version and a tolerance."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sslcourse.claims.damage import corruptions, families, occlusion, pixels
from sslcourse.claims.masked import VARIABLE, coco_path
from sslcourse.claims.pictures import PICTURES, is_here
from sslcourse.claims.places import attention, crops, parts, segmentation
from sslcourse.claims.speed import inference_speed, training_speed
from sslcourse.methods.method import Method
from sslcourse.settings import nearest
from sslcourse.training.images import RunImages, knn_of


@dataclass(frozen=True)
class Measure:
    """A function (method, images of its run) -> a number, or several by name. It must leave the method as it was.

    Raise `version` when it begins to give other numbers: rows with older ones are then measured again. On the machine
    and torch of a row a repetition must agree exactly, but for the figures in `timed`, which are read from a clock
    (while no other run of the command goes). `tolerance` is how far it may differ elsewhere, where training parts from
    the first step on. Of the ledger's 161 runs that two kinds of processor made, kNN differed by up to .13, `crops` by
    .23 and `parts` by .01; the tolerances of the others are guesses by these.
    """

    function: Callable[[Method, RunImages], float | dict[str, float]]
    version: int = 1
    tolerance: float = 0.15
    timed: frozenset[str] = frozenset()


# Every run is evaluated by kNN at each quarter: only before the first step is `knn` measured anew.
MEASURES: dict[str, Measure] = {
    "knn": Measure(lambda method, images: knn_of(method, images)["knn"]),
    "segmentation": Measure(segmentation, tolerance=0.03),
    "parts": Measure(parts, tolerance=0.03),
    "attention": Measure(attention),
    "crops": Measure(crops, tolerance=0.25),
    "occlusion": Measure(occlusion),
    "corruptions": Measure(corruptions),
    "families": Measure(families),
    "pixels": Measure(pixels),
    # The first version of both was timed beside another run.
    "training_speed": Measure(training_speed, version=2, timed=frozenset({"removal", "plain"})),
    "inference_speed": Measure(inference_speed, version=2, timed=frozenset({"in_network", "teacher"})),
}


ON_MASKS = {"segmentation", "attention"}  # of what photographs show, those of COCO have masks


def missing(data: str, names: Collection[str]) -> str:
    """Which pictures a run on a set and its measures need that are not here, and how to bring them; "" for none."""
    pictures = PICTURES[data]
    if not is_here(data):
        return f"{data} ({pictures.how})"
    if pictures.photographs and not ON_MASKS.isdisjoint(names) and not coco_path().is_file():
        return f"photographs with masks (set {VARIABLE})"
    return ""


def measure_version(name: str) -> int:
    """The version of a measure; raises ValueError, with the nearest names, if there is none of that name."""
    return MEASURES[nearest("measure", name, MEASURES)].version


def measured(name: str, method: Method, images: RunImages) -> dict[str, float]:
    """The figures of one measure: under its name or, if there are several, under "name.figure"."""
    found: Any = MEASURES[nearest("measure", name, MEASURES)].function(method, images)
    if not isinstance(found, dict):
        return {name: float(found)}
    return {f"{name}.{figure}": float(value) for figure, value in found.items()}
