"""The renderer's two knobs: how hard a picture is (`Difficulty`) and which shortcut it holds (`Variant`)."""

from dataclasses import dataclass

from sslcourse.settings import check_shares


@dataclass(frozen=True)
class Difficulty:
    """How hard the pictures are: sizes in shares of the picture's side, contrast as a standard deviation in [0, 1].

    >>> DIFFICULTIES["small_objects"].size[1] < DIFFICULTIES["default"].size[0]
    True
    """

    background_contrast: float
    size: tuple[float, float]  # longest side of the object's box / side of the picture
    rotation: float  # largest turn, degrees, either way
    background_color: float = 0.6  # largest saturation of a background
    background_brightness: tuple[float, float] = (0.3, 0.7)
    bright_objects: float = 0.5  # share of objects brighter than their background; the others are darker
    object_color: float = 1.0  # largest saturation of an object's colours
    articulation: float = 1.0  # 1: the whole range of each drawing's shape parameters; 0: all instances alike
    shadow: tuple[float, float] = (0.2, 0.5)  # how dark the shadow's core is

    def __post_init__(self) -> None:
        if not 0 < self.size[0] <= self.size[1] <= 1.5:
            raise ValueError(f"size must be an increasing pair in (0, 1.5]; got {self.size}")
        if not 0 <= self.background_contrast <= 0.4:
            raise ValueError(f"background_contrast is a standard deviation in [0, 0.4]; got {self.background_contrast}")
        check_shares(self, "articulation", "background_color", "bright_objects", "object_color")


# `default` was calibrated once, on SimCLR alone (benchmarks/calibrate_objects.py), and is frozen: methods are compared
# on it.
LIT = {
    "background_brightness": (0.3, 0.4),
    "bright_objects": 1.0,
    "object_color": 0.6,
}  # bright objects on dark grounds
DIFFICULTIES: dict[str, Difficulty] = {
    "easy": Difficulty(0.02, size=(0.9, 0.98), rotation=5.0, background_color=0.2, articulation=0.3, **LIT),
    "default": Difficulty(0.04, size=(0.7, 0.98), rotation=12.0, background_color=0.3, articulation=0.6, **LIT),
    "hard": Difficulty(0.065, size=(0.65, 0.98), rotation=20.0),
    "small_objects": Difficulty(0.18, size=(0.3, 0.5), rotation=20.0),
}


@dataclass(frozen=True)
class Variant:
    """Departures from the plain set; each makes one claim testable by turning one factor.

    `hue_class_correlation` and `background_class_correlation` are the shares of pictures whose hue (background style)
    is the one of their class instead of a drawn one; `occluder_share` is the share with something before the object;
    `objects_per_image` is 1, 2 or 3 (the label is the first object's); `camouflage` paints objects with the texture and
    colours of their background.

    >>> Variant(hue_class_correlation=0.9).camouflage
    False
    """

    hue_class_correlation: float = 0.0
    background_class_correlation: float = 0.0
    occluder_share: float = 0.0
    objects_per_image: int = 1
    camouflage: bool = False

    def __post_init__(self) -> None:
        check_shares(self, "hue_class_correlation", "background_class_correlation", "occluder_share")
        if self.objects_per_image not in (1, 2, 3):
            raise ValueError(f"objects_per_image must be 1, 2 or 3; got {self.objects_per_image}")


PLAIN = Variant()


def find_difficulty(difficulty: str | Difficulty) -> Difficulty:
    """The preset of that name, or the settings themselves; ValueError names what there is."""
    if isinstance(difficulty, Difficulty):
        return difficulty
    if difficulty not in DIFFICULTIES:
        there = ", ".join(DIFFICULTIES)
        raise ValueError(f"unknown difficulty {difficulty!r}; there are {there}, or pass a Difficulty")
    return DIFFICULTIES[difficulty]
