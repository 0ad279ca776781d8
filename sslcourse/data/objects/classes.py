"""The classes, in the order of their labels."""

from . import animals, indoors, outdoors, plants
from .drawing import Drawing

DRAWINGS: tuple[Drawing, ...] = (
    animals.fish, animals.bird, animals.butterfly, plants.flower, plants.tree, outdoors.house, outdoors.car,
    outdoors.boat, indoors.mug, indoors.key, indoors.guitar, animals.face, indoors.chair, outdoors.bicycle,
)  # fmt: skip
CLASSES: tuple[str, ...] = tuple(drawing.name for drawing in DRAWINGS)
PARTS: dict[str, tuple[str, ...]] = {drawing.name: drawing.parts for drawing in DRAWINGS}
SHAPE_PARAMETERS: dict[str, tuple[str, ...]] = {drawing.name: tuple(drawing.parameters) for drawing in DRAWINGS}
