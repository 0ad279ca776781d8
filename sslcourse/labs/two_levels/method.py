"""Distillation at two levels, made of the reader's own functions, with switches for both levels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.evaluation.collapse import channel_std
from sslcourse.exercises import find
from sslcourse.methods.checks import check_choices
from sslcourse.methods.ibot import IBOT, IBOTSettings
from sslcourse.methods.meters import target_meters
from sslcourse.notebook.stopping import NO_GRADIENT, Stopped, checked_loss

PATCHES = ("off", "masked", "visible")


class Own(NamedTuple):
    """The functions that `TwoLevels` is made of, as the lab's exercises ask for them."""

    center_and_sharpen: Callable
    sinkhorn: Callable
    cls_loss: Callable
    masked_patch_loss: Callable


def course_functions() -> Own:
    """The references of the four exercises."""
    return Own(*(find(f"two_levels.{name}").reference for name in ("center", "sinkhorn", "cls", "patch")))


@dataclass(frozen=True)
class LevelSettings(IBOTSettings):
    """iBOT's settings with switches: the class tokens' loss, which patches have one, and whether a centre is taken off.

    `patches`: "off", "masked" (the student gets mask tokens there) or "visible" (all of them, and nothing is hidden).

    >>> LevelSettings(patches="visible").cls
    True
    """

    cls: bool = True
    patches: str = "masked"
    centers: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, patches=PATCHES)


class TwoLevels(IBOT):
    """The course's iBOT with every part in sight: whole class tokens and patches, each with a switch.

    The head is applied to the patches that have a loss only, so that the targets of Sinkhorn are balanced over these.
    """

    scheduled: Any = None  # nobody knows what the functions do in Python

    encoder: Any
    teacher_encoder: Any
    head: Any
    teacher_head: Any

    def __init__(self, encoder: Any, settings: LevelSettings, own: Own | None = None):
        super().__init__(encoder, settings)
        own = own or course_functions()
        self.own = own._replace(
            cls_loss=checked_loss(own.cls_loss), masked_patch_loss=checked_loss(own.masked_patch_loss)
        )

    @torch.no_grad()
    def make_targets(self, logits: Tensor) -> Tensor:
        """Teacher logits `R,K` -> distributions `R,K`; in training the centre then moves."""
        center = self.targets.center
        if center is None:
            iterations = self.settings.distillation.sinkhorn_iterations
            return self.own.sinkhorn(logits, self.teacher_temperature, iterations)
        value = center.value if self.settings.centers else torch.zeros_like(center.value)
        targets = self.own.center_and_sharpen(logits, value, self.teacher_temperature)
        if self.training:
            center.update(logits)
        return targets

    def forward(self, views: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and masks (`MaskedCrops`) -> the loss (scalar), and metrics without a gradient."""
        s = self.settings
        shape = views.global_views.shape[:2]  # G,B
        crops, masks = views.global_views.flatten(0, 1), views.masks.flatten(0, 1)
        hidden = {"mask": masks, "mask_token": self.mask_token} if s.patches == "masked" else {}
        with torch.no_grad():
            wanted = self.teacher_encoder(crops)
        tokens = self.encoder(crops, **hidden)
        losses, metrics = [], {"channel_std": channel_std(tokens.cls)}
        if s.cls:
            cls = tokens.cls
            if len(views.local_views):
                cls = torch.cat([cls, self.encoder.features(views.local_views.flatten(0, 1))])  # (G+L)*B,D
            logits = self.to_logits(cls).unflatten(0, (-1, shape[1]))  # G+L,B,K
            targets = self.make_targets(self.teacher_head(wanted.cls)).unflatten(0, shape)
            losses.append(s.cls_weight * self.own.cls_loss(logits, targets))
            metrics |= {"cls_loss": losses[-1].detach(), **target_meters(targets)}
        if s.patches != "off":
            where = masks if s.patches == "masked" else torch.ones_like(masks)
            with torch.no_grad():
                goal = spread(self.make_targets(self.teacher_head(wanted.patches[where])), where)
            loss = self.own.masked_patch_loss(spread(self.to_logits(tokens.patches[where]), where), goal, where)
            losses.append(s.patch_weight * loss)
            metrics["patch_loss"] = loss.detach()
        loss = torch.stack(losses).sum()
        if torch.is_grad_enabled() and not loss.requires_grad:
            raise Stopped(NO_GRADIENT)
        return loss, metrics

    def to_logits(self, tokens: Tensor) -> Tensor:
        """Tokens `R,D` -> the student's logits `R,K`, its temperature in them."""
        return self.head(tokens).float() / self.settings.distillation.student_temperature


def spread(rows: Tensor, where: Tensor) -> Tensor:
    """Rows `R,K` at the places of `where`, bool `B,N`, and zeros elsewhere: `B,N,K`.

    >>> spread(torch.tensor([[5.0]]), torch.tensor([[False, True]])).flatten().tolist()
    [0.0, 5.0]
    """
    everywhere = torch.zeros(*where.shape, rows.shape[1], dtype=rows.dtype, device=rows.device)
    return everywhere.index_put(where.nonzero(as_tuple=True), rows)


def make_levels(own: Own | None) -> Callable[[nn.Module, LevelSettings], TwoLevels]:
    """What `build_method` calls."""
    return lambda encoder, settings: TwoLevels(encoder, settings, own)
