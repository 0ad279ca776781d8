"""Constant tensors, made once: a step that made them anew would launch a kernel for each of their small steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, TypeVar

import torch

Make = TypeVar("Make", bound=Callable)
_holders: list[list[Any]] = []


def kept(make: Make) -> Make:
    """The same function, which makes its result once for the same arguments; of more than 64 the oldest is forgotten.

    What it makes serves in training and in inference mode alike, whichever came first.

    >>> zeros = kept(torch.zeros)
    >>> zeros(3) is zeros(3)
    True
    """
    found = lru_cache(maxsize=64)(torch.inference_mode(False)(make))

    @wraps(make)
    def get(*arguments):
        value = found(*arguments)
        for holder in _holders:
            holder.append(value)
        return value

    return get


@contextmanager
def held() -> Iterator[list[Any]]:
    """A list of what `kept` functions give meanwhile: a CUDA graph reads that memory also when it is forgotten here.

    >>> zeros = kept(torch.zeros)
    >>> with held() as holder:
    ...     assert zeros(2) is holder[0]
    """
    _holders.append([])
    try:
        yield _holders[-1]
    finally:
        _holders.pop()
