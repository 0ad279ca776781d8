"""Frozen features of the places in images: patch tokens of transformers and maps of convolutional networks alike."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import extract_features


def extract_patches(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    grid: tuple[int, int] | None = None,
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
    size: int | None = None,
) -> Tensor:
    """The features of each place float32 `N,P,C`, on the CPU, row by row of `grid`, by `encoder.feature_map`.

    `encoder.feature_map(images)` gives `B,C,rows,columns`: a ViT's patch tokens, or what a convolutional network pools.
    Without a `grid` the P places are the encoder's own. With one, encoders of any kind are brought to it: each side
    that is finer is averaged over the cell, each that is coarser is interpolated bilinearly, since a linear probe of
    interpolated features is the interpolated probe. To compare a ViT with strided and dilated networks, take the grid
    on which the finest of them still differ, not that of the coarsest. The other arguments are those of
    `extract_features`. Raises TypeError for an encoder without `feature_map` and ValueError for a grid that is empty.

    >>> from sslcourse.models import ConvNet, build_encoder
    >>> images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> tuple(extract_patches(build_encoder("vit_64x2_p8", image_size=32), images).shape)
    (2, 16, 64)
    >>> tuple(extract_patches(ConvNet(8, depth=3), images, grid=(4, 4)).shape)  # its own map is 8 x 8
    (2, 16, 32)
    """
    if not hasattr(encoder, "feature_map"):
        raise TypeError(
            f"a {type(encoder).__name__} has no feature_map(images) -> B,C,rows,columns; "
            "TokenEncoder, ConvNet and PooledEncoder have one"
        )
    if grid is not None and min(grid) < 1:
        raise ValueError(f"grid must be (rows, columns), both at least 1; got {grid}")

    def read(batch: Tensor) -> Tensor:
        found = encoder.feature_map(batch).float()
        found = found if grid is None else to_grid(found, grid)
        return found.flatten(2).mT  # B,P,C

    return extract_features(encoder, images, batch_size=batch_size, device=device, size=size, read=read)


def patch_sides(size: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of a patch, where pictures of `size` (H, W) divide into a `grid` of (rows, columns).

    Raises ValueError where they do not.

    >>> patch_sides((32, 48), (4, 4))
    (8, 12)
    """
    if min(grid) < 1 or size[0] % grid[0] or size[1] % grid[1]:
        raise ValueError(f"{size[0]} x {size[1]} pixels do not divide into {grid[0]} x {grid[1]} patches")
    return size[0] // grid[0], size[1] // grid[1]


def patch_mask(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """The share of each patch that the object covers, float32 `B,N` in [0, 1], from a mask `B,H,W`: 0 is background.

    Raises ValueError when the mask does not divide into the grid.

    >>> patch_mask(torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 0]]]), grid=(1, 2)).tolist()
    [[1.0, 0.25]]
    """
    if mask.ndim != 3:
        raise ValueError(f"mask must be B,H,W; got {tuple(mask.shape)}")
    return F.avg_pool2d((mask != 0)[:, None].float(), patch_sides(mask.shape[1:], grid)).flatten(1)  # B,N


def to_pixels(patches: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """What is known of patches `B,N`, row by row of `grid`, on each of their pixels: `B,H,W` for `size` (H, W).

    Raises ValueError when that size does not divide into the grid.

    >>> to_pixels(torch.tensor([[True, False]]), (1, 2), (1, 4)).tolist()
    [[[True, True, False, False]]]
    """
    height, width = patch_sides(size, grid)
    return patches.unflatten(1, grid).repeat_interleave(height, 1).repeat_interleave(width, 2)


def to_grid(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps `B,C,h,w` on a `grid` of (rows, columns): averaged where they are finer, interpolated where coarser.

    >>> fine = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    >>> to_grid(fine, (1, 2)).flatten().tolist(), to_grid(fine, (2, 2)) is fine
    ([3.0, 5.0], True)
    """
    if maps.shape[2:] == grid:
        return maps
    cells = tuple(min(side, wanted) for side, wanted in zip(maps.shape[2:], grid, strict=True))
    return F.interpolate(F.adaptive_avg_pool2d(maps, cells), size=grid, mode="bilinear", align_corners=False)
