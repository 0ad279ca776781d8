"""What the tests in a browser share."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def devtools():
    spec = importlib.util.spec_from_file_location("devtools", HERE / "devtools.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["devtools"] = module
    spec.loader.exec_module(module)
    missing = None if module.find_chromium() else "no chromium on this machine"
    missing = missing or (None if importlib.util.find_spec("jupyterlab") else "jupyterlab is not installed")
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing}, and with CI=true the browser test may not be left out")
    if missing:
        pytest.skip(f"the browser test did not run: {missing}")
    return module


@pytest.fixture()
def build():
    """Where pictures are left to be looked at."""
    return HERE.parents[1] / "build" / "browser"
