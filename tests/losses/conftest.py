"""Two processes of one program, and a guard that refuses tensors of another device."""

import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What every worker starts with; `data` is what the test hands over, `mine(tensor)` this process's half of its rows.
START = """
import sys, torch, torch.distributed as dist
rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
dist.init_process_group("gloo", init_method="file://" + folder + "/store", rank=rank, world_size=world)
data = torch.load(folder + "/in.pt", weights_only=True)
def mine(tensor, dim=0):
    return tensor.chunk(world, dim)[rank].clone()
out = {}
"""
END = """
torch.save(out, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.fixture(scope="session")
def two_processes(tmp_path_factory):
    """`run(worker, data) -> [out of process 0, out of process 1]`: two gloo processes execute the source `worker`."""
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("this torch has no gloo")

    def run(worker: str, data: dict) -> list[dict]:
        folder = tmp_path_factory.mktemp("processes")
        torch.save(data, folder / "in.pt")
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", START + worker + END, str(rank), "2", str(folder)],
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            for rank in range(2)
        ]
        try:
            for each in workers:
                stderr = each.communicate(timeout=120)[1]
                assert each.returncode == 0, stderr
        finally:
            for each in workers:
                each.kill()
        return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]

    return run


class OneDevice(TorchDispatchMode):
    """Inside, every operator reads and writes tensors of one device only: no copy, no number made elsewhere."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        for leaf in tree_leaves((arguments, named, result)):
            if isinstance(leaf, torch.Tensor):
                assert leaf.device.type == self.device, f"{function} uses a tensor on {leaf.device}"
        return result


@pytest.fixture
def only_meta():
    """A context in which operators see tensors of device `meta` only; reading a value raises there anyway."""
    return lambda: OneDevice("meta")
