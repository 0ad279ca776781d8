"""The solution of every lab runs under nbval at scale smoke, and its check cells give what is committed.

The student's notebook has the same cells, stubs aside; `test_colab.py` executes it.
"""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest
from every_lab import ROOT, STEMS

CELL_SECONDS = 240


def nbval(notebook, folder, seconds=900):
    """Run nbval on a copy of `notebook`; (counts by outcome, everything that pytest said)."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "lab.ipynb"
    nbformat.write(notebook, copy)
    (folder / "pytest.ini").write_text("[pytest]\n")  # the repository's settings are none of the notebook's
    report = folder / "report.xml"
    options = ["-p", "nbval", "--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"]
    options += ["--nbval-kernel-startup-timeout=120", f"--junitxml={report}", "-q", "-p", "no:cacheprovider"]
    environment = {
        **os.environ,
        "SSLCOURSE_SCALE": "smoke",
        "SSLCOURSE_PROGRESS": str(folder / "progress.json"),
        "TQDM_DISABLE": "1",
        "PYTEST_ADDOPTS": "",
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(copy)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    said = run.stdout + run.stderr
    assert report.exists(), said
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    return {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}, said


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", STEMS)
def test_every_cell_runs(stem, tmp_path):
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    counts, said = nbval(notebook, tmp_path)
    assert counts == {"tests": len(code_cells(notebook)), "failures": 0, "errors": 0, "skipped": 0}, said[-6000:]


@pytest.mark.parametrize("stem", STEMS)
def test_the_committed_solution_has_the_outputs_that_are_compared(stem):
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    checks = [cell for cell in code_cells(notebook) if "check" in cell.metadata.get("tags", ())]
    assert checks
    for cell in checks:
        assert "nbval-check-output" in cell.metadata["tags"]
        assert "passed" in cell.outputs[0].data["text/plain"], f"{cell.id}: run sslcourse build --execute"
    text = json.dumps([cell.outputs for cell in code_cells(notebook)])
    assert '"stderr"' not in text and "Traceback" not in text
    for place in ("/home/", "/root/", "/tmp/", "/Users/", "site-packages", str(ROOT)):
        assert place not in text, f"an output names a place on the machine that ran it: {place}"


@pytest.mark.slow
def test_a_changed_result_is_noticed(tmp_path):
    """The comparison has power: one point less in a committed output, and nbval fails in that very cell."""
    notebook = nbformat.read(ROOT / "solutions" / f"{STEMS[0]}.ipynb", as_version=4)
    kinds = [cell.metadata.get("tags", [""])[0] for cell in notebook.cells]
    first = [notebook.cells[kinds.index(kind)] for kind in ("setup", "exercise", "check")]
    notebook.cells = first
    assert nbval(notebook, tmp_path / "as committed")[0]["failures"] == 0
    output = first[2].outputs[0]
    output.data["text/plain"] = output.data["text/plain"].replace("passed, ", "passed, 1")
    counts, said = nbval(notebook, tmp_path / "changed")
    assert counts["failures"] == 1 and "text/plain" in said
