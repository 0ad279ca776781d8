"""Where and how a run computes: device, precision, compilation, threads, seeds."""

import importlib.util
import os
import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from sslcourse.data.cache import cache_dir
from sslcourse.methods.method import Method

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

COMPILE_FROM_STEPS = 1000  # compiling takes as long as a few hundred steps


@dataclass(frozen=True)
class Runtime:
    """Device, precision and compilation of one run.

    >>> runtime = make_runtime(device="cpu", precision="fp32")
    >>> runtime.precision, runtime.device.type, runtime.make_scaler() is None
    ('fp32', 'cpu', True)
    """

    device: torch.device
    precision: str
    compile: bool = False

    def autocast(self) -> AbstractContextManager:
        """The context in which forward passes run."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision])

    def make_scaler(self) -> torch.amp.GradScaler | None:
        """A gradient scaler for fp16, whose small gradients would be rounded to zero; otherwise None."""
        return torch.amp.GradScaler(self.device.type) if self.precision == "fp16" else None

    def compiled(self, method: Method) -> nn.Module:
        """The module to call instead of `method`: a compiled one if the run compiles, with the same parameters.

        The submodules in `method.compile_targets` are compiled in place, each as one graph for every size of view; a
        method that names none is compiled as a whole.
        """
        if not self.compile:
            return method
        for part in targets_of(method):
            part.compile(fullgraph=True, dynamic=False)
        return method if method.compile_targets else torch.compile(method)

    def release(self, method: Method) -> None:
        """Undo what `compiled` did in place, because a trained method is used with other shapes."""
        for part in targets_of(method) if self.compile else ():
            part._compiled_call_impl = None  # nn.Module.compile has no public way back

    def eager(self) -> AbstractContextManager:
        """The context for calls with other shapes than a training step: nothing is compiled in it."""
        return torch.compiler.set_stance("force_eager") if self.compile else nullcontext()


def targets_of(method: Method) -> list[nn.Module]:
    """The submodules that `method.compile_targets` names, except those that are None by the method's settings."""
    parts = (getattr(method, name) for name in method.compile_targets)
    return [part for part in parts if part is not None]


def make_runtime(device: str = "auto", precision: str = "auto", compile: bool | str = False) -> Runtime:
    """The runtime that was asked for, with "auto" replaced by what suits this machine."""
    picked = pick_device(device)
    return Runtime(picked, pick_precision(picked, precision), pick_compile(picked, compile))


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" is the accelerator that torch finds (CUDA, Apple's MPS, ...), else the CPU.

    Raises ValueError if the device is unknown or missing.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    there = ["cpu"]
    if torch.accelerator.is_available():
        there.insert(0, torch.accelerator.current_accelerator().type)
    if name == "auto":
        return torch.device(there[0])
    if name.split(":")[0] not in (*there, "meta"):
        raise ValueError(f"device {name!r} is not available here; choose one of: auto, {', '.join(there)}")
    return torch.device(name)


def pick_precision(device: torch.device, name: str = "auto") -> str:
    """bf16, fp16 or fp32: the precision called `name`; "auto" depends on the kind of device alone.

    On CUDA "auto" is bf16 from compute capability 8.0, fp16 with a gradient scaler on 7.x (Colab's T4 has no bf16
    tensor cores), else fp32; on the CPU bf16 with AVX512-bf16 or AMX, else fp32; on MPS fp32. Raises ValueError for a
    precision that the device does not have.

    >>> pick_precision(torch.device("cpu"), "fp32")
    'fp32'
    """
    if name == "auto":
        if device.type == "cuda":
            major, _ = torch.cuda.get_device_capability(device)
            return "bf16" if major >= 8 else "fp16" if major == 7 else "fp32"
        return "bf16" if device.type == "cpu" and has_bf16_instructions() else "fp32"
    allowed = {"cuda": ("fp32", "bf16", "fp16"), "mps": ("fp32",)}.get(device.type, ("fp32", "bf16"))
    if name not in allowed:
        raise ValueError(
            f"precision {name!r} is not available on {device.type}; choose one of: auto, {', '.join(allowed)}"
        )
    return name


def pick_compile(device: torch.device, wanted: bool | str = "auto", steps: int = COMPILE_FROM_STEPS) -> bool:
    """Whether to compile: as `wanted`, or for "auto" if the run is long and on CUDA with Triton.

    On a CPU compiling takes a minute or two, and bf16 alone gives most of the gain.

    >>> pick_compile(torch.device("cpu"), "auto"), pick_compile(torch.device("cpu"), True)
    (False, True)
    """
    if wanted != "auto":
        return bool(wanted)
    return device.type == "cuda" and steps >= COMPILE_FROM_STEPS and importlib.util.find_spec("triton") is not None


def keep_compiled() -> str:
    """Where torch keeps what it compiles: the folder that TORCHINDUCTOR_CACHE_DIR names, else one of the course."""
    return os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_dir() / "compiled"))


def has_bf16_instructions() -> bool:
    """Whether the CPU multiplies bf16 in hardware (AVX512-bf16 or AMX)."""
    # Private names, absent from some releases of torch; then the answer is no.
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def make_generator(device: torch.device, seed: int, stream: int = 0) -> torch.Generator:
    """A generator on `device` (for meta, on the CPU); each `stream` of a run has its own numbers.

    >>> a, b = make_generator(torch.device("cpu"), 0), make_generator(torch.device("cpu"), 0, stream=1)
    >>> bool(torch.rand(1, generator=a) == torch.rand(1, generator=b))
    False
    """
    home = torch.device("cpu") if device.type == "meta" else device
    return torch.Generator(device=home).manual_seed(seed * 1_000_003 + stream)


def device_name(device: torch.device) -> str:
    """The model of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    capability = torch.backends.cpu.get_cpu_capability()
    bf16 = ", bf16 instructions" if has_bf16_instructions() else ""
    return f"{platform.machine()}, {capability}{bf16}"


def available_cores() -> int:
    """The number of cores that this process may use, which a container can limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = (container_limit("cpu.max") + ["max", "1"])[:2]
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def memory_gib() -> float:
    """The main memory that this process may use, in GiB; 0 if the system does not say."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0.0
    limit = (container_limit("memory.max") + ["max"])[0]
    return (size if limit == "max" else min(size, int(limit))) / 2**30


def container_limit(name: str) -> list[str]:
    """The words of a limit of the container (cgroup v2); none without a container."""
    try:
        return Path("/sys/fs/cgroup", name).read_text().split()
    except OSError:
        return []
