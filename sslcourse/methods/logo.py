"""LoGo: global crops attract each other and each local crop; local crops of one image may be kept apart.

Source: Zhang et al. 2022, "Leverage Your Local and Global Representations: A New Self-Supervised Learning Strategy",
section 3. The paper takes one optimiser step for the affinity, one for the repulsion and one for the rest; here one
backward does all three, since neither of the first two shares a gradient with the others.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.views import MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.losses.local_global import affinity_fit_loss, affinity_repulsion, frozen, info_nce, local_dissimilarity
from sslcourse.losses.regression import cosine_regression
from sslcourse.methods.checks import check_choices, check_crops, check_pairs, need_tokens
from sslcourse.methods.distillation import MOMENTUM_SCHEDULES, scheduled_momentum
from sslcourse.methods.meters import feature_meters
from sslcourse.methods.method import Method
from sslcourse.methods.patches import sized
from sslcourse.methods.removal import Removal, choose_patches, draw_noise, kept_pictures
from sslcourse.models.ema import make_teacher
from sslcourse.models.heads import AFFINITY_NORMS, AffinityHead, ProjectionHead
from sslcourse.precision import autocast_off, full_precision
from sslcourse.settings import check_fields, check_shares

SIMILARITIES = ("infonce", "cosine")
LOCAL = ("none", "attract", "repel", "learned")


@dataclass(frozen=True)
class LoGoSettings:
    """LoGo's settings.

    `similarity`: "infonce" is MoCo's: keys come from a momentum encoder, and the candidates are the whole batch of all
    processes, at `temperature`. "cosine" is SimSiam's: a predictor and a stop-gradient, no second network; use it with
    `output_norm="batch"`. `local` says what two local crops of an image do: "none" (nothing: the control, as in DINO
    and SwAV), "attract", "repel" (by their cosine) or "learned": the paper's affinity, which learns to tell local crops
    of one image from those of two, and which the encoder lowers for crops of one. `local_weight` is the paper's lambda:
    1e-4 with SimSiam; its MoCo code instead limits the term's gradient to 1.5 % of the rest's. `noise` times
    1/sqrt(out_dim) is the noise on the affinity's positive pairs. `affinity_lr_scale` multiplies the affinity's
    learning rate; `affinity_norm` must not normalise over the batch (see `AffinityHead`). `removal`: patches of the
    global crops that only the momentum encoder sees. Raises ValueError for values out of range and for settings that
    contradict each other.

    >>> LoGoSettings(similarity="cosine", local="repel", output_norm="batch").local_weight
    0.01
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    similarity: str = "infonce"
    temperature: float = 0.2
    hidden_dim: int = 256
    out_dim: int = 128
    projector_layers: int = 2
    head_norm: str = "batch"
    output_norm: str = "none"
    momentum: float = 0.97
    momentum_schedule: str = "cosine"
    local: str = "learned"
    local_weight: float = 0.01
    noise: float = 0.3
    affinity_lr_scale: float = 1.0
    affinity_norm: str = "layer"
    removal: Removal = field(default_factory=Removal)

    def __post_init__(self) -> None:
        check_choices(self, similarity=SIMILARITIES, local=LOCAL, affinity_norm=AFFINITY_NORMS)
        check_choices(self, momentum_schedule=MOMENTUM_SCHEDULES)
        check_shares(self, "momentum")
        check_pairs(self.crops)
        if self.local != "none" and self.crops.local_crops < 2:
            raise ValueError(
                f"local={self.local!r} needs two local crops: set crops.local_crops to at least 2, or local='none'; "
                f"got {self.crops.local_crops}"
            )
        if self.removal.needs_attention and self.similarity == "cosine":
            raise ValueError(
                f"policy={self.removal.policy!r} goes by the momentum encoder's attention, and similarity='cosine' "
                "has no such encoder: choose policy='random' or 'none', or similarity='infonce'"
            )
        check_fields(self, "must be positive", lambda value: value > 0, "temperature", "affinity_lr_scale")
        check_fields(self, "must not be negative", lambda value: value >= 0, "local_weight", "noise")


