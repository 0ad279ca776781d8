"""What the combined method makes of whole images: pictures for a report, and how far its reconstruction is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from sslcourse.evaluation.features import evaluating
from sslcourse.losses.reconstruction import patchify, reconstruction_loss
from sslcourse.methods.combined_views import CombinedViews, draw_choices
from sslcourse.methods.patches import hide_patches, paint_patches, pixels_of, sized
from sslcourse.pruning.tokens import removed_mask

if TYPE_CHECKING:
    from sslcourse.methods.combined import Combined, Encoded


class Seen(NamedTuple):
    """Whole images as crops `B,3,H,W`, what became of them, and bool `B,N` masks (or None): what was removed, masked, predicted."""

    crops: Tensor
    passed: Encoded
    removed: Tensor | None
    masked: Tensor | None
    predicted: Tensor | None


def look(method: Combined, images: Tensor, generator: torch.Generator | None = None) -> Seen:
    """Pass images float `B,3,H,W` through the method, uncropped, in eval mode and without a gradient."""
    s = method.settings
    crops = sized(images, s.crops.global_crop.size)
    choices = draw_choices(s, len(crops), method.grid, method.keep, generator, crops.device)
    with evaluating(method):
        passed = method.encode(CombinedViews(crops[None], crops[None][:0], *(each[None] for each in choices)))
    removed = removed_mask(passed.keep_indices, method.num_patches) if s.removes else None
    hidden = {"removed": removed, "masked": passed.mask, "all": crops.new_ones(len(crops), method.num_patches).bool()}
    return Seen(crops, passed, removed, passed.mask, hidden.get(s.reconstruction))


def preview(method: Combined, images: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
    """Kept patches, masked patches and the reconstruction of images float `B,3,H,W`, as pictures in [0, 1]."""
    seen, patch = look(method, images, generator), method.encoder.patch_size
    shown = {"kept patches": seen.removed, "masked patches": seen.masked}
    shown = {name: hide_patches(seen.crops, grey, patch) for name, grey in shown.items() if grey is not None}
    if seen.predicted is not None:
        pixels, normalized = seen.passed.decoded.pixels, method.settings.normalize_targets
        shown["reconstruction"] = paint_patches(seen.crops, pixels, seen.predicted, patch, normalized=normalized)
    return shown


def reconstruction_errors(
    method: Combined, images: Tensor, generator: torch.Generator | None = None
) -> dict[str, float] | None:
    """Mean squared errors, over the predicted patches of images float `B,3,H,W` in [0, 1], of the decoder and of two rules.

    `predicted`: the decoder's; where it learns normalised patches, with the true patch's mean and variance. `image_mean`:
    each patch as its image's mean colour. `patch_mean`: each patch as its own mean, which knows as much of the truth as a
    normalised prediction is given. None where the method reconstructs nothing.
    """
    seen, patch = look(method, images, generator), method.encoder.patch_size
    if seen.predicted is None:
        return None
    true = patchify(seen.crops, patch)  # B,N,P
    pixels = seen.passed.decoded.pixels
    guesses = {
        "predicted": pixels_of(pixels, true) if method.settings.normalize_targets else pixels,
        "image_mean": patchify(seen.crops.mean((2, 3), keepdim=True).expand_as(seen.crops), patch),
        "patch_mean": true.mean(-1, keepdim=True).expand_as(true),
    }
    return {name: reconstruction_loss(guess, true, seen.predicted).item() for name, guess in guesses.items()}
