"""Pixels are computed in their own precision, also inside an autocast region."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps

import torch


def full_precision(function: Callable) -> Callable:
    """The same function of a tensor with autocast off: half precision has fewer steps than a picture has levels.

    >>> product = full_precision(torch.mm)
    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     product(torch.ones(2, 2), torch.ones(2, 2)).dtype
    torch.float32
    """

    @wraps(function)
    def inside(first, *others, **named):
        kind = first.device.type
        off = torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
        with off:
            return function(first, *others, **named)

    return inside
