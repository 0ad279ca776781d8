"""How long and how to train: the settings that every run has, and their schedules."""

import math
from dataclasses import dataclass

from sslcourse.settings import check_fields
from sslcourse.training.runtime import PRECISIONS


def warmup_cosine(step: int, steps: int, *, warmup_steps: int = 0, peak: float = 1.0, final: float = 0.0) -> float:
    """The value at `step` (0-based) of a linear warm-up to `peak` followed by half a cosine down to `final`.

    Step 0 has `peak / warmup_steps`, so that no step is wasted on a rate of zero; the last step, `steps - 1`, is one
    cosine step before `final`. Source: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.
    Raises ValueError if the step or the warm-up lies outside the run.

    >>> [round(warmup_cosine(step, 6, warmup_steps=2), 2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    if not 0 <= step < steps:
        raise ValueError(f"step must lie in 0..{steps - 1}; got {step}")
    if not 0 <= warmup_steps <= steps:
        raise ValueError(f"warmup_steps must lie in 0..{steps} (the number of steps); got {warmup_steps}")
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (steps - warmup_steps)
    # A Python float, never a numpy scalar: checkpoints must load with weights_only=True.
    return final + (peak - final) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class FitSettings:
    """How long and how to train.

    `batch_size` counts the images of all processes together. `warmup_steps=None` means a tenth of the steps.
    `clip_norm` bounds the gradient's norm (None: no bound). The weight decay follows half a cosine to
    `final_weight_decay` (None: it is constant). "auto" depends on the machine (see `pick_device`, `pick_precision`,
    `pick_compile`, and `graph.why_not` for CUDA graphs). `evaluate_every=0` evaluates at the end only. Raises
    ValueError for values outside their range.

    >>> FitSettings(steps=100, batch_size=64).warmup
    10
    """

    steps: int
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    final_weight_decay: float | None = None
    warmup_steps: int | None = None
    clip_norm: float | None = 1.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    compile: bool | str = False
    graph: bool | str = "auto"
    log_every: int = 20
    checkpoint_every: int = 200
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        check_fields(self, "must be at least 1", lambda n: n >= 1, "steps", "log_every", "checkpoint_every")
        check_fields(self, "must be at least 2", lambda n: n >= 2, "batch_size")
        check_fields(self, "must be positive", lambda x: x is None or x > 0, "learning_rate", "clip_norm")
        not_negative = ("evaluate_every", "weight_decay", "final_weight_decay")
        check_fields(self, "must not be negative", lambda x: x is None or x >= 0, *not_negative)
        if self.precision not in ("auto", *PRECISIONS):
            raise ValueError(f"precision must be one of auto, {', '.join(PRECISIONS)}; got {self.precision!r}")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"warmup_steps must lie in 0..{self.steps} (steps); got {self.warmup_steps}")
        for name in ("compile", "graph"):
            if (value := getattr(self, name)) not in (True, False, "auto"):
                raise ValueError(f"{name} must be True, False or 'auto'; got {value!r}")
        check_fields(self, f"must lie in 0..{2**32 - 1}", lambda seed: 0 <= seed < 2**32, "seed")

    @property
    def warmup(self) -> int:
        """The number of warm-up steps."""
        return self.steps // 10 if self.warmup_steps is None else self.warmup_steps

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of step `step` (0-based)."""
        return warmup_cosine(step, self.steps, warmup_steps=self.warmup, peak=self.learning_rate)

    def weight_decay_at(self, step: int) -> float:
        """The weight decay of step `step` (0-based).

        Source: Caron et al. 2021 (DINO), section 3.2: half a cosine from 0.04 up to 0.4.

        >>> FitSettings(steps=4, weight_decay=0.04, final_weight_decay=0.4).weight_decay_at(2)
        0.22
        """
        if self.final_weight_decay is None:
            return self.weight_decay
        return warmup_cosine(step, self.steps, peak=self.weight_decay, final=self.final_weight_decay)
