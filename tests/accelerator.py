"""An accelerator for machines without one: tensors that say `acc:0`, keep their data on the CPU and compute there.

It refuses what CUDA refuses, so what fails here fails on a GPU: tensors of two devices in one operator (single numbers
of the CPU, and indices there, are allowed), numpy on its memory, a generator of another device. While an `Accelerator`
is entered torch finds it, as it finds CUDA. It cannot show half precision's casts, compilers, streams, or time.

    with Accelerator():
        torch.ones(3, device="acc") + torch.ones(3)  # raises OnTwoDevices
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import torch
from torch.utils import swap_tensors
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

MOVING = ("copy_", "_copy_from", "_to_copy")
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")
# What torch asks of a device for want of a tensor there; other factories are made of `empty` and operators on it.
KERNELS = (
    *("empty.memory_format", "empty_strided", "_copy_from"),
    *("arange", "arange.start", "arange.start_step", "randperm", "randperm.generator"),
    *("eye", "eye.m", "tril_indices", "triu_indices"),
)

synchronize = torch.accelerator.synchronize
DRAWING = {
    torch: ("rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal"),
    torch.Tensor: ("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "bernoulli", "multinomial"),
}


class OnTwoDevices(RuntimeError):
    """What CUDA refuses because a tensor, or a generator, is elsewhere."""


class Tensor(torch.Tensor):
    """A tensor on the accelerator; `held` is its data."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Tensor:
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        tensor = torch.Tensor._make_wrapper_subclass(cls, held.size(), device="acc:0", **layout)
        tensor.held = held
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operator, types, arguments=(), options=None):
        return compute(operator, arguments, options or {})

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, other: Tensor) -> None:
        torch.Tensor.data.__set__(self, other)
        self.held = other.held

    def numpy(self, **_):
        raise TypeError(f"can't convert {self.device} device type tensor to numpy: use Tensor.cpu() first")

    __array__ = numpy

    def tolist(self) -> list:
        return self.held.tolist()

    def untyped_storage(self):
        return self.held.untyped_storage()

    def __repr__(self, **_) -> str:
        return f"{self.held!r} on {self.device}"

    def __format__(self, form: str) -> str:
        return format(self.held, form)

    def __reduce_ex__(self, protocol: int):
        rebuild = torch._utils._rebuild_device_tensor_from_cpu_tensor
        return rebuild, (self.held, self.dtype, str(self.device), self.requires_grad)


def compute(operator, arguments: tuple, options: dict):
    """Run an operator on the data; its result is on the accelerator if its arguments are, or if asked for there."""
    name = operator.overloadpacket.__name__
    there: dict[int, Tensor] = {}
    here: list[torch.Tensor] = []

    def data(x):
        if isinstance(x, Tensor):
            there[id(x.held)] = x
            return x.held
        if isinstance(x, torch.Tensor):
            here.append(x)
        return [data(each) for each in x] if isinstance(x, (list, tuple)) else x

    def result(x):
        if isinstance(x, torch.Tensor):  # an operator in place gives its argument back
            return there.get(id(x)) if id(x) in there else Tensor(x)
        return type(x)(result(each) for each in x) if isinstance(x, (list, tuple)) else x

    plain = [data(each) for each in arguments]
    options = {key: data(value) for key, value in options.items()}
    if there and here and name not in MOVING:
        refuse_mixed(operator, arguments, here)
    asked = options.get("device")
    on_accelerator = bool(there) if asked is None else asked.type == "acc"
    if on_accelerator and asked is not None:
        options["device"] = torch.device("cpu")
    if name == "_copy_from":
        operator, plain = torch.ops.aten.copy_.default, plain[1::-1]
    out = operator(*plain, **options)
    if name in ("copy_", "_copy_from"):
        return arguments[name == "_copy_from"]
    if operator._schema.is_mutable:
        for tensor in there.values():
            if tensor.held.shape != tensor.shape:  # squeeze_, resize_: only the data knows it so far
                torch.Tensor.data.__set__(tensor, Tensor(tensor.held))
    return result(out) if on_accelerator else out


