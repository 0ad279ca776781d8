"""What the combined method draws for a step: crops, which patches to remove where that is random, which to mask."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.views import multi_crop
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.patches import exact_masks
from sslcourse.methods.removal import draw_noise


class CombinedViews(NamedTuple):
    """Crops as in `MultiCrop`, and the step's other random numbers.

    `noise` `G,B,N`: keep the highest, where removal is random; `masks` bool `G,B,K`: which of the kept patches the student
    sees as mask tokens. Both have a last axis of 0 where they are not used.
    """

    global_views: Tensor
    local_views: Tensor
    noise: Tensor
    masks: Tensor


def draw_combined(
    images: Tensor,
    settings: CombinedSettings,
    grid: tuple[int, int],
    keep: int,
    generator: torch.Generator | None = None,
) -> CombinedViews:
    """Views of images uint8 `B,3,H,W`, whose global crops have a `grid` (rows, columns) of patches, `keep` of which stay.

    >>> images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    >>> views = draw_combined(images, CombinedSettings(patch_loss="masked"), (8, 8), 32, torch.Generator().manual_seed(0))
    >>> tuple(views.noise.shape), tuple(views.masks.shape)
    ((2, 2, 64), (2, 2, 32))
    """
    crops = multi_crop(images, settings.drawn_crops, generator)
    shape = crops.global_views.shape[:2]  # G,B
    choices = draw_choices(settings, shape[0] * shape[1], grid, keep, generator, images.device)
    return CombinedViews(*crops, *(each.unflatten(0, shape) for each in choices))


def draw_choices(
    settings: CombinedSettings,
    rows: int,
    grid: tuple[int, int],
    keep: int,
    generator: torch.Generator | None,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Noise `rows,N` and masks `rows,K` (see `CombinedViews`), drawn on the generator's device."""
    noise = draw_noise(rows, grid[0] * grid[1] if settings.removes else 0, generator, device)
    if not settings.masks:
        return noise, torch.zeros(rows, 0, dtype=torch.bool, device=device)
    seen = (1, keep) if settings.removes else grid  # the student's patches
    count = settings.masked_count(seen[0] * seen[1])
    return noise, exact_masks(settings.mask_kind, rows, seen, count, generator, device)
