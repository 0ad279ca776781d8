"""Make an environment with Colab's Jupyter, and with --torch its torch: `python tests/notebooks/colab_env.py DIR`.

What is not pinned here is not installed a second time: a .pth file appends a folder of links to those packages of the
Python that runs this script. It comes last on the path, so what is pinned here wins.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

# googlecolab/backend-info, August 2026.
PINS = (
    "ipython==7.34.0",
    "ipykernel==6.17.1",
    "jupyter_client==7.4.9",
    "traitlets==5.7.1",
    "nbclient==0.10.4",
    "nbformat==5.11.1",
    "ipython-genutils==0.2.0",
    "setuptools>=68,<81",  # IPython 7.34 imports pkg_resources
)
# Without its dependencies: they are the classic notebook and other parts of a front end, which a kernel does not need.
ALONE = ("ipywidgets==7.7.1",)
TORCH = ("torch==2.11.0", "torchvision==0.26.0")
LENT = ("torch", "torchvision", "timm", "numpy", "matplotlib", "tqdm", "safetensors")
LENT_TO_TESTS = (
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "nbval",
    "lightly",
    "scikit-learn",
    "jupytext",
    "nbconvert",
)
STAMP = "sslcourse-colab"


def make(folder: Path, with_torch: bool = False) -> Path:
    """Make the environment in `folder`, unless it is there already, and return its Python.

    `with_torch` installs Colab's torch, and lends what the tests need. Raises subprocess.CalledProcessError when pip
    cannot get a package.
    """
    torch, lent = (TORCH, LENT + LENT_TO_TESTS) if with_torch else ((), LENT)
    wanted = hashlib.sha256(repr((PINS, ALONE, torch, lent, sys.version, sys.prefix)).encode()).hexdigest()
    python = folder / "bin" / "python"
    stamp = folder / STAMP
    if not (stamp.exists() and stamp.read_text() == wanted and python.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PINS], check=True)
        subprocess.run([*pip, "--no-deps", *ALONE], check=True)
        if torch:  # whatever version a pip configuration caps it at
            lifted = {**os.environ, "PIP_CONSTRAINT": "", "PIP_CONFIG_FILE": os.devnull}
            subprocess.run([*pip, *torch], check=True, env=lifted)
    lend(python, lent)  # afresh each time: the lender may have been updated
    stamp.write_text(wanted)
    return python


def lend(python: Path, names: tuple[str, ...]) -> None:
    """Link packages and all that they need, as this Python has them, where `python` looks last."""
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    links = site.parent / "lent"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    for source in lent_paths(names):
        if not (links / source.name).exists():
            os.symlink(source, links / source.name)
    (site / "lent.pth").write_text(f"{links}\n")


def lent_paths(names: tuple[str, ...]) -> set[Path]:
    """The files and folders at the top of this Python's site-packages that packages and their needs consist of."""
    waiting, seen, paths = list(names), set(), set()
    while waiting:
        name = re.match(r"[A-Za-z0-9._-]+", waiting.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        waiting += [wish for wish in found.requires or () if "extra ==" not in wish]
        tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
        paths |= {Path(found.locate_file(top)) for top in tops}
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="with Colab's torch: some minutes, and 5 GB")
    given = parser.parse_args()
    try:
        print(make(given.folder, given.torch))
    except subprocess.CalledProcessError as error:
        sys.exit(f"Colab's environment cannot be made: {error}")
