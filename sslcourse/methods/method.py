"""What a method is: everything that the training loop, the alarms and the report ask of one, with defaults."""

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.models.ema import update_ema
from sslcourse.processes import world_size
from sslcourse.settings import lasting_text

Views = Tensor | tuple[Tensor, ...]  # what `draw_views` returns: a tensor, or a NamedTuple of tensors


class Method(nn.Module):
    """A self-supervised method: a network with its loss, and the views that it draws.

    A subclass writes `draw_views` and `forward`, and stores what it trains in `encoder` (or overrides
    `representation`). Everything else has a default. A module `teacher_NAME` is taken for the teacher of the module
    `NAME`, and follows it with `momentum`. `fit` makes one step in this order: `begin_step`, `draw_views`, `forward`,
    backward and the optimiser's step, `end_step`.

    >>> class Pixels(Method):
    ...     "Predict the mean colour of an image."
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.encoder = nn.Conv2d(3, 3, 1)
    ...     def draw_views(self, images, generator=None):
    ...         return images.float() / 255
    ...     def forward(self, views):
    ...         return (self.encoder(views).mean((2, 3)) - views.mean((2, 3))).square().mean(), {}
    >>> method = Pixels()
    >>> method.representation is method.encoder, method.teacher_pairs(), method.diagnose(torch.rand(2, 3, 8, 8))
    (True, [], {})
    """

    # The dataclass that the method was made from; printed with it. A run is resumed only if it is equal.
    settings: Any = None
    # K, the number of prototypes, which tells the alarms where ln K is; None without prototypes.
    prototypes: int | None = None
    # How much of the teacher stays in each step; 1 leaves it as it is.
    momentum: float = 1.0
    # What the metric `channel_std` is measured on: "projections" or "class tokens" (see training/alarms.py).
    channel_std_of: str = "projections"
    # Numbers that `begin_step` sets and a step only reads. Where they are named, `fit` may record a whole step and
    # repeat it (training/graph.py): nothing else that a step does may then depend on Python but for `phase`.
    scheduled: tuple[str, ...] | None = None
    # What `begin_step` sets that decides which operators a step has: see `phase`.
    switches: tuple[str, ...] = ()
    # Whether `draw_views` also takes the images' `labels`, int64 `B`.
    needs_labels: bool = False
    # Submodules to compile, each as one graph; those that are None are skipped. Empty: compile the whole method.
    compile_targets: tuple[str, ...] = ()

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> Views:
        """Images uint8 `B,3,H,W` -> what `forward` takes; everything random comes from `generator`."""
        raise NotImplementedError(f"{type(self).__name__} must define draw_views(images, generator)")

    def forward(self, views: Views) -> tuple[Tensor, dict[str, Tensor]]:
        """Views -> the loss (a scalar with a gradient) and metrics (scalars without one that stay on the device)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(views) -> (loss, metrics)")

    def begin_step(self, step: int, steps: int) -> None:
        """Before the views of step `step` (0-based) of `steps` are drawn: set what follows a schedule."""

    def end_step(self) -> None:
        """After the optimiser's step: let the teacher follow."""
        for teacher, student in self.teacher_pairs():
            update_ema(teacher, student, self.momentum)

    @property
    def phase(self) -> tuple:
        """The values of `switches`: steps of one phase have the same operators with the same numbers."""
        return tuple(getattr(self, name) for name in self.switches)

    def teacher_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Each part of the teacher with the part of the student that it follows: `(teacher_encoder, encoder)`, ..."""
        parts = dict(self.named_children())
        return [(parts[f"teacher_{name}"], part) for name, part in parts.items() if f"teacher_{name}" in parts]

    def optimizer_groups(self) -> list[dict]:
        """Parameters with a learning rate or weight decay of their own: see `training.optimizer`."""
        return []

    @property
    def representation(self) -> nn.Module:
        """The encoder to evaluate, with `.features(images) -> B,D`."""
        return self.encoder

    def diagnose(self, views: Views) -> dict[str, Tensor]:
        """Metrics that take too long for every step; measured at each row of the log, on the last step's views."""
        return {}

    def preview(self, images: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """What the student sees or predicts of images float `B,3,H,W`, as named pictures in [0, 1] for the report."""
        return {}

    def reconstruction_errors(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, float] | None:
        """Mean squared errors of the reconstruction of images float `B,3,H,W`; None if there is none."""
        return None

    def extra_repr(self) -> str:
        """The settings, so that a printed method shows what it trains."""
        return lasting_text(self.settings) if is_dataclass(self.settings) else str(self.settings or "")


def in_micro_batches(
    step: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], views: Tensor, size: int | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and metrics of views `V,B,...`: the mean over micro-batches of `size` images (None: all at once).

    Negatives and batch statistics come from the micro-batch alone, while images and gradients of a step stay those of
    the whole batch. Raises ValueError when B is no multiple of `size`, and in a process group, which shares negatives.

    Source: Grill et al. 2020 (BYOL), section 5 and table 16, which so tells the batch's two roles apart.

    >>> in_micro_batches(lambda part: (part.sum(), {"images": torch.tensor(part.shape[1])}), torch.ones(2, 4, 1), 2)
    (tensor(4.), {'images': tensor(2.)})
    """
    if size is None:
        return step(views)
    if world_size() > 1:
        raise ValueError(f"micro_batch={size} needs one process; there are {world_size()}, which share their negatives")
    if size == views.shape[1]:
        return step(views)
    if views.shape[1] % size:
        raise ValueError(f"the batch must be a multiple of micro_batch={size} images; got {views.shape[1]}")
    losses, metrics = zip(*(step(part) for part in views.split(size, dim=1)), strict=True)
    means = {name: torch.stack([each[name].float() for each in metrics]).mean() for name in metrics[0]}
    return torch.stack(losses).mean(), means
