"""Training with labels, on the same views as the methods without: the control that tells what labels alone give."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.views import MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.methods.checks import check_crops
from sslcourse.methods.meters import feature_meters
from sslcourse.methods.method import Method
from sslcourse.precision import autocast_off, full_precision
from sslcourse.settings import check_fields


@dataclass(frozen=True)
class SupervisedSettings:
    """How many `classes` there are, and the crops: each has the label of its image.

    >>> SupervisedSettings(classes=10).crops.global_crops
    2
    """

    classes: int
    crops: MultiCropSettings = field(default_factory=MultiCropSettings)

    def __post_init__(self) -> None:
        check_fields(self, "must be at least 2", lambda count: count >= 2, "classes")


class LabelledCrops(NamedTuple):
    """Crops as in `MultiCrop`, and the `labels` int64 `B` of their images."""

    global_views: Tensor
    local_views: Tensor
    labels: Tensor


class Supervised(Method):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`) and a linear classifier of all its crops.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = Supervised(ConvNet(width=8), SupervisedSettings(classes=3))
    >>> images, labels = torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.tensor([0, 1, 2, 0])
    >>> loss, metrics = method(method.draw_views(images, torch.Generator().manual_seed(0), labels=labels))
    >>> loss.ndim, sorted(metrics)
    (0, ['accuracy', 'channel_std'])
    """

    needs_labels = True
    scheduled = ()
    compile_targets = ("encoder", "head")
    channel_std_of = "class tokens"

    def __init__(self, encoder: nn.Module, settings: SupervisedSettings) -> None:
        super().__init__()
        self.settings = settings
        check_crops(encoder, settings.crops)
        self.encoder = encoder
        self.head = nn.Linear(encoder.dim, settings.classes)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None, *, labels: Tensor) -> LabelledCrops:
        """Images uint8 `B,3,H,W` and labels `B` -> global crops `G,B,3,H,W`, local crops `L,B,3,h,w`, labels."""
        return LabelledCrops(*multi_crop(images, self.settings.crops, generator), labels)

    def forward(self, views: LabelledCrops) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and labels -> cross-entropy (scalar) and metrics that stay on the device, without a gradient."""
        parts = [part.flatten(0, 1) for part in (views.global_views, views.local_views) if len(part)]
        features = torch.cat([self.encoder.features(part) for part in parts])  # (G+L)B,D
        logits = self.head(features)
        labels = views.labels.repeat(len(logits) // len(views.labels))
        with autocast_off(logits):
            loss = F.cross_entropy(full_precision(logits), labels)
        right = (logits.detach().argmax(1) == labels).float().mean()
        return loss, {"accuracy": right, "channel_std": channel_std(features)}

    def diagnose(self, views: LabelledCrops) -> dict[str, Tensor]:
        """The effective rank of the features of the first global crop, in eval mode."""
        return feature_meters(self, self.encoder, views.global_views[0])
