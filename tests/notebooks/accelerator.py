"""A second device that every machine has: tensors that say `acc:0`, hold their data on the CPU and compute there.

They refuse to be mixed with CPU tensors: what breaks here breaks on a GPU.

Generators stay on the CPU, and indexing with CPU indices is let through, as CUDA does.

    python accelerator.py NOTEBOOK...   # runs the notebooks' cells with networks on that device
"""

from __future__ import annotations

import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend


class Backend(_DummyBackendModule):
    """What torch asks of `torch.acc`."""

    def get_amp_supported_dtype(self):
        return [torch.bfloat16, torch.float16]

    def is_available(self):
        return True

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def synchronize(self, device=None):
        pass


_setup_privateuseone_for_python_backend("acc", backend_module=Backend())
DEVICE = torch.device("acc", 0)
INDEXING = ("index", "index_put_", "_index_put_impl_")


class Mixed(RuntimeError):
    """Tensors of two devices met in one operator."""


class Elsewhere(torch.Tensor):
    """A tensor on the accelerator."""

    @staticmethod
    def __new__(cls, data):
        layout = {"strides": data.stride(), "storage_offset": data.storage_offset(), "dtype": data.dtype}
        wrapper = torch.Tensor._make_wrapper_subclass(cls, data.size(), device=DEVICE, **layout)
        wrapper.data_on_cpu = data
        return wrapper

    def __repr__(self, **_):
        return f"Elsewhere({self.data_on_cpu!r})"

    def tolist(self):
        return self.data_on_cpu.tolist()

    def numpy(self, **_):
        raise TypeError("cannot convert an acc:0 tensor to numpy: call .cpu() first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def compute(func, args, kwargs):
    """Run an operator on the CPU; its result is on the accelerator if its arguments were, or if asked for there."""
    name = func.overloadpacket.__name__
    there, here = [], []

    def see(x):
        if isinstance(x, Elsewhere):
            there.append(x)
        elif isinstance(x, torch.Tensor) and x.dim() > 0:  # CPU scalars may mix, as on CUDA
            here.append(x)

    tree_map(see, (args, kwargs))
    result_there = bool(there)
    if kwargs.get("device") is not None:
        result_there = torch.device(kwargs["device"]).type == "acc"
    if name == "copy_":
        result_there = isinstance(args[0], Elsewhere)
    elif name == "_local_scalar_dense":  # .item()
        result_there = False
    elif name != "_to_copy" and there and here and not (name in INDEXING and isinstance(args[0], Elsewhere)):
        raise Mixed(f"{name}: tensors on two devices, {DEVICE} and cpu")

    def plain(x):
        if isinstance(x, Elsewhere):
            return x.data_on_cpu
        return torch.device("cpu") if isinstance(x, torch.device) else x

    wrappers = {id(x.data_on_cpu): x for x in there}
    out = func(*tree_map(plain, args), **tree_map(plain, kwargs))

    def wrap(x):
        if not isinstance(x, torch.Tensor) or isinstance(x, Elsewhere) or not result_there:
            return x
        return wrappers.get(id(x)) if id(x) in wrappers else Elsewhere(x)  # in-place operators give their argument back

    return tree_map(wrap, out)


class Accelerator(TorchDispatchMode):
    """While it is entered, factories and moves to `acc` work."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def run(notebook: str) -> None:
    """Run every code cell of a notebook, its networks on the accelerator."""
    import nbformat

    from sslcourse.notebook import session
    from sslcourse.training import experiment, fit, runtime, state

    runtime.pick_device = fit.pick_device = experiment.pick_device = session.pick_device = lambda name="auto": DEVICE
    generators = runtime.make_generator
    state.make_generator = lambda device, seed, stream=0: generators(torch.device("cpu"), seed, stream)
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    space: dict = {"__name__": "__main__"}
    with Accelerator():
        for cell in cells:
            exec(compile(cell.source, f"<{cell.id}>", "exec"), space)


if __name__ == "__main__":
    for file in sys.argv[1:]:
        run(file)
