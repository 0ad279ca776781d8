"""Several views of one batch, stacked first: `[views, batch, 3, h, w]`."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.augment import Augmentation, apply_groups, draw_views
from sslcourse.data.drawing import Kind


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
    groups = _grouped([(settings, 1), (second, 1)])
    return _whole(apply_groups(images, *draw_views(images, groups, generator)), 2)


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

    `images` `B,3,H,W` uint8 or float in [0, 1]. All crops of one size are drawn and made together. Raises
    ValueError on other shapes.

    Source: Caron et al. 2020 (SwAV), section 3.2; Caron et al. 2021 (DINO), section 3.1.

    >>> images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    >>> crops = multi_crop(images, MultiCropSettings(local_crops=6), torch.Generator().manual_seed(0))
    >>> tuple(crops.global_views.shape), tuple(crops.local_views.shape)
    ((2, 4, 3, 64, 64), (6, 4, 3, 32, 32))
    """
    first, second, count = settings.global_crop, settings.second_global, settings.global_crops
    kinds = [(first, count)] if second is None else [(first, 1), (second, 1), (first, count - 2)]
    groups = _grouped(kinds)
    ahead = len(groups)
    groups += _grouped([(settings.local_crop, settings.local_crops)])
    views = apply_groups(images, *draw_views(images, groups, generator))
    if not views[ahead:]:
        views.append(torch.empty(0, len(images), 3, *(2 * [settings.local_crop.size]), device=images.device))
    return MultiCrop(_whole(views[:ahead], count), _whole(views[ahead:], settings.local_crops))


def _grouped(kinds: list[Kind]) -> list[list[Kind]]:
    """Kinds of views of one size, in one group if the blur's kernels have one size too."""
    kinds = [(settings, views) for settings, views in kinds if views]
    one = len({settings.blur_radius for settings, _ in kinds}) == 1
    return [kinds] if one else [[kind] for kind in kinds]


def _whole(groups: list[Tensor], views: int) -> Tensor:
    """All views of one size, `V,B,3,h,w`; the groups of an empty batch do not know how many they are."""
    whole = groups[0] if len(groups) == 1 else torch.cat(groups)
    return whole if whole.shape[1] else whole.new_empty(views, *whole.shape[1:])
