"""The student's notebook of every lab, unsolved, to its end: with Colab's IPython, ipykernel and ipywidgets.

Where that environment cannot be made, it is executed in this one.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from every_lab import ROOT, STEMS

HERE = Path(__file__).parent
PINNED = {"ipython": "7.34.0", "ipykernel": "6.17.1", "ipywidgets": "7.7.1"}
PINNED |= {"jupyter_client": "7.4.9", "traitlets": "5.7.1"}


def load(name):
    """A module that lies beside this test."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and annotations look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def colab_python():
    """None where it cannot be made. It is kept between runs, below build/ or where SSLCOURSE_COLAB_ENV says."""
    colab_env = load("colab_env")
    if Path(sys.prefix, colab_env.STAMP).exists():  # as `make test-colab` runs this test
        return Path(sys.executable)
    place = Path(os.environ.get("SSLCOURSE_COLAB_ENV", ROOT / "build" / "colab-env"))
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        return colab_env.make(place)
    except subprocess.CalledProcessError:
        if os.environ.get("CI") == "true":
            raise
        return None


@pytest.fixture(scope="module")
def python(colab_python):
    """The Python that executes the notebooks."""
    return colab_python or Path(sys.executable)


@pytest.fixture(scope="module")
def installed(python, tmp_path_factory):
    """The course installed by pip without dependencies, from a checkout, as the setup cell does on Colab."""
    checkout, site = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "sslcourse", checkout / "sslcourse", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
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
@pytest.mark.parametrize("stem", STEMS)
def test_the_students_notebook_runs_and_a_slider_moves(stem, python, colab_python, installed, tmp_path):
    shutil.copy(ROOT / "labs" / f"{stem}.ipynb", tmp_path / "lab.ipynb")
    private = {name: str(tmp_path / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    progress = tmp_path / "progress.json"
    environment = {
        **os.environ,
        **private,
        "PYTHONPATH": str(installed),
        "SSLCOURSE_SCALE": "smoke",
        "SSLCOURSE_PROGRESS": str(progress),
        "TQDM_DISABLE": "1",
    }
    run = subprocess.run(
        [str(python), str(HERE / "colab_run.py"), "lab.ipynb"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    found = json.loads(run.stdout.splitlines()[-1])
    if colab_python:
        assert {name: found["versions"][name] for name in PINNED} == PINNED
    cells = nbformat.read(tmp_path / "lab.ipynb", as_version=4).cells
    assert found["cells"] == sum(cell.cell_type == "code" for cell in cells)
    assert found["from"] != found["to"]
    assert found["changed"] >= 1, f"{found['slider']} went from {found['from']} to {found['to']}; no picture changed"
    assert found["changed"] < found["held"], "a control changed pictures that are not its own"
    tasks = json.loads(progress.read_text())["labs"][stem[3:]]["tasks"]
    assert tasks and not any(task["points"] for task in tasks.values()), "nothing was solved"


@pytest.mark.slow
def test_colabs_environment_can_be_made(colab_python):
    if colab_python is None:
        pytest.skip("Colab's environment cannot be made, no package index? The notebooks were executed in this one")