def refuse_mixed(operator, arguments: tuple, here: list[torch.Tensor]) -> None:
    """Raise OnTwoDevices if the CPU's tensors `here` may not meet those of the accelerator."""
    name, first = operator.overloadpacket.__name__, arguments[0]
    allowed = [id(each) for each in arguments if isinstance(each, torch.Tensor) and each.ndim == 0]
    if name in INDEXING and isinstance(first, Tensor):
        allowed += [id(index) for index in arguments[1]]
    written_here = operator._schema.is_mutable and isinstance(first, torch.Tensor) and not isinstance(first, Tensor)
    if written_here or any(id(each) not in allowed for each in here):
        raise OnTwoDevices(f"{name}: expected all tensors to be on the same device, found acc:0 and cpu")


class Generator(torch.Generator):
    """A generator that says it is on the accelerator; its numbers are the CPU's."""

    plain = torch.Generator

    def __new__(cls, device="cpu"):
        return super().__new__(cls) if torch.device(device).type == "acc" else cls.plain(device)

    def __init__(self, device="cpu") -> None:
        pass

    @property
    def device(self) -> torch.device:
        return torch.device("acc", 0)


def swap(old: torch.Tensor, new: torch.Tensor) -> None:
    """What a parameter holds becomes that of `new`. Torch's own way refuses one in use, even to stay there."""
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        old.data = new
    else:
        swap_tensors(old, new)


class Backend(_DummyBackendModule):
    """What torch asks of `torch.acc`."""

    entered = 0

    def is_available(self) -> bool:
        return self.entered > 0

    def device_count(self) -> int:
        return int(self.is_available())

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


class Accelerator:
    """While it is entered the accelerator is there."""

    def __enter__(self) -> None:
        register()
        torch.acc.entered += 1
        torch.__future__.set_swap_module_params_on_conversion(True)  # `module.to` keeps parameters, as for CUDA
        torch.utils.swap_tensors, torch.Generator = swap, Generator
        torch.accelerator.synchronize = lambda device=None: None  # nothing is ever left to do
        for owner, names in DRAWING.items():
            for name in names:
                setattr(owner, name, draws_at_home(getattr(owner, name)))

    def __exit__(self, *problem) -> None:
        torch.acc.entered -= 1
        torch.__future__.set_swap_module_params_on_conversion(False)
        torch.utils.swap_tensors, torch.Generator = swap_tensors, Generator.plain
        torch.accelerator.synchronize = synchronize
        for owner, names in DRAWING.items():
            for name in names:
                setattr(owner, name, getattr(owner, name).__wrapped__)


def stand() -> None:
    """Let torch find the accelerator from now on, as it finds a GPU; for use of it an `Accelerator` must be entered."""
    register()
    torch.acc.entered += 1


def draws_at_home(function: Callable) -> Callable:
    """The same function; it raises OnTwoDevices for a generator of another device than its result's."""

    @wraps(function)
    def drawn(*arguments, generator: torch.Generator | None = None, **options):
        out = function(*arguments, generator=generator, **options)
        if generator is not None and out.device.type != generator.device.type:
            raise OnTwoDevices(f"expected a generator of {out.device.type}, found one of {generator.device.type}")
        return out

    return drawn


def register() -> None:
    """Tell torch of the device, once in a process; it is absent until an `Accelerator` is entered."""
    if hasattr(torch, "acc"):
        return
    _setup_privateuseone_for_python_backend("acc", backend_module=Backend())
    Backend.kernels = torch.library.Library("aten", "IMPL")  # forgotten with the last reference to it
    for name in KERNELS:
        packet, _, overload = name.partition(".")
        operator = getattr(getattr(torch.ops.aten, packet), overload or "default")

        def kernel(*arguments, operator=operator, **options):
            return compute(operator, arguments, options)

        Backend.kernels.impl(name, kernel, "PrivateUse1")
