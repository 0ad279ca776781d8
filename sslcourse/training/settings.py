"""How long and how to train: the settings that every run has."""

from __future__ import annotations

from dataclasses import dataclass

from sslcourse.training.runtime import PRECISIONS
from sslcourse.training.schedules import warmup_cosine


@dataclass(frozen=True)
class FitSettings:
    """How long and how to train.

    `batch_size` counts the images of all processes together. `warmup_steps=None` is a tenth of the steps; `clip_norm`
    bounds the gradient's norm (None: unbounded); `final_weight_decay` is where a cosine takes the weight decay (None: it
    stays); "auto" lets the machine decide (see `pick_device`, `pick_precision`, `pick_compile`); `evaluate_every=0`
    evaluates at the end only. Raises ValueError on values that make no run.

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
    log_every: int = 20
    checkpoint_every: int = 200
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        for name, least in {
            "steps": 1,
            "batch_size": 2,
            "log_every": 1,
            "checkpoint_every": 1,
            "evaluate_every": 0,
        }.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)}")
        if self.precision not in ("auto", *PRECISIONS):
            raise ValueError(f"precision must be one of auto, {', '.join(PRECISIONS)}; got {self.precision!r}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ValueError(
                f"learning_rate must be positive and weight_decay not negative; got {self.learning_rate}, {self.weight_decay}"
            )
        if self.final_weight_decay is not None and not self.final_weight_decay >= 0:
            raise ValueError(f"final_weight_decay must not be negative; got {self.final_weight_decay}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive, or None for no clipping; got {self.clip_norm}")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"warmup_steps must lie in 0..{self.steps} (steps); got {self.warmup_steps}")
        if self.compile not in (True, False, "auto"):
            raise ValueError(f"compile must be True, False or 'auto'; got {self.compile!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in 0..{2**32 - 1}; got {self.seed}")

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
