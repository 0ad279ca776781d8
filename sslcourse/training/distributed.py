"""Several processes train one method: each takes its slice of every batch, and the first one writes.

`torchrun --nproc-per-node N -m sslcourse train ...` starts them. In a single process nothing here has an effect.
"""

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
    """Join the group that torchrun describes, with NCCL on CUDA and gloo elsewhere, and leave it at the end.

    Does nothing without torchrun, or inside a group.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1 or world_size() > 1:
        yield
        return
    on_cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Long enough for the first process to make or fetch the images.
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=timedelta(hours=1))
    try:
        yield
    finally:
        dist.destroy_process_group()


def prepare(method: nn.Module, device: torch.device) -> nn.Module:
    """`method` with every BatchNorm normalising over all processes, on CUDA.

    SyncBatchNorm does not exist for the CPU: there each process normalises over its own slice of the batch.
    """
    if world_size() > 1 and device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(method)
    return method


def parallel(forward: nn.Module) -> nn.Module:
    """The module to call for the loss: in a group it averages the gradients over the processes.

    All start from the weights of the first. The method itself keeps those buffers equal that must be.
    """
    if world_size() == 1:
        return forward
    known = inspect.signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # the older name
    return DistributedDataParallel(forward, gradient_as_bucket_view=True, **{buffers: False})


def own_slice(batch: Tensor) -> Tensor:
    """The rows of this process, out of a batch that is the same in all processes.

    >>> own_slice(torch.arange(4)).tolist()
    [0, 1, 2, 3]
    """
    if world_size() == 1:
        return batch
    rows = len(batch) // world_size()
    return batch[rank() * rows : (rank() + 1) * rows]


def check_batch_size(batch_size: int) -> None:
    """Raise ValueError unless every process gets the same number of images, at least two."""
    count = world_size()
    if batch_size % count or batch_size // count < 2:
        raise ValueError(
            f"batch_size is that of all {count} processes together: a multiple of {count}, at least {2 * count}; "
            f"got {batch_size}"
        )


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of `values` over the processes; all of them must call it."""
    return sum_over_processes(values) / world_size()


def from_first(thing: Any) -> Any:
    """The `thing` of the first process, in all processes."""
    if world_size() == 1:
        return thing
    box = [thing]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def from_all(thing: Any) -> list[Any]:
    """The `thing` of every process, in the order of their ranks.

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
    """Run the block in the first process, then in the others, so that what it caches is made only once."""
    if not is_first():
        dist.barrier()
    yield
    if is_first() and world_size() > 1:
        dist.barrier()
