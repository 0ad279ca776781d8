"""The random half of augmentation: the settings of a view, and every number that they let chance decide."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from sslcourse.settings import check_fields, check_shares

ATTEMPTS = 10  # boxes tried before the largest centred one is taken, as torchvision's RandomResizedCrop


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

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def draw(
    settings: Augmentation,
    count: int,
    height: int,
    width: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Draws:
    """Draw one view of each of `count` images of `height` x `width` pixels.

    The numbers are drawn on the generator's device (CPU without one) and then moved to `device`, so that the same CPU
    generator gives the same views on any device.

    >>> draw(Augmentation(size=8), 4, 16, 16, torch.Generator().manual_seed(0)).boxes.shape
    torch.Size([4, 4])
    """
    source = generator.device if generator is not None else torch.device("cpu")

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(count, *shape, generator=generator, device=source).mul_(high - low).add_(low)

    def happens(probability: float) -> Tensor:
        return uniform() < probability

    drawn = {"boxes": _draw_boxes(settings, uniform, height, width), "flips": happens(settings.flip)}
    if settings.color > 0:
        jittered = happens(settings.color)
        for name in ("brightness", "contrast", "saturation"):
            spread = getattr(settings, name)
            drawn[name] = torch.where(jittered, uniform(low=1 - spread, high=1 + spread), 1.0)
        drawn["hue"] = torch.where(jittered, uniform(low=-settings.hue, high=settings.hue), 0.0)
        drawn["order"] = uniform(4).argsort(dim=1)
    if settings.grayscale > 0:
        drawn["grayscale"] = happens(settings.grayscale)
    radius = 0
    if settings.blur > 0:
        low, high = settings.blur_sigma
        drawn["sigma"] = torch.where(happens(settings.blur), uniform(low=low, high=high), 0.0)
        radius = min(math.ceil(3 * high), settings.size - 1)
    if settings.solarize > 0:
        drawn["solarize"] = happens(settings.solarize)
    draws = Draws(settings.size, radius=radius, **drawn)
    return draws if device is None else draws.to(device)


def _draw_boxes(settings: Augmentation, uniform, height: int, width: int) -> Tensor:
    """Boxes int64 `B,4`: area and log ratio uniform, tried ATTEMPTS times at once, the first that fits is taken."""
    low, high = settings.scale
    area = height * width * uniform(ATTEMPTS, low=low, high=high)
    ratio = uniform(ATTEMPTS, low=math.log(settings.ratio[0]), high=math.log(settings.ratio[1])).exp_()
    wide = (area * ratio).sqrt_().round_()  # B,attempts
    tall = (area / ratio).sqrt_().round_()
    fits = (wide >= 1) & (wide <= width) & (tall >= 1) & (tall <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    fits, wide, tall = (value.gather(1, first)[:, 0] for value in (fits, wide, tall))
    # none fits (a very long image): the largest centred box whose ratio is allowed
    shape = min(max(width / height, settings.ratio[0]), settings.ratio[1])
    wide = torch.where(fits, wide, max(1, round(min(width, height * shape))))
    tall = torch.where(fits, tall, max(1, round(min(height, width / shape))))
    spare = torch.stack([height - tall, width - wide], dim=1)  # B,2
    corner = torch.where(fits[:, None], (uniform(2) * (spare + 1)).floor_().minimum(spare), (spare / 2).floor())
    return torch.cat([corner, tall[:, None], wide[:, None]], dim=1).long()
