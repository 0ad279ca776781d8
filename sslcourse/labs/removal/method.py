"""Removal by another network's attention than that of the run's own teacher."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.evaluation.features import evaluating
from sslcourse.methods.combined import Combined, CombinedViews, Encoded
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.removal import choose_patches
from sslcourse.training.pretrained import load_course_method

_LOADED: dict[torch.device, nn.Module] = {}


def marked_by_ibot(crops: Tensor) -> Tensor:
    """The attention `B,N` of the class token of the course's iBOT, for crops float `B,3,H,W`, on their device."""
    if crops.device not in _LOADED:
        _LOADED[crops.device] = load_course_method("ibot").method.representation.to(crops.device)
    encoder = _LOADED[crops.device]
    with evaluating(encoder):
        return encoder(crops, attention=True).attention


class Guided(Combined):
    """The combined method, whose patches are chosen by `marks(crops) -> B,N`; its teacher gives the targets alone."""

    scheduled: Any = None  # nobody knows what the marks depend on

    def __init__(self, encoder: Any, settings: CombinedSettings, marks: Callable[[Tensor], Tensor]) -> None:
        super().__init__(encoder, settings)
        self.marks, self._marked = marks, torch.empty(0)

    def encode(self, views: CombinedViews) -> Encoded:
        self._marked = self.marks(views.global_views.flatten(0, 1))
        return super().encode(views)

    def choose(self, noise: Tensor, teacher: Any) -> Tensor:
        return choose_patches(self.policy, self.keep, self._marked, noise)
