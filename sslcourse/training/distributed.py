"""Several processes that train one method: each takes its slice of every batch, the first one writes.

Started by `torchrun --nproc-per-node N -m sslcourse train ...`. With one process everything here does nothing.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sslcourse.processes import rank, sum_over_processes, world_size


def is_first() -> bool:
    """Whether this process is the one that writes files and draws progress bars.

    >>> is_first(), world_size()
    (True, 1)
    """
    return rank() == 0


@contextmanager
def process_group(device: str = "auto") -> Iterator[None]:
    """The group that torchrun's environment describes: NCCL where the run is on CUDA, gloo otherwise; left at the end.

    Without torchrun, or in a group already, nothing happens.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1 or world_size() > 1:
        yield
        return
    on_cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # The others wait while the first makes or fetches the images.
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=timedelta(hours=1))
    try:
        yield
    finally:
        dist.destroy_process_group()


def prepare(method: nn.Module, device: torch.device) -> nn.Module:
    """`method` ready for several processes: on CUDA every BatchNorm becomes one over all processes.

    gloo has no SyncBatchNorm on the processor: there each process normalises by its own slice of the batch.
    """
    if world_size() > 1 and device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(method)
    return method


def parallel(forward: nn.Module) -> nn.Module:
    """What to call for the loss: the method itself, or one that averages the gradients over the processes.

    All start from the weights of the first. Buffers are left to the method, which all-reduces what must be equal.
    """
    if world_size() == 1:
        return forward
    known = inspect.signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # the older name
    return DistributedDataParallel(forward, gradient_as_bucket_view=True, **{buffers: False})


def own_slice(batch: Tensor) -> Tensor:
    """This process's rows of a batch that all processes drew alike.

    >>> own_slice(torch.arange(4)).tolist()
    [0, 1, 2, 3]
    """
    rows = len(batch) // world_size()
    return batch[rank() * rows : (rank() + 1) * rows]


def check_batch_size(batch_size: int) -> None:
    """Raise ValueError unless every process gets the same number of images, and at least two."""
    count = world_size()
    if batch_size % count or batch_size // count < 2:
        raise ValueError(
            f"batch_size is the batch of all {count} processes together: a multiple of {count}, at least {2 * count}; got {batch_size}"
        )


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of `values` over the processes; every process must call it at the same moment."""
    return sum_over_processes(values) / world_size() if world_size() > 1 else values


def from_first(thing: Any) -> Any:
    """What the first process gives here, in all of them."""
    if world_size() == 1:
        return thing
    box = [thing]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def from_all(thing: Any) -> list[Any]:
    """What each process gives here, in the order of their ranks.

    >>> from_all("a")
    ['a']
    """
    if world_size() == 1:
        return [thing]
    box: list[Any] = [None] * world_size()
    dist.all_gather_object(box, thing)
    return box


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The block runs in the first process before it runs in the others: what it caches is made once."""
    if not is_first():
        dist.barrier()
    yield
    if is_first() and world_size() > 1:
        dist.barrier()
