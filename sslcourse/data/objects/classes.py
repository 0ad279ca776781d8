"""The classes, in the order of their labels."""

from __future__ import annotations

from .animals import BIRD, BUTTERFLY, FACE, FISH
from .drawing import Drawing
from .indoors import CHAIR, GUITAR, KEY, MUG
from .outdoors import BICYCLE, BOAT, CAR, HOUSE
from .plants import FLOWER, TREE

DRAWINGS: tuple[Drawing, ...] = (
    FISH, BIRD, BUTTERFLY, FLOWER, TREE, HOUSE, CAR, BOAT, MUG, KEY, GUITAR, FACE, CHAIR, BICYCLE,
)  # fmt: skip
CLASSES: tuple[str, ...] = tuple(drawing.name for drawing in DRAWINGS)
PARTS: dict[str, tuple[str, ...]] = {drawing.name: drawing.parts for drawing in DRAWINGS}
SHAPE_PARAMETERS: dict[str, tuple[str, ...]] = {drawing.name: tuple(drawing.parameters) for drawing in DRAWINGS}
