"""BYOL: predict what a slowly moving copy of the network says of another view. SimSiam and the collapses are settings.

Sources: Grill et al. 2020, "Bootstrap Your Own Latent", section 3; Chen and He 2021, "Exploring Simple Siamese
Representation Learning" (SimSiam).
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.losses.regression import cosine_regression
from sslcourse.methods.checks import check_choices, check_micro_batch
from sslcourse.methods.distillation import MOMENTUM_SCHEDULES, scheduled_momentum
from sslcourse.methods.meters import feature_meters, view_meters
from sslcourse.methods.method import Method, in_micro_batches
from sslcourse.models.ema import make_teacher
from sslcourse.models.heads import ProjectionHead
from sslcourse.precision import autocast_off, full_precision
from sslcourse.processes import gather_rows_with_gradient, rank
from sslcourse.settings import check_fields, check_shares, later


@dataclass(frozen=True)
class BYOLSettings:
    """BYOL's settings. Each row of the papers' tables on collapse is one combination of them.

    BYOL's tables 5a, 5b and 19, and 21 and 22 for a faster predictor; SimSiam's tables 1 and 3. With `momentum=0` there
    is no target network: the target is the online network's own projection of the other view.

    - BYOL: the defaults. EMA 0.9, 0.99, 0.999: `momentum=..., momentum_schedule="fixed"`
    - constant random target: `momentum=1`
    - tau = 0; "no EMA, stop-gradient"; SimSiam: `momentum=0`. SimSiam's heads: `projector_layers=3,
      output_norm="batch"`, and in its sizes `hidden_dim=2048, out_dim=2048, predictor_hidden_dim=512` (None: as
      `hidden_dim`)
    - no EMA, no stop-gradient: `momentum=0, stop_gradient=False`
    - EMA, no predictor: `predictor=False`
    - sg / theta, no predictor: `predictor=False, momentum=0`, and `stop_gradient=False` for theta
    - a fixed random predictor: `momentum=0, train_predictor=False`
    - a faster predictor: `predictor_lr_scale=10`, and `projector_lr_scale=10` for both; in SimSiam
      `predictor_constant_lr=True`
    - no BatchNorm in the heads: `head_norm="group"`, `"layer"` or `"none"`; in one of the two: `predictor_norm=...`
      (None: as `head_norm`). SimSiam's table 3: "none" (a), its heads with `output_norm="none"` (b),
      its heads (c),
      and with `predictor_output_norm="batch"` (d)
    - with negatives (beta = 1): `negatives=1`; SimCLR: `negatives=1, predictor=False, momentum=0,
      stop_gradient=False`

    `negatives` is the paper's beta: how much of the log of SimCLR's denominator, at `temperature`, joins the loss.
    `second_augmentation` is that of the second view if it differs, as in the paper. `micro_batch`: so many images share
    batch statistics; a step still averages over the whole batch (the paper's table 16; None: all at once). Raises
    ValueError for values out of range, for views of two sizes, and for gradients into a target network.

    >>> BYOLSettings(momentum=0).stop_gradient
    True
    """

    hidden_dim: int = 256
    out_dim: int = 128
    projector_layers: int = 2
    head_norm: str = "batch"
    output_norm: str = "none"
    predictor: bool = True
    predictor_hidden_dim: int | None = None
    predictor_norm: str | None = None
    predictor_output_norm: str = "none"
    train_predictor: bool = True
    predictor_lr_scale: float = 1.0
    predictor_constant_lr: bool = False
    projector_lr_scale: float = 1.0
    stop_gradient: bool = True
    momentum: float = 0.97
    momentum_schedule: str = "cosine"
    negatives: float = 0.0
    temperature: float = 0.1
    micro_batch: int | None = later(None)
    augmentation: Augmentation = field(default_factory=Augmentation)
    second_augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        check_choices(self, momentum_schedule=MOMENTUM_SCHEDULES)
        check_shares(self, "momentum")
        check_micro_batch(self)
        if self.second_augmentation is not None and self.second_augmentation.size != self.augmentation.size:
            raise ValueError(
                "second_augmentation.size must be that of augmentation, for both views go through one encoder; "
                f"got {self.second_augmentation.size} and {self.augmentation.size}"
            )
        if not self.stop_gradient and self.momentum > 0:
            raise ValueError(
                "stop_gradient=False lets gradients into the target, but a target network never gets any: "
                f"set momentum=0, which has no target network; got momentum={self.momentum}"
            )
        check_fields(self, "(beta, 0 or 1 in the paper) must not be negative", lambda beta: beta >= 0, "negatives")
        check_fields(self, "must be positive", lambda value: value > 0, "temperature")
        scales = ("predictor_lr_scale", "projector_lr_scale")
        check_fields(self, "must be positive, 1 for the run's learning rate", lambda scale: scale > 0, *scales)


class BYOL(Method):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`), a projector, a predictor, and a target network.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = BYOL(ConvNet(width=8), BYOLSettings(augmentation=Augmentation(size=16)))
    >>> views = method.draw_views(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> loss.ndim, sorted(metrics)
    (0, ['channel_std', 'negative_cosine', 'positive_cosine'])
    """

    scheduled = ("momentum",)
    compile_targets = ("encoder", "projector", "predictor", "teacher_encoder", "teacher_projector")

    def __init__(self, encoder: nn.Module, settings: BYOLSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or BYOLSettings()
        self.encoder = encoder
        self.projector = ProjectionHead(
            encoder.dim, s.hidden_dim, s.out_dim, layers=s.projector_layers, norm=s.head_norm, output_norm=s.output_norm
        )
        self.predictor = None
        if s.predictor:
            self.predictor = ProjectionHead(
                s.out_dim,
                s.hidden_dim if s.predictor_hidden_dim is None else s.predictor_hidden_dim,
                s.out_dim,
                norm=s.head_norm if s.predictor_norm is None else s.predictor_norm,
                output_norm=s.predictor_output_norm,
            )
            self.predictor.requires_grad_(s.train_predictor)
        has_target = s.momentum > 0
        self.teacher_encoder = make_teacher(self.encoder) if has_target else None
        self.teacher_projector = make_teacher(self.projector) if has_target else None
        self.momentum = s.momentum

    def begin_step(self, step: int, steps: int) -> None:
        """Set the momentum of this step."""
        self.momentum = scheduled_momentum(self.settings.momentum, self.settings.momentum_schedule, step, steps)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Images uint8 `B,3,H,W` -> two views of each, float32 `2,B,3,h,w`."""
        return two_views(images, self.settings.augmentation, generator, self.settings.second_augmentation)

    def forward(self, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Views `2,B,3,h,w` -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        return in_micro_batches(self.predict_views, views, self.settings.micro_batch)

    def predict_views(self, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and metrics of views `2,b,3,h,w` whose batch statistics are their own."""
        s, images = self.settings, views.flatten(0, 1)  # 2b,3,h,w: both views in one forward, so both are predicted
        projected = self.projector(self.encoder.features(images))  # 2B,d
        predicted = projected if self.predictor is None else self.predictor(projected)
        target = projected.detach() if s.stop_gradient else projected
        if self.teacher_encoder is not None:
            with torch.no_grad():
                target = self.teacher_projector(self.teacher_encoder.features(images))
        # Half a batch on lies the other view of the same image.
        loss = cosine_regression(predicted, target.roll(len(target) // 2, 0))
        if s.negatives:
            # The cosine loss is 2 - 2 cos, twice the temperature times NT-Xent's numerator.
            loss = loss + s.negatives * 2 * s.temperature * log_partition(predicted, target, s.temperature)
        with autocast_off(projected):
            return loss, view_meters(*projected.chunk(2))

    def optimizer_groups(self) -> list[dict]:
        """Heads whose learning rate is not the run's."""
        s, groups = self.settings, []
        if s.projector_lr_scale != 1:
            groups.append({"params": list(self.projector.parameters()), "lr_scale": s.projector_lr_scale})
        if s.predictor and s.train_predictor and (s.predictor_lr_scale != 1 or s.predictor_constant_lr):
            own = {"lr_scale": s.predictor_lr_scale, "constant_lr": s.predictor_constant_lr}
            groups.append({"params": list(self.predictor.parameters()), **own})
        return groups

    def diagnose(self, views: Tensor) -> dict[str, Tensor]:
        """The effective ranks of the features and projections of `views`, in eval mode."""
        return feature_meters(self, self.encoder, views.flatten(0, 1), head=self.projector)


def log_partition(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """The log of NT-Xent's denominator, log sum of exp(cosine / temperature) over the keys; mean over the queries.

    `queries` and `keys` `2N,D`, the N first views before the second ones, in any scale. The keys of all processes
    count, but for that of the query's own view. Float32 inside, float64 stays.

    Source: Grill et al. 2020, section 5, the InfoNCE objective with alpha (`temperature`): the term that beta weighs.

    >>> round(log_partition(torch.ones(4, 8), torch.ones(4, 8), 1.0).item(), 4)       # ln(3 e)
    2.0986
    """
    with autocast_off(queries):
        anchors = F.normalize(full_precision(queries), dim=1)
        candidates = gather_rows_with_gradient(F.normalize(full_precision(keys), dim=1))  # world*2N,D
        logits = anchors @ candidates.T / temperature
        own = torch.arange(len(anchors), device=queries.device) + rank() * len(anchors)
        itself = own[:, None] == torch.arange(len(candidates), device=queries.device)
        return logits.masked_fill(itself, -math.inf).logsumexp(1).mean()
