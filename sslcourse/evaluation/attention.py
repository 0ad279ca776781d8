"""How well attention finds the object whose mask is known."""

import inspect
import math

import torch
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.patches import patch_mask
from sslcourse.precision import full_precision
from sslcourse.pruning.select import keep_count, select


def extract_attention(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
    size: int | None = None,
) -> Tensor:
    """The class token's attention to each patch in the last block, head by head: float32 `N,H,P`, on the CPU.

    For a `TokenEncoder`; another encoder does if `encoder(images, attention="heads").attention` is `B,H,P`. The other
    arguments are those of `extract_features`. Raises TypeError for an encoder that takes no such argument.

    >>> from sslcourse.models import build_encoder
    >>> images = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    >>> tuple(extract_attention(build_encoder("vit_64x2_p8", image_size=32), images).shape)
    (3, 2, 16)
    """
    taken = inspect.signature(encoder.forward).parameters.values()
    if not any(each.name == "attention" or each.kind is each.VAR_KEYWORD for each in taken):
        raise TypeError(f"a {type(encoder).__name__} has no attention of a class token to show; a TokenEncoder has")
    how = {"batch_size": batch_size, "device": device, "size": size}
    return extract_features(encoder, images, read=lambda batch: encoder(batch, attention="heads").attention, **how)


def attention_table(
    scores: Tensor,
    object_mask: Tensor,
    *,
    keep_rate: float = 0.5,
    mass: float = 0.6,
    grid: tuple[int, int] | None = None,
) -> dict[str, float | list[float]]:
    """All that is measured of attention `B,H,N`, or of any rule's scores `B,N`, beside what chance would give.

    `recall`, `precision` and `jaccard` are those of the mean over the heads, with ceil(keep_rate * N) patches kept.
    `chance_recall` and `chance_precision` are a random choice's. For heads apart also `head_recall`, `head_precision`
    and `head_jaccard`, a list each, `best_jaccard`, where each image counts with its best head, and with two heads or
    more their `diversity`. A maximum over more heads is higher by chance alone: compare `best_jaccard` among encoders
    with as many heads. Raises ValueError as the measures.

    >>> mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0]]])
    >>> table = attention_table(torch.tensor([[[0.9, 0.1], [0.3, 0.7]]]), mask, grid=(1, 2))
    >>> table["recall"], table["head_recall"], table["best_jaccard"], table["chance_recall"]
    (1.0, [1.0, 0.0], 1.0, 0.5)
    """
    mean = scores.mean(1) if scores.ndim == 3 else scores
    keep = keep_count(mean.shape[-1], keep_rate)
    coverage = _coverage(mean, object_mask, grid)
    table = {
        "recall": attention_recall(mean, object_mask, keep, grid=grid),
        "precision": attention_precision(mean, object_mask, keep, grid=grid),
        "jaccard": attention_jaccard(mean, object_mask, mass, grid=grid),
        "chance_recall": keep / mean.shape[1],
        "chance_precision": _mean(coverage.mean(-1), coverage),
    }
    if scores.ndim == 3:
        table |= {
            "head_recall": attention_recall(scores, object_mask, keep, grid=grid),
            "head_precision": attention_precision(scores, object_mask, keep, grid=grid),
            "head_jaccard": _mean(_jaccards(scores, coverage[:, None], mass), coverage[:, None]),
            "best_jaccard": attention_jaccard(scores, object_mask, mass, grid=grid),
        }
        table |= {"diversity": head_diversity(scores)} if scores.shape[1] > 1 else {}
    return {name: value.tolist() if isinstance(value, Tensor) else value for name, value in table.items()}


def attention_recall(scores: Tensor, object_mask: Tensor, keep: int, *, grid: tuple[int, int] | None = None) -> Tensor:
    """How much of the object's area lies in the `keep` patches with the highest scores: a mean over images, in [0, 1].

    `scores` `B,N`, or `B,H,N` for heads apart; `object_mask` `B,H,W`; `grid` defaults to a square one. Images without
    an object do not count; NaN when none has one. A random choice gives keep / N on average. The result, one number or
    one a head, is on the device of the scores. Raises ValueError on shapes that do not fit.

    >>> mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0]]])
    >>> attention_recall(torch.tensor([[0.9, 0.1]]), mask, keep=1, grid=(1, 2)).item()
    1.0
    """
    coverage = _coverage(scores, object_mask, grid)  # B,N or B,1,N
    return _mean(_kept(scores, coverage, keep) / coverage.sum(-1).clamp_min(1e-12), coverage)


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
    coverage = _coverage(scores, object_mask, grid)
    return _mean(_kept(scores, coverage, keep) / keep, coverage)


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
    heads = scores if scores.ndim == 3 else scores[:, None]  # B,H,N
    coverage = _coverage(heads, object_mask, grid)  # B,1,N
    return _mean(_jaccards(heads, coverage, mass).amax(1), coverage[:, 0])


def _jaccards(heads: Tensor, coverage: Tensor, mass: float) -> Tensor:
    """Intersection over union of each image and head, `B,H`, from scores `B,H,N` and coverage `B,1,N`."""
    if not 0 < mass < 1:
        raise ValueError(f"mass must lie between 0 and 1; got {mass}")
    shares = full_precision(heads)
    shares = shares / shares.sum(-1, keepdim=True).clamp_min(1e-12)
    # As DINO does: from the least attended up, a patch is in when the sum so far exceeds 1 - mass.
    ascending, order = shares.sort(dim=-1, stable=True)
    inside = torch.zeros_like(ascending).scatter(-1, order, (ascending.cumsum(-1) > 1 - mass).to(ascending.dtype))
    both = (inside * coverage).sum(-1)  # B,H, in patches
    return _where_finite(heads, both / (inside.sum(-1) + coverage.sum(-1) - both).clamp_min(1e-12))


def _kept(scores: Tensor, coverage: Tensor, keep: int) -> Tensor:
    """The object's area in the `keep` patches with the highest scores, in patches: `B`, or `B,H` for heads apart."""
    rows = coverage.expand(scores.shape).flatten(0, -2)
    area = rows.gather(1, select(scores.flatten(0, -2), keep, "low")).sum(1)
    return _where_finite(scores, area.unflatten(0, scores.shape[:-1]))


def _where_finite(scores: Tensor, values: Tensor) -> Tensor:
    """NaN where a row of scores is not finite: an encoder that has diverged looks nowhere."""
    return torch.where(torch.isfinite(scores).all(-1), values, torch.nan)


def _mean(values: Tensor, coverage: Tensor) -> Tensor:
    """The mean over the images that have an object of values `B` or `B,H`; NaN when none has one."""
    there = coverage.sum(-1) > 0  # B, or B,1
    return torch.where(there, values, 0).sum(0) / there.sum(0)


def _coverage(scores: Tensor, mask: Tensor, grid: tuple[int, int] | None) -> Tensor:
    """The object's share of each patch, in the form of the scores: `B,N`, or `B,1,N` for heads apart."""
    if scores.ndim not in (2, 3) or len(scores) != len(mask):
        raise ValueError(
            f"scores must be B,N or B,H,N with B = {len(mask)}, that of the mask; got {tuple(scores.shape)}"
        )
    patches = scores.shape[-1]
    side = math.isqrt(patches)
    grid = (side, side) if grid is None else grid
    if grid[0] * grid[1] != patches:
        raise ValueError(f"{patches} scores do not make a grid of {grid[0]} x {grid[1]}; give grid=(rows, columns)")
    coverage = patch_mask(mask.to(scores.device), grid)
    return coverage if scores.ndim == 2 else coverage[:, None]
