"""`sslcourse doctor`: what is right and what is wrong with this machine and installation, as text for a bug report."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

OK, ATTENTION, PROBLEM = "ok", "attention", "PROBLEM"
CORE = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "matplotlib",
    "tqdm",
    "safetensors",
    "ipywidgets",
    "jinja2",
    "filelock",
)
OTHERS = ("ipython", "ipykernel", "jupyterlab", "jupyterlab_widgets", "nbclient", "nbconvert", "jupytext", "nbval")
GIB = 2**30

Verdict = tuple[str, str, str]  # OK, ATTENTION or PROBLEM; what was found; what to do about it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`doctor` takes no arguments."""


def main(arguments: argparse.Namespace) -> int:
    """Print a verdict for each check, and what to do; 1 if there is a problem, else 0."""
    verdicts = report()
    for name, (verdict, found, advice) in verdicts.items():
        print(f"{verdict:<10}{name:<13}{found}")
        for line in textwrap.wrap(advice, 98):
            print(f"{'':<23}-> {line}")
    for name in ("sslcourse", *CORE, *OTHERS):
        print(f"{'':<10}{name:<20}{version(name) or 'not installed'}")
    count = sum(verdict == PROBLEM for verdict, _, _ in verdicts.values())
    print(f"{count} problem(s)" if count else "No problem found.")
    return 1 if count else 0


def report() -> dict[str, Verdict]:
    """The verdict of every check by its name; a check that fails itself is a problem.

    >>> report()["python"][0]
    'ok'
    """
    return {check.__name__: judged(check) for check in CHECKS}


def judged(check: Callable[[], Verdict]) -> Verdict:
    """What a check says, whatever happens in it."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 (a doctor that dies of what it should diagnose is of no use)
        return PROBLEM, f"{type(error).__name__}: {error}", "put this into a bug report if you cannot mend it"


def version(package: str) -> str:
    """The installed version of a package; empty where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def major(package: str) -> int:
    """The first number of a package's version; 0 where it is not installed."""
    return int((version(package) or "0").split(".")[0])


def python() -> Verdict:
    found = f"{platform.python_version()} ({sys.executable}) on {platform.platform()}"
    if sys.version_info < (3, 11):  # noqa: UP036 (pip refuses, a checkout does not)
        return PROBLEM, found, "install Python 3.11 or newer, and make a new environment with it"
    return OK, found, ""


def packages() -> Verdict:
    if missing := [name for name in CORE if not version(name)]:
        return PROBLEM, f"missing: {', '.join(missing)}", f"{sys.executable} -m pip install {' '.join(missing)}"
    if tuple(map(int, version("torch").split("+")[0].split(".")[:2])) < (2, 6):
        return PROBLEM, f"torch {version('torch')} is too old", "pip install --upgrade torch torchvision"
    return OK, "all that the labs need is installed", ""


def torchvision() -> Verdict:
    found = f"torch {version('torch')}, torchvision {version('torchvision')}"
    try:
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError, AttributeError) as error:  # "operator torchvision::nms does not exist"
        both = "the two are not of one release; install both at once: pip install --upgrade torch torchvision"
        return PROBLEM, f"{found}: {error}", both
    return OK, f"{found}: they fit", ""


def device() -> Verdict:
    import torch

    from sslcourse.training.runtime import device_name, pick_device, pick_precision

    picked = pick_device()
    found = f"{picked.type} ({device_name(picked)}), computes in {pick_precision(picked)}"
    try:
        torch.ones(2, device=picked).sum().item()
    except RuntimeError as error:
        advice = (
            "this GPU and this torch do not fit: install a torch for it (pytorch.org), or set CUDA_VISIBLE_DEVICES="
        )
        return PROBLEM, f"{found}: {str(error).splitlines()[0]}", advice
    if picked.type == "cpu" and shutil.which("nvidia-smi"):
        build = (
            f"is for CUDA {torch.version.cuda}: the driver may be too old" if torch.version.cuda else "is without CUDA"
        )
        return (
            ATTENTION,
            found,
            f"there is an NVIDIA driver, but torch does not use it: torch {torch.__version__} {build}",
        )
    return OK, found, ""


def threads() -> Verdict:
    import torch

    from sslcourse.training.runtime import available_cores

    cores, used = available_cores(), torch.get_num_threads()
    found = f"{cores} cores usable of {os.cpu_count()}, torch uses {used}"
    if used > cores:
        return ATTENTION, found, f"more threads than cores make everything slow: set OMP_NUM_THREADS={cores}"
    return OK, found, ""


def memory() -> Verdict:
    from sslcourse.training.runtime import memory_gib

    size = memory_gib()
    if not size:
        return OK, "unknown on this system", ""
    if size < 4:
        advice = "the labs were made for 4 GiB and more: close other notebooks, or use SSLCOURSE_SCALE=smoke"
        return ATTENTION, f"{size:.1f} GiB", advice
    return OK, f"{size:.1f} GiB", ""


def cache() -> Verdict:
    from sslcourse.data.cache import cache_dir

    folder = cache_dir()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    found = f"{folder} ({size / 2**20:.0f} MiB)"
    if not os.access(there, os.W_OK):
        advice = "images are made anew each time: set SSLCOURSE_CACHE to a folder that you may write to"
        return ATTENTION, f"{found} cannot be written", advice
    return free_space(there, found)


def disk() -> Verdict:
    here = Path.cwd()
    if not os.access(here, os.W_OK):
        return ATTENTION, f"{here} cannot be written", "change to a folder of yours, or give --out"
    return free_space(here, str(here))


def free_space(folder: Path, found: str) -> Verdict:
    """Whether there is room for a few runs."""
    free = shutil.disk_usage(folder).free
    if free < GIB:
        level = PROBLEM if free < GIB / 10 else ATTENTION
        return (
            level,
            f"{found}, {free / GIB:.2f} GiB free",
            "make room: a run takes up to 100 MiB, a data set up to 2 GiB",
        )
    return OK, f"{found}, {free / GIB:.0f} GiB free", ""


def scale() -> Verdict:
    from sslcourse.notebook import scale

    try:
        return OK, scale(), ""
    except ValueError as error:
        return PROBLEM, str(error), "unset SSLCOURSE_SCALE, or set it to one of these"


def widgets() -> Verdict:
    found = f"ipywidgets {version('ipywidgets')}, JupyterLab {version('jupyterlab') or 'not installed'}"
    if major("jupyterlab") >= 4 and major("jupyterlab_widgets") < 3:
        advice = (
            "controls stay empty in JupyterLab 4: pip install --upgrade ipywidgets jupyterlab_widgets, then restart it"
        )
        return PROBLEM, f"{found}, jupyterlab_widgets {version('jupyterlab_widgets') or 'not installed'}", advice
    if 0 < major("notebook") < 7 and not version("widgetsnbextension"):
        return PROBLEM, f"{found}, notebook {version('notebook')}", "pip install widgetsnbextension"
    if not (version("jupyterlab") or version("notebook") or importlib.util.find_spec("google")):
        return ATTENTION, found, "nothing is here to open a lab with: pip install 'sslcourse[lab]'"
    return OK, found, ""


def sandbox() -> Verdict:
    from sslcourse.grading.sandbox import available

    there, sentence = available()
    if not there:
        return ATTENTION, sentence, "only instructors need it, to grade: install bubblewrap (apt install bubblewrap)"
    return OK, sentence, ""


CHECKS = (python, packages, torchvision, device, threads, memory, cache, disk, scale, widgets, sandbox)
