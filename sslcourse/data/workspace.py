"""Memory that augmentation on a CPU uses again and again."""

import math

import torch
from torch import Tensor


class Workspace:
    """Memory by name for the results of operators: fresh pages can cost a CPU more than the arithmetic.

    One that does not keep gives None, on which operators make their results themselves: the memory of a GPU is kept by
    torch, and a CUDA graph has its own.

    >>> room = Workspace()
    >>> large, small = (torch.mm(torch.ones(n, 2), torch.ones(2, n), out=room("product", n, n)) for n in (4, 3))
    >>> small.shape, small.data_ptr() == large.data_ptr()
    (torch.Size([3, 3]), True)
    """

    def __init__(self, keeps: bool = True) -> None:
        self.keeps = keeps
        self._parts: dict[str, Workspace] = {}
        self._kept: dict[str, tuple[Tensor, dict[tuple[int, ...], Tensor]]] = {}  # memory, and views of it by shape

    def __call__(self, name: str, *shape: int) -> Tensor | None:
        """Where a float32 result of this shape may lie: in the memory of the last one of this name, or None."""
        if not self.keeps:
            return None
        size, memory, shaped = math.prod(shape), *self._kept.get(name, (None, {}))
        with torch.inference_mode(False):  # what is made inside that mode could not be written outside it
            if memory is None or len(memory) < size:
                memory, shaped = self._kept[name] = torch.empty(size), {}
            if shape not in shaped:
                shaped[shape] = memory[:size].view(shape)
        return shaped[shape]

    def copy(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor as float32, contiguous."""
        room = self(name, *tensor.shape)
        if room is None:
            return tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        return room.copy_(tensor)

    def part(self, name: str) -> "Workspace":
        """Memory that belongs to one of several alike steps."""
        return self._parts.setdefault(name, Workspace(self.keeps)) if self.keeps else self
