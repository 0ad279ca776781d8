"""What a training step costs in floating-point operations, and so how much faster token removal can make it.

One multiplication with its addition counts as two operations, as `torch.utils.flop_counter` counts; only matrix
products and convolutions count. A backward pass counts as two forward passes.
"""

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


class ViTShape(NamedTuple):
    """What the cost of a ViT depends on: the `patches` of an image, the width `dim` and the number of blocks `depth`.

    `prefix` counts class and register tokens; `patch_values` is 3 p^2, the numbers in a patch (0 leaves the patch
    embedding out).
    """

    patches: int
    dim: int
    depth: int
    mlp_ratio: float = 4.0
    prefix: int = 1
    patch_values: int = 0

    @property
    def embedding_flops(self) -> float:
        """The patch embedding."""
        return 2.0 * self.patches * self.patch_values * self.dim


def block_flops(tokens: int, dim: int, mlp_ratio: float = 4.0) -> float:
    """One transformer block, forward, on `tokens` tokens: (8 + 4 mlp_ratio) N D^2 + 4 N^2 D.

    >>> block_flops(65, 96) == 24 * 65 * 96**2 + 4 * 65**2 * 96
    True
    """
    return (8 + 4 * mlp_ratio) * tokens * dim**2 + 4 * tokens**2 * dim


def encoder_flops(vit: ViTShape, keep: int | None = None) -> float:
    """A ViT's forward on one image, of whose patches the blocks see `keep` (default: all).

    The patch embedding, which removal does not make cheaper, counts for all patches. Raises ValueError when `keep` is
    more than there is.

    >>> vit = ViTShape(patches=64, dim=96, depth=4)
    >>> round(encoder_flops(vit, keep=32) / encoder_flops(vit), 2)  # half of the patches
    0.48
    """
    keep = vit.patches if keep is None else keep
    if not 1 <= keep <= vit.patches:
        raise ValueError(f"keep must lie in 1..{vit.patches}; got {keep}")
    return vit.depth * block_flops(vit.prefix + keep, vit.dim, vit.mlp_ratio) + vit.embedding_flops


def pruned_encoder_flops(vit: ViTShape, *, layers: tuple[int, ...], keep_rate: float, fuse: bool = True) -> float:
    """A ViT's forward that drops patches in the blocks `layers`, between attention and MLP (`models.PrunedEncoder`).

    Each such block also computes the class token's attention once more: 2 N D^2 for the keys.

    >>> vit = ViTShape(patches=64, dim=96, depth=4)
    >>> 0.5 < pruned_encoder_flops(vit, layers=(1,), keep_rate=0.5) / encoder_flops(vit) < 1
    True
    """
    patches, dim, fused, total = vit.patches, vit.dim, 0, vit.embedding_flops
    for layer in range(vit.depth):
        before = vit.prefix + patches + fused
        total += 8 * before * dim**2 + 4 * before**2 * dim
        kept = keep_count(patches, keep_rate) if layer in layers else patches
        if kept < patches:
            # The keys of all tokens, the query of one. Scores that are a product and a sum do not count.
            total += 2 * (before + 1) * dim**2
            patches, fused = kept, int(fuse)
        total += 4 * vit.mlp_ratio * (vit.prefix + patches + fused) * dim**2
    return total


def decoder_flops(vit: ViTShape, dim: int, depth: int, *, keep: int | None = None, out_values: int = 0) -> float:
    """A decoder's forward on one image: `keep` of the encoder's tokens and its prefix mapped to `dim`, blocks on all.

    `out_values` numbers are predicted for each patch.

    >>> vit = ViTShape(patches=64, dim=96, depth=4)
    >>> decoder_flops(vit, dim=48, depth=2) < 0.25 * encoder_flops(vit)
    True
    """
    keep = vit.patches if keep is None else keep
    embed, predict = 2 * (vit.prefix + keep) * vit.dim * dim, 2 * vit.patches * dim * out_values
    return embed + depth * block_flops(vit.prefix + vit.patches, dim, vit.mlp_ratio) + predict


def step_cost(
    vit: ViTShape,
    keep_rate: float,
    *,
    global_crops: int = 2,
    local_crops: int = 0,
    local_patches: int = 0,
    decoder_depth: int = 0,
    decoder_dim: int = 0,
    out_values: int = 0,
) -> StepCost:
    """One image's share of a training step: a teacher on full global crops, a student on kept patches and local crops.

    The teacher's `global_crops` go forward once with all patches; the student's go forward and backward with the kept
    ones, and its `local_crops` with all their `local_patches`. With `decoder_depth` above 0 a decoder sees all places
    of each global crop, forward and backward. Heads, losses and the optimiser are left out. Raises ValueError on a keep
    rate outside (0, 1] or local crops without patches.

    >>> cost = step_cost(ViTShape(patches=64, dim=96, depth=4), keep_rate=0.5)
    >>> cost.decoder, cost.student < 3 * cost.teacher
    (0.0, True)
    """
    if local_crops and not local_patches:
        raise ValueError(f"local_crops={local_crops} need local_patches, the patches in each")
    keep = keep_count(vit.patches, keep_rate)
    local = encoder_flops(vit._replace(patches=local_patches)) if local_crops else 0.0
    decoder = 0.0
    if decoder_depth:
        decoder = decoder_flops(vit, decoder_dim, decoder_depth, keep=keep, out_values=out_values)
    return StepCost(
        teacher=global_crops * encoder_flops(vit),
        student=3.0 * (global_crops * encoder_flops(vit, keep) + local_crops * local),
        decoder=3.0 * global_crops * decoder,
    )


def predicted_speed_up(vit: ViTShape, keep_rate: float, **step) -> float:
    """How many times faster a step gets by removal, if time goes with operations; `step` as for `step_cost`.

    The comparison is with the same step that removes nothing and has no decoder. With two global crops alone, tokens
    that cost the same however many there are, and no prefix, it is `closed_form_speed_up`.

    >>> round(predicted_speed_up(ViTShape(patches=196, dim=384, depth=12), keep_rate=0.5), 2)
    1.63
    """
    plain = {**step, "decoder_depth": 0}
    return step_cost(vit, 1.0, **plain).total / step_cost(vit, keep_rate, **step).total


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
