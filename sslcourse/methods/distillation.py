"""How a student learns a teacher's distribution over prototypes: settings, targets, schedules and losses."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.data.views import MultiCrop
from sslcourse.losses.distillation import Center, centered_softmax, patch_cross_entropy, sinkhorn, view_cross_entropy
from sslcourse.methods.checks import check_choices
from sslcourse.methods.meters import feature_meters
from sslcourse.methods.method import Method
from sslcourse.models.ema import momentum_at
from sslcourse.models.heads import PrototypeHead
from sslcourse.settings import check_fields, check_shares

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
        check_choices(self, targets=TARGETS, momentum_schedule=MOMENTUM_SCHEDULES)
        check_shares(self, "center_momentum", "momentum", "temperature_warmup", "freeze_prototypes")
        check_fields(self, "must be below 1, or the centre never moves", lambda share: share < 1, "center_momentum")
        check_fields(self, "must be at least 2", lambda count: count >= 2, "prototypes")
        check_fields(self, "must be at least 1", lambda count: count >= 1, "sinkhorn_iterations")
        temperatures = ("student_temperature", "teacher_temperature", "first_teacher_temperature")
        check_fields(self, "must be positive (0.04 to 0.1 are usual)", lambda value: value > 0, *temperatures)

    def make_head(self, in_dim: int) -> PrototypeHead:
        """A head `...,in_dim` -> logits `...,prototypes`."""
        sizes = (self.hidden_dim, self.bottleneck_dim, self.prototypes, self.head_layers)
        return PrototypeHead(in_dim, *sizes, norm=self.head_norm, bottleneck_norm=self.bottleneck_norm)

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
    def forward(self, logits: Tensor, temperature: float | Tensor, weights: Tensor | None = None) -> Tensor:
        """Logits `...,K`, weights `...` of the rows or None -> probabilities `...,K`."""
        if self.center is None:
            rows = logits.flatten(0, -2)
            weights = None if weights is None else weights.flatten()
            return sinkhorn(rows, temperature, iterations=self.iterations, weights=weights).view_as(logits)
        probabilities = centered_softmax(logits, self.center.value, temperature)
        if self.training:
            self.center.update(logits, weights)
        return probabilities


class SelfDistillation(Method):
    """What DINO, iBOT and the combined method share: the teacher's schedules, and the losses to its targets.

    The `settings` have a `distillation`. A subclass makes the student's `encoder` and `head`, and `patch_head` where
    patches have a head of their own; the `teacher_*` of each; and the `Targets` it needs, `targets` of class tokens and
    `patch_targets` of patches. What there is not is None.
    """

    channel_std_of = "class tokens"
    scheduled, switches = ("momentum", "teacher_temperature"), ("prototypes_frozen",)
    compile_targets = ("encoder", "head", "patch_head", "teacher_encoder", "teacher_head", "teacher_patch_head")

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.settings, distillation = settings, settings.distillation
        self.prototypes = distillation.prototypes
        self.teacher_temperature, self.momentum = distillation.teacher_temperature, distillation.momentum
        self.prototypes_frozen = False

    def begin_step(self, step: int, steps: int) -> None:
        """Set the teacher's temperature and momentum, and whether prototypes stand still."""
        distillation = self.settings.distillation
        self.teacher_temperature = distillation.temperature_at(step, steps)
        self.momentum = distillation.momentum_at(step, steps)
        self.prototypes_frozen = distillation.frozen_at(step, steps)

    def distil_views(self, teacher: Tensor, student: Tensor, views: MultiCrop) -> tuple[Tensor, Tensor]:
        """DINO's loss, of global and local crops to the global crops; and the targets `G,B,K`.

        `teacher` and `student` `G*B,D` are the class tokens of the global crops; the local crops are encoded here.
        """
        shape = views.global_views.shape[:2]  # G,B
        with torch.no_grad():
            targets = self.targets(self.teacher_head(teacher).unflatten(0, shape), self.teacher_temperature)
        if len(views.local_views):
            student = torch.cat([student, self.encoder.features(views.local_views.flatten(0, 1))])  # (G+L)*B,D
        logits = self.head(student).unflatten(0, (-1, shape[1]))  # G+L,B,K
        return view_cross_entropy(logits, targets, self.settings.distillation.student_temperature), targets

    def distil_patches(
        self, teacher: Tensor, student: Tensor, weights: Tensor | None = None, temperature: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the student's patches `R,M,D` to the teacher's, weighted by `R,M`; and the targets `R,M,K`.

        `temperature` is the teacher's; None for that of the class token.
        """
        head, teacher_head = self.head, self.teacher_head
        if self.patch_head is not None:
            head, teacher_head = self.patch_head, self.teacher_patch_head
        with torch.no_grad():
            targets = self.patch_targets(teacher_head(teacher), temperature or self.teacher_temperature, weights)
        return patch_cross_entropy(
            head(student), targets, weights, self.settings.distillation.student_temperature
        ), targets

    def end_step(self) -> None:
        """After the optimiser's step: undo it for prototypes that stand still; then the teacher follows.

        The teacher's prototypes are a running mean of the student's: while those stand still from the start, they are
        the same numbers, so copying them back restores the student's without keeping another copy. The loss, its
        graph, the gradient reduction across processes and a compiled head never learn of it.
        """
        if self.prototypes_frozen:
            with torch.no_grad():
                for teacher, student in self.head_pairs():
                    student.prototypes.copy_(teacher.prototypes)
        super().end_step()

    def head_pairs(self) -> list[tuple[PrototypeHead, PrototypeHead]]:
        """Each head of the teacher with the student's."""
        return [(teacher, student) for teacher, student in self.teacher_pairs() if student is not self.encoder]

    def optimizer_groups(self) -> list[dict]:
        """Prototypes, without weight decay, since only their direction counts."""
        prototypes = [student.prototypes for _, student in self.head_pairs()]
        return [{"params": prototypes, "weight_decay": 0.0}] if prototypes else []

    @property
    def representation(self) -> nn.Module:
        """The encoder to evaluate: the teacher's where there is one, which is the better one throughout training."""
        return self.encoder if self.teacher_encoder is None else self.teacher_encoder

    def diagnose(self, views: MultiCrop) -> dict[str, Tensor]:
        """The effective rank of the features of the first global crop, whole, in eval mode."""
        return feature_meters(self, self.representation, views.global_views[0])


def scheduled_momentum(base: float, schedule: str, step: int, steps: int) -> float:
    """`base` throughout ("fixed"), or rising from it to 1 ("cosine": Grill et al. 2020, section 3.3).

    >>> scheduled_momentum(0.9, "fixed", 50, 100), scheduled_momentum(0.9, "cosine", 50, 100)
    (0.9, 0.95)
    """
    return base if schedule == "fixed" else momentum_at(step, steps, base)
