"""What chance decides about a view: the settings that say how far it may go, and what it decided."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from sslcourse.settings import check_fields, check_shares


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image on its way to a view.

    The transforms are SimCLR's (Chen, Kornblith et al. 2020, appendix A). The defaults are MoCo v2's, which crops and
    jitters less (Chen, Fan et al. 2020, arXiv 2003.04297).

    `size`: of the view, in pixels. `scale`: range of the crop's share of the area. `ratio`: range of its width/height.
    `flip`, `grayscale`, `blur`, `solarize`: probabilities. `color`: probability of the jitter, in which `brightness`,
    `contrast` and `saturation` are the largest relative changes and `hue` the largest turn (1 = full circle).
    `blur_sigma`: range in pixels of the view. Raises ValueError when a value is out of its range.

    >>> Augmentation(size=32, blur=0).without_color().color
    0.0
    """

    size: int = 32
    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    color: float = 0.8
    grayscale: float = 0.2
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, "must be at least 1 pixel", lambda size: size >= 1, "size")
        check_shares(self, "flip", "color", "grayscale", "blur", "solarize", "brightness", "contrast", "saturation")
        check_fields(self, "is the largest turn, from 0 to 0.5", lambda turn: 0 <= turn <= 0.5, "hue")
        rule = "must be (low, high) with 0 < low <= high"
        check_fields(self, f"{rule} <= 1", lambda pair: 0 < pair[0] <= pair[1] <= 1, "scale")
        check_fields(self, rule, lambda pair: 0 < pair[0] <= pair[1], "ratio", "blur_sigma")
        for name in ("scale", "ratio", "blur_sigma"):  # lists would make the settings unhashable
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def blur_radius(self) -> int:
        """Pixels of the view on each side of the blur's kernel: three times the largest sigma, 0 without blur."""
        return min(math.ceil(3 * self.blur_sigma[1]), self.size - 1) if self.blur > 0 else 0

    def without_color(self) -> Augmentation:
        """The same crop, flip and blur; no jitter, greyscale or solarize."""
        return replace(self, color=0.0, grayscale=0.0, solarize=0.0)


@dataclass(frozen=True)
class Draws:
    """Every random number of one view of a batch, one row an image; None where a transform is off for the whole batch.

    `boxes` int64 `B,4` (top, left, height, width, in pixels), `flips` bool; `brightness`, `contrast`, `saturation`
    factors and `hue` turns, float32, with the `order` int64 `B,4` they come in; `grayscale` bool; `sigma` float32, 0 =
    no blur; `solarize` bool. `size` of the view and `radius` of the blur's kernel, in pixels.
    """

    size: int
    boxes: Tensor
    flips: Tensor
    radius: int = 0
    brightness: Tensor | None = None
    contrast: Tensor | None = None
    saturation: Tensor | None = None
    hue: Tensor | None = None
    order: Tensor | None = None
    grayscale: Tensor | None = None
    sigma: Tensor | None = None
    solarize: Tensor | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def to(self, device: torch.device | str) -> Draws:
        """The same draws on another device, in one copy that does not wait for it."""
        tensors = self._tensors()
        if self.boxes.device == torch.device(device):
            return self
        # float32 holds every one of them exactly (pixel coordinates included)
        packed = torch.cat([value.reshape(len(self), -1).float() for value in tensors.values()], dim=1)
        columns = packed.to(device, non_blocking=True).split([value[0].numel() for value in tensors.values()], dim=1)
        moved = {
            name: column.reshape(value.shape).to(value.dtype)
            for (name, value), column in zip(tensors.items(), columns, strict=True)
        }
        return replace(self, **moved)

    def __getitem__(self, part: slice) -> Draws:
        """The draws of some of the images."""
        return replace(self, **{name: value[part] for name, value in self._tensors().items()})

    def of_images(self, part: slice, count: int) -> Draws:
        """The draws of some of the `count` images, where each view of all images has its own."""
        return replace(self, **{name: of_images(value, part, count) for name, value in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def of_images(rows: Tensor, part: slice, count: int) -> Tensor:
    """Of rows `V*count,...` those of some images, `V*part,...`.

    >>> of_images(torch.tensor([0, 1, 2, 10, 11, 12]), slice(1, 3), 3).tolist()
    [1, 2, 11, 12]
    """
    return rows.unflatten(0, (-1, count))[:, part].flatten(0, 1)
