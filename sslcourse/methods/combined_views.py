"""What goes into a step of the combined method, what it becomes, and how the report shows it."""

from typing import NamedTuple

from torch import Tensor

from sslcourse.losses.reconstruction import patchify, pixels_of, reconstruction_loss
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.patches import hide_patches, paint_patches
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
