"""What a loss needs from the other processes of a distributed run; in a single process, the identity."""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """The number of processes that train together: 1 without a process group.

    >>> world_size()
    1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among them: 0 without a process group.

    >>> rank()
    0
    """
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of every process's `values`, elementwise, without a gradient.

    >>> sum_over_processes(torch.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return _reduced(values, "SUM")


def max_over_processes(values: Tensor) -> Tensor:
    """The largest of every process's `values`, elementwise, without a gradient.

    >>> max_over_processes(torch.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return _reduced(values, "MAX")


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes in the order of their ranks, without a gradient: `N,D` -> `world*N,D`.

    N must be the same in every process.

    >>> gather_rows(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    rows = rows.detach()
    if world_size() == 1:
        return rows
    parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def gather_rows_with_gradient(rows: Tensor) -> Tensor:
    """As `gather_rows`; backward returns to each process what all processes ask of its rows.

    The gradient is thus that of the sum of the processes' losses. DistributedDataParallel takes the mean over the
    processes, which makes it that of the mean of their losses.

    >>> gather_rows_with_gradient(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return _GatherWithGradient.apply(rows) if world_size() > 1 else rows


def _reduced(values: Tensor, operation: str) -> Tensor:
    if world_size() == 1:
        return values.detach() if values.requires_grad else values
    values = values.detach().contiguous().clone()  # all_reduce works in place
    dist.all_reduce(values, op=getattr(dist.ReduceOp, operation))
    return values


class _GatherWithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        ctx.first, ctx.count = dist.get_rank() * len(rows), len(rows)
        return gather_rows(rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return sum_over_processes(gradient)[ctx.first : ctx.first + ctx.count]
