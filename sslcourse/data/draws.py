"""The random half of augmentation: the settings of a view, and every number that they let chance decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import torch
from torch import Tensor

from sslcourse.settings import check_fields, check_shares

ATTEMPTS = 10  # boxes tried before the largest centred one is taken, as torchvision's RandomResizedCrop
JITTER = ("brightness", "contrast", "saturation", "hue")


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

    def of_images(self, part: slice, count: int) -> Draws:
        """The draws of some of the `count` images, where each view of all images has its own."""
        return replace(self, **{name: of_images(value, part, count) for name, value in self._tensors().items()})

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
    widths = {"sides": 2 * ATTEMPTS, "corner": 2, "flips": 1}
    if settings.color > 0:
        widths |= {"jittered": 1, "jitter": len(JITTER), "order": len(JITTER)}
    if settings.grayscale > 0:
        widths |= {"grayscale": 1}
    if settings.blur > 0:
        widths |= {"blurred": 1, "sigma": 1}
    if settings.solarize > 0:
        widths |= {"solarize": 1}
    # One call: the host launches a kernel for each, and a generator gives the same numbers in any number of calls.
    numbers = torch.rand(count * sum(widths.values()), generator=generator, device=source)
    uniform = dict(zip(widths, numbers.split([count * width for width in widths.values()]), strict=True))

    drawn = {"boxes": _boxes(settings, uniform, height, width), "flips": uniform["flips"] < settings.flip}
    if settings.color > 0:
        span, low, still = _jitter_range(*(getattr(settings, name) for name in JITTER), source)
        jitter = uniform["jitter"].view(len(JITTER), count).mul_(span).add_(low)
        jitter = torch.where(uniform["jittered"] < settings.color, jitter, still)
        drawn |= dict(zip(JITTER, jitter.unbind(), strict=True))
        drawn["order"] = uniform["order"].view(count, len(JITTER)).argsort(dim=1)
    if settings.grayscale > 0:
        drawn["grayscale"] = uniform["grayscale"] < settings.grayscale
    radius = 0
    if settings.blur > 0:
        low, high = settings.blur_sigma
        sigma = uniform["sigma"].mul_(high - low).add_(low)
        drawn["sigma"] = torch.where(uniform["blurred"] < settings.blur, sigma, 0.0)
        radius = min(math.ceil(3 * high), settings.size - 1)
    if settings.solarize > 0:
        drawn["solarize"] = uniform["solarize"] < settings.solarize
    draws = Draws(settings.size, radius=radius, **drawn)
    return draws if device is None else draws.to(device)


def of_images(rows: Tensor, part: slice, count: int) -> Tensor:
    """Of rows `V*count,...` those of some images, `V*part,...`.

    >>> of_images(torch.tensor([0, 1, 2, 10, 11, 12]), slice(1, 3), 3).tolist()
    [1, 2, 11, 12]
    """
    return rows.unflatten(0, (-1, count))[:, part].flatten(0, 1)


def joined(groups: Sequence[Draws]) -> Draws:
    """The draws of several groups of views, one after the other, all of one size and with one radius of the blur."""
    return replace(groups[0], **stacked(groups))


def stacked(groups: Sequence[Draws], names: Sequence[str] = ()) -> dict[str, Tensor]:
    """The rows of all groups by name (of all names by default); where only some have a transform, others have none."""
    tensors = [group._tensors() for group in groups]
    found = {}
    for name in names or [field.name for field in fields(Draws)]:
        like = next((each[name] for each in tensors if name in each), None)
        if like is not None:
            rows = [
                each[name] if name in each else _nothing(name, like, len(group))
                for each, group in zip(tensors, groups, strict=True)
            ]
            found[name] = rows[0] if len(rows) == 1 else torch.cat(rows)
    return found


def _nothing(name: str, like: Tensor, count: int) -> Tensor:
    """What the draw called `name` is, for `count` views, where nothing is done."""
    if name == "order":
        return torch.arange(like.shape[1], device=like.device).expand(count, -1)
    return like.new_full((count,), name in ("brightness", "contrast", "saturation"))


def _boxes(settings: Augmentation, uniform: dict[str, Tensor], height: int, width: int) -> Tensor:
    """Boxes int64 `B,4`: area and log ratio uniform, tried ATTEMPTS times at once, the first that fits is taken."""
    span, low, whole, largest = _box_limits(
        height, width, tuple(settings.scale), tuple(settings.ratio), uniform["sides"].device
    )
    area, ratio = uniform["sides"].view(2, -1, ATTEMPTS).mul_(span).add_(low).unbind()
    area, ratio = height * width * area, ratio.exp_()
    sides = torch.stack([area / ratio, area * ratio]).sqrt_().round_()  # 2,B,attempts: height and width
    fits = ((sides >= 1) & (sides <= whole[1])).all(0)
    first = fits.int().argmax(dim=1, keepdim=True)
    sides = sides.gather(2, first.expand(2, -1, -1)).squeeze(2)  # 2,B
    fits = fits.any(1)
    sides = torch.where(fits, sides, largest)  # none fits: a very long image
    spare = whole[0] - sides
    corner = (uniform["corner"].view(-1, 2).T * (spare + 1)).floor_().minimum(spare)
    corner = torch.where(fits, corner, spare.div(2, rounding_mode="floor"))
    return torch.cat([corner, sides]).T.long()


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # a cached tensor must be usable by later calls in any mode
def _box_limits(
    height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float], device: torch.device
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
    """Span and lowest value of the share of the area and the log ratio, `2,1,1`; height and width of the image, `2,1`
    and `2,1,1`, and `2,1` of the largest box in it whose ratio is allowed.
    """
    low = scale[0], math.log(ratio[0])
    span = scale[1] - low[0], math.log(ratio[1]) - low[1]
    shape = min(max(width / height, ratio[0]), ratio[1])
    largest = max(1, round(min(height, width / shape))), max(1, round(min(width, height * shape)))
    limits = (torch.tensor(each, dtype=torch.float32, device=device) for each in (span, low, (height, width), largest))
    span, low, whole, largest = (each.view(2, 1, 1) for each in limits)
    return span, low, (whole.squeeze(2), whole), largest.squeeze(2)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _jitter_range(
    brightness: float, contrast: float, saturation: float, hue: float, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """The jitter's span, its lowest value and the value that changes nothing, `4,1` each."""
    still = (1.0, 1.0, 1.0, 0.0)
    spread = (brightness, contrast, saturation, hue)
    low, high = ([at + sign * each for at, each in zip(still, spread)] for sign in (-1, 1))
    span = [most - least for most, least in zip(high, low)]
    return tuple(torch.tensor(each, dtype=torch.float32, device=device)[:, None] for each in (span, low, still))
