"""What goes into a step of the combined method, what it becomes, and how the report shows it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.views import multi_crop
from sslcourse.losses.reconstruction import patchify, reconstruction_loss
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.patches import exact_masks, hide_patches, paint_patches, pixels_of, sized
from sslcourse.methods.removal import draw_noise
from sslcourse.models.decoder import Decoded
from sslcourse.models.encoder import Tokens
from sslcourse.pruning.tokens import removed_mask


class CombinedViews(NamedTuple):
    """Crops as in `MultiCrop`, and the step's other random numbers.

    `noise` `G,B,N`: keep the highest, where removal is random; `masks` bool `G,B,K`: which of the kept patches the
    student sees as mask tokens. Both have a last axis of 0 where they are not used.
    """

    global_views: Tensor
    local_views: Tensor
    noise: Tensor
    masks: Tensor


class Encoded(NamedTuple):
    """What became of global crops `GB,3,H,W`; `masked_places` `GB,M` are numbers among the kept, `mask` is `GB,N`."""

    crops: Tensor
    teacher: Tokens | None
    student: Tokens
    decoded: Decoded | None
    keep_indices: Tensor | None
    masked_places: Tensor | None
    mask: Tensor | None


def draw_combined(
    images: Tensor,
    settings: CombinedSettings,
    grid: tuple[int, int],
    keep: int,
    generator: torch.Generator | None = None,
) -> CombinedViews:
    """Views of images uint8 `B,3,H,W`; global crops have a `grid` (rows, columns) of patches, `keep` of which stay.

    >>> images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    >>> settings = CombinedSettings(patch_loss="masked")
    >>> views = draw_combined(images, settings, (8, 8), 32, torch.Generator().manual_seed(0))
    >>> tuple(views.noise.shape), tuple(views.masks.shape)
    ((2, 2, 64), (2, 2, 32))
    """
    crops = multi_crop(images, settings.drawn_crops, generator)
    shape = crops.global_views.shape[:2]  # G,B
    choices = draw_choices(settings, shape[0] * shape[1], grid, keep, generator, images.device)
    return CombinedViews(*crops, *(each.unflatten(0, shape) for each in choices))


def whole_views(
    images: Tensor,
    settings: CombinedSettings,
    grid: tuple[int, int],
    keep: int,
    generator: torch.Generator | None = None,
) -> CombinedViews:
    """Images float `B,3,H,W` in [0, 1], resized but not cropped, as the only global crops."""
    crops = sized(images, settings.crops.global_crop.size)
    choices = draw_choices(settings, len(crops), grid, keep, generator, crops.device)
    return CombinedViews(crops[None], crops[None][:0], *(each[None] for each in choices))


def draw_choices(
    settings: CombinedSettings,
    rows: int,
    grid: tuple[int, int],
    keep: int,
    generator: torch.Generator | None,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Noise `rows,N` and masks `rows,K` (see `CombinedViews`), drawn on the generator's device."""
    noise = draw_noise(rows, grid[0] * grid[1] if settings.removal.removes else 0, generator, device)
    if not settings.masks:
        return noise, torch.zeros(rows, 0, dtype=torch.bool, device=device)
    seen = (1, keep) if settings.removal.removes else grid  # the student's patches
    count = settings.masked_count(seen[0] * seen[1])
    return noise, exact_masks(settings.mask_kind, rows, seen, count, generator, device)


def shown(encoded: Encoded, settings: CombinedSettings, patch_size: int) -> dict[str, Tensor]:
    """Kept patches, masked patches and the reconstruction, where there are any, as pictures `B,3,H,W` in [0, 1]."""
    hidden = hidden_patches(encoded, patch_size)
    grey = {"kept patches": hidden["removed"], "masked patches": hidden["masked"]}
    pictures = {
        name: hide_patches(encoded.crops, where, patch_size) for name, where in grey.items() if where is not None
    }
    if (where := hidden.get(settings.reconstruction)) is not None:
        pixels, normalized = encoded.decoded.pixels, settings.normalize_targets
        pictures["reconstruction"] = paint_patches(encoded.crops, pixels, where, patch_size, normalized=normalized)
    return pictures


def errors_of(encoded: Encoded, settings: CombinedSettings, patch_size: int) -> dict[str, float] | None:
    """Mean squared errors over the predicted patches, for pixels in [0, 1], of the decoder and of two rules.

    `predicted`: the decoder's; where it learns normalised patches, with the true patch's mean and variance.
    `image_mean`: each patch as its image's mean colour. `patch_mean`: each patch as its own mean, which knows as much
    of the truth as a normalised prediction is given. None where the method reconstructs nothing.
    """
    where = hidden_patches(encoded, patch_size).get(settings.reconstruction)
    if where is None:
        return None
    true, pixels = patchify(encoded.crops, patch_size), encoded.decoded.pixels  # B,N,P
    guesses = {
        "predicted": pixels_of(pixels, true) if settings.normalize_targets else pixels,
        "image_mean": patchify(encoded.crops.mean((2, 3), keepdim=True).expand_as(encoded.crops), patch_size),
        "patch_mean": true.mean(-1, keepdim=True).expand_as(true),
    }
    return {name: reconstruction_loss(guess, true, where).item() for name, guess in guesses.items()}


def hidden_patches(encoded: Encoded, patch_size: int) -> dict[str, Tensor | None]:
    """Bool `B,N`: which patches were "removed", which "masked" (None where none were), and "all" of them."""
    count = encoded.crops[0, 0].numel() // patch_size**2
    everything = encoded.crops.new_ones(len(encoded.crops), count).bool()
    removed = None if encoded.keep_indices is None else removed_mask(encoded.keep_indices, count)
    return {"removed": removed, "masked": encoded.mask, "all": everything}
