"""What a training step costs in floating-point operations, and so how much faster token removal can make it.

One multiplication with its addition counts as two operations, as `torch.utils.flop_counter` counts; only matrix
products and convolutions count. A backward pass counts as two forward passes.
"""

from __future__ import annotations

from typing import NamedTuple

from sslcourse.pruning.select import keep_count


class StepCost(NamedTuple):
    """Operations for one image's crops: `teacher` (forward), `student` and `decoder` (forward and backward)."""

    teacher: float
    student: float
    decoder: float

    @property
    def total(self) -> float:
        """The sum of the three."""
        return self.teacher + self.student + self.decoder


def block_flops(tokens: int, dim: int, mlp_ratio: float = 4.0) -> float:
    """One transformer block, forward, on `tokens` tokens: (8 + 4 mlp_ratio) N D^2 + 4 N^2 D.

    >>> block_flops(65, 96) == 24 * 65 * 96**2 + 4 * 65**2 * 96
    True
    """
    return (8 + 4 * mlp_ratio) * tokens * dim**2 + 4 * tokens**2 * dim


def encoder_flops(
    patches: int,
    dim: int,
    depth: int,
    mlp_ratio: float = 4.0,
    *,
    keep: int | None = None,
    prefix: int = 1,
    patch_values: int = 0,
) -> float:
    """A ViT's forward on one image of `patches` patches, of which the blocks see `keep` (default: all).

    `prefix` counts class and register tokens; `patch_values` is 3 p^2, the numbers in a patch, and adds the patch
    embedding, which removal does not make cheaper (0 leaves it out). Raises ValueError when `keep` is more than there
    is.

    >>> round(encoder_flops(64, 96, 4, keep=32) / encoder_flops(64, 96, 4), 2)  # half of the patches
    0.48
    """
    keep = patches if keep is None else keep
    if not 1 <= keep <= patches:
        raise ValueError(f"keep must lie in 1..{patches}; got {keep}")
    return depth * block_flops(prefix + keep, dim, mlp_ratio) + 2 * patches * patch_values * dim


def pruned_encoder_flops(
    patches: int,
    dim: int,
    depth: int,
    mlp_ratio: float = 4.0,
    *,
    layers: tuple[int, ...],
    keep_rate: float,
    fuse: bool = True,
    prefix: int = 1,
    patch_values: int = 0,
) -> float:
    """A ViT's forward that drops patches in the blocks `layers`, between attention and MLP (`models.PrunedEncoder`).

    Each such block also computes the class token's attention once more: 2 N D^2 for the keys.

    >>> full = encoder_flops(64, 96, 4)
    >>> 0.5 < pruned_encoder_flops(64, 96, 4, layers=(1,), keep_rate=0.5) / full < 1
    True
    """
    total, fused = 2.0 * patches * patch_values * dim, 0
    for layer in range(depth):
        before = prefix + patches + fused
        total += 8 * before * dim**2 + 4 * before**2 * dim
        kept = keep_count(patches, keep_rate) if layer in layers else patches
        if kept < patches:
            # The keys of all tokens, the query of one. Scores that are a product and a sum do not count.
            total += 2 * (before + 1) * dim**2
            patches, fused = kept, int(fuse)
        total += 4 * mlp_ratio * (prefix + patches + fused) * dim**2
    return total


def decoder_flops(
    patches: int,
    in_dim: int,
    dim: int,
    depth: int,
    mlp_ratio: float = 4.0,
    *,
    keep: int | None = None,
    prefix: int = 1,
    out_values: int = 0,
) -> float:
    """A decoder's forward on one image: `keep` tokens and the prefix mapped to `dim`, then blocks on all patches.

    >>> decoder_flops(64, 96, 48, 2) < 0.25 * encoder_flops(64, 96, 4)
    True
    """
    keep = patches if keep is None else keep
    embed, predict = 2 * (prefix + keep) * in_dim * dim, 2 * patches * dim * out_values
    return embed + depth * block_flops(prefix + patches, dim, mlp_ratio) + predict


def step_cost(
    keep_rate: float,
    *,
    patches: int,
    dim: int,
    depth: int,
    mlp_ratio: float = 4.0,
    prefix: int = 1,
    patch_values: int = 0,
    global_crops: int = 2,
    local_crops: int = 0,
    local_patches: int = 0,
    decoder_depth: int = 0,
    decoder_dim: int = 0,
    out_values: int = 0,
) -> StepCost:
    """One image's share of a training step: a teacher on full global crops, a student on kept patches and local crops.

    The teacher's `global_crops` go forward once with all `patches`; the student's go forward and backward with the kept
    ones, and its `local_crops` with all their `local_patches`. With `decoder_depth` above 0 a decoder sees all places
    of each global crop, forward and backward. Heads, losses and the optimiser are left out. Raises ValueError on a keep
    rate outside (0, 1] or local crops without patches.

    >>> cost = step_cost(0.5, patches=64, dim=96, depth=4)
    >>> cost.decoder, cost.student < 3 * cost.teacher
    (0.0, True)
    """
    if local_crops and not local_patches:
        raise ValueError(f"local_crops={local_crops} need local_patches, the patches in each")
    keep = keep_count(patches, keep_rate)
    shape = {"mlp_ratio": mlp_ratio, "prefix": prefix}
    full = encoder_flops(patches, dim, depth, patch_values=patch_values, **shape)
    pruned = encoder_flops(patches, dim, depth, keep=keep, patch_values=patch_values, **shape)
    local = encoder_flops(local_patches, dim, depth, patch_values=patch_values, **shape) if local_crops else 0.0
    decoder = (
        decoder_flops(patches, dim, decoder_dim, decoder_depth, keep=keep, out_values=out_values, **shape)
        if decoder_depth
        else 0.0
    )
    return StepCost(
        teacher=global_crops * full,
        student=3.0 * (global_crops * pruned + local_crops * local),
        decoder=3.0 * global_crops * decoder,
    )


def predicted_speed_up(keep_rate: float, **shape) -> float:
    """How many times faster a step gets by removal, if time goes with operations; `shape` as for `step_cost`.

    The comparison is with the same step that removes nothing and has no decoder. With two global crops alone, tokens
    that cost the same however many there are, and no prefix, it is `closed_form_speed_up`.

    >>> round(predicted_speed_up(0.5, patches=196, dim=384, depth=12), 2)
    1.63
    """
    plain = {**shape, "decoder_depth": 0}
    return step_cost(1.0, **plain).total / step_cost(keep_rate, **shape).total


def closed_form_speed_up(keep_rate: float, decoder_share: float = 0.0) -> float:
    """4 / (3 r + 1 + 3 d): a student of three units at keep rate r, a full teacher of one, a decoder of d encoders.

    At most 4, for the teacher is never pruned. Raises ValueError on a keep rate outside (0, 1] or a negative share.

    >>> closed_form_speed_up(0.5), closed_form_speed_up(1.0)
    (1.6, 1.0)
    """
    if not 0 < keep_rate <= 1 or decoder_share < 0:
        raise ValueError(
            f"keep_rate must lie in (0, 1] and decoder_share be at least 0; got {keep_rate} and {decoder_share}"
        )
    return 4 / (3 * keep_rate + 1 + 3 * decoder_share)
