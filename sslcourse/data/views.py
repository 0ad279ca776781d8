"""Several views of one batch, stacked first: `[views, batch, 3, h, w]`."""

from __future__ import annotations

import torch
from torch import Tensor

from sslcourse.data.augment import Augmentation, apply, draw


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
        apply(images, draw(each, len(images), *images.shape[2:], generator), out=view)
    return views
