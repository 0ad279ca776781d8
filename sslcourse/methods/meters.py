"""What the methods measure while they train: how the targets spread over prototypes, and the rank of the features."""

import torch
from torch import Tensor, nn

from sslcourse.evaluation.collapse import centered_rank, channel_std, effective_rank, pair_cosines
from sslcourse.evaluation.features import evaluating
from sslcourse.losses.distillation import entropy
from sslcourse.precision import full_precision


@torch.no_grad()
def target_meters(targets: Tensor, prefix: str = "", weights: Tensor | None = None) -> dict[str, Tensor]:
    """Of target distributions `...,K`: their mean entropy, and how many prototypes the batch uses (1 to K).

    `weights` `...` say how much each counts.
    """
    rows = targets.flatten(0, -2)
    if weights is None:
        mean = rows.mean(0)  # K
    else:
        weights = weights.to(targets.dtype).flatten()
        mean = weights @ rows / weights.sum().clamp_min(torch.finfo(rows.dtype).tiny)
    used = entropy(mean).exp()
    return {f"{prefix}teacher_entropy": entropy(rows, weights), f"{prefix}used_prototypes": used}


@torch.no_grad()
def view_meters(z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
    """Of the projections `B,D` of two views: the mean cosine of positive and of negative pairs, and the channel std."""
    positive, negative = pair_cosines(z1, z2)
    std = channel_std(torch.cat([z1, z2]))
    return {"positive_cosine": positive, "negative_cosine": negative, "channel_std": std}


def feature_meters(
    method: nn.Module, encoder: nn.Module, images: Tensor, *, width: int | None = None, head: nn.Module | None = None
) -> dict[str, Tensor]:
    """The effective rank of `encoder`'s features of images `B,3,H,W`, with all of `method` in eval mode.

    A small ViT's class tokens share most of their length, so the `effective_rank` of the features as they are is near 1
    also where their differences (`centered_rank`) tell the images apart. `channel_std_healthy`, 1 / sqrt(width), is the
    channel std of vectors that spread evenly over the sphere. `width` is that of the vectors whose `channel_std` the
    method logs, by default the features'. With a `head` these vectors are its projections, whose effective rank is
    `projection_rank`.
    """
    with evaluating(method):  # BatchNorm's running statistics are left alone
        features = full_precision(encoder.features(images))
        projections = features if head is None else full_precision(head(features))
    width = width or projections.shape[1]
    meters = {
        "effective_rank": effective_rank(features),
        "centered_rank": centered_rank(features),
        "channel_std_healthy": torch.full((), width**-0.5, device=features.device),
    }
    return meters if head is None else meters | {"projection_rank": effective_rank(projections)}
