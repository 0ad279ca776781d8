"""The whole method with the reader's loss: every term is handed over before it is averaged."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.collapse import channel_std
from sslcourse.exercises import find
from sslcourse.losses.reconstruction import normalize_patches, patchify
from sslcourse.methods.combined import Combined
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.notebook.stopping import checked_loss
from sslcourse.pruning.tokens import gather_tokens, removed_mask

NAN = float("nan")


def course_functions() -> Callable:
    """The reference of the exercise."""
    return find("together.loss").reference


def switches_of(settings: CombinedSettings) -> dict[str, bool]:
    """Which of the three parts the settings switch on.

    >>> switches_of(CombinedSettings(patch_loss="off"))
    {'patches': False, 'removal': True, 'pixels': True}
    """
    return {
        "patches": settings.patch_loss != "off",
        "removal": settings.removal.removes,
        "pixels": settings.reconstruction != "off",
    }


class Handmade(Combined):
    """The course's combined method with a loss of the reader's (see `combined_loss` in the lab).

    Of the patch losses it has those of patches that the student sees; the pixels are those that are removed, or all.
    """

    scheduled: Any = None  # nobody knows what the function does in Python

    encoder: Any
    head: Any
    teacher_head: Any
    patch_targets: Any

    def __init__(self, encoder: Any, settings: CombinedSettings, loss: Callable):
        super().__init__(encoder, settings)
        self.own_loss = checked_loss(loss)

    def forward(self, views: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and random numbers (`CombinedViews`) -> the reader's loss (scalar), and metrics without a gradient."""
        s: Any = self.settings
        encoded: Any = self.encode(views)
        cls_loss, _ = self.distil_views(encoded.teacher.cls, encoded.student.cls, views)
        size = len(encoded.crops), self.num_patches
        unknown = torch.full(size, NAN, device=cls_loss.device)
        removed = torch.zeros(size, dtype=torch.bool, device=cls_loss.device)
        if encoded.keep_indices is not None:
            removed = removed_mask(encoded.keep_indices, self.num_patches)
        on = switches_of(s)
        patches = self.patch_losses(encoded) if on["patches"] else unknown
        pixels = self.pixel_errors(encoded) if on["pixels"] else unknown
        weights = {"patches": s.patch_weight, "pixels": s.reconstruction_weight}
        loss = self.own_loss(cls_loss, patches, pixels, removed, on, weights)
        return loss, {"cls_loss": cls_loss.detach(), "channel_std": channel_std(encoded.student.cls)}

    def patch_losses(self, encoded: Any) -> Tensor:
        """The cross-entropy of every patch to the teacher's, `GB,N`; NaN where the student has none."""
        kept, wanted = encoded.keep_indices, encoded.teacher.patches
        if kept is not None:
            wanted = gather_tokens(wanted, kept)
        with torch.no_grad():
            targets = self.patch_targets(self.teacher_head(wanted), self.teacher_temperature)
        logits = self.head(encoded.student.patches).float() / self.settings.distillation.student_temperature
        losses = -(targets * F.log_softmax(logits, dim=-1)).sum(-1)  # GB,K
        if kept is None:
            return losses
        everywhere = torch.full((len(losses), self.num_patches), NAN, dtype=losses.dtype, device=losses.device)
        return everywhere.scatter(1, kept, losses)

    def pixel_errors(self, encoded: Any) -> Tensor:
        """The squared error of every patch as the decoder paints it, `GB,N`."""
        target = normalize_patches(patchify(encoded.crops, self.encoder.patch_size))
        return (encoded.decoded.pixels.float() - target).square().mean(-1)
