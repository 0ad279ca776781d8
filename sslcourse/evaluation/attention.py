"""How well attention finds the object whose mask is known."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.precision import full_precision
from sslcourse.pruning.select import select


def patch_mask(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """The share of each patch that the object covers, float32 `B,N` in [0, 1], from a mask `B,H,W` (bool, or 0 and 1).

    Raises ValueError when the mask's sides are not multiples of the grid's.

    >>> patch_mask(torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 0]]]), grid=(1, 2)).tolist()
    [[1.0, 0.25]]
    """
    rows, columns = grid
    if mask.ndim != 3 or mask.shape[1] % rows or mask.shape[2] % columns:
        raise ValueError(
            f"mask must be B,H,W with sides that are multiples of {rows} and {columns}; got {tuple(mask.shape)}"
        )
    patch = (mask.shape[1] // rows, mask.shape[2] // columns)
    return F.avg_pool2d(mask[:, None].float(), patch).flatten(1)  # B,N


def attention_recall(scores: Tensor, object_mask: Tensor, keep: int, *, grid: tuple[int, int] | None = None) -> Tensor:
    """How much of the object's area lies in the `keep` patches with the highest scores: a mean over images, in [0, 1].

    `scores` `B,N`, `object_mask` `B,H,W`; `grid` defaults to a square one. Images without an object do not count; NaN
    when none has one. A random choice gives keep / N on average. The result is a 0-dimensional tensor on the device of
    the scores. Raises ValueError on shapes that do not fit.

    >>> mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0]]])
    >>> attention_recall(torch.tensor([[0.9, 0.1]]), mask, keep=1, grid=(1, 2)).item()
    1.0
    """
    coverage = _coverage(scores, object_mask, grid)  # B,N
    kept = coverage.gather(1, select(scores, keep, "low")).sum(1)
    area = coverage.sum(1)
    there = area > 0
    return (kept / area.clamp_min(1e-12) * there).sum() / there.sum()


def attention_precision(
    scores: Tensor, object_mask: Tensor, keep: int, *, grid: tuple[int, int] | None = None
) -> Tensor:
    """How much of the `keep` patches with the highest scores is object: a mean over images, in [0, 1].

    Shapes, errors and images without an object are as in `attention_recall`. A random choice gives the object's share
    of the image; where the object is smaller than `keep` patches, even the best choice stays below 1.

    >>> mask = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 0]]])
    >>> attention_precision(torch.tensor([[0.9, 0.1]]), mask, keep=1, grid=(1, 2)).item()
    0.75
    """
    coverage = _coverage(scores, object_mask, grid)  # B,N
    share = coverage.gather(1, select(scores, keep, "low")).mean(1)
    there = coverage.sum(1) > 0
    return (share * there).sum() / there.sum()


def head_diversity(scores: Tensor) -> Tensor:
    """How different the heads' attention is: a mean over images and pairs of heads, in [0, 1].

    `scores` `B,H,N` with H >= 2, not negative; each head's row is made to sum to 1. Of two heads the total variation
    distance counts, half the sum of absolute differences: 0 for heads that look alike, 1 for heads that share no patch.
    Raises ValueError on other shapes.

    >>> head_diversity(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])).item(), head_diversity(torch.ones(1, 2, 4)).item()
    (1.0, 0.0)
    """
    if scores.ndim != 3 or scores.shape[1] < 2:
        raise ValueError(f"scores must be B,H,N with at least two heads; got {tuple(scores.shape)}")
    shares = full_precision(scores)
    shares = shares / shares.sum(2, keepdim=True).clamp_min(1e-12)
    heads = shares.shape[1]
    distances = 0.5 * torch.cdist(shares, shares, p=1)  # B,H,H; 0 for a head and itself
    return distances.sum((1, 2)).mean() / (heads * (heads - 1))


def attention_jaccard(
    scores: Tensor, object_mask: Tensor, mass: float = 0.6, *, grid: tuple[int, int] | None = None
) -> Tensor:
    """Intersection over union of the object and the patches that hold `mass` of the attention: a mean over images.

    `scores` `B,N`, or `B,H,N` for heads apart: then each image counts with its best head. Patches are taken from the
    most attended on until they hold more than `mass` of the row's sum; each covers all its pixels. Images without an
    object do not count; NaN when none has one. Raises ValueError on a mass outside (0, 1) and on shapes that do not
    fit.

    Source: Caron et al. 2021 (DINO), figure 4, which keeps 60 % (its appendix D says 80 %).

    >>> mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0]]])
    >>> attention_jaccard(torch.tensor([[0.7, 0.3]]), mask, grid=(1, 2)).item()
    1.0
    """
    if not 0 < mass < 1:
        raise ValueError(f"mass must lie between 0 and 1; got {mass}")
    heads = scores if scores.ndim == 3 else scores[:, None]  # B,H,N
    coverage = _coverage(heads[:, 0], object_mask, grid)[:, None]  # B,1,N
    # As DINO does: from the least attended up, a patch is in when the sum so far exceeds 1 - mass.
    ascending, order = (heads / heads.sum(-1, keepdim=True)).sort(dim=-1, stable=True)
    inside = torch.zeros_like(ascending).scatter(-1, order, (ascending.cumsum(-1) > 1 - mass).to(ascending.dtype))
    both = (inside * coverage).sum(-1)  # B,H, in patches
    either = inside.sum(-1) + coverage.sum(-1) - both
    there = coverage[:, 0].sum(-1) > 0
    return ((both / either).amax(1) * there).sum() / there.sum()


def _coverage(scores: Tensor, mask: Tensor, grid: tuple[int, int] | None) -> Tensor:
    if scores.ndim != 2 or len(scores) != len(mask):
        raise ValueError(f"scores must be B,N with B = {len(mask)}, that of the mask; got {tuple(scores.shape)}")
    side = math.isqrt(scores.shape[1])
    grid = (side, side) if grid is None else grid
    if grid[0] * grid[1] != scores.shape[1]:
        raise ValueError(
            f"{scores.shape[1]} scores do not make a grid of {grid[0]} x {grid[1]}; give grid=(rows, columns)"
        )
    return patch_mask(mask.to(scores.device), grid)
