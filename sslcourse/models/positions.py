"""A learned position embedding, resampled to other image sizes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.kept import kept
from sslcourse.precision import autocast_off


def resample_position(position: Tensor, grid: tuple[int, int], new_grid: tuple[int, int]) -> Tensor:
    """A learned position embedding of patches, `1,N,D` on `grid`, resampled to `new_grid`: `1,N',D`.

    Bicubic with antialiasing, as timm's `resample_abs_pos_embed`. The embedding changes at every step of training, the
    interpolation does not: it is one fixed matrix `N',N`, made when a pair of grids is first met. At its own grid the
    embedding is returned as it is.

    >>> tuple(resample_position(torch.randn(1, 64, 8), (8, 8), (4, 4)).shape)
    (1, 16, 8)
    """
    if tuple(new_grid) == tuple(grid):
        return position
    # A compiler may hold the sizes as symbols; a range makes it take them as the numbers that they are.
    rows, columns = (len(range(side)) for side in new_grid)
    dtype = torch.float64 if position.dtype == torch.float64 else torch.float32
    matrix = _constant_matrix(*grid, rows, columns, position.device, dtype)
    with autocast_off(position):
        return torch.mm(matrix, position[0].to(dtype)).to(position.dtype)[None]


@torch.compiler.assume_constant_result
def _constant_matrix(*key) -> Tensor:
    """The matrix as a constant of a compiled graph."""
    return _interpolation_matrix(*key)


@kept
def _interpolation_matrix(
    rows: int, columns: int, new_rows: int, new_columns: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """What bicubic interpolation does to each unit vector, `N',N`."""
    count = rows * columns
    with torch.no_grad():
        units = torch.eye(count, dtype=dtype, device="cpu").view(1, count, rows, columns)
        resampled = F.interpolate(
            units, size=(new_rows, new_columns), mode="bicubic", antialias=True
        )  # 1,N,rows',cols'
        return resampled.flatten(2)[0].T.contiguous().to(device)
