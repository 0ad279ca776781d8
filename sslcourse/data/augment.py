"""Augmentation of a whole batch on its own device, with one random draw for each image.

Two halves: `draw` (`draws.py`) makes every random number, and `apply` makes none. Crop, flip and blur are linear along
each axis (`geometry.py`), the colours are one affine map an image (`color.py`), and solarize comes afterwards. Nothing
here waits for the device, and no shape depends on data.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from sslcourse.data.color import color_maps, solarize
from sslcourse.data.draws import Augmentation, Draws, draw
from sslcourse.data.geometry import Workspace, along_both, crop_maps
from sslcourse.precision import without_autocast

__all__ = ["Augmentation", "Draws", "apply", "augment", "draw", "draw_views"]
CHUNK = 1_500_000  # pixel values worked on at a time on a CPU (measured: more falls out of its cache)
_KEPT = threading.local()  # a CPU's working memory between calls, about 30 MB: getting it anew took half of the time


@without_autocast
def apply(images: Tensor, draws: Draws, out: Tensor | None = None) -> Tensor:
    """The views that `draws` describe: float32 `B,3,size,size` in [0, 1] on the images' device.

    `images` `B,3,H,W`, uint8 or float in [0, 1]; the views are written to `out` if it is given. The crop is Pillow's
    with BILINEAR (antialiased). Raises ValueError when there is not one draw for each image or the shape is another,
    TypeError for whole numbers that are not uint8.

    >>> images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    >>> apply(images, draw(Augmentation(size=8), 2, 16, 16)).shape
    torch.Size([2, 3, 8, 8])
    """
    _check_images(images)
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
    return apply(images, draw_views(images, settings, generator))


def draw_views(
    images: Tensor, settings: Augmentation, generator: torch.Generator | None = None, views: int = 1
) -> Draws:
    """The draws of `views` views of all `images`, one view after the other. Raises as `apply`."""
    _check_images(images)
    return draw(settings, views * len(images), *images.shape[2:], generator, images.device)


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be B,3,H,W; got shape {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"images must be uint8, or floating point in [0, 1]; got {images.dtype}")


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
