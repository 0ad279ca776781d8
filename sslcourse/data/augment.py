"""Augmentation of a whole batch on its own device, with one random draw for each image.

Two halves: `draw` (`drawing.py`) makes every random number, and `apply` makes none. Crop, flip and blur are linear
along each axis (`geometry.py`), the colours are one affine map an image (`color.py`), and solarize comes afterwards.
Nothing here waits for the device, and no shape depends on data.
"""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from sslcourse.data.color import color_maps, solarize
from sslcourse.data.drawing import STEPS, Kind, draw, draw_groups
from sslcourse.data.draws import Augmentation, Draws, of_images
from sslcourse.data.geometry import along_both, crop_maps
from sslcourse.data.workspace import Workspace
from sslcourse.kept import kept
from sslcourse.precision import without_autocast

__all__ = ["Augmentation", "Draws", "apply", "augment", "draw", "draw_views"]
CHUNK = 1_500_000  # pixel values worked on at a time on a CPU (measured: more falls out of its cache)
_KEPT = threading.local()  # a CPU's working memory between calls, about 30 MB: getting it anew took half of the time


def apply(images: Tensor, draws: Draws) -> Tensor:
    """The views that `draws` describe: float32 `B,3,size,size` in [0, 1] on the images' device.

    `images` `B,3,H,W`, uint8 or float in [0, 1]. With V times as many draws there are V views of each image, `V*B`, the
    first view of all images first. The crop is Pillow's with BILINEAR (antialiased). Raises ValueError when the draws
    are no multiple of the images or the shape is another, TypeError for whole numbers that are not uint8.

    >>> images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    >>> apply(images, draw(Augmentation(size=8), 2, 16, 16)).shape
    torch.Size([2, 3, 8, 8])
    """
    _check_images(images)
    if len(draws) % max(1, len(images)) or bool(len(draws)) != bool(len(images)):
        raise ValueError(f"one draw for each image, or several for all: {len(images)} images, {len(draws)} draws")
    draws = draws.to(images.device)
    steps = {name: value for name in STEPS if (value := getattr(draws, name)) is not None}
    return apply_groups(images, [draws], steps)[0].flatten(0, 1)


@without_autocast
def apply_groups(images: Tensor, groups: Sequence[Draws], steps: dict[str, Tensor]) -> list[Tensor]:
    """The views of several groups, of one size each, as `V,B,3,size,size`, of what `draw_views` gave."""
    colors = _color_maps(groups, steps, _unit(images))
    return [_views(images, *each) for each in zip(groups, colors, strict=True)]


def _views(images: Tensor, draws: Draws, colors: Sequence[Tensor] | None) -> Tensor:
    """The views of one size, in chunks of images that fit a CPU's cache."""
    (count, _, height, width), size = images.shape, draws.size
    views = torch.empty(len(draws) // max(1, count), count, 3, size, size, device=images.device)
    if not count:
        return views
    chunk, room = count, Workspace(keeps=False)
    if images.device.type == "cpu":
        most = max(1, CHUNK // max(3 * height * width, len(views) * size * 3 * max(width, size)))
        chunk = -(-count // -(-count // most))  # chunks of one size: a small rest would cost as many calls
        room = _KEPT.__dict__.setdefault("room", Workspace())
    if chunk >= count:
        _apply(images, draws, colors, views, room)
        return views
    for start in range(0, count, chunk):
        part = slice(start, start + chunk)
        chosen = colors and [of_images(each, part, count) for each in colors]
        _apply(images[part], draws.of_images(part, count), chosen, views[:, part], room)
    return views


def augment(images: Tensor, settings: Augmentation, generator: torch.Generator | None = None) -> Tensor:
    """One random view of each image: float32 `B,3,size,size` in [0, 1]; `draw`, then `apply`.

    >>> images = torch.full((2, 3, 16, 16), 255, dtype=torch.uint8)
    >>> augment(images, Augmentation(size=8).without_color(), torch.Generator().manual_seed(0)).min().item() > 0.99
    True
    """
    return apply_groups(images, *draw_views(images, [[(settings, 1)]], generator))[0].flatten(0, 1)


def draw_views(
    images: Tensor, groups: Sequence[Sequence[Kind]], generator: torch.Generator | None = None
) -> tuple[list[Draws], dict[str, Tensor]]:
    """`draw_groups` for groups of settings and how many views of each of the `images` they make. Raises as `apply`."""
    _check_images(images)
    rows = [[(settings, views * len(images)) for settings, views in group] for group in groups]
    return draw_groups(rows, *images.shape[2:], generator, images.device)


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be B,3,H,W; got shape {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"images must be uint8, or floating point in [0, 1]; got {images.dtype}")


def _unit(images: Tensor) -> float:
    return 1 / 255 if images.dtype == torch.uint8 else 1.0


def _color_maps(groups: Sequence[Draws], steps: dict[str, Tensor], unit: float) -> Sequence[Sequence[Tensor] | None]:
    """For each group the colour steps as two matrices `B,3,3` a view (see `color.color_maps`), of the images' units.

    None for each where there are none.
    """
    if not steps:
        return [None] * len(groups)
    counts = [len(draws) for draws in groups]
    maps = [matrices * unit for matrices in color_maps(**steps)]
    return [maps] if len(groups) == 1 else list(zip(*(matrices.split(counts) for matrices in maps), strict=True))


def _apply(images: Tensor, draws: Draws, colors: Sequence[Tensor] | None, views: Tensor, room: Workspace) -> None:
    """Write the views of a chunk into `views` `V,B,3,size,size`, working in the memory of `room`."""
    each, (count, _, height, width), size = len(views), images.shape, draws.size
    pixels = room.copy("pixels", images.transpose(1, 2))  # B,H,3,W
    # Here the views of one image are neighbours, so that no image is copied for each of them.
    by_image, by_view = _orders(each, count, images.device)
    boxes, flips, sigma = (rows if rows is None else rows[by_image] for rows in (draws.boxes, draws.flips, draws.sigma))
    rows, columns = crop_maps(boxes, flips, height, width, size, sigma, draws.radius, room)
    planes = along_both(pixels, rows, columns, room)  # BV,3,size,size, in the images' units
    planes = planes.unflatten(0, (count, each)).transpose(0, 1)  # V,B,3,size,size
    if colors is None:
        torch.mul(planes, _unit(images), out=views)
    else:
        linear, pull = colors
        # the mean of the crop before its blur: the jitter comes first
        lines = torch.bmm(rows.mean.view(count, each, height), pixels.flatten(2)).view(-1, 3, width)
        mean = torch.bmm(lines, columns.mean[:, :, None])[by_view]  # VB,3,1
        shift = torch.bmm(pull, mean)
        flat = room.copy("planes", planes).view(each * count, 3, size * size)
        mixed = torch.bmm(linear, flat, out=room("mixed", *flat.shape))
        torch.add(mixed.view(planes.shape), shift.view(each, count, 3, 1, 1), out=views)
    views.clamp_(0, 1)
    if draws.solarize is not None:
        views.copy_(solarize(views, draws.solarize.view(each, count)))


@kept
def _orders(views: int, images: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which rows of `V*B` make `B*V`, and the way back."""
    rows = torch.arange(views * images, device=device)
    return rows.view(views, images).T.flatten(), rows.view(images, views).T.flatten()
