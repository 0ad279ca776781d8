"""`sslcourse doctor`: what a bug report needs, in a form that can be pasted."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys

PACKAGES = (
    "sslcourse", "torch", "torchvision", "timm", "numpy", "matplotlib", "safetensors", "ipywidgets", "ipython",
    "ipykernel", "jupyterlab", "nbclient", "nbconvert", "jupytext", "nbval",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`doctor` takes no arguments."""


def main(arguments: argparse.Namespace) -> int:
    """Print every line of `report`, whatever fails on the way."""
    for name, value in report().items():
        print(f"{name:<14} {value}")
    return 0


def report() -> dict[str, str]:
    """What is known of this machine and installation, one line a thing; what cannot be read says why.

    >>> list(report())[:6]
    ['python', 'system', 'cores', 'memory', 'device', 'precision']
    """
    lines = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "cores": _cores(),
        "memory": _memory(),
        "device": _safely(lambda: _compute("device")),
        "precision": _safely(lambda: _compute("precision")),
        "sandbox": _safely(_sandbox),
        "data cache": _safely(_cache),
        "scale": _safely(_scale),
    }
    return lines | {f"  {package}": _version(package) for package in PACKAGES}


def _safely(read) -> str:
    try:
        return str(read())
    except Exception as error:  # noqa: BLE001 (a doctor that dies of what it should diagnose is of no use)
        return f"could not be read: {type(error).__name__}: {error}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown on this system"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def _compute(name: str) -> str:
    from sslcourse.training.runtime import describe

    return describe()[name]


def _sandbox() -> str:
    from sslcourse.grading.sandbox import describe

    return describe()


def _cache() -> str:
    from sslcourse.data.cache import cache_dir

    directory = cache_dir()
    if not directory.exists():
        return f"{directory} (empty)"
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    return f"{directory} ({size / 2**20:.1f} MiB)"


def _scale() -> str:
    from sslcourse.notebook import scale

    return scale()
