"""What the course's ledger holds of the factorial, and of every claim: read, never changed.

The ledger may hold nothing yet of a claim, or some of its pairs.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.catalogue.combined import CELLS
from sslcourse.claims.claim import Claim, Contrast
from sslcourse.claims.rows import effects, read_rows
from sslcourse.claims.verdict import judging_device
from sslcourse.labs.together.method import switches_of
from sslcourse.labs.together.tasks import PARTS

SCALE, DATA = "cpu", "objects"  # of the runs that the course's verdicts rest on
CLAIM_OF = {  # a figure of the eight cells, and the claim that has it measured
    "knn": "all-three",
    "segmentation.object": "without-patches",
    "parts": "without-patches",
    "occlusion.random": "without-reconstruction",
    "occlusion.salient": "without-reconstruction",
    "corruptions.both": "without-reconstruction",
}
MEASURES = {
    "knn": "kNN accuracy",
    "segmentation.object": "segmentation of objects, mean IoU",
    "parts": "segmentation of parts, mean IoU",
    "occlusion.random": "accuracy left, patches hidden",
    "occlusion.salient": "accuracy left, object hidden",
    "corruptions.both": "accuracy left, noise and low resolution",
}
Place = tuple[int, ...]  # of a cell: 1 or 0 for each of PARTS
Cells = dict[Place, dict[int, float]]  # the figure of every seed that was measured, by cell


@cache
def places() -> dict[str, Place]:
    """Where each of the ledger's eight arms stands in the factorial.

    >>> places()["CLS"], places()["all three"]
    ((0, 0, 0), (1, 1, 1))
    """
    found = {}
    for arm in CELLS:
        on = switches_of(arm.recipe(DATA, SCALE).method)
        found[arm.name] = tuple(int(on[part]) for part in PARTS)
    return found


def rows() -> list[dict]:
    """All lines of the ledger."""
    return read_rows(SCALE)


def cells(measure: str, lines: Iterable[dict]) -> Cells:
    """The figures of every cell for each seed that was measured, on the device that the claim is judged by."""
    claim, found = CLAIMS[CLAIM_OF[measure]], {}
    lines = [line for line in lines if claim.id in line["claims"]]
    device = judging_device(claim, DATA, SCALE, lines)
    for name, place in places().items():
        by_device = effects(claim, Contrast("a cell", {name: 1}, measure, least=1), DATA, SCALE, lines)
        found[place] = {seed: figures[name] for seed, figures in by_device.get(device, {}).items()}
    return found


def least_of(measure: str) -> float:
    """The smallest effect that counts, as the claim has it that this was measured for.

    >>> least_of("knn"), least_of("occlusion.random")
    (0.03, 0.05)
    """
    contrasts = CLAIMS[CLAIM_OF[measure]].contrasts
    return next(contrast.least for contrast in contrasts if contrast.measure == measure)


def tables(found: Cells) -> dict[int, Tensor]:
    """The figures `2,2,2` of every seed that has all eight cells.

    >>> list(tables({(a, b, c): {1: 0.5} for a in (0, 1) for b in (0, 1) for c in (0, 1)})[1].shape)
    [2, 2, 2]
    """
    seeds = set.intersection(*(set(one) for one in found.values()))
    whole = {}
    for seed in sorted(seeds):
        table = torch.zeros([2] * len(PARTS), dtype=torch.float64)
        for place, figures in found.items():
            table[place] = figures[seed]
        whole[seed] = table
    return whole


class Pairs(NamedTuple):
    """A contrast of a claim, and the figure of each of its terms for every seed whose pair is complete."""

    claim: Claim
    contrast: Contrast
    figures: dict[int, dict[str, float]]

    @property
    def effects(self) -> list[float]:
        """The effect of every pair, turned so that the claim points up."""
        sign = -1 if self.contrast.direction == "lower" else 1
        return [sign * self.contrast.effect(each) for each in self.figures.values()]


def pairs_of(claim: Claim, contrast: Contrast, lines: Iterable[dict]) -> Pairs:
    """The pairs of a contrast on the claim's first set of pictures."""
    lines = [line for line in lines if claim.id in line["claims"]]
    found = effects(claim, contrast, claim.data[0], SCALE, lines)
    return Pairs(claim, contrast, found.get(judging_device(claim, claim.data[0], SCALE, lines), {}))


def deciding(lines: list[dict]) -> list[Pairs]:
    """The pairs of every contrast that decides a claim, in the order of the claims."""
    return [
        pairs_of(claim, contrast, lines) for claim in CLAIMS.values() for contrast in claim.contrasts[: claim.deciding]
    ]
