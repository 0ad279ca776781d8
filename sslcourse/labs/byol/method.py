"""BYOL made of the reader's own functions: the loss, the moving average, the schedule of its momentum."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.exercises import find
from sslcourse.methods.byol import BYOL, BYOLSettings
from sslcourse.methods.meters import view_meters
from sslcourse.notebook.stopping import NO_GRADIENT, Stopped, checked_loss


class Own(NamedTuple):
    """The functions that `HandmadeBYOL` is made of, as the lab's exercises ask for them."""

    symmetrised: Callable
    update_ema: Callable
    momentum_at: Callable


def course_functions() -> Own:
    """The references of the three exercises."""
    return Own(*(find(f"byol.{name}").reference for name in ("symmetrised", "teacher", "momentum")))


class HandmadeBYOL(BYOL):
    """The course's networks and settings, trained by functions of the reader's."""

    scheduled: Any = None  # nobody knows what the functions do in Python

    encoder: Any
    teacher_encoder: Any
    projector: Any
    teacher_projector: Any

    def __init__(self, encoder: nn.Module, settings: BYOLSettings, own: Own):
        super().__init__(encoder, settings)
        self.own = own._replace(symmetrised=checked_loss(own.symmetrised))

    def begin_step(self, step: int, steps: int) -> None:
        """The momentum of this step, as the reader's schedule has it."""
        self.momentum = float(self.own.momentum_at(step, steps, self.settings.momentum))

    def forward(self, views: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Views `2,B,3,h,w` -> the reader's loss, and the meters of the online network's projections."""
        projected: list[Tensor] = []

        def online(images: Tensor) -> Tensor:
            z = self.projector(self.encoder.features(images))
            projected.append(z.detach())
            return z

        def target(images: Tensor) -> Tensor:
            return self.teacher_projector(self.teacher_encoder.features(images))

        loss = self.own.symmetrised(self.predictor, online, target, views)
        if torch.is_grad_enabled() and not loss.requires_grad:
            raise Stopped(NO_GRADIENT)
        z = torch.cat(projected)
        return loss, view_meters(*z.chunk(2)) if len(z) == 2 * views.shape[1] else {}

    def end_step(self) -> None:
        """The teacher follows, as the reader's function moves it."""
        for teacher, student in self.teacher_pairs():
            self.own.update_ema(teacher, student, self.momentum)


def simsiam_in_disguise(method: BYOL) -> BYOL:
    """What the puzzle of the lab trains. Its mistake is to be found by its meters: reading on spoils it."""
    method.teacher_encoder, method.teacher_projector = method.encoder, method.projector
    return method
