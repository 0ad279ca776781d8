"""Which dtype a computation uses, whatever autocast says around it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """The tensor as float32, or unchanged when it is float64: losses are computed so whatever the network computes in.

    >>> full_precision(torch.ones(2, dtype=torch.bfloat16)).dtype, full_precision(torch.ones(2).double()).dtype
    (torch.float32, torch.float64)
    """
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def autocast_off(tensor: Tensor) -> AbstractContextManager:
    """A context in which autocast leaves matrix products on this tensor's device alone.

    Casting the inputs is not enough: autocast would cast them back to half precision in front of every matrix product.

    >>> with torch.autocast("cpu", dtype=torch.bfloat16), autocast_off(torch.ones(1)):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.float32
    """
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if has_autocast(kind) else nullcontext()


@torch.compiler.assume_constant_result  # not every torch from 2.6 on can trace the question
def has_autocast(kind: str) -> bool:
    """Whether this kind of device has autocast; `meta`, used to prove that a step never waits for values, has none.

    >>> has_autocast("cpu"), has_autocast("meta")
    (True, False)
    """
    return torch.amp.is_autocast_available(kind)


def without_autocast(function: Callable) -> Callable:
    """The same function of a tensor with autocast off: half precision has fewer steps than a picture has levels.

    >>> product = without_autocast(torch.mm)
    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     product(torch.ones(2, 2), torch.ones(2, 2)).dtype
    torch.float32
    """

    @wraps(function)
    def inside(first, *others, **named):
        with autocast_off(first):
            return function(first, *others, **named)

    return inside
