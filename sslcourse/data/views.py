"""Several views of one batch, stacked first: `[views, batch, 3, h, w]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.augment import Augmentation, Draws, apply, draw_views


def two_views(
    images: Tensor,
    settings: Augmentation,
    generator: torch.Generator | None = None,
    second: Augmentation | None = None,
) -> Tensor:
    """Two random views of each image: float32 `2,B,3,size,size` in [0, 1], on the images' device.

    `images` `B,3,H,W` uint8 or float in [0, 1]; `second` are the settings of the second view where they differ from the
    first's, as in BYOL (Grill et al. 2020, appendix B). Raises ValueError when the two sizes differ.

    >>> images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    >>> two_views(images, Augmentation(size=8), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 4, 3, 8, 8])
    """
    second = settings if second is None else second
    if second.size != settings.size:
        raise ValueError(f"both views must have one size to be stacked; got {settings.size} and {second.size}")
    views = torch.empty(2, len(images), 3, settings.size, settings.size, device=images.device)
    for view, each in zip(views, (settings, second), strict=True):
        apply(images, draw_views(images, each, generator), out=view)
    return views


@dataclass(frozen=True)
class MultiCropSettings:
    """Global crops that show most of an image, and smaller local crops of its parts.

    `global_crop` and `local_crop` say how each is made; `second_global`, where given, how the second global crop is
    (DINO solarizes that one only); `global_crops` and `local_crops` how many there are of each (no local crop: 0). The
    defaults are DINO's shares of the area (Caron et al. 2021, appendix E) on small images. Raises ValueError when a
    number is too small or the second global crop has another size than the first.

    >>> MultiCropSettings(global_crop=Augmentation(64, scale=(0.4, 1)), local_crops=6).local_crop.size
    32
    """

    global_crop: Augmentation = field(default_factory=lambda: Augmentation(size=64, scale=(0.4, 1.0)))
    local_crop: Augmentation = field(default_factory=lambda: Augmentation(size=32, scale=(0.05, 0.4)))
    second_global: Augmentation | None = None
    global_crops: int = 2
    local_crops: int = 2

    def __post_init__(self) -> None:
        if self.global_crops < 1 or self.local_crops < 0:
            raise ValueError(
                "there must be at least 1 global crop and 0 local crops; "
                f"got global_crops={self.global_crops}, local_crops={self.local_crops}"
            )
        if self.second_global is not None:
            if self.global_crops < 2:
                raise ValueError("second_global needs global_crops of at least 2; got 1")
            if self.second_global.size != self.global_crop.size:
                raise ValueError(
                    "global crops must have one size to be stacked; "
                    f"got {self.global_crop.size} and {self.second_global.size}"
                )


class MultiCrop(NamedTuple):
    """The crops of a batch, float32 in [0, 1]: `global_views` `G,B,3,H,W` and `local_views` `L,B,3,h,w`; L may be 0."""

    global_views: Tensor
    local_views: Tensor


def multi_crop(images: Tensor, settings: MultiCropSettings, generator: torch.Generator | None = None) -> MultiCrop:
    """Global and local random crops of each image, on the images' device.

    `images` `B,3,H,W` uint8 or float in [0, 1]. All crops of one kind are drawn together and sent to the device in one
    message. Raises ValueError on other shapes.

    Source: Caron et al. 2020 (SwAV), section 3.2; Caron et al. 2021 (DINO), section 3.1.

    >>> images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    >>> crops = multi_crop(images, MultiCropSettings(local_crops=6), torch.Generator().manual_seed(0))
    >>> tuple(crops.global_views.shape), tuple(crops.local_views.shape)
    ((2, 4, 3, 64, 64), (6, 4, 3, 32, 32))
    """
    first, second, local = settings.global_crop, settings.second_global, settings.local_crop
    global_views = torch.empty(settings.global_crops, len(images), 3, first.size, first.size, device=images.device)
    local_views = torch.empty(settings.local_crops, len(images), 3, local.size, local.size, device=images.device)
    kinds = [(global_views, first), (local_views, local)]
    if second is not None:
        kinds[:1] = [(global_views[:1], first), (global_views[1:2], second), (global_views[2:], first)]
    for views, how in kinds:
        if len(views):
            _fill(views, images, draw_views(images, how, generator, len(views)))
    return MultiCrop(global_views, local_views)


def _fill(views: Tensor, images: Tensor, draws: Draws) -> None:
    """Write the views that `draws` describe into `views` `V,B,3,h,w`: all at once would need V copies of the images."""
    batch = len(images)
    for number, view in enumerate(views):
        apply(images, draws[number * batch : (number + 1) * batch], out=view)
