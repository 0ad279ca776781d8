"""The student's notebook in an environment with Colab's IPython, ipykernel and ipywidgets."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Lab -> a control of its first explorer, by its description.
CONTROLS = {"00_tokens": "patch row", "01_contrastive": "smallest crop", "02_byol": "step", "05_removal": "keep rate"}


def load(name):
    """A module that lies beside this test."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and annotations look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def colab_python():
    """The environment is kept between runs, below build/ or where SSLCOURSE_COLAB_ENV says."""
    colab_env = load("colab_env")
    if Path(sys.prefix, colab_env.STAMP).exists():  # as `make test-colab` runs this test
        return Path(sys.executable)
    place = Path(os.environ.get("SSLCOURSE_COLAB_ENV", ROOT / "build" / "colab-env"))
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        return colab_env.make(place)
    except subprocess.CalledProcessError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"Colab's environment cannot be made, no package index? ({error})")


@pytest.fixture(scope="module")
def installed(colab_python, tmp_path_factory):
    """The course installed by pip without dependencies, from a checkout, as the setup cell does on Colab."""
    checkout, site = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "sslcourse", checkout / "sslcourse", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [str(colab_python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(site), str(checkout)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return site


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", CONTROLS)
def test_the_students_notebook_runs_and_a_control_moves(stem, colab_python, installed, tmp_path):
    shutil.copy(ROOT / "labs" / f"{stem}.ipynb", tmp_path / "lab.ipynb")
    private = {name: str(tmp_path / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {
        **os.environ,
        **private,
        "PYTHONPATH": str(installed),
        "SSLCOURSE_SCALE": "smoke",
        "SSLCOURSE_PROGRESS": str(tmp_path / "progress.json"),
        "TQDM_DISABLE": "1",
    }
    run = subprocess.run(
        [str(colab_python), str(HERE / "colab_run.py"), "lab.ipynb", CONTROLS[stem]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    found = json.loads(run.stdout.splitlines()[-1])
    pinned = {
        "ipython": "7.34.0",
        "ipykernel": "6.17.1",
        "ipywidgets": "7.7.1",
        "jupyter_client": "7.4.9",
        "traitlets": "5.7.1",
    }
    assert {name: found["versions"][name] for name in pinned} == pinned
    cells = nbformat.read(tmp_path / "lab.ipynb", as_version=4).cells
    assert found["cells"] == sum(cell.cell_type == "code" for cell in cells)
    assert found["from"] != found["to"]
    assert found["changed"] >= 1, f"{CONTROLS[stem]} went from {found['from']} to {found['to']}, and no picture changed"
    assert found["changed"] < found["held"], "a control changed pictures that are not its own"


def test_every_lab_is_tried():
    assert sorted(CONTROLS) == sorted(file.stem for file in (ROOT / "solutions").glob("[0-9][0-9]_*.py"))
