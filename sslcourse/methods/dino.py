"""DINO: a student learns from all its crops what its own running mean says of the global ones.

Source: Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers", section 3.1 and algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sslcourse.data.views import MultiCrop, MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.losses.distillation import view_cross_entropy
from sslcourse.methods.checks import check_crops, check_pairs
from sslcourse.methods.distillation import (
    Distillation,
    Targets,
    embed_views,
    hold_prototypes,
    prototype_group,
)
from sslcourse.methods.meters import feature_meters, target_meters
from sslcourse.methods.method import Method
from sslcourse.models.ema import make_teacher, update_ema


@dataclass(frozen=True)
class DINOSettings:
    """DINO's settings: its crops, and how the teacher's distributions are made and learned.

    Without local crops each global crop learns from the other alone (the paper's "no multi-crop").
    `Distillation(targets= "centering", bottleneck_norm="none", head_norm="none")` is the head of the paper. Raises
    ValueError for a single crop: a crop does not learn from itself.

    >>> DINOSettings().distillation.prototypes
    256
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    distillation: Distillation = field(default_factory=Distillation)

    def __post_init__(self) -> None:
        check_pairs(self.crops)


class DINO(Method):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`), a prototype head, and a teacher of both.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = DINO(ConvNet(width=8))
    >>> views = method.draw_views(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> loss.ndim, "teacher_entropy" in metrics
    (0, True)
    """

    channel_std_of = "class tokens"
    compile_targets = ("encoder", "head", "teacher_encoder", "teacher_head")

    def __init__(self, encoder: nn.Module, settings: DINOSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or DINOSettings()
        check_crops(encoder, settings.crops)
        self.encoder = encoder
        self.head = settings.distillation.make_head(encoder.dim)
        self.teacher_encoder, self.teacher_head = make_teacher(self.encoder), make_teacher(self.head)
        self.targets = Targets(settings.distillation)
        self.prototypes = settings.distillation.prototypes
        self.teacher_temperature = settings.distillation.teacher_temperature
        self.momentum = settings.distillation.momentum
        self.prototypes_frozen = False

    def begin_step(self, step: int, steps: int) -> None:
        """Set what depends on the step: the teacher's temperature and momentum, and whether prototypes stand still."""
        distillation = self.settings.distillation
        self.teacher_temperature = distillation.temperature_at(step, steps)
        self.momentum = distillation.momentum_at(step, steps)
        self.prototypes_frozen = distillation.frozen_at(step, steps)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> MultiCrop:
        """Images uint8 `B,3,H,W` -> global crops `G,B,3,H,W` and local crops `L,B,3,h,w`."""
        return multi_crop(images, self.settings.crops, generator)

    def forward(self, views: MultiCrop) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        count, batch = views.global_views.shape[:2]  # G,B
        with torch.no_grad():
            logits = self.teacher_head(self.teacher_encoder.features(views.global_views.flatten(0, 1)))
            targets = self.targets(logits.unflatten(0, (count, batch)), self.teacher_temperature)  # G,B,K
        features = embed_views(self.encoder, views.global_views, views.local_views)  # (G+L)*B,D
        logits = self.head(features).unflatten(0, (-1, batch))  # G+L,B,K
        loss = view_cross_entropy(logits, targets, self.settings.distillation.student_temperature)
        metrics = {
            "cls_loss": loss.detach(),
            **target_meters(targets),
            "channel_std": channel_std(features[: count * batch]),
        }
        return loss, metrics

    def end_step(self) -> None:
        """After the optimiser's step: the teacher follows."""
        if self.prototypes_frozen:
            hold_prototypes(self.head, self.teacher_head)
        for teacher, student in self.teacher_pairs():
            update_ema(teacher, student, self.momentum)

    def teacher_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Each part of the teacher with the part of the student it follows."""
        return [(self.teacher_encoder, self.encoder), (self.teacher_head, self.head)]

    def optimizer_groups(self) -> list[dict]:
        """Prototypes, which take no weight decay."""
        return prototype_group(self.head)

    @property
    def representation(self) -> nn.Module:
        """The encoder to evaluate: the teacher's, which is the better one throughout training."""
        return self.teacher_encoder

    def diagnose(self, views: MultiCrop) -> dict[str, Tensor]:
        """The effective rank of the teacher's features of the first global crop, in eval mode."""
        return feature_meters(self, self.teacher_encoder, views.global_views[0])
