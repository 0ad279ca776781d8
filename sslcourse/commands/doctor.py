"""`sslcourse doctor`: what is right and what is wrong with this machine and installation, as text for a bug report."""

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import textwrap
from pathlib import Path

OK, ATTENTION, PROBLEM = "ok", "attention", "PROBLEM"
CORE = "torch torchvision timm numpy matplotlib tqdm safetensors ipywidgets jinja2 filelock".split()
OTHERS = "ipython ipykernel jupyterlab jupyterlab_widgets nbclient nbconvert jupytext nbval".split()
GIB = 2**30

Verdict = tuple[str, str, str]  # OK, ATTENTION or PROBLEM; what was found; what to do about it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`doctor` takes no arguments."""


def main(arguments: argparse.Namespace) -> int:
    """Print the verdict of every check, what to do, and all versions; 1 if there is a problem, else 0."""
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
    verdicts = {}
    for check in CHECKS:
        try:
            verdict = check()
        except Exception as error:  # noqa: BLE001 (a doctor that dies of what it should diagnose is of no use)
            verdict = PROBLEM, f"{type(error).__name__}: {error}", "if you cannot fix it, put this into a bug report"
        verdicts[check.__name__] = verdict
    return verdicts


def version(package: str) -> str:
    """The installed version of a package; empty where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def release(package: str) -> tuple[int, ...]:
    """The first two numbers of a package's version; (0,) where it is not installed."""
    return tuple(map(int, (version(package) or "0").split("+")[0].split(".")[:2]))


def python() -> Verdict:
    found = f"{platform.python_version()} ({sys.executable}) on {platform.platform()}"
    if sys.version_info < (3, 11):  # noqa: UP036 (pip refuses, a checkout does not)
        return PROBLEM, found, "install Python 3.11 or newer and make a new environment with it"
    return OK, found, ""


def packages() -> Verdict:
    if missing := [name for name in CORE if not version(name)]:
        return PROBLEM, f"missing: {', '.join(missing)}", f"{sys.executable} -m pip install {' '.join(missing)}"
    if release("torch") < (2, 6):
        return PROBLEM, f"torch {version('torch')} is too old", "pip install --upgrade torch torchvision"
    return OK, "all that the labs need is installed", ""


def torchvision() -> Verdict:
    found = f"torch {version('torch')}, torchvision {version('torchvision')}"
    try:
        importlib.import_module("torchvision.ops")
    except (ImportError, RuntimeError, AttributeError) as error:  # "operator torchvision::nms does not exist"
        advice = "the two do not belong to one release; install both at once: pip install --upgrade torch torchvision"
        return PROBLEM, f"{found}: {error}", advice
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
            "this torch does not support this GPU: install one that does (pytorch.org), or set CUDA_VISIBLE_DEVICES="
        )
        return PROBLEM, f"{found}: {str(error).splitlines()[0]}", advice
    if picked.type == "cpu" and shutil.which("nvidia-smi"):
        cuda = torch.version.cuda
        build = f"is for CUDA {cuda}: the driver may be too old" if cuda else "is without CUDA"
        advice = f"there is an NVIDIA driver, but torch does not use it: torch {torch.__version__} {build}"
        return ATTENTION, found, advice
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
    found = f"{size:.1f} GiB" if size else "unknown on this system"
    if 0 < size < 4:
        return ATTENTION, found, "the labs expect at least 4 GiB: close other notebooks, or use SSLCOURSE_SCALE=smoke"
    return OK, found, ""


def cache() -> Verdict:
    from sslcourse.data.cache import cache_dir

    folder = cache_dir()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    advice = "images are made anew each time: set SSLCOURSE_CACHE to a folder that you may write to"
    return room(folder, f"{folder} ({size / 2**20:.0f} MiB)", advice)


def disk() -> Verdict:
    return room(Path.cwd(), str(Path.cwd()), "change to a folder of yours, or give --out")


def room(folder: Path, found: str, advice: str) -> Verdict:
    """Whether a folder, or the one it would be made in, can be written and has room for a few runs."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return ATTENTION, f"{found} cannot be written", advice
    free = shutil.disk_usage(there).free
    found = f"{found}, {free / GIB:.2f} GiB free"
    if free < GIB:
        advice = "make room: a run takes up to 100 MiB, a data set up to 2 GiB"
        return PROBLEM if free < GIB / 10 else ATTENTION, found, advice
    return OK, found, ""


def scale() -> Verdict:
    from sslcourse.notebook import scale

    try:
        return OK, scale(), ""
    except ValueError as error:
        return PROBLEM, str(error), "unset SSLCOURSE_SCALE, or set it to one of these"


def widgets() -> Verdict:
    names = ("ipywidgets", "jupyterlab", "jupyterlab_widgets")
    found = ", ".join(f"{name} {version(name) or 'not installed'}" for name in names)
    if release("jupyterlab") >= (4,) and release("jupyterlab_widgets") < (3,):
        upgrade = "pip install --upgrade ipywidgets jupyterlab_widgets"
        return PROBLEM, found, f"controls stay empty in JupyterLab 4: {upgrade}, then restart it"
    if (0,) < release("notebook") < (7,) and not version("widgetsnbextension"):
        return PROBLEM, f"{found}, notebook {version('notebook')}", "pip install widgetsnbextension"
    if not (version("jupyterlab") or version("notebook") or importlib.util.find_spec("google")):
        return ATTENTION, found, "there is nothing here to open a lab with: pip install 'sslcourse[lab]'"
    return OK, found, ""


def sandbox() -> Verdict:
    from sslcourse.grading.sandbox import available

    there, sentence = available()
    advice = "only instructors need it, to grade: install bubblewrap (apt install bubblewrap)"
    return (OK, sentence, "") if there else (ATTENTION, sentence, advice)


CHECKS = (python, packages, torchvision, device, threads, memory, cache, disk, scale, widgets, sandbox)
