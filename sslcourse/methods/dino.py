"""DINO: a student learns from all its crops what its own running mean says of the global ones.

Source: Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers", section 3.1 and algorithm 1.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sslcourse.data.views import MultiCrop, MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.methods.checks import check_crops, check_pairs
from sslcourse.methods.distillation import Distillation, SelfDistillation, Targets
from sslcourse.methods.meters import target_meters
from sslcourse.models.ema import make_teacher


@dataclass(frozen=True)
class DINOSettings:
    """DINO's settings: its crops, and how the teacher's distributions are made and learned.

    Without local crops each global crop learns from the other alone (the paper's "no multi-crop").
    `Distillation(targets="centering", bottleneck_norm="none", head_norm="none")` is the head of the paper. Raises
    ValueError for a single crop: a crop does not learn from itself.

    >>> DINOSettings().distillation.prototypes
    256
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    distillation: Distillation = field(default_factory=Distillation)

    def __post_init__(self) -> None:
        check_pairs(self.crops)


class DINO(SelfDistillation):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`), a prototype head, and a teacher of both.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = DINO(ConvNet(width=8))
    >>> views = method.draw_views(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> loss.ndim, "teacher_entropy" in metrics
    (0, True)
    """

    compile_targets = ("encoder", "head", "teacher_encoder", "teacher_head")

    def __init__(self, encoder: nn.Module, settings: DINOSettings | None = None) -> None:
        settings = settings or DINOSettings()
        super().__init__(settings)
        check_crops(encoder, settings.crops)
        self.encoder = encoder
        self.head = settings.distillation.make_head(encoder.dim)
        self.teacher_encoder, self.teacher_head = make_teacher(self.encoder), make_teacher(self.head)
        self.targets = Targets(settings.distillation)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> MultiCrop:
        """Images uint8 `B,3,H,W` -> global crops `G,B,3,H,W` and local crops `L,B,3,h,w`."""
        return multi_crop(images, self.settings.crops, generator)

    def forward(self, views: MultiCrop) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        crops = views.global_views.flatten(0, 1)  # GB,3,H,W
        with torch.no_grad():
            wanted = self.teacher_encoder.features(crops)
        features = self.encoder.features(crops)
        loss, targets = self.distil_views(wanted, features, views)
        return loss, {"cls_loss": loss.detach(), **target_meters(targets), "channel_std": channel_std(features)}
