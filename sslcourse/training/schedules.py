"""Values that change over training, as plain functions of the step."""

from __future__ import annotations

import math


def warmup_cosine(step: int, steps: int, *, warmup_steps: int = 0, peak: float = 1.0, final: float = 0.0) -> float:
    """Value at `step` (0-based) of a linear warm-up to `peak` and then half a cosine down to `final`.

    Step 0 already has `peak / warmup_steps`, so that no step is wasted on a rate of zero; the last step, `steps - 1`,
    comes one cosine step before `final`. Source: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.
    Raises ValueError when the step or the warm-up lies outside the run.

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
