"""Augmentation of a whole batch on its own device, with one random draw for each image.

Two halves: `draw` makes every random number (boxes, factors, who is flipped), `apply` has none. Crop, flip and blur are
linear along each axis (`geometry.py`), the colours are one 3x4 matrix an image (`color.py`), solarize comes afterwards.
Nothing here waits for the device or has a shape that depends on data.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from sslcourse.data.color import apply_color, color_maps, color_matrix, solarize
from sslcourse.data.geometry import Workspace, along_both, blur, crop_maps, random_resized_crop
from sslcourse.precision import without_autocast

__all__ = [
    "Augmentation",
    "Draws",
    "apply",
    "apply_color",
    "augment",
    "blur",
    "color_matrix",
    "draw",
    "random_resized_crop",
    "solarize",
]
CHUNK = 1_500_000  # pixel values worked on at a time on a CPU (measured: more falls out of its cache)
_KEPT = threading.local()  # a CPU's working memory between calls, about 30 MB: getting it anew took half of the time
ATTEMPTS = 10  # boxes tried before the largest centred one is taken, as torchvision's RandomResizedCrop


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image on its way to a view; the defaults are SimCLR's (Chen et al. 2020, appendix A).

    `size` of the view in pixels; `scale` range of the crop's share of the area; `ratio` range of its width / height;
    `flip` probability; `brightness`, `contrast`, `saturation` largest relative change; `hue` largest turn (1 = full
    circle); `color` probability of these four; `grayscale` probability; `blur` probability, `blur_sigma` range in
    pixels of the view; `solarize` probability. Raises ValueError when a value is outside what is possible.

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
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel; got {self.size}")
        for name in ("flip", "color", "grayscale", "blur", "solarize"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability from 0 to 1; got {getattr(self, name)}")
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is the largest relative change, from 0 to 1; got {getattr(self, name)}")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue is the largest turn, from 0 to 0.5; got {self.hue}")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale must be (low, high) with 0 < low <= high <= 1; got {self.scale}")
        for name in ("ratio", "blur_sigma"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be (low, high) with 0 < low <= high; got {(low, high)}")

    def without_color(self) -> Augmentation:
        """The same crop, flip and blur; no jitter, greyscale or solarize."""
        return replace(self, color=0.0, grayscale=0.0, solarize=0.0)


@dataclass(frozen=True)
class Draws:
    """Every random number of one view of a batch: one row an image; None = this transform is off for the whole batch.

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


@without_autocast
def apply(images: Tensor, draws: Draws, out: Tensor | None = None) -> Tensor:
    """The views that `draws` describe: float32 `B,3,size,size` in [0, 1] on the images' device, written to `out` if given.

    `images` `B,3,H,W`, uint8 or float in [0, 1]. Raises ValueError when there is not one draw for each image.

    >>> images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    >>> apply(images, draw(Augmentation(size=8), 2, 16, 16)).shape
    torch.Size([2, 3, 8, 8])
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be B,3,H,W; got shape {tuple(images.shape)}")
    if len(images) != len(draws):
        raise ValueError(f"one draw for each image: {len(images)} images, {len(draws)} draws")
    draws = draws.to(images.device)
    views = torch.empty(len(images), 3, draws.size, draws.size, device=images.device) if out is None else out
    chunk, room = max(1, len(images)), Workspace()
    if images.device.type == "cpu":
        chunk = max(1, CHUNK // (3 * max(images.shape[2] * images.shape[3], draws.size**2)))
        room = _KEPT.__dict__.setdefault("room", room)
    colors = _color_maps(draws, like=views)
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        _apply(images[part], draws[part], colors and [each[part] for each in colors], views[part], room)
    return views


def augment(images: Tensor, settings: Augmentation, generator: torch.Generator | None = None) -> Tensor:
    """One random view of each image: float32 `B,3,size,size` in [0, 1]; `draw`, then `apply`.

    >>> images = torch.full((2, 3, 16, 16), 255, dtype=torch.uint8)
    >>> augment(images, Augmentation(size=8).without_color(), torch.Generator().manual_seed(0)).min().item() > 0.99
    True
    """
    return apply(images, draw(settings, len(images), *images.shape[2:], generator, images.device))


def _color_maps(draws: Draws, like: Tensor) -> tuple[Tensor, Tensor] | None:
    """The colour steps of each image as two matrices `B,3,3` (see `color.color_maps`), or None where there are none."""
    if draws.hue is None and draws.grayscale is None:
        return None
    names = ("brightness", "contrast", "saturation", "hue", "order", "grayscale")
    return color_maps(like[:, :, 0, 0], **{name: getattr(draws, name) for name in names})


def _apply(images: Tensor, draws: Draws, colors: list[Tensor] | None, views: Tensor, room: Workspace) -> None:
    """Write the views of a chunk into `views`, working in the memory of `room`."""
    count, _, height, width = images.shape
    pixels = room("pixels", views, count, height, 3, width)
    pixels.copy_(images.transpose(1, 2))
    rows, columns = crop_maps(draws.boxes, draws.flips, height, width, draws.size, draws.sigma, draws.radius)
    planes = along_both(pixels, rows, columns, room)  # B,3,size,size, in the images' units
    unit = 1 / 255 if images.dtype == torch.uint8 else 1.0
    if colors is None:
        torch.mul(planes, unit, out=views)
    else:
        linear, pull = colors
        # the mean of the crop before its blur: the jitter comes first
        lines = torch.bmm(rows.mean[:, None], pixels.flatten(2)).view(count, 3, width)
        shift = torch.bmm(pull * unit, torch.bmm(lines, columns.mean[:, :, None]))  # B,3,1
        flat = room("planes", views, count, 3, draws.size, draws.size).copy_(planes).flatten(2)
        torch.bmm(linear * unit, flat, out=views.flatten(2))
        views.add_(shift[:, :, :, None])
    views.clamp_(0, 1)
    if draws.solarize is not None:
        views.copy_(solarize(views, draws.solarize))


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
