"""The classes, in the order of their labels."""

from __future__ import annotations

from .drawing import Drawing
from .living import BIRD, BUTTERFLY, FACE, FISH, FLOWER, TREE
from .made import BICYCLE, BOAT, CAR, CHAIR, GUITAR, HOUSE, KEY, MUG

DRAWINGS: tuple[Drawing, ...] = (
    FISH, BIRD, BUTTERFLY, FLOWER, TREE, HOUSE, CAR, BOAT, MUG, KEY, GUITAR, FACE, CHAIR, BICYCLE,
)  # fmt: skip
CLASSES: tuple[str, ...] = tuple(drawing.name for drawing in DRAWINGS)
PARTS: dict[str, tuple[str, ...]] = {drawing.name: drawing.parts for drawing in DRAWINGS}
SHAPE_PARAMETERS: dict[str, tuple[str, ...]] = {drawing.name: tuple(drawing.parameters) for drawing in DRAWINGS}
