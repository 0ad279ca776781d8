"""Masks on patches for iBOT and the combined method: drawn, with static shapes, and shown as pictures."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.data.masks import block_masks, random_masks
from sslcourse.losses.reconstruction import patchify, pixels_of, unpatchify

MASKS = ("block", "random")
GREY = 0.5
GOLDEN = 0.618034


def exact_masks(
    kind: str, rows: int, grid: tuple[int, int], count: int, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Masks bool `rows,N` of exactly `count` patches each, "random" or in one or several "block"s.

    >>> exact_masks("block", 3, (4, 4), 5, torch.Generator().manual_seed(0), torch.device("cpu")).sum(1).tolist()
    [5, 5, 5]
    """
    patches = grid[0] * grid[1]
    if kind == "random":
        return random_masks(rows, patches, count / patches, generator, device)
    return block_masks(rows, grid, (count / patches, count / patches), generator, device)


def hidden_places(masks: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Masks `B,N` -> numbers of the hidden patches, int64 `B,most`, and which of these are hidden, bool `B,most`.

    `most` is the most that any image hides: one with fewer is filled up with patches that are seen, from all over the
    image, so that the shape depends on no value, and heads and losses work on `most` patches instead of N.

    >>> hidden_places(torch.tensor([[False, True, False, False]]), 2)
    (tensor([[1, 3]]), tensor([[ True, False]]))
    """
    # Batch normalisation in a head sees the fillers as well: multiples of the golden ratio, modulo 1, lie everywhere.
    spread = torch.arange(masks.shape[1], device=masks.device) * GOLDEN % 1.0
    places = (masks + spread).argsort(dim=1, descending=True)[:, :most]
    return places, masks.gather(1, places)


def on_the_grid(masks: Tensor, keep_indices: Tensor | None, num_patches: int) -> Tensor:
    """Masks of kept patches `B,K` as masks of all patches `B,N`.

    >>> on_the_grid(torch.tensor([[False, True]]), torch.tensor([[0, 3]]), 4).tolist()
    [[False, False, False, True]]
    """
    if keep_indices is None:
        return masks
    nothing = torch.zeros(len(masks), num_patches, dtype=torch.bool, device=masks.device)
    return nothing.scatter(1, keep_indices, masks)


def sized(images: Tensor, size: int) -> Tensor:
    """Images float `B,3,H,W` in [0, 1] as whole crops `B,3,size,size`."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)


def hide_patches(images: Tensor, hidden: Tensor, patch_size: int) -> Tensor:
    """Images `B,3,H,W` with the patches of `hidden`, bool `B,N`, in grey.

    >>> hide_patches(torch.ones(1, 3, 2, 2), torch.tensor([[True, False, False, False]]), 1)[0, 0].tolist()
    [[0.5, 1.0], [1.0, 1.0]]
    """
    patches = patchify(images, patch_size).masked_fill(hidden[:, :, None], GREY)
    return unpatchify(patches, (images.shape[2] // patch_size, images.shape[3] // patch_size), patch_size)


def paint_patches(
    images: Tensor, predicted: Tensor, where: Tensor, patch_size: int, *, normalized: bool = True
) -> Tensor:
    """Images `B,3,H,W` with predictions `B,N,P` in the patches of `where`, bool `B,N`.

    Predictions of `normalized` patches (mean 0, variance 1) are shown with the true patch's mean and variance, which
    nothing has predicted; others are pixels.
    """
    patches = patchify(images, patch_size)
    painted = pixels_of(predicted, patches) if normalized else predicted.to(patches.dtype)
    patches = torch.where(where[:, :, None], painted, patches).clamp(0, 1)
    return unpatchify(patches, (images.shape[2] // patch_size, images.shape[3] // patch_size), patch_size)
