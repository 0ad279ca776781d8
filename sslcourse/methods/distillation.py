"""How a student learns a teacher's distribution over prototypes: settings, targets and schedules."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sslcourse.losses.distillation import Center, centered_softmax, sinkhorn
from sslcourse.methods.checks import check_choice
from sslcourse.models.ema import momentum_at
from sslcourse.models.heads import PrototypeHead
from sslcourse.settings import check_shares

TARGETS = ("sinkhorn", "centering")
MOMENTUM_SCHEDULES = ("cosine", "fixed")


@dataclass(frozen=True)
class Distillation:
    """How a student learns a teacher's distribution over prototypes; the defaults learn within minutes on a processor.

    The head has `head_layers` linear layers of `hidden_dim` with `head_norm`, then `bottleneck_dim` with
    `bottleneck_norm`, then `prototypes` unit vectors. The class tokens of an untrained ViT are nearly one point. Batch
    normalisation on the bottleneck spreads them; without it the targets stay uniform for hundreds of steps (DINO itself
    has no norm there, and trains for longer). `targets` is "sinkhorn" (the batch uses all prototypes equally) or
    "centering" (DINO's running mean, with `center_momentum`). The `teacher_temperature` sharpens the targets; it rises
    linearly from `first_teacher_temperature` over the first `temperature_warmup`, a share of the run. The teacher's
    `momentum` rises to 1 by a cosine, or is "fixed". For the first `freeze_prototypes`, a share of the run, the
    student's prototypes do not move.

    Source: Caron et al. 2021 (DINO), section 3.1 and appendix C; Sinkhorn targets as in Caron et al. 2020 (SwAV).

    >>> Distillation(first_teacher_temperature=0.02, temperature_warmup=0.5).temperature_at(25, 100)
    0.03
    """

    prototypes: int = 256
    hidden_dim: int = 256
    bottleneck_dim: int = 64
    head_layers: int = 3
    head_norm: str = "batch"
    bottleneck_norm: str = "batch"
    targets: str = "sinkhorn"
    sinkhorn_iterations: int = 3
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    first_teacher_temperature: float = 0.04
    temperature_warmup: float = 0.0
    center_momentum: float = 0.9
    momentum: float = 0.95
    momentum_schedule: str = "cosine"
    freeze_prototypes: float = 0.02

    def __post_init__(self) -> None:
        check_choice("targets", self.targets, TARGETS)
        check_choice("momentum_schedule", self.momentum_schedule, MOMENTUM_SCHEDULES)
        check_shares(self, "center_momentum", "momentum", "temperature_warmup", "freeze_prototypes")
        if self.center_momentum == 1:
            raise ValueError("center_momentum must be below 1, or the centre never moves; got 1")
        if self.prototypes < 2:
            raise ValueError(f"prototypes must be at least 2; got {self.prototypes}")
        if self.sinkhorn_iterations < 1:
            raise ValueError(f"sinkhorn_iterations must be at least 1; got {self.sinkhorn_iterations}")
        for name in ("student_temperature", "teacher_temperature", "first_teacher_temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive (0.04 to 0.1 are usual); got {getattr(self, name)}")

    def make_head(self, in_dim: int) -> PrototypeHead:
        """A head `...,in_dim` -> logits `...,prototypes`."""
        return PrototypeHead(
            in_dim,
            hidden_dim=self.hidden_dim,
            bottleneck_dim=self.bottleneck_dim,
            prototypes=self.prototypes,
            layers=self.head_layers,
            norm=self.head_norm,
            bottleneck_norm=self.bottleneck_norm,
        )

    def temperature_at(self, step: int, steps: int) -> float:
        """The teacher's temperature in step `step` (0-based) of `steps`."""
        warmup = self.temperature_warmup * steps
        share = min(1.0, step / warmup) if warmup > 0 else 1.0
        return self.first_teacher_temperature + share * (self.teacher_temperature - self.first_teacher_temperature)

    def momentum_at(self, step: int, steps: int) -> float:
        """The teacher's momentum after step `step` of `steps`."""
        return scheduled_momentum(self.momentum, self.momentum_schedule, step, steps)

    def frozen_at(self, step: int, steps: int) -> bool:
        """Whether the student's prototypes stand still in step `step` of `steps`."""
        return step < self.freeze_prototypes * steps


class Targets(nn.Module):
    """Teacher logits -> target distributions: by Sinkhorn over the batch of all processes, or centred and sharpened.

    Centring subtracts the mean of the steps before, as the official code does; in training mode the mean then moves. It
    is a buffer, so a checkpoint holds it. Rows that `weights` set to 0 do not move it: iBOT here centres over the
    masked patches alone, as DINOv2 does, whereas iBOT's own code centres over all patches. No gradient flows.

    >>> targets = Targets(Distillation(prototypes=4))
    >>> torch.allclose(targets(torch.randn(2, 8, 4), 0.1).sum(-1), torch.ones(2, 8))
    True
    """

    def __init__(self, settings: Distillation) -> None:
        super().__init__()
        self.iterations = settings.sinkhorn_iterations
        centres = settings.targets == "centering"
        self.center = Center(settings.prototypes, momentum=settings.center_momentum) if centres else None

    @torch.no_grad()
    def forward(self, logits: Tensor, temperature: float, weights: Tensor | None = None) -> Tensor:
        """Logits `...,K`, weights `...` of the rows or None -> probabilities `...,K`."""
        if self.center is None:
            rows = logits.flatten(0, -2)
            weights = None if weights is None else weights.flatten()
            return sinkhorn(rows, temperature, iterations=self.iterations, weights=weights).view_as(logits)
        probabilities = centered_softmax(logits, self.center.value, temperature)
        if self.training:
            self.center.update(logits, weights)
        return probabilities


def embed_views(
    encoder: nn.Module, global_views: Tensor, local_views: Tensor, keep_indices: Tensor | None = None
) -> Tensor:
    """Crops `G,B,3,H,W` and `L,B,3,h,w` -> vectors `(G+L)*B,D`, the global ones first; one pass for each size.

    With `keep_indices` `G*B,K` only those patches of the global crops are seen, by an encoder that has patches.
    """
    crops = global_views.flatten(0, 1)
    features = encoder.features(crops) if keep_indices is None else encoder(crops, keep_indices).cls
    if len(local_views) == 0:
        return features
    return torch.cat([features, encoder.features(local_views.flatten(0, 1))])


def scheduled_momentum(base: float, schedule: str, step: int, steps: int) -> float:
    """`base` throughout ("fixed"), or rising from it to 1 ("cosine": Grill et al. 2020, section 3.3).

    >>> scheduled_momentum(0.9, "fixed", 50, 100), scheduled_momentum(0.9, "cosine", 50, 100)
    (0.9, 0.95)
    """
    return base if schedule == "fixed" else momentum_at(step, steps, base)


def hold_prototypes(student: PrototypeHead, teacher: PrototypeHead) -> None:
    """Undo the step that the optimiser just took with the student's prototypes; call it before the teacher moves.

    The teacher's prototypes are a running mean of the student's: while those stand still from the start, they are the
    same numbers, so copying them back restores the student's without keeping another copy. The loss, its graph, the
    gradient reduction across processes and a compiled head never learn of it.
    """
    with torch.no_grad():
        student.prototypes.copy_(teacher.prototypes)


def prototype_group(*heads: PrototypeHead | None) -> list[dict]:
    """The prototypes of these heads as a group without weight decay, since only their direction counts."""
    prototypes = [head.prototypes for head in heads if head is not None]
    return [{"params": prototypes, "weight_decay": 0.0}] if prototypes else []
