"""The embedded data: objects drawn by signed distances on three families of backgrounds, every factor known."""

from .backgrounds import FAMILIES, STYLE_NAMES
from .classes import CLASSES, PARTS, SHAPE_PARAMETERS
from .load import load_objects
from .render import Scene, render
from .settings import DIFFICULTIES, Difficulty, Variant