class LoGoViews(NamedTuple):
    """Crops as in `MultiCrop`, and the `noise` `2*P,B,d` on the affinity's positive pairs, P pairs of local crops.

    `removal_noise` `G,B,N` decides where removal is random; its last axis is 0 without removal.
    """

    global_views: Tensor
    local_views: Tensor
    noise: Tensor
    removal_noise: Tensor


class LoGo(Method):
    """An encoder (anything with `.features(images) -> B,D` and `.dim`), a projector, and a momentum copy or predictor.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does: the momentum
    copy then moves once a step.

    >>> from sslcourse.models.convnet import ConvNet
    >>> method = LoGo(ConvNet(width=8))
    >>> views = method.draw_views(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> tuple(views.noise.shape), loss.ndim, "affinity_loss" in metrics
    ((2, 4, 128), 0, True)
    """

    scheduled, switches = ("momentum",), ("policy",)
    compile_targets = ("encoder", "projector", "predictor", "teacher_encoder", "teacher_projector")

    def __init__(self, encoder: nn.Module, settings: LoGoSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or LoGoSettings()
        check_crops(encoder, s.crops)
        self.encoder = encoder
        self.projector = ProjectionHead(
            encoder.dim, s.hidden_dim, s.out_dim, layers=s.projector_layers, norm=s.head_norm, output_norm=s.output_norm
        )
        contrasts = s.similarity == "infonce"
        self.predictor = None if contrasts else ProjectionHead(s.out_dim, s.hidden_dim, s.out_dim, norm=s.head_norm)
        self.teacher_encoder = make_teacher(self.encoder) if contrasts else None
        self.teacher_projector = make_teacher(self.projector) if contrasts else None
        self.affinity = AffinityHead(s.out_dim, s.hidden_dim, norm=s.affinity_norm) if s.local == "learned" else None
        self.local_pairs = list(combinations(range(s.crops.local_crops), 2)) if s.local != "none" else []
        self.momentum = s.momentum
        self.num_patches, self.policy = 0, s.removal.policy
        if s.removal.removes:
            self.num_patches = math.prod(need_tokens(encoder, s.crops, "LoGo with removal"))
        self.keep = s.removal.kept_of(self.num_patches)

    def begin_step(self, step: int, steps: int) -> None:
        """Set what depends on the step: the momentum, and how patches are chosen."""
        self.momentum = scheduled_momentum(self.settings.momentum, self.settings.momentum_schedule, step, steps)
        self.policy = self.settings.removal.policy_at(step, steps)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> LoGoViews:
        """Images uint8 `B,3,H,W` -> global crops `G,B,3,H,W`, local crops `L,B,3,h,w`, noise `2*P,B,d` and `G,B,N`."""
        crops = multi_crop(images, self.settings.crops, generator)
        count = 2 * len(self.local_pairs) if self.affinity is not None else 0
        where = images.device if generator is None else generator.device
        noise = torch.randn(count, len(images), self.settings.out_dim, generator=generator, device=where)
        noise *= self.settings.noise * self.settings.out_dim**-0.5
        shape = crops.global_views.shape[:2]
        removal_noise = draw_noise(shape[0] * shape[1], self.num_patches, generator, images.device)
        return LoGoViews(*crops, noise.to(images.device, non_blocking=True), removal_noise.unflatten(0, shape))

    def forward(self, views: LoGoViews) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and noise -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        count, batch = views.global_views.shape[:2]
        keys, keep = self.keys_and_kept(views)
        crops = views.global_views.flatten(0, 1)
        features = self.encoder.features(crops) if keep is None else self.encoder(crops, keep).cls
        if len(views.local_views):
            features = torch.cat([features, self.encoder.features(views.local_views.flatten(0, 1))])  # (G+L)*B,D
        projected = queries = self.projector(features)
        if self.predictor is not None:
            queries, keys = self.predictor(projected), projected[: count * batch].detach()
        queries, keys = queries.unflatten(0, (-1, batch)).unbind(), keys.unflatten(0, (count, batch)).unbind()

        # Every crop is drawn to every global crop but itself; the queries of global crops come first.
        pairs = [(query, key) for query in range(len(queries)) for key in range(count) if query != key]
        attractions = self.attractions(
            torch.stack([queries[query] for query, _ in pairs]), torch.stack([keys[key] for _, key in pairs])
        )
        loss, of_globals = attractions.mean(), count * (count - 1)
        parts = {"global_loss": attractions[:of_globals], "local_global_loss": attractions[of_globals:]}
        metrics = {"attraction": loss.detach(), "channel_std": channel_std(projected)}
        metrics |= {name: part.detach().mean() for name, part in parts.items() if len(part)}
        if self.local_pairs:
            local = projected[count * batch :].unflatten(0, (-1, batch))  # L,B,d
            local_loss, own_metrics = self.local_terms(local, views.noise)
            loss, metrics = loss + local_loss, metrics | own_metrics
        return loss, metrics

    @torch.no_grad()
    def keys_and_kept(self, views: LoGoViews) -> tuple[Tensor | None, Tensor | None]:
        """The momentum encoder's keys of whole global crops, `GB,d`, and the patches that the student gets, `GB,K`.

        The first is None with a predictor, which needs none; the second where nothing is removed.
        """
        removal, crops = self.settings.removal, views.global_views.flatten(0, 1)
        keys = attention = keep = None
        if self.teacher_encoder is not None and removal.needs_attention:
            features, _, attention = self.teacher_encoder(crops, attention=True)
            keys = self.teacher_projector(features)
        elif self.teacher_encoder is not None:
            keys = self.teacher_projector(self.teacher_encoder.features(crops))
        if removal.removes:
            keep = choose_patches(self.policy, self.keep, attention, views.removal_noise.flatten(0, 1))
        return keys, keep

    def attractions(self, queries: Tensor, keys: Tensor) -> Tensor:
        """How far queries `P,B,d` are from their keys `P,B,d`, `P`: InfoNCE, or 1 - cosine."""
        if self.settings.similarity == "infonce":
            return info_nce(queries, keys, self.settings.temperature, gather=True)
        return torch.stack([cosine_regression(*pair) / 2 for pair in zip(queries, keys, strict=True)])

    def local_terms(self, local: Tensor, noise: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss between local crops' projections `L,B,d` with the affinity's own loss, and metrics."""
        s = self.settings
        with autocast_off(local):
            local = F.normalize(full_precision(local), dim=-1)
            # The pairs of an image lie side by side, so that half a batch on there is another image: B*P,d.
            crops = local.unbind()
            first = torch.stack([crops[i] for i, _ in self.local_pairs], dim=1).flatten(0, 1)
            second = torch.stack([crops[j] for _, j in self.local_pairs], dim=1).flatten(0, 1)
            metrics = {"local_cosine": (first.detach() * second.detach()).sum(1).mean()}
            if self.affinity is None:
                local_loss = local_dissimilarity(first, second, s.local)
                return s.local_weight * local_loss, metrics | {"local_loss": local_loss.detach()}
            noises = (part.transpose(0, 1).flatten(0, 1) for part in noise.to(local.dtype).chunk(2))  # B*P,d each
            # The encoder lowers what the affinity sees; the affinity learns from its own loss alone.
            local_loss = affinity_repulsion(frozen(self.affinity), first, second)
            fit_loss = affinity_fit_loss(self.affinity, first, second, *noises, gather=True)
            metrics |= {"local_loss": local_loss.detach(), "affinity_loss": fit_loss.detach()}
            return s.local_weight * local_loss + fit_loss, metrics

    def optimizer_groups(self) -> list[dict]:
        """The affinity, with its own learning rate; gradients are still clipped all together."""
        if self.affinity is None:
            return []
        return [{"params": list(self.affinity.parameters()), "lr_scale": self.settings.affinity_lr_scale}]

    @property
    def representation(self) -> nn.Module:
        """The encoder to evaluate: the momentum encoder where there is one."""
        return self.encoder if self.teacher_encoder is None else self.teacher_encoder

    def diagnose(self, views: LoGoViews) -> dict[str, Tensor]:
        """The effective rank of the features of the first global crop, in eval mode."""
        return feature_meters(self, self.representation, views.global_views[0], width=self.settings.out_dim)

    def preview(self, images: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """What the student keeps of images float `B,3,H,W`, as pictures in [0, 1]; nothing without removal."""
        crops = sized(images, self.settings.crops.global_crop.size)
        return kept_pictures(self.settings.removal, self.representation, crops, generator)
