"""SimCLR: two views of each image attract, all other views in the batch repel.

Source: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", algorithm 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import contrastive_accuracy
from sslcourse.losses.contrastive import alignment_only, nt_xent
from sslcourse.methods.checks import check_micro_batch
from sslcourse.methods.meters import feature_meters, view_meters
from sslcourse.methods.method import Method, in_micro_batches
from sslcourse.models.heads import ProjectionHead
from sslcourse.precision import autocast_off, full_precision
from sslcourse.settings import check_fields, later

ContrastiveLoss = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class SimCLRSettings:
    """SimCLR's settings; `negatives=False` keeps only the attraction, which collapses.

    `decoupled=True` takes the positive out of the denominator (DCL, Yeh et al. 2022), which helps small batches.
    `head_layers` and `head_norm` shape the projection head (see `ProjectionHead`). `micro_batch`: so many images give
    each other negatives and batch statistics; a step still averages over the whole batch (None: all of it at once).

    >>> SimCLRSettings(temperature=0.1).negatives
    True
    """

    temperature: float = 0.2
    hidden_dim: int = 256
    out_dim: int = 128
    head_layers: int = 2
    head_norm: str = "batch"
    negatives: bool = True
    decoupled: bool = False
    micro_batch: int | None = later(None)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_fields(self, "must be positive (0.1 to 0.5 are usual)", lambda value: value > 0, "temperature")
        check_micro_batch(self)
        if self.decoupled and not self.negatives:
            raise ValueError(
                "decoupled=True changes the denominator, which negatives=False leaves out: set one of the two"
            )


class SimCLR(Method):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`), a projection head and the contrastive loss.

    `loss` replaces NT-Xent by any `callable(z1, z2, temperature) -> scalar` on two float32 `B,out_dim`; it is called
    outside autocast. In a process group the negatives are those of all processes (`loss` sees its own). Raises
    ValueError when `loss` is given together with `negatives=False` or `decoupled=True`, which name a loss themselves.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = SimCLR(ConvNet(width=8), SimCLRSettings(augmentation=Augmentation(size=16)))
    >>> views = method.draw_views(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> tuple(views.shape), loss.ndim, "contrastive_accuracy" in metrics
    ((2, 4, 3, 16, 16), 0, True)
    """

    compile_targets = ("encoder", "head")
    scheduled = ()

    def __init__(
        self, encoder: nn.Module, settings: SimCLRSettings | None = None, loss: ContrastiveLoss | None = None
    ) -> None:
        super().__init__()
        self.settings = settings = settings or SimCLRSettings()
        if loss is not None and not settings.negatives:
            raise ValueError("negatives=False trains with alignment_only; leave out loss=, or set negatives=True")
        if loss is not None and settings.decoupled:
            raise ValueError(
                "decoupled=True trains with its own form of nt_xent; leave out loss=, or set decoupled=False"
            )
        self.encoder = encoder
        self.head = ProjectionHead(
            encoder.dim, settings.hidden_dim, settings.out_dim, layers=settings.head_layers, norm=settings.head_norm
        )
        contrast = partial(nt_xent, decoupled=settings.decoupled, gather=True)
        if loss is not None:
            self.scheduled = None  # nobody knows what it does in Python
        self.loss = loss or (contrast if settings.negatives else alignment_only)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Images uint8 `B,3,H,W` -> two views of each, float32 `2,B,3,h,w`."""
        return two_views(images, self.settings.augmentation, generator)

    def forward(self, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Views `2,B,3,h,w` -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        return in_micro_batches(self.contrast, views, self.settings.micro_batch)

    def contrast(self, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and metrics of views `2,b,3,h,w` that are each other's negatives."""
        # Both views in one forward: one BatchNorm sees them together, and large batches are faster.
        features = self.encoder.features(views.flatten(0, 1))  # 2B,D
        projections = full_precision(self.head(features))  # 2B,out_dim
        z1, z2 = projections.chunk(2)  # B,out_dim each
        with autocast_off(z1):
            loss = self.loss(z1, z2, self.settings.temperature)
            if not isinstance(loss, Tensor) or loss.ndim != 0:
                given = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
                raise TypeError(f"the loss must return a tensor with no dimension (a scalar); it returned {given}")
            # Not `|`, which torch 2.6 cannot trace.
            metrics = {**view_meters(z1, z2), "contrastive_accuracy": contrastive_accuracy(z1, z2)}
        return loss, metrics

    def diagnose(self, views: Tensor) -> dict[str, Tensor]:
        """The effective ranks of the features and projections of `views`, in eval mode."""
        return feature_meters(self, self.encoder, views.flatten(0, 1), head=self.head)

    def extra_repr(self) -> str:
        """The settings and the loss, so that a printed method shows what it trains."""
        loss = getattr(self.loss, "func", self.loss)  # what a partial calls
        return f"{super().extra_repr()}, loss={getattr(loss, '__qualname__', type(loss).__name__)}"
