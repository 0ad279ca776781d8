"""What the methods measure while they train: how the targets spread over prototypes, and the rank of the features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sslcourse.evaluation.collapse import effective_rank
from sslcourse.evaluation.features import evaluating
from sslcourse.losses.distillation import entropy
from sslcourse.precision import full_precision


@torch.no_grad()
def target_meters(targets: Tensor, prefix: str = "", weights: Tensor | None = None) -> dict[str, Tensor]:
    """Of target distributions `...,K`: their mean entropy, and how many prototypes the batch uses (1 to K).

    `weights` `...` say how much each counts.
    """
    weights = torch.ones_like(targets[..., 0]) if weights is None else weights.to(targets.dtype)
    rows, weights = targets.flatten(0, -2), weights.flatten()
    mean = weights @ rows / weights.sum().clamp_min(torch.finfo(rows.dtype).tiny)  # K
    used = entropy(mean).exp()
    return {f"{prefix}teacher_entropy": entropy(rows, weights), f"{prefix}used_prototypes": used}


def feature_meters(
    method: nn.Module, encoder: nn.Module, images: Tensor, *, width: int | None = None, head: nn.Module | None = None
) -> dict[str, Tensor]:
    """`rank_meters` of `encoder`'s features of images `B,3,H,W`, with all of `method` in eval mode.

    `width` is the width of the vectors whose `channel_std` the method logs, by default the features'. With a `head`
    these vectors are its projections, whose effective rank is measured, too: `projection_rank`.
    """
    with evaluating(method):  # BatchNorm's running statistics are left alone
        features = encoder.features(images)
        if head is None:
            return rank_meters(features, width or features.shape[1])
        projections = full_precision(head(features))
    return rank_meters(features, projections.shape[1]) | {"projection_rank": effective_rank(projections)}


def rank_meters(features: Tensor, width: int) -> dict[str, Tensor]:
    """Of features `B,D`: their effective rank, as they are and of what differs between them.

    A small ViT's class tokens share most of their length, so the rank of the features as they are is near 1 also where
    their differences (`centered_rank`) tell the images apart. `channel_std_healthy` is the channel std of vectors of
    `width` numbers that spread evenly over the sphere: 1 / sqrt(width).
    """
    features = full_precision(features)
    return {
        "effective_rank": effective_rank(features),
        "centered_rank": effective_rank(features - features.mean(0)),
        "channel_std_healthy": torch.full((), width**-0.5, device=features.device),
    }
