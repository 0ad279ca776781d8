"""What Lab 6 measures: plain functions of pictures, patches and networks."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.features import evaluating
from sslcourse.losses.reconstruction import normalize_patches, patchify, unpatchify
from sslcourse.pruning.tokens import removed_mask


def painting_errors(method: Any, images: Tensor, seed: int = 0) -> dict[str, float]:
    """A painter's squared error of normalised patches, removed and kept, of float images `B,3,H,W`.

    1 (but for one pixel in P) is what a patch of its own mean colour has.
    """
    device = next(method.parameters()).device
    encoded = method.encode_whole(images.to(device), torch.Generator().manual_seed(seed))
    patches = patchify(encoded.crops, method.encoder.patch_size)
    predicted = encoded.decoded.pixels
    if not method.settings.normalize_targets:  # plain pixels, measured in the same unit
        variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
        predicted = (predicted - mean) * (variance + 1e-6).rsqrt()
    errors = (predicted - normalize_patches(patches)).square().mean(-1).float()
    removed = removed_mask(encoded.keep_indices, errors.shape[1])
    return {"removed_error": errors[removed].mean().item(), "kept_error": errors[~removed].mean().item()}


def paint(method: Any, images: Tensor, kept: Tensor) -> Tensor:
    """Float images `B,3,H,W` with all patches but those `kept` `B,K` as a painter of plain pixels predicts them."""
    device, patch = next(method.parameters()).device, method.encoder.patch_size
    with evaluating(method):
        tokens = method.encoder(images.to(device), kept.to(device))
        predicted = method.decoder(tokens.patches, kept.to(device), tokens.cls).pixels.float().cpu()
    patches = patchify(images, patch)
    removed = removed_mask(kept, patches.shape[1])[:, :, None]
    grid = images.shape[2] // patch, images.shape[3] // patch
    return unpatchify(torch.where(removed, predicted, patches), grid, patch).clamp(0, 1)


def blend(images: Tensor, kept: Tensor, patch: int, reach: float = 1.0) -> Tensor:
    """Removed patches as smooth mixtures of what is around: a rule that has learned nothing.

    Each pixel is the mean of the kept pixels, weighted by a Gaussian of `reach` patches around it.
    """
    rows, columns = images.shape[2] // patch, images.shape[3] // patch
    seen = (~removed_mask(kept, rows * columns)).float().view(-1, 1, rows, columns)
    seen = seen.repeat_interleave(patch, 2).repeat_interleave(patch, 3)  # B,1,H,W
    smooth = [_gaussian(side, reach * patch) for side in images.shape[2:]]
    mixed, weight = (smooth[0] @ each @ smooth[1] for each in (images * seen, seen))
    return torch.where(seen.bool(), images, mixed / weight.clamp_min(1e-12))


def _gaussian(side: int, sigma: float) -> Tensor:
    """The weights of all places of a line in the mean around each: `side,side`."""
    place = torch.arange(side, dtype=torch.float32)
    return torch.exp(-0.5 * ((place[:, None] - place) / sigma).square()) + 1e-6  # far ones count where no near one is


def hidden_psnr(painted: Tensor, images: Tensor, kept: Tensor, patch: int, psnr: Callable) -> Tensor:
    """The PSNR `B` of the removed patches alone, by `psnr(predicted, true)`; as many are removed of every picture."""
    removed = removed_mask(kept, (images.shape[2] // patch) * (images.shape[3] // patch))
    there = [patchify(each, patch)[removed].view(len(images), 3, -1, patch) for each in (painted, images)]
    return torch.as_tensor(psnr(*there)).float()


def mean_colour_share(images: Tensor, patch: int) -> float:
    """What share of the variance of the pixels, around each picture's mean colour, the patches' mean colours hold.

    >>> mean_colour_share(torch.tensor([0.0, 1.0]).repeat_interleave(2).expand(1, 3, 2, 4), 2)
    1.0
    """
    means = F.interpolate(F.avg_pool2d(images, patch), scale_factor=patch)
    around = images - images.mean((2, 3), keepdim=True)
    return round(1 - ((images - means).square().mean() / around.square().mean()).item(), 6)


def scores_for(what: str, saliency: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers `B,N` whose highest say what is hidden first: the "object", any at "random", or the "background".

    Of patches with equal `saliency` `B,N` any: a little noise decides.
    """
    noise = torch.rand(saliency.shape, generator=generator)
    if what == "random":
        return noise
    tied = 1e-6 * noise
    return saliency + tied if what == "object" else tied - saliency


def left_of(accuracy: float, clean: float, chance: float) -> float:
    """What is left of the accuracy above chance; NaN where there was none.

    >>> left_of(0.3, 0.5, 0.1), left_of(0.3, 0.1, 0.1)
    (0.5, nan)
    """
    return round((accuracy - chance) / (clean - chance), 6) if clean > chance else float("nan")


def mean_left(rows: list[dict], **where: Any) -> float:
    """The mean of `left` over the rows of a table that have these entries.

    >>> mean_left([{"fill": "mean", "left": 0.5}, {"fill": "noise", "left": 0.1}], fill="mean")
    0.5
    """
    return fmean(row["left"] for row in rows if all(row[name] == value for name, value in where.items()))
