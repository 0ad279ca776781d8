"""The cells of every lab on a second device: nothing of the CPU meets what is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", sorted(file.stem for file in (ROOT / "solutions").glob("[0-9][0-9]_*.py")))
def test_every_cell_runs_on_an_accelerator(stem, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SSLCOURSE_SCALE": "smoke",
        "SSLCOURSE_PROGRESS": str(tmp_path / "progress.json"),
        "TQDM_DISABLE": "1",
    }
    run = subprocess.run(
        [sys.executable, str(HERE / "accelerator.py"), str(ROOT / "solutions" / f"{stem}.ipynb")],
        cwd=ROOT / "labs",
        env=environment,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Stopped" not in run.stdout, run.stdout
