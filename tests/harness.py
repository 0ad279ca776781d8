"""What tests of several folders share: two processes of one program, a guard against tensors of another device, and a
progress file of one's own.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from sslcourse.training import experiment
from sslcourse.training.recipes import Recipe

# What every worker starts with; `data` is what the test hands over, `mine(tensor)` this process's half of its rows.
START = """
import sys, torch, torch.distributed as dist
rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
sys.path[:0] = sys.argv[4:]
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


def run_two_processes(worker: str, folder: Path, data: dict | None = None, path: tuple[Path, ...] = ()) -> list[dict]:
    """Two gloo processes execute the source `worker`; returns what each left in `out`, the first one's first.

    `path` are folders that it may import from. Skips the test where torch has no gloo.
    """
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("this torch has no gloo")
    torch.save(data or {}, folder / "in.pt")
    command = [sys.executable, "-c", START + worker + END]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*command, str(rank), "2", folder, *path], stderr=subprocess.PIPE, text=True, env=environment)
        for rank in range(2)
    ]
    try:
        for each in workers:
            stderr = each.communicate(timeout=500)[1]
            assert each.returncode == 0, stderr
    finally:
        for each in workers:
            each.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


class OneDevice(TorchDispatchMode):
    """Refuses operators whose tensors, inputs and outputs together, are on more than the device meta.

    Single numbers on the processor alone (an optimiser's step counters) are no transfer. While views are drawn the
    generator is on the processor, so `drawing` lets numbers come from there, but nothing go back.
    """

    def __init__(self, drawing: bool = False) -> None:
        super().__init__()
        self.drawing, self.calls = drawing, 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        self.calls += 1
        given = [leaf for leaf in tree_leaves((arguments, options)) if isinstance(leaf, torch.Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        where = {tensor.device.type for tensor in given + made}
        if where <= {"meta"}:
            return result
        if where == {"cpu"} and (self.drawing or all(tensor.ndim == 0 for tensor in given + made)):
            return result
        moves_there = all(tensor.device.type == "meta" for tensor in made) and "copy" in str(function)
        if self.drawing and moves_there:
            return result
        raise AssertionError(f"{function} has tensors on {sorted(where)}")


class Colours(torch.nn.Module):
    """An encoder whose features are the mean colour of an image: classes are told apart by colour alone."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def features(self, images):
        return (images.mean((2, 3)) - 0.5) * self.scale


class Operators(TorchDispatchMode):
    """Records every dispatched operator in `calls`: its name, its arguments that are no tensors, shapes of the others.

    What a CUDA graph repeats: two steps of one graph must have the same. A profiler's marks are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        if not str(function).startswith("profiler"):
            seen = tree_map(lambda x: (x.dtype, tuple(x.shape)) if isinstance(x, torch.Tensor) else x, arguments)
            named = tree_map(lambda x: (x.dtype, tuple(x.shape)) if isinstance(x, torch.Tensor) else x, options or {})
            self.calls.append(f"{function} {seen} { {k: v for k, v in named.items() if k != 'generator'} }")
        return function(*arguments, **(options or {}))


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    """A progress file for each test, for all tests of a folder whose conftest imports it."""
    from sslcourse.notebook import state

    file = tmp_path / "progress.json"
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(file))
    monkeypatch.setattr(state, "_memory", None)
    monkeypatch.setattr(state, "_told", set())
    return file


def tiny(recipe: Recipe, count: int = 40, size: int | None = None, **fit: int) -> Recipe:
    """A lab's recipe on a few pictures, of another `size` where one is given, for two steps or as `fit` says."""
    few = {"steps": 2, "batch_size": 8, "log_every": 1, "evaluate_every": 1, "checkpoint_every": 2}
    data = replace(recipe.data, count=count, bank=count, held_out=28, size=size or recipe.data.size)
    return replace(recipe, data=data, fit=replace(recipe.fit, **few | fit))


def photographs(folder: Path, count: int, classes: tuple[str, ...]) -> None:
    """Small pictures of noise in `folder`, in a folder for each class where there are classes."""
    generator = np.random.default_rng(0)
    for index in range(count):
        file = folder / (classes[index % len(classes)] if classes else "") / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(file)


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a lab that begins to train raises AssertionError: what it needs must be kept already."""

    def forbid(*_, **__):
        raise AssertionError("it trained")

    monkeypatch.setattr(experiment, "fit", forbid)
