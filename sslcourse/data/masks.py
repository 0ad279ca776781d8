"""Which patches are hidden: a bool mask `B,N`, True = hidden, for a whole batch at once.

Random numbers are drawn, and the mask is made, on the generator's device (CPU without one); then it moves to `device`,
so that the same CPU generator gives the same masks on any device. Nothing here waits for the device or has a shape that
depends on data.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.kept import kept

BLOCKS = 16  # rectangles drawn for each image: in all but one image of some thousands they cover what is asked for
SMALLEST_BLOCK = 4  # patches
ASPECT = (0.3, 1 / 0.3)  # a rectangle's height / width


def random_masks(
    batch: int,
    num_patches: int,
    ratio: float,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Hide a random `round(ratio * N)` of the N patches of each image, each image its own: bool `B,N`.

    Raises ValueError when the ratio is not from 0 to 1.

    Source: He et al. 2022 (MAE), section 3, "Masking".

    >>> random_masks(2, 16, 0.75, torch.Generator().manual_seed(0)).sum(1).tolist()
    [12, 12]
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio is the hidden share of the patches, from 0 to 1; got {ratio}")
    _check_sizes(batch, num_patches)
    order = torch.rand(batch, num_patches, generator=generator, device=_source(generator)).argsort(1)
    hidden = torch.arange(num_patches, device=order.device) < round(ratio * num_patches)
    return _moved(torch.empty_like(order, dtype=torch.bool).scatter_(1, order, hidden.expand_as(order)), device)


def block_masks(
    batch: int,
    grid: tuple[int, int],
    ratio_range: tuple[float, float],
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    probability: float = 1.0,
) -> Tensor:
    """Hide rectangles of patches of a `grid` of (rows, columns): bool `B,N`, row by row.

    With `probability` an image has patches hidden at all; the share of them is then drawn uniformly from `ratio_range`
    (iBOT: (0.1, 0.5) with probability 0.5) and exactly that many, rounded, are hidden: rectangles of random area, shape
    and place are laid one after the other, and the last one is cut off where the number is reached. Raises ValueError
    when a ratio or the probability is not from 0 to 1.

    Source: Bao et al. 2022, "BEiT: BERT Pre-Training of Image Transformers", algorithm 1, as used by Zhou et al. 2022
    (iBOT), section 3.2; there a rectangle that does not fit is drawn anew, here for the whole batch at once.

    >>> block_masks(3, (8, 8), (0.25, 0.25), torch.Generator().manual_seed(0)).sum(1).tolist()
    [16, 16, 16]
    """
    low, high = ratio_range
    if not 0 <= low <= high <= 1:
        raise ValueError(f"ratio_range must be (low, high) with 0 <= low <= high <= 1; got {tuple(ratio_range)}")
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is the share of images with a mask, from 0 to 1; got {probability}")
    rows, columns = grid
    _check_sizes(batch, rows, columns)
    numbers = torch.rand(batch * (3 + 4 * BLOCKS), generator=generator, device=_source(generator))
    chances, blocks, upwards = numbers.split([2 * batch, 4 * BLOCKS * batch, batch])
    hides, share = chances.view(2, batch, 1).unbind()
    area, aspect, *corner = blocks.view(4, batch, BLOCKS).unbind()
    count = ((share * (high - low) + low) * (rows * columns)).round() * (hides < probability)  # B,1

    plan = _plan(rows, columns, numbers.device)
    area = SMALLEST_BLOCK + area * (count - SMALLEST_BLOCK).clamp(min=0)  # B,blocks
    low, high = (math.log(ratio) for ratio in ASPECT)
    aspect = (aspect * (high - low) + low).exp()
    length = torch.stack([area * aspect, area / aspect]).sqrt_().round_().clamp_(min=1).minimum(plan.grid)  # 2,B,blocks
    spare = plan.grid - length
    start = (torch.stack(corner) * (spare + 1)).floor_().minimum(spare)
    start, end = start[..., None], (start + length)[..., None]
    in_rows, in_columns = ((plan.side >= start) & (plan.side < end)).unbind()  # B,blocks,longer side
    covered = (in_rows[:, :, :rows, None] & in_columns[:, :, None, :columns]).flatten(2)  # B,blocks,N

    # The first rectangle that covers a patch decides; inside it patches come row by row, in half of the images from
    # below. The patches of no rectangle come last.
    first = torch.where(covered, plan.turn, plan.last).amin(1)  # B,N
    order = (first + torch.where(upwards.view(batch, 1) < 0.5, plan.place, plan.upwards)).argsort(1)
    hidden = plan.place < count  # B,N
    return _moved(torch.empty_like(hidden).scatter_(1, order, hidden), device)


class _Plan(NamedTuple):
    """What block masks of a grid have in common: `grid` `2,1,1`, its rows and columns; `side`, the places along the
    longer side; `place` and `upwards` `N`, the patches row by row and from below; `turn` `blocks,1` and `last`, by how
    much the patches of a rectangle, or of none, come later than those of the first.
    """

    grid: Tensor
    side: Tensor
    place: Tensor
    upwards: Tensor
    turn: Tensor
    last: Tensor


@kept
def _plan(rows: int, columns: int, device: torch.device) -> _Plan:
    place = torch.arange(rows * columns, dtype=torch.int32, device=device)
    turn = torch.arange(BLOCKS + 1, dtype=torch.int32, device=device)[:, None] * (rows * columns)
    grid = torch.tensor([rows, columns], dtype=torch.float32, device=device).view(2, 1, 1)
    return _Plan(grid, torch.arange(max(rows, columns), device=device), place, place.flip(0), turn[:-1], turn[-1])


def _source(generator: torch.Generator | None) -> torch.device:
    return generator.device if generator is not None else torch.device("cpu")


def _moved(mask: Tensor, device: torch.device | str | None) -> Tensor:
    return mask if device is None else mask.to(device, non_blocking=True)


def _check_sizes(*sizes: int) -> None:
    if min(sizes) < 1:
        raise ValueError(f"batch, grid and number of patches must be at least 1; got {sizes}")
